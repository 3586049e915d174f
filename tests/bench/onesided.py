"""How many planted genotypes are found when somebody asks for their gene, and how many others with them.

Thirty published pathogenic genotypes lie in three real backgrounds: chr20 of 91 people and chr1 of 2,504 on
GRCh37, chr22 of 99 on GRCh38 (see `tests.planting`).  Each gene is asked for once; the genes of the
backgrounds, in which nothing was planted, tell how many people are found for nothing.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

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
    yield Line(f"{what}: a question, median", float(np.median(took)), "ms")
    began = time.perf_counter()
    garden.node.search.genes_of(garden.planted[0].dataset, garden.planted[0].individual)
    yield Line(f"{what}: candidate genes of one person", time.perf_counter() - began, "s")
