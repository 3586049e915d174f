"""The web application over an open node: every router mounted, every fault told in its protocol's form."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any, cast

from fastapi import APIRouter, FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.types import ASGIApp
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from beacon import api
from beacon.entries import entry_at
from beacon.query import Asked
from node import trace
from node.access.principal import PeerPrincipal
from node.access.published import create_metadata_router
from node.app.attendance import Attendance
from node.app.credentials import Credentials
from node.app.description import describe
from node.app.express import Express
from node.app.inquiry import Inquiry
from node.app.matching import answer_carriers, at_work, include_exchange
from node.app.membership import create_membership_router
from node.app.node import BEACON, NETWORK, Node, open_node
from node.app.pages import add_pages
from node.app.relaying import connected
from node.app.shield import Shield, install_errors, told
from node.app.streaming import create_stream_router
from node.app.sums import create_sum_router
from node.audit import Kind
from node.config import Settings
from node.exchange.carriers import PATH as CARRIERS
from node.federation import routes
from node.federation.asking import NETWORK_QUESTIONS
from node.federation.network import Network
from node.federation.sums.letters import SUMS
from schemas import beacon as wire
from schemas.access import Grant
from schemas.ga4gh import VERSION, service_info


def create_app(settings: Settings) -> FastAPI:
    """The web application of one node, opened now and closed when the application ends.

    Raises BadInput: see `open_node`.
    """
    node = open_node(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with node:
            await run_in_threadpool(node.catalogue.datasets)  # a node that cannot read does not start
            async with node.open_network() as network:
                app.state.network = network
                async with at_work(node, network), connected(app, node):
                    yield

    app = FastAPI(
        title=f"{settings.node.name}: varhaven",
        version=VERSION,
        lifespan=lifespan,
        docs_url=None,  # the stock pages fetch their scripts from elsewhere
        redoc_url=None,
        telemetry=trace.TO_NOBODY,
    )

    gate = node.gate
    alone = api.Responders(partial(gate.answer, Kind.BEACON), partial(gate.list_terms, Kind.BEACON))
    app.include_router(api.create_router(node.beacon, gate.authorise, alone), prefix=BEACON)
    asking = api.entry_routes(gate.authorise, alone.entries)
    _include_network(app, node)
    include_exchange(app, node)
    app.include_router(create_metadata_router(gate.authenticator, settings.node.name))
    app.include_router(_host_router(node))
    refuse = partial(told, node.beacon.identity)
    app.add_middleware(Credentials, identify=gate.identify, refuse=refuse)
    install_errors(app, node.beacon.identity)
    describe(app)
    # Around the layers of the framework, so that the short way leads past them.
    short = {f"{BEACON}/{path}": ask for path, ask in asking.items()}
    edge: ASGIApp = Attendance(Express(app.build_middleware_stack(), short, refuse))
    if settings.server.trusted_proxies:
        believed = list(settings.server.trusted_proxies)
        edge = cast("ASGIApp", ProxyHeadersMiddleware(cast("Any", edge), trusted_hosts=believed))
    app.middleware_stack = Shield(edge, node.beacon.identity)
    return app


def _include_network(app: FastAPI, node: Node) -> None:
    """Everything that asks the network, or is asked by it; the network is open once the application runs."""

    def network() -> Network:
        return cast("Network", app.state.network)

    def inquire(asked: Asked, grant: Grant) -> Inquiry:
        return node.inquiry(network(), asked, grant)

    async def ask_network(asked: Asked, grant: Grant) -> wire.Response:
        return await inquire(asked, grant).merged()

    async def answer_onward(question: routes.PeerQuestion) -> tuple[int, bytes]:
        return await node.answer_onward(network(), question)

    whole = replace(node.beacon, root=NETWORK)
    together = api.Responders(ask_network, partial(node.gate.list_terms, Kind.NETWORK))
    app.include_router(api.create_router(whole, node.gate.authorise, together), prefix=NETWORK)
    app.include_router(create_stream_router(node.gate.authorise, inquire))
    sums = node.open_sums()
    app.include_router(create_sum_router(sums, node.gate.authorise, network))
    app.include_router(create_membership_router(node, network))
    signed = {NETWORK_QUESTIONS: answer_onward, SUMS: sums.answer, CARRIERS: answer_carriers(node)}
    app.include_router(routes.create_router(_door(node, signed)))
    add_pages(app, node, inquire, network)


def _door(node: Node, more: Mapping[str, routes.AnswerPeer]) -> routes.Door:
    """What peers find: the same Beacon, under the grant of a peer."""

    async def answer_peer(
        entry_path: str, body: bytes, asking: PeerPrincipal, purpose: str
    ) -> tuple[int, bytes]:
        grant = node.gate.grant(asking, node.gate.purpose(purpose))
        response = await node.gate.answer(Kind.FEDERATION, entry_at(entry_path).read_post(body), grant)
        return 200, wire.encode(response)

    return routes.Door(
        identity=node.beacon.identity,
        key=node.key,
        peers=node.peers,
        catalogue=node.catalogue,
        answer=answer_peer,
        error_body=partial(api.error_body, node.beacon.identity),
        more=more,
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
