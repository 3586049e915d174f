"""What a person's alleles of one gene come to, and whether that fits how a disease is inherited.

Two alleles lie on both copies when the files are phased and say so, or when each came from another
parent.  An allele is new in somebody when both parents were looked at there and have it not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pyroaring import BitMap

from node.candidates.families import Families, Parents
from schemas.candidates import Fit, Genotype, Suspect
from schemas.genome import Allele
from schemas.matching import Gene
from schemas.people import Dataset
from schemas.ports import HitTwice, Page, PersonSet, VariantStore, Zygosities
from schemas.questions import SequenceQuery

_ONE: Final = Page(limit=1)
_SINGLE: Final = frozenset({"X", "Y"})


@dataclass(frozen=True, slots=True)
class _Hits:
    """Who carries which of a gene's suspects, and how."""

    carried: tuple[tuple[Suspect, Zygosities], ...]
    twice: HitTwice

    def of(self, person: int) -> list[Suspect]:
        return [
            suspect
            for suspect, found in self.carried
            if person in found.het or person in found.hom or person in found.hemi
        ]


@dataclass(frozen=True, slots=True)
class Fitter:
    """The genotypes of one dataset.  names: by ordinal, whose it is."""

    store: VariantStore
    dataset: Dataset
    names: Mapping[int, str]
    families: Families

    def fits(
        self,
        gene: Gene,
        suspects: Sequence[Suspect],
        alone: frozenset[Allele],
        people: PersonSet,
        wanted: frozenset[Fit],
    ) -> dict[int, Genotype]:
        """The most telling genotype in this gene of everybody who has one that is wanted.

        suspects: of the gene.  alone: those of them that are rare enough to suffice alone.
        """
        carried = tuple((one, self.store.zygosities(self.dataset.id, one.allele, people)) for one in suspects)
        twice = self.store.hit_twice(self.dataset.id, [one.allele for one in suspects], people)
        hits = _Hits(carried, twice)
        found: defaultdict[int, list[Genotype]] = defaultdict(list)
        for person, fit, these in self._all(hits, alone):
            if fit in wanted:
                found[person].append(Genotype(gene, fit, tuple(these)))
        return {person: max(some, key=lambda one: one.weight) for person, some in found.items()}

    def _all(self, hits: _Hits, alone: frozenset[Allele]) -> Iterator[tuple[int, Fit, list[Suspect]]]:
        for suspect, found in hits.carried:
            is_mitochondrial = suspect.allele.interval.contig.name == "MT"
            for person in found.hom:
                yield person, Fit.MITOCHONDRIAL if is_mitochondrial else Fit.HOMOZYGOUS, [suspect]
            for person in found.hemi:
                yield person, Fit.MITOCHONDRIAL if is_mitochondrial else Fit.HEMIZYGOUS, [suspect]
            for person in found.het if is_mitochondrial else ():
                yield person, Fit.MITOCHONDRIAL, [suspect]
            if suspect.allele in alone and not is_mitochondrial:
                yield from self._alone(suspect, found)
        yield from self._two(hits)

    def _alone(self, suspect: Suspect, found: Zygosities) -> Iterator[tuple[int, Fit, list[Suspect]]]:
        """Who has it once, on its own: it may be new in him."""
        for person in found.het | found.hemi:
            if self._is_new(suspect.allele, person):
                yield person, Fit.DE_NOVO, [suspect]
            elif person in found.het:
                yield person, Fit.HETEROZYGOUS, [suspect]

    def _two(self, hits: _Hits) -> Iterator[tuple[int, Fit, list[Suspect]]]:
        if any(one.allele.interval.contig.name == "MT" for one, _ in hits.carried):
            return  # of which nobody has two copies
        for person in hits.twice.trans:
            yield person, Fit.COMPOUND, hits.of(person)
        for person in hits.twice.unknown:
            his = hits.of(person)
            lying = self._by_parents(person, his)
            if lying is not None:
                yield person, lying, his

    def _by_parents(self, person: int, his: Sequence[Suspect]) -> Fit | None:
        """COMPOUND when each parent gave one, None when one gave all, TWO_HITS when it is not known."""
        parents = self._parents(person)
        if parents is None:
            return Fit.TWO_HITS
        origins = []
        for suspect in his:
            carriers = self.store.carriers(
                self.dataset.id, suspect.allele, BitMap((parents.father, parents.mother))
            )
            origins.append((parents.father in carriers, parents.mother in carriers))
        if (True, False) in origins and (False, True) in origins:
            return Fit.COMPOUND
        if set(origins) in ({(True, False)}, {(False, True)}):
            return None
        return Fit.TWO_HITS

    def _is_new(self, allele: Allele, person: int) -> bool:
        parents = self._parents(person)
        if parents is None or allele.is_symbolic:
            return False
        both = BitMap((parents.father, parents.mother))
        if self.store.carriers(self.dataset.id, allele, both):
            return False
        own = self._called(allele, BitMap((person,)))
        # An allele that nobody carries is not there to be counted: with the child, and less the child.
        looked_at = self._called(allele, both | BitMap((person,))) - own
        place = allele.interval
        fewer = place.contig.name in _SINGLE and not place.is_pseudoautosomal
        return looked_at >= (3 if fewer else 4)

    def _called(self, allele: Allele, people: PersonSet) -> int:
        query = SequenceQuery(allele.interval, allele.reference, allele.alternate)
        found = self.store.find(self.dataset.id, query, _ONE, people)
        return found[0].counts.an if found else 0

    def _parents(self, person: int) -> Parents | None:
        name = self.names.get(person)
        return None if name is None else self.families.parents(name)
