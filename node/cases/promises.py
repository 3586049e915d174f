"""What was promised about cases since a backup was made, and is kept when it is put back.

A case that was removed does not come back, and what may leave of one is never more than it was allowed last;
nor is more told of somebody by his genotype than he allowed last.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from node import db
from node.cases.book import digest_of, next_version
from node.cases.deposit import Status
from schemas.candidates import Finding
from schemas.matching import Sharing


@dataclass(frozen=True, slots=True)
class Promises:
    """levels: of the cases that were there, how much might leave, and where they stood.

    findings: by dataset and individual, what might be told of who was there; None where nothing was known.
    """

    levels: dict[str, tuple[Sharing, Status]] = field(default_factory=dict)
    findings: dict[tuple[str, str], Finding] | None = None


def read_promises(connection: Connection) -> Promises:
    """Those of the database as it is."""
    table = db.mme_case.c
    rows = connection.execute(sa.select(table.id, table.sharing, table.status))
    levels = {row.id: (Sharing(row.sharing), Status(row.status)) for row in rows}
    if connection.scalar(sa.select(db.dataset.c.no).limit(1)) is None:
        return Promises(levels)  # there was nobody who could have consented
    return Promises(levels, {(row.dataset, row.individual): Finding(row.level) for row in _found(connection)})


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
    if promises.findings is not None:
        _keep_findings(connection, promises.findings)
    # Every reader reads every case anew.
    connection.execute(sa.update(table).values(version=next_version(connection)))


def _found(connection: Connection) -> list[Any]:
    consent, dataset = db.finding_consent, db.dataset
    wanted = sa.select(
        consent.c.dataset_no, dataset.c.id.label("dataset"), consent.c.individual, consent.c.level
    ).join(dataset, dataset.c.no == consent.c.dataset_no)
    return list(connection.execute(wanted))


def _keep_findings(connection: Connection, last: Mapping[tuple[str, str], Finding]) -> None:
    """The lower of both levels; who had taken his consent back does not have it again."""
    table = db.finding_consent
    for row in _found(connection):
        here = (table.c.dataset_no == row.dataset_no, table.c.individual == row.individual)
        allowed = last.get((row.dataset, row.individual), Finding.NOTHING)
        if allowed is Finding.NOTHING:
            connection.execute(sa.delete(table).where(*here))
        elif allowed.rank < Finding(row.level).rank:
            connection.execute(sa.update(table).where(*here).values(level=allowed.value))
