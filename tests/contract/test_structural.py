"""Structural variants from the text of a VCF to the answer of a Beacon: uncertain ends, numbers of copies."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pysam
import pytest
from pyroaring import BitMap
from sqlalchemy.engine import Engine

from beacon.entries import answer
from beacon.entries.member import INDIVIDUAL
from beacon.query import VARIANTS, Within, read_get, read_post
from beacon.room import Beacon
from node.config import IngestSection
from node.reference.ontology import Ontologies
from node.roster import DatabasePeople
from node.store import open_store
from node.store.compaction import compact
from node.store.ingest import ingest
from node.store.inspection import check_index
from schemas.access import Granularity
from schemas.beacon import Response, encode
from schemas.genome import Assembly, Contig, Interval, VariantType
from schemas.people import Sex
from schemas.ports import Page, Source
from schemas.questions import RangeQuery
from schemas.reference import Reference
from tests.engines import NewDatabase
from tests.vcfs import Line, Vcf, new_node, open_dataset, record_sexes
from tests.worlds_beacon import IDENTITY, Conformance, Shelves, a_grant, load_check

DATASET = open_dataset("d")
GRANT = a_grant(d=Granularity.RECORD)
PEOPLE = ("P1", "P2", "P3")
SOME = ("0/1", "0/0", "1/1")


def line(pos: int, alt: str, info: str, calls: tuple[str, ...] = SOME, form: str = "GT") -> Line:
    return Line("20", pos, "N", tuple(alt.split(",")), calls, info=info, form=form)


@contextmanager
def beacon_of(engine: Engine) -> Iterator[Beacon]:
    store = open_store(engine)
    yield Beacon(
        IDENTITY, Shelves((DATASET,)), store, DatabasePeople(engine), Ontologies(), reference=Reference()
    )
    store.close()


def ask(beacon: Beacon, left: int, right: int, **more: Any) -> Response:
    place = {"assemblyId": "GRCh37", "referenceName": "20", "start": [left], "end": [right], **more}
    query = {"requestParameters": {"g_variant": place}, "requestedGranularity": "record"}
    return answer(beacon, read_post(encode({"query": query})), GRANT)


def names(response: Response) -> list[str]:
    sets = response["response"]["resultSets"]
    return [one["variantInternalId"] for found in sets for one in found["results"]]


def test_a_window_that_an_uncertain_end_may_touch_finds_the_variant(
    tmp_path: Path, new_database: NewDatabase
) -> None:
    engine = new_node(tmp_path, DATASET, url=new_database(tmp_path))
    lines = (
        line(1000, "<DEL>", "SVTYPE=DEL;END=2000;CIPOS=-100,50;CIEND=-20,300"),
        line(5000, "<DUP>", "SVTYPE=DUP;END=6000;CIPOS=0,0;CIEND=0,0"),
        line(8000, "N[20:9000[", "SVTYPE=BND;CIPOS=-5,5"),
        line(8500, "N.", "SVTYPE=BND"),
        line(9000, "<DEL>", "SVTYPE=DEL;END=9500;CIPOS=-100;CIEND=-2,2"),
    )
    path = Vcf(PEOPLE, lines).write(tmp_path / "sv.vcf.gz")
    report = ingest(engine, IngestSection(), path, "d")
    # After the three lines of the header.
    told = "CIPOS or CIEND is not a pair of numbers for each allele; its ends are taken as exact"
    assert (report.alleles, report.skipped) == (5, ((7, told),))
    with beacon_of(engine) as beacon:
        deletion, doubling = "GRCh37:20:1001-2000:<DEL>", "GRCh37:20:5001-6000:<DUP>"
        for left, right, found in (
            (800, 900, []),
            (800, 901, [deletion]),
            (2299, 2400, [deletion]),
            (2300, 2400, []),
            (4000, 5000, []),
            (5999, 6100, [doubling]),
            (6000, 7000, []),
            (8005, 8100, ["GRCh37:20:8001-8000:N[20:9000["]),
            (8006, 8100, []),
            (8500, 8501, ["GRCh37:20:8501-8500:N."]),
            (8501, 8600, []),
            (8600, 9000, []),
        ):
            assert names(ask(beacon, left, right)) == found, (left, right)
        assert len(names(ask(beacon, 0, 10_000, variantType="BND"))) == 2
        (record,) = ask(beacon, 2299, 2300)["response"]["resultSets"][0]["results"]
        assert record["variation"]["location"]["interval"] == {
            "type": "SequenceInterval",
            "start": {"type": "DefiniteRange", "min": 900, "max": 1050},
            "end": {"type": "DefiniteRange", "min": 1980, "max": 2300},
        }
        assert record["frequencyInPopulations"][0]["frequencies"][0]["alleleCount"] == 3
        bracket = {"assemblyId": "GRCh37", "referenceName": "20", "start": [1000, 1001], "end": [2000, 2001]}
        query = {"requestParameters": {"g_variant": bracket}, "requestedGranularity": "record"}
        assert names(answer(beacon, read_post(encode({"query": query})), GRANT)) == [deletion]
    engine.dispose()


def test_a_breakend_is_found_from_its_other_end_in_either_notation(tmp_path: Path) -> None:
    """In INFO the other end has several names; two adjacencies of one place are not one."""
    lines = (
        line(1000, "<BND>", "SVTYPE=BND;CHR2=21;END2=5000;STRANDS=+-;END=1000"),
        line(1000, "<BND>", "SVTYPE=BND;CHR2=21;END2=7000;STRANDS=+-;END=1000", ("0/0", "0/1", "0/0")),
        line(2000, "<TRA>", "SVTYPE=TRA;CHR2=21;END=5001"),
        line(3000, "N]21:5002]", "SVTYPE=BND"),
        line(4000, "<BND>", "SVTYPE=BND;CHR2=GL000192.1;END2=5"),
    )
    engine = new_node(tmp_path, DATASET)
    report = ingest(engine, IngestSection(), Vcf(PEOPLE, lines).write(tmp_path / "sv.vcf.gz"), "d")
    assert (report.alleles, report.skipped) == (5, ())
    with beacon_of(engine) as beacon:
        there = {"referenceName": "21", "start": [4990, 5010], "mateName": "20"}
        here = {"referenceName": "20", "start": [990, 1010], "mateName": "21"}
        found = []
        for adjacency in (there, here):
            query = {
                "requestParameters": {"g_variant": {"assemblyId": "GRCh37", **adjacency}},
                "requestedGranularity": "record",
            }
            found.append(names(answer(beacon, read_post(encode({"query": query})), GRANT)))
        assert found == [
            [
                "GRCh37:20:1001-1000:<BND:21:5000:+->",
                "GRCh37:20:2001-2000:<TRA:21:5001>",
                "GRCh37:20:3001-3000:N]21:5002]",
            ],
            ["GRCh37:20:1001-1000:<BND:21:5000:+->", "GRCh37:20:1001-1000:<BND:21:7000:+->"],
        ]
    engine.dispose()


@pytest.mark.shared
def test_records_of_uncertain_ends_conform(shared: Path, tmp_path: Path) -> None:
    engine = new_node(tmp_path, DATASET)
    lines = (
        line(1000, "<DEL>", "SVTYPE=DEL;END=2000;CIPOS=-100,50;CIEND=-20,300"),
        line(1500, "N.", "SVTYPE=BND;CIPOS=-9,9"),
        line(1600, ".N", "SVTYPE=BND"),
        line(1700, "<INS>", "SVTYPE=INS;SVLEN=300;CIPOS=-9,9"),
    )
    ingest(engine, IngestSection(), Vcf(PEOPLE, lines).write(tmp_path / "sv.vcf.gz"), "d")
    with beacon_of(engine) as beacon:
        response = ask(beacon, 0, 10_000)
        assert len(names(response)) == 4
        assert not Conformance(load_check(shared)).faults(dict(response))
    engine.dispose()


LEVELS = {
    "EFO:0030067": ("loss", range(2)),
    "EFO:0030068": ("low loss", (1,)),
    "EFO:0030069": ("complete loss", (0,)),
    "EFO:0030070": ("gain", range(3, 20)),
    "EFO:0030071": ("low gain", (3, 4)),
    "EFO:0030072": ("high gain", range(5, 20)),
}


@pytest.mark.parametrize("word", LEVELS)
def test_who_has_lost_or_gained_copies_is_told_by_their_numbers(word: str, tmp_path: Path) -> None:
    """Genotypes that are missing, CN alone, and CN beside a genotype; each line is a stretch of its own."""
    lines = (
        line(1000, "<CNV>", "END=1500", (".:1", ".:4", ".:2"), "GT:CN"),
        line(2000, "<CNV>", "END=2500", ("0", "5.2", "."), "CN"),
        line(3000, "<DEL>", "END=3500", ("0/1:0", "0/1:1", "0/0:2"), "GT:CN"),
        line(4000, "<DUP>", "END=4500", ("0/1:3", "0/1:6", "./.:4"), "GT:CN"),
        line(5000, "<CNV>", "END=5500", ("./.:2", "./.:2.4", "./.:1.5"), "GT:CN"),
        line(6000, "<DEL>", "END=6500", ("./.:1", "./.:2", "./.:3"), "GT:CN"),
    )
    # By the start of the stretch, what each person has; what is 2 is nobody's loss or gain.
    numbers = {1000: (1, 4, 2), 2000: (0, 5, 2), 3000: (0, 1, 2), 4000: (3, 6, 4), 6000: (1, 2, 3)}
    engine = new_node(tmp_path, DATASET)
    report = ingest(engine, IngestSection(), Vcf(PEOPLE, lines).write(tmp_path / "cnv.vcf.gz"), "d")
    half_way = "CN of a sample lies half way between two numbers of copies; it is left out"
    assert report.skipped == ((7, half_way),)
    wanted = {
        (start, name)
        for start, told in numbers.items()
        for name, number in zip(PEOPLE, told, strict=True)
        if number in LEVELS[word][1]
    }
    assert wanted
    with beacon_of(engine) as beacon:
        found = set()
        for start in (*numbers, 5000):
            query = {
                "requestParameters": {
                    "g_variant": {
                        "assemblyId": "GRCh37",
                        "referenceName": "20",
                        "start": [start],
                        "end": [start + 400],
                        "variantType": word,
                    }
                },
                "requestedGranularity": "record",
            }
            raw = encode({"query": query})
            individuals = answer(beacon, read_post(raw, INDIVIDUAL.kind), GRANT)
            for one in individuals["response"]["resultSets"]:
                found |= {(start, record["id"]) for record in one["results"]}
            exists = answer(beacon, read_post(raw), GRANT)["responseSummary"]["exists"]
            assert exists is any(at == start for at, _ in wanted), start
    assert found == wanted
    engine.dispose()


def test_the_record_of_a_number_of_copies_counts_people(tmp_path: Path) -> None:
    lines = (line(1000, "<CNV>", "END=1500;CIPOS=-9,9", ("./.:0", "./.:4", "./.:0"), "GT:CN"),)
    engine = new_node(tmp_path, DATASET)
    ingest(engine, IngestSection(), Vcf(PEOPLE, lines).write(tmp_path / "cnv.vcf.gz"), "d")
    with beacon_of(engine) as beacon:
        lost, gained = ask(beacon, 1200, 1300)["response"]["resultSets"][0]["results"]
        assert lost["variantInternalId"] == "GRCh37:20:1001-1500:<CNV:CN0>"
        assert lost["variation"]["variantType"] == "DEL"
        assert lost["variation"]["info"]["copyNumber"] == 0
        assert lost["info"]["countsFrom"] == "CN"
        (told,) = lost["frequencyInPopulations"][0]["frequencies"]
        assert (told["alleleCount"], told["alleleNumber"], told["alleleFrequency"]) == (2, 3, 2 / 3)
        assert "alleleCountHomozygous" not in told
        assert gained["variation"]["variantType"] == "DUP"
        one = read_get([], VARIANTS, Within("genomicVariant", gained["variantInternalId"]))
        (record,) = answer(beacon, replace(one, granularity=Granularity.RECORD), GRANT)["response"][
            "resultSets"
        ][0]["results"]
        assert [case["individualId"] for case in record["caseLevelData"]] == ["P2"]
        assert "zygosity" not in record["caseLevelData"][0]  # two on each chromosome, or one and three
    engine.dispose()


def test_on_x_and_y_the_sex_decides_what_is_a_change(tmp_path: Path, new_database: NewDatabase) -> None:
    """Recorded after the ingest; of whoever it is not known of only what is a change to everybody counts."""
    names_ = ("man", "woman", "unknown", "xyy")
    engine = new_node(tmp_path, DATASET, url=new_database(tmp_path))
    lines = []
    for contig, pos in (("X", 100_000), ("X", 60_000_000), ("Y", 20_000_000)):  # the first is pseudoautosomal
        for number in range(4):
            calls = (f".:{number}",) * 4
            lines.append(
                replace(
                    line(pos + 1000 * number, "<CNV>", f"END={pos + 1000 * number + 500}", calls, "GT:CN"),
                    contig=contig,
                )
            )
    ingest(engine, IngestSection(), Vcf(names_, tuple(lines)).write(tmp_path / "xy.vcf.gz"), "d")
    record_sexes(engine, "d", {"man": Sex.MALE, "woman": Sex.FEMALE, "xyy": Sex.MALE})
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE individual SET karyotype = 'XYY' WHERE id = 'xyy'")
        connection.exec_driver_sql("UPDATE revision SET number = number + 1")
    store = open_store(engine)
    everybody = set(names_)
    wanted = {
        ("X", 100_000): {0: everybody, 1: everybody, 3: everybody},
        ("X", 60_000_000): {0: everybody, 1: {"woman"}, 2: {"man", "xyy"}, 3: everybody},
        ("Y", 20_000_000): {0: {"man", "xyy"}, 2: {"man", "unknown"}, 3: {"man", "unknown", "xyy"}},
    }
    for (name, pos), changes in wanted.items():
        contig = Contig.read(name, Assembly.GRCH37)
        query = RangeQuery(Interval(contig, pos, pos + 4000))
        found = {
            one.allele.total_copies: (one, {names_[n] for n in store.carriers("d", one.allele)})
            for one in store.find("d", query, Page(0, 100))
        }
        assert {number: people for number, (_, people) in found.items()} == changes
        assert store.count("d", query) == len(changes)
        assert store.count("d", query, BitMap([1])) == sum("woman" in people for people in changes.values())
        for variant, people in found.values():
            assert variant.source is Source.COPY_NUMBERS
            assert (variant.counts.ac, variant.counts.an) == (len(people), 4)
        kinds = {number: one.allele.variant_type for number, (one, _) in found.items()}
        assert {n for n, kind in kinds.items() if kind is VariantType.DEL} == changes.keys() & {
            0,
            *((1,) if name == "X" else ()),
        }
    store.close()
    engine.dispose()


def told_by_htslib(path: Path) -> dict[tuple[int, int, int], set[str]]:
    """By stretch and number of copies, who has it and is said by no genotype to have it."""
    found: dict[tuple[int, int, int], set[str]] = {}
    with pysam.VariantFile(str(path)) as records:
        for record in records:
            each = [1, *({"<DEL>": 0, "<DUP>": 2, "<CNV>": 99}.get(alt) for alt in record.alts)]
            if None in each or record.chrom.endswith(("X", "Y")):
                continue
            last = int(re.search(r"[\t;]END=(\d+)", str(record))[1])  # htslib goes by SVLEN, which differs
            for name, call in record.samples.items():
                number, alleles = call.get("CN"), [one for one in call["GT"] if one is not None]
                if number is None or number == 2:
                    continue
                change = sum(each[allele] - 1 for allele in alleles)
                is_further = number - 2 < change < 0 or 0 < change < number - 2
                if not alleles or 99 in each or is_further:
                    found.setdefault((record.pos, last, number), set()).add(name)
    return found


@pytest.mark.shared
@pytest.mark.parametrize("file", ["sv.chr22_chrY.grch38", "cnv_exome.b37"])
@pytest.mark.parametrize("hospital", ["uk", "fi", "es"])
def test_numbers_of_copies_of_real_files(shared: Path, tmp_path: Path, hospital: str, file: str) -> None:
    assembly = Assembly.GRCH38 if "38" in file else Assembly.GRCH37
    path = shared / "data" / "network" / f"hospital-{hospital}" / f"{file}.vcf.gz"
    wanted = told_by_htslib(path)
    assert wanted
    engine = new_node(tmp_path, open_dataset("d", assembly))
    ingest(engine, IngestSection(), path, "d")
    store = open_store(engine)
    names_, found = store.people("d"), {}
    for number in range(1, 23):
        contig = Contig.numbered(number, assembly)
        for one in store.find("d", RangeQuery(Interval(contig, 0, contig.length_bp)), Page(0, 100_000)):
            if one.allele.total_copies is not None:
                people = {names_[n] for n in store.carriers("d", one.allele)}
                key = one.allele.interval.start, one.allele.interval.end, one.allele.total_copies
                found[key] = found.get(key, set()) | people
    assert found == wanted
    store.close()
    engine.dispose()


@pytest.mark.shared
def test_files_that_are_merged_answer_as_before(shared: Path, tmp_path: Path) -> None:
    """Three hospitals' structural variants, alone and as one file; the index is what the files say."""
    engine = new_node(tmp_path, open_dataset("d", Assembly.GRCH38))
    for hospital in ("uk", "fi", "es"):
        name = f"data/network/hospital-{hospital}/sv.chr22_chrY.grch38.vcf.gz"
        ingest(engine, IngestSection(), shared / name, "d")
    store = open_store(engine)
    contig = Contig.read("22", Assembly.GRCH38)
    whole = RangeQuery(Interval(contig, 0, contig.length_bp))
    before = store.find("d", whole, Page(0, 100_000))
    assert sum(one.source is Source.COPY_NUMBERS for one in before) > 50
    assert check_index(engine, IngestSection(), whole=True) == []
    assert compact(engine, "d").into == 1
    assert store.find("d", whole, Page(0, 100_000)) == before
    assert store.count("d", whole) == len(before)
    assert check_index(engine, IngestSection(), whole=True) == []
    store.close()
    engine.dispose()
