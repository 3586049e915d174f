"""Asking about a case of this node: here, or here and at every node it knows.

What leaves is what the consent of the deposited case lets leave, and a case that was not deposited here does
not leave at all (Service requirement 1 of the exchange).  Matches are remembered; letters go to others whose
case was found, and to the case's own doctors when they are not the ones who ask.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import orjson

from matchmaker.match import Match, Matches, released, same_patient
from matchmaker.merge import Found, Heard, NodeMatches, merge
from node import trace
from node.audit import Audit, Entry, Kind, Outcome
from node.cases import Actor, Asked, CaseBook, Deposit, Sighting, Stock, Tracking
from node.config import MatchmakerSection
from node.exchange.asking import MatchQuestion
from node.exchange.letters import Secretary
from node.exchange.sightings import by_us, in_common
from node.exchange.tokens import GivenTokens
from node.federation.network import Network
from schemas.errors import BadQuestion, Forbidden, NotFound
from schemas.ga4gh import NodeIdentity
from schemas.mme import MatchRequest, MatchResponse, MatchResult, Patient
from schemas.network import Answered, PeerState


@dataclass(frozen=True, slots=True)
class Search:
    """What came of one case at all nodes.  new: matches that were never seen before, for its own doctors."""

    document: dict[str, Any]
    nodes: tuple[NodeMatches, ...]
    new: tuple[Sighting, ...]


@dataclass(frozen=True, slots=True)
class Finder:
    """The node's own questions."""

    identity: NodeIdentity
    settings: MatchmakerSection
    stock: Stock
    book: CaseBook
    tracking: Tracking
    secretary: Secretary
    audit: Audit
    given: GivenTokens

    def alone(self, patient: Patient, *, besides: Collection[str] = ()) -> dict[str, Any]:
        """The patients of this node who resemble `patient`, as the response of a network of one.

        besides: ids of cases that are himself.  Blocking.
        """
        matches = self.stock.match(patient, besides=besides)
        answer = Answered(
            self.identity.id,
            self.identity.name,
            _state(matches),
            0.0,
            response=Heard(self._response(matches)),
        )
        return merge([answer], is_ours=lambda _patient: False)[0]

    async def everywhere(self, network: Network, actor: Actor, case_id: str) -> Search:
        """The patients of all nodes who resemble the case `case_id` of `actor`.

        Raises Forbidden: no such case was deposited here by him; BadQuestion: its consent lets nothing leave.
        """
        deposit = await asyncio.to_thread(self._deposited, actor, case_id)
        leaving = released(deposit.case)
        if leaving is None or case_id in await asyncio.to_thread(self.book.bereft):
            raise BadQuestion("the consent of this case lets nothing of it leave this node")
        request = MatchRequest(
            patient=leaving,
            disclaimer=self.settings.disclaimer or None,
            terms=self.settings.terms or None,
        )
        question = self.audit.digest(orjson.dumps(leaving.document()))
        entry = Entry(trace.current().id, actor.name, Kind.MATCHMAKER, Outcome.ANSWERED, question=question)
        await self.audit.record(replace(entry, granularity="record", detail="asked the network"))
        mine: list[Matches] = []

        async def own() -> Heard:
            # At home everything that is known of him may be compared.
            found = await asyncio.to_thread(self.stock.match, deposit.patient, besides={case_id})
            mine.append(found)
            return Heard(self._response(found))

        answers = await network.ask(MatchQuestion(request, self.given), own)
        return await asyncio.to_thread(self._gathered, deposit, answers, mine)

    def _deposited(self, actor: Actor, case_id: str) -> Deposit:
        try:
            return self.book.find(actor, case_id)
        except NotFound:
            raise Forbidden(
                "only a case that you have deposited here may be sent to other nodes; deposit it first"
            ) from None

    def _gathered(self, deposit: Deposit, answers: list[NodeMatches], mine: list[Matches]) -> Search:
        kin = [deposit, *self.book.family(deposit.family)]
        document, found = merge(
            answers,
            is_ours=lambda patient: any(same_patient(patient, each.patient) for each in kin),
            compare=partial(self._compared, deposit.patient),
            disclaimer=self.settings.disclaimer or None,
            terms=self.settings.terms or None,
        )
        if deposit.patient.test:
            return Search(document, tuple(answers), ())
        told = {answer.node: answer.response.response for answer in answers if answer.response is not None}
        new = self.tracking.see(_by_us(deposit, one, told) for one in found)
        theirs = self.tracking.see(
            _by_them(self.identity, deposit, match)
            for matches in mine
            for match in matches.found
            if not match.patient.test
        )
        self.secretary.tell(theirs)
        return Search(document, tuple(answers), tuple(new))

    def _compared(self, patient: Patient, others: Sequence[Patient]) -> list[MatchResult]:
        return [match.result() for match in self.stock.compare(patient, others)]

    def _response(self, matches: Matches) -> MatchResponse:
        return matches.response(
            disclaimer=self.settings.disclaimer or None, terms=self.settings.terms or None
        )


def _state(matches: Matches) -> PeerState:
    return PeerState.HIT if matches.found else PeerState.NO_HIT


def _by_us(deposit: Deposit, found: Found, told: dict[str, MatchResponse]) -> Sighting:
    """A match for the doctors of `deposit`."""
    node = next(iter(found.nodes))
    why = found.result.explanation
    common: tuple[str, ...] = ()
    if why is not None:
        terms = (f"{each.common.label or each.common.id} ({each.common.id})" for each in why.features)
        common = (*(f"gene {each.gene.label or each.gene.id}" for each in why.genes), *terms)
    return by_us(deposit, found, common, (told[node].disclaimer or "") if node in told else "")


def _by_them(identity: NodeIdentity, deposit: Deposit, match: Match) -> Sighting:
    """The same match for the doctors of the case that was found, where it is of this node too."""
    return Sighting(
        case_id=match.patient.id,
        node=identity.id,
        patient_id=deposit.id,
        contact=deposit.patient.contact,
        score=match.score.total,
        asked=Asked.BY_THEM,
        why=in_common(match),
    )
