"""Alleles are found by what the files say they do, as the oracle finds them; the spellings of annotators."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyroaring import BitMap

from node.store import open_annotations
from node.store.consequences import annotations_of, layout_of
from node.store.memory import MemoryAnnotations
from schemas.errors import NotHeld
from schemas.genome import Assembly, Interval
from schemas.ports import Page
from schemas.questions import Annotation, AnnotationQuery
from tests import engines, vcfs

ALL = Page(0, 10_000)
CHR20 = vcfs.CONTIGS[0]


def any_of(*words: str) -> st.SearchStrategy[str]:
    return st.sampled_from(("", "", *words))


@st.composite
def placed(draw: st.DrawFn) -> Interval | None:
    contig = draw(st.sampled_from((None, *vcfs.CONTIGS)))
    if contig is None:
        return None
    left = min(max(draw(vcfs.places(contig)) - 2, 0), contig.length_bp)
    return Interval(contig, left, min(left + draw(st.sampled_from((0, 1, 70_000))), contig.length_bp))


questions = st.builds(
    AnnotationQuery,
    any_of("DMD", "BRCA1"),
    any_of("NM_1", "NM_1.2", "NR_7"),
    any_of("c.1A>C", "c.2del", f"c.1delins{'ACGT' * 30}"),
    any_of("p.Arg97Ter", "p.Val6_Glu9del"),
    any_of("stop_gained", "splice_region_variant"),
    st.sampled_from((None, Assembly.GRCH37)),
    placed(),
    st.sampled_from((frozenset(), frozenset(("stop_gained", "missense_variant")))),
)


@given(vcfs.worlds(), st.lists(questions, min_size=5, max_size=10), st.data())
@settings(max_examples=100, deadline=None)
def test_annotations_and_oracle_agree(
    files: list[vcfs.Vcf], asked: list[AnnotationQuery], data: st.DataObject
) -> None:
    check_agreement(files, asked, data)


@given(vcfs.worlds(), st.lists(questions, min_size=5, max_size=10), st.data())
@settings(max_examples=20, deadline=None)
def test_postgresql_and_oracle_agree(
    postgresql: engines.Server, files: list[vcfs.Vcf], asked: list[AnnotationQuery], data: st.DataObject
) -> None:
    check_agreement(files, asked, data, postgresql.new_database())


def check_agreement(
    files: list[vcfs.Vcf], asked: list[AnnotationQuery], data: st.DataObject, url: str = ""
) -> None:
    with vcfs.held(*files, url=url) as (engine, store):
        found, oracle = open_annotations(engine), MemoryAnnotations(store)
        assert found.is_annotated("here") == oracle.is_annotated("here")
        assert not found.is_annotated("other")
        for query in (AnnotationQuery(), *asked):
            people = data.draw(st.none() | st.builds(BitMap, st.sets(st.integers(0, 5))))
            wanted = oracle.find("here", query, ALL, people)
            assert found.find("here", query, ALL, people) == wanted
            assert found.find("here", query, Page(1, 2), people) == wanted[1:3]
            for held in wanted:
                said = found.annotations("here", held.allele)
                assert said == oracle.annotations("here", held.allele)
                assert any(query.admits(one) for one in said)
        found.close()


def test_more_is_noted_of_one_place_than_is_read_at_once() -> None:
    many = ",".join(f"-|DMD|NM_{n}.1|c.{n}A>C||intron_variant|LOW|1" for n in range(2500))
    lines = [vcfs.Line("20", 100, "A", ("C",), ("0/1",), info=f"CSQ={many}")]
    lines += [
        vcfs.Line("20", 200 + n, "A", ("C",), ("0/1",), info="CSQ=-|DMD|NM_1.1|c.9G>T||intron_variant|LOW|1")
        for n in range(3000)
    ]
    with vcfs.held(vcfs.Vcf(("P1",), tuple(lines), (vcfs.CSQ,))) as (engine, _):
        found = open_annotations(engine)
        by_gene = found.find("here", AnnotationQuery("DMD"), ALL)
        assert [held.allele.interval.start for held in by_gene] == [99, *range(199, 3199)]
        assert (
            found.find("here", AnnotationQuery(consequence="intron_variant"), Page(2999, 10))
            == by_gene[2999:]
        )
        assert len(found.find("here", AnnotationQuery(coding="c.9G>T"), ALL)) == 3000
        assert len(found.annotations("here", by_gene[0].allele)) == 2500
        found.close()


def test_a_file_is_annotated_whether_or_not_anybody_counts_in_it() -> None:
    said = "CSQ=-|DMD|NM_1.1|c.9G>T||intron_variant|LOW|1"
    one = vcfs.Line("X", 5_000_000, "A", ("<CNV>",), ("./.:1",), info=f"END=5001000;{said}", form="GT:CN")
    with vcfs.held(vcfs.Vcf(("P1",), (one,), (vcfs.CSQ,))) as (engine, oracle):
        found = open_annotations(engine)
        assert found.find("here", AnnotationQuery("DMD"), ALL) == []  # of unknown sex: one copy may be usual
        assert found.is_annotated("here")
        assert MemoryAnnotations(oracle).is_annotated("here")
        found.close()


def test_what_is_not_held_is_not_a_no() -> None:
    with vcfs.held() as (engine, _):
        found = open_annotations(engine)
        with pytest.raises(NotHeld):
            found.find("elsewhere", AnnotationQuery("DMD"), ALL)
        with pytest.raises(NotHeld):
            found.find("here", AnnotationQuery("DMD", assembly=Assembly.GRCH38), ALL)
        with pytest.raises(NotHeld):
            found.is_annotated("elsewhere")
        found.close()


def read(description: str, value: str, reference: str, *alts: str) -> tuple[dict[int, list[Annotation]], int]:
    key, _, written = value.partition("=")
    layout = layout_of([f'##INFO=<ID={key},Number=.,Type=String,Description="{description}">'])
    assert layout is not None
    found, strays = annotations_of(written.encode(), layout, reference.encode(), ",".join(alts).encode())
    return {number: list(said) for number, said in found.items()}, strays


VEP = (
    "Consequence annotations from Ensembl VEP. Format: "
    "Allele|Consequence|IMPACT|SYMBOL|Gene|Feature_type|Feature|HGVSc|HGVSp"
)
SNPEFF = (
    "Functional annotations: 'Allele | Annotation | Annotation_Impact | Gene_Name | Gene_ID | Feature_Type | "
    "Feature_ID | Transcript_BioType | Rank | HGVS.c | HGVS.p'"
)


def test_vep_names_an_allele_without_the_first_base() -> None:
    value = (
        "CSQ=-|frameshift_variant&splice_region_variant|HIGH|BRCA1|ENSG1|Transcript|ENST1.5|ENST1.5:c.68_69del|"
        "ENSP1.3:p.Glu23ValfsTer17,TT|inframe_insertion|MODERATE|BRCA1|ENSG1|Transcript|ENST1.5|ENST1.5:c.70dup|,"
        "-|regulatory_region_variant|MODIFIER|||RegulatoryFeature|ENSR7||,C|intron_variant||||||"
    )
    found, strays = read(VEP, value, "GA", "G", "GTT")
    assert strays == 1
    terms = frozenset(("frameshift_variant", "splice_region_variant"))
    assert found == {
        1: [
            Annotation("BRCA1", "ENST1.5", "c.68_69del", "p.Glu23ValfsTer17", terms, "HIGH"),
            Annotation(consequences=frozenset(("regulatory_region_variant",)), impact="MODIFIER"),
        ],
        2: [Annotation("BRCA1", "ENST1.5", "c.70dup", "", frozenset(("inframe_insertion",)), "MODERATE")],
    }
    assert AnnotationQuery(protein="p.Glu23fs").admits(found[1][0])


def test_vep_may_write_by_another_key() -> None:
    """As in files of gnomAD; that of VEP's own name goes before it, and other keys say nothing."""
    value = "C|missense_variant|MODERATE|PCSK9|ENSG1|Transcript|ENST1|ENST1.1:c.1A>C|ENSP1.1:p.Met1Leu"
    found, strays = read(VEP, f"vep={value}", "A", "C")
    assert (found[1][0].protein, strays) == ("p.Met1Leu", 0)
    assert (found[1][0].transcript, found[1][0].coding) == ("ENST1.1", "c.1A>C")  # of one version
    line = '##INFO=<ID={},Number=.,Type=String,Description="{}">'
    both = layout_of([line.format("vep", VEP), line.format("CSQ", VEP)])
    assert both is not None
    assert both.key == b"CSQ"
    assert layout_of([line.format("vep", "Effects. Format: Allele|Consequence")]) is None


def test_snpeff_names_an_allele_as_written() -> None:
    value = (
        "ANN=GTT|stop_gained|HIGH|TP53|TP53|transcript|NM_000546.6|protein_coding|4/11|c.97C>T|p.Arg33*,"
        "G|synonymous_variant|LOW|TP53|TP53|transcript|NM_000546.6|protein_coding|4/11|c.99A>G|p.Arg33Arg,"
        "GTT-G|missense_variant|MODERATE|TP53|TP53|transcript|NM_000546.6|protein_coding|4/11||"
    )
    found, strays = read(SNPEFF, value, "GA", "G", "GTT")
    assert strays == 0
    assert [(n, one.coding, one.protein) for n in (1, 2) for one in found[n]] == [
        (1, "c.99A>G", "p.Arg33Arg"),
        (2, "c.97C>T", "p.Arg33Ter"),
        (2, "", ""),
    ]


def test_percent_signs_and_symbolic_alleles() -> None:
    value = (
        "CSQ=deletion|transcript_ablation|HIGH|DMD|ENSG1|Transcript|ENST1|ENST1.1:c.3A>G|ENSP1.1:p.Leu1%3D"
    )
    found, strays = read(VEP, value, "N", "<DEL>")
    assert (found[1][0].protein, strays) == ("p.Leu1=", 0)


def test_a_header_without_fields_describes_no_annotation() -> None:
    assert layout_of(['##INFO=<ID=CSQ,Number=.,Type=String,Description="Predicted consequence">']) is None
    assert (
        layout_of(['##INFO=<ID=ANN_X,Number=.,Type=String,Description="Format: Allele|Consequence">']) is None
    )
