"""The same questions to the same data on SQLite and on PostgreSQL: to the store itself, and over HTTP.

PostgreSQL runs on this machine with the guarantees it has by default, and shares its processors.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tests import engines
from tests.bench import http, store


@dataclass(frozen=True)
class Compared:
    """One measurement on both, in the unit that its name gives."""

    name: str
    sqlite: float
    postgresql: float

    @property
    def ratio(self) -> float:
        """PostgreSQL over SQLite."""
        return self.postgresql / self.sqlite


def run() -> list[Compared]:
    """Every measurement; none where there is no PostgreSQL.  Takes a minute."""
    found = engines.programs()
    if found is None:
        return []
    with tempfile.TemporaryDirectory() as folder, engines.server(found, durable=True) as server:
        in_store = _in_store(Path(folder), server.new_database())
        return [*in_store, *_over_http(Path(folder), server.new_database())]


def _in_store(folder: Path, url: str) -> Iterator[Compared]:
    path = store.cohort(folder / "cohort.vcf.gz")
    sqlite, postgresql = store.run(path), store.run(path, url=url)
    for name, field in (
        ("ingest, s", "ingest_wall_s"),
        ("point lookup: seen?, us", "exists_us"),
        ("point lookup: record, us", "find_us"),
        ("point lookup: record over a tenth of the people, us", "find_some_us"),
        ("count of 1 Mb, ms", "count_1mb_ms"),
        ("count of 1 Mb over a tenth of the people, ms", "count_some_1mb_ms"),
    ):
        yield Compared(name, getattr(sqlite, field), getattr(postgresql, field))


def _over_http(folder: Path, url: str) -> Iterator[Compared]:
    homes = folder / "sqlite", folder / "postgresql"
    for home, database in zip(homes, (None, url), strict=True):
        http.make_node(home, database)
    with ExitStack() as stack:
        nodes = [stack.enter_context(http.serve(home)) for home in homes]
        for name, question in http.QUESTIONS.items():
            addresses = [f"{node}/beacon/g_variants?{question}" for node in nodes]
            # By turns, so that whatever else the machine does falls on both.
            rounds = [[http.rate(address) for address in addresses] for _ in range(http.ROUNDS)]
            sqlite, postgresql = (statistics.median(side) for side in zip(*rounds, strict=True))
            yield Compared(f"HTTP {name}, answers/s", sqlite, postgresql)
