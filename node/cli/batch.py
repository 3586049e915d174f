"""`query --file`: a file of variants to this node or its whole network, and a table back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path

import orjson
import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from beacon.query import Asked
from node import batch
from node.app import Node
from node.batch import Answer, Journal, Line
from node.cli.options import err, open_home, out
from node.report import Report, read_report
from schemas.access import Granularity
from schemas.filters import Filter
from schemas.genome import Assembly
from schemas.questions import SequenceQuery, Single


@dataclass(frozen=True, slots=True)
class Manner:
    """How every question of a file is asked."""

    assembly: Assembly | None
    granularity: Granularity
    limit: int
    filters: tuple[Filter, ...]
    network: bool

    def asked(self, question: Single) -> Asked:
        return Asked.of(question, self.granularity, self.limit, filters=self.filters)


def ask_file(home: Path, questions: Path, result: Path | None, manner: Manner, *, as_json: bool) -> None:
    """Writes the answers to `result`, or to standard output.  With `result`, a batch that was killed goes on.

    Raises BadInput: the file cannot be used; see `node.batch`.
    """
    lines = batch.read_lines(questions, manner.assembly)
    as_json = as_json or (result is not None and result.suffix == ".json")
    asked = orjson.dumps([[line.number, line.text] for line in lines]) + repr(manner).encode()
    with open_home(home) as node, Journal(result, asked) if result else nullcontext() as journal:
        if journal is not None and journal.done:
            err.print(f"going on: {len(journal.done):,} of {len(lines):,} are answered", markup=False)
        answers = asyncio.run(_answers(node, lines, manner, journal))
        document = batch.write_json(answers) if as_json else batch.write_csv(answers)
        if journal is not None:
            journal.finish(document)
    if result is None:
        typer.echo(document.decode(), nl=False)
    else:
        refused = sum(bool(answer.refusal) for answer in answers)
        silent = sum(any(one["exists"] is None for one in answer.nodes) for answer in answers)
        told = f"{len(answers):,} questions: {refused:,} refused, {silent:,} not answered by every node"
        out.print(f"{told}; {result}", markup=False)


async def _answers(
    node: Node, lines: tuple[Line, ...], manner: Manner, journal: Journal | None
) -> list[Answer]:
    async with AsyncExitStack() as stack:
        network = await stack.enter_async_context(node.open_network()) if manner.network else None

        async def ask(question: Single) -> Report:
            asked = manner.asked(question)
            if network is None:
                response = await node.ask(asked, network=False)
            else:
                response = await node.inquiry(network, asked, node.anonymous()).whole()
            return read_report(response, one_allele=isinstance(question, SequenceQuery))

        done = journal.done if journal else {}
        keep = journal.record if journal else _nowhere
        told = _shown(stack, len(lines), len(done))
        return await batch.answer_all(lines, ask, done, keep=keep, told=told)


def _nowhere(_index: int, _answer: object) -> None:
    """Nothing is kept of a batch that is written to standard output."""


def _shown(stack: AsyncExitStack, total: int, done: int) -> Callable[[], None]:
    """Advances a bar on a terminal."""
    columns = (TextColumn("asking"), BarColumn(), TextColumn("{task.completed:,} of {task.total:,}"))
    bar = Progress(*columns, TimeRemainingColumn(), console=err, transient=True, disable=not err.is_terminal)
    stack.enter_context(bar)
    task = bar.add_task("asking", total=total, completed=done)
    return lambda: bar.advance(task)
