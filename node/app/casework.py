"""Cases over HTTP, for the doctors of this node and its own programs: each sees and changes his own.

A program shows a token in X-Auth-Token (`varhaven peer token`); a person signs in, and is a clinician here.
Bodies are JSON of that type, which no page of another site can send unasked.  Refusals are told as the
exchange tells them.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeVar

import orjson
from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import Response

from node.cases import Actor, Deposit, Status, Triage
from node.exchange import Exchange
from node.federation.network import Network
from schemas.errors import BadQuestion, UnsupportedMedia
from schemas.matching import Sharing
from schemas.mme import read_patient
from schemas.strict import Strict, validated

CASES: Final = "/cases"
_JSON: Final = "application/json"
_MOST: Final = 1_000  # patients in one request

Identify = Callable[[Request], Awaitable[tuple[Actor, bytes]]]
"""Who sends a request, and its body; raises NotAuthorised, Forbidden, TooLarge."""


_Model = TypeVar("_Model", bound=Strict)


class _Terms(Strict):
    """What is said of cases beside who they are; what is not said stays as it is."""

    sharing: Sharing | None = None
    team: str | None = Field(default=None, max_length=255)
    family: str | None = Field(default=None, max_length=255)
    notify: str | None = Field(default=None, max_length=255)

    def said(self) -> dict[str, Any]:
        told = self.model_dump(exclude={"document_schema"})
        return {name: value for name, value in told.items() if value is not None}


class _Deposited(_Terms):
    patients: list[dict[str, Any]] = Field(min_length=1, max_length=_MOST)


class _Change(_Terms):
    status: Status | None = None


class _Note(Strict):
    text: str = Field(min_length=1, max_length=4_000)


class _Judgement(Strict):
    state: Triage | None = None
    comment: str = Field(default="", max_length=4_000)


def create_cases_router(exchange: Exchange, identify: Identify, network: Callable[[], Network]) -> APIRouter:
    """`/cases` and what is below."""
    desk = _Casework(exchange, identify, network)
    router = APIRouter(tags=["cases"], prefix=CASES)
    for method, path, endpoint, summary in (
        ("GET", "", desk.listed, "Your cases"),
        ("POST", "", desk.deposit, "Deposit patients"),
        ("GET", "/{case_id}", desk.show, "One case, whole"),
        ("PATCH", "/{case_id}", desk.change, "Change what may leave of it, where it stands, who is told"),
        ("DELETE", "/{case_id}", desk.remove, "Delete it with all that came of it"),
        ("POST", "/{case_id}/notes", desk.note, "Write something beside it"),
        ("POST", "/{case_id}/match", desk.match, "Who resembles it, here and in the network"),
        ("GET", "/{case_id}/matches", desk.matches, "What came of matching it"),
        ("PATCH", "/{case_id}/matches/{number:int}", desk.triage, "Say what has become of a match"),
    ):
        router.add_api_route(path, endpoint, methods=[method], summary=summary, response_model=None)
    return router


@dataclass(frozen=True, slots=True)
class _Casework:
    """What each route does; whose a case is, the book knows."""

    exchange: Exchange
    identify: Identify
    network: Callable[[], Network]

    async def listed(self, request: Request) -> Response:
        actor, _ = await self.identify(request)
        return told([_line(one) for one in await asyncio.to_thread(self.exchange.book.cases, actor)])

    async def deposit(self, request: Request) -> Response:
        actor, asked = await self._asked(_Deposited, request)
        return told(await asyncio.to_thread(_deposit, self.exchange, actor, asked), 201)

    async def show(self, request: Request, case_id: str) -> Response:
        actor, _ = await self.identify(request)
        held = await asyncio.to_thread(self.exchange.book.find, actor, case_id)
        notes = await asyncio.to_thread(self.exchange.book.notes, actor, case_id)
        more = {"patient": held.patient.document(), "notes": [dataclasses.asdict(one) for one in notes]}
        return told({**_line(held), **more})

    async def change(self, request: Request, case_id: str) -> Response:
        actor, asked = await self._asked(_Change, request)
        change = partial(self.exchange.book.change, actor, case_id, **asked.said())
        return told(_line(await asyncio.to_thread(change)))

    async def remove(self, request: Request, case_id: str) -> Response:
        actor, _ = await self.identify(request)
        await asyncio.to_thread(self.exchange.book.remove, actor, case_id)
        return Response(status_code=204)

    async def note(self, request: Request, case_id: str) -> Response:
        actor, asked = await self._asked(_Note, request)
        await asyncio.to_thread(self.exchange.book.note, actor, case_id, asked.text)
        return Response(status_code=204)

    async def match(self, request: Request, case_id: str) -> Response:
        actor, _ = await self._asked(Strict, request)
        search = await self.exchange.finder.everywhere(self.network(), actor, case_id)
        return told(search.document)

    async def matches(self, request: Request, case_id: str) -> Response:
        actor, _ = await self.identify(request)
        found = await asyncio.to_thread(self.exchange.tracking.tracks, actor, case_id)
        return told([dataclasses.asdict(one) for one in found])

    async def triage(self, request: Request, case_id: str, number: int) -> Response:
        actor, asked = await self._asked(_Judgement, request)
        judge = self.exchange.tracking.triage
        await asyncio.to_thread(judge, actor, case_id, number, asked.state, asked.comment)
        return Response(status_code=204)

    async def _asked(self, model: type[_Model], request: Request) -> tuple[Actor, _Model]:
        return await asked_by(self.identify, model, request)


async def asked_by(identify: Identify, model: type[_Model], request: Request) -> tuple[Actor, _Model]:
    """Who asks, and what his body says; an empty one says nothing.

    Raises as `identify`; UnsupportedMedia, BadQuestion: the body is not of this model.
    """
    actor, body = await identify(request)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _JSON:
        raise UnsupportedMedia(f"the Content-Type must be {_JSON}")
    try:
        return actor, validated(model, body or b"{}")
    except ValueError as fault:
        raise BadQuestion(str(fault)) from None


def _deposit(exchange: Exchange, actor: Actor, asked: _Deposited) -> list[dict[str, Any]]:
    """His own from now on; consent as it is said, or was, or is usual here."""
    usual = exchange.contact.document()
    said = asked.said()
    said.pop("patients")
    sharing = said.pop("sharing", exchange.settings.matchmaker.sharing)
    deposits = [
        Deposit(read_patient({"contact": usual, **document}), sharing, actor.name, **said)
        for document in asked.patients
    ]
    if len({one.id for one in deposits}) < len(deposits):
        raise BadQuestion("the same id stands twice among these patients")
    restates = {one.id for one in deposits} if asked.sharing is not None else set()
    return [dataclasses.asdict(one) for one in exchange.book.add(actor, deposits, restates=restates)]


def _line(one: Deposit) -> Mapping[str, Any]:
    told = dataclasses.asdict(one)
    del told["patient"]
    return {"id": one.id, **told}


def told(document: Any, status: int = 200) -> Response:
    """A document that nobody keeps on the way."""
    body = orjson.dumps(document)
    return Response(body, status, headers={"cache-control": "no-store"}, media_type=_JSON)
