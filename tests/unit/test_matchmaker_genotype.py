"""What two patients have in common of a gene, as senders really write it."""

from __future__ import annotations

from typing import Any

import pytest

from matchmaker.genotype import agreement, read_candidates
from schemas.genome import Allele, Assembly, Contig, Interval
from schemas.matching import Gene, GeneAgreement
from tests.matching_worlds import GeneTable, a_patient

EFTUD2 = Gene("HGNC:30858", "EFTUD2")
GENES = GeneTable(dict.fromkeys(("EFTUD2", "ENSG00000108883", "9343", "HGNC:30858", "U5-116KD"), EFTUD2))
SNV = {
    "assembly": "GRCh37",
    "referenceName": "17",
    "start": 42929130,
    "end": 42929131,
    "referenceBases": "G",
    "alternateBases": "A",
}
DELETION = {"assembly": "GRCh37", "referenceName": "17", "start": 42_900_000, "end": 42_901_000}


def feature(gene: str = "EFTUD2", **fields: Any) -> dict[str, Any]:
    return {"gene": {"id": gene}, **fields}


def compare(mine: list[dict[str, Any]], theirs: list[dict[str, Any]], lift: Any = None) -> GeneAgreement:
    one, other = (
        read_candidates(a_patient(genomicFeatures=each).genomic_features, GENES, lift)[0]
        for each in (mine, theirs)
    )
    (gene,) = one.keys() & other.keys()
    assert agreement(one[gene], other[gene]) == agreement(other[gene], one[gene])
    return agreement(one[gene], other[gene])


@pytest.mark.parametrize(
    "name", ["EFTUD2", "ENSG00000108883", "9343", "NCBIGene:9343", "HGNC:30858", "U5-116kd"]
)
def test_a_gene_is_one_whatever_it_is_called(name: str) -> None:
    assert compare([feature(name)], [feature()]) == GeneAgreement(
        EFTUD2, zygosity=False, kind=False, variant=0.0
    )


def test_a_gene_unknown_here_still_agrees_with_itself() -> None:
    found = compare([feature("C99orf1")], [feature("c99ORF1 ")])
    assert found.gene.id == "C99ORF1"
    _, unknown = read_candidates(a_patient(genomicFeatures=["C99orf1", "EFTUD2"]).genomic_features, GENES)
    assert unknown == ("C99orf1",)


@pytest.mark.parametrize(
    ("other", "likeness"),
    [
        (SNV, 1.0),
        ({**SNV, "assembly": "GRCh37.p13"}, 1.0),
        ({**SNV, "assembly": "hg19", "referenceName": "chr17"}, 1.0),
        ({key: told for key, told in SNV.items() if key != "end"}, 1.0),
        ({**SNV, "start": SNV["start"] - 1, "referenceBases": "cg", "alternateBases": "ca"}, 1.0),
        ({**SNV, "start": SNV["start"] + 1, "end": SNV["end"] + 1}, 0.9),  # a sender that counts from 1
        ({**SNV, "start": SNV["start"] + 1, "referenceName": "16"}, 0.0),
        ({**SNV, "start": SNV["start"] + 2}, 0.0),
        ({**SNV, "start": SNV["start"] + 1, "alternateBases": "T"}, 0.0),
        ({**SNV, "alternateBases": "T"}, 0.0),
        ({**SNV, "referenceName": "16"}, 0.0),
        ({**SNV, "assembly": "GRCh38"}, 0.0),  # not lifted: another place, not the same number
        ({**SNV, "assembly": "NCBI36"}, 0.0),
        ({**SNV, "referenceName": "17_random"}, 0.0),
        ({**SNV, "start": -1}, 0.0),
        ({**SNV, "start": 10**15}, 0.0),
        ({"assembly": "GRCh37", "referenceName": "17"}, 0.0),
    ],
)
def test_one_variant_written_in_many_ways(other: dict[str, Any], likeness: float) -> None:
    assert compare([feature(variant=SNV)], [feature(variant=other)]).variant == likeness


@pytest.mark.parametrize(
    ("other", "likeness"),
    [
        (DELETION, 1.0),
        ({**DELETION, "start": 42_900_250}, 0.75),
        ({**DELETION, "start": 42_900_500, "end": 42_901_500}, 0.5),
        ({**DELETION, "start": 42_900_501, "end": 42_901_501}, 0.0),  # less than half
        ({**DELETION, "end": 42_910_000}, 0.0),  # ten times as long
        ({**DELETION, "referenceName": "16"}, 0.0),
        ({**DELETION, "alternateBases": "<DEL>", "referenceBases": "N"}, 1.0),
        (SNV, 0.0),
    ],
)
def test_structural_variants_agree_by_reciprocal_overlap(other: dict[str, Any], likeness: float) -> None:
    found = compare([feature(variant=DELETION)], [feature(variant=other)])
    assert found.variant == pytest.approx(likeness, abs=0.0015)


def test_a_deletion_is_not_the_duplication_of_the_same_stretch() -> None:
    deletion = feature(variant=DELETION, type={"id": "SO:0000159"})
    duplication = feature(variant=DELETION, type={"id": "SO:1000035"})
    assert compare([deletion], [duplication]).variant == 0.0
    assert compare([deletion], [deletion]) == GeneAgreement(EFTUD2, zygosity=False, kind=True, variant=1.0)


def test_the_second_variant_of_a_gene_does_not_hide_the_first() -> None:
    second = feature(variant={**SNV, "start": 42_930_000}, zygosity=1)
    first = feature(variant=SNV, zygosity=1)
    assert compare([first], [first, second]).variant == compare([first], [second, first]).variant == 1.0


@pytest.mark.parametrize(
    ("mine", "theirs", "agrees"),
    [
        ([{"zygosity": 2}], [{"zygosity": 2}], True),
        ([{"zygosity": 1}], [{"zygosity": 1}], True),
        ([{"zygosity": 1}], [{"zygosity": 2}], False),
        ([{"zygosity": 1, "variant": SNV}, {"zygosity": 1, "variant": DELETION}], [{"zygosity": 2}], True),
        ([{"zygosity": 1, "variant": SNV}, {"zygosity": 1, "variant": SNV}], [{"zygosity": 1}], True),
        (
            [{"zygosity": 1, "type": {"id": "SO:0001583"}}, {"zygosity": 1, "type": {"id": "SO:0001587"}}],
            [{"zygosity": 2}],
            True,
        ),
        (
            [{"zygosity": 1, "variant": SNV, "type": {"id": "SO:0001583"}}, {"zygosity": 1, "variant": SNV}],
            [{"zygosity": 1}],
            True,
        ),
        ([{"zygosity": 2}], [{}], False),
        ([{}], [{}], False),
    ],
)
def test_altered_copies_are_counted(
    mine: list[dict[str, Any]], theirs: list[dict[str, Any]], agrees: bool
) -> None:
    assert (
        compare([feature(**each) for each in mine], [feature(**each) for each in theirs]).zygosity is agrees
    )


def test_a_variant_agrees_across_assemblies_where_it_can_be_lifted() -> None:
    there = Contig.read("17", Assembly.GRCH38)

    def lift(allele: Allele) -> Allele | None:
        if allele.interval.contig.assembly is not Assembly.GRCH37:
            return None
        moved = Interval(there, allele.interval.start + 1_922_632, allele.interval.end + 1_922_632)
        return Allele(moved, allele.reference, allele.alternate)

    lifted = {**SNV, "assembly": "GRCh38", "start": SNV["start"] + 1_922_632}
    assert compare([feature(variant=SNV)], [feature(variant=lifted)], lift).variant == 1.0
    assert compare([feature(variant=SNV)], [feature(variant=lifted)]).variant == 0.0
