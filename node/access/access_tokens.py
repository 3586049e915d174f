"""Access tokens of people and programs: whose they are, for whom, through which client, and until when.

Everything is compared exactly with what the operator wrote down for the issuer.  What was verified once is
remembered by its digest for five minutes at most, so that a key that an issuer takes back counts soon.

Spec: RFC 9068 §4, RFC 8725, RFC 9449 §6.1 (cnf.jkt).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from node.access.claims import expiry_of, names_of, text_of, words_of
from node.access.compact import Claims, Compact, looks_signed, read_compact
from node.access.introspection import CONFIRMED_S
from node.access.issuers import Issuer
from node.access.principal import Caller
from node.access.remembered import Remembered, digest
from schemas.errors import NotAuthorised

MAX_TOKEN: Final = 16_384  # characters
_REMEMBER_S: Final = 300
_REMEMBER: Final = 10_000
_REFUSED_S: Final = 30  # how long an opaque token that was refused is not asked about again
_BEARER: Final = frozenset({"Bearer", "DPoP"})
# Claims of other documents that an issuer signs with the same key.
_ELSEWHERE: Final = {
    "nonce": "an ID token",
    "at_hash": "an ID token",
    "c_hash": "an ID token",
    "events": "a logout token",
    "fed": "a token between nodes",
    "ga4gh_visa_v1": "a visa",
    "ga4gh_passport_v1": "a passport",
}


@dataclass(frozen=True, slots=True)
class Believed:
    """A token that was verified.

    key: the thumbprint of the key it is bound to; "" when whoever bears it may use it.
    """

    issuer: Issuer
    caller: Caller
    key: str
    claims: Claims = field(repr=False)


class AccessTokens:
    """Verifies tokens against a table of issuers."""

    def __init__(self, issuers: Iterable[Issuer], clock: Callable[[], float] = time.time) -> None:
        """At most one issuer may be asked about opaque tokens: a token is shown to nobody but its issuer."""
        self._by_name = {issuer.issuer: issuer for issuer in issuers}
        opaque = [issuer for issuer in self._by_name.values() if issuer.introspection is not None]
        self._opaque = opaque[0] if opaque else None
        self._clock = clock
        self._known: Remembered[Believed | str] = Remembered(_REMEMBER)

    async def read(self, token: str) -> Believed:
        """Whose token it is.  About 0.2 ms the first time, some microseconds afterwards.

        Raises NotAuthorised: for any reason; IssuerUnavailable: it cannot be told now.
        """
        found = await self._found(token)
        live = found.issuer.is_live
        if live is not None and not await asyncio.to_thread(live, found.claims):
            raise NotAuthorised("the token was ended; sign in again")
        return found

    async def _found(self, token: str) -> Believed:
        now_s, key = self._clock(), digest(token)
        known = self._known.get(key, now_s)
        if isinstance(known, str):
            raise NotAuthorised(known)
        if known is not None:
            return known
        found = await (self._signed(token) if looks_signed(token) else self._asked(token, self._opaque))
        remembered_s = _REMEMBER_S if found.issuer.introspection is None else CONFIRMED_S
        self._known.put(key, found, min(found.caller.expires_s, now_s + remembered_s))
        return found

    async def _signed(self, token: str) -> Believed:
        signed = read_compact(token, max_chars=MAX_TOKEN)
        name = signed.claims.get("iss")
        issuer = self._by_name.get(name) if isinstance(name, str) else None
        if issuer is None:
            raise NotAuthorised("the token is not of an issuer that this node trusts (iss, compared exactly)")
        if issuer.introspection is not None:
            return await self._asked(token, issuer)
        await _check_signature(signed, issuer)
        return self._believe(signed.claims, issuer)

    async def _asked(self, token: str, issuer: Issuer | None) -> Believed:
        if issuer is None or issuer.introspection is None:
            raise NotAuthorised("the token is not a signed token of an issuer that this node trusts")
        try:
            return self._believe(await issuer.introspection.ask(token), issuer)
        except NotAuthorised as refusal:
            self._known.put(digest(token), refusal.message, self._clock() + _REFUSED_S)
            raise

    def _believe(self, claims: Claims, issuer: Issuer) -> Believed:
        """What claims say that come from the issuer itself.  Raises NotAuthorised."""
        _check_kind(claims, issuer)
        expires_s = expiry_of(claims, self._clock(), issuer.max_life_s)
        for name in issuer.profile.needs:
            text_of(claims, name, 1000)
        _check_audience(claims, issuer)
        client = _client(claims, issuer)
        unnamed = issuer.profile.programs_unnamed and "sub" not in claims
        caller = Caller(
            issuer=issuer.issuer,
            subject=client if unnamed else text_of(claims, "sub", 255),
            client=client,
            expires_s=expires_s,
            roles=issuer.roles_in(claims),
            scopes=words_of(claims, "scope"),
        )
        return Believed(issuer, caller, _bound_key(claims), claims)


async def _check_signature(signed: Compact, issuer: Issuer) -> None:
    """Nothing of the header but `kid` chooses a key, and only from the issuer's own."""
    if signed.media_type not in issuer.profile.header_types:
        wanted = " or ".join(sorted(issuer.profile.header_types))
        raise NotAuthorised(f"an access token of this issuer must be of type {wanted} (typ)")
    signed.refuse_keys_inside()
    signed.check_algorithm(issuer.algorithms)
    keys = await issuer.keys.find(signed.kid)
    if not keys:
        raise NotAuthorised("the token is signed with a key that its issuer does not have (kid)")
    signed.verify(keys, issuer.algorithms)


def _check_kind(claims: Claims, issuer: Issuer) -> None:
    """Issuers sign other documents with the same keys; none of them is good for access."""
    wanted = issuer.profile.typ_claims
    for name, kind in _ELSEWHERE.items():
        # Keycloak before 25 puts the nonce into access tokens, too; there the claim `typ` tells them apart.
        if name in claims and not (wanted and name == "nonce"):
            raise NotAuthorised(f"this is {kind} ({name}), not an access token")
    kind = claims.get("typ", "" if wanted else "Bearer")
    if not isinstance(kind, str) or kind not in (wanted or _BEARER):
        raise NotAuthorised("this is not an access token (claim typ)")


def _check_audience(claims: Claims, issuer: Issuer) -> None:
    named = names_of(claims, "aud")
    if not named and not issuer.needs_audience and "aud" not in claims:
        return
    if issuer.audience not in named:
        raise NotAuthorised(f"the token is not for this node; its audience (aud) must be {issuer.audience}")
    if named - {issuer.audience} - issuer.other_audiences:
        raise NotAuthorised("the token is for others, too (aud); ask for one for this node alone")


def _client(claims: Claims, issuer: Issuer) -> str:
    named = {text_of(claims, name, 1000) for name in issuer.profile.client_claims if name in claims}
    if len(named) != 1:
        raise NotAuthorised("the token must name one client (client_id or azp)")
    client = named.pop()
    if issuer.clients is not None and client not in issuer.clients:
        raise NotAuthorised("the token was issued to a client that may not be used here")
    return client


def _bound_key(claims: Claims) -> str:
    if "cnf" not in claims:
        return ""
    bound = claims["cnf"]
    if not isinstance(bound, dict) or bound.keys() != {"jkt"}:
        raise NotAuthorised("the token is bound to something else than a key for DPoP (cnf)")
    return text_of(bound, "jkt", 100)
