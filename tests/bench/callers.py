"""Many callers at once, and a caller of one allele beside those who ask for much.

The wide questions count the alleles of a megabase among some of the people, so that each allele is looked at.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path

from node import db
from node.config import read_settings
from node.demo import HOSPITALS
from node.people import Format, import_people
from tests.bench.http import CONNECTIONS, POINT, ROUNDS, Server, make_node, middle, rate, serve, under_load
from tests.bench.lines import Line

CALLERS = 100
POINT_PATH = f"/beacon/g_variants?{POINT.format(granularity='count')}"
WIDE_PATH = (
    "/beacon/g_variants?assemblyId=GRCh37&referenceName=20&start=3000000&end=4000000"
    "&requestedGranularity=count&filters=sex:female"
)
WIDE_CALLERS = (0, 4, 16, 40)
SECONDS = 3.0


def lines() -> Iterator[Line]:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        make_node(home)
        engine = db.connect(read_settings(home).database_url)
        import_people(engine, "bench", HOSPITALS[0].files()[1], Format.BFF)
        engine.dispose()
        with serve(home) as node:
            node.rest()
            yield _crowded(node)
            for wide in WIDE_CALLERS:
                yield from _beside(node, wide)


def _crowded(node: Server) -> Line:
    """Beside as many connections as the other questions are asked by."""
    rounds = [(rate(node, POINT_PATH, CALLERS), rate(node, POINT_PATH)) for _ in range(ROUNDS)]
    many, few = middle(rounds)
    name = f"{CALLERS} callers of one allele ({CONNECTIONS}), answers by the second of processor time"
    return Line(name, many, "/s", few, least=0.8)


def _beside(node: Server, wide: int) -> Iterator[Line]:
    took = under_load(node, [POINT_PATH] + wide * [WIDE_PATH], SECONDS).took_s[0]
    centiles = statistics.quantiles(took, n=100)
    name = f"one allele beside {wide} callers of wide questions"
    yield Line(f"{name}, p50", centiles[49] * 1000, "ms")
    yield Line(f"{name}, p99", centiles[98] * 1000, "ms")
