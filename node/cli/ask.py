"""The command that asks: `query`, of this node, of its network, or of any Beacon by URL."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import typer

from beacon.query import Asked
from node.cli.options import AsJson, Home, open_home, out, print_json
from node.report import Report, describe, read_report
from schemas.access import Granularity
from schemas.genome import Assembly
from schemas.notation import read_question
from schemas.questions import SequenceQuery, VariantQuery, contig_of


def query(
    text: Annotated[
        str, typer.Argument(metavar="QUESTION", help="'chr20:3193842 C>A' or 'chr20:3190000-3200000'")
    ],
    home: Home,
    assembly: Annotated[str | None, typer.Option(help="GRCh37 or GRCh38; NC_ accessions tell it.")] = None,
    granularity: Annotated[Granularity, typer.Option(help="How much to ask for.")] = Granularity.RECORD,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Most records from each dataset.")] = 100,
    network: Annotated[bool, typer.Option("--network", help="Ask every peer too.")] = False,
    url: Annotated[str | None, typer.Option(help="Ask the Beacon at this address instead.")] = None,
    as_json: AsJson = False,
) -> None:
    """Ask whether an allele is seen, or which alleles lie in a region."""
    question = read_question(text, Assembly.read(assembly) if assembly else None)
    asked = Asked.of(question, granularity, limit)
    with open_home(home) as node:
        response = asyncio.run(node.ask_beacon(url, asked) if url else node.ask(asked, network=network))
    report = read_report(response, one_allele=isinstance(question, SequenceQuery))
    if as_json:
        print_json(answer_document(text, question, asked, report))
        return
    out.print(f"{describe(question)} (positions count from 1), {granularity}", markup=False)
    out.print(report.table())


def answer_document(text: str, question: VariantQuery, asked: Asked, report: Report) -> dict[str, Any]:
    """What `--json` prints for a question: the question as typed and as understood, nodes, and their sum."""
    return {
        "question": {
            "text": text,
            "understood": describe(question),
            "assembly": contig_of(question).assembly,
            "requestParameters": asked.parameters(),
            "granularity": asked.granularity,
        },
        "nodes": report.document(),
        "sum": report.sum_document(),
    }
