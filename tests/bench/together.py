"""Several things at once: readers beside an ingest, and two processes that read one file."""

from __future__ import annotations

import itertools
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from node.config import IngestSection
from node.store.ingest import ingest
from tests import vcfs
from tests.bench.cohorts import cohort
from tests.bench.lines import Line
from tests.bench.store import ASSEMBLY, loaded

_PROGRAM = """
import sys
from pathlib import Path
from node import db
from node.config import IngestSection
from node.store.ingest import ingest

ingest(db.connect(sys.argv[1]), IngestSection(), Path(sys.argv[2]), "here")
"""


def lines() -> Iterator[Line]:
    """By the clock: they say little while others use the processors."""
    yield _readers()
    yield _workers()


def _readers() -> Line:
    with loaded(cohort()) as held:
        points = itertools.cycle(held.points)

        def ask() -> object:
            return held.store.exists("here", next(points))

        latest = time.perf_counter() + 2
        idle = _p50(ask, lambda: time.perf_counter() > latest)
        command = [sys.executable, "-c", _PROGRAM, str(held.engine.url), str(cohort(2504, 4.5))]
        with subprocess.Popen(command) as writer:
            busy = _p50(ask, lambda: writer.poll() is not None)
        if writer.returncode:
            raise RuntimeError("the ingest beside the readers failed")
    return Line("a reader beside an ingest, p50 (idle)", busy, "us", idle, most=2.0)


def _p50(work: Callable[[], object], is_over: Callable[[], bool]) -> float:
    taken = []
    while not is_over():
        for _ in range(200):
            before = time.perf_counter()
            work()
            taken.append(time.perf_counter() - before)
    return 1e6 * statistics.median(taken)


def _workers() -> Line:
    path = cohort(2504, 15.0)
    one, two = (min(_ingested_s(path, workers) for _ in range(2)) for workers in (1, 2))
    return Line("ingest by one process (by two)", one, "s", two, least=1.7)


def _ingested_s(path: Path, workers: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        engine = vcfs.new_node(Path(folder), vcfs.open_dataset("here", ASSEMBLY))
        began = time.perf_counter()
        ingest(engine, IngestSection(), path, "here", workers=workers)
        took = time.perf_counter() - began
        engine.dispose()
    return took
