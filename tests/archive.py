"""Published rare-disease cases as a data base in which a patient's gene is looked for again.

A question is a case with a feature and with a mate: a case of the same gene in another publication.  Every
case of the question's own publication is left out, since families and tables of one paper make it trivial.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.mme import Patient
from tests.matching_worlds import a_patient


class Archive:
    """questions: numbers of all cases that can be asked."""

    def __init__(self, cases: list[dict[str, Any]]) -> None:
        self.cases = cases
        self.genes = np.array([case["hgnc"] for case in cases])
        self.publications = np.array([case["pmids"][0] for case in cases])
        self.keys = [hashlib.sha256(case["id"].encode()).hexdigest() for case in cases]
        self.questions = [
            number for number, case in enumerate(cases) if case["observed"] and self.mates(number).size
        ]

    @classmethod
    def read(cls, path: Path) -> Archive:
        with path.open(encoding="utf-8") as lines:
            return cls([json.loads(line) for line in lines])

    def sample(self, size: int) -> list[int]:
        """A fixed choice of questions."""
        return random.Random(7).sample(self.questions, size)

    def mates(self, number: int) -> NDArray[np.intp]:
        elsewhere = self.publications != self.publications[number]
        return np.flatnonzero(elsewhere & (self.genes == self.genes[number]))

    def ranks(self, number: int, likeness: NDArray[np.float64]) -> tuple[float, float]:
        """Rank among strangers of the best mate, and of one chosen by its id; ties count half."""
        elsewhere = self.publications != self.publications[number]
        strangers = likeness[elsewhere & (self.genes != self.genes[number])]
        mates = self.mates(number)
        needle = min(mates, key=self.keys.__getitem__)

        def rank(score: float) -> float:
            return 1 + float((strangers > score).sum() + (strangers == score).sum() / 2)

        return rank(likeness[mates].max()), rank(likeness[needle])


def top(ranks: list[float], most: int) -> float:
    """The share of ranks that are `most` or better."""
    return sum(rank <= most for rank in ranks) / len(ranks)


def read_symbols(shared: Path) -> list[str]:
    """Genes of which diseases are known, for decoys."""
    return symbols_in(shared / "data" / "reference" / "hpo_2026" / "gene_disease_2025-01-16.tsv.gz")


def symbols_in(table: Path) -> list[str]:
    """The first column of a table, in its order."""
    with gzip.open(table, "rt", encoding="utf-8") as lines:
        return [symbol for line in list(lines)[1:] if (symbol := line.split("\t")[0]) != "-"]


def with_decoys(case: dict[str, Any], symbols: list[str], decoys: int = 4) -> Patient:
    """The case with his gene and variants, and with `decoys` other candidate genes, always the same.

    Each of them has a variant, too, that nobody else has: else a variant alone would tell the causal gene.
    """
    chosen, placed = random.Random(case["id"]), random.Random(f"{case['id']} variants")
    named = [
        {"gene": {"id": case["gene"]}, "zygosity": variant["zygosity"], "variant": _variant(variant)}
        for variant in case["variants"]
    ] or [{"gene": {"id": case["gene"]}}]
    named += [
        {
            "gene": {"id": symbol},
            "zygosity": chosen.choice((1, 1, 2)),
            "variant": _variant(
                {
                    "assembly": "GRCh38",
                    "chrom": str(placed.randint(1, 20)),
                    "pos": placed.randint(10_000_000, 60_000_000),
                    "ref": "C",
                    "alt": placed.choice("AGT"),
                }
            ),
        }
        for symbol in chosen.sample(symbols, decoys)
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
