"""Visas: what trusted issuers assert of a person.  Each is verified by itself; `clearinghouse` combines them.

A visa names the address of its issuer's keys (`jku`).  That is compared with the configuration before
anything is fetched, so a visa can make this node call nobody.

Spec: GA4GH AAI OIDC profile 1.2 ("Visa Document Token Format"), GA4GH Passport 1.2.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from node.access.claims import LEEWAY_S, expiry_of, is_text, number_of, text_of, words_of
from node.access.compact import Claims, Compact, read_compact
from node.access.keysets import KeySource
from node.access.principal import Visa
from node.access.remembered import Remembered, digest
from schemas.errors import NotAuthorised

GRANTS: Final = "ControlledAccessGrants"
LINKED: Final = "LinkedIdentities"
_NEED_BY: Final = frozenset({GRANTS, "AcceptedTermsAndPolicies"})
_TYPES: Final = frozenset({"", "jwt", "vnd.ga4gh.visa+jwt"})
MAX_VISA: Final = 16_384  # characters
_LONGEST_S: Final = 3653 * 86_400.0
_REMEMBER: Final = 20_000
_REMEMBER_S: Final = 3600  # until the signature and the key behind it are looked at again
_MAX_URL: Final = 255


@dataclass(frozen=True, slots=True)
class VisaIssuer:
    """Whose visas count, and which of them.

    issuer, jku: exactly.  types: what it may assert; sources: on whose behalf.  max_age_s: how long after
    it was asserted something counts.  subjects_of: the issuers whose names for people it uses.
    """

    issuer: str
    jku: str
    keys: KeySource
    types: frozenset[str]
    sources: frozenset[str]
    algorithms: frozenset[str] = frozenset({"ES256", "RS256"})
    max_age_s: float = 365 * 86_400.0
    subjects_of: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Asserted:
    """A visa that was verified, its issuer, and its conditions as they stand in it."""

    visa: Visa
    issuer: VisaIssuer
    conditions: Any = None

    @property
    def is_plain(self) -> bool:
        """Without conditions, so that others may depend on it."""
        return self.conditions is None or self.conditions == []


class VisaReader:
    """Verifies single visas against a table of issuers."""

    def __init__(self, issuers: Iterable[VisaIssuer], clock: Callable[[], float] = time.time) -> None:
        self._by_name = {(issuer.issuer, issuer.jku): issuer for issuer in issuers}
        self._names = frozenset(name for name, _ in self._by_name)
        self._clock = clock
        self._known: Remembered[Asserted] = Remembered(_REMEMBER)

    async def read(self, document: str) -> Asserted:
        """What `document` asserts.  About 0.2 ms the first time.

        Raises NotAuthorised: why it does not count; IssuerUnavailable: its issuer's keys cannot be had.
        """
        now_s, key = self._clock(), digest(document)
        known = self._known.get(key, now_s)
        if known is not None:
            return known
        found = await self._verified(document, now_s)
        self._known.put(key, found, min(found.visa.expires_s, now_s + _REMEMBER_S))
        return found

    async def _verified(self, document: str, now_s: float) -> Asserted:
        signed = read_compact(document, max_chars=MAX_VISA)
        issuer = self._issuer_of(signed)
        keys = await issuer.keys.find(signed.kid)
        if not keys:
            raise NotAuthorised("it is signed with a key that its issuer does not have")
        signed.verify(keys, issuer.algorithms)
        return Asserted(_read(signed.claims, issuer, now_s), issuer, _object(signed.claims).get("conditions"))

    def _issuer_of(self, signed: Compact) -> VisaIssuer:
        """Everything that can be told before a key is looked for."""
        if signed.media_type not in _TYPES:
            raise NotAuthorised("it is of another type than a visa (typ)")
        signed.refuse_keys_inside(allowed=("jku",))
        name = text_of(signed.claims, "iss")
        if name not in self._names:
            raise NotAuthorised("its issuer is not trusted here")
        if "jku" not in signed.header:
            raise NotAuthorised("it does not name its keys (jku): visas as access tokens are not accepted")
        issuer = self._by_name.get((name, signed.member("jku")))
        if issuer is None:
            raise NotAuthorised("its keys are not where its issuer is known to have them (jku)")
        signed.check_algorithm(issuer.algorithms)
        return issuer


def _object(claims: Claims) -> dict[str, Any]:
    inner = claims.get("ga4gh_visa_v1")
    if not isinstance(inner, dict):
        raise NotAuthorised("it asserts nothing (ga4gh_visa_v1)")
    return inner


def _read(claims: Claims, issuer: VisaIssuer, now_s: float) -> Visa:
    """Raises NotAuthorised: not what this issuer may assert, or not any more."""
    inner = _object(claims)
    if "openid" in words_of(claims, "scope"):
        raise NotAuthorised("it is an access token (scope openid)")
    kind, source = text_of(inner, "type", _MAX_URL), text_of(inner, "source", _MAX_URL)
    if kind not in issuer.types:
        raise NotAuthorised("its issuer is not trusted to assert this type")
    if source not in issuer.sources:
        raise NotAuthorised("its source is not trusted for this issuer")
    by = inner.get("by")
    if by is not None and not is_text(by, 100):
        raise NotAuthorised("it does not say properly who asserts it (by)")
    if by is None and kind in _NEED_BY:
        raise NotAuthorised("it does not say who asserts it (by)")
    asserted_s = number_of(inner, "asserted")
    expires_s = min(expiry_of(claims, now_s, _LONGEST_S), asserted_s + issuer.max_age_s)
    if asserted_s > number_of(claims, "iat") + LEEWAY_S:
        raise NotAuthorised("it was asserted after it was issued")
    if expires_s <= now_s:
        raise NotAuthorised("it has expired, or was asserted too long ago")
    return Visa(
        issuer=issuer.issuer,
        subject=text_of(claims, "sub", 255),
        type=kind,
        value=text_of(inner, "value", 8000 if kind == LINKED else _MAX_URL),
        source=source,
        by=by,
        asserted_s=asserted_s,
        expires_s=expires_s,
    )
