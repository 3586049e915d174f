"""How others would hold the same file: a row for every genotype, as a Beacon over documents has it.

Written here after the way of beacon2-ri-tools, without the document database, so that it is a floor of what
that takes: every carrier of every allele becomes a row with his name, in SQLite with an index to find it by.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import cyvcf2

from tests.bench.cohorts import cohort
from tests.bench.lines import Line
from tests.bench.store import loaded, processor_s, size_bytes


def lines() -> Iterator[Line]:
    """Ours is queryable at the end, and so is the other."""
    path = cohort()
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "rows.db"
        theirs = processor_s(lambda: _row_a_genotype(path, database))
        their_mb = database.stat().st_size / 1e6
    with loaded(path) as held:
        yield Line("ingest (a row for every genotype)", held.ingest_s, "s", theirs, most=0.4)
        yield Line("database (a row for every genotype)", size_bytes(held.engine) / 1e6, "MB", their_mb)


def _row_a_genotype(path: Path, database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(
            "CREATE TABLE genotype (contig TEXT, start INT, ref TEXT, alt TEXT, person TEXT, zygosity TEXT)"
        )
        connection.execute("CREATE INDEX place ON genotype (contig, start)")
        source = cyvcf2.VCF(str(path))
        people = source.samples
        for variant in source:
            rows = []
            calls = variant.genotypes
            for number, alternate in enumerate(variant.ALT, 1):
                for person, (one, other, *_) in zip(people, calls, strict=True):
                    copies = (one == number) + (other == number)
                    if copies:
                        zygosity = "hom" if copies == 2 else "het"
                        rows.append((variant.CHROM, variant.start, variant.REF, alternate, person, zygosity))
            connection.executemany("INSERT INTO genotype VALUES (?, ?, ?, ?, ?, ?)", rows)
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
