"""The index on disk: where an allele lies, and what a row of it holds.

bin: dataset, contig and megabase in one number, so that rows of one place lie together and a shard can be
told from the number alone.  level: 0 for alleles over at most 256 bases, which an overlap question finds by
looking 256 bases further left; a longer one has the smallest level whose reach covers it, and is found
through an index of its own.  Alleles of which the key does not tell where they lie, or the row alone not who
carries them, have levels of their own, from `LOOKED_AT` on: the smallest whose reach covers them on both
sides of their start.  They are few, and whether a question means one is decided by a look at its row.

Everything here is 0-based interbase, like the coordinates it comes from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from schemas.genome import Contig, Margins

_BIN_SHIFT: Final = 20
_CONTIG_SHIFT: Final = 12
_DATASET_SHIFT: Final = 20
_LEVEL_0_REACH_BP: Final = 256
_CONTIGS: Final = 25
_LONGEST_CONTIG_BINS: Final = 256
_STRETCH_BINS: Final = 64
LEVELS: Final = 11
LOOKED_AT: Final = 16
"""The level of the shortest alleles that have to be looked at."""

COLUMNS: Final = (
    "bin", "start", "end", "ref", "alt", "sv_length", "seg", "level", "anchor", "ac", "an", "het", "hom",
    "hemi", "names", "filters", "quality", "margins", "carriers", "homs", "hemis", "uncalled", "single",
    "odd", "phase",
)  # fmt: skip
KEY_COLUMNS: Final = COLUMNS[:7]
"""What tells rows apart, in the order in which they lie."""
BLOBS: Final = 7
"""How many of the last columns are bytes."""


class Row(NamedTuple):
    """One allele of one file, in the order of `COLUMNS`.

    names, filters: joined by ";".  margins: see `margins`; None where both ends are exact.
    carriers and the other sets: see `bitmaps`; None when empty.  homs: a part of carriers.
    odd: little-endian u32 triples of ordinal, copies and called alleles, for genotypes of more than two
    called alleles.  phase: see `phasing`.  ac to hemi: of the genotypes as they are written.
    """

    bin: int
    start: int
    end: int
    ref: str
    alt: str
    sv_length: int
    seg: int
    level: int
    anchor: str
    ac: int
    an: int
    het: int
    hom: int
    hemi: int
    names: str
    filters: str
    quality: float | None
    margins: str | None
    carriers: bytes
    homs: bytes | None
    hemis: bytes | None
    uncalled: bytes | None
    single: bytes | None
    odd: bytes | None
    phase: bytes | None


class PlainRow(NamedTuple):
    """What a row tells without its sets of people; sorted, as the rows of one contig lie."""

    start: int
    end: int
    ref: str
    alt: str
    sv_length: int
    seg: int
    anchor: str
    ac: int
    an: int
    het: int
    hom: int
    hemi: int
    names: str
    filters: str
    quality: float | None


def highest(qualities: Iterable[float | None]) -> float | None:
    """The highest of several QUAL; None when there is none."""
    return max((one for one in qualities if one is not None), default=None)


def first_bin(dataset_no: int, contig: Contig) -> int:
    """The bin of the contig's first megabase."""
    return (dataset_no << _DATASET_SHIFT) + (contig.number << _CONTIG_SHIFT)


def bin_at(first: int, coordinate: int) -> int:
    """The bin of a coordinate on the contig whose first bin is `first`."""
    return first + (coordinate >> _BIN_SHIFT)


def bin_start(first: int, held: int) -> int:
    """The first coordinate of a bin, on the contig whose first bin is `first`."""
    return (held - first) << _BIN_SHIFT


def bins_of(dataset_no: int) -> tuple[int, int]:
    """The first and the last bin that a dataset can have rows in."""
    return dataset_no << _DATASET_SHIFT, ((dataset_no + 1) << _DATASET_SHIFT) - 1


def contig_number(held: int) -> int:
    """The number of the contig that a bin is of."""
    return held >> _CONTIG_SHIFT & (1 << (_DATASET_SHIFT - _CONTIG_SHIFT)) - 1


def stretches(dataset_no: int) -> Iterator[tuple[int, int]]:
    """Every bin that a dataset can have rows in, as stretches from a first to a last one."""
    for number in range(1, _CONTIGS + 1):
        first = (dataset_no << _DATASET_SHIFT) + (number << _CONTIG_SHIFT)
        for low in range(first, first + _LONGEST_CONTIG_BINS, _STRETCH_BINS):
            yield low, low + _STRETCH_BINS - 1


def level_of(length_bp: int, margins: Margins | None = None, *, is_total: bool = False) -> int:
    """The level of an allele whose interval has this length, and whose ends have these margins.

    is_total: it is a total number of copies, and who carries it depends on more than its row.
    """
    if margins is not None:
        return LOOKED_AT + level_of(max(length_bp + margins.end_high, -margins.start_low))
    if is_total:
        return LOOKED_AT + level_of(length_bp)
    level = 0
    while length_bp > reach_bp(level):
        level += 1
    return level


def reach_bp(level: int) -> int:
    """The longest interval of an allele of `level`; of those looked at, how far from its start one lies."""
    reach: int = _LEVEL_0_REACH_BP << (2 * (level % LOOKED_AT))
    return reach
