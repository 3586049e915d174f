"""How many planted genotypes are found when somebody asks for their gene, and how many others with them.

Thirty published pathogenic genotypes lie in three real backgrounds: chr20 of 91 people and chr1 of 2,504 on
GRCh37, chr22 of 99 on GRCh38 (see `tests.planting`).  Each gene is asked for once; the genes of the
backgrounds, in which nothing was planted, tell how many people are found for nothing.  Then each gene is
asked for in the way of another node, with the features of a patient of the same gene in another publication,
and it is counted who is named.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from schemas.access import Granularity
from schemas.mme import MatchRequest, read_request
from tests.bench.lines import Line
from tests.planting import Garden, planted

SHARED = Path(__file__).resolve().parents[3] / "shared"
_GENOTYPES = 30


def lines() -> Iterator[Line]:
    for annotated in (False, True):
        for with_table in (False, True):
            what = ("annotated" if annotated else "not annotated") + (", table" if with_table else "")
            with (
                tempfile.TemporaryDirectory() as folder,
                planted(
                    SHARED, Path(folder), _GENOTYPES, annotated=annotated, with_table=with_table
                ) as garden,
            ):
                yield from _measured(what, garden)


def _measured(what: str, garden: Garden) -> Iterator[Line]:
    found, others, took = 0, [], []
    for one in garden.planted:
        began = time.perf_counter()
        carriers = garden.node.search.carriers(one.patient.gene)
        took.append((time.perf_counter() - began) * 1000)
        names = {(each.dataset, each.individual) for each in carriers}
        found += (one.dataset, one.individual) in names
        others.append(len(names - {(one.dataset, one.individual)}))
    yield Line(f"{what}: recall of {len(garden.planted)}", found / len(garden.planted), "", least_ours=0.95)
    yield Line(f"{what}: others found with them, a question", float(np.mean(others)), "people")
    nothing = [len(garden.node.search.carriers(gene)) for gene in garden.neighbours]
    name = f"{what}: found in {len(nothing)} other genes, a question"
    yield Line(name, float(np.mean(nothing)), "people")
    yield from _named(what, garden)
    yield Line(f"{what}: a question, median", float(np.median(took)), "ms")
    question = _question("", next(iter(_mates(garden).values())))
    for name in ("first", "second"):
        began = time.perf_counter()
        _asked(garden, question)
        yield Line(f"{what}: zero-sided, the {name} time", time.perf_counter() - began, "s")
    began = time.perf_counter()
    garden.node.search.genes_of(garden.planted[0].dataset, garden.planted[0].individual)
    yield Line(f"{what}: candidate genes of one person", time.perf_counter() - began, "s")


def _mates(garden: Garden) -> dict[str, list[str]]:
    """By gene, the features of a patient of another publication."""
    own = {one.patient.id: one.patient.gene.symbol for one in garden.planted}
    lines = (SHARED / "data" / "cases" / "dev.jsonl").read_text(encoding="utf-8").splitlines()
    cases = [json.loads(line) for line in lines]
    known = {case["id"]: case for case in cases}
    mates: dict[str, list[str]] = {}
    for case in cases:
        for planted_id, symbol in own.items():
            mate = known[planted_id]
            if case["hgnc"] == mate["hgnc"] and case["pmids"] != mate["pmids"] and case["observed"]:
                mates.setdefault(symbol, case["observed"])
    return mates


def _named(what: str, garden: Garden) -> Iterator[Line]:
    mates = _mates(garden)
    desk = garden.node.exchange.carriers
    named, others, asked = 0, [], 0
    for one in garden.planted:
        symbol = one.patient.gene.symbol
        if symbol not in mates:
            continue
        asked += 1
        told = {each["patient"]["id"] for each in _asked(garden, _question(symbol, mates[symbol]))["results"]}
        own = desk.name_of(one.dataset, one.individual)
        named += own in told
        others.append(len(told - {own}))
    yield Line(f"{what}: named to a patient alike, of {asked}", named / asked, "")
    yield Line(f"{what}: others named with them, a question", float(np.mean(others)), "people")


def _question(symbol: str, features: list[str]) -> MatchRequest:
    patient = {
        "id": "q",
        "contact": {"name": "Dr A", "href": "mailto:a@hospital.example"},
        "features": [{"id": term} for term in features],
        "genomicFeatures": [{"gene": {"id": symbol}}] if symbol else [],
        "test": True,
    }
    return read_request(json.dumps({"patient": patient}).encode())


def _asked(garden: Garden, request: MatchRequest) -> Mapping[str, Any]:
    desk = garden.node.exchange.carriers
    return asyncio.run(desk.answer("peer bench", Granularity.RECORD, request))
