"""What two patients have in common of a gene, as senders really write it."""

from __future__ import annotations

from typing import Any

import pytest

from matchmaker.change import read_protein
from matchmaker.genotype import agreement, read_candidates
from matchmaker.inheritance import stated_modes
from schemas.genome import Allele, Assembly, Contig, Interval
from schemas.matching import Effect, Gene, GeneAgreement, Mode, Place, VariantLikeness
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


def compare(
    mine: list[dict[str, Any]],
    theirs: list[dict[str, Any]],
    lift: Any = None,
    frequency: Any = None,
    stated: tuple[str, str] = ("", ""),
) -> GeneAgreement:
    """stated: the HPO terms for how the disease of each is passed on."""
    one, other = (
        read_candidates(
            a_patient(genomicFeatures=each).genomic_features,
            GENES,
            lift,
            frequency,
            stated=stated_modes([mode]),
        )[0]
        for each, mode in zip((mine, theirs), stated, strict=True)
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
        ({**SNV, "alternateBases": "T"}, 0.5),  # another change of the same base, and so of the same codon
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
    found = compare([deletion], [deletion])
    assert (found.kind, found.variant, found.how) == (True, 1.0, VariantLikeness.OVERLAP)
    lost = feature(variant=DELETION, type={"id": "SO:0001743"})
    assert compare([deletion], [lost]).variant == 1.0  # a copy number loss is a deletion
    symbols = [feature(variant={**DELETION, "alternateBases": text}) for text in ("<DEL>", "<DUP>")]
    assert compare([symbols[0]], [symbols[1]]).variant == 0.0
    assert compare([symbols[0]], [deletion]).variant == 1.0


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

    def lift(allele: Place) -> Place | None:
        assert isinstance(allele, Allele)
        if allele.interval.contig.assembly is not Assembly.GRCH37:
            return None
        moved = Interval(there, allele.interval.start + 1_922_632, allele.interval.end + 1_922_632)
        return Allele(moved, allele.reference, allele.alternate)

    lifted = {**SNV, "assembly": "GRCh38", "start": SNV["start"] + 1_922_632}
    assert compare([feature(variant=SNV)], [feature(variant=lifted)], lift).variant == 1.0
    assert compare([feature(variant=SNV)], [feature(variant=lifted)]).variant == 0.0


def on_protein(text: str, **fields: Any) -> dict[str, Any]:
    return feature(variant={**SNV, "start": fields.pop("start", SNV["start"]), "_hgvsp": text, **fields})


@pytest.mark.parametrize(
    ("mine", "theirs", "how", "worth"),
    [
        ("NP_004238.3:p.Arg262Trp", "NP_004238.3:p.(Arg262Trp)", VariantLikeness.PROTEIN, 0.8),
        ("NP_004238.3:p.Arg262Trp", "NP_004238.2:p.R262W", VariantLikeness.PROTEIN, 0.8),
        ("NP_004238.3:p.Arg262Trp", "ENSP00000392094.1:p.Arg262Gln", VariantLikeness.CODON, 0.5),
        ("p.Arg262Trp", "NP_004238.3:p.Arg262Ter", VariantLikeness.CODON, 0.5),
        ("NP_004238.3:p.Arg262Trp", "NP_001245282.1:p.Arg262Trp", VariantLikeness.NONE, 0.0),  # other isoform
        ("ENST00000426333.7:p.Arg262Trp", "ENSP00000392094.1:p.R262W", VariantLikeness.PROTEIN, 0.8),
        ("ENST00000426333.7:p.Arg262Trp", "ENST00000591382.5:p.Arg262Trp", VariantLikeness.NONE, 0.0),
        ("p.Arg262Trp", "p.Gly262Trp", VariantLikeness.NONE, 0.0),  # counted along another protein
        ("p.Arg262Trp", "p.Arg263Trp", VariantLikeness.NONE, 0.0),
        ("p.Arg262Trp", "nothing", VariantLikeness.NONE, 0.0),
        ("p.?", "p.?", VariantLikeness.NONE, 0.0),
    ],
)
def test_changes_of_one_codon_are_alike(mine: str, theirs: str, how: VariantLikeness, worth: float) -> None:
    found = compare([on_protein(mine)], [on_protein(theirs, start=SNV["start"] + 7)])
    assert (found.how, found.variant) == (how, worth)


def test_the_very_same_variant_counts_for_more_than_its_codon() -> None:
    found = compare([on_protein("p.Arg262Trp")], [on_protein("p.Arg262Trp")])
    assert (found.how, found.variant) == (VariantLikeness.SAME, 1.0)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("NP_000129.3:p.(Arg100Cys)", ("NP_000129", "Arg", 100, "p.Arg100Cys")),
        ("ENSP00000359245.3:p.Arg97ProfsTer23", ("ENSP00000359245", "Arg", 97, "p.Arg97fs")),
        ("p.Lys23%3D", ("", "Lys", 23, "p.Lys23=")),
        ("p.Glu12_Lys14del", ("", "Glu", 12, "p.Glu12_Lys14del")),
        ("c.100C>T", None),
        ("p.", None),
        ("", None),
    ],
)
def test_protein_changes_are_read_as_annotators_write_them(
    text: str, read: tuple[str, str, int, str] | None
) -> None:
    found = read_protein(text)
    assert (found and (found.of, found.residue, found.number, found.change)) == read


@pytest.mark.parametrize(
    ("mine", "theirs", "effects"),
    [
        ({"type": {"id": "SO:0001587"}}, {"type": {"id": "SO:0001589"}}, {Effect.LOSS}),  # stop, frameshift
        ({"type": {"id": "SO:0001575"}}, {"variant": {**SNV, "_hgvsp": "p.Gln7Ter"}}, {Effect.LOSS}),
        ({"variant": {**SNV, "_hgvsp": "p.Met1Val"}}, {"type": {"id": "SO:0001587"}}, {Effect.LOSS}),
        ({"variant": DELETION, "type": {"id": "SO:0000159"}}, {"type": {"id": "SO:0001587"}}, {Effect.LOSS}),
        ({"variant": {**SNV, "_hgvsp": "p.Arg262Trp"}}, {"type": {"id": "SO:0001583"}}, {Effect.MISSENSE}),
        ({"type": {"id": "SO:0001821"}}, {"type": {"id": "SO:0001826"}}, {Effect.IN_FRAME}),
        ({"type": {"id": "SO:0001583"}}, {"type": {"id": "SO:0001587"}}, set()),
        # Three bases lost are a deletion, and not the loss of the gene.
        (
            {
                "variant": {**SNV, "referenceBases": "GCCA", "alternateBases": "G"},
                "type": {"id": "SO:0000159"},
            },
            {"type": {"id": "SO:0001587"}},
            set(),
        ),
        ({}, {"type": {"id": "SO:0001587"}}, set()),
    ],
)
def test_consequences_of_one_class_are_of_one_kind(
    mine: dict[str, Any], theirs: dict[str, Any], effects: set[Effect]
) -> None:
    found = compare([feature(**mine)], [feature(**theirs)])
    assert (found.effects, found.kind) == (effects, bool(effects))


@pytest.mark.parametrize(
    ("share", "worth"), [(None, 1.0), (0.0, 1.0), (0.0009, 1.0), (0.0032, 0.495), (0.01, 0.0), (0.3, 0.0)]
)
def test_what_is_common_in_the_population_is_little_reason_to_match(
    share: float | None, worth: float
) -> None:
    found = compare([feature(variant=SNV)], [feature(variant=SNV)], frequency=lambda _allele: share)
    assert (found.how, found.frequency) == (VariantLikeness.SAME, share)
    assert found.variant == pytest.approx(worth, abs=0.001)


RECESSIVE, DOMINANT, X_LINKED = "HP:0000007", "HP:0000006", "HP:0001417"


@pytest.mark.parametrize(
    ("stated", "mine", "theirs", "modes"),
    [
        ((RECESSIVE, RECESSIVE), {}, {}, {Mode.RECESSIVE}),
        ((RECESSIVE, DOMINANT), {}, {}, set()),
        ((RECESSIVE, ""), {}, {"zygosity": 2}, {Mode.RECESSIVE}),
        ((RECESSIVE, ""), {}, {"zygosity": 1}, set()),
        ((DOMINANT, ""), {}, {"zygosity": 1}, {Mode.DOMINANT}),
        ((X_LINKED, "HP:0001419"), {}, {}, {Mode.X_RECESSIVE}),
        ((X_LINKED, DOMINANT), {}, {}, set()),
        (("HP:0001427", "HP:0001427"), {}, {}, {Mode.MITOCHONDRIAL}),
        (("HP:0003745", "HP:0003745"), {}, {}, set()),  # sporadic says nothing of the mode
        (("", ""), {"zygosity": 2}, {"zygosity": 2}, set()),  # then it is the zygosity that agrees
    ],
)
def test_how_it_is_passed_on_agrees_where_it_is_stated(
    stated: tuple[str, str], mine: dict[str, Any], theirs: dict[str, Any], modes: set[Mode]
) -> None:
    assert compare([feature(**mine)], [feature(**theirs)], stated=stated).modes == modes


def test_long_deletions_overlap_however_they_are_written() -> None:
    bases = "A" * 61
    one = {**SNV, "referenceBases": bases, "alternateBases": "A"}
    other = {**one, "start": SNV["start"] + 15}
    found = compare([feature(variant=one)], [feature(variant=other)])
    assert (found.how, found.variant) == (VariantLikeness.OVERLAP, 0.75)
    short = {**SNV, "referenceBases": "AAAA", "alternateBases": "A"}
    assert compare([feature(variant=short)], [feature(variant={**short, "start": 42_929_129})]).variant == 0.9
    assert compare([feature(variant=short)], [feature(variant={**short, "start": 42_929_128})]).variant == 0.0


def test_a_stretch_agrees_across_assemblies_where_its_ends_can_be_lifted() -> None:
    def lift(place: Place) -> Place | None:
        assert isinstance(place, Interval)
        if place.contig.assembly is not Assembly.GRCH37:
            return None
        return Interval(Contig.read("17", Assembly.GRCH38), place.start + 1_000, place.end + 1_000)

    lifted = {**DELETION, "assembly": "GRCh38", "start": DELETION["start"] + 1_000, "end": 42_902_000}
    assert compare([feature(variant=DELETION)], [feature(variant=lifted)], lift).variant == 1.0
    assert compare([feature(variant=DELETION)], [feature(variant=lifted)]).variant == 0.0
