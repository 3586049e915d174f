"""Peers, and what came back from each: a value for every outcome, so that silence is never read as "no"."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeAlias, TypeVar

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
