"""People who come with a browser: they sign in, and every later request of theirs is known to be theirs.

Users of the node sign in with a password; others at a provider elsewhere, see `providers`.  What they are is
read anew with every request for users of the node, and kept as the provider told it for the others.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from node.access.channel import address_of, refuse_open
from node.access.pending import PendingLogins
from node.access.principal import Caller, Role, Visa
from node.access.providers import Provider
from node.access.server import EmbeddedServer
from node.access.server.accounts import Account, SignedIn
from node.access.sessions import Cookies, Session, Sessions, Visit
from schemas.errors import Forbidden, NotAuthorised, NotFound, OverBudget

CLIENT: Final = "browser"
_SCOPES: Final = frozenset({"beacon:query", "mme:match"})
_ENDED: Final = "this session has ended; sign in again"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who has signed in.  account: of users of this node.  title: his name for people."""

    session: Session
    title: str
    roles: frozenset[Role]
    account: Account | None = None

    @property
    def must_change(self) -> bool:
        """Whether he may do nothing but choose a password of his own."""
        return self.account is not None and self.account.must_change

    @property
    def signed_in(self) -> SignedIn | None:
        """For the authorization server; None for people of other providers, whom it does not vouch for."""
        return None if self.account is None else SignedIn(self.account, self.session.methods)


@dataclass(frozen=True, slots=True)
class Abroad:
    """Where people sign in elsewhere.  enrich: gives a caller the visas that his issuer has for his token."""

    providers: tuple[Provider, ...]
    pending: PendingLogins
    enrich: Callable[[Caller, str], Awaitable[Caller]]


class Witness(Protocol):
    """Keeps the record of who signed in, and of what people did with their accounts."""

    def saw(self, principal: str, deed: str) -> None:
        """Returns when it is kept; may block.  deed: words of this program.  Raises StoreUnavailable."""

    def turned_away(self, reason: str) -> None:
        """Somebody who did not prove who he is; nothing that he typed is told."""


class Reception:
    """Of one node.  Raises StoreUnavailable from every method: the database cannot be read or written."""

    def __init__(
        self,
        server: EmbeddedServer,
        sessions: Sessions,
        cookies: Cookies,
        *,
        has_own_users: bool,
        abroad: Abroad | None = None,
        witness: Witness,
    ) -> None:
        """has_own_users: whether users of this node may sign in.  abroad: where others do."""
        self._witness = witness
        self.abroad = abroad
        self.server = server
        self.sessions = sessions
        self.cookies = cookies
        self.has_own_users = has_own_users

    def person(self, visit: Visit) -> Person | None:
        """Who has signed in with this browser, if anybody has and still may."""
        session = None if visit.token is None else self.sessions.find(visit.token)
        if session is None:
            return None
        if session.issuer != self.server.issuer:
            if all(provider.issuer != session.issuer for provider in self.providers):
                return None  # the provider is trusted no longer
            return Person(session, str(session.profile["title"]), _roles(session.profile))
        account = self.server.accounts.find(session.subject) if self.has_own_users else None
        if account is None:
            return None
        return Person(session, account.title, account.roles, account)

    def sign_in(self, request: Request, visit: Visit, fields: Mapping[str, str]) -> Visit:
        """With a password; the visit with a session of its own.  fields: of the form.

        Raises NotAuthorised: anything is wrong; OverBudget: too many attempts; Forbidden: users of this node
        do not sign in here.
        """
        refuse_open(request)
        if not self.has_own_users:
            raise Forbidden("users sign in at their own provider; this node has no passwords")
        name, password, code = (fields.get(one, "") for one in ("name", "password", "code"))
        try:
            who = self.server.accounts.sign_in(name, password, code, address_of(request))
        except NotAuthorised:
            self._witness.turned_away("password")
            raise
        except OverBudget:
            self._witness.turned_away("too many attempts")
            raise
        return self.start(request, visit, who, "signed in")

    async def send_away(self, request: Request, visit: Visit, name: str, return_to: str) -> str:
        """The address of the provider `name` at which this browser signs in.

        Raises NotFound: no such provider; IssuerUnavailable; Forbidden: what it brings back could be read.
        """
        refuse_open(request)
        abroad, provider = self._provider(name)
        state, pending = await run_in_threadpool(abroad.pending.begin, name, visit.visit, return_to)
        return await provider.address(state, pending)

    async def take_back(
        self, request: Request, visit: Visit, name: str, answered: Mapping[str, str]
    ) -> tuple[Visit, str]:
        """The visit with a session, and the page to go to.  answered: what the provider sent along.

        Raises NotAuthorised: this browser did not begin it, or what the provider says does not hold;
        NotFound, IssuerUnavailable, Forbidden: as `send_away`.
        """
        refuse_open(request)
        abroad, provider = self._provider(name)
        state = answered.get("state", "")
        try:
            pending = await run_in_threadpool(abroad.pending.take, state, name, visit.visit)
            if pending is None:
                raise NotAuthorised("this sign-in was not begun in this browser, or is too old; begin again")
            introduced = await provider.introduce(answered, pending)
            caller = await abroad.enrich(introduced.caller, introduced.access_token)
        except NotAuthorised:
            self._witness.turned_away("provider")
            raise
        session = Session(
            issuer=caller.issuer,
            subject=caller.subject,
            profile=introduced.profile(caller.visas),
            methods=introduced.methods,
            agent=request.headers.get("user-agent", ""),
            signed_in_s=self.server.clock(),
            seen_s=0.0,
        )
        made = await run_in_threadpool(self._admit, visit, session, "signed in at a provider")
        return made, pending.return_to

    async def farewell(self, person: Person) -> str | None:
        """Where `person` can sign out of the provider that introduced him, too; None: nowhere."""
        for provider in self.providers:
            if provider.issuer == person.session.issuer:
                return await provider.farewell(f"{self.server.issuer}/")
        return None

    @property
    def providers(self) -> tuple[Provider, ...]:
        return self.abroad.providers if self.abroad else ()

    def _provider(self, name: str) -> tuple[Abroad, Provider]:
        for provider in self.providers:
            if self.abroad and provider.name == name:
                return self.abroad, provider
        raise NotFound("people do not sign in there")

    def start(self, request: Request, visit: Visit, who: SignedIn, deed: str) -> Visit:
        """A new session for a user of this node; the one that this browser had ends.

        deed: for the record.
        """
        session = Session(
            issuer=self.server.issuer,
            subject=who.account.subject,
            profile={},
            methods=who.methods,
            agent=request.headers.get("user-agent", ""),
            signed_in_s=self.server.clock(),
            seen_s=0.0,
        )
        return self._admit(visit, session, deed)

    def note(self, person: Person, deed: str) -> None:
        """Keeps the record of what somebody did who has signed in; may block.  Raises StoreUnavailable."""
        self._witness.saw(f"{person.session.issuer} {person.session.subject}", deed)

    def _admit(self, visit: Visit, session: Session, deed: str) -> Visit:
        """The visit with this new session, and nothing of what it was before; recorded before it is given."""
        self._witness.saw(f"{session.issuer} {session.subject}", deed)
        if visit.token is not None:
            self.sessions.end(visit.token)
        return visit.signed_in(self.sessions.start(session))

    def caller(self, request: Request) -> Caller | None:
        """Who sends a request, by its cookie; None when it brings none of a session.

        Raises NotAuthorised: the session has ended, or its password must be changed first; Forbidden: a page
        of somebody else sends it, or it can be read on its way.
        """
        if not self.cookies.has_session(request):
            return None
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            raise Forbidden("another site cannot ask with the session of this one")
        refuse_open(request)
        person = self.person(self.cookies.read(request))
        if person is None:
            raise NotAuthorised(_ENDED)
        if person.must_change:
            raise NotAuthorised("choose a password of your own first, on the page /account/password")
        return self._caller(person)

    def _caller(self, person: Person) -> Caller:
        session, now_s = person.session, self.server.clock()
        if person.account is None:
            visas = tuple(Visa(**one) for one in session.profile.get("visas", ()))
        else:
            visas = self.server.entitlements.asserted(person.account.subject)
        return Caller(
            issuer=session.issuer,
            subject=session.subject,
            client=CLIENT,
            expires_s=self.sessions.ends_s(session),
            roles=person.roles,
            scopes=_SCOPES,
            visas=tuple(visa for visa in visas if visa.expires_s > now_s),
        )


def _roles(profile: Mapping[str, Any]) -> frozenset[Role]:
    return frozenset(Role(role) for role in profile.get("roles", ()))
