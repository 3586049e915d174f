"""The cases as the matchmaker compares them: in memory, laid out in arrays, following the book."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from matchmaker.match import Entry, Matches, Matchmaker, Shelf, released
from node.cases.book import CaseBook, Changes, digest_of
from schemas.mme import Patient


@dataclass(frozen=True, slots=True)
class _Held:
    """One case: its version, whose family it is of, and what is compared of it (None: nothing)."""

    version: int
    family: str
    entry: Entry | None


@dataclass(frozen=True, slots=True)
class _Moment:
    """All cases at one revision of theirs and of the people.  bereft: see `CaseBook`."""

    revision: int
    people: int
    bereft: frozenset[str]
    held: Mapping[str, _Held]
    shelf: Shelf
    families: Mapping[str, frozenset[str]] = field(default_factory=dict)


class Stock:
    """Answers questions over all cases of the book; safe from several threads.

    maker: makes the matchmaker at the first question, which takes a second.  A case that was changed or
    removed is never told of as it was: what is told is read anew, and left out when it is not what was
    compared.
    """

    def __init__(self, book: CaseBook, maker: Callable[[], Matchmaker]) -> None:
        self._book = book
        self._make = maker
        self._lock = threading.Lock()
        self._maker: Matchmaker | None = None
        self._moment: _Moment | None = None

    def match(self, patient: Patient, *, besides: Collection[str] = ()) -> Matches:
        """The cases that resemble `patient`, without himself, those of `besides` and their families."""
        maker, moment = self._current()
        alone = set(besides)
        kin = {moment.held[one].family for one in alone if one in moment.held} - {""}
        alone |= {one for family in kin for one in moment.families[family]}
        return maker.match(patient, moment.shelf, partial(self._tell, moment), besides=alone)

    def warm(self) -> int:
        """Makes everything ready for questions; how many cases there are."""
        return len(self._current()[1].shelf)

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
            before, people = self._moment, self._book.people_revision()
            changes = self._book.changes(0 if before is None else before.revision)
            if before is None or (before.revision, before.people) != (changes.revision, people):
                held = {} if before is None else before.held
                self._moment = before = _next(self._maker, held, changes, people, self._book.bereft())
            return self._maker, before


def _next(
    maker: Matchmaker, before: Mapping[str, _Held], changes: Changes, people: int, bereft: frozenset[str]
) -> _Moment:
    held = dict(before)
    if changes.removed:
        for gone in [one for one in held if digest_of(one) in changes.removed]:
            del held[gone]
    for version, deposit in changes.changed:
        held[deposit.id] = _Held(version, deposit.family, maker.entry(deposit.case))
    families: dict[str, set[str]] = {}
    for one, each in held.items():
        if each.family:
            families.setdefault(each.family, set()).add(one)
    return _Moment(
        changes.revision,
        people,
        bereft,
        held,
        maker.shelf(each.entry for one, each in held.items() if each.entry is not None and one not in bereft),
        {family: frozenset(members) for family, members in families.items()},
    )
