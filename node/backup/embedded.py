"""SQLite in and out, as one state, while others read and write it.

Spec: https://sqlite.org/backup.html
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

from sqlalchemy.engine import Connection, Engine

from node.backup.archive import Watcher
from node.backup.tables import columns, emptied, filled

_NAME: Final = "varhaven.db"
_STEP_PAGES: Final = 4000  # 16 MB


def dump(engine: Engine, folder: Path, tell: Watcher) -> None:
    """The database as it is at one moment as a file in `folder`.  Raises sqlite3.Error."""
    with closing(sqlite3.connect(_path(engine))) as source, closing(sqlite3.connect(folder / _NAME)) as copy:
        # A reading transaction: what others commit meanwhile would make the copy begin anew.
        source.isolation_level = None
        source.execute("BEGIN")
        source.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
        source.backup(copy, pages=_STEP_PAGES, progress=_shown(tell, "copying the database"))


def load(engine: Engine, folder: Path, settle: Callable[[Connection], None], tell: Watcher) -> None:
    """Puts the file that `dump` wrote in the place of the whole database, in one transaction.

    settle: changes what is put there before anybody sees it.  Raises sqlite3.Error, DBAPIError.
    """
    with engine.connect() as connection:
        connection.exec_driver_sql("ATTACH DATABASE ? AS backup", (str(folder / _NAME),))
        connection.commit()
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        tables = filled(connection)
        for table in reversed(emptied()):
            connection.exec_driver_sql(f"DELETE FROM {table.name}")  # noqa: S608  # a name of ours
        for number, table in enumerate(tables):
            tell(number / len(tables), f"putting {table.name} in place")
            names = columns(table)
            filling = f"INSERT INTO {table.name} ({names}) SELECT {names} FROM backup.{table.name}"  # noqa: S608
            connection.exec_driver_sql(filling)
        settle(connection)
        connection.commit()
        connection.exec_driver_sql("DETACH DATABASE backup")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()


def install(engine: Engine, folder: Path) -> None:
    """Makes the database out of the file that `dump` wrote, where there is none.  Raises sqlite3.Error."""
    with (
        closing(sqlite3.connect(folder / _NAME)) as source,
        closing(sqlite3.connect(_path(engine))) as target,
    ):
        source.backup(target)


def discard(engine: Engine) -> None:
    """Takes away a database that cannot be read."""
    for suffix in ("", "-wal", "-shm"):
        Path(f"{_path(engine)}{suffix}").unlink(missing_ok=True)


def is_there(engine: Engine) -> bool:
    """Whether there is a database at all, be it damaged."""
    path = Path(_path(engine))
    return path.exists() and os.path.getsize(path) > 0  # noqa: PTH202  # follows links


def _path(engine: Engine) -> str:
    return str(engine.url.database)


def _shown(tell: Watcher, what: str) -> Callable[[int, int, int], None]:
    def show(_status: int, left: int, pages: int) -> None:
        tell((pages - left) / max(1, pages), what)

    return show
