"""Deletes for good what nobody may see any more: of people who have withdrawn, and of files that went.

Answers are the same before, while and after: what is deleted was out of sight.  Interrupted at any moment,
it is begun again and ends the same.  The database overwrites what it deletes; its log is emptied at the end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from pyroaring import BitMap
from sqlalchemy.engine import Connection, Engine

from node import db
from node.store import files
from node.store.layout import KEY_COLUMNS, Row, stretches
from node.store.narrowing import narrowed
from node.store.session import thinned
from node.store.statements import in_style
from node.store.walking import pages

Watcher = Callable[[int], None]
"""Told how many rows were looked at."""

_CHANGED: Final = (
    "ac",
    "an",
    "het",
    "hom",
    "hemi",
    "carriers",
    "homs",
    "hemis",
    "uncalled",
    "single",
    "odd",
    "phase",
)
_HERE: Final = " AND ".join(f'"{name}" = ?' for name in KEY_COLUMNS)
_UPDATE: Final = " ".join(
    ("UPDATE variant SET", ", ".join(f'"{name}" = ?' for name in _CHANGED), "WHERE", _HERE)
)
_DELETE: Final = " ".join(("DELETE FROM variant WHERE", _HERE))


@dataclass(frozen=True, slots=True)
class ScrubReport:
    """What was deleted.

    people: of whom rows still spoke, by dataset and ordinal.  rows: looked at.  changed, dropped: of these;
    a row is dropped when nobody carries its allele any more.  is_log_empty: no old page is left in the log of
    the database; otherwise somebody was reading, and it has to be done again.
    """

    people: int
    rows: int
    changed: int
    dropped: int
    is_log_empty: bool


@dataclass(frozen=True, slots=True)
class _Unclean:
    """A file whose rows speak of people who are not to be seen.

    left: everybody else in it.  thinned: as in `session.LiveFile`.
    """

    seg: int
    dataset_no: int
    gone: BitMap
    left: BitMap
    thinned: tuple[BitMap, ...]


def scrub(engine: Engine, *, rebuild: bool = False, watch: Watcher | None = None) -> ScrubReport:
    """Deletes the genotypes, names and records of everybody who has withdrawn; there is no way back then.

    rebuild: write the whole database anew, too, so that it gives the space back (of PostgreSQL: the only way
    that leaves nothing of a deleted row); needs as much space again.  Blocking: some 20 us a row of the files
    concerned; waits while an ingest writes, and readers wait for nothing but the rebuilding.

    Raises StoreUnavailable: the database cannot be written; done again later, it goes on.
    """
    with files.writing(engine), files.ingest_lock(engine) as writer:
        files.sweep(writer)
        unclean = _begin(writer)
        tally: Counter[str] = Counter()
        for dataset_no in sorted({one.dataset_no for one in unclean}):
            ours = {one.seg: one for one in unclean if one.dataset_no == dataset_no}
            held = _clean(writer, dataset_no, ours, tally, watch or _ignore)
            _drop_spans(writer, dataset_no)
            with writer.begin() as connection:
                db.announce(connection)
                _settle(connection, list(ours.values()), held)
            _drop_notes(writer, dataset_no)
        with writer.begin() as connection:
            gone = db.withdrawn
            connection.execute(sa.update(gone).where(gone.c.going).values(content=None))
        files.sweep(writer)
        people = {(one.dataset_no, ordinal) for one in unclean for ordinal in one.gone}
        counts = tally["rows"], tally["changed"], tally["dropped"]
        return ScrubReport(len(people), *counts, is_log_empty=empty_log(writer, rebuild=rebuild))


def _ignore(_rows: int) -> None:
    return


def _begin(engine: Engine) -> list[_Unclean]:
    """From here on nobody of these can be brought back."""
    table, gone, merged = db.vcf_file, db.withdrawn, db.merged_file
    parts: dict[int, list[BitMap]] = {}
    with engine.begin() as connection:
        db.announce(connection)
        connection.execute(sa.update(gone).where(gone.c.content.is_not(None)).values(going=True))
        live = connection.execute(sa.select(table).where(table.c.live)).all()
        for seg, people in connection.execute(sa.select(merged.c.seg, merged.c.people)):
            parts.setdefault(seg, []).append(files.as_set(people))
    found = []
    for row in live:
        if residue := files.as_set(row.residue):
            left = files.as_set(row.people)
            thin = thinned(parts.get(row.no, ()), left, residue)
            found.append(_Unclean(row.no, row.dataset_no, residue, left, thin))
    return found


def _clean(
    engine: Engine, dataset_no: int, unclean: dict[int, _Unclean], tally: Counter[str], watch: Watcher
) -> Counter[int]:
    """Takes those people out of the rows; how many rows each file has then."""
    held: Counter[int] = Counter()
    for page in pages(engine, dataset_no, list(unclean)):
        changed: list[Row] = []
        dropped: list[Row] = []
        for row in page:
            one = unclean[row.seg]
            kept = narrowed(row, one.gone, one.left, one.thinned)
            if kept is None:
                dropped.append(row)
            else:
                held[row.seg] += 1
                if kept != row:
                    changed.append(kept)
        _write(engine, changed, dropped)
        tally.update(rows=len(page), changed=len(changed), dropped=len(dropped))
        watch(tally["rows"])
    return held


def _write(engine: Engine, changed: Sequence[Row], dropped: Sequence[Row]) -> None:
    style = engine.dialect.paramstyle
    with engine.begin() as connection:
        if changed:
            values = [_values(row) for row in changed]
            connection.exec_driver_sql(in_style(_UPDATE, style), values)
        if dropped:
            keys = [tuple(row[: len(KEY_COLUMNS)]) for row in dropped]
            connection.exec_driver_sql(in_style(_DELETE, style), keys)


def _values(row: Row) -> tuple[Any, ...]:
    return (*(getattr(row, name) for name in _CHANGED), *row[: len(KEY_COLUMNS)])


def _settle(connection: Connection, cleaned: Sequence[_Unclean], held: Counter[int]) -> None:
    """The files have no residue any more; one that is left without anybody is no longer held."""
    table, merged = db.vcf_file, db.merged_file
    for one in cleaned:
        now = connection.execute(sa.select(table).where(table.c.no == one.seg)).one()
        seen, residue = files.as_set(now.people), files.as_set(now.residue) - one.gone
        values = {
            "residue": files.as_blob(residue),
            "left_out": now.left_out + len(one.gone),
            "alleles": held[one.seg],
            "live": bool(seen or residue),
        }
        connection.execute(sa.update(table).where(table.c.no == one.seg).values(**values))
        parts = sa.select(merged.c.no, merged.c.people, merged.c.left_out).where(merged.c.seg == one.seg)
        for no, people, left_out in connection.execute(parts).all():
            covered = files.as_set(people)
            if left := covered - one.gone:
                gone = left_out + len(covered) - len(left)
                values = {"people": files.as_blob(left), "left_out": gone}
                connection.execute(sa.update(merged).where(merged.c.no == no).values(**values))
            else:
                connection.execute(sa.delete(merged).where(merged.c.no == no))


def _drop_spans(engine: Engine, dataset_no: int) -> None:
    """Deletes where files say of people who have no name any more that they were looked at."""
    span, person = db.coverage, db.person
    gone = sa.select(person.c.ordinal).where(person.c.dataset_no == dataset_no, person.c.sample.is_(None))
    for low, high in stretches(dataset_no):
        with engine.begin() as connection:
            place = sa.and_(span.c.bin.between(low, high), span.c.ordinal.in_(gone))
            connection.execute(sa.delete(span).where(place))


def _drop_notes(engine: Engine, dataset_no: int) -> None:
    """Deletes annotations of files that are held no more, and of alleles that nobody carries any more."""
    note, row = db.annotation, db.variant
    same = sa.and_(*(row.c[name] == note.c[name] for name in KEY_COLUMNS[:-1]))
    held = sa.union_all(sa.select(db.vcf_file.c.no), sa.select(db.merged_file.c.no))
    for low, high in stretches(dataset_no):
        idle = sa.or_(note.c.file_no.not_in(held), ~sa.exists(sa.select(row.c.bin).where(same)))
        with engine.begin() as connection:
            connection.execute(sa.delete(note).where(note.c.bin.between(low, high), idle))


def empty_log(engine: Engine, *, rebuild: bool = False) -> bool:
    """Whether nothing that was deleted is left outside the tables; `rebuild` as for `scrub`."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if engine.dialect.name != "sqlite":
            connection.exec_driver_sql("VACUUM FULL" if rebuild else "VACUUM")
            return True
        if rebuild:
            connection.exec_driver_sql("VACUUM")
        # Waits for readers as long as for any lock; what they still read stays in the log.
        return bool(connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()[0] == 0)
