"""`make bench`: every measurement beside a floor of the same run; `make bench ONLY=ingest,http`: some."""

from __future__ import annotations

import argparse
import os
import platform

from rich.console import Console

from tests.bench import (
    callers,
    engines,
    files,
    growth,
    http,
    matching,
    network,
    onesided,
    peers,
    store,
    together,
)
from tests.bench.cohorts import cohort
from tests.bench.lines import show

PARTS = {
    "ingest": ("Ingest", lambda: store.ingest_lines(cohort(2504, 4.5))),
    "files": ("Files of one person each, processor time", files.lines),
    "lookup": ("Lookups, processor time a call", lambda: store.lookup_lines(cohort())),
    "growth": ("Growth, over the smallest", growth.lines),
    "together": ("At once, by the clock", together.lines),
    "peers": ("Other ways to hold it", peers.lines),
    "http": ("HTTP, answers by the second of the server's processor time", http.lines),
    "callers": ("Callers at once", callers.lines),
    "network": ("A network, peers answering after 50 ms", network.lines),
    "matching": ("Matching published patients", matching.lines),
    "onesided": ("Planted genotypes found by their gene", onesided.lines),
    "engines": ("PostgreSQL (SQLite)", engines.lines),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--only", default="", help=f"some of {', '.join(PARTS)}, joined by commas")
    wanted = [part for part in parser.parse_args().only.split(",") if part] or list(PARTS)
    if strangers := set(wanted) - set(PARTS):
        parser.error(f"there is no part {', '.join(sorted(strangers))}; there are {', '.join(PARTS)}")
    out = Console(highlight=False, width=120)
    out.print(f"Python {platform.python_version()}, {os.cpu_count()} processors")
    for part in wanted:
        title, lines = PARTS[part]
        load = os.getloadavg()[0]
        show(out, f"{title} (load {load:.1f} at the start)", lines())


if __name__ == "__main__":
    main()
