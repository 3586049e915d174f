"""Builds `node/reference/data/calibration.tsv`, which the node ships: what scores meant on published cases.

    PYTHONPATH=. python deploy/reference/make_calibration.py CASES.jsonl GENES.tsv.gz     (from the top)

CASES: a part of phenopacket-store (github monarch-initiative/phenopacket-store, BSD-3-Clause), a line each
with `id`, `hgnc`, `gene`, `pmids`, `observed` and `variants`, see `tests/archive.py`.  GENES: symbols of
genes of which diseases are known, in its first column.  No name of a gene, of a disease or of a patient is in
what comes out, and the same bytes come out of the same input.

All pairs of cases of different publications are scored, and it is counted how often they have the same causal
gene; every gene counts the same, however many of its cases were published.  In the settings with genes each
has so many, of which one is causal and the others are drawn from GENES, and only pairs that have one in
common are looked at.  From there a share that never falls as the score rises (pool adjacent violators); its
range holds 95 % of what comes out when genes are drawn anew with replacement.  Nothing is claimed of fewer
than `LEAST_GENES` genes: such scores mean what the next lower ones do.  The check that is printed fits one
half of the genes and looks at the other.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matchmaker.phenotype import TermSpace
from matchmaker.scoring import ALGORITHMS
from matchmaker.scoring.algorithm import Algorithm
from matchmaker.scoring.panel import Panel
from matchmaker.scoring.profile import Profile, Reader
from node.reference.genes import GeneTable
from node.reference.matching import HumanPhenotypes
from node.reference.ontology import Ontologies
from schemas.matching import Setting
from schemas.mme import Patient
from tests.archive import Archive, symbols_in, with_decoys
from tests.matching_worlds import a_patient

OUT = Path(__file__).resolve().parents[2] / "node" / "reference" / "data" / "calibration.tsv"
BINS = 100
LEAST_GENES = 25
DRAWS = 400
CANDIDATES = {Setting.FEATURES: 0, Setting.SOME_GENES: 5, Setting.MANY_GENES: 20}
SOURCE = "phenopacket-store b694d17ec6fd, 2026-06-25, BSD-3-Clause"

Table = NDArray[np.float64]


@dataclass(frozen=True)
class Counts:
    """Of each gene of the question and each bin of scores: pairs, and those that have the gene in common."""

    pairs: Table
    shared: Table

    def share(self, weights: Table) -> Table:
        """By bin, never falling; weights: of genes."""
        each = weights / np.maximum(self.pairs.sum(axis=1), 1)
        all_pairs, same = each @ self.pairs, each @ self.shared
        return rising(same, all_pairs)

    def within(self, genes: NDArray[np.bool_]) -> Counts:
        return Counts(self.pairs[genes], self.shared[genes])


def rising(same: Table, pairs: Table) -> Table:
    """The share of `same` in `pairs`, made to rise by pooling neighbours that do not."""
    blocks: list[list[float]] = []
    for block in zip(same, pairs, np.ones(len(pairs)), strict=True):
        blocks.append(list(block))
        while len(blocks) > 1 and blocks[-2][0] * blocks[-1][1] >= blocks[-1][0] * blocks[-2][1]:
            last = blocks.pop()
            blocks[-1] = [one + other for one, other in zip(blocks[-1], last, strict=True)]
    told: list[float] = []
    for found, among, width in blocks:
        told += [found / among if among else (told[-1] if told else 0.0)] * int(width)
    return np.array(told)


def counted(archive: Archive, reader: Reader, profiles: list[Profile], algorithm: Algorithm) -> Counts:
    panel = Panel(reader.space, profiles)
    names, genes = np.unique(archive.genes, return_inverse=True)
    pairs, shared = np.zeros((len(names), BINS)), np.zeros((len(names), BINS))
    for number, profile in enumerate(profiles):
        if not profile.observed.terms.size:
            continue
        scores = algorithm.scores(reader.space, profile, panel)
        bins = np.minimum((scores.total * BINS).astype(int), BINS - 1)
        other = archive.publications != archive.publications[number]
        if profile.candidates:
            other &= scores.genotype > 0
        same = other & (genes == genes[number])
        pairs[genes[number]] += np.bincount(bins[other], minlength=BINS)
        shared[genes[number]] += np.bincount(bins[same], minlength=BINS)
    return Counts(pairs, shared)


def pooled(counts: Counts) -> tuple[Counts, list[int]]:
    """Bins joined with lower ones until each speaks of enough genes; and where each begins."""
    starts: list[int] = []
    joined = np.zeros(counts.pairs.shape[0])
    for number in range(BINS - 1, -1, -1):
        joined += counts.pairs[:, number]
        if (joined > 0).sum() >= LEAST_GENES or number == 0:
            starts.append(number)
            joined = np.zeros(counts.pairs.shape[0])
    starts.reverse()
    return Counts(*(np.add.reduceat(each, starts, axis=1) for each in (counts.pairs, counts.shared))), starts


def steps(name: str, setting: Setting, whole: Counts) -> Iterator[str]:
    counts, starts = pooled(whole)
    known = counts.pairs.sum(axis=1) > 0
    counts = counts.within(known)
    chosen = np.random.default_rng(17)
    number = int(known.sum())
    share = counts.share(np.ones(number))
    drawn = np.array(
        [counts.share(chosen.multinomial(number, [1 / number] * number).astype(float)) for _ in range(DRAWS)]
    )
    low, high = np.percentile(drawn, [2.5, 97.5], axis=0)
    by_chance = float((counts.shared.sum(axis=1) / counts.pairs.sum(axis=1)).mean())
    first = 0
    for last in range(1, len(starts) + 1):
        if last < len(starts) and round(share[last], 4) == round(share[first], 4):
            continue
        genes = int((counts.pairs[:, first:last].sum(axis=1) > 0).sum())
        pairs = int(counts.pairs[:, first:last].sum())
        # So many genes that all agree say no more than this (the rule of three).
        least = min(low[first], max(1 - 3 / genes, low[first - 1] if first else 0))
        told = (starts[first] / BINS, share[first], least, high[first], by_chance)
        yield "\t".join([name, setting, *(f"{each:.4f}" for each in told), str(pairs), str(genes)])
        first = last


def check(name: str, setting: Setting, counts: Counts, keys: list[str]) -> None:
    """How far the shares of one half of the genes are from those of the other, where pairs are."""
    half = np.array([hashlib.sha256(key.encode()).digest()[0] % 2 == 0 for key in keys])
    known = counts.pairs.sum(axis=1) > 0
    one, other = (counts.within(known & side) for side in (half, ~half))
    fitted, seen = one.share(np.ones(len(one.pairs))), other.share(np.ones(len(other.pairs)))
    shared = other.shared.sum(axis=0)
    off = float((np.abs(fitted - seen) * shared).sum() / shared.sum())
    sys.stdout.write(f"{name}, {setting}: over pairs that share the gene, {off:.3f} off on other genes\n")


def described(case: dict[str, Any], symbols: list[str], candidates: int) -> Patient:
    if candidates:
        return with_decoys(case, symbols, candidates - 1)
    return a_patient(case["id"], features=case["observed"] or ["-"])


def main() -> None:
    archive = Archive.read(Path(sys.argv[1]))
    reader = Reader(TermSpace(HumanPhenotypes(Ontologies())), GeneTable())
    symbols = symbols_in(Path(sys.argv[2]))
    lines = [
        f"# {SOURCE}; {len(archive.cases)} cases of {len(set(archive.genes))} genes",
        "algorithm\tsetting\tfrom\tshared\tlow\thigh\tby_chance\tpairs\tgenes",
    ]
    for setting, candidates in CANDIDATES.items():
        profiles = [reader.read(described(case, symbols, candidates)) for case in archive.cases]
        for name, algorithm in ALGORITHMS.items():
            counts = counted(archive, reader, profiles, algorithm)
            lines += steps(name, setting, counts)
            check(name, setting, counts, list(np.unique(archive.genes)))
    OUT.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
