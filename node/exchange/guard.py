"""How much each peer may ask, and who asks as if he were fishing.

A rate within a process, a budget a day that restarts do not renew.  A peer that sends many patients who
differ in next to nothing gets its answers within both; the administrator is told.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError, IntegrityError

from node import db
from schemas.errors import OverBudget, StoreUnavailable
from schemas.mme import Patient

_MINUTE_S: Final = 60.0
_REMEMBERED: Final = 50  # questions of a peer that a new one is compared with
_WITHIN_S: Final = 24 * 3600.0
_ALIKE: Final = 0.7  # of all terms and genes of two patients in common
_SUSPICIOUS: Final = 10  # such neighbours among those remembered


@dataclass(slots=True)
class _Seen:
    """What is remembered of one peer: when it asked, and what about (hashes of terms and genes only)."""

    times: deque[float] = field(default_factory=deque)
    probes: deque[tuple[float, frozenset[int]]] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    told_s: float = float("-inf")


class Guard:
    """The limits of one node's exchange; safe from several threads.

    rate_per_minute, budget_per_day: of questions, for each peer; clock: Unix time in seconds.
    """

    def __init__(
        self,
        engine: Engine,
        rate_per_minute: int,
        budget_per_day: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._engine = engine
        self._rate = rate_per_minute
        self._budget = budget_per_day
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: dict[str, _Seen] = {}

    def admit(self, peer: str) -> None:
        """Counts one more question of `peer`.

        Raises OverBudget: too many in the last minute, or today; StoreUnavailable.
        """
        self._admit_now(peer)
        if self._count(peer, questions=1, results=0, within=self._budget):
            return
        raise OverBudget(f"the budget of {self._budget} questions a day is used up; ask again tomorrow (UTC)")

    def told(self, peer: str, results: int) -> None:
        """Counts what `peer` was told."""
        self._count(peer, questions=0, results=results, within=None)

    def totals(self) -> tuple[int, int]:
        """Questions received and results told, of all time."""
        table = db.exchange_day
        with self._engine.connect() as connection:
            row = connection.execute(
                sa.select(sa.func.sum(table.c.questions), sa.func.sum(table.c.results))
            ).one()
        return int(row[0] or 0), int(row[1] or 0)

    def is_fishing(self, peer: str, patient: Patient) -> bool:
        """Whether the administrator is to be told, once a day, that `peer` asks about almost the same patient
        again and again.  Made-up patients do not count.
        """
        if patient.test:
            return False
        asked = frozenset(
            hash(name)
            for name in (
                *(feature.id for feature in patient.features),
                *(feature.gene.id for feature in patient.genomic_features),
            )
        )
        now_s = self._clock()
        with self._lock:
            seen = self._seen.setdefault(peer, _Seen())
            alike = sum(
                at_s > now_s - _WITHIN_S and before != asked and _alike(asked, before) >= _ALIKE
                for at_s, before in seen.probes
            )
            # The very same question again is a re-match, not a probe.
            if all(before != asked for _, before in seen.probes):
                seen.probes.append((now_s, asked))
            if alike < _SUSPICIOUS or now_s < seen.told_s + _WITHIN_S:
                return False
            seen.told_s = now_s
            return True

    def _admit_now(self, peer: str) -> None:
        now_s = self._clock()
        with self._lock:
            times = self._seen.setdefault(peer, _Seen()).times
            while times and times[0] <= now_s - _MINUTE_S:
                times.popleft()
            if len(times) >= self._rate:
                raise OverBudget(f"more than {self._rate} questions within a minute; ask again in a minute")
            times.append(now_s)

    def _count(self, peer: str, *, questions: int, results: int, within: int | None) -> bool:
        table = db.exchange_day
        day = datetime.fromtimestamp(self._clock(), UTC).date().isoformat()
        today = (table.c.peer == peer, table.c.day == day)
        more = {"questions": table.c.questions + questions, "results": table.c.results + results}
        allowed = () if within is None else (table.c.questions < within,)
        row = {"peer": peer, "day": day, "questions": questions, "results": results}
        try:
            for _ in range(2):
                with self._engine.begin() as connection:
                    if connection.execute(sa.update(table).where(*today, *allowed).values(more)).rowcount:
                        return True
                    there = connection.scalar(sa.select(table.c.day).where(*today)) is not None
                if there or within == 0:
                    return False
                with suppress(IntegrityError):  # another thread has just made the row of the day
                    with self._engine.begin() as connection:
                        connection.execute(sa.insert(table).values(row))
                    return True
        except DBAPIError as fault:
            raise StoreUnavailable("the budget of this caller cannot be counted now") from fault
        return False


def _alike(one: frozenset[int], other: frozenset[int]) -> float:
    return len(one & other) / len(one | other) if one or other else 0.0
