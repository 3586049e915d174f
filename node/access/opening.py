"""The authenticator that an operator's settings describe, beside the node's own authorization server.

`deploy/identity.md` is for those who write the settings.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from joserfc.jwk import KeySet

from node.access.authenticator import Authenticator
from node.access.broker import BrokeredVisas, LocalVisas, PassportSource
from node.access.discovery import ClientProof, Metadata
from node.access.introspection import Introspection
from node.access.issuers import INTROSPECT, PROFILES, RFC9068, Issuer, RoleRule
from node.access.keys import NodeKey
from node.access.keysets import FetchedKeys, GivenKeys
from node.access.outbound import Outbound
from node.access.principal import Role
from node.access.server.entitlements import jwks_uri
from node.access.visas import VisaIssuer
from node.config import CONFIG_NAME, IssuerSection, Settings, VisaSection
from schemas.errors import BadInput, Place

_OWN_LIFE_S: Final = 600
_OWN_TYPES: Final = frozenset({"ControlledAccessGrants", "ResearcherStatus", "AcceptedTermsAndPolicies"})
_UNLIMITED_S: Final = 100 * 365 * 86_400.0


class OwnServer(Protocol):
    """The authorization server inside this node, as far as its tokens and visas are verified here."""

    @property
    def issuer(self) -> str: ...
    def public_keys(self) -> KeySet:
        """Now, each with a `kid`."""

    def visas(self, subject: str) -> tuple[str, ...]: ...
    def is_live(self, claims: Mapping[str, Any]) -> bool: ...


def open_authenticator(
    settings: Settings,
    key: NodeKey,
    own: OwnServer | None = None,
    *,
    outbound: Outbound | None = None,
    clock: Callable[[], float] = time.time,
) -> Authenticator:
    """Nothing is fetched before somebody presents a token.

    key: with which this node proves to issuers who it is, where it has no secret.  own: the authorization
    server inside this node, unless it has none.

    Raises BadInput: issuers that contradict each other, or cannot be asked with what is set.
    """
    opening = Opening(settings, key, outbound or Outbound(settings.access), clock)
    issuers = [opening.issuer(section) for section in settings.issuers]
    visas = [opening.visa_issuer(section) for section in settings.visas]
    if own is not None:
        issuers.append(_own_issuer(own))
        visas.append(_own_visas(own))
    opening.refuse_doubles("issuers", [issuer.issuer for issuer in issuers])
    opening.refuse_doubles("visas", [f"{one.issuer} {one.jku}" for one in visas])
    return Authenticator(settings.node.id, issuers, visas, nonces=settings.access.dpop_nonce, clock=clock)


def _own_issuer(own: OwnServer) -> Issuer:
    return Issuer(
        issuer=own.issuer,
        profile=RFC9068,
        keys=GivenKeys(lambda: own.public_keys().keys),
        audience=own.issuer,
        max_life_s=_OWN_LIFE_S,
        roles=tuple(RoleRule(("roles",), role.value, role) for role in Role),
        passports=LocalVisas(own.visas),
        is_live=own.is_live,
    )


def _own_visas(own: OwnServer) -> VisaIssuer:
    """What this node asserts is verified like what anybody else asserts; how long it counts, it decides."""
    return VisaIssuer(
        issuer=own.issuer,
        jku=jwks_uri(own.issuer),
        keys=GivenKeys(lambda: own.public_keys().keys),
        types=_OWN_TYPES,
        sources=frozenset({own.issuer}),
        algorithms=frozenset({"ES256"}),
        max_age_s=_UNLIMITED_S,
    )


@dataclass(frozen=True, slots=True)
class Opening:
    """Parts of settings made into what asks and verifies.  Raises BadInput wherever that cannot be."""

    settings: Settings
    key: NodeKey
    outbound: Outbound
    clock: Callable[[], float]

    def issuer(self, section: IssuerSection) -> Issuer:
        name = section.issuer
        self.require_safe("issuers", name, section.jwks_uri, section.introspection_endpoint)
        self.require_safe("issuers", section.token_endpoint, section.userinfo_endpoint)
        metadata, profile = self.metadata(section), PROFILES[section.profile]
        return Issuer(
            issuer=name,
            profile=profile,
            keys=FetchedKeys(self.outbound, lambda: metadata.endpoint("jwks_uri"), self.clock),
            audience=section.audience or self.settings.node.id,
            needs_audience=profile.needs_audience
            if section.audience_optional is None
            else not section.audience_optional,
            algorithms=frozenset(section.algorithms),
            other_audiences=frozenset(section.other_audiences),
            clients=frozenset(section.clients),
            max_life_s=section.max_life_s,
            roles=tuple(RoleRule(rule.claim, rule.value, Role(rule.role)) for rule in section.roles),
            introspection=self.introspection(section, metadata) if profile is INTROSPECT else None,
            passports=self.passports(section, metadata),
            posts=section.posted_passports,
        )

    def metadata(self, section: IssuerSection) -> Metadata:
        known = {
            "jwks_uri": section.jwks_uri,
            "introspection_endpoint": section.introspection_endpoint,
            "token_endpoint": section.token_endpoint,
            "userinfo_endpoint": section.userinfo_endpoint,
        }
        return Metadata(section.issuer, known, self.outbound, self.clock)

    def introspection(self, section: IssuerSection, metadata: Metadata) -> Introspection:
        return Introspection(metadata, self.proof(section), self.outbound, self.clock)

    def passports(self, section: IssuerSection, metadata: Metadata) -> PassportSource | None:
        match section.passport:
            case "exchange":
                return BrokeredVisas(metadata, self.proof(section), self.outbound, self.clock)
            case "userinfo":
                return BrokeredVisas(metadata, None, self.outbound, self.clock)
            case None:
                return None

    def visa_issuer(self, section: VisaSection) -> VisaIssuer:
        self.require_safe("visas", section.jku)
        return VisaIssuer(
            issuer=section.issuer,
            jku=section.jku,
            keys=FetchedKeys(self.outbound, lambda: _at(section.jku), self.clock),
            types=frozenset(section.types),
            sources=frozenset(section.sources),
            algorithms=frozenset(section.algorithms),
            max_age_s=section.max_age_days * 86_400,
            subjects_of=frozenset(section.subjects_of),
        )

    def proof(self, section: IssuerSection) -> ClientProof:
        """Which client this node is at an issuer.  Raises BadInput: none, or its secret cannot be read."""
        if section.client_id is None:
            raise self.wrong(
                "issuers.client_id",
                f"{section.issuer} is to be asked as a client of it, but as which is not said",
                "Register this node there and set client_id.",
            )
        return client_proof(section.client_id, section.client_secret_file, self.key)

    def require_safe(self, field: str, *urls: str | None) -> None:
        for url in urls:
            if url is not None and not self.outbound.may_ask(url):
                raise self.wrong(
                    field,
                    f"{url} has no TLS",
                    "Use https, or list its host in access.private_hosts if it is on your own network.",
                )

    def refuse_doubles(self, field: str, names: list[str]) -> None:
        doubled = sorted({name for name in names if names.count(name) > 1})
        if doubled:
            raise self.wrong(field, f"{doubled[0]} stands there twice", "Make one entry of both.")
        opaque = [one for one in self.settings.issuers if one.profile == "introspect"]
        if len(opaque) > 1:
            raise self.wrong(
                "issuers.profile",
                "two issuers are asked about opaque tokens: each would see those of the other",
                "Keep one with the profile introspect.",
            )

    def wrong(self, field: str, problem: str, remedy: str) -> BadInput:
        return BadInput(Place(str(self.settings.home / CONFIG_NAME), field=field), problem, remedy)


def client_proof(client_id: str, secret_file: Path | None, key: NodeKey) -> ClientProof:
    """How this node proves which client it is: with the secret in a file, or with its own key.

    Raises BadInput: no secret can be read there.
    """
    if secret_file is None:
        return ClientProof(client_id, key=key)
    try:
        secret = secret_file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        secret = ""
    if not secret:
        # Not chained and not quoted: it is a secret.
        place = Place(str(secret_file), field="client_secret_file")
        raise BadInput(place, "no secret can be read", "Write one there.")
    return ClientProof(client_id, secret)


async def _at(url: str) -> str:
    return url
