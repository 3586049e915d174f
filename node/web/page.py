"""The routes of the page."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from beacon.query import Asked
from node import stream
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
from schemas.questions import SequenceQuery, Single

_STYLE: Final = Path(__file__).parent / "page.css"
_SCRIPT: Final = Path(__file__).parent / "page.js"
_MAX_FORM_BYTES: Final = 4096
_SHOWN_RECORDS: Final = 100


class Happening(Protocol):
    """See `node.app.inquiry.Event`."""

    @property
    def name(self) -> str: ...
    @property
    def document(self) -> Mapping[str, Any]: ...
    @property
    def response(self) -> wire.Response | None: ...


class Inquiry(Protocol):
    """A question to the whole network: see `node.app.inquiry`."""

    async def merged(self) -> wire.Response: ...
    def events(self) -> AsyncGenerator[Happening, None]: ...


Inquire = Callable[[Request, Asked], Awaitable[Inquiry]]
"""Makes a question to this node and all its peers ready, in the name of the sender of a request."""


@dataclass(frozen=True, slots=True)
class _Shown:
    """What the page shows of one question: what was typed, how it was read, and what came of it.

    waiting: names of the nodes that have not answered yet, by id.
    """

    text: str = ""
    assembly: str = ""
    understood: str = ""
    refusal: str = ""
    report: Report | None = None
    waiting: Mapping[str, str] = field(default_factory=dict)


def create_web(frame: Frame, datasets: Callable[[], tuple[Dataset, ...]], inquire: Inquire) -> APIRouter:
    """`/`: the page; `/page.css`, `/page.js`: its style, and what shows answers as they arrive."""
    router = APIRouter(include_in_schema=False)
    cookies = frame.reception.cookies

    def render(request: Request, shown: _Shown, status: int = 200) -> Response:
        visit = cookies.read(request)
        guest = Guest(request, visit, frame.reception.person(visit), {})
        held = datasets()
        chosen = shown.assembly or next((dataset.assembly for dataset in held), "")
        response = frame.show(
            guest,
            "page.html",
            status,
            script=True,
            datasets=held,
            assemblies=list(Assembly),
            chosen=chosen,
            shown=shown,
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
            inquiry = await inquire(request, Asked.of(asked_of, Granularity.RECORD, _SHOWN_RECORDS))
            if stream.MEDIA_TYPE in request.headers.get("accept", ""):
                events = _told(frame, inquiry, asked_of)
                return StreamingResponse(events, headers=stream.HEADERS, media_type=stream.MEDIA_TYPE)
            response = await inquiry.merged()
        except TooLarge:
            return render(request, _Shown(refusal="that is too long for a question"), 413)
        except NodeError as refusal:
            return render(request, _Shown(text, assembly, refusal=refusal.message), refusal.status)
        report = read_report(response, one_allele=isinstance(asked_of, SequenceQuery))
        return render(request, _Shown(text, assembly, describe(asked_of), report=report))

    _add_files(router)
    return router


def _add_files(router: APIRouter) -> None:
    style, code = _STYLE.read_bytes(), _SCRIPT.read_bytes()

    @router.get("/page.css")
    async def stylesheet() -> Response:
        return Response(style, media_type="text/css", headers=HEADERS)

    @router.get("/page.js")
    async def script() -> Response:
        return Response(code, media_type="text/javascript", headers=HEADERS)


async def _told(frame: Frame, inquiry: Inquiry, question: Single) -> AsyncGenerator[bytes, None]:
    """The events of a question, as parts of the page."""
    understood, one_allele = describe(question), isinstance(question, SequenceQuery)
    async with aclosing(inquiry.events()) as events, aclosing(stream.kept_alive(events)) as told:
        async for event in told:
            if event is None:
                yield stream.STILL_HERE
                continue
            report = read_report(event.response, one_allele) if event.response else Report((), exact=False)
            if event.name == "peer":
                html = frame.part("rows.html", lines=report.lines)
            else:
                waiting = {one["node"]: one["name"] or one["node"] for one in event.document.get("nodes", ())}
                shown = _Shown(understood=understood, report=report, waiting=waiting)
                html = frame.part("answer.html", shown=shown)
            yield stream.written(event.name, {"html": html})


def _refuse_foreign(cookies: Cookies, request: Request, fields: Mapping[str, str]) -> None:
    """Nobody else may ask in the name of who has signed in; anybody may ask in nobody's.

    Raises Forbidden: a form that is not of this page, with a session.
    """
    own = cookies.is_own_form(cookies.read(request), fields.get("form", ""))
    if cookies.has_session(request) and not own:
        raise Forbidden("this form is not one of this page, or is too old; ask again")
