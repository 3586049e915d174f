"""Recording: an entry is on the disk before `record` returns, and in one order over all processes.

Entries that wait while others are written are written together, so that many questions at once cost one
commit.  What tells nobody anything that is not public, answers from open datasets and refusals, is not
waited for: alike ones within ten seconds become one entry with their number.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import os
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from node import db
from node.audit.entry import FIRST_HASH, Entry, canonical, chained
from schemas.errors import BadInput, Place, StoreUnavailable

_KEY_NAME: Final = "audit.key"
_KEY_BYTES: Final = 32
_NOTED_S: Final = 10.0  # how long alike entries are gathered
_MOST_NOTED: Final = 10_000  # kinds of them; more are written at once
_WAIT_MS: Final = 10_000  # for another process that writes
_AT_ONCE: Final = 500  # entries in one commit

_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Waiting:
    """An entry on its way, and who waits for it."""

    entry: Entry
    at_ms: int
    answers: int
    done: Future[None] | None


class Audit:
    """The audit log of one node in one process; safe from several threads, and beside other processes.

    key: for digests of questions.  clock: Unix time in seconds.  Close it, or what was noted last is lost.
    """

    def __init__(self, engine: Engine, key: bytes, clock: Callable[[], float] = time.time) -> None:
        self._engine = engine
        self._key = key
        self._clock = clock
        self._changed = threading.Condition()
        self._waiting: list[_Waiting] = []
        self._noted: Counter[Entry] = Counter()
        self._noted_since_s = 0.0
        self._writer: threading.Thread | None = None
        self._closing = False

    def digest(self, question: bytes) -> str:
        """What an entry holds instead of the question: HMAC-SHA-256, 32 hex digits."""
        return hmac.new(self._key, question, hashlib.sha256).hexdigest()[:32]

    async def record(self, entry: Entry) -> None:
        """Returns when the entry is durable: then, and only then, may the answer leave.

        A commit, about 1 ms on a good disk; many at once share one.  Raises StoreUnavailable: it could not be
        written, and nothing may be told.
        """
        await asyncio.wrap_future(self._submit(entry))

    def record_now(self, entry: Entry) -> None:
        """The same for whoever may block.  Raises StoreUnavailable: as `record`."""
        self._submit(entry).result()

    def note(self, entry: Entry) -> None:
        """Records soon, with its like, what tells nobody anything that is not public; nobody waits.

        The request and the question are left out, since one entry stands for many.  A crash loses the last
        ten seconds of these.
        """
        alike = replace(entry, request="", question="") if entry.request or entry.question else entry
        with self._changed:
            self._noted[alike] += 1
            if self._noted[alike] > 1:
                return  # the writer sleeps until it is due; to wake it costs more than the whole answer
            self._start()
            if len(self._noted) == 1:
                self._noted_since_s = time.monotonic()
            if len(self._noted) in (1, _MOST_NOTED):
                self._changed.notify()

    def close(self) -> None:
        """Writes what was noted, and ends.  Idempotent."""
        with self._changed:
            self._closing = True
            self._changed.notify()
            writer = self._writer
        if writer is not None:
            writer.join()

    def _submit(self, entry: Entry) -> Future[None]:
        done: Future[None] = Future()
        waiting = _Waiting(entry, self._now_ms(), 1, done)
        with self._changed:
            if self._closing:
                raise _unwritten()
            self._waiting.append(waiting)
            self._start()
            self._changed.notify()
        return done

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)

    def _start(self) -> None:
        if self._writer is None:
            self._writer = threading.Thread(target=self._write, name="audit", daemon=True)
            self._writer.start()

    def _write(self) -> None:
        """The writer's whole life: the database is touched by this thread alone."""
        pen = _Pen(self._engine)
        while (batch := self._next_batch()) is not None:
            if not batch:
                continue
            try:
                pen.write(batch)
            except (SQLAlchemyError, OSError) as fault:
                # The database's own words could quote an entry.
                _log.error("the audit log cannot be written: %s", type(fault).__name__)
                pen.drop()
                self._give_up(batch)
            else:
                for one in batch:
                    if one.done is not None and one.done.set_running_or_notify_cancel():
                        one.done.set_result(None)
        pen.drop()

    def _give_up(self, batch: Sequence[_Waiting]) -> None:
        """Whoever waits is told; what was only noted is tried again later."""
        for one in batch:
            if one.done is not None and one.done.set_running_or_notify_cancel():
                one.done.set_exception(_unwritten())
        with self._changed:
            for one in batch:
                if one.done is None and len(self._noted) < _MOST_NOTED:
                    self._noted[one.entry] += one.answers
            self._noted_since_s = time.monotonic()

    def _next_batch(self) -> list[_Waiting] | None:
        """What is to be written now; None when all is done and the log was closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_due(), self._patience_s())
            batch, self._waiting = self._waiting[:_AT_ONCE], self._waiting[_AT_ONCE:]
            if self._is_due() and self._noted:
                at_ms = self._now_ms()
                batch += [_Waiting(one, at_ms, n, None) for one, n in self._noted.items()]
                self._noted.clear()
            return None if not batch and self._closing else batch

    def _is_due(self) -> bool:
        """Whether what was noted is to be written."""
        full = len(self._noted) >= _MOST_NOTED
        return self._closing or full or (bool(self._noted) and self._patience_s() == 0)

    def _patience_s(self) -> float | None:
        """How long the writer may sleep; None is until it is woken."""
        if not self._noted:
            return None
        return max(0.0, self._noted_since_s + _NOTED_S - time.monotonic())


class _Pen:
    """The connection that writes entries, opened when it is needed and kept."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None

    def write(self, batch: Sequence[_Waiting]) -> None:
        """All of them, in order, in one durable transaction.  Raises SQLAlchemyError, OSError: none was."""
        connection = self._connection = self._connection or self._opened()
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        head = sa.select(db.audit_head.c.seq, db.audit_head.c.hash).with_for_update()
        found = connection.execute(head).one_or_none()
        seq, before = (found.seq, found.hash) if found is not None else (0, FIRST_HASH)
        rows: list[dict[str, Any]] = []
        for one in batch:
            seq += 1
            text = canonical(seq, one.at_ms, one.entry, one.answers)
            before = chained(before, text)
            rows.append({"seq": seq, "entry": text, "hash": before})
        connection.execute(sa.insert(db.audit), rows)
        newest = {"seq": seq, "hash": before}
        change: Any = sa.update(db.audit_head).values(newest)
        if found is None:
            change = sa.insert(db.audit_head).values(no=1, **newest)
        connection.execute(change)
        connection.commit()

    def _opened(self) -> Connection:
        connection = self._engine.connect()
        connection.detach()  # what is set on it is for this use alone
        if connection.dialect.name == "sqlite":
            # Other connections may lose their last commits when the power fails; this one may not.
            connection.exec_driver_sql("PRAGMA synchronous=FULL")
            connection.exec_driver_sql(f"PRAGMA busy_timeout={_WAIT_MS}")
        else:
            connection.exec_driver_sql("SET synchronous_commit = on")
            connection.exec_driver_sql(f"SET lock_timeout = {_WAIT_MS}")
        connection.commit()
        return connection

    def drop(self) -> None:
        """Gives up the connection; one that is broken already is no fault."""
        if self._connection is not None:
            with suppress(SQLAlchemyError, OSError):
                self._connection.close()
            self._connection = None


def _unwritten() -> StoreUnavailable:
    return StoreUnavailable("the audit log cannot be written now, so nothing may be told; ask again later")


def open_audit(engine: Engine, keys: Path) -> Audit:
    """The audit log of the node with this database; its key lies in the folder `keys`, made when missing.

    Raises BadInput: the key cannot be used.
    """
    path = keys / _KEY_NAME
    with suppress(FileExistsError):
        _make_key(path)
    key = path.read_bytes()
    if len(key) != _KEY_BYTES or path.stat().st_mode & 0o077:
        problem = "not a key of 32 bytes that only its owner can read"
        raise BadInput(Place(str(path)), problem, "Restore it from a backup, or run chmod 600 on it.")
    return Audit(engine, key)


def _make_key(path: Path) -> None:
    """All or nothing, and never over an old one."""
    if path.exists():
        return
    new = path.with_name(f".{_KEY_NAME}.{secrets.token_hex(8)}")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(_KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        os.link(new, path)
    finally:
        new.unlink()
