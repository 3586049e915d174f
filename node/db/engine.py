"""Connections and migrations.  SQLite in the home by default, PostgreSQL by URL.

SQLAlchemy owns the tables, the migrations and whatever is not hot; the variant store runs a few fixed
statements of its own on the driver connection.  Nothing here knows what a variant means.

On PostgreSQL with the Citus extension the tables are spread over its workers: those with a bin by it, and a
copy of every other on each.  Those marked `local` stay on the coordinator, which alone has triggers.
"""

from __future__ import annotations

import threading
from enum import IntEnum
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import ArgumentError, DBAPIError

from node.db.base import metadata, revision
from schemas.errors import BadInput, Place, StoreUnavailable

_MIGRATING: Final = threading.Lock()  # alembic keeps the migration that is running in a global of its own

_SETTING: Final = Place("varhaven.toml", field="database.url")
_FORMS: Final = "Use sqlite:///FILE, or postgresql+psycopg://USER:PASSWORD@HOST/DATABASE."
_OLDEST_POSTGRESQL: Final = 15
# What a URL may say otherwise.  A server that has gone is noticed in seconds; compiling a plan takes longer
# than anything asked here.
_POSTGRESQL_DEFAULTS: Final = {
    "application_name": "varhaven",
    "connect_timeout": "10",
    "tcp_user_timeout": "20000",
    "options": "-c jit=off",
}


class Turn(IntEnum):
    """What only one process at a time may do to a PostgreSQL database."""

    MIGRATE = 1
    INGEST = 2

    @property
    def text(self) -> str:
        """The two numbers that name the advisory lock."""
        return f"{0x76617268}, {self.value}"


def connect(url: str) -> Engine:
    """An engine for `url`; SQLite gets WAL, foreign keys, a busy timeout, and deleted data overwritten.

    Nothing is opened yet.  Raises BadInput: a database that is not supported; later, when it is opened, for
    one that is too old or does not hold UTF-8.
    """
    try:
        asked = sa.make_url(url)
    except ArgumentError:
        raise BadInput(_SETTING, "is not the URL of a database", _FORMS) from None
    if asked.drivername in ("sqlite", "sqlite+pysqlite"):
        engine = sa.create_engine(asked)
        event.listen(engine, "connect", _prepare_sqlite)
        return engine
    if asked.drivername not in ("postgresql", "postgresql+psycopg"):
        raise BadInput(_SETTING, f"{asked.drivername[:40]!r} is not supported", _FORMS)
    asked = asked.set(drivername="postgresql+psycopg", query={**_POSTGRESQL_DEFAULTS, **asked.query})
    engine = sa.create_engine(asked)
    event.listen(engine, "connect", _look_at_postgresql)
    return engine


def announce(connection: Connection) -> None:
    """Tells every reader, in this process and others, that what is visible has changed."""
    if not connection.execute(sa.update(revision).values(number=revision.c.number + 1)).rowcount:
        connection.execute(sa.insert(revision).values(number=1))


def _prepare_sqlite(connection: object, _record: object) -> None:
    cursor = connection.cursor()  # type: ignore[attr-defined]  # the driver's own connection
    for pragma in (
        "page_size=8192",  # of a new file: the carriers of a common allele fit without a page of their own
        "busy_timeout=30000",  # first: several may switch a new database to WAL at the same moment
        "journal_mode=WAL",
        "synchronous=NORMAL",
        "foreign_keys=ON",
        "secure_delete=ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _look_at_postgresql(connection: Any, _record: object) -> None:
    info = connection.info
    refuse_unfit(info.server_version, info.parameter_status("server_encoding") or "")


def refuse_unfit(version: int, encoding: str) -> None:
    """Raises BadInput: PostgreSQL of this version (170002 is 17.2) or encoding cannot hold a node."""
    if version // 10000 < _OLDEST_POSTGRESQL:
        remedy = f"Use PostgreSQL {_OLDEST_POSTGRESQL} or newer."
        raise BadInput(_SETTING, f"the server is PostgreSQL {version // 10000}", remedy)
    if encoding != "UTF8":
        remedy = "Make one with: createdb --encoding=UTF8 --template=template0 NAME"
        raise BadInput(_SETTING, f"the database holds text as {encoding}, not as UTF-8", remedy)


def migrate(engine: Engine) -> None:
    """Bring the database to the newest schema; a small read or two when it is there.  Safe on an empty one.

    Two processes may try at once: the second waits, and finds nothing left to do.  Raises StoreUnavailable:
    it cannot be opened or changed, or a version of varhaven that this one does not know has made it.
    """
    try:
        _upgrade(engine)
    except DBAPIError as fault:
        # The first line: what follows may quote what was written.
        told = str(fault.orig).strip().split("\n", maxsplit=1)[0]
        where = engine.url.database or engine.url.host or "the database"
        raise StoreUnavailable(f"the database {where} cannot be used: {told}") from None


def newest_schema() -> str:
    """The name of the schema of this version."""
    return _scripts().get_current_head() or ""


def held_schema(engine: Engine) -> str:
    """The name of the schema that the database has; "" for none.  Raises DBAPIError."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() or ""


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(Path(__file__).parents[1] / "migrations"))


def _upgrade(engine: Engine) -> None:
    scripts = _scripts()
    newest = scripts.get_current_head()
    with engine.connect() as connection:
        held = MigrationContext.configure(connection).get_current_revision()
        if held == newest and not _to_spread(connection):
            return
    if held and held not in {script.revision for script in scripts.walk_revisions()}:
        raise StoreUnavailable(
            f"the database has schema {held}, which this varhaven does not know (it has {newest}); "
            "start the version that was used last, or restore a backup that this one has written"
        )
    config = AlembicConfig()
    config.set_main_option("script_location", scripts.dir)
    with _MIGRATING, engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")  # the driver begins none before a CREATE
        else:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({Turn.MIGRATE.text})")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        for statement in _to_spread(connection):
            connection.exec_driver_sql(statement)
        connection.commit()


def _to_spread(connection: Connection) -> list[str]:
    """What is left to tell Citus of the tables; nothing where there is no Citus."""
    there = "SELECT 1 FROM pg_extension WHERE extname = 'citus'"
    if connection.dialect.name == "sqlite" or connection.exec_driver_sql(there).scalar() is None:
        return []
    spread = set(
        connection.exec_driver_sql("SELECT logicalrelid::regclass::text FROM pg_dist_partition").scalars()
    )
    left = [t for t in metadata.sorted_tables if t.name not in spread and not t.info.get("local")]
    return [
        f"SELECT create_distributed_table('{table.name}', 'bin')"
        if "bin" in table.columns
        else f"SELECT create_reference_table('{table.name}')"
        for table in left
    ]
