"""How frequent an allele is in groups of a dataset's people: by sex, ethnicity and geographic origin.

Only for answers that may hold records.  A group of fewer than 10 genotyped people is left out, for a
frequency in it would be about somebody, and so is one of everybody, which says nothing; and one of which
nobody was called at the place has no frequency.

Spec: Beacon v2 models/json/.../genomicVariations/defaultSchema.json, PopulationFrequency.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from schemas.genome import Allele
from schemas.ports import Counts, Page, PersonSet, Roster, VariantStore
from schemas.questions import SequenceQuery, VariantQuery, lying_at

MIN_PEOPLE: Final = 10
_ALL: Final = Page(limit=1000)


class Groups:
    """The groups of one dataset, as its roster has them."""

    def __init__(self, store: VariantStore, roster: Roster, dataset: str) -> None:
        self._store = store
        self._dataset = dataset
        self._people = dict(_groups_of(roster))
        self._everybody = roster.everybody

    def of(self, allele: Allele) -> list[tuple[str, Counts | None]]:
        """Each group with its counts, in a fixed order; None where nobody of it was called there.

        One look at the store a group, and one more where nobody of it carries the allele.
        """
        query = _query_for(allele)
        found: list[tuple[str, Counts | None]] = []
        for name, people in self._people.items():
            counts = self._counts(allele, query, people) or self._absent(allele, query, people)
            found.append((name, counts if counts.an else None))
        return found

    def _absent(self, allele: Allele, query: VariantQuery, people: PersonSet) -> Counts:
        """Of a group without a carrier: as many were called as are not called among all the others."""
        whole = self._counts(allele, query, self._everybody)
        others = self._counts(allele, query, self._everybody - people)
        called = whole.an - others.an if whole and others else 0
        return Counts(0, called, 0, 0, 0)

    def _counts(self, allele: Allele, query: VariantQuery, people: PersonSet) -> Counts | None:
        held = self._store.find(self._dataset, query, _ALL, people)
        return next((one.counts for one in held if one.allele == allele), None)


def _groups_of(roster: Roster) -> Iterator[tuple[str, PersonSet]]:
    for groups in roster.groups.values():
        for name, people in groups.items():
            if len(people) >= MIN_PEOPLE and people != roster.everybody:
                yield name, people


def _query_for(allele: Allele) -> VariantQuery:
    place = allele.interval
    if not allele.is_symbolic:
        return SequenceQuery(place, allele.reference, allele.alternate)
    return lying_at(place)
