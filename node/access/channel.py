"""Whether a request came in a way that nobody else can read: the condition for passwords, tokens and cookies.

That is TLS, ended here or at a proxy that the settings trust, or a program on the same machine that asks
without any proxy.  The public address does not count: it says how things should be, not how they are.

Spec: RFC 6749 §3.1 and §3.2 (TLS), RFC 8252 §8.3 (loopback).
"""

from __future__ import annotations

import ipaddress
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request

from schemas.errors import Forbidden

_FORWARDED: Final = (
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "x-real-ip",
    "via",
)


def is_tls(request: Request) -> bool:
    """Whether the person's own connection is TLS, as far as this node can know."""
    return request.url.scheme == "https"


def is_protected(request: Request) -> bool:
    """Whether nobody else can read what this request brings."""
    return is_tls(request) or _is_local(request)


def refuse_open(request: Request) -> None:
    """Raises Forbidden: what is sent could be read on the way; says what the operator has to set."""
    if is_protected(request):
        return
    raise Forbidden(
        "signing in is offered over TLS or on the node's own machine only. The operator can set "
        "[server] certificate and key, or trusted_proxies to the address of the proxy that ends TLS"
    )


def address_of(request: Request) -> str:
    """Where the request comes from: of a trusted proxy, what it says."""
    return request.client.host if request.client else "unknown"


def is_loopback(host: str | None) -> bool:
    """Whether a name or address is this machine.  Empty and None are not."""
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return host == "localhost"


def _is_local(request: Request) -> bool:
    """From this machine, to this machine, and nobody between: a proxy shows itself by what it adds, and a
    page elsewhere that resolves its own name to this machine by that name.
    """
    if any(name in request.headers for name in _FORWARDED):
        return False
    named = urlsplit(f"//{request.headers.get('host', '')}").hostname
    return is_loopback(address_of(request)) and is_loopback(named)
