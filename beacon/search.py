"""Looking in a dataset for what was sought, whatever it is made of.

One plain query goes to the store as it is.  Alternatives, levels of copy number and questions about one
person are put together here from what the store finds and who carries it; that takes as long as looking at
every allele concerned, and is refused beyond 20,000 of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from pyroaring import BitMap

from beacon.crowd import ANYBODY, Crowd
from beacon.placement import Alternatives, Joint, Pairs, Sought
from beacon.traits import NONE, Trait, Traits
from beacon.vocabulary import with_class
from schemas.errors import BadQuestion
from schemas.genome import Allele
from schemas.ports import Annotations, Counts, HitTwice, Page, PersonSet, Variant, VariantStore, Zygosities
from schemas.questions import (
    ANYTHING,
    AnnotationQuery,
    Conditions,
    Copies,
    SequenceQuery,
    VariantQuery,
    lying_at,
)

MAX_ALLELES: Final = 20_000
_OF_ONE_PLACE: Final = Page(limit=1000)


@dataclass(frozen=True, slots=True)
class Search:
    """One dataset, narrowed to `people` (None is everybody).

    crowd: an allele is found when so many carry it as must.  traits: what it must be beside what is sought.
    """

    store: VariantStore
    annotations: Annotations | None
    dataset: str
    people: PersonSet | None = None
    crowd: Crowd = ANYBODY
    traits: Traits = NONE

    def exists(self, sought: Sought) -> bool:
        """Whether anything is found.

        Raises BadQuestion: too many alleles to look at one by one; the dataset has no annotation.
        """
        plain = self._plain(sought)
        if plain is not None:
            return self.store.exists(self.dataset, plain, self.people)
        return next(self._matches(sought), None) is not None

    def count(self, sought: Sought) -> int:
        """How many distinct alleles are found.  Raises BadQuestion: as `exists`."""
        plain = self._plain(sought)
        if plain is not None:
            return self.store.count(self.dataset, plain, self.people)
        return sum(1 for _ in self._matches(sought))

    def find(self, sought: Sought, page: Page) -> list[Variant]:
        """One page of them, in the order of the store.  Raises BadQuestion: as `exists`."""
        plain = self._plain(sought)
        if plain is not None:
            return self.store.find(self.dataset, plain, page, self.people)
        return list(self._matches(sought))[page.offset : page.offset + page.limit]

    def carriers(self, sought: Sought) -> PersonSet:
        """Who carries any of them; of a joint question, one of each.  Raises BadQuestion: as `exists`."""
        if isinstance(sought, Pairs):
            return self.hit_twice(sought).lying(sought.lying)
        if not isinstance(sought, Joint):
            return self._carriers(sought, self.people)
        everyone = self.people
        for part in sought.parts:
            everyone = self._carriers(part, everyone)
        return BitMap() if everyone is None else everyone

    def _plain(self, sought: Sought) -> VariantQuery | None:
        """The one query that the store can answer by itself; None when there is more to it."""
        if self.crowd.floor or not isinstance(sought, Alternatives) or len(sought.queries) != 1:
            return None
        query = sought.queries[0]
        if isinstance(query, SequenceQuery):
            return None if self.traits else query
        conditions = self.traits.narrowed(query.conditions)
        if conditions is None or conditions.copies is not None:
            return None
        return replace(query, conditions=conditions) if self.traits else query

    def _matches(self, sought: Sought) -> Iterator[Variant]:
        if isinstance(sought, Joint):
            return self._joint(sought)
        if isinstance(sought, Pairs):
            return self._pairs(sought)
        return iter(self._all(sought, self.people))

    def _joint(self, sought: Joint) -> Iterator[Variant]:
        everyone = self.carriers(sought)
        if not everyone:
            return iter(())
        return iter(_united(variant for part in sought.parts for variant in self._all(part, everyone)))

    def _pairs(self, sought: Pairs) -> Iterator[Variant]:
        twice = self.carriers(sought)
        return iter(self._all(Alternatives((sought.query,)), twice) if twice else ())

    def hit_twice(self, sought: Pairs) -> HitTwice:
        """Who carries two of the alleles or more, or one of them twice.  Raises BadQuestion: as `exists`."""
        found = self._all(Alternatives((sought.query,)), self.people)
        return self.store.hit_twice(self.dataset, [variant.allele for variant in found], self.people)

    def _carriers(self, part: Alternatives | AnnotationQuery, people: PersonSet | None) -> PersonSet:
        """Who carries an allele of the part, in as many copies as are asked for."""
        demands = self._copies(part)
        found = BitMap()
        for variant in self._all(part, people):
            own = self.store.carriers(self.dataset, variant.allele, people)
            if demands:
                ways = self.store.zygosities(self.dataset, variant.allele, people)
                told = self._told_by_number(variant.allele, people)
                for copies in demands:
                    own &= _leaving_people(variant.allele, ways, copies) - told
            found |= own
        return found

    def _copies(self, part: Alternatives | AnnotationQuery) -> list[Copies]:
        """What is demanded of the copies that a carrier has; the alternatives of a question all demand it."""
        demands = [kind.copies for kind in self.traits.demanded if kind.copies is not None]
        query = part.queries[0] if isinstance(part, Alternatives) else None
        if query is not None and not isinstance(query, SequenceQuery) and query.conditions.copies is not None:
            demands.append(query.conditions.copies)
        return demands

    def _all(self, part: Alternatives | AnnotationQuery, people: PersonSet | None) -> list[Variant]:
        """Every allele of one part that somebody of `people` carries, in order, each once."""
        page = Page(limit=MAX_ALLELES + 1)
        if isinstance(part, AnnotationQuery):
            found = self._annotated().find(self.dataset, part, page, people)
            found = [variant for variant in found if self._shows(variant, None)]
        else:
            found = _united(variant for query in part.queries for variant in self._one(query, page, people))
        if len(found) > MAX_ALLELES:
            raise BadQuestion(
                f"more than {MAX_ALLELES} alleles would have to be looked at; ask more narrowly"
            )
        return [variant for variant in found if self.admits(variant)] if self.traits else found

    def admits(self, variant: Variant) -> bool:
        """Whether the allele is what it must be.  Raises BadQuestion: the dataset has no annotation."""
        return all(any(map(partial(self._has, variant), group)) for group in self.traits.groups)

    def _has(self, variant: Variant, trait: Trait) -> bool:
        kind = trait.kind
        if kind is None:
            told = self._annotated().annotations(self.dataset, variant.allele)
            found = any(one.consequences & trait.consequences for one in told)
        else:
            found = with_class(ANYTHING, replace(kind, copies=None)).admit(variant.allele)
            found = found and (kind.copies is None or self._shows(variant, kind.copies))
        return found is not trait.negated

    def _one(self, query: VariantQuery, page: Page, people: PersonSet | None) -> list[Variant]:
        copies = None if isinstance(query, SequenceQuery) else query.conditions.copies
        if copies is not None:
            assert not isinstance(query, SequenceQuery)  # noqa: S101  # it has no conditions
            query = replace(query, conditions=replace(query.conditions, copies=None))
        found = self.store.find(self.dataset, query, page, people)
        if len(found) > MAX_ALLELES:
            return found
        return [variant for variant in found if self._shows(variant, copies)]

    def _shows(self, variant: Variant, copies: Copies | None) -> bool:
        """Whether as many carry the allele as must, in `copies` where that is asked."""
        if copies is not None and (told := self._told_by_number(variant.allele, self.people)):
            ways = self.store.zygosities(self.dataset, variant.allele, self.people)
            left = _leaving_people(variant.allele, ways, copies) - told
            return self.crowd.shows(len(left)) and self.crowd.shows(self.crowd.behind_samples(left))
        counts = variant.counts if copies is None else _leaving(variant.allele, variant.counts, copies)
        if not self.crowd.floor or not self.crowd.shows(counts.carriers):
            return self.crowd.shows(counts.carriers)
        found = self.store.zygosities(self.dataset, variant.allele, self.people)
        counted = ((counts.het, found.het), (counts.hom, found.hom), (counts.hemi, found.hemi))
        samples = BitMap().union(*(own for count, own in counted if count))
        return self.crowd.shows(self.crowd.behind_samples(samples))

    def _told_by_number(self, allele: Allele, people: PersonSet | None) -> PersonSet:
        """Of whom a file tells the number of copies of this stretch, so that none is reckoned for them."""
        if not allele.is_symbolic or allele.total_copies is not None:
            return BitMap()
        here = lying_at(allele.interval, Conditions(symbol="CNV"))
        found = (one.allele for one in self.store.find(self.dataset, here, _OF_ONE_PLACE, people))
        told = (one for one in found if one.total_copies is not None)
        return BitMap().union(*(self.store.carriers(self.dataset, one, people) for one in told))

    def _annotated(self) -> Annotations:
        if self.annotations is None or not self.annotations.is_annotated(self.dataset):
            raise BadQuestion(
                f"dataset {self.dataset} has no annotation (CSQ or ANN in its VCF), so changes of proteins "
                "and transcripts and their consequences cannot be asked for; ask by place, or by HGVS g. name"
            )
        return self.annotations


def _leaving(allele: Allele, counts: Counts, copies: Copies) -> Counts:
    """Of the carriers those who have that many copies, if their other chromosome is the reference's."""
    if allele.total_copies is not None:
        return counts if copies.hold(allele.total_copies) else replace(counts, het=0, hom=0, hemi=0)
    each = allele.copies
    if each is None:
        return replace(counts, het=0, hom=0, hemi=0)
    return replace(
        counts,
        het=counts.het if copies.hold(each + 1) else 0,
        hom=counts.hom if copies.hold(2 * each) else 0,
        hemi=counts.hemi if copies.hold(each) else 0,
    )


def _leaving_people(allele: Allele, ways: Zygosities, copies: Copies) -> PersonSet:
    """The people whom `_leaving` counts."""
    if allele.total_copies is not None:
        return ways.het | ways.hom | ways.hemi if copies.hold(allele.total_copies) else BitMap()
    each = allele.copies
    if each is None:
        return BitMap()
    told = ((each + 1, ways.het), (2 * each, ways.hom), (each, ways.hemi))
    return BitMap().union(*(own for left, own in told if copies.hold(left)))


def _united(variants: Iterable[Variant]) -> list[Variant]:
    """Each allele once, in the order of the store."""
    found = {variant.allele: variant for variant in variants}
    return sorted(found.values(), key=_order)


def _order(variant: Variant) -> tuple[int, int, int, str, str, int]:
    allele = variant.allele
    at = allele.interval
    return at.contig.number, at.start, at.end, allele.reference, allele.alternate, allele.sv_length_bp
