"""How frequent an allele is in groups of a dataset's people: by sex, ethnicity and geographic origin.

Only for answers that may hold records.  A group of fewer than 10 genotyped people is left out, for a
frequency in it would be about somebody, and so is one of everybody, which says nothing.

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

    def of(self, allele: Allele) -> list[tuple[str, Counts | None]]:
        """Each group with its counts, in a fixed order; None where nobody of the group carries the allele.

        One look at the store a group.
        """
        query = _query_for(allele)
        found: list[tuple[str, Counts | None]] = []
        for name, people in self._people.items():
            held = self._store.find(self._dataset, query, _ALL, people)
            counts = next((one.counts for one in held if one.allele == allele), None)
            found.append((name, counts))
        return found


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
