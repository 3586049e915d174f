"""A file of variants into questions: a VCF, plain or gzipped, or one question a line in any notation.

Nothing is passed over in silence: a line that cannot be read is told with its reason, and is in the result.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from schemas.errors import BadInput, BadQuestion, Place
from schemas.genome import Assembly
from schemas.notation import read_question
from schemas.questions import Single

MOST: Final = 1000
_MOST_BYTES: Final = 20_000_000
_BASES: Final = frozenset("ACGTN")


@dataclass(frozen=True, slots=True)
class Line:
    """One question of a file.

    number: of the line, from 1; several alleles of a VCF line have the same.  question: None when the line
    cannot be read as one, for the `reason`.
    """

    number: int
    text: str
    question: Single | None
    reason: str = ""


def read_lines(path: Path, assembly: Assembly | None) -> tuple[Line, ...]:
    """The questions of the file, in its order; empty lines and those that begin with # are none.

    assembly: of positions whose line does not tell it.

    Raises BadInput: the file cannot be read, asks nothing, or asks more than 1,000 questions.
    """
    rows = list(_text(path).splitlines())
    vcf = bool(rows) and rows[0].startswith("##fileformat=VCF")
    told = ((n, row.rstrip()) for n, row in enumerate(rows, 1) if row.strip() and not row.startswith("#"))
    found: list[Line] = []
    for number, row in told:
        found += _of_vcf(number, row, assembly) if vcf else [_of_text(number, row.strip(), assembly)]
        if len(found) > MOST:
            raise BadInput(Place(str(path)), f"asks more than {MOST:,} questions", "Split the file.")
    if not found:
        raise BadInput(Place(str(path)), "asks nothing", "Write one variant a line, or give a VCF.")
    return tuple(found)


def _text(path: Path) -> str:
    try:
        raw = path.read_bytes()
        if raw[:2] == b"\x1f\x8b":
            with gzip.open(path) as unpacking:  # bgzip is a series of gzip members
                raw = unpacking.read(_MOST_BYTES + 1)
        if len(raw) > _MOST_BYTES:
            raise BadInput(Place(str(path)), "is larger than 20 MB", "A batch is a list of variants.")
        return raw.decode("utf-8-sig")
    except (OSError, EOFError, zlib.error) as fault:
        problem = f"cannot be read ({getattr(fault, 'strerror', None) or 'not whole'})"
        raise BadInput(Place(str(path)), problem, "Give a text file or a VCF.") from None
    except UnicodeDecodeError:
        raise BadInput(Place(str(path)), "is not text", "Give a text file or a VCF, not BCF.") from None


def _of_vcf(number: int, row: str, assembly: Assembly | None) -> Iterable[Line]:
    columns = row.split("\t")
    if len(columns) < 5:
        yield Line(number, row[:200], None, "fewer than five columns")
        return
    contig, position, _, reference, alternates = columns[:5]
    for alternate in alternates.split(","):
        text = f"{contig}:{position} {reference}>{alternate}"
        if not set((reference + alternate).upper()) <= _BASES:
            yield Line(number, text[:200], None, "not an allele written in bases; ask for it as a region")
        else:
            yield _of_text(number, text, assembly)


def _of_text(number: int, text: str, assembly: Assembly | None) -> Line:
    try:
        return Line(number, text[:200], read_question(text, assembly))
    except BadQuestion as fault:
        return Line(number, text[:200], None, fault.message)


def unread(lines: Iterable[Line]) -> Iterator[Line]:
    """Those that are no questions."""
    return (line for line in lines if line.question is None)
