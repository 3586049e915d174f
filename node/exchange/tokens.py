"""Tokens of Matchmaker Exchange: those that peers show to this node, and those it shows to them.

Of the first only a digest is kept; two of a peer are good at a time, so that it can change without a gap.
The others have to be shown and stand, readable by their owner alone, beside the node's keys.

Spec: https://github.com/ga4gh/mme-apis (search-api.md, Authentication): `X-Auth-Token`, under 255 characters
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import tempfile
import time
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError

from node import db
from schemas.errors import BadInput, NotAuthorised, Place, StoreUnavailable

HEADER: Final = "x-auth-token"
_BYTES: Final = 30  # 40 characters
_LIVE: Final = 2
_NOBODY: Final = ""
_LONGEST: Final = 255
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._/:-]{0,199}")
_FILE_NAME: Final = "exchange.json"


class TokenBook:
    """Who may ask with a token.  Raises StoreUnavailable from every method: the database cannot be used."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def issue(self, peer: str) -> str:
        """A new token for the peer of this name; of the older ones only the last stays good.

        It is shown this once.  Raises BadInput: not a name.
        """
        if not _NAME.fullmatch(peer):
            raise BadInput(Place("the peer"), "not a name", "Use letters, digits, blanks and ._/:- only.")
        token = secrets.token_urlsafe(_BYTES)
        table = db.exchange_token
        try:
            with self._engine.begin() as connection:
                now_s = time.time()
                connection.execute(sa.insert(table).values(digest=_digest(token), peer=peer, made_s=now_s))
                own = sa.select(table.c.digest).where(table.c.peer == peer).order_by(table.c.made_s.desc())
                old = list(connection.scalars(own))[_LIVE:]
                connection.execute(sa.update(table).where(table.c.digest.in_(old)).values(peer=_NOBODY))
        except DBAPIError as fault:
            raise StoreUnavailable("the tokens cannot be written now") from fault
        return token

    def revoke(self, peer: str) -> int:
        """Ends every token of a peer at once; how many there were."""
        try:
            with self._engine.begin() as connection:
                own = (db.exchange_token.c.peer == peer, db.exchange_token.c.peer != _NOBODY)
                ended = sa.update(db.exchange_token).where(*own).values(peer=_NOBODY)
                return connection.execute(ended).rowcount
        except DBAPIError as fault:
            raise StoreUnavailable("the tokens cannot be written now") from fault

    def peers(self) -> dict[str, int]:
        """Who may ask with a token, by name, and how many of his are good."""
        table = db.exchange_token
        wanted = sa.select(table.c.peer, sa.func.count()).where(table.c.peer != _NOBODY)
        try:
            with self._engine.connect() as connection:
                rows = connection.execute(wanted.group_by(table.c.peer).order_by(table.c.peer))
                return {row[0]: row[1] for row in rows}
        except DBAPIError as fault:
            raise StoreUnavailable("the tokens cannot be read now") from fault

    def peer_of(self, token: str | None) -> str:
        """The name of the peer that shows `token`.

        Raises NotAuthorised: none, or one that is not good.
        """
        if not token or len(token) > _LONGEST:
            raise NotAuthorised("this exchange answers only callers with an X-Auth-Token of its own")
        # The digest of a random token is looked up, so that how long it takes tells nothing of any token.
        good = sa.select(db.exchange_token.c.peer).where(db.exchange_token.c.digest == _digest(token))
        try:
            with self._engine.connect() as connection:
                peer = connection.scalar(good)
        except DBAPIError as fault:
            raise StoreUnavailable("the tokens cannot be read now") from fault
        if not peer:
            raise NotAuthorised("this X-Auth-Token is not known here; the operator can issue a new one")
        return str(peer)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


class GivenTokens:
    """The tokens that other exchanges gave this node, by their address; a file beside its keys."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / _FILE_NAME

    def find(self, peer: str) -> str | None:
        return self._read().get(peer)

    def keep(self, peer: str, token: str) -> None:
        """Raises BadInput: empty, or not fit for a header."""
        wanted = token.strip()
        if not wanted or len(wanted) >= _LONGEST or not wanted.isascii() or not wanted.isprintable():
            raise BadInput(Place("the token"), "cannot be a token", "Copy it as the other operator sent it.")
        self._write({**self._read(), peer: wanted})

    def forget(self, peer: str) -> None:
        held = self._read()
        if held.pop(peer, None) is not None:
            self._write(held)

    def _read(self) -> dict[str, str]:
        try:
            document = json.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError):
            # Not chained: the fault's text could quote the file.
            raise BadInput(Place(str(self._path)), "cannot be read", "Restore it from a backup.") from None
        return {str(name): str(token) for name, token in document.items()}

    def _write(self, tokens: dict[str, str]) -> None:
        """All or nothing, and readable by its owner only from its first moment."""
        descriptor, name = tempfile.mkstemp(dir=self._path.parent, prefix=f".{_FILE_NAME}.")
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(tokens, file)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(self._path)
