"""A file cut into parts that several processes read at once, and where one part ends and the next begins.

The cuts are made by size, at the blocks of BGZF.  A part really begins at the first line after its cut that
no earlier line can share an allele with, and there the part before it ends: both find the same line, each by
itself.  Where they do not, the file is read in one piece.

Spec: SAM 4.1 (BGZF).
"""

from __future__ import annotations

import mmap
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from node.store.reader import Record
from schemas.genome import Contig

_HEAD: Final = bytes.fromhex("1f8b0804")
_SUBFIELD: Final = b"\x06\x00BC\x02\x00"
_LEAST_PART_BYTES: Final = 2 << 20


@dataclass(frozen=True, slots=True)
class Part:
    """Lines of a file, from the first that begins after `begin` to the first that begins after `end`.

    begin, end: in bytes of the text; 0 and None are the ends of the file.  block: where in the file, as it
    lies on the disk, the text from `begin` on is to be found.
    """

    begin: int = 0
    end: int | None = None
    block: int = 0


WHOLE: Final = Part()


def parts_of(path: Path, workers: int, least_bytes: int = _LEAST_PART_BYTES) -> tuple[Part, ...]:
    """About equal parts, `workers` at most, none smaller than `least_bytes`; BCF and short files are one.

    A microsecond for each block of BGZF, which hold up to 64 kB of text.  Raises OSError.
    """
    size = path.stat().st_size
    count = min(workers, size // least_bytes)
    if count < 2:
        return (WHOLE,)
    wanted = [size * n // count for n in range(1, count)]
    with path.open("rb") as source, mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ) as held:
        cuts = _cuts(held, wanted) if held[:2] == _HEAD[:2] else [(cut, cut) for cut in wanted]
        if held[:3] == b"BCF" or not cuts:
            return (WHOLE,)
    begins = [(0, 0), *cuts]
    ends = [*(text for text, _ in cuts), None]
    return tuple(Part(text, end, block) for (text, block), end in zip(begins, ends, strict=True))


def _cuts(held: mmap.mmap, wanted: list[int]) -> list[tuple[int, int]]:
    """The blocks that follow the wanted places: offset in the text, and in the file.

    [] where the file is no plain BGZF, or holds BCF.
    """
    if zlib.decompressobj(31).decompress(held[: 1 << 16], 3) == b"BCF":
        return []
    cuts: list[tuple[int, int]] = []
    block = text = 0
    for place in wanted:
        while block < place:
            if held[block : block + 4] != _HEAD or held[block + 10 : block + 16] != _SUBFIELD:
                return []
            block += int.from_bytes(held[block + 16 : block + 18], "little") + 1
            text += int.from_bytes(held[block - 4 : block], "little")
        cuts.append((text, block))
    return cuts


@dataclass(slots=True)
class Border:
    """Looks for the line at which a part really begins, among the records behind its cut."""

    cut: int
    _contig: Contig | None = field(default=None, init=False)
    _reach: int = field(default=0, init=False)

    def is_at(self, line_begin: int, record: Record) -> bool:
        """Whether the next part begins with this record; to be asked of each in turn.

        line_begin: of its line, in bytes of the text.
        """
        if line_begin <= self.cut:
            return False
        beyond = record.first + len(record.reference)
        if self._contig is None:
            self._contig, self._reach = record.contig, beyond
            return False
        if record.contig is not self._contig or record.first > self._reach:
            return True
        self._reach = max(self._reach, beyond)
        return False
