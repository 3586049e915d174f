"""Commands for cases of the matchmaker: `case add | list | show | change | note | matches | triage | ...`."""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from node.app import Node
from node.cases import OPERATOR, Deposit, ReadCase, Status, Track, Triage, read_cases
from node.cases.book import Added
from node.cli.options import AsJson, Home, err, open_home, out, print_json
from schemas.errors import BadInput, Place
from schemas.matching import Sharing
from schemas.mme import read_patient
from schemas.notation import read_question
from schemas.questions import SequenceQuery

case = typer.Typer(help="Cases of the matchmaker: patients who look for a second one.", no_args_is_help=True)

CaseId = Annotated[str, typer.Argument(metavar="CASE", help="The id of a case.")]
Level = Annotated[
    Sharing | None,
    typer.Option(
        "--sharing",
        "--consent",
        help="How much may leave this node; by default [matchmaker] sharing, or as it was before.",
    ),
]
Owner = Annotated[str, typer.Option(help="Whose case it is, as access names him; by default the operator.")]
Team = Annotated[str, typer.Option(help="Whose members may read and change it, too.")]
Family = Annotated[str, typer.Option(help="A name that relatives share; they are not matched.")]
Notify = Annotated[str, typer.Option(help="The e-mail address that hears of new matches.")]


@case.command("add")
def add(
    home: Home,
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="FILE...", exists=True, dir_okay=False)
    ] = None,
    individual: Annotated[str, typer.Option(help="Instead of files: one of the node's people.")] = "",
    dataset: Annotated[str, typer.Option(help="Where he is.")] = "",
    gene: Annotated[list[str] | None, typer.Option(help="A candidate gene of his; may be repeated.")] = None,
    variant: Annotated[
        list[str] | None, typer.Option(help="One he carries: 'chr20:3193842 C>A'; may be repeated.")
    ] = None,
    sharing: Level = None,
    owner: Owner = "",
    team: Team = "",
    family: Family = "",
    notify: Notify = "",
    as_json: AsJson = False,
) -> None:
    """Deposit patients: Matchmaker Exchange JSON (one, a list, a line each) or phenopackets; all or none.

    Or one of the node's people, with his record, and his genotypes in the candidate genes.
    """
    if bool(files) == bool(individual) or bool(individual) != bool(dataset):
        raise typer.BadParameter("give files, or --individual with --dataset")
    restates: set[str] = set()

    def deposits(node: Node, read: Iterable[ReadCase], family: str) -> Iterator[Deposit]:
        for one in read:
            if sharing or one.sharing:
                restates.add(one.patient.id)
            yield Deposit(
                patient=one.patient,
                sharing=sharing or one.sharing or node.settings.matchmaker.sharing,
                owner=owner or OPERATOR.name,
                team=team,
                family=family,
                notify=notify,
                dataset=dataset,
                individual=individual,
            )

    with open_home(home) as node:
        if individual:
            read, family = _from_people(node, dataset, individual, gene or [], variant or [], family)
        else:
            read = _once_each(node, files or [])
        added = node.exchange.book.add(OPERATOR, deposits(node, read, family), restates=restates)
    _tell(added, as_json)


def _once_each(node: Node, files: list[Path]) -> Iterator[ReadCase]:
    seen: set[str] = set()
    for file in files:
        for one in read_cases(file, node.exchange.contact):
            if one.patient.id in seen:
                place = Place(str(file), field=one.patient.id)
                raise BadInput(place, "the same id stands in another of the files", "Leave one of the two.")
            seen.add(one.patient.id)
            yield one


def _tell(added: list[Added], as_json: bool) -> None:
    if as_json:
        print_json([dataclasses.asdict(one) for one in added])
        return
    new = sum(one.new for one in added)
    out.print(f"{new} new, {len(added) - new} updated.")
    for level in Sharing:
        ids = [one.id for one in added if one.sharing is level]
        if ids:
            shown = f": {', '.join(ids)}" if len(ids) < _FEW else ""
            out.print(f"  {len(ids)} share {_MEANING[level]} (--sharing {level}){shown}", markup=False)


def _from_people(
    node: Node, dataset: str, individual: str, genes: list[str], variants: list[str], family: str
) -> tuple[Iterable[ReadCase], str]:
    """One of the node's people and his family, under an id that says nothing of who he is.

    It stays the same when he is deposited again.
    """
    held = node.exchange.book.made_of(dataset, individual)
    assembly = next((one.assembly for one in node.catalogue.datasets() if one.id == dataset), None)
    asked = [read_question(text, assembly) for text in variants]
    named = [one for one in asked if isinstance(one, SequenceQuery)]
    if len(named) != len(asked):
        raise BadInput(Place("--variant"), "is not one allele", "Write it like 'chr20:3193842 C>A'.")
    subject = node.subjects.read(dataset, individual, genes, named)
    for remark in subject.remarks:
        err.print(remark, markup=False)
    name = held.id if held else f"case-{secrets.token_hex(6)}"
    document = {"id": name, "contact": node.exchange.contact.document(), **subject.members}
    return [ReadCase(read_patient(document))], family or subject.family


_FEW = 10
_MEANING = {
    Sharing.NOTHING: "nothing",
    Sharing.PHENOTYPE: "their features",
    Sharing.GENE: "their features and candidate genes",
    Sharing.VARIANT: "their features, candidate genes and variants",
}


@case.command("list")
def list_cases(home: Home, owner: Owner = "", as_json: AsJson = False) -> None:
    """What was deposited here."""
    with open_home(home) as node:
        held = [one for one in node.exchange.book.cases(OPERATOR) if owner in ("", one.owner)]
    if as_json:
        print_json([_line(one) for one in held])
        return
    table = Table("case", "sharing", "status", "owner", "team", "features", "genes")
    for one in held:
        genes = ", ".join(dict.fromkeys(each.gene.id for each in one.patient.genomic_features))
        features = str(len(one.patient.features))
        table.add_row(one.id, one.sharing, one.status, one.owner, one.team, features, genes)
    out.print(table)


@case.command("show")
def show(case_id: CaseId, home: Home, as_json: AsJson = False) -> None:
    """One case whole, with what was written beside it."""
    with open_home(home) as node:
        held = node.exchange.book.find(OPERATOR, case_id)
        notes = [dataclasses.asdict(one) for one in node.exchange.book.notes(OPERATOR, case_id)]
    document = {**_line(held), "patient": held.patient.document(), "notes": notes}
    if as_json:
        print_json(document)
        return
    for name, value in document.items():
        if name != "patient" and value:
            out.print(f"{name}: {value}", markup=False)
    print_json(document["patient"])


@case.command("change")
def change(
    case_id: CaseId,
    home: Home,
    sharing: Level = None,
    status: Annotated[Status | None, typer.Option(help="A paused case is neither compared nor sent.")] = None,
    team: Annotated[str | None, typer.Option(help="Whose members may read and change it, too.")] = None,
    family: Annotated[str | None, typer.Option(help="A name that relatives share.")] = None,
    notify: Annotated[str | None, typer.Option(help="The address that hears of new matches.")] = None,
) -> None:
    """Change what may leave of a case, where it stands, or who is told; a running node follows at once."""
    given = {"sharing": sharing, "status": status, "team": team, "family": family, "notify": notify}
    with open_home(home) as node:
        changes = {name: value for name, value in given.items() if value is not None}
        node.exchange.book.change(OPERATOR, case_id, **changes)


@case.command("hand-over")
def hand_over(
    owner: Annotated[str, typer.Argument(help="Who leaves.")],
    new_owner: Annotated[str, typer.Argument(help="Whose the cases are from now on.")],
    home: Home,
    as_json: AsJson = False,
) -> None:
    """Give all cases of one person to another."""
    with open_home(home) as node:
        number = node.exchange.book.hand_over(OPERATOR, owner, new_owner)
    if as_json:
        print_json({"cases": number})
    else:
        out.print(f"{number} cases")


@case.command("team")
def team(
    name: Annotated[str, typer.Argument(metavar="TEAM")],
    home: Home,
    add: Annotated[list[str] | None, typer.Option("--add", help="Who is in it, as access names him.")] = None,
    remove: Annotated[list[str] | None, typer.Option("--remove", help="Who is in it no more.")] = None,
    as_json: AsJson = False,
) -> None:
    """Who may do with a team's cases what their owner may."""
    with open_home(home) as node:
        members = node.exchange.book.team(name, add=add or (), remove=remove or ())
    if as_json:
        print_json({"team": name, "members": members})
    else:
        out.print("\n".join(members) or "nobody", markup=False)


@case.command("remove")
def remove(
    case_ids: Annotated[list[str], typer.Argument(metavar="CASE...", help="Ids of cases.")], home: Home
) -> None:
    """Delete cases with all that was written beside them and came of matching them."""
    with open_home(home) as node:
        for one in case_ids:
            node.exchange.book.remove(OPERATOR, one)


@case.command("note")
def note(case_id: CaseId, text: Annotated[str, typer.Argument(help="What to write.")], home: Home) -> None:
    """Write something beside a case; it never leaves the node."""
    with open_home(home) as node:
        node.exchange.book.note(OPERATOR, case_id, text)


@case.command("matches")
def matches(case_id: CaseId, home: Home, as_json: AsJson = False) -> None:
    """What came of matching a case, best first, and what people have made of it."""
    with open_home(home) as node:
        found = node.exchange.tracking.tracks(OPERATOR, case_id)
    if as_json:
        print_json([dataclasses.asdict(one) for one in found])
        return
    table = Table("no", "score", "state", "node", "his id there", "contact", "asked by", "first seen")
    for one in found:
        table.add_row(*_track(one))
    out.print(table)


def _track(one: Track) -> list[str]:
    whom = ", ".join(filter(None, (one.contact.get("name"), one.contact.get("href"))))
    score, seen = f"{one.score:.2f}", one.first_at
    return [str(one.number), score, one.state, one.node, one.patient_id, whom, one.asked, seen]


@case.command("triage")
def triage(
    case_id: CaseId,
    number: Annotated[int, typer.Argument(metavar="NO", help="Of the match, as `case matches` shows it.")],
    home: Home,
    state: Annotated[Triage | None, typer.Option(help="What has become of it.")] = None,
    comment: Annotated[str, typer.Option(help="What to write beside it.")] = "",
) -> None:
    """Say what has become of a match."""
    with open_home(home) as node:
        node.exchange.tracking.triage(OPERATOR, case_id, number, state, comment)


def _line(one: Deposit) -> dict[str, Any]:
    told = dataclasses.asdict(one)
    del told["patient"]
    return {"id": one.id, **told}
