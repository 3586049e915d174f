"""The command `demo`: three hospitals on this machine answer one question."""

from __future__ import annotations

import asyncio
import signal
import threading
from contextlib import nullcontext
from typing import Annotated, Final

import typer
from rich.status import Status

from beacon.query import Asked
from node.app import open_node
from node.cli.ask import answer_document
from node.cli.options import AsJson, err, out, print_json
from node.config import read_settings
from node.demo import DemoNode, running_demo
from node.report import Report, describe, read_report
from schemas.genome import Assembly
from schemas.notation import read_question
from schemas.questions import SequenceQuery, Single

_ALLELE: Final = "20:3193842 C>A"  # in ITPA, rs1127354
_REGION: Final = "20:3869486-3904502"  # PANK2
_LIMIT: Final = 500


def demo(
    once: Annotated[bool, typer.Option("--once", help="Answer and end.")] = False, as_json: AsJson = False
) -> None:
    """Three invented hospitals with real genotypes, federated, on this machine."""
    status: Status | None = None if as_json or not err.is_terminal else err.status("Starting ...")

    def tell(line: str) -> None:
        if status is not None:
            status.update(line)
        else:
            err.print(line, markup=False)

    with status or nullcontext(), running_demo(tell) as nodes:
        tell("Asking all three ...")
        allele, region = (_ask(nodes[0], text) for text in (_ALLELE, _REGION))
        if status is not None:
            status.stop()
        if as_json:
            print_json(answer_document(_ALLELE, *allele) | {"region": answer_document(_REGION, *region)})
        else:
            for question, _, report in (allele, region):
                out.print(f"\n{describe(question)} (positions count from 1)", markup=False)
                out.print(report.table())
            _tell_addresses(nodes)
        if not once:
            err.print("\nCtrl-C ends the demonstration and removes everything it made.")
            _wait_for_interrupt()


def _ask(node: DemoNode, text: str) -> tuple[Single, Asked, Report]:
    """Over HTTP, as any Beacon client would ask the network."""
    question = read_question(text, Assembly.GRCH37)
    asked = Asked.of(question, limit=_LIMIT)
    with open_node(read_settings(node.home)) as opened:
        response = asyncio.run(opened.ask_beacon(f"{node.url}/network/beacon", asked))
    return question, asked, read_report(response, one_allele=isinstance(question, SequenceQuery))


def _tell_addresses(nodes: tuple[DemoNode, ...]) -> None:
    first = nodes[0].url
    out.print("\nOpen in a browser:")
    for node in nodes:
        out.print(f"  {node.url}/   {node.hospital.name}", markup=False)
    out.print("Beacon v2 of one hospital, and of the whole network:")
    query = "assemblyId=GRCh37&referenceName=20&start=3193841&referenceBases=C&alternateBases=A"
    for root in ("beacon", "network/beacon"):
        out.print(f"  {first}/{root}/g_variants?{query}&requestedGranularity=record", markup=False)
    out.print(f"  {first}/beacon/info", markup=False)


def _wait_for_interrupt() -> None:
    """Blocks until Ctrl-C or a polite kill, both of which end the command in the ordinary way."""
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    ended.wait()
