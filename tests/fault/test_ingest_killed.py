"""A hundred ingests that are killed at random moments, on every engine: the old answers or the new, whole.

Each takes the place of the file before, so that a killed one may die while it reads, writes, shows the new
rows, or deletes the old.  The moments are drawn from a seed, within the time that one takes which may end.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from node.config import IngestSection
from node.store import open_store
from node.store.index import SqlStore
from node.store.ingest import ingest
from node.store.inspection import check_index
from schemas.genome import Assembly, Contig, Interval
from schemas.ports import Page
from schemas.questions import RangeQuery
from tests import vcfs
from tests.engines import NewDatabase

ROOT = Path(__file__).resolve().parents[2]
CHR20 = Contig.read("20", Assembly.GRCH37)
WHOLE = RangeQuery(Interval(CHR20, 0, CHR20.length_bp))
SEEDS, KILLS = 10, 10
# Starts an ingest whenever it is told to, in a process made by forking: a new one would take longer than it.
PROGRAM = """
import os, sys
from pathlib import Path
from node import db
from node.config import IngestSection
from node.store.ingest import ingest

print("ready", flush=True)
for line in sys.stdin:
    url, path = line.split()
    child = os.fork()
    if not child:
        status = 1
        try:
            ingest(db.connect(url), IngestSection(), Path(path), "here", replace=True)
            status = 0
        finally:
            os._exit(status)
    print(child, flush=True)
    print(os.waitpid(child, 0)[1], flush=True)
"""


def content(lines: int, sample: str) -> str:
    made = tuple(vcfs.Line("20", 1000 + n, "A", ("C",), ("0/1",)) for n in range(lines))
    return vcfs.Vcf((sample,), made).text


# What the file says by turns, and the answer to how many alleles it has.
STATES = {4000: content(4000, "P1"), 2500: content(2500, "P2")}


class Starter:
    """Starts ingests of one file into one node."""

    def __init__(self, process: "subprocess.Popen[str]", engine: Engine, path: Path) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._input, self._output = process.stdin, process.stdout
        self._told = f"{engine.url} {path}\n"
        assert self._output.readline() == "ready\n"

    def start(self) -> int:
        """The number of the process."""
        self._input.write(self._told)
        self._input.flush()
        return int(self._output.readline())

    def ended(self) -> int:
        """Its status, when it has ended."""
        return int(self._output.readline())


@contextmanager
def starter(engine: Engine, path: Path) -> Iterator[Starter]:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as process:
        try:
            yield Starter(process, engine, path)
        finally:
            assert process.stdin is not None
            process.stdin.close()


def answer(store: SqlStore) -> int:
    """How many alleles are held; every way to ask says the same."""
    count = store.count("here", WHOLE)
    found = store.find("here", WHOLE, Page(0, 10_000))
    assert len(found) == count
    assert {one.counts.an for one in found} == {2}
    carriers = store.carriers("here", found[-1].allele)
    assert [store.people("here")[n] for n in carriers] == ["P1" if count == 4000 else "P2"]
    return count


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(SEEDS))
def test_killed_at_ten_random_moments(seed: int, tmp_path: Path, new_database: NewDatabase) -> None:
    draw = random.Random(seed)
    engine = vcfs.new_node(tmp_path, vcfs.open_dataset("here"), url=new_database(tmp_path))
    path, store = tmp_path / "one.vcf", open_store(engine)
    path.write_text(STATES[4000], encoding="utf-8")
    killed = 0
    with starter(engine, path) as ingests:
        began = time.monotonic()
        ingests.start()
        assert ingests.ended() == 0
        takes_s = time.monotonic() - began
        held = answer(store)
        while killed < KILLS:
            wanted = next(count for count in STATES if count != held)
            path.write_text(STATES[wanted], encoding="utf-8")
            pid = ingests.start()
            time.sleep(draw.random() * takes_s)
            with suppress(ProcessLookupError):  # it was quicker
                os.kill(pid, signal.SIGKILL)
            killed += os.WIFSIGNALED(ingests.ended())
            held = answer(store)
            assert held in STATES
    last = next(count for count in STATES if count != held)
    path.write_text(STATES[last], encoding="utf-8")
    ingest(engine, IngestSection(), path, "here", replace=True)
    assert answer(store) == last
    assert check_index(engine, IngestSection(), whole=True) == []
    with engine.connect() as connection:
        left = {
            table: connection.exec_driver_sql(f"SELECT COUNT(*) FROM {table}").scalar()
            for table in ("variant", "vcf_file")
        }
    store.close()
    engine.dispose()
    # Nothing is left of any that died: whoever wrote next has deleted it.
    assert (killed, left) == (KILLS, {"variant": last, "vcf_file": 1})
