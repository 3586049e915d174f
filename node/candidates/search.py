"""Two questions over the genotypes of the node: who carries a candidate genotype in a gene, and in which
genes somebody does.

The first is asked by others, and knows nobody but those who consented; the second is for a person's own
doctors.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from pyroaring import BitMap

from node.candidates.consents import Consents
from node.candidates.families import Families, ordinals_of
from node.candidates.fitting import Fitter
from node.candidates.sieve import Sieve
from schemas.candidates import Finding, Genotype, Suspect, fitting
from schemas.errors import BadInput, BadQuestion, Place
from schemas.matching import Genes as Names
from schemas.matching import Mode
from schemas.people import Dataset
from schemas.ports import Catalogue, People, PersonSet
from schemas.reference import DiseaseGene, DiseaseGenes, Gene, Genes


class Table(Protocol):
    """A file that is open."""

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Carrier:
    """Somebody who carries a candidate genotype, and what may be told of him.

    family: the name of his, "" for none.
    """

    dataset: str
    individual: str
    level: Finding
    genotype: Genotype
    family: str = ""


@dataclass(frozen=True, slots=True)
class _Asked:
    """A gene in both of its forms, and how its diseases are inherited."""

    gene: Gene
    ways: frozenset[Mode]


@dataclass(frozen=True, slots=True)
class GenotypeSearch:
    """What is needed of a node to look for genotypes.  Blocking.

    tables: files of the site that are read while the node is open.
    """

    catalogue: Catalogue
    people: People
    sieve: Sieve
    genes: Genes
    names: Names
    diseases: DiseaseGenes
    consents: Consents
    tables: tuple[Table, ...] = ()
    _kept: dict[str, tuple[int, tuple[str, ...]]] = field(default_factory=dict)

    def close(self) -> None:
        """Closes the files of the site."""
        for table in self.tables:
            table.close()

    def known(self, gene: Gene) -> DiseaseGene | None:
        """What is annotated of the gene's diseases."""
        return self.diseases.find(gene.entrez)

    def carriers(
        self, gene: Gene, ways: frozenset[Mode] = frozenset(), *, least: Finding = Finding.COUNT
    ) -> list[Carrier]:
        """Whoever consented to `least` or more and carries a genotype in this gene that fits, by dataset and
        id.

        ways: how the disease in question is inherited; where that is not said, as the known diseases of the
        gene are, and where there are none, in any way.  Tens of milliseconds a dataset.
        """
        asked = _Asked(gene, ways or self._ways(gene))
        return [one for dataset in self.catalogue.datasets() for one in self._in(dataset, asked, least)]

    def genes_of(self, dataset: str, individual: str) -> list[Genotype]:
        """The candidate genotypes of one person, one a gene, for his own doctors; the most telling first.

        A gene whose diseases are known is held against how they are inherited.  Seconds: every annotation of
        the dataset is read.

        Raises BadInput: no such dataset, nobody of this id, or no genotypes of him.
        """
        held = next((one for one in self.catalogue.datasets() if one.id == dataset), None)
        person = BitMap() if held is None else ordinals_of(self.people.roster(dataset), individual)
        if held is None or not person:
            raise BadInput(Place(individual), f"{dataset} has no genotypes of him", "Check dataset and id.")
        fitter = self._fitter(held, within=None)
        found: list[Genotype] = []
        for gene in self._with_suspects(held, person):
            suspects = self.sieve.of_gene(held, gene, person, among=None)
            found += self._fits(fitter, _Asked(gene, self._ways(gene)), suspects, person).values()
        return sorted(found, key=lambda one: (-one.weight, one.gene.symbol))

    def everybody(self, least: Finding) -> list[Carrier]:
        """Every candidate genotype of whoever consented to `least` or more, in genes whose ways are known or
        not.

        Seconds to minutes.
        """
        found: list[Carrier] = []
        for dataset in self.catalogue.datasets():
            people, levels = self._consenting(dataset, least)
            for gene in self._with_suspects(dataset, people) if people else ():
                found += self._held(dataset, _Asked(gene, self._ways(gene)), people, levels)
        return found

    def _in(self, dataset: Dataset, asked: _Asked, least: Finding) -> Iterator[Carrier]:
        people, levels = self._consenting(dataset, least)
        if people:
            yield from self._held(dataset, asked, people, levels)

    def _held(
        self, dataset: Dataset, asked: _Asked, people: PersonSet, levels: Mapping[str, Finding]
    ) -> Iterator[Carrier]:
        fitter = self._fitter(dataset, within=people)
        suspects = self.sieve.of_gene(dataset, asked.gene, people, among=people)
        best: dict[str, Genotype] = {}
        for ordinal, genotype in self._fits(fitter, asked, suspects, people).items():
            name = fitter.names[ordinal]
            if name not in best or genotype.weight > best[name].weight:
                best[name] = genotype
        for name, genotype in sorted(best.items()):
            if not fitter.families.healthy(name):
                yield Carrier(dataset.id, name, levels[name], genotype, fitter.families.family(name))

    def _consenting(self, dataset: Dataset, least: Finding) -> tuple[PersonSet, Mapping[str, Finding]]:
        """Whose genotypes may be looked at, and what may be told of each of them."""
        levels = {
            name: level
            for name, level in self.consents.levels(dataset.id).items()
            if level.rank >= max(least.rank, Finding.COUNT.rank)
        }
        roster = self.people.roster(dataset.id) if levels else None
        if roster is None:
            return BitMap(), {}
        return BitMap().union(*(ordinals_of(roster, name) for name in levels)), levels

    def _fitter(self, dataset: Dataset, within: PersonSet | None) -> Fitter:
        called = self.people.roster(dataset.id).called
        names = {ordinal: named["individual"] for ordinal, named in called.items() if "individual" in named}
        families = Families(self.people, dataset.id, within)
        return Fitter(self.sieve.store, dataset, names, families)

    def _fits(
        self, fitter: Fitter, asked: _Asked, suspects: Iterable[Suspect], people: PersonSet
    ) -> dict[int, Genotype]:
        listed = list(suspects)
        told = self.names.resolve(asked.gene.hgnc or asked.gene.ensembl or asked.gene.symbol)
        if told is None or not listed:
            return {}
        alone = frozenset(one.allele for one in listed if self.sieve.is_dominant(one))
        return fitter.fits(told, listed, alone, people, fitting(asked.ways))

    def _ways(self, gene: Gene) -> frozenset[Mode]:
        known = self.known(gene)
        return known.inheritance if known is not None else frozenset()

    def _with_suspects(self, dataset: Dataset, people: PersonSet) -> Iterator[Gene]:
        """The genes in which somebody of `people` may carry an allele that damages, each once."""
        symbols = dict.fromkeys(self.sieve.annotated_genes(dataset, people))
        symbols |= dict.fromkeys(self._reported(dataset))
        seen: set[str] = set()
        for symbol in symbols:
            try:
                gene = self.genes.find(symbol)
            except BadQuestion:
                continue  # an annotation of a gene that the table of genes does not have
            if gene.symbol not in seen:
                seen.add(gene.symbol)
                yield gene

    def _reported(self, dataset: Dataset) -> tuple[str, ...]:
        """The genes in which somebody of the dataset, whoever, carries an allele that ClinVar reports.

        Kept until the data change: seconds to find out.
        """
        revision = self.consents.data_revision()
        kept = self._kept.get(dataset.id)
        if kept is None or kept[0] != revision:
            kept = self._kept[dataset.id] = revision, tuple(self._look_up(dataset))
        return kept[1]

    def _look_up(self, dataset: Dataset) -> Iterator[str]:
        reported = self.sieve.reported
        for symbol in reported.symbols() if reported.knows(dataset.assembly) else ():
            try:
                gene = self.genes.find(symbol)
            except BadQuestion:
                continue
            alleles = (one.allele for one in reported.of_gene(gene, dataset.assembly))
            if any(self.sieve.store.carriers(dataset.id, allele) for allele in alleles):
                yield symbol
