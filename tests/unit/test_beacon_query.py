"""Questions read from GET and POST: every dialect in use, nothing ignored, and no input breaks the reader."""

import json
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beacon.entries import ENTRY_TYPES
from beacon.placement import carry
from beacon.query import VARIANTS, Asked, read_get, read_post
from beacon.vocabulary import read_variant_class, variant_type_word, with_class
from schemas import asking
from schemas.access import Granularity
from schemas.beacon import Include
from schemas.errors import BadQuestion, NotHeld
from schemas.genome import Assembly, Contig, Interval, VariantType
from schemas.hgvs import Change, Kind
from schemas.questions import (
    AnnotationQuery,
    BracketQuery,
    Conditions,
    GeneQuery,
    HgvsQuery,
    Lying,
    RangeQuery,
    SequenceQuery,
    Together,
    TwoHits,
)
from schemas.reference import NO_REFERENCE, Lifted, Reference

C20 = Contig.read("20", Assembly.GRCH38)
ITPA = SequenceQuery(Interval(C20, 3213195, 3213196), "C", "A")
PLACE = {"assemblyId": "GRCh38", "referenceName": "chr20"}


def url(text: str) -> list[tuple[str, str]]:
    pairs = [pair.partition("=") for pair in text.split("&")]
    return [(name, value) for name, _, value in pairs]


def region(first: int, last: int, **conditions: object) -> RangeQuery:
    return RangeQuery(Interval(C20, first, last), Conditions(**conditions))  # type: ignore[arg-type]


AT = "assemblyId=GRCh38&referenceName=20&"


@pytest.mark.parametrize(
    ("text", "query"),
    [
        (AT + "start=3213195&referenceBases=C&alternateBases=A", ITPA),
        (AT + "start=3213195&referenceBases=c&alternateBases=a", ITPA),
        (AT + "start=3213195&end=3213196&referenceBases=C&alternateBases=A", ITPA),
        (AT + "start=3213195&referenceBases=C&alternateBases=A&variantType=SNV&variantMaxLength=1", ITPA),
        ("referenceName=refseq:NC_000020.11&start=3213195&referenceBases=C&alternateBases=A", ITPA),
        ("referenceName=NC_000020.11&assemblyId=hg38&start=3213195&referenceBases=C&alternateBases=A", ITPA),
        (AT + "start=5000&alternateBases=A", SequenceQuery(Interval(C20, 5000, 5000), None, "A")),
        (
            AT + "start=5000&referenceBases=&alternateBases=UG",
            SequenceQuery(Interval(C20, 5000, 5000), "", "TG"),
        ),
        (
            AT + "start=5000&referenceBases=AT&alternateBases=",
            SequenceQuery(Interval(C20, 5000, 5002), "AT", ""),
        ),
        (
            AT + "start=5000&referenceBases=N&alternateBases=N",
            SequenceQuery(Interval(C20, 5000, 5001), "N", "N"),
        ),
        (AT + "start=5000&end=6000", region(5000, 6000)),
        (
            AT + "start=5000&end=6000&variantType=DEL",
            region(5000, 6000, variant_types=frozenset({VariantType.DEL})),
        ),
        (
            AT + "start=5000&end=6000&alternateBases=r&variantMinLength=0&variantMaxLength=9",
            region(5000, 6000, alternate="R", min_length_bp=0, max_length_bp=9),
        ),
        (AT + "start=10,20&end=30,40", BracketQuery(Interval(C20, 10, 20), Interval(C20, 30, 40))),
        (AT + "start=10&start=20&end=30&end=40", BracketQuery(Interval(C20, 10, 20), Interval(C20, 30, 40))),
    ],
)
def test_what_a_get_asks(text: str, query: object) -> None:
    assert read_get(url(text)).query == query


G_VARIANT = {**PLACE, "start": [3213195], "referenceBases": "C", "alternateBases": "A"}


@pytest.mark.parametrize(
    "body",
    [
        {"query": {"requestParameters": {"g_variant": G_VARIANT}}},
        {"query": {"requestParameters": {"genomicVariation": G_VARIANT}}},
        {"query": {"requestParameters": G_VARIANT}},
        {"query": {"requestParameters": [G_VARIANT]}},
        {"query": {"requestParameters": {"g_variant": [G_VARIANT]}}},
        {"query": {"requestParameters": {**G_VARIANT, "start": 3213195}}},
        {"query": {"requestParameters": {**G_VARIANT, "start": "3213195", "end": None}}},
        {
            "meta": {"apiVersion": "2.0"},
            "query": {"requestParameters": {"g_variant": G_VARIANT}, "filters": []},
        },
    ],
)
def test_dialects_of_a_post(body: dict[str, object]) -> None:
    assert read_post(json.dumps(body).encode()).query == ITPA


@pytest.mark.parametrize("beside", [True, False])
def test_settings_inside_and_beside_query(beside: bool) -> None:
    settings = {
        "requestedGranularity": "record",
        "includeResultsetResponses": "ALL",
        "pagination": {"skip": 2, "limit": 5},
        "testMode": True,
    }
    query: dict[str, object] = {"requestParameters": G_VARIANT}
    body = {"query": query, **settings} if beside else {"query": {**query, **settings}}
    asked = read_post(json.dumps(body).encode())
    assert (asked.granularity, asked.include, asked.skip, asked.limit, asked.test_mode) == (
        Granularity.RECORD,
        Include.ALL,
        2,
        5,
        True,
    )
    assert asked.page.offset == 10  # skip counts pages


@pytest.mark.parametrize(
    "query",
    [
        {"requestParameters": {**G_VARIANT, "datasets": ["a", "b"]}},
        {"requestParameters": {**G_VARIANT, "datasetIds": ["a", "b", "a"]}},
        {"requestParameters": {"g_variant": G_VARIANT, "datasets": {"datasetIds": ["a", "b"]}}},
        {"requestParameters": {"g_variant": G_VARIANT}, "datasets": {"datasetIds": "a,b"}},
        {"requestParameters": {"g_variant": G_VARIANT}, "datasetIds": ["a", "b"]},
    ],
)
def test_spellings_of_the_dataset_restriction(query: dict[str, object]) -> None:
    assert read_post(json.dumps({"query": query}).encode()).datasets == ("a", "b")


@pytest.mark.parametrize("datasets", [[], {"datasetIds": []}, None])
def test_an_empty_restriction_is_none(datasets: object) -> None:
    body = {"query": {"requestParameters": {**G_VARIANT, "datasets": datasets}}}
    assert read_post(json.dumps(body).encode()).datasets is None


def test_defaults() -> None:
    asked = read_get(url(AT + "start=1&end=2"))
    assert (asked.granularity, asked.include, asked.skip, asked.limit, asked.datasets) == (
        Granularity.BOOLEAN,
        Include.HIT,
        0,
        10,
        None,
    )
    assert read_get(url(AT + "start=1&end=2&limit=0")).limit == 1000


POINT = AT + "start=10&"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "which variant"),
        (AT + "end=20", "start is missing"),
        ("start=1&end=2&assemblyId=GRCh38", "referenceName is missing"),
        ("referenceName=20&start=1&end=2", "assemblyId is missing"),
        ("referenceName=NC_012920.1&start=1&end=2", "assemblyId is missing"),
        ("referenceName=NC_000020.10&assemblyId=GRCh38&start=1&end=2", "GRCh37, but assemblyId says GRCh38"),
        ("referenceName=20&assemblyId=GRCh36&start=1&end=2", "not known here"),
        ("referenceName=HLA-A&assemblyId=GRCh38&start=1&end=2", "is not held"),
        (POINT[:-1], "give alternateBases"),
        (POINT + "variantType=DEL", "give alternateBases"),
        (POINT + "alternateBases=", "referenceBases must say"),
        (POINT + "referenceBases=A&alternateBases=A", "are the same"),
        (POINT + "referenceBases=&alternateBases=", "are the same"),
        (POINT + "referenceBases=A&alternateBases=<DEL>", "must be bases"),
        (POINT + "referenceBases=A&alternateBases=-", "must be bases"),
        (POINT + "referenceBases=A&alternateBases=J", "must be bases"),
        (POINT + "end=12&referenceBases=A&alternateBases=G", "does not fit"),
        (POINT + "referenceBases=A&alternateBases=G&variantType=DEL", "describe SNP"),
        (POINT + "referenceBases=A&alternateBases=G&variantMinLength=5", "describe SNP"),
        (POINT + "alternateBases=G&variantType=SNP", "need an end"),
        (POINT + "end=10", "empty"),
        (POINT + "end=9", "lies after end"),
        (AT + "start=-1&end=9", "negative"),
        (AT + "start=1,2,3&end=9", "two for a bracket"),
        (AT + "start=1,5&end=9", "two values of start and two of end"),
        (AT + "start=5,5&end=9,9", "half-open"),
        (AT + "start=5,6&end=3,4", "lies after end"),
        (AT + "start=5,6&end=7,9&referenceBases=A", "no meaning"),
        (AT + "start=1.5&end=9", "whole number"),
        (AT + "start=1e3&end=9", "whole number"),
        (AT + "start=x&end=9", "whole number"),
        (AT + "start=1&end=99999999999", "beyond the end"),
        (AT + "start=1&end=9999999999999999999999999", "whole number"),
        (POINT + "end=20&variantType=WEIRD", "not known"),
        (POINT + "end=20&variantType=EFO:0030064", "is no change"),
        (POINT + "referenceBases=AT&alternateBases=&variantType=EFO:0030069", "of ranges, not of one"),
        (POINT + "end=20&variantMinLength=9&variantMaxLength=3", "more than"),
        (POINT + "end=20&variantMaxLength=0", "1 or more"),
        (POINT + "end=20&geneId=ITPA", "end cannot be asked for beside geneId"),
        (POINT + "end=20&geneid=ITPA", "end cannot be asked for beside geneId"),
        ("geneId=", "must be a symbol"),
        ("geneId=ITPA&assemblyId=GRCh36", "not known here"),
        ("aminoacidChange=V600E", "give geneId beside it"),
        ("aminoacidChange=V600&geneId=BRAF", "change of a protein"),
        ("aminoacidChange=B600E&geneId=BRAF", "no amino acid"),
        ("aminoacidChange=V600E&geneId=BRAF&" + POINT + "end=20", "its own place"),
        ("aminoacidChange=V600E&" + POINT + "alternateBases=A", "cannot be asked for beside"),
        ("allele=NM_004006.2:x.4375C>T", "as HGVS"),
        ("allele=NM_004006.2:c.C>T", "coding sequence"),
        ("allele=NP_004006.2:p.Val600Glu", "by gene"),
        ("allele=chr20:g.100A>C", "which assembly"),
        ("allele=NC_000020.11:m.100A>C", "mitochondrion"),
        ("allele=NC_000020.11:g.100_99del", "first of two comes first"),
        ("allele=NC_000020.11:g.100_101delA", "the place has 2"),
        ("allele=NC_000020.11:g.100[14]", "not understood"),
        ("allele=NC_000020.11:g.100A>C&variantType=SNP", "cannot be asked for beside"),
        (POINT + "end=20&hitsPerPerson=3", "can be 2"),
        (POINT + "alternateBases=A&hitsPerPerson=2", "a gene or a range"),
        (POINT + "mateName=99", "not held"),
        (POINT + "mateName=2&variantType=DEL", "BND, or left out"),
        (POINT + "mateName=2&end=5,5", "empty window"),
        (POINT + "end=20&filters=age>", "a field, an operator and a value"),
        (POINT + "end=20&unknown=1", "unknown parameter 'unknown'"),
        (POINT + "end=20&end=1&assemblyId=GRCh38", "given twice"),
        (POINT + "end=20&requestedGranularity=all", "requestedGranularity"),
        (POINT + "end=20&includeResultsetResponses=SOME", "includeResultsetResponses"),
        (POINT + "end=20&limit=1001", "limit must be"),
        (POINT + "end=20&limit=-1", "limit must be"),
        (POINT + "end=20&skip=-1", "skip must be"),
        (POINT + "end=20&skip=99999999999", "skip must be"),
        (POINT + "end=20&nextPage=abc", "page tokens"),
        (POINT + "end=20&apiVersion=v1.0", "v2.x"),
        (POINT + "end=20&apiVersion=v20", "v2.x"),
    ],
)
def test_what_is_refused_and_why(text: str, reason: str) -> None:
    with pytest.raises(BadQuestion, match=reason.replace("(", r"\(")):
        read_get(url(text) if text else [])


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b'{"a":"\xff"}', "not valid JSON"),
        (b'"text"', "the body"),
        (b"[]", "the body"),
        (b'{"qwery":{}}', "unknown parameter 'qwery'"),
        (b'{"query":{"requestParameters":{"g_variant":{"strat":[1]}}}}', "unknown parameter 'strat'"),
        (b'{"query":{"requestParameters":{"g_variant":{"start":[true]}}}}', "whole number"),
        (b'{"query":{"requestParameters":{"g_variant":{"start":[1.0]}}}}', "whole number"),
        (b'{"query":{"requestParameters":{"g_variant":{"start":{}}}}}', "start"),
        (
            b'{"query":{"requestParameters":{"g_variant":{"start":[1]},"end":[2]}}}',
            "inside g_variant and beside",
        ),
        (b'{"query":{"requestParameters":{"datasets":{"ids":["a"]}}}}', "unknown member 'ids'"),
        (
            b'{"query":{"filters":[{"id":"HP:0001250","scope":"genomicVariant"}]}}',
            "is none about variants",
        ),
        (b'{"query":{"filters":[[]]}}', "is empty"),
        (b'{"query":{"requestedGranularity":"count"},"requestedGranularity":"record"}', "given twice"),
        (b'{"query":{"datasets":["a"],"requestParameters":{"datasets":["b"]}}}', "named twice"),
        (b'{"query":{"datasets":["a"],"datasetIds":["b"]}}', "unknown parameter 'datasetIds'"),
        (b'{"query":{"requestParameters":{"g_variant":{},"genomicVariant":{}}}}', "'genomicVariant'"),
        (b'{"query":{"document_schema":"x"}}', "unknown parameter 'document_schema'"),
        (b'{"meta":{"requestedSchemas":[{"of":"x"}]}}', "unknown parameter 'of'"),
        (b'{"meta":{"apiVersion":"v3.0"}}', "v2.x"),
    ],
)
def test_bodies_that_are_refused(body: bytes, reason: str) -> None:
    with pytest.raises(BadQuestion, match=reason):
        read_post(body)


def test_what_is_not_held_is_told_apart_from_a_bad_question() -> None:
    for text in ("assemblyId=GRCh36&referenceName=20", "assemblyId=GRCh38&referenceName=GL000191.1"):
        with pytest.raises(NotHeld):
            read_get(url(text + "&start=1&end=2"))


def test_a_refusal_does_not_repeat_a_long_value() -> None:
    with pytest.raises(BadQuestion) as refusal:
        read_get([*url(POINT + "end=20"), ("x" * 5000, "1")])
    assert len(refusal.value.message) < 300


@pytest.mark.parametrize(
    ("words", "types"),
    [
        ("SNP snv SO:0001483", {VariantType.SNP}),
        ("DEL EFO:0030067 efo:0030067 SO:0001743 SO:0000159", {VariantType.DEL}),
        ("DUP EFO:0030070 SO:0001742", {VariantType.DUP, VariantType.DUP_TANDEM}),
        ("DUP:TANDEM", {VariantType.DUP_TANDEM}),
        ("INDEL", {VariantType.INS, VariantType.DEL, VariantType.INDEL}),
        (
            "CNV SO:0001019 EFO:0030066",
            {VariantType.CNV, VariantType.DEL, VariantType.DUP, VariantType.DUP_TANDEM},
        ),
    ],
)
def test_words_for_types(words: str, types: set[VariantType]) -> None:
    for word in words.split():
        meant = read_variant_class(word)
        assert meant.types == types
        assert read_variant_class(variant_type_word(with_class(Conditions(), meant))) == meant


def test_every_type_can_be_asked_for_by_its_own_name() -> None:
    for variant_type in VariantType:
        assert variant_type in read_variant_class(variant_type.value).types


bases = st.text("ACGTN", max_size=6)
wholes = st.integers(0, C20.length_bp - 10)


@st.composite
def intervals(draw: st.DrawFn) -> Interval:
    first = draw(wholes)
    return Interval(C20, first, first + draw(st.integers(1, 9)))


plain_conditions = st.builds(
    Conditions, st.none() | bases, st.none(), st.none() | st.integers(0, 5), st.none() | st.integers(5, 50)
)
classes = st.sampled_from(
    [
        read_variant_class(word)
        for word in ("SNP", "INDEL", "DUP", "CNV", "BND", "INS:ME:ALU", "CN2", "EFO:0030073", "EFO:0030069")
    ]
)
conditions = plain_conditions | st.builds(with_class, plain_conditions, classes)


@st.composite
def sequences(draw: st.DrawFn) -> SequenceQuery:
    first, reference = draw(wholes), draw(st.none() | bases)
    alternate = draw(bases.filter(lambda b: b != reference and (b or reference)))
    return SequenceQuery(Interval(C20, first, first + len(reference or "")), reference, alternate)


@st.composite
def brackets(draw: st.DrawFn) -> BracketQuery:
    starts, ends = draw(intervals()), draw(intervals())
    if starts.start >= ends.end:
        starts, ends = ends, starts
    return BracketQuery(starts, ends, draw(conditions))


assemblies = st.none() | st.sampled_from(Assembly)
ranges = st.builds(RangeQuery, intervals(), conditions)
adjacencies = st.builds(
    lambda here, there: RangeQuery(here, Conditions(variant_types=frozenset({VariantType.BND}), mate=there)),
    intervals(),
    intervals(),
)
gene_names = st.sampled_from(["BRCA1", "HGNC:1100", "672", "ENSG00000012048.9"])
genes = st.builds(GeneQuery, gene_names, assemblies, conditions)


@st.composite
def changes(draw: st.DrawFn) -> HgvsQuery:
    """Of every kind, with the bases that its name must tell and, where it may, others."""
    kind = draw(st.sampled_from(Kind))
    first, length = draw(st.integers(1, C20.length_bp - 20)), draw(st.integers(2, 9))
    exact = st.text("ACGT", min_size=length, max_size=length)
    if kind is Kind.INSERTION:
        return HgvsQuery(Change(kind, Interval(C20, first, first), "", draw(exact)))
    if kind is Kind.SUBSTITUTION:
        was, becomes = draw(st.permutations("ACGT"))[:2]
        return HgvsQuery(Change(kind, Interval(C20, first, first + 1), was, becomes))
    deleted = "" if kind is Kind.INVERSION else draw(st.just("") | exact)
    inserted = draw(st.text("ACGT", min_size=1, max_size=5)) + "N" if kind is Kind.DELINS else ""
    return HgvsQuery(Change(kind, Interval(C20, first, first + length), deleted, inserted))


annotated = st.one_of(
    st.builds(AnnotationQuery, gene_names, protein=st.just("p.Val600Glu"), assembly=assemblies),
    st.builds(AnnotationQuery, st.just("DMD"), coding=st.just("c.4375C>T"), assembly=assemblies),
    st.builds(AnnotationQuery, st.sampled_from(["", "DMD"]), st.just("NM_004006.2"), st.just("c.93+1G>T")),
    intervals().map(
        lambda within: AnnotationQuery(protein="p.Arg97Ter", assembly=Assembly.GRCH38, within=within)
    ),
)
singles = sequences() | ranges | brackets() | adjacencies | genes | changes() | annotated
together = st.lists(singles, min_size=2, max_size=4).map(lambda parts: Together(tuple(parts)))
two_hits = st.builds(TwoHits, ranges | genes)
questions = st.builds(
    Asked,
    st.just(VARIANTS),
    singles | together | two_hits,
    st.sampled_from(Granularity),
    st.sampled_from(Include),
    st.integers(0, 1_000_000),
    st.integers(1, 1000),
    st.none() | st.lists(st.text(min_size=1, max_size=9), min_size=1, max_size=3, unique=True).map(tuple),
)


@given(questions)
def test_the_canonical_body_asks_the_same(asked: Asked) -> None:
    assert read_post(asked.body()) == asked


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
NAMES = sorted(
    {*asking.AskedBody.model_fields, *asking.AskedQuery.model_fields, *asking.AskedParameters.model_fields}
    | {
        *asking.AskedPages.model_fields,
        "apiVersion",
        "requestedSchemas",
        "schema",
        "entityType",
        "datasetIds",
    }
)
documents = st.recursive(
    json_values
    | st.sampled_from(["GRCh38", "20", "NC_000020.11", "A", "C", "DEL", "record", "ALL", 5, [1, 2]]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=6),
    max_leaves=20,
)


@given(st.binary() | documents.map(lambda document: json.dumps(document).encode()))
def test_no_body_breaks_the_reader(raw: bytes) -> None:
    for entry in ENTRY_TYPES:
        with suppress(BadQuestion):  # anything else is a fault
            asked = entry.read_post(raw)
            assert entry.read_post(asked.body()) == asked


@given(
    st.lists(
        st.tuples(
            st.sampled_from(NAMES) | st.text(),
            st.sampled_from(["GRCh38", "20", "NC_000020.11", "1", "5,6", "7,9", "A", "", "DEL"]) | st.text(),
        ),
        max_size=8,
    )
)
def test_no_url_breaks_the_reader(pairs: list[tuple[str, str]]) -> None:
    for entry in ENTRY_TYPES:
        with suppress(BadQuestion):
            asked = entry.read_get(pairs)
            assert entry.read_post(asked.body()) == asked


class Leading:
    """A liftover that leads everywhere, and is not asked about any place."""

    def leads(self, _source: Assembly, _target: Assembly) -> bool:
        return True

    def lift(self, _interval: Interval, _target: Assembly) -> Lifted | None:
        raise NotImplementedError


def test_a_question_carried_to_another_assembly_asks_the_same() -> None:
    gene = GeneQuery("ITPA", Assembly.GRCH37, Conditions(None, frozenset({VariantType.DEL}), 2, 9))
    moved = replace(gene, assembly=Assembly.GRCH38)
    chained = Reference(liftover=Leading())
    for lying in Lying:
        assert carry(TwoHits(gene, lying), Assembly.GRCH38, chained) == TwoHits(moved, lying)
    assert carry(Together((gene, gene)), Assembly.GRCH38, chained) == Together((moved, moved))
    with pytest.raises(BadQuestion, match="no chain file"):
        carry(gene, Assembly.GRCH38, NO_REFERENCE)
