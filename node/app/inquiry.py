"""One question to a network on behalf of one caller: merged into one answer, or told as each node answers."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any, Final, cast

import orjson

from beacon.entries import entry_of
from beacon.filters import canonical_filter
from beacon.merge import merge
from beacon.placement import carry
from beacon.query import Asked
from node import trace
from node.access.tokens import Behalf
from node.federation.asking import BeaconQuestion, Carried
from node.federation.cache import Keeping
from node.federation.network import Network, Round
from node.report import read_report
from schemas import beacon as wire
from schemas.access import Granularity
from schemas.errors import BadQuestion, NobodyAnswered, NodeError, NotFound, NotHeld
from schemas.ga4gh import NodeIdentity
from schemas.genome import Assembly
from schemas.network import NodeAnswer, PeerState
from schemas.questions import SequenceQuery, assembly_of
from schemas.reference import NO_REFERENCE, Reference

_UNCHECKED: Final = " without a reference sequence, which may have other bases there"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a question: `plan` first, `peer` for each node, `summary` last."""

    name: str
    document: dict[str, Any]
    response: wire.Response | None = None
    """Of a `peer`, what it released; of the `summary`, the whole; both in the form of a network's answer."""


@dataclass(slots=True)
class Inquiry:
    """answer_alone: what this node itself may tell the caller.  reference: by which the question is carried
    over to peers that hold another assembly.  on_behalf: of whom, and for what purpose.  behalf: as whom
    each peer is told the caller asks.
    """

    identity: NodeIdentity
    network: Network
    asked: Asked
    answer_alone: Callable[[], Awaitable[wire.Response]]
    reference: Reference = NO_REFERENCE
    on_behalf: str = ""
    via: tuple[str, ...] = ()
    deadline_s: float | None = None
    behalf: Callable[[str], Behalf] | None = None
    _declined: NodeError | None = field(default=None, init=False)

    async def merged(self) -> wire.Response:
        """The answer of this node and all its peers.

        Raises NodeError where nobody answered: see `refusal`.
        """
        whole = await self.whole()
        fault = self.refusal(whole)
        if fault is not None:
            raise fault
        return whole

    async def whole(self) -> wire.Response:
        """As `merged`, for whoever looks at the states of the nodes, and not at `exists` alone.

        Raises BadQuestion, NotFound: nobody can answer this question, whoever asks and whenever.
        """
        asking = self._round()
        async with aclosing(asking.answers()) as arriving:
            answers = [answer async for answer in arriving]
        whole = merge(self.asked, self.identity, _ordered(asking, answers))
        self.refuse_what_cannot_be_answered(whole)
        return whole

    def refuse_what_cannot_be_answered(self, whole: wire.Response) -> None:
        """Raises BadQuestion, NotFound: as `whole`, of the answers that were told one by one."""
        fault = self.refusal(whole)
        if isinstance(fault, BadQuestion | NotFound):
            raise fault

    def refusal(self, whole: wire.Response) -> NodeError | None:
        """Why the answer of all must not leave as one: no node looked, and its `exists` would read as "no".

        Where all refused alike this node's own reason stands for all of them; the state of each is in
        `details`.  A peer that asked for its own network is told these states in an answer, unless the
        question cannot be understood: it may know somebody who did answer.
        """
        lines = whole["info"]["nodes"]
        states = {PeerState(line["state"]) for line in lines}
        if any(state.answered for state in states):
            return None
        own = self._declined
        misunderstood = isinstance(own, BadQuestion) and not isinstance(own, NotHeld)
        if own is None or not (misunderstood or len(states) == 1):
            told = "; ".join(f"{line['name'] or line['node']}: {_words(line)}" for line in lines)
            fault: NodeError = NobodyAnswered(f"no node answered, so that nothing is known ({told})")
        else:
            others = f"; none of the {len(lines)} nodes asked can answer it" if len(lines) > 1 else ""
            fault = type(own)(own.message + others)
            fault.headers = own.headers
        fault.details = {"nodes": lines}
        return None if self.via and not misunderstood else fault

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
                alone = merge(self.asked, self.identity, [answer])
                yield Event("peer", _part(answer, alone), alone)
        whole = merge(self.asked, self.identity, _ordered(asking, answers))
        yield Event("summary", self._summary(whole, time.perf_counter() - began), whole)

    def _round(self) -> Round[wire.Response]:
        asked = self.asked
        question = BeaconQuestion(
            asked.body(),
            entry_of(asked).path,
            asked.path,
            None if asked.query is None else assembly_of(asked.query),
            frozenset(_filter_ids([canonical_filter(one) for one in asked.filters])),
            self._carried,
        )
        return self.network.round(
            question,
            self._own,
            deadline_s=self.deadline_s,
            via=self.via,
            keeping=self._keeping(),
            behalf=self.behalf,
        )

    def _keeping(self) -> Keeping[wire.Response] | None:
        """Records are not kept, nor what is asked for another node or for nobody who is known."""
        asked = self.asked
        if self.via or not self.on_behalf or asked.granularity is Granularity.RECORD or asked.is_personal:
            return None
        key = b"\0".join((self.on_behalf.encode(), asked.path.encode(), asked.body()))
        return Keeping(key, wire.encode, _decode)

    def _carried(self, assembly: Assembly) -> Carried | None:
        """The same question in another assembly; None where it has no counterpart there, or no way leads."""
        query = self.asked.query
        if query is None:
            return None
        try:
            other = carry(query, assembly, self.reference)
        except BadQuestion:
            return None
        known = self.reference.sequences is not None
        note = f"asked on {assembly}, carried over from {assembly_of(query)}" + ("" if known else _UNCHECKED)
        return Carried(assembly, replace(self.asked, query=other).body(), note)

    async def _own(self) -> wire.Response:
        try:
            return await self.answer_alone()
        except NodeError as fault:
            self._declined = fault
            raise

    def _plan(self, asking: Round[wire.Response]) -> dict[str, Any]:
        understood = self.asked.meta(self.identity, self.asked.granularity)["receivedRequestSummary"]
        return {
            "requestId": trace.current().id,
            "question": understood,
            "nodes": [{"node": part.node, "name": part.name} for part in asking.parts],
            "deadlineMs": round(asking.deadline_s * 1000),
        }

    def _summary(self, whole: wire.Response, seconds: float) -> dict[str, Any]:
        information = whole["info"]
        states = Counter(str(line["state"]) for line in information["nodes"])
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
        fault = self.refusal(whole)
        if fault is not None:
            told["refusal"] = {"reason": fault.reason, "message": fault.message}
        return told


def _part(answer: NodeAnswer, alone: wire.Response) -> dict[str, Any]:
    """One node's line, and what it released in the form that a network's answer has."""
    information = alone["info"]
    itself, *others = information["nodes"]
    line: dict[str, Any] = {**itself} | ({"through": others} if others else {})
    if answer.state.answered:
        more = {name: information[name] for name in ("datasets", "refused") if name in information}
        line["returnedGranularity"] = alone["meta"]["returnedGranularity"]
        line["responseSummary"] = alone["responseSummary"]
        line |= {"response": alone["response"]} if "response" in alone else {}
        line |= {"info": more} if more else {}
    return line


def _ordered(asking: Round[wire.Response], answers: list[NodeAnswer]) -> list[NodeAnswer]:
    """As the question lists its nodes, whoever was quicker."""
    places = {part.node: place for place, part in enumerate(asking.parts)}
    return sorted(answers, key=lambda answer: places[answer.node])


def _decode(dumped: bytes) -> wire.Response:
    """An answer that was read strictly when it came."""
    return cast("wire.Response", orjson.loads(dumped))


def _filter_ids(terms: Iterable[Any]) -> Iterator[str]:
    """Of terms and of lists of alternatives."""
    for term in terms:
        if isinstance(term, list):
            yield from _filter_ids(term)
        else:
            yield str(term["id"])


def _words(line: dict[str, Any]) -> str:
    return f"{line['state']}, {line['reason']}" if line["reason"] else str(line["state"])
