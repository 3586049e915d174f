"""Whether the index says what the files say: they are read again, and compared allele by allele.

Nothing is changed, and nobody has to wait.  Findings name files and numbers, never an allele or a person.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from pyroaring import BitMap
from sqlalchemy.engine import Engine

from node import db
from node.config import IngestSection
from node.store import files
from node.store.bitmaps import decode_set
from node.store.catalogue import Finding
from node.store.counting import counts_of
from node.store.files import HeldFile, Target
from node.store.layout import KEY_COLUMNS, Row
from node.store.narrowing import narrowed
from node.store.reading import Way, reading
from node.store.statements import EXACT_ROWS, in_style
from node.store.walking import pages
from schemas.errors import BadInput
from schemas.ports import Counts

Watcher = Callable[[str, int], None]
"""Told which file is read, and how many alleles were compared."""

_SAMPLE_ALLELES: Final = 5000
_ATTEMPTS: Final = 3
_SAID: Final = (
    "ac", "an", "het", "hom", "hemi", "carriers", "homs", "hemis", "uncalled", "single", "odd", "phase",
)  # fmt: skip
_ALLELE: Final = len(KEY_COLUMNS) - 1  # all of the key but the file


def check_index(
    engine: Engine, limits: IngestSection, *, whole: bool = False, watch: Watcher | None = None
) -> list[Finding]:
    """Files of which the index holds something else than they say; [] when all is well.

    whole: every allele of every file, and that there are no others; otherwise the first 5,000 of each.  Files
    that have gone or changed are left to `catalogue.check_files`.  Blocking: as long as reading the files.
    """
    found = []
    with engine.connect() as connection:
        datasets = list(connection.scalars(sa.select(db.dataset.c.id).order_by(db.dataset.c.id)))
    for dataset in datasets:
        for path in [file.path for file in _files(engine, dataset)[1]]:
            comparison = _Comparison(engine, limits, dataset, path, whole, watch or _ignore)
            if (told := comparison.settled()) is not None:
                found.append(told)
    return found


def _ignore(_file: str, _alleles: int) -> None:
    return


def _files(engine: Engine, dataset: str) -> tuple[Target, list[HeldFile]]:
    target = files.find_target(engine, dataset)
    return target, files.live_files(engine, target.no)


@dataclass(frozen=True, slots=True)
class _Comparison:
    """One file against the index."""

    engine: Engine
    limits: IngestSection
    dataset: str
    path: str
    whole: bool
    watch: Watcher

    def settled(self) -> Finding | None:
        """What differs; None for nothing.  What was written meanwhile is no difference."""
        told = None
        for _ in range(_ATTEMPTS):
            before = self._revision()
            told = self._compared()
            if told is None or self._revision() == before:
                return told
        return told

    def _revision(self) -> int:
        with self.engine.connect() as connection:
            return connection.scalar(sa.select(db.revision.c.number)) or 0

    def _compared(self) -> Finding | None:
        target, held = _files(self.engine, self.dataset)
        file = next((one for one in held if one.path == self.path), None)
        if file is None or not (file.covered or file.of_sites) or not is_unchanged(file):
            return None
        try:
            alleles, wrong = self._read(target, file)
        except BadInput as fault:
            problem = f"it cannot be read any more ({fault.problem})"
            return Finding(self.dataset, self.path, problem, fault.remedy)
        if self.whole:
            wrong += max(0, _carried(self.engine, target.no, file) - alleles)
        if not wrong:
            return None
        problem = f"the index differs from it in {wrong:,} alleles of {alleles:,}"
        remedy = (
            "Restore a backup, or make the dataset anew: varhaven dataset remove, dataset add, and ingest."
        )
        return Finding(self.dataset, self.path, problem, remedy)

    def _read(self, target: Target, file: HeldFile) -> tuple[int, int]:
        """Alleles that were compared, and how many of them the index holds otherwise."""
        limits = self.limits
        way = Way(limits.memory_mb, limits.max_line_mb, file.rules)
        alleles = wrong = 0
        everybody, spoken = BitMap(range(target.places)), _spoken_of(self.engine, file.seg)
        with reading(Path(file.path), target, way, seg=file.seg) as read:
            for batch in read.batches(lambda *_: None):
                alleles += len(batch.rows)
                wrong += self._wrong(batch.rows, file, spoken, everybody - file.covered)
                self.watch(self.path, alleles)
                if not self.whole and alleles >= _SAMPLE_ALLELES:
                    break
        return alleles, wrong

    def _wrong(self, rows: Sequence[tuple[Any, ...]], file: HeldFile, spoken: BitMap, others: BitMap) -> int:
        """How many rows of the file the index does not hold like this, or has counted wrongly.

        spoken: of whom the rows in the index speak.  others: everybody who is not in the file.
        """
        exact, wrong = in_style(EXACT_ROWS, self.engine.dialect.paramstyle), 0
        with self.engine.connect() as connection:
            for row in rows:
                found = connection.exec_driver_sql(exact, row[:_ALLELE]).all()
                rows_here = [Row._make(one[1:]) for one in found if one[1] is not None]
                held = next((one for one in rows_here if one.seg == file.seg), None)
                left, is_sound = held, held is not None
                if held is not None and not file.of_sites:
                    left = narrowed(held, others, file.covered)
                    is_sound = counts_of(held, spoken) == _counted(held)
                wrong += not is_sound or _said(left) != _said(Row._make(row))
        return wrong


def is_unchanged(file: HeldFile) -> bool:
    """Whether a registered file is there and has the size it had."""
    path = Path(file.path)
    return path.is_file() and path.stat().st_size == file.fingerprint.size_bytes


def _spoken_of(engine: Engine, seg: int) -> BitMap:
    table = db.vcf_file
    wanted = sa.select(table.c.people, table.c.residue).where(table.c.no == seg)
    with engine.connect() as connection:
        found = connection.execute(wanted).all()
    sets = [files.as_set(row.people) | files.as_set(row.residue) for row in found]
    return sets[0] if sets else BitMap()


def _counted(row: Row) -> Counts:
    return Counts(row.ac, row.an, row.het, row.hom, row.hemi)


def _said(row: Row | None) -> tuple[Any, ...] | None:
    return None if row is None else tuple(getattr(row, name) for name in _SAID)


def _carried(engine: Engine, dataset_no: int, file: HeldFile) -> int:
    """How many alleles the index says somebody in this file carries."""
    return sum(
        file.of_sites or not decode_set(row.carriers).isdisjoint(file.covered)
        for page in pages(engine, dataset_no, [file.seg])
        for row in page
    )
