"""What the store does in PostgreSQL's own way: fixed plans, rows by COPY, a lock that dies with its writer.

Speaks to the driver's connection.  Knows the columns of the index, and nothing of what is asked of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import StaticPool

from node import db

# Every statement of the hot path has one right plan, whatever the table holds and whether or not its
# statistics are up to date: along an index, in its order.
_FIXED_PLANS: Final = """
    SET plan_cache_mode = force_generic_plan;
    SET enable_seqscan = off;
    SET enable_bitmapscan = off;
    SET statement_timeout = '120s';
"""
_PATIENT: Final = """
    SET statement_timeout = 0;
    SET lock_timeout = 0;
    SET idle_session_timeout = 0;
"""


def open_cursor(connection: Any) -> Any:
    """Makes a new connection one for reading; what is run on its cursor is prepared once."""
    # Takes a twentieth of a second, which nobody with SQLite need wait for.
    from psycopg.types.numeric import Int8Dumper  # noqa: PLC0415

    connection.autocommit = True  # otherwise a read would hold a transaction open for ever
    connection.execute(_FIXED_PLANS)
    connection.prepare_threshold = 0
    # One type for every whole number: otherwise each statement is prepared once for every mixture of sizes.
    connection.adapters.register_dumper(int, Int8Dumper)
    return connection.cursor(binary=True)


def batches(cursor: Any, statement: str, values: Sequence[Any], size: int) -> Iterator[list[Any]]:
    """The rows of a statement as they arrive, about `size` at a time; never all of them in memory."""
    batch: list[Any] = []
    for row in cursor.stream(statement, values, size=size):
        batch.append(row)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def copy_rows(
    connection: Connection, table: sa.Table, columns: Sequence[str], rows: Sequence[Sequence[Any]]
) -> None:
    """Adds rows with these columns to a table, in the transaction of `connection`.

    The transaction does not wait for the disk: nobody sees these rows before their file is made live, and
    that transaction does wait, for everything before it, too.  Raises DBAPIError.
    """
    written = [str(table.c[name].type.compile(connection.dialect)) for name in columns]
    types = [name.split(" COLLATE ")[0].lower() for name in written]
    names = ", ".join(f'"{name}"' for name in columns)
    copying = f"COPY {table.name} ({names}) FROM STDIN (FORMAT BINARY)"
    connection.exec_driver_sql("SET LOCAL synchronous_commit = off")
    driver: Any = connection.connection.driver_connection
    fault_of_driver: type[Exception] = connection.dialect.loaded_dbapi.Error
    try:
        with driver.cursor() as cursor, cursor.copy(copying) as copy:
            copy.set_types(types)
            for row in rows:
                copy.write_row(row)
    except fault_of_driver as fault:
        raise DBAPIError(f"COPY {table.name}", None, fault) from None


@contextmanager
def writer(engine: Engine) -> Iterator[Engine]:
    """An engine whose one connection holds the ingest lock; waits until it is free.

    The server gives the lock back when the connection's last statement has ended, however the process that
    gave it ended.  So whoever has the lock next never meets a belated write.
    """
    pooled = engine.raw_connection()
    connection: Any = pooled.driver_connection
    pooled.detach()
    try:
        with connection.cursor() as cursor:
            cursor.execute(_PATIENT)
            cursor.execute(f"SELECT pg_advisory_lock({db.Turn.INGEST.text})")
        connection.commit()
        alone = sa.create_engine(engine.url, creator=lambda: connection, poolclass=StaticPool)
        yield alone
    finally:
        connection.close()
