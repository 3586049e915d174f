"""What matching speaks of: cases and their consent, scores and their reasons, and what a node must offer.

The room `matchmaker` scores and decides what may leave; it asks the node for phenotype terms and genes
through the Protocols below, which are satisfied by shape.  All calls are synchronous, answer from
memory and are safe from several threads at once.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from schemas.genome import Allele
from schemas.mme import Patient


class Sharing(StrEnum):
    """How much of a case its consent lets leave the node, from nothing to everything; ordered by `rank`.

    PHENOTYPE tells features, sex, onset and inheritance; GENE adds candidate genes by name, and diagnoses,
    most of which name a gene; VARIANT adds variants, zygosity and kind of change.

    Spec: MME consent policy, level 1 (PHENOTYPE, GENE) and level 2 (VARIANT).
    """

    NOTHING = "nothing"
    PHENOTYPE = "phenotype"
    GENE = "gene"
    VARIANT = "variant"

    @property
    def rank(self) -> int:
        return list(Sharing).index(self)


@dataclass(frozen=True, slots=True)
class Case:
    """A patient deposited in this node, whole, with what his consent lets leave it.

    `patient.id` is unique in the node and never used again; `patient.test` marks made-up cases.
    """

    patient: Patient
    sharing: Sharing = Sharing.NOTHING


@dataclass(frozen=True, slots=True)
class PhenotypeTerm:
    """A class of the Human Phenotype Ontology."""

    id: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class Gene:
    """One gene, whatever it was called; `id` is its stable identity (`HGNC:1097`), `symbol` for people."""

    id: str
    symbol: str


class Phenotypes(Protocol):
    """The phenotype ontology this node holds."""

    def terms(self) -> Collection[PhenotypeTerm]:
        """Every current term, once."""
        ...

    def resolve(self, term: str) -> str | None:
        """The current id of a term, alternative and replaced ids followed; None when it is not known."""
        ...

    def ancestors(self, term: str) -> Collection[str]:
        """A current term itself and everything above it, up to the root."""
        ...

    def information(self, term: str) -> float:
        """Information content of a current term: 0 for the root, never less than that of an ancestor."""
        ...


class Genes(Protocol):
    """The gene names this node knows."""

    def resolve(self, name: str) -> Gene | None:
        """The gene that a peer calls `name`: symbol, former symbol or alias, HGNC, Ensembl or Entrez id.

        None when it is not known, or when an alias belongs to several genes.
        """
        ...


class Lift(Protocol):
    """Carries an allele to the other assembly."""

    def __call__(self, allele: Allele) -> Allele | None:
        """The same change in the other assembly; None where there is no certain counterpart."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """What an answer may hold: results scored `min_score` or more, and no more than `max_results`."""

    max_results: int = 10
    min_score: float = 0.1


@dataclass(frozen=True, slots=True)
class Score:
    """How well two patients agree, from 0 to 1: all in all, and by phenotype and genotype alone."""

    total: float
    phenotype: float
    genotype: float


@dataclass(frozen=True, slots=True)
class TermAgreement:
    """A feature of the question, the feature of the match nearest to it, and their closest common ancestor.

    information: of the common ancestor; the higher, the rarer what they share.
    """

    asked: PhenotypeTerm
    found: PhenotypeTerm
    common: PhenotypeTerm
    information: float


@dataclass(frozen=True, slots=True)
class GeneAgreement:
    """A gene that both patients name, and what else of it agrees.

    zygosity: both are known to have as many altered copies (two different variants count as two).
    kind: both have a change of the same Sequence Ontology type.
    variant: 1.0 for the very same change; less for one written a base apart, or for structural variants
    that overlap by half or more; 0.0 when none is known to agree.
    """

    gene: Gene
    zygosity: bool
    kind: bool
    variant: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why two patients were matched; nothing in it that is not in the question or in what may leave.

    terms: best first.  contradictions: observed in one patient, looked for and absent in the other.
    """

    terms: tuple[TermAgreement, ...]
    contradictions: tuple[PhenotypeTerm, ...]
    genes: tuple[GeneAgreement, ...]
    disorders: tuple[str, ...]
