"""The routes of the page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs

from fastapi import APIRouter, Request, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from beacon.query import Asked
from node.report import Report, describe, read_report
from schemas import beacon as wire
from schemas.access import Granularity
from schemas.errors import NodeError
from schemas.ga4gh import NodeIdentity
from schemas.genome import Assembly
from schemas.notation import read_question
from schemas.people import Dataset
from schemas.questions import SequenceQuery

_HERE: Final = Path(__file__).parent
_MAX_FORM_BYTES: Final = 4096
_SHOWN_RECORDS: Final = 100
_HEADERS: Final = {
    "content-security-policy": "default-src 'none'; style-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}

AskNetwork = Callable[[Asked], Awaitable[wire.Response]]
"""Puts a question to this node and all its peers."""


@dataclass(frozen=True, slots=True)
class _Shown:
    """What the page shows of one question: what was typed, how it was read, and what came of it."""

    text: str = ""
    assembly: str = ""
    understood: str = ""
    refusal: str = ""
    report: Report | None = None


def create_web(
    identity: NodeIdentity, datasets: Callable[[], tuple[Dataset, ...]], ask_network: AskNetwork
) -> APIRouter:
    """`/`: the page; `/page.css`: its style."""
    router = APIRouter(include_in_schema=False)
    templates = Environment(loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined)
    page = templates.get_template("page.html")
    style = (_HERE / "page.css").read_bytes()

    def render(shown: _Shown, status: int = 200) -> Response:
        held = datasets()
        chosen = shown.assembly or next((dataset.assembly for dataset in held), "")
        html = page.render(
            node=identity, datasets=held, assemblies=list(Assembly), chosen=chosen, shown=shown
        )
        return Response(html, status, media_type="text/html", headers=_HEADERS)

    @router.get("/")
    async def start() -> Response:
        return render(_Shown())

    @router.post("/")
    async def question(request: Request) -> Response:
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > _MAX_FORM_BYTES:
                return render(_Shown(refusal="that is too long for a question"), 413)
        form = parse_qs(body.decode("utf-8", errors="replace"))
        text, assembly = form.get("question", [""])[0].strip(), form.get("assembly", [""])[0]
        try:
            asked_of = read_question(text, Assembly.read(assembly) if assembly else None)
            response = await ask_network(Asked.of(asked_of, Granularity.RECORD, _SHOWN_RECORDS))
        except NodeError as refusal:
            return render(_Shown(text, assembly, refusal=refusal.message), refusal.status)
        report = read_report(response, one_allele=isinstance(asked_of, SequenceQuery))
        return render(_Shown(text, assembly, describe(asked_of), report=report))

    @router.get("/page.css")
    async def stylesheet() -> Response:
        return Response(style, media_type="text/css", headers=_HEADERS)

    return router
