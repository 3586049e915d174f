"""A variant that the Beacon is known to hold, and the questions that ought, or ought not, to find it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from node.federation.sighting import Sighting, read_sighting
from schemas.genome import Assembly, Contig, Interval
from schemas.questions import SequenceQuery


@dataclass(frozen=True, slots=True)
class Probe:
    """One allele with both its sequences; `interval` covers the reference bases, which may be none.

    record: as the Beacon listed it; None for a probe that a person gave.
    """

    interval: Interval
    reference: str
    alternate: str
    record: Mapping[str, Any] | None = field(default=None, compare=False)

    @classmethod
    def of(cls, question: SequenceQuery) -> Probe:
        """The probe a person typed."""
        return cls(question.interval, question.reference or "", question.alternate)

    @classmethod
    def in_record(cls, record: Mapping[str, Any], assembly: Assembly) -> Probe | None:
        """The probe that a record describes; None unless its place and both its sequences are told."""
        seen = read_sighting(record)
        contig = seen.contig(assembly)
        if contig is None or seen.first is None or seen.reference is None or seen.alternate is None:
            return None
        last = seen.first + len(seen.reference)
        plain = set(seen.reference + seen.alternate) <= set("ACGT")
        if not plain or seen.reference == seen.alternate or not 0 < last < contig.length_bp:
            return None
        return cls(Interval(contig, seen.first, last), seen.reference, seen.alternate, record)

    @property
    def contig(self) -> Contig:
        return self.interval.contig

    @property
    def is_snv(self) -> bool:
        return len(self.reference) == len(self.alternate) == 1

    @property
    def is_long(self) -> bool:
        """Whether it changes the last of its two or more reference bases, whichever way it is trimmed."""
        return len(self.reference) > 1 and self.reference[-1:] != self.alternate[-1:]

    def sequence(self, **changed: Any) -> dict[str, Any]:
        """Parameters of the sequence query for it, with members changed, or left out where None.

        `referenceName` is left to be spelled by whoever asks, unless it is changed.
        """
        parameters = {
            "assemblyId": self.contig.assembly.value,
            "referenceName": self.contig,
            "start": [self.interval.start],
            "referenceBases": self.reference,
            "alternateBases": self.alternate,
        }
        return _changed(parameters, changed)

    def region(self, left: int, right: int, **changed: Any) -> dict[str, Any]:
        """Parameters of a range query from `left` to `right`, counted from its first base."""
        parameters = {
            "assemblyId": self.contig.assembly.value,
            "referenceName": self.contig,
            "start": [max(self.interval.start + left, 0)],
            "end": [self.interval.start + right],
        }
        return _changed(parameters, changed)

    def bracket(self, left: int, right: int, **changed: Any) -> dict[str, Any]:
        """Parameters of a bracket query for what starts and ends exactly there, moved by `left`, `right`."""
        begins, ends = self.interval.start + left, self.interval.end + right
        return self.region(0, 1, **{"start": [begins, begins + 1], "end": [ends, ends + 1], **changed})

    def is_in(self, records: list[Mapping[str, Any]]) -> bool:
        """Whether one of the records describes it: same place and bases, on a contig that is not another."""
        return any(self._is(read_sighting(record)) for record in records)

    def _is(self, seen: Sighting) -> bool:
        if seen.first != self.interval.start or seen.alternate != self.alternate:
            return False
        if seen.reference is not None and seen.reference != self.reference:
            return False
        contig = seen.contig(self.contig.assembly)
        return contig is None or contig == self.contig

    def __str__(self) -> str:
        first = self.interval.start + 1
        return f"{self.contig.assembly} {self.contig}:{first} {self.reference or '-'}>{self.alternate or '-'}"


def _changed(parameters: Mapping[str, Any], changed: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**parameters, **changed}.items() if value is not None}
