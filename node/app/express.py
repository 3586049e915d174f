"""The short way to the answers that are asked for most: those of the Beacon's entry types.

A web framework that compares a path with a hundred others takes longer over it than the store over its
answer.  Paths without an identifier are looked up here at once; everything else goes the ordinary way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from beacon.api import Ask
from schemas.errors import NodeError


class Express:
    """asking: what answers, by the whole path.  refuse: the reply that tells a refusal."""

    def __init__(
        self, app: ASGIApp, asking: Mapping[str, Ask], refuse: Callable[[Request, NodeError], Response]
    ) -> None:
        self._app = app
        self._asking = {path: ask for path, ask in asking.items() if "{" not in path}
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        ask = self._asking.get(scope.get("path", ""))
        if ask is None or scope.get("method") not in ("GET", "POST") or scope.get("root_path"):
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive, send)
        try:
            response = await ask(request)
        except NodeError as fault:
            response = self._refuse(request, fault)
        await response(scope, receive, send)
