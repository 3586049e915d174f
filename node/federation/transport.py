"""One HTTP exchange with another node, bounded in time and size, that ends in a value whatever happens.

The other side may be slow, broken, replaced by a sign-in page, or hostile.  Redirects are not followed (a
token is for one address), cookies are not kept, and compressed answers are refused unread: a few kilobytes
can unpack to gigabytes.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import Final

import httpx

from node.config import FederationSection, PeerTerms
from schemas.errors import BadInput, Place
from schemas.network import PeerState

# Idle connections are dropped before common servers do so (after 5 s), which would look like a failure.
_CONNECTIONS: Final = httpx.Limits(max_connections=32, max_keepalive_connections=8, keepalive_expiry=4)
# Loopback is never reached through a proxy, whatever the environment says.
_DIRECT: Final = ("all://localhost", "all://127.0.0.1", "all://[::1]")


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back, whole.

    media_type: lower case, without parameters; "" when not told.  headers: names in lower case.
    """

    status: int
    media_type: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Silence:
    """Why nothing came back; `reason` is for a person."""

    state: PeerState
    reason: str


def open_http(federation: FederationSection, trusted: ssl.SSLContext | None = None) -> httpx.AsyncClient:
    """A client for exchanges with other machines, to be closed by whoever opened it.

    trusted: see `trusted_authorities`, which takes 20 ms; made anew when None.  The proxy variables of the
    environment (HTTPS_PROXY, HTTP_PROXY, NO_PROXY) are followed, except for loopback.

    Raises BadInput: `ca_bundle` cannot be read.
    """
    return httpx.AsyncClient(
        verify=trusted or trusted_authorities(federation),
        follow_redirects=False,
        timeout=httpx.Timeout(None),  # every exchange has one deadline for the whole of it
        limits=_CONNECTIONS,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        headers={"accept": "application/json", "accept-encoding": "identity", "user-agent": "varhaven"},
        mounts=dict.fromkeys(_DIRECT),
    )


def open_http_for(
    federation: FederationSection, terms: PeerTerms | None, trusted: ssl.SSLContext
) -> httpx.AsyncClient:
    """A client for one peer, which may be reached in a way of its own; see `open_http`.

    Where a proxy was agreed it is used whatever the environment says.

    Raises BadInput: certificates that cannot be read.
    """
    if terms is None or not (terms.proxy or terms.ca_bundle or terms.client_certificate):
        return open_http(federation, trusted)
    own = trusted_authorities(federation, terms.ca_bundle)
    if terms.client_certificate is not None:
        try:
            own.load_cert_chain(terms.client_certificate, terms.client_key)
        except OSError as fault:  # ssl.SSLError is one
            place = Place(str(terms.client_certificate), field="peers.client_certificate")
            remedy = "Give a certificate and its key in PEM format."
            raise BadInput(place, f"cannot be used ({fault.strerror or 'not PEM'})", remedy) from None
    client = open_http(federation, own)
    if terms.proxy is None:
        return client
    through = httpx.AsyncHTTPTransport(verify=own, proxy=terms.proxy, limits=_CONNECTIONS)
    return httpx.AsyncClient(
        transport=through,
        follow_redirects=False,
        timeout=httpx.Timeout(None),
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        headers=client.headers,
        trust_env=False,
    )


def trusted_authorities(federation: FederationSection, own: Path | None = None) -> ssl.SSLContext:
    """Certificates are checked against the system's authorities and those of `ca_bundle`.

    own: certificates of the authority of one peer, beside these.  Raises BadInput: they cannot be read.
    """
    trusted = ssl.create_default_context()
    for bundle in filter(None, (federation.ca_bundle, own)):
        try:
            trusted.load_verify_locations(cafile=bundle)
        except OSError as fault:  # ssl.SSLError is one
            place = Place(str(bundle), field="ca_bundle")
            remedy = "Give a file of certificates in PEM format."
            raise BadInput(place, f"cannot be read as certificates ({fault.strerror})", remedy) from None
    return trusted


async def exchange(
    http: httpx.AsyncClient, request: httpx.Request, *, timeout_s: float, most_bytes: int
) -> Reply | Silence:
    """Sends `request`; the whole reply, or why there is none.

    timeout_s: for everything, from looking up the name to the last byte.  most_bytes: of the body; a longer
    one, or one without an end, is given up as soon as it passes that.
    """
    begun: httpx.Response | None = None
    try:
        async with asyncio.timeout(timeout_s):
            begun = await http.send(request, stream=True)
            try:
                return await _read(begun, most_bytes)
            finally:
                await begun.aclose()
    except TimeoutError:
        return Silence(PeerState.TIMEOUT, f"no whole answer within {timeout_s:.1f} s")
    except (httpx.TransportError, OSError) as fault:
        return _silence(fault, begun is not None)


async def _read(response: httpx.Response, most_bytes: int) -> Reply | Silence:
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        return Silence(PeerState.BAD_RESPONSE, "answered compressed, though that was not asked for")
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > most_bytes:
            return Silence(PeerState.TOO_LARGE, f"the answer is larger than {most_bytes / 1e6:g} MB")
    media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    return Reply(response.status_code, media_type, bytes(body), dict(response.headers))


def _silence(fault: BaseException, begun: bool) -> Silence:
    """begun: whether an answer had begun to arrive."""
    cause: BaseException | None = fault
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return Silence(PeerState.TLS_ERROR, f"no trusted connection: {_tls_reason(cause)}")
        cause = cause.__cause__ or cause.__context__
    if begun:
        return Silence(PeerState.BAD_RESPONSE, "the answer broke off")
    if isinstance(fault, httpx.ConnectError | httpx.ProxyError):
        return Silence(PeerState.UNREACHABLE, "nothing answers at its address")
    if isinstance(fault, httpx.RemoteProtocolError) and "without sending" not in str(fault):
        return Silence(PeerState.BAD_RESPONSE, "what answers there does not speak HTTP")
    return Silence(PeerState.UNREACHABLE, "closed the connection without an answer")


def _tls_reason(fault: ssl.SSLError) -> str:
    if isinstance(fault, ssl.SSLCertVerificationError):
        return f"its certificate was refused ({fault.verify_message})"
    return (fault.reason or "TLS failed").replace("_", " ").lower()
