"""The edge around requests: which trace they belong to, and whether anybody still waits for the answer.

A caller who goes away takes the question back: everything that was asked for him is cancelled, and the peers
see it.
"""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from node import trace
from node.federation.attended import while_there

_ATTENDED: Final = ("/network/", "/federation/")
_GONE: Final[Message] = {"type": "http.disconnect"}


class Attendance:
    """Enters the trace of every request, and cancels those to the network whose caller has gone."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        name = trace.HEADER.encode()
        trace.enter(trace.read_trace(v.decode("latin-1") for k, v in scope["headers"] if k == name))
        if not scope["path"].startswith(_ATTENDED) and scope["path"] != "/":
            await self._app(scope, receive, send)
            return
        identified = _identified(send, trace.current().id)
        caller = _Caller(receive, scope["method"])
        await while_there(self._answer(scope, caller.receive, identified), caller.leaves())

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)


def _identified(send: Send, request_id: str) -> Send:
    """Tells the id of the request, by which an operator finds it in the audit of every node."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), (b"x-request-id", request_id.encode())]
        await send(message)

    return sending


class _Caller:
    """What arrives from a caller: the body, and then nothing until he goes away."""

    def __init__(self, receive: Receive, method: str) -> None:
        self._receive = receive
        self._whole = asyncio.Event()
        self._gone = asyncio.Event()
        self._empty = method in ("GET", "HEAD")  # nobody reads the body of these
        if self._empty:
            self._whole.set()

    async def receive(self) -> Message:
        """For the application, instead of the server's own."""
        if self._empty:
            self._empty = False
            return {"type": "http.request", "body": b"", "more_body": False}
        if self._whole.is_set():
            await self._gone.wait()
            return _GONE
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self._gone.set()
        if not message.get("more_body", False):
            self._whole.set()
        return message

    async def leaves(self) -> None:
        """Returns when the caller has gone."""
        await self._whole.wait()
        while not self._gone.is_set():
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self._gone.set()
