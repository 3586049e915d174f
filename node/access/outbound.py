"""Asking the issuers of tokens and visas: single small requests to addresses that an operator wrote down.

An answer may come from anywhere and hold anything.  Redirects are not followed, compressed answers are
refused unread, time and size are bounded.  A name is resolved once and that very address is connected to, so
that a name server cannot show a public address first and a private one afterwards.  Addresses that are not
public (loopback, private networks, cloud metadata) are refused, except for hosts that are listed.  Where a
proxy is set it resolves the names, and it decides what can be reached.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
import urllib.request
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import SplitResult, urlsplit

import httpx

from node.config import AccessSection
from schemas.errors import BadInput, IssuerUnavailable, Place

TIMEOUT_S: Final = 5.0
MAX_BYTES: Final = 256_000
Resolve = Callable[[str, int], Awaitable[tuple[str, ...]]]
"""The addresses of a host, best first; raises OSError."""

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
_METADATA: Final = frozenset({ipaddress.ip_address("fd00:ec2::254"), ipaddress.ip_address("fd20:ce::254")})


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back, whole.  told_s: Unix time by the clock of who answered, if he tells."""

    status: int
    body: bytes
    told_s: float | None = None


async def resolve(host: str, port: int) -> tuple[str, ...]:
    """Through the system's resolver."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


class Outbound:
    """Sends requests to issuers.  Holds no connection: they are rare, and what they bring is cached."""

    def __init__(self, section: AccessSection, *, resolver: Resolve = resolve) -> None:
        """Raises BadInput: `ca_bundle` cannot be read."""
        self._private = frozenset(host.lower() for host in section.private_hosts)
        self._proxy = section.proxy
        self._resolve = resolver
        self._trusted = ssl.create_default_context()
        if section.ca_bundle is not None:
            try:
                self._trusted.load_verify_locations(cafile=section.ca_bundle)
            except OSError as fault:  # ssl.SSLError is one
                place = Place(str(section.ca_bundle), field="access.ca_bundle")
                remedy = "Give a file of certificates in PEM format."
                raise BadInput(place, f"cannot be read as certificates ({fault.strerror})", remedy) from None

    def may_ask(self, url: str) -> bool:
        """Whether `url` is one that can be asked at all: with TLS, or of a host that is listed."""
        parts = urlsplit(url)
        return parts.scheme == "https" or (parts.hostname or "") in self._private

    async def get(self, url: str, headers: Mapping[str, str] | None = None) -> Reply:
        """Raises IssuerUnavailable: there is no whole answer, whatever the reason."""
        return await self._send("GET", url, None, headers or {})

    async def post(
        self, url: str, form: Mapping[str, str], headers: Mapping[str, str] | None = None
    ) -> Reply:
        """Sends a form.  Raises IssuerUnavailable: as `get`."""
        return await self._send("POST", url, form, headers or {})

    async def _send(
        self, method: str, url: str, form: Mapping[str, str] | None, headers: Mapping[str, str]
    ) -> Reply:
        if not self.may_ask(url):
            raise IssuerUnavailable(f"{_shown(url)} has no TLS and is not one of access.private_hosts")
        try:
            async with asyncio.timeout(TIMEOUT_S):
                return await self._exchange(method, urlsplit(url), form, headers)
        except TimeoutError:
            raise IssuerUnavailable(f"{_shown(url)} gave no whole answer within {TIMEOUT_S:.0f} s") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as fault:
            # Its text could quote the request; its kind tells enough.
            raise IssuerUnavailable(f"{_shown(url)} cannot be reached ({type(fault).__name__})") from None

    async def _exchange(
        self, method: str, url: SplitResult, form: Mapping[str, str] | None, headers: Mapping[str, str]
    ) -> Reply:
        host = (url.hostname or "").lower()
        proxy = self._proxy_for(url.scheme, host)
        sent = {"accept": "application/json", "accept-encoding": "identity", "user-agent": "varhaven"}
        sent |= headers
        targets: tuple[str, ...] = (url.netloc,)
        extensions = {}
        if proxy is not None:
            self._refuse_bad_literal(host)
        else:
            port = url.port or (443 if url.scheme == "https" else 80)
            targets = tuple(f"{_bracketed(one)}:{port}" for one in await self._addresses(host, port))
            sent["host"] = url.netloc
            extensions["sni_hostname"] = host  # certificates are checked against the name
        async with httpx.AsyncClient(
            verify=self._trusted,
            proxy=proxy,
            trust_env=False,
            follow_redirects=False,
            timeout=httpx.Timeout(None),  # one deadline for everything
        ) as http:
            requests = [
                http.build_request(
                    method, url._replace(netloc=at).geturl(), data=form, headers=sent, extensions=extensions
                )
                for at in targets
            ]
            return await _read(await _first(http, requests), url.geturl())

    async def _addresses(self, host: str, port: int) -> tuple[str, ...]:
        """Where `host` is; every one of its addresses is permitted."""
        addresses = await self._resolve(host, port)
        for address in addresses:
            if not _is_permitted(address, listed=host in self._private):
                raise IssuerUnavailable(
                    f"{host!r} is at an address that is not public; if it is meant, list it in "
                    "access.private_hosts"
                )
        if not addresses:
            raise IssuerUnavailable(f"{host!r} has no address")
        return addresses

    def _refuse_bad_literal(self, host: str) -> None:
        try:
            permitted = _is_permitted(str(ipaddress.ip_address(host)), listed=False)
        except ValueError:
            return  # a name
        if not permitted:
            raise IssuerUnavailable(f"{host!r} is not a public address")

    def _proxy_for(self, scheme: str, host: str) -> str | None:
        if host in self._private:
            return None
        if self._proxy is not None:
            return self._proxy
        proxies = urllib.request.getproxies()
        if urllib.request.proxy_bypass(host):
            return None
        return proxies.get(scheme) or proxies.get("all")


async def _first(http: httpx.AsyncClient, requests: Sequence[httpx.Request]) -> httpx.Response:
    """The beginning of the reply of the first address that lets itself be connected to."""
    *others, last = requests
    for request in others:
        try:
            return await http.send(request, stream=True)
        except httpx.ConnectError:
            continue
    return await http.send(last, stream=True)


async def _read(response: httpx.Response, url: str) -> Reply:
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise IssuerUnavailable(f"{_shown(url)} answered compressed, though that was not asked for")
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > MAX_BYTES:
            raise IssuerUnavailable(f"{_shown(url)} answers with more than {MAX_BYTES / 1000:.0f} kB")
    return Reply(response.status_code, bytes(body), _told(response.headers.get("date", "")))


def _told(date: str) -> float | None:
    """Of a header `Date`.  RFC 9110 §6.6.1."""
    try:
        return parsedate_to_datetime(date).timestamp()
    except ValueError:
        return None


def _is_permitted(address: str, *, listed: bool) -> bool:
    """Whether an issuer may be at `address`; those of link-local networks and cloud metadata never."""
    one = ipaddress.ip_address(address.partition("%")[0])
    for plain in _meant(one):
        if plain.is_link_local or plain.is_multicast or plain.is_unspecified or plain in _METADATA:
            return False
        if not listed and not plain.is_global:
            return False
    return True


def _meant(address: _Address) -> tuple[_Address, ...]:
    """`address`, and the IPv4 address that it may stand for."""
    if isinstance(address, ipaddress.IPv4Address):
        return (address,)
    inner: _Address | None = address.ipv4_mapped or address.sixtofour
    if inner is None and address in _NAT64:
        inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if address.ipv4_mapped is not None:
        return (address.ipv4_mapped,)
    return (address,) if inner is None else (address, inner)


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def _shown(url: str) -> str:
    """Without anything that could be secret: scheme, host and path are configuration."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}{parts.path}"[:200]
