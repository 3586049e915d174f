"""`POST /network/stream`: a question to the network, told as each node answers.

Server-sent events, or the same as one JSON document a line for whoever accepts `application/x-ndjson`.  A
question stands in the body as for `/network/beacon/...`, below the same paths; at `/network/stream` itself,
`requestedSchemas` names the entry type, which is genomicVariant otherwise.

Spec: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any, Final

import orjson
from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from beacon.api import Authorise, body_of, read_request
from beacon.entries import ENDPOINTS, ENTRY_TYPES, Endpoint, entry_called
from beacon.openapi import post_question
from beacon.query import Asked
from node import stream
from node.app.inquiry import Event, Inquiry
from schemas.access import Grant
from schemas.errors import BadQuestion

STREAM: Final = "/network/stream"
_NDJSON: Final = "application/x-ndjson"
Inquire = Callable[[Asked, Grant], Inquiry]
"""Makes a question to the network ready, on behalf of who holds the grant."""


def create_stream_router(authorise: Authorise, inquire: Inquire) -> APIRouter:
    """`/network/stream` and the same below it for every path of the Beacon API."""
    router = APIRouter(prefix=STREAM, tags=["network"])
    for endpoint in (None, *ENDPOINTS):
        router.add_api_route(
            f"/{endpoint.path}" if endpoint else "",
            _route(endpoint, authorise, inquire),
            methods=["POST"],
            summary="A question to the network, told as each node answers",
            name=f"stream {endpoint.path if endpoint else ''}".strip(),
            response_class=StreamingResponse,
            openapi_extra=post_question(endpoint or Endpoint(ENTRY_TYPES[0])),
        )
    return router


def _route(endpoint: Endpoint | None, authorise: Authorise, inquire: Inquire) -> Callable[..., Any]:
    async def tell(request: Request) -> StreamingResponse:
        granted = authorise(request)
        grant = await granted if inspect.isawaitable(granted) else granted
        asked = await read_request(endpoint or await _named(request), request)
        return respond(request, inquire(asked, grant))

    return tell


async def _named(request: Request) -> Endpoint:
    """The endpoint of the entry type that the body names; what else stands there is judged by its reader.

    Raises BadQuestion: it names none that is served, or several.
    """
    try:
        schemas = orjson.loads(await body_of(request))["meta"]["requestedSchemas"]
        named = {str(schema["entityType"]) for schema in schemas if schema.get("entityType")}
    except (ValueError, KeyError, TypeError, AttributeError):
        named = set()
    found = {entry_called(name) for name in named}
    if None in found or len(found) > 1:
        served = ", ".join(entry.id for entry in ENTRY_TYPES)
        raise BadQuestion(f"requestedSchemas: one entry type is asked for at a time; served are {served}")
    return Endpoint(next(iter(found), None) or ENTRY_TYPES[0])


def respond(request: Request, inquiry: Inquiry) -> StreamingResponse:
    """The reply that tells the events of `inquiry` in the form that the caller accepts."""
    lines = _NDJSON in request.headers.get("accept", "").lower()
    written = _as_line if lines else _as_event
    media_type = _NDJSON if lines else stream.MEDIA_TYPE
    still_here = b"\n" if lines else stream.STILL_HERE
    return StreamingResponse(
        _written(inquiry, written, still_here), headers=stream.HEADERS, media_type=media_type
    )


async def _written(
    inquiry: Inquiry, written: Callable[[Event], bytes], still_here: bytes
) -> AsyncGenerator[bytes, None]:
    async with aclosing(inquiry.events()) as events, aclosing(stream.kept_alive(events)) as told:
        async for event in told:
            yield still_here if event is None else written(event)


def _as_event(event: Event) -> bytes:
    return stream.written(event.name, event.document)


def _as_line(event: Event) -> bytes:
    return orjson.dumps({"event": event.name, **event.document}) + b"\n"
