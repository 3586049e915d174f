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
from schemas.ports import Page, PersonSet, Variant, VariantStore
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
    """One allele as it is; people None is everybody."""

    store: VariantStore
    dataset: str
    allele: Allele
    people: PersonSet | None

    def exists(self) -> bool:
        return bool(self.find(Page(limit=1)))

    def count(self) -> int:
        return int(self.exists())

    def find(self, page: Page) -> list[Variant]:
        found = self.store.find(self.dataset, _query_of(self.allele), _ONE_PLACE, self.people)
        same = [variant for variant in found if variant.allele == self.allele]
        return same[page.offset : page.offset + page.limit]


@dataclass(frozen=True, slots=True)
class WholeGenome:
    """Every allele that these people carry.  Costs about 1 ms a megabase, 3 s for a whole genome."""

    store: VariantStore
    dataset: str
    assembly: Assembly
    people: PersonSet | None

    def exists(self) -> bool:
        return any(self.store.exists(self.dataset, query, self.people) for query in self._queries())

    def count(self) -> int:
        return sum(self.store.count(self.dataset, query, self.people) for query in self._queries())

    def find(self, page: Page) -> list[Variant]:
        found: list[Variant] = []
        offset = page.offset
        for query in self._queries():
            wanted = page.limit - len(found)
            if not wanted:
                break
            here = self.store.find(self.dataset, query, Page(offset, wanted), self.people)
            if not here and offset:
                offset -= min(offset, self.store.count(self.dataset, query, self.people))
            elif here:
                offset = 0
            found += here
        return found

    def _queries(self) -> Iterator[RangeQuery]:
        for name, *_ in PRIMARY_CONTIGS:
            contig = Contig.read(name, self.assembly)
            yield RangeQuery(Interval(contig, 0, contig.length_bp))


def _query_of(allele: Allele) -> VariantQuery:
    """A question that admits the allele, and not many others."""
    place = allele.interval
    if not allele.is_symbolic:
        return SequenceQuery(place, allele.reference, allele.alternate)
    types = Conditions(variant_types=frozenset((allele.variant_type,)))
    return BracketQuery(_at(place.contig, place.start), _at(place.contig, place.end), types)


def _at(contig: Contig, coordinate: int) -> Interval:
    return Interval(contig, coordinate, min(coordinate + 1, contig.length_bp))
