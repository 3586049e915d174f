"""Two hits in one person: on both copies, on one, or not told; counted anew from the text of the VCF."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from node import db
from node.app import create_app
from node.config import read_settings
from node.home import make_home
from node.store.catalogue import add_dataset
from node.store.ingest import ingest
from schemas.access import Policy
from schemas.genome import Assembly
from schemas.people import Dataset
from tests.federated import free_socket, serving
from tests.worlds_beacon import Conformance, load_check

JSON = dict[str, Any]
PEOPLE = [f"P{number:02}" for number in range(60)]
GENOTYPES = ("0/0", "0|0", "0/1", "0|1", "1|0", "1/1", "1|1", "./.")
POSITIONS = range(3_190_000, 3_190_080, 20)
WHERE: JSON = {"assemblyId": "GRCh37", "referenceName": "20", "start": [3_189_000], "end": [3_191_000]}


def genotypes() -> list[list[str]]:
    dice = random.Random(3)
    weights = (10, 4, 2, 3, 3, 1, 1, 1)
    return [dice.choices(GENOTYPES, weights, k=len(PEOPLE)) for _ in POSITIONS]


def lying(calls: list[str]) -> str:
    """How the alleles of one person lie; "" when he is not hit twice."""
    carried = [call for call in calls if "1" in call]
    if any(call in ("1/1", "1|1") for call in carried):
        return "homozygous"
    if len(carried) < 2:
        return ""
    copies = [{"0|1": 1, "1|0": 0}.get(call) for call in carried]
    if len({copy for copy in copies if copy is not None}) == 2:
        return "trans"
    return "unknown" if None in copies else "cis"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder: Path = tmp_path_factory.mktemp("phase")
    made = make_home(folder / "home", "http://127.0.0.1:8080", "Clinic", "FI")
    engine = db.connect(made.settings.database_url)
    add_dataset(engine, Dataset("d", Assembly.GRCH37, Policy.OPEN))
    lines = [
        "##fileformat=VCFv4.2",
        "##contig=<ID=20>",
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="G">',
        "\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *PEOPLE]),
    ]
    for position, calls in zip(POSITIONS, genotypes(), strict=True):
        lines.append("\t".join(["20", str(position), ".", "A", "C", ".", "PASS", ".", "GT", *calls]))
    (folder / "d.vcf").write_text("\n".join(lines) + "\n")
    ingest(engine, made.settings.ingest, folder / "d.vcf", "d")
    engine.dispose()
    listening, url = free_socket()
    with serving(create_app(read_settings(folder / "home")), listening), httpx.Client(base_url=url) as opened:
        yield opened


def found(client: httpx.Client, entry: str, **more: Any) -> JSON:
    body = {
        "meta": {"apiVersion": "v2.0"},
        "query": {
            "requestParameters": {"g_variant": {**WHERE, "hitsPerPerson": 2, **more}},
            "requestedGranularity": "record",
            "pagination": {"limit": 1000},
        },
    }
    reply = client.post(f"/beacon/{entry}", json=body)
    assert reply.status_code == 200, reply.text
    document: JSON = reply.json()
    return document


def expected() -> dict[str, str]:
    per_person = zip(*genotypes(), strict=True)
    return {name: how for name, calls in zip(PEOPLE, per_person, strict=True) if (how := lying(list(calls)))}


WANTED = {
    "any": {"homozygous", "trans", "cis", "unknown"},
    "biallelic": {"homozygous", "trans"},
    "homozygous": {"homozygous"},
    "trans": {"trans"},
    "cis": {"cis"},
    "unknown": {"unknown"},
}


@pytest.mark.parametrize("phase", WANTED)
def test_people_whose_alleles_lie_so(client: httpx.Client, shared: Path, phase: str) -> None:
    people = {name: how for name, how in expected().items() if how in WANTED[phase]}
    assert people
    conformance = Conformance(load_check(shared))
    answer = found(client, "individuals", hitsPhase=phase)
    assert not conformance.faults(answer)
    told = {one["id"] for one in answer["response"]["resultSets"][0]["results"]}
    assert told == set(people)

    variants = found(client, "g_variants", hitsPhase=phase)
    assert not conformance.faults(variants)
    assert variants["meta"]["receivedRequestSummary"]["requestParameters"]["g_variant"]["hitsPerPerson"] == 2
    cases: dict[str, set[str]] = {}
    for record in variants["response"]["resultSets"][0]["results"]:
        for case in record["caseLevelData"]:
            cases.setdefault(case["individualId"], set()).add(case["info"]["hits"])
    assert cases == {name: {how} for name, how in people.items()}


def test_phase_is_asked_beside_two_hits_alone(client: httpx.Client) -> None:
    for parameters in ({"hitsPhase": "trans"}, {"hitsPerPerson": 2, "hitsPhase": "beside"}):
        body = {"query": {"requestParameters": {"g_variant": {**WHERE, **parameters}}}}
        reply = client.post("/beacon/g_variants", json=body)
        assert reply.status_code == 400
        assert "hitsPhase" in reply.json()["error"]["errorMessage"]
