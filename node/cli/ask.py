"""The command that asks: `query`, of this node, of its network, or of any Beacon by URL."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from beacon.filters import read_filters
from beacon.query import Asked
from node.app import Node, ask_elsewhere
from node.cli.batch import Manner, ask_file
from node.cli.board import Board
from node.cli.options import AsJson, err, open_home, out, print_json
from node.config import FederationSection, read_settings
from node.federation.dialects import DIALECTS, dialect_named
from node.federation.guest import Heard
from node.federation.sighting import read_sighting
from node.report import Report, describe, read_report
from schemas.access import Granularity
from schemas.beacon import Response
from schemas.genome import Assembly
from schemas.notation import read_question
from schemas.questions import SequenceQuery, Single, assembly_of

_SHOWN: Final = 20  # variants; --json has all of them


_Text = Annotated[
    str, typer.Argument(metavar="QUESTION", help="'chr20:3193842 C>A', a region, a gene or an HGVS name")
]
_OptionalHome = Annotated[
    Path | None,
    typer.Option("--home", envvar="VARHAVEN_HOME", help="The folder the node lives in.", file_okay=False),
]
_AssemblyName = Annotated[str | None, typer.Option(help="GRCh37 or GRCh38; NC_ accessions tell it.")]
_HowMuch = Annotated[Granularity, typer.Option(help="How much to ask for.")]
_Limit = Annotated[int, typer.Option(min=1, max=1000, help="Most records from each dataset.")]
_Filters = Annotated[
    list[str] | None,
    typer.Option(
        "--filter",
        help="Count only people with this: HP:0001250, sex=female, ageOfOnset>P18Y. May be repeated.",
    ),
]
_Everybody = Annotated[bool, typer.Option("--network", help="Ask every peer too.")]
_Url = Annotated[str | None, typer.Option(help="Ask the Beacon at this address instead; needs no node.")]
_DialectName = Annotated[
    str | None,
    typer.Option(help=f"How to ask it, when that is known: {', '.join(d.name for d in DIALECTS)}."),
]
_File = Annotated[
    Path | None,
    typer.Option(help="Ask for every variant of this file: a VCF, or a question a line; 1,000 at most."),
]
_Result = Annotated[
    Path | None,
    typer.Option("--out", help="Write the answers to --file here, CSV or .json; goes on if it was killed."),
]


def query(
    text: _Text = "",
    home: _OptionalHome = None,
    assembly: _AssemblyName = None,
    granularity: _HowMuch = Granularity.RECORD,
    limit: _Limit = 100,
    filters: _Filters = None,
    network: _Everybody = False,
    url: _Url = None,
    dialect: _DialectName = None,
    file: _File = None,
    result: _Result = None,
    as_json: AsJson = False,
) -> None:
    """Ask whether an allele is seen, or which alleles lie in a region or gene."""
    _check_together(text, file, result, url, dialect, network=network)
    if file is not None:
        held = Assembly.read(assembly) if assembly else None
        manner = Manner(held, granularity, limit, read_filters(filters or ()), network)
        ask_file(_required(home), file, result, manner, as_json=as_json)
        return
    question = read_question(text, Assembly.read(assembly) if assembly else None)
    asked = Asked.of(question, granularity, limit, filters=read_filters(filters or ()))
    if not as_json:
        out.print(f"{describe(question)} (positions count from 1), {granularity}", markup=False)
    response, heard = (
        _ask_elsewhere(home, url, asked, dialect)
        if url is not None
        else (_ask_node(home, asked, network=network, quiet=as_json), None)
    )
    report = read_report(response, one_allele=isinstance(question, SequenceQuery))
    if as_json:
        print_json(answer_document(text, question, asked, report) | _told(heard))
    else:
        _show(report, heard, network=network)
    if all(line.exists is None for line in report.lines):
        err.print("varhaven: no node answered, so that nothing is known", markup=False)
        raise typer.Exit(1)


def _check_together(
    text: str, file: Path | None, result: Path | None, url: str | None, dialect: str | None, *, network: bool
) -> None:
    """Options that contradict each other are refused, and none is ignored."""
    if (url is not None and network) or (url is None and dialect is not None):
        raise typer.BadParameter("--url goes without --network, and --dialect only with --url")
    if bool(text) == (file is not None):
        raise typer.BadParameter("give one question, or a file of them with --file")
    if file is None and result is not None:
        raise typer.BadParameter("--out is for the answers to --file")
    if file is not None and url is not None:
        raise typer.BadParameter("--file is asked of this node or its network, not of --url")


def _required(home: Path | None) -> Path:
    if home is None:
        raise typer.BadParameter("say which node, or which Beacon with --url", param_hint="--home")
    return home


def _ask_node(home: Path | None, asked: Asked, *, network: bool, quiet: bool) -> Response:
    with open_home(_required(home)) as node:
        if not network:
            return asyncio.run(node.ask(asked, network=False))
        with Board(quiet=quiet) as board:
            return asyncio.run(_watch(node, asked, board))


async def _watch(node: Node, asked: Asked, board: Board) -> Response:
    """The answer of the whole network, shown on `board` as it arrives."""
    one_allele = isinstance(asked.query, SequenceQuery)
    whole: Response | None = None
    async with node.open_network() as network:
        inquiry = node.inquiry(network, asked, node.anonymous())
        async with aclosing(inquiry.events()) as events:
            async for event in events:
                whole = event.response
                if whole is None:
                    board.expect({one["node"]: one["name"] or one["node"] for one in event.document["nodes"]})
                elif event.name == "peer":
                    board.answered(read_report(whole, one_allele))
                else:
                    board.finish(read_report(whole, one_allele))
    assert whole is not None  # noqa: S101  # a summary comes always, and last
    inquiry.refuse_what_cannot_be_answered(whole)
    return whole


def _ask_elsewhere(home: Path | None, url: str, asked: Asked, dialect: str | None) -> tuple[Response, Heard]:
    federation = read_settings(home).federation if home is not None else FederationSection()
    chosen = dialect_named(dialect) if dialect is not None else None
    return asyncio.run(ask_elsewhere(federation, url, asked, chosen))


def _told(heard: Heard | None) -> dict[str, Any]:
    return {} if heard is None else {"dialect": heard.dialect, "notes": list(heard.notes)}


def _show(report: Report, heard: Heard | None, *, network: bool) -> None:
    """The table, which a network has been shown in already; of another Beacon the variants themselves, as far
    as their records can be read, and how they were come by.
    """
    if not network:
        out.print(report.table())
    if heard is None:
        return
    records = [record for line in report.lines for record in line.results]
    for record in records[:_SHOWN]:
        out.print(f"  {read_sighting(record).text}", markup=False)
    if len(records) > _SHOWN:
        out.print(f"  ... and {len(records) - _SHOWN:,} more; --json lists all", markup=False)
    out.print(f"asked in the dialect: {heard.dialect}", markup=False)
    for note in heard.notes:
        out.print(f"note: {note}", markup=False)


def answer_document(text: str, question: Single, asked: Asked, report: Report) -> dict[str, Any]:
    """What `--json` prints for a question: the question as typed and as understood, nodes, and their sum."""
    return {
        "question": {
            "text": text,
            "understood": describe(question),
            "assembly": assembly_of(question),
            "requestParameters": asked.parameters(),
            "filters": [str(one) for one in asked.filters],
            "granularity": asked.granularity,
        },
        "nodes": report.document(),
        "sum": report.sum_document(),
    }
