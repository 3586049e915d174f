"""What a network is asked: the seam between the fan-out and the protocols it is used for.

The fan-out (`network`) knows deadlines, connections and failures.  A question knows which kinds of peer it is
for, how each of them is asked, and how an answer is read; what an answer says is a type of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

import orjson

from node.federation.line import Line
from node.federation.peers import Peer
from node.federation.transport import Reply, Silence
from schemas.errors import NodeError, NotFound, NotHeld
from schemas.network import PeerKind, PeerState

T = TypeVar("T")

# Refusals of a question about what a node does not hold or serve.
_ELSEWHERE: Final = frozenset({(NotHeld.status, NotHeld.reason), (NotFound.status, NotFound.reason)})
# Outcomes that cost everybody time, or say that nobody is at home.  An answer that is refused, too large or
# not understood depends on the question too, and must not keep the peer from the next one.
_UNWELL: Final = frozenset({PeerState.TIMEOUT, PeerState.UNREACHABLE, PeerState.TLS_ERROR})


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """A state with what belongs to it: a reason, or a response.

    well: whether the peer seems to be.  notes: what a person should know of how the answer was come by.
    """

    state: PeerState
    reason: str = ""
    response: T | None = None
    well: bool = True
    notes: tuple[str, ...] = ()


class Question(Protocol[T]):
    """One question for a network.  kinds: of the peers that are asked; the others have no part in it."""

    @property
    def kinds(self) -> frozenset[PeerKind]: ...

    async def put(self, peer: Peer, line: Line) -> Outcome[T]:
        """Asks `peer`, whose kind is one of `kinds`, over `line`, and reads its answer.

        Never raises for what the peer does.  May be cancelled at any time.
        """
        ...

    def state_of(self, response: T) -> PeerState:
        """HIT or NO_HIT: what this answer says."""
        ...


def heard(question: Question[T], reply: Reply | Silence, read: Callable[[bytes], T]) -> Outcome[T]:
    """The outcome of an exchange in which a reply of status 200 is an answer.

    read: raises ValueError, with a reason fit to be shown, for what is no answer.  CPU-bound, as `read` is.
    """
    if isinstance(reply, Silence):
        return Outcome(reply.state, reply.reason, well=reply.state not in _UNWELL)
    if reply.status != 200:
        return Outcome(*refused(reply), well=reply.status < 500)
    if reply.media_type == "text/html":
        return Outcome(PeerState.BAD_RESPONSE, "a web page answered, perhaps that of a proxy or a sign-in")
    try:
        response = read(reply.body)
    except ValueError as fault:
        return Outcome(PeerState.BAD_RESPONSE, str(fault))
    return Outcome(question.state_of(response), response=response)


def seems_well(state: PeerState) -> bool:
    """Whether a peer whose part ended so may be asked the next question without concern."""
    return state not in _UNWELL


def declined(fault: NodeError) -> Outcome[T]:
    """The outcome of a question that this node itself refuses."""
    return Outcome(_refusal(fault.status, fault.reason), fault.message)


def refused(reply: Reply) -> tuple[PeerState, str]:
    """The state and the reason told by a reply that is not an answer (its status is not 200)."""
    message, slug = _fault(reply.body)
    if 300 <= reply.status < 400:
        message = "redirects elsewhere; its operator has to publish the final address"
    return _refusal(reply.status, slug), message or f"answered with HTTP status {reply.status}"


def _refusal(status: int, slug: str) -> PeerState:
    if status in (401, 403):
        return PeerState.DENIED
    if status == 429:
        return PeerState.RATE_LIMITED
    if (status, slug) in _ELSEWHERE:
        return PeerState.NOT_APPLICABLE
    return PeerState.HTTP_ERROR


def _fault(body: bytes) -> tuple[str, str]:
    """Message and slug of a Beacon error envelope, or the message of a Matchmaker error; "" if there is none.

    The message was written by somebody else: only printable characters of it are kept, 300 at most.
    """
    try:
        document = orjson.loads(body)
        fault = document.get("error", {"errorMessage": document.get("message")})
        message, slug = fault["errorMessage"], fault.get("reason", "")
    except (ValueError, KeyError, TypeError, AttributeError):
        return "", ""
    if not isinstance(message, str) or not isinstance(slug, str):
        return "", ""
    return "".join(c if c.isprintable() else " " for c in message[:300]), slug
