"""REF and ALT: bases, symbolic alleles, breakends.

Spec: VCF 4.1/4.2 §1.4.1 and §5; VCF 4.3/4.4 §1.6.1 and §5.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum, auto
from typing import Final

from node.validate.values import MISSING

MOST_ALTERNATES: Final = 10_000
_BASES: Final = re.compile(r"[ACGTNacgtn]+")
_SYMBOLIC: Final = re.compile(r"<[^\s,<>]+>")
_SINGLE_BREAKEND: Final = re.compile(r"\.[ACGTNacgtn]+|[ACGTNacgtn]+\.")
# Bases on exactly one side of two brackets of one kind that hold contig:position.
_MATE: Final = r"(?:\[[^\s,\[\]]+:[0-9]{1,10}\[|\][^\s,\[\]]+:[0-9]{1,10}\])"
_BREAKEND: Final = re.compile(rf"[ACGTNacgtn.]+{_MATE}|{_MATE}[ACGTNacgtn.]+")


class AltKind(Enum):
    BASES = auto()
    SYMBOLIC = auto()
    BREAKEND = auto()
    OVERLAPPED = auto()
    """`*`: deleted by another record upstream."""


def alt_kind(alternate: str) -> AltKind | None:
    """What one allele of ALT is, or None when it is nothing the specification knows."""
    if _BASES.fullmatch(alternate):
        return AltKind.BASES
    if alternate == "*":
        return AltKind.OVERLAPPED
    if _SYMBOLIC.fullmatch(alternate):
        return AltKind.SYMBOLIC
    if _BREAKEND.fullmatch(alternate) or _SINGLE_BREAKEND.fullmatch(alternate):
        return AltKind.BREAKEND
    return None


def split_alternates(column: str) -> tuple[str, ...]:
    """The alleles of an ALT column; () for `.`."""
    return () if column == MISSING else tuple(column.split(","))


def check_alleles(reference: str, alternate_column: str) -> Iterator[str]:
    """The reasons why REF or ALT is wrong."""
    if not _BASES.fullmatch(reference):
        yield "REF must be one or more of A, C, G, T, N"
    if alternate_column.count(",") >= MOST_ALTERNATES:
        yield f"ALT holds more than {MOST_ALTERNATES} alleles"
        return
    for alternate in split_alternates(alternate_column):
        if alt_kind(alternate) is None:
            yield "ALT holds something that is neither bases, *, <ID> nor a breakend"
        elif alternate.upper() == reference.upper():
            yield "an allele of ALT is the same as REF"
