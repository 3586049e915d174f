"""Who may see what: granularity, dataset policies, and the grant that a caller holds.

A `Grant` is decided once per request, by the node, and handed to the protocol that answers; the door of
each protocol never tells more than the grant's ceiling for the dataset.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Granularity(StrEnum):
    """How much an answer tells; ordered from least to most by `rank`."""

    BOOLEAN = "boolean"
    COUNT = "count"
    RECORD = "record"

    def __init__(self, _word: str) -> None:
        self.rank = len(type(self).__members__)


def coarser(one: Granularity, other: Granularity) -> Granularity:
    """The one of the two that tells less."""
    return one if one.rank <= other.rank else other


class Policy(StrEnum):
    """What a dataset's holder allows, from consented-open data to data seen by visa only."""

    OPEN = "open"
    PUBLIC = "public"
    REGISTERED = "registered"
    CONTROLLED = "controlled"


class Tier(StrEnum):
    """What a caller is taken for: nobody in particular, a registered researcher, or an approved one."""

    PUBLIC = "public"
    REGISTERED = "registered"
    CONTROLLED = "controlled"


def lesser(one: Tier, other: Tier) -> Tier:
    """The one of the two that sees less."""
    order = tuple(Tier)
    return min(one, other, key=order.index)


@dataclass(frozen=True, slots=True)
class Ceiling:
    """The most one caller may be told about one dataset; None is nothing, and `reason` says why.

    floor: what fewer people than this stand behind is told exactly as if nobody did; 0 where nothing is kept
    back.  public: the same is told to anybody, so that nothing of the answer is confidential.
    """

    granularity: Granularity | None
    reason: str = ""
    floor: int = 0
    public: bool = False


@dataclass(frozen=True, slots=True)
class Grant:
    """A caller, and his ceiling for every dataset of this node.

    principal: a stable name for audit and budgets ("anonymous", "peer https://..."), never a token.
    purpose: what he has said he wants to do, as DUO codes; "" when he has not.
    tier: what this node says of him to others.
    """

    principal: str
    ceilings: Mapping[str, Ceiling]
    purpose: str = ""
    tier: Tier = Tier.PUBLIC

    def ceiling(self, dataset: str) -> Ceiling:
        """Nothing for a dataset the grant does not name."""
        return self.ceilings.get(dataset, _NOTHING)


_NOTHING: Final = Ceiling(None, "no policy grants access to this dataset")
ANONYMOUS: Final = "anonymous"
