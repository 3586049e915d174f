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

from schemas.genome import Allele, Interval
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


Place = Allele | Interval
"""An exact allele, or a stretch whose bases are not told."""


class Lift(Protocol):
    """Carries a variant to the other assembly."""

    def __call__(self, place: Place) -> Place | None:
        """The same change in the other assembly; None where there is no certain counterpart."""
        ...


class Frequency(Protocol):
    """How common alleles are in a population."""

    def __call__(self, allele: Allele) -> float | None:
        """The share of chromosomes that have it; 0.0 where it was looked for and never seen, None where
        nothing is known of its assembly.  A fraction of a millisecond.
        """
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


class Setting(StrEnum):
    """What a score was given for, as far as it decides what the score means."""

    FEATURES = "features alone"
    SOME_GENES = "a candidate gene in common among five each"
    MANY_GENES = "a candidate gene in common among twenty each"


@dataclass(frozen=True, slots=True)
class Meaning:
    """How often published patients with such a score had the same causal gene.

    shared: the share of pairs, every gene counting the same; low, high: its 95 % range over genes.
    by_chance: the same of all pairs of the setting, whatever their score.  pairs, genes: it was seen on so
    many.  setting: what those pairs were compared by.
    """

    shared: float
    low: float
    high: float
    by_chance: float
    pairs: int
    genes: int
    setting: Setting


class Calibration(Protocol):
    """What scores have meant on published patients."""

    def meaning(self, algorithm: str, setting: Setting, total: float) -> Meaning | None:
        """Of a total score; never less of a higher one.  None when it was never looked at."""
        ...

    @property
    def about(self) -> str:
        """What it was measured on, in a sentence."""
        ...


@dataclass(frozen=True, slots=True)
class TermAgreement:
    """A feature of the question, the feature of the match nearest to it, and their closest common ancestor.

    information: of the common ancestor; the higher, the rarer what they share.
    """

    asked: PhenotypeTerm
    found: PhenotypeTerm
    common: PhenotypeTerm
    information: float


class Mode(StrEnum):
    """How a disease is passed on."""

    DOMINANT = "autosomal dominant"
    RECESSIVE = "autosomal recessive"
    X_DOMINANT = "X-linked dominant"
    X_RECESSIVE = "X-linked recessive"
    Y_LINKED = "Y-linked"
    MITOCHONDRIAL = "mitochondrial"


class Effect(StrEnum):
    """What a change does to a gene, as wide as two changes are still of the same kind."""

    LOSS = "loss of function"
    MISSENSE = "another residue"
    IN_FRAME = "residues added or lost in frame"
    SILENT = "no change of the protein"
    GAIN = "more copies"


class VariantLikeness(StrEnum):
    """In what two variants are alike."""

    SAME = "same-variant"
    PROTEIN = "same-protein-change"
    CODON = "same-codon"
    BASE = "same-base"
    OVERLAP = "overlap"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class VariantAgreement:
    """How alike two variants are: 1.0 for the very same, rare one.  frequency: in the population."""

    how: VariantLikeness
    worth: float
    frequency: float | None = None


@dataclass(frozen=True, slots=True)
class GeneAgreement:
    """A gene that both patients name, and what else of it agrees.

    zygosity: both are known to have as many altered copies (two different variants count as two): `copies`.
    kind: both have a change of the same Sequence Ontology type, or that does the same (`effects`).
    variant: 1.0 for the very same change, when it is rare; less for one written a base apart, for the same
    change of the protein, another change of the same codon, or structural variants that overlap by half or
    more; less, too, the more common it is in the population; 0.0 when none is known to agree.
    how, frequency: why, and how common.  modes: how it may be passed on in both, where one states it.
    """

    gene: Gene
    zygosity: bool
    kind: bool
    variant: float
    how: VariantLikeness = VariantLikeness.NONE
    frequency: float | None = None
    copies: int | None = None
    effects: frozenset[Effect] = frozenset()
    modes: frozenset[Mode] = frozenset()


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why two patients were matched; nothing in it that is not in the question or in what may leave.

    terms: features that are near, best first.  only_asked, only_found: features to which the other has
    nothing near.  contradictions: observed in one patient, looked for and absent in the other.
    modes: how it may be passed on in both.  meaning: of the score, None where it was never measured.
    """

    terms: tuple[TermAgreement, ...]
    contradictions: tuple[PhenotypeTerm, ...]
    genes: tuple[GeneAgreement, ...]
    disorders: tuple[str, ...]
    only_asked: tuple[PhenotypeTerm, ...] = ()
    only_found: tuple[PhenotypeTerm, ...] = ()
    modes: frozenset[Mode] = frozenset()
    meaning: Meaning | None = None
