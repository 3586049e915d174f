"""Codes and refresh tokens: all that came of one consent lives and dies together.

A code is good once and for a minute; a refresh token is good once, and brings the next one.  Who shows a used
one has stolen it, or was stolen from: the whole family ends, and the person signs in again.

Spec: RFC 6749 §4.1.2 and §10.5, RFC 9700 §4.14 (refresh token rotation).
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from authlib.oauth2.rfc6749 import AuthorizationCodeMixin
from sqlalchemy.engine import Engine
from sqlalchemy.exc import IntegrityError

from node import db
from node.access.server.database import transaction
from node.access.server.keyring import Seal
from node.access.server.opaque import digest, new_id, new_secret

_CODE_LIFE_S: Final = 60.0
_IDLE_S: Final = 7 * 24 * 3600.0
_LIFE_S: Final = 30 * 24 * 3600.0

codes: Final = db.authorization_code
families: Final = db.token_family
spent: Final = db.spent


@dataclass(frozen=True, slots=True)
class Consent:
    """What a person who had signed in allowed a client.  methods: how he had (RFC 8176)."""

    client_id: str
    subject: str
    scope: str
    methods: tuple[str, ...]
    signed_in_s: float


@dataclass(frozen=True, slots=True)
class Code(AuthorizationCodeMixin):
    """An authorization code that was shown by the client it was made for."""

    consent: Consent
    redirect_uri: str
    nonce: str | None
    code_challenge: str
    family: str
    code_challenge_method: str = "S256"

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.consent.scope


@dataclass(frozen=True, slots=True)
class Refresh:
    """The newest refresh token of a family."""

    family: str
    consent: Consent
    shown: bytes

    def check_client(self, client: Any) -> bool:
        return bool(self.consent.client_id == client.client_id)

    def get_scope(self) -> str:
        return self.consent.scope


class Families:
    """Raises StoreUnavailable from every method: the database cannot be read or written."""

    def __init__(self, engine: Engine, seal: Seal, clock: Callable[[], float] = time.time) -> None:
        self._engine = engine
        self._seal = seal
        self._clock = clock

    def keep_code(
        self, code: str, consent: Consent, redirect_uri: str, challenge: str, *, nonce: str | None
    ) -> None:
        """A new code; challenge: of PKCE, by S256."""
        now_s = self._clock()
        with transaction(self._engine) as connection:
            for table in (codes, families, spent):
                connection.execute(sa.delete(table).where(table.c.expires_s < now_s - _LIFE_S))
            connection.execute(
                sa.insert(codes).values(
                    digest=digest(code),
                    client_id=consent.client_id,
                    subject=consent.subject,
                    redirect_uri=redirect_uri,
                    scope=consent.scope,
                    nonce=nonce,
                    challenge=challenge,
                    methods=" ".join(consent.methods),
                    signed_in_s=consent.signed_in_s,
                    family=new_id(),
                    used=False,
                    expires_s=now_s + _CODE_LIFE_S,
                )
            )

    def take_code(self, code: str, client_id: str) -> Code | None:
        """The code, for once.  None: there is none for this client, or it is too old, or was used before;
        then everything that came of it ends.
        """
        is_it = sa.and_(codes.c.digest == digest(code), codes.c.client_id == client_id)
        with transaction(self._engine) as connection:
            taken = connection.execute(sa.update(codes).where(is_it, ~codes.c.used).values(used=True))
            row = connection.execute(sa.select(codes).where(is_it)).one_or_none()
            if row is None:
                return None
            if not taken.rowcount:
                self._end(connection, row.family)
                return None
            if row.expires_s < self._clock():
                return None
            consent = _consent(row)
            connection.execute(
                sa.insert(families).values(
                    id=row.family,
                    client_id=consent.client_id,
                    subject=consent.subject,
                    scope=consent.scope,
                    methods=row.methods,
                    signed_in_s=consent.signed_in_s,
                    refresh=None,
                    refresh_until_s=0.0,
                    revoked=False,
                    expires_s=self._clock() + _LIFE_S,
                )
            )
        return Code(consent, row.redirect_uri, row.nonce, row.challenge, row.family)

    def first_refresh(self, family: str) -> str:
        """A refresh token for a family that has none."""
        secret = new_secret()
        self._replace(family, None, secret)
        return self._refresh_token(family, secret)

    def find(self, refresh_token: str, client_id: str) -> Refresh | None:
        """None: not the newest of a family of this client; a used one of it ends the family.

        Only one that was really made here does: who knows the name of a family from elsewhere ends nothing.
        """
        family, _, secret = refresh_token.rpartition(".")[0].partition(".")
        if not hmac.compare_digest(self._refresh_token(family, secret).encode(), refresh_token.encode()):
            return None
        query = sa.select(families).where(families.c.id == family, families.c.client_id == client_id)
        now_s = self._clock()
        with transaction(self._engine) as connection:
            row = connection.execute(query).one_or_none()
            if row is None or row.revoked or row.refresh is None:
                return None
            if row.refresh != digest(secret):
                self._end(connection, family)
                return None
            if min(row.refresh_until_s, row.expires_s) < now_s:
                return None
        return Refresh(family, _consent(row), row.refresh)

    def rotate(self, refresh: Refresh) -> str | None:
        """The next refresh token; None when somebody else was given it at the same moment, and the family
        has ended.
        """
        secret = new_secret()
        if self._replace(refresh.family, refresh.shown, secret):
            return self._refresh_token(refresh.family, secret)
        self.end(refresh.family)
        return None

    def end(self, family: str) -> None:
        """Every token of it is good no longer."""
        with transaction(self._engine) as connection:
            self._end(connection, family)

    def is_ended(self, family: str) -> bool:
        query = sa.select(families.c.revoked).where(families.c.id == family)
        with transaction(self._engine) as connection:
            return connection.execute(query).scalar_one_or_none() is not False

    def spend(self, kind: str, token_id: str, expires_s: float) -> bool:
        """Whether this id is used for the first time.  It is remembered until it has expired."""
        now_s = self._clock()
        try:
            with transaction(self._engine) as connection:
                connection.execute(sa.delete(spent).where(spent.c.expires_s < now_s))
                connection.execute(sa.insert(spent).values(kind=kind, id=token_id, expires_s=expires_s))
        except IntegrityError:
            return False
        return True

    def is_spent(self, kind: str, token_id: str) -> bool:
        query = sa.select(spent.c.id).where(spent.c.kind == kind, spent.c.id == token_id)
        with transaction(self._engine) as connection:
            return connection.execute(query).first() is not None

    def _replace(self, family: str, shown: bytes | None, secret: str) -> bool:
        is_it = families.c.refresh.is_(None) if shown is None else families.c.refresh == shown
        with transaction(self._engine) as connection:
            changed = connection.execute(
                sa.update(families)
                .where(families.c.id == family, ~families.c.revoked, is_it)
                .values(refresh=digest(secret), refresh_until_s=self._clock() + _IDLE_S)
            )
        return bool(changed.rowcount)

    def _refresh_token(self, family: str, secret: str) -> str:
        return f"{family}.{secret}.{self._seal.mark('refresh', f'{family}.{secret}').hex()}"

    @staticmethod
    def _end(connection: sa.Connection, family: str) -> None:
        connection.execute(sa.update(families).where(families.c.id == family).values(revoked=True))


def _consent(row: Any) -> Consent:
    return Consent(row.client_id, row.subject, row.scope, tuple(row.methods.split()), row.signed_in_s)
