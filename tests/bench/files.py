"""Many files of one person each, as sequencing gives them: taken together, and merged; floor: decoding."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import cyvcf2
import pysam

from node.config import IngestSection
from node.store.ingest import IngestReport
from node.store.intake import Run
from tests import vcfs
from tests.bench.cohorts import cohort
from tests.bench.lines import Line
from tests.bench.store import ASSEMBLY, processor_s

_FILES = 100


def lines() -> Iterator[Line]:
    """Of processor time; it takes as long as the simulation of 500 people when that has to be made."""
    with tempfile.TemporaryDirectory() as folder:
        paths = _cut(cohort(500, 4.5), Path(folder))
        floor_s = min(processor_s(lambda: _decode(paths)) for _ in range(2))
        ours_s = processor_s(lambda: _take(paths, Path(folder) / "node"))
    yield Line(f"ingest of {_FILES} files of one person (cyvcf2 decoding)", ours_s, "s", floor_s, most=1.0)


def _cut(path: Path, folder: Path) -> list[Path]:
    """What each of the first people carries, in a file of his own."""
    paths = [folder / f"{n}.vcf.gz" for n in range(_FILES)]
    with ExitStack() as stack:
        files = [stack.enter_context(pysam.BGZFile(str(one), "wb", None)) for one in paths]
        source = stack.enter_context(pysam.BGZFile(str(path), "rb", index=None))
        for line in iter(source.readline, b""):
            _share(line, files)
    return paths


def _share(line: bytes, files: Sequence[pysam.BGZFile]) -> None:
    if line.startswith(b"##"):
        for file in files:
            file.write(line + b"\n")
        return
    columns = line.split(b"\t")
    site = b"\t".join(columns[:9])
    for file, sample in zip(files, columns[9:], strict=False):
        if line.startswith(b"#") or not set(sample) <= set(b"0.|/"):
            file.write(b"%s\t%s\n" % (site, sample))


def _decode(paths: Sequence[Path]) -> None:
    for path in paths:
        for variant in cyvcf2.VCF(str(path)):
            variant.genotype.array()


def _take(paths: Sequence[Path], folder: Path) -> None:
    engine = vcfs.new_node(folder, vcfs.open_dataset("here", ASSEMBLY))
    run = Run(engine, IngestSection(), "here", lambda _name: lambda _done, _what: None)
    for told in run.take(paths):
        if not isinstance(told, IngestReport):
            raise told
    engine.dispose()
