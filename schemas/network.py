"""Peers, and what came back from each: a value for every outcome, so that silence is never read as "no"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Generic, TypeAlias, TypeVar

from schemas.beacon import Response

T = TypeVar("T")


class PeerKind(StrEnum):
    """What a peer speaks: our own signed protocol, Beacon v2 alone, or Matchmaker Exchange alone."""

    VARHAVEN = "varhaven"
    BEACON = "beacon"
    MATCHMAKER = "mme"


class PeerState(StrEnum):
    """How one node's part of a network question ended.  Only `NO_HIT` may be shown as "not found"."""

    HIT = "hit"
    NO_HIT = "no_hit"
    SUPPRESSED = "suppressed"
    DENIED = "denied"
    NOT_APPLICABLE = "not_applicable"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    TLS_ERROR = "tls_error"
    HTTP_ERROR = "http_error"
    BAD_RESPONSE = "bad_response"
    TOO_LARGE = "too_large"
    CIRCUIT_OPEN = "circuit_open"
    SUSPENDED = "suspended"
    RATE_LIMITED = "rate_limited"

    @property
    def answered(self) -> bool:
        """Whether the node looked and told what it found."""
        return self in (PeerState.HIT, PeerState.NO_HIT)


@dataclass(frozen=True)  # a generic alias could not be called with slots
class Answered(Generic[T]):
    """What one node (a peer, or this node itself) contributed to a network question.

    node: its id, the public URL.  ms: from sending the question to having the whole answer.
    reason: for a person, why there is no answer; "" when there is one.
    response: what the node answered, read strictly; None unless `state.answered`.
    notes: what a person should know of how the answer was come by.
    """

    node: str
    name: str
    state: PeerState
    ms: float
    reason: str = ""
    response: T | None = None
    notes: tuple[str, ...] = ()


NodeAnswer: TypeAlias = Answered[Response]
"""A node's answer to a Beacon question."""


def outcome(response: Response) -> PeerState:
    """The state of a node that gave this answer."""
    return PeerState.HIT if response["responseSummary"]["exists"] else PeerState.NO_HIT


@dataclass(frozen=True, slots=True)
class ToldNode:
    """A node as the answer of a network tells it: see `Answered`.  count: of results, None: not told."""

    node: str
    name: str
    state: PeerState
    ms: float
    reason: str
    count: int | None


_MOST_TOLD: Final = 500


def told_nodes(information: Mapping[str, Any]) -> tuple[ToldNode, ...]:
    """The nodes in the `info` of an answer; none when it is no network's, or cannot be read whole."""
    listed = information.get("nodes")
    if not isinstance(listed, list) or not 0 < len(listed) <= _MOST_TOLD:
        return ()
    found = [_told_node(one) for one in listed]
    return tuple(one for one in found if one is not None) if all(found) else ()


def _told_node(given: object) -> ToldNode | None:
    if not isinstance(given, dict):
        return None
    node, name, reason = (given.get(part, "") for part in ("node", "name", "reason"))
    state, ms, count = given.get("state"), given.get("ms", 0), given.get("resultsCount")
    texts = all(isinstance(text, str) for text in (node, name, reason)) and 0 < len(node) <= 2000
    timed = isinstance(ms, int | float) and 0 <= ms < 1e9
    counted = count is None or (isinstance(count, int) and not isinstance(count, bool) and count >= 0)
    if not (texts and timed and counted and state in tuple(PeerState)):
        return None
    return ToldNode(node, name[:200], PeerState(state), float(ms), reason[:300], count)
