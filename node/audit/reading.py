"""Reading the log: is the chain whole, and everything in it, line by line, for whoever keeps a copy."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError

from node import db
from node.audit.entry import FIRST_HASH, chained
from schemas.errors import StoreUnavailable

_AT_ONCE: Final = 10_000
_UNREADABLE: Final = "the audit log cannot be read now"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of verifying.

    entries: how many are there.  first_bad: the number of the first that is changed, missing or not where it
    belongs; None when all is well.  seq, hash: of the newest entry; 0 and zeros when there is none.
    """

    entries: int
    first_bad: int | None
    seq: int
    hash: bytes

    @property
    def ok(self) -> bool:
        return self.first_bad is None


def verify(engine: Engine, known: tuple[int, bytes] | None = None) -> Verdict:
    """Whether every entry is the one that was written, in its place; some 200,000 a second.

    The chain shows what was changed, taken out, put in or put elsewhere by anybody who did not write all of
    it anew.  known: number and hash of an entry that somebody has kept elsewhere, which must be in it still;
    that shows also a chain that was written anew, or cut off at its end together with the head.

    Raises StoreUnavailable.
    """
    try:
        with engine.connect() as connection:
            _one_moment(connection)
            return _verified(connection, known)
    except DBAPIError:
        raise StoreUnavailable(_UNREADABLE) from None


def _verified(connection: Connection, known: tuple[int, bytes] | None) -> Verdict:
    head = connection.execute(sa.select(db.audit_head.c.seq, db.audit_head.c.hash)).one_or_none()
    seq, before, first_bad, count = 0, FIRST_HASH, None, 0
    for row in _rows(connection):
        count += 1
        if first_bad is not None:
            continue
        expected = chained(before, row.entry)
        kept = known is None or known[0] != row.seq or known[1] == row.hash
        if row.seq == seq + 1 and expected == row.hash and _names(row.entry, row.seq) and kept:
            seq, before = row.seq, expected
        else:
            first_bad = seq + 1
    if first_bad is None:
        first_bad = _bad_at_the_end(
            seq, before, (head.seq, head.hash) if head is not None else (0, FIRST_HASH), known
        )
    return Verdict(count, first_bad, seq, before)


def _bad_at_the_end(
    seq: int, last: bytes, head: tuple[int, bytes], known: tuple[int, bytes] | None
) -> int | None:
    """The first entry that is missing after the one numbered `seq`, or that should not be there."""
    newest, newest_hash = head
    if seq < max(newest, known[0] if known is not None else 0):
        return seq + 1
    if seq > newest:
        return newest + 1
    return None if last == newest_hash else max(seq, 1)


def _one_moment(connection: Connection) -> None:
    """Everything that is read on the connection from now on is of one moment."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN")
    else:
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")


def _names(text: str, seq: int) -> bool:
    """Whether an entry says of itself that this is its place."""
    try:
        return bool(json.loads(text)["seq"] == seq)
    except (ValueError, KeyError, TypeError):
        return False


def export(engine: Engine, after: int = 0) -> Iterator[dict[str, Any]]:
    """Every entry after the one with this number: its members, and its hash in hex.

    Raises StoreUnavailable.
    """
    try:
        with engine.connect() as connection:
            for row in _rows(connection, after):
                yield {**json.loads(row.entry), "hash": row.hash.hex()}
    except DBAPIError:
        raise StoreUnavailable(_UNREADABLE) from None


def _rows(connection: Connection, after: int = 0) -> Iterator[Any]:
    columns = db.audit.c
    asked = sa.select(columns.seq, columns.entry, columns.hash).where(columns.seq > after)
    result = connection.execution_options(yield_per=_AT_ONCE).execute(asked.order_by(columns.seq))
    yield from result
