"""What was summed with whom: kept, so that two totals never differ by one hospital or by one person.

A total over A, B and C beside one over A and B tells the part of C, and one before and after somebody joined
tells his genotype.  So while a question is remembered it is summed again only with the very same nodes and
while nothing in the data of this node has changed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError, IntegrityError

from node import db
from schemas.errors import Forbidden, OverBudget, StoreUnavailable

_DAY_S: Final = 86_400


class Memory:
    """Of one node, in its database; safe beside other processes.

    remember_days: how long a question stays bound to its nodes and data.  per_day: new questions that one
    leader may have summed within 24 hours.
    """

    def __init__(
        self, engine: Engine, remember_days: int, per_day: int, clock: Callable[[], float] = time.time
    ) -> None:
        self._engine = engine
        self._remember_s = remember_days * _DAY_S
        self._per_day = per_day
        self._clock = clock

    def admit(self, question: str, parties: Collection[str], leader: str) -> None:
        """Takes note that `question`, a digest, is being summed; returns when that is durable.

        Raises Forbidden: it was summed with others, or over other data; OverBudget: the leader has asked for
        too much today; StoreUnavailable: it cannot be noted, and so nothing may be told.
        """
        try:
            with self._engine.begin() as connection:
                self._admit(connection, question, " ".join(sorted(parties)), leader)
        except IntegrityError:
            raise Forbidden("the same question is being summed with others at this moment") from None
        except DBAPIError as fault:
            raise StoreUnavailable("what was summed cannot be read or written now") from fault

    def _admit(self, connection: Connection, question: str, parties: str, leader: str) -> None:
        now_s, table = self._clock(), db.secure_sum
        connection.execute(sa.delete(table).where(table.c.at_s < now_s - self._remember_s))
        number = connection.execute(sa.select(db.revision.c.number)).scalar_one_or_none() or 0
        before = connection.execute(sa.select(table).where(table.c.question == question)).one_or_none()
        if before is not None:
            days = (before.at_s + self._remember_s - now_s) / _DAY_S
            if before.parties != parties:
                raise Forbidden(
                    "this was summed with other nodes before; two totals would tell the part of one of "
                    f"them.  Ask the same nodes, or again in {days:.0f} days"
                )
            if before.revision != number:
                raise Forbidden(
                    "this was summed before, and data here have changed since; two totals would tell whose."
                    f"  Ask again in {days:.0f} days"
                )
            return
        asked = sa.select(sa.func.count()).where(table.c.leader == leader, table.c.at_s > now_s - _DAY_S)
        if connection.execute(asked).scalar_one() >= self._per_day:
            raise OverBudget(f"{self._per_day} new questions a day may be summed for one node")
        connection.execute(
            sa.insert(table).values(
                question=question, parties=parties, leader=leader, revision=number, at_s=now_s
            )
        )
