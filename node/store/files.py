"""The register of ingested files: which are live, which people they cover, and how rows come and go.

A file becomes visible in one small transaction, and ceases to be visible in one; its rows are written
before and deleted after, in short transactions that nobody sees.  Rows of a file that is not live belong to
an ingest that died, or to a file that was replaced; the next ingest deletes them.  One ingest at a time: a
lock keeps others waiting, on a file beside the database or in the database's server.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from pyroaring import BitMap
from sqlalchemy.engine import Engine

from node import db
from node.store import postgresql
from node.store.bitmaps import decode, encode_set
from node.store.layout import COLUMNS, bins_of
from schemas.errors import BadInput, Place, StoreUnavailable
from schemas.genome import Assembly, Contig

_BINS_A_TRANSACTION: Final = 64
_NAMES: Final = ", ".join(f'"{name}"' for name in COLUMNS)
_INSERT: Final = " ".join(("INSERT INTO variant (", _NAMES, ") VALUES (", ", ".join("?" * len(COLUMNS)), ")"))


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What tells whether a file is still the one that was ingested."""

    sha256: str
    size_bytes: int
    modified_ns: int


@dataclass(frozen=True, slots=True)
class HeldFile:
    """A live file of a dataset, as registered."""

    no: int
    path: str
    fingerprint: Fingerprint
    records: int
    alleles: int
    people: int


@dataclass(frozen=True, slots=True)
class Target:
    """The dataset a file is for: its number in the database, its assembly, and its people by sample name."""

    dataset: str
    no: int
    assembly: Assembly
    people: dict[str, int]

    def ordinals(self, samples: Sequence[str]) -> list[int]:
        """A person keeps his ordinal; a new one gets the next."""
        fresh = (name for name in samples if name not in self.people)
        numbered = self.people | {name: len(self.people) + n for n, name in enumerate(fresh)}
        return [numbered[name] for name in samples]


@contextmanager
def ingest_lock(engine: Engine) -> Iterator[Engine]:
    """Held by the one ingest that may write; blocks until the one before has ended, however it ended.

    Gives the engine to write over: what a writer that died had still under way ends before the next begins.
    Raises StoreUnavailable: the folder of the database cannot be written.
    """
    if engine.dialect.name == "postgresql":
        with postgresql.writer(engine) as writer:
            yield writer
        return
    path = f"{engine.url.database}.ingest-lock"
    try:
        held = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as fault:
        raise StoreUnavailable(f"{path} cannot be written ({os.strerror(fault.errno or 0)})") from None
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield engine
    finally:
        os.close(held)


def find_target(engine: Engine, dataset: str) -> Target:
    """The dataset named `dataset`.  Raises BadInput: there is none."""
    with engine.connect() as connection:
        row = connection.execute(sa.select(db.dataset).where(db.dataset.c.id == dataset)).one_or_none()
        if row is None:
            remedy = f"Make it with: varhaven dataset add {dataset} --assembly GRCh38 --policy controlled"
            raise BadInput(Place(dataset[:80]), "there is no dataset of this name", remedy)
        named = sa.select(db.person.c.sample, db.person.c.ordinal).where(db.person.c.dataset_no == row.no)
        people = {row.sample: row.ordinal for row in connection.execute(named)}
    return Target(dataset, row.no, Assembly(row.assembly), people)


def live_files(engine: Engine, dataset_no: int) -> list[HeldFile]:
    """The live files of a dataset, in the order of their ingest."""
    table = db.vcf_file
    covered = sa.select(table).where(table.c.dataset_no == dataset_no, table.c.live).order_by(table.c.no)
    with engine.connect() as connection:
        return [_held(row) for row in connection.execute(covered)]


def _held(row: Any) -> HeldFile:
    fingerprint = Fingerprint(row.sha256, row.size_bytes, row.modified_ns)
    return HeldFile(row.no, row.path, fingerprint, row.records, row.alleles, int(decode(row.people).size))


def register(engine: Engine, target: Target, path: str, fingerprint: Fingerprint) -> int:
    """A new file that is not live; its number, the `seg` of its rows."""
    with engine.begin() as connection:
        made = connection.execute(
            sa.insert(db.vcf_file).values(
                dataset_no=target.no,
                path=path,
                sha256=fingerprint.sha256,
                size_bytes=fingerprint.size_bytes,
                modified_ns=fingerprint.modified_ns,
                live=False,
                people=b"",
            )
        )
        key = made.inserted_primary_key
    return int(key[0]) if key else 0


def make_live(
    engine: Engine,
    target: Target,
    seg: int,
    samples: Sequence[str],
    *,
    summary: dict[str, Any],
    replaced: int | None,
) -> None:
    """Shows the file and its people, and hides the one it replaces, at one moment."""
    ordinals = target.ordinals(samples)
    fresh = [
        {"dataset_no": target.no, "ordinal": ordinal, "sample": name}
        for name, ordinal in zip(samples, ordinals, strict=True)
        if name not in target.people
    ]
    table = db.vcf_file
    with engine.begin() as connection:
        if fresh:
            connection.execute(sa.insert(db.person), fresh)
        shown = {
            "live": True,
            "records": summary["records"],
            "alleles": summary["alleles"],
            "people": encode_set(BitMap(ordinals)) or b"",
            "contigs": " ".join(map(str, summary["contigs"])),
            "levels": summary["levels"],
        }
        connection.execute(sa.update(table).where(table.c.no == seg).values(**shown))
        if replaced is not None:
            connection.execute(sa.update(table).where(table.c.no == replaced).values(live=False))
        db.announce(connection)


def sweep(engine: Engine) -> None:
    """Deletes the rows of files that are not live.  Only under the lock; a second or so a million rows."""
    table = db.vcf_file
    dead = (
        sa.select(table.c.no, table.c.dataset_no, db.dataset.c.assembly)
        .join(db.dataset, db.dataset.c.no == table.c.dataset_no)
        .where(sa.not_(table.c.live))
    )
    with engine.connect() as connection:
        found = connection.execute(dead).all()
    for seg, dataset_no, assembly in found:
        _delete_rows(engine, seg, dataset_no, Assembly(assembly))
        with engine.begin() as connection:
            connection.execute(sa.delete(table).where(table.c.no == seg))


def _delete_rows(engine: Engine, seg: int, dataset_no: int, assembly: Assembly) -> None:
    variant = db.variant
    for number in range(1, 26):
        bins = bins_of(dataset_no, Contig.numbered(number, assembly))
        for low in range(bins.start, bins.stop, _BINS_A_TRANSACTION):
            high = min(low + _BINS_A_TRANSACTION, bins.stop) - 1
            place = sa.and_(variant.c.bin.between(low, high), variant.c.seg == seg)
            with engine.begin() as connection:
                connection.execute(sa.delete(variant).where(place))


def add_rows(engine: Engine, rows: list[tuple[Any, ...]]) -> None:
    """Adds rows of a file that is not live, in the order of `layout.COLUMNS`; one short transaction."""
    if not rows:
        return
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            postgresql.copy_rows(connection, rows)
        else:
            connection.exec_driver_sql(_INSERT, rows)
