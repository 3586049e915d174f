"""The questions that can be asked of a store of alleles.

Each says with `admits` which alleles it means; an engine may find them in any way that comes to the same.

Spec: Beacon v2 requestParameters and "Variant queries".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from schemas.genome import Allele, Contig, Interval, VariantType, bases_match


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a range or bracket question may demand of an allele beside its place.

    alternate: trimmed alternate bases, IUPAC codes allowed; None for any.
    variant_types: the admitted types; None for any.
    min_length_bp, max_length_bp: both included; see `Allele.length_bp`; None for no bound.
    """

    alternate: str | None = None
    variant_types: frozenset[VariantType] | None = None
    min_length_bp: int | None = None
    max_length_bp: int | None = None

    def admit(self, allele: Allele) -> bool:
        if self.variant_types is not None and allele.variant_type not in self.variant_types:
            return False
        if self.min_length_bp is not None and allele.length_bp < self.min_length_bp:
            return False
        if self.max_length_bp is not None and allele.length_bp > self.max_length_bp:
            return False
        if self.alternate is None:
            return True
        if allele.is_symbolic:
            return False
        anchored = allele.vcf[2]
        return bases_match(self.alternate, allele.alternate) or bases_match(self.alternate, anchored)


ANYTHING: Final = Conditions()


@dataclass(frozen=True, slots=True)
class SequenceQuery:
    """Is this very allele seen?  (Beacon "sequence query".)

    interval: where the reference bases lie, as asked; empty for an insertion without padding.
    reference: as asked; None when the question does not name it, and then `interval` is empty and only
    marks where the allele starts.
    alternate: as asked.  Both may hold IUPAC codes, and may be padded by common bases: the comparison is
    made on trimmed forms.
    """

    interval: Interval
    reference: str | None
    alternate: str

    @property
    def allele(self) -> Allele | None:
        """The one allele meant, or None when several are possible (no reference, or a wildcard)."""
        if self.reference is None or not set(self.reference + self.alternate) <= set("ACGT"):
            return None
        return Allele.from_bases(self.interval, self.reference, self.alternate)

    @property
    def reach(self) -> Interval:
        """Every allele that can match starts (0-based) inside this interval, or at its end."""
        padded = max(len(self.reference or ""), len(self.alternate))
        contig = self.interval.contig
        return Interval(contig, self.interval.start, min(self.interval.start + padded, contig.length_bp))

    def admits(self, candidate: Allele) -> bool:
        """Whether `candidate` is what was asked for; candidates are trimmed, questions may be padded."""
        if candidate.is_symbolic or candidate.interval.contig != self.interval.contig:
            return False
        exact = self.allele
        if exact is not None:
            return candidate == exact
        offset = candidate.interval.start - self.interval.start
        if self.reference is None:
            position, _, anchored = candidate.vcf
            here = position - 1 == self.interval.start and bases_match(self.alternate, anchored)
            return here or (offset == 0 and bases_match(self.alternate, candidate.alternate))
        return self._padded_match(candidate, offset)

    def _padded_match(self, candidate: Allele, offset: int) -> bool:
        """With wildcards: cut the same padding off both asked sequences, and compare what is left."""
        reference, alternate = self.reference or "", self.alternate
        tail = len(reference) - offset - len(candidate.reference)
        if offset < 0 or tail < 0 or len(alternate) != offset + len(candidate.alternate) + tail:
            return False
        inner_reference = reference[offset : len(reference) - tail]
        inner_alternate = alternate[offset : len(alternate) - tail]
        padding_agrees = (
            reference[:offset] == alternate[:offset]
            and reference[len(reference) - tail :] == alternate[len(alternate) - tail :]
        )
        return (
            padding_agrees
            and bases_match(inner_reference, candidate.reference)
            and bases_match(inner_alternate, candidate.alternate)
        )


@dataclass(frozen=True, slots=True)
class RangeQuery:
    """Which alleles overlap this interval, even in part?  (Beacon "range query".)"""

    interval: Interval
    conditions: Conditions = ANYTHING

    def admits(self, candidate: Allele) -> bool:
        return self.interval.overlaps(candidate.interval) and self.conditions.admit(candidate)


@dataclass(frozen=True, slots=True)
class BracketQuery:
    """Which alleles start in `starts` and end in `ends`?  (Beacon "bracket query".)

    Both windows are half-open, `window.start <= coordinate < window.end`: the specification makes an
    exact match of `start[1] = start[0] + 1`.  A window that runs to the end of the contig holds that
    last coordinate too.
    """

    starts: Interval
    ends: Interval
    conditions: Conditions = ANYTHING

    def admits(self, candidate: Allele) -> bool:
        place = candidate.interval
        return (
            place.contig == self.starts.contig
            and _in_window(place.start, self.starts)
            and _in_window(place.end, self.ends)
            and self.conditions.admit(candidate)
        )


def _in_window(coordinate: int, window: Interval) -> bool:
    last = window.end if window.end < window.contig.length_bp else window.end + 1
    return window.start <= coordinate < last


VariantQuery = SequenceQuery | RangeQuery | BracketQuery


def contig_of(query: VariantQuery) -> Contig:
    """The contig, and with it the assembly, that a question is about."""
    return query.starts.contig if isinstance(query, BracketQuery) else query.interval.contig
