"""Connections of the store, and what is visible on them: the scene.

A read is answered from one state of the index.  It is made with the scene that was last known, and repeated
if what is visible has changed by the time it is done; so the common case costs one cheap question to the
database, and no transaction.  A statement that tells the revision beside its rows costs not even that.
"""

from __future__ import annotations

import time
import weakref
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from pyroaring import BitMap
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError

from node.store import postgresql
from node.store.bitmaps import decode_set
from node.store.copies import Known, known_copies
from node.store.layout import LEVELS, LOOKED_AT, bins_of
from schemas.access import Policy
from schemas.errors import NodeError, NotHeld, StoreUnavailable
from schemas.genome import Assembly, Contig, Interval
from schemas.people import Dataset

Answer = TypeVar("Answer")
_ATTEMPTS: Final = 20
_CACHE_KB: Final = 16 << 10  # of pages, a connection


@dataclass(frozen=True, slots=True)
class LiveFile:
    """A visible file: the people it covers, and where it has alleles.

    levels, looked_at: of its long alleles, and of those that have to be looked at; see `layout`.
    residue: people of whom its rows still speak, but who are not to be seen.  place: files are in the order
    of their places.  thinned: of each of several files that were merged into it and have lost somebody, who
    is left.  of_sites: it has no samples, and counts of INFO.
    """

    seg: int
    people: BitMap
    contigs: frozenset[int]
    levels: tuple[int, ...]
    residue: BitMap
    place: int
    thinned: tuple[BitMap, ...] = ()
    of_sites: bool = False
    looked_at: tuple[int, ...] = ()

    def speaking(self, carriers: BitMap) -> BitMap:
        """For whom a row with these carriers speaks: a file says nothing of what nobody in it carries."""
        return self.people - silent(carriers & self.people, self.thinned) if self.thinned else self.people


def silent(carriers: BitMap, files: Sequence[BitMap]) -> BitMap:
    """Everybody in those files in which nobody is among the carriers."""
    return BitMap().union(*(people for people in files if people.isdisjoint(carriers)))


@dataclass(frozen=True, slots=True)
class Holding:
    """What is visible of one dataset.

    samples: of its people, by ordinal; "" for one who has withdrawn.  files: by number.  is_clean: no file
    has a residue.  is_apart: no two files speak of the same person.  of_sites: its files have counts and no
    people; no dataset has files of both kinds.  seen: the people of all files.  has_spans: some file has, see
    `spans`.  lone: by contig number, who has one copy of X or of Y, by recorded karyotype or sex.  spread: by
    contig number, how many files have alleles there.  looked_at: by contig number, levels that have to be
    looked at.  copies: of X and Y that people have, see `copies`.
    """

    no: int
    dataset: Dataset
    samples: tuple[str, ...]
    files: Mapping[int, LiveFile]
    levels: tuple[int, ...]
    is_clean: bool
    is_apart: bool
    of_sites: bool
    seen: BitMap
    has_spans: bool = False
    lone: Mapping[int, BitMap] = field(default_factory=dict)
    spread: Mapping[int, int] = field(default_factory=dict)
    looked_at: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    copies: Known = field(default_factory=dict)

    def lone_at(self, place: Interval) -> BitMap | None:
        """Who has one copy of `place`, however his genotype there is written; None where nobody differs."""
        lone = self.lone.get(place.contig.number)
        return None if not lone or place.is_pseudoautosomal else lone

    def changed(self, place: Interval, total: int, people: BitMap) -> BitMap:
        """Of people who have so many copies of `place` in all, those to whom that is a loss or a gain.

        On X no copy or one is a loss, on Y none; more are a gain.  One copy of X is a loss to whoever is
        known to have two as a rule, two are a gain to whoever has one; of others only what would be a change
        to either of them counts.  Of Y nothing counts of those who have none.
        """
        fewest, most = place.usual_copies
        if fewest == most:
            return people
        known = self.copies.get(place.contig.number, {})
        is_loss = total < most
        fit = (own for had, own in known.items() if had and (total < had if is_loss else total > had))
        found = BitMap().union(*fit) & people
        if total < fewest or total > most:
            found |= people - BitMap().union(*known.values())
        return found

    def looked_at_on(self, contig: Contig) -> tuple[int, ...]:
        """Levels of alleles that have to be looked at, in files that have alleles on the contig."""
        return self.looked_at.get(contig.number, ())

    def asked(self, people: BitMap | None) -> BitMap | None:
        """None where that is everybody who may be seen: then much needs no look at the genotypes."""
        return None if people is None or self.seen <= people else people

    def files_on(self, contig: Contig) -> int:
        """How many files have alleles on the contig."""
        return self.spread.get(contig.number, 0)


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
    """One connection, used by one thread at a time, and the scene it last saw."""

    def __init__(self, engine: Engine) -> None:
        pooled = engine.raw_connection()
        connection = pooled.driver_connection
        pooled.detach()
        if connection is None:
            raise StoreUnavailable("the index cannot be opened")
        self.close = weakref.finalize(self, connection.close)
        self._embedded = engine.dialect.name == "sqlite"
        self._connection = connection
        self._cursor = connection.cursor() if self._embedded else postgresql.open_cursor(connection)
        if self._embedded:
            self._cursor.execute(f"PRAGMA cache_size={-_CACHE_KB}")
        self._version = -1
        self._revision = -1
        self._looked = -1.0
        self._is_witnessed = False
        self._is_doubtful = False
        self._afterwards: list[Callable[[], None]] = []
        self.scene = Scene({}, ())

    @property
    def revision(self) -> int:
        """That of the scene: another one when anything else is visible."""
        return self._revision

    @property
    def is_lost(self) -> bool:
        """Whether the server has gone, or has closed the connection."""
        return not self._embedded and bool(self._connection.broken)

    def rows(self, statement: str, values: Sequence[Any]) -> list[Any]:
        """Every row a statement gives.  Blocking; raises the driver's errors."""
        self._is_doubtful = True
        self._cursor.execute(statement, values)
        found: list[Any] = self._cursor.fetchall()
        return found

    def witnessed(self, statement: str, values: Sequence[Any]) -> list[Any]:
        """`rows` of a statement that tells the revision, too, as the first column of every row.

        When all that an answer was made of came so, nobody need look whether anything has changed meanwhile.
        """
        self._cursor.execute(statement, values)
        found: list[Any] = self._cursor.fetchall()
        if found and found[0][0] == self._revision:
            self._is_witnessed = True
        else:
            self._is_doubtful = True
        return found

    def batches(self, statement: str, values: Sequence[Any], size: int) -> Iterator[list[Any]]:
        """The rows of a statement, some at a time; to be used up before the next statement."""
        self._is_doubtful = True
        if not self._embedded:
            yield from postgresql.batches(self._cursor, statement, values, size)
            return
        self._cursor.execute(statement, values)
        while found := self._cursor.fetchmany(size):
            yield found

    def begin(self) -> None:
        """Before each attempt to answer."""
        self._is_witnessed = self._is_doubtful = False
        self._afterwards.clear()

    def afterwards(self, work: Callable[[], None]) -> None:
        """To be done when the answer stands: everything it was made of is of the scene."""
        self._afterwards.append(work)

    def end(self) -> None:
        """After an answer that stands."""
        for work in self._afterwards:
            work()
        self._afterwards.clear()

    @property
    def is_witnessed(self) -> bool:
        """Whether everything since `begin` is known to be of the scene."""
        return self._is_witnessed and not self._is_doubtful

    def settled(self, lag_s: float = 0.0) -> bool:
        """Whether the scene is still what is visible; brings it up to date when it is not.

        lag_s: not looked at again within this time.
        """
        now = time.monotonic() if lag_s else 0.0
        if now - self._looked < lag_s:
            return True
        if self._embedded:
            # Changes whenever another connection commits, whatever it wrote; cheaper than reading a table.
            self._cursor.execute("PRAGMA data_version")
            version: int = self._cursor.fetchone()[0]
            if version == self._version:
                self._looked = now
                return True
            self._version = version
        found = self.rows("SELECT number FROM revision", ())
        revision = int(found[0][0]) if found else 0
        if revision == self._revision:
            self._looked = now
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
        samples.setdefault(no, []).append(sample or "")
    files: dict[int, dict[int, LiveFile]] = {}
    wanted = "dataset_no, no, people, contigs, levels, residue, COALESCE(place, no), of_sites"
    live = session.rows(f"SELECT {wanted} FROM vcf_file WHERE live", ())  # noqa: S608  # constants
    for no, seg, people, contigs, levels, residue, place, of_sites in live:
        used = tuple(level for level in range(1, LEVELS) if levels >> level & 1)
        looked = tuple(level for level in range(LOOKED_AT, LOOKED_AT + LEVELS) if levels >> level & 1)
        covered, hidden = decode_set(bytes(people) or None), decode_set(bytes(residue or b"") or None)
        on = frozenset(map(int, contigs.split()))
        thinned = _thinned(session, seg, covered, hidden) if hidden else ()
        file = LiveFile(seg, covered, on, used, hidden, place, thinned, bool(of_sites), looked)
        files.setdefault(no, {})[seg] = file
    holdings = {}
    for no, called, assembly, policy, name, description, duo in datasets:
        dataset = Dataset(called, Assembly(assembly), Policy(policy), name, description, tuple(duo.split()))
        holdings[called] = _holding(session, no, dataset, tuple(samples.get(no, ())), files.get(no, {}))
    in_order = sorted(holdings.values(), key=lambda holding: holding.dataset.id)
    return Scene(holdings, tuple(holding.dataset for holding in in_order))


def _holding(
    session: Session, no: int, dataset: Dataset, samples: tuple[str, ...], held: Mapping[int, LiveFile]
) -> Holding:
    files = held.values()
    looked_at: dict[int, set[int]] = {}
    for file in files:
        for number in file.contigs if file.looked_at else ():
            looked_at.setdefault(number, set()).update(file.looked_at)
    copies = known_copies(session, no, samples)
    return Holding(
        no,
        dataset,
        samples,
        held,
        levels=tuple(sorted({level for file in files for level in file.levels})),
        is_clean=not any(file.residue for file in files),
        is_apart=_is_apart(files),
        of_sites=any(file.of_sites for file in files),
        seen=BitMap().union(*(file.people for file in files)),
        has_spans=_has_spans(session, no),
        lone={number: by_copies[1] for number, by_copies in copies.items() if 1 in by_copies},
        spread=Counter(number for file in files for number in file.contigs),
        looked_at={number: tuple(sorted(levels)) for number, levels in looked_at.items()},
        copies=copies,
    )


def _is_apart(files: Collection[LiveFile]) -> bool:
    """Whether no two files speak of the same person."""
    spoken = [file.people | file.residue for file in files]
    return len(BitMap().union(*spoken)) == sum(map(len, spoken))


def _has_spans(session: Session, dataset_no: int) -> bool:
    low, high = bins_of(dataset_no)
    wanted = f"SELECT 1 FROM coverage WHERE bin BETWEEN {low} AND {high} LIMIT 1"  # noqa: S608  # numbers
    return bool(session.rows(wanted, ()))


def _thinned(session: Session, seg: int, people: BitMap, residue: BitMap) -> tuple[BitMap, ...]:
    merged = session.rows(f"SELECT people FROM merged_file WHERE seg = {seg}", ())  # noqa: S608  # a number
    return thinned([decode_set(bytes(part)) for (part,) in merged if part], people, residue)


def thinned(parts: Sequence[BitMap], people: BitMap, residue: BitMap) -> tuple[BitMap, ...]:
    """Who is left, where anybody is, of those parts of a merged file that have lost somebody."""
    left = (part & people for part in parts if not part.isdisjoint(residue))
    return tuple(part for part in left if part)


class Sessions:
    """Sessions of all threads that read: as many as there were readers at one time, the last used first.

    lag_s: an answer may show what was visible so long ago; 0 for at once.
    """

    def __init__(self, engine: Engine, lag_s: float = 0.0) -> None:
        self._engine = engine
        self._lag_s = lag_s
        self._idle: deque[Session] = deque()  # its two ends are safe from several threads
        loaded = engine.dialect.loaded_dbapi
        self._fault: type[Exception] = loaded.Error

    def read(self, question: Callable[[Session], Answer]) -> Answer:
        """What `question` makes of the index, all of it from one visible state.

        A connection that is lost (the server was restarted) is made anew, once.  Raises StoreUnavailable: the
        index is missing, locked or damaged, or changes too fast to be read.
        """
        try:
            return self._answer(question)
        except _Lost:
            self.close()  # the others were lost with it
        try:
            return self._answer(question)
        except _Lost:
            raise _unreadable() from None

    def _answer(self, question: Callable[[Session], Answer]) -> Answer:
        session: Session | None = None
        try:
            session = self._take()
            answer = _settled(session, question, self._lag_s)
        except (self._fault, DBAPIError):
            lost = session is not None and session.is_lost
            _end(session)
            raise (_Lost() if lost else _unreadable()) from None
        except NodeError:
            self._keep(session)
            raise
        except BaseException:
            _end(session)  # in the middle of something, perhaps
            raise
        self._keep(session)
        return answer

    def _take(self) -> Session:
        try:
            return self._idle.pop()
        except IndexError:
            return Session(self._engine)

    def _keep(self, session: Session | None) -> None:
        if session is not None:
            self._idle.append(session)

    def close(self) -> None:
        """Closes every connection that is not in use; a later read opens a new one."""
        idle, self._idle = self._idle, deque()
        for session in idle:
            session.close()


class _Lost(Exception):
    """The connection is."""


def _unreadable() -> StoreUnavailable:
    return StoreUnavailable("the variant index cannot be read at the moment")


def _end(session: Session | None) -> None:
    if session is not None:
        session.close()


def _settled(session: Session, question: Callable[[Session], Answer], lag_s: float) -> Answer:
    """The answer to `question`, asked again until nothing has changed meanwhile."""
    for _ in range(_ATTEMPTS):
        session.begin()
        try:
            answer = question(session)
        except NotHeld:
            if session.settled():  # otherwise it may have come since
                raise
            continue
        if session.is_witnessed or session.settled(lag_s):
            session.end()
            return answer
    raise StoreUnavailable("the variant index is changing too fast to be read")
