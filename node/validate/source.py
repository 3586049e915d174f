"""Bytes of a file as numbered lines, whatever it is packed in, streamed and within limits.

Knows containers and nothing of VCF.
"""

from __future__ import annotations

import bz2
import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from node.validate.report import Limits, Unreadable
from schemas.errors import BadInput, Place

_CHUNK_BYTES: Final = 1 << 18
_RATIO_COUNTS_FROM: Final = 64 << 20  # bytes unpacked; small files may be packed as well as they like
_BGZF_END: Final = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
_GZIP_MAGIC: Final = b"\x1f\x8b"
_BZIP2_MAGIC: Final = b"BZh"
_DAMAGE: Final = (EOFError, OSError, zlib.error)
_NOT_READ: Final = {
    b"PK": "a zip archive",
    b"\xfd7zXZ": "packed by xz",
    b"\x1f\x9d": "packed by compress",
    b"\x78\x01": "a bare zlib stream",
    b"\x78\x9c": "a bare zlib stream",
    b"\x78\xda": "a bare zlib stream",
    b"(\xb5/\xfd": "packed by zstd",
    b"CRAM": "a CRAM file",
    b"BAM\x01": "a BAM file",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line without its end; `ended` is False for a last line that has none."""

    number: int
    content: bytes
    ended: bool


class _Unpacked(Protocol):
    def read(self, size: int, /) -> bytes: ...
    def peek(self, size: int, /) -> bytes: ...


class Source:
    """An opened file: its unpacked bytes, once, in order."""

    def __init__(self, raw: BinaryIO, unpacked: _Unpacked, limits: Limits) -> None:
        self._raw = raw
        self._unpacked = unpacked
        self._limits = limits
        self._total = 0
        self.line = 0
        """The line reached so far, for problems of the container."""

    def peek(self, size: int) -> bytes:
        """The next `size` unpacked bytes, fewer near the end, without taking them."""
        try:
            return self._unpacked.peek(size)[:size]
        except _DAMAGE as fault:
            raise Unreadable(0, f"the file is damaged or cut short ({_short(fault)})") from None

    def read(self, size: int) -> bytes:
        """Up to `size` unpacked bytes, fewer only at the end.  Raises Unreadable: a damaged container."""
        try:
            data = self._unpacked.read(size)
        except _DAMAGE as fault:
            raise Unreadable(self.line, f"the file is damaged or cut short ({_short(fault)})") from None
        self._total += len(data)
        if self._total > _RATIO_COUNTS_FROM and self._total > self._limits.ratio * max(self._raw.tell(), 1):
            raise Unreadable(self.line, "the file unpacks to an unreasonable size")
        return data

    def lines(self) -> Iterator[Line]:
        """Every line.  Raises Unreadable: a damaged container, or a line longer than the limit."""
        pending: list[bytes] = []
        size = 0
        while chunk := self.read(_CHUNK_BYTES):
            *ended, rest = chunk.split(b"\n")
            if ended:
                pending.append(ended[0])
                size += len(ended[0])
                self._refuse_long(size)
                yield self._next(b"".join(pending))
                for content in ended[1:]:
                    yield self._next(content)
                pending, size = [], 0
            pending.append(rest)
            size += len(rest)
            self._refuse_long(size)
        if size:
            yield self._next(b"".join(pending), ended=False)

    def _next(self, content: bytes, *, ended: bool = True) -> Line:
        self.line += 1
        return Line(self.line, content.removesuffix(b"\r"), ended)

    def _refuse_long(self, size: int) -> None:
        if size > self._limits.line_bytes:
            raise Unreadable(self.line + 1, f"a line is longer than {self._limits.line_bytes} bytes")


def _short(fault: Exception) -> str:
    return (str(fault) or type(fault).__name__)[:100]


@contextmanager
def opened(path: Path, limits: Limits) -> Iterator[Source]:
    """The file at `path`, unpacked as it is read.

    Raises BadInput: no file there, or not to be read.  Raises Unreadable: a container that is not
    understood, or a BGZF file without its end marker.
    """
    try:
        raw = path.open("rb")
    except OSError as fault:
        raise BadInput(Place(str(path)), f"cannot be read ({fault.strerror})", "Check the path.") from None
    with raw:
        opening = raw.read(18)
        raw.seek(0)
        for magic, what in _NOT_READ.items():
            if opening.startswith(magic):
                raise Unreadable(0, f"the file is {what}; only plain text, gzip, BGZF and bzip2 are read")
        if opening.startswith(_GZIP_MAGIC):
            _refuse_cut_bgzf(raw, opening)
            with gzip.GzipFile(fileobj=raw, mode="rb") as unpacked:
                yield Source(raw, unpacked, limits)
        elif opening.startswith(_BZIP2_MAGIC):
            with bz2.BZ2File(raw, "rb") as unpacked_bz2:
                yield Source(raw, unpacked_bz2, limits)
        else:
            yield Source(raw, raw, limits)


def _refuse_cut_bgzf(raw: BinaryIO, opening: bytes) -> None:
    """A file of BGZF blocks ends with an empty one; without it the end of the file is missing."""
    if opening[3:4] != b"\x04" or opening[12:14] != b"BC":
        return
    size = raw.seek(0, 2)
    raw.seek(max(size - len(_BGZF_END), 0))
    tail = raw.read()
    raw.seek(0)
    if tail != _BGZF_END:
        raise Unreadable(0, "the file is cut short: its BGZF end marker is missing")
