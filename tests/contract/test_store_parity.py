"""Every engine answers what the oracle answers, whatever the files hold and whatever is asked."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyroaring import BitMap

from schemas.errors import NotHeld
from schemas.genome import Assembly, Contig, Interval, VariantType
from schemas.ports import Page, Phase
from schemas.questions import BracketQuery, Conditions, RangeQuery, SequenceQuery, VariantQuery
from tests import engines, vcfs

ASSEMBLY = Assembly.GRCH37
# Bases as a question may write them.
WORDS = st.text("ACGTNR", max_size=4)


@st.composite
def intervals(draw: st.DrawFn, files: list[vcfs.Vcf]) -> Interval:
    """Mostly at the edges of what is held."""
    contig = draw(st.sampled_from(vcfs.CONTIGS))
    alleles = [one.allele for vcf in files for one in vcfs.expected(vcf, ASSEMBLY)]
    held = [place for allele in alleles for place in (allele.interval, allele.outer)]
    if not held or draw(st.integers(0, 9)) == 0:
        return Interval(contig, 0, contig.length_bp)
    place = draw(st.sampled_from(held))
    contig = place.contig
    left = draw(st.sampled_from((place.start, place.end))) + draw(st.sampled_from((-1, 0, 0, 1)))
    left = min(max(0, left), contig.length_bp)
    width = draw(st.sampled_from((0, 0, 1, 1, 2, 300, 70_000, 1 << 20)))
    return Interval(contig, left, min(left + width, contig.length_bp))


@st.composite
def conditions(draw: st.DrawFn) -> Conditions:
    if draw(st.booleans()):
        return Conditions()
    types = st.frozensets(st.sampled_from(list(VariantType)), min_size=1, max_size=4)
    lengths = st.none() | st.sampled_from((0, 1, 2, 50, 256, 1025, 70_000))
    return Conditions(
        draw(st.none() | st.text("ACGTN", max_size=3)), draw(st.none() | types), draw(lengths), draw(lengths)
    )


@st.composite
def queries(draw: st.DrawFn, files: list[vcfs.Vcf]) -> VariantQuery:
    kind = draw(st.integers(0, 5))
    if kind <= 1:
        return RangeQuery(draw(intervals(files)), draw(conditions()))
    if kind == 2:
        starts = draw(intervals(files))
        ends = draw(intervals(files).filter(lambda one: one.contig == starts.contig) | st.just(starts))
        return BracketQuery(starts, ends, draw(conditions()))
    if kind == 3:
        place, reference = draw(intervals(files)), draw(WORDS)
        reference = reference[: place.contig.length_bp - place.start]
        padded = Interval(place.contig, place.start, place.start + len(reference))
        return SequenceQuery(padded, reference, draw(WORDS.filter(lambda word: word != reference)))
    return draw(_written(draw(st.sampled_from(draw(st.sampled_from(files)).lines))))


@st.composite
def _written(draw: st.DrawFn, line: vcfs.Line) -> VariantQuery:
    """A question about an allele as its file writes it."""
    contig = Contig.read(line.contig, ASSEMBLY)
    alternate = draw(st.sampled_from(line.alts))
    written = Interval(contig, line.pos - 1, line.pos - 1 + len(line.ref))
    if not alternate.isalpha() or alternate == line.ref:
        return RangeQuery(written, draw(conditions()))
    if draw(st.booleans()):
        return SequenceQuery(Interval(contig, line.pos - 1, line.pos - 1), None, alternate)
    wild = draw(st.sampled_from((alternate, "N" * len(alternate), "R" + alternate[1:])))
    return SequenceQuery(written, line.ref, wild if wild != line.ref else alternate)


def subsets() -> st.SearchStrategy[BitMap | None]:
    return st.none() | st.builds(BitMap, st.sets(st.integers(0, 5)))


@given(vcfs.worlds(), st.data())
@settings(max_examples=120, deadline=None)
def test_engine_and_oracle_agree(files: list[vcfs.Vcf], data: st.DataObject) -> None:
    check_agreement(files, data)


@given(vcfs.worlds(), st.data())
@settings(max_examples=30)
def test_postgresql_and_oracle_agree(
    postgresql: engines.Server, files: list[vcfs.Vcf], data: st.DataObject
) -> None:
    check_agreement(files, data, postgresql.new_database())


def check_agreement(files: list[vcfs.Vcf], data: st.DataObject, url: str = "") -> None:
    with vcfs.both(*files, url=url, sexes=data.draw(vcfs.sexes())) as (store, oracle):
        assert store.people("here") == oracle.people("here")
        asked: list[VariantQuery] = [
            RangeQuery(Interval(contig, 0, contig.length_bp)) for contig in vcfs.CONTIGS
        ]
        asked += [data.draw(queries(files)) for _ in range(6)]
        for query in asked:
            people = data.draw(subsets())
            page = Page(data.draw(st.integers(0, 3)), data.draw(st.integers(1, 4)))
            wanted = oracle.find("here", query, Page(0, 1000), people)
            found = store.find("here", query, Page(0, 1000), people)
            assert found == wanted
            assert [one.allele.margins for one in found] == [one.allele.margins for one in wanted]
            assert store.find("here", query, page, people) == oracle.find("here", query, page, people)
            assert store.count("here", query, people) == len(wanted)
            assert store.exists("here", query, people) == bool(wanted)
            for variant in wanted:
                carriers = store.carriers("here", variant.allele, people)
                assert carriers == oracle.carriers("here", variant.allele, people)
                assert len(carriers) == variant.counts.carriers
                same = ("here", variant.allele, people)
                assert store.zygosities(*same) == oracle.zygosities(*same)
                assert placed(store.phases(*same)) == placed(oracle.phases(*same))
            alleles = [variant.allele for variant in wanted]
            assert store.hit_twice("here", alleles, people) == oracle.hit_twice("here", alleles, people)
            assert not store.exists("other", query, people)


def placed(phases: Mapping[int, Phase]) -> dict[int, tuple[bool, int, int]]:
    """Each without the number that the store has given to the file."""
    return {n: (phase.is_second, phase.group[0], phase.group[2]) for n, phase in phases.items()}


def test_pages_are_the_whole_in_order(tmp_path: Path, new_database: engines.NewDatabase) -> None:
    """More alleles than are read at once, some of them long, in two files with people in common."""
    made = [vcfs.Line("20", 1000 + n, "A", ("C",), ("0/1", "0/0", f"{n % 2}|1")) for n in range(5000)] + [
        vcfs.Line("20", 1000 + 7 * n, "N", ("<DEL>",), ("0/1",) * 3, info=f"END={5000 + 9 * n}")
        for n in range(300)
    ]
    first = vcfs.Vcf(("P1", "P2", "P3"), vcfs.in_order(made))
    second = vcfs.Vcf(("P3", "P4"), vcfs.in_order(line for line in first.lines if line.pos % 3 == 0))
    second = vcfs.Vcf(
        second.samples, tuple(vcfs.replace(line, genotypes=("./.", "1/1")) for line in second.lines)
    )
    contig = vcfs.CONTIGS[0]
    query = RangeQuery(Interval(contig, 1500, 5500))
    with vcfs.both(first, second, url=new_database(tmp_path)) as (store, _):
        for people in (None, BitMap([1, 2]), BitMap([3]), BitMap()):
            whole = store.find("here", query, Page(0, 10_000), people)
            order = [(v.allele.interval.start, v.allele.interval.end, v.allele.alternate) for v in whole]
            assert order == sorted(order)
            assert store.count("here", query, people) == len(whole)
            paged = [
                variant
                for offset in range(0, len(whole) + 1, 1000)
                for variant in store.find("here", query, Page(offset, 1000), people)
            ]
            assert paged == whole


@pytest.mark.parametrize("engine", ["index", "memory"])
def test_what_is_not_held_is_not_a_no(engine: str) -> None:
    line = vcfs.Line("20", 100, "A", ("C",), ("0/1",))
    with vcfs.both(vcfs.Vcf(("P1",), (line,))) as (store, oracle):
        asked = store if engine == "index" else oracle
        here = SequenceQuery(Interval(vcfs.CONTIGS[0], 99, 100), "A", "C")
        assert asked.exists("here", here)
        with pytest.raises(NotHeld):
            asked.exists("elsewhere", here)
        with pytest.raises(NotHeld):
            asked.exists(
                "here", SequenceQuery(Interval(Contig.read("20", Assembly.GRCH38), 99, 100), "A", "C")
            )
        with pytest.raises(NotHeld):
            asked.people("elsewhere")
