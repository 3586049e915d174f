"""The routes of the page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Request, Response

from beacon.query import Asked
from node.access.forms import read_form
from node.access.sessions import Cookies
from node.report import Report, describe, read_report
from node.web.frame import HEADERS, Frame, Guest
from schemas import beacon as wire
from schemas.access import Granularity
from schemas.errors import Forbidden, NodeError, TooLarge
from schemas.genome import Assembly
from schemas.notation import read_question
from schemas.people import Dataset
from schemas.questions import SequenceQuery

_STYLE: Final = Path(__file__).parent / "page.css"
_MAX_FORM_BYTES: Final = 4096
_SHOWN_RECORDS: Final = 100

AskNetwork = Callable[[Request, Asked], Awaitable[wire.Response]]
"""Puts a question to this node and all its peers, in the name of the sender of a request."""


@dataclass(frozen=True, slots=True)
class _Shown:
    """What the page shows of one question: what was typed, how it was read, and what came of it."""

    text: str = ""
    assembly: str = ""
    understood: str = ""
    refusal: str = ""
    report: Report | None = None


def create_web(
    frame: Frame, datasets: Callable[[], tuple[Dataset, ...]], ask_network: AskNetwork
) -> APIRouter:
    """`/`: the page; `/page.css`: its style."""
    router = APIRouter(include_in_schema=False)
    style = _STYLE.read_bytes()
    cookies = frame.reception.cookies

    def render(request: Request, shown: _Shown, status: int = 200) -> Response:
        visit = cookies.read(request)
        guest = Guest(request, visit, frame.reception.person(visit), {})
        held = datasets()
        chosen = shown.assembly or next((dataset.assembly for dataset in held), "")
        response = frame.show(
            guest, "page.html", status, datasets=held, assemblies=list(Assembly), chosen=chosen, shown=shown
        )
        if guest.person is None and cookies.has_session(request):
            cookies.forget(response, request)  # it has ended; the page says that nobody is signed in
        return response

    @router.get("/")
    async def start(request: Request) -> Response:
        return render(request, _Shown())

    @router.post("/")
    async def question(request: Request) -> Response:
        text = assembly = ""
        try:
            fields = await read_form(request, _MAX_FORM_BYTES)
            text, assembly = fields.get("question", "").strip(), fields.get("assembly", "")
            _refuse_foreign(cookies, request, fields)
            asked_of = read_question(text, Assembly.read(assembly) if assembly else None)
            response = await ask_network(request, Asked.of(asked_of, Granularity.RECORD, _SHOWN_RECORDS))
        except TooLarge:
            return render(request, _Shown(refusal="that is too long for a question"), 413)
        except NodeError as refusal:
            return render(request, _Shown(text, assembly, refusal=refusal.message), refusal.status)
        report = read_report(response, one_allele=isinstance(asked_of, SequenceQuery))
        return render(request, _Shown(text, assembly, describe(asked_of), report=report))

    @router.get("/page.css")
    async def stylesheet() -> Response:
        return Response(style, media_type="text/css", headers=HEADERS)

    return router


def _refuse_foreign(cookies: Cookies, request: Request, fields: Mapping[str, str]) -> None:
    """Nobody else may ask in the name of who has signed in; anybody may ask in nobody's.

    Raises Forbidden: a form that is not of this page, with a session.
    """
    own = cookies.is_own_form(cookies.read(request), fields.get("form", ""))
    if cookies.has_session(request) and not own:
        raise Forbidden("this form is not one of this page, or is too old; ask again")
