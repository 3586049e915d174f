"""The way to one peer for one question: its connections, the time that is left, the node's signature."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

import httpx

from node import trace
from node.access.keys import NodeKey
from node.access.tokens import NOBODY, Behalf, Call, mint
from node.config import FederationSection
from node.federation.acquaintance import Acquaintance
from node.federation.peers import Peer
from node.federation.relay.asking import RelayTransport
from node.federation.transport import Reply, Silence, exchange, open_http_for, trusted_authorities
from schemas.network import PeerState

_NO_TIME: Final = Silence(PeerState.TIMEOUT, "no time was left to ask")


class Connections:
    """HTTP connections to peers, a small pool for each, so that none takes those of another."""

    def __init__(self, federation: FederationSection, opened: AsyncExitStack) -> None:
        """opened: closes what is opened here.  Raises BadInput: `ca_bundle` cannot be read."""
        self._federation = federation
        self._opened = opened
        self._trusted = trusted_authorities(federation)
        self._clients: dict[object, httpx.AsyncClient] = {}

    async def to(self, peer: Peer) -> httpx.AsyncClient:
        """The client for `peer`; the same one until all are closed, or until it is reached otherwise.

        Raises BadInput: certificates of the peer that cannot be read.
        """
        terms = peer.terms
        own = (terms.proxy, terms.ca_bundle, terms.client_certificate)
        way = (peer.id, peer.relay, peer.thumbprints if peer.relay else (), own)
        client = self._clients.get(way)
        if client is None:
            client = open_http_for(self._federation, terms, self._trusted)
            if peer.relay:
                relayed = RelayTransport(peer.relay, peer.id, peer.thumbprints, client)
                client = httpx.AsyncClient(transport=relayed, timeout=client.timeout, headers=client.headers)
            self._clients[way] = client
            await self._opened.enter_async_context(client)
        return client


@asynccontextmanager
async def open_connections(federation: FederationSection) -> AsyncIterator[Connections]:
    """Connections for one node, closed on leaving.  Raises BadInput: `ca_bundle` cannot be read."""
    async with AsyncExitStack() as opened:
        yield Connections(federation, opened)


@dataclass(frozen=True, slots=True)
class Sender:
    """The node as its peers see it: its id, and the key it signs with."""

    node: str
    key: NodeKey


@dataclass(frozen=True, slots=True)
class Way:
    """The way to any server for one question, with no credentials but those of `credentials`.

    ends: on `time.perf_counter`, when the answer must be here.  most_bytes: of one reply.  credentials:
    headers that go with every request which does not bring its own.
    """

    http: httpx.AsyncClient
    ends: float
    most_bytes: int
    credentials: Mapping[str, str] = field(default_factory=dict)

    @property
    def left_s(self) -> float:
        """Seconds that are left; 0 or less when none are."""
        return self.ends - time.perf_counter()

    async def send(
        self,
        method: str,
        url: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply | Silence:
        """The whole reply to one request, or why there is none.  Raises nothing for what anybody does."""
        left_s = self.left_s
        if left_s <= 0:
            return _NO_TIME
        own = {**self.credentials, **(headers or {}), trace.HEADER: trace.current().header}
        try:
            request = self.http.build_request(method, url, content=body, headers=own)
        except (httpx.InvalidURL, ValueError):
            return Silence(PeerState.UNREACHABLE, "its address cannot be used")
        return await exchange(self.http, request, timeout_s=left_s, most_bytes=self.most_bytes)


@dataclass(frozen=True, slots=True)
class Line(Way):
    """The way to one peer, on which this node can sign.

    via: nodes that a question which is passed on came through before.  known: what was found out about the
    peer earlier.  behalf: for whom it is asked.
    """

    peer: str = ""
    sender: Sender | None = None
    via: tuple[str, ...] = ()
    behalf: Behalf = NOBODY
    known: Acquaintance = field(default_factory=Acquaintance)

    async def signed(self, call: Call, headers: Mapping[str, str] | None = None) -> Reply | Silence:
        """Sends `call` to the peer in this node's name; the token tells the time that is left."""
        left_s, sender = self.left_s, self.sender
        if left_s <= 0:
            return _NO_TIME
        assert sender is not None  # noqa: S101  # whoever makes a line to a peer is somebody
        token = mint(
            sender.key,
            sender.node,
            self.peer,
            call,
            left_s,
            now_s=time.time(),
            via=self.via,
            behalf=self.behalf,
        )
        own = {"content-type": "application/json", **(headers or {}), "authorization": f"Bearer {token}"}
        return await self.send(call.method, self.peer + call.path, call.body, own)
