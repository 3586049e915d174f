"""How many people stand behind what was found in a dataset, where fewer than some floor must not show.

People are individuals: several samples of one are one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from pyroaring import BitMap

from schemas.filters import Quantity, Value
from schemas.ports import Ledger, PersonSet, Roster, Rows

_INDIVIDUALS: Final = "individual"


@dataclass(frozen=True, slots=True)
class Crowd:
    """The people of one dataset.  floor: the fewest that may show; 0 when anybody may."""

    floor: int
    roster: Roster | None = None

    def shows(self, people: int) -> bool:
        """Whether so many may show at all; that nobody does shows nothing."""
        return people >= max(self.floor, 1)

    def behind_samples(self, samples: PersonSet) -> int:
        """How many individuals these genotyped samples are of."""
        if self.roster is None or self._one_sample_each():
            return len(samples)
        ordinals = self.roster.ordinals
        units = BitMap(unit for unit, own in enumerate(ordinals) if samples.intersect(own))
        return self._individuals(units)

    def behind_rows(self, ledger: Ledger, rows: Rows, among: BitMap | None = None) -> int:
        """How many individuals these entries are of; among: of these samples alone, None is all of them.

        Cost: 0.1 ms for a thousand individuals; nothing for fewer rows than the floor.
        """
        if self.roster is None:
            return len(rows)
        if among is None and ledger is self.roster.ledgers[_INDIVIDUALS]:
            return len(rows)
        units = BitMap().union(*(ledger.units[row] for row in rows))
        return self._individuals(units if among is None else units & among)

    def _individuals(self, units: BitMap) -> int:
        assert self.roster is not None  # noqa: S101  # both callers have looked
        return sum(1 for own in self.roster.ledgers[_INDIVIDUALS].units if units.intersect(own))

    def _one_sample_each(self) -> bool:
        assert self.roster is not None  # noqa: S101  # its caller has looked
        return all(len(own) == 1 for own in self.roster.ledgers[_INDIVIDUALS].units) and all(
            len(own) <= 1 for own in self.roster.ordinals
        )


ANYBODY: Final = Crowd(0)


def thinned(roster: Roster, floor: int) -> Roster:
    """The roster without terms, fields, labels and units that fewer people have than may show.

    It tells which filters are known: that one is must not tell of somebody either.
    """
    if not floor:
        return roster
    crowd = Crowd(floor, roster)
    return replace(roster, ledgers={name: _thinned(one, crowd) for name, one in roster.ledgers.items()})


def _thinned(ledger: Ledger, crowd: Crowd) -> Ledger:
    terms, excluded = _common(ledger, ledger.terms, crowd), _common(ledger, ledger.excluded, crowd)
    fields: dict[str, tuple[tuple[int, Value], ...]] = {}
    for path, values in ledger.fields.items():
        kept = _common_values(ledger, values, crowd)
        if kept:
            fields[path] = kept
    known = terms.keys() | excluded.keys() | fields.keys()
    labels = {name: label for name, label in ledger.labels.items() if name in known}
    return replace(ledger, terms=terms, excluded=excluded, fields=fields, labels=labels)


def _common(ledger: Ledger, having: Mapping[str, Rows], crowd: Crowd) -> dict[str, Rows]:
    return {
        term: rows
        for term, rows in having.items()
        if crowd.shows(len(rows)) and crowd.shows(crowd.behind_rows(ledger, rows))
    }


def _common_values(
    ledger: Ledger, values: Iterable[tuple[int, Value]], crowd: Crowd
) -> tuple[tuple[int, Value], ...]:
    """Those of a field whose unit, where they have one, enough people have."""
    by_unit: dict[str, list[tuple[int, Value]]] = defaultdict(list)
    for row, value in values:
        unit = value.unit if isinstance(value, Quantity) else None
        by_unit[repr(unit)].append((row, value))
    kept: list[tuple[int, Value]] = []
    for found in by_unit.values():
        if crowd.shows(crowd.behind_rows(ledger, BitMap(row for row, _ in found))):
            kept += found
    return tuple(kept)
