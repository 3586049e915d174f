"""A whole answer over HTTP, beside a real patientMatcher: the same published cases, by turns in one run.

What a patient is answered with is compared, too: how often the one mate that is left in the data base comes
first.  patientMatcher (`.ci/run` installs it) has its data base in memory and no way to Ensembl, which it
asks about every gene, so that nothing but its own matching is measured; terms that it does not know are taken
out of its patients.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from matchmaker.phenotype import TermSpace
from matchmaker.scoring import DEFAULT
from matchmaker.scoring.panel import Panel
from matchmaker.scoring.profile import Reader
from node.app import open_node
from node.cases import OPERATOR, Deposit
from node.config import CONFIG_NAME, read_settings
from node.home import make_home
from node.reference.matching import HumanPhenotypes
from node.reference.ontology import Ontologies
from schemas.matching import Sharing
from schemas.mme import Patient
from tests.archive import Archive, read_symbols, top, with_decoys
from tests.bench.http import Server, serve
from tests.bench.lines import Line
from tests.matching_worlds import a_patient, real_genes

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared"
PYTHON = Path(
    os.environ.get("VARHAVEN_PATIENTMATCHER", ROOT / ".peers" / "patientmatcher" / "bin" / "python")
)
TOKEN = "of-the-measurement"  # for a server on this machine, for some minutes
MIME = "application/vnd.ga4gh.matchmaker.v1.0+json"
SETTINGS = '[matchmaker]\nrate_per_minute = 1000000\nbudget_per_day = 1000000\nrematch_at = ""\n'
RANKED = 120  # questions whose answers are compared
TIMED = 30  # questions that are timed
MANY, LARGE = 4_000, 100_000


@dataclass(frozen=True)
class Exchange:
    """A server of Matchmaker Exchange; path: of its questions."""

    url: str
    path: str
    token: str
    process: int

    def ask(self, http: httpx.Client, patient: Patient) -> Mapping[str, float]:
        """Scores by patient.  Raises RuntimeError: no answer."""
        headers = {"x-auth-token": self.token, "content-type": MIME, "accept": MIME}
        body = json.dumps({"patient": patient.document()}).encode()
        answer = http.post(self.url + self.path, content=body, headers=headers)
        if answer.status_code != 200:
            raise RuntimeError(f"{self.url} answered {answer.status_code}")
        return {one["patient"]["id"]: one["score"]["patient"] for one in answer.json()["results"]}

    def ms(self, patients: Sequence[Patient]) -> tuple[float, float]:
        """Of one question: by the clock, median, and the server's processor time, mean."""
        taken = []
        server = Server(self.url, self.process)
        with httpx.Client(trust_env=False, timeout=600) as http:
            self.ask(http, patients[0])  # whatever is read at the first question
            before = server.used_s()
            for patient in patients:
                began = time.perf_counter()
                self.ask(http, patient)
                taken.append((time.perf_counter() - began) * 1000)
            used_ms = (server.used_s() - before) * 1000 / len(patients)
        return statistics.median(taken), used_ms

    @property
    def memory_mb(self) -> float:
        """Spec: proc(5), /proc/pid/status."""
        text = Path(f"/proc/{self.process}/status").read_text()
        return int(next(line for line in text.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


@contextmanager
def varhaven(folder: Path, patients: Sequence[Patient]) -> Iterator[Exchange]:
    """A node of these cases, which has read them."""
    home = folder / f"home-{len(patients)}"
    make_home(home, "http://127.0.0.1:1", "Bench", "FI")
    with (home / CONFIG_NAME).open("a", encoding="utf-8") as file:
        file.write(SETTINGS)
    with open_node(read_settings(home)) as node:
        token = node.exchange.tokens.issue("bench")
        deposits = (Deposit(patient, Sharing.VARIANT, "peer lab") for patient in patients)
        node.exchange.book.add(OPERATOR, deposits)
    with serve(home) as server:
        made: Server = server
        made.rest()
        yield Exchange(made.url, "/mme/match", token, made.process)


@contextmanager
def patientmatcher(folder: Path, patients: Sequence[Patient], results: int) -> Iterator[Exchange]:
    lines = folder / f"patients-{len(patients)}.jsonl"
    lines.write_text("\n".join(json.dumps(patient.document()) for patient in patients), encoding="utf-8")
    told = {"token": TOKEN, "node": "http://127.0.0.1:1", "node_token": TOKEN}
    told |= {"patients": str(lines), "results": results}
    command = [str(PYTHON), str(ROOT / "tests" / "patientmatcher_server.py")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            server.stdin.write(json.dumps(told) + "\n")
            server.stdin.flush()
            port = server.stdout.readline().split()[1]
            yield Exchange(f"http://127.0.0.1:{port}", "/match", TOKEN, server.pid)
        finally:
            server.terminate()


@dataclass(frozen=True)
class Way:
    """How patients are told: with features alone, or with candidate genes, too."""

    name: str
    patients: list[Patient]


def ways(archive: Archive) -> list[Way]:
    symbols = read_symbols(SHARED)
    alone = [a_patient(case["id"], features=case["observed"]) for case in archive.cases]
    told = [with_decoys(case, symbols) for case in archive.cases]
    return [Way("features alone", alone), Way("5 candidate genes with variants", told)]


def ranks(exchange: Exchange, way: Way, archive: Archive, questions: Sequence[int]) -> list[float]:
    """Of the one mate that is left; a patient who is not in the answer has nothing in common."""
    found = []
    with httpx.Client(trust_env=False, timeout=600) as http:
        for number in questions:
            scores = exchange.ask(http, way.patients[number])
            likeness = np.array([scores.get(case["id"], 0.0) for case in archive.cases])
            found.append(archive.ranks(number, likeness)[1])
    return found


def own_ranks(way: Way, archive: Archive, questions: Sequence[int]) -> list[float]:
    """The same without HTTP, which tells of the best few only."""
    reader = Reader(TermSpace(HumanPhenotypes(Ontologies())), real_genes(SHARED))
    profiles = [reader.read(patient) for patient in way.patients]
    panel = Panel(reader.space, profiles)
    return [
        archive.ranks(number, DEFAULT.scores(reader.space, profiles[number], panel).total)[1]
        for number in questions
    ]


def lines() -> Iterator[Line]:
    """Nothing where the published cases are not at hand; patientMatcher where it is installed.  Minutes."""
    if not SHARED.is_dir():
        return
    whole = Archive.read(SHARED / "data" / "cases" / "dev.jsonl")
    archive = Archive([case for case in whole.cases if case["observed"]])
    questions = random.Random(7).sample(archive.questions, RANKED)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for way in ways(archive):
            yield from _beside(folder / way.name.split()[0], way, archive, questions)
        yield from _large(folder, archive)


def _beside(folder: Path, way: Way, archive: Archive, questions: Sequence[int]) -> Iterator[Line]:
    folder.mkdir()
    with_it = PYTHON.is_file()
    ours = own_ranks(way, archive, questions)
    theirs: list[float] = []
    if with_it:
        with patientmatcher(folder, way.patients, len(way.patients)) as other:
            theirs = ranks(other, way, archive, questions)
    for what, of in (("first", _first), ("mean of 1/rank", _inverse)):
        floor = of(theirs) if with_it else None
        yield Line(f"{way.name}, the one mate: {what}", of(ours), "", floor, least=1.0 if with_it else None)
    some, asked = way.patients[:MANY], [way.patients[number] for number in questions[:TIMED]]
    with ExitStack() as stack:
        node = stack.enter_context(varhaven(folder, some))
        other = stack.enter_context(patientmatcher(folder, some, 10)) if with_it else None
        ms, used_ms = node.ms(asked)
        other_ms, other_used_ms = other.ms(asked[:10]) if other else (None, None)
        name = f"{way.name}, an answer over HTTP, {MANY:,} cases"
        yield Line(f"{name}: by the clock", ms, "ms", other_ms)
        yield Line(f"{name}: processor time", used_ms, "ms", other_used_ms, most_ours=20.0)
        yield Line(
            f"{way.name}, memory of the server", node.memory_mb, "MB", other.memory_mb if other else None
        )


def _first(found: Sequence[float]) -> float:
    return top(list(found), 1)


def _inverse(found: Sequence[float]) -> float:
    return float((1 / np.array(found)).mean())


def _large(folder: Path, archive: Archive) -> Iterator[Line]:
    """Invented: terms of published patients dealt out anew."""
    chosen = random.Random(11)
    names = [term for case in archive.cases for term in case["observed"]]
    symbols = read_symbols(SHARED)

    def invented(number: int) -> Patient:
        features = chosen.sample(names, chosen.randint(3, 12))
        fields: dict[str, Any] = {"features": features, "genomicFeatures": [chosen.choice(symbols)]}
        return a_patient(f"I{number}", **fields)

    with varhaven(folder, [invented(number) for number in range(LARGE)]) as node:
        asked = [invented(LARGE + number) for number in range(TIMED)]
        ms, used_ms = node.ms(asked)
        yield Line(f"an answer over HTTP, {LARGE:,} invented cases: by the clock", ms, "ms")
        yield Line("the same: processor time", used_ms, "ms", most_ours=100.0)
        yield Line(f"memory of the server, {LARGE:,} invented cases", node.memory_mb, "MB")
