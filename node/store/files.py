"""The register of ingested files: which are live, which people they cover, and how rows come and go.

A file becomes visible in one small transaction, and ceases to be visible in one; its rows are written
before and deleted after, in short transactions that nobody sees.  Rows of a file that is not live belong to
an ingest that died, or to a file that was replaced; whoever writes next deletes them.  One writes at a time:
a lock keeps others waiting, on a file beside the database or in the database's server.

A person ceases to be visible the same way: he is no longer among the people of a file but in its residue, and
what rows of the file say of him says nothing any more.  `scrubbing` then takes him out of the rows.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import reduce
from operator import or_
from typing import Any

import sqlalchemy as sa
from pyroaring import BitMap
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError

from node import db
from node.store import postgresql
from node.store.bitmaps import decode_set, encode_set
from node.store.consequences import NOTE_COLUMNS
from node.store.layout import COLUMNS, stretches
from node.store.spans import SPAN_COLUMNS
from node.withdrawn import Kind, Struck, struck_off
from schemas.errors import BadInput, Place, StoreUnavailable
from schemas.genome import Assembly


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What tells whether a file is still the one that was ingested."""

    sha256: str
    size_bytes: int
    modified_ns: int


@dataclass(frozen=True, slots=True)
class Rules:
    """What of a file is held, and how.

    passed_only: not what a filter refused.  least_quality: not what has a lower QUAL.  fasta: REF is held
    against this reference, and alleles are left-aligned; "" for none.
    """

    passed_only: bool = False
    least_quality: float = 0.0
    fasta: str = ""


@dataclass(frozen=True, slots=True)
class HeldFile:
    """A file that a dataset holds, as registered.

    seg: the number its rows have, which is its own unless it was merged with others.  covered: ordinals of
    its people.  left_out: samples of it that are not held, because the person has withdrawn.  rules: by
    which it was read.  of_sites: it has no samples, and its counts are those of INFO.
    """

    no: int
    seg: int
    path: str
    fingerprint: Fingerprint
    records: int
    alleles: int
    covered: BitMap
    left_out: int
    rules: Rules
    of_sites: bool = False

    @property
    def people(self) -> int:
        return len(self.covered)


@dataclass(frozen=True, slots=True)
class Target:
    """The dataset a file is for: its number in the database, its assembly, and its people by sample name.

    places: how many ordinals are taken, by people or by those who have withdrawn.  struck: the names of
    these.
    """

    dataset: str
    no: int
    assembly: Assembly
    people: dict[str, int]
    places: int
    struck: Struck

    def ordinals(self, samples: Sequence[str]) -> list[int]:
        """A person keeps his ordinal; a new one gets the next; beyond them, those who are left out."""
        fresh = sorted((name for name in samples if name not in self.people), key=self._is_left_out)
        numbered = self.people | {name: self.places + n for n, name in enumerate(fresh)}
        return [numbered[name] for name in samples]

    def left_out(self, samples: Sequence[str]) -> BitMap:
        """Those of `ordinals` that no row may hold: of samples whose person has withdrawn."""
        numbered = zip(samples, self.ordinals(samples), strict=True)
        return BitMap(ordinal for name, ordinal in numbered if self._is_left_out(name))

    def _is_left_out(self, name: str) -> bool:
        return self.struck.holds(Kind.SAMPLE, name)


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


@contextmanager
def writing(engine: Engine) -> Iterator[None]:
    """Turns what the database says while it is written into a sentence with a remedy."""
    try:
        yield
    except DBAPIError as fault:
        where = engine.url.database or engine.url.host or "the database"
        # The first line: what follows may quote what was written.
        told = next(iter(str(fault.orig).splitlines()), "no reason given")
        raise StoreUnavailable(
            f"the index in {where} could not be written ({told}); it answers as before. "
            "Check the free space and the rights of that folder, and do this again."
        ) from None


def find_target(engine: Engine, dataset: str) -> Target:
    """The dataset named `dataset`.  Raises BadInput: there is none."""
    with engine.connect() as connection:
        row = connection.execute(sa.select(db.dataset).where(db.dataset.c.id == dataset)).one_or_none()
        if row is None:
            remedy = f"Make it with: varhaven dataset add {dataset} --assembly GRCh38 --policy controlled"
            raise BadInput(Place(dataset[:80]), "there is no dataset of this name", remedy)
        named = sa.select(db.person.c.sample, db.person.c.ordinal).where(db.person.c.dataset_no == row.no)
        places = connection.execute(named).all()
        struck = struck_off(connection, row.no)
    people = {name: ordinal for name, ordinal in places if name is not None}
    return Target(dataset, row.no, Assembly(row.assembly), people, len(places), struck)


def live_files(engine: Engine, dataset_no: int) -> list[HeldFile]:
    """The files whose genotypes a dataset holds, in the order of their ingest."""
    alone, merged = db.vcf_file, db.merged_file
    with engine.connect() as connection:
        live = connection.execute(
            sa.select(alone).where(alone.c.dataset_no == dataset_no, alone.c.live).order_by(alone.c.no)
        ).all()
        parts = connection.execute(sa.select(merged).where(merged.c.dataset_no == dataset_no)).all()
    people = {row.no: as_set(row.people) for row in live}
    found = [_held(row, row.no, people[row.no], of_sites=row.of_sites) for row in live if row.place is None]
    found += [_held(row, row.seg, as_set(row.people) & people[row.seg]) for row in parts if row.seg in people]
    return sorted(found, key=lambda file: file.no)


def _held(row: Any, seg: int, covered: BitMap, *, of_sites: bool = False) -> HeldFile:
    fingerprint = Fingerprint(row.sha256, row.size_bytes, row.modified_ns)
    return HeldFile(
        row.no,
        seg,
        row.path,
        fingerprint,
        row.records,
        row.alleles,
        covered,
        row.left_out,
        Rules(row.passed_only, row.least_quality, row.fasta),
        of_sites,
    )


def register(
    engine: Engine,
    target: Target,
    path: str,
    fingerprint: Fingerprint,
    rules: Rules | None = None,
) -> int:
    """A new file that is not live; its number, the `seg` of its rows."""
    values = {"dataset_no": target.no, "path": path, "live": False, "people": b""}
    values |= asdict(fingerprint) | asdict(rules or Rules())
    with engine.begin() as connection:
        made = connection.execute(sa.insert(db.vcf_file).values(**values))
    return _number_of(made.inserted_primary_key)


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
    left_out = target.left_out(samples)
    held = {
        name: ordinal
        for name, ordinal in zip(samples, target.ordinals(samples), strict=True)
        if ordinal not in left_out
    }
    more = {"left_out": len(left_out), "of_sites": not samples}
    with engine.begin() as connection:
        db.announce(connection)  # first: from here on nobody else changes what is visible
        _show(connection, target, seg, held, {**summary, **more})
        if replaced is not None:
            _put_out(connection, replaced)


def _show(
    connection: Connection,
    target: Target,
    seg: int,
    held: Mapping[str, int],
    summary: Mapping[str, Any],
) -> None:
    """Shows a file, which holds these people, with those of them who are new."""
    table, struck = db.vcf_file, struck_off(connection, target.no)
    hidden = {name for name in held if struck.holds(Kind.SAMPLE, name)}  # withdrawn while it was read
    fresh = [
        {"dataset_no": target.no, "ordinal": ordinal, "sample": None if name in hidden else name}
        for name, ordinal in held.items()
        if name not in target.people
    ]
    if fresh:
        connection.execute(sa.insert(db.person), fresh)
    residue = BitMap(held[name] for name in hidden)
    shown = {
        "live": True,
        "records": summary["records"],
        "alleles": summary["alleles"],
        "people": as_blob(BitMap(held.values()) - residue),
        "residue": as_blob(residue),
        "contigs": " ".join(map(str, summary["contigs"])),
        "levels": summary["levels"],
        "left_out": summary["left_out"],
        "of_sites": summary["of_sites"],
    }
    connection.execute(sa.update(table).where(table.c.no == seg).values(**shown))


@dataclass(frozen=True, slots=True)
class Bundled:
    """A file that is held among the rows of others: its number, its people, what was read of it."""

    no: int
    held: Mapping[str, int]
    summary: Mapping[str, Any]


def register_bundle(
    engine: Engine, target: Target, given: Sequence[tuple[str, Fingerprint]], rules: Rules
) -> tuple[list[int], int]:
    """New files that are not live, and one that is to hold the rows of all: their numbers, and its."""
    table = db.vcf_file
    common = {"dataset_no": target.no, "live": False, "people": b"", **asdict(rules)}
    with engine.begin() as connection:
        numbers = [
            _number_of(
                connection.execute(
                    sa.insert(table).values(path=path, **asdict(fingerprint), **common)
                ).inserted_primary_key
            )
            for path, fingerprint in given
        ]
        nothing = {"path": "", "sha256": "", "size_bytes": 0, "modified_ns": 0, "place": min(numbers)}
        made = connection.execute(sa.insert(table).values(**nothing, **common)).inserted_primary_key
    return numbers, _number_of(made)


def _number_of(key: Any) -> int:
    return int(key[0]) if key else 0


def make_bundle_live(
    engine: Engine, target: Target, seg: int, bundled: Sequence[Bundled], alleles: int
) -> None:
    """Shows the rows of several files and their people at one moment; each stays registered as it is."""
    table, merged = db.vcf_file, db.merged_file
    held = {name: ordinal for one in bundled for name, ordinal in one.held.items()}
    summary = {
        "records": sum(one.summary["records"] for one in bundled),
        "alleles": alleles,
        "contigs": sorted({number for one in bundled for number in one.summary["contigs"]}),
        "levels": reduce(or_, (one.summary["levels"] for one in bundled)),
        "left_out": 0,
        "of_sites": False,
    }
    with engine.begin() as connection:
        db.announce(connection)
        _show(connection, target, seg, held, summary)
        rows = {
            row.no: row
            for row in connection.execute(sa.select(table).where(table.c.no.in_([one.no for one in bundled])))
        }
        connection.execute(sa.insert(merged), [_part_of(rows[one.no], one, seg) for one in bundled])


def _part_of(row: Any, one: Bundled, seg: int) -> dict[str, Any]:
    same = "no", "dataset_no", "path", "sha256", "size_bytes", "modified_ns"
    rules = "passed_only", "least_quality", "fasta"
    return {
        **{name: getattr(row, name) for name in (*same, *rules)},
        "seg": seg,
        "records": one.summary["records"],
        "alleles": one.summary["alleles"],
        "people": as_blob(BitMap(one.held.values())),
        "left_out": 0,
    }


def _put_out(connection: Connection, no: int) -> None:
    """Hides a file, alone or merged."""
    alone, merged = db.vcf_file, db.merged_file
    if connection.execute(sa.update(alone).where(alone.c.no == no).values(live=False)).rowcount:
        return
    part = connection.execute(sa.select(merged).where(merged.c.no == no)).one()
    hide(connection, as_set(part.people), segs=(part.seg,))
    connection.execute(sa.delete(merged).where(merged.c.no == no))


def hide(connection: Connection, people: BitMap, *, segs: Sequence[int]) -> None:
    """From now on nothing is seen of what the rows of these files say of `people`."""
    table = db.vcf_file
    held = connection.execute(
        sa.select(table.c.no, table.c.people, table.c.residue).where(table.c.no.in_(segs))
    )
    for no, covered, residue in held.all():
        seen, hidden = as_set(covered), as_set(residue)
        if gone := seen & people:
            values = {"people": as_blob(seen - gone), "residue": as_blob(hidden | gone)}
            connection.execute(sa.update(table).where(table.c.no == no).values(**values))


def as_set(blob: bytes | None) -> BitMap:
    """The people or the residue of a file, as it stands in its column."""
    return decode_set(bytes(blob) if blob else None)


def as_blob(people: BitMap) -> bytes:
    """What `as_set` reads."""
    return encode_set(people) or b""


def sweep(engine: Engine) -> None:
    """Deletes the rows of files that are not live.  Only under the lock; a second or so a million rows."""
    table, variant = db.vcf_file, db.variant
    kept = sa.select(db.merged_file.c.no)  # what a file notes stays its own when its rows are merged
    dead: dict[int, list[int]] = {}
    with engine.connect() as connection:
        for no, dataset_no in connection.execute(
            sa.select(table.c.no, table.c.dataset_no).where(sa.not_(table.c.live))
        ):
            dead.setdefault(dataset_no, []).append(no)
    for dataset_no, segs in dead.items():
        for low, high in stretches(dataset_no):
            place = sa.and_(variant.c.bin.between(low, high), variant.c.seg.in_(segs))
            with engine.begin() as connection:
                connection.execute(sa.delete(variant).where(place))
                for said in (db.annotation, db.coverage):
                    of_file = sa.and_(said.c.file_no.in_(segs), said.c.file_no.not_in(kept))
                    connection.execute(sa.delete(said).where(said.c.bin.between(low, high), of_file))
        with engine.begin() as connection:
            connection.execute(sa.delete(table).where(table.c.no.in_(segs)))


def add_rows(
    engine: Engine,
    rows: Sequence[Sequence[Any]],
    notes: Sequence[Sequence[Any]] = (),
    spans: Sequence[Sequence[Any]] = (),
) -> None:
    """Adds rows of a file that is not live, notes of their alleles, and spans; one short transaction.

    In the order of `layout.COLUMNS`, `consequences.NOTE_COLUMNS` and `spans.SPAN_COLUMNS`.
    """
    if not (rows or spans):
        return
    said = (db.annotation, NOTE_COLUMNS, notes), (db.coverage, SPAN_COLUMNS, spans)
    with engine.begin() as connection:
        for table, columns, values in ((db.variant, COLUMNS, rows), *said):
            if not values:
                continue
            if engine.dialect.name == "postgresql":
                postgresql.copy_rows(connection, table, columns, values)
            else:
                connection.exec_driver_sql(_insert(table.name, columns), [tuple(row) for row in values])


def _insert(table: str, columns: Sequence[str]) -> str:
    names = ", ".join(f'"{name}"' for name in columns)
    return " ".join(("INSERT INTO", table, "(", names, ") VALUES (", ", ".join("?" * len(columns)), ")"))
