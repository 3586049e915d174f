"""What a request presents: its headers, and the passports posted beside a question."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

import orjson
from starlette.requests import Request

from node.access.authenticator import Presented
from node.access.passports import posted_passports

# A session is shown by a cookie.
_CREDENTIALS: Final = frozenset({b"authorization", b"dpop", b"cookie"})


def shows_anything(request: Request) -> bool:
    """Whether there can be credentials in `request`: in its headers, or in a body."""
    return request.method != "GET" or not _CREDENTIALS.isdisjoint(dict(request.scope["headers"]))


async def presented_by(
    request: Request, read_body: Callable[[Request], Awaitable[bytes]] | None = None
) -> Presented:
    """The credentials of `request`.

    read_body: gives the body, within its limits and as often as it is asked for; None where nothing is posted
    with passports.  A body that is no JSON has none: whoever reads the question refuses it.

    Raises BadQuestion: `passports` that are not a list of texts; and whatever `read_body` raises.
    """
    passports: tuple[str, ...] = ()
    if read_body is not None and request.method == "POST":
        passports = _posted(await read_body(request))
    return Presented(
        method=request.method,
        path=_path(request),
        authorization=tuple(header(request, b"authorization")),
        dpop=tuple(header(request, b"dpop")),
        passports=passports,
    )


def header(request: Request, name: bytes) -> list[str]:
    """Every value that `request` has for a header; name: in lower case."""
    return [value.decode("latin-1") for key, value in request.scope["headers"] if key == name]


def _posted(body: bytes) -> tuple[str, ...]:
    if b"passports" not in body and b"\\u" not in body:  # the name could be written with escapes
        return ()
    try:
        return posted_passports(orjson.loads(body))
    except orjson.JSONDecodeError:
        return ()


def _path(request: Request) -> str:
    """As it stands in the request line, below where this application is mounted."""
    raw: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    return raw.partition(b"?")[0].decode("ascii", errors="replace")
