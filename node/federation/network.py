"""One question to every peer and to this node at once, and for each of them a state: silence is never "no".

A question is the bytes of a Beacon v2 POST.  An answer counts only when it was read strictly and names the
peer that was asked.  Nothing here merges answers, and nothing here raises because of what a peer did.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Final

import httpx
import orjson

from node.access.keys import NodeKey
from node.access.tokens import Call, mint
from node.config import Settings
from node.federation.breaker import Breaker
from node.federation.peers import Peer, PeerBook
from node.federation.transport import Reply, Silence, exchange
from schemas.beacon import Response, read_response
from schemas.errors import NodeError, NotFound, NotHeld
from schemas.network import NodeAnswer, PeerState

G_VARIANTS: Final = "/federation/v1/beacon/g_variants"
Own = Callable[[], Awaitable[Response]]

_log: Final = logging.getLogger(__name__)
_SPARE_S: Final = 0.2  # of the deadline, kept for merging and for the way back
_SMALL: Final = 64_000  # bytes that are read in well under a millisecond
# Refusals of a question about what a node does not hold or serve.
_ELSEWHERE: Final = frozenset({(NotHeld.status, NotHeld.reason), (NotFound.status, NotFound.reason)})
# Outcomes that cost everybody time, or say that nobody is at home.  An answer that is refused, too large or
# not understood depends on the question too, and must not keep the peer from the next one.
_UNWELL: Final = frozenset({PeerState.TIMEOUT, PeerState.UNREACHABLE, PeerState.TLS_ERROR})


@dataclass(frozen=True, slots=True)
class _Outcome:
    """A state with what belongs to it: a reason, or a response.  well: whether the peer seems to be."""

    state: PeerState
    reason: str = ""
    response: Response | None = None
    well: bool = True


@dataclass(frozen=True, slots=True)
class _Part:
    """One node's part of a question."""

    node: str
    name: str
    ask: Callable[[], Awaitable[_Outcome]]

    async def answered(self) -> NodeAnswer:
        began = time.perf_counter()
        return self.ended(await self.ask(), time.perf_counter() - began)

    def ended(self, outcome: _Outcome, seconds: float) -> NodeAnswer:
        ms = seconds * 1000
        return NodeAnswer(self.node, self.name, outcome.state, ms, outcome.reason, outcome.response)


class Network:
    """Every node this one may ask, itself among them; one per node, used from one event loop."""

    def __init__(
        self,
        settings: Settings,
        key: NodeKey,
        peers: PeerBook,
        http: httpx.AsyncClient,
        *,
        breaker: Breaker | None = None,
    ) -> None:
        self._node = settings.node
        self._federation = settings.federation
        self._most_bytes = int(settings.federation.max_answer_mb * 1_000_000)
        self._key = key
        self._peers = peers
        self._http = http
        self._breaker = breaker or Breaker()

    async def ask(
        self, body: bytes, own: Own, *, path: str = G_VARIANTS, deadline_s: float | None = None
    ) -> list[NodeAnswer]:
        """What every node answered, this one first and the others by id; one entry for each, always.

        body: the question, sent to peers as it is.  own: how this node answers it, awaited beside the peers.
        deadline_s: for the whole; that of the settings when None.  Returns by then, with TIMEOUT for whoever
        is late.  Cancelling it cancels every question on its way.

        Raises StoreUnavailable: the list of peers cannot be read.
        """
        async with aclosing(self.stream(body, own, path=path, deadline_s=deadline_s)) as answers:
            found = [answer async for answer in answers]
        return sorted(found, key=lambda answer: (answer.node != self._node.id, answer.node))

    async def stream(
        self, body: bytes, own: Own, *, path: str = G_VARIANTS, deadline_s: float | None = None
    ) -> AsyncGenerator[NodeAnswer, None]:
        """The same answers, each as it arrives.  Close it (`aclosing`) to give up what is still open."""
        total_s = deadline_s or self._federation.deadline_s
        patience_s = total_s - min(_SPARE_S, total_s / 5)
        ends = time.perf_counter() + total_s
        parts = tuple(self._parts(own, Call("POST", path, body), patience_s))
        asked = {asyncio.create_task(part.answered()): part for part in parts}
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
                yield asked[task].ended(_Outcome(PeerState.TIMEOUT, _late(total_s)), total_s)
        finally:
            for task in asked:
                task.cancel()
                task.add_done_callback(_forget)

    def _parts(self, own: Own, call: Call, patience_s: float) -> Iterator[_Part]:
        yield _Part(self._node.id, self._node.name, partial(self._ask_self, own, patience_s))
        for peer in self._peers.peers():
            yield _Part(peer.id, peer.name, partial(self._ask_peer, peer, call, patience_s))

    async def _ask_self(self, own: Own, patience_s: float) -> _Outcome:
        try:
            async with asyncio.timeout(patience_s):
                return _heard(await own())
        except TimeoutError:
            return _Outcome(PeerState.TIMEOUT, _late(patience_s))
        except NodeError as fault:
            return _Outcome(_refusal(fault.status, fault.reason), fault.message)

    async def _ask_peer(self, peer: Peer, call: Call, patience_s: float) -> _Outcome:
        if peer.suspended:
            return _Outcome(PeerState.SUSPENDED, "this node has suspended it")
        if not self._breaker.admits(peer.id):
            return _Outcome(
                PeerState.CIRCUIT_OPEN, "it failed several times just now and is left alone a while"
            )
        try:
            outcome = await self._exchange(peer, call, patience_s)
        except BaseException:
            self._breaker.release(peer.id)
            raise
        self._breaker.record(peer.id, outcome.well)
        return outcome

    async def _exchange(self, peer: Peer, call: Call, patience_s: float) -> _Outcome:
        token = mint(self._key, self._node.id, peer.id, call, patience_s, now_s=time.time())
        request = self._http.build_request(
            call.method,
            peer.id + call.path,
            content=call.body,
            headers={"authorization": f"Bearer {token}", "content-type": "application/json"},
        )
        reply = await exchange(self._http, request, timeout_s=patience_s, most_bytes=self._most_bytes)
        if isinstance(reply, Silence):
            return _Outcome(reply.state, reply.reason, well=reply.state not in _UNWELL)
        if reply.status != 200:
            return _Outcome(*refused(reply), well=reply.status < 500)
        # A large answer takes long enough to read that others would wait for it.
        if len(reply.body) > _SMALL:
            return await asyncio.to_thread(_judged, peer, reply)
        return _judged(peer, reply)


def _judged(peer: Peer, reply: Reply) -> _Outcome:
    """The outcome of an answer that claims to be one."""
    if reply.media_type == "text/html":
        return _Outcome(PeerState.BAD_RESPONSE, "a web page answered, perhaps that of a proxy or a sign-in")
    try:
        response = read_response(reply.body)
    except ValueError as fault:
        return _Outcome(PeerState.BAD_RESPONSE, str(fault))
    if response["meta"]["beaconId"] != peer.id:
        return _Outcome(PeerState.BAD_RESPONSE, "the answer is in the name of another node")
    return _heard(response)


def _heard(response: Response) -> _Outcome:
    found = response["responseSummary"]["exists"]
    return _Outcome(PeerState.HIT if found else PeerState.NO_HIT, response=response)


def refused(reply: Reply) -> tuple[PeerState, str]:
    """The state and the reason told by a reply that is not an answer (its status is not 200)."""
    message, slug = _fault(reply.body)
    if 300 <= reply.status < 400:
        message = "redirects elsewhere; its operator has to publish the final address"
    return _refusal(reply.status, slug), message or f"answered with HTTP status {reply.status}"


def _refusal(status: int, slug: str) -> PeerState:
    if status in (401, 403):
        return PeerState.DENIED
    if status == 429:
        return PeerState.RATE_LIMITED
    if (status, slug) in _ELSEWHERE:
        return PeerState.NOT_APPLICABLE
    return PeerState.HTTP_ERROR


def _fault(body: bytes) -> tuple[str, str]:
    """Message and slug of a Beacon error envelope; "" and "" from anything else.

    The message was written by somebody else: only printable characters of it are kept, 300 at most.
    """
    try:
        fault = orjson.loads(body)["error"]
        message, slug = fault["errorMessage"], fault.get("reason", "")
    except (ValueError, KeyError, TypeError, AttributeError):
        return "", ""
    if not isinstance(message, str) or not isinstance(slug, str):
        return "", ""
    return "".join(c if c.isprintable() else " " for c in message[:300]), slug


def _result(task: asyncio.Task[NodeAnswer], part: _Part) -> NodeAnswer:
    """What a finished task found; a fault of this program is a state too, and must not hide the others."""
    if task.cancelled():
        return part.ended(_Outcome(PeerState.TIMEOUT, "given up"), 0.0)
    fault = task.exception()
    if fault is None:
        return task.result()
    # Its text could hold part of the question.
    _log.error("a part of a network question failed: %s", type(fault).__name__)
    return part.ended(_Outcome(PeerState.HTTP_ERROR, "this node could not ask or understand it"), 0.0)


def _forget(task: asyncio.Task[NodeAnswer]) -> None:
    """Takes note of a fault that nobody waits for, or the event loop would log its text."""
    if not task.cancelled():
        task.exception()


def _late(seconds: float) -> str:
    return f"no whole answer within {seconds:.1f} s"
