"""Where a file says of people that they were looked at, whether or not they carry anything: reference blocks.

A gVCF has a block for each stretch without a variant, and names `<NON_REF>` or `<*>` in every line.  What its
lines call becomes spans of bases, so that the people of one file count at the sites of others.  A block of
quality or depth 0 says that nothing is known there, whatever its genotype.

Spec: VCF 4.4 §5.5; GATK "GVCF - Genomic Variant Call Format".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np

from node.store.alleles import info_value
from node.store.bitmaps import Ordinals
from node.store.layout import bin_at, bin_start, first_bin
from node.store.reader import Record
from node.store.scanner import SiteCalls
from schemas.genome import Contig

SPAN_COLUMNS: Final = ("bin", "file_no", "ordinal", "copies", "spans")
_ANYTHING_ELSE: Final = frozenset((b"<NON_REF>", b"<*>"))
_BLOCKS: Final = _ANYTHING_ELSE | {b"."}
_DOUBTS: Final = (b"GQ", b"DP", b"MIN_DP")


class Span(NamedTuple):
    """Bases at which a person has `copies` called alleles, in the order of `SPAN_COLUMNS`.

    spans: left and right of each stretch, one after the other, ascending; all in the bin.
    """

    bin: int
    file_no: int
    ordinal: int
    copies: int
    spans: list[int]


def packed(span: Span) -> tuple[int, int, int, int, bytes]:
    """The span as it lies in the database: coordinates as little-endian u32."""
    return (*span[:-1], np.array(span.spans, "<u4").tobytes())


@dataclass(slots=True)
class Spans:
    """Makes the spans of one file.  ordinals: of the people.  made: so far, for the caller to take away."""

    dataset_no: int
    file_no: int
    ordinals: Ordinals
    made: list[Span] = field(default_factory=list)
    _contig: Contig | None = None
    _open: dict[int, tuple[int, int, int]] = field(default_factory=dict)
    _closed: dict[tuple[int, int, int], list[int]] = field(default_factory=dict)

    def add(self, record: Record, calls: SiteCalls) -> None:
        """Takes what a line calls, if it is one of a gVCF; lines come in the order of the file."""
        right = _last_base(record)
        if right is None:
            return
        if record.contig is not self._contig:
            self.close()
            self._contig = record.contig
        left = max(record.first - 1, 0)
        for sample, copies in _called(record, calls):
            before = self._open.get(sample)
            if before is not None and before[0] == copies and left <= before[2]:
                self._open[sample] = copies, before[1], max(right, before[2])
            else:
                self._cut(sample)
                self._open[sample] = copies, left, right

    def close(self) -> None:
        """Nothing more follows on this contig."""
        for sample in list(self._open):
            self._cut(sample)
        self._give()

    def _cut(self, sample: int) -> None:
        """Ends the open stretch of a sample; one that lies in several bins becomes several."""
        copies, left, right = self._open.pop(sample, (0, 0, 0))
        if self._contig is None or left >= right:
            return
        base = first_bin(self.dataset_no, self._contig)
        while left < right:
            here = bin_at(base, left)
            stop = min(right, bin_start(base, here + 1))
            if (here, sample, copies) not in self._closed and len(self._closed) > len(self.ordinals) * 3:
                self._give()
            pairs = self._closed.setdefault((here, sample, copies), [])
            if pairs and left <= pairs[-1]:  # one with more or fewer copies lay between
                pairs[-1] = max(pairs[-1], stop)
            else:
                pairs += left, stop
            left = stop

    def _give(self) -> None:
        for (here, sample, copies), pairs in self._closed.items():
            self.made.append(Span(here, self.file_no, int(self.ordinals[sample]), copies, pairs))
        self._closed.clear()


def _last_base(record: Record) -> int | None:
    """Where the line ends; None when it is not one of a gVCF."""
    if record.alternates in _BLOCKS:
        end = info_value(record.info, b"END")
        if end is not None and end.isdigit():
            return min(max(int(end), record.first), record.contig.length_bp)
        if record.alternates == b".":
            return None
    elif record.alternates.rsplit(b",", 1)[-1] not in _ANYTHING_ELSE:
        return None
    return min(record.first - 1 + len(record.reference), record.contig.length_bp)


def _called(record: Record, calls: SiteCalls) -> Iterator[tuple[int, int]]:
    """Samples that are called, and how many alleles of each are."""
    copies = dict.fromkeys(range(calls.samples), 2)
    copies |= dict.fromkeys(calls.single.tolist(), 1) | dict.fromkeys(calls.uncalled.tolist(), 0)
    copies |= {odd.column: len(odd.alleles) for odd in calls.odd}
    doubted = _doubted(record) if record.alternates in _BLOCKS else frozenset()
    return ((sample, called) for sample, called in copies.items() if called and sample not in doubted)


def _doubted(record: Record) -> frozenset[int]:
    """Samples of a block of which it says that nothing is known."""
    keys = record.form.split(b":")
    places = [keys.index(key) for key in _DOUBTS if key in keys]
    doubted = set()
    for sample, text in enumerate(record.text.split(b"\t")):
        fields = text.split(b":")
        if any(fields[place] == b"0" for place in places if place < len(fields)):
            doubted.add(sample)
    return frozenset(doubted)
