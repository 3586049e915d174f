"""Carriers of candidate genotypes: asked for by others, counted and audited, and asked for here and
elsewhere.

Whoever did not consent is nowhere in an answer, and does not change one; an answer takes one of a few times,
so that it does not tell by its time what it does not say.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from matchmaker.inheritance import stated_modes
from matchmaker.match import released, same_patient
from matchmaker.merge import Heard, NodeMatches, merge
from matchmaker.onesided import Carriers, Sighted
from node import pace, trace
from node.access.tokens import Call
from node.audit import Audit, Entry, Kind, Outcome
from node.candidates import Carrier, GenotypeSearch
from node.cases import Actor, CaseBook, Deposit, Status, Tracking
from node.cases.subjects import clinical
from node.config import MatchmakerSection
from node.exchange.guard import Guard
from node.exchange.letters import Secretary
from node.exchange.sightings import by_them, by_us
from node.federation.line import Line
from node.federation.network import Network
from node.federation.peers import Peer
from node.federation.question import Outcome as Ended
from node.federation.question import heard
from schemas.access import Granularity
from schemas.candidates import Finding
from schemas.carriers import CarrierResponse, read_carriers
from schemas.errors import BadQuestion, Forbidden, NodeError, NotFound
from schemas.ga4gh import NodeIdentity
from schemas.matching import Gene, Sharing
from schemas.mme import Contact, GeneName, GenomicFeature, MatchRequest, MatchResult, Patient
from schemas.network import Answered, PeerKind, PeerState
from schemas.reference import Gene as PlacedGene

PATH: Final = "/federation/v1/carriers"
_ASK: Final = f"{PATH}/match"
_STEP_S: Final = 0.25
_MOST_GENES: Final = 20
# What a case lets be told of whom it was made of, however much he himself allows.
_BY_CASE: Final = {
    Sharing.NOTHING: Finding.NOTHING,
    Sharing.PHENOTYPE: Finding.COUNT,
    Sharing.GENE: Finding.CONTACT,
    Sharing.VARIANT: Finding.VARIANT,
}


@dataclass(frozen=True, slots=True)
class CarrierQuestion:
    """A `node.federation.question.Question` for our own nodes.  request: only with what may leave."""

    request: MatchRequest

    @property
    def kinds(self) -> frozenset[PeerKind]:
        return frozenset({PeerKind.VARHAVEN})

    def state_of(self, response: Heard) -> PeerState:
        return _state(response.response)

    async def put(self, _peer: Peer, line: Line) -> Ended[Heard]:
        call = Call("POST", _ASK, orjson.dumps(self.request.document()))
        return heard(self, await line.signed(call, {"content-type": "application/json"}), _read)


def _read(body: bytes) -> Heard:
    return Heard(*read_carriers(body))


def _state(response: object) -> PeerState:
    tells = isinstance(response, CarrierResponse) and response.tells_something
    return PeerState.HIT if tells else PeerState.NO_HIT


@dataclass(frozen=True, slots=True)
class CarrierDesk:
    """Questions about carriers, from others and from this node's own doctors.

    carriers: made at the first question.  contact: of this node, for whoever has no case.
    """

    identity: NodeIdentity
    settings: MatchmakerSection
    search: GenotypeSearch
    carriers: Callable[[], Carriers]
    book: CaseBook
    tracking: Tracking
    guard: Guard
    secretary: Secretary
    audit: Audit
    contact: Callable[[], Contact]

    def warm(self) -> int:
        """Makes everything ready for questions, where anybody may be found; how many genotypes there are."""
        found = self.search.everybody(Finding.COUNT)
        if found:
            self.carriers()
        return len(found)

    async def answer(self, asker: str, most: Granularity, request: MatchRequest) -> Mapping[str, Any]:
        """The response document for `asker`, a peer's name; audited before it is given.

        most: the agreement with the peer; with less than records nobody is named to it.

        Raises OverBudget: it has asked too much; each gene is a question.  Forbidden: it was agreed that it
        is told less than counts.  BadQuestion: too many genes, or none of them is known here.
        """
        began = time.perf_counter()
        try:
            response = await asyncio.to_thread(self._answered, asker, most, request)
        except NodeError:
            self.audit.note(Entry("", asker, Kind.MATCHMAKER, Outcome.FAILED))
            raise
        await self._record(asker, request.patient, response)
        await pace.even(began, _STEP_S)
        return response.document()

    async def everywhere(
        self,
        network: Network | None,
        actor: Actor,
        case_id: str,
        genes: Sequence[str] | None = None,
    ) -> dict[str, Any]:
        """Who, of this node and of all of `network`, carries a candidate genotype for a case of `actor`.

        genes: in question; None for the case's own, none of them for a question without genes.

        Raises Forbidden: no such case of his was deposited here; BadQuestion: its consent does not let leave
        what is asked, or there is no gene to ask for.
        """
        deposit = await asyncio.to_thread(self._deposited, actor, case_id)
        request = MatchRequest(
            patient=question_of(deposit, genes),
            disclaimer=self.settings.disclaimer or None,
            terms=self.settings.terms or None,
        )
        await self._record(actor.name, request.patient, None)

        async def own() -> Heard:
            return Heard(await asyncio.to_thread(self._own, request, deposit))

        question = CarrierQuestion(request)
        if network is None:
            answers = [await self._alone(own)]
        else:
            answers = await network.ask(question, own)
        document, found = merge(
            answers,
            is_ours=lambda patient: same_patient(patient, deposit.patient),
            disclaimer=request.disclaimer,
            terms=request.terms,
        )
        if not deposit.patient.test:
            seen = [by_us(deposit, one, _genes_of(one.result)) for one in found]
            await asyncio.to_thread(self.tracking.see, seen)
        for line, answer in zip(document["nodes"], answers, strict=True):
            if answer.response is not None and isinstance(answer.response.response, CarrierResponse):
                line["genes"] = answer.response.response.document()["_genes"]
        return document

    async def _alone(self, own: Callable[[], Any]) -> NodeMatches:
        began = time.perf_counter()
        found: Heard = await own()
        ms = (time.perf_counter() - began) * 1000
        return Answered(self.identity.id, self.identity.name, _state(found.response), ms, response=found)

    def _answered(self, asker: str, most: Granularity, request: MatchRequest) -> CarrierResponse:
        if most.rank < Granularity.COUNT.rank:
            raise Forbidden("it was agreed that this peer is told neither counts nor records")
        for _ in range(max(1, len(request.patient.genomic_features))):
            self.guard.admit(asker)
        if self.guard.is_fishing(asker, request.patient):
            self.secretary.warn(asker)
        highest = Finding.VARIANT if most is Granularity.RECORD else Finding.COUNT
        response = self._found(request.patient, highest, None)
        self.guard.told(asker, len(response.results))
        self._tell_doctors(asker, request, response)
        return response

    def _own(self, request: MatchRequest, deposit: Deposit) -> CarrierResponse:
        response = self._found(request.patient, Finding.VARIANT, deposit)
        self._tell_doctors(self.identity.id, request, response)
        return response

    def _tell_doctors(self, asker: str, request: MatchRequest, response: CarrierResponse) -> None:
        """Those of the cases that were named, that somebody was told of them."""
        if request.patient.test:
            return
        cases = self.book.held([one.patient.id for one in response.results])
        named = [one for one in response.results if one.patient.id in cases]
        seen = (by_them(asker, request, one.patient.id, one.score.patient, _genes_of(one)) for one in named)
        self.secretary.tell(self.tracking.see(seen))

    def _found(self, patient: Patient, highest: Finding, own: Deposit | None) -> CarrierResponse:
        """own: the case in question, where it is one of this node."""
        genes, placed = self._genes(patient)
        present = [one.id for one in patient.features if one.observed]
        ways = stated_modes(filter(None, (patient.inheritance_mode, *present)))
        if genes:
            carriers = [one for gene in placed for one in self.search.carriers(gene, ways)]
        else:
            carriers = self.search.everybody(Finding.COUNT)
        others = [one for one in carriers if own is None or not _is_kin(one, own)]
        response = self.carriers().find(patient, genes, self._sighted(others, highest))
        notes = {
            "disclaimer": self.settings.disclaimer or None,
            "terms": self.settings.terms or None,
        }
        return response.model_copy(update=notes)

    def _genes(self, patient: Patient) -> tuple[list[Gene], list[PlacedGene]]:
        asked = list(dict.fromkeys(one.gene.id for one in patient.genomic_features))
        if len(asked) > _MOST_GENES:
            raise BadQuestion(f"a question may be about {_MOST_GENES} genes at most")
        genes, placed = [], []
        for name in asked:
            gene = self.search.names.resolve(name)
            if gene is not None and gene not in genes:
                genes.append(gene)
                placed.append(self.search.genes.find(gene.id))
        if asked and not genes:
            raise BadQuestion("this node knows none of these genes")
        return genes, placed

    def _sighted(self, carriers: Sequence[Carrier], highest: Finding) -> list[Sighted]:
        by_person: dict[tuple[str, str], list[Carrier]] = {}
        for one in carriers:
            by_person.setdefault((one.dataset, one.individual), []).append(one)
        return [
            seen
            for (dataset, individual), his in by_person.items()
            if (seen := self._one(dataset, individual, his, highest)) is not None
        ]

    def _one(self, dataset: str, individual: str, his: Sequence[Carrier], highest: Finding) -> Sighted | None:
        genotypes = sorted((one.genotype for one in his), key=lambda one: (-one.weight, one.gene.symbol))
        level = min(his[0].level, highest, key=lambda each: each.rank)
        case = self.book.made_of(dataset, individual)
        if case is None:
            name, contact = self.name_of(dataset, individual), self.contact()
            features = self._features(dataset, individual)
        else:
            name, contact = case.id, case.patient.contact.bare()
            level = min(level, _BY_CASE[case.case.sharing], key=lambda each: each.rank)
            told = released(case.case)
            features = tuple(one.id for one in told.features if one.observed) if told is not None else ()
        if level is Finding.NOTHING:
            return None
        return Sighted(name, contact, features, level, tuple(genotypes))

    def name_of(self, dataset: str, individual: str) -> str:
        """By which somebody without a case is named: always the same, and without his own names in it."""
        named = "\0".join(("carrier", dataset, individual))
        return f"person-{self.audit.digest(named.encode())[:24]}"

    def _features(self, dataset: str, individual: str) -> tuple[str, ...]:
        records = self.search.people.records(dataset, "individual", [individual])
        told = clinical(records[0])["features"] if records else []
        return tuple(one["id"] for one in told if one["observed"] == "yes")

    def _deposited(self, actor: Actor, case_id: str) -> Deposit:
        try:
            return self.book.find(actor, case_id)
        except NotFound:
            raise Forbidden(
                "only for a case that you have deposited here may carriers be asked for"
            ) from None

    async def _record(self, who: str, patient: Patient, response: CarrierResponse | None) -> None:
        granularity = "record" if response is None or response.results else "count"
        entry = Entry(
            trace.current().id,
            who,
            Kind.MATCHMAKER,
            Outcome.ANSWERED,
            granularity=granularity,
            question=self.audit.digest(orjson.dumps(patient.document())),
            detail="one-sided" if patient.genomic_features else "zero-sided",
        )
        await self.audit.record(entry)


def _genes_of(result: MatchResult) -> tuple[str, ...]:
    """What they have in common, in words; no variant among them."""
    names = dict.fromkeys(one.gene.id for one in result.patient.genomic_features)
    return tuple(f"a candidate genotype in {name}" for name in names)


def question_of(deposit: Deposit, genes: Sequence[str] | None) -> Patient:
    """What is asked about a case: its features, and the genes in question by name alone.

    genes: as `CarrierDesk.everywhere`.  Raises BadQuestion: its consent does not let that leave.
    """
    told = released(deposit.case)
    if told is None or deposit.status is Status.PAUSED:
        raise BadQuestion("the consent of this case lets nothing of it leave this node")
    own = dict.fromkeys(one.gene.id for one in deposit.patient.genomic_features)
    named = list(own if genes is None else dict.fromkeys(genes))
    if genes is None and not named:
        raise BadQuestion("this case has no candidate gene; name one, or ask without genes (zero-sided)")
    if named and deposit.sharing.rank < Sharing.GENE.rank:
        raise BadQuestion("the consent of this case does not let its candidate genes leave this node")
    if not named and not told.features:
        raise BadQuestion("without genes people are found by their features, and this case has none")
    features = tuple(GenomicFeature(gene=GeneName(id=name)) for name in named)
    return told.bare().model_copy(update={"genomic_features": features, "disorders": ()})


def _is_kin(one: Carrier, own: Deposit) -> bool:
    """Whether he is the patient in question, or of his family."""
    if (one.dataset, one.individual) == (own.dataset, own.individual):
        return True
    return bool(own.family) and own.family == one.family
