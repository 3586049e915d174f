"""Small real nodes for tests of the federation: home, key, database and port; only the answer is canned."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import httpx
import uvicorn
from fastapi import FastAPI
from sqlalchemy.engine import Engine

from node import db
from node.access.keys import NodeKey
from node.access.principal import PeerPrincipal
from node.app import create_app
from node.config import FederationSection, NodeSection, Settings
from node.federation.breaker import Breaker
from node.federation.line import open_connections
from node.federation.network import Network
from node.federation.peers import Peer, PeerBook
from node.federation.routes import Door, create_router
from schemas.access import Policy
from schemas.beacon import Response
from schemas.errors import NodeError
from schemas.genome import Assembly
from schemas.people import Dataset

QUESTION = b'{"meta": {"apiVersion": "v2.1.1"}, "query": {"requestParameters": {}}}'
DATASETS = (
    Dataset("shared", Assembly.GRCH37, Policy.OPEN),
    Dataset("closed", Assembly.GRCH38, Policy.CONTROLLED),
)

Answer = Callable[[str, bytes, PeerPrincipal, str], Awaitable[tuple[int, bytes]]]


def a_response(node: str, exists: bool, **more: Any) -> Response:
    """The smallest answer that the specification allows."""
    summary: dict[str, Any] = {
        "apiVersion": "v2.1.1",
        "requestedSchemas": [],
        "pagination": {"skip": 0, "limit": 10},
        "requestedGranularity": "record",
    }
    meta = {
        "beaconId": node,
        "apiVersion": "v2.1.1",
        "returnedSchemas": [],
        "returnedGranularity": "record",
        "receivedRequestSummary": summary,
    }
    return {"meta": meta, "responseSummary": {"exists": exists}, **more}  # type: ignore[typeddict-item]


def an_answer(node: str, exists: bool, **more: Any) -> bytes:
    return json.dumps(a_response(node, exists, **more)).encode()


def error_body(fault: NodeError) -> bytes:
    """An error in Beacon's envelope, as far as a peer reads it."""
    told = {"errorCode": fault.status, "errorMessage": fault.message, "reason": fault.reason}
    return json.dumps({"error": told}).encode()


class FixedCatalogue:
    def datasets(self) -> tuple[Dataset, ...]:
        return DATASETS


@dataclass(frozen=True)
class Node:
    """A node with everything that the federation needs of it."""

    settings: Settings
    engine: Engine
    key: NodeKey
    peers: PeerBook

    @property
    def id(self) -> str:
        return self.settings.node.id

    def as_peer(self) -> Peer:
        return Peer(self.id, self.settings.node.name, self.key.thumbprints)

    def app(self, answer: Answer | None = None) -> FastAPI:
        async def canned(
            _path: str, _body: bytes, _asking: PeerPrincipal, _purpose: str
        ) -> tuple[int, bytes]:
            return 200, an_answer(self.id, exists=True)

        app = FastAPI()
        door = Door(
            self.settings.identity, self.key, self.peers, FixedCatalogue(), answer or canned, error_body
        )
        app.include_router(create_router(door))
        return app

    @asynccontextmanager
    async def network(self, breaker: Breaker | None = None) -> AsyncIterator[Network]:
        async with open_connections(self.settings.federation) as connections:
            yield Network(self.settings, self.key, self.peers, connections, breaker=breaker)

    async def own(self) -> Response:
        return a_response(self.id, exists=False)


@contextmanager
def a_node(home: Path, url: str, key: NodeKey | None = None, **federation: Any) -> Iterator[Node]:
    """A node that lives in `home`; `federation` are settings of that section."""
    home.mkdir(exist_ok=True)
    settings = Settings(
        home=home,
        node=NodeSection(id=url, name=f"Hospital {url[-1]}", country="FI"),
        federation=FederationSection(**federation),
    )
    engine = db.connect(settings.database_url)
    try:
        db.metadata.create_all(engine)
        yield Node(settings, engine, key or NodeKey.create(home / "keys"), PeerBook(engine, settings))
    finally:
        engine.dispose()


def free_socket() -> tuple[socket.socket, str]:
    """A listening socket on loopback and its URL."""
    listening = socket.create_server(("127.0.0.1", 0))
    return listening, f"http://127.0.0.1:{listening.getsockname()[1]}"


@contextmanager
def serving(
    app: FastAPI, listening: socket.socket, *, lifespan: Literal["on", "off"] = "off"
) -> Iterator[None]:
    """`app` on a real server in a thread of its own."""
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", ws="none", lifespan=lifespan))
    # The socket listens already, so nobody has to wait until the server has started.
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(20)


async def post(url: str, body: bytes, **headers: str) -> httpx.Response:
    """A plain POST, as anybody could send it."""
    async with httpx.AsyncClient(trust_env=False) as http:
        return await http.post(url, content=body, headers=headers)


@contextmanager
def serving_whole(settings: Settings) -> Iterator[str]:
    """The whole node of these settings, at a free port; gives its address."""
    listening, url = free_socket()
    config = uvicorn.Config(create_app(settings), log_level="error", ws="none", lifespan="on")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield url
    finally:
        server.should_exit = True
        thread.join(20)
