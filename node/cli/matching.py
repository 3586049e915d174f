"""Commands that match, `match` and `rematch`, and for tokens, `peer token | revoke | credential`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from node.app import Node
from node.cases import OPERATOR, read_cases
from node.cli.carriers import match_carriers
from node.cli.options import AsJson, Home, open_home, out, print_json
from node.exchange.rounds import RoundReport
from schemas.errors import NotFound
from schemas.mme import Patient

Peer = Annotated[str, typer.Argument(metavar="NAME", help="What the peer is called here.")]


def match(
    wanted: Annotated[str, typer.Argument(metavar="FILE|CASE", help="A file of patients, or a case's id.")],
    home: Home,
    network: Annotated[bool, typer.Option("--network", help="Ask all peers, too.")] = False,
    one_sided: Annotated[
        bool, typer.Option("--one-sided", help="Who carries a candidate genotype in the case's genes.")
    ] = False,
    zero_sided: Annotated[
        bool, typer.Option("--zero-sided", help="Who resembles the patient and carries one in any gene.")
    ] = False,
    gene: Annotated[list[str] | None, typer.Option(help="With --one-sided: in this gene.")] = None,
    as_json: AsJson = False,
) -> None:
    """Who resembles this patient, here or in the network; only a deposited case is sent to others."""
    if (one_sided and zero_sided) or (gene and not one_sided):
        raise typer.BadParameter("--gene goes with --one-sided, and --one-sided not with --zero-sided")
    with open_home(home) as node:
        if one_sided or zero_sided:
            genes = [] if zero_sided else gene or None
            match_carriers(node, wanted, genes, network=network, as_json=as_json)
            return
        patients = _patients(node, wanted)
        documents = asyncio.run(_matched(node, patients, network=network))
    if as_json:
        print_json(documents[0] if len(documents) == 1 else documents)
        return
    for patient, document in zip(patients, documents, strict=True):
        _show(patient, document)


def _patients(node: Node, wanted: str) -> list[Patient]:
    path = Path(wanted)
    if path.is_file():
        return [one.patient for one in read_cases(path, node.exchange.contact)]
    try:
        return [node.exchange.book.find(OPERATOR, wanted).patient]
    except NotFound:
        raise NotFound(f"{wanted!r} is neither a file nor a case of this node") from None


async def _matched(node: Node, patients: list[Patient], *, network: bool) -> list[dict[str, Any]]:
    finder = node.exchange.finder
    if not network:
        return [finder.alone(patient, besides={patient.id}) for patient in patients]
    async with node.open_network() as whole:
        return [(await finder.everywhere(whole, OPERATOR, patient.id)).document for patient in patients]


def _show(patient: Patient, document: dict[str, Any]) -> None:
    out.print(f"Matches of {patient.id}", markup=False, style="bold")
    table = Table("score", "shared gene", "patient", "node", "genes", "in common", "contact")
    for result in document["results"]:
        found, why = result["patient"], result.get("_explanation", {})
        genes = ", ".join(dict.fromkeys(each["gene"]["id"] for each in found.get("genomicFeatures", ())))
        shared = [pair["common"].get("label") or pair["common"]["id"] for pair in why.get("features", ())]
        table.add_row(
            f"{result['score']['patient']:.3f}",
            _meaning(result),
            found["id"],
            ", ".join(one["name"] or one["node"] for one in result["_nodes"]),
            genes,
            ", ".join(dict.fromkeys(shared[:4])),
            f"{found['contact']['name']} {found['contact']['href']}",
        )
    out.print(table)
    for line in document["nodes"]:
        told = " ".join(filter(None, (line.get("reason", ""), line.get("disclaimer", ""))))
        number = f", {line['results']} results" if "results" in line else ""
        out.print(f"  {line['name'] or line['node']}: {line['state']}{number} {told}".rstrip(), markup=False)


def _meaning(result: dict[str, Any]) -> str:
    """How often published patients with such a score had the gene in common, by what this node sees."""
    told = (result.get("_here") or result["score"]).get("_meaning")
    return f"{100 * told['sharedGene']:.1f} in 100" if told else ""


def rematch(home: Home, as_json: AsJson = False) -> None:
    """Match every active case again, here and in the network; doctors are told of new matches."""
    with open_home(home) as node:
        report = asyncio.run(_again(node))
    if as_json:
        print_json(
            {"cases": report.cases, "new": report.new, "letters": report.letters, "nodes": report.states}
        )
        return
    out.print(f"{report.cases} cases matched again: {report.new} new matches, {report.letters} letters.")
    for name, states in report.states.items():
        told = ", ".join(f"{state} {number}" for state, number in states.items())
        out.print(f"  {name}: {told}", markup=False)


async def _again(node: Node) -> RoundReport:
    async with node.open_network() as network:
        pause_s = 1.1 if node.peers.peers() else 0.0
        return await node.exchange.rounds.once(network, pause_s=pause_s)


def token(name: Peer, home: Home, as_json: AsJson = False) -> None:
    """A new X-Auth-Token for a peer of the exchange, shown this once; the one before it stays good."""
    with open_home(home) as node:
        made = node.exchange.tokens.issue(name)
    if as_json:
        print_json({"peer": name, "token": made})
        return
    out.print(f"{name} asks with X-Auth-Token: {made}", markup=False)
    out.print("It is not shown again.  Send it on a safe way.")


def tokens(home: Home, as_json: AsJson = False) -> None:
    """Who may ask the matchmaker with an X-Auth-Token."""
    with open_home(home) as node:
        held = node.exchange.tokens.peers()
    if as_json:
        print_json([{"peer": name, "tokens": number} for name, number in held.items()])
        return
    table = Table("peer", "good tokens")
    for name, number in held.items():
        table.add_row(name, str(number))
    out.print(table)


def revoke(name: Peer, home: Home) -> None:
    """End every X-Auth-Token of a peer at once."""
    with open_home(home) as node:
        ended = node.exchange.tokens.revoke(name)
    if not ended:
        raise NotFound(f"{name} has no token here")


def credential(
    url: Annotated[str, typer.Argument(metavar="URL", help="Of a peer of kind mme.")], home: Home
) -> None:
    """Keep the token that a peer of kind mme gave this node; it is read from standard input."""
    with open_home(home) as node:
        known = node.peers.find(url.rstrip("/"))
        if known is None:
            raise NotFound(f"{url} is not a peer of this node; add it with: varhaven peer add URL --kind mme")
        given = typer.prompt("Token", hide_input=True) if sys.stdin.isatty() else sys.stdin.read()
        node.exchange.given.keep(known.id, given)
