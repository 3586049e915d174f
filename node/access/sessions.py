"""Sessions of people in browsers: kept here, known to the browser by a random cookie and nothing else.

A session ends when it was idle, when it is old however busy it was, when its person signs out, here or
everywhere, and when his account does.  The cookie is new at every sign-in: one that was planted before is
worth nothing afterwards.

Spec: OWASP ASVS 3.2, 3.3 and 3.4; RFC 6265bis §4.1.3.2 (`__Host-`).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from starlette.requests import Request
from starlette.responses import Response

from node.access.channel import is_protected, is_tls
from node.access.presented import header
from node.access.server.database import transaction
from node.access.server.keyring import Seal
from node.access.server.opaque import digest, new_secret
from node.db import web_session as table

_TOUCH_S: Final = 60.0
_LONGEST_AGENT: Final = 200


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who has signed in.

    profile: what a provider elsewhere told of the person when he signed in; empty for users of this node.
    methods: how he signed in (RFC 8176).  agent: his browser, as it describes itself.  label: tells sessions
    of one person apart, and opens nothing.
    """

    issuer: str
    subject: str
    profile: Mapping[str, Any]
    methods: tuple[str, ...]
    agent: str
    signed_in_s: float
    seen_s: float
    label: str = ""


class Sessions:
    """Of one node.  Raises StoreUnavailable from every method: the database cannot be read or written."""

    def __init__(
        self,
        engine: Engine,
        *,
        idle_s: float,
        life_s: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._engine = engine
        self._idle_s = idle_s
        self._life_s = life_s
        self._clock = clock

    def start(self, session: Session) -> str:
        """The value of the cookie of a new session."""
        token, now_s = new_secret(), self._clock()
        with transaction(self._engine) as connection:
            connection.execute(sa.delete(table).where(self._is_over(now_s)))
            connection.execute(
                sa.insert(table).values(
                    digest=digest(token),
                    issuer=session.issuer,
                    subject=session.subject,
                    profile=json.dumps(session.profile),
                    methods=" ".join(session.methods),
                    agent=session.agent[:_LONGEST_AGENT],
                    signed_in_s=session.signed_in_s,
                    seen_s=now_s,
                )
            )
        return token

    def find(self, token: str) -> Session | None:
        """The session with this cookie, unless it has ended; it is seen now."""
        now_s = self._clock()
        with transaction(self._engine) as connection:
            query = sa.select(table).where(table.c.digest == digest(token), ~self._is_over(now_s))
            row = connection.execute(query).one_or_none()
            if row is None:
                return None
            if now_s - row.seen_s > _TOUCH_S:
                connection.execute(sa.update(table).where(table.c.digest == row.digest).values(seen_s=now_s))
        return _read(row)

    def end(self, token: str) -> None:
        with transaction(self._engine) as connection:
            connection.execute(sa.delete(table).where(table.c.digest == digest(token)))

    def end_all(self, issuer: str, subject: str) -> None:
        """Everywhere, for one person."""
        with transaction(self._engine) as connection:
            connection.execute(sa.delete(table).where(table.c.issuer == issuer, table.c.subject == subject))

    def of(self, issuer: str, subject: str) -> tuple[Session, ...]:
        """Those of one person that have not ended, the newest first."""
        query = (
            sa.select(table)
            .where(table.c.issuer == issuer, table.c.subject == subject, ~self._is_over(self._clock()))
            .order_by(table.c.signed_in_s.desc())
        )
        with transaction(self._engine) as connection:
            return tuple(_read(row) for row in connection.execute(query))

    def ends_s(self, session: Session) -> float:
        """When it ends at the latest, in Unix time."""
        return session.signed_in_s + self._life_s

    def _is_over(self, now_s: float) -> sa.ColumnElement[bool]:
        return sa.or_(table.c.seen_s < now_s - self._idle_s, table.c.signed_in_s < now_s - self._life_s)


def _read(row: Any) -> Session:
    return Session(
        issuer=row.issuer,
        subject=row.subject,
        profile=json.loads(row.profile),
        methods=tuple(row.methods.split()),
        agent=row.agent,
        signed_in_s=row.signed_in_s,
        seen_s=row.seen_s,
        label=hashlib.sha256(row.digest).hexdigest()[:8],
    )


@dataclass(frozen=True, slots=True)
class Visit:
    """What one request brought in its cookies.

    visit: tells one browser from another before anybody has signed in.  token: of a session, or None.
    """

    visit: str
    token: str | None
    is_new: bool

    def signed_in(self, token: str) -> Visit:
        """The same browser with a new session, and nothing of what it had before."""
        return replace(self, visit=new_secret(), token=token, is_new=True)


class Cookies:
    """The two cookies of one node.

    Over TLS they carry the prefix `__Host-`, so that no other host, and nobody without TLS, can set them; on
    the same machine without TLS, where browsers refuse that prefix, plain names.  The names differ from node
    to node, because ports do not tell cookies apart.
    """

    def __init__(self, node_id: str, seal: Seal) -> None:
        self._mark = hashlib.sha256(node_id.encode()).hexdigest()[:8]
        self._seal = seal

    def read(self, request: Request) -> Visit:
        visit = request.cookies.get(self._name("visit", request))
        # What came in the open may be known to others by now.
        token = request.cookies.get(self._name("session", request)) if is_protected(request) else None
        return Visit(visit or new_secret(), token, visit is None)

    def has_session(self, request: Request) -> bool:
        """Whether a cookie of a session was sent, good or not."""
        return bool(header(request, b"cookie")) and self._name("session", request) in request.cookies

    def write(self, response: Response, request: Request, visit: Visit) -> None:
        """Gives the browser what it does not have yet."""
        if visit.is_new:
            self._set(response, request, "visit", visit.visit, None)
            if visit.token is not None:
                self._set(response, request, "session", visit.token, None)

    def forget(self, response: Response, request: Request) -> None:
        """Takes the session away from the browser."""
        self._set(response, request, "session", "", 0)
        self._set(response, request, "visit", "", 0)

    def form_token(self, visit: Visit) -> str:
        """What a form of this browser carries; nobody else can make it, and it changes at every sign-in.

        Spec: OWASP, signed double-submit cookie bound to the session.
        """
        return self._seal.mark("form", f"{visit.visit} {visit.token or ''}").hex()

    def is_own_form(self, visit: Visit, shown: str) -> bool:
        """Whether a form was made for this browser, and since its last sign-in."""
        return not visit.is_new and hmac.compare_digest(self.form_token(visit).encode(), shown.encode())

    def _name(self, kind: str, request: Request) -> str:
        return f"{'__Host-' if is_tls(request) else ''}varhaven-{kind}-{self._mark}"

    def _set(
        self, response: Response, request: Request, kind: str, value: str, max_age_s: int | None
    ) -> None:
        response.set_cookie(
            self._name(kind, request),
            value,
            max_age=max_age_s,
            path="/",
            secure=is_tls(request),
            httponly=True,
            samesite="lax",
        )
