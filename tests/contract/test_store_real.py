"""Real files: the index against counts made from the same files by other programs."""

import itertools
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cyvcf2
import numpy as np
import pysam.bcftools
import pytest
from hypothesis import given, settings

from node.config import IngestSection
from node.store import open_store
from node.store.index import SqlStore
from node.store.ingest import IngestReport, ingest
from node.store.layout import contig_number
from node.store.reader import VcfReader
from node.store.scanner import scan
from schemas.genome import Allele, Assembly, Contig, Interval
from schemas.ports import Counts, Page
from schemas.questions import RangeQuery, SequenceQuery
from tests import vcfs

HOSPITALS = ("uk", "fi", "es")
ALL = Page(0, 1_000_000)
MULTISAMPLE = (
    "extra/kgp_phase3_chr1_2504_b37/1k.chr1.phase3.vcf.gz",
    "extra/bff_variation_example_b37/test_1000G.vcf.gz",
    "extra/giab_ashkenazi_trio_b37/ashk-trio.vcf.gz",
    "extra/chrX_haploid_diploid_grch38/haploidPlusDiploid.vcf.gz",
    "extra/kgp_sv_multicaller_grch38/1kgp_test.merged.vcf.gz",
    "extra/na12878_chr20_21_b37/CEUTrio.HiSeq.WGS.b37.NA12878.20.21.vcf.gz",
    "network/hospital-uk/mt.b37.vcf.gz",
    "network/hospital-uk/snv.chr22.grch38.vcf.gz",
    "network/hospital-uk/sv.chr22_chrY.grch38.vcf.gz",
    "network/hospital-es/cnv_exome.b37.vcf.gz",
    "network/hospital-fi/gvcf.chr22.grch38/HG00187.hg38.g.vcf.gz",
)


def assembly_of(file: str) -> Assembly:
    return Assembly.GRCH38 if "38" in file.split("/", 1)[1] else Assembly.GRCH37


@pytest.fixture(scope="module")
def chr20(
    shared: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[SqlStore, list[IngestReport]]]:
    """Three hospitals' chromosome 20, each a dataset, and `all`, which holds the three files together."""
    engine = vcfs.new_node(
        tmp_path_factory.mktemp("chr20"), *(vcfs.open_dataset(name) for name in (*HOSPITALS, "all"))
    )
    reports = []
    for name in HOSPITALS:
        path = shared / f"data/network/hospital-{name}/snv.chr20.b37.vcf.gz"
        reports.append(ingest(engine, IngestSection(), path, name))
        ingest(engine, IngestSection(), path, "all")
    store = open_store(engine)
    yield store, reports
    store.close()
    engine.dispose()


@pytest.mark.shared
def test_three_hospitals_hold_what_is_known_of_them(chr20: tuple[SqlStore, list[IngestReport]]) -> None:
    store, reports = chr20
    contig = Contig.read("20", Assembly.GRCH37)
    whole = RangeQuery(Interval(contig, 0, contig.length_bp))
    assert [(r.records, r.alleles, r.people, r.skipped) for r in reports] == [
        (13_711, 13_711, 91, ()),
        (12_858, 12_858, 99, ()),
        (15_277, 15_277, 107, ()),
    ]
    held = {name: {v.allele: v.counts for v in store.find(name, whole, ALL)} for name in HOSPITALS}
    uk, fi, es = (set(held[name]) for name in HOSPITALS)
    assert len(uk | fi | es) == 19_946 == store.count("all", whole)
    assert len(uk & fi & es) == 9_883
    assert [len(uk - fi - es), len(fi - uk - es), len(es - uk - fi)] == [2_173, 1_910, 3_846]
    singletons = [sum(counts.ac == 1 for counts in held[name].values()) for name in HOSPITALS]
    assert singletons == [3_219, 2_387, 4_221]
    itpa = SequenceQuery(Interval.from_one_based(contig, 3_193_842, 3_193_842), "C", "A")
    counts = [store.find(name, itpa, Page())[0].counts for name in HOSPITALS]
    assert counts == [Counts(10, 182, 10, 0, 0), Counts(10, 198, 10, 0, 0), Counts(13, 214, 13, 0, 0)]


@pytest.mark.shared
def test_the_three_together_are_the_pooled_file(
    shared: Path, chr20: tuple[SqlStore, list[IngestReport]]
) -> None:
    store, _ = chr20
    contig = Contig.read("20", Assembly.GRCH37)
    held = store.find("all", RangeQuery(Interval(contig, 0, contig.length_bp)), ALL)
    pooled = counted(
        shared / "data/network/pooled/chr20.eur300.b37.upstream.vcf.gz",
        Assembly.GRCH37,
        "-s",
        ",".join(store.people("all")),
    )
    assert {v.allele: v.counts.ac for v in held} == {
        allele: counts.ac for allele, counts in pooled.items() if counts.ac
    }


def counted(path: Path, assembly: Assembly, *options: str) -> dict[Allele, Counts]:
    """Every sequence allele counted from what `bcftools query` prints; the sum of lines alike is not made."""
    text = pysam.bcftools.query("-f", "%CHROM\t%POS\t%REF\t%ALT[\t%GT]\n", *options, str(path))
    found: dict[Allele, Counts] = {}
    for line in text.splitlines():
        chrom, pos, ref, alts, *genotypes = line.split("\t")
        kinds = {tuple(call.replace("|", "/").split("/")): n for call, n in Counter(genotypes).items()}
        for number, alt in enumerate(alts.split(","), 1):
            if not set(alt) <= set("ACGTN"):
                continue
            allele = Allele.from_vcf(Contig.read(chrom, assembly), int(pos), ref, alt)
            mine = str(number)
            an = sum(n * sum(a != "." for a in call) for call, n in kinds.items())
            hemi = sum(n for call, n in kinds.items() if call == (mine,))
            hom = sum(n for call, n in kinds.items() if call == (mine, mine))
            carriers = sum(n for call, n in kinds.items() if mine in call)
            ac = sum(n * call.count(mine) for call, n in kinds.items())
            found[allele] = Counts(ac, an, carriers - hom - hemi, hom, hemi)
    return found


@pytest.mark.shared
@pytest.mark.parametrize("file", MULTISAMPLE)
def test_counts_are_those_of_bcftools(shared: Path, tmp_path: Path, file: str) -> None:
    path, assembly = shared / "data" / file, assembly_of(file)
    engine = vcfs.new_node(tmp_path, vcfs.open_dataset("here", assembly))
    report = ingest(engine, IngestSection(), path, "here")
    store = open_store(engine)
    held = {}
    for number in range(1, 26):
        contig = Contig.numbered(number, assembly)
        found = store.find("here", RangeQuery(Interval(contig, 0, contig.length_bp)), ALL)
        held |= {v.allele: v.counts for v in found}
    united = {line for line, reason in report.skipped if "united" in reason}
    with engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT bin FROM variant WHERE alt LIKE '<CNV:CN%'").all()
    of_sex = [contig_number(bin_) for (bin_,) in rows if contig_number(bin_) in (23, 24)]
    told = [one for one in held if one.total_copies is not None and one.interval.contig.number in (23, 24)]
    # To whom a number of copies of X or Y is a change, is not known here: nobody's sex is recorded.
    assert len(held) == report.alleles - (len(of_sex) - len(told))
    sequences = {allele: counts for allele, counts in held.items() if not allele.is_symbolic}
    wanted = {allele: counts for allele, counts in counted(path, assembly).items() if counts.ac}
    assert united or sequences == wanted
    assert sequences.keys() == wanted.keys()
    store.close()
    engine.dispose()


def agree_with_htslib(path: Path, assembly: Assembly) -> int:
    """Holds carriers, homozygotes and called alleles of every line against cyvcf2's own decoding."""
    reader = VcfReader(path, assembly, 1 << 26, lambda _line, _reason: None)
    header, records = reader.open()
    other = cyvcf2.VCF(str(path))
    lines = 0
    for record, variant in itertools.zip_longest(records, other):
        lines += 1
        assert (record.first, record.reference.decode()) == (variant.POS, variant.REF)
        calls = scan(record.form, record.text, len(header.samples), record.alternates.count(b",") + 1)
        if calls is None:
            assert "GT" not in variant.FORMAT
            continue
        alleles = variant.genotype.array()[:, :-1]
        written, known = alleles > -2, alleles > -1
        assert calls.an == known.sum()
        for number in range(1, len(variant.ALT) + 1):
            copies = (alleles == number).sum(axis=1)
            ploidy, called = written.sum(axis=1), known.sum(axis=1)
            held = calls.of(number)
            assert np.array_equal(held.carriers, np.flatnonzero(copies))
            assert np.array_equal(held.homs, np.flatnonzero((copies > 1) & (copies == called)))
            assert np.array_equal(held.hemis, np.flatnonzero((copies == 1) & (ploidy == 1)))
    other.close()
    return lines


@pytest.mark.shared
def test_genotypes_of_every_real_file_are_those_of_htslib(shared: Path) -> None:
    data = shared / "data"
    files = [path for part in ("network", "extra") for path in sorted((data / part).rglob("*.vcf.gz"))]
    read = 0
    for path in files:
        name = str(path.relative_to(data))
        if "annotation_slices" not in name:  # sites without samples
            read += agree_with_htslib(path, assembly_of(name))
    assert len(files) > 30
    assert read > 100_000


@given(vcfs.worlds())
@settings(max_examples=40, deadline=None)
def test_genotypes_of_any_file_are_those_of_htslib(files: list[vcfs.Vcf]) -> None:
    described = (
        "##contig=<ID=20>",
        "##contig=<ID=22>",
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="">',
        '##FORMAT=<ID=DP,Number=1,Type=Integer,Description="">',
        '##FILTER=<ID=q10,Description="">',
        '##FILTER=<ID=s50,Description="">',
        '##INFO=<ID=END,Number=1,Type=Integer,Description="">',
        '##INFO=<ID=SVLEN,Number=1,Type=Integer,Description="">',
        '##INFO=<ID=SVTYPE,Number=1,Type=String,Description="">',
        vcfs.CSQ,
    )
    with tempfile.TemporaryDirectory() as folder:
        for vcf in files:
            path = replace(vcf, header=described).write(Path(folder) / "any.vcf.gz")
            assert agree_with_htslib(path, Assembly.GRCH37) == len(vcf.lines)
