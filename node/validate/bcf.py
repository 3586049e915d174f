"""The frame of a BCF file: its header as VCF text, and every record's lengths, types and indices.

Values inside the records are not looked at: what a program wrote as binary has passed its own types.  A
problem in a record stands at line 0 and names the record, counted from 1.

Spec: VCF 4.3/4.4 §6 (BCF 2.2).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from node.validate.header import Header
from node.validate.report import Findings, Limits, Unreadable
from node.validate.source import Source

MAGIC: Final = (b"BCF\x02\x01", b"BCF\x02\x02")
_HEADER_BYTES: Final = 256 << 20
_FIXED: Final = struct.Struct("<iiifHHI")
_SIZES: Final = {0: 0, 1: 1, 2: 2, 3: 4, 5: 4, 7: 1}
_INTEGERS: Final = {1: "<b", 2: "<h", 3: "<i"}
_LONG: Final = 15  # a count of 15 says that the true count follows as a typed integer


def check_bcf(source: Source, findings: Findings, header: Header, limits: Limits) -> None:
    """Read a BCF from its first byte to its last.  Raises Unreadable: the frame is broken."""
    _exactly(source, 5)
    _check_header(source, findings, header)
    if not header.complete:
        return
    number = 0
    while lengths := source.read(8):
        number += 1
        if len(lengths) < 8:
            raise Unreadable(0, f"record {number}: the file ends inside it")
        shared_bytes, sample_bytes = struct.unpack("<II", lengths)
        if shared_bytes + sample_bytes > limits.line_bytes:
            raise Unreadable(0, f"record {number}: longer than {limits.line_bytes} bytes")
        shared, samples = _exactly(source, shared_bytes), _exactly(source, sample_bytes)
        findings.add(0, (f"record {number}: {reason}" for reason in _check_record(shared, samples, header)))


def _exactly(source: Source, size: int) -> bytes:
    parts: list[bytes] = []
    while size and (part := source.read(min(size, 1 << 20))):
        parts.append(part)
        size -= len(part)
    if size:
        raise Unreadable(0, "the file ends inside a record or its header")
    return b"".join(parts)


def _check_header(source: Source, findings: Findings, header: Header) -> None:
    (size,) = struct.unpack("<I", _exactly(source, 4))
    if size > _HEADER_BYTES:
        raise Unreadable(0, f"the header is longer than {_HEADER_BYTES} bytes")
    try:
        text = _exactly(source, size).rstrip(b"\x00").decode("utf-8")
    except UnicodeDecodeError:
        raise Unreadable(0, "the header is not UTF-8 text") from None
    for number, line in enumerate(text.removesuffix("\n").split("\n"), 1):
        if number == 1:
            findings.add(1, header.read_first(line))
        elif header.version is None or header.complete:
            break
        else:
            findings.add(number, header.read(line, header.version))
    if header.version is not None and not header.complete:
        findings.add(0, ["the line of column names, #CHROM, is missing"])


def _check_record(shared: bytes, samples: bytes, header: Header) -> Iterator[str]:
    if len(shared) < _FIXED.size:
        yield "shorter than its fixed fields"
        return
    contig, position, _length, _quality, infos, alleles, counts = _FIXED.unpack_from(shared)
    if not 0 <= contig < header.contigs:
        yield "its contig is not in the header"
    if position < -1:
        yield "its position is negative"
    if counts & 0xFFFFFF != max(header.columns - 9, 0):
        yield "it has not as many samples as the header"
        return
    place: int | None = _FIXED.size
    for _ in range(1 + alleles + 1 + 2 * infos):  # ID, alleles, FILTER, and INFO as key and value
        place = None if place is None else _after(shared, place, 1)
    if place != len(shared):
        yield "its fields do not fill its length"
    place = 0
    for _ in range(counts >> 24):
        place = None if place is None else _after(samples, place, 1)
        place = None if place is None else _after(samples, place, counts & 0xFFFFFF)
    if place != len(samples):
        yield "its sample fields do not fill their length"


def _after(data: bytes, place: int, times: int) -> int | None:
    """Where the typed value at `place`, with its data repeated, ends; None when it is none or too long."""
    if place >= len(data):
        return None
    kind, count = data[place] & 15, data[place] >> 4
    place += 1
    if count == _LONG:
        if place >= len(data) or data[place] >> 4 != 1 or data[place] & 15 not in _INTEGERS:
            return None
        form = _INTEGERS[data[place] & 15]
        end = place + 1 + struct.calcsize(form)
        if end > len(data):
            return None
        (count,) = struct.unpack_from(form, data, place + 1)
        place = end
    size = _SIZES.get(kind)
    if size is None or count < 0:
        return None
    place += count * size * times
    return place if place <= len(data) else None
