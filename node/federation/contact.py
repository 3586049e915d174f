"""Trying out one peer: does the right node answer at its address, and does it know this one?"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import httpx
import orjson

from node.access.keys import NodeKey
from node.access.signed import UnknownKey
from node.access.tokens import Call, mint
from node.federation import descriptor
from node.federation.descriptor import Descriptor
from node.federation.newest import Newest
from node.federation.peers import Peer
from node.federation.question import refused
from node.federation.transport import Reply, Silence, exchange
from schemas.errors import NotAuthorised
from schemas.network import PeerKind, PeerState

HELLO: Final = "/federation/v1/hello"
_TIMEOUT_S: Final = 5.0


class ContactState(StrEnum):
    """How trying a peer ended; the words of `PeerState` where they mean the same."""

    OK = "ok"
    WRONG_KEY = "wrong_key"
    DENIED = "denied"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    TLS_ERROR = "tls_error"
    HTTP_ERROR = "http_error"
    BAD_RESPONSE = "bad_response"
    TOO_LARGE = "too_large"
    RATE_LIMITED = "rate_limited"


@dataclass(frozen=True, slots=True)
class Contact:
    """What became of it; `descriptor` is there when the peer's signature was good.

    DENIED with a descriptor: the right peer answers, but does not know this node (yet).
    WRONG_KEY: the peer signs with a key other than those pinned, and must not be trusted.
    """

    peer: Peer
    state: ContactState
    reason: str = ""
    descriptor: Descriptor | None = None


async def try_peer(
    http: httpx.AsyncClient,
    key: NodeKey,
    node: str,
    peer: Peer,
    newest: Newest,
    *,
    token: str | None = None,
) -> Contact:
    """Fetches the signed descriptor of `peer`, then greets it with a signed request; 10 s at most.

    Of a Beacon, its `/info`; of a Matchmaker node, its `/heartbeat`: whether something answers there.
    node: the id of this node, in whose name `key` signs.  newest: numbers of the descriptors seen before.
    token: that a Matchmaker node gave this one.
    """
    if peer.kind is not PeerKind.VARHAVEN:
        return await _visit(http, peer, {"x-auth-token": token} if token else {})
    request = http.build_request("GET", peer.id + descriptor.PATH)
    reply = await exchange(http, request, timeout_s=_TIMEOUT_S, most_bytes=descriptor.MAX_CHARS)
    if isinstance(reply, Silence):
        return Contact(peer, ContactState(reply.state), reply.reason)
    if reply.status != 200:
        reason = f"{descriptor.PATH} answers with HTTP status {reply.status}; is a varhaven node there?"
        return Contact(peer, ContactState.HTTP_ERROR, reason)
    try:
        document = reply.body.decode("ascii", errors="replace").strip()
        found = descriptor.read(document, peer.id, peer.thumbprints, time.time())
        newest.advance(peer.id, found.seq)
    except UnknownKey as fault:
        return Contact(peer, ContactState.WRONG_KEY, fault.message)
    except NotAuthorised as fault:
        return Contact(peer, ContactState.BAD_RESPONSE, fault.message)
    state, reason = await _greet(http, key, node, peer)
    return Contact(peer, state, reason, found)


async def _visit(http: httpx.AsyncClient, peer: Peer, headers: Mapping[str, str]) -> Contact:
    path = "/info" if peer.kind is PeerKind.BEACON else "/heartbeat"
    reply = await exchange(
        http,
        http.build_request("GET", peer.id + path, headers=dict(headers)),
        timeout_s=_TIMEOUT_S,
        most_bytes=1_000_000,
    )
    if isinstance(reply, Silence):
        return Contact(peer, ContactState(reply.state), reply.reason)
    if reply.status in (401, 403):
        return Contact(peer, ContactState.DENIED, f"{path} answers with HTTP status {reply.status}")
    if reply.status != 200:
        return Contact(peer, ContactState.HTTP_ERROR, f"{path} answers with HTTP status {reply.status}")
    try:
        sound = isinstance(orjson.loads(reply.body), dict)
    except orjson.JSONDecodeError:
        sound = False
    if not sound:
        return Contact(peer, ContactState.BAD_RESPONSE, f"{path} is not a JSON document")
    return Contact(peer, ContactState.OK)


async def _greet(http: httpx.AsyncClient, key: NodeKey, node: str, peer: Peer) -> tuple[ContactState, str]:
    call = Call("POST", HELLO, b"{}")
    token = mint(key, node, peer.id, call, _TIMEOUT_S, now_s=time.time())
    request = http.build_request(
        call.method, peer.id + call.path, content=call.body, headers={"authorization": f"Bearer {token}"}
    )
    reply = await exchange(http, request, timeout_s=_TIMEOUT_S, most_bytes=64_000)
    if isinstance(reply, Reply) and reply.status == 204:
        return ContactState.OK, ""
    if isinstance(reply, Reply):
        state, reason = refused(reply)
        return (ContactState.HTTP_ERROR if state is PeerState.NOT_APPLICABLE else ContactState(state)), reason
    return ContactState(reply.state), reply.reason
