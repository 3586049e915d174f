"""Checks of what lies on this machine: the home, the database, the registered files, the reference."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from node import db
from node.access.keys import NodeKey
from node.config import CONFIG_NAME
from node.doctor.finding import Finding, Patient
from node.reference.genes import GeneTable
from node.reference.liftover import ChainFiles
from node.store import catalogue
from node.store.inspection import check_index
from node.store.sequence import FastaSequences

_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_LEAST_FREE_BYTES: Final = 500_000_000
_LEAST_FREE_SHARE: Final = 0.1


def home(patient: Patient) -> Iterator[Finding]:
    """Nobody but its owner may read what is secret."""
    place = patient.settings.home
    closed = not place.stat().st_mode & (stat.S_IXOTH | stat.S_IXGRP)
    secret = [place / CONFIG_NAME, place / "keys", *sorted((place / "keys").glob("*"))]
    if not closed:
        secret += sorted(place.glob("varhaven.db*"))
    for path in secret:
        if path.exists() and path.stat().st_mode & _OTHERS:
            mode = "700" if path.is_dir() else "600"
            problem = "other users of this machine may read it"
            remedy = f"Run: chmod {mode} {path}; if somebody may have read a key, change it."
            yield Finding(str(path), problem, remedy)
        if path.exists() and path.stat().st_uid != place.stat().st_uid:
            problem = "it belongs to another user than the home"
            yield Finding(str(path), problem, "Give it to the user who runs the node, with chown.")


def key(patient: Patient) -> Iterator[Finding]:
    """The node can sign."""
    NodeKey.load(patient.settings.home / "keys")
    yield from ()


def reference(patient: Patient) -> Iterator[Finding]:
    """What the section [reference] names can be used."""
    own = patient.settings.reference
    FastaSequences(own.fasta).close()
    GeneTable(own.genes)
    ChainFiles(own.chains)
    yield from ()


def database(patient: Patient) -> Iterator[Finding]:
    """The database can be read, has the schema of this version, and is in order."""
    engine = patient.engine
    where = engine.url.database or engine.url.host or "the database"
    restore = "Restore a backup: varhaven restore FILE --replace."
    if engine.dialect.name == "sqlite" and not Path(where).is_file():
        yield Finding(where, "the database is missing", restore)
        return
    patient.watch("integrity of the database")
    try:
        problem = _damage(patient)
        is_newest = bool(problem) or db.held_schema(engine) == db.newest_schema()
    except DBAPIError as fault:
        told = str(fault.orig).strip().split("\n", maxsplit=1)[0]
        remedy = f"Is it running, and are its URL and its rights right? Or it is damaged: {restore}"
        yield Finding(where, f"the database cannot be read ({told})", remedy)
        return
    if problem:
        yield Finding(where, f"the database is damaged ({problem})", restore)
    if not is_newest:
        remedy = "Any other command brings it to the newest; make a backup before."
        yield Finding(where, "the database has the schema of another version", remedy)


def _damage(patient: Patient) -> str:
    """What the database finds wrong with itself; "" for nothing.  Reads SQLite's whole file."""
    with patient.engine.connect() as connection:
        if patient.engine.dialect.name == "sqlite":
            told = str(connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one())
            return "" if told == "ok" else told.splitlines()[0]
        for table in db.metadata.sorted_tables:
            connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
    return ""


def space(patient: Patient) -> Iterator[Finding]:
    """There is room for the database to grow."""
    database = patient.engine.url.database or ""
    embedded = patient.engine.dialect.name == "sqlite"
    folder = Path(database).parent if embedded else patient.settings.home
    size = Path(database).stat().st_size if embedded and Path(database).exists() else 0
    free = shutil.disk_usage(folder).free
    if free < max(_LEAST_FREE_BYTES, int(size * _LEAST_FREE_SHARE)):
        problem = f"{free / 1e6:,.0f} MB are left on the disk of the node"
        remedy = "Make room before the next ingest; a full disk loses no data, but nothing new comes in."
        yield Finding(str(folder), problem, remedy)
    if not os.access(folder, os.W_OK):
        yield Finding(str(folder), "the folder cannot be written", "Give it to the user who runs the node.")


def files(patient: Patient) -> Iterator[Finding]:
    """The registered files are what was ingested: their checksums."""
    patient.watch("checksums of the registered files")
    yield from map(_of_store, catalogue.check_files(patient.engine))


def index(patient: Patient) -> Iterator[Finding]:
    """The index says what the files say: they are read again."""

    def watch(file: str, alleles: int) -> None:
        patient.watch(f"{Path(file).name}: {alleles:,} alleles compared")

    found = check_index(patient.engine, patient.settings.ingest, whole=patient.whole, watch=watch)
    yield from map(_of_store, found)


def _of_store(found: catalogue.Finding) -> Finding:
    return Finding(f"{found.path} (dataset {found.dataset})", found.problem, found.remedy)
