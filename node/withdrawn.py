"""Names of people who have withdrawn: told again when they are met, but not kept.

Of a name there is a keyed digest, so that a file or a record that brings the name again is recognised.
Whoever has the database can try a name he knows; nobody can read the names from it.  Knows nothing of
genotypes or records.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from node import db

_SALT_BYTES: Final = 32


class Kind(StrEnum):
    """What a name names."""

    SAMPLE = "sample"
    INDIVIDUAL = "individual"
    BIOSAMPLE = "biosample"


def digest_of(salt: bytes, kind: Kind, name: str) -> bytes:
    """What stands for the name of a person who has withdrawn."""
    return hmac.digest(salt, f"{kind}:{name}".encode(), "sha256")


@dataclass(frozen=True, slots=True)
class Struck:
    """The names that are struck off in one dataset, as digests by salt; nobody's by default."""

    digests: Mapping[bytes, frozenset[bytes]] = field(default_factory=dict)

    def holds(self, kind: Kind, name: str) -> bool:
        """Whether this name is struck off; a microsecond or two where anybody has withdrawn."""
        return self.digest(kind, name) is not None

    def digest(self, kind: Kind, name: str) -> bytes | None:
        """What stands for this name; None when it is not struck off."""
        for salt, held in self.digests.items():
            found = digest_of(salt, kind, name)
            if found in held:
                return found
        return None

    @property
    def salt(self) -> bytes:
        """The salt for further names of the dataset."""
        return next(iter(self.digests), None) or secrets.token_bytes(_SALT_BYTES)


def struck_off(connection: Connection, dataset_no: int) -> Struck:
    """Whoever has withdrawn from the dataset, in the transaction of `connection`."""
    table = db.withdrawn
    wanted = sa.select(table.c.salt, table.c.digest).where(table.c.dataset_no == dataset_no)
    found: dict[bytes, set[bytes]] = {}
    for salt, digest in connection.execute(wanted):
        found.setdefault(bytes(salt), set()).add(bytes(digest))
    return Struck({salt: frozenset(digests) for salt, digests in found.items()})
