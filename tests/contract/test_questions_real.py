"""Questions of every kind to real genomes of both assemblies, answered as a node answers.

Counted anew with htslib, and every answer held against the official schemas.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pysam
import pytest

from beacon.entries import answer
from beacon.query import read_post
from beacon.room import Beacon
from node.people import Format, import_people
from node.reference.genes import GeneTable
from node.reference.liftover import ChainFiles
from node.reference.ontology import Ontologies
from node.roster import DatabasePeople
from node.store import open_store
from schemas.access import Granularity
from schemas.beacon import Response, encode
from schemas.errors import BadQuestion, Forbidden, NotHeld
from schemas.genome import Assembly, Interval
from schemas.reference import Reference
from tests.vcfs import new_node, open_dataset, take
from tests.worlds_beacon import IDENTITY, Conformance, Shelves, a_grant, load_check

pytestmark = pytest.mark.shared
FILES = {
    "old": ("snv.chr20.b37.vcf.gz", "cnv_exome.b37.vcf.gz", "mt.b37.vcf.gz"),
    "new": ("snv.chr22.grch38.vcf.gz", "sv.chr22_chrY.grch38.vcf.gz"),
}
DATASETS = (open_dataset("new", Assembly.GRCH38), open_dataset("old"))
OPEN = a_grant(new=Granularity.RECORD, old=Granularity.RECORD)
GENES = GeneTable()


@pytest.fixture(scope="module")
def hospital(shared: Path) -> Path:
    return shared / "data" / "network" / "hospital-uk"


@pytest.fixture(scope="module")
def beacon(hospital: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Beacon]:
    engine = new_node(tmp_path_factory.mktemp("real"), *DATASETS)
    for dataset, names in FILES.items():
        for name in names:
            take(engine, hospital / name, dataset)
    for name in ("individuals.json", "biosamples.json"):
        import_people(engine, "old", hospital / name, Format.BFF)
    store = open_store(engine)
    people = DatabasePeople(engine)
    yield Beacon(IDENTITY, Shelves(DATASETS), store, people, Ontologies(), reference=Reference(GENES))
    store.close()
    engine.dispose()


@pytest.fixture(scope="module")
def lifting(beacon: Beacon, shared: Path) -> Beacon:
    folder = shared / "data" / "reference" / "liftover"
    chains = ChainFiles([folder / "hg19Tohg38.over.chain.gz", folder / "hg38Tohg19.over.chain.gz"])
    return replace(beacon, reference=Reference(GENES, liftover=chains))


@pytest.fixture(scope="module")
def conformance(shared: Path) -> Conformance:
    return Conformance(load_check(shared))


def asked(beacon: Beacon, granularity: str = "record", **g_variant: Any) -> Response:
    query = {
        "requestParameters": {"g_variant": g_variant},
        "requestedGranularity": granularity,
        "pagination": {"limit": 1000},
    }
    return answer(beacon, read_post(encode({"query": query})), OPEN)


def sets_of(response: Response) -> dict[str, Any]:
    return {one["id"]: one for one in response["response"]["resultSets"]}


def carried_alleles(path: Path, place: Interval) -> int:
    """Sequence alleles that somebody carries and that change a base of `place`, by this loop alone."""
    found = set()
    with pysam.VariantFile(str(path)) as records:
        names = set(records.header.contigs)
        contig = place.contig.name if place.contig.name in names else f"chr{place.contig.name}"
        for record in records.fetch(contig, max(0, place.start - 500), place.end + 500):
            carried = {allele for call in record.samples.values() for allele in call["GT"] if allele}
            for number in carried:
                left, ref, alt = record.start, record.ref, record.alleles[number]
                while ref and alt and ref[-1] == alt[-1]:
                    ref, alt = ref[:-1], alt[:-1]
                while ref and alt and ref[0] == alt[0]:
                    ref, alt, left = ref[1:], alt[1:], left + 1
                touches = left <= place.end and left >= place.start if not ref else False
                if touches or (ref and left < place.end and place.start < left + len(ref)):
                    found.add((left, ref, alt))
    return len(found)


@pytest.mark.parametrize("gene", ["ITPA", "ENSG00000101222", "6614"])
def test_a_gene_counts_what_lies_in_it(beacon: Beacon, hospital: Path, gene: str) -> None:
    place = GENES.find(gene).places[Assembly.GRCH37]
    response = asked(beacon, "count", geneId=gene, assemblyId="GRCh37")
    expected = carried_alleles(hospital / "snv.chr20.b37.vcf.gz", place)
    assert expected > 10
    assert sets_of(response)["old"]["resultsCount"] == expected


def test_a_gene_is_sought_in_every_assembly_unless_one_is_named(beacon: Beacon, hospital: Path) -> None:
    gene = GENES.find("GRAP2")  # on chromosome 22
    response = asked(beacon, "count", geneId="GRAP2")
    expected = carried_alleles(hospital / "snv.chr22.grch38.vcf.gz", gene.places[Assembly.GRCH38])
    everywhere = asked(beacon, "count", geneId="GRAP2", assemblyId="GRCh38")
    assert response["responseSummary"] == everywhere["responseSummary"]
    assert response["responseSummary"]["numTotalResults"] >= expected
    assert not asked(beacon, "count", geneId="GRAP2", assemblyId="GRCh37")["responseSummary"]["exists"]


def test_another_assembly_is_answered_only_by_a_chain_and_says_so(beacon: Beacon, lifting: Beacon) -> None:
    there = {"genomicAlleleShortForm": "NC_000020.11:g.3213196C>A"}
    here = sets_of(asked(beacon, genomicAlleleShortForm="NC_000020.10:g.3193842C>A"))["old"]
    assert "lifted" not in here["info"]
    assert not asked(beacon, **there)["responseSummary"]["exists"]
    lifted = sets_of(asked(lifting, **there))["old"]
    assert lifted["results"] == here["results"]
    assert lifted["info"]["lifted"] == {"from": "GRCh38"}
    assert "reference sequence" in lifted["info"]["notes"][0]
    with pytest.raises(NotHeld, match="is of GRCh37"):
        answer(
            beacon,
            read_post(encode({"query": {"requestParameters": {"g_variant": there, "datasets": ["old"]}}})),
            OPEN,
        )


def test_a_place_without_a_counterpart_is_told(lifting: Beacon) -> None:
    """The other dataset is asked; the one that could not be is named with the reason."""
    gap = {"assemblyId": "GRCh38", "referenceName": "22", "start": 11_000_000, "end": 11_000_100}
    response = asked(lifting, **gap)
    assert [one["id"] for one in response["info"]["refused"]] == ["old"]
    assert "no one counterpart in GRCh37" in response["info"]["refused"][0]["reason"]


def test_no_annotation_is_no_answer(beacon: Beacon) -> None:
    for question in ({"geneId": "ITPA", "aminoacidChange": "P32T"}, {"allele": "ITPA:c.94C>A"}):
        with pytest.raises(BadQuestion, match="has no annotation"):
            asked(beacon, **question)


def test_what_one_person_carries_is_told_only_with_records(beacon: Beacon) -> None:
    question = {"geneId": "ITPA", "hitsPerPerson": 2}
    body = encode({"query": {"requestParameters": {"g_variant": question}}})
    grant = a_grant("somebody", old=Granularity.COUNT, new=Granularity.BOOLEAN)
    with pytest.raises(Forbidden, match="single people"):
        answer(beacon, read_post(body), grant)
    assert answer(beacon, read_post(body), OPEN)["responseSummary"]["exists"]


def test_the_carriers_of_an_allele_are_listed_where_it_is_asked_for(beacon: Beacon, hospital: Path) -> None:
    response = asked(beacon, genomicAlleleShortForm="NC_000020.10:g.3193842C>A")
    (record,) = sets_of(response)["old"]["results"]
    with pysam.VariantFile(str(hospital / "snv.chr20.b37.vcf.gz")) as records:
        (line,) = (r for r in records.fetch("20", 3_193_841, 3_193_842) if r.ref == "C")
        expected = {name for name, call in line.samples.items() if 1 in call["GT"]}
    individuals = json.loads((hospital / "individuals.json").read_text(encoding="utf-8"))
    assert {case["individualId"] for case in record["caseLevelData"]} == expected
    assert expected <= {one["id"] for one in individuals}
    assert {case["zygosity"]["id"] for case in record["caseLevelData"]} == {"GENO:0000135"}
    told = {one["population"]: one for one in record["frequencyInPopulations"][0]["frequencies"][1:]}
    for field, label in (("sex", "male"), ("sex", "female"), ("geographicOrigin", "England")):
        group = {one["id"] for one in individuals if one.get(field, {}).get("label") == label}
        counts = told[label]["alleleCount"], told[label]["alleleNumber"]
        assert counts == (len(group & expected), 2 * len(group))
    assert "British" not in told  # eight people
    wide = asked(beacon, assemblyId="GRCh37", referenceName="20", start=3_193_841, end=3_193_842)
    assert all("caseLevelData" not in one for one in sets_of(wide)["old"]["results"])


@pytest.mark.parametrize(
    "question",
    [
        {"geneId": "ITPA"},
        {
            "assemblyId": "GRCh38",
            "referenceName": "22",
            "start": 0,
            "end": 50_000_000,
            "variantMinLength": 50,
        },
        {"assemblyId": "GRCh38", "referenceName": "Y", "start": 0, "end": 57_000_000},
        {"assemblyId": "GRCh37", "referenceName": "MT", "start": 0, "end": 16_569},
        {"assemblyId": "GRCh37", "referenceName": "1", "start": 0, "end": 240_000_000, "variantType": "CNV"},
        {"assemblyId": "GRCh38", "referenceName": "22", "start": 0, "end": 50_000_000, "variantType": "BND"},
        {"genomicAlleleShortForm": "NC_000020.10:g.3193842C>A"},
        {"geneId": "ITPA", "hitsPerPerson": 2},
        {"together": [{"geneId": "ITPA"}, {"genomicAlleleShortForm": "NC_000020.10:g.3193842C>A"}]},
    ],
)
def test_records_and_answers_conform(
    beacon: Beacon, conformance: Conformance, question: dict[str, Any]
) -> None:
    response = asked(beacon, **question)
    assert response["responseSummary"]["exists"]
    assert not conformance.faults(dict(response))
    assert not conformance.faults(dict(asked(beacon, "boolean", **question)))
