"""Credentials are judged wherever they are shown, also where nobody would have asked for them.

Most routes ask for the sender by themselves.  The others tell everybody the same (what this node is, its
pages), but whoever shows them a token that has ended learns of it here, not at his first question.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from schemas.errors import NodeError

_SHOWN: Final = frozenset({b"authorization", b"dpop"})
# They have credentials of their own, or are asked by machines that watch this one.
_ELSEWHERE: Final = ("/oauth/", "/federation/", "/mme/", "/metrics", "/healthz", "/readyz")


class Credentials:
    """identify: who sends a request, however often it is asked.  refuse: the reply that tells a refusal."""

    def __init__(
        self,
        app: ASGIApp,
        identify: Callable[[Request], Awaitable[object]],
        refuse: Callable[[Request, NodeError], Response],
    ) -> None:
        self._app = app
        self._identify = identify
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Of requests without a body; where one is posted, whoever reads it asks for the sender before."""
        if _is_judged_here(scope):
            request = Request(scope)
            try:
                await self._identify(request)
            except NodeError as fault:
                await self._refuse(request, fault)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _is_judged_here(scope: Scope) -> bool:
    if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
        return False
    if scope["path"].startswith(_ELSEWHERE):
        return False
    return any(name in _SHOWN for name, _ in scope["headers"])
