"""The same questions to the same data on SQLite and on PostgreSQL: to the store itself, and over HTTP.

PostgreSQL runs on this machine with the guarantees it has by default, and shares its processors.  The store
is measured by the clock, since another process does half of the work.
"""

from __future__ import annotations

import itertools
import statistics
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

from schemas.ports import Page
from tests import engines
from tests.bench import http
from tests.bench.cohorts import cohort
from tests.bench.lines import Line
from tests.bench.store import Loaded, loaded, wall


def lines() -> Iterator[Line]:
    """Every measurement; none where there is no PostgreSQL.  Takes a minute."""
    found = engines.programs()
    if found is None:
        return
    with tempfile.TemporaryDirectory() as folder, engines.server(found, durable=True) as server:
        yield from _in_store(server.new_database())
        yield from _over_http(Path(folder), server.new_database())


def _in_store(url: str) -> Iterator[Line]:
    with loaded(cohort()) as sqlite, loaded(cohort(), url) as postgresql:
        yield Line("ingest", postgresql.ingest_wall_s, "s", sqlite.ingest_wall_s)
        for name, times in (("seen?", 2000), ("record", 2000), ("count of 1 Mb", 20), ("page of 10", 500)):
            theirs, ours = (1e6 * wall(_question(held, name), times) for held in (sqlite, postgresql))
            yield Line(name, ours, "us", theirs)


def _question(held: Loaded, name: str) -> Callable[[], object]:
    ten, points, megabases = Page(0, 10), itertools.cycle(held.points), itertools.cycle(held.megabases)
    return {
        "seen?": lambda: held.store.exists("here", next(points)),
        "record": lambda: held.store.find("here", next(points), ten),
        "count of 1 Mb": lambda: held.store.count("here", next(megabases)),
        "page of 10": lambda: held.store.find("here", next(megabases), ten),
    }[name]


def _over_http(folder: Path, url: str) -> Iterator[Line]:
    homes = folder / "sqlite", folder / "postgresql"
    for home, database in zip(homes, (None, url), strict=True):
        http.make_node(home, database)
    with ExitStack() as stack:
        nodes = [stack.enter_context(http.serve(home)) for home in homes]
        for node in nodes:
            node.rest()
        for name, question in http.QUESTIONS.items():
            path = f"/beacon/g_variants?{question}"
            # By turns, so that whatever else the machine does falls on both.
            rounds = [[http.rate(node, path) for node in nodes] for _ in range(http.ROUNDS)]
            sqlite, postgresql = (statistics.median(side) for side in zip(*rounds, strict=True))
            yield Line(f"HTTP: {name}", postgresql, "/s", sqlite, least=0.4)
