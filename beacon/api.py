"""Beacon v2 over HTTP: the routes of every entry type and of the framework, and the error envelope.

Paths have no prefix: the node includes the router under `/beacon`, and again under `/network/beacon` with its
network behind it.  Answers leave as finished bytes.  Errors are raised, and the node turns them into
`error_reply`.

Spec: Beacon v2 framework/json/endpoints.json and responses/beaconErrorResponse.json.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from concurrent.futures import Executor
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, ParamSpec, TypeVar, cast
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request
from fastapi.routing import APIRoute
from starlette import responses
from starlette.exceptions import HTTPException

from beacon.entries import ENDPOINTS, ENTRY_TYPES, Endpoint, answer
from beacon.framework import FRAMEWORK, Document, filtering_terms
from beacon.openapi import get_question, post_question, replies, terms_question
from beacon.query import VARIANTS, Asked, read_page
from beacon.room import Beacon
from beacon.terms import TermsEndpoint, terms_endpoints
from schemas import beacon as wire
from schemas.access import Grant, Granularity
from schemas.errors import (
    BadQuestion,
    MethodNotAllowed,
    NodeError,
    NotFound,
    TooLarge,
)
from schemas.ga4gh import NodeIdentity

MAX_BODY_BYTES: Final = 1_000_000
_BODY: Final = "varhaven.body"
_JSON: Final = "application/json"
# What was asked and answered is kept by nobody on the way.
_EVERY_ANSWER: Final = ((b"cache-control", b"no-store"), (b"content-type", _JSON.encode()))

_Given = ParamSpec("_Given")
_Made = TypeVar("_Made")
Authorise = Callable[[Request], Grant | Awaitable[Grant]]
"""Who asks, and what he may see.  Raises NotAuthorised: credentials that are not valid."""

Respond = Callable[[Asked, Grant], Awaitable[wire.Response]]
"""Answers a question that was read.  Raises NodeError."""

ListTerms = Callable[[TermsEndpoint, str, Grant], Awaitable[Mapping[str, Any]]]
"""The filtering terms at an endpoint, with the id in its path.  Raises NodeError."""

Ask = Callable[[Request], Awaitable[responses.Response]]
"""Reads a request and answers it.  Raises NodeError."""


class _Direct(APIRoute):
    """A route whose endpoint reads the request itself.

    FastAPI's own reading of parameters, which is left out, would cost more than looking up an allele.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, responses.Response]]:
        return cast("Callable[[Request], Coroutine[Any, Any, responses.Response]]", self.endpoint)


class _Told(responses.Response):
    """An answer with the headers that every answer has."""

    def __init__(self, body: bytes) -> None:
        self.status_code, self.background, self.body = 200, None, body
        length = str(len(body)).encode()
        self.raw_headers = [*_EVERY_ANSWER, (b"content-length", length)]


@dataclass(frozen=True, slots=True)
class Responders:
    """Who answers questions about entries, and who lists filtering terms."""

    entries: Respond
    terms: ListTerms


def create_router(beacon: Beacon, authorise: Authorise, responders: Responders) -> APIRouter:
    """The whole Beacon API; the framework documents are for everybody."""
    router = APIRouter(tags=["beacon"])
    _add_terms(router, beacon, authorise, responders.terms)
    router.include_router(create_entry_router(authorise, responders.entries))
    for path, summary, document in FRAMEWORK:
        router.add_api_route(
            path,
            _framework_route(beacon, document),
            methods=["GET"],
            summary=summary,
            name=f"beacon {path or '/'}",
            responses=replies(wire.Informational) if path != "/service-info" else None,
        )
    return router


def create_entry_router(authorise: Authorise, respond: Respond) -> APIRouter:
    """GET and POST for every entry type; credentials are judged before the question is read."""
    router = APIRouter(tags=["beacon"], route_class=_Direct)
    asking = entry_routes(authorise, respond)
    for endpoint in ENDPOINTS:
        for method, described in (("GET", get_question), ("POST", post_question)):
            router.add_api_route(
                f"/{endpoint.path}",
                asking[endpoint.path],
                methods=[method],
                summary=endpoint.entry.description,
                name=f"{method} {endpoint.path}",
                responses=replies(declare=endpoint is ENDPOINTS[0] and method == "GET"),
                openapi_extra=described(endpoint),
            )
    return router


def entry_routes(authorise: Authorise, respond: Respond) -> dict[str, Ask]:
    """What answers a GET or POST for every entry type, by its path without a slash before it."""
    return {endpoint.path: _entry_route(endpoint, authorise, respond) for endpoint in ENDPOINTS}


def _add_terms(router: APIRouter, beacon: Beacon, authorise: Authorise, terms: ListTerms) -> None:
    """The lists of filtering terms; `/individuals/filtering_terms` goes before `/individuals/{id}`."""
    for endpoint in terms_endpoints(ENTRY_TYPES):
        for method in ("GET",) if endpoint.of is None else ("GET", "POST"):
            router.add_api_route(
                f"/{endpoint.path}",
                _terms_route(beacon, endpoint, authorise, terms),
                methods=[method],
                summary="Terms that filters may name",
                name=f"{method} {endpoint.path}",
                responses=replies(wire.Informational, declare=endpoint.of is None),
                openapi_extra=terms_question(endpoint, method),
            )


async def answer_soon(
    beacon: Beacon, asked: Asked, grant: Grant, threads: Executor | None = None
) -> wire.Response:
    """`answer` without holding up the event loop: one allele is looked up at once, the rest in a thread.

    threads: in which the rest is looked up; those of the event loop when None.
    """
    if asked.is_wide:
        return await aside(threads, answer, beacon, asked, grant)
    return answer(beacon, asked, grant)


async def aside(
    threads: Executor | None, work: Callable[_Given, _Made], *given: _Given.args, **named: _Given.kwargs
) -> _Made:
    """What `work` gives, made in one of `threads`, within the trace of the request.

    Whoever waits for it can go away; it is then not begun, or its result is nobody's.
    """
    whole = partial(copy_context().run, work, *given, **named)
    return await asyncio.get_running_loop().run_in_executor(threads, whole)


async def read_request(endpoint: Endpoint, request: Request) -> Asked:
    """The question in a GET or POST at `endpoint`.

    Raises BadQuestion, NotHeld: see `beacon.query`; TooLarge.
    """
    entry, within = endpoint.entry, endpoint.within(request.path_params.get("id", ""))
    if request.method == "GET":
        return entry.read_get(_parameters(request), within)
    if request.scope["query_string"]:
        raise BadQuestion("a POST asks in its body; the URL may have no parameters")
    return entry.read_post(await body_of(request), within)


def _parameters(request: Request) -> list[tuple[str, str]]:
    """Those of the URL, in its order: what the framework makes of them, in half the time."""
    text = request.scope["query_string"].decode("latin-1")
    if "%" in text or "+" in text:
        return parse_qsl(text, keep_blank_values=True)
    return [(name, value) for name, _, value in (one.partition("=") for one in text.split("&") if one)]


def error_reply(
    identity: NodeIdentity, fault: NodeError | HTTPException, headers: Mapping[str, str] | None = None
) -> responses.Response:
    """The reply that tells a refusal or failure in Beacon's envelope, with the headers that belong to it."""
    own: dict[str, str] = dict(headers or {})
    if isinstance(fault, HTTPException):
        own |= fault.headers or {}
        fault = _from_framework(fault)
    own = {**fault.headers, **own}
    if fault.status == 401:
        own.setdefault("WWW-Authenticate", "Bearer")
    if fault.status == 413:
        own.setdefault("Connection", "close")  # the server would go on reading the body otherwise
    return responses.Response(error_body(identity, fault), fault.status, own, media_type=_JSON)


def error_body(identity: NodeIdentity, fault: NodeError) -> bytes:
    """Beacon's error envelope; the specification demands the whole meta section of an answer."""
    meta = Asked(VARIANTS, None, Granularity.BOOLEAN).meta(identity, Granularity.BOOLEAN)
    error = wire.Fault(errorCode=fault.status, errorMessage=fault.message, reason=fault.reason)
    told = wire.ErrorResponse(meta=meta, error=error)
    if fault.details:
        told["info"] = dict(fault.details)
    return wire.encode(told)


def _from_framework(fault: HTTPException) -> NodeError:
    if fault.status_code == 404:
        return NotFound("nothing is served at this path; /map lists what is")
    if fault.status_code == 405:
        return MethodNotAllowed("this path is asked with another method")
    return BadQuestion(str(fault.detail)) if fault.status_code < 500 else NodeError(str(fault.detail))


def _entry_route(endpoint: Endpoint, authorise: Authorise, respond: Respond) -> Ask:
    async def ask(request: Request) -> responses.Response:
        granted = authorise(request)
        grant = await granted if inspect.isawaitable(granted) else granted
        return _Told(wire.encode(await respond(await read_request(endpoint, request), grant)))

    return ask


def _terms_route(
    beacon: Beacon, endpoint: TermsEndpoint, authorise: Authorise, terms: ListTerms
) -> Callable[..., Any]:
    async def show(request: Request) -> responses.Response:
        granted = authorise(request)
        grant = await granted if inspect.isawaitable(granted) else granted
        body = await body_of(request) if request.method == "POST" else b""
        page = read_page(_parameters(request), body or b"{}")
        name = request.path_params.get("id", "")
        listed = await terms(endpoint, name, grant)
        document = wire.encode(filtering_terms(beacon, listed, page))
        return _Told(document)

    return show


def _framework_route(beacon: Beacon, document: Document) -> Callable[..., Any]:
    async def show(_request: Request) -> responses.Response:
        return responses.Response(wire.encode(document(beacon)), media_type=_JSON)

    return show


async def body_of(request: Request) -> bytes:
    """The body of a question, however often it is asked for.  Raises TooLarge."""
    if _BODY in request.scope:  # which, unlike its state, no two requests share
        return cast(bytes, request.scope[_BODY])
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise TooLarge(f"a question may have {MAX_BODY_BYTES / 1e6:g} MB at most")
    request.scope[_BODY] = whole = bytes(body)
    return whole
