"""The alleles of a gene that are rare and damage it.

An allele damages a gene by its consequence, where the files are annotated (CSQ, ANN), or because ClinVar has
it as pathogenic or likely so.  It is rare by a table of the population, where the site has one, and by how
many of the node's own people carry it; by these alone not what ClinVar reports.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from schemas.candidates import Rarity, Suspect
from schemas.consequences import HIGH, MODERATE, worst_of
from schemas.genome import Allele
from schemas.people import Dataset
from schemas.ports import Annotations, Page, PersonSet, VariantStore
from schemas.questions import AnnotationQuery
from schemas.reference import Frequencies, Gene, ReportedAlleles

_EVERYTHING: Final = Page(0, 1_000_000)
_USUAL: Final = Rarity()


@dataclass(frozen=True, slots=True)
class Sieve:
    """rarity: what counts as rare.  consequences: which damage.  stars: the least review by ClinVar."""

    store: VariantStore
    annotations: Annotations
    reported: ReportedAlleles
    frequencies: Frequencies
    rarity: Rarity = _USUAL
    consequences: frozenset[str] = HIGH | MODERATE
    stars: int = 1

    def of_gene(
        self, dataset: Dataset, gene: Gene, people: PersonSet, among: PersonSet | None
    ) -> list[Suspect]:
        """Those of one gene that somebody of `people` carries, in the order of their places.

        among: the people by whom it is judged how rare an allele is here; None for everybody.
        """
        query = AnnotationQuery(gene=gene.symbol, any_of=self.consequences)
        found: dict[Allele, Suspect] = {}
        if self.annotations.is_annotated(dataset.id):
            for variant in self.annotations.find(dataset.id, query, _EVERYTHING, people):
                found[variant.allele] = self._annotated(dataset, gene.symbol, variant.allele)
        for one in self._reported(dataset, gene, people):
            before = found.get(one.allele)
            # Of what it does the files say more than ClinVar, which may mean another transcript.
            found[one.allele] = (
                one if before is None else replace(one, consequence=before.consequence, impact=before.impact)
            )
        judged = (self._rare(dataset, found[allele], among) for allele in sorted(found, key=_place))
        return [suspect for suspect in judged if suspect is not None]

    def annotated_genes(self, dataset: Dataset, people: PersonSet) -> list[str]:
        """Symbols of the genes in which somebody of `people` carries an allele that damages by annotation.

        Reads every annotation of the dataset: a second or so a hundred thousand.
        """
        if not self.annotations.is_annotated(dataset.id):
            return []
        query = AnnotationQuery(any_of=self.consequences)
        symbols: set[str] = set()
        for variant in self.annotations.find(dataset.id, query, _EVERYTHING, people):
            said = self.annotations.annotations(dataset.id, variant.allele)
            symbols |= {one.gene for one in said if one.consequences & self.consequences}
        return sorted(symbols - {""})

    def is_dominant(self, suspect: Suspect) -> bool:
        """Whether it is rare enough to suffice alone."""
        return suspect.frequency is None or suspect.frequency <= self.rarity.dominant

    def _annotated(self, dataset: Dataset, symbol: str, allele: Allele) -> Suspect:
        said = (one for one in self.annotations.annotations(dataset.id, allele) if one.gene == symbol)
        worst = worst_of(kind for one in said for kind in one.consequences)
        return Suspect(allele, worst, _impact(worst))

    def _reported(self, dataset: Dataset, gene: Gene, people: PersonSet) -> Iterator[Suspect]:
        if not self.reported.knows(dataset.assembly):
            return
        for one in self.reported.of_gene(gene, dataset.assembly):
            if one.stars >= self.stars and self.store.carriers(dataset.id, one.allele, people):
                impact = _impact(one.consequence)
                yield Suspect(one.allele, one.consequence, impact, one.significance, one.stars, one.name)

    def _rare(self, dataset: Dataset, suspect: Suspect, among: PersonSet | None) -> Suspect | None:
        allele = suspect.allele
        frequency = self.frequencies.frequency(allele)
        if frequency is not None and frequency > self.rarity.recessive:
            return None
        carriers = len(self.store.carriers(dataset.id, allele, among))
        looked_at = len(self.store.people(dataset.id)) if among is None else len(among)
        most = max(self.rarity.own_least, self.rarity.own_share * looked_at)
        # What is known to make ill is frequent in a clinic for the ill, and no less of a cause for that.
        if carriers > most and not suspect.significance:
            return None
        return replace(suspect, frequency=frequency, carriers=carriers)


def _impact(consequence: str) -> str:
    return "HIGH" if consequence in HIGH else "MODERATE" if consequence in MODERATE else ""


def _place(allele: Allele) -> tuple[int, int, int, str, str]:
    place = allele.interval
    return place.contig.number, place.start, place.end, allele.reference, allele.alternate
