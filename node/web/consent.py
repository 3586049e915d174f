"""`/oauth/authorize`: the page on which a person allows a program to ask in his name, or does not.

People are always asked: a program that was allowed once must not be able to come back unseen.

Spec: RFC 6749 §4.1, RFC 9700 §4.11 and §4.16 (open redirection, clickjacking).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode, urlsplit

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from node.access.channel import refuse_open
from node.access.forms import read_fields
from node.access.server.embedded import ConsentQuestion
from node.access.server.protocol import Answer
from node.web.frame import HEADERS, Frame, Guest
from schemas.errors import Forbidden

_PATH: Final = "/oauth/authorize"
_JUST_NOW_S: Final = 60
_MEANINGS: Final = {
    "openid": "know that it is you",
    "profile": "know your name",
    "offline_access": "go on without asking you again for up to 30 days",
    "ga4gh_passport_v1": "show what you were granted: your standing and your access to datasets",
    "beacon:query": "ask about variants and people in your name",
    "mme:match": "look for similar patients in your name",
}


def create_consent_page(frame: Frame) -> APIRouter:
    router = APIRouter(include_in_schema=False)
    page = _Consent(frame)

    @router.get(_PATH)
    async def ask(request: Request) -> Response:
        return await frame.serve(request, page.ask)

    @router.post(_PATH)
    async def decide(request: Request) -> Response:
        return await frame.serve(request, page.decide)

    return router


class _Consent:
    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._server = frame.reception.server

    async def ask(self, guest: Guest) -> Response:
        refuse_open(guest.request)
        query = guest.request.url.query
        fields = read_fields(query.encode())
        asked = await run_in_threadpool(self._server.asked_for, fields)
        if isinstance(asked, Answer):
            return _redirected(asked)
        if guest.person is None or self._is_stale(guest, fields):
            return self._frame.ask_to_sign_in(guest, f"{_PATH}?{query}")
        if guest.person.must_change:
            return self._frame.go(guest, "/account/password")
        _vouched(guest)
        return self._frame.show(
            guest,
            "consent.html",
            form_targets=_origin(asked.redirect_uri),
            asked=asked,
            meanings=[_MEANINGS[scope] for scope in asked.scopes],
            request=query,
        )

    async def decide(self, guest: Guest) -> Response:
        refuse_open(guest.request)
        fields = read_fields(guest.fields.get("request", "").encode())
        asked = await run_in_threadpool(self._server.asked_for, fields)
        if not isinstance(asked, ConsentQuestion):
            return _redirected(asked)
        signed_in_s = _vouched(guest)
        if guest.person is None or guest.person.signed_in is None or guest.person.must_change:
            return self._frame.ask_to_sign_in(guest, f"{_PATH}?{urlencode(fields)}")
        allowed = guest.fields.get("decision") == "allow"
        who = guest.person.signed_in
        deed = "allowed a program" if allowed else "did not allow a program"
        await run_in_threadpool(self._frame.reception.note, guest.person, deed)
        return _redirected(
            await run_in_threadpool(self._server.decide, fields, who, signed_in_s, allowed=allowed)
        )

    def _is_stale(self, guest: Guest, fields: Mapping[str, str]) -> bool:
        """Whether the program wants a newer proof than this session (OpenID Connect Core §3.1.2.1)."""
        if guest.person is None:
            return True
        age_s = self._server.clock() - guest.person.session.signed_in_s
        if "login" in fields.get("prompt", "").split() and age_s > _JUST_NOW_S:
            return True
        most = fields.get("max_age", "")
        return most.isdecimal() and age_s > max(int(most[:9]), _JUST_NOW_S)


def _vouched(guest: Guest) -> float:
    """When this person signed in; 0 when nobody has.  Raises Forbidden: he did so elsewhere."""
    if guest.person is None:
        return 0.0
    if guest.person.account is None:
        raise Forbidden(
            "programs are given access by users of this node; you have signed in at another provider, "
            "which gives programs its own tokens"
        )
    return guest.person.session.signed_in_s


def _redirected(answer: Answer) -> Response:
    """To the program; its address was registered, and the code in it is nobody else's business."""
    return Response(None, answer.status, HEADERS | dict(answer.headers))


def _origin(uri: str) -> str:
    """As a content security policy names it: browsers hold the way back of a form to it, too."""
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else f"{parts.scheme}:"
