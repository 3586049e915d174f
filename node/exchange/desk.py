"""Answering: a question of somebody else over this node's own cases, counted, audited, its doctors told."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from matchmaker.match import Matches
from node import trace
from node.audit import Audit, Entry, Kind, Outcome
from node.cases import OPERATOR, CaseBook, Stock, Tracking
from node.config import MatchmakerSection
from node.exchange.census import count
from node.exchange.guard import Guard
from node.exchange.letters import Secretary
from node.exchange.sightings import by_them, in_common
from schemas.errors import NodeError
from schemas.exchange import Metrics
from schemas.mme import MatchRequest


@dataclass(frozen=True, slots=True)
class Desk:
    """Where questions of other nodes are answered.  Every call may raise StoreUnavailable."""

    settings: MatchmakerSection
    stock: Stock
    book: CaseBook
    tracking: Tracking
    guard: Guard
    secretary: Secretary
    audit: Audit

    async def answer(self, asker: str, request: MatchRequest) -> Mapping[str, Any]:
        """The response document for `asker`, which is a peer's name; audited before it is given.

        Raises OverBudget: he has asked too much.
        """
        try:
            matches = await asyncio.to_thread(self._matched, asker, request)
        except NodeError:
            self.audit.note(Entry("", asker, Kind.MATCHMAKER, Outcome.FAILED))
            raise
        granularity = "record" if matches.found else "boolean"
        question = self.audit.digest(orjson.dumps(request.patient.document()))
        await self.audit.record(
            Entry(
                trace.current().id,
                asker,
                Kind.MATCHMAKER,
                Outcome.ANSWERED,
                granularity=granularity,
                question=question,
            )
        )
        response = matches.response(
            disclaimer=self.settings.disclaimer or None, terms=self.settings.terms or None
        )
        return response.document()

    def _matched(self, asker: str, request: MatchRequest) -> Matches:
        self.guard.admit(asker)
        matches = self.stock.match(request.patient)
        self.guard.told(asker, len(matches.found))
        if self.guard.is_fishing(asker, request.patient):
            self.secretary.warn(asker)
        if matches.notify:
            seen = [
                by_them(asker, request, match.patient.id, match.score.total, in_common(match))
                for match in matches.found
            ]
            self.secretary.tell(self.tracking.see(seen))
        return matches

    async def metrics(self) -> Metrics:
        return await asyncio.to_thread(self._metrics)

    def _metrics(self) -> Metrics:
        return count(self.book.cases(OPERATOR), *self.guard.totals(), self.tracking.matched())
