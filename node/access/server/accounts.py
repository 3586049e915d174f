"""The users of this node: who they are, what they may be here, and whether somebody is one of them.

Raises StoreUnavailable from every method: the database cannot be read or written.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import IntegrityError

from node import db
from node.access.principal import Role
from node.access.server.attempts import Attempts
from node.access.server.database import transaction
from node.access.server.keyring import Seal
from node.access.server.opaque import new_id
from node.access.server.passwords import Passwords, one_time_password, refuse_weak
from node.access.server.totp import matching_step, new_totp_secret
from schemas.errors import BadInput, BadQuestion, NotAuthorised, NotFound, Place

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,63}")
_REFUSED: Final = "the name, the password or the one-time code is not right"

table: Final = db.account


@dataclass(frozen=True, slots=True)
class Account:
    """A user.  subject: random, stable, what others know him by.  title: his name for people.

    must_change: his password was chosen by somebody else, and opens nothing but the page that changes it.
    """

    subject: str
    name: str
    title: str
    roles: frozenset[Role] = frozenset()
    must_change: bool = False
    has_totp: bool = False
    locked: bool = False


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Somebody proved to be `account`.  methods: how (RFC 8176): "pwd", "otp"."""

    account: Account
    methods: tuple[str, ...] = field(default=("pwd",))


class Accounts:
    """The users of one node.  Every call reads the database: a running node follows the command line."""

    def __init__(
        self,
        engine: Engine,
        passwords: Passwords,
        attempts: Attempts,
        seal: Seal,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._engine = engine
        self._passwords = passwords
        self._attempts = attempts
        self._seal = seal
        self._clock = clock

    def add(self, name: str, roles: Collection[Role], title: str = "") -> str:
        """A new user; his one-time password, which he must change when he first signs in.

        Raises BadInput: not a name, or there is one of this name.
        """
        key = _key(name)
        if not _NAME.fullmatch(key):
            raise BadInput(Place(name[:80]), "not a name of a user", "Use letters, digits and . _ @ + -.")
        password = one_time_password()
        row = {
            "subject": new_id(),
            "name": key,
            "title": title or name,
            "password": self._passwords.keep(password),
            "must_change": True,
            "roles": " ".join(sorted(roles)),
            "totp": None,
            "totp_step": 0,
            "locked": False,
            "created_s": self._clock(),
        }
        try:
            with transaction(self._engine) as connection:
                connection.execute(sa.insert(table).values(row))
        except IntegrityError:
            remedy = "Choose another name, or change this one: varhaven user --help."
            raise BadInput(Place(key), "there is a user of this name", remedy) from None
        return password

    def accounts(self) -> tuple[Account, ...]:
        """All of them, by name."""
        with transaction(self._engine) as connection:
            return tuple(_read(row) for row in connection.execute(sa.select(table).order_by(table.c.name)))

    def find(self, subject: str) -> Account | None:
        """The user with this subject, unless he is locked."""
        with transaction(self._engine) as connection:
            query = sa.select(table).where(table.c.subject == subject, ~table.c.locked)
            row = connection.execute(query).one_or_none()
        return None if row is None else _read(row)

    def named(self, name: str) -> Account:
        """Raises NotFound: nobody of this name."""
        with transaction(self._engine) as connection:
            row = connection.execute(sa.select(table).where(table.c.name == _key(name))).one_or_none()
        if row is None:
            raise NotFound(f"there is no user {name[:80]!r} here; see: varhaven user list")
        return _read(row)

    def sign_in(self, name: str, password: str, code: str, address: str) -> SignedIn:
        """Who it is.  code: the one-time code, or empty.  address: where it comes from.

        Some tens of milliseconds, and the same whether there is such a user or not.

        Raises NotAuthorised: anything is wrong, without a word on what; OverBudget: too many attempts.
        """
        key = _key(name)
        self._attempts.admit(key, address)
        with transaction(self._engine) as connection:
            row = connection.execute(sa.select(table).where(table.c.name == key)).one_or_none()
        good = self._passwords.matches(password, None if row is None else row.password)
        if row is None or not good or row.locked or not self._spend_code(row, code):
            raise NotAuthorised(_REFUSED)
        self._attempts.forgive(key, address)
        if self._passwords.is_outdated(row.password):
            self._update(row.subject, password=self._passwords.keep(password))
        return SignedIn(_read(row), ("pwd", "otp") if row.totp is not None else ("pwd",))

    def change_password(self, account: Account, old: str, new: str, address: str, *avoid: str) -> None:
        """His sessions and tokens end, everywhere.  avoid: names that must not be part of the password.

        Raises NotAuthorised: `old` is not the password; OverBudget: too many attempts; BadQuestion: `new` is
        too weak, or the same.
        """
        refuse_weak(new, account.name, *avoid)
        if new == old:
            raise BadQuestion("this is the password you have now; choose another")
        self._confirm(account, old, address)
        self._update(account.subject, ends=True, password=self._passwords.keep(new), must_change=False)

    def reset_password(self, account: Account) -> str:
        """A new one-time password; sessions and tokens end.

        The account may be tried again at once, and its second factor stays.
        """
        password = one_time_password()
        self._update(account.subject, ends=True, password=self._passwords.keep(password), must_change=True)
        self._attempts.clear(account.name)
        return password

    def lock(self, account: Account, locked: bool = True) -> None:
        """A locked account cannot sign in, and its sessions and tokens end."""
        self._update(account.subject, ends=locked, locked=locked)
        self._attempts.clear(account.name)

    def set_roles(self, account: Account, roles: Collection[Role]) -> None:
        self._update(account.subject, roles=" ".join(sorted(roles)))

    def remove(self, account: Account) -> None:
        """The account, everything it was granted, and its sessions and tokens."""
        held = db.entitlement
        with transaction(self._engine) as connection:
            _end_everything(connection, account.subject)
            connection.execute(sa.delete(held).where(held.c.holder == account.subject))
            connection.execute(sa.delete(table).where(table.c.subject == account.subject))

    def offer_totp(self) -> bytes:
        """A secret for an authenticator; nothing is kept before `enable_totp` saw a code of it."""
        return new_totp_secret()

    def enable_totp(self, account: Account, secret: bytes, code: str) -> None:
        """From now on signing in needs a code of `secret`.

        Raises BadQuestion: `code` is not one of about now.
        """
        step = matching_step(secret, code, self._clock())
        if step is None:
            raise BadQuestion("this is not the code of this moment; is the clock of the telephone right?")
        self._update(account.subject, totp=self._seal.close(secret, account.subject), totp_step=step)

    def confirm(self, account: Account, password: str, address: str) -> None:
        """Raises NotAuthorised: not the password of the account; OverBudget: too many attempts."""
        self._confirm(account, password, address)

    def disable_totp(self, account: Account) -> None:
        self._update(account.subject, totp=None, totp_step=0)

    def _confirm(self, account: Account, password: str, address: str) -> None:
        self._attempts.admit(account.name, address)
        with transaction(self._engine) as connection:
            query = sa.select(table.c.password).where(table.c.subject == account.subject)
            kept = connection.execute(query).scalar_one_or_none()
        if not self._passwords.matches(password, kept):
            raise NotAuthorised("this is not the password you have now")
        self._attempts.forgive(account.name, address)

    def _spend_code(self, row: Any, code: str) -> bool:
        """Whether the second factor is right; a code is good once, even for two at the same moment."""
        if row.totp is None:
            return True
        step = matching_step(self._seal.unseal(row.totp, row.subject), code, self._clock())
        if step is None:
            return False
        with transaction(self._engine) as connection:
            spent = connection.execute(
                sa.update(table)
                .where(table.c.subject == row.subject, table.c.totp_step < step)
                .values(totp_step=step)
            )
        return bool(spent.rowcount)

    def _update(self, subject: str, *, ends: bool = False, **values: Any) -> None:
        """ends: sessions and tokens of the account are good no longer."""
        with transaction(self._engine) as connection:
            if ends:
                _end_everything(connection, subject)
            connection.execute(sa.update(table).where(table.c.subject == subject).values(values))


def _end_everything(connection: Connection, subject: str) -> None:
    families, codes = db.token_family, db.authorization_code
    connection.execute(sa.update(families).where(families.c.subject == subject).values(revoked=True))
    connection.execute(sa.update(codes).where(codes.c.subject == subject).values(used=True))
    connection.execute(sa.delete(db.web_session).where(db.web_session.c.subject == subject))


def _key(name: str) -> str:
    """One name, however it is typed."""
    return name.strip().casefold()[:200]


def _read(row: Any) -> Account:
    return Account(
        subject=row.subject,
        name=row.name,
        title=row.title,
        roles=frozenset(Role(role) for role in row.roles.split()),
        must_change=row.must_change,
        has_totp=row.totp is not None,
        locked=row.locked,
    )
