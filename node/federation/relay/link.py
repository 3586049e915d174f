"""A node behind a firewall: it takes letters from a relay and answers them, by connections it opens.

Only what peers may ask is answered: the signed questions of nodes, and Matchmaker Exchange.  People and
programs of others cannot sign in through a relay.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from typing import Final

import httpx
from starlette.types import ASGIApp

from node.access.keys import NodeKey
from node.access.tokens import Call, mint
from node.federation.relay import sealed
from node.federation.relay.posts import MAILBOXES, TAKE_S, TICKET
from node.federation.relay.sealed import MOST_BYTES, Answer, Asked, SealKey, Unreadable
from node.federation.transport import Reply, Silence, exchange

_log: Final = logging.getLogger(__name__)
_OPEN: Final = ("/federation/v1/", "/.well-known/varhaven-node", "/mme/")
_WAITERS: Final = 2  # so that one letter does not wait until the next request is under way
_MOST_AT_ONCE: Final = 32
_PATIENCE_S: Final = TAKE_S + 10
_ANSWER_S: Final = 30.0
_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 30.0
_TOLD: Final = frozenset({"content-type", "www-authenticate", "retry-after", "x-request-id"})


@dataclass(frozen=True, slots=True)
class Home:
    """The node whose letters are taken.  app: what answers them."""

    node: str
    key: NodeKey
    app: ASGIApp


class Link:
    """The connection of one node to one relay, for one event loop.

    http: reaches the relay; see `open_http`.
    """

    def __init__(self, relay: str, home: Home, http: httpx.AsyncClient) -> None:
        self._relay = relay.rstrip("/")
        self._home = home
        self._http = http
        self._seal = SealKey()
        self._answering: set[asyncio.Task[None]] = set()
        self._free = asyncio.Semaphore(_MOST_AT_ONCE)
        self._connected = True  # until the first failure, which is logged

    async def run(self) -> None:
        """Takes and answers letters until cancelled; a relay that is away is tried less and less often."""
        try:
            async with asyncio.TaskGroup() as waiters:
                for _ in range(_WAITERS):
                    waiters.create_task(self._wait())
        finally:
            for task in self._answering:
                task.cancel()

    async def _wait(self) -> None:
        pause_s = _FIRST_PAUSE_S
        while True:
            await self._free.acquire()
            reply = await self._take()
            letter = reply if isinstance(reply, Reply) and reply.status == httpx.codes.OK else None
            if letter is not None:
                task = asyncio.create_task(self._serve(letter))
                self._answering.add(task)
                task.add_done_callback(self._answered)
            else:
                self._free.release()
            if isinstance(reply, Reply) and reply.status in (httpx.codes.OK, httpx.codes.NO_CONTENT):
                self._tell(connected=True)
                pause_s = _FIRST_PAUSE_S
                continue
            reason = reply.reason if isinstance(reply, Silence) else f"HTTP status {reply.status}"
            self._tell(connected=False, reason=reason)
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def _answered(self, task: asyncio.Task[None]) -> None:
        self._answering.discard(task)
        self._free.release()
        if not task.cancelled() and (fault := task.exception()) is not None:
            # Its text could hold part of a question.
            _log.error("a letter from the relay could not be answered: %s", type(fault).__name__)

    def _tell(self, *, connected: bool, reason: str = "") -> None:
        if connected != self._connected:
            _log.warning("relay %s: %s", self._relay, "connected" if connected else reason)
        self._connected = connected

    async def _take(self) -> Reply | Silence:
        key = self._home.key
        said = sealed.announce(self._home.node, key, self._seal.public, time.time())
        return await self._send("take", said.encode(), _PATIENCE_S)

    async def _send(self, what: str, body: bytes, timeout_s: float) -> Reply | Silence:
        call = Call("POST", f"{MAILBOXES}/{self._home.key.thumbprint}/{what}", body)
        token = mint(self._home.key, self._home.node, self._relay, call, timeout_s, now_s=time.time())
        request = self._http.build_request(
            call.method, self._relay + call.path, content=body, headers={"authorization": f"Bearer {token}"}
        )
        return await exchange(self._http, request, timeout_s=timeout_s, most_bytes=MOST_BYTES)

    async def _serve(self, letter: Reply) -> None:
        try:
            asked = sealed.read_asked(self._seal.open(letter.body))
        except Unreadable:
            body = b""  # sealed to the key of an earlier connection
        else:
            body = sealed.seal(sealed.write(await self._answer(asked)), asked.answer_to)
        await self._send(f"letters/{letter.headers.get(TICKET, '')}", body, _ANSWER_S)

    async def _answer(self, asked: Asked) -> Answer:
        if not asked.path.startswith(_OPEN) or ".." in asked.path:
            return Answer(asked.id, httpx.codes.NOT_FOUND, {}, b"")
        transport = httpx.ASGITransport(self._home.app, raise_app_exceptions=False)
        # The application serves at the root; a path in the address of the node is a proxy's.
        origin = httpx.URL(self._home.node).copy_with(raw_path=b"/")
        async with httpx.AsyncClient(transport=transport, base_url=origin) as inside:
            reply = await inside.request(asked.method, asked.path, content=asked.body, headers=asked.headers)
        headers = {name: value for name, value in reply.headers.items() if name in _TOLD}
        return Answer(asked.id, reply.status_code, headers, reply.content)
