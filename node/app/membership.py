"""`/network/peers` and the GA4GH service registry: who is in the network, and how each is."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import orjson
from fastapi import APIRouter
from starlette.responses import Response

from node.app.node import Node
from node.federation import descriptor, registry, roll
from node.federation.network import Network
from node.federation.roll import Facts, Member, Roll


def create_membership_router(node: Node, network: Callable[[], Network]) -> APIRouter:
    """network: the open one, once the application runs."""
    router = APIRouter(tags=["network"])
    kept = Roll()

    async def members() -> tuple[Member, ...]:
        return await kept.call(network(), _own_facts(node))

    @router.get("/network/peers", summary="Who is in the network, and how each is")
    async def peers() -> Response:
        return _json(roll.document(await members(), network()))

    @router.get("/services", summary="GA4GH service registry: all services of the network")
    async def services() -> Response:
        return _json(registry.services(await members()))

    @router.get("/services/types", summary="GA4GH service registry: the types of services")
    async def types() -> Response:
        return _json(registry.types(await members()))

    @router.get("/services/{name}", summary="GA4GH service registry: one service")
    async def service(name: str) -> Response:
        return _json(registry.service(await members(), name))

    return router


def _own_facts(node: Node) -> Facts:
    said = descriptor.describe(node.beacon.identity, node.key, node.catalogue.datasets(), time.time())
    return roll.facts_of(said)


def _json(document: Any) -> Response:
    return Response(
        orjson.dumps(document), media_type="application/json", headers={"cache-control": "no-store"}
    )
