"""Refusals and faults at the edge: told to the asker in an envelope, and to the operator by their place."""

from __future__ import annotations

import logging
import traceback
from typing import Final

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from beacon import api
from matchmaker import api as exchange
from schemas.errors import NodeError
from schemas.ga4gh import NodeIdentity

_EXCHANGE: Final = ("/mme/", "/network/mme/", "/cases")
_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
_log: Final = logging.getLogger(__name__)


def install_errors(app: FastAPI, identity: NodeIdentity) -> None:
    """Refusals, and paths and methods that are not served, are told as the protocol of the path does."""

    async def refuse(request: Request, fault: Exception) -> Response:
        assert isinstance(fault, NodeError | HTTPException)  # noqa: S101  # what it is registered for
        reply = told(identity, request, fault)
        if reply.status_code == 405:
            reply.headers["allow"] = ", ".join(_allowed(request))
        return reply

    app.add_exception_handler(NodeError, refuse)
    app.add_exception_handler(HTTPException, refuse)


def told(identity: NodeIdentity, request: Request, fault: NodeError | HTTPException) -> Response:
    """In the envelope of the exchange below its paths, and in Beacon's elsewhere."""
    if request.scope["path"].startswith(_EXCHANGE):
        return exchange.error_reply(fault)
    return api.error_reply(identity, fault)


def _allowed(request: Request) -> list[str]:
    """The methods of this path, which may be those of several routes."""
    routes = request.app.router.routes
    return [
        method
        for method in _METHODS
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in routes)
    ]


class Shield:
    """The outermost edge: a fault of this program becomes a 500 for the asker and one line for the operator.

    The line tells the place alone: a traceback or a database's message could quote a question or a genotype.
    """

    def __init__(self, app: ASGIApp, identity: NodeIdentity) -> None:
        self._app = app
        self._identity = identity

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception as fault:  # noqa: BLE001  # nothing lies outside of this
            _log.error("internal fault: %s", _place(fault))
            if scope["type"] == "http" and not begun:
                failed = NodeError("this node failed to answer; its operator can see where")
                await told(self._identity, Request(scope), failed)(scope, receive, send)


def _place(fault: BaseException) -> str:
    frames = traceback.extract_tb(fault.__traceback__)
    where = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    return f"{type(fault).__name__}{where}"
