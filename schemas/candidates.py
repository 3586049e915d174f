"""Candidate genotypes: what somebody carries in a gene that is rare and damaging, and how it fits a disease.

How much of it may be told of a person is his consent to be found (`Finding`), which nobody has unless it is
recorded.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from schemas.genome import Allele
from schemas.matching import Gene, Mode


class Finding(StrEnum):
    """What may be told of somebody to whoever asks who carries a rare, damaging genotype; ordered by `rank`.

    COUNT: he is one of a number that is never small.  CONTACT: that it is he, by the id of his case, and whom
    to write to.  VARIANT: also his genotype, and what is known of it.

    Spec: MME consent policy: CONTACT is level 1, VARIANT level 2.
    """

    NOTHING = "nothing"
    COUNT = "count"
    CONTACT = "contact"
    VARIANT = "variant"

    @property
    def rank(self) -> int:
        return list(Finding).index(self)


class Fit(StrEnum):
    """The genotype of one person in one gene, the most telling first.

    COMPOUND: two alleles known to lie on both copies.  TWO_HITS: two of which that is not known.
    HETEROZYGOUS: one, of which it is not known whether it is new in him.
    """

    DE_NOVO = "de novo"
    HOMOZYGOUS = "homozygous"
    COMPOUND = "compound heterozygous"
    HEMIZYGOUS = "hemizygous"
    MITOCHONDRIAL = "mitochondrial"
    TWO_HITS = "two alleles, phase not known"
    HETEROZYGOUS = "heterozygous"


FITTING: Final = {
    Mode.RECESSIVE: frozenset({Fit.HOMOZYGOUS, Fit.COMPOUND, Fit.TWO_HITS}),
    Mode.DOMINANT: frozenset({Fit.DE_NOVO, Fit.HETEROZYGOUS, Fit.HOMOZYGOUS}),
    Mode.X_RECESSIVE: frozenset({Fit.HEMIZYGOUS, Fit.HOMOZYGOUS, Fit.COMPOUND, Fit.TWO_HITS}),
    Mode.X_DOMINANT: frozenset({Fit.DE_NOVO, Fit.HETEROZYGOUS, Fit.HOMOZYGOUS, Fit.HEMIZYGOUS}),
    Mode.Y_LINKED: frozenset({Fit.HEMIZYGOUS}),
    Mode.MITOCHONDRIAL: frozenset({Fit.MITOCHONDRIAL}),
}
"""The genotypes that can cause a disease inherited in a way."""


def fitting(ways: Collection[Mode]) -> frozenset[Fit]:
    """The genotypes that fit one of these ways; all when no way is known."""
    return frozenset[Fit]().union(*(FITTING[way] for way in ways)) if ways else frozenset(Fit)


@dataclass(frozen=True, slots=True)
class Rarity:
    """Which alleles are rare enough.

    recessive, dominant: the highest frequency in the population of an allele that is one of two, and of one
    that suffices alone.  own_share: the largest share of the people looked at that may carry it; but
    own_least of them always may, a family.
    """

    recessive: float = 0.01
    dominant: float = 0.0005
    own_share: float = 0.02
    own_least: int = 4


@dataclass(frozen=True, slots=True)
class Suspect:
    """A rare allele that damages a gene.

    consequence: the most severe, as CSQ names it; "" where nothing is annotated.  impact: HIGH or MODERATE.
    significance, stars, clinvar: what ClinVar says; "", 0 and "" where it says nothing.  frequency: in the
    population; None where no table tells.  carriers: how many of the people looked at carry it.
    """

    allele: Allele
    consequence: str = ""
    impact: str = ""
    significance: str = ""
    stars: int = 0
    clinvar: str = ""
    frequency: float | None = None
    carriers: int = 0

    @property
    def weight(self) -> float:
        """How telling it is, from 0 to 1."""
        if self.significance:
            return 1.0 if self.significance == "pathogenic" else 0.95
        return _IMPACTS.get(self.impact, 0.0)


_IMPACTS: Final = {"HIGH": 0.8, "MODERATE": 0.4}


@dataclass(frozen=True, slots=True)
class Genotype:
    """What one person carries in one gene: the best fit, and the alleles it is made of."""

    gene: Gene
    fit: Fit
    suspects: tuple[Suspect, ...]

    @property
    def weight(self) -> float:
        """How telling it is, from 0 to 1: of two alleles the mean."""
        weights = sorted((one.weight for one in self.suspects), reverse=True)[:2]
        if self.fit not in (Fit.COMPOUND, Fit.TWO_HITS):
            weights = weights[:1]
        return _FITS[self.fit] * sum(weights) / len(weights)


_FITS: Final = {
    Fit.DE_NOVO: 1.0,
    Fit.HOMOZYGOUS: 1.0,
    Fit.COMPOUND: 1.0,
    Fit.HEMIZYGOUS: 1.0,
    Fit.MITOCHONDRIAL: 0.9,
    Fit.TWO_HITS: 0.7,
    Fit.HETEROZYGOUS: 0.6,
}
