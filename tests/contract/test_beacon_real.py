"""Every real file with samples in one node, asked over HTTP: alleles are answered as bcftools counts them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
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
from schemas.genome import Allele
from schemas.people import Dataset
from schemas.ports import Counts
from tests.contract.test_store_real import MULTISAMPLE, assembly_of, counted
from tests.federated import free_socket, serving
from tests.worlds_beacon import Conformance, load_check

JSON = dict[str, Any]
ASKED_OF_EACH = 12


@dataclass(frozen=True)
class Held:
    """A file as a dataset.  united: some of its lines tell of one allele, whose counts are put together."""

    dataset: str
    alleles: dict[Allele, Counts]
    united: bool


@pytest.fixture(scope="module")
def held(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[httpx.Client, list[Held]]]:
    folder = tmp_path_factory.mktemp("real")
    made = make_home(folder / "home", "http://127.0.0.1:8080", "Clinic", "FI")
    engine = db.connect(made.settings.database_url)
    files = []
    for number, file in enumerate(MULTISAMPLE):
        path, assembly, name = shared / "data" / file, assembly_of(file), f"file{number}"
        add_dataset(engine, Dataset(name, assembly, Policy.OPEN))
        report = ingest(engine, made.settings.ingest, path, name)
        united = any("united" in reason for _, reason in report.skipped)
        files.append(Held(name, counted(path, assembly), united))
    engine.dispose()
    listening, url = free_socket()
    with (
        serving(create_app(read_settings(folder / "home")), listening),
        httpx.Client(base_url=url, timeout=60) as client,
    ):
        yield client, files


def ask(client: httpx.Client, dataset: str, allele: Allele) -> JSON:
    place = allele.interval
    position, reference, alternate = allele.vcf
    variant = {
        "assemblyId": place.contig.assembly.value,
        "referenceName": f"refseq:{place.contig.accession}",
        "start": [position - 1],
        "referenceBases": reference,
        "alternateBases": alternate,
    }
    query = {
        "requestParameters": {"g_variant": variant, "datasets": {"datasetIds": [dataset]}},
        "requestedGranularity": "record",
        "includeResultsetResponses": "ALL",
    }
    reply = client.post("/beacon/g_variants", json={"meta": {"apiVersion": "v2.0"}, "query": query})
    assert reply.status_code == 200, reply.text
    document: JSON = reply.json()
    return document


@pytest.mark.shared
@pytest.mark.parametrize("number", range(len(MULTISAMPLE)), ids=MULTISAMPLE)
def test_alleles_are_answered_as_bcftools_counts_them(
    held: tuple[httpx.Client, list[Held]], shared: Path, number: int
) -> None:
    client, files = held
    conformance = Conformance(load_check(shared))
    file = files[number]
    dice = random.Random(number)
    there = [allele for allele, counts in file.alleles.items() if counts.ac]
    unseen = [allele for allele, counts in file.alleles.items() if not counts.ac]
    for allele in dice.sample(there, min(ASKED_OF_EACH, len(there))):
        answer = ask(client, file.dataset, allele)
        assert not conformance.faults(answer)
        assert answer["responseSummary"] == {"exists": True, "numTotalResults": 1}
        (record,) = answer["response"]["resultSets"][0]["results"]
        told = record["frequencyInPopulations"][0]["frequencies"][0]
        wanted = file.alleles[allele]
        if not file.united:
            assert (told["alleleCount"], told["alleleNumber"]) == (wanted.ac, wanted.an)
            assert (
                told["alleleCountHeterozygous"], told["alleleCountHomozygous"], told["alleleCountHemizygous"]
            ) == (wanted.het, wanted.hom, wanted.hemi)  # fmt: skip
        carriers = record.get("caseLevelData", [])
        if not file.united and told["alleleCount"] and wanted.carriers <= 100:
            assert len(carriers) == wanted.carriers
    for allele in dice.sample(unseen, min(ASKED_OF_EACH, len(unseen))):
        assert ask(client, file.dataset, allele)["responseSummary"]["exists"] is False
