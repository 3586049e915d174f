"""Asking the questions of a batch, a few at a time, and keeping what was answered."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from node.batch.reading import Line
from node.report import Report, describe
from schemas.errors import NodeError, OverBudget, StoreUnavailable
from schemas.questions import Single

AT_ONCE: Final = 4

Ask = Callable[[Single], Awaitable[Report]]
Keep = Callable[[int, Any], None]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one question.

    understood: how it was read; "" when it was not.  refusal: why nobody was asked, or could be.  nodes: the
    lines of the report, without records.  sum: see `Report.sum_document`.
    """

    number: int
    text: str
    understood: str
    refusal: str
    nodes: list[dict[str, Any]]
    sum: dict[str, Any]

    def document(self) -> dict[str, Any]:
        return asdict(self)


async def answer_all(
    lines: Sequence[Line],
    ask: Ask,
    done: MutableMapping[int, Any],
    *,
    keep: Keep,
    told: Callable[[], None],
) -> list[Answer]:
    """Every line's answer, in their order.

    done: documents of those that are answered already, by index.  keep: called with each new one.  told:
    called after each.  A budget that is spent or a store that cannot be read ends the batch, which can go on
    later.

    Raises OverBudget, StoreUnavailable: see above.
    """
    open_ones = iter([index for index in range(len(lines)) if index not in done])
    ended: list[NodeError] = []

    async def work() -> None:
        for index in open_ones:
            if ended:  # what is on its way is still kept, and nothing more is begun
                return
            try:
                answer = await _answer(lines[index], ask)
            except (OverBudget, StoreUnavailable) as fault:
                ended.append(fault)
                return
            document = answer.document()
            await asyncio.to_thread(keep, index, document)
            done[index] = document
            told()

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(work())
    if ended:
        raise ended[0]
    return [Answer(**done[index]) for index in range(len(lines))]


async def _answer(line: Line, ask: Ask) -> Answer:
    if line.question is None:
        return Answer(line.number, line.text, "", line.reason, [], {})
    understood = describe(line.question)
    try:
        report = await ask(line.question)
    except (OverBudget, StoreUnavailable):
        raise
    except NodeError as refusal:
        return Answer(line.number, line.text, understood, refusal.message, [], {})
    nodes = [{name: told for name, told in one.items() if name != "results"} for one in report.document()]
    return Answer(line.number, line.text, understood, "", nodes, report.sum_document())
