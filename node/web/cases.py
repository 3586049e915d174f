"""`/casework`: a clinician's own cases, what each may tell, who resembles it, and what has become of that.

Whose a case is, the book knows; a case of somebody else is as if it were not there.  A page of a case has a
name of its own, which is a digest, so that no id stands in an address.  What other nodes told is shown once
and not kept, but for what is needed to write to them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from node.cases import Actor, CaseBook, Deposit, Status, Track, Tracking, Triage, read_cases_in
from node.cases.book import digest_of
from node.web.frame import Frame, Guest, Handler
from schemas.errors import BadInput, BadQuestion, NodeError, NotFound
from schemas.matching import Sharing
from schemas.mme import Contact

_PATH: Final = "/casework"
_MOST_BYTES: Final = 2_000_000
_FILE: Final = "what you gave"
_LONGEST: Final = 255
_LEVELS: Final = {
    Sharing.NOTHING: "nothing",
    Sharing.PHENOTYPE: "features, sex, onset, inheritance",
    Sharing.GENE: "also candidate genes by name, and diagnoses",
    Sharing.VARIANT: "also variants and zygosity; needs explicit consent",
}
_TRIAGE: Final = {
    Triage.NEW: "new",
    Triage.CONTACTED_BY_US: "we wrote to them",
    Triage.CONTACTED_BY_THEM: "they wrote to us",
    Triage.IRRELEVANT: "irrelevant",
    Triage.FLAGGED: "flagged",
    Triage.SOLVED: "solved",
}
_STATES: Final = {
    "hit": "found somebody",
    "no_hit": "found nobody",
    "suppressed": "may not say",
    "denied": "does not let this node ask",
    "not_applicable": "cannot answer such a question",
    "timeout": "did not answer in time",
    "unreachable": "cannot be reached",
    "tls_error": "could not be trusted (TLS)",
    "http_error": "answered with an error",
    "bad_response": "answered what cannot be read",
    "too_large": "answered too much",
    "circuit_open": "failed before, and is left alone for a while",
    "suspended": "is suspended here",
    "rate_limited": "was asked too often",
}

_Choice = TypeVar("_Choice")
Whose = Callable[[Request], Awaitable[Actor]]
"""Who comes with a browser, as cases know him; raises NotAuthorised, Forbidden."""
Ask = Callable[[Actor, str], Awaitable[Mapping[str, Any]]]
"""Who resembles a case, here and in the network; raises NodeError."""


@dataclass(frozen=True, slots=True)
class Files:
    """What the pages work on.  sharing: how much of a case may leave when nobody says otherwise."""

    book: CaseBook
    tracking: Tracking
    contact: Contact
    sharing: Sharing


def create_case_pages(frame: Frame, files: Files, whose: Whose, ask: Ask) -> APIRouter:
    router = APIRouter(include_in_schema=False)
    pages = _Pages(frame, files, whose, ask)
    for method, path, handler, most_bytes in (
        ("GET", _PATH, pages.listed, 0),
        ("POST", _PATH, pages.deposit, _MOST_BYTES),
        ("GET", f"{_PATH}/{{name}}", pages.show, 0),
        ("POST", f"{_PATH}/{{name}}", pages.change, 0),
        ("POST", f"{_PATH}/{{name}}/notes", pages.note, 0),
        ("POST", f"{_PATH}/{{name}}/match", pages.match, 0),
        ("POST", f"{_PATH}/{{name}}/matches/{{number:int}}", pages.triage, 0),
        ("POST", f"{_PATH}/{{name}}/remove", pages.remove, 0),
    ):
        endpoint = _endpoint(frame, handler, most_bytes)
        router.add_api_route(path, endpoint, methods=[method], response_model=None)
    return router


def _endpoint(frame: Frame, handler: Handler, most_bytes: int) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        return await frame.serve(request, handler, most_bytes)

    return endpoint


class _Pages:
    def __init__(self, frame: Frame, files: Files, whose: Whose, ask: Ask) -> None:
        self._frame = frame
        self._files = files
        self._book = files.book
        self._whose = whose
        self._ask = ask

    async def listed(self, guest: Guest) -> Response:
        if guest.person is None:
            return self._frame.ask_to_sign_in(guest, _PATH)
        if guest.person.must_change:
            return self._frame.go(guest, "/account/password")
        return await self._list(guest, await self._whose(guest.request))

    async def _list(self, guest: Guest, actor: Actor, faults: Iterable[str] = ()) -> Response:
        told = list(faults)
        return self._frame.show(
            guest,
            "cases.html",
            422 if told else 200,
            cases=[(one, _name(one)) for one in await run_in_threadpool(self._book.cases, actor)],
            faults=told,
            typed=guest.fields,
            levels=_LEVELS,
            usual=self._files.sharing,
        )

    async def deposit(self, guest: Guest) -> Response:
        actor = await self._whose(guest.request)
        try:
            added = await run_in_threadpool(self._deposit, actor, guest.fields)
        except NodeError as refusal:
            return await self._list(guest, actor, _faults(refusal))
        where = f"{_PATH}/{_name_of(added[0])}" if len(added) == 1 else _PATH
        return self._frame.go(guest, where)

    def _deposit(self, actor: Actor, fields: Mapping[str, str]) -> list[str]:
        """The ids of what was kept."""
        text = fields.get("file", "").strip() or fields.get("text", "").strip()
        if not text:
            raise BadQuestion("choose a file, or put a patient into the box")
        said = _one_of(Sharing, fields.get("sharing", ""))
        team, family, notify = (
            fields.get(name, "").strip()[:_LONGEST] for name in ("team", "family", "notify")
        )
        deposits = [
            Deposit(
                one.patient,
                said or one.sharing or self._files.sharing,
                actor.name,
                team=team,
                family=family,
                notify=notify,
            )
            for one in read_cases_in(text.encode(), _FILE, self._files.contact)
        ]
        restates = {one.id for one in deposits} if said else set()
        return [one.id for one in self._book.add(actor, deposits, restates=restates)]

    async def show(self, guest: Guest) -> Response:
        if guest.person is None:
            return self._frame.ask_to_sign_in(guest, _PATH)
        return await self._show(guest, *await self._own(guest))

    async def _show(
        self, guest: Guest, actor: Actor, case: Deposit, document: Mapping[str, Any] | None = None
    ) -> Response:
        """document: the answer of the network, when it was asked."""
        tracks = await run_in_threadpool(self._files.tracking.tracks, actor, case.id)
        shown = None if document is None else _Answer(document, tracks)
        return self._frame.show(
            guest,
            "case.html",
            case=case,
            name=_name(case),
            patient=case.patient.document(),
            notes=await run_in_threadpool(self._book.notes, actor, case.id),
            tracks=tracks,
            answer=shown,
            levels=_LEVELS,
            statuses=list(Status),
            triage=_TRIAGE,
        )

    async def change(self, guest: Guest) -> Response:
        actor, case = await self._own(guest)
        changes: dict[str, Any] = {}
        if sharing := _one_of(Sharing, guest.fields.get("sharing", "")):
            changes["sharing"] = sharing
        if status := _one_of(Status, guest.fields.get("status", "")):
            changes["status"] = status
        await run_in_threadpool(lambda: self._book.change(actor, case.id, **changes))
        return self._frame.go(guest, f"{_PATH}/{_name(case)}")

    async def note(self, guest: Guest) -> Response:
        actor, case = await self._own(guest)
        if text := guest.fields.get("text", "").strip():
            await run_in_threadpool(self._book.note, actor, case.id, text)
        return self._frame.go(guest, f"{_PATH}/{_name(case)}")

    async def match(self, guest: Guest) -> Response:
        actor, case = await self._own(guest)
        document = await self._ask(actor, case.id)
        return await self._show(guest, actor, case, document)

    async def triage(self, guest: Guest) -> Response:
        actor, case = await self._own(guest)
        number = int(guest.request.path_params["number"])
        state = _one_of(Triage, guest.fields.get("state", ""))
        comment = guest.fields.get("comment", "").strip()
        await run_in_threadpool(self._files.tracking.triage, actor, case.id, number, state, comment)
        return self._frame.go(guest, f"{_PATH}/{_name(case)}#match-{number}")

    async def remove(self, guest: Guest) -> Response:
        actor, case = await self._own(guest)
        if guest.fields.get("sure") != "yes":
            raise BadQuestion("tick the box that says so, and the case is deleted")
        await run_in_threadpool(self._book.remove, actor, case.id)
        return self._frame.go(guest, _PATH)

    async def _own(self, guest: Guest) -> tuple[Actor, Deposit]:
        """Who comes, and the case of his that the page is about.  Raises NotFound: none of his."""
        actor = await self._whose(guest.request)
        wanted = guest.request.path_params["name"]
        for one in await run_in_threadpool(self._book.cases, actor):
            if _name(one) == wanted:
                return actor, one
        raise NotFound("there is no such case of yours")


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a page shows of an answer of the network."""

    document: Mapping[str, Any]
    tracks: Iterable[Track]

    @property
    def results(self) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = self.document["results"]
        return found

    @property
    def nodes(self) -> list[Mapping[str, Any]]:
        return [
            {**line, "meaning": _STATES.get(line["state"], line["state"])} for line in self.document["nodes"]
        ]

    def notices(self, result: Mapping[str, Any]) -> list[str]:
        """The disclaimers and terms of the nodes that told of a patient."""
        through = {one["node"] for one in result["_nodes"]}
        lines = (line for line in self.document["nodes"] if line["node"] in through)
        return [line[part] for line in lines for part in ("disclaimer", "terms") if part in line]

    def track(self, result: Mapping[str, Any]) -> Track | None:
        """The same match as it is remembered; None of a made-up patient."""
        seen = {(one.node, one.patient_id): one for one in self.tracks}
        places = ((one["node"], result["patient"]["id"]) for one in result["_nodes"])
        return next((seen[place] for place in places if place in seen), None)


def _name(case: Deposit) -> str:
    return _name_of(case.id)


def _name_of(case_id: str) -> str:
    return digest_of(case_id).hex()[:20]


def _one_of(kind: Callable[[str], _Choice], text: str) -> _Choice | None:
    """The choice a form made, None when it made none.  Raises BadQuestion: one there is not."""
    if not text:
        return None
    try:
        return kind(text)
    except ValueError:
        raise BadQuestion("that is none of the choices") from None


def _faults(refusal: NodeError) -> list[str]:
    """What is wrong, one thing a line: where, and what."""
    if not isinstance(refusal, BadInput):
        return [refusal.message]
    where = str(refusal.place).removeprefix(_FILE).removeprefix(", ")
    place = f"{where}: " if where else ""
    return [f"{place}{one}" for one in refusal.problem.split("; ")]
