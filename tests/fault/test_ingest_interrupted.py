"""An ingest that dies, has no disk space, or meets another one: the node answers as before, or as after."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from node import db
from node.config import IngestSection
from node.store import open_store
from node.store.catalogue import DatabaseCatalogue, add_dataset, check_files, held_files
from node.store.ingest import ingest
from schemas.errors import BadInput, StoreUnavailable
from schemas.genome import Assembly, Contig, Interval
from schemas.ports import Page
from schemas.questions import RangeQuery
from tests import vcfs
from tests.engines import NewDatabase

ROOT = Path(__file__).resolve().parents[2]
CHR20 = Contig.read("20", Assembly.GRCH37)
WHOLE = RangeQuery(Interval(CHR20, 0, CHR20.length_bp))
LIMITS = IngestSection()
LINES = 9000
# Says on standard output whenever there is progress; ends with 0 only when the file is in.
PROGRAM = """
import resource, sys
from pathlib import Path
from node import db
from node.config import IngestSection
from node.store.ingest import ingest

url, path, limit = sys.argv[1:]
if int(limit):
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
engine, limits = db.connect(url), IngestSection()
ingest(engine, limits, Path(path), "here", progress=lambda done, what: print(what, flush=True))
"""


def big(first: int = 1000, samples: tuple[str, ...] = ("P1", "P2", "P3")) -> vcfs.Vcf:
    calls = ("0/1",) * len(samples)
    return vcfs.Vcf(samples, tuple(vcfs.Line("20", first + n, "A", ("C",), calls) for n in range(LINES)))


def started(tmp_path: Path, url: str = "") -> Engine:
    """A node that holds one allele of one person."""
    made = vcfs.new_node(tmp_path, vcfs.open_dataset("here"), url=url)
    one = vcfs.Vcf(("P0",), (vcfs.Line("20", 5, "A", ("C",), ("1/1",)),))
    ingest(made, LIMITS, one.write(tmp_path / "one.vcf"), "here")
    return made


@pytest.fixture
def engine(tmp_path: Path, new_database: NewDatabase) -> Iterator[Engine]:
    made = started(tmp_path, new_database(tmp_path))
    yield made
    made.dispose()


def held(engine: Engine) -> object:
    store = open_store(engine)
    told = store.people("here"), store.count("here", WHOLE), store.find("here", WHOLE, Page(0, 20))
    store.close()
    return told


def rows(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.exec_driver_sql("SELECT COUNT(*) FROM variant").scalar() or 0)


def start(engine: Engine, path: Path, file_size: int = 0) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(engine.url), str(path), str(file_size)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


@pytest.mark.parametrize(
    ("sent", "heard"),
    [(signal.SIGKILL, 1), (signal.SIGKILL, 3), (signal.SIGKILL, 5), (signal.SIGINT, 1), (signal.SIGINT, 4)],
)
def test_killed_at_any_moment(engine: Engine, tmp_path: Path, sent: signal.Signals, heard: int) -> None:
    """However far it came, nothing of it is visible, and the next ingest leaves no trace of it."""
    before, path = held(engine), big().write(tmp_path / "big.vcf.gz")
    with start(engine, path) as process:
        assert process.stdout is not None
        for _ in range(heard):
            assert process.stdout.readline()
        process.send_signal(sent)
        process.communicate()
    assert process.returncode != 0
    assert held(engine) == before
    if sent is signal.SIGINT:
        assert rows(engine) == 1
    report = ingest(engine, LIMITS, path, "here")
    assert (report.alleles, report.already) == (LINES, False)
    assert rows(engine) == LINES + 1
    assert len(held_files(engine, "here")) == 2


def test_no_space_left(tmp_path: Path) -> None:
    engine = started(tmp_path)
    before, path = held(engine), big().write(tmp_path / "big.vcf.gz")
    database = Path(str(engine.url.database))
    with start(engine, path, database.stat().st_size + 20_000) as process:
        _, complaint = process.communicate()
    assert process.returncode != 0
    assert "StoreUnavailable" in complaint
    assert "could not be written" in complaint
    assert "free space" in complaint
    assert held(engine) == before
    assert ingest(engine, LIMITS, path, "here").alleles == LINES
    assert rows(engine) == LINES + 1


def children() -> set[int]:
    tasks = Path("/proc/self/task").iterdir()
    return {int(pid) for task in tasks for pid in (task / "children").read_text().split()}


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc to find the reading process")
def test_the_reading_process_dies(engine: Engine, tmp_path: Path) -> None:
    before, path, others = held(engine), big().write(tmp_path / "big.vcf.gz"), children()

    def crash(_done: float, what: str) -> None:
        if "alleles" in what:
            for pid in children() - others:
                os.kill(pid, signal.SIGSEGV)

    with pytest.raises(BadInput, match=r"big\.vcf\.gz.*SIGSEGV"):
        ingest(engine, LIMITS, path, "here", progress=crash)
    assert held(engine) == before
    assert rows(engine) == 1
    assert children() == others


def test_readers_see_nothing_of_it_until_it_is_whole(engine: Engine, tmp_path: Path) -> None:
    store, seen = open_store(engine), []
    ingest(
        engine,
        LIMITS,
        big().write(tmp_path / "big.vcf.gz"),
        "here",
        progress=lambda _done, _what: seen.append((store.count("here", WHOLE), store.people("here"))),
    )
    assert set(seen[:-1]) == {(1, ("P0",))}
    assert seen[-1] == (LINES + 1, ("P0", "P1", "P2", "P3"))
    assert len(seen) > 5
    store.close()


def test_every_thread_reads_one_state_or_the_other(engine: Engine, tmp_path: Path) -> None:
    """While one file takes the place of another, no answer is a mixture of the two."""
    path = big().write(tmp_path / "big.vcf")
    ingest(engine, LIMITS, path, "here")
    replace(big(samples=("P4",)), lines=big(samples=("P4",)).lines[:3000]).write(path)
    store, done = open_store(engine), threading.Event()

    def ask() -> set[tuple[int, int]]:
        seen = set()
        while not done.is_set():
            found = store.find("here", WHOLE, Page(0, 20_000))
            seen.add((len(found), found[-1].counts.an))
        return seen

    with ThreadPoolExecutor(3) as pool:
        asking = [pool.submit(ask) for _ in range(3)]
        ingest(engine, LIMITS, path, "here", replace=True)
        done.set()
        seen = set().union(*(one.result() for one in asking))
    assert seen <= {(LINES + 1, 6), (3001, 2)}
    assert store.count("here", WHOLE) == 3001
    store.close()


def test_two_at_once_both_come_in(engine: Engine, tmp_path: Path) -> None:
    paths = [big(first).write(tmp_path / f"{first}.vcf.gz") for first in (1000, 500_000)]
    with ThreadPoolExecutor(2) as pool:
        reports = list(pool.map(lambda path: ingest(engine, LIMITS, path, "here"), paths))
    assert [report.alleles for report in reports] == [LINES, LINES]
    assert rows(engine) == 2 * LINES + 1
    store = open_store(engine)
    assert store.count("here", WHOLE) == 2 * LINES + 1
    store.close()


def test_the_same_content_again_changes_nothing(engine: Engine, tmp_path: Path) -> None:
    path = big().write(tmp_path / "big.vcf.gz")
    first = ingest(engine, LIMITS, path, "here")
    before = held(engine), rows(engine)
    copy = tmp_path / "copy.vcf.gz"
    copy.write_bytes(path.read_bytes())
    for again in (path, copy):
        report = ingest(engine, LIMITS, again, "here", replace=True)
        assert report.already
        assert (report.records, report.alleles, report.people) == (first.records, first.alleles, first.people)
    assert (held(engine), rows(engine)) == before


def test_a_file_that_changed_is_taken_when_that_is_meant(engine: Engine, tmp_path: Path) -> None:
    path = big().write(tmp_path / "big.vcf")
    ingest(engine, LIMITS, path, "here")
    before = held(engine), rows(engine)
    smaller = replace(big(), lines=big().lines[:10])
    smaller.write(path)
    assert [finding.path for finding in check_files(engine)] == [str(path)]
    with pytest.raises(BadInput, match="has changed since"):
        ingest(engine, LIMITS, path, "here")
    dry = ingest(engine, LIMITS, path, "here", dry_run=True)
    assert dry.alleles == 10
    assert (held(engine), rows(engine)) == before
    assert ingest(engine, LIMITS, path, "here", replace=True).alleles == 10
    assert rows(engine) == 11
    assert [file.alleles for file in held_files(engine, "here")] == [1, 10]
    assert check_files(engine) == []


def test_a_broken_replacement_keeps_the_old(engine: Engine, tmp_path: Path) -> None:
    path = big().write(tmp_path / "big.vcf")
    ingest(engine, LIMITS, path, "here")
    before = held(engine), rows(engine)
    path.write_text(big().text + "20\t1\tA\n")
    with pytest.raises(BadInput, match="columns"):
        ingest(engine, LIMITS, path, "here", replace=True)
    assert (held(engine), rows(engine)) == before


def test_a_file_that_changes_while_it_is_read(engine: Engine, tmp_path: Path) -> None:
    path, before = big().write(tmp_path / "big.vcf"), held(engine)
    with pytest.raises(BadInput, match="changed while it was read"):
        ingest(
            engine,
            LIMITS,
            path,
            "here",
            progress=lambda _done, _what: os.utime(path, ns=(0, os.urandom(1)[0])),
        )
    assert held(engine) == before


def test_a_person_keeps_his_place_in_every_file(engine: Engine, tmp_path: Path) -> None:
    line = vcfs.Line("20", 50, "G", ("T",), ("0/1", "0/0", "1/1"))
    mixed = vcfs.Vcf(("P9", "P0", "P2"), (line,))
    ingest(engine, LIMITS, big().write(tmp_path / "big.vcf.gz"), "here")
    ingest(engine, LIMITS, mixed.write(tmp_path / "mixed.vcf.gz"), "here")
    store = open_store(engine)
    people = store.people("here")
    assert people == ("P0", "P1", "P2", "P3", "P9")
    found = store.find("here", RangeQuery(Interval(CHR20, 49, 50)), Page())[0]
    assert {people[n] for n in store.carriers("here", found.allele)} == {"P9", "P2"}
    store.close()


def test_the_catalogue_is_current(engine: Engine) -> None:
    """Also when another process has made a dataset; here, another engine."""
    catalogue = DatabaseCatalogue(engine)
    assert [dataset.id for dataset in catalogue.datasets()] == ["here"]
    other = db.connect(str(engine.url))
    add_dataset(
        other, replace(vcfs.open_dataset("first", Assembly.GRCH38), duo=("DUO:0000042", "DUO:0000004"))
    )
    latest = time.monotonic() + 1  # what a catalogue promises is a hundredth of it
    while len(catalogue.datasets()) < 2:
        assert time.monotonic() < latest
    assert [dataset.id for dataset in catalogue.datasets()] == ["first", "here"]
    assert catalogue.datasets()[0].duo == ("DUO:0000042", "DUO:0000004")
    with pytest.raises(BadInput, match="already"):
        add_dataset(other, vcfs.open_dataset("first"))
    with pytest.raises(BadInput, match="no name"):
        add_dataset(other, vcfs.open_dataset("a b"))
    catalogue.close()
    other.dispose()


def test_an_index_that_cannot_be_read_is_no_answer(tmp_path: Path) -> None:
    engine = vcfs.new_node(tmp_path, vcfs.open_dataset("here"))
    engine.dispose()
    Path(str(engine.url.database)).write_bytes(b"this is no database" * 1000)
    store = open_store(engine)
    with pytest.raises(StoreUnavailable):
        store.exists("here", WHOLE)
    store.close()
    engine.dispose()
