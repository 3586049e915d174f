"""What people type is read as they mean it, or refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beacon.parameters import canonical, read_variant
from node.report import describe
from schemas.asking import AskedParameters
from schemas.errors import BadQuestion, NotHeld
from schemas.genome import Assembly, Contig, Interval
from schemas.hgvs import Change, Kind
from schemas.notation import read_question
from schemas.questions import AnnotationQuery, GeneQuery, HgvsQuery, RangeQuery, SequenceQuery

CHR20 = Contig.read("20", Assembly.GRCH37)
ITPA = SequenceQuery(Interval(CHR20, 3193841, 3193842), "C", "A")


@pytest.mark.parametrize(
    "text",
    [
        "20:3193842 C>A",
        "chr20:3193842 C>A",
        "chr20:3193842C>A",
        "chr20:3,193,842 c>a",
        "20 3193842 C>A",
        "20-3193842-C-A",
        "20:3193842:C:A",
        "20 3193842 C A",
        "NC_000020.10:3193842 C>A",
        "NC_000020.10:g.3193842C>A",
        "NC_000020.10:3193841:C:A",
        "  20:3193842 C > A ",
    ],
)
def test_one_allele_in_many_spellings(text: str) -> None:
    assert read_question(text, Assembly.GRCH37) == ITPA


def test_an_accession_tells_the_assembly() -> None:
    assert read_question("NC_000020.10:g.3193842C>A", None) == ITPA


@pytest.mark.parametrize("assembly", [None, *Assembly])
def test_genes_are_asked_for_in_every_assembly_or_one(assembly: Assembly | None) -> None:
    for name in ("BRCA1", "brca1", "HGNC:1100", "ENSG00000012048.9", "MT-ND1"):
        assert read_question(f" {name} ", assembly) == GeneQuery(name, assembly)


def test_names_are_read_as_names() -> None:
    change = Change(Kind.DELETION, Interval(CHR20, 3193841, 3193844))
    for text in ("NC_000020.10:g.3193842_3193844del", "chr20:g.3193842_3193844del"):
        assert read_question(text, Assembly.GRCH37) == HgvsQuery(change)
    assert read_question("ITPA:p.P32T", None) == AnnotationQuery("ITPA", protein="p.Pro32Thr")
    assert read_question("NM_033453.4(ITPA):c.94C>A", None) == AnnotationQuery(
        "ITPA", "NM_033453.4", "c.94C>A"
    )


def test_a_region_counts_from_one_and_includes_both_ends() -> None:
    assert read_question("chr20:3,190,000-3,200,000", Assembly.GRCH37) == RangeQuery(
        Interval(CHR20, 3189999, 3200000)
    )


@pytest.mark.parametrize(
    ("text", "assembly", "said"),
    [
        ("20:3193842 C>A", None, "which assembly"),
        ("NC_012920.1:73 A>G", None, "which assembly"),
        ("20:3193842 C>C", Assembly.GRCH37, "same"),
        ("20:0 C>A", Assembly.GRCH37, "counted from 1"),
        ("20:9-5", Assembly.GRCH37, "after end"),
        ("chr20", Assembly.GRCH37, "cannot read"),
        ("20:3193842 C>X", Assembly.GRCH37, "cannot read"),
        ("", Assembly.GRCH37, "cannot read"),
        ("20:99999999 C>A", Assembly.GRCH37, "beyond the end"),
    ],
)
def test_what_is_not_certain_is_refused(text: str, assembly: Assembly | None, said: str) -> None:
    with pytest.raises(BadQuestion, match=said):
        read_question(text, assembly)


def test_an_accession_of_another_assembly_is_refused() -> None:
    with pytest.raises(NotHeld):
        read_question("NC_000020.11:3193842 C>A", Assembly.GRCH37)


typed = st.text(max_size=40) | st.from_regex(
    r"\A(NC_000020.1[01]|chr20|20|ITPA|NM_1.2)[: -](g.|c.|p.|)[0-9_ACGT>:-]{0,9}(del|dup|inv|ins)?[ACGT]?\Z"
)


@given(typed)
def test_what_is_typed_is_refused_or_can_be_asked(text: str) -> None:
    try:
        question = read_question(text, Assembly.GRCH38)
    except BadQuestion:
        return
    assert describe(question)
    assert read_variant(AskedParameters.model_validate({"g_variant": canonical(question)})) == question
