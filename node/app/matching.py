"""The matchmaker over HTTP: `/mme` for other exchanges, `/network/mme` and `/cases` for its own; its chores.

Who asks shows a token in X-Auth-Token, or signs as our own nodes do.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import httpx
import orjson
from fastapi import FastAPI, Request

from beacon.api import body_of
from matchmaker import api
from matchmaker.api import Caller
from node.access.bodies import read_body
from node.access.principal import Caller as SignedIn
from node.access.principal import PeerPrincipal, Role
from node.access.tokens import Call, TokenVerifier
from node.app.carriers import create_carriers_router
from node.app.casework import create_cases_router
from node.app.node import Node
from node.audit import Entry, Kind, Outcome
from node.cases import Actor
from node.exchange.mail import Post, Postman
from node.exchange.tokens import HEADER
from node.federation.network import Network
from node.federation.routes import AnswerPeer, PeerQuestion
from node.federation.transport import Reply, exchange, open_http
from schemas.access import ANONYMOUS
from schemas.errors import Forbidden, NotAuthorised, NotFound
from schemas.exchange import Heartbeat
from schemas.mme import MatchRequest, read_request

MATCHMAKER: Final = "/mme"
NETWORK: Final = "/network/mme"
SCOPE: Final = "mme:match"
_MOST_BYTES: Final = 1_000_000
_WEBHOOK_S: Final = 10


@dataclass(frozen=True, slots=True)
class Counter:
    """Who comes to the matchmaker, and as whom."""

    node: Node
    verifier: TokenVerifier

    async def peer(self, request: Request) -> Caller:
        """Another exchange, or a program of this hospital: by its token or its signature.

        Raises NotAuthorised: neither is good; TooLarge.
        """
        try:
            return await self._peer(request)
        except NotAuthorised:
            self.node.audit.note(Entry("", ANONYMOUS, Kind.MATCHMAKER, Outcome.DENIED))
            raise

    async def _peer(self, request: Request) -> Caller:
        token = request.headers.get(HEADER)
        if token is not None:
            name = await asyncio.to_thread(self.node.exchange.tokens.peer_of, token)
            return Caller(str(PeerPrincipal(name)), await read_body(request, _MOST_BYTES))
        authorization = request.headers.get("authorization")
        if authorization is None:
            raise NotAuthorised("this exchange answers only callers with an X-Auth-Token of its own")
        body = await read_body(request, _MOST_BYTES)
        signed = self.verifier.verify(authorization, Call(request.method, request.scope["path"], body))
        return Caller(str(PeerPrincipal(signed.peer)), body)

    async def actor(self, request: Request) -> tuple[Actor, bytes]:
        """Whoever may have cases here, with his teams: a clinician who has signed in, or a program.

        Raises as `peer`; Forbidden: he has signed in, and may have none.
        """
        authorization = request.headers.get("authorization", "")
        if HEADER in request.headers or _is_of_a_node(authorization):
            caller = await self.peer(request)
        else:
            principal = await self.node.gate.identify(request)
            if not isinstance(principal, SignedIn):
                raise NotAuthorised("cases are for clinicians who sign in and for programs with a token")
            _refuse_others(principal, self.node.beacon.identity.id)
            caller = Caller(str(principal), await body_of(request))
        return await asyncio.to_thread(self.node.exchange.book.actor, caller.name), caller.body


async def clinician(node: Node, request: Request) -> Actor:
    """Who comes with a browser to his own cases, with his teams.

    Raises NotAuthorised: nobody has signed in; Forbidden: he may have no cases.
    """
    principal = await node.gate.identify(request, form=True)
    if not isinstance(principal, SignedIn):
        raise NotAuthorised("sign in to see your cases")
    _refuse_others(principal, node.beacon.identity.id)
    return await asyncio.to_thread(node.exchange.book.actor, str(principal))


def _is_of_a_node(authorization: str) -> bool:
    """Whether this is a request token of our own kind, whose header brings the key it is signed with."""
    head = authorization.partition(" ")[2].partition(".")[0]
    try:
        header = orjson.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    except ValueError:
        return False
    return isinstance(header, dict) and "jwk" in header


def _refuse_others(principal: SignedIn, node: str) -> None:
    """Raises Forbidden: neither a clinician nor a program, or a token that is not for this."""
    if principal.issuer == node and SCOPE not in principal.scopes:
        raise Forbidden(f"this token is not for matching: it has not the scope {SCOPE}")
    is_program = principal.issuer == node and principal.subject == principal.client
    if not is_program and Role.CLINICIAN not in principal.roles:
        raise Forbidden("cases are for clinicians; the operator of this node gives that role")


def include_exchange(app: FastAPI, node: Node) -> None:
    """Adds the routes of the matchmaker; `app.state.network` is there once the application runs."""
    own = node.exchange
    counter = Counter(node, TokenVerifier(node.beacon.identity.id, node.peers.asking))

    async def answer(caller: Caller, asked: MatchRequest) -> Mapping[str, Any]:
        return await own.desk.answer(caller.name, asked)

    async def owner(request: Request) -> Caller:
        actor, body = await counter.actor(request)
        return Caller(actor.name, body)

    async def answer_everywhere(caller: Caller, asked: MatchRequest) -> Mapping[str, Any]:
        actor = await asyncio.to_thread(own.book.actor, caller.name)
        return (await own.finder.everywhere(network(), actor, asked.patient.id)).document

    def network() -> Network:
        running: Network = app.state.network
        return running

    def heartbeat() -> Heartbeat:
        settings = node.settings
        return Heartbeat(
            production=settings.node.environment == "prod", disclaimer=settings.matchmaker.disclaimer or None
        )

    office = api.Office(counter.peer, answer, heartbeat, own.desk.metrics)
    app.include_router(api.create_router(office), prefix=MATCHMAKER)
    app.include_router(api.create_match_router(owner, answer_everywhere), prefix=NETWORK)
    app.include_router(create_cases_router(own, counter.actor, network))
    app.include_router(create_carriers_router(own, counter.actor, network))


def answer_carriers(node: Node) -> AnswerPeer:
    """How a peer's signed question about carriers of candidate genotypes is answered."""

    async def answer(question: PeerQuestion) -> tuple[int, bytes]:
        if question.path != "match":
            raise NotFound("carriers are asked for at /federation/v1/carriers/match")
        asked, asking = read_request(question.body), question.asking
        name = str(PeerPrincipal(question.signed.peer))
        return 200, orjson.dumps(await node.exchange.carriers.answer(name, asking.most, asked))

    return answer


@asynccontextmanager
async def at_work(node: Node, network: Network) -> AsyncIterator[None]:
    """While a node runs: letters are sent, and every night all cases are matched again."""
    own = node.exchange
    async with open_http(node.settings.federation) as http:
        chores = [
            asyncio.create_task(Postman(node.settings, own.outbox, posting(http)).walk()),
            asyncio.create_task(asyncio.to_thread(own.stock.warm)),
            asyncio.create_task(asyncio.to_thread(own.carriers.warm)),
        ]
        if at := node.settings.matchmaker.rematch_at:
            chores.append(asyncio.create_task(own.rounds.nightly(network, at)))
        try:
            yield
        finally:
            for chore in chores:
                chore.cancel()
            await asyncio.gather(*chores, return_exceptions=True)


def posting(http: httpx.AsyncClient) -> Post:
    """Sends webhooks over `http`."""

    async def post(url: str, body: bytes, headers: Mapping[str, str]) -> bool:
        request = http.build_request("POST", url, content=body, headers=dict(headers))
        reply = await exchange(http, request, timeout_s=_WEBHOOK_S, most_bytes=64_000)
        return isinstance(reply, Reply) and 200 <= reply.status < 300

    return post
