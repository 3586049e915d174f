"""Guessing is slowed down: delays that grow with failures, for the account and for the address.

An attempt counts before it is checked, so that many at once are counted, too.  An account that does not exist
is counted like any other.  Nobody is locked out for good: the longest delay is a quarter of an hour.

Spec: NIST SP 800-63B §5.2.2 (rate limiting); OWASP ASVS 2.2.1.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import IntegrityError

from node.access.server.database import transaction
from node.access.server.keyring import Seal
from node.db import attempt as table
from schemas.errors import OverBudget

_FORGOTTEN_S: Final = 24 * 3600.0
_LONGEST_S: Final = 900.0


@dataclass(frozen=True, slots=True)
class _Kind:
    """free: so many failures cost nothing; then 2, 4, 8 ... seconds."""

    name: str
    free: int

    def delay_s(self, failures: int) -> float:
        return 0.0 if failures <= self.free else min(2.0 ** min(failures - self.free, 20), _LONGEST_S)


# A household or a ward shares an address; an account belongs to one person.
_ACCOUNT: Final = _Kind("account", 5)
_ADDRESS: Final = _Kind("address", 20)


class Attempts:
    """Failures to sign in at one node; kept in the database, so that a restart forgives nothing."""

    def __init__(self, engine: Engine, seal: Seal, clock: Callable[[], float] = time.time) -> None:
        self._engine = engine
        self._seal = seal
        self._clock = clock

    def admit(self, account: str, address: str) -> None:
        """One attempt, counted as failed until `forgive` is called.  Two small writes.

        Raises OverBudget: too soon after too many failures; the same for accounts that do not exist.
        """
        for kind, value in ((_ADDRESS, network_of(address)), (_ACCOUNT, account)):
            wait_s = self._count(kind, self._seal.mark(kind.name, value))
            if wait_s > 0:
                raise OverBudget(f"too many attempts; try again in {wait_s:.0f} seconds")

    def forgive(self, account: str, address: str) -> None:
        """The attempt was good: the account starts anew, and the address has one failure less.

        Not more: whoever has one account must not be able to clear his address between guesses at others.
        """
        of_address = self._seal.mark(_ADDRESS.name, network_of(address))
        with transaction(self._engine) as connection:
            connection.execute(sa.delete(table).where(table.c.key == self._seal.mark(_ACCOUNT.name, account)))
            connection.execute(
                sa.update(table)
                .where(table.c.key == of_address, table.c.failures > 0)
                .values(failures=table.c.failures - 1, free_s=0.0)
            )

    def clear(self, account: str) -> None:
        """An administrator vouches for the account: it starts anew."""
        with transaction(self._engine) as connection:
            connection.execute(sa.delete(table).where(table.c.key == self._seal.mark(_ACCOUNT.name, account)))

    def _count(self, kind: _Kind, key: bytes) -> float:
        """Seconds to wait, 0 when the attempt may be made."""
        now_s = self._clock()
        for _ in range(3):
            try:
                with transaction(self._engine) as connection:
                    return self._count_once(connection, kind, key, now_s)
            except IntegrityError:  # somebody else was the first at the same moment
                continue
        return 1.0

    def _count_once(self, connection: Connection, kind: _Kind, key: bytes, now_s: float) -> float:
        connection.execute(sa.delete(table).where(table.c.last_s < now_s - _FORGOTTEN_S))
        # The change comes first: it takes the lock under which the number is read.
        counted = connection.execute(
            sa.update(table)
            .where(table.c.key == key, table.c.free_s <= now_s)
            .values(failures=table.c.failures + 1, last_s=now_s)
        )
        row = connection.execute(sa.select(table).where(table.c.key == key)).one_or_none()
        if row is None:
            connection.execute(sa.insert(table).values(key=key, failures=1, free_s=0.0, last_s=now_s))
            return 0.0
        if not counted.rowcount:
            return max(float(row.free_s) - now_s, 1.0)
        free_s = now_s + kind.delay_s(row.failures)
        connection.execute(sa.update(table).where(table.c.key == key).values(free_s=free_s))
        return 0.0


def network_of(address: str) -> str:
    """Who asks, as far as an address tells: of IPv6 the /64, in which one household can choose at will."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(known, ipaddress.IPv6Address):
        if known.ipv4_mapped:
            return str(known.ipv4_mapped)
        return str(ipaddress.ip_network((known, 64), strict=False))
    return str(known)
