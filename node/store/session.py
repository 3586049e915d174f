"""Connections of the store, one for each thread, and what is visible on them: the scene.

A read is answered from one state of the index.  It is made with the scene that was last known, and repeated
if what is visible has changed by the time it is done; so the common case costs one cheap question to the
database, and no transaction.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from pyroaring import BitMap
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError

from node.store.bitmaps import decode_set
from node.store.layout import LEVELS
from schemas.access import Policy
from schemas.errors import NotHeld, StoreUnavailable
from schemas.genome import Assembly, Contig
from schemas.people import Dataset

Answer = TypeVar("Answer")
_ATTEMPTS: Final = 20


@dataclass(frozen=True, slots=True)
class LiveFile:
    """A visible file: the people it covers, and where it has alleles."""

    seg: int
    people: BitMap
    contigs: frozenset[int]
    levels: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Holding:
    """What is visible of one dataset.  samples: of its people, by ordinal.  files: by ascending number."""

    no: int
    dataset: Dataset
    samples: tuple[str, ...]
    files: Mapping[int, LiveFile]
    levels: tuple[int, ...]

    def files_on(self, contig: Contig) -> int:
        """How many files have alleles on the contig."""
        return sum(contig.number in file.contigs for file in self.files.values())


@dataclass(frozen=True, slots=True)
class Scene:
    """What is visible at one moment, by dataset id."""

    holdings: Mapping[str, Holding]
    datasets: tuple[Dataset, ...]

    def holding(self, dataset: str, contig: Contig | None = None) -> Holding:
        """Raises NotHeld: no such dataset, or a question about another assembly than it is of."""
        found = self.holdings.get(dataset)
        if found is None:
            raise NotHeld(f"dataset {dataset[:80]!r} is not held here")
        if contig is not None and contig.assembly is not found.dataset.assembly:
            raise NotHeld(f"dataset {dataset} is held on {found.dataset.assembly}, not on {contig.assembly}")
        return found


class Session:
    """One thread's connection and the scene it last saw."""

    def __init__(self, engine: Engine) -> None:
        pooled = engine.raw_connection()
        connection = pooled.driver_connection
        pooled.detach()
        if connection is None:
            raise StoreUnavailable("the index cannot be opened")
        self._embedded = engine.dialect.name == "sqlite"
        if not self._embedded:
            connection.autocommit = True  # otherwise a read would hold a transaction open for ever
        self._cursor = connection.cursor()
        self.close = weakref.finalize(self, connection.close)
        self._version = -1
        self._revision = -1
        self.scene = Scene({}, ())

    def rows(self, statement: str, values: Sequence[Any]) -> list[Any]:
        """Every row a statement gives.  Blocking; raises the driver's errors."""
        self._cursor.execute(statement, values)
        found: list[Any] = self._cursor.fetchall()
        return found

    def batches(self, statement: str, values: Sequence[Any], size: int) -> Iterator[list[Any]]:
        """The rows of a statement, some at a time; to be used up before the next statement."""
        self._cursor.execute(statement, values)
        while found := self._cursor.fetchmany(size):
            yield found

    def settled(self) -> bool:
        """Whether the scene is still what is visible; brings it up to date when it is not."""
        if self._embedded:
            # Changes whenever another connection commits, whatever it wrote; cheaper than reading a table.
            self._cursor.execute("PRAGMA data_version")
            version: int = self._cursor.fetchone()[0]
            if version == self._version:
                return True
            self._version = version
        found = self.rows("SELECT number FROM revision", ())
        revision = int(found[0][0]) if found else 0
        if revision == self._revision:
            return True
        self.scene = _read_scene(self)
        self._revision = revision
        return False


def _read_scene(session: Session) -> Scene:
    """Several reads: the caller looks again whether anything has changed meanwhile."""
    datasets = session.rows(
        "SELECT no, id, assembly, policy, name, description, duo FROM dataset ORDER BY id", ()
    )
    samples: dict[int, list[str]] = {}
    for no, sample in session.rows("SELECT dataset_no, sample FROM person ORDER BY dataset_no, ordinal", ()):
        samples.setdefault(no, []).append(sample)
    files: dict[int, dict[int, LiveFile]] = {}
    live = "SELECT dataset_no, no, people, contigs, levels FROM vcf_file WHERE live ORDER BY no"
    for no, seg, people, contigs, levels in session.rows(live, ()):
        covered = decode_set(bytes(people) or None)
        used = tuple(level for level in range(1, LEVELS) if levels >> level & 1)
        files.setdefault(no, {})[seg] = LiveFile(seg, covered, frozenset(map(int, contigs.split())), used)
    holdings = {}
    for no, called, assembly, policy, name, description, duo in datasets:
        dataset = Dataset(called, Assembly(assembly), Policy(policy), name, description, tuple(duo.split()))
        held = files.get(no, {})
        levels = sorted({level for file in held.values() for level in file.levels})
        holdings[called] = Holding(no, dataset, tuple(samples.get(no, ())), held, tuple(levels))
    in_order = sorted(holdings.values(), key=lambda holding: holding.dataset.id)
    return Scene(holdings, tuple(holding.dataset for holding in in_order))


class Sessions:
    """The sessions of every thread that reads; a thread that ends takes its own with it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._local = threading.local()
        self._open: weakref.WeakSet[Session] = weakref.WeakSet()
        self._lock = threading.Lock()
        loaded = engine.dialect.loaded_dbapi
        self._fault: type[Exception] = loaded.Error

    def read(self, question: Callable[[Session], Answer]) -> Answer:
        """What `question` makes of the index, all of it from one visible state.

        Raises StoreUnavailable: the index is missing, locked or damaged, or changes too fast to be read.
        """
        try:
            session = self._session()
            for _ in range(_ATTEMPTS):
                try:
                    answer = question(session)
                except NotHeld:
                    if session.settled():  # otherwise it may have come since
                        raise
                    continue
                if session.settled():
                    return answer
        except (self._fault, DBAPIError):
            self._forget()
            raise StoreUnavailable("the variant index cannot be read at the moment") from None
        raise StoreUnavailable("the variant index is changing too fast to be read")

    def _session(self) -> Session:
        session: Session | None = getattr(self._local, "session", None)
        if session is None or not session.close.alive:
            session = Session(self._engine)
            session.settled()
            with self._lock:
                self._open.add(session)
            self._local.session = session
        return session

    def _forget(self) -> None:
        session: Session | None = getattr(self._local, "session", None)
        self._local.session = None
        if session is not None:
            session.close()

    def close(self) -> None:
        """Closes every connection; a later read opens a new one."""
        with self._lock:
            sessions, self._open = list(self._open), weakref.WeakSet()
        for session in sessions:
            session.close()
