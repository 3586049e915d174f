"""What a node knows of the human genome itself: genes, the reference sequence, and how assemblies correspond.

Protocols, as in `schemas.ports`, and the values they pass.  All of it is optional: a node without a reference
sequence or chain files says what it cannot answer, and answers the rest.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from schemas.genome import Allele, Assembly, Contig, Interval
from schemas.matching import Mode


@dataclass(frozen=True, slots=True)
class Gene:
    """A gene, its identifiers, and the stretch it covers on each assembly where that is known.

    hgnc, ensembl, entrez: `HGNC:1100`, `ENSG00000012048`, `672`; "" where there is none.
    """

    symbol: str
    places: Mapping[Assembly, Interval]
    hgnc: str = ""
    ensembl: str = ""
    entrez: str = ""


class Genes(Protocol):
    """Genes by any of their names."""

    def find(self, name: str) -> Gene:
        """The gene of an approved symbol, an earlier one, an alias, or an HGNC, Ensembl or NCBI identifier.

        Case does not matter.  An approved symbol is never taken for an alias of another gene.  The first
        call may take a fifth of a second, later ones microseconds.

        Raises NotHeld: no gene has this name; BadQuestion: several have.  Both name what might be meant.
        """
        ...


class Sequences(Protocol):
    """The reference sequence of the assemblies for which the node has one."""

    def bases(self, interval: Interval) -> str | None:
        """The bases of `interval` in upper case; None when no sequence of its contig is here.

        Reads a file: tens of microseconds a kilobase.
        """
        ...


@dataclass(frozen=True, slots=True)
class Lifted:
    """An interval as it lies in another assembly; `reverse` when that strand runs the other way."""

    interval: Interval
    reverse: bool = False


class Liftover(Protocol):
    """Where a stretch of one assembly lies in another, as far as chain files are configured."""

    def leads(self, source: Assembly, target: Assembly) -> bool:
        """Whether there is a chain from `source` to `target`."""
        ...

    def lift(self, interval: Interval, target: Assembly) -> Lifted | None:
        """The same stretch in `target`; None when it has no one counterpart there.

        One counterpart means: every base lies in the same chain, and nothing is inserted or missing between.
        """
        ...


@dataclass(frozen=True, slots=True)
class Reference:
    """What this node has of it; None is nothing."""

    genes: Genes | None = None
    sequences: Sequences | None = None
    liftover: Liftover | None = None


NO_REFERENCE = Reference()


@dataclass(frozen=True, slots=True)
class Reported:
    """An allele that laboratories have reported as pathogenic or likely so.

    significance: in ClinVar's words, lower case.  stars: of its review, 0 to 4.  name: ClinVar's number of
    it.  consequence: the most severe, as CSQ names it; "" where none is told.
    """

    allele: Allele
    significance: str
    stars: int
    name: str = ""
    consequence: str = ""


class ReportedAlleles(Protocol):
    """Alleles that are reported as pathogenic or likely so."""

    def knows(self, assembly: Assembly) -> bool:
        """Whether anything can be said of alleles of this assembly."""
        ...

    def of_gene(self, gene: Gene, assembly: Assembly) -> Sequence[Reported]:
        """Those of one gene; may read a file, or take a tenth of a millisecond each the first time."""
        ...

    def symbols(self) -> Collection[str]:
        """Of the genes that have any."""
        ...


class ReportedWithin(Protocol):
    """The same by place, of one assembly."""

    def within(self, place: Interval) -> Sequence[Reported]:
        """Those that overlap `place`; reads a file."""
        ...


class Frequencies(Protocol):
    """How frequent alleles are in a population, as far as the site has a table."""

    def knows(self, contig: Contig) -> bool:
        """Whether a table has this contig."""
        ...

    def frequency(self, allele: Allele) -> float | None:
        """0.0 to 1.0, of the population in which it is most frequent, 0.0 for an allele the table lacks.

        None where no table has its contig.  Reads a file: a tenth of a millisecond.
        """
        ...


@dataclass(frozen=True, slots=True)
class DiseaseGene:
    """What is annotated of the diseases of one gene: ids of HPO terms, and how they are inherited."""

    features: tuple[str, ...]
    inheritance: frozenset[Mode]


class DiseaseGenes(Protocol):
    """Genes of which diseases are annotated."""

    def find(self, entrez: str) -> DiseaseGene | None:
        """By NCBI's number, which may be ""; None when no disease of the gene is annotated."""
        ...
