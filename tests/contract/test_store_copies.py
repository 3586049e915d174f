"""X, Y and MT, and phase: how many copies somebody has, and on which of them an allele lies."""

import json
from pathlib import Path

import pysam.bcftools
import pytest
from pyroaring import BitMap

from node.config import IngestSection
from node.people import Format, import_people
from node.store import open_store
from node.store.ingest import ingest
from schemas.genome import Allele, Assembly, Contig, Interval
from schemas.people import Sex
from schemas.ports import Counts, Page
from schemas.questions import RangeQuery
from tests import vcfs

ALL = Page(0, 100_000)


def whole(name: str, assembly: Assembly = Assembly.GRCH37) -> RangeQuery:
    contig = Contig.read(name, assembly)
    return RangeQuery(Interval(contig, 0, contig.length_bp))


def place(allele: Allele) -> tuple[int, str, str]:
    return allele.interval.start, allele.reference, allele.alternate


# By assembly and contig: bases beside the edges of the pseudoautosomal regions, and whether they are within.
EDGES = [
    (Assembly.GRCH37, "X", ((60_000, 0), (60_001, 1), (2_699_520, 1), (2_699_521, 0), (154_931_043, 0))),
    (Assembly.GRCH37, "X", ((154_931_044, 1), (155_260_560, 1), (155_260_561, 0))),
    (Assembly.GRCH37, "Y", ((10_000, 0), (10_001, 1), (2_649_520, 1), (2_649_521, 0))),
    (Assembly.GRCH37, "Y", ((59_034_049, 0), (59_034_050, 1), (59_363_566, 1), (59_363_567, 0))),
    (Assembly.GRCH38, "X", ((10_000, 0), (10_001, 1), (2_781_479, 1), (2_781_480, 0), (155_701_382, 0))),
    (Assembly.GRCH38, "X", ((155_701_383, 1), (156_030_895, 1), (156_030_896, 0))),
    (Assembly.GRCH38, "Y", ((10_000, 0), (10_001, 1), (2_781_479, 1), (2_781_480, 0), (56_887_902, 0))),
    (Assembly.GRCH38, "Y", ((56_887_903, 1), (57_217_415, 1), (57_217_416, 0))),
    (Assembly.GRCH38, "20", ((10_001, 1), (2_781_479, 1), (50_000_000, 1))),
]


@pytest.mark.parametrize(("assembly", "contig", "edges"), EDGES)
def test_a_man_has_one_copy_outside_of_the_pseudoautosomal_regions(
    tmp_path: Path, assembly: Assembly, contig: str, edges: tuple[tuple[int, int], ...]
) -> None:
    engine = vcfs.new_node(tmp_path, vcfs.open_dataset("here", assembly))
    lines = [vcfs.Line(contig, first, "A", ("C",), ("1/1", "1/1", "0/1", "0/0")) for first, _ in edges]
    path = vcfs.Vcf(("man", "woman", "other man", "third man"), tuple(lines)).write(tmp_path / "any.vcf")
    vcfs.take(engine, path, "here")
    store = open_store(engine)
    written = Counts(5, 8, 1, 2, 0)
    assert [one.counts for one in store.find("here", whole(contig, assembly), ALL)] == [written] * len(edges)
    males = dict.fromkeys(("man", "other man", "third man"), Sex.MALE)
    vcfs.record_sexes(engine, "here", {**males, "woman": Sex.FEMALE})
    found = store.find("here", whole(contig, assembly), ALL)
    single = Counts(ac=4, an=5, het=0, hom=1, hemi=2)
    assert [one.counts for one in found] == [written if both else single for _, both in edges]
    some = store.find("here", whole(contig, assembly), ALL, BitMap([0]))
    assert [(one.counts.ac, one.counts.hemi) for one in some] == [
        (2, 0) if both else (1, 1) for _, both in edges
    ]
    vcfs.record_sexes(engine, "here", dict.fromkeys(males, Sex.FEMALE))  # they were recorded wrongly
    assert [one.counts for one in store.find("here", whole(contig, assembly), ALL)] == [written] * len(edges)
    store.close()
    engine.dispose()


@pytest.mark.parametrize(
    ("sex", "karyotype", "hemi_x", "hemi_y"),
    [
        ("male", None, 1, 1),
        ("male", "XY", 1, 1),
        ("male", "UNKNOWN_KARYOTYPE", 1, 1),
        ("male", "XXY", 0, 1),
        ("male", "XYY", 1, 0),
        ("male", "OTHER_KARYOTYPE", 0, 0),
        ("female", "XY", 1, 1),
        ("female", "XO", 1, 0),
        ("female", "XX", 0, 0),
        ("female", None, 0, 0),
        ("unknown", None, 0, 0),
    ],
)
def test_a_karyotype_tells_more_than_a_sex(
    tmp_path: Path, sex: str, karyotype: str | None, hemi_x: int, hemi_y: int
) -> None:
    engine = vcfs.new_node(tmp_path, vcfs.open_dataset("here"))
    lines = tuple(vcfs.Line(name, 5_000_000, "A", ("C",), ("1/1",)) for name in "XY")
    vcfs.take(engine, vcfs.Vcf(("S1",), lines).write(tmp_path / "any.vcf"), "here")
    record = {"id": "P1", "sex": sex, "info": {"samples": ["S1"]}, "karyotypicSex": karyotype}
    people = tmp_path / "individuals.json"
    people.write_text(json.dumps([{name: value for name, value in record.items() if value is not None}]))
    import_people(engine, "here", people, Format.BFF)
    store = open_store(engine)
    counts = [store.find("here", whole(name), ALL)[0].counts.hemi for name in "XY"]
    assert counts == [hemi_x, hemi_y]
    store.close()
    engine.dispose()


def test_genotypes_of_one_allele_count_once_whatever_the_sex() -> None:
    lines = tuple(vcfs.Line(name, 5_000_000, "A", ("C",), ("1", "0", "1/1")) for name in ("X", "Y", "MT"))
    lines = (*lines[:2], vcfs.Line("MT", 500, "A", ("C",), ("1", "0", "1/1")))
    with vcfs.both(vcfs.Vcf(("P1", "P2", "P3"), lines), sexes={"P1": Sex.FEMALE}) as (store, oracle):
        for name in ("X", "Y", "MT"):
            found = store.find("here", whole(name), ALL)
            assert found == oracle.find("here", whole(name), ALL)
            assert found[0].counts == Counts(3, 4, 0, 1, 1)


CALLS = (
    # what stands at each of two places, FORMAT, and how they lie to each other
    ("0|1", "0|1", "GT", "cis"),
    ("0|1", "1|0", "GT", "trans"),
    ("0/1", "1|0", "GT", "unknown"),
    ("0/1", "0/1", "GT", "unknown"),
    ("0|1", "1|1", "GT", "homozygous"),
    ("0|1:7", "1|0:7", "GT:PS", "trans"),
    ("0|1:7", "0|1:7", "GT:PS", "cis"),
    ("0|1:7", "1|0:8", "GT:PS", "unknown"),
    ("0|1:7", "1|0:.", "GT:PS", "unknown"),
    ("0|1:.", "1|0:.", "GT:PS", "unknown"),
    ("0|1", "1|0", "GT:PS", "unknown"),
    ("7:0|1", "7:1|0", "PS:GT", "trans"),
    ("0|1:block_a", "1|0:block_a", "GT:PS", "trans"),
    ("0/1:7", "1/0:7", "GT:PS", "unknown"),
    ("|0|1", "|1|0", "GT", "trans"),
    ("/0|1", "|1|0", "GT", "unknown"),
    ("0/1:0|1:100_A_C", "0/1:1|0:100_A_C", "GT:PGT:PID", "trans"),
    ("0/1:0|1:100_A_C", "0/1:0|1:100_A_C", "GT:PGT:PID", "cis"),
    ("0/1:0|1:100_A_C", "0/1:0|1:200_A_C", "GT:PGT:PID", "unknown"),
    ("0/1:.:.", "0/1:0|1:100_A_C", "GT:PGT:PID", "unknown"),
    ("0|1:0|1:100_A_C:7", "1|0:1|0:100_A_C:7", "GT:PGT:PID:PS", "trans"),
    ("0|1:1", "1|0:1", "GT:PSL", "unknown"),
    ("0/0|1", "0|1", "GT", "unknown"),
    (".|1", "1|.", "GT", "trans"),
    ("1", "1", "GT", "cis"),
    ("0|1", "0|0", "GT", ""),
)


@pytest.mark.parametrize(("one", "other", "form", "relation"), CALLS)
def test_two_hits_lie_on_both_copies_on_one_or_nobody_knows(
    one: str, other: str, form: str, relation: str
) -> None:
    lines = tuple(
        vcfs.Line("20", first, "A", ("C",), (call, "0/1"), form=form)
        for first, call in ((100, one), (300, other))
    )
    carried = vcfs.Line("20", 200, "A", ("C",), ("0|0", "0|1"))
    vcf = vcfs.Vcf(("P1", "P2"), vcfs.in_order((*lines, carried)))
    with vcfs.both(vcf) as (store, _):
        alleles = [held.allele for held in store.find("here", whole("20"), ALL)]
        found = store.hit_twice("here", alleles, BitMap([0]))
        told = {name: getattr(found, name) for name in ("homozygous", "trans", "cis", "unknown")}
        assert {name for name, people in told.items() if people} == ({relation} if relation else set())
        assert found.everybody == (BitMap([0]) if relation else BitMap())
        assert bool(found.biallelic) == (relation in ("homozygous", "trans"))


def test_two_alleles_of_one_genotype_are_on_different_copies() -> None:
    lines = (vcfs.Line("20", 100, "A", ("C", "G"), ("1/2", "1|2", "2/1/0", "0/1")),)
    with vcfs.both(vcfs.Vcf(("P1", "P2", "P3", "P4"), lines)) as (store, oracle):
        alleles = [held.allele for held in store.find("here", whole("20"), ALL)]
        found = store.hit_twice("here", alleles)
        assert found == oracle.hit_twice("here", alleles)
        assert (found.trans, found.unknown) == (BitMap([0, 1]), BitMap([2]))


def test_files_do_not_phase_with_each_other_and_a_man_s_x_is_one_copy() -> None:
    one, two = (
        vcfs.Vcf(
            ("P1", "P2"),
            tuple(vcfs.Line(name, first, "A", ("C",), ("0|1", call)) for name in ("20", "X")),
        )
        for first, call in ((5_000_000, "1|0"), (5_000_100, "0|1"))
    )
    with vcfs.both(one, two, sexes={"P2": Sex.MALE}) as (store, oracle):
        for name, cis in (("20", BitMap()), ("X", BitMap([1]))):
            alleles = [held.allele for held in store.find("here", whole(name), ALL)]
            found = store.hit_twice("here", alleles)
            assert found == oracle.hit_twice("here", alleles)
            assert (found.cis, found.unknown) == (cis, BitMap([0, 1]) - cis)


@pytest.mark.shared
def test_a_real_x_of_a_man_and_a_woman(shared: Path, tmp_path: Path) -> None:
    """GATK phases physically: what it calls `0|1` with PS is told apart, and agrees with a plain reading."""
    path = shared / "data/extra/chrX_haploid_diploid_grch38/haploidPlusDiploid.vcf.gz"
    engine = vcfs.new_node(tmp_path, vcfs.open_dataset("here", Assembly.GRCH38))
    report = ingest(engine, IngestSection(), path, "here")
    store = open_store(engine)
    found = store.find("here", whole("X", Assembly.GRCH38), ALL)
    assert len(found) == report.alleles > 5000
    assert any(held.counts.hemi for held in found)
    assert {held.quality for held in found} > {231.97}
    told = {}
    for line in pysam.bcftools.query("-f", "%POS\t%REF\t%ALT[\t%GT:%PS]\n", str(path)).splitlines():
        pos, ref, alt, *columns = line.split("\t")
        if "," not in alt and len(ref) == len(alt) == 1:
            calls = [column.split(":") for column in columns]
            told[int(pos) - 1, ref, alt] = {
                n: (call == "0|1", int(name))
                for n, (call, name) in enumerate(calls)
                if name != "." and call in ("0|1", "1|0")
            }
    asked = [held.allele for held in found if told.get(place(held.allele))]
    assert len(asked) > 100
    for allele in asked:
        phases = store.phases("here", allele)
        placed = {n: (phase.is_second, phase.group[2]) for n, phase in phases.items()}
        assert placed == told[place(allele)]
    assert store.hit_twice("here", asked).everybody
    store.close()
    engine.dispose()
