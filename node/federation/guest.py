"""Asking a Beacon somewhere as anybody could: by its address, without a signature and without trust.

What kind of server it is, is told by what it says of itself or by the person who asks; the question is then
spelled in its dialect (`dialects`), and its answer is read tolerantly (`foreign`).  A Beacon that echoes
other parameters than it was sent, or lists variants from elsewhere, did not understand the question: its
answer is no answer.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import urlencode, urljoin, urlsplit

import orjson

from node.federation.dialects import GENERIC, Dialect, Form, coordinates_of, recognise
from node.federation.foreign import Foreign, read_foreign
from node.federation.line import Line, Way
from node.federation.question import refused
from node.federation.reading import mapping, objects, text
from node.federation.sighting import read_sighting
from node.federation.transport import Reply, Silence
from schemas.beacon import Response
from schemas.errors import BadQuestion
from schemas.network import NodeAnswer, PeerState, outcome

MOST_BYTES: Final = 16_000_000  # that are read of one Beacon which a person asks alone
_MOST_PAGES: Final = 20
_MISJUDGED: Final = frozenset({PeerState.HTTP_ERROR, PeerState.BAD_RESPONSE})
_WORTH_ANOTHER_FORM: Final = frozenset(
    {PeerState.HIT, PeerState.NO_HIT, PeerState.HTTP_ERROR, PeerState.BAD_RESPONSE, PeerState.NOT_APPLICABLE}
)


@dataclass(frozen=True, slots=True)
class Heard:
    """What a Beacon answered, the dialect it was asked in, and what a person should know of the answer."""

    answer: NodeAnswer
    dialect: str
    notes: tuple[str, ...] = ()


async def ask_beacon(
    way: Way,
    url: str,
    body: bytes,
    *,
    path: str = "g_variants",
    dialect: Dialect | None = None,
) -> Heard:
    """What the Beacon whose API root is `url` answers to the canonical POST `body` at `path`.

    dialect: found out when None.  A Beacon that gives fewer records a page than were asked for is asked for
    the next pages, 20 at most.  `node` is the address asked, whatever the answer calls itself.

    Raises BadQuestion: `url` is not an http or https address.
    """
    question = orjson.loads(body)
    question["query"].get("requestParameters", {}).pop("within", None)  # other servers read it in the path
    visit = _Visit(way, beacon_root(url), question, path)
    began = time.perf_counter()
    spoken = dialect or await visit.find_dialect()
    found = await visit.ask(spoken)
    if dialect is None and found.state in _MISJUDGED:
        other = await visit.ask(GENERIC)
        if other.state.answered:
            found, spoken = other, GENERIC
    ms = (time.perf_counter() - began) * 1000
    return Heard(replace(found, ms=ms), spoken.name, tuple(visit.notes))


async def learn_paths(line: Line, url: str) -> frozenset[str] | None:
    """The paths of the entry types that the Beacon says it serves (`g_variants`); None: it does not say."""
    if line.known.paths is None:
        told = mapping(await _document(line, f"{url}/map"), "response", "endpointSets")
        roots = (text(mapping(one).get("rootUrl")) for one in told.values())
        found = frozenset(root.rstrip("/").rpartition("/")[2] for root in roots if root)
        line.known.paths = found or None
    return line.known.paths


async def learn_filters(line: Line, url: str) -> frozenset[str] | None:
    """The ids of the filters that the Beacon lists; None when it lists none."""
    if line.known.filters is None:
        document = await _document(line, f"{url}/filtering_terms")
        terms = objects(document, "response", "filteringTerms")
        line.known.filters = frozenset(text(one.get("id")) for one in terms) or None
    return line.known.filters


async def _document(line: Line, url: str) -> object:
    reply = await line.send("GET", url)
    if isinstance(reply, Silence) or reply.status != 200:
        return None
    try:
        return orjson.loads(reply.body)
    except orjson.JSONDecodeError:
        return None


def beacon_root(url: str) -> str:
    """The API root that `url` names, without a trailing slash.

    Raises BadQuestion: not an http or https address.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise BadQuestion(
            f"{url[:200]!r} is not the address of a Beacon, such as https://host.example/beacon"
        )
    return url.rstrip("/")


@dataclass
class _Visit:
    """One question to one Beacon.

    echoed: whether its last answer echoed the coordinates that were asked; None when it echoed nothing.
    notes gather as an ordered set.
    """

    way: Way
    root: str
    question: Mapping[str, Any]
    path: str
    notes: dict[str, None] = field(default_factory=dict)
    echoed: bool | None = None

    async def find_dialect(self) -> Dialect:
        """By what it says of itself; where that is nothing, by what its host says."""
        said = await self.said(f"{self.root}/service-info") + await self.said(f"{self.root}/info")
        return recognise(said or await self.said(urljoin(self.root, "/service-info")))

    async def said(self, url: str) -> str:
        reply = await self.way.send("GET", url)
        if isinstance(reply, Silence) or reply.status != 200:
            return ""
        return reply.body.decode("utf-8", errors="replace")

    async def ask(self, dialect: Dialect) -> NodeAnswer:
        """The first answer that can be believed; failing that, the likeliest, or why there is none."""
        doubtful: list[tuple[int, NodeAnswer]] = []
        for form in dialect.forms:
            answer, spoken = await self.ask_in(form)
            state = answer.state
            if state is PeerState.HIT and (dialect.trusted or self.echoed is not False):
                if self.echoed is None and not dialect.trusted:
                    self.note("it does not tell what it understood of the question")
                return await self.turn_pages(spoken, answer)
            if state is PeerState.NO_HIT and dialect.trusted:
                return answer
            doubtful.append((_likelihood(state, self.echoed), answer))
            if state not in _WORTH_ANOTHER_FORM:
                break
        likelihood, likeliest = max(doubtful, key=lambda pair: pair[0])
        if likelihood == _likelihood(PeerState.HIT, False):
            self.note("it does not tell what it understood: the hit may be to another question")
        return likeliest

    async def ask_in(self, form: Form) -> tuple[NodeAnswer, Form]:
        """The answer in one form, and the form in which it came: where POST is not taken, GET is tried."""
        self.echoed = None
        try:
            reply = await self.send(form, self.question)
            if isinstance(reply, Reply) and reply.status == 405 and not form.get:
                form = replace(form, get=True)
                self.note(
                    "asked by GET: the question stands in the address, which servers on the way may log"
                )
                reply = await self.send(form, self.question)
        except BadQuestion as fault:
            return self.ended(PeerState.NOT_APPLICABLE, fault.message), form
        if isinstance(reply, Silence):
            return self.ended(reply.state, reply.reason), form
        if reply.status != 200:
            return self.ended(*refused(reply)), form
        return self.read(reply.body), form

    def read(self, body: bytes) -> NodeAnswer:
        try:
            heard = read_foreign(body, self.path)
            self.refuse_other_answers(body, heard)
        except ValueError as fault:
            return self.ended(PeerState.BAD_RESPONSE, str(fault))
        for note in heard.notes:
            self.note(note)
        return self.ended(outcome(heard.response), response=heard.response)

    def refuse_other_answers(self, body: bytes, heard: Foreign) -> None:
        """Raises ValueError: what was answered is not what was asked."""
        variant = self.question["query"].get("requestParameters", {}).get("g_variant", {})
        asked = set(coordinates_of(variant))
        echo = mapping(orjson.loads(body), "meta", "receivedRequestSummary").get("requestParameters")
        if not asked:
            return
        if isinstance(echo, dict):
            self.echoed = bool(asked & set(_numbers(echo)))
        if echo and not self.echoed:
            raise ValueError("it echoes other parameters than it was asked: it did not read the question")
        reach = len(variant.get("referenceBases", "")) + 1
        for record in _records(heard.response):
            seen = read_sighting(record)
            if seen.first is None or seen.last is None:
                continue
            if seen.last < min(asked) - 1 or seen.first > max(asked) + reach:
                raise ValueError("it lists variants from elsewhere: it did not read the question")

    async def turn_pages(self, form: Form, answer: NodeAnswer) -> NodeAnswer:
        """The same answer with the records of further pages, where the server gives small ones."""
        response = answer.response
        assert response is not None  # noqa: S101  # a hit has one
        wanted = self.question["query"].get("pagination", {}).get("limit", 0)
        sets = {one["id"]: one for one in response.get("response", {}).get("resultSets", [])}
        size = max((len(one.get("results", ())) for one in sets.values()), default=0)
        seen = {_identity(record) for record in _records(response)}
        for page in range(1, _MOST_PAGES + 1):
            short = [
                one
                for one in sets.values()
                if len(one.get("results", ())) < min(wanted, one.get("resultsCount", 0))
            ]
            if not size or not short:
                return answer
            more, form = await self.page(form, page, size, seen)
            fresh = False
            for one in more.get("response", {}).get("resultSets", []) if more else []:
                kept = sets.get(one["id"])
                new = [r for r in one.get("results", []) if _identity(r) not in seen]
                if kept is not None and new:
                    kept["results"] = [*kept.get("results", []), *new][:wanted]
                    seen.update(map(_identity, new))
                    fresh = True
            if not fresh:
                break
        self.note("not every record could be had: the Beacon gives small pages")
        return answer

    async def page(self, form: Form, page: int, size: int, seen: set[bytes]) -> tuple[Response | None, Form]:
        """Another page, and the form in which pages are counted there."""
        answer = await self.page_once(form, page, size)
        if answer is None or form.skip_records or not any(_identity(r) in seen for r in _records(answer)):
            return answer, form
        form = replace(form, skip_records=True)
        self.note("it counts `skip` in records, not in pages")
        return await self.page_once(form, page, size), form

    async def page_once(self, form: Form, page: int, size: int) -> Response | None:
        pages = {"skip": page, "limit": size}
        question = {**self.question, "query": {**self.question["query"], "pagination": pages}}
        reply = await self.send(form, question)
        if isinstance(reply, Silence) or reply.status != 200:
            return None
        return self.read(reply.body).response

    async def send(self, form: Form, question: Mapping[str, Any]) -> Reply | Silence:
        """Raises BadQuestion: it cannot be asked in this form."""
        url = f"{self.root}/{self.path}"
        if form.get:
            return await self.way.send("GET", f"{url}?{urlencode(form.parameters(question), safe=':,')}")
        body = orjson.dumps(form.body(question))
        return await self.way.send("POST", url, body, {"content-type": "application/json"})

    def ended(self, state: PeerState, reason: str = "", response: Response | None = None) -> NodeAnswer:
        return NodeAnswer(self.root, "", state, 0.0, reason, response)

    def note(self, text: str) -> None:
        self.notes[text] = None


def _likelihood(state: PeerState, echoed: bool | None) -> int:
    """How far an answer that is not certain is to be believed, beside answers to other forms of the question.

    A "no" whose parameters came back was meant; a "yes" to no parameters at all may be about anything.
    """
    if state is PeerState.NO_HIT:
        return 3 if echoed else 1
    return 2 if state is PeerState.HIT else 0


def _numbers(document: Any) -> Iterator[int]:
    """Every whole number in a document, also those written as text."""
    if isinstance(document, dict):
        document = list(document.values())
    if isinstance(document, list):
        for item in document:
            yield from _numbers(item)
    elif isinstance(document, str):
        yield from (int(word) for word in document.split(",") if word.isascii() and word.isdecimal())
    elif isinstance(document, int):
        yield document


def _records(response: Response) -> list[Mapping[str, Any]]:
    sets = response.get("response", {}).get("resultSets", [])
    return [record for one in sets for record in one.get("results", [])]


def _identity(record: Mapping[str, Any]) -> bytes:
    return orjson.dumps(record, option=orjson.OPT_SORT_KEYS)
