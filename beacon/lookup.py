"""What finds the variants that are meant: those of a question, one by its id, or all of somebody's.

A question goes to `beacon.search`; the others look at one place, or at one contig after the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from beacon import placement
from beacon.search import Search
from schemas.contigs import PRIMARY_CONTIGS
from schemas.genome import Allele, Assembly, Contig, Interval
from schemas.ports import Page, Variant
from schemas.questions import BracketQuery, Conditions, RangeQuery, SequenceQuery, VariantQuery

_ONE_PLACE: Final = Page(limit=1000)


class Finder(Protocol):
    """Variants of one dataset, narrowed to some of its people."""

    def exists(self) -> bool: ...
    def count(self) -> int: ...
    def find(self, page: Page) -> list[Variant]: ...


@dataclass(frozen=True, slots=True)
class Sought:
    """What a question seeks.  Every method raises BadQuestion as `Search` does."""

    search: Search
    sought: placement.Sought

    def exists(self) -> bool:
        return self.search.exists(self.sought)

    def count(self) -> int:
        return self.search.count(self.sought)

    def find(self, page: Page) -> list[Variant]:
        return self.search.find(self.sought, page)


@dataclass(frozen=True, slots=True)
class OneAllele:
    """One allele as it is."""

    search: Search
    allele: Allele

    def exists(self) -> bool:
        search = self.search
        carriers = search.store.carriers(search.dataset, self.allele, search.people)
        if search.traits and not any(map(search.admits, self._held())):
            return False
        return search.crowd.shows(len(carriers)) and search.crowd.shows(search.crowd.behind_samples(carriers))

    def count(self) -> int:
        return int(self.exists())

    def find(self, page: Page) -> list[Variant]:
        if not self.exists():
            return []
        return self._held()[page.offset : page.offset + page.limit]

    def _held(self) -> list[Variant]:
        search = self.search
        found = search.store.find(search.dataset, _query_of(self.allele), _ONE_PLACE, search.people)
        return [variant for variant in found if variant.allele == self.allele]


@dataclass(frozen=True, slots=True)
class WholeGenome:
    """Every allele that these people carry.  Costs about 1 ms a megabase, 3 s for a whole genome.

    Raises BadQuestion, where a floor has to be kept, as `Search` does.
    """

    search: Search
    assembly: Assembly

    def exists(self) -> bool:
        return any(self.search.exists(contig) for contig in self._contigs())

    def count(self) -> int:
        return sum(self.search.count(contig) for contig in self._contigs())

    def find(self, page: Page) -> list[Variant]:
        found: list[Variant] = []
        offset = page.offset
        for contig in self._contigs():
            wanted = page.limit - len(found)
            if not wanted:
                break
            here = self.search.find(contig, Page(offset, wanted))
            if not here and offset:
                offset -= min(offset, self.search.count(contig))
            elif here:
                offset = 0
            found += here
        return found

    def _contigs(self) -> Iterator[placement.Alternatives]:
        for name, *_ in PRIMARY_CONTIGS:
            contig = Contig.read(name, self.assembly)
            yield placement.Alternatives((RangeQuery(Interval(contig, 0, contig.length_bp)),))


def _query_of(allele: Allele) -> VariantQuery:
    """A question that admits the allele, and not many others."""
    place = allele.interval
    if not allele.is_symbolic:
        return SequenceQuery(place, allele.reference, allele.alternate)
    types = Conditions(variant_types=frozenset((allele.variant_type,)))
    return BracketQuery(_at(place.contig, place.start), _at(place.contig, place.end), types)


def _at(contig: Contig, coordinate: int) -> Interval:
    return Interval(contig, coordinate, min(coordinate + 1, contig.length_bp))
