"""What cannot be answered is refused, in Beacon's envelope and with a status that says whose fault it is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

from node.verify import shapes
from node.verify.check import FRAMEWORK, PROSE, Check, Fault, Severity
from node.verify.orient import World
from node.verify.skipping import SkipCheck
from node.verify.visit import Exchange
from schemas.genome import Assembly, Contig

_ORIGIN: Final = "https://elsewhere.example"


async def bad_questions(world: World) -> AsyncIterator[Fault]:
    for text, exchange in await _bad(world):
        if exchange.status == 200:
            yield Fault(f"{text} is answered, not refused", exchange)


async def bad_statuses(world: World) -> AsyncIterator[Fault]:
    for text, exchange in await _bad(world):
        if exchange.status not in (200, 400, 401, 403, 413, 415, 422):
            yield Fault(f"{exchange.told} to {text}", exchange)


async def envelopes(world: World) -> AsyncIterator[Fault]:
    for text, exchange in await _bad(world):
        if not 400 <= exchange.status < 500:
            continue
        for misfit in list(shapes.misfits(exchange.document, shapes.ERROR))[:3]:
            yield Fault(f"{text}: {misfit}", exchange)
        code = exchange.answer.get("error", {})
        if isinstance(code, dict) and code.get("errorCode") not in (exchange.status, None):
            yield Fault(f"{text}: errorCode {code.get('errorCode')} with {exchange.told}", exchange)


async def nowhere(world: World) -> AsyncIterator[Fault]:
    exchange = await world.visit.get(f"{world.root}/no-such-path")
    if exchange.status != 404:
        yield Fault(f"{exchange.told} for a path that is not served", exchange)
    elif "error" not in exchange.answer:
        yield Fault("a path that is not served is not told in Beacon's envelope", exchange)


async def other_methods(world: World) -> AsyncIterator[Fault]:
    exchange = await world.visit.send("DELETE", world.variants_url)
    if exchange.status not in (401, 403, 404, 405, 501):
        yield Fault(f"{exchange.told} to DELETE", exchange)


async def tokens(world: World) -> AsyncIterator[Fault]:
    exchange = await world.ask(world.held().sequence(), headers={"authorization": "Bearer not-a-token"})
    if exchange.exists is not None:
        yield Fault("a token that is not valid is taken for no token at all", exchange)


async def browsers(world: World) -> AsyncIterator[Fault]:
    exchange = await world.visit.send("GET", f"{world.root}/info", headers={"origin": _ORIGIN})
    allowed = exchange.headers.get("access-control-allow-origin", "")
    credentials = exchange.headers.get("access-control-allow-credentials", "").lower() == "true"
    if credentials and allowed in ("*", _ORIGIN):
        yield Fault("any web page may ask with the credentials of whoever looks at it", exchange)


async def caching(world: World) -> AsyncIterator[Fault]:
    for post in (False, True):
        exchange = await world.ask(world.held().sequence(), "boolean", post=post)
        told = exchange.headers.get("cache-control", "").lower()
        if exchange.status == 200 and ("public" in told or "s-maxage" in told):
            yield Fault(f"answers may be kept by anybody on the way: Cache-Control: {told}", exchange)


async def encrypted(world: World) -> AsyncIterator[Fault]:
    if world.root.startswith("https:"):
        return
    if world.root.startswith(("http://127.", "http://localhost", "http://[::1]")):
        raise SkipCheck("it is asked on this machine")
    exchange = await world.visit.get(f"{world.root}/info")
    yield Fault("questions and answers travel unencrypted", exchange)


async def _bad(world: World) -> list[tuple[str, Exchange]]:
    """Questions that nobody can answer, each with what is wrong about it."""
    known = world.probe
    contig = known.contig if known else Contig.numbered(20, Assembly.GRCH38)
    variant: dict[str, Any] = {
        "assemblyId": contig.assembly.value,
        "referenceName": contig,
        "start": [known.interval.start if known else 1_000],
        "referenceBases": known.reference if known else "A",
        "alternateBases": known.alternate if known else "G",
    }
    url = world.variants_url
    bodies = (
        ("a body that is not JSON", b'{"meta": {"apiVersion":'),
        ("a body that is a list", b'["v2.0.0"]'),
    )
    asked = [(text, await world.visit.post(url, body)) for text, body in bodies if world.manner.post]
    for text, changed in (
        ("a negative start", {"start": [-5]}),
        ("a start that is no number", {"start": ["abc"]}),
        ("bases that are none", {"alternateBases": "Q!"}),
        ("a position beyond the end of the contig", {"start": [contig.length_bp + 5_000_000]}),
    ):
        asked.append((text, await world.ask({**variant, **changed}, "boolean")))
    settings: tuple[tuple[str, dict[str, Any]], ...] = (
        ("a granularity that does not exist", {"granularity": "everything"}),
        ("an includeResultsetResponses that does not exist", {"includeResultsetResponses": "SOME"}),
        ("a negative skip", {"pagination": {"skip": -1, "limit": 1}}),
        ("a negative limit", {"pagination": {"skip": 0, "limit": -1}}),
        ("a limit that is no number", {"pagination": {"skip": 0, "limit": "many"}}),
    )
    for text, query in settings:
        asked.append((text, await world.ask(variant, **{"granularity": "boolean", **query})))
    return asked


_E, _W = Severity.ERROR, Severity.WARNING
_ERRORS: Final = f"{FRAMEWORK}/responses/beaconErrorResponse.json"
_BEARER: Final = "https://www.rfc-editor.org/rfc/rfc6750#section-3.1"
_CORS: Final = "https://fetch.spec.whatwg.org/#cors-protocol-and-credentials"
_CACHE: Final = "https://www.rfc-editor.org/rfc/rfc9111#section-5.2.2"
_TABLE: Final[tuple[tuple[str, str, str, Severity, Any], ...]] = (
    ("refusals.refused", "A question that cannot be is refused", _ERRORS, _E, bad_questions),
    ("refusals.status", "A bad question is the asker's fault: 4xx", _ERRORS, _E, bad_statuses),
    (
        "refusals.envelope",
        "A refusal has Beacon's envelope, and its status as errorCode",
        _ERRORS,
        _E,
        envelopes,
    ),
    ("refusals.nowhere", "A path that is not served is 404, in the envelope", _ERRORS, _W, nowhere),
    ("refusals.methods", "Other methods are refused", _ERRORS, _W, other_methods),
    ("http.token", "A token that is not valid is refused", _BEARER, _W, tokens),
    ("http.browsers", "No page from elsewhere may ask with a person's credentials", _CORS, _E, browsers),
    ("http.caching", "Answers are not kept on the way", _CACHE, _W, caching),
    ("http.encrypted", "Questions travel encrypted", PROSE, _W, encrypted),
)
REFUSALS: Final = tuple(Check(*line) for line in _TABLE)
