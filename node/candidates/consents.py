"""Who may be found by his genotype, and what may be told of him: nobody and nothing, unless it is recorded.

A consent ends at once when it is taken back, and with whoever withdraws; it does not come back with him.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError

from node import db
from schemas.candidates import Finding
from schemas.errors import BadInput, Place, StoreUnavailable
from schemas.ports import People


@dataclass(frozen=True, slots=True)
class Consents:
    """The consents of one node.  Raises StoreUnavailable from every call: the database cannot be used."""

    engine: Engine
    people: People

    def set(self, dataset: str, individuals: Iterable[str], level: Finding) -> int:
        """Records what may be told of these people, in place of what was recorded; how many they are.

        Raises BadInput: one of them is not in the dataset, or there is no such dataset; then nothing is done.
        """
        wanted = dict.fromkeys(individuals)
        table = db.finding_consent
        with self._database() as connection:
            no = _dataset_no(connection, dataset)
            known = self.people.roster(dataset).ledgers["individual"]
            for one in wanted:
                if level is not Finding.NOTHING and known.row_of(one) is None:
                    raise BadInput(Place(one[:80]), f"nobody of this id is in {dataset}", "Check the id.")
            at = datetime.now(UTC).isoformat(timespec="seconds")
            for one in wanted:
                here = (table.c.dataset_no == no, table.c.individual == one)
                connection.execute(sa.delete(table).where(*here))
                if level is not Finding.NOTHING:
                    row = {"dataset_no": no, "individual": one, "level": level.value, "at": at}
                    connection.execute(sa.insert(table).values(row))
        return len(wanted)

    def levels(self, dataset: str) -> Mapping[str, Finding]:
        """What is recorded, by individual; a millisecond a thousand."""
        table = db.finding_consent
        wanted = sa.select(table.c.individual, table.c.level).join(
            db.dataset, db.dataset.c.no == table.c.dataset_no
        )
        with self._database() as connection:
            rows = connection.execute(wanted.where(db.dataset.c.id == dataset)).all()
        return {row.individual: Finding(row.level) for row in rows}

    def data_revision(self) -> int:
        """Grows whenever what is visible of people and genotypes changes."""
        with self._database() as connection:
            return connection.scalar(sa.select(db.revision.c.number)) or 0

    @contextmanager
    def _database(self) -> Iterator[Connection]:
        try:
            with self.engine.begin() as connection:
                yield connection
        except DBAPIError as fault:
            raise StoreUnavailable("the consents cannot be read or written now") from fault


def _dataset_no(connection: Connection, dataset: str) -> int:
    no: int | None = connection.scalar(sa.select(db.dataset.c.no).where(db.dataset.c.id == dataset))
    if no is None:
        raise BadInput(Place(dataset[:80]), "there is no dataset of this name", "List: varhaven dataset list")
    return no
