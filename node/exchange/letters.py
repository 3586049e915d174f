"""What people are told of new matches, and the outbox that holds it until it is sent.

A letter says that there is a match, where, how alike the two are, and whom to write to; what they have in
common only where the operator wants it so.  Variants are never written.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from node import db
from node.cases import Asked, CaseBook, Deposit, Sighting
from node.config import Settings
from schemas.mme import Contact

_log: Final = logging.getLogger(__name__)
# Seconds until the next attempt, by how many there were; after the last the letter is given up.
_PATIENCE_S: Final = (60, 300, 1_800, 7_200, 21_600, 43_200, 86_400, 86_400)


class Channel(StrEnum):
    MAIL = "mail"
    WEBHOOK = "webhook"


@dataclass(frozen=True, slots=True)
class Letter:
    """Something to be sent.  number: in the outbox.  id: the same at every attempt."""

    channel: Channel
    recipient: str
    subject: str
    body: str
    number: int = 0
    id: str = ""
    attempts: int = 0


class Outbox:
    """Letters that wait; they survive a restart.  clock: Unix time in seconds."""

    def __init__(self, engine: Engine, clock: Callable[[], float] = time.time) -> None:
        self._engine = engine
        self._clock = clock

    def put(self, letters: Iterable[Letter]) -> int:
        """How many there were."""
        rows = [
            {
                "id": f"msg_{secrets.token_hex(12)}",
                "channel": letter.channel.value,
                "recipient": letter.recipient,
                "subject": letter.subject,
                "body": letter.body,
                "attempts": 0,
                "due_s": self._clock(),
                "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
            }
            for letter in letters
        ]
        if rows:
            with self._engine.begin() as connection:
                connection.execute(sa.insert(db.outbox), rows)
        return len(rows)

    def due(self) -> list[Letter]:
        """Those that are to be sent now, oldest first."""
        table = db.outbox
        wanted = sa.select(table).where(table.c.due_s <= self._clock()).order_by(table.c.no).limit(100)
        with self._engine.connect() as connection:
            return [
                Letter(
                    Channel(row.channel), row.recipient, row.subject, row.body, row.no, row.id, row.attempts
                )
                for row in connection.execute(wanted)
            ]

    def sent(self, letter: Letter) -> None:
        with self._engine.begin() as connection:
            connection.execute(sa.delete(db.outbox).where(db.outbox.c.no == letter.number))

    def failed(self, letter: Letter) -> None:
        """Tried again later; given up, and deleted, after three days."""
        if letter.attempts >= len(_PATIENCE_S):
            _log.error("a letter (%s) could not be sent for days and is given up", letter.channel)
            self.sent(letter)
            return
        later_s = self._clock() + _PATIENCE_S[letter.attempts]
        with self._engine.begin() as connection:
            row = db.outbox.c.no == letter.number
            values = {"attempts": letter.attempts + 1, "due_s": later_s}
            connection.execute(sa.update(db.outbox).where(row).values(values))


class Secretary:
    """Writes letters for one node, as far as it can send any."""

    def __init__(self, settings: Settings, book: CaseBook, outbox: Outbox) -> None:
        self._node = settings.node
        self._mails = settings.mail.host is not None
        self._complete = settings.mail.complete
        self._webhook = settings.matchmaker.webhook
        self._book = book
        self._outbox = outbox

    def tell(self, sightings: Sequence[Sighting]) -> int:
        """Writes to whoever answers for the cases of these new matches; how many letters."""
        if not sightings or not (self._mails or self._webhook):
            return 0
        held = self._book.held(sorted({one.case_id for one in sightings}))
        letters = [letter for one in sightings if one.case_id in held for letter in self._webhooks(one)]
        by_recipient: defaultdict[str, list[Sighting]] = defaultdict(list)
        for one in sightings:
            recipient = _address(held[one.case_id][1]) if one.case_id in held else ""
            if recipient:
                by_recipient[recipient].append(one)
        if self._mails:
            letters += [self._mail(recipient, theirs) for recipient, theirs in by_recipient.items()]
        return self._outbox.put(letters)

    def warn(self, peer: str) -> int:
        """Tells the administrator that a peer asks as if it were fishing; how many letters."""
        if not self._mails or not self._node.contact:
            _log.warning("a peer asks about almost the same patient again and again: %s", peer)
            return 0
        body = (
            f"The peer {peer} asks this exchange about almost the same patient again and again, as one who\n"
            "wants to find out what is held of somebody would.  It gets its answers within its limits\n"
            "([matchmaker] rate_per_minute, budget_per_day).  To stop it:\n\n"
            f"    varhaven peer revoke {peer}     or     varhaven peer suspend {peer}\n\n"
            "The audit log has its questions as keyed digests: varhaven audit export\n"
        )
        subject = f"{self._node.name}: a peer of the matchmaker asks unusually"
        return self._outbox.put([Letter(Channel.MAIL, self._node.contact, subject, body)])

    def _mail(self, recipient: str, sightings: Sequence[Sighting]) -> Letter:
        number = len(sightings)
        subject = f"{self._node.name}: {number} new match{'es' if number > 1 else ''}"
        parts = [self._paragraph(one) for one in sightings]
        body = "\n\n".join([*parts, f"This letter was written by the matchmaker of {self._node.id}."])
        return Letter(Channel.MAIL, recipient, subject, body + "\n")

    def _paragraph(self, one: Sighting) -> str:
        how = "found by your question" if one.asked is Asked.BY_US else "whose doctors asked about him"
        lines = [
            f"Case {one.case_id} resembles a patient of {one.node}, {how}.",
            f"  Score: {one.score:.2f} of 1",
            f"  Contact: {_named(one.contact)}",
        ]
        if one.patient_id:
            lines.append(f"  His id there: {one.patient_id}")
        if self._complete and one.why:
            lines += ["  In common:", *(f"    {line}" for line in one.why)]
        if one.disclaimer:
            lines.append(f"  {one.node} says: {one.disclaimer}")
        lines.append(f"  More: varhaven case matches {one.case_id}")
        return "\n".join(lines)

    def _webhooks(self, one: Sighting) -> list[Letter]:
        """The least that lets a program of the hospital fetch the rest."""
        if self._webhook is None:
            return []
        told: dict[str, Any] = {
            "type": "match.new",
            "timestamp": datetime.now(UTC).isoformat(timespec="seconds"),
            "data": {"case": one.case_id, "node": one.node, "score": round(one.score, 3), "asked": one.asked},
        }
        return [Letter(Channel.WEBHOOK, self._webhook, "match.new", orjson.dumps(told).decode())]


def _address(deposit: Deposit) -> str:
    """Who hears of new matches: whoever was named for it, or else the contact."""
    contact = deposit.patient.contact
    return deposit.notify or contact.email or _mailbox(contact.href)


def _mailbox(href: str) -> str:
    scheme, _, rest = href.partition(":")
    return rest.partition("?")[0] if scheme.lower() == "mailto" else ""


def _named(contact: Contact) -> str:
    return ", ".join(
        part for part in (contact.name, contact.institution, contact.email, contact.href) if part
    )
