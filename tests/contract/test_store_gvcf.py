"""Reference blocks: people of one file count at the sites of others, as a plain reading of the files says."""

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pysam.bcftools
import pytest
from pyroaring import BitMap

from node.config import IngestSection
from node.store import open_store
from node.store.ingest import ingest
from node.store.layout import first_bin
from node.store.reader import VcfReader
from node.store.rows import RowMaker
from schemas.genome import Assembly, Contig, Interval
from schemas.ports import Page
from schemas.questions import RangeQuery
from tests import vcfs

ALL = Page(0, 100_000)
CHR20 = vcfs.CONTIGS[0]
WHOLE = RangeQuery(Interval(CHR20, 0, CHR20.length_bp))
QUERY = "%POS\t%REF\t%ALT\t%INFO/END[\t%GT\t%GQ\t%DP\t%MIN_DP]\n"


def called_bases(path: Path, length_bp: int) -> np.ndarray:
    """Called alleles of the one sample of a gVCF at each base, by what bcftools prints."""
    called = np.zeros(length_bp, np.uint8)
    for line in pysam.bcftools.query("-f", QUERY, str(path)).splitlines():
        pos, ref, alt, end, genotype, *qualities = line.split("\t")
        is_block = alt == "<NON_REF>"
        if is_block and "0" in qualities:
            continue
        last = int(end) if is_block and end != "." else int(pos) - 1 + len(ref)
        alleles = sum(allele != "." for allele in genotype.replace("|", "/").split("/"))
        here = called[int(pos) - 1 : last]
        np.maximum(here, alleles, out=here)
    return called


@pytest.mark.shared
def test_everybody_who_was_looked_at_counts(shared: Path, tmp_path: Path) -> None:
    paths = sorted((shared / "data/network").glob("hospital-*/gvcf.chr22.grch38/*.g.vcf.gz"))
    contig = Contig.read("22", Assembly.GRCH38)
    engine = vcfs.new_node(tmp_path, vcfs.open_dataset("here", Assembly.GRCH38))
    for path in paths:
        ingest(engine, IngestSection(), path, "here")
    store = open_store(engine)
    assert len(store.people("here")) == len(paths) > 10
    called = [called_bases(path, contig.length_bp) for path in paths]
    for people in (None, BitMap((0, 3, 7))):
        found = store.find("here", RangeQuery(Interval(contig, 0, contig.length_bp)), ALL, people)
        few = 0
        for held in found:
            place = held.allele.interval
            base = place.start - (place.start == place.end)
            told = [int(one[base]) for n, one in enumerate(called) if people is None or n in people]
            assert held.counts.an == sum(told)
            few += held.counts.an < 2 * len(told)
        assert len(found) > few > 0
    store.close()
    engine.dispose()


def line(
    first: int, alts: Sequence[str], calls: Sequence[str], info: str = ".", form: str = "GT"
) -> vcfs.Line:
    return vcfs.Line("20", first, "A", tuple(alts), tuple(calls), info=info, form=form)


def test_a_block_counts_from_its_first_base_to_its_last_and_over_megabases() -> None:
    left, right = (1 << 20) - 5, (3 << 20) + 5
    block = line(left, ["<NON_REF>"], ["0/0:30"], f"END={right}", "GT:GQ")
    sites = (left - 1, left, 1 << 20, (1 << 20) + 1, 2 << 20, (3 << 20) + 1, right, right + 1)
    carrier = vcfs.Vcf(("P2",), tuple(line(site, ["C"], ["0/1"]) for site in sites))
    with vcfs.both(vcfs.Vcf(("P1",), (block,)), carrier) as (store, oracle):
        found = store.find("here", WHOLE, ALL)
        assert found == oracle.find("here", WHOLE, ALL)
        assert [held.counts.an for held in found] == [2, 4, 4, 4, 4, 4, 4, 2]
        assert [held.counts.an for held in store.find("here", WHOLE, ALL, BitMap((1,)))] == [2] * 8


def test_what_is_not_known_there_does_not_count() -> None:
    """No depth, no quality, no genotype; a haploid counts once, and nobody twice."""
    forms = (("GT:GQ", "0/0:0"), ("GT:DP", "0/0:0"), ("GT:MIN_DP", "0/0:0"), ("GT:GQ", "./.:9"), ("GT", "0"))
    files = [
        vcfs.Vcf((f"P{n}",), (line(50, ["<*>"], [call], "END=200", form),))
        for n, (form, call) in enumerate(forms)
    ]
    again = vcfs.Vcf(("P4", "P9"), (line(100, ["C", "<*>"], ["0", "0/1"]),))
    with vcfs.both(*files, again) as (store, oracle):
        found = store.find("here", WHOLE, ALL)
        assert found == oracle.find("here", WHOLE, ALL)
        assert [held.counts.an for held in found] == [3]


def test_blocks_that_touch_are_one_span(tmp_path: Path) -> None:
    lines = [line(1 + 10 * n, ["<NON_REF>"], ["0/0:30"], f"END={10 * n + 10}", "GT:GQ") for n in range(200)]
    lines[50] = line(501, ["<NON_REF>"], ["0/0:0"], "END=510", "GT:GQ")
    lines[70:71] = [
        line(701, ["C", "<NON_REF>"], ["0/1:9"], form="GT:GQ"),
        line(703, ["."], ["0/0:9"], "END=710", "GT:GQ"),
    ]
    path = vcfs.Vcf(("P1",), tuple(lines)).write(tmp_path / "any.vcf")
    reader = VcfReader(path, Assembly.GRCH37, 1 << 20, lambda _line, _reason: None)
    _, records = reader.open()
    maker = RowMaker(str(path), 1, 7, np.arange(1), False, lambda _line, _reason: None)
    assert len(list(maker.rows(records))) == 1
    spans = list(itertools.chain.from_iterable(span.spans for span in maker.spans.made))
    assert spans == [0, 500, 510, 701, 702, 2000]
    assert {span.bin for span in maker.spans.made} == {first_bin(1, CHR20)}
