"""Numbered documents of others: once a newer one was seen, an older one is never believed again.

The number is kept in the database, so that neither a restart nor another process forgets it.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError

from node.db import document_seq as table
from schemas.errors import NotAuthorised, StoreUnavailable

_MOST: int = 2**62  # what every database holds as a number


class Newest:
    """The newest numbers of one kind of document.

    Raises StoreUnavailable from every method: the database cannot be read or written.
    """

    def __init__(self, engine: Engine, kind: str) -> None:
        self._engine = engine
        self._kind = kind

    def advance(self, issuer: str, seq: int, document: str = "") -> None:
        """Takes note of a document of `issuer`; the same again is fine.

        Raises NotAuthorised: a newer one was seen before, so this one is an old one that somebody kept.
        """
        if not 0 <= seq < _MOST:
            raise NotAuthorised(f"the number (seq) of the document of {issuer[:100]!r} cannot be one")
        mine = (table.c.kind == self._kind) & (table.c.issuer == issuer)
        try:
            with self._engine.begin() as connection:
                held = connection.execute(sa.select(table.c.seq).where(mine).with_for_update()).scalar()
                if held is None:
                    values = {"kind": self._kind, "issuer": issuer, "seq": seq, "document": document}
                    connection.execute(sa.insert(table).values(values))
                elif seq > held:
                    change = sa.update(table).where(mine & (table.c.seq < seq))
                    connection.execute(change.values(seq=seq, document=document))
        except DBAPIError as fault:
            raise StoreUnavailable("what is known of other nodes cannot be read or written now") from fault
        if held is not None and seq < held:
            raise NotAuthorised(
                f"this document of {issuer[:100]!r} is number {seq}, and number {held} was seen before: "
                "somebody shows an old one"
            )

    def newest(self, issuer: str) -> str:
        """The newest document that was taken note of with its text; "" when there is none."""
        query = sa.select(table.c.document).where(table.c.kind == self._kind, table.c.issuer == issuer)
        try:
            with self._engine.connect() as connection:
                return connection.execute(query).scalar() or ""
        except DBAPIError as fault:
            raise StoreUnavailable("what is known of other nodes cannot be read or written now") from fault
