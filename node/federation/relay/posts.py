"""The relay: an application that passes letters it cannot read to nodes that come for them.

    POST .../{mailbox}/take              the node waits for a letter; the body is its signed key
    POST .../{mailbox}/letters/{ticket}  the node's sealed answer to a letter it took
    GET  .../{mailbox}                   anybody: the signed key to which letters are sealed
    POST .../{mailbox}/ask               anybody: a sealed letter, answered by the sealed answer

below `/relay/v1/mailboxes`.  A mailbox is named by the thumbprint of the key with which its node signs, and
its node proves by signed requests that it is the owner.  Everything is in memory: a letter lives for as long
as its sender waits, and nothing is kept of it.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from fastapi import APIRouter, FastAPI, Request
from starlette.responses import JSONResponse, Response

from node import trace
from node.access.bodies import read_body
from node.access.tokens import Call, TokenVerifier
from node.federation.attended import while_there
from node.federation.relay.sealed import MOST_BYTES
from schemas.errors import NodeError, NotFound, OverBudget, StoreUnavailable
from schemas.ga4gh import VERSION

MAILBOXES: Final = "/relay/v1/mailboxes"
TICKET: Final = "x-relay-ticket"
TAKE_S: Final = 25.0
"""How long a node waits for a letter in one request."""
_GONE_S: Final = 60.0  # a node that has not come for so long is not there
_ASK_S: Final = 60.0
_MOST_WAITING: Final = 100
_MOST_KEY_BYTES: Final = 8192
_LETTER: Final = "application/jose"


@dataclass(slots=True)
class _Letter:
    """A sealed letter, and where its answer is awaited."""

    body: bytes
    ticket: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    answer: asyncio.Future[bytes] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


@dataclass(slots=True)
class Mailbox:
    """Letters for one node.  seen_s: when it last came for one, on `time.monotonic`."""

    key: bytes = b""
    seen_s: float = 0.0
    waiting: deque[_Letter] = field(default_factory=deque)
    taken: dict[str, _Letter] = field(default_factory=dict)
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    def is_attended(self) -> bool:
        return bool(self.key) and time.monotonic() - self.seen_s < _GONE_S

    async def take(self, key: bytes) -> _Letter | None:
        """The next letter; None when none came in time."""
        self.key, self.seen_s = key, time.monotonic()
        try:
            async with asyncio.timeout(TAKE_S), self.arrived:
                await self.arrived.wait_for(lambda: self.waiting)
                letter = self.waiting.popleft()
        except TimeoutError:
            return None
        finally:
            self.seen_s = time.monotonic()
        self.taken[letter.ticket] = letter
        return letter

    def put_back(self, letter: _Letter) -> None:
        """A letter that was taken by a connection that is gone is the next to be taken."""
        if self.taken.pop(letter.ticket, None) is not None and not letter.answer.done():
            self.waiting.appendleft(letter)

    async def ask(self, body: bytes) -> bytes:
        """The answer to a letter.

        Raises NotFound: nobody comes for letters; OverBudget: too many wait; StoreUnavailable: no answer.
        """
        if not self.is_attended():
            raise NotFound("the node with this mailbox is not connected to the relay")
        if len(self.waiting) + len(self.taken) >= _MOST_WAITING:
            raise OverBudget("too many letters wait for this node")
        letter = _Letter(body)
        self.waiting.append(letter)
        try:
            async with self.arrived:
                self.arrived.notify()
            async with asyncio.timeout(_ASK_S):
                return await letter.answer
        except TimeoutError:
            raise StoreUnavailable("the node did not answer in time") from None
        finally:  # also when whoever asks has gone
            self.taken.pop(letter.ticket, None)
            if letter in self.waiting:
                self.waiting.remove(letter)

    def deliver(self, ticket: str, body: bytes) -> None:
        """Hands over an answer; an empty one means that the letter could not be read.

        Raises NotFound: nobody waits for this answer any more.
        """
        letter = self.taken.pop(ticket, None)
        if letter is None or letter.answer.done():
            raise NotFound("nobody waits for this answer any more")
        if body:
            letter.answer.set_result(body)
        else:
            letter.answer.set_exception(NotFound("the node cannot read this letter; its key is another now"))


@dataclass(frozen=True, slots=True)
class _Member:
    """What a verifier must know of a node."""

    thumbprints: tuple[str, ...]
    suspended: bool = False


_Owned = Callable[[Request, str, bytes], Mailbox]
"""The mailbox with a name, for the node that signed the request."""


def create_relay(url: str, members: Mapping[str, tuple[str, ...]]) -> FastAPI:
    """The application of a relay.

    url: its public address, without a trailing slash; requests are signed for it.  members: thumbprints of
    the keys of the nodes that have a mailbox here, by node id.
    """
    known = {node: _Member(thumbprints) for node, thumbprints in members.items()}
    verifier = TokenVerifier(url, known.get)
    boxes = {thumbprint: Mailbox() for thumbprints in members.values() for thumbprint in thumbprints}

    def owned(request: Request, mailbox: str, body: bytes) -> Mailbox:
        """Raises NotAuthorised: it is not signed by the owner; NotFound: no such mailbox."""
        path = request.url.path
        call = Call(request.method, path, body)
        signed = verifier.verify(request.headers.get("authorization"), call)
        if mailbox not in known[signed.peer].thumbprints:
            raise NotFound("this node has no such mailbox here")
        return boxes[mailbox]

    app = FastAPI(
        title="varhaven relay",
        version=VERSION,
        docs_url=None,
        redoc_url=None,
        telemetry=trace.TO_NOBODY,
    )
    app.include_router(_owners(owned))
    app.include_router(_everybody(boxes))
    app.add_exception_handler(NodeError, _refuse)
    return app


def _owners(owned: _Owned) -> APIRouter:
    router = APIRouter(prefix=MAILBOXES, tags=["for nodes"])

    @router.post("/{mailbox}/take", summary="Wait for a letter")
    async def take(request: Request, mailbox: str) -> Response:
        key = await read_body(request, _MOST_KEY_BYTES)
        box = owned(request, mailbox, key)
        letter, is_there = await while_there(box.take(key), _leaves(request))
        if letter is not None and not is_there:
            box.put_back(letter)
        if letter is None or not is_there:
            return Response(status_code=204)
        return Response(letter.body, media_type=_LETTER, headers={TICKET: letter.ticket})

    @router.post("/{mailbox}/letters/{ticket}", summary="Answer a letter", status_code=204)
    async def answer(request: Request, mailbox: str, ticket: str) -> Response:
        body = await read_body(request, MOST_BYTES)
        owned(request, mailbox, body).deliver(ticket, body)
        return Response(status_code=204)

    return router


def _everybody(boxes: Mapping[str, Mailbox]) -> APIRouter:
    router = APIRouter(tags=["for everybody"])

    def box(mailbox: str) -> Mailbox:
        found = boxes.get(mailbox)
        if found is None:
            raise NotFound("there is no such mailbox here")
        return found

    @router.get(MAILBOXES + "/{mailbox}", summary="The signed key to which letters are sealed")
    async def key(mailbox: str) -> Response:
        found = box(mailbox)
        if not found.is_attended():
            raise NotFound("the node with this mailbox is not connected to the relay")
        return Response(found.key, media_type=_LETTER)

    @router.post(MAILBOXES + "/{mailbox}/ask", summary="A sealed letter, answered by the sealed answer")
    async def ask(request: Request, mailbox: str) -> Response:
        found = box(mailbox)
        answer, _ = await while_there(found.ask(await read_body(request, MOST_BYTES)), _leaves(request))
        return Response(answer, media_type=_LETTER)

    @router.get("/healthz", summary="The process is alive")
    async def alive() -> Response:
        return Response(b"ok\n", media_type="text/plain")

    return router


async def _leaves(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _refuse(_request: Request, fault: Exception) -> Response:
    assert isinstance(fault, NodeError)  # noqa: S101  # what it is registered for
    told = {"error": {"errorCode": fault.status, "errorMessage": fault.message, "reason": fault.reason}}
    return JSONResponse(told, fault.status)
