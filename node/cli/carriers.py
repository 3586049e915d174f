"""Commands about genotypes: `match --one-sided | --zero-sided`, `case candidates`, `consent set | show`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from node.app.carriers import document_of
from node.app.node import Node
from node.audit import Entry, Kind, Outcome
from node.cases import OPERATOR
from node.cli.options import AsJson, Home, open_home, out, print_json
from node.exchange.candidates import CandidateGene
from schemas.candidates import Finding
from schemas.errors import BadInput, Place

_SHOWN = 20

Dataset = Annotated[str, typer.Option(help="Where they are.")]


def match_carriers(
    node: Node, case_id: str, genes: list[str] | None, *, network: bool, as_json: bool
) -> None:
    """genes: in question; None for the case's own, none of them without a gene in question."""
    document = asyncio.run(_found(node, case_id, genes, network=network))
    if as_json:
        print_json(document)
        return
    table = Table("score", "person", "node", "genes", "genotype", "contact")
    for result in document["results"]:
        found = result["patient"]
        features = found["genomicFeatures"]
        table.add_row(
            f"{result['score']['patient']:.3f}",
            found["id"],
            ", ".join(one["name"] or one["node"] for one in result["_nodes"]),
            ", ".join(dict.fromkeys(one["gene"]["id"] for one in features)),
            ", ".join(dict.fromkeys(one["_fit"] for one in features if "_fit" in one)),
            f"{found['contact']['name']} {found['contact']['href']}",
        )
    out.print(table)
    for line in document["nodes"]:
        counts = ", ".join(f"{one.get('label') or one['id']} {one['count']}" for one in line.get("genes", ()))
        told = " ".join(filter(None, (counts, line.get("reason", ""), line.get("disclaimer", ""))))
        out.print(f"  {line['name'] or line['node']}: {line['state']} {told}".rstrip(), markup=False)


async def _found(node: Node, case_id: str, genes: list[str] | None, *, network: bool) -> dict[str, Any]:
    desk = node.exchange.carriers
    if not network:
        return await desk.everywhere(None, OPERATOR, case_id, genes)
    async with node.open_network() as whole:
        return await desk.everywhere(whole, OPERATOR, case_id, genes)


def candidates(
    case_id: Annotated[str, typer.Argument(metavar="CASE", help="The id of a case made of one's people.")],
    home: Home,
    take: Annotated[int, typer.Option(min=0, help="Make so many of the best the genes of the case.")] = 0,
    gene: Annotated[
        list[str] | None, typer.Option(help="Make this candidate one of its genes; may be repeated.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """In which genes the patient carries a rare, damaging genotype, ranked and explained."""
    with open_home(home) as node:
        desk = node.exchange.candidates
        if take or gene:
            changed = desk.take(OPERATOR, case_id, most=take, genes=tuple(gene or ()))
            print_json({"id": changed.id, "patient": changed.patient.document()})
            return
        found = desk.of_case(OPERATOR, case_id)
    if as_json:
        print_json([document_of(one) for one in found])
        return
    _show(found)


def _show(found: list[CandidateGene]) -> None:
    table = Table("score", "gene", "genotype", "features", "why")
    for one in found[:_SHOWN]:
        alike = "" if one.likeness is None else f"{one.likeness:.2f}"
        table.add_row(f"{one.score:.2f}", one.genotype.gene.symbol, one.genotype.fit, alike, one.why)
    out.print(table)
    if len(found) > _SHOWN:
        out.print(f"and {len(found) - _SHOWN} more; --json has all of them")


def set_finding(
    home: Home,
    level: Annotated[Finding, typer.Option("--finding", help="What may be told of them.")],
    dataset: Dataset,
    individuals: Annotated[list[str] | None, typer.Argument(metavar="INDIVIDUAL...")] = None,
    listed: Annotated[
        Path | None, typer.Option("--from", help="A file with an id a line.", exists=True, dir_okay=False)
    ] = None,
) -> None:
    """Record what may be told of people who carry a candidate genotype in a gene that others ask for."""
    named = [*(individuals or ()), *(_lines(listed) if listed else ())]
    if not named:
        raise typer.BadParameter("name individuals, or give a file with --from")
    with open_home(home) as node:
        number = node.search.consents.set(dataset, named, level)
        detail = "consent to be found changed"
        entry = Entry("", OPERATOR.name, Kind.ADMINISTRATION, Outcome.ANSWERED, (dataset,), detail=detail)
        node.audit.record_now(entry)
    out.print(f"{number} people: {level}")


def _lines(path: Path) -> list[str]:
    try:
        return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except UnicodeDecodeError:
        raise BadInput(Place(str(path)), "is no text", "Give a file with an id a line.") from None


def show_finding(home: Home, dataset: Dataset, as_json: AsJson = False) -> None:
    """Who may be found by his genotype, and by which name others know him."""
    with open_home(home) as node:
        levels = node.search.consents.levels(dataset)
        desk = node.exchange.carriers
        lines = [
            {"individual": one, "finding": level.value, "name": desk.name_of(dataset, one)}
            for one, level in sorted(levels.items())
        ]
    if as_json:
        print_json(lines)
        return
    table = Table("individual", "finding", "others know him as")
    for line in lines:
        table.add_row(*line.values())
    out.print(table)
