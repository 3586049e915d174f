"""Coordinates, alleles and questions: laws, held against what the bases themselves say."""

import itertools

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from schemas.errors import BadQuestion, NotHeld
from schemas.genome import (
    Allele,
    Assembly,
    Contig,
    Interval,
    Margins,
    VariantType,
    bases_match,
    symbolic_type,
)
from schemas.questions import BracketQuery, Conditions, RangeQuery, SequenceQuery

CHR20 = Contig.read("20", Assembly.GRCH37)
BASES = st.text("ACGT", max_size=6)
SEQUENCE = st.text("ACGT", min_size=12, max_size=12)


def apply(allele: Allele, sequence: str) -> str:
    """The sequence with the allele in it."""
    return sequence[: allele.interval.start] + allele.alternate + sequence[allele.interval.end :]


@st.composite
def changes(draw: st.DrawFn) -> tuple[str, Interval, str]:
    """A reference sequence, the stretch replaced, and by what."""
    sequence = draw(SEQUENCE)
    left = draw(st.integers(0, 12))
    right = draw(st.integers(left, 12))
    alternate = draw(BASES)
    assume(sequence[left:right] != alternate)
    return sequence, Interval(CHR20, left, right), alternate


@given(changes())
def test_trimming_changes_the_form_and_not_the_meaning(change: tuple[str, Interval, str]) -> None:
    sequence, place, alternate = change
    reference = sequence[place.start : place.end]
    allele = Allele.from_bases(place, reference, alternate)
    assert apply(allele, sequence) == sequence[: place.start] + alternate + sequence[place.end :]
    assert allele.reference == sequence[allele.interval.start : allele.interval.end]
    for one, other in ((allele.reference, allele.alternate), (allele.alternate, allele.reference)):
        assert not (one and other and (one[0] == other[0] or one[-1] == other[-1]))


@given(changes(), st.integers(0, 3), st.integers(0, 3))
def test_padding_does_not_matter(change: tuple[str, Interval, str], left: int, right: int) -> None:
    """An allele written with any common bases around it, shifted by no repeat, asks for the same allele."""
    sequence, place, alternate = change
    bare = Allele.from_bases(place, sequence[place.start : place.end], alternate)
    wide = Interval(CHR20, max(0, bare.interval.start - left), min(12, bare.interval.end + right))
    head, tail = sequence[wide.start : bare.interval.start], sequence[bare.interval.end : wide.end]
    padded = Allele.from_bases(wide, sequence[wide.start : wide.end], head + bare.alternate + tail)
    assert apply(padded, sequence) == apply(bare, sequence)
    if not tail:
        assert padded == bare or bare.variant_type in (VariantType.INS, VariantType.DEL)
    query = SequenceQuery(wide, sequence[wide.start : wide.end], head + bare.alternate + tail)
    assert query.admits(padded)


@given(changes())
def test_the_vcf_form_reads_back(change: tuple[str, Interval, str]) -> None:
    sequence, place, alternate = change
    allele = Allele.from_bases(place, sequence[place.start : place.end], alternate)
    position, reference, bases = allele.vcf
    assume(reference and bases)
    assert Allele.from_vcf(CHR20, position, reference, bases) == allele


@given(st.text("ACGTRYN", max_size=4), st.text("ACGT", max_size=4))
def test_iupac_codes_stand_for_every_base_they_name(pattern: str, bases: str) -> None:
    codes = {"R": "AG", "Y": "CT", "N": "ACGT"}
    spelled = {"".join(choice) for choice in itertools.product(*(codes.get(code, code) for code in pattern))}
    assert bases_match(pattern, bases) == (bases in spelled)


@given(changes(), st.data())
def test_a_wildcard_question_admits_what_some_spelling_of_it_means(
    change: tuple[str, Interval, str], data: st.DataObject
) -> None:
    sequence, place, alternate = change
    reference = sequence[place.start : place.end]
    assume(alternate)
    masked = data.draw(st.integers(0, len(alternate) - 1))
    pattern = alternate[:masked] + "N" + alternate[masked + 1 :]
    question = SequenceQuery(place, reference, pattern)
    spellings = [alternate[:masked] + base + alternate[masked + 1 :] for base in "ACGT"]
    meant = {Allele.from_bases(place, reference, s) for s in spellings if s != reference}
    untrimmed = {a for a in meant if question.admits(a)}
    # Every spelling whose trimmed form still covers the wildcard, or leaves it in equal padding, is admitted
    # only if it is meant; nothing that is not meant ever is.
    assert untrimmed <= meant
    assert Allele.from_bases(place, reference, alternate) in meant


@given(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9), st.integers(0, 9))
def test_overlap_is_sharing_a_base_or_an_insertion_point_within(a: int, b: int, c: int, d: int) -> None:
    one = Interval(CHR20, min(a, b), max(a, b))
    other = Interval(CHR20, min(c, d), max(c, d))
    shared = set(range(one.start, one.end)) & set(range(other.start, other.end))
    touching = one.start <= other.end and other.start <= one.end
    expected = bool(shared) if one.length_bp and other.length_bp else touching
    assert one.overlaps(other) == other.overlaps(one) == expected


def test_intervals_count_from_one_for_people() -> None:
    assert Interval.from_one_based(CHR20, 3193842, 3193842) == Interval(CHR20, 3193841, 3193842)
    assert Interval(CHR20, 3193841, 3193842).one_based == (3193842, 3193842)


@pytest.mark.parametrize(
    ("left", "right", "said"), [(-1, 5, "negative"), (7, 5, "after end"), (0, 63_025_521, "beyond the end")]
)
def test_an_impossible_interval_is_refused(left: int, right: int, said: str) -> None:
    with pytest.raises(BadQuestion, match=said):
        Interval(CHR20, left, right)


@pytest.mark.parametrize("name", ["20", "chr20", "CHR20", "NC_000020.10", "refseq:NC_000020.10", " 20 "])
def test_contig_names(name: str) -> None:
    assert Contig.read(name, Assembly.GRCH37) == CHR20


def test_one_is_not_nineteen() -> None:
    assert Contig.read("1", Assembly.GRCH38).number == 1
    assert {Contig.read(n, Assembly.GRCH38).name for n in ("M", "MT", "chrM", "NC_012920.1")} == {"MT"}


def test_a_contig_of_the_other_assembly_is_named_as_such() -> None:
    with pytest.raises(NotHeld, match=r"GRCh38.*about GRCh37"):
        Contig.read("NC_000020.11", Assembly.GRCH37)
    with pytest.raises(NotHeld, match="chr99"):
        Contig.read("chr99", Assembly.GRCH37)


def test_only_an_accession_of_its_own_tells_the_assembly() -> None:
    told = Contig.of_accession("refseq:NC_000020.11")
    assert told is not None
    assert told.assembly is Assembly.GRCH38
    assert Contig.of_accession("NC_012920.1") is None
    assert Contig.of_accession("chr20") is None


@pytest.mark.parametrize(
    ("name", "assembly"),
    [
        ("hg19", Assembly.GRCH37),
        ("GRCh37.p13", Assembly.GRCH37),
        ("GCF_000001405.25", Assembly.GRCH37),
        ("GCA_000001405.15", Assembly.GRCH38),
        ("grch38", Assembly.GRCH38),
        ("GCF_000001405.40", Assembly.GRCH38),
    ],
)
def test_assembly_names(name: str, assembly: Assembly) -> None:
    assert Assembly.read(name) is assembly


@pytest.mark.parametrize("name", ["hg18", "T2T-CHM13v2.0", "", "GCF_009914755.1"])
def test_an_unknown_assembly_is_refused(name: str) -> None:
    with pytest.raises(NotHeld, match="GRCh38"):
        Assembly.read(name)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("<DEL>", VariantType.DEL),
        ("<DEL:ME:ALU>", VariantType.DEL),
        ("<INS:ME:LINE1>", VariantType.INS),
        ("<DUP>", VariantType.DUP),
        ("<DUP:TANDEM>", VariantType.DUP_TANDEM),
        ("<CN0>", VariantType.DEL),
        ("<CN1>", VariantType.CNV),
        ("<CN2>", VariantType.DUP),
        ("<CN=3>", VariantType.DUP),
        ("<CNV>", VariantType.CNV),
        ("N[chr2:321[", VariantType.BND),
        ("]13:123456]T", VariantType.BND),
        ("<BND>", VariantType.BND),
    ],
)
def test_symbolic_types(text: str, kind: VariantType) -> None:
    assert symbolic_type(text) is kind


def test_a_bracket_is_exact_when_its_windows_are_one_wide() -> None:
    deletion = Allele.symbolic(Interval(CHR20, 1000, 2000), "<DEL>")
    exact = BracketQuery(Interval(CHR20, 1000, 1001), Interval(CHR20, 2000, 2001))
    beside = BracketQuery(Interval(CHR20, 1001, 1002), Interval(CHR20, 2000, 2001))
    assert exact.admits(deletion)
    assert not beside.admits(deletion)


def test_a_bracket_that_runs_to_the_telomere_holds_it() -> None:
    last = CHR20.length_bp
    deletion = Allele.symbolic(Interval(CHR20, 1000, last), "<DEL>")
    assert BracketQuery(Interval(CHR20, 0, 5000), Interval(CHR20, last - 10, last)).admits(deletion)


def test_conditions_narrow_by_type_length_and_bases() -> None:
    place = Interval(CHR20, 0, 100)
    insertion = Allele.from_vcf(CHR20, 50, "A", "ATTT")
    assert RangeQuery(place, Conditions(min_length_bp=3, max_length_bp=3)).admits(insertion)
    assert not RangeQuery(place, Conditions(min_length_bp=4)).admits(insertion)
    assert RangeQuery(place, Conditions(alternate="TTT")).admits(insertion)
    assert RangeQuery(place, Conditions(alternate="ATTT")).admits(insertion)
    assert not RangeQuery(place, Conditions(variant_types=frozenset({VariantType.DEL}))).admits(insertion)


def test_a_question_without_reference_bases_reads_padded_and_bare_alternates() -> None:
    insertion = Allele.from_vcf(CHR20, 50, "A", "ATTT")
    snv = Allele.from_vcf(CHR20, 50, "A", "G")
    assert SequenceQuery(Interval(CHR20, 49, 49), None, "ATTT").admits(insertion)
    assert SequenceQuery(Interval(CHR20, 50, 50), None, "TTT").admits(insertion)
    assert SequenceQuery(Interval(CHR20, 49, 49), None, "G").admits(snv)
    assert SequenceQuery(Interval(CHR20, 49, 49), None, "N").admits(snv)
    assert not SequenceQuery(Interval(CHR20, 49, 49), None, "G").admits(insertion)


@pytest.mark.parametrize(
    ("asked", "overlaps"),
    [((0, 950), False), ((0, 951), True), ((1249, 1250), True), ((1250, 1300), False), ((1100, 1101), True)],
)
def test_a_stretch_of_uncertain_ends_reaches_from_its_first_start_to_its_last_end(
    asked: tuple[int, int], overlaps: bool
) -> None:
    stretch = Allele(Interval(CHR20, 1000, 1200), "", "<DEL>", margins=Margins(-50, 10, -20, 50))
    assert stretch.overlaps(Interval(CHR20, *asked)) is overlaps
    assert stretch == Allele(Interval(CHR20, 1000, 1200), "", "<DEL>")
    assert stretch.ends == ((950, 1010), (1180, 1250))


@given(st.integers(0, 60), st.integers(0, 8), st.integers(0, 12), st.integers(0, 12))
def test_an_uncertain_point_overlaps_what_any_of_its_places_overlaps(
    left: int, width: int, low: int, high: int
) -> None:
    asked = Interval(CHR20, left, left + width)
    margins = Margins(-low, high, -low, high)
    point = Allele(Interval(CHR20, 30, 30), "", "N.", margins=margins)
    places = [Interval(CHR20, at, at) for at in range(30 - low, 31 + high)]
    assert point.overlaps(asked) is any(asked.overlaps(place) for place in places)


def test_margins_end_where_the_contig_ends() -> None:
    length = CHR20.length_bp
    whole = Allele(Interval(CHR20, 5, length - 5), "", "<DEL>", margins=Margins(-50, 10, -20, 50))
    assert whole.outer == Interval(CHR20, 0, length)
    assert whole.ends == ((0, 15), (length - 25, length))
