"""Real patients: the 50 of the exchange's own benchmark, and published cases to find again by their gene."""

from __future__ import annotations

import gzip
import hashlib
import json
import random
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
from schemas.mme import Patient, read_patient, read_request, read_response
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


class Archive:
    """Published cases as a data base: whose gene is looked for again in other publications."""

    def __init__(self, cases: list[dict[str, Any]]) -> None:
        self.cases = cases
        self.genes = np.array([case["hgnc"] for case in cases])
        self.publications = np.array([case["pmids"][0] for case in cases])
        self.keys = [hashlib.sha256(case["id"].encode()).hexdigest() for case in cases]
        # a term and a case of the same gene elsewhere make a question; a fixed choice of them
        asked = [number for number, case in enumerate(cases) if case["observed"] and self.mates(number).size]
        self.questions = random.Random(7).sample(asked, QUERIES)

    def mates(self, number: int) -> np.ndarray:
        elsewhere = self.publications != self.publications[number]
        return np.flatnonzero(elsewhere & (self.genes == self.genes[number]))

    def ranks(self, number: int, likeness: np.ndarray) -> tuple[float, float]:
        """Rank among strangers of the best mate, and of one chosen by its id; ties count half."""
        elsewhere = self.publications != self.publications[number]
        strangers = likeness[elsewhere & (self.genes != self.genes[number])]
        mates = self.mates(number)
        needle = min(mates, key=self.keys.__getitem__)

        def rank(score: float) -> float:
            return 1 + float((strangers > score).sum() + (strangers == score).sum() / 2)

        return rank(likeness[mates].max()), rank(likeness[needle])


@pytest.fixture(scope="module")
def archive(shared: Path) -> Archive:
    with (shared / "data" / "cases" / "dev.jsonl").open(encoding="utf-8") as lines:
        return Archive([json.loads(line) for line in lines])


def _totals(algorithm: Algorithm, reader: Reader, query: Profile, panel: Panel) -> np.ndarray:
    return algorithm.scores(reader.space, query, panel).total


def _top(ranks: list[float], most: int) -> float:
    return sum(rank <= most for rank in ranks) / len(ranks)


def test_phenotype_alone_finds_the_gene_again(archive: Archive, reader: Reader) -> None:
    """Floors just under what a fixed sample gives, so they hold exactly or not at all."""
    profiles = [
        reader.read(a_patient(case["id"], features=case["observed"] or ["-"])) for case in archive.cases
    ]
    panel = Panel(reader.space, profiles)
    found = {
        name: [
            archive.ranks(number, _totals(algorithm, reader, profiles[number], panel))
            for number in archive.questions
        ]
        for name, algorithm in ALGORITHMS.items()
    }
    cohort, needle = (list(ranks) for ranks in zip(*found["semantic"], strict=True))
    plain_cohort, plain_needle = (list(ranks) for ranks in zip(*found["overlap"], strict=True))
    assert _top(cohort, 1) >= 0.57
    assert _top(cohort, 5) >= 0.68
    assert _top(needle, 1) >= 0.23
    assert _top(needle, 5) >= 0.31
    assert _top(plain_cohort, 1) < _top(cohort, 1)
    assert _top(plain_needle, 5) < _top(needle, 5)


def test_detail_that_agrees_finds_the_gene_among_decoys(
    shared: Path, archive: Archive, reader: Reader
) -> None:
    """Five candidate genes on both sides, one causal: named only, then with variants and zygosity."""
    table = shared / "data" / "reference" / "hpo_2026" / "gene_disease_2025-01-16.tsv.gz"
    with gzip.open(table, "rt", encoding="utf-8") as lines:
        symbols = [symbol for line in list(lines)[1:] if (symbol := line.split("\t")[0]) != "-"]
    told: dict[Sharing, float] = {}
    for sharing in (Sharing.GENE, Sharing.VARIANT):
        patients = [released(Case(_with_decoys(case, symbols), sharing)) for case in archive.cases]
        profiles = [reader.read(patient) for patient in patients if patient is not None]
        panel = Panel(reader.space, profiles)
        ranks = [
            archive.ranks(number, _totals(DEFAULT, reader, profiles[number], panel))[1]
            for number in archive.questions
        ]
        told[sharing] = _top(ranks, 1)
    assert told[Sharing.VARIANT] >= 0.64
    assert told[Sharing.VARIANT] > told[Sharing.GENE] >= 0.56


def _with_decoys(case: dict[str, Any], symbols: list[str]) -> Patient:
    chosen = random.Random(case["id"])
    named = [
        {"gene": {"id": case["gene"]}, "zygosity": variant["zygosity"], "variant": _variant(variant)}
        for variant in case["variants"]
    ] or [{"gene": {"id": case["gene"]}}]
    named += [
        {"gene": {"id": symbol}, "zygosity": chosen.choice((1, 1, 2))} for symbol in chosen.sample(symbols, 4)
    ]
    return a_patient(case["id"], features=case["observed"], genomicFeatures=named)


def _variant(variant: dict[str, Any]) -> dict[str, Any] | None:
    if "sv" in variant:
        return None
    return {
        "assembly": variant["assembly"],
        "referenceName": variant["chrom"],
        "start": variant["pos"] - 1,
        "referenceBases": variant["ref"],
        "alternateBases": variant["alt"],
    }
