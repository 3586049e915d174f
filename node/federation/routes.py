"""The node's door for its peers: its signed descriptor, and questions in signed requests.

Every request under `/federation/` is verified before anything else is done with it.  How a question is
answered, and in which envelope a refusal is told, is given from outside.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from node.access.bodies import read_body
from node.access.keys import NodeKey
from node.access.principal import PeerPrincipal
from node.access.tokens import Call, SignedCall, TokenVerifier
from node.federation import descriptor
from node.federation.asking import QUESTIONS
from node.federation.contact import HELLO
from node.federation.peers import PeerBook
from schemas.access import lesser
from schemas.errors import NodeError, NotAuthorised, StoreUnavailable, TooLarge
from schemas.ga4gh import NodeIdentity
from schemas.ports import Catalogue

MAX_BODY_BYTES: Final = 1_000_000
_JSON: Final = "application/json"
_HEADERS: Final = {
    NotAuthorised.status: {"www-authenticate": 'Bearer error="invalid_token"'},
    TooLarge.status: {"connection": "close"},  # or the server would go on reading what nobody wants
}

# Entry path ("g_variants") and body of a question, its sender and its purpose -> HTTP status and document.
Answer = Callable[[str, bytes, PeerPrincipal, str], Awaitable[tuple[int, bytes]]]


@dataclass(frozen=True, slots=True)
class PeerQuestion:
    """A verified question of a peer.

    path: below the prefix of who answers it.  asking: who may be answered.
    """

    path: str
    body: bytes
    asking: PeerPrincipal
    signed: SignedCall


AnswerPeer = Callable[[PeerQuestion], Awaitable[tuple[int, bytes]]]
"""HTTP status and document.  May raise NodeError."""


@dataclass(frozen=True, slots=True)
class Door:
    """What the routes need of their node.

    answer: answers a peer's question; may raise NodeError.  error_body: the document that tells a refusal.
    more: who answers the signed questions below other prefixes (`/federation/v1/network`).
    """

    identity: NodeIdentity
    key: NodeKey
    peers: PeerBook
    catalogue: Catalogue
    answer: Answer
    error_body: Callable[[NodeError], bytes]
    more: Mapping[str, AnswerPeer] = field(default_factory=dict)


def create_router(door: Door) -> APIRouter:
    """`/.well-known/varhaven-node` and `/federation/v1/...`, to be mounted at the root.

    The verifier of tokens lives as long as the router: make one router per process.
    """
    verifier = TokenVerifier(door.identity.id, door.peers.asking)
    router = APIRouter(tags=["federation"])

    @router.get(descriptor.PATH, summary="What this node says of itself, signed")
    async def well_known() -> Response:
        said = descriptor.describe(door.identity, door.key, door.catalogue.datasets(), time.time())
        return Response(descriptor.sign(said, door.key), media_type="application/jose")

    @router.post(HELLO, summary="Whether this node knows the caller", status_code=204)
    async def hello(request: Request) -> Response:
        try:
            await _verified(verifier, request, HELLO)
        except NodeError as fault:
            return _refusal(door, fault)
        return Response(status_code=204)

    @router.post(QUESTIONS + "/{entry_path:path}", summary="A peer's question, as a Beacon v2 request")
    async def question(request: Request, entry_path: str) -> Response:
        try:
            signed, body = await _verified(verifier, request, f"{QUESTIONS}/{entry_path}")
            return await _answered(door, signed, entry_path, body)
        except NodeError as fault:
            return _refusal(door, fault)

    for prefix, answer in door.more.items():
        router.add_api_route(
            prefix + "/{rest:path}",
            _signed_route(door, verifier, prefix, answer),
            methods=["POST"],
            summary="A peer's signed question",
            name=f"signed {prefix}",
        )
    return router


def _signed_route(
    door: Door, verifier: TokenVerifier, prefix: str, answer: AnswerPeer
) -> Callable[..., Awaitable[Response]]:
    async def question(request: Request, rest: str) -> Response:
        try:
            signed, body = await _verified(verifier, request, f"{prefix}/{rest}")
            question = PeerQuestion(rest, body, _asker(door, signed), signed)
            return await _in_time(signed, answer(question))
        except NodeError as fault:
            return _refusal(door, fault)

    return question


async def _verified(verifier: TokenVerifier, request: Request, path: str) -> tuple[SignedCall, bytes]:
    """The caller and the body.

    path: as this node publishes it; what a proxy made of the URL and the Host header are not looked at.
    """
    body = await read_body(request, MAX_BODY_BYTES)
    return verifier.verify(request.headers.get("authorization"), Call(request.method, path, body)), body


def _asker(door: Door, signed: SignedCall) -> PeerPrincipal:
    """The sender: whom it asks for is taken for what it says, and for no more than was agreed with it."""
    peer = door.peers.find(signed.peer)
    if peer is None:  # removed since its token was verified
        raise NotAuthorised(f"{signed.peer} is no longer a peer of this node")
    terms = peer.terms
    subject = "" if signed.subject == signed.peer else signed.subject
    return PeerPrincipal(signed.peer, lesser(signed.tier, terms.tier), terms.granularity, subject)


async def _answered(door: Door, signed: SignedCall, entry_path: str, body: bytes) -> Response:
    return await _in_time(signed, door.answer(entry_path, body, _asker(door, signed), signed.purpose))


async def _in_time(signed: SignedCall, answering: Awaitable[tuple[int, bytes]]) -> Response:
    try:
        async with asyncio.timeout(signed.remaining_s):
            status, document = await answering
    except TimeoutError:
        raise StoreUnavailable("the deadline of the question passed before the answer was ready") from None
    return Response(document, status, media_type=_JSON)


def _refusal(door: Door, fault: NodeError) -> Response:
    return Response(door.error_body(fault), fault.status, _HEADERS.get(fault.status), media_type=_JSON)
