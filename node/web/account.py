"""Pages of people: signing in and out, the account, its password, its second factor, its sessions."""

from __future__ import annotations

import base64
import binascii
from typing import Final

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from node.access.channel import address_of, refuse_open
from node.access.forms import read_fields
from node.access.opening_providers import BACK
from node.access.reception import Person
from node.access.server.accounts import Account, SignedIn
from node.access.server.passwords import SHORTEST
from node.access.server.totp import provisioning_uri, readable
from node.web.frame import Frame, Guest, own_path
from schemas.errors import BadInput, BadQuestion, Forbidden, IssuerUnavailable, NodeError, NotAuthorised

_PASSWORD_PAGE: Final = "/account/password"  # noqa: S105  # a path


def create_account_pages(frame: Frame, node_name: str) -> APIRouter:
    """`/sign-in`, `/sign-out` and `/account/...`."""
    router = APIRouter(include_in_schema=False)
    pages = _Pages(frame, node_name)
    for path, get, post in (
        ("/sign-in", pages.sign_in_form, pages.sign_in),
        ("/sign-in/at/{name}", pages.send_away, None),
        (f"{BACK}/{{name}}", pages.take_back, None),
        ("/sign-out", None, pages.sign_out),
        ("/account", pages.account, None),
        (_PASSWORD_PAGE, pages.password_form, pages.change_password),
        ("/account/second-factor", pages.second_factor_form, pages.set_second_factor),
        ("/account/second-factor/off", None, pages.end_second_factor),
        ("/account/sign-out-everywhere", None, pages.sign_out_everywhere),
    ):
        for method, handler in (("GET", get), ("POST", post)):
            if handler is not None:
                _add(router, frame, path, method, handler)
    return router


def _add(router: APIRouter, frame: Frame, path: str, method: str, handler: object) -> None:
    async def endpoint(request: Request) -> Response:
        return await frame.serve(request, handler)  # type: ignore[arg-type]  # a method of _Pages

    router.add_api_route(path, endpoint, methods=[method])


class _Pages:
    def __init__(self, frame: Frame, node_name: str) -> None:
        self._frame = frame
        self._reception = frame.reception
        self._accounts = frame.reception.server.accounts
        self._node_name = node_name

    async def sign_in_form(self, guest: Guest) -> Response:
        refuse_open(guest.request)
        return self._show_sign_in(guest)

    async def sign_in(self, guest: Guest) -> Response:
        try:
            visit = await run_in_threadpool(self._reception.sign_in, guest.request, guest.visit, guest.fields)
        except NodeError as refusal:
            return self._show_sign_in(guest, refusal)
        signed_in = Guest(guest.request, visit, self._reception.person(visit), guest.fields)
        must_change = signed_in.person is not None and signed_in.person.must_change
        return self._frame.go(signed_in, _PASSWORD_PAGE if must_change else guest.next_path)

    async def sign_out(self, guest: Guest) -> Response:
        """Here at once; at the provider the person came from by a link, which is his to follow."""
        if guest.visit.token is not None:
            self._reception.sessions.end(guest.visit.token)
        if guest.person is not None:
            await run_in_threadpool(self._reception.note, guest.person, "signed out")
        farewell = await self._farewell(guest)
        if farewell is None:
            response = self._frame.go(guest, "/")
        else:
            gone = Guest(guest.request, guest.visit, None, guest.fields)
            response = self._frame.show(gone, "signed-out.html", farewell=farewell)
        self._reception.cookies.forget(response, guest.request)
        return response

    async def _farewell(self, guest: Guest) -> str | None:
        try:
            return await self._reception.farewell(guest.person) if guest.person else None
        except IssuerUnavailable:
            return None  # he has signed out here in any case

    async def send_away(self, guest: Guest) -> Response:
        name = guest.request.path_params["name"]
        away = await self._reception.send_away(guest.request, guest.visit, name, guest.next_path)
        return self._frame.go(guest, away)

    async def take_back(self, guest: Guest) -> Response:
        name = guest.request.path_params["name"]
        answered = read_fields(guest.request.url.query.encode())
        visit, return_to = await self._reception.take_back(guest.request, guest.visit, name, answered)
        signed_in = Guest(guest.request, visit, self._reception.person(visit), {})
        return self._frame.go(signed_in, own_path(return_to))

    async def account(self, guest: Guest) -> Response:
        if guest.person is None:
            return self._frame.ask_to_sign_in(guest, "/account")
        if guest.person.must_change:
            return self._frame.go(guest, _PASSWORD_PAGE)
        session = guest.person.session
        return self._frame.show(
            guest,
            "account.html",
            sessions=self._reception.sessions.of(session.issuer, session.subject),
            granted=self._reception.server.entitlements.held_by(session.subject),
        )

    async def sign_out_everywhere(self, guest: Guest) -> Response:
        session = _signed_in(guest).session
        self._reception.sessions.end_all(session.issuer, session.subject)
        return await self.sign_out(guest)

    async def password_form(self, guest: Guest) -> Response:
        if guest.person is None:
            return self._frame.ask_to_sign_in(guest, _PASSWORD_PAGE)
        _own_account(guest.person)
        return self._show_password(guest)

    async def change_password(self, guest: Guest) -> Response:
        person = _signed_in(guest)
        account = _own_account(person)
        old, new, again = (guest.fields.get(name, "") for name in ("old", "new", "again"))
        try:
            if new != again:
                raise BadQuestion("the new password is not the same both times")
            await run_in_threadpool(
                self._accounts.change_password, account, old, new, address_of(guest.request), self._node_name
            )
        except NodeError as refusal:
            return self._show_password(guest, refusal)
        return self._frame.go(await run_in_threadpool(self._renewed, guest, person), "/account")

    async def second_factor_form(self, guest: Guest) -> Response:
        if guest.person is None:
            return self._frame.ask_to_sign_in(guest, "/account/second-factor")
        return self._show_second_factor(guest, _settled_account(guest.person), self._accounts.offer_totp())

    async def set_second_factor(self, guest: Guest) -> Response:
        person = _signed_in(guest)
        account = _settled_account(person)
        secret = self._offered(account, guest.fields.get("offer", ""))
        try:
            await self._confirm(guest, account)
            self._accounts.enable_totp(account, secret, guest.fields.get("code", ""))
            await run_in_threadpool(self._reception.note, person, "one-time codes set up")
        except (BadQuestion, NotAuthorised) as refusal:
            return self._show_second_factor(guest, account, secret, refusal)
        return self._frame.go(guest, "/account")

    async def end_second_factor(self, guest: Guest) -> Response:
        person = _signed_in(guest)
        account = _settled_account(person)
        await self._confirm(guest, account)
        self._accounts.disable_totp(account)
        await run_in_threadpool(self._reception.note, person, "one-time codes ended")
        return self._frame.go(guest, "/account")

    async def _confirm(self, guest: Guest, account: Account) -> None:
        """A session left open at a desk must not be enough.  Raises NotAuthorised: not the password."""
        await run_in_threadpool(
            self._accounts.confirm, account, guest.fields.get("password", ""), address_of(guest.request)
        )

    def _renewed(self, guest: Guest, person: Person) -> Guest:
        """All sessions have ended; this browser gets a new one."""
        account = self._accounts.find(person.session.subject)
        if account is None:
            raise NotAuthorised("this account is no longer here")
        who = SignedIn(account, person.session.methods)
        visit = self._reception.start(guest.request, guest.visit, who, "changed the password")
        return Guest(guest.request, visit, self._reception.person(visit), guest.fields)

    def _offered(self, account: Account, sealed: str) -> bytes:
        """The secret that the page before showed; its form carries it where only this node can read it.

        Raises BadQuestion: it was not shown to this person.
        """
        seal = self._reception.server.keyring.seal
        try:
            return seal.unseal(base64.urlsafe_b64decode(sealed), f"offer {account.subject}")
        except (BadInput, binascii.Error, ValueError):
            raise BadQuestion("this page is too old; begin again") from None

    def _show_sign_in(self, guest: Guest, refusal: NodeError | None = None) -> Response:
        return self._frame.show(
            guest,
            "sign-in.html",
            refusal.status if refusal else 200,
            refusal=refusal.message if refusal else "",
            name=guest.fields.get("name", ""),
            has_own_users=self._reception.has_own_users,
            providers=self._reception.providers,
        )

    def _show_password(self, guest: Guest, refusal: NodeError | None = None) -> Response:
        return self._frame.show(
            guest,
            "password.html",
            refusal.status if refusal else 200,
            refusal=refusal.message if refusal else "",
            shortest=SHORTEST,
        )

    def _show_second_factor(
        self, guest: Guest, account: Account, secret: bytes, refusal: NodeError | None = None
    ) -> Response:
        sealed = self._reception.server.keyring.seal.close(secret, f"offer {account.subject}")
        return self._frame.show(
            guest,
            "second-factor.html",
            refusal.status if refusal else 200,
            refusal=refusal.message if refusal else "",
            uri=provisioning_uri(secret, account.name, self._node_name),
            secret=readable(secret),
            offer=base64.urlsafe_b64encode(sealed).decode(),
        )


def _signed_in(guest: Guest) -> Person:
    """Raises NotAuthorised: nobody has."""
    if guest.person is None:
        raise NotAuthorised("this session has ended; sign in again")
    return guest.person


def _own_account(person: Person) -> Account:
    """Raises Forbidden: a person of another provider, who has no password here."""
    if person.account is None:
        raise Forbidden("your password and second factor are kept where you sign in, not here")
    return person.account


def _settled_account(person: Person) -> Account:
    """Raises Forbidden: as `_own_account`, or the password must be changed first."""
    account = _own_account(person)
    if account.must_change:
        raise Forbidden("choose a password of your own first, on the page /account/password")
    return account
