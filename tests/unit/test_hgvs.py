"""HGVS names of places and of proteins: what is written is read back, and nothing is guessed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import BadQuestion
from schemas.genome import Allele, Assembly, Contig, Interval
from schemas.hgvs import Change, Kind, UncertainChange, change_of, is_genomic, read_hgvs
from schemas.protein import comparable_change, read_protein_change

C17 = Contig.read("17", Assembly.GRCH38)
bases = st.text("ACGT", max_size=6)


@given(st.integers(2, 83_000_000), bases, bases)
def test_the_name_of_an_allele_is_read_as_that_change(first: int, reference: str, alternate: str) -> None:
    if reference == alternate:
        return
    allele = Allele.from_bases(Interval(C17, first, first + len(reference)), reference, alternate)
    change = change_of(allele)
    assert change is not None
    read = read_hgvs(str(change))
    assert read == change
    assert read.interval == allele.interval
    assert read.inserted == allele.alternate
    assert is_genomic(str(change))


@pytest.mark.parametrize(
    ("text", "change"),
    [
        (
            "NC_000017.11:g.43045711G>A",
            Change(Kind.SUBSTITUTION, Interval(C17, 43045710, 43045711), "G", "A"),
        ),
        ("refseq:NC_000017.11:g.100del", Change(Kind.DELETION, Interval(C17, 99, 100))),
        ("NC_000017.11:g.100_102delATG", Change(Kind.DELETION, Interval(C17, 99, 102), "ATG")),
        ("NC_000017.11:g.100_101insAC", Change(Kind.INSERTION, Interval(C17, 100, 100), "", "AC")),
        ("NC_000017.11:g.100_102delinsAC", Change(Kind.DELINS, Interval(C17, 99, 102), "", "AC")),
        ("NC_000017.11:g.100delAinsCC", Change(Kind.DELINS, Interval(C17, 99, 100), "A", "CC")),
        ("NC_000017.11:g.100_102dup", Change(Kind.DUPLICATION, Interval(C17, 99, 102))),
        ("NC_000017.11:g.100_200inv", Change(Kind.INVERSION, Interval(C17, 99, 200))),
        (
            "NC_000017.11:g.(?_100)_(200_?)del",
            UncertainChange(Kind.DELETION, Interval(C17, 0, 100), Interval(C17, 200, C17.length_bp)),
        ),
        (
            "NC_000017.11:g.(50_100)_(200_300)dup",
            UncertainChange(Kind.DUPLICATION, Interval(C17, 49, 100), Interval(C17, 200, 301)),
        ),
    ],
)
def test_names_that_are_understood(text: str, change: Change | UncertainChange) -> None:
    assert read_hgvs(text) == change
    assert read_hgvs(text, Assembly.GRCH38) == change
    with pytest.raises(BadQuestion, match="contig of GRCh38"):
        read_hgvs(text, Assembly.GRCH37)


@pytest.mark.parametrize(
    "text",
    [
        "17",
        "NC_000017.11:43045711G>A",
        "NC_000017.11:g.0A>C",
        "NC_000017.11:g.100g>a",
        "NC_000017.11:g.100=",
        "NC_000017.11:g.100_101insN[9]",
        "NC_000017.11:g.100_103insA",
        "NC_000017.11:g.100inv",
        "NC_000017.11:g.99999999999A>C",
        "NC_000017.11:g.(?_100)_(?_300)del",
        "NC_000017.11:g.(?_300)_(200_?)del",
        "NC_000017.11:c.100A>C",
        "NC_000017.99:g.100A>C",
        "NC_000017.11:g.100A>A",
        "NC_000017.11:m.100A>C",
        "NC_012920.1:g.100A>C",
        "NC_000017.11:g.1٣A>C",
    ],
)
def test_names_that_are_refused(text: str) -> None:
    with pytest.raises(BadQuestion):
        read_hgvs(text)


def test_no_number_is_too_long_to_be_refused() -> None:
    for text in ("", f"NC_000017.11:g.{'9' * 9_000}A>C", f"NC_000017.11:g.1_{'9' * 9_000}del"):
        with pytest.raises(BadQuestion):
            read_hgvs(text)


def test_symbolic_alleles_have_the_names_they_can_have() -> None:
    place = Interval(C17, 99, 200)
    names = {
        text: str(change_of(Allele.symbolic(place, text)) or "")
        for text in ("<DEL>", "<DUP:TANDEM>", "<INV>", "<DUP>", "<CNV>", "<INS>")
    }
    assert names == {
        "<DEL>": "NC_000017.11:g.100_200del",
        "<DUP:TANDEM>": "NC_000017.11:g.100_200dup",
        "<INV>": "NC_000017.11:g.100_200inv",
        "<DUP>": "",
        "<CNV>": "",
        "<INS>": "",
    }


@pytest.mark.parametrize(
    ("text", "change"),
    [
        ("V600E", "p.Val600Glu"),
        ("p.Val600Glu", "p.Val600Glu"),
        ("p.(Val600Glu)", "p.Val600Glu"),
        ("R97*", "p.Arg97Ter"),
        ("R97X", "p.Arg97Ter"),
        ("p.Arg97Ter", "p.Arg97Ter"),
        ("p.Arg97ProfsTer23", "p.Arg97fs"),
        ("R97Pfs*23", "p.Arg97fs"),
        ("p.Leu54=", "p.Leu54="),
        ("L54L", "p.Leu54="),
        ("F508del", "p.Phe508del"),
    ],
)
def test_changes_of_proteins_have_one_form(text: str, change: str) -> None:
    assert read_protein_change(text) == change
    assert comparable_change(text) == change
    assert read_protein_change(change) == change


@pytest.mark.parametrize(
    "text", ["", "600", "V600", "p.(Val600Glu", "B600E", "Foo600Glu", "V600E;R97*", "v600e"]
)
def test_what_is_no_change_of_a_protein(text: str) -> None:
    with pytest.raises(BadQuestion):
        read_protein_change(text)
