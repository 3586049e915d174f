"""A Beacon question, and how each kind of peer is asked it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from node.access.tokens import Call
from node.federation.line import Line
from node.federation.peers import Peer
from node.federation.question import Outcome, heard
from schemas.beacon import Response, read_response
from schemas.network import PeerKind, PeerState, outcome

QUESTIONS: Final = "/federation/v1/beacon"
_SMALL: Final = 64_000  # bytes that are read in well under a millisecond


@dataclass(frozen=True, slots=True)
class BeaconQuestion:
    """body: the canonical POST of a Beacon v2 question.  entry_path: where it is asked (`g_variants`)."""

    body: bytes
    entry_path: str = "g_variants"

    @property
    def kinds(self) -> frozenset[PeerKind]:
        return frozenset({PeerKind.VARHAVEN})

    def state_of(self, response: Response) -> PeerState:
        return outcome(response)

    async def put(self, peer: Peer, line: Line) -> Outcome[Response]:
        reply = await line.signed(Call("POST", f"{QUESTIONS}/{self.entry_path}", self.body))

        def read(body: bytes) -> Response:
            response = read_response(body)
            if response["meta"]["beaconId"] != peer.id:
                raise ValueError("the answer is in the name of another node")
            return response

        # A large answer takes long enough to read that others would wait for it.
        if len(getattr(reply, "body", b"")) > _SMALL:
            return await asyncio.to_thread(heard, self, reply, read)
        return heard(self, reply, read)
