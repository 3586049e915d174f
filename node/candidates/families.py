"""Parents of the node's people and who is healthy, as imported pedigrees say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pyroaring import BitMap

from schemas.ports import People, PersonSet, Roster


@dataclass(frozen=True, slots=True)
class Parents:
    """The genotypes of somebody's father and mother, by ordinal."""

    father: int
    mother: int


@dataclass(frozen=True, slots=True)
class Families:
    """What the records of one dataset say of relatives, for the people of `within` and by no others.

    Records are read when somebody is first asked for, and remembered: make one for each question.
    """

    people: People
    dataset: str
    within: PersonSet | None
    _read: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    def healthy(self, individual: str) -> bool:
        """Whether he is recorded as not affected."""
        return self._pedigree(individual).get("affected") is False

    def family(self, individual: str) -> str:
        """Its name; "" when none is recorded."""
        return str(self._pedigree(individual).get("family", ""))

    def parents(self, individual: str) -> Parents | None:
        """None unless both are recorded, and genotyped once each."""
        told = self._pedigree(individual)
        found = [self._ordinal(str(told.get(role, ""))) for role in ("father", "mother")]
        father, mother = found
        return None if father is None or mother is None else Parents(father, mother)

    def _pedigree(self, individual: str) -> Mapping[str, Any]:
        if individual not in self._read:
            records = self.people.records(self.dataset, "individual", [individual])
            info = records[0].get("info") if records else None
            told = info.get("pedigree") if isinstance(info, Mapping) else None
            self._read[individual] = told if isinstance(told, Mapping) else {}
        return self._read[individual]

    def _ordinal(self, individual: str) -> int | None:
        own = ordinals_of(self.people.roster(self.dataset), individual)
        if len(own) != 1 or (self.within is not None and not own <= self.within):
            return None
        return int(own[0])


def ordinals_of(roster: Roster, individual: str) -> PersonSet:
    """Of an individual's samples; nobody's when he is not there."""
    ledger = roster.ledgers["individual"]
    row = ledger.row_of(individual)
    return BitMap() if row is None else BitMap().union(*(roster.ordinals[unit] for unit in ledger.units[row]))
