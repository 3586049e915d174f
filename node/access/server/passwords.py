"""Passwords: which are good enough, how they are kept, and that checking them cannot be used as a weapon.

One check costs 64 MB and some tens of milliseconds on purpose.  So only a few run at once, and for an account
that does not exist one is done all the same: the time an answer takes tells nobody who has an account.

Spec: RFC 9106 (argon2id, second recommended set); NIST SP 800-63B §5.1.1 (length instead of composition).
"""

from __future__ import annotations

import secrets
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from schemas.errors import BadQuestion, OverBudget

SHORTEST: Final = 12
LONGEST: Final = 256
_LEAST_DISTINCT: Final = 5
_AT_ONCE: Final = 2
_PATIENCE_S: Final = 10.0
# What cannot be mistaken for something else when it is read from paper.
_LETTERS: Final = "abcdefghijkmnpqrstuvwxyz23456789"


class Passwords:
    """Makes and checks what is kept of passwords.  One for a node."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        """hasher: with other costs than the recommended."""
        self._hasher = hasher or PasswordHasher()
        self._turn = threading.BoundedSemaphore(_AT_ONCE)
        self._nobody: str | None = None

    def keep(self, password: str) -> str:
        """What is kept of `password`: argon2id with its salt and parameters."""
        with self._turns():
            return self._hasher.hash(_same(password))

    def matches(self, password: str, kept: str | None) -> bool:
        """Whether it is the one.  kept: None when there is no such account, which takes as long.

        Raises OverBudget: too many are being checked.
        """
        with self._turns():
            # Made by the first check of all, whomever it is about: commands that check nothing do not wait.
            self._nobody = self._nobody or self._hasher.hash(secrets.token_urlsafe())
            try:
                self._hasher.verify(kept or self._nobody, _same(password[: LONGEST + 1]))
                good = True
            except (Argon2Error, InvalidHashError):
                good = False
        return good and kept is not None

    def is_outdated(self, kept: str) -> bool:
        """Whether it was made with weaker parameters than are used now."""
        return self._hasher.check_needs_rehash(kept)

    @contextmanager
    def _turns(self) -> Iterator[None]:
        if not self._turn.acquire(timeout=_PATIENCE_S):
            raise OverBudget("too many people are signing in at this moment; try again in a minute")
        try:
            yield
        finally:
            self._turn.release()


def refuse_weak(password: str, *names: str) -> None:
    """Raises BadQuestion: it is too short, too long, or easily guessed from `names`; says which."""
    told = _same(password)
    if not SHORTEST <= len(told) <= LONGEST:
        raise BadQuestion(
            f"a password has {SHORTEST} to {LONGEST} characters; several words are easiest to keep"
        )
    if len(set(told)) < _LEAST_DISTINCT:
        raise BadQuestion("this password repeats too few characters")
    plain = told.casefold()
    for name in names:
        if len(name) >= 4 and name.casefold() in plain:
            raise BadQuestion("the password must not contain the name of the account or of the node")


def one_time_password() -> str:
    """100 random bits in groups that can be read aloud; to be changed at the first sign-in."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(5)) for _ in range(4))


def _same(password: str) -> str:
    """One text for what keyboards of different systems make of the same letters."""
    return unicodedata.normalize("NFKC", password)
