"""Callers, and what each may be told about every dataset of this node.

One decision for every entrance: the grant goes with the question, and the door of each protocol keeps to
it.  Nothing here looks at a question or at data.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from schemas.access import ANONYMOUS, Ceiling, Grant, Granularity, Policy
from schemas.people import Dataset


@dataclass(frozen=True, slots=True)
class Anonymous:
    """Nobody in particular: no credentials were presented.  Invalid ones never come to this."""

    def __str__(self) -> str:
        return ANONYMOUS


@dataclass(frozen=True, slots=True)
class PeerPrincipal:
    """Another node, whose signature was verified; `node` is its id."""

    node: str

    def __str__(self) -> str:
        return f"peer {self.node}"


Principal = Anonymous | PeerPrincipal

_SIGN_IN: Final = "sign-in is not offered by this node yet"
_CEILINGS: Final = {
    Policy.OPEN: Ceiling(Granularity.RECORD),
    Policy.PUBLIC: Ceiling(
        None, f"this dataset answers within a disclosure budget that needs signed-in callers; {_SIGN_IN}"
    ),
    Policy.REGISTERED: Ceiling(
        None, f"this dataset answers only signed-in, registered researchers; {_SIGN_IN}"
    ),
    Policy.CONTROLLED: Ceiling(
        None, f"this dataset answers only signed-in holders of an access grant of its committee; {_SIGN_IN}"
    ),
}


def decide(principal: Principal, datasets: Iterable[Dataset]) -> Grant:
    """What `principal` may be told about each of `datasets`: all of the open ones, nothing of the others.

    Open data answers everybody alike, so who asks changes only the name in the grant.
    """
    return Grant(str(principal), {dataset.id: _CEILINGS[dataset.policy] for dataset in datasets})
