"""A round from the side of the node that asks: everybody's pledge, everybody's share, and a total or none.

The node takes part itself, and what it holds is known to it; so a total is released only where the others
alone come up to the floor.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Collection, Sequence
from dataclasses import astuple, dataclass
from functools import partial
from typing import Final, Generic, TypeVar

from node.access.tokens import Call
from node.federation.line import Line
from node.federation.network import Network
from node.federation.peers import Peer
from node.federation.question import Outcome, heard
from node.federation.sums import letters
from node.federation.sums.letters import Invitation, Pledged, Shared, Showing
from node.federation.sums.masks import total
from node.federation.sums.part import LEAST_PARTIES, Cell, Part
from node.federation.sums.pledge import Round, question_digest
from schemas.errors import BadQuestion
from schemas.network import Answered, PeerKind, PeerState

_T = TypeVar("_T", Pledged, Shared)
_PLAUSIBLE: Final = 2**40  # more than all alleles of all people
_NO_PARTNER: Final = "it takes no part in secure sums with this node"
_TOOK_PART: Final = "took part; what it holds is not told"


@dataclass(frozen=True, slots=True)
class Released:
    """What may be told of a total.

    people: who carry the allele.  called: copies called, where it is held.  alleles: copies of it; None
    where that would tell of fewer people than `floor` that they carry two.
    """

    people: int
    called: int
    alleles: int | None
    floor: int


@dataclass(frozen=True, slots=True)
class SecureTotal:
    """nodes: what became of each node.  released: None where nothing may be told, and `reason` says why."""

    nodes: tuple[Answered[None], ...]
    released: Released | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Step(Generic[_T]):
    """One letter to each of `parties`, as a question for the network."""

    path: str
    letter: bytes
    parties: Collection[str]
    answer: type[_T]

    @property
    def kinds(self) -> frozenset[PeerKind]:
        return frozenset({PeerKind.VARHAVEN})

    def state_of(self, _response: _T) -> PeerState:
        """Neither hit nor miss: whether a node holds anything is what must not be told."""
        return PeerState.SUPPRESSED

    async def put(self, peer: Peer, line: Line) -> Outcome[_T]:
        if peer.id not in self.parties:
            return Outcome(PeerState.NOT_APPLICABLE, _NO_PARTNER)
        return heard(self, await line.signed(Call("POST", self.path, self.letter)), self._read)

    def _read(self, body: bytes) -> _T:
        try:
            return letters.read(body, self.answer)
        except BadQuestion as fault:
            raise ValueError(fault.message) from None


async def lead(
    network: Network, part: Part, partners: Collection[str], allele_id: str, count: Callable[[], Cell]
) -> SecureTotal:
    """The total of the allele over this node and its partners, or why there is none.

    count: what this node holds.  Two exchanges with each partner; by the network's deadline each.

    Raises Forbidden, OverBudget, StoreUnavailable: this node's own part refuses.
    """
    wanted = Round(secrets.token_urlsafe(16), part.node, question_digest(allele_id))
    own = await asyncio.to_thread(count)
    said = await asyncio.to_thread(part.pledge, wanted, lambda: own)
    asking = _Step(letters.INVITATION, letters.write(Invitation(wanted.id, allele_id)), partners, Pledged)
    pledged = await network.ask(asking, partial(_already, Pledged(said)))
    parties = [answer for answer in pledged if answer.response is not None]
    reason = _incomplete(pledged, parties)
    if reason:
        return SecureTotal(_told(pledged), reason=reason)
    documents = tuple(answer.response.pledge for answer in parties if answer.response is not None)
    share = await asyncio.to_thread(part.share, part.node, wanted.id, documents)
    showing = letters.write(Showing(wanted.id, documents))
    step = _Step(letters.SHOWING, showing, {answer.node for answer in parties}, Shared)
    shared = await network.ask(step, partial(_already, Shared.of(share.numbers)))
    nodes = _told(_joined(pledged, shared))
    reason = _incomplete(nodes, [answer for answer in shared if answer.response is not None])
    if reason:
        return SecureTotal(nodes, reason=reason)
    numbers = [answer.response.numbers for answer in shared if answer.response is not None]
    return _released(nodes, numbers, own, share.floor)


async def _already(letter: _T) -> _T:
    return letter


def _incomplete(nodes: Sequence[Answered[_T]] | Sequence[Answered[None]], parties: Sequence[object]) -> str:
    """Why there can be no total; "" when there can."""
    missing = [
        answer.name or answer.node
        for answer in nodes
        if answer.state not in (PeerState.SUPPRESSED, PeerState.NOT_APPLICABLE)
    ]
    if missing:
        return (
            f"a secure sum takes everybody, and {', '.join(missing)} did not take part: a total over the "
            "others, beside one over all at another time, would tell what is held there"
        )
    if len(parties) < LEAST_PARTIES:
        return f"a secure sum takes {LEAST_PARTIES} nodes that hold data of this assembly; {len(parties)} do"
    return ""


def _joined(
    pledged: Sequence[Answered[Pledged]], shared: Sequence[Answered[Shared]]
) -> list[Answered[Shared]]:
    """What became of each node in the end: of those that took part, what became of their share."""
    later = {answer.node: answer for answer in shared}
    took_part = {answer.node for answer in pledged if answer.response is not None}
    return [
        later[answer.node]
        if answer.node in took_part
        else Answered(answer.node, answer.name, answer.state, answer.ms, answer.reason)
        for answer in pledged
    ]


def _told(answers: Sequence[Answered[_T]]) -> tuple[Answered[None], ...]:
    """The same without what they wrote."""
    return tuple(
        Answered(
            answer.node,
            answer.name,
            answer.state,
            answer.ms,
            answer.reason or (_TOOK_PART if answer.state is PeerState.SUPPRESSED else ""),
        )
        for answer in answers
    )


def _released(
    nodes: tuple[Answered[None], ...], shares: Sequence[Sequence[int]], own: Cell, floor: int
) -> SecureTotal:
    fitting = all(len(share) == len(astuple(own)) for share in shares)
    whole = Cell(*total(shares)) if fitting else None
    if whole is None or max(astuple(whole)) > _PLAUSIBLE:
        return SecureTotal(nodes, reason="the shares do not fit together; nothing was learned from them")
    others = Cell(*(a - b for a, b in zip(astuple(whole), astuple(own), strict=True)))
    if others.people < floor:
        return SecureTotal(nodes, reason=f"fewer than {floor} people at the other nodes carry it, or nobody")
    twice = others.alleles - others.people  # how many more copies than people: they have two
    alleles = whole.alleles if twice >= floor else None
    return SecureTotal(nodes, Released(whole.people, whole.called, alleles, floor))
