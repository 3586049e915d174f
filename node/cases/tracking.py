"""Matches of the node's cases: which are new, and what people have made of them.

A match is remembered by a keyed digest of the other node and the patient's id there.  Of a patient whose
doctors asked this node nothing else is kept; of one that this node's doctors found, his id and contact, which
are needed to write to them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

import orjson
import sqlalchemy as sa

from node import db
from node.cases.book import CaseBook, Remark, owned, read_remarks, write_remark
from node.cases.deposit import Actor
from schemas.errors import NotFound
from schemas.mme import Contact


class Triage(StrEnum):
    """What has become of a match."""

    NEW = "new"
    CONTACTED_BY_US = "contacted-by-us"
    CONTACTED_BY_THEM = "contacted-by-them"
    IRRELEVANT = "irrelevant"
    FLAGGED = "flagged"
    SOLVED = "solved"


class Asked(StrEnum):
    """Who asked whom when a match came to light."""

    BY_US = "us"
    BY_THEM = "them"


@dataclass(frozen=True, slots=True)
class Sighting:
    """A patient of another node (or of this one) who resembles the case `case_id`.

    node: the other node's id, or the name of a peer without one.  why, disclaimer: for the letter; not kept.
    """

    case_id: str
    node: str
    patient_id: str
    contact: Contact
    score: float
    asked: Asked
    why: tuple[str, ...] = ()
    disclaimer: str = ""


@dataclass(frozen=True, slots=True)
class Track:
    """A match as it is remembered.

    number: by which people name it.  patient_id, contact: empty where they asked.
    """

    number: int
    case_id: str
    node: str
    asked: Asked
    patient_id: str
    contact: dict[str, str]
    score: float
    state: Triage
    first_at: str
    last_at: str
    remarks: tuple[Remark, ...] = ()


class Tracking:
    """The matches of the cases of one book.

    digest: keyed; the same for the same bytes.  Raises as `CaseBook` does.
    """

    def __init__(self, book: CaseBook, digest: Callable[[bytes], str]) -> None:
        self._book = book
        self._digest = digest

    def see(self, sightings: Iterable[Sighting]) -> list[Sighting]:
        """Remembers them; those that were never seen before, each once."""
        seen = {(one.case_id, self._digest_of(one)): one for one in sightings}
        if not seen:
            return []
        table = db.case_match
        among = table.c.digest.in_({digest for _, digest in seen})
        with self._book.database() as connection:
            rows = connection.execute(sa.select(table.c.case_id, table.c.digest).where(among))
            known = {(row.case_id, row.digest) for row in rows} & seen.keys()
            new = [key for key in seen if key not in known]
            if new:
                connection.execute(sa.insert(table), [_new_row(key, seen[key]) for key in new])
            for asked in Asked:
                again = [_seen_row(key, seen[key]) for key in known if seen[key].asked is asked]
                if again:
                    connection.execute(_AGAIN[asked], again)
        return [seen[key] for key in new]

    def _digest_of(self, one: Sighting) -> str:
        return self._digest(orjson.dumps([one.node, one.patient_id, one.contact.href.casefold()]))

    def matched(self) -> frozenset[str]:
        """The ids of all cases that were ever matched."""
        with self._book.database() as connection:
            return frozenset(connection.scalars(sa.select(db.case_match.c.case_id).distinct()))

    def tracks(self, actor: Actor, case_id: str) -> list[Track]:
        """The matches of one case, best first."""
        with self._book.database() as connection:
            owned(connection, actor, case_id)
            table = db.case_match
            rows = connection.execute(
                sa.select(table).where(table.c.case_id == case_id).order_by(table.c.score.desc(), table.c.no)
            ).all()
            return [_track(row, read_remarks(connection, case_id, row.no)) for row in rows]

    def triage(
        self, actor: Actor, case_id: str, number: int, state: Triage | None = None, comment: str = ""
    ) -> None:
        """Says what has become of a match, or writes something beside it.

        Raises NotFound: the case has no match of this number.
        """
        with self._book.database() as connection:
            owned(connection, actor, case_id)
            table = db.case_match
            wanted = (table.c.case_id == case_id, table.c.no == number)
            if connection.scalar(sa.select(table.c.no).where(*wanted)) is None:
                raise NotFound("this case has no match of this number")
            if state is not None:
                connection.execute(sa.update(table).where(*wanted).values(state=state.value))
            if comment:
                write_remark(connection, actor, case_id, comment, number)


def _known() -> sa.Update:
    table = db.case_match
    these = (table.c.case_id == sa.bindparam("of_case"), table.c.digest == sa.bindparam("of_digest"))
    return sa.update(table).where(*these)


# Who asked before stays; once our doctors have asked they know whom to write to.
_AGAIN: Final = {
    Asked.BY_THEM: _known().values(score=sa.bindparam("new_score"), last_at=sa.bindparam("new_at")),
    Asked.BY_US: _known().values(
        score=sa.bindparam("new_score"),
        last_at=sa.bindparam("new_at"),
        patient_id=sa.bindparam("new_patient_id"),
        contact=sa.bindparam("new_contact"),
    ),
}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _whom(one: Sighting) -> dict[str, str]:
    """Nothing of a patient whose doctors asked."""
    if one.asked is Asked.BY_THEM:
        return {"patient_id": "", "contact": ""}
    contact = orjson.dumps(one.contact.bare().document()).decode()
    return {"patient_id": one.patient_id, "contact": contact}


def _new_row(key: tuple[str, str], one: Sighting) -> dict[str, Any]:
    case_id, digest = key
    return {
        "case_id": case_id,
        "node": one.node,
        "digest": digest,
        "asked_by": one.asked.value,
        "score": one.score,
        "state": Triage.NEW.value,
        "first_at": _now(),
        "last_at": _now(),
        **_whom(one),
    }


def _seen_row(key: tuple[str, str], one: Sighting) -> dict[str, Any]:
    row = {"of_case": key[0], "of_digest": key[1], "new_score": one.score, "new_at": _now()}
    if one.asked is Asked.BY_US:
        row |= {f"new_{name}": value for name, value in _whom(one).items()}
    return row


def _track(row: sa.Row[tuple[object, ...]], remarks: list[Remark]) -> Track:
    return Track(
        number=row.no,
        case_id=row.case_id,
        node=row.node,
        asked=Asked(row.asked_by),
        patient_id=row.patient_id,
        contact=orjson.loads(row.contact) if row.contact else {},
        score=row.score,
        state=Triage(row.state),
        first_at=row.first_at,
        last_at=row.last_at,
        remarks=tuple(remarks),
    )
