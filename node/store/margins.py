"""How far the ends of a structural variant may lie from where it is held: CIPOS and CIEND.

Spec: VCF 4.4 §1.6.1 (INFO CIPOS, CIEND); a pair for each ALT, or, as VCF 4.1 to 4.3 write it, one for all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from schemas.genome import Margins

_MOST_BP: Final = 1 << 28  # more than the longest contig has
_NUMBERS: Final = re.compile(rb"-?\d{1,12}(?:,-?\d{1,12})*", re.ASCII)
_EXACT: Final = (0, 0)


class Unreadable(ValueError):
    """What is written of the margins is no pair of numbers for each allele."""


def margins_of(around_pos: bytes | None, around_end: bytes | None, number: int, alternates: int) -> Margins:
    """Of ALT allele `number` of so many, by CIPOS and CIEND as written; None where they are not there.

    The best estimate always lies within.  Raises Unreadable.
    """
    return Margins(*_pair(around_pos, number, alternates), *_pair(around_end, number, alternates))


def _pair(written: bytes | None, number: int, alternates: int) -> tuple[int, int]:
    if written is None or set(written) <= set(b".,"):
        return _EXACT
    if not _NUMBERS.fullmatch(written):
        raise Unreadable
    values = [max(-_MOST_BP, min(int(value), _MOST_BP)) for value in written.split(b",")]
    if len(values) == 2 * alternates:
        values = values[2 * number - 2 : 2 * number]
    if len(values) != 2 or values[0] > values[1]:
        raise Unreadable
    return min(values[0], 0), max(values[1], 0)


def widest(several: Iterable[Margins | None]) -> Margins | None:
    """As wide as any of them says; None when all ends are exact."""
    known = [margins for margins in several if margins is not None]
    if not known:
        return None
    lows = min(one.start_low for one in known), min(one.end_low for one in known)
    highs = max(one.start_high for one in known), max(one.end_high for one in known)
    return Margins(lows[0], highs[0], lows[1], highs[1])


def written(margins: Margins | None) -> str | None:
    """As a row of the index has them."""
    return None if margins is None else ",".join(map(str, margins))


def read(text: str | None) -> Margins | None:
    """What a row of the index has."""
    return None if text is None else Margins(*map(int, text.split(",")))


def widest_written(texts: Sequence[str | None]) -> str | None:
    """`widest` of what several rows have."""
    known = {text for text in texts if text is not None}
    return next(iter(known), None) if len(known) < 2 else written(widest(map(read, known)))
