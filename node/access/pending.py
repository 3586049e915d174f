"""Sign-ins that are under way at a provider elsewhere: each good once, for ten minutes, in one browser."""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from node.access.server.database import transaction
from node.access.server.opaque import digest, new_secret
from node.db import pending_login as table

_LIFE_S: Final = 600.0


@dataclass(frozen=True, slots=True)
class Pending:
    """provider: its name in the settings.  verifier: of PKCE.  return_to: the page to go to afterwards."""

    provider: str
    return_to: str
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)


class PendingLogins:
    """Of one node.  Raises StoreUnavailable from every method: the database cannot be read or written."""

    def __init__(self, engine: Engine, clock: Callable[[], float] = time.time) -> None:
        self._engine = engine
        self._clock = clock

    def begin(self, provider: str, visit: str, return_to: str) -> tuple[str, Pending]:
        """A new one, and its `state`.  visit: what tells the browser from others."""
        state, now_s = new_secret(), self._clock()
        pending = Pending(provider, return_to, new_secret(), secrets.token_urlsafe(48))
        with transaction(self._engine) as connection:
            connection.execute(sa.delete(table).where(table.c.expires_s < now_s))
            connection.execute(
                sa.insert(table).values(
                    digest=digest(state),
                    visit=digest(visit),
                    provider=provider,
                    nonce=pending.nonce,
                    verifier=pending.verifier,
                    return_to=return_to,
                    expires_s=now_s + _LIFE_S,
                )
            )
        return state, pending

    def take(self, state: str, provider: str, visit: str) -> Pending | None:
        """The one with this `state`, for once; None: there is none for this provider and this browser.

        It is gone afterwards, whoever asked.
        """
        is_it = table.c.digest == digest(state)
        with transaction(self._engine) as connection:
            row = connection.execute(sa.select(table).where(is_it)).one_or_none()
            taken = connection.execute(sa.delete(table).where(is_it)).rowcount
        if row is None or not taken or row.expires_s < self._clock() or row.provider != provider:
            return None
        if not hmac.compare_digest(row.visit, digest(visit)):
            return None
        return Pending(row.provider, row.return_to, row.nonce, row.verifier)
