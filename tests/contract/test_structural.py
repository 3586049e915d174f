"""Structural variants from the text of a VCF to the answer of a Beacon: ends that are not known exactly."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import Engine

from beacon.entries import answer
from beacon.query import read_post
from beacon.room import Beacon
from node.config import IngestSection
from node.reference.ontology import Ontologies
from node.roster import DatabasePeople
from node.store import open_store
from node.store.ingest import ingest
from schemas.access import Granularity
from schemas.beacon import Response, encode
from schemas.reference import Reference
from tests.engines import NewDatabase
from tests.vcfs import Line, Vcf, new_node, open_dataset
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
