"""Secure sums of this node: what it counts, for whom it takes part, and who may have it lead one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import orjson
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.engine import Engine

from beacon.api import body_of
from beacon.placement import place
from beacon.records import allele_named, internal_id
from beacon.room import Beacon
from beacon.search import Search
from node import trace
from node.access.keys import NodeKey
from node.audit import Audit, Entry, Kind, Outcome
from node.config import SecureSumSection, Settings
from node.federation.network import Network
from node.federation.peers import PeerBook
from node.federation.routes import PeerQuestion
from node.federation.sums import letters
from node.federation.sums.lead import SecureTotal, lead
from node.federation.sums.letters import SUMS, Invitation, Pledged, Shared, Showing
from node.federation.sums.memory import Memory
from node.federation.sums.part import Cell, Part, Terms
from node.federation.sums.pledge import Round, question_digest
from schemas.access import ANONYMOUS, Grant
from schemas.errors import BadQuestion, Forbidden, NodeError, NotAuthorised, NotFound, NotHeld
from schemas.genome import Allele, Assembly
from schemas.notation import read_question
from schemas.people import Dataset
from schemas.ports import Page
from schemas.questions import SequenceQuery

PATH: Final = "/network/sum"
_ONE: Final = Page(limit=1)
_MAX_BODY: Final = 20_000


class Sums:
    """See above.  audit: told of every pledge, share and total before it leaves."""

    def __init__(self, beacon: Beacon, part: Part, section: SecureSumSection, audit: Audit) -> None:
        self._beacon = beacon
        self._part = part
        self._section = section
        self._audit = audit

    def counter(self, allele: Allele) -> Callable[[], Cell]:
        """What counts `allele` in the datasets that are summed; a look into each.

        Raises NotHeld: none of them is of its assembly.
        """
        assembly = allele.interval.contig.assembly
        held = [
            dataset
            for dataset in self._beacon.catalogue.datasets()
            if dataset.id in self._section.datasets and dataset.assembly is assembly
        ]
        if not held:
            raise NotHeld(f"no dataset of {assembly} takes part in secure sums here")
        return lambda: self._count(allele, held)

    def _count(self, allele: Allele, datasets: list[Dataset]) -> Cell:
        people = alleles = called = 0
        question = SequenceQuery(allele.interval, allele.reference, allele.alternate)
        for dataset in datasets:
            sought = place(question, dataset.assembly, self._beacon.reference).sought
            search = Search(self._beacon.store, self._beacon.annotations, dataset.id)
            for variant in search.find(sought, _ONE):
                people += variant.counts.carriers
                alleles += variant.counts.ac
                called += variant.counts.an
        return Cell(people, alleles, called)

    async def answer(self, letter: PeerQuestion) -> tuple[int, bytes]:
        """What a leader's letter is answered with; raises NodeError with the reason why it is not."""
        step = {letters.INVITATION: self._invited, letters.SHOWING: self._shown}.get(f"{SUMS}/{letter.path}")
        if step is None:
            raise NotFound("a secure sum has two steps: invitation and showing")
        peer = letter.signed.peer
        try:
            told = await asyncio.to_thread(step, peer, letter.body)
        except NodeError:
            await self._record(f"peer {peer}", Kind.FEDERATION, Outcome.DENIED, letter.path)
            raise
        await self._record(f"peer {peer}", Kind.FEDERATION, Outcome.ANSWERED, letter.path)
        return 200, told

    def _invited(self, peer: str, body: bytes) -> bytes:
        invitation = letters.read(body, Invitation)
        allele = allele_named(invitation.allele)
        if allele is None or allele.is_symbolic or internal_id(allele) != invitation.allele:
            raise BadQuestion("a secure sum is of one allele, named as GRCh38:20:3213196:C:A")
        wanted = Round(invitation.round, peer, question_digest(invitation.allele))
        return letters.write(Pledged(self._part.pledge(wanted, self.counter(allele))))

    def _shown(self, peer: str, body: bytes) -> bytes:
        showing = letters.read(body, Showing)
        return letters.write(Shared.of(self._part.share(peer, showing.round, showing.pledges).numbers))

    async def lead(
        self, network: Network, question: str, assembly: str | None, principal: str
    ) -> SecureTotal:
        """The total of the allele that `question` names, over this node and its partners, or why not.

        question: as people type it, `chr20:3213196 C>A`.

        Raises BadQuestion: it names no single allele; NotHeld: nothing of its assembly is summed here;
        Forbidden, OverBudget: this node's own part refuses.
        """
        query = read_question(question, Assembly.read(assembly) if assembly else None)
        allele = query.allele if isinstance(query, SequenceQuery) else None
        if allele is None:
            raise BadQuestion("a secure sum is of one allele, such as chr20:3213196 C>A")
        try:
            found = await lead(
                network, self._part, self._section.partners, internal_id(allele), self.counter(allele)
            )
        except NodeError:
            await self._record(principal, Kind.NETWORK, Outcome.DENIED, "sum")
            raise
        await self._record(principal, Kind.NETWORK, Outcome.ANSWERED, "sum")
        return found

    def refuse_unless_entitled(self, grant: Grant) -> None:
        """Raises NotAuthorised: nobody in particular; Forbidden: one who may see nothing of it."""
        if grant.principal == ANONYMOUS:
            raise NotAuthorised("a secure sum is of data that are not open; sign in to ask for one")
        if not any(grant.ceiling(dataset).granularity for dataset in self._section.datasets):
            raise Forbidden("a secure sum takes the right to ask one of the datasets that this node sums")

    async def _record(self, principal: str, kind: Kind, outcome: Outcome, detail: str) -> None:
        entry = Entry(
            request=trace.current().id,
            principal=principal,
            kind=kind,
            outcome=outcome,
            datasets=self._section.datasets,
            granularity="sum",
            detail=detail,
        )
        await self._audit.record(entry)


def open_sums(
    settings: Settings, engine: Engine, *, beacon: Beacon, key: NodeKey, peers: PeerBook, audit: Audit
) -> Sums:
    own = settings.secure_sum
    memory = Memory(engine, own.remember_days, own.per_day)
    part = Part(settings.node.id, key, peers, memory, Terms(frozenset(own.partners), own.floor))
    return Sums(beacon, part, own, audit)


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    question: str = Field(max_length=10_000)
    assembly: str | None = None


def create_sum_router(
    sums: Sums, authorise: Callable[[Request], Awaitable[Grant] | Grant], network: Callable[[], Network]
) -> APIRouter:
    """`POST /network/sum`: `{"question": "chr20:3213196 C>A", "assembly": "GRCh38"}`."""
    router = APIRouter(tags=["network"])

    @router.post(PATH, summary="A total over several nodes of which no single part is told")
    async def ask(request: Request) -> Response:
        granted = authorise(request)
        grant = granted if isinstance(granted, Grant) else await granted
        sums.refuse_unless_entitled(grant)
        asked = await _read(request)
        found = await sums.lead(network(), asked.question, asked.assembly, grant.principal)
        body = orjson.dumps(total_document(asked.question, found))
        return Response(body, media_type="application/json", headers={"cache-control": "no-store"})

    return router


async def _read(request: Request) -> _Asked:
    body = await body_of(request)
    try:
        if len(body) > _MAX_BODY:
            raise ValueError("it is too long")
        return _Asked.model_validate_json(body)
    except ValueError:
        raise BadQuestion(
            'the body must be {"question": "chr20:3213196 C>A", "assembly": "GRCh38"}'
        ) from None


def total_document(question: str, found: SecureTotal) -> dict[str, object]:
    """The total for programs: `sum` is null, and `reason` says why, where nothing may be told."""
    released = found.released
    return {
        "question": {"text": question},
        "nodes": [
            {"node": n.node, "name": n.name, "state": n.state, "ms": round(n.ms, 1), "reason": n.reason}
            for n in found.nodes
        ],
        "sum": released
        and {
            "people": released.people,
            "ac": released.alleles,
            "an": released.called,
            "floor": released.floor,
            "kind": "exact",
            "caveat": "a person known to several nodes counts several times",
        },
        "reason": found.reason,
    }
