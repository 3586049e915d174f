"""A node that is open: settings in, the rooms joined, questions answered for itself and for its network.

Nothing is opened at import.  Several nodes can live in one process; they share nothing.
"""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Final, Self

from sqlalchemy.engine import Engine

from beacon.entries import entry_at
from beacon.filters import read_filters
from beacon.merge import merge
from beacon.query import Asked
from beacon.room import Beacon
from node import db
from node.access.authenticator import Authenticator
from node.access.grant import Rules
from node.access.keys import NodeKey
from node.access.principal import Anonymous
from node.access.reception import Reception
from node.access.server import EmbeddedServer
from node.access.tokens import MAX_HOPS
from node.app.entrance import Entrance, open_entrance
from node.app.gate import Gate, Strangers
from node.app.inquiry import Inquiry
from node.app.sums import Sums, open_sums
from node.audit import Audit, Kind, open_audit
from node.candidates import GenotypeSearch, Held, open_search
from node.cases.subjects import Subjects
from node.config import CONFIG_NAME, FederationSection, Settings
from node.exchange import Exchange, open_exchange
from node.federation.contact import Contact, try_peer
from node.federation.dialects import Dialect
from node.federation.guest import MOST_BYTES, Heard, ask_beacon
from node.federation.line import Way, open_connections
from node.federation.network import Network
from node.federation.peers import Peer, PeerBook
from node.federation.routes import PeerQuestion
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
from schemas import beacon as wire
from schemas.access import Grant
from schemas.cohorts import Cohort
from schemas.errors import BadInput, BadQuestion, Forbidden, Place
from schemas.ga4gh import NodeIdentity
from schemas.network import NodeAnswer, outcome
from schemas.reference import Reference

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
    roster: DatabasePeople
    sequences: FastaSequences
    beacon: Beacon
    peers: PeerBook
    audit: Audit
    gate: Gate
    embedded: EmbeddedServer
    genes: GeneTable
    exchange: Exchange
    authenticator: Authenticator
    reception: Reception

    async def ask(self, asked: Asked, *, network: bool) -> wire.Response:
        """The answer of this node, or with `network` of all nodes; in either case in a network's form.

        Raises NodeError when this node alone is asked and refuses; in a network a refusal is a state, and
        BadQuestion or NotFound is raised where no node can answer.
        """
        if network:
            async with self.open_network() as whole:
                return await self.inquiry(whole, asked, self.anonymous()).whole()
        began = time.perf_counter()
        response = await self.gate.answer(Kind.BEACON, asked, self.anonymous())
        ms = (time.perf_counter() - began) * 1000
        identity = self.beacon.identity
        own = NodeAnswer(identity.id, identity.name, outcome(response), ms, response=response)
        return merge(asked, identity, [own])

    @asynccontextmanager
    async def open_network(self) -> AsyncIterator[Network]:
        """The network of this node, for one event loop; its connections are closed on leaving."""
        async with open_connections(self.settings.federation) as connections:
            yield Network(self.settings, self.key, self.peers, connections)

    def open_sums(self) -> Sums:
        """The secure sums of this node: one for a process, since it knows the rounds that are under way."""
        return open_sums(
            self.settings, self.engine, beacon=self.beacon, key=self.key, peers=self.peers, audit=self.audit
        )

    def inquiry(self, network: Network, asked: Asked, grant: Grant) -> Inquiry:
        """The question `asked` of the whole `network`, made ready; this node answers under `grant`."""
        answer_alone = partial(self.gate.answer, Kind.NETWORK, asked, grant)
        on_behalf = f"{grant.principal}\0{grant.purpose}"
        made = Inquiry(self.beacon.identity, network, asked, answer_alone, self.beacon.reference, on_behalf)
        made.behalf = partial(self.gate.behalf, grant)
        return made

    async def answer_onward(self, network: Network, question: PeerQuestion) -> tuple[int, bytes]:
        """The answer to a peer that asks this node for its whole network.

        Raises Forbidden: the peer's questions are not passed on; NodeError: see `Inquiry.merged`.
        """
        signed = question.signed
        peer = self.peers.find(signed.peer)
        if peer is None or not peer.forward or len(signed.via) >= MAX_HOPS:
            raise Forbidden("this node does not pass on questions of this peer; ask it for itself alone")
        asked = entry_at(question.path).read_post(question.body)
        grant = self.gate.grant(question.asking, self.gate.purpose(signed.purpose))
        inquiry = self.inquiry(network, asked, grant)
        inquiry.via, inquiry.deadline_s = signed.via, signed.remaining_s
        return 200, wire.encode(await inquiry.merged())

    async def ask_beacon(self, url: str, asked: Asked) -> wire.Response:
        """The answer of the Beacon at `url`, a single one or a network's, in the form of a network's."""
        response, _ = await ask_elsewhere(self.settings.federation, url, asked)
        return response

    async def try_peer(self, peer: Peer) -> Contact:
        """Whether `peer` answers at its address, with its key, and knows this node."""
        token = self.exchange.given.find(peer.id)
        async with open_connections(self.settings.federation) as connections:
            http = await connections.to(peer)
            seen = self.peers.descriptors
            return await try_peer(http, self.key, self.beacon.identity.id, peer, seen, token=token)

    @property
    def subjects(self) -> Subjects:
        """The node's people, as cases would tell of them."""
        own = self.beacon
        return Subjects(self.catalogue, own.people, self.store, self.annotations, self.genes)

    @property
    def search(self) -> GenotypeSearch:
        """What looks for genotypes."""
        return self.exchange.carriers.search

    def anonymous(self) -> Grant:
        return self.gate.grant(Anonymous())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.gate.threads.shutdown(cancel_futures=True)
        self.audit.close()
        self.sequences.close()
        self.search.close()
        self.roster.close()
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
        way = Way(http, time.perf_counter() + federation.deadline_s, MOST_BYTES)
        heard = await ask_beacon(way, url, asked.body(), path=asked.path, dialect=dialect)
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
    genes, ontologies, chains = GeneTable(own.genes), Ontologies(), ChainFiles(own.chains)
    engine = db.connect(settings.database_url)
    db.migrate(engine)
    catalogue, roster = DatabaseCatalogue(engine), DatabasePeople(engine)
    store, annotations = open_store(engine), open_annotations(engine)
    beacon = Beacon(
        settings.identity,
        catalogue,
        store,
        roster,
        ontologies,
        _cohorts(settings),
        frozenset(settings.beacon.synthetic),
        Reference(genes, sequences, chains),
        annotations,
        settings.policies.floor,
    )
    audit = open_audit(engine, settings.home / "keys")
    search = open_search(settings, engine, Held(catalogue, roster, store, annotations, genes, chains))
    key = NodeKey.load(settings.home / "keys")
    entrance = open_entrance(settings, engine, key, audit)
    return Node(
        settings=settings,
        engine=engine,
        key=key,
        catalogue=catalogue,
        store=store,
        annotations=annotations,
        roster=roster,
        sequences=sequences,
        beacon=beacon,
        peers=PeerBook(engine, settings),
        audit=audit,
        genes=genes,
        gate=_gate(beacon, Rules(settings.node.id, ontologies, settings.policies.floor), audit, entrance),
        exchange=open_exchange(
            settings, engine, audit, ontologies=ontologies, liftover=chains, search=search
        ),
        embedded=entrance.embedded,
        authenticator=entrance.authenticator,
        reception=entrance.reception,
    )


def _gate(beacon: Beacon, rules: Rules, audit: Audit, entrance: Entrance) -> Gate:
    threads = ThreadPoolExecutor(max(4, os.cpu_count() or 0), thread_name_prefix="wide")
    identifying = entrance.authenticator, entrance.reception
    return Gate(beacon, rules, audit, *identifying, Strangers(rules), threads)


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
