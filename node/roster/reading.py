"""The people of every dataset, read from the database and kept until it changes."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import orjson
import sqlalchemy as sa
from pyroaring import BitMap
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError

from node import db
from node.people import biosamples, people
from node.roster.making import (
    Holdings,
    Sample,
    VcfFile,
    analysis_record,
    implied_biosample,
    implied_individual,
    make_roster,
    run_id,
    run_record,
    samples_of,
)
from node.store.bitmaps import decode_set
from node.store.session import Sessions
from schemas.errors import NotHeld, StoreUnavailable
from schemas.ports import Roster

_TABLES: Final = {"individual": db.individual, "biosample": db.biosample}
_AT_ONCE: Final = 500  # ids in one statement


@dataclass(frozen=True, slots=True)
class _Kept:
    """A roster, when it was made, and what the records that nobody wrote down are made of.

    owners: individual by biosample.  genotyped: by run, the sample's ordinal, its name, and its unit.
    """

    revision: int
    roster: Roster
    owners: Mapping[str, str]
    files: tuple[VcfFile, ...]
    genotyped: Mapping[str, tuple[int, str, Sample]]

    def run(self, name: str) -> dict[str, Any]:
        ordinal, sample_name, sample = self.genotyped[name]
        return run_record(sample_name, sample, (file for file in self.files if ordinal in file.people))

    def analysis(self, name: str) -> dict[str, Any]:
        file = next(file for file in self.files if file.name == name)
        several = len(file.people) > 1
        samples = () if several else [s for n, _, s in self.genotyped.values() if n in file.people]
        return analysis_record(file, samples)


class DatabasePeople:
    """A `schemas.ports.People` over the database; safe from several threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._sessions = Sessions(engine)
        self._kept: dict[str, _Kept] = {}
        self._lock = threading.Lock()

    def close(self) -> None:
        """Closes its connections; it opens new ones when it is asked again."""
        self._sessions.close()

    def roster(self, dataset: str) -> Roster:
        """See the port.  Raises NotHeld; StoreUnavailable: the database cannot be read."""
        return self._current(dataset).roster

    def records(self, dataset: str, entry: str, ids: Sequence[str]) -> list[Mapping[str, Any]]:
        """See the port.  Raises NotHeld; StoreUnavailable."""
        kept = self._current(dataset)
        known = kept.roster.ledgers[entry]
        if entry in ("run", "analysis"):
            derive = kept.run if entry == "run" else kept.analysis
            return [derive(name) for name in ids if known.row_of(name) is not None]
        written = self._written(dataset, _TABLES[entry], ids)
        return [
            written.get(name) or self._implied(kept, entry, name)
            for name in ids
            if name in written or known.row_of(name) is not None
        ]

    def _implied(self, kept: _Kept, entry: str, name: str) -> dict[str, Any]:
        if entry == "individual":
            return implied_individual(name)
        return implied_biosample(name, kept.owners[name])

    def _written(self, dataset: str, table: sa.Table, ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        found: dict[str, Mapping[str, Any]] = {}
        with self._reading() as connection:
            no = _dataset_no(connection, dataset)
            for first in range(0, len(ids), _AT_ONCE):
                some = ids[first : first + _AT_ONCE]
                wanted = sa.select(table.c.id, table.c.record).where(
                    table.c.dataset_no == no, table.c.id.in_(some)
                )
                found |= {name: orjson.loads(record) for name, record in connection.execute(wanted)}
        return found

    def _current(self, dataset: str) -> _Kept:
        revision = self._sessions.read(lambda session: session.revision)
        kept = self._kept.get(dataset)
        if kept is not None and kept.revision == revision:
            return kept
        with self._lock:  # one maker at a time; the others find what it made
            kept = self._kept.get(dataset)
            if kept is None or kept.revision != revision:
                kept = self._made(dataset, revision)
                self._kept = {**self._kept, dataset: kept}
        return kept

    def _made(self, dataset: str, revision: int) -> _Kept:
        with self._reading() as connection:
            no = _dataset_no(connection, dataset)
            named = sa.select(db.person.c.sample).where(db.person.c.dataset_no == no)
            samples = tuple(connection.scalars(named.order_by(db.person.c.ordinal)))
            present = BitMap(n for n, name in enumerate(samples) if name)
            files = tuple(_files(connection, no, present))
            held = Holdings(people(self._engine, dataset), biosamples(self._engine, dataset), samples, files)
        units = samples_of(held)
        unit_of = {ordinal: unit for unit in units for ordinal in unit.ordinals}
        return _Kept(
            revision,
            make_roster(held),
            owners={unit.id: unit.individual for unit in units if unit.id},
            files=files,
            genotyped={run_id(name): (n, name, unit_of[n]) for n, name in enumerate(samples) if name},
        )

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        try:
            with self._engine.connect() as connection:
                yield connection
        except DBAPIError:
            raise StoreUnavailable("the database cannot be read at the moment") from None


def _dataset_no(connection: Connection, dataset: str) -> int:
    no: int | None = connection.scalar(sa.select(db.dataset.c.no).where(db.dataset.c.id == dataset))
    if no is None:
        raise NotHeld(f"dataset {dataset[:80]!r} is not held here")
    return no


def _files(connection: Connection, no: int, present: BitMap) -> Iterator[VcfFile]:
    """The files of a dataset as they were given, those that were merged since one by one."""
    live, merged = db.vcf_file, db.merged_file
    alone = sa.select(live).where(
        live.c.dataset_no == no, live.c.live, live.c.no.not_in(sa.select(merged.c.seg))
    )
    parts = (
        sa.select(merged).join(live, live.c.no == merged.c.seg).where(live.c.dataset_no == no, live.c.live)
    )
    for query in (alone, parts):
        for row in connection.execute(query):
            people = decode_set(bytes(row.people) or None) & present
            yield VcfFile(row.sha256, row.modified_ns, row.records, row.alleles, people)
