"""One question to a network on behalf of one caller: merged into one answer, or told as each node answers."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from beacon.entries import entry_of
from beacon.merge import merge
from beacon.query import Asked
from node import trace
from node.federation.asking import BeaconQuestion
from node.federation.network import Network, Round
from node.report import read_report
from schemas import beacon as wire
from schemas.errors import BadQuestion, NodeError, NotHeld
from schemas.ga4gh import NodeIdentity
from schemas.network import NodeAnswer
from schemas.questions import SequenceQuery


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a question: `plan` first, `peer` for each node, `summary` last."""

    name: str
    document: dict[str, Any]


@dataclass(slots=True)
class Inquiry:
    """answer_alone: what this node itself may tell the caller.  misunderstood: why it did not understand."""

    identity: NodeIdentity
    network: Network
    asked: Asked
    answer_alone: Callable[[], Awaitable[wire.Response]]
    via: tuple[str, ...] = ()
    misunderstood: BadQuestion | None = field(default=None, init=False)

    async def merged(self) -> wire.Response:
        """The answer of this node and all its peers.

        Raises BadQuestion: this node does not understand the question, and nobody else answered it either.
        """
        asking = self._round()
        async with aclosing(asking.answers()) as arriving:
            answers = [answer async for answer in arriving]
        if self.misunderstood is not None and not any(answer.state.answered for answer in answers):
            raise self.misunderstood
        return merge(self.asked, self.identity, _ordered(asking, answers))

    async def events(self) -> AsyncGenerator[Event, None]:
        """`plan` at once, then each node's answer as it arrives, then what they come to.

        Close it (`aclosing`) to give up what is still open.
        """
        began = time.perf_counter()
        asking = self._round()
        yield Event("plan", self._plan(asking))
        answers: list[NodeAnswer] = []
        async with aclosing(asking.answers()) as arriving:
            async for answer in arriving:
                answers.append(answer)
                yield Event("peer", self._part(answer))
        whole = merge(self.asked, self.identity, _ordered(asking, answers))
        yield Event("summary", self._summary(whole, time.perf_counter() - began))

    def _round(self) -> Round[wire.Response]:
        question = BeaconQuestion(self.asked.body(), entry_of(self.asked).path)
        return self.network.round(question, self._own, via=self.via)

    async def _own(self) -> wire.Response:
        try:
            return await self.answer_alone()
        except BadQuestion as fault:
            self.misunderstood = None if isinstance(fault, NotHeld) else fault
            raise

    def _plan(self, asking: Round[wire.Response]) -> dict[str, Any]:
        understood = self.asked.meta(self.identity, self.asked.granularity)["receivedRequestSummary"]
        return {
            "requestId": trace.current().id,
            "question": understood,
            "nodes": [{"node": part.node, "name": part.name} for part in asking.parts],
            "deadlineMs": round(asking.deadline_s * 1000),
        }

    def _part(self, answer: NodeAnswer) -> dict[str, Any]:
        """One node's line, and what it released in the form that a network's answer has."""
        alone = merge(self.asked, self.identity, [answer])
        information = alone["info"]
        line: dict[str, Any] = {**information["nodes"][0]}
        if answer.state.answered:
            more = {name: information[name] for name in ("datasets", "refused") if name in information}
            line["returnedGranularity"] = alone["meta"]["returnedGranularity"]
            line["responseSummary"] = alone["responseSummary"]
            line |= {"response": alone["response"]} if "response" in alone else {}
            line |= {"info": more} if more else {}
        return line

    def _summary(self, whole: wire.Response, seconds: float) -> dict[str, Any]:
        information = whole["info"]
        states = Counter(line["state"] for line in information["nodes"])
        report = read_report(whole, one_allele=isinstance(self.asked.query, SequenceQuery))
        told: dict[str, Any] = {
            "requestId": trace.current().id,
            "complete": information["complete"],
            "answered": sum(line.state.answered for line in report.lines),
            "asked": len(report.lines),
            "byState": dict(states),
            "responseSummary": whole["responseSummary"],
            "counts": information["counts"],
            "sum": report.sum_document(),
            "ms": round(seconds * 1000, 1),
        }
        if self.misunderstood is not None:
            told["refusal"] = _refusal(self.misunderstood)
        return told


def _ordered(asking: Round[wire.Response], answers: list[NodeAnswer]) -> list[NodeAnswer]:
    """As the question lists its nodes, whoever was quicker."""
    places = {part.node: place for place, part in enumerate(asking.parts)}
    return sorted(answers, key=lambda answer: places[answer.node])


def _refusal(fault: NodeError) -> dict[str, str]:
    return {"reason": fault.reason, "message": fault.message}
