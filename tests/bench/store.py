"""The variant store against its floors: ingest against decoding with cyvcf2, a lookup against LMDB.

Ingest is processor time of everything, the reading process included, over that of a plain cyvcf2 loop which
decodes the same genotypes and stores nothing.
"""

from __future__ import annotations

import itertools
import random
import resource
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import cyvcf2
import lmdb
import numpy as np
from pyroaring import BitMap
from sqlalchemy.engine import Engine

from node.config import IngestSection
from node.store import open_store
from node.store.bitmaps import decode
from node.store.index import SqlStore
from node.store.ingest import ingest
from schemas.genome import Assembly, Contig, Interval
from schemas.ports import Page
from schemas.questions import RangeQuery, SequenceQuery
from tests import vcfs
from tests.bench.lines import Line

LOOKUPS = 5000
POINTS = 2000
MEGABASE_SHIFT = 300_000
ASSEMBLY = Assembly.GRCH38
_TEN = Page(0, 10)


def processor_s(work: Callable[[], object]) -> float:
    """Seconds of this process and of those it started and waited for."""

    def used() -> float:
        usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        return sum(usage.ru_utime + usage.ru_stime for usage in usages)

    before = used()
    work()
    return used() - before


def floor(path: Path) -> int:
    """What anybody has to do with cyvcf2: decode, and find carriers and homozygotes of every allele."""
    found = 0
    for variant in cyvcf2.VCF(str(path)):
        calls = variant.genotype.array()[:, :2]
        for number in range(1, len(variant.ALT) + 1):
            copies = (calls == number).sum(axis=1)
            found += np.flatnonzero(copies).size + np.flatnonzero(copies == 2).size
    return found


def each(work: Callable[[], object], times: int) -> float:
    """Processor seconds a call, the best of five rounds."""
    best = float("inf")
    for _ in range(5):
        began = time.process_time()
        for _ in range(times):
            work()
        best = min(best, (time.process_time() - began) / times)
    return best


def wall(work: Callable[[], object], times: int) -> float:
    """Seconds a call by the clock, the best of five rounds: for what another process does."""
    best = float("inf")
    for _ in range(5):
        began = time.perf_counter()
        for _ in range(times):
            work()
        best = min(best, (time.perf_counter() - began) / times)
    return best


@dataclass(frozen=True)
class Loaded:
    """A store with one file, and the questions that are asked of it."""

    engine: Engine
    store: SqlStore
    alleles: int
    ingest_s: float
    ingest_wall_s: float
    points: tuple[SequenceQuery, ...]
    megabase: RangeQuery
    megabases: tuple[RangeQuery, ...]
    some: BitMap


@contextmanager
def loaded(path: Path, url: str = "") -> Iterator[Loaded]:
    """A new node that has taken the file.  url: of a database that is not SQLite."""
    with tempfile.TemporaryDirectory() as folder:
        engine = vcfs.new_node(Path(folder) / "node", vcfs.open_dataset("here", ASSEMBLY), url=url)
        alleles = 0

        def take() -> None:
            nonlocal alleles
            alleles = ingest(engine, IngestSection(), path, "here").alleles

        began = time.perf_counter()
        used = processor_s(take)
        took = time.perf_counter() - began
        store = open_store(engine)
        contig = Contig.read("22", ASSEMBLY)
        whole = RangeQuery(Interval(contig, 0, contig.length_bp))
        first = store.find("here", whole, Page(0, 1))[0].allele.interval.start
        megabase = RangeQuery(Interval(contig, first, first + 1_000_000))
        inside = [one.allele for one in store.find("here", megabase, Page(0, 100_000))]
        random.Random(7).shuffle(inside)
        points = tuple(
            SequenceQuery(one.interval, one.reference, one.alternate)
            for one in inside[:POINTS]
            if not one.is_symbolic
        )
        # As many as there are questions in a round: none is asked the same twice.
        shifts = random.Random(7).sample(range(MEGABASE_SHIFT), LOOKUPS)
        megabases = tuple(
            RangeQuery(Interval(contig, first + shift, first + shift + 1_000_000)) for shift in shifts
        )
        some = BitMap(range(0, len(store.people("here")), 10))
        yield Loaded(engine, store, alleles, used, took, points, megabase, megabases, some)
        store.close()
        engine.dispose()


def size_bytes(engine: Engine) -> int:
    """Of the database, its log emptied."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return Path(str(engine.url.database)).stat().st_size


def ingest_lines(path: Path) -> Iterator[Line]:
    floor_s = min(processor_s(lambda: floor(path)) for _ in range(2))
    with loaded(path) as held:
        yield Line("ingest, processor time (cyvcf2 decoding)", held.ingest_s, "s", floor_s, most=0.4)
        kept = size_bytes(held.engine) / 1e6
        yield Line("index (VCF.gz)", kept, "MB", path.stat().st_size / 1e6, most=1.0)


def lookup_lines(path: Path) -> Iterator[Line]:
    with loaded(path) as held, tempfile.TemporaryDirectory() as folder:
        store, some, everybody = held.store, held.some, held.store.people("here")
        points, megabases = itertools.cycle(held.points), itertools.cycle(held.megabases)
        get_us = 1e6 * _lmdb_get(held, Path(folder))
        seen_us = 1e6 * each(lambda: store.exists("here", next(points)), LOOKUPS)
        yield Line("point lookup: seen? (LMDB get)", seen_us, "us", get_us, most=5, most_ours=30)
        row_us = 1e6 * _row_by_key(held)
        yield Line("the driver alone: a row by its key (LMDB get)", row_us, "us", get_us)
        yield Line("point lookup: seen? (the driver alone)", seen_us, "us", row_us)
        record_us = 1e6 * each(lambda: store.find("here", next(points), _TEN), LOOKUPS)
        yield Line("point lookup: record", record_us, "us", most_ours=30)
        seen_us = 1e6 * each(lambda: store.exists("here", next(points), some), LOOKUPS)
        yield Line("seen in a tenth of the people?", seen_us, "us", most_ours=30)
        some_us = 1e6 * each(lambda: store.find("here", next(points), _TEN, some), LOOKUPS)
        yield Line("record over a tenth of the people", some_us, "us", most_ours=30)
        count_ms = 1e3 * each(lambda: store.count("here", next(megabases)), 20)
        count = store.count("here", held.megabase)
        yield Line(f"count of 1 Mb ({count:,} alleles)", count_ms, "ms", most_ours=1.5)
        page_us = 1e6 * each(lambda: store.find("here", next(megabases), _TEN), 500)
        yield Line("page of 10 of 1 Mb", page_us, "us", most_ours=30)
        some_us = 1e6 * each(lambda: store.find("here", next(megabases), _TEN, some), 100)
        yield Line("page of 10 of 1 Mb over a tenth of the people", some_us, "us")
        csr_ms = 1e3 * _csr(held)
        ours_ms = 1e3 * each(lambda: store.count("here", next(megabases), some), 10)
        yield Line("1 Mb over a tenth of the people (numpy, CSR)", ours_ms, "ms", csr_ms, most=1.0)
        alone = BitMap([len(everybody) // 2])
        ours_ms = 1e3 * each(lambda: store.count("here", next(megabases), alone), 10)
        yield Line("1 Mb over one person (numpy, CSR)", ours_ms, "ms", csr_ms, most=1.0)
        first_ms = 1e3 * min(_first_count(held) for _ in range(5))
        yield Line("the first such question there (numpy, CSR)", first_ms, "ms", csr_ms)


def _first_count(held: Loaded) -> float:
    """Processor seconds of a count over people in a megabase of which nothing is in memory yet."""
    store = open_store(held.engine)
    store.exists("here", held.points[0])
    began = time.process_time()
    store.count("here", held.megabases[0], held.some)
    took = time.process_time() - began
    store.close()
    return took


def _row_by_key(held: Loaded) -> float:
    """Seconds to get one column of one row by its whole key, with nothing around the driver."""
    key = 'bin, start, "end", ref, alt, sv_length'
    wanted = 'SELECT seg FROM variant WHERE bin = ? AND start = ? AND "end" = ? AND ref = ? AND alt = ?'
    with closing(sqlite3.connect(str(held.engine.url.database))) as connection:
        keys = connection.execute(f"SELECT {key} FROM variant").fetchall()  # a constant
        random.Random(7).shuffle(keys)
        asked, cursor = itertools.cycle(keys[:POINTS]), connection.cursor()
        return each(lambda: cursor.execute(f"{wanted} AND sv_length = ?", next(asked)).fetchone(), LOOKUPS)


def _rows(held: Loaded) -> list[tuple[str, bytes]]:
    """The alleles of the megabase: a key, and the carriers."""
    place = held.megabase.interval
    wanted = "SELECT start, ref, alt, carriers FROM variant WHERE start >= ? AND start < ? ORDER BY start"
    with held.engine.connect() as connection:
        found = connection.exec_driver_sql(wanted, (place.start, place.end)).all()
    return [(f"{start}:{ref}:{alt}"[:500], carriers) for start, ref, alt, carriers in found]


def _lmdb_get(held: Loaded, folder: Path) -> float:
    """Seconds to open a reading transaction and get one value, as large as a row of ours."""
    rows = _rows(held)
    with lmdb.open(str(folder), map_size=1 << 30) as environment:
        with environment.begin(write=True) as writing:
            for key, carriers in rows:
                writing.put(key.encode(), carriers + bytes(60))
        random.Random(7).shuffle(rows)
        keys = itertools.cycle([key.encode() for key, _ in rows[:POINTS]])

        def get() -> bytes:
            with environment.begin() as reading:
                return reading.get(next(keys))

        return each(get, LOOKUPS)


def _csr(held: Loaded) -> float:
    """Seconds to tell which alleles of the megabase the people carry, all of it in memory in two arrays."""
    lists = [decode(carriers).astype(np.uint16) for _, carriers in _rows(held)]
    starts = np.concatenate(([0], np.cumsum([len(one) for one in lists])[:-1]))
    entries = np.concatenate(lists)
    mask = np.zeros(len(held.store.people("here")), np.bool_)
    mask[held.some.to_array()] = True
    return each(lambda: int(np.logical_or.reduceat(mask[entries], starts).sum()), 20)
