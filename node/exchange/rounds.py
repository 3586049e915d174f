"""Matching every case again: patients come and go elsewhere, and nobody asks twice by hand.

Once a night in a running node, or when somebody says so.  Only matches that were never seen before are told.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from node.cases import OPERATOR, CaseBook, Sighting, Status
from node.exchange.finder import Finder
from node.exchange.letters import Secretary
from node.federation.network import Network
from schemas.errors import NodeError
from schemas.matching import Sharing

_log: Final = logging.getLogger(__name__)
_PAUSE_S: Final = 1.1  # between two cases: peers admit one a second as a rule


@dataclass(frozen=True, slots=True)
class RoundReport:
    """cases: that were matched.  new: matches never seen before.  states: how often each node ended how."""

    cases: int
    new: int
    letters: int
    states: dict[str, dict[str, int]]


@dataclass(frozen=True, slots=True)
class Rounds:
    """Every active case of the node, again and again."""

    finder: Finder
    book: CaseBook
    secretary: Secretary

    async def once(self, network: Network, *, pause_s: float = _PAUSE_S) -> RoundReport:
        """Asks about every active case, one after the other, and writes the letters in the end.

        Which comes first moves on from day to day, so that peers' budgets do not favour the same ones.
        """
        ids = await asyncio.to_thread(self._due)
        new: list[Sighting] = []
        states: dict[str, Counter[str]] = {}
        for number, case_id in enumerate(ids):
            if number:
                await asyncio.sleep(pause_s)
            try:
                search = await self.finder.everywhere(network, OPERATOR, case_id)
            except NodeError as fault:
                # Removed, or its consent changed, since the list was made; or the database is away.
                _log.warning("a case was not matched again: %s", type(fault).__name__)
                continue
            new += search.new
            for answer in search.nodes:
                states.setdefault(answer.node, Counter())[answer.state.value] += 1
        letters = await asyncio.to_thread(self.secretary.tell, new)
        return RoundReport(len(ids), len(new), letters, {node: dict(each) for node, each in states.items()})

    async def nightly(self, network: Network, at: str) -> None:
        """A round every day at `at` (local time, HH:MM), until cancelled."""
        while True:
            await asyncio.sleep(seconds_until(at, datetime.now().astimezone()))
            try:
                report = await self.once(network)
            except (NodeError, SQLAlchemyError) as fault:
                _log.error("the cases could not be matched again: %s", type(fault).__name__)
            else:
                _log.info("%d cases matched again, %d new matches", report.cases, report.new)

    def _due(self) -> list[str]:
        ids = [
            each.id
            for each in self.book.cases(OPERATOR)
            if each.status is Status.ACTIVE and each.sharing is not Sharing.NOTHING and not each.patient.test
        ]
        turn = datetime.now().astimezone().toordinal() * 997 % len(ids) if ids else 0
        return ids[turn:] + ids[:turn]


def seconds_until(at: str, now: datetime) -> float:
    """From `now` to the next time that a clock shows `at`; never 0."""
    hour, minute = map(int, at.split(":"))
    then = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
    if then <= now:
        then += timedelta(days=1)
    return (then - now).total_seconds()
