"""What holds between records: one block a contig, ascending positions, no allele twice.

Contigs in angle brackets belong to an assembly file and take no part.  Memory is bounded: alleles are
remembered only as far as a later record can still repeat them.

Spec: VCF 4.1/4.2 §1.4.1; VCF 4.3/4.4 §1.6.1, items 1 and 2.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from typing import Final

from node.validate.alleles import AltKind, alt_kind
from schemas.genome import trim

_MOST_CONTIGS: Final = 1_000_000
_MOST_REMEMBERED: Final = 100_000
_LONGEST_COMPARED: Final = 10_000


class Ordering:
    """What was seen so far.  Positions are those of the POS column, counted from 1."""

    def __init__(self) -> None:
        self._contig = ""
        self._finished: set[str] = set()
        self._reached = 0
        self._alleles: dict[int, set[tuple[str, str]]] = {}
        self._starts: list[int] = []
        self._remembered = 0

    def check(self, contig: str, vcf_pos: int, reference: str, alternates: Sequence[str]) -> Iterator[str]:
        """The reasons why the next record cannot follow those before."""
        if contig.startswith("<"):
            return
        if contig != self._contig:
            yield from self._enter(contig)
        elif vcf_pos < self._reached:
            yield "POS is smaller than in the record before"
        self._reached = max(self._reached, vcf_pos)
        self._forget()
        yield from self._repeats(vcf_pos, reference.upper(), alternates)

    def _enter(self, contig: str) -> Iterator[str]:
        self._finished.add(self._contig)
        if contig in self._finished:
            yield "the records of this contig do not stand together"
        if len(self._finished) > _MOST_CONTIGS:
            yield f"more than {_MOST_CONTIGS} contigs"
            self._finished.clear()
        self._contig, self._reached = contig, 0
        self._clear()

    def _clear(self) -> None:
        self._alleles.clear()
        self._starts.clear()
        self._remembered = 0

    def _forget(self) -> None:
        """Drop what lies before the position reached: a trimmed allele never starts before its POS."""
        while self._starts and self._starts[0] < self._reached:
            self._remembered -= len(self._alleles.pop(heapq.heappop(self._starts)))

    def _repeats(self, vcf_pos: int, reference: str, alternates: Sequence[str]) -> Iterator[str]:
        for alternate in alternates:
            if (
                alt_kind(alternate) is not AltKind.BASES
                or len(reference) + len(alternate) > _LONGEST_COMPARED
            ):
                continue
            head, kept_reference, kept_alternate = trim(reference, alternate.upper())
            first = vcf_pos + len(head)
            if first not in self._alleles:
                heapq.heappush(self._starts, first)
            here = self._alleles.setdefault(first, set())
            if (kept_reference, kept_alternate) in here:
                yield "an allele that this or an earlier record has already"
            here.add((kept_reference, kept_alternate))
            self._remembered += 1
        if self._remembered > _MOST_REMEMBERED:
            self._clear()
