"""Real patients: the 50 of the exchange's own benchmark, and published cases to find again by their gene."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from matchmaker.match import Matchmaker, released
from matchmaker.phenotype import TermSpace
from matchmaker.scoring import ALGORITHMS, DEFAULT
from matchmaker.scoring.algorithm import Algorithm
from matchmaker.scoring.panel import Panel
from matchmaker.scoring.profile import Profile, Reader
from schemas.matching import Case, Limits, Sharing
from schemas.mme import read_patient, read_request, read_response
from tests.archive import Archive, read_symbols, top, with_decoys
from tests.matching_worlds import a_patient, matched, real_genes, real_ontology

pytestmark = pytest.mark.shared
QUERIES = 80


@pytest.fixture(scope="module")
def reader(shared: Path) -> Reader:
    return Reader(TermSpace(real_ontology(shared)), real_genes(shared))


@pytest.fixture(scope="module")
def benchmark(shared: Path) -> list[dict[str, Any]]:
    loaded: list[dict[str, Any]] = json.loads(
        (shared / "data" / "mme" / "benchmark_patients.json").read_text()
    )
    return loaded


def test_the_benchmark_patients_go_through_unchanged(benchmark: list[dict[str, Any]]) -> None:
    assert len(benchmark) == 50
    for document in benchmark:
        patient = read_request(orjson.dumps({"patient": document})).patient
        given = {name: part for name, part in document.items() if part != []}
        assert patient.document() == given
        # What has no place cannot be told strictly; everything else leaves as it came.
        for feature in given["genomicFeatures"]:
            if "start" not in feature["variant"]:
                del feature["variant"]
        left = released(Case(patient, Sharing.VARIANT))
        assert left is not None
        assert left.document() == given


def test_every_benchmark_patient_finds_his_mates(benchmark: list[dict[str, Any]], reader: Reader) -> None:
    """A mate has a candidate gene in common; KARS, GARS and SGOL1 are former symbols."""
    patients = [read_patient(document) for document in benchmark]
    profiles = {patient.id: reader.read(patient) for patient in patients}
    assert not [profile.unknown for profile in profiles.values() if profile.unknown]
    cases = [Case(patient, Sharing.GENE) for patient in patients]
    maker = Matchmaker(reader, limits=Limits(max_results=50, min_score=0.0))
    with_mates = 0
    for patient in patients:
        mine = profiles[patient.id].candidates.keys()
        mates = {
            each.id
            for each in patients
            if each is not patient and not mine.isdisjoint(profiles[each.id].candidates)
        }
        answer = matched(maker, patient, cases, besides={patient.id})
        with_mates += bool(mates)
        assert {match.patient.id for match in answer.found[: len(mates)]} == mates
        again, unreadable = read_response(orjson.dumps(answer.response().document()))
        assert (again, unreadable) == (answer.response(), 0)
    assert with_mates == 34


@pytest.fixture(scope="module")
def archive(shared: Path) -> Archive:
    return Archive.read(shared / "data" / "cases" / "dev.jsonl")


def _totals(algorithm: Algorithm, reader: Reader, query: Profile, panel: Panel) -> np.ndarray:
    return algorithm.scores(reader.space, query, panel).total


def test_phenotype_alone_finds_the_gene_again(archive: Archive, reader: Reader) -> None:
    """Floors just under what a fixed sample gives, so they hold exactly or not at all."""
    profiles = [
        reader.read(a_patient(case["id"], features=case["observed"] or ["-"])) for case in archive.cases
    ]
    panel = Panel(reader.space, profiles)
    found = {
        name: [
            archive.ranks(number, _totals(algorithm, reader, profiles[number], panel))
            for number in archive.sample(QUERIES)
        ]
        for name, algorithm in ALGORITHMS.items()
    }
    cohort, needle = (list(ranks) for ranks in zip(*found["semantic"], strict=True))
    plain_cohort, plain_needle = (list(ranks) for ranks in zip(*found["overlap"], strict=True))
    assert top(cohort, 1) >= 0.57
    assert top(cohort, 5) >= 0.68
    assert top(needle, 1) >= 0.23
    assert top(needle, 5) >= 0.31
    assert top(plain_cohort, 1) < top(cohort, 1)
    assert top(plain_needle, 5) < top(needle, 5)


def test_detail_that_agrees_finds_the_gene_among_decoys(
    shared: Path, archive: Archive, reader: Reader
) -> None:
    """Five candidate genes on both sides, one causal: named only, then with variants and zygosity."""
    symbols = read_symbols(shared)
    told: dict[Sharing, float] = {}
    for sharing in (Sharing.GENE, Sharing.VARIANT):
        patients = [released(Case(with_decoys(case, symbols), sharing)) for case in archive.cases]
        profiles = [reader.read(patient) for patient in patients if patient is not None]
        panel = Panel(reader.space, profiles)
        ranks = [
            archive.ranks(number, _totals(DEFAULT, reader, profiles[number], panel))[1]
            for number in archive.sample(QUERIES)
        ]
        told[sharing] = top(ranks, 1)
    assert told[Sharing.VARIANT] >= 0.64
    assert told[Sharing.VARIANT] > told[Sharing.GENE] >= 0.56
