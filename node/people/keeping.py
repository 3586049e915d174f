"""The tables of individuals and biosamples: import, all or nothing, and reading back.

Every import leaves the rows exactly as if everything imported so far had come at once: an individual's
sample names are worked out anew from his record and his biosamples, whichever came first.
"""

from __future__ import annotations

import operator
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from node import db
from node.people.formats import READERS, Format
from node.people.leaving import without_withdrawn
from node.people.records import (
    DEMANDED,
    Batch,
    Record,
    completed,
    individual_of,
    merged,
    sample_names,
)
from node.withdrawn import struck_off
from schemas.errors import BadInput, NotHeld, Place
from schemas.people import Biosample, Individual

_Row = dict[str, Any]
_Rows = dict[str, _Row]


@dataclass(frozen=True, slots=True)
class PeopleReport:
    """What an import did.

    individuals, biosamples: records of the file that are kept.  new, updated, unchanged: the same records by
    what happened to them.  genotyped: samples of the whole dataset that have genotypes; linked: those of them
    that now belong to an individual.  left_out: records of people who have withdrawn, not among the others.
    skipped: what the file says and no record can, with the reason.
    """

    file: str
    dataset: str
    individuals: int
    biosamples: int
    new: int
    updated: int
    unchanged: int
    linked: int
    genotyped: int
    left_out: int = 0
    skipped: tuple[tuple[Place, str], ...] = ()


def import_people(engine: Engine, dataset_id: str, path: Path, form: Format) -> PeopleReport:
    """Read `path` and keep its people in the dataset; all of the file or, on any fault, nothing.

    The same file again changes nothing.  An id that is held is updated: replaced by a bff or phenopacket
    record, complemented by one of another format.  Reads the file and the records of the dataset whole.
    Waits while another import or withdrawal is under way: neither can undo what the other did.

    Raises BadInput: an unknown dataset, a file that cannot be read or understood (by record and field), or
    a sample name that two individuals claim.
    """
    told = READERS[form](path)
    with engine.connect() as connection, connection.begin() as transaction:
        db.announce(connection)  # first: from here on nobody else changes what is visible
        no = _dataset_no(connection, dataset_id)
        if no is None:
            remedy = "Make it with: varhaven dataset add ID --assembly GRCh38 --policy controlled"
            raise BadInput(Place(str(path)), "the dataset does not exist on this node", remedy)
        batch = without_withdrawn(told, struck_off(connection, no))
        held_biosamples = _held(connection, db.biosample, no)
        biosample_rows = held_biosamples | {
            record.id: _biosample_row(record, held_biosamples, batch, no) for record in batch.biosamples
        }
        held_people = _held(connection, db.individual, no)
        rows = _individual_rows(_contents(held_people, batch), biosample_rows, no)
        owners = _owners(rows, batch, path)
        genotyped = _genotyped(connection, no)
        if biosample_rows == held_biosamples and rows == held_people:
            transaction.rollback()  # nothing to tell readers of
        else:
            _write(connection, db.biosample, held_biosamples, biosample_rows)
            _write(connection, db.individual, held_people, rows)
    before = [held_people.get(r.id) for r in batch.individuals] + [
        held_biosamples.get(r.id) for r in batch.biosamples
    ]
    after = [rows[r.id] for r in batch.individuals] + [biosample_rows[r.id] for r in batch.biosamples]
    new, unchanged = before.count(None), sum(map(operator.eq, before, after))
    return PeopleReport(
        file=str(path),
        dataset=dataset_id,
        individuals=len(batch.individuals),
        biosamples=len(batch.biosamples),
        new=new,
        updated=len(after) - new - unchanged,
        unchanged=unchanged,
        linked=len(genotyped.intersection(owners)),
        genotyped=len(genotyped),
        left_out=len(told.individuals) + len(told.biosamples) - len(after),
        skipped=batch.skipped,
    )


def people(engine: Engine, dataset_id: str) -> tuple[Individual, ...]:
    """Everybody recorded in the dataset, ordered by id; () when nobody is.  Reads all records.

    Raises NotHeld: no such dataset.
    """
    return tuple(
        individual_of(orjson.loads(row["record"]), tuple(orjson.loads(row["samples"])))
        for row in _all(engine, db.individual, dataset_id)
    )


def biosamples(engine: Engine, dataset_id: str) -> tuple[Biosample, ...]:
    """Every biosample of the dataset, ordered by id.  Reads all records.

    Raises NotHeld: no such dataset.
    """
    return tuple(
        Biosample(row["id"], row["individual_id"], orjson.loads(row["record"]))
        for row in _all(engine, db.biosample, dataset_id)
    )


def _all(engine: Engine, table: sa.Table, dataset_id: str) -> Iterable[_Row]:
    with engine.connect() as connection:
        no = _dataset_no(connection, dataset_id)
        if no is None:
            raise NotHeld(f"dataset {dataset_id[:40]!r} is not held here")
        return _held(connection, table, no).values()


def _dataset_no(connection: Connection, dataset_id: str) -> int | None:
    found: int | None = connection.scalar(sa.select(db.dataset.c.no).where(db.dataset.c.id == dataset_id))
    return found


def _held(connection: Connection, table: sa.Table, no: int) -> _Rows:
    rows = connection.execute(sa.select(table).where(table.c.dataset_no == no).order_by(table.c.id))
    return {row["id"]: dict(row) for row in rows.mappings()}


def _genotyped(connection: Connection, no: int) -> frozenset[str]:
    table = db.person
    named = sa.select(table.c.sample).where(table.c.dataset_no == no, table.c.sample.is_not(None))
    return frozenset(connection.scalars(named))


def _text(value: object) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def _biosample_row(record: Record, held: _Rows, batch: Batch, no: int) -> _Row:
    content: Mapping[str, object] = record.content
    before = held.get(record.id)
    if before is not None and batch.partial:
        content = merged(orjson.loads(before["record"]), content)
    elif before is not None and before["individual_id"]:
        content = {"individualId": before["individual_id"], **content}
    content = completed(content, DEMANDED["biosample"])
    owner = content.get("individualId", "")
    return {"dataset_no": no, "id": record.id, "individual_id": owner, "record": _text(content)}


def _contents(held: _Rows, batch: Batch) -> dict[str, Mapping[str, object]]:
    """The record of everybody in the dataset, as it is after the import."""
    contents: dict[str, Mapping[str, object]] = {
        name: orjson.loads(row["record"]) for name, row in held.items()
    }
    for record in batch.individuals:
        known = contents.get(record.id) if batch.partial else None
        contents[record.id] = completed(
            merged(known, record.content) if known else record.content, DEMANDED["individual"]
        )
    return contents


def _individual_rows(contents: Mapping[str, Mapping[str, object]], biosample_rows: _Rows, no: int) -> _Rows:
    taken_from: defaultdict[str, list[str]] = defaultdict(list)
    for name in sorted(biosample_rows):
        taken_from[biosample_rows[name]["individual_id"]].append(name)
    rows: _Rows = {}
    for name, content in contents.items():
        value = individual_of(content, sample_names(content, taken_from.get(name, ())))
        rows[name] = {
            "dataset_no": no,
            "id": name,
            "sex": value.sex.value,
            "karyotype": str(content.get("karyotypicSex", "")),
            "samples": _text(value.samples),
            "record": _text(content),
        }
    return rows


def _owners(rows: _Rows, batch: Batch, path: Path) -> dict[str, str]:
    """Whose each sample name is.  Raises BadInput: two individuals claim one."""
    places = {record.id: record.place for record in batch.individuals}
    owners: dict[str, str] = {}
    for name, row in rows.items():
        for sample in orjson.loads(row["samples"]):
            other = owners.setdefault(sample, name)
            if other != name:
                place = places.get(name) or places.get(other) or Place(str(path))
                raise BadInput(
                    place,
                    "a sample name of this individual belongs to another one",
                    "Correct one of the two.",
                )
    return owners


def _write(connection: Connection, table: sa.Table, held: _Rows, rows: _Rows) -> None:
    fresh = [row for name, row in rows.items() if name not in held]
    changed = [row for name, row in rows.items() if name in held and row != held[name]]
    if fresh:
        connection.execute(sa.insert(table), fresh)
    for row in changed:
        here = (table.c.dataset_no == row["dataset_no"], table.c.id == row["id"])
        connection.execute(sa.update(table).where(*here).values(row))
