"""The index on disk: where an allele lies, and what a row of it holds.

bin: dataset, contig and megabase in one number, so that rows of one place lie together and a shard can be
told from the number alone.  level: 0 for alleles over at most 256 bases, which an overlap question finds by
looking 256 bases further left; a longer one has the smallest level whose reach covers it, and is found
through an index of its own.

Everything here is 0-based interbase, like the coordinates it comes from.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from schemas.genome import Contig

_BIN_SHIFT: Final = 20
_CONTIG_SHIFT: Final = 12
_DATASET_SHIFT: Final = 20
_LEVEL_0_REACH_BP: Final = 256
LEVELS: Final = 11

COLUMNS: Final = (
    "bin", "start", "end", "ref", "alt", "sv_length", "seg", "level", "anchor", "ac", "an", "het", "hom",
    "hemi", "names", "filters", "carriers", "homs", "hemis", "uncalled", "single", "odd",
)  # fmt: skip
BLOBS: Final = 6
"""How many of the last columns are bytes."""


class Row(NamedTuple):
    """One allele of one file, in the order of `COLUMNS`.

    names, filters: joined by ";".  carriers and the other sets: see `bitmaps`; None when empty.
    odd: little-endian u32 triples of ordinal, copies and called alleles, for genotypes of more than two
    called alleles.
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
    carriers: bytes
    homs: bytes | None
    hemis: bytes | None
    uncalled: bytes | None
    single: bytes | None
    odd: bytes | None


def first_bin(dataset_no: int, contig: Contig) -> int:
    """The bin of the contig's first megabase."""
    return (dataset_no << _DATASET_SHIFT) + (contig.number << _CONTIG_SHIFT)


def bin_at(first: int, coordinate: int) -> int:
    """The bin of a coordinate on the contig whose first bin is `first`."""
    return first + (coordinate >> _BIN_SHIFT)


def bins_of(dataset_no: int, contig: Contig) -> range:
    """Every bin of the contig."""
    first = first_bin(dataset_no, contig)
    return range(first, bin_at(first, contig.length_bp) + 1)


def level_of(length_bp: int) -> int:
    """The level of an allele whose interval has this length."""
    level = 0
    while length_bp > reach_bp(level):
        level += 1
    return level


def reach_bp(level: int) -> int:
    """The longest interval of an allele of `level`."""
    reach: int = _LEVEL_0_REACH_BP << (2 * level)
    return reach
