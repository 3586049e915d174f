"""A node's part in a round that another, or it itself, leads: a pledge first, then a masked share.

What a node counts is decided elsewhere and given as a function; here it is decided whether it may be summed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import astuple, dataclass, field
from typing import Final

from node.access.keys import NodeKey
from node.federation.peers import PeerBook
from node.federation.sums import pledge as pledges
from node.federation.sums.masks import MaskKey
from node.federation.sums.memory import Memory
from node.federation.sums.pledge import Pledge, Round
from schemas.errors import BadQuestion, Forbidden, NotAuthorised, OverBudget

LEAST_PARTIES: Final = 3
_MOST_PARTIES: Final = 100
_MOST_OPEN: Final = 100  # rounds begun and not ended, over all leaders


@dataclass(frozen=True, slots=True)
class Cell:
    """What is summed of one allele.

    people: who carry it.  alleles: copies of it.  called: copies called at its site, where it is held.
    """

    people: int
    alleles: int
    called: int


@dataclass(frozen=True, slots=True)
class Terms:
    """On what a node takes part.

    partners: the nodes it sums with, which are peers.  floor: the fewest people a total may tell of.
    """

    partners: frozenset[str]
    floor: int


@dataclass(frozen=True, slots=True)
class _Open:
    """A round this node has pledged itself to; its key is used once."""

    round: Round
    document: str
    ends_s: float
    count: Callable[[], Cell]
    key: MaskKey = field(default_factory=MaskKey)


@dataclass(frozen=True, slots=True)
class Share:
    """numbers: of this node, masked.  floor: the highest that anybody in the round demands."""

    numbers: tuple[int, ...]
    floor: int


class Part:
    """See above.  Safe from several threads; every call blocks for a read or two of the database.

    peers: whose pledges are believed.  clock: Unix time in seconds.
    """

    def __init__(
        self,
        node: str,
        key: NodeKey,
        peers: PeerBook,
        memory: Memory,
        terms: Terms,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.node = node
        self._key = key
        self._peers = peers
        self._memory = memory
        self._terms = terms
        self._clock = clock
        self._lock = threading.Lock()
        self._open: dict[tuple[str, str], _Open] = {}

    def pledge(self, wanted: Round, count: Callable[[], Cell]) -> str:
        """A signed pledge to take part in `wanted`, good for a minute and one share.

        count: what this node holds, asked for when its share is due.

        Raises Forbidden: its leader is no partner in sums; OverBudget: too many rounds are open.
        """
        self._refuse_strangers(wanted.leader)
        now_s, key = self._clock(), MaskKey()
        said = Pledge(self.node, wanted, key.public, self._terms.floor)
        document = pledges.sign(said, self._key, now_s)
        begun = _Open(wanted, document, now_s + pledges.LIFE_S, count, key)
        with self._lock:
            self._open = {at: one for at, one in self._open.items() if one.ends_s > now_s}
            if len(self._open) >= _MOST_OPEN:
                raise OverBudget("too many sums are under way here; ask again in a minute")
            if self._open.setdefault((wanted.leader, wanted.id), begun) is not begun:
                raise Forbidden("this round has begun already; every sum takes a round of its own")
        return document

    def share(self, leader: str, round_id: str, documents: Sequence[str]) -> Share:
        """What this node holds, under its masks with everybody who pledged.

        documents: all pledges of the round, this node's own among them.  Whatever the outcome, the round is
        over for this node: an honest leader begins another.

        Raises BadQuestion: no such round, or not the pledges of one; NotAuthorised: a pledge that is not
        believed; Forbidden: the memory forbids it; StoreUnavailable; OverBudget: see `Memory.admit`.
        """
        with self._lock:
            begun = self._open.pop((leader, round_id), None)
        if begun is None or begun.ends_s < self._clock():
            raise BadQuestion("this node has pledged itself to no such round, or the round is over")
        if documents.count(begun.document) != 1 or not LEAST_PARTIES <= len(documents) <= _MOST_PARTIES:
            raise BadQuestion(
                f"a sum takes the pledges of {LEAST_PARTIES} to {_MOST_PARTIES} nodes, and that of this node"
            )
        parties = self._parties(documents, begun.round)
        self._memory.admit(begun.round.question, parties.keys(), leader)
        others = {node: found.key for node, found in parties.items() if node != self.node}
        try:
            numbers = begun.key.share(astuple(begun.count()), self.node, others, pledges.context(documents))
        except ValueError:
            raise NotAuthorised("the mask key of one of the nodes is none") from None
        return Share(numbers, max(found.floor for found in parties.values()))

    def _parties(self, documents: Sequence[str], wanted: Round) -> dict[str, Pledge]:
        """Who pledged, each believed and each once."""
        now_s = self._clock()
        found = [pledges.read(document, self._pins, wanted, now_s) for document in documents]
        parties = {each.node: each for each in found}
        if len(parties) != len(found):
            raise BadQuestion("one of the nodes pledges itself twice")
        return parties

    def _refuse_strangers(self, leader: str) -> None:
        if leader != self.node and leader not in self._terms.partners:
            raise Forbidden("this node does not take part in sums that are led by yours")

    def _pins(self, issuer: str) -> Collection[str]:
        if issuer == self.node:
            return self._key.thumbprints
        peer = self._peers.find(issuer) if issuer in self._terms.partners else None
        if peer is None or peer.suspended:
            raise NotAuthorised(f"this node does not sum with {issuer[:100]!r}")
        return peer.thumbprints
