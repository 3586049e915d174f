"""Who is there: every peer asked what it says of itself, and kept for a minute.

A varhaven node shows its signed descriptor, a Beacon its `/info` and `/datasets`, a Matchmaker node its
`/heartbeat`.
"""

from __future__ import annotations

import time
from asyncio import Lock
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from node.federation import descriptor
from node.federation.descriptor import Descriptor, Holding
from node.federation.line import Line
from node.federation.network import Network
from node.federation.newest import Newest
from node.federation.peers import Peer
from node.federation.question import Outcome, refused, seems_well
from node.federation.reading import mapping, objects, text
from node.federation.transport import Reply, Silence
from schemas.errors import NotAuthorised
from schemas.network import Answered, PeerKind, PeerState

KEPT_S: Final = 60.0
_WITHIN_S: Final = 4.0
_MOST_DATASETS: Final = 500


@dataclass(frozen=True, slots=True)
class Facts:
    """What a member says of itself; "" and () where it does not say.  endpoints: by protocol."""

    name: str = ""
    country: str = ""
    assemblies: tuple[str, ...] = ()
    datasets: tuple[Holding, ...] = ()
    endpoints: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Presence:
    """A `Question`: what do you say of yourself?  newest: so that an old answer is not believed."""

    newest: Newest

    @property
    def kinds(self) -> frozenset[PeerKind]:
        return frozenset(PeerKind)

    def state_of(self, _facts: Facts) -> PeerState:
        return PeerState.HIT

    async def put(self, peer: Peer, line: Line) -> Outcome[Facts]:
        path = {
            PeerKind.VARHAVEN: descriptor.PATH,
            PeerKind.BEACON: "/info",
            PeerKind.MATCHMAKER: "/heartbeat",
        }[peer.kind]
        reply = await line.send("GET", peer.id + path)
        if isinstance(reply, Silence):
            return Outcome(reply.state, reply.reason, well=seems_well(reply.state))
        if reply.status != 200:
            return Outcome(*refused(reply), well=reply.status < 500)
        try:
            if peer.kind is PeerKind.VARHAVEN:
                return Outcome(PeerState.HIT, response=_of_node(peer, reply, self.newest))
            facts = _of_beacon(peer, orjson.loads(reply.body))
        except NotAuthorised as fault:
            return Outcome(PeerState.BAD_RESPONSE, fault.message)
        except ValueError:
            return Outcome(PeerState.BAD_RESPONSE, f"{path} is not what its kind of node says of itself")
        if peer.kind is PeerKind.BEACON:
            facts = await _with_datasets(facts, peer, line)
        return Outcome(PeerState.HIT, response=facts)


def facts_of(said: Descriptor) -> Facts:
    return Facts(said.name, said.country, said.assemblies, said.datasets, said.endpoints)


def _of_node(peer: Peer, reply: Reply, newest: Newest) -> Facts:
    document = reply.body.decode("ascii", errors="replace").strip()
    found = descriptor.read(document, peer.id, peer.thumbprints, time.time())
    newest.advance(peer.id, found.seq)
    return facts_of(found)


def _of_beacon(peer: Peer, document: object) -> Facts:
    """Raises ValueError: not an object."""
    if not isinstance(document, dict):
        raise ValueError("not an object")  # noqa: TRY004  # as for what is not JSON
    told = mapping(document, "response")
    assemblies = tuple(peer.assemblies)
    protocol = "beacon" if peer.kind is PeerKind.BEACON else "mme"
    return Facts(text(told.get("name"), 200), "", assemblies, endpoints={protocol: peer.id})


async def _with_datasets(facts: Facts, peer: Peer, line: Line) -> Facts:
    reply = await line.send("GET", f"{peer.id}/datasets")
    if isinstance(reply, Silence) or reply.status != 200:
        return facts
    try:
        document = orjson.loads(reply.body)
    except orjson.JSONDecodeError:
        return facts
    assembly = peer.assemblies[0] if len(peer.assemblies) == 1 else ""
    names = [text(one.get("id"), 200) for one in objects(document, "response", "collections")]
    held = tuple(Holding(name, assembly, "") for name in names[:_MOST_DATASETS] if name)
    return Facts(facts.name, facts.country, facts.assemblies, held, facts.endpoints)


@dataclass(frozen=True, slots=True)
class Member:
    """A node of the network, and how it is.  peer: None for this node itself."""

    peer: Peer | None
    present: Answered[Facts]


class Roll:
    """The members of one node's network; asks them all when that is a minute ago or more."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._called: tuple[Member, ...] = ()
        self._at = float("-inf")

    async def call(self, network: Network, own: Facts) -> tuple[Member, ...]:
        """Every member, this node first; 4 s at most, and mostly at once.  own: what it says of itself.

        Raises StoreUnavailable: the list of peers cannot be read.
        """
        peers = {peer.id: peer for peer in network.peers()}
        async with self._lock:
            known = {member.peer for member in self._called if member.peer is not None}
            if time.monotonic() - self._at > KEPT_S or known != set(peers.values()):

                async def itself() -> Facts:
                    return own

                asked = Presence(network.descriptors)
                answers = await network.ask(asked, itself, deadline_s=_WITHIN_S, counted=False)
                self._called = tuple(Member(peers.get(one.node), one) for one in answers)
                self._at = time.monotonic()
            return self._called


def document(members: tuple[Member, ...], network: Network) -> dict[str, Any]:
    """The members as `/network/peers` tells them."""
    return {"nodes": [_line(member, network) for member in members]}


def _line(member: Member, network: Network) -> dict[str, Any]:
    peer, present = member.peer, member.present
    facts = present.response or Facts()
    line: dict[str, Any] = {
        "node": present.node,
        "name": (peer.name if peer else "") or facts.name or present.name,
        "kind": (peer.kind if peer else PeerKind.VARHAVEN).value,
        "itself": peer is None,
        "state": "ok" if present.state.answered else present.state.value,
        "reason": present.reason,
        "ms": round(present.ms, 1),
        "country": facts.country,
        "assemblies": list(facts.assemblies or (peer.assemblies if peer else ())),
        "datasets": [asdict(one) for one in facts.datasets],
    }
    if peer is not None:
        seen = network.last_answer(peer.id)
        line["suspended"] = peer.suspended
        line["line"] = network.line_to(peer.id)
        line["lastAnswer"] = (
            None
            if seen is None
            else {
                "state": seen.state.value,
                "ms": round(seen.ms, 1),
                "at": datetime.fromtimestamp(seen.at, UTC).isoformat(timespec="seconds"),
            }
        )
    return line
