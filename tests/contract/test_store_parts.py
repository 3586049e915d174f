"""A file read in parts comes to the same rows and the same report as read whole, wherever it is cut."""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.config import IngestSection
from node.store import files, open_store
from node.store.crew import Indivisible, united
from node.store.ingest import ingest
from node.store.layout import Row
from node.store.parts import WHOLE, Part, parts_of
from node.store.reader import VcfReader
from node.store.reading import Way, reading
from node.store.rows import RowMaker
from node.store.worker import Skips, Stretch
from schemas.errors import BadInput
from schemas.genome import Assembly, Interval
from schemas.ports import Page
from schemas.questions import RangeQuery
from tests import vcfs

WAY = Way(2048, 64)
SPACED = tuple(vcfs.Line("20", 1000 + 100 * n, "A", ("C",), ("0|1", "0|0", "1|1")) for n in range(3000))


def read(path: Path, part: Part, samples: int) -> tuple[list[Row], dict[str, object]]:
    """What the reading process makes of a part."""
    skips = Skips()
    reader = VcfReader(path, Assembly.GRCH37, 1 << 20, skips.add)
    header, records = reader.open_at(part.begin, part.block) if part.begin else reader.open()
    maker = RowMaker(str(path), 1, 7, np.arange(samples), False, skips.add, annotation=header.annotation)
    stretch = Stretch(reader, maker, skips, part, header.lines + 1)
    rows = list(maker.rows(stretch.records(records)))
    told = {"alleles": len(rows), "contigs": sorted(maker.contigs), "levels": maker.levels}
    return rows, {**stretch.summary(), **told}


def in_parts(path: Path, parts: Sequence[Part], samples: int) -> tuple[list[Row], dict[str, object]]:
    """Raises Indivisible, or BadInput: a cut within the header."""
    found = [read(path, part, samples) for part in parts]
    return [row for rows, _ in found for row in rows], united([summary for _, summary in found])


def parts_at(cuts: Sequence[int]) -> list[Part]:
    return [Part(left, right, left) for left, right in zip((0, *cuts), (*cuts, None), strict=True)]


@given(vcfs.worlds(), st.data())
@settings(max_examples=150, deadline=None)
def test_parts_come_to_the_whole_or_are_refused(files: list[vcfs.Vcf], data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        vcf = files[0]
        beside = vcfs.Line("GL000192.1", 5, "A", ("C",), ("0/1",) * len(vcf.samples))
        vcf = replace(vcf, lines=(*vcf.lines, *data.draw(st.sampled_from(((), (beside,))))))
        path = vcf.write(Path(folder) / "any.vcf")
        size = path.stat().st_size
        body = size - sum(len(line.text) + 1 for line in vcf.lines)
        cuts = sorted(data.draw(st.sets(st.integers(body - 1, size - 1), min_size=1, max_size=3)))
        whole = in_parts(path, [WHOLE], len(vcf.samples))
        try:
            found = in_parts(path, parts_at(cuts), len(vcf.samples))
        except Indivisible:
            return
        assert found == whole


def test_wherever_it_is_cut_spaced_lines_can_be_read_in_parts(tmp_path: Path) -> None:
    vcf = vcfs.Vcf(("P1", "P2", "P3"), SPACED[:6])
    path = vcf.write(tmp_path / "plain.vcf")
    whole, size = in_parts(path, [WHOLE], 3), path.stat().st_size
    body = size - sum(len(line.text) + 1 for line in vcf.lines)
    for cut in range(body - 1, size):
        assert in_parts(path, parts_at([cut]), 3) == whole


def test_an_allele_across_a_cut_is_not_torn(tmp_path: Path) -> None:
    """The first line has an allele far behind its own place; no part can know that of another."""
    far = vcfs.Line("20", 100, "A" * 400, ("A" * 399 + "C",), ("0/1",))
    lines = [far, *(vcfs.Line("20", 110 + 10 * n, "A", ("C",), ("1/1",)) for n in range(39))]
    vcf = vcfs.Vcf(("P1",), tuple(lines))
    path = vcf.write(tmp_path / "far.vcf")
    cut = path.stat().st_size - sum(len(line.text) + 1 for line in lines[5:])
    with pytest.raises(Indivisible):
        in_parts(path, parts_at([cut]), 1)


def test_processes_read_the_parts_of_a_packed_file(tmp_path: Path) -> None:
    vcf = vcfs.Vcf(("P1", "P2", "P3"), SPACED)
    path = vcf.write(tmp_path / "packed.vcf.gz")
    parts = parts_of(path, 3, least_bytes=1)
    assert len(parts) == 3
    engine = vcfs.new_node(tmp_path, vcfs.open_dataset("here"))
    target = files.find_target(engine, "here")
    found = []
    for several in (parts, (WHOLE,)):
        with reading(path, target, WAY, seg=1, parts=several) as one:
            rows = [row for batch in one.batches(lambda _alleles, _bytes: None) for row in batch.rows]
            found.append((sorted(rows), one.summary))
    assert found[0] == found[1]
    engine.dispose()


def test_a_fault_in_one_part_is_told_with_its_line(tmp_path: Path) -> None:
    lines = list(SPACED)
    lines[2500] = replace(lines[2500], genotypes=("0|1", "0|0", "x"))
    path = vcfs.Vcf(("P1", "P2", "P3"), tuple(lines)).write(tmp_path / "bad.vcf.gz")
    engine = vcfs.new_node(tmp_path, vcfs.open_dataset("here"))
    target = files.find_target(engine, "here")
    parts = parts_of(path, 2, least_bytes=1)
    with pytest.raises(Indivisible), reading(path, target, WAY, seg=1, parts=parts) as one:
        list(one.batches(lambda _alleles, _bytes: None))
    with pytest.raises(BadInput, match="line 2503"):
        ingest(engine, IngestSection(), path, "here", workers=2)
    engine.dispose()


def test_a_large_file_is_taken_by_two_workers(tmp_path: Path) -> None:
    """Two contigs, more than 4 MB packed: bytes that do not pack stand in for long annotations."""
    draw = np.random.default_rng(5)
    lines = [
        vcfs.Line(contig, 1000 + 50 * n, "A", ("C",), ("0|1", "1|1"), info=f"X={draw.bytes(1000).hex()}")
        for contig in ("20", "22")
        for n in range(2200)
    ]
    path = vcfs.Vcf(("P1", "P2"), tuple(lines)).write(tmp_path / "large.vcf.gz")
    assert len(parts_of(path, 2)) == 2
    engine = vcfs.new_node(tmp_path, vcfs.open_dataset("here"))
    report = ingest(engine, IngestSection(), path, "here", workers=2)
    assert (report.records, report.alleles, report.people, report.skipped) == (4400, 4400, 2, ())
    store = open_store(engine)
    for contig in vcfs.CONTIGS[:2]:
        held = store.find("here", RangeQuery(Interval(contig, 0, contig.length_bp)), Page(0, 10_000))
        assert [(v.allele.interval.start, v.counts.ac) for v in held] == [
            (999 + 50 * n, 3) for n in range(2200)
        ]
    store.close()
    engine.dispose()


def test_binary_and_short_files_are_one_part(tmp_path: Path) -> None:
    path = vcfs.Vcf(("P1", "P2", "P3"), SPACED[:5]).write(tmp_path / "short.vcf.gz")
    assert parts_of(path, 4) == (WHOLE,)
    binary = vcfs.write(tmp_path / "any.bcf.gz", b"BCF\2\2" + bytes(range(256)) * 4000)
    assert parts_of(binary, 2, least_bytes=1) == (WHOLE,)
