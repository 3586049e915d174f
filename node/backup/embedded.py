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

from node import db
from node.backup.archive import Watcher

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
    staged = db.connect(f"sqlite:///{folder / _NAME}")
    with staged.begin() as connection:
        settle(connection)
    staged.dispose()
    with (
        closing(sqlite3.connect(folder / _NAME)) as source,
        closing(sqlite3.connect(_path(engine))) as target,
    ):
        target.execute("PRAGMA busy_timeout=30000")
        target.execute("PRAGMA journal_mode=WAL").fetchone()
        source.backup(target, progress=_shown(tell, "putting the database in place"))
        target.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()


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
