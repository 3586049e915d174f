"""A node in one file, taken while it serves, and put back so that nobody who has left comes back.

    archive     the file: parts with checksums
    embedded    SQLite out and in, as one state
    served      PostgreSQL out and in, as one state
    tables      which tables keep their own: the audit log is never taken back

A backup holds the settings, the keys and the database with the index; the VCF files are registered in it and
stay where they are.  It is as secret as the node.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError

from node import db
from node.backup import archive, embedded, served
from node.backup.archive import Manifest, Watcher
from node.cases.promises import Promises, keep_promises, read_promises
from node.config import CONFIG_NAME, Settings, read_settings
from node.store.files import ingest_lock
from node.store.withdrawal import withdraw_struck
from node.withdrawn import Struck, struck_off
from schemas.errors import BadInput, Place, StoreUnavailable
from schemas.ga4gh import VERSION

_DATABASE: Final = "database"
_KEYS: Final = "keys"
_REPLACE: Final = "To put the backup in its place: varhaven restore FILE --replace."


class _Engine(Protocol):
    """What a module for one kind of database offers."""

    def dump(self, engine: Engine, folder: Path, tell: Watcher, /) -> None: ...

    def load(
        self, engine: Engine, folder: Path, settle: Callable[[Connection], None], tell: Watcher, /
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class BackupReport:
    """What was written: the file, its size, and what it holds of which node."""

    file: str
    node: str
    size_bytes: int
    datasets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RestoreReport:
    """What a restore did.

    made: when the backup was.  withdrawn_again: people who have withdrawn since, and are withdrawn in what
    was put back.  knew_before: whether there was a state that could be asked for them; otherwise whoever has
    withdrawn since `made` has to be withdrawn again.  returned: datasets that had been removed since.
    """

    home: str
    node: str
    made: str
    datasets: tuple[str, ...]
    withdrawn_again: int
    knew_before: bool
    returned: tuple[str, ...]


def back_up(settings: Settings, target: Path, watch: Watcher | None = None) -> BackupReport:
    """Writes the whole node into `target`, a new file for its owner alone, of one moment; checked at the end.

    Beside a node that serves or ingests; nobody waits.  Blocking: as long as copying the database twice, and
    twice its space is needed beside `target` while it is written.

    Raises BadInput: there is a file already, or it cannot be written; StoreUnavailable: the database cannot
    be read.  Then there is no file.
    """
    if target.exists():
        raise BadInput(
            Place(str(target)), "there is a file already", "Choose another name; this one is kept."
        )
    engine = db.connect(settings.database_url)
    try:
        with _told(target), _folder_beside(target) as folder:
            _of_home(settings.home, folder)
            (folder / _DATABASE).mkdir()
            _engine(engine).dump(engine, folder / _DATABASE, watch or _ignore)
            made = Manifest(
                settings.node.id,
                engine.dialect.name,
                db.held_schema(engine),
                VERSION,
                datetime.now(UTC).isoformat(timespec="seconds"),
            )
            archive.write(target, folder, made, watch or _ignore)
            return BackupReport(str(target), made.node, target.stat().st_size, _datasets(engine))
    finally:
        engine.dispose()


def restore(
    source: Path, home: Path, *, replace: bool = False, watch: Watcher | None = None
) -> RestoreReport:
    """Puts the node in `source` into `home`.

    In an empty home it is as it was.  With `replace`, in the home of the same node, also while it serves: in
    one moment the database has the state of the backup, without everybody who has withdrawn since.  Settings,
    keys and the audit log that are there stay.  Waits while an ingest writes.

    Raises BadInput: not a backup, or damaged; a node lives in `home` and `replace` was not said, or it is
    another node; a backup of another engine or schema.  StoreUnavailable: the database cannot be written.
    Then the home is as it was.
    """
    tell = watch or _ignore
    with _told(home), archive.unpacked(source, home, tell) as (manifest, folder):
        is_living = (home / CONFIG_NAME).exists()
        if is_living and not replace:
            raise BadInput(Place(str(home)), "a node lives here already", _REPLACE)
        settings = read_settings(home if is_living else folder)
        # Where the settings say nothing else, the database is in this home.
        settings = settings.model_copy(update={"home": home.resolve()})
        _refuse_unfit(source, manifest, settings)
        report = _put_back(settings, manifest, folder / _DATABASE, replace=replace, tell=tell)
        _fill(home, folder)
        return report


def _ignore(_fraction: float, _what: str) -> None:
    return


def _faults() -> tuple[type[Exception], ...]:
    """What a database raises, by whichever driver."""
    import psycopg  # noqa: PLC0415  # every command would wait for it

    return DBAPIError, sqlite3.Error, psycopg.Error


@contextmanager
def _told(where: Path) -> Iterator[None]:
    """Turns what the system or a database says into a sentence with a remedy."""
    try:
        yield
    except _faults() as fault:
        cause = fault.orig if isinstance(fault, DBAPIError) else fault
        told = str(cause).strip().split("\n", maxsplit=1)[0]  # what follows may quote a row
        raise StoreUnavailable(f"the database cannot be used ({told}); nothing was changed") from None
    except OSError as fault:
        problem = f"cannot be read or written ({os.strerror(fault.errno or 0)}); nothing was changed"
        place = Place(str(fault.filename or where))
        raise BadInput(place, problem, "Check its rights and the free space.") from None


@contextmanager
def _folder_beside(path: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.resolve().parent) as name:
        yield Path(name)


def _of_home(home: Path, folder: Path) -> None:
    shutil.copy(home / CONFIG_NAME, folder / CONFIG_NAME)
    shutil.copytree(home / _KEYS, folder / _KEYS)


def _fill(home: Path, folder: Path) -> None:
    """What the home does not have is taken from the backup; the settings last, which make it a node."""
    if (folder / _KEYS).is_dir():
        (home / _KEYS).mkdir(exist_ok=True, mode=0o700)
    for part in (*sorted((folder / _KEYS).rglob("*")), folder / CONFIG_NAME):
        place = home / part.relative_to(folder)
        if part.is_dir():
            place.mkdir(exist_ok=True, mode=0o700)
        elif not place.exists():
            part.rename(place)  # it is its owner's alone already


def _engine(engine: Engine) -> _Engine:
    return served if engine.dialect.name == "postgresql" else embedded


def _datasets(engine: Engine) -> tuple[str, ...]:
    with engine.connect() as connection:
        return tuple(connection.scalars(sa.select(db.dataset.c.id).order_by(db.dataset.c.id)))


def _refuse_unfit(source: Path, manifest: Manifest, settings: Settings) -> None:
    place = Place(str(source))
    if settings.node.id != manifest.node:
        problem = f"a backup of {manifest.node}, and here lives {settings.node.id}"
        raise BadInput(place, problem, "Choose the home of the same node, or an empty one.")
    engine = sa.make_url(settings.database_url).get_backend_name()
    if engine != manifest.engine:
        problem = f"a backup from {manifest.engine}, and this home has {engine}"
        raise BadInput(place, problem, "Make the node anew with that database, and ingest its files.")
    if manifest.schema != db.newest_schema():
        problem = f"made by version {manifest.version}, whose database has another schema"
        raise BadInput(place, problem, "Restore it with that version, then bring the node to this one.")


@dataclass(frozen=True, slots=True)
class _Before:
    """What must not be forgotten of the state that is replaced; by default, that nothing is known of it.

    struck: who has withdrawn, by dataset.  revision: what readers saw last.  promises: about cases.
    """

    is_known: bool = False
    struck: Mapping[str, Struck] = field(default_factory=dict)
    revision: int = 0
    promises: Promises = field(default_factory=Promises)


def _before(engine: Engine) -> _Before:
    if engine.dialect.name == "sqlite" and not embedded.is_there(engine):
        return _Before()
    try:
        with engine.connect() as connection:
            named = connection.execute(sa.select(db.dataset.c.no, db.dataset.c.id)).all()
            struck = {name: struck_off(connection, no) for no, name in named}
            revision = connection.scalar(sa.select(db.revision.c.number)) or 0
            promises = read_promises(connection)
    except DBAPIError:
        return _Before()  # there are no tables, or they are damaged
    return _Before(bool(named) or bool(promises.levels), struck, revision, promises)


def _put_back(
    settings: Settings, manifest: Manifest, folder: Path, *, replace: bool, tell: Watcher
) -> RestoreReport:
    """The database of the backup in the place of the one that is there."""
    engine = db.connect(settings.database_url)
    try:
        before = _before(engine)
        if not replace and (before.is_known or _is_damaged(engine, before)):
            raise BadInput(Place(str(settings.home)), "a database is there already", _REPLACE)
        if _is_damaged(engine, before):
            engine.dispose()
            embedded.discard(engine)
        again = 0

        def settle(connection: Connection) -> None:
            nonlocal again
            while (connection.scalar(sa.select(db.revision.c.number)) or 0) <= before.revision:
                db.announce(connection)
            again = withdraw_struck(connection, before.struck)
            keep_promises(connection, before.promises)

        if engine.dialect.name == "sqlite" and not embedded.is_there(engine):
            embedded.install(engine, folder)  # nothing is there, and so nobody whom it could show
        else:
            db.migrate(engine)
            with ingest_lock(engine) as writer:
                _engine(engine).load(writer, folder, settle, tell)
        held = _datasets(engine)
    finally:
        engine.dispose()
    returned = tuple(name for name in held if before.is_known and name not in before.struck)
    home, made = str(settings.home), manifest.made
    return RestoreReport(home, manifest.node, made, held, again, before.is_known, returned)


def _is_damaged(engine: Engine, before: _Before) -> bool:
    """Whether there is a file of SQLite that cannot be read as a node's."""
    is_file = engine.dialect.name == "sqlite" and embedded.is_there(engine)
    if not is_file or before.is_known:
        return False
    try:
        return not db.held_schema(engine)
    except DBAPIError:
        return True
