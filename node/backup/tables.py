"""Which tables take the state of a backup, and which keep their own."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from node import db


def emptied() -> list[sa.Table]:
    """Every table that takes the state of a backup in any case, those that others refer to first.

    A table of `info={"kept": True}` is a record of what this node has done since, too; one of
    `{"kept": NAME}` belongs to the table of that name, and stays when there is anything in that.
    """
    return [table for table in db.metadata.sorted_tables if not table.info.get("kept")]


def filled(connection: Connection) -> list[sa.Table]:
    """Those, and of the others the ones in which there is nothing to be lost."""
    there = sa.literal(1)

    def is_empty(table: sa.Table) -> bool:
        kept = table.info["kept"]
        decides = db.metadata.tables[kept] if isinstance(kept, str) else table
        return connection.scalar(sa.select(there).select_from(decides).limit(1)) is None

    return [table for table in db.metadata.sorted_tables if not table.info.get("kept") or is_empty(table)]


def columns(table: sa.Table) -> str:
    """Their names, in the order of `COPY` and `INSERT`."""
    return ", ".join(f'"{column.name}"' for column in table.columns)
