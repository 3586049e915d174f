"""Files that cannot be taken: the line, the reason and the remedy are told, and the node is as before."""

import gzip
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pysam
import pytest
from sqlalchemy.engine import Engine

from node.config import IngestSection
from node.store import open_store
from node.store.ingest import ingest
from node.store.inspection import check_index
from schemas.errors import BadInput
from schemas.genome import Assembly, Contig, Interval
from schemas.ports import Page
from schemas.questions import RangeQuery
from tests import vcfs

CHR20 = Contig.read("20", Assembly.GRCH37)
WHOLE = RangeQuery(Interval(CHR20, 0, CHR20.length_bp))
SOUND = vcfs.Vcf(
    ("P1", "P2"),
    tuple(vcfs.Line("20", 100 + n, "A", ("C",), ("0/1", "0/0")) for n in range(5)),
    ("##contig=<ID=20,length=63025520,assembly=b37>", "##reference=file:///data/human_g1k_v37.fasta"),
)
THIRD = 3 + 4  # the line of the third record: four header lines stand before the records


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """A node that holds one sound file of the dataset `here`."""
    made = vcfs.new_node(tmp_path / "node", vcfs.open_dataset("here"))
    vcfs.take(made, SOUND.write(tmp_path / "sound.vcf"), "here")
    yield made
    made.dispose()


def state(engine: Engine) -> object:
    store = open_store(engine)
    told = store.people("here"), store.find("here", WHOLE, Page(0, 100))
    store.close()
    with engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT COUNT(*) FROM variant").scalar()
        files = connection.exec_driver_sql("SELECT COUNT(*) FROM vcf_file").scalar()
    return told, rows, files


def refusal(engine: Engine, path: Path, limits: IngestSection | None = None) -> BadInput:
    """What `ingest` says of the file; the node holds afterwards what it held before."""
    before = state(engine)
    with pytest.raises(BadInput) as caught:
        ingest(engine, limits or IngestSection(), path, "here")
    assert state(engine) == before
    assert caught.value.place.file == str(path)
    assert caught.value.remedy
    return caught.value


def bgzf(path: Path, text: str) -> Path:
    return vcfs.write(path, text.encode())


def changed(line: int, **columns: object) -> str:
    """The sound file with one record changed; records count from 1."""
    lines = list(SOUND.lines)
    lines[line - 1] = replace(lines[line - 1], **columns)  # type: ignore[arg-type]
    return replace(SOUND, lines=tuple(lines)).text


def with_header(*header: str) -> str:
    return replace(SOUND, header=(header + ("##x=1",) * 2)[:2]).text


RECORDS = {
    "POS is not a number": changed(3, pos="10x"),
    "columns where the header has": SOUND.text.replace("\t102\t.\tA\tC\t.\tPASS", "\t102\tA\tC"),
    "sample columns where the header names": changed(3, genotypes=("0/1", "0/1", "0/1")),
    "the line is empty": SOUND.text.replace("20\t102", "\n20\t102"),
    "a header line stands among": SOUND.text.replace("20\t102", "#x\n20\t102"),
    "not sorted": changed(3, pos=4),
    "stand in several places": changed(2, contig="21").replace("20\t102", "20\t500"),
    "contig chr20 stand in several places": changed(3, contig="chr20"),
    "contig 'chr99' is not held": changed(3, contig="chr99"),
    "is contig 20 of GRCh38": changed(3, contig="NC_000020.11"),
    "beyond the end of contig 20": changed(5, pos=63_025_521),
    "REF reaches beyond": changed(5, pos=63_025_520, ref="AC"),
    "END lies beyond": changed(3, alts=("<DEL>",), info="END=99999999"),
    "END is not a number": changed(3, alts=("<DEL>",), info="END=1e5"),
    "names an allele beyond the 1 of ALT": changed(3, genotypes=("0/1", "0/2")),
    "a genotype is not allele numbers": changed(3, genotypes=("0/1", "A/C")),
    "REF is not a sequence": changed(3, ref="A1"),
    "ALT is neither bases": changed(3, alts=("C$",)),
    "ID or FILTER is not UTF-8": changed(3, ids="\udcff"),
}


@pytest.mark.parametrize("problem", RECORDS)
def test_a_wrong_record_is_named_by_its_line(engine: Engine, tmp_path: Path, problem: str) -> None:
    path = tmp_path / "wrong.vcf"
    path.write_bytes(RECORDS[problem].encode(errors="surrogateescape"))
    before = state(engine)
    with pytest.raises(BadInput, match=problem) as caught:
        vcfs.take(engine, path, "here")
    wrong = [
        n for n, line in enumerate(RECORDS[problem].split("\n"), 1) if line not in SOUND.text.split("\n")
    ]
    wrong = wrong or [THIRD]
    if problem == "the line is empty":
        wrong = [THIRD]
    if problem == "stand in several places":
        wrong = [THIRD]
    assert caught.value.place.line == wrong[0]
    assert state(engine)[0] == before[0]  # type: ignore[index]


HEADERS = {
    "not a VCF": SOUND.text.replace("##fileformat=VCFv4.3\n", ""),
    "no #CHROM line": SOUND.text.replace("#CHROM", "CHROM"),
    "1 sample name stands twice": replace(SOUND, samples=("P1", "P1")).text,
    "a sample has no name": replace(SOUND, samples=("P1", "")).text,
    "the column line is not": SOUND.text.replace("\tQUAL\tFILTER", "\tFILTER\tQUAL"),
    "as in GRCh38; in GRCh37 it has 63,025,520": with_header("##contig=<ID=chr20,length=64444167>"),
    "as in no assembly known here": with_header("##contig=<ID=20,length=123>"),
    "called against GRCh38": with_header("##reference=file:///ref/GRCh38_full_analysis_set.fa"),
    "called against hg18": with_header("##reference=hg18.fa"),
    "against GRCh38, and": with_header("##contig=<ID=20,assembly=GCA_000001405.15>"),
    "16,571 bases of UCSC hg19": with_header("##contig=<ID=chrM,length=16571>").replace(
        "20\t104", "chrM\t104"
    ),
    "the header is not UTF-8": SOUND.text.replace("P2", "P\udcfc"),
}


@pytest.mark.parametrize("problem", HEADERS)
def test_a_wrong_header_is_refused(engine: Engine, tmp_path: Path, problem: str) -> None:
    path = tmp_path / "wrong.vcf"
    path.write_bytes(HEADERS[problem].encode(errors="surrogateescape"))
    with pytest.raises(BadInput, match=problem):
        vcfs.take(engine, path, "here")


@pytest.mark.parametrize(
    "header",
    [
        "##contig=<ID=20,length=0>",
        "##contig=<ID=chrM,length=16571>",
        "##contig=<ID=chr1_gl000191_random,length=1>",
        "##contig=<ID=20>",
        "##reference=rCRS",
        '##contig=<ID=20,length=63025520,assembly="GRCh37.p13",species="Homo sapiens">',
        "##reference=/lifted/hg38_to_hg19.fa",
    ],
)
def test_a_header_that_says_nothing_against_it_is_taken(engine: Engine, tmp_path: Path, header: str) -> None:
    path = tmp_path / "other.vcf"
    path.write_text(with_header(header))
    assert not vcfs.take(engine, path, "here")


def test_containers_that_are_damaged_or_none(engine: Engine, tmp_path: Path) -> None:
    whole = bgzf(tmp_path / "whole.vcf.gz", SOUND.text * 50).read_bytes()
    long = replace(SOUND, lines=tuple(replace(SOUND.lines[0], pos=100 + n) for n in range(9000)))
    several = bytearray(bgzf(tmp_path / "long.vcf.gz", long.text).read_bytes())
    several[len(several) // 2] ^= 0xFF
    cases = {
        "closing block is missing": whole[:-28],
        "closing block": whole[: len(whole) // 2],
        "are damaged": bytes(several),
        "gzip, not with bgzip": gzip.compress(SOUND.text.encode()),
        "the file is empty": b"",
        "not a VCF": b"\x00\x01\x02" * 100,
        "BCF data cannot be read": b"BCF\x02\x02 and then nothing of the kind",
    }
    for problem, content in cases.items():
        path = tmp_path / "damaged.vcf.gz"
        path.write_bytes(content)
        assert problem in refusal(engine, path).problem


def test_what_is_no_file(engine: Engine, tmp_path: Path) -> None:
    assert "no such file" in refusal(engine, tmp_path / "absent.vcf").problem
    assert "directory" in refusal(engine, tmp_path).problem
    os.mkfifo(tmp_path / "pipe")
    assert "regular file" in refusal(engine, tmp_path / "pipe").problem
    with pytest.raises(BadInput, match="there is no dataset"):
        ingest(engine, IngestSection(), tmp_path / "sound.vcf", "nowhere")


def test_a_line_beyond_the_limit(engine: Engine, tmp_path: Path) -> None:
    text = SOUND.text.replace("20\t102\t.", f"20\t102\t{'rs1;' * 600_000}rs1")
    problem = refusal(engine, bgzf(tmp_path / "long.vcf.gz", text), IngestSection(max_line_mb=1))
    assert problem.place.line == THIRD
    assert "longer than 1 MB" in problem.problem


def test_a_file_that_needs_more_memory_than_allowed(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "bomb.vcf.gz"
    text = SOUND.text.replace("20\t102\t.", f"20\t102\t{'A' * 200_000_000}")
    refused = refusal(engine, bgzf(path, text), IngestSection(memory_mb=512, max_line_mb=1000))
    assert "memory" in refused.problem or "ended early" in refused.problem


@pytest.mark.parametrize("place", ["in a record", "in the header"])
def test_a_file_of_less_than_a_megabyte_that_unpacks_to_half_a_gigabyte(
    engine: Engine, tmp_path: Path, place: str
) -> None:
    """The reading process ends long before it has unpacked all, and the node answers as before."""
    path = tmp_path / "bomb.vcf.gz"
    head = SOUND.text.removesuffix("\n") if place == "in the header" else SOUND.text
    head = head.split("\n20\t")[0] if place == "in the header" else f"{head}20\t300\t.\tA\tC\t.\t.\tX="
    with pysam.BGZFile(str(path), "wb", index=None) as target:
        target.write(head.encode())
        for _ in range(512):
            target.write(b"A" * (1 << 20))
    assert path.stat().st_size < 1 << 20
    before = state(engine)
    with pytest.raises(BadInput, match="the line is longer than 64 MB"):
        ingest(engine, IngestSection(memory_mb=512), path, "here")
    assert state(engine) == before


def test_the_reading_process_is_limited(tmp_path: Path) -> None:
    """In memory, in time by the size of its files, in what it may write, and it leaves no image of itself."""
    path = vcfs.write(tmp_path / "any.vcf", b"x" * (3 << 20))
    program = (
        "import resource as r, sys; from pathlib import Path; from node.store.worker import _limit; "
        "_limit(512, [Path(sys.argv[1])] * 2); "
        "print(*(r.getrlimit(k)[0] for k in (r.RLIMIT_AS, r.RLIMIT_CPU, r.RLIMIT_FSIZE, r.RLIMIT_CORE)))"
    )
    told = subprocess.run(
        [sys.executable, "-c", program, str(path)], check=True, capture_output=True, text=True, timeout=60
    )
    assert told.stdout.split() == [str(512 << 20), str(600 + 60 * 6), str(1 << 20), "0"]


def test_beside_the_chromosomes_is_left_out_and_told(engine: Engine, tmp_path: Path) -> None:
    names = (
        "GL000192.1",
        "chrUn_KI270302v1",
        "chr1_KI270706v1_random",
        "hs37d5",
        "NC_007605",
        "HLA-A*01:01:01:01",
    )
    others = tuple(vcfs.Line(name, 5, "A", ("C",), ("0/1", "0/0")) for name in names)
    path = replace(SOUND, lines=SOUND.lines + others).write(tmp_path / "beside.vcf")
    report = ingest(engine, IngestSection(), path, "here")
    first = 4 + len(SOUND.lines) + 1
    assert [line for line, _ in report.skipped] == list(range(first, first + len(names)))
    assert all(name in reason for name, (_, reason) in zip(names, report.skipped, strict=True))
    assert (report.records, report.alleles) == (11, 5)


def test_what_is_not_read_is_told(engine: Engine, tmp_path: Path) -> None:
    made = (
        replace(SOUND.lines[0], pos=0),
        replace(SOUND.lines[0], pos=200, alts=("R",)),
        replace(SOUND.lines[0], pos=201, ref="M"),
        replace(SOUND.lines[0], pos=202, alts=("G.",)),
        replace(SOUND.lines[0], pos=203, alts=("<DEL>",)),
        replace(SOUND.lines[0], pos=204, form="CN", genotypes=("2", "3")),
        replace(SOUND.lines[0], pos=205, genotypes=("./.", ".")),
        replace(SOUND.lines[0], pos=206),
        replace(SOUND.lines[0], pos=206, genotypes=("0/0", "1/1")),
        replace(SOUND.lines[0], pos=207, alts=("<DEL>",), info="END=100"),
        replace(SOUND.lines[0], pos=208, alts=("A",)),
        replace(SOUND.lines[0], pos=209, alts=("<NON_REF>",)),
        replace(SOUND.lines[0], pos=210, genotypes=("0/0", "0/0")),
    )
    path = replace(SOUND, lines=made).write(tmp_path / "odd.vcf")
    told = dict(vcfs.take(engine, path, "here"))
    words = ("telomere", "ALT has", "REF has", "neither END", "no GT", "missing")
    united = ("united", "END lies before", "the same")
    lines = (5, 6, 7, 9, 10, 11, 13, 14, 15)  # a single breakend is held, line 8
    assert sorted(told) == list(lines)
    assert all(word in told[line] for line, word in zip(lines, words + united, strict=True))


def test_only_what_passed_when_so_configured(engine: Engine, tmp_path: Path) -> None:
    lines = tuple(
        replace(SOUND.lines[0], pos=300 + n, filters=filters)
        for n, filters in enumerate(("PASS", ".", "q10"))
    )
    path = replace(SOUND, lines=lines).write(tmp_path / "filtered.vcf")
    report = ingest(engine, IngestSection(filters="pass"), path, "here")
    assert (report.records, report.alleles) == (3, 2)
    assert report.skipped == ((7, "FILTER is not PASS"),)


def test_only_what_has_the_quality_that_is_configured(engine: Engine, tmp_path: Path) -> None:
    lines = tuple(
        replace(SOUND.lines[0], pos=300 + n, quality=quality)
        for n, quality in enumerate(("29.9", "30", "nan", ".", "1e3"))
    )
    path = replace(SOUND, lines=lines).write(tmp_path / "graded.vcf")
    report = ingest(engine, IngestSection(min_quality=30.0), path, "here")
    assert (report.records, report.alleles) == (5, 4)
    assert report.skipped == ((5, "QUAL is lower than min_quality"),)
    assert check_index(engine, IngestSection(), whole=True) == []  # whatever is configured since
    bad = replace(SOUND, lines=(replace(SOUND.lines[0], quality="high"),)).write(tmp_path / "bad.vcf")
    with pytest.raises(BadInput, match="QUAL is not a number"):
        ingest(engine, IngestSection(), bad, "here")


def test_line_ends_and_compression_do_not_matter(tmp_path: Path) -> None:
    """CRLF, a last line without its end, BGZF and BCF hold what the plain text holds."""
    engine = vcfs.new_node(tmp_path / "n", *(vcfs.open_dataset(name) for name in ("a", "b", "c", "d")))
    header = (
        *SOUND.header,
        '##FILTER=<ID=PASS,Description="">',
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="">',
    )
    whole = replace(SOUND, header=header)
    plain = whole.write(tmp_path / "a.vcf")
    windows, bcf = tmp_path / "b.vcf", tmp_path / "d.bcf"
    windows.write_bytes(whole.text.rstrip("\n").replace("\n", "\r\n").encode())
    with (
        pysam.VariantFile(str(plain)) as source,
        pysam.VariantFile(str(bcf), "wb", header=source.header) as target,
    ):
        for record in source:
            target.write(record)
    paths = {"a": plain, "b": windows, "c": whole.write(tmp_path / "c.vcf.gz"), "d": bcf}
    for dataset, path in paths.items():
        ingest(engine, IngestSection(), path, dataset)
    store = open_store(engine)
    held = [store.find(dataset, WHOLE, Page(0, 100)) for dataset in paths]
    assert len(held[0]) == 5
    assert all(one == held[0] for one in held)
    store.close()
    engine.dispose()


def test_held_against_a_reference(engine: Engine, tmp_path: Path) -> None:
    """Two spellings of one deletion become one; a REF that is not there refuses the file."""
    fasta = tmp_path / "ref.fa"
    fasta.write_text(">chr20\nGATTTTTTACA\n")
    pysam.faidx(str(fasta))
    lines = (
        vcfs.Line("20", 2, "AT", ("A",), ("0/1", "0/0"), "rs1"),
        vcfs.Line("20", 6, "TT", ("T",), ("0/0", "1/1"), "rs2"),
        vcfs.Line("20", 9, "A", ("C", "AA"), ("1/2", "0/0")),
    )
    path = replace(SOUND, lines=lines).write(tmp_path / "shifted.vcf")
    vcfs.open_dataset("other")
    report = ingest(engine, IngestSection(), path, "here", fasta=fasta)
    store = open_store(engine)
    found = store.find("here", RangeQuery(Interval(CHR20, 0, 20)), Page(0, 10))
    store.close()
    assert [str(variant.allele) for variant in found] == ["20:2 AT>A", "20:8 T>TA", "20:9 A>C"]
    assert (found[0].counts.het, found[0].counts.hom, found[0].names) == (1, 1, ("rs1", "rs2"))
    assert [reason for _, reason in report.skipped] == [
        "the same allele as an earlier line; their genotypes are united"
    ]
    wrong = replace(SOUND, lines=(replace(lines[0], pos=3),)).write(tmp_path / "wrong.vcf")
    before = state(engine)
    with pytest.raises(BadInput, match="REF at chr20:3 is not what"):
        ingest(engine, IngestSection(), wrong, "here", fasta=fasta)
    elsewhere = replace(SOUND, lines=(replace(lines[0], contig="21"),)).write(tmp_path / "21.vcf")
    with pytest.raises(BadInput, match="no contig 21") as caught:
        ingest(engine, IngestSection(), elsewhere, "here", fasta=fasta)
    assert caught.value.place.file == str(fasta)
    assert state(engine) == before
