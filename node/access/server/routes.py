"""`/oauth/...` for programs, and the documents under `/.well-known/` that describe it.

The page on which a person allows a client something, `/oauth/authorize`, is among the pages for people.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import orjson
from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from node.access.channel import refuse_open
from node.access.forms import read_form
from node.access.server.embedded import EmbeddedServer
from node.access.server.protocol import Answer
from schemas.errors import Forbidden, NodeError, NotAuthorised, OverBudget, StoreUnavailable

_NO_STORE: Final = {"cache-control": "no-store", "pragma": "no-cache"}
_PUBLIC: Final = {"cache-control": "public, max-age=300"}

Act = Callable[[Mapping[str, str], str | None], Answer]


def create_router(server: EmbeddedServer) -> APIRouter:
    """What Spec RFC 6749, 7009, 7662, 8414 and OpenID Connect Discovery have for programs."""
    router = APIRouter(tags=["sign-in"])

    @router.post("/oauth/token", summary="Tokens (RFC 6749, RFC 8693)")
    async def token(request: Request) -> Response:
        return await _answer(request, server.token)

    @router.post("/oauth/introspect", summary="What a token is worth (RFC 7662)")
    async def introspect(request: Request) -> Response:
        return await _answer(request, server.introspect)

    @router.post("/oauth/revoke", summary="Ends a token (RFC 7009)")
    async def revoke(request: Request) -> Response:
        return await _answer(request, server.revoke)

    @router.get("/oauth/userinfo", summary="Who a token is for (OpenID Connect)")
    @router.post("/oauth/userinfo", summary="Who a token is for (OpenID Connect)")
    async def userinfo(request: Request) -> Response:
        try:
            refuse_open(request)
            scheme, _, shown = request.headers.get("authorization", "").partition(" ")
            told = await run_in_threadpool(server.person, shown if scheme.lower() == "bearer" else "")
        except NotAuthorised as refusal:
            challenge = {"www-authenticate": 'Bearer error="invalid_token"'}
            return _json(401, _error("invalid_token", refusal.message), _NO_STORE | challenge)
        return _json(200, told, _NO_STORE)

    @router.get("/oauth/jwks", summary="Public keys (RFC 7517)")
    async def jwks() -> Response:
        return _json(200, server.jwks(), _PUBLIC)

    @router.get("/.well-known/oauth-authorization-server", summary="Metadata (RFC 8414)")
    @router.get("/.well-known/openid-configuration", summary="Metadata (OpenID Connect Discovery)")
    async def metadata() -> Response:
        return _json(200, server.metadata(), _PUBLIC)

    return router


async def _answer(request: Request, act: Act) -> Response:
    try:
        refuse_open(request)
        fields = await read_form(request)
        answer = await run_in_threadpool(act, fields, request.headers.get("authorization"))
    except NodeError as refusal:
        return _json(refusal.status, _error(_code(refusal), refusal.message), _NO_STORE)
    return _json(answer.status, answer.body or {}, answer.headers)


def _code(refusal: NodeError) -> str:
    """The error code of RFC 6749 §5.2 and §4.1.2.1 that is nearest."""
    match refusal:
        case Forbidden():
            return "access_denied"
        case StoreUnavailable() | OverBudget():
            return "temporarily_unavailable"
        case _:
            return "invalid_request"


def _error(code: str, description: str) -> dict[str, str]:
    return {"error": code, "error_description": description}


def _json(status: int, body: object, headers: Mapping[str, str]) -> Response:
    return Response(orjson.dumps(body), status, dict(headers), media_type="application/json")
