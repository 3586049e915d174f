"""PostgreSQL in and out, as one state: every table by COPY, in one transaction.

Needs no program of the server's and no superuser; on Citus, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from node import db
from node.backup.archive import Watcher
from node.backup.tables import columns, emptied, filled

_CHUNK_BYTES: Final = 1 << 20


def dump(engine: Engine, folder: Path, tell: Watcher) -> None:
    """Every table as it is at one moment, as files in `folder`.  Raises psycopg.Error, DBAPIError."""
    tables = db.metadata.sorted_tables
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        driver: Any = connection.connection.driver_connection
        for number, table in enumerate(tables):
            tell(number / len(tables), f"copying {table.name}")
            with (
                driver.cursor() as cursor,
                cursor.copy(_out_of(table)) as copy,
                (folder / table.name).open("wb") as target,
            ):
                for block in copy:
                    target.write(block)


def load(engine: Engine, folder: Path, settle: Callable[[Connection], None], tell: Watcher) -> None:
    """Puts what `dump` wrote in the place of everything in the database, in one transaction.

    Questions wait until it is done.  settle: changes what is put there before anybody sees it.  Raises
    psycopg.Error, DBAPIError.
    """
    with engine.begin() as connection:
        tables = filled(connection)
        driver: Any = connection.connection.driver_connection
        connection.exec_driver_sql(f"TRUNCATE {', '.join(table.name for table in emptied())}")
        for number, table in enumerate(tables):
            tell(number / len(tables), f"putting {table.name} in place")
            copying = f"COPY {table.name} ({columns(table)}) FROM STDIN (FORMAT BINARY)"
            with driver.cursor() as cursor, cursor.copy(copying) as copy:
                for block in _blocks(folder / table.name):
                    copy.write(block)
            _go_on_counting(connection, table)
        settle(connection)


def _out_of(table: sa.Table) -> str:
    # A query, since a table of Citus cannot be copied out as one.
    return f"COPY (SELECT {columns(table)} FROM {table.name}) TO STDOUT (FORMAT BINARY)"  # noqa: S608  # names


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as source:
        while block := source.read(_CHUNK_BYTES):
            yield block


def _go_on_counting(connection: Connection, table: sa.Table) -> None:
    """The numbers that the server gives go on after those that are there."""
    for column in table.primary_key:
        if isinstance(column.type, sa.Integer):
            counter = f"pg_get_serial_sequence('{table.name}', '{column.name}')"
            if connection.exec_driver_sql(f"SELECT {counter}").scalar() is not None:
                highest = connection.scalar(sa.select(sa.func.max(column))) or 0
                connection.exec_driver_sql(f"SELECT setval({counter}, {highest + 1}, false)")
