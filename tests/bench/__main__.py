"""`make bench`: every measurement, printed as ratios to floors of the same run."""

from __future__ import annotations

import argparse
import os
import platform
from pathlib import Path

from rich.console import Console
from rich.table import Table

from schemas.genome import Assembly
from tests.bench import engines, http, network, store


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument(
        "--vcf", type=Path, help="ingest this file; a cohort of 2,504 people is made up otherwise"
    )
    parser.add_argument("--assembly", type=Assembly.read, default=Assembly.GRCH37, help="of --vcf")
    arguments = parser.parse_args()
    out = Console(highlight=False)
    load = os.getloadavg()[0]
    out.print(
        f"Python {platform.python_version()}, {os.cpu_count()} processors, load {load:.1f} at the start"
    )
    _show_store(out, store.run(arguments.vcf, arguments.assembly))
    _show_http(out, http.run())
    network.show(out, network.run())
    _show_engines(out, engines.run())


def _show_store(out: Console, measured: store.Measured) -> None:
    table = Table("store", "ours", "floor", "ratio", title=f"{measured.file}: {measured.alleles:,} alleles")
    table.add_row(
        "ingest, processor seconds (floor: cyvcf2 decoding)",
        f"{measured.ingest_s:.2f} s",
        f"{measured.floor_s:.2f} s",
        f"{measured.ingest_ratio:.2f}x",
    )
    for name, value in (
        ("point lookup: seen?", f"{measured.exists_us:.1f} us"),
        ("point lookup: record", f"{measured.find_us:.1f} us"),
        ("point lookup: record over a tenth of the people", f"{measured.find_some_us:.1f} us"),
        ("count of 1 Mb", f"{measured.count_1mb_ms:.2f} ms"),
        ("count of 1 Mb over a tenth of the people", f"{measured.count_some_1mb_ms:.2f} ms"),
    ):
        table.add_row(name, value, "", "")
    out.print(table)


def _show_http(out: Console, rows: list[tuple[str, float, float]]) -> None:
    table = Table("HTTP", "ours", "floor", "ratio", title="answers a second (floor: FastAPI, the same bytes)")
    for name, ours, floor in rows:
        table.add_row(name, f"{ours:,.0f}", f"{floor:,.0f}", f"{ours / floor:.2f}x")
    out.print(table)


def _show_engines(out: Console, rows: list[engines.Compared]) -> None:
    table = Table("PostgreSQL", "ours", "SQLite", "ratio", title="PostgreSQL on this machine against SQLite")
    for row in rows:
        table.add_row(row.name, f"{row.postgresql:,.2f}", f"{row.sqlite:,.2f}", f"{row.ratio:.2f}x")
    out.print(table)


if __name__ == "__main__":
    main()
