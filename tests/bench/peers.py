"""How others would hold the same file: a row for every genotype, and what `bff-tools` makes of it.

The former is written here after the way of beacon2-ri-tools, without the document database, so that it is a
floor of what that takes: every carrier of every allele becomes a row with his name, in SQLite with an index
to find it by.  The latter is the converter of beacon2-cbi-tools, which writes JSON for a database; it is
measured where it is installed in an environment of its own:

    python3 -m venv .peers/bff-tools && .peers/bff-tools/bin/pip install beacon2-cbi-tools==2.0.13
"""

from __future__ import annotations

import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import cyvcf2
import pysam

from tests.bench.cohorts import cohort
from tests.bench.lines import Line
from tests.bench.store import loaded, processor_s, size_bytes

_CONVERTER = Path(__file__).resolve().parents[2] / ".peers" / "bff-tools" / "bin" / "bff-tools"
_CONVERTED_SITES = 18_000
_ANNOTATION = "##INFO=<ID=ANN,Number=.,Type=String,Description=\"Functional annotations: '{}'\">\n".format(
    " | ".join(("Allele", "Annotation", "Annotation_Impact", "Gene_Name", "Gene_ID", "HGVS.c", "HGVS.p"))
)


def lines() -> Iterator[Line]:
    """Ours is queryable at the end, and so is the row for every genotype."""
    path = cohort()
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "rows.db"
        theirs = processor_s(lambda: _row_a_genotype(path, database))
        their_mb = database.stat().st_size / 1e6
    with loaded(path) as held:
        yield Line("ingest (a row for every genotype)", held.ingest_s, "s", theirs, most=0.4)
        yield Line("database (a row for every genotype)", size_bytes(held.engine) / 1e6, "MB", their_mb)
    yield _converted(path)


def _converted(path: Path) -> Line:
    with tempfile.TemporaryDirectory() as folder:
        annotated = Path(folder) / "annotated.vcf.gz"
        _annotate(path, annotated)
        theirs = None
        if _CONVERTER.exists():
            out = Path(folder) / "bff"
            command = [str(_CONVERTER), "vcf", "-i", str(annotated), "--no-annotate", "--jsonl"]
            command += ["--genome", "hg38", "-nc", "-ne", "-o", str(out)]
            theirs = processor_s(lambda: subprocess.run(command, check=True, capture_output=True))
        with loaded(annotated) as held:
            name = f"{_CONVERTED_SITES:,} sites " + ("(bff-tools)" if theirs else "(no bff-tools here)")
            return Line(name, held.ingest_s, "s", theirs, most=0.4 if theirs else None)


def _annotate(path: Path, target: Path) -> None:
    """Sites of one sequence ALT, each with the one annotation that the converter needs to be there."""
    with pysam.BGZFile(str(path), "rb", index=None) as source, pysam.BGZFile(str(target), "wb", None) as out:
        texts = iter(source.read().splitlines(keepends=True))
        plain = 0
        for text in texts:
            if text.startswith(b"#CHROM"):
                out.write(_ANNOTATION.encode() + text)
                break
            if not text.startswith(b"##INFO=<ID=ANN,"):
                out.write(text)
        for text in texts:
            columns = text.split(b"\t", 8)
            if columns[4].isalpha() and plain < _CONVERTED_SITES:
                said = b"ANN=" + columns[4] + b"|intergenic_region|MODIFIER|NONE||n.1|"
                columns[7] = said if columns[7] == b"." else columns[7] + b";" + said
                out.write(b"\t".join(columns))
                plain += 1


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
