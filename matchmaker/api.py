"""The routes of Matchmaker Exchange over HTTP: who asks, in which version, and the answer in its media type.

Order of refusals: 405 by the path, 401 before anything else is looked at, then 415 and 406 by the headers,
400 for what is no JSON, 422 for what is no question.  A refusal is JSON with `message` in the newest version.

Spec: https://github.com/ga4gh/mme-apis (search-api.md, heartbeat-api.md, metrics-api.md), v1.1
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson
from fastapi import APIRouter, Request
from starlette import responses
from starlette.exceptions import HTTPException

from schemas.errors import (
    BadQuestion,
    MethodNotAllowed,
    NodeError,
    NotAuthorised,
    NotFound,
    OverBudget,
    TooLarge,
)
from schemas.exchange import (
    Heartbeat,
    Metrics,
    answer_version,
    error_document,
    media_type,
    spoken_version,
)
from schemas.mme import MatchRequest, as_version, read_request

_HEADERS: Final[Mapping[int, Mapping[str, str]]] = {
    NotAuthorised.status: {"www-authenticate": 'X-Auth-Token, Bearer error="invalid_token"'},
    OverBudget.status: {"retry-after": "60"},
    TooLarge.status: {"connection": "close"},
}
_PRIVATE: Final = {"cache-control": "no-store"}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, as the audit names him, and the body he sent."""

    name: str
    body: bytes


Receive = Callable[[Request], Awaitable[Caller]]
"""Who sent a request, and its body; raises NotAuthorised, TooLarge."""
Answer = Callable[[Caller, MatchRequest], Awaitable[Mapping[str, Any]]]
"""The document that answers a question; may raise NodeError."""


@dataclass(frozen=True, slots=True)
class Office:
    """What the routes need of their node."""

    receive: Receive
    answer: Answer
    heartbeat: Callable[[], Heartbeat]
    metrics: Callable[[], Awaitable[Metrics]]


def create_router(office: Office) -> APIRouter:
    """`/match`, `/heartbeat` and `/metrics`, to be mounted under the path of the exchange."""
    router = create_match_router(office.receive, office.answer)

    @router.get("/heartbeat", summary="Whether the exchange is in service, and in which versions")
    async def heartbeat(request: Request) -> responses.Response:
        await office.receive(request)
        return _told(office.heartbeat().document(), answer_version(request.headers.get("accept")))

    @router.get("/metrics", summary="How many cases there are, and how often they were asked for")
    async def metrics(request: Request) -> responses.Response:
        await office.receive(request)
        version = answer_version(request.headers.get("accept"))
        return _told((await office.metrics()).document(), version)

    return router


def create_match_router(receive: Receive, answer: Answer) -> APIRouter:
    """`/match` alone."""
    router = APIRouter(tags=["matchmaker"])

    @router.post("/match", summary="Patients who resemble the one sent")
    async def match(request: Request) -> responses.Response:
        caller = await receive(request)
        spoken = spoken_version(request.headers.get("content-type"))
        version = answer_version(request.headers.get("accept"), spoken)
        document = await answer(caller, read_request(caller.body))
        return _told(as_version(document, version), version)

    return router


def _told(document: Mapping[str, Any], version: str) -> responses.Response:
    return responses.Response(orjson.dumps(document), headers=_PRIVATE, media_type=media_type(version))


def error_reply(fault: NodeError | HTTPException) -> responses.Response:
    """A refusal, or a path or method that is not served, as the exchange tells it."""
    told = fault if isinstance(fault, NodeError) else _from_framework(fault)
    headers = {**_PRIVATE, **_HEADERS.get(told.status, {})}
    body = orjson.dumps(error_document(told))
    return responses.Response(body, told.status, headers=headers, media_type=media_type())


def _from_framework(fault: HTTPException) -> NodeError:
    if fault.status_code == 404:
        return NotFound("nothing is served at this path; there are match, heartbeat and metrics")
    if fault.status_code == 405:
        return MethodNotAllowed("this path is asked with another method")
    return BadQuestion(str(fault.detail)) if fault.status_code < 500 else NodeError(str(fault.detail))
