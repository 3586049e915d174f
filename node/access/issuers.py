"""The issuers whose access tokens are good here, and by which rules: one `Profile` for each kind of issuer.

    rfc9068      access tokens as the standard wants them: of type at+jwt, for this node alone
    keycloak     of type JWT like its ID tokens, told apart by the claim `typ`; the client stands in `azp`
    ga4gh-jwt    passport-scoped tokens of GA4GH AAI 1.2, whose audience is optional
    introspect   opaque tokens, asked about at the issuer

Spec: RFC 9068, RFC 7662, GA4GH AAI OIDC profile 1.2.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from node.access.broker import PassportSource
from node.access.introspection import Introspection
from node.access.keysets import KeySource
from node.access.principal import Role


@dataclass(frozen=True, slots=True)
class Profile:
    """How the access tokens of one kind of issuer look.

    header_types: of which `typ` one must be.  typ_claims: of which claim `typ` one must be; empty: the claim
    may be absent.  client_claims: where the client stands.  needs: the claims that must be there.
    programs_unnamed: whether a token without a subject is the client's own.
    """

    name: str
    header_types: frozenset[str]
    typ_claims: frozenset[str]
    client_claims: tuple[str, ...]
    needs: tuple[str, ...]
    needs_audience: bool = True
    programs_unnamed: bool = False


_AT: Final = frozenset({"at+jwt"})
_JWT: Final = frozenset({"jwt", "at+jwt"})
_BEARER: Final = frozenset({"Bearer", "DPoP"})
RFC9068: Final = Profile("rfc9068", _AT, frozenset(), ("client_id",), ("sub", "client_id", "jti"))
KEYCLOAK: Final = Profile("keycloak", _JWT, _BEARER, ("azp", "client_id"), ("sub", "azp"))
GA4GH: Final = Profile("ga4gh-jwt", _JWT, frozenset(), ("client_id", "azp"), ("sub",), needs_audience=False)
INTROSPECT: Final = Profile(
    "introspect", frozenset(), frozenset(), ("client_id", "azp"), (), programs_unnamed=True
)
PROFILES: Final[Mapping[str, Profile]] = {
    profile.name: profile for profile in (RFC9068, KEYCLOAK, GA4GH, INTROSPECT)
}


@dataclass(frozen=True, slots=True)
class RoleRule:
    """`role` for whoever has `value` in the claim at the path `claim`."""

    claim: tuple[str, ...]
    value: str
    role: Role

    def holds(self, claims: Mapping[str, Any]) -> bool:
        """The claim is the value, or a list that has it; nothing is taken apart or compared loosely."""
        found: Any = claims
        for name in self.claim:
            found = found.get(name) if isinstance(found, Mapping) else None
        return found == self.value or (isinstance(found, list) and self.value in found)


@dataclass(frozen=True, slots=True)
class Issuer:
    """An issuer that is trusted, and how far.

    issuer: `iss`, exactly.  keys: what it signs with.  audience: the one a token must be for, unless it need
    not be for any (needs_audience) and is for none; other_audiences: those it may also be for.  clients:
    through which it may have been had; None is any.  max_life_s: the longest life of a token.  introspection:
    where tokens are asked about, instead of keys.  passports: where the visas of a token's holder come from.
    posts: whether its passports may be posted.  is_live: whether a token that was verified has not been ended
    since; asked in a thread, for every request.
    """

    issuer: str
    profile: Profile
    keys: KeySource
    audience: str
    needs_audience: bool = True
    algorithms: frozenset[str] = frozenset({"ES256"})
    other_audiences: frozenset[str] = frozenset()
    clients: frozenset[str] | None = None
    max_life_s: float = 3600
    roles: tuple[RoleRule, ...] = ()
    introspection: Introspection | None = None
    passports: PassportSource | None = None
    posts: bool = False
    is_live: Callable[[Mapping[str, Any]], bool] | None = None

    def roles_in(self, claims: Mapping[str, Any]) -> frozenset[Role]:
        return frozenset(rule.role for rule in self.roles if rule.holds(claims))
