"""The algorithm of choice: how near the phenotypes are in meaning, and how much agrees of a common gene."""

from typing import Final

from matchmaker.phenotype import best_matches
from matchmaker.scoring.algorithm import Algorithm, GeneWorth

ALGORITHM: Final = Algorithm(
    name="semantic",
    about=(
        "Six tenths for a candidate gene in common, in full when variant, zygosity and kind of change agree; "
        "four tenths for how near the phenotype terms are in meaning, rare features counting more."
    ),
    phenotype=best_matches,
    worth=GeneWorth(gene=0.65, zygosity=0.12, kind=0.03, variant=0.2),
    genotype_share=0.6,
)
