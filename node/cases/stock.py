"""The cases as the matchmaker compares them: in memory, laid out in arrays, following the book."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from matchmaker.match import Entry, Match, Matches, Matchmaker, Shelf, released
from node.cases.book import CaseBook, Changes, digest_of
from node.cases.deposit import Deposit
from schemas.mme import Patient

# Everything is laid out anew when more cases than this have changed: so many, or this share of all.
_AT_LEAST: Final = 200
_SHARE: Final = 0.05


@dataclass(frozen=True, slots=True)
class _Held:
    """One case: its version, whose family it is of, and what is compared of it (None: nothing)."""

    version: int
    family: str
    entry: Entry | None


@dataclass(frozen=True, slots=True)
class _Moment:
    """All cases at one revision of theirs and of the people.

    bereft: see `CaseBook`.  base: most of the cases, as they were when it was laid out.  stale: those of it
    that have changed or gone since.  recent: the new and the changed ones.  families: members by family.
    """

    revision: int
    people: int
    bereft: frozenset[str]
    held: Mapping[str, _Held]
    base: Shelf
    stale: frozenset[str]
    recent: Shelf
    recent_ids: frozenset[str]
    families: Mapping[str, frozenset[str]]


class Stock:
    """Answers questions over all cases of the book; safe from several threads.

    maker: makes the matchmaker at the first question, which takes a second, and 0.3 ms a case.  A change
    costs milliseconds; once in a while everything is laid out anew, 20 microseconds a case.  A case that was
    changed or removed is never told of as it was: what is told is read anew, and left out when it is not what
    was compared.
    """

    def __init__(self, book: CaseBook, maker: Callable[[], Matchmaker]) -> None:
        self._book = book
        self._make = maker
        self._lock = threading.Lock()
        self._maker: Matchmaker | None = None
        self._moment: _Moment | None = None

    def match(self, patient: Patient, *, besides: Collection[str] = ()) -> Matches:
        """The cases that resemble `patient`, without those of `besides` and their families."""
        maker, moment = self._current()
        alone = set(besides)
        kin = {moment.held[one].family for one in alone if one in moment.held} - {""}
        alone |= {one for family in kin for one in moment.families[family]}
        tell = partial(self._tell, moment)
        older = maker.match(patient, moment.base, tell, besides=alone | moment.stale)
        if not len(moment.recent):
            return older
        return maker.joined([older, maker.match(patient, moment.recent, tell, besides=alone)])

    def compare(self, patient: Patient, others: Sequence[Patient]) -> list[Match]:
        """How each of `others`, whom somebody told of, resembles `patient`; in their order."""
        return self._current()[0].compare(patient, others)

    def warm(self) -> int:
        """Makes everything ready for questions; how many cases there are."""
        return len(self._current()[1].held)

    def _tell(self, moment: _Moment, ids: Sequence[str]) -> dict[str, Patient]:
        told: dict[str, Patient] = {}
        for one, (version, deposit) in self._book.held(ids).items():
            patient = released(deposit.case) if version == moment.held[one].version else None
            if patient is not None:
                told[one] = patient
        return told

    def _current(self) -> tuple[Matchmaker, _Moment]:
        with self._lock:
            if self._maker is None:
                self._maker = self._make()
            maker, before, people = self._maker, self._moment, self._book.people_revision()
            changed: dict[str, _Held] = {}

            def take(version: int, deposit: Deposit) -> None:
                changed[deposit.id] = _Held(version, deposit.family, maker.entry(deposit.case))

            changes = self._book.changes(0 if before is None else before.revision, take)
            if before is None or (before.revision, before.people) != (changes.revision, people):
                bereft = self._book.bereft()
                before = self._moment = _next(
                    maker, before or _nothing(maker), changes, changed, people=people, bereft=bereft
                )
            return maker, before


def _nothing(maker: Matchmaker) -> _Moment:
    empty = maker.shelf(())
    return _Moment(0, 0, frozenset(), {}, empty, frozenset(), empty, frozenset(), {})


def _next(
    maker: Matchmaker,
    before: _Moment,
    changes: Changes,
    changed: Mapping[str, _Held],
    *,
    people: int,
    bereft: frozenset[str],
) -> _Moment:
    held = {**before.held, **changed}
    gone = (
        {one for one in held if digest_of(one) in changes.removed} - changed.keys()
        if changes.removed
        else set()
    )
    for one in gone:
        del held[one]
    moved = changed.keys() | (bereft ^ before.bereft)
    stale = before.stale | moved | gone
    recent = (before.recent_ids | moved) & held.keys()
    base = before.base
    if len(stale) > max(_AT_LEAST, len(base) * _SHARE):
        base, stale, recent = _laid_out(maker, held, held, bereft), frozenset(), frozenset()
    return _Moment(
        changes.revision,
        people,
        bereft,
        held,
        base,
        frozenset(stale),
        _laid_out(maker, held, sorted(recent), bereft),
        frozenset(recent),
        _families(held),
    )


def _laid_out(
    maker: Matchmaker, held: Mapping[str, _Held], ids: Iterable[str], bereft: frozenset[str]
) -> Shelf:
    return maker.shelf(entry for one in ids if (entry := held[one].entry) is not None and one not in bereft)


def _families(held: Mapping[str, _Held]) -> dict[str, frozenset[str]]:
    members: dict[str, set[str]] = {}
    for one, each in held.items():
        if each.family:
            members.setdefault(each.family, set()).add(one)
    return {family: frozenset(ids) for family, ids in members.items()}
