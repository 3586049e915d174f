"""A Beacon question, and how each kind of peer is asked it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from node.access.tokens import MAX_HOPS, Call
from node.federation.dialects import dialect_named
from node.federation.guest import ask_beacon, learn_filters, learn_paths
from node.federation.line import Line
from node.federation.peers import Peer
from node.federation.question import Outcome, heard, seems_well
from schemas.beacon import Response, read_response
from schemas.genome import Assembly
from schemas.network import PeerKind, PeerState, outcome

QUESTIONS: Final = "/federation/v1/beacon"
NETWORK_QUESTIONS: Final = "/federation/v1/network"
_Ask = Callable[[Peer, Line, bytes], Awaitable[Outcome[Response]]]
_SMALL: Final = 64_000  # bytes that are read in well under a millisecond
_NOT_SERVED: Final = frozenset({PeerState.HTTP_ERROR, PeerState.NOT_APPLICABLE, PeerState.BAD_RESPONSE})


@dataclass(frozen=True, slots=True)
class Carried:
    """The same question in another assembly.  note: what a person must know of how it was carried over."""

    assembly: Assembly
    body: bytes
    note: str


@dataclass(frozen=True, slots=True)
class BeaconQuestion:
    """body: the canonical POST of a Beacon v2 question.  entry_path: of its entry type (`g_variants`).
    path: where it is asked in public (`individuals/I1/g_variants`).  assembly: that it is about, if any.
    filters: the ids of its filters.  carried: gives the same question in another assembly, where one can be
    made; it is called only for a peer that lacks this one.
    """

    body: bytes
    entry_path: str = "g_variants"
    path: str = ""
    assembly: Assembly | None = None
    filters: frozenset[str] = frozenset()
    carried: Callable[[Assembly], Carried | None] | None = None

    @property
    def kinds(self) -> frozenset[PeerKind]:
        return frozenset({PeerKind.VARHAVEN, PeerKind.BEACON})

    def state_of(self, response: Response) -> PeerState:
        return outcome(response)

    async def put(self, peer: Peer, line: Line) -> Outcome[Response]:
        """As `Question.put`; a peer that lacks the assembly is asked in one it has, which the answer says."""
        ask = self._ask_node if peer.kind is PeerKind.VARHAVEN else self._ask_beacon
        found = self._not_held(peer) or await ask(peer, line, self.body)
        if found.state is PeerState.NOT_APPLICABLE and self.assembly is not None and self.carried is not None:
            return await self._ask_carried(ask, peer, line) or found
        return found

    def _not_held(self, peer: Peer) -> Outcome[Response] | None:
        if not peer.assemblies or self.assembly is None or self.assembly in peer.assemblies:
            return None
        reason = f"it holds {' and '.join(peer.assemblies)}, and the question is about {self.assembly}"
        return Outcome(PeerState.NOT_APPLICABLE, reason)

    async def _ask_carried(self, ask: _Ask, peer: Peer, line: Line) -> Outcome[Response] | None:
        """The answer to the question carried over; None where that leads nowhere.

        Of a Beacon it must be known what it holds: asked about another assembly, many say "no".
        """
        assert self.carried is not None  # noqa: S101  # put has looked
        signs = peer.kind is PeerKind.VARHAVEN
        for assembly in peer.assemblies or (tuple(Assembly) if signs else ()):
            carried = self.carried(assembly) if assembly is not self.assembly else None
            if carried is None:
                continue
            found = await ask(peer, line, carried.body)
            if found.response is not None:
                _label(found.response, self.assembly)
                return replace(found, notes=(*found.notes, carried.note))
        return None

    async def _ask_node(self, peer: Peer, line: Line, body: bytes) -> Outcome[Response]:
        whole = peer.network and len(line.via) + 1 < MAX_HOPS
        root = NETWORK_QUESTIONS if whole else QUESTIONS
        reply = await line.signed(Call("POST", f"{root}/{self.entry_path}", body))

        def read(body: bytes) -> Response:
            response = read_response(body)
            if response["meta"]["beaconId"] != peer.id:
                raise ValueError("the answer is in the name of another node")
            return response if whole else _of_one(response)

        # A large answer takes long enough to read that others would wait for it.
        if len(getattr(reply, "body", b"")) > _SMALL:
            return await asyncio.to_thread(heard, self, reply, read)
        return heard(self, reply, read)

    async def _ask_beacon(self, peer: Peer, line: Line, body: bytes) -> Outcome[Response]:
        """Whether it serves this and knows the filters is found out: it may answer them with anything."""
        known = line.known
        known.refresh()
        lacking = await self._unknown_filters(peer, line)
        if lacking:
            return Outcome(PeerState.NOT_APPLICABLE, lacking)
        named = peer.dialect or known.dialect
        told = await ask_beacon(
            line,
            peer.id,
            body,
            path=self.path or self.entry_path,
            dialect=dialect_named(named) if named else None,
        )
        state, reason, response = told.answer.state, told.answer.reason, told.answer.response
        if state.answered:
            known.dialect = told.dialect
        elif state in _NOT_SERVED:
            known.dialect = None
            paths = await learn_paths(line, peer.id)
            if paths is not None and self.entry_path not in paths:
                state, reason = PeerState.NOT_APPLICABLE, f"it does not serve {self.entry_path}"
        if response is not None and not peer.network:
            response = _of_one(response)
        return Outcome(state, reason, response, well=seems_well(state), notes=told.notes)

    async def _unknown_filters(self, peer: Peer, line: Line) -> str:
        """Why its answer to this question's filters could not be believed; "" when it could."""
        if not self.filters:
            return ""
        listed = await learn_filters(line, peer.id)
        if listed is None:
            return "it does not tell which filters it knows, and might ignore this one"
        unknown = sorted(self.filters - listed)
        return f"it does not know the filter {unknown[0][:60]}" if unknown else ""


def _of_one(response: Response) -> Response:
    """The answer of a peer that is to speak for itself alone: what it tells of others is left out."""
    information = {name: told for name, told in response.get("info", {}).items() if name != "nodes"}
    kept: Response = {**response, "info": information}
    for result_set in kept.get("response", {}).get("resultSets", []):
        result_set.pop("beaconId", None)
    return kept


def _label(response: Response, asked: Assembly | None) -> None:
    """Every result set says that it answers a question that was carried over."""
    for result_set in response.get("response", {}).get("resultSets", []):
        told: dict[str, Any] = {**result_set.get("info", {})}
        told.setdefault("lifted", {"from": str(asked)})
        result_set["info"] = told
