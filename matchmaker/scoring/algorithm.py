"""What a matching algorithm is: a measure of phenotype, a worth for what agrees of a gene, and their shares.

The parts are added with fixed shares, and what is missing on either side adds nothing: more detail that
agrees never lowers a score, and a score means the same whatever was asked.  A question with features alone
can reach `1 - genotype_share`, one with genes alone `genotype_share`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from matchmaker.genotype import agreement
from matchmaker.phenotype import Measure, Shares, TermSpace
from matchmaker.scoring.panel import Panel
from matchmaker.scoring.profile import Profile
from schemas.matching import GeneAgreement, Score

_SAME_DISORDER: Final = 1 / 3  # of what is missing to full likeness


@dataclass(frozen=True, slots=True)
class GeneWorth:
    """How much of the genotype score each agreement of one gene is worth; together 1.

    zygosity: also where the way it is passed on is stated of one, and fits the other.
    """

    gene: float
    zygosity: float
    kind: float
    variant: float

    def of(self, found: GeneAgreement) -> float:
        passed_on = found.zygosity or bool(found.modes)
        return self.gene + self.zygosity * passed_on + self.kind * found.kind + self.variant * found.variant


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Of every patient of a panel, in its order."""

    total: Shares
    phenotype: Shares
    genotype: Shares

    def __len__(self) -> int:
        return len(self.total)

    def __getitem__(self, number: int) -> Score:
        return Score(float(self.total[number]), float(self.phenotype[number]), float(self.genotype[number]))


@dataclass(frozen=True, slots=True)
class Algorithm:
    """One way to score; `about` says it in a sentence for the person who reads the score."""

    name: str
    about: str
    phenotype: Measure
    worth: GeneWorth
    genotype_share: float

    def scores(self, space: TermSpace, query: Profile, panel: Panel) -> Scores:
        """The score of each patient of the panel, each independent of the others.

        Blocking; under a millisecond a thousand patients and ten features.
        """
        phenotype = self._phenotypes(space, query, panel)
        genotype = self._genotypes(query, panel)
        total = self.genotype_share * genotype + (1 - self.genotype_share) * phenotype
        return Scores(total, phenotype, genotype)

    def _phenotypes(self, space: TermSpace, query: Profile, panel: Panel) -> Shares:
        found = np.zeros(len(panel))
        if query.observed.terms.size and len(panel.described):
            alike = self.phenotype(space, query.observed, panel.observed)
            found[panel.described] = alike.clip(0.0, 1.0)
        shared = panel.with_disorder(query.disorders)
        found[shared] += (1 - found[shared]) * _SAME_DISORDER
        return found

    def _genotypes(self, query: Profile, panel: Panel) -> Shares:
        """By the gene that agrees best: a longer list of suspects is no reason to score less."""
        found = np.zeros(len(panel))
        for number in panel.with_gene(query.candidates).tolist():
            found[number] = max(map(self.worth.of, gene_agreements(query, panel.profiles[number])))
        return found


def gene_agreements(query: Profile, candidate: Profile) -> list[GeneAgreement]:
    """What agrees of every gene that both name, ordered by symbol."""
    shared = query.candidates.keys() & candidate.candidates.keys()
    found = [agreement(query.candidates[gene], candidate.candidates[gene]) for gene in shared]
    return sorted(found, key=lambda each: (each.gene.symbol, each.gene.id))
