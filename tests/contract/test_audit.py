"""The audit log on every engine: one order over processes, durable before an answer, every change shows."""

import asyncio
import json
import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError

from node import db
from node.audit import Audit, Entry, Kind, Outcome, export, open_audit, verify
from schemas.errors import BadInput, StoreUnavailable
from tests.engines import NewDatabase

ENTRY = Entry(
    "0af7651916cd43dd8448eb211c80319c",
    "https://login.example alice",
    Kind.BEACON,
    Outcome.ANSWERED,
    ("rare", "cancer"),
    "count",
    "DUO:0000042",
    "5f3c",
)
OPEN = Entry(
    "0af7651916cd43dd8448eb211c80319c", "anonymous", Kind.BEACON, Outcome.ANSWERED, ("open",), "record"
)
KEY = bytes(range(32))


@pytest.fixture
def url(tmp_path: Path, new_database: NewDatabase) -> str:
    return new_database(tmp_path)


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    engine = db.connect(url)
    db.migrate(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def audit(engine: Engine) -> Iterator[Audit]:
    audit = Audit(engine, KEY)
    yield audit
    audit.close()


def written(engine: Engine) -> list[dict[str, Any]]:
    return list(export(engine))


def test_an_entry_is_there_when_record_returns(engine: Engine, audit: Audit) -> None:
    asyncio.run(audit.record(ENTRY))
    (entry,) = written(engine)
    assert entry["seq"] == 1
    assert entry["principal"] == "https://login.example alice"
    assert entry["datasets"] == ["cancer", "rare"]
    assert entry["outcome"] == "answered"
    assert verify(engine).ok


def test_many_at_once_are_one_chain_without_a_gap(engine: Engine, audit: Audit) -> None:
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(audit.record_now, [replace(ENTRY, detail=str(n)) for n in range(300)]))
    entries = written(engine)
    assert [entry["seq"] for entry in entries] == list(range(1, 301))
    assert {entry["detail"] for entry in entries} == {str(n) for n in range(300)}
    assert verify(engine).ok


def test_several_processes_write_one_chain(engine: Engine, url: str) -> None:
    program = (
        "import sys\n"
        "from node import db\n"
        "from node.audit import Audit, Entry, Kind, Outcome\n"
        "engine = db.connect(sys.argv[1])\n"
        "audit = Audit(engine, bytes(32))\n"
        "for n in range(40):\n"
        "    audit.record_now(Entry('t', sys.argv[2], Kind.BEACON, Outcome.ANSWERED, detail=str(n)))\n"
        "audit.close()\n"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", program, url, name]) for name in ("one", "two", "three")
    ]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    found = verify(engine)
    assert found.ok
    assert found.entries == 120
    order = [int(entry["detail"]) for entry in written(engine) if entry["principal"] == "two"]
    assert order == list(range(40))


def test_what_is_public_is_gathered_and_written_at_the_end(engine: Engine) -> None:
    audit = Audit(engine, KEY)
    for _ in range(1000):
        audit.note(OPEN)
    audit.note(replace(OPEN, outcome=Outcome.DENIED))
    audit.close()
    first, second = written(engine)
    assert first["answers"] == 1000
    assert "request" not in first
    assert second["outcome"] == "denied"
    assert verify(engine).ok


def test_a_closed_log_records_nothing_more(engine: Engine, audit: Audit) -> None:
    audit.record_now(ENTRY)
    audit.close()
    with pytest.raises(StoreUnavailable):
        audit.record_now(ENTRY)


def test_without_a_durable_entry_nothing_may_be_told(
    engine: Engine, audit: Audit, caplog: pytest.LogCaptureFixture
) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE audit RENAME TO elsewhere")
    with pytest.raises(StoreUnavailable, match="audit log cannot be written"):
        audit.record_now(ENTRY)
    assert "alice" not in caplog.text
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE elsewhere RENAME TO audit")
    audit.record_now(ENTRY)  # and it recovers by itself
    assert verify(engine).entries == 1


def test_what_was_noted_outlives_a_database_that_fails_for_a_while(engine: Engine) -> None:
    audit = Audit(engine, KEY)
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE audit RENAME TO elsewhere")
    audit.note(OPEN)
    with pytest.raises(StoreUnavailable):
        audit.record_now(ENTRY)
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE elsewhere RENAME TO audit")
    audit.close()
    assert [entry["principal"] for entry in written(engine)] == ["anonymous"]


@pytest.mark.parametrize("statement", ["UPDATE audit SET entry = 'x'", "DELETE FROM audit", "TRUNCATE audit"])
def test_the_database_refuses_to_change_or_delete(engine: Engine, audit: Audit, statement: str) -> None:
    audit.record_now(ENTRY)
    with pytest.raises(DBAPIError), engine.begin() as connection:  # SQLite knows no TRUNCATE at all
        connection.exec_driver_sql(statement)
    assert verify(engine).ok


Tamper = Callable[[Connection], object]


def changed(seq: int) -> Tamper:
    def tamper(connection: Connection) -> None:
        text = connection.execute(sa.select(db.audit.c.entry).where(db.audit.c.seq == seq)).scalar_one()
        forged = text.replace("count", "record")
        assert forged != text
        connection.execute(sa.update(db.audit).where(db.audit.c.seq == seq).values(entry=forged))

    return tamper


def taken_out(seq: int) -> Tamper:
    return lambda connection: connection.execute(sa.delete(db.audit).where(db.audit.c.seq == seq))


def closed_up(connection: Connection) -> None:
    connection.execute(sa.delete(db.audit).where(db.audit.c.seq == 4))
    for seq in range(5, 11):
        connection.execute(sa.update(db.audit).where(db.audit.c.seq == seq).values(seq=seq - 1))


def swapped(connection: Connection) -> None:
    rows = {row.seq: row for row in connection.execute(sa.select(db.audit)).all()}
    for here, there in ((6, 7), (7, 6)):
        values = {"entry": rows[there].entry, "hash": rows[there].hash}
        connection.execute(sa.update(db.audit).where(db.audit.c.seq == here).values(values))


def put_in(connection: Connection) -> None:
    row = connection.execute(sa.select(db.audit).where(db.audit.c.seq == 10)).one()
    connection.execute(sa.insert(db.audit).values(seq=11, entry=row.entry, hash=row.hash))


def without_a_head(connection: Connection) -> None:
    connection.execute(sa.delete(db.audit_head))


TAMPERED: dict[str, tuple[Tamper, int]] = {
    **{f"entry {seq} changed": (changed(seq), seq) for seq in range(1, 11)},
    **{f"entry {seq} taken out": (taken_out(seq), seq) for seq in range(1, 11)},
    "the gap closed up": (closed_up, 4),
    "two swapped": (swapped, 6),
    "one put in at the end": (put_in, 11),
    "the head taken away": (without_a_head, 1),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_every_change_shows_and_the_first_bad_entry_is_named(engine: Engine, audit: Audit, name: str) -> None:
    for _ in range(10):
        audit.record_now(ENTRY)
    tamper, first_bad = TAMPERED[name]
    with engine.begin() as connection:
        _disarm(connection)
        tamper(connection)
    found = verify(engine)
    assert not found.ok
    assert found.first_bad == first_bad


def test_a_chain_written_anew_shows_against_a_head_kept_elsewhere(engine: Engine, audit: Audit) -> None:
    for _ in range(5):
        audit.record_now(ENTRY)
    kept = verify(engine)
    audit.close()
    with engine.begin() as connection:
        _disarm(connection)
        connection.execute(sa.delete(db.audit))
        connection.execute(sa.delete(db.audit_head))
    forger = Audit(engine, KEY)
    for _ in range(7):
        forger.record_now(replace(ENTRY, granularity="boolean"))
    forger.close()
    assert verify(engine).ok
    assert verify(engine, (kept.seq, kept.hash)).first_bad == 5
    with engine.begin() as connection:
        connection.execute(sa.delete(db.audit))
        connection.execute(sa.delete(db.audit_head))
    assert verify(engine, (kept.seq, kept.hash)).first_bad == 1


def test_the_digest_needs_the_key(engine: Engine, tmp_path: Path) -> None:
    one, other = open_audit(engine, tmp_path), open_audit(engine, tmp_path)
    assert one.digest(b"question") == other.digest(b"question")
    assert one.digest(b"question") != one.digest(b"another")
    assert one.digest(b"question") != Audit(engine, KEY).digest(b"question")
    assert (tmp_path / "audit.key").stat().st_mode & 0o777 == 0o600


def test_a_key_that_others_can_read_is_refused(engine: Engine, tmp_path: Path) -> None:
    open_audit(engine, tmp_path)
    (tmp_path / "audit.key").chmod(0o644)
    with pytest.raises(BadInput, match=r"audit\.key"):
        open_audit(engine, tmp_path)


def test_an_export_is_json_with_the_hash_of_each_entry(engine: Engine, audit: Audit) -> None:
    for _ in range(3):
        audit.record_now(ENTRY)
    entries = list(export(engine, after=1))
    assert [entry["seq"] for entry in entries] == [2, 3]
    assert json.loads(json.dumps(entries))[0]["hash"] == entries[0]["hash"]


def _disarm(connection: Connection) -> None:
    """What somebody who owns the database can do, too."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("DROP TRIGGER audit_no_update")
        connection.exec_driver_sql("DROP TRIGGER audit_no_delete")
    else:
        connection.exec_driver_sql("ALTER TABLE audit DISABLE TRIGGER audit_no_change")
