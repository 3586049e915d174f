"""One case to every node at once: our own nodes by signed requests, other exchanges by the token they gave.

What leaves is what the consent of the deposited case lets leave, and a case that was not deposited here does
not leave at all (Service requirement 1 of the exchange).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import orjson

from matchmaker.merge import Heard
from node.access.tokens import Call
from node.exchange.tokens import HEADER, GivenTokens
from node.federation.line import Line
from node.federation.peers import Peer
from node.federation.question import Outcome, heard
from node.federation.transport import Reply
from schemas.errors import NodeError
from schemas.exchange import NEWEST, media_type
from schemas.mme import MatchRequest, as_version, read_response
from schemas.network import PeerKind, PeerState

PATH: Final = "/mme/match"
_OLDEST: Final = "1.0"
_OTHER_VERSION: Final = frozenset({406, 415})


@dataclass(frozen=True, slots=True)
class MatchQuestion:
    """A `node.federation.question.Question`; request: only with what may leave."""

    request: MatchRequest
    given: GivenTokens

    @property
    def kinds(self) -> frozenset[PeerKind]:
        return frozenset({PeerKind.VARHAVEN, PeerKind.MATCHMAKER})

    def state_of(self, response: Heard) -> PeerState:
        return PeerState.HIT if response.response.results else PeerState.NO_HIT

    async def put(self, peer: Peer, line: Line) -> Outcome[Heard]:
        if peer.kind is PeerKind.VARHAVEN:
            call = Call("POST", PATH, self._body(NEWEST))
            return heard(self, await line.signed(call, _headers(NEWEST)), _read)
        token = self.given.find(peer.id)
        if token is None:
            return Outcome(
                PeerState.DENIED, "it gave this node no token yet; keep it with: varhaven peer credential"
            )
        # The servers in service speak 1.0 alone, whatever they say; who speaks 1.1 understands it.
        for version in (_OLDEST, NEWEST):
            headers = {**_headers(version), HEADER: token}
            reply = await line.send("POST", f"{peer.id}/match", self._body(version), headers)
            if not isinstance(reply, Reply) or reply.status not in _OTHER_VERSION:
                break
        return heard(self, reply, _read)

    def _body(self, version: str) -> bytes:
        return orjson.dumps(as_version(self.request.document(), version))


def _headers(version: str) -> Mapping[str, str]:
    return {"content-type": media_type(version), "accept": media_type(version)}


def _read(body: bytes) -> Heard:
    try:
        return Heard(*read_response(body))
    except NodeError as fault:
        raise ValueError(fault.message) from None
