"""One case with everything the node knows of it, and whoever wants to touch it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from schemas.matching import Case, Sharing
from schemas.mme import Patient


class Status(StrEnum):
    """Where a case stands for its own doctors.  A PAUSED one is neither compared nor sent anywhere."""

    ACTIVE = "active"
    SOLVED = "solved"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who reads or changes cases: a person, a program or a peer, as access names him.

    everything: he runs this node, at its command line.
    """

    name: str
    teams: frozenset[str] = frozenset()
    everything: bool = False


OPERATOR: Final = Actor("operator", everything=True)


@dataclass(frozen=True, slots=True)
class Deposit:
    """A case as it was deposited.

    owner: the principal whose case it is; `team`, when there is one, may do the same with it.
    family: a name that relatives share; they are not matched with each other.
    notify: the e-mail address that hears of new matches.  dataset, individual: whom it was made from.
    added_at, changed_at: ISO 8601, UTC; "" before it is kept.
    """

    patient: Patient
    sharing: Sharing
    owner: str
    team: str = ""
    family: str = ""
    status: Status = Status.ACTIVE
    notify: str = ""
    dataset: str = ""
    individual: str = ""
    added_at: str = ""
    changed_at: str = ""

    @property
    def id(self) -> str:
        return self.patient.id

    @property
    def case(self) -> Case:
        """What matching may know of it: nothing while it is paused."""
        return Case(self.patient, Sharing.NOTHING if self.status is Status.PAUSED else self.sharing)

    def belongs_to(self, actor: Actor) -> bool:
        return actor.everything or actor.name == self.owner or (bool(self.team) and self.team in actor.teams)
