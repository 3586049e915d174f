"""One question to every peer and to this node at once, and for each of them a state: silence is never "no".

What is asked, and how an answer is read, is the question's own (`question`).  Nothing here merges answers,
and nothing here raises because of what a peer did.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Generic, TypeVar

from node import trace
from node.access.keys import NodeKey
from node.access.tokens import Behalf
from node.config import Settings
from node.federation.acquaintance import Acquaintance
from node.federation.breaker import Breaker
from node.federation.cache import AnswerCache, Keeping
from node.federation.line import Connections, Line, Sender
from node.federation.newest import Newest
from node.federation.passes import Passes
from node.federation.peers import Peer, PeerBook
from node.federation.question import Outcome, Question, declined, seems_well
from node.federation.transport import Silence
from schemas.errors import NodeError
from schemas.network import Answered, PeerState

T = TypeVar("T")
Own = Callable[[], Awaitable[T]]

_log: Final = logging.getLogger(__name__)
_SPARE_S: Final = 0.2  # of the deadline, kept for merging and for the way back


@dataclass(frozen=True, slots=True)
class Part(Generic[T]):
    """One node's part of a question."""

    node: str
    name: str
    ask: Callable[[], Awaitable[Outcome[T]]]

    async def answered(self) -> Answered[T]:
        began = time.perf_counter()
        return self.ended(await self.ask(), time.perf_counter() - began)

    def ended(self, found: Outcome[T], seconds: float) -> Answered[T]:
        ms = seconds * 1000
        return Answered(self.node, self.name, found.state, ms, found.reason, found.response, found.notes)


@dataclass(frozen=True, slots=True)
class Round(Generic[T]):
    """One question to many nodes, not asked yet.

    parts: this node's first, the others by id.  deadline_s: for the whole.
    """

    parts: tuple[Part[T], ...]
    deadline_s: float

    async def answers(self) -> AsyncGenerator[Answered[T], None]:
        """Every node's answer as it arrives; one for each, always, by the deadline: TIMEOUT for who is late.

        Close it (`aclosing`) to give up what is still open; cancelling does so too.
        """
        trace.current()  # begins here where there is none, so that all parts share it
        ends = time.perf_counter() + self.deadline_s
        asked = {asyncio.create_task(part.answered()): part for part in self.parts}
        waiting = set(asked)
        try:
            while waiting:
                done, waiting = await asyncio.wait(
                    waiting,
                    timeout=max(ends - time.perf_counter(), 0),
                    return_when=asyncio.FIRST_COMPLETED,
                )
                for task in done:
                    yield _result(task, asked[task])
                if not done:
                    break
            for task in waiting:  # those that did not even give up in time
                late: Outcome[T] = Outcome(PeerState.TIMEOUT, _late(self.deadline_s))
                yield asked[task].ended(late, self.deadline_s)
        finally:
            for task in asked:
                task.cancel()
                task.add_done_callback(_forget)


@dataclass(frozen=True, slots=True)
class _Manner(Generic[T]):
    """How peers are asked one question: see `Network.round`."""

    patience_s: float
    via: tuple[str, ...]
    counted: bool
    keeping: Keeping[T] | None
    behalf: Callable[[str], Behalf] | None


@dataclass(frozen=True, slots=True)
class Seen:
    """How a question to a peer ended.  at: Unix time."""

    state: PeerState
    ms: float
    at: float


class Network:
    """Every node this one may ask, itself among them; one per node, used from one event loop."""

    def __init__(
        self,
        settings: Settings,
        key: NodeKey,
        peers: PeerBook,
        connections: Connections,
        *,
        breaker: Breaker | None = None,
    ) -> None:
        self._node = settings.node
        self._federation = settings.federation
        self._most_bytes = int(settings.federation.max_answer_mb * 1_000_000)
        self._sender = Sender(settings.node.id, key)
        self._peers = peers
        self._connections = connections
        self._breaker = breaker or Breaker()
        self._passes = Passes(key)
        self._known: dict[str, Acquaintance] = {}
        self._seen: dict[str, Seen] = {}
        self._cache = AnswerCache(settings.federation.cache_s)

    @property
    def descriptors(self) -> Newest:
        """The newest numbers of what peers said of themselves."""
        return self._peers.descriptors

    def peers(self) -> tuple[Peer, ...]:
        """All that are known now, suspended ones too.  Raises StoreUnavailable: the list cannot be read."""
        return self._peers.peers()

    def last_answer(self, peer: str) -> Seen | None:
        """How the last question to `peer` ended that it was asked by this network; None before the first."""
        return self._seen.get(peer)

    def line_to(self, peer: str) -> str:
        """closed: it is asked.  open: it failed several times and rests.  trying: one question tries it."""
        return self._breaker.state_of(peer)

    async def ask(
        self,
        question: Question[T],
        own: Own[T],
        *,
        deadline_s: float | None = None,
        counted: bool = True,
    ) -> list[Answered[T]]:
        """What every node answered, this one first and the others by id; one entry for each, always.

        own: how this node answers, awaited beside the peers.  deadline_s: for the whole; that of the
        settings when None.  Returns by then, with TIMEOUT for whoever is late.  Cancelling it cancels every
        question on its way.  counted: whether `last_answer` is to tell of it.

        Raises StoreUnavailable: the list of peers cannot be read.
        """
        asking = self.round(question, own, deadline_s=deadline_s, counted=counted)
        async with aclosing(asking.answers()) as answers:
            found = [answer async for answer in answers]
        return sorted(found, key=lambda answer: (answer.node != self._node.id, answer.node))

    def round(
        self,
        question: Question[T],
        own: Own[T],
        *,
        deadline_s: float | None = None,
        via: tuple[str, ...] = (),
        counted: bool = True,
        keeping: Keeping[T] | None = None,
        behalf: Callable[[str], Behalf] | None = None,
    ) -> Round[T]:
        """The question made ready, for whoever wants each answer as it arrives.

        via: nodes that a question which is passed on came through; they are not asked.  keeping: what of the
        peers' answers may be kept, and told again for some seconds.  behalf: for whom a peer is asked, nobody
        in particular when None.

        Raises StoreUnavailable: the list of peers cannot be read.
        """
        total_s = deadline_s or self._federation.deadline_s
        patience_s = total_s - min(_SPARE_S, total_s / 5)
        itself = Part(self._node.id, self._node.name, partial(self._ask_self, question, own, patience_s))
        manner = _Manner(patience_s, via, counted, keeping, behalf)
        others = tuple(
            Part(peer.id, peer.name, partial(self._ask_peer, question, peer, manner))
            for peer in self._peers.peers()
            if peer.kind in question.kinds and peer.id not in via and peer.terms.direction != "answer"
        )
        return Round((itself, *others), total_s)

    async def _ask_self(self, question: Question[T], own: Own[T], patience_s: float) -> Outcome[T]:
        try:
            async with asyncio.timeout(patience_s):
                response = await own()
        except TimeoutError:
            return Outcome(PeerState.TIMEOUT, _late(patience_s))
        except NodeError as fault:
            return declined(fault)
        return Outcome(question.state_of(response), response=response)

    async def _ask_peer(self, question: Question[T], peer: Peer, manner: _Manner[T]) -> Outcome[T]:
        ends = time.perf_counter() + manner.patience_s
        if peer.silence:
            return Outcome(PeerState.SUSPENDED, peer.silence)
        kept = None if manner.keeping is None else self._cache.find(peer, manner.keeping)
        if kept is not None:
            return kept
        if not self._breaker.admits(peer.id):
            return Outcome(
                PeerState.CIRCUIT_OPEN, "it failed several times just now and is left alone a while"
            )
        try:
            http = await self._connections.to(peer)
            line = Line(
                http,
                ends,
                self._most_bytes,
                peer=peer.id,
                sender=self._sender,
                via=manner.via,
                behalf=manner.behalf(peer.id) if manner.behalf is not None else Behalf(),
                known=self._known.setdefault(peer.id, Acquaintance()),
            )
            found = await self._put(question, peer, line)
        except BaseException:
            self._breaker.release(peer.id)
            raise
        self._breaker.record(peer.id, found.well)
        if manner.keeping is not None:
            self._cache.keep(peer, manner.keeping, found)
        if manner.counted:
            ms = (manner.patience_s - line.left_s) * 1000
            self._seen[peer.id] = Seen(found.state, ms, time.time())
        return found

    async def _put(self, question: Question[T], peer: Peer, line: Line) -> Outcome[T]:
        """As `question.put`, with a token of the peer's authorization server where it has one."""
        oauth = peer.terms.oauth
        if oauth is None:
            return await question.put(peer, line)
        credentials = await self._passes.headers(line.http, oauth, max(line.left_s, 0.01))
        if isinstance(credentials, Silence):
            return Outcome(credentials.state, credentials.reason, well=seems_well(credentials.state))
        found = await question.put(peer, replace(line, credentials=credentials))
        if found.state is PeerState.DENIED:
            self._passes.forget(oauth)  # it may have ended early
        return found


def _result(task: asyncio.Task[Answered[T]], part: Part[T]) -> Answered[T]:
    """What a finished task found; a fault of this program is a state too, and must not hide the others."""
    if task.cancelled():
        return part.ended(Outcome(PeerState.TIMEOUT, "given up"), 0.0)
    fault = task.exception()
    if fault is None:
        return task.result()
    # Its text could hold part of the question.
    _log.error("a part of a network question failed: %s", type(fault).__name__)
    return part.ended(Outcome(PeerState.HTTP_ERROR, "this node could not ask or understand it"), 0.0)


def _forget(task: asyncio.Task[Answered[T]]) -> None:
    """Takes note of a fault that nobody waits for, or the event loop would log its text."""
    if not task.cancelled():
        task.exception()


def _late(seconds: float) -> str:
    return f"no whole answer within {seconds:.1f} s"
