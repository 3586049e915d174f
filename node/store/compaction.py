"""Many small files become one: their rows are merged, allele by allele, and answers stay what they were.

Files that share nobody are merged, such as hundreds of one person each.  The merged rows are written beside
the others under a file that is not live, which takes their place in one small transaction; killed at any
moment, it was either not begun or is done.  Each file stays registered as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, groupby
from typing import Any, Final

import numpy as np
import sqlalchemy as sa
from pyroaring import BitMap
from sqlalchemy.engine import Connection, Engine

from node import db
from node.store import files
from node.store.layout import Row
from node.store.merging import ALLELE, Merger
from node.store.walking import pages
from schemas.errors import BadInput, Place

Watcher = Callable[[int], None]
"""Told how many rows were read."""

_BATCH_ROWS: Final = 2000
_FEW_FILES: Final = 8


@dataclass(frozen=True, slots=True)
class CompactReport:
    """What a compaction did: how many files were merged, into how many; their rows then, and now."""

    dataset: str
    files: int
    into: int
    rows: int
    rows_now: int


@dataclass(frozen=True, slots=True)
class _Part:
    """A live file.  covered: everybody of whom its rows speak, hidden people among them."""

    seg: int
    place: int
    covered: BitMap


def compact(engine: Engine, dataset: str, watch: Watcher | None = None) -> CompactReport:
    """Merges the files of a dataset that share nobody.

    Blocking: some 30 us a row; waits while an ingest writes; nobody who reads has to wait.  Raises BadInput:
    no such dataset; StoreUnavailable: the database cannot be written, and answers as before.
    """
    merged = into = rows = rows_now = 0
    with files.writing(engine), files.ingest_lock(engine) as writer:
        files.sweep(writer)
        target = files.find_target(writer, dataset)
        for group in _groups(_parts(writer, target.no)):
            work = _Merge(writer, target.no, group, watch or _ignore)
            work.run()
            merged, into = merged + len(group), into + 1
            rows, rows_now = rows + work.read, rows_now + work.written
    return CompactReport(dataset, merged, into, rows, rows_now)


def _ignore(_rows: int) -> None:
    return


def _parts(engine: Engine, dataset_no: int) -> list[_Part]:
    table = db.vcf_file
    live = sa.select(table).where(table.c.dataset_no == dataset_no, table.c.live, ~table.c.of_sites)
    with engine.connect() as connection:
        found = [
            _Part(
                row.no,
                row.no if row.place is None else row.place,
                files.as_set(row.people) | files.as_set(row.residue),
            )
            for row in connection.execute(live)
        ]
    return sorted(found, key=lambda part: part.place)


def _groups(parts: Sequence[_Part]) -> list[list[_Part]]:
    """Files that may be merged with each other, two or more.

    Who is in several files is counted as the first of them has him: so a file comes into a group after those
    of the earlier files that have anybody of it.
    """
    groups: list[list[_Part]] = []
    people: list[BitMap] = []
    for part in parts:
        shared = (n for n in range(len(groups) - 1, -1, -1) if not people[n].isdisjoint(part.covered))
        depth = next(shared, -1) + 1
        if depth == len(groups):
            groups.append([])
            people.append(BitMap())
        groups[depth].append(part)
        people[depth] |= part.covered
    return [group for group in groups if len(group) > 1]


class _Merge:
    """One group on its way into one file.  read, written: rows."""

    def __init__(self, engine: Engine, dataset_no: int, group: Sequence[_Part], watch: Watcher) -> None:
        self._engine = engine
        self._dataset_no = dataset_no
        self._group = {part.seg: part for part in group}
        self._watch = watch
        self.read = self.written = 0

    def run(self) -> None:
        seg = self._register()
        try:
            for rows in self._batches(seg):
                files.add_rows(self._engine, rows)
                self.written += len(rows)
            with self._engine.begin() as connection:
                db.announce(connection)
                self._take_place(connection, seg)
        finally:
            files.sweep(self._engine)

    def _register(self) -> int:
        """The number of the merged file; greater than those of its parts."""
        values = {
            "dataset_no": self._dataset_no,
            "path": "",
            "sha256": "",
            "size_bytes": 0,
            "modified_ns": 0,
            "live": False,
            "people": b"",
            "place": min(part.place for part in self._group.values()),
        }
        with self._engine.begin() as connection:
            made = connection.execute(sa.insert(db.vcf_file).values(**values)).inserted_primary_key
        return int(made[0]) if made else 0

    def _batches(self, seg: int) -> Iterator[list[tuple[Any, ...]]]:
        batch: list[tuple[Any, ...]] = []
        merger = Merger({part.seg: part.covered for part in self._group.values()}, seg)
        for rows in self._alleles():
            self.read += len(rows)
            rows.sort(key=lambda row: self._group[row.seg].place)
            batch.append(merger.merged(rows))
            if len(batch) == _BATCH_ROWS:
                self._watch(self.read)
                yield batch
                batch = []
        yield batch

    def _alleles(self) -> Iterator[list[Row]]:
        rows = chain.from_iterable(pages(self._engine, self._dataset_no, list(self._group)))
        return (list(group) for _, group in groupby(rows, key=lambda row: row[:ALLELE]))

    def _take_place(self, connection: Connection, seg: int) -> None:
        """Shows the merged file instead of the others, with what has become of their people meanwhile."""
        table, registered = db.vcf_file, db.merged_file
        parts = connection.execute(sa.select(table).where(table.c.no.in_(self._group))).all()
        alone = [_registration(row, seg) for row in parts if row.place is None]
        if alone:
            connection.execute(sa.insert(registered), alone)
        ours = registered.c.seg.in_(self._group)
        connection.execute(sa.update(registered).where(ours).values(seg=seg))
        shown = {
            "live": True,
            "alleles": self.written,
            "records": sum(row.records for row in parts),
            "people": files.as_blob(BitMap().union(*(files.as_set(row.people) for row in parts))),
            "residue": files.as_blob(BitMap().union(*(files.as_set(row.residue) for row in parts))),
            "contigs": " ".join(sorted({one for row in parts for one in row.contigs.split()}, key=int)),
            "levels": int(np.bitwise_or.reduce([row.levels for row in parts])),
        }
        connection.execute(sa.update(table).where(table.c.no == seg).values(**shown))
        connection.execute(sa.update(table).where(table.c.no.in_(self._group)).values(live=False))


def _registration(row: Any, seg: int) -> Mapping[str, Any]:
    same = "no", "dataset_no", "path", "sha256", "size_bytes", "modified_ns", "records", "alleles"
    way = "left_out", "passed_only", "least_quality", "fasta"
    values = {name: getattr(row, name) for name in (*same, *way)}
    covered = files.as_set(row.people) | files.as_set(row.residue)
    return {**values, "seg": seg, "people": files.as_blob(covered)}


def is_worthwhile(engine: Engine, dataset: str) -> bool:
    """Whether merging would make questions faster, and does not write again mostly what was merged before."""
    table = db.vcf_file
    no = files.find_target(engine, dataset).no
    parts = _parts(engine, no)
    if len(parts) <= _FEW_FILES or not _groups(parts):
        return False
    live = sa.select(table.c.alleles).where(table.c.dataset_no == no, table.c.live)
    with engine.connect() as connection:
        rows = [int(alleles) for alleles in connection.scalars(live)]
    return 3 * max(rows) <= 2 * sum(rows)


def compact_all(engine: Engine, dataset: str | None, watch: Watcher | None = None) -> list[CompactReport]:
    """`compact` for one dataset or for every one.  Raises BadInput: no such dataset."""
    with engine.connect() as connection:
        known = list(connection.scalars(sa.select(db.dataset.c.id).order_by(db.dataset.c.id)))
    if dataset is not None and dataset not in known:
        raise BadInput(Place(dataset[:80]), "there is no dataset of this name", "List: varhaven dataset list")
    return [compact(engine, one, watch) for one in ([dataset] if dataset is not None else known)]
