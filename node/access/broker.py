"""Where the visas of a token's holder come from: the issuer of the token, or this node itself.

A user's token is shown to the issuer that made it and to nobody else.  What was got is remembered for an hour
at most, and no longer than the token lives.

Spec: GA4GH AAI OIDC profile 1.2 ("Passport-Scoped Access Token", "Token exchange"), RFC 8693.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from node.access.claims import is_text
from node.access.compact import Claims, read_object
from node.access.discovery import ClientProof, Metadata
from node.access.outbound import Outbound, Reply
from node.access.principal import Caller
from node.access.remembered import Remembered, digest
from schemas.errors import IssuerUnavailable, NotAuthorised

PASSPORT_SCOPE: Final = "ga4gh_passport_v1"
PASSPORT_CLAIM: Final = "ga4gh_passport_v1"
_REMEMBER: Final = 10_000
_REMEMBER_S: Final = 3600
_EXCHANGE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
_ACCESS_TOKEN: Final = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105  # a name
_PASSPORT: Final = "urn:ga4gh:params:oauth:token-type:passport"


@dataclass(frozen=True, slots=True)
class Fetched:
    """Visas one by one, or a passport that holds them and is signed itself."""

    visas: tuple[str, ...] = ()
    passport: str = ""


class PassportSource(Protocol):
    async def fetch(self, token: str, caller: Caller) -> Fetched:
        """The visas of `caller`, who showed `token`.

        Raises NotAuthorised: his issuer does not know the token; IssuerUnavailable.
        """


class LocalVisas:
    """Those that this node's own authorization server gives."""

    def __init__(self, visas: Callable[[str], Iterable[str]]) -> None:
        """visas: the signed visas of a subject; it may read the database, so it is asked in a thread."""
        self._visas = visas

    async def fetch(self, token: str, caller: Caller) -> Fetched:  # noqa: ARG002  # the name is enough here
        return Fetched(tuple(await asyncio.to_thread(self._visas, caller.subject)))


class BrokeredVisas:
    """Those that a passport broker gives for its own passport-scoped tokens, by exchange or at userinfo."""

    def __init__(
        self,
        metadata: Metadata,
        proof: ClientProof | None,
        outbound: Outbound,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """proof: as which client the token is exchanged; None: userinfo is asked."""
        self._metadata = metadata
        self._proof = proof
        self._outbound = outbound
        self._clock = clock
        self._known: Remembered[Fetched] = Remembered(_REMEMBER)

    async def fetch(self, token: str, caller: Caller) -> Fetched:
        if PASSPORT_SCOPE not in caller.scopes:
            return Fetched()
        now_s, key = self._clock(), digest(token)
        known = self._known.get(key, now_s)
        if known is not None:
            return known
        found = await (self._exchanged(token) if self._proof else self._from_userinfo(token, caller))
        self._known.put(key, found, min(caller.expires_s, now_s + _REMEMBER_S))
        return found

    async def _exchanged(self, token: str) -> Fetched:
        assert self._proof is not None  # noqa: S101  # see `fetch`
        form = {
            "grant_type": _EXCHANGE,
            "requested_token_type": _PASSPORT,
            "subject_token": token,
            "subject_token_type": _ACCESS_TOKEN,
        }
        form |= self._proof.form(self._metadata.issuer, self._clock())
        url = await self._metadata.endpoint("token_endpoint")
        said = self._read(await self._outbound.post(url, form, self._proof.headers()))
        passport = said.get("access_token")
        if said.get("issued_token_type") != _PASSPORT or not isinstance(passport, str):
            raise IssuerUnavailable(f"{self._metadata.issuer} does not answer with a passport")
        return Fetched(passport=passport)

    async def _from_userinfo(self, token: str, caller: Caller) -> Fetched:
        url = await self._metadata.endpoint("userinfo_endpoint")
        said = self._read(await self._outbound.get(url, {"authorization": f"Bearer {token}"}))
        if said.get("sub") != caller.subject:
            raise NotAuthorised("the issuer of the token tells of somebody else than the token does")
        visas = said.get(PASSPORT_CLAIM, [])
        if not isinstance(visas, list) or not all(is_text(visa, 100_000) for visa in visas):
            raise IssuerUnavailable(f"{self._metadata.issuer} does not answer with a list of visas")
        return Fetched(tuple(visas))

    def _read(self, reply: Reply) -> Claims:
        if reply.status in (400, 401, 403):
            raise NotAuthorised("the issuer of the token gives no passport for it; ask for a new token")
        try:
            said = read_object(reply.body) if reply.status == 200 else None
        except ValueError:
            said = None
        if said is None:
            raise IssuerUnavailable(
                f"{self._metadata.issuer} does not answer with a passport (HTTP {reply.status})"
            )
        return said
