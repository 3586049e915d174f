"""Sequence Ontology terms for what an allele does to a transcript, by the names that CSQ and ANN use,
and the wider terms that hold several of them.

Spec: Sequence Ontology; the consequences of Ensembl VEP and of SnpEff.
"""

from collections.abc import Iterable, Mapping
from typing import Final

CONSEQUENCES: Final[Mapping[str, str]] = {
    "transcript_ablation": "SO:0001893", "splice_acceptor_variant": "SO:0001574",
    "splice_donor_variant": "SO:0001575", "stop_gained": "SO:0001587", "frameshift_variant": "SO:0001589",
    "stop_lost": "SO:0001578", "start_lost": "SO:0002012", "transcript_amplification": "SO:0001889",
    "feature_elongation": "SO:0001907", "feature_truncation": "SO:0001906",
    "inframe_insertion": "SO:0001821", "inframe_deletion": "SO:0001822",
    "conservative_inframe_insertion": "SO:0001823", "disruptive_inframe_insertion": "SO:0001824",
    "conservative_inframe_deletion": "SO:0001825", "disruptive_inframe_deletion": "SO:0001826",
    "missense_variant": "SO:0001583", "protein_altering_variant": "SO:0001818",
    "splice_donor_5th_base_variant": "SO:0001787", "splice_region_variant": "SO:0001630",
    "splice_donor_region_variant": "SO:0002170", "splice_polypyrimidine_tract_variant": "SO:0002169",
    "incomplete_terminal_codon_variant": "SO:0001626", "start_retained_variant": "SO:0002019",
    "stop_retained_variant": "SO:0001567", "synonymous_variant": "SO:0001819",
    "coding_sequence_variant": "SO:0001580", "mature_miRNA_variant": "SO:0001620",
    "5_prime_UTR_variant": "SO:0001623", "3_prime_UTR_variant": "SO:0001624",
    "non_coding_transcript_exon_variant": "SO:0001792", "intron_variant": "SO:0001627",
    "NMD_transcript_variant": "SO:0001621", "non_coding_transcript_variant": "SO:0001619",
    "coding_transcript_variant": "SO:0001968", "upstream_gene_variant": "SO:0001631",
    "downstream_gene_variant": "SO:0001632", "TFBS_ablation": "SO:0001895",
    "TFBS_amplification": "SO:0001892", "TF_binding_site_variant": "SO:0001782",
    "regulatory_region_ablation": "SO:0001894", "regulatory_region_amplification": "SO:0001891",
    "regulatory_region_variant": "SO:0001566", "intergenic_variant": "SO:0001628",
    "sequence_variant": "SO:0001060",
}  # fmt: skip

_SEVERE_FIRST: Final = tuple(CONSEQUENCES)
HIGH: Final = frozenset(_SEVERE_FIRST[: _SEVERE_FIRST.index("inframe_insertion")])
"""Those that as a rule end a protein's work."""
MODERATE: Final = frozenset(
    _SEVERE_FIRST[
        _SEVERE_FIRST.index("inframe_insertion") : _SEVERE_FIRST.index("splice_donor_5th_base_variant")
    ]
)
"""Those that change a protein, and leave it to be seen whether it still works."""


def worst_of(consequences: Iterable[str]) -> str:
    """The most severe of them; "" when none is known here."""
    return min((one for one in consequences if one in CONSEQUENCES), key=_SEVERE_FIRST.index, default="")


_WIDER: Final[Mapping[str, str]] = {
    "SO:0001566 regulatory_region_variant":
        "TF_binding_site_variant",
    "SO:0001630 splice_region_variant":
        "splice_donor_region_variant",
    "SO:0001891 regulatory_region_amplification":
        "TFBS_amplification",
    "SO:0001894 regulatory_region_ablation":
        "TFBS_ablation",
    "SO:0001582 initiator_codon_variant":
        "start_lost start_retained_variant",
    "SO:0001619 non_coding_transcript_variant":
        "mature_miRNA_variant non_coding_transcript_exon_variant",
    "SO:0001622 UTR_variant":
        "3_prime_UTR_variant 5_prime_UTR_variant",
    "SO:0001628 intergenic_variant":
        "downstream_gene_variant upstream_gene_variant",
    "SO:0001819 synonymous_variant":
        "start_retained_variant stop_retained_variant",
    "SO:0001821 inframe_insertion":
        "conservative_inframe_insertion disruptive_inframe_insertion",
    "SO:0001822 inframe_deletion":
        "conservative_inframe_deletion disruptive_inframe_deletion",
    "SO:0001590 terminator_codon_variant":
        "incomplete_terminal_codon_variant stop_lost stop_retained_variant",
    "SO:0001627 intron_variant":
        "splice_acceptor_variant splice_donor_5th_base_variant splice_donor_variant",
    "SO:0001629 splice_site_variant":
        "splice_acceptor_variant splice_donor_5th_base_variant splice_donor_variant",
    "SO:0001879 feature_ablation":
        "TFBS_ablation regulatory_region_ablation transcript_ablation",
    "SO:0001880 feature_amplification":
        "TFBS_amplification regulatory_region_amplification transcript_amplification",
    "SO:0001908 internal_feature_elongation":
        "conservative_inframe_insertion disruptive_inframe_insertion inframe_insertion",
    "SO:0001906 feature_truncation":
        "conservative_inframe_deletion disruptive_inframe_deletion inframe_deletion stop_gained",
    "SO:0001907 feature_elongation":
        "conservative_inframe_insertion disruptive_inframe_insertion inframe_insertion stop_lost",
    "SO:0001992 nonsynonymous_variant":
        "missense_variant start_lost stop_gained stop_lost",
    "SO:0001568 splicing_variant":
        "splice_acceptor_variant splice_donor_5th_base_variant splice_donor_region_variant "
        "splice_donor_variant splice_polypyrimidine_tract_variant splice_region_variant",
    "SO:0001820 inframe_indel":
        "conservative_inframe_deletion conservative_inframe_insertion disruptive_inframe_deletion "
        "disruptive_inframe_insertion inframe_deletion inframe_insertion",
    "SO:0001650 inframe_variant":
        "conservative_inframe_deletion conservative_inframe_insertion disruptive_inframe_deletion "
        "disruptive_inframe_insertion incomplete_terminal_codon_variant inframe_deletion "
        "inframe_insertion missense_variant start_lost stop_gained stop_lost",
    "SO:0001818 protein_altering_variant":
        "conservative_inframe_deletion conservative_inframe_insertion disruptive_inframe_deletion "
        "disruptive_inframe_insertion frameshift_variant incomplete_terminal_codon_variant "
        "inframe_deletion inframe_insertion missense_variant start_lost stop_gained stop_lost",
    "SO:0001580 coding_sequence_variant":
        "conservative_inframe_deletion conservative_inframe_insertion disruptive_inframe_deletion "
        "disruptive_inframe_insertion frameshift_variant incomplete_terminal_codon_variant "
        "inframe_deletion inframe_insertion missense_variant protein_altering_variant start_lost "
        "start_retained_variant stop_gained stop_lost stop_retained_variant synonymous_variant",
    "SO:0001968 coding_transcript_variant":
        "3_prime_UTR_variant 5_prime_UTR_variant coding_sequence_variant conservative_inframe_deletion "
        "conservative_inframe_insertion disruptive_inframe_deletion disruptive_inframe_insertion "
        "frameshift_variant incomplete_terminal_codon_variant inframe_deletion inframe_insertion "
        "missense_variant protein_altering_variant start_lost start_retained_variant stop_gained "
        "stop_lost stop_retained_variant synonymous_variant",
    "SO:0001791 exon_variant":
        "3_prime_UTR_variant 5_prime_UTR_variant coding_sequence_variant conservative_inframe_deletion "
        "conservative_inframe_insertion disruptive_inframe_deletion disruptive_inframe_insertion "
        "frameshift_variant incomplete_terminal_codon_variant inframe_deletion inframe_insertion "
        "missense_variant non_coding_transcript_exon_variant protein_altering_variant start_lost "
        "start_retained_variant stop_gained stop_lost stop_retained_variant synonymous_variant",
}  # fmt: skip
"""Terms and the consequences below them, by the is_a links of the Sequence Ontology of 2025-09."""

LABELS: Final[Mapping[str, str]] = {
    **{term: name for name, term in CONSEQUENCES.items()},
    **dict(told.split(" ") for told in _WIDER),
}
"""The name of every term for a consequence, narrow or wide."""


def consequences_of(term: str, *, descendants: bool = True) -> frozenset[str]:
    """The consequences that a term means, by their names; empty for a term that means none."""
    own = frozenset(name for name, code in CONSEQUENCES.items() if code == term)
    if term == CONSEQUENCES["sequence_variant"] and descendants:
        return frozenset(CONSEQUENCES)
    below = next((names for told, names in _WIDER.items() if told.startswith(f"{term} ")), "")
    return own | frozenset(below.split()) if descendants else own
