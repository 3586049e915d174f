"""Who asks: what was established of a caller, before anything is decided about him.

Authentication makes one of these and `grant` reads it; nothing else of a token or a session goes further.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from schemas.access import ANONYMOUS, Granularity, Tier


class Role(StrEnum):
    """What somebody who has signed in may be here; a person can be several of these."""

    RESEARCHER = "researcher"
    CLINICIAN = "clinician"
    CITIZEN = "citizen"
    ADMINISTRATOR = "administrator"
    DATA_PROTECTION_OFFICER = "data-protection-officer"


@dataclass(frozen=True, slots=True)
class Visa:
    """A GA4GH visa whose signature, issuer, source and life were checked when it was received.

    type: such as "ControlledAccessGrants".  value and source: URLs, compared as opaque strings and never
    fetched.  by: who asserts it ("dac", "so", ...), None when the visa does not say.  asserted_s and
    expires_s: Unix time.

    Spec: GA4GH Passport 1.2, https://github.com/ga4gh/data-security
    """

    issuer: str
    subject: str
    type: str
    value: str
    source: str
    by: str | None
    asserted_s: float
    expires_s: float


@dataclass(frozen=True, slots=True)
class Anonymous:
    """Nobody in particular: no credentials were presented.  Invalid ones never come to this."""

    def __str__(self) -> str:
        return ANONYMOUS


@dataclass(frozen=True, slots=True)
class PeerPrincipal:
    """Another node, whose signature was verified; `node` is its id.

    tier: of whom it asks for, no more than this node believes it.  most: it is never told more than this.
    subject: how it calls whom it asks for, differently to every node; "" when it asks for itself.
    """

    node: str
    tier: Tier = Tier.PUBLIC
    most: Granularity = Granularity.RECORD
    subject: str = ""

    def __str__(self) -> str:
        return f"peer {self.node}"


@dataclass(frozen=True, slots=True)
class Caller:
    """A person or a program that has signed in with an issuer this node trusts.

    issuer and subject: together the stable name.  client: the program it came through.  visas: those that
    hold for this caller now; ignored: why others that were shown do not.  expires_s: Unix time until which
    all of this may be believed.
    """

    issuer: str
    subject: str
    client: str
    expires_s: float
    roles: frozenset[Role] = frozenset()
    scopes: frozenset[str] = frozenset()
    visas: tuple[Visa, ...] = field(default=())
    ignored: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.issuer} {self.subject}"


Principal = Anonymous | PeerPrincipal | Caller
