"""Callers, and what each may be told about every dataset of this node.

One decision for every entrance: the grant goes with the question, and the door of each protocol keeps to
it.  Nothing here looks at a question or at data.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from node.access.principal import Principal
from schemas.access import Ceiling, Grant, Granularity, Policy
from schemas.people import Dataset

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
