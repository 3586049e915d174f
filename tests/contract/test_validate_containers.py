"""Containers of the strict check: the same answer packed or not, damage told, bombs refused, BCF frames."""

import bz2
import gzip
import io
import random
import struct
import tracemalloc
from pathlib import Path

import pysam
import pytest

from node.validate import USUAL, Limits, validate
from schemas.errors import BadInput

VALID = (
    "##fileformat=VCFv4.2\n"
    "##contig=<ID=20,length=64444167>\n"
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tONE\tTWO\n"
) + "".join(f"20\t{n}\t.\tA\tC\t.\t.\t.\tGT\t0|1\t1\n" for n in range(1, 3000))
INVALID = VALID + "20\t5000\t.\tA\tC\t.\t.\t.\tGT\t0|2\t1\n"


def bgzf(folder: Path, content: str) -> bytes:
    path = folder / "packed.gz"
    with pysam.BGZFile(str(path), "wb") as packed:
        packed.write(content.encode())
    return path.read_bytes()


def bcf(folder: Path, content: str) -> bytes:
    text, binary = folder / "text.vcf", folder / "binary.bcf"
    text.write_text(content)
    with (
        pysam.VariantFile(str(text)) as source,
        pysam.VariantFile(str(binary), "wb", header=source.header) as out,
    ):
        for record in source:
            out.write(record)
    return gzip.decompress(binary.read_bytes())


def report_of(folder: Path, content: bytes, limits: Limits = USUAL):
    path = folder / "file"
    path.write_bytes(content)
    return validate(path, limits)


def two_members(content: bytes) -> bytes:
    half = len(content) // 2
    return gzip.compress(content[:half]) + gzip.compress(content[half:])


@pytest.mark.parametrize("content", [VALID, INVALID])
def test_the_same_answer_in_every_container(tmp_path, content):
    plain = report_of(tmp_path, content.encode())
    assert plain.valid == (content == VALID)
    for packed in (
        gzip.compress(content.encode()),
        two_members(content.encode()),
        bz2.compress(content.encode()),
        bgzf(tmp_path, content),
    ):
        assert report_of(tmp_path, packed).problems == plain.problems


def test_a_file_cut_short_is_never_valid(tmp_path):
    for packed in (gzip.compress(VALID.encode()), bz2.compress(VALID.encode()), bgzf(tmp_path, VALID)):
        for cut in random.Random(1).sample(range(1, len(packed) - 1), 12):
            assert not report_of(tmp_path, packed[:cut]).valid


def test_a_bgzf_file_without_its_end_marker_is_cut_short(tmp_path):
    (problem,) = report_of(tmp_path, bgzf(tmp_path, VALID)[:-28]).problems
    assert "end marker" in problem.reason


def test_a_bomb_costs_little_memory(tmp_path):
    head = VALID.encode()[:200]
    bombs = [gzip.compress(head + b"A" * (30 << 20)), bz2.compress(head + b"A" * (30 << 20))]
    tracemalloc.start()
    try:
        for bomb in bombs:
            report = report_of(tmp_path, bomb, Limits(line_bytes=1 << 20))
            assert "a line is longer" in report.problems[-1].reason
        assert tracemalloc.get_traced_memory()[1] < 20 << 20
    finally:
        tracemalloc.stop()


LONG = 2 << 20
FIELDS = {
    "genotype": lambda: RECORD.replace("0|1", "/".join("0" * LONG)),
    "quoted": lambda: '##INFO=<ID="' + '\\"' * LONG + ">\n",
    "url": lambda: "##assembly=http://" + "a." * LONG + "\n",
    "info": lambda: RECORD.replace("INFO", ";".join("A" * LONG)),
    "cigar": lambda: RECORD.replace("INFO", "CIGAR=" + "1M" * LONG),
    "list": lambda: RECORD.replace("INFO", "AC=" + ",".join("1" * LONG)),
    "samples": lambda: RECORD.replace("0|1", "\t" * LONG),
    "alleles": lambda: RECORD.replace("C\t", ",".join("C" * LONG) + "\t"),
    "breakend": lambda: RECORD.replace("C\t", "A[" + "1:" * LONG + "[\t"),
}
RECORD = "20\t1\t.\tA\tC\t.\t.\tINFO\tGT\t0|1\t1\n"


@pytest.mark.parametrize("field", FIELDS)
def test_a_long_line_costs_a_few_times_its_length(tmp_path, field):
    long_line = FIELDS[field]()
    before, columns = VALID.split("#CHROM")[0], "#CHROM" + VALID.split("#CHROM")[1].split("\n")[0] + "\n"
    content = before + (long_line + columns if field in ("quoted", "url") else columns + long_line)
    (tmp_path / "file").write_text(content)
    tracemalloc.start()
    try:
        validate(tmp_path / "file")
        assert tracemalloc.get_traced_memory()[1] < 16 * len(long_line)
    finally:
        tracemalloc.stop()


def test_what_unpacks_without_end_is_refused(tmp_path):
    lines = b"##note=" + b"x" * 1000 + b"\n"
    bomb = bz2.compress(b"##fileformat=VCFv4.3\n" + lines * (66 << 10))
    report = report_of(tmp_path, bomb, Limits(ratio=100))
    assert "unreasonable size" in report.problems[-1].reason


def test_an_empty_file_and_none_at_all(tmp_path):
    assert not report_of(tmp_path, b"").valid
    assert not report_of(tmp_path, gzip.compress(b"")).valid
    with pytest.raises(BadInput):
        validate(tmp_path / "nowhere.vcf")
    with pytest.raises(BadInput):
        validate(tmp_path)


def test_a_bcf_is_valid_by_its_frame(tmp_path):
    content = bcf(tmp_path, VALID)
    assert report_of(tmp_path, content).problems == ()
    assert report_of(tmp_path, gzip.compress(content)).problems == ()


def test_a_damaged_bcf_is_never_valid(tmp_path):
    content = bcf(tmp_path, VALID)
    (header_bytes,) = struct.unpack_from("<I", content, 5)
    first = 9 + header_bytes
    lengths = struct.unpack_from("<II", content, first)
    whole = {first}
    reader = io.BytesIO(content)
    reader.seek(first)
    while frame := reader.read(8):
        whole.add(reader.seek(sum(struct.unpack("<II", frame)), 1))
    for cut in random.Random(2).sample(range(5, len(content)), 60):
        assert report_of(tmp_path, content[:cut]).valid == (cut in whole)

    def damaged(place: int, value: bytes) -> bytes:
        return content[:place] + value + content[place + len(value) :]

    assert sum(lengths) < 100
    for place, value, reason in (
        (first + 8, struct.pack("<i", 7), "contig is not in the header"),
        (first + 8 + 20, struct.pack("<I", 3 | 1 << 24), "not as many samples"),
        (first + 8 + 16, struct.pack("<HH", 3, 2), "do not fill"),
        (first, struct.pack("<I", 2**31), "longer than"),
        (first, struct.pack("<I", 3), "shorter than its fixed fields"),
    ):
        assert any(
            reason in problem.reason for problem in report_of(tmp_path, damaged(place, value)).problems
        )
