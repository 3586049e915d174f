"""What was promised about cases since a backup was made, and is kept when it is put back.

A case that was removed does not come back, and what may leave of one is never more than it was allowed last.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from node import db
from node.cases.book import digest_of, next_version
from node.cases.deposit import Status
from schemas.matching import Sharing


@dataclass(frozen=True, slots=True)
class Promises:
    """levels: of the cases that were there, how much might leave, and where they stood."""

    levels: dict[str, tuple[Sharing, Status]] = field(default_factory=dict)


def read_promises(connection: Connection) -> Promises:
    """Those of the database as it is."""
    table = db.mme_case.c
    rows = connection.execute(sa.select(table.id, table.sharing, table.status))
    return Promises({row.id: (Sharing(row.sharing), Status(row.status)) for row in rows})


def keep_promises(connection: Connection, promises: Promises) -> None:
    """In a database that has just taken the state of a backup; removed cases are known by their digests."""
    table = db.mme_case
    removed = frozenset(connection.scalars(sa.select(db.removed_case.c.digest)))
    held = connection.execute(sa.select(table.c.id, table.c.sharing, table.c.status)).all()
    for row in held:
        if digest_of(row.id) in removed:
            for other in (db.remark, db.case_match):
                connection.execute(sa.delete(other).where(other.c.case_id == row.id))
            connection.execute(sa.delete(table).where(table.c.id == row.id))
            continue
        sharing, status = promises.levels.get(row.id, (Sharing(row.sharing), Status(row.status)))
        lower = min(sharing, Sharing(row.sharing), key=lambda level: level.rank)
        paused = Status.PAUSED if status is Status.PAUSED else Status(row.status)
        if (lower.value, paused.value) != (row.sharing, row.status):
            changed = {"sharing": lower.value, "status": paused.value}
            connection.execute(sa.update(table).where(table.c.id == row.id).values(changed))
    # Every reader reads every case anew.
    connection.execute(sa.update(table).values(version=next_version(connection)))
