"""What the store stands on goes away under it: the disk is full, files are cut, the database is moved."""

import shutil
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from node import db
from node.backup import back_up
from node.config import IngestSection
from node.home import make_home
from node.store import open_store
from node.store.catalogue import add_dataset, check_files
from node.store.index import SqlStore
from node.store.ingest import ingest
from schemas.errors import BadInput, StoreUnavailable
from schemas.genome import Assembly, Contig, Interval
from schemas.ports import Page
from schemas.questions import RangeQuery
from tests import vcfs
from tests.engines import NewDatabase

CHR20 = Contig.read("20", Assembly.GRCH37)
WHOLE = RangeQuery(Interval(CHR20, 0, CHR20.length_bp))
SMALL = vcfs.Vcf(("P1",), tuple(vcfs.Line("20", 100 + n, "A", ("C",), ("0/1",)) for n in range(50)))
BIG = vcfs.Vcf(("P2",), tuple(vcfs.Line("20", 900 + n, "A", ("C",), ("1/1",)) for n in range(60_000)))


def told(store: SqlStore) -> object:
    return store.people("here"), store.count("here", WHOLE), store.find("here", WHOLE, Page(0, 5))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(place)], check=False, capture_output=True
    )
    if made.returncode:
        pytest.skip("no small file system can be mounted here: that takes root and the right to mount")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_a_full_disk(tmp_path: Path, small_disk: Path) -> None:
    made = make_home(small_disk / "home", "http://127.0.0.1:1", "A", "FI")
    engine = db.connect(made.settings.database_url)
    add_dataset(engine, vcfs.open_dataset("here"))
    ingest(engine, IngestSection(), SMALL.write(tmp_path / "small.vcf.gz"), "here")
    store = open_store(engine)
    before, big, filled = told(store), BIG.write(tmp_path / "big.vcf.gz"), small_disk / "filled"
    filled.write_bytes(bytes(shutil.disk_usage(small_disk).free - 1_000_000))
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="free space"):
            ingest(engine, IngestSection(), big, "here")
        assert told(store) == before
    with pytest.raises((BadInput, StoreUnavailable), match=r"full|No space left"):
        back_up(made.settings, small_disk / "backup")
    assert sorted(path.name for path in small_disk.iterdir()) == ["filled", "home"]
    filled.unlink()
    assert ingest(engine, IngestSection(), big, "here").alleles == 60_000
    assert store.count("here", WHOLE) == 60_050
    assert back_up(made.settings, small_disk / "backup").datasets == ("here",)
    store.close()
    engine.dispose()


@pytest.fixture
def engine(tmp_path: Path, new_database: NewDatabase) -> Iterator[Engine]:
    made = vcfs.new_node(tmp_path, vcfs.open_dataset("here"), url=new_database(tmp_path))
    ingest(made, IngestSection(), SMALL.write(tmp_path / "small.vcf.gz"), "here")
    yield made
    made.dispose()


def test_files_that_are_cut_replaced_and_deleted_while_they_are_asked_of(
    engine: Engine, tmp_path: Path
) -> None:
    """The index has all that an answer needs; the doctor names the file."""
    store, done = open_store(engine), threading.Event()
    path, before = tmp_path / "small.vcf.gz", told(store)

    def ask() -> int:
        asked = 0
        while not done.is_set():
            assert told(store) == before
            asked += 1
        return asked

    with ThreadPoolExecutor(2) as pool:
        asking = [pool.submit(ask) for _ in range(2)]
        try:
            for change, problem in (
                (lambda: path.write_bytes(path.read_bytes()[:100]), "has changed"),
                (lambda: path.write_bytes(b"something else"), "has changed"),
                (path.unlink, "is missing"),
            ):
                change()
                assert problem in check_files(engine)[0].problem
        finally:
            done.set()
        assert all(one.result() > 0 for one in asking)
    SMALL.write(path)
    assert check_files(engine) == []
    store.close()


def test_a_database_file_that_is_moved_away_and_back(tmp_path: Path) -> None:
    """No answer is no "no"; and what takes its place meanwhile is no node."""
    engine = vcfs.new_node(tmp_path / "node", vcfs.open_dataset("here"))
    ingest(engine, IngestSection(), SMALL.write(tmp_path / "small.vcf.gz"), "here")
    store = open_store(engine)
    before = told(store)
    store.close()
    engine.dispose()
    away = tmp_path / "away"
    (tmp_path / "node").rename(away)
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            told(store)
    (tmp_path / "node").mkdir()
    with pytest.raises(StoreUnavailable):
        told(store)  # an empty file is made, and it is not taken for a node without data
    (tmp_path / "node").rename(tmp_path / "empty")
    away.rename(tmp_path / "node")
    assert told(store) == before
    store.close()
    engine.dispose()
