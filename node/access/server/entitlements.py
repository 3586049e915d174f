"""What users and clients of this node were granted here, and the visas that say so.

The node is the source and the issuer of these visas, and checks them like anybody else's: the way of a
passport is the same whether it comes from a research infrastructure or from here.

Spec: GA4GH AAI OIDC profile 1.2 and Passport 1.2, https://github.com/ga4gh/data-security
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from node import db
from node.access.principal import Visa
from node.access.server.database import transaction
from node.access.server.keyring import LONGEST_LIFE_S, Keyring
from node.access.server.opaque import new_id
from schemas.errors import BadInput, Place

VISA: Final = "vnd.ga4gh.visa+jwt"
PASSPORT: Final = "vnd.ga4gh.passport+jwt"
REGISTERED_ACCESS: Final = "https://doi.org/10.1038/s41431-018-0219-y"
COUNTS_ONLY: Final = "?granularity=count"

table: Final = db.entitlement


class Tier(StrEnum):
    """registered: a registered researcher.  controlled: counts of a dataset.  record: all of a dataset."""

    REGISTERED = "registered"
    CONTROLLED = "controlled"
    RECORD = "record"


@dataclass(frozen=True, slots=True)
class Entitlement:
    """dataset: its id; empty for the tier registered."""

    tier: Tier
    dataset: str
    granted_s: float


class Entitlements:
    """Raises StoreUnavailable from every method: the database cannot be read or written."""

    def __init__(
        self, engine: Engine, keyring: Keyring, node_id: str, clock: Callable[[], float] = time.time
    ) -> None:
        self._engine = engine
        self._keyring = keyring
        self._node_id = node_id
        self._clock = clock

    def grant(self, holder: str, tier: Tier, dataset: str = "") -> None:
        """To a user (by subject) or a client (by id); granting again changes nothing.

        Raises BadInput: no such dataset, or one where none is meant.
        """
        self._check(tier, dataset)
        with transaction(self._engine) as connection:
            if connection.execute(sa.select(table).where(*_is(holder, tier, dataset))).first() is None:
                values = {"holder": holder, "tier": tier, "dataset": dataset, "granted_s": self._clock()}
                connection.execute(sa.insert(table).values(values))

    def withdraw(self, holder: str, tier: Tier, dataset: str = "") -> bool:
        """Whether there was one."""
        with transaction(self._engine) as connection:
            return bool(connection.execute(sa.delete(table).where(*_is(holder, tier, dataset))).rowcount)

    def held_by(self, holder: str) -> tuple[Entitlement, ...]:
        query = sa.select(table).where(table.c.holder == holder).order_by(table.c.tier, table.c.dataset)
        with transaction(self._engine) as connection:
            rows = connection.execute(query).all()
        return tuple(Entitlement(Tier(row.tier), row.dataset, row.granted_s) for row in rows)

    def visas(self, subject: str) -> tuple[str, ...]:
        """Signed visas for everything `subject` was granted, an hour good; about 0.2 ms each."""
        told = (visa for held in self.held_by(subject) for visa in self._claims(held))
        return tuple(self._sign(subject, visa) for visa in told)

    def asserted(self, subject: str) -> tuple[Visa, ...]:
        """The same, as they are after they were checked: for who has signed in at this node itself."""
        now_s = self._clock()
        return tuple(
            Visa(
                issuer=self._node_id,
                subject=subject,
                type=visa["type"],
                value=visa["value"],
                source=self._node_id,
                by=visa["by"],
                asserted_s=visa["asserted"],
                expires_s=now_s + LONGEST_LIFE_S,
            )
            for held in self.held_by(subject)
            for visa in self._claims(held)
        )

    def passport(self, subject: str, audience: str) -> str:
        """All of them in one document, for one reader."""
        now_s = int(self._clock())
        claims = {
            "iss": self._node_id,
            "sub": subject,
            "aud": audience,
            "iat": now_s,
            "exp": now_s + int(LONGEST_LIFE_S),
            "jti": new_id(),
            "ga4gh_passport_v1": list(self.visas(subject)),
        }
        return self._keyring.sign(PASSPORT, claims)

    def _sign(self, subject: str, visa: dict[str, Any]) -> str:
        now_s = int(self._clock())
        claims = {
            "iss": self._node_id,
            "sub": subject,
            "iat": now_s,
            "exp": now_s + int(LONGEST_LIFE_S),
            "jti": new_id(),
            "ga4gh_visa_v1": {**visa, "source": self._node_id},
        }
        return self._keyring.sign(VISA, claims, {"jku": jwks_uri(self._node_id)})

    def _claims(self, held: Entitlement) -> tuple[dict[str, Any], ...]:
        asserted = {"asserted": int(held.granted_s)}
        if held.tier is Tier.REGISTERED:
            value = {"value": REGISTERED_ACCESS, **asserted}
            return (
                {"type": "ResearcherStatus", "by": "so", **value},
                {"type": "AcceptedTermsAndPolicies", "by": "self", **value},
            )
        narrowed = COUNTS_ONLY if held.tier is Tier.CONTROLLED else ""
        value = {"value": f"{self._node_id}/beacon/datasets/{held.dataset}{narrowed}", **asserted}
        return ({"type": "ControlledAccessGrants", "by": "dac", **value},)

    def _check(self, tier: Tier, dataset: str) -> None:
        if tier is Tier.REGISTERED:
            if dataset:
                remedy = "Leave --dataset out, or use --tier controlled or record."
                raise BadInput(Place(dataset[:80]), "registered access is not for one dataset", remedy)
            return
        with transaction(self._engine) as connection:
            known = list(connection.execute(sa.select(db.dataset.c.id).order_by(db.dataset.c.id)).scalars())
        if dataset not in known:
            remedy = f"This node holds: {', '.join(known) or 'none yet'}."
            raise BadInput(Place(dataset[:80] or "--dataset"), "no such dataset", remedy)


def _is(holder: str, tier: Tier, dataset: str) -> tuple[sa.ColumnElement[bool], ...]:
    return (table.c.holder == holder, table.c.tier == tier, table.c.dataset == dataset)


def jwks_uri(node_id: str) -> str:
    """Where the public keys of the node's authorization server are; pinned by whoever trusts its visas."""
    return f"{node_id}/oauth/jwks"
