"""A PostgreSQL that goes away, comes back, is full, or is not what a node needs."""

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from node import db
from node.config import IngestSection
from node.store import open_store
from node.store.catalogue import DatabaseCatalogue
from node.store.index import SqlStore
from node.store.ingest import ingest
from schemas.errors import BadInput, StoreUnavailable
from schemas.genome import Assembly, Contig, Interval
from schemas.questions import RangeQuery
from tests import engines, vcfs

CHR20 = Contig.read("20", Assembly.GRCH37)
WHOLE = RangeQuery(Interval(CHR20, 0, CHR20.length_bp))
LINES = 20_000
BIG = vcfs.Vcf(
    ("P1", "P2"), tuple(vcfs.Line("20", 1000 + n, "A", ("C",), ("0/1", "1/1")) for n in range(LINES))
)
SMALL = replace(BIG, lines=BIG.lines[:3])
CONNECTIONS = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


def node(tmp_path: Path, url: str) -> Engine:
    """One that holds the small file."""
    engine = vcfs.new_node(tmp_path, vcfs.open_dataset("here"), url=url)
    vcfs.take(engine, SMALL.write(tmp_path / "small.vcf"), "here")
    return engine


def cut(server: engines.Server, engine: Engine, condition: str = "") -> int:
    """Ends connections to the database of `engine`; how many."""
    with server.connect(str(engine.url.database)) as connection:
        ended = connection.execute(f"SELECT pg_terminate_backend(pid) {CONNECTIONS} {condition}").fetchall()
    return len(ended)


def close(store: SqlStore, engine: Engine) -> None:
    store.close()
    engine.dispose()


def test_a_lost_connection_is_made_anew_unseen(tmp_path: Path, postgresql: engines.Server) -> None:
    engine = node(tmp_path, postgresql.new_database())
    store = open_store(engine)
    with ThreadPoolExecutor(4) as pool:
        for _ in range(3):
            assert list(pool.map(lambda _: store.count("here", WHOLE), range(40))) == [3] * 40
            assert cut(postgresql, engine) > 0
    assert store.people("here") == ("P1", "P2")
    close(store, engine)


@pytest.fixture
def server(postgresql_programs: Path) -> Iterator[engines.Server]:
    """One that may be stopped."""
    with engines.server(postgresql_programs) as made:
        yield made


def test_a_server_that_is_away_is_no_answer(tmp_path: Path, server: engines.Server) -> None:
    url = server.new_database()
    engine = node(tmp_path, url)
    store, catalogue = open_store(engine), DatabaseCatalogue(engine)
    assert store.count("here", WHOLE) == 3
    server.stop()
    for question in (lambda: store.count("here", WHOLE), catalogue.datasets):
        with pytest.raises(StoreUnavailable, match="cannot be read at the moment"):
            question()
    with pytest.raises(StoreUnavailable, match="cannot be used: connection"):
        db.migrate(db.connect(url))
    with pytest.raises(StoreUnavailable, match="could not be written"):
        ingest(engine, IngestSection(), BIG.write(tmp_path / "big.vcf.gz"), "here")
    server.start()
    assert store.count("here", WHOLE) == 3
    assert [dataset.id for dataset in catalogue.datasets()] == ["here"]
    assert ingest(engine, IngestSection(), tmp_path / "big.vcf.gz", "here").alleles == LINES
    catalogue.close()
    close(store, engine)


def test_an_ingest_whose_connection_is_cut(tmp_path: Path, postgresql: engines.Server) -> None:
    engine = node(tmp_path, postgresql.new_database())
    path, store = BIG.write(tmp_path / "big.vcf.gz"), open_store(engine)
    holds_lock = "AND pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory')"
    ended = []

    def cut_once(_done: float, what: str) -> None:
        if "alleles" in what and not ended:
            ended.append(cut(postgresql, engine, holds_lock))

    with pytest.raises(StoreUnavailable, match="could not be written"):
        ingest(engine, IngestSection(), path, "here", progress=cut_once)
    assert ended == [1]
    assert store.count("here", WHOLE) == 3
    assert ingest(engine, IngestSection(), path, "here").alleles == LINES
    assert store.count("here", WHOLE) == LINES
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT COUNT(*) FROM variant").scalar() == LINES + 3
    close(store, engine)


@pytest.mark.skipif(shutil.which("prlimit") is None, reason="needs prlimit, of util-linux")
def test_no_space_left_on_the_server(tmp_path: Path, server: engines.Server) -> None:
    engine = node(tmp_path, server.new_database())
    path, store = BIG.write(tmp_path / "big.vcf.gz"), open_store(engine)
    server.stop()
    server.start(file_bytes=2_000_000)
    with pytest.raises(StoreUnavailable, match="free space") as told:
        ingest(engine, IngestSection(), path, "here")
    assert "P1" not in told.value.message
    assert store.count("here", WHOLE) == 3
    server.stop()
    server.start()
    assert ingest(engine, IngestSection(), path, "here").alleles == LINES
    assert store.count("here", WHOLE) == LINES
    close(store, engine)


def test_an_ingest_waits_for_another(tmp_path: Path, postgresql: engines.Server) -> None:
    """Whoever holds the lock, on whatever machine; and it is free again when that connection ends."""
    engine = node(tmp_path, postgresql.new_database())
    path = BIG.write(tmp_path / "big.vcf.gz")
    with postgresql.connect(str(engine.url.database)) as other, ThreadPoolExecutor(1) as pool:
        other.execute(f"SELECT pg_advisory_lock({db.Turn.INGEST.text})")
        waiting = pool.submit(ingest, engine, IngestSection(), path, "here")
        blocked = "SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        while other.execute(blocked).fetchone() == (0,):
            assert not waiting.done()
        other.close()
        assert waiting.result().alleles == LINES
    engine.dispose()


def test_no_transaction_is_left_open_by_readers(tmp_path: Path, postgresql: engines.Server) -> None:
    """One that is keeps the server from cleaning up."""
    engine = node(tmp_path, postgresql.new_database())
    store = open_store(engine)
    store.count("here", WHOLE)
    with postgresql.connect(str(engine.url.database)) as other:
        idle = other.execute(f"SELECT state {CONNECTIONS}").fetchall()
    assert set(idle) == {("idle",)}
    close(store, engine)


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("mysql://secret:secret@host/node", "'mysql' is not supported"),
        ("postgresql+asyncpg://secret@host/node", "'postgresql\\+asyncpg' is not supported"),
        ("postgres://secret@host/node", "'postgres' is not supported"),
        ("secret", "is not the URL of a database"),
    ],
)
def test_other_databases_are_refused(url: str, word: str) -> None:
    with pytest.raises(BadInput, match=word) as refused:
        db.connect(url)
    assert refused.value.place.field == "database.url"
    assert "secret" not in refused.value.message
    assert "postgresql+psycopg://" in refused.value.message


def test_versions_and_encodings(postgresql: engines.Server) -> None:
    for version in (150000, 150018, 180006):
        db.refuse_unfit(version, "UTF8")
    with pytest.raises(BadInput, match=r"PostgreSQL 14\. Use PostgreSQL 15 or newer"):
        db.refuse_unfit(140022, "UTF8")
    engine = db.connect(postgresql.new_database("TEMPLATE template0 ENCODING 'LATIN1'"))
    with pytest.raises(BadInput, match="LATIN1, not as UTF-8"):
        db.migrate(engine)
    engine.dispose()


def test_what_the_url_says_goes_before_the_defaults(postgresql: engines.Server) -> None:
    url = postgresql.new_database().replace("postgresql+psycopg:", "postgresql:")
    engine = db.connect(f"{url}&application_name=other&options=-c%20statement_timeout%3D7s")
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SHOW application_name").scalar() == "other"
        assert connection.exec_driver_sql("SHOW statement_timeout").scalar() == "7s"
    engine.dispose()
