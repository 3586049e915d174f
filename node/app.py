"""The one place where the rooms are joined: settings in, a node out, and the web application over it.

Nothing is opened at import.  Several nodes can live in one process; they share nothing.
"""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from types import TracebackType
from typing import Final, Self

from fastapi import APIRouter, FastAPI, Request
from sqlalchemy.engine import Engine
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from beacon import api
from beacon.entries import entry_at, entry_of
from beacon.filters import read_filters
from beacon.merge import merge
from beacon.query import Asked
from beacon.room import Beacon
from node import db
from node.access.grant import Anonymous, decide
from node.access.keys import NodeKey
from node.config import CONFIG_NAME, FederationSection, Settings
from node.federation import routes
from node.federation.contact import Contact, try_peer
from node.federation.dialects import Dialect
from node.federation.guest import Heard, ask_beacon
from node.federation.network import Network
from node.federation.peers import Peer, PeerBook
from node.federation.transport import open_http
from node.reference.genes import GeneTable
from node.reference.liftover import ChainFiles
from node.reference.ontology import Ontologies
from node.roster import DatabasePeople
from node.store import open_annotations, open_store
from node.store.annotations import SqlAnnotations
from node.store.catalogue import DatabaseCatalogue
from node.store.index import SqlStore
from node.store.sequence import FastaSequences
from node.web import create_web
from schemas import beacon as wire
from schemas.access import Grant
from schemas.cohorts import Cohort
from schemas.errors import BadInput, BadQuestion, NodeError, NotAuthorised, NotHeld, Place
from schemas.ga4gh import VERSION, NodeIdentity, service_info
from schemas.network import NodeAnswer, outcome
from schemas.reference import Reference

_log: Final = logging.getLogger(__name__)
BEACON: Final = "/beacon"
NETWORK: Final = "/network/beacon"


@dataclass(frozen=True, slots=True)
class Node:
    """A node that is open.  Leaving its context closes its database connections."""

    settings: Settings
    engine: Engine
    key: NodeKey
    catalogue: DatabaseCatalogue
    store: SqlStore
    annotations: SqlAnnotations
    sequences: FastaSequences
    beacon: Beacon
    peers: PeerBook

    async def ask(self, asked: Asked, *, network: bool) -> wire.Response:
        """The answer of this node, or with `network` of all nodes; in either case in a network's form.

        Raises NodeError when this node alone is asked and refuses; in a network a refusal is a state.
        """
        if network:
            async with open_http(self.settings.federation) as http:
                return await self.ask_network(Network(self.settings, self.key, self.peers, http), asked)
        began = time.perf_counter()
        response = await self._own(asked)
        ms = (time.perf_counter() - began) * 1000
        identity = self.beacon.identity
        own = NodeAnswer(identity.id, identity.name, outcome(response), ms, response=response)
        return merge(asked, identity, [own])

    async def ask_network(self, network: Network, asked: Asked) -> wire.Response:
        """The merged answer of this node and every peer of `network`.

        Raises BadQuestion: this node does not understand the question, and nobody else answered it either.
        """
        misunderstood: BadQuestion | None = None

        async def own() -> wire.Response:
            nonlocal misunderstood
            try:
                return await self._own(asked)
            except BadQuestion as fault:
                misunderstood = None if isinstance(fault, NotHeld) else fault
                raise

        path = f"{routes.QUESTIONS}/{entry_of(asked).path}"
        answers = await network.ask(asked.body(), own, path=path)
        if misunderstood is not None and not any(answer.state.answered for answer in answers):
            raise misunderstood
        return merge(asked, self.beacon.identity, answers)

    async def _own(self, asked: Asked) -> wire.Response:
        return await api.answer_soon(self.beacon, asked, self.anonymous())

    async def ask_beacon(self, url: str, asked: Asked) -> wire.Response:
        """The answer of the Beacon at `url`, a single one or a network's, in the form of a network's."""
        response, _ = await ask_elsewhere(self.settings.federation, url, asked)
        return response

    async def try_peer(self, peer: Peer) -> Contact:
        """Whether `peer` answers at its address, with its key, and knows this node."""
        async with open_http(self.settings.federation) as http:
            return await try_peer(http, self.key, self.beacon.identity.id, peer)

    def anonymous(self) -> Grant:
        return decide(Anonymous(), self.catalogue.datasets())

    def authorise(self, request: Request) -> Grant:
        """What the sender of `request` may see.

        Raises NotAuthorised: he shows credentials.  None are good before this node offers sign-in, and bad
        ones are never taken for none.
        """
        if "authorization" in request.headers:
            raise NotAuthorised("these credentials are not known here; this node offers no sign-in yet")
        return self.anonymous()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.sequences.close()
        self.store.close()
        self.annotations.close()
        self.catalogue.close()
        self.engine.dispose()


async def ask_elsewhere(
    federation: FederationSection, url: str, asked: Asked, dialect: Dialect | None = None
) -> tuple[wire.Response, Heard]:
    """What any Beacon answers, in the form of a network's answer, and how it was asked; needs no node.

    dialect: found out when None.  Raises BadQuestion: `url` is not the address of a Beacon.
    """
    async with open_http(federation) as http:
        heard = await ask_beacon(http, url, asked.body(), timeout_s=federation.deadline_s, dialect=dialect)
    answer = heard.answer
    if answer.response is not None and "nodes" in answer.response.get("info", {}):
        return answer.response, heard
    return merge(asked, NodeIdentity(answer.node, "", ""), [answer]), heard


def open_node(settings: Settings) -> Node:
    """The node these settings describe; brings its database to the newest schema.

    Raises BadInput: no key in the home, or a file of `[reference]` that cannot be used.
    """
    own = settings.reference
    sequences = FastaSequences(own.fasta)
    reference = Reference(GeneTable(own.genes), sequences, ChainFiles(own.chains))
    engine = db.connect(settings.database_url)
    db.migrate(engine)
    catalogue, store, annotations = DatabaseCatalogue(engine), open_store(engine), open_annotations(engine)
    return Node(
        settings=settings,
        engine=engine,
        key=NodeKey.load(settings.home / "keys"),
        catalogue=catalogue,
        store=store,
        annotations=annotations,
        sequences=sequences,
        beacon=Beacon(
            settings.identity,
            catalogue,
            store,
            DatabasePeople(engine),
            Ontologies(),
            cohorts=_cohorts(settings),
            synthetic=frozenset(settings.beacon.synthetic),
            reference=reference,
            annotations=annotations,
        ),
        peers=PeerBook(engine, settings),
    )


def _cohorts(settings: Settings) -> tuple[Cohort, ...]:
    """Raises BadInput: a filter of a cohort that cannot be read."""
    cohorts = []
    for one in settings.cohorts:
        try:
            filters = read_filters(one.filters)
        except BadQuestion as fault:
            place = Place(str(settings.home / CONFIG_NAME), field=f"cohorts.{one.id}")
            raise BadInput(place, fault.message, "Write it as in a GET: HP:0001250, sex=female.") from None
        cohorts.append(Cohort(one.id, one.name, one.description, one.datasets, filters))
    return tuple(cohorts)


def create_app(settings: Settings) -> FastAPI:
    """The web application of one node, opened now and closed when the application ends.

    Raises BadInput: see `open_node`.
    """
    node = open_node(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with node:
            await run_in_threadpool(node.catalogue.datasets)  # a node that cannot read does not start
            async with open_http(settings.federation) as http:
                app.state.network = Network(settings, node.key, node.peers, http)
                yield

    app = FastAPI(
        title=f"{settings.node.name}: varhaven",
        version=VERSION,
        lifespan=lifespan,
        docs_url=None,  # the stock pages fetch their scripts from elsewhere
        redoc_url=None,
    )

    async def ask_network(asked: Asked, _grant: Grant | None = None) -> wire.Response:
        return await node.ask_network(app.state.network, asked)

    identity = node.beacon.identity
    app.include_router(api.create_router(node.beacon, node.authorise), prefix=BEACON)
    whole = replace(node.beacon, root=NETWORK)
    app.include_router(api.create_router(whole, node.authorise, ask_network), prefix=NETWORK)
    app.include_router(routes.create_router(_door(node)))
    app.include_router(create_web(identity, node.catalogue.datasets, ask_network))
    app.include_router(_host_router(node))
    _install_errors(app, identity)
    return app


def _door(node: Node) -> routes.Door:
    """What peers find: the same Beacon, under the grant of a peer."""

    async def answer_peer(entry_path: str, body: bytes, grant: Grant) -> tuple[int, bytes]:
        response = await api.answer_soon(node.beacon, entry_at(entry_path).read_post(body), grant)
        return 200, wire.encode(response)

    return routes.Door(
        identity=node.beacon.identity,
        key=node.key,
        peers=node.peers,
        catalogue=node.catalogue,
        answer=answer_peer,
        error_body=partial(api.error_body, node.beacon.identity),
    )


def _host_router(node: Node) -> APIRouter:
    """What whoever runs the node asks: is it alive, and does it answer?"""
    router = APIRouter(tags=["host"])

    @router.get("/healthz", summary="The process is alive")
    async def alive() -> Response:
        return Response(b"ok\n", media_type="text/plain")

    @router.get("/readyz", summary="The database can be read")
    async def ready() -> Response:
        node.catalogue.datasets()
        return Response(b"ready\n", media_type="text/plain")

    @router.get("/service-info", summary="GA4GH service-info")
    async def about() -> Response:
        return Response(wire.encode(service_info(node.beacon.identity)), media_type="application/json")

    return router


def _install_errors(app: FastAPI, identity: NodeIdentity) -> None:
    """Refusals, and paths and methods that are not served, are told in Beacon's envelope."""

    async def refuse(_request: Request, fault: Exception) -> Response:
        assert isinstance(fault, NodeError | HTTPException)  # noqa: S101  # what it is registered for
        return api.error_reply(identity, fault)

    app.add_exception_handler(NodeError, refuse)
    app.add_exception_handler(HTTPException, refuse)
    app.add_middleware(_Shield, identity=identity)


class _Shield:
    """The outermost edge: a fault of this program becomes a 500 for the asker and one line for the operator.

    The line tells the place alone: a traceback or a database's message could quote a question or a genotype.
    """

    def __init__(self, app: ASGIApp, identity: NodeIdentity) -> None:
        self._app = app
        self._identity = identity

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception as fault:  # noqa: BLE001  # nothing lies outside of this
            _log.error("internal fault: %s", _place(fault))
            if scope["type"] == "http" and not begun:
                failed = NodeError("this node failed to answer; its operator can see where")
                await api.error_reply(self._identity, failed)(scope, receive, send)


def _place(fault: BaseException) -> str:
    frames = traceback.extract_tb(fault.__traceback__)
    where = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    return f"{type(fault).__name__}{where}"
