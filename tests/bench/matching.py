"""How well and how fast patients are matched: published cases, with the tables that the node ships.

`cohort` ranks the best of all mates in other publications, `needle` one mate chosen by its id, as if it were
the only one in the world.  MRR is the mean of 1/rank, over questions (micro) and over genes (macro).
"""

from __future__ import annotations

import random
import resource
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from matchmaker.match import released
from matchmaker.phenotype import TermSpace
from matchmaker.scoring import ALGORITHMS, DEFAULT
from matchmaker.scoring.algorithm import Algorithm
from matchmaker.scoring.panel import Panel
from matchmaker.scoring.profile import Profile, Reader
from node.reference.matching import HumanPhenotypes
from node.reference.ontology import Ontologies
from schemas.matching import Case, Sharing
from tests.archive import Archive, read_symbols, top, with_decoys
from tests.bench import exchanges
from tests.bench.lines import Line
from tests.matching_worlds import a_patient, real_genes

SHARED = Path(__file__).resolve().parents[3] / "shared"
_QUESTIONS = 40  # for timing
_LARGE = 100_000


@dataclass(frozen=True)
class Found:
    """Ranks of one way to ask, and the genes that were looked for."""

    name: str
    cohort: list[float]
    needle: list[float]
    genes: list[str]

    def row(self) -> list[str]:
        told = [self.name]
        for ranks in (self.cohort, self.needle):
            told += [f"{top(ranks, most):.3f}" for most in (1, 5, 10)]
            told += [f"{(1 / np.array(ranks)).mean():.3f}", f"{self.macro(ranks):.3f}"]
        return told

    def macro(self, ranks: list[float]) -> float:
        """The mean of 1/rank of each gene, and the mean of that: many cases of one gene count once."""
        inverse, genes = 1 / np.array(ranks), np.array(self.genes)
        return float(np.mean([inverse[genes == gene].mean() for gene in np.unique(genes)]))


@dataclass(frozen=True)
class Timed:
    """ms: of one question, median.  peak_mb: of this process."""

    cases: int
    ms: float
    peak_mb: float


def run() -> tuple[list[Found], list[Timed]]:
    """Nothing where the published cases are not at hand."""
    if not SHARED.is_dir():
        return [], []
    archive = Archive.read(SHARED / "data" / "cases" / "dev.jsonl")
    reader = Reader(TermSpace(HumanPhenotypes(Ontologies())), real_genes(SHARED))
    profiles = [reader.read(a_patient(c["id"], features=c["observed"] or ["-"])) for c in archive.cases]
    found = [
        _asked(f"phenotype alone, {name}", algorithm, archive, reader, profiles)
        for name, algorithm in ALGORITHMS.items()
    ]
    found += _with_genes(archive, reader)
    return found, list(_timed(reader, profiles))


def _asked(
    name: str, algorithm: Algorithm, archive: Archive, reader: Reader, profiles: list[Profile]
) -> Found:
    panel = Panel(reader.space, profiles)
    ranks = [
        archive.ranks(number, algorithm.scores(reader.space, profiles[number], panel).total)
        for number in archive.questions
    ]
    cohort, needle = (list(each) for each in zip(*ranks, strict=True))
    return Found(name, cohort, needle, [archive.genes[number] for number in archive.questions])


def _with_genes(archive: Archive, reader: Reader) -> Iterator[Found]:
    symbols = read_symbols(SHARED)
    for genes in (1, 5, 20):
        for sharing in (Sharing.GENE, Sharing.VARIANT):
            told = [released(Case(with_decoys(c, symbols, genes - 1), sharing)) for c in archive.cases]
            profiles = [reader.read(patient) for patient in told if patient is not None]
            yield _asked(
                f"{genes} candidate genes, {sharing.value}s told", DEFAULT, archive, reader, profiles
            )


def _timed(reader: Reader, profiles: list[Profile]) -> Iterator[Timed]:
    """The first is the published cases; for the larger, terms are dealt out anew among them."""
    terms = np.concatenate([each.observed.terms for each in profiles])
    chosen = random.Random(11)
    names = [reader.space.term(number).id for number in terms.tolist()]
    described = [each for each in profiles if each.observed.terms.size]
    invented = [
        reader.read(a_patient(f"I{number}", features=chosen.sample(names, chosen.randint(3, 12))))
        for number in range(_LARGE)
    ]
    for many in (profiles[:4000], invented):
        panel = Panel(reader.space, many)
        taken = []
        for number in range(_QUESTIONS):
            began = time.perf_counter()
            DEFAULT.scores(reader.space, described[number * 37], panel)
            taken.append((time.perf_counter() - began) * 1000)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        yield Timed(len(many), float(np.median(taken)), peak)


def lines() -> Iterator[Line]:
    """What the goals speak of; nothing where the published cases are not at hand.  Some minutes."""
    found, timed = run()
    for each in found:
        for kind, ranks in (("cohort", each.cohort), ("needle", each.needle)):
            goals = _GOALS.get((each.name, kind), (None, None))
            first, inverse = top(ranks, 1), float((1 / np.array(ranks)).mean())
            yield Line(f"{each.name}, {kind}: first", first, "", least_ours=goals[0])
            yield Line(f"{each.name}, {kind}: mean of 1/rank", inverse, "", least_ours=goals[1])
            yield Line(f"{each.name}, {kind}: the same by gene", each.macro(ranks), "")
    for one in timed:
        most_ms = 20.0 if one.cases < _LARGE else 100.0
        yield Line(f"comparing one with {one.cases:,} cases", one.ms, "ms", most_ours=most_ms)
    yield from exchanges.lines()


# By the name of a way to ask: at least so many first, and so high a mean of 1/rank.
_GOALS = {
    ("phenotype alone, semantic", "cohort"): (None, 0.63),
    ("phenotype alone, semantic", "needle"): (None, 0.255),
    ("1 candidate genes, variants told", "needle"): (1.0, 1.0),
    ("5 candidate genes, variants told", "needle"): (0.65, None),
}


def show(out: Console, found: list[Found], timed: list[Timed]) -> None:
    if not found:
        out.print("matching: the published cases are not at hand, so nothing was measured")
        return
    heads = [
        f"{kind} {what}" for kind in ("cohort", "needle") for what in ("top 1", "5", "10", "MRR", "macro")
    ]
    table = Table(
        "matching", *heads, title=f"{len(found[0].cohort):,} published patients look for their gene"
    )
    for each in found:
        table.add_row(*each.row())
    out.print(table)
    speed = Table("cases", "ms a question", "peak memory of the measuring process, MB")
    for one in timed:
        speed.add_row(f"{one.cases:,}", f"{one.ms:.1f}", f"{one.peak_mb:,.0f}")
    out.print(speed)


if __name__ == "__main__":
    show(Console(width=200), *run())
