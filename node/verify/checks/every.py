"""What must be so in every answer that was had, whatever was asked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

from node.verify import shapes
from node.verify.check import FRAMEWORK, PROSE, Check, Fault, Severity
from node.verify.orient import World
from node.verify.skipping import SkipCheck
from node.verify.visit import Exchange

_MOST: Final = 5  # faults of one kind; the first tell enough
_INNARDS: Final = (
    "Traceback (most recent call",
    'File "/',
    "pymongo",
    "sqlalchemy",
    "java.lang.",
    "at org.springframework",
    "SELECT ",
    "stack trace",
)


async def envelope(world: World) -> AsyncIterator[Fault]:
    for exchange in _distinct(_answers(world), lambda e: list(shapes.misfits(e.document, shapes.ANSWER))):
        misfit = next(shapes.misfits(exchange.document, shapes.ANSWER))
        yield Fault(misfit, exchange)


async def leaks(world: World) -> AsyncIterator[Fault]:
    """No answer holds more than the granularity that it names."""
    for exchange in _distinct(_answers(world), _leaks):
        for leak in _leaks(exchange):
            yield Fault(leak, exchange)


async def agreement(world: World) -> AsyncIterator[Fault]:
    for exchange in _distinct(_answers(world), _contradictions):
        for contradiction in _contradictions(exchange):
            yield Fault(contradiction, exchange)


async def no_failures(world: World) -> AsyncIterator[Fault]:
    failed = [e for e in world.visit.transcript if e.status >= 500 and e.status != 501]
    for exchange in failed[:_MOST]:
        yield Fault(exchange.told, exchange)
    for exchange in [e for e in world.visit.transcript if not e.status][:_MOST]:
        yield Fault(exchange.told, exchange)


async def nothing_of_the_inside(world: World) -> AsyncIterator[Fault]:
    def shown(exchange: Exchange) -> list[str]:
        text = exchange.raw.decode("utf-8", errors="replace") if exchange.status >= 400 else ""
        return [word for word in _INNARDS if word in text]

    for exchange in _distinct(world.visit.transcript, shown):
        yield Fault(f"an error shows the inside of the server: {shown(exchange)[0]!r}", exchange)


async def media_types(world: World) -> AsyncIterator[Fault]:
    def wrong(exchange: Exchange) -> list[str]:
        told = exchange.headers.get("content-type", "").partition(";")[0].strip().lower()
        fine = exchange.document is None or told == "application/json" or told.endswith("+json")
        return [] if fine else [told]

    for exchange in _distinct(world.visit.transcript, wrong):
        yield Fault(f"JSON is sent as {wrong(exchange)[0] or 'nothing'}", exchange)


async def no_redirects(world: World) -> AsyncIterator[Fault]:
    for exchange in [e for e in world.visit.transcript if 300 <= e.status < 400][:_MOST]:
        text = f"redirects to {exchange.headers.get('location', '?')[:100]}: a POST loses its question there"
        yield Fault(text, exchange)


def _answers(world: World) -> list[Exchange]:
    """Answers to questions about entries.  Raises SkipCheck: there were none."""
    found = [
        e
        for e in world.visit.transcript
        if (e.status == 200 and "responseSummary" in e.answer) or _asks_entries(world, e)
    ]
    if not found:
        raise SkipCheck("there was no answer")
    return found


def _asks_entries(world: World, exchange: Exchange) -> bool:
    urls = [endpoint.url for endpoint in world.endpoints] or [world.variants_url]
    return exchange.status == 200 and exchange.url.partition("?")[0] in urls and exchange.method != "DELETE"


def _distinct(exchanges: list[Exchange], faults: Any) -> Iterator[Exchange]:
    """Exchanges with faults, one for each kind of complaint."""
    seen: set[str] = set()
    for exchange in exchanges:
        found = [text for text in faults(exchange) if text not in seen]
        if found:
            seen.update(found)
            yield exchange
        if len(seen) >= _MOST:
            return


def _leaks(exchange: Exchange) -> list[str]:
    told = exchange.at("meta").get("returnedGranularity")
    found = []
    if told == "boolean" and exchange.total is not None:
        found.append("a boolean answer tells numTotalResults")
    if told in ("boolean", "count") and exchange.collections:
        found.append(f"a {told} answer holds collections")
    for one in exchange.sets:
        if told == "boolean" and one.get("resultsCount"):
            found.append("a boolean answer tells a resultsCount")
        if told in ("boolean", "count") and one.get("results"):
            found.append(f"a {told} answer holds records")
    return found


def _contradictions(exchange: Exchange) -> list[str]:
    found = []
    told, total = exchange.exists, exchange.total
    if told is not None and total is not None and told != (total > 0):
        found.append("responseSummary.exists and numTotalResults contradict each other")
    for one in exchange.sets:
        count, results = one.get("resultsCount"), one.get("results")
        listed = len(results) if isinstance(results, list) else 0
        if exchange.exists is False and one.get("exists"):
            found.append("the summary says no, a result set says yes")
        if isinstance(count, int) and one.get("exists") is not None and bool(count) != bool(one["exists"]):
            found.append("a result set's exists and resultsCount contradict each other")
        if isinstance(count, int) and listed > count:
            found.append("a result set lists more than its resultsCount")
    return found


_E, _W = Severity.ERROR, Severity.WARNING
_RESPONSES: Final = f"{FRAMEWORK}/responses"
_TABLE: Final[tuple[tuple[str, str, str, Severity, Any], ...]] = (
    ("every.envelope", "An answer has its meta section and summary, whole", _RESPONSES, _E, envelope),
    ("every.leaks", "An answer holds no more than the granularity it names", PROSE, _E, leaks),
    ("every.agrees", "An answer does not contradict itself", PROSE, _E, agreement),
    ("every.failure", "It never fails, and answers in time", PROSE, _E, no_failures),
    (
        "every.innards",
        "An error shows nothing of the inside",
        f"{_RESPONSES}/beaconErrorResponse.json",
        _E,
        nothing_of_the_inside,
    ),
    (
        "every.media-type",
        "JSON is called JSON",
        "https://www.rfc-editor.org/rfc/rfc8259#section-11",
        _W,
        media_types,
    ),
    ("every.redirect", "No question is sent elsewhere", f"{FRAMEWORK}/endpoints.json", _W, no_redirects),
)
EVERY_ANSWER: Final = tuple(Check(*line) for line in _TABLE)
