"""The public keys of an issuer: given by this node itself, or fetched from where its operator wrote down.

A fetched set is kept for ten minutes, fetched anew when a token names a key that is not in it (but not more
often than twice a minute, whatever the tokens say), and kept through an outage for a day at most.

Spec: RFC 7517 (JWK sets), OpenID Connect Discovery 1.0 §4, RFC 8414.
"""

from __future__ import annotations

import asyncio
import time
from base64 import urlsafe_b64decode
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey, import_key

from node.access.compact import read_object
from node.access.outbound import Reply
from schemas.errors import IssuerUnavailable

FRESH_S: Final = 600
COOLDOWN_S: Final = 30  # between fetches of one set, however many unknown keys are named
RETRY_S: Final = 10  # after a fetch that failed
STALE_S: Final = 86_400  # the longest that keys are believed without being confirmed
MIN_RSA_BITS: Final = 2048
_MAX_KEYS: Final = 50
_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


class KeySource(Protocol):
    """Where the keys of one issuer come from."""

    async def find(self, kid: str) -> tuple[Key, ...]:
        """The keys that bear this id; empty when there is none.  Raises IssuerUnavailable."""


class Fetch(Protocol):
    """What is needed of the network."""

    async def get(self, url: str) -> Reply: ...


class GivenKeys:
    """Keys of this very process: of the authorization server inside it."""

    def __init__(self, current: Callable[[], Iterable[Key]]) -> None:
        """current: asked for every document, so that a new key counts at once."""
        self._current = current

    async def find(self, kid: str) -> tuple[Key, ...]:
        return tuple(key for key in self._current() if key.kid == kid)


@dataclass(slots=True)
class _Held:
    """keys: of the last fetch that worked.  fetched_s, tried_s: when, in Unix time."""

    keys: tuple[Key, ...] = ()
    fetched_s: float = float("-inf")
    tried_s: float = float("-inf")


class FetchedKeys:
    """The set at one address.  `fetches` counts requests to it, for tests and metrics."""

    def __init__(
        self, fetch: Fetch, address: Callable[[], Awaitable[str]], clock: Callable[[], float] = time.time
    ) -> None:
        """address: a coroutine function that gives the URL of the set."""
        self._fetch = fetch
        self._address = address
        self._clock = clock
        self._held = _Held()
        self._one = asyncio.Lock()
        self.fetches = 0

    async def find(self, kid: str) -> tuple[Key, ...]:
        if not self._may_stay(kid):
            async with self._one:
                if not self._may_stay(kid):  # while this waited, another may have fetched
                    await self._refresh()
        if self._clock() - self._held.fetched_s > STALE_S:
            raise IssuerUnavailable("the keys of the issuer of this token cannot be had; ask again later")
        return self._known(kid)

    def _known(self, kid: str) -> tuple[Key, ...]:
        return tuple(key for key in self._held.keys if key.kid == kid)

    def _may_stay(self, kid: str) -> bool:
        """Whether what is held will do, or nothing better can be had now."""
        held, now_s = self._held, self._clock()
        if held.tried_s > held.fetched_s and now_s - held.tried_s < RETRY_S:
            return True  # the last try failed a moment ago
        if now_s - held.fetched_s >= FRESH_S:
            return False
        return bool(self._known(kid)) or now_s - held.tried_s < COOLDOWN_S

    async def _refresh(self) -> None:
        try:
            self.fetches += 1
            keys = read_keys(await self._fetch.get(await self._address()))
        except IssuerUnavailable:
            self._held.tried_s = self._clock()
            return  # what is held stays, for as long as `find` believes it
        now_s = self._clock()
        self._held = _Held(keys, now_s, now_s)


def read_keys(reply: Reply) -> tuple[Key, ...]:
    """The public signature keys of a JWK set.

    A key that cannot be used (of another kind, too short, exotic, symmetric) is left out; it does not spoil
    the set.  Raises IssuerUnavailable: not a JWK set.
    """
    if reply.status != 200:
        raise IssuerUnavailable(f"the keys of the issuer were refused with HTTP {reply.status}")
    try:
        entries = read_object(reply.body)["keys"]
    except (ValueError, KeyError):
        raise IssuerUnavailable("the issuer answers with something else than its keys") from None
    if not isinstance(entries, list):
        raise IssuerUnavailable("the issuer answers with something else than its keys")
    found = (read_key(entry) for entry in entries[:_MAX_KEYS])
    return tuple(key for key in found if key is not None)


def read_key(entry: Any) -> Key | None:
    """The public half of a JWK that may verify signatures; None when it is no such key."""
    if not isinstance(entry, dict) or entry.get("kty") not in ("EC", "RSA", "OKP"):
        return None
    try:
        if entry.get("use", "sig") != "sig" or "verify" not in entry.get("key_ops", ["verify"]):
            return None
        if entry["kty"] == "RSA" and _bits(entry["n"]) < MIN_RSA_BITS:
            return None
        key = import_key({name: value for name, value in entry.items() if name not in _PRIVATE})
    except (JoseError, ValueError, TypeError, KeyError):  # KeyError: a curve the library does not know
        return None
    return key if isinstance(key, ECKey | RSAKey | OKPKey) else None


def _bits(modulus: str) -> int:
    """Of a number in base64url.  RFC 7518 §6.3.1.1."""
    return int.from_bytes(urlsafe_b64decode(modulus + "=" * (-len(modulus) % 4))).bit_length()
