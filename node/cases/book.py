"""The table of cases.  Every call says who is asking; a case of somebody else is as if it were not there."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError

from node import db
from node.cases.deposit import OPERATOR, Actor, Deposit, Status
from schemas.errors import Forbidden, NotFound, StoreUnavailable
from schemas.matching import Sharing
from schemas.mme import read_patient

_LONGEST_REMARK: Final = 4_000
_AT_ONCE: Final = 500  # ids in one statement


# Somebody is there by his record, or by a sample of his name.
_BEREFT: Final = sa.select(db.mme_case.c.id).where(
    db.mme_case.c.individual != "",
    ~sa.exists().where(
        db.individual.c.id == db.mme_case.c.individual,
        db.individual.c.dataset_no == db.dataset.c.no,
        db.dataset.c.id == db.mme_case.c.dataset,
    ),
    ~sa.exists().where(
        db.person.c.sample == db.mme_case.c.individual,
        db.person.c.dataset_no == db.dataset.c.no,
        db.dataset.c.id == db.mme_case.c.dataset,
    ),
)


@dataclass(frozen=True, slots=True)
class Remark:
    """What somebody wrote beside a case or a match."""

    author: str
    at: str
    text: str


@dataclass(frozen=True, slots=True)
class Added:
    """A deposited case; `new` when it was not there before."""

    id: str
    new: bool
    sharing: Sharing


@dataclass(frozen=True, slots=True)
class Changes:
    """Up to which revision changes were told, and the digests of ids that were removed."""

    revision: int
    removed: frozenset[bytes] = frozenset()


class CaseBook:
    """The cases of one node.

    Raises NotFound from every call about a case: there is none of this id that belongs to who asks;
    StoreUnavailable from every call: the database cannot be read or written.
    """

    def __init__(self, engine: Engine, witness: Callable[[Actor, str], None] | None = None) -> None:
        """witness: is told of every change, by whom and of what kind, once it is made."""
        self._engine = engine
        self._witness = witness or (lambda _actor, _what: None)

    def add(self, actor: Actor, deposits: Iterable[Deposit], *, restates: Container[str] = ()) -> list[Added]:
        """Keeps them, all or none.  One whose id is there already, and his, takes its place.

        deposits: each with an id of its own; read one after the other, 0.2 ms each.
        restates: ids of those whose consent level replaces the one they had; of others it stays.
        Raises Forbidden: an id that is somebody else's, or was.
        """
        added: list[Added] = []
        coming = iter(deposits)
        with self.database() as connection:
            version = next_version(connection)
            while some := list(islice(coming, _AT_ONCE)):
                added += _keep(connection, actor, some, version, restates)
        self._witness(actor, "cases deposited")
        return added

    def find(self, actor: Actor, case_id: str) -> Deposit:
        with self.database() as connection:
            return owned(connection, actor, case_id)

    def cases(self, actor: Actor) -> list[Deposit]:
        """His cases, ordered by id."""
        wanted = sa.select(db.mme_case).order_by(db.mme_case.c.id)
        if not actor.everything:
            wanted = wanted.where(
                sa.or_(
                    db.mme_case.c.owner == actor.name,
                    sa.and_(db.mme_case.c.team != "", db.mme_case.c.team.in_(actor.teams)),
                )
            )
        with self.database() as connection:
            return [_deposit(row) for row in connection.execute(wanted).mappings()]

    def change(self, actor: Actor, case_id: str, **changes: Any) -> Deposit:
        """The case with some of its members changed (see `Deposit`); from then on it is matched so.

        A new consent level stands among its notes, with who set it and when.
        """
        with self.database() as connection:
            before = owned(connection, actor, case_id)
            changed = replace(before, **changes, changed_at=_now())
            _write(connection, changed, next_version(connection), new=False)
            _record_consent(connection, actor, before, changed)
        consent = "consent of a case changed" if "sharing" in changes else "case changed"
        self._witness(actor, consent)
        return changed

    def hand_over(self, actor: Actor, owner: str, new_owner: str) -> int:
        """Gives every case of `owner` to `new_owner`; how many there were.

        Raises Forbidden: neither his own nor does he run the node.
        """
        if not actor.everything and actor.name != owner:
            raise Forbidden("only who owns cases, or runs this node, may hand them over")
        with self.database() as connection:
            owns = db.mme_case.c.owner == owner
            changed = connection.execute(
                sa.update(db.mme_case).where(owns).values(owner=new_owner, changed_at=_now())
            )
        self._witness(actor, "cases handed over")
        return changed.rowcount

    def remove(self, actor: Actor, case_id: str) -> None:
        """Deletes the case, what was written beside it and what came of matching it.

        Its id can be used again by its owner alone: elsewhere it stands for this patient for ever.
        """
        with self.database() as connection:
            gone = owned(connection, actor, case_id)
            version = next_version(connection)
            for table in (db.remark, db.case_match):
                connection.execute(sa.delete(table).where(table.c.case_id == case_id))
            connection.execute(sa.delete(db.mme_case).where(_is(case_id)))
            digest = digest_of(case_id)
            connection.execute(sa.delete(db.removed_case).where(db.removed_case.c.digest == digest))
            connection.execute(
                sa.insert(db.removed_case).values(digest=digest, version=version, owner=gone.owner)
            )
        self._witness(actor, "case removed")

    def actor(self, name: str) -> Actor:
        """Somebody by his name, with the teams he is in."""
        wanted = sa.select(db.team_member.c.team).where(db.team_member.c.member == name)
        with self.database() as connection:
            return Actor(name, frozenset(connection.scalars(wanted)))

    def team(self, name: str, *, add: Iterable[str] = (), remove: Iterable[str] = ()) -> list[str]:
        """The members of a team, after these have come and those have gone; for whoever runs the node."""
        table = db.team_member
        with self.database() as connection:
            for member in (*add, *remove):
                connection.execute(sa.delete(table).where(table.c.team == name, table.c.member == member))
            for member in dict.fromkeys(add):
                connection.execute(sa.insert(table).values(team=name, member=member))
            wanted = sa.select(table.c.member).where(table.c.team == name).order_by(table.c.member)
            return list(connection.scalars(wanted))

    def note(self, actor: Actor, case_id: str, text: str) -> None:
        """Writes something beside a case, for those whose it is."""
        with self.database() as connection:
            owned(connection, actor, case_id)
            write_remark(connection, actor, case_id, text)

    def notes(self, actor: Actor, case_id: str) -> list[Remark]:
        """What was written beside a case, oldest first."""
        with self.database() as connection:
            owned(connection, actor, case_id)
            return read_remarks(connection, case_id)

    def family(self, name: str) -> list[Deposit]:
        """Everybody of a family, whoever's cases they are; nobody for ""."""
        wanted = sa.select(db.mme_case).where(db.mme_case.c.family == name, db.mme_case.c.family != "")
        with self.database() as connection:
            return [_deposit(row) for row in connection.execute(wanted).mappings()]

    def made_of(self, dataset: str, individual: str) -> Deposit | None:
        """The case that was made of somebody, whoever's it is."""
        table = db.mme_case
        wanted = sa.select(table).where(table.c.dataset == dataset, table.c.individual == individual)
        with self.database() as connection:
            row = connection.execute(wanted.order_by(table.c.id)).mappings().first()
            return None if row is None else _deposit(row)

    def people_revision(self) -> int:
        """Grows when people become visible or cease to be, and with every other change of the data."""
        with self.database() as connection:
            return connection.scalar(sa.select(db.revision.c.number)) or 0

    def bereft(self) -> frozenset[str]:
        """Ids of the cases that were made of people who are not there any more: nothing is told of them."""
        with self.database() as connection:
            return frozenset(connection.scalars(_BEREFT))

    def remove_bereft(self) -> int:
        """Deletes those cases with all that belongs to them; how many there were."""
        ids = self.bereft()
        for one in ids:
            self.remove(OPERATOR, one)
        return len(ids)

    def held(self, ids: Sequence[str]) -> dict[str, tuple[int, Deposit]]:
        """Cases by id with their versions, whoever's they are; for matching, which asks for consent."""
        found: dict[str, tuple[int, Deposit]] = {}
        with self.database() as connection:
            for first in range(0, len(ids), _AT_ONCE):
                some = db.mme_case.c.id.in_(ids[first : first + _AT_ONCE])
                for row in connection.execute(sa.select(db.mme_case).where(some)).mappings():
                    found[row["id"]] = (row["version"], _deposit(row))
        return found

    def changes(self, since: int, take: Callable[[int, Deposit], None]) -> Changes:
        """What changed after revision `since`.  A fraction of a millisecond when nothing did.

        take: gets each case that is new or changed with its version, one after the other, so that not all
        have to be in memory at once.
        """
        with self.database() as connection:
            revision = connection.scalar(sa.select(db.case_revision.c.number)) or 0
            if revision == since:
                return Changes(revision)
            newer = sa.select(db.mme_case).where(db.mme_case.c.version > since)
            for row in connection.execution_options(yield_per=_AT_ONCE).execute(newer).mappings():
                take(row["version"], _deposit(row))
            gone = sa.select(db.removed_case.c.digest).where(db.removed_case.c.version > since)
            return Changes(revision, frozenset(connection.scalars(gone)))

    @contextmanager
    def database(self) -> Iterator[Connection]:
        try:
            with self._engine.begin() as connection:
                yield connection
        except DBAPIError as fault:
            raise StoreUnavailable("the cases cannot be read or written now") from fault


def owned(connection: Connection, actor: Actor, case_id: str) -> Deposit:
    """The case with this id.  Raises NotFound: there is none that belongs to `actor`."""
    found = _read_one(connection, case_id)
    if found is None or not found.belongs_to(actor):
        raise NotFound("there is no case of this id that is yours")
    return found


def write_remark(
    connection: Connection, actor: Actor, case_id: str, text: str, match_no: int | None = None
) -> None:
    connection.execute(
        sa.insert(db.remark).values(
            case_id=case_id, match_no=match_no, author=actor.name, at=_now(), text=text[:_LONGEST_REMARK]
        )
    )


def read_remarks(connection: Connection, case_id: str, match_no: int | None = None) -> list[Remark]:
    where = (db.remark.c.case_id == case_id, db.remark.c.match_no == match_no)
    rows = connection.execute(sa.select(db.remark).where(*where).order_by(db.remark.c.no))
    return [Remark(row.author, row.at, row.text) for row in rows]


def _keep(
    connection: Connection, actor: Actor, some: Sequence[Deposit], version: int, restates: Container[str]
) -> list[Added]:
    table, gone = db.mme_case, db.removed_case
    wanted = sa.select(table).where(table.c.id.in_([one.id for one in some]))
    before = {row["id"]: _deposit(row) for row in connection.execute(wanted).mappings()}
    digests = {one.id: digest_of(one.id) for one in some}
    left = sa.select(gone.c.digest, gone.c.owner).where(gone.c.digest.in_(digests.values()))
    had = {row.digest: row.owner for row in connection.execute(left)}
    new, kept = [], []
    for one in some:
        _refuse_foreign(actor, before.get(one.id), had.get(digests[one.id]))
        kept.append(_succeeding(one, before.get(one.id), restated=one.id in restates))
        if one.id in before:
            _write(connection, kept[-1], version, new=False)
            _record_consent(connection, actor, before[one.id], kept[-1])
        else:
            new.append(_row(kept[-1], version))
    if new:
        connection.execute(sa.insert(table), new)
    if had:
        connection.execute(sa.delete(gone).where(gone.c.digest.in_(had)))
    return [Added(one.id, one.id not in before, one.sharing) for one in kept]


def _record_consent(connection: Connection, actor: Actor, before: Deposit, now: Deposit) -> None:
    """A new consent level stands beside the case, with who set it and when."""
    if now.sharing is not before.sharing:
        text = f"consent level: {before.sharing} before, {now.sharing} from now on"
        write_remark(connection, actor, now.id, text)


def _refuse_foreign(actor: Actor, before: Deposit | None, had: str | None) -> None:
    """had: who owned the case of this id that was removed, if one was."""
    may = before.belongs_to(actor) if before else had is None or actor.everything or had == actor.name
    if not may:
        raise Forbidden("a case of this id is, or was, somebody else's; deposit it under another id")


def _succeeding(deposit: Deposit, before: Deposit | None, *, restated: bool) -> Deposit:
    """As it is kept: what was known before stays where the new one does not say otherwise."""
    now = _now()
    if before is None:
        return replace(deposit, added_at=now, changed_at=now)
    return replace(
        deposit,
        sharing=deposit.sharing if restated else before.sharing,
        owner=before.owner,
        team=deposit.team or before.team,
        family=deposit.family or before.family,
        status=before.status,
        notify=deposit.notify or before.notify,
        dataset=deposit.dataset or before.dataset,
        individual=deposit.individual or before.individual,
        added_at=before.added_at,
        changed_at=now,
    )


def next_version(connection: Connection) -> int:
    """The number of the change that is being made; nobody else makes one meanwhile."""
    table = db.case_revision
    if not connection.execute(sa.update(table).values(number=table.c.number + 1)).rowcount:
        connection.execute(sa.insert(table).values(number=1))
    return connection.scalar(sa.select(table.c.number)) or 0


def _read_one(connection: Connection, case_id: str) -> Deposit | None:
    row = connection.execute(sa.select(db.mme_case).where(_is(case_id))).mappings().one_or_none()
    return None if row is None else _deposit(row)


def _is(case_id: str) -> sa.ColumnElement[bool]:
    return db.mme_case.c.id == case_id


def _write(connection: Connection, deposit: Deposit, version: int, *, new: bool) -> None:
    row = _row(deposit, version)
    if new:
        connection.execute(sa.insert(db.mme_case).values(row))
    else:
        connection.execute(sa.update(db.mme_case).where(_is(deposit.id)).values(row))


def _row(deposit: Deposit, version: int) -> dict[str, Any]:
    return {
        "id": deposit.id,
        "version": version,
        "patient": orjson.dumps(deposit.patient.document()).decode(),
        "sharing": deposit.sharing.value,
        "owner": deposit.owner,
        "team": deposit.team,
        "family": deposit.family,
        "status": deposit.status.value,
        "notify": deposit.notify,
        "dataset": deposit.dataset,
        "individual": deposit.individual,
        "added_at": deposit.added_at,
        "changed_at": deposit.changed_at,
    }


def _deposit(row: Mapping[Any, Any]) -> Deposit:
    return Deposit(
        patient=read_patient(orjson.loads(row["patient"])),
        sharing=Sharing(row["sharing"]),
        owner=row["owner"],
        team=row["team"],
        family=row["family"],
        status=Status(row["status"]),
        notify=row["notify"],
        dataset=row["dataset"],
        individual=row["individual"],
        added_at=row["added_at"],
        changed_at=row["changed_at"],
    )


def digest_of(case_id: str) -> bytes:
    """By which a removed case is remembered."""
    return hashlib.sha256(case_id.encode()).digest()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
