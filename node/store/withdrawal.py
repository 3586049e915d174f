"""A person leaves a dataset: out of sight in one small transaction, and back while nothing is deleted yet.

His names, his records and his place are taken out of the tables that are read, and put where only this
module looks; his genotypes stay in the rows, unseen, until `scrubbing` deletes both.  What stays for good is
a digest of each name, so that no file and no record brings him back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import orjson
import sqlalchemy as sa
from pyroaring import BitMap
from sqlalchemy.engine import Connection, Engine

from node import db
from node.store import files
from node.withdrawn import Kind, Struck, digest_of, struck_off
from schemas.errors import BadInput, Place

_TABLES: Final = {Kind.INDIVIDUAL: db.individual, Kind.BIOSAMPLE: db.biosample}


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """What a withdrawal took out of a dataset: genotyped samples, and clinical records."""

    dataset: str
    samples: int
    records: int


@dataclass(frozen=True, slots=True)
class Return:
    """Somebody is back in a dataset.

    samples, records: seen again.  was_scrubbed: there was nothing left to be seen; his files and records may
    be taken again.  files: those that were read without somebody.
    """

    dataset: str
    samples: int
    records: int
    was_scrubbed: bool
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Name:
    """A name of the person, and the row that goes with it."""

    kind: Kind
    name: str
    row: Mapping[str, Any]
    ordinal: int | None = None


def withdraw(engine: Engine, name: str, dataset: str | None = None) -> list[Withdrawal]:
    """Takes the person called `name` out of a dataset, or of all; what each held of him.

    name: of an individual, a biosample or a sample in a VCF; whoever it names goes with all his samples and
    records.  In no answer from the next question on.  Milliseconds; reads the sample names of everybody.

    Raises BadInput: no such dataset, or nobody of this name is held; StoreUnavailable: the database cannot be
    written.
    """
    with files.writing(engine), engine.begin() as connection:
        return _withdraw(connection, name, dataset)


def _withdraw(connection: Connection, name: str, dataset: str | None) -> list[Withdrawal]:
    db.announce(connection)  # first: from here on nobody else changes what is visible
    done = []
    for held in _datasets(connection, dataset):
        names = _names(connection, held.no, name)
        if names:
            _strike(connection, held.no, names)
            samples = sum(one.ordinal is not None for one in names)
            records = sum(one.kind in _TABLES and bool(one.row) for one in names)
            done.append(Withdrawal(held.id, samples, records))
    if not done:
        raise _unknown(name, dataset)
    return done


def bring_back(engine: Engine, name: str, dataset: str | None = None) -> list[Return]:
    """Undoes `withdraw`.

    Waits while somebody writes to the index.  Raises BadInput: no such dataset, nobody of this name has
    withdrawn, or his data is being deleted.
    """
    with files.writing(engine), files.ingest_lock(engine) as writer:
        done = []
        with writer.begin() as connection:
            db.announce(connection)
            for held in _datasets(connection, dataset):
                rows = _party(connection, held.no, name)
                if rows:
                    done.append((held, *_put_back(connection, held.no, rows)))
            if not done:
                raise _unknown(name, dataset)
        return [
            Return(held.id, samples, records, scrubbed, tuple(_incomplete(writer, held.no)))
            for held, samples, records, scrubbed in done
        ]


def _unknown(name: str, dataset: str | None) -> BadInput:
    place = Place(f"{name[:80]} in {dataset}" if dataset else name[:80])
    return BadInput(place, "nobody of this name is held", "Give the id of an individual or a sample name.")


def _datasets(connection: Connection, dataset: str | None) -> list[Any]:
    wanted = sa.select(db.dataset.c.no, db.dataset.c.id).order_by(db.dataset.c.id)
    if dataset is None:
        return list(connection.execute(wanted))
    found = list(connection.execute(wanted.where(db.dataset.c.id == dataset)))
    if not found:
        raise BadInput(Place(dataset[:80]), "there is no dataset of this name", "List: varhaven dataset list")
    return found


# ---------------------------------------------------------------------- leaving


def _names(connection: Connection, no: int, name: str) -> list[_Name]:
    """Every name of the person in one dataset; [] when nothing of him is there."""
    owner = _owner(connection, no, name)
    person = _row(connection, no, owner)
    listed = set(orjson.loads(person["samples"])) if person else set()
    taken = db.biosample
    his = sa.or_(taken.c.individual_id == owner, taken.c.id == name)
    rows = connection.execute(sa.select(taken).where(taken.c.dataset_no == no, his)).mappings()
    biosamples = [_Name(Kind.BIOSAMPLE, row["id"], _plain(row)) for row in rows]
    listed |= {name, *(one.name for one in biosamples)} if person is None else set()
    places = sa.select(db.person.c.sample, db.person.c.ordinal).where(db.person.c.dataset_no == no)
    genotyped = {sample: n for sample, n in connection.execute(places) if sample == name or sample in listed}
    samples = [_Name(Kind.SAMPLE, one, {"sample": one}, genotyped.get(one)) for one in sorted(listed)]
    if not (person or biosamples or genotyped):
        return []
    return [_Name(Kind.INDIVIDUAL, owner, person or {}), *biosamples, *samples]


def _owner(connection: Connection, no: int, name: str) -> str:
    """The id of the individual who is called so: by that id, by a biosample of his, or by a sample name."""
    table, taken = db.individual, db.biosample
    if _row(connection, no, name):
        return name
    his = sa.select(taken.c.individual_id).where(taken.c.dataset_no == no, taken.c.id == name)
    if owner := connection.scalar(his):
        return str(owner)
    listed = sa.select(table.c.id, table.c.samples).where(table.c.dataset_no == no)
    owners = (one for one, samples in connection.execute(listed).all() if name in orjson.loads(samples))
    return next(owners, name)


def _row(connection: Connection, no: int, individual: str) -> dict[str, Any] | None:
    table = db.individual
    wanted = sa.select(table).where(table.c.dataset_no == no, table.c.id == individual)
    found = connection.execute(wanted).mappings().one_or_none()
    return None if found is None else _plain(found)


def _plain(row: Mapping[Any, Any]) -> dict[str, Any]:
    """A row with its columns by plain names, as JSON wants them."""
    return {str(name): value for name, value in row.items()}


def _strike(connection: Connection, no: int, names: Sequence[_Name]) -> None:
    """Takes the names and what goes with them out of the tables that are read."""
    struck, table = struck_off(connection, no), db.withdrawn
    salt = struck.salt
    party = (connection.scalar(sa.select(sa.func.max(table.c.party))) or 0) + 1
    at = datetime.now(UTC).isoformat(timespec="seconds")
    rows = [
        {
            "dataset_no": no,
            "digest": digest_of(salt, one.kind, one.name),
            "salt": salt,
            "party": party,
            "ordinal": one.ordinal,
            "content": _text({"kind": one.kind, "row": one.row}),
            "at": at,
        }
        for one in names
        if not struck.holds(one.kind, one.name)
    ]
    if rows:
        connection.execute(sa.insert(table), rows)
    for one in names:
        if one.kind in _TABLES:
            records = _TABLES[one.kind]
            connection.execute(sa.delete(records).where(records.c.dataset_no == no, records.c.id == one.name))
    consent = db.finding_consent
    his = (consent.c.dataset_no == no, consent.c.individual.in_({one.name for one in names}))
    connection.execute(sa.delete(consent).where(*his))  # and it does not come back with him
    gone = BitMap(one.ordinal for one in names if one.ordinal is not None)
    _rename(connection, no, dict.fromkeys(gone))
    files.hide(connection, gone, segs=_live(connection, no))


def _text(content: dict[str, Any]) -> str:
    """JSON; SQLAlchemy may name the columns of a row by a kind of text of its own."""
    return orjson.dumps(content, option=orjson.OPT_NON_STR_KEYS).decode()


def _rename(connection: Connection, no: int, names: Mapping[int, str | None]) -> None:
    table = db.person
    for ordinal, name in names.items():
        here = sa.and_(table.c.dataset_no == no, table.c.ordinal == ordinal)
        connection.execute(sa.update(table).where(here).values(sample=name))


def _live(connection: Connection, no: int) -> list[int]:
    table = db.vcf_file
    return list(connection.scalars(sa.select(table.c.no).where(table.c.dataset_no == no, table.c.live)))


# ---------------------------------------------------------------------- coming back


def _party(connection: Connection, no: int, name: str) -> list[Any]:
    """All rows of the withdrawal that struck off this name, as whatever it was known."""
    table, struck = db.withdrawn, struck_off(connection, no)
    digests = [digest for kind in Kind if (digest := struck.digest(kind, name)) is not None]
    here = table.c.dataset_no == no
    parties = sa.select(table.c.party).where(here, table.c.digest.in_(digests))
    return list(connection.execute(sa.select(table).where(here, table.c.party.in_(parties))))


def _put_back(connection: Connection, no: int, rows: Sequence[Any]) -> tuple[int, int, bool]:
    """Samples and records that are seen again, and whether everything had been scrubbed."""
    kept = [row for row in rows if row.content is not None]
    if any(row.going for row in kept):
        raise BadInput(
            Place("scrub"),
            "the data of this person is being deleted and cannot be brought back as a whole",
            "Let it come to its end (varhaven scrub), then bring the person back and ingest the files again.",
        )
    table, records = db.withdrawn, 0
    names: dict[int, str | None] = {}
    for row in kept:
        content = orjson.loads(row.content)
        kind = Kind(content["kind"])
        if kind in _TABLES:
            records += _restore_record(connection, _TABLES[kind], content["row"])
        elif row.ordinal is not None:
            names[row.ordinal] = content["row"]["sample"]
    _rename(connection, no, names)
    _show(connection, no, BitMap(names))
    digests = [row.digest for row in rows]
    connection.execute(sa.delete(table).where(table.c.dataset_no == no, table.c.digest.in_(digests)))
    return len(names), records, not kept


def _restore_record(connection: Connection, table: sa.Table, row: Mapping[str, Any]) -> bool:
    if not row:
        return False  # there was a name, and no record
    here = sa.and_(table.c.dataset_no == row["dataset_no"], table.c.id == row["id"])
    if connection.scalar(sa.select(sa.func.count()).select_from(table).where(here)):
        return False  # it has come again meanwhile
    connection.execute(sa.insert(table).values(**row))
    return True


def _show(connection: Connection, no: int, people: BitMap) -> None:
    """The opposite of `files.hide`; what a merged file has of a file that was replaced stays hidden."""
    table, merged = db.vcf_file, db.merged_file
    parts: dict[int, BitMap] = {}
    for seg, covered in connection.execute(
        sa.select(merged.c.seg, merged.c.people).where(merged.c.dataset_no == no)
    ):
        parts[seg] = parts.get(seg, BitMap()) | files.as_set(covered)
    live = sa.select(table).where(table.c.dataset_no == no, table.c.live)
    for row in connection.execute(live).all():
        seen, hidden = files.as_set(row.people), files.as_set(row.residue)
        back = hidden & people
        if row.place is not None:
            back &= parts.get(row.no, BitMap())
        if back:
            values = {"people": files.as_blob(seen | back), "residue": files.as_blob(hidden - back)}
            connection.execute(sa.update(table).where(table.c.no == row.no).values(**values))


def _incomplete(engine: Engine, no: int) -> Iterator[str]:
    return (file.path for file in files.live_files(engine, no) if file.left_out)


# ---------------------------------------------------------------------- carrying over


def withdraw_struck(connection: Connection, struck: Mapping[str, Struck]) -> int:
    """Withdraws whoever is held although he is struck off elsewhere; how many people that were.

    struck: by dataset id, as another state of this node knew them (a backup is older than a withdrawal).  In
    the transaction of `connection`.
    """
    found = 0
    for dataset, names in struck.items():
        no = connection.scalar(sa.select(db.dataset.c.no).where(db.dataset.c.id == dataset))
        if no is None:
            continue
        for name in _held_names(connection, no, names):
            if not _party(connection, no, name):  # otherwise he went with another of his names
                _withdraw(connection, name, dataset)
                found += 1
    return found


def _held_names(connection: Connection, no: int, struck: Struck) -> list[str]:
    columns = {
        Kind.SAMPLE: db.person.c.sample,
        Kind.INDIVIDUAL: db.individual.c.id,
        Kind.BIOSAMPLE: db.biosample.c.id,
    }
    return [
        name
        for kind, column in columns.items()
        for name in connection.scalars(sa.select(column).where(column.table.c.dataset_no == no)).all()
        if name is not None and struck.holds(kind, name)
    ]
