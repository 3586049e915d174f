"""The plain algorithm, to be checked by hand: half for a common gene, half for terms in common."""

from typing import Final

from matchmaker.phenotype import union_overlap
from matchmaker.scoring.algorithm import Algorithm, GeneWorth

ALGORITHM: Final = Algorithm(
    name="overlap",
    about="Half for a candidate gene in common, half for the share of phenotype terms in common.",
    phenotype=union_overlap,
    worth=GeneWorth(gene=1.0, zygosity=0.0, kind=0.0, variant=0.0),
    genotype_share=0.5,
)
