"""Passports: visas bundled and signed by a broker, posted with a question or given for a token.

Spec: GA4GH AAI OIDC profile 1.2 ("Passport format"); posted beside the question as in GA4GH DRS 1.2.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from node.access.broker import PASSPORT_CLAIM
from node.access.claims import expiry_of, is_text, names_of, text_of
from node.access.clearinghouse import MAX_VISAS, Person
from node.access.compact import MAX_DOCUMENT, read_compact
from node.access.issuers import Issuer
from schemas.errors import BadQuestion, NotAuthorised

_TYPE: Final = "vnd.ga4gh.passport+jwt"
MAX_POSTED: Final = 10


@dataclass(frozen=True, slots=True)
class Passport:
    """person: whose it is, as its broker names him.  visas: as they are signed, not verified here."""

    person: Person
    visas: tuple[str, ...]
    expires_s: float


class PassportReader:
    """Verifies passports of the brokers among a table of issuers."""

    def __init__(self, issuers: Iterable[Issuer], clock: Callable[[], float] = time.time) -> None:
        self._by_name = {issuer.issuer: issuer for issuer in issuers}
        self._clock = clock

    async def read(self, document: str, *, broker: Issuer | None = None) -> Passport:
        """The passport in `document`: of `broker`, or else of any whose passports may be posted.

        Raises NotAuthorised; IssuerUnavailable.
        """
        signed = read_compact(document, max_chars=MAX_DOCUMENT)
        if signed.media_type != _TYPE:
            raise NotAuthorised(f"a passport must be of type {_TYPE} (typ)")
        signed.refuse_keys_inside()
        name = text_of(signed.claims, "iss")
        issuer = self._by_name.get(name)
        if issuer is None or (issuer is not broker if broker is not None else not issuer.posts):
            raise NotAuthorised("the passport is not of a broker whose passports are accepted here")
        signed.check_algorithm(issuer.algorithms)
        keys = await issuer.keys.find(signed.kid)
        if not keys:
            raise NotAuthorised("the passport is signed with a key that its broker does not have (kid)")
        signed.verify(keys, issuer.algorithms)
        claims = signed.claims
        expires_s = expiry_of(claims, self._clock(), issuer.max_life_s)
        named = names_of(claims, "aud")
        if "aud" in claims and issuer.audience not in named and broker is None:
            raise NotAuthorised(f"the passport is not for this node (aud); this node is {issuer.audience}")
        visas = claims.get(PASSPORT_CLAIM)
        if not isinstance(visas, list) or len(visas) > MAX_VISAS:
            raise NotAuthorised(f"a passport must hold a list of {MAX_VISAS} visas at most")
        if not all(is_text(visa, MAX_DOCUMENT) for visa in visas):
            raise NotAuthorised("the visas of a passport must be signed documents")
        return Passport((name, text_of(claims, "sub", 255)), tuple(visas), expires_s)


def posted_passports(document: object) -> tuple[str, ...]:
    """The `passports` beside the question in a parsed body; none when the body has no such member.

    Raises BadQuestion: not a list of texts, or more than ten.
    """
    posted = document.get("passports") if isinstance(document, dict) else None
    if posted is None:
        return ()
    if not isinstance(posted, list) or not all(isinstance(one, str) for one in posted):
        raise BadQuestion("passports must be a list of signed passports, each a text")
    if len(posted) > MAX_POSTED:
        raise BadQuestion(f"a question may come with {MAX_POSTED} passports at most")
    return tuple(posted)
