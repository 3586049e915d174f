"""Granularity, listed datasets, pages and repetition: is one answer in agreement with the next?"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import orjson

from node.federation.reading import mapping
from node.verify.check import FRAMEWORK, MODEL, PROSE, Check, Fault, Severity
from node.verify.orient import World
from node.verify.skipping import SkipCheck
from node.verify.visit import Exchange
from schemas.access import Granularity
from schemas.beacon import Include

_SIZE: Final = 2


async def no_finer(world: World) -> AsyncIterator[Fault]:
    for asked in Granularity:
        exchange = await world.ask(world.held().sequence(), asked)
        told = exchange.granularity
        if told is not None and told.rank > asked.rank:
            yield Fault(f"{asked} was asked for, {told} is returned", exchange)


async def no_finer_entries(world: World) -> AsyncIterator[Fault]:
    if not world.endpoints:
        raise SkipCheck("/map names no endpoints")
    for endpoint in world.endpoints:
        for asked in (Granularity.BOOLEAN, Granularity.COUNT):
            asking = [("limit", "1"), ("requestedGranularity", asked.value)]
            exchange = await world.visit.get(endpoint.url, asking)
            told = exchange.granularity
            if told is not None and told.rank > asked.rank:
                yield Fault(f"{endpoint.entry}: {asked} was asked for, {told} is returned", exchange)


async def default_granularity(world: World) -> AsyncIterator[Fault]:
    exchange = await world.ask(world.held().sequence(), None)
    configured = await world.visit.get(f"{world.root}/configuration")
    security = configured.at("response", "securityAttributes")
    default = security.get("defaultGranularity")
    told = exchange.granularity
    allowed = Granularity(default) if default in tuple(Granularity) else Granularity.BOOLEAN
    if told is not None and told.rank > allowed.rank:
        yield Fault(f"without a granularity {told} is returned; the configuration says {allowed}", exchange)


async def same_at_every_granularity(world: World) -> AsyncIterator[Fault]:
    for variant in (world.held().sequence(), _range(world)):
        answers = [await world.ask(variant, granularity) for granularity in Granularity]
        found = {answer.exists for answer in answers}
        totals = {answer.total for answer in answers if answer.total is not None}
        if len(found - {None}) > 1:
            yield Fault("whether there is a hit depends on the granularity", answers[-1])
        if len(totals) > 1:
            told = " and ".join(map(str, sorted(totals)))
            yield Fault(f"the total depends on the granularity: {told}", answers[-1])


async def same_by_get(world: World) -> AsyncIterator[Fault]:
    probe = world.held()
    for variant in (probe.sequence(), probe.sequence(alternateBases=probe.alternate + "ACGT"), _range(world)):
        by_get, by_post = [await world.ask(variant, Granularity.COUNT, post=post) for post in (False, True)]
        if 405 in (by_get.status, by_post.status):
            raise SkipCheck("only one of the two is served")
        if (by_get.exists, by_get.total) != (by_post.exists, by_post.total):
            yield Fault(f"GET answers {_told(by_get)}, POST the same question {_told(by_post)}", by_get)


async def included(world: World) -> AsyncIterator[Fault]:
    hit = world.held().sequence()
    miss = world.held().sequence(alternateBases=world.held().alternate + "ACGTACGTTGCA")
    for variant in (hit, miss):
        answers = {i: await world.ask(variant, includeResultsetResponses=i.value) for i in Include}
        for include, exchange in answers.items():
            wrong = [one for one in exchange.sets if not include.lists(bool(one.get("exists")))]
            if wrong:
                named = ", ".join(str(one.get("id")) for one in wrong)
                yield Fault(f"{include} lists what it should not: {named}", exchange)
        if len({exchange.exists for exchange in answers.values() if exchange.exists is not None}) > 1:
            yield Fault("the summary depends on includeResultsetResponses", answers[Include.MISS])


async def echoed(world: World) -> AsyncIterator[Fault]:
    probe = world.held()
    pages = {"skip": 0, "limit": 7}
    exchange = await world.ask(
        probe.sequence(), Granularity.COUNT, pagination=pages, includeResultsetResponses="ALL"
    )
    if exchange.status != 200:
        raise SkipCheck(f"{exchange.told} to the question")
    summary = exchange.at("meta", "receivedRequestSummary")
    if summary.get("requestedGranularity") != Granularity.COUNT:
        yield Fault("receivedRequestSummary does not tell the granularity that was asked for", exchange)
    if mapping(summary, "pagination").get("limit") != pages["limit"]:
        yield Fault("receivedRequestSummary does not tell the limit that was asked for", exchange)
    if summary.get("includeResultsetResponses", "ALL") != "ALL":
        yield Fault("receivedRequestSummary tells another includeResultsetResponses", exchange)
    echo = summary.get("requestParameters")
    if echo is not None and str(probe.interval.start) not in orjson.dumps(echo).decode():
        yield Fault("receivedRequestSummary tells other parameters than were asked", exchange)


async def limits(world: World) -> AsyncIterator[Fault]:
    exchange = await _page(world, 0, _SIZE)
    for one in exchange.sets:
        listed = len(one.get("results") or ())
        if listed > _SIZE:
            yield Fault(f"{listed} records where the limit is {_SIZE}", exchange)
    _need_records(exchange)


async def pages(world: World) -> AsyncIterator[Fault]:
    """Three pages of two are the first six; `skip` counts pages.  Of one dataset, where several answer."""
    whole = await _page(world, 0, 3 * _SIZE)
    _need_records(whole)
    only = [str(whole.sets[0].get("id"))] if len(whole.sets) > 1 else None
    if only:
        whole = await _page(world, 0, 3 * _SIZE, datasets=only)
        if len(whole.sets) != 1:
            raise SkipCheck("several datasets answer, and one alone cannot be asked")
    parts = [await _page(world, skip, _SIZE, datasets=only) for skip in range(3)]
    expected = list(map(_identity, whole.records))
    listed = [list(map(_identity, part.records)) for part in parts]
    told = [one for part in listed for one in part]
    if told == expected:
        return
    if len(set(told)) == len(told):
        yield Fault("pages leave records out, or put them into another order", parts[1])
    elif listed[0][1:] == listed[1][: len(listed[0]) - 1]:
        yield Fault("pages overlap: `skip` counts records, not pages", parts[1])
    else:
        yield Fault("pages overlap", parts[1])


async def totals_on_pages(world: World) -> AsyncIterator[Fault]:
    answers = [await _page(world, skip, _SIZE) for skip in range(2)]
    answers.append(await _page(world, 0, 3 * _SIZE))
    totals = {answer.total for answer in answers if answer.total is not None}
    if len(totals) > 1:
        yield Fault(f"the total differs from page to page: {', '.join(map(str, sorted(totals)))}", answers[1])
    if totals and min(totals) < world.several().listed:
        yield Fault(f"the total is {min(totals)}, but {world.several().listed} were listed", answers[0])


async def past_the_end(world: World) -> AsyncIterator[Fault]:
    first = await _page(world, 0, _SIZE)
    _need_records(first)
    exchange = await _page(world, 100_000, _SIZE)
    if exchange.status >= 500 or exchange.records:
        yield Fault(f"{exchange.told} with {len(exchange.records)} records for a page past the end", exchange)
    elif exchange.exists is False:
        yield Fault("a page past the end says that there is nothing at all", exchange)


async def limit_zero(world: World) -> AsyncIterator[Fault]:
    _need_records(await _page(world, 0, _SIZE))
    exchange = await _page(world, 0, 0)
    if not exchange.records:
        yield Fault(f"{exchange.told} without records for limit 0, which asks for all", exchange)


async def repeated(world: World) -> AsyncIterator[Fault]:
    for _ in range(2):
        first = await _page(world, 0, 3 * _SIZE)
        exchange = await world.ask(
            world.several().parameters, pagination={"skip": 0, "limit": 3 * _SIZE}, again=True
        )
        same = (exchange.exists, exchange.total) == (first.exists, first.total)
        if not same or list(map(_identity, exchange.records)) != list(map(_identity, first.records)):
            yield Fault("the same question is answered differently the second time", exchange)
            return


async def _page(world: World, skip: int, limit: int, datasets: list[str] | None = None) -> Exchange:
    parameters = world.several().parameters
    return await world.ask(parameters, pagination={"skip": skip, "limit": limit}, datasets=datasets)


def _need_records(exchange: Exchange) -> None:
    if not exchange.records:
        raise SkipCheck("it lists no records")


def _range(world: World) -> Mapping[str, Any]:
    return world.region.parameters if world.region else world.held().region(0, 1)


def _identity(record: Mapping[str, Any]) -> bytes:
    return orjson.dumps(record, option=orjson.OPT_SORT_KEYS)


def _told(exchange: Exchange) -> str:
    if exchange.exists is None:
        return exchange.told
    return ("yes" if exchange.exists else "no") + ("" if exchange.total is None else f", {exchange.total}")


_E, _W = Severity.ERROR, Severity.WARNING
_BODY: Final = f"{FRAMEWORK}/requests/beaconRequestBody.json"
_PAGES: Final = f"{FRAMEWORK}/common/beaconCommonComponents.json"
_META: Final = f"{FRAMEWORK}/responses/sections/beaconResponseMeta.json"
_ENDPOINTS: Final = f"{MODEL}/genomicVariations/endpoints.json"
_TABLE: Final[tuple[tuple[str, str, str, Severity, Any], ...]] = (
    ("granularity.asked", "No answer is finer than was asked for", _BODY, _E, no_finer),
    ("granularity.entries", "Nor is it for any entry type", _BODY, _E, no_finer_entries),
    ("granularity.default", "Without a granularity the default is returned", _BODY, _W, default_granularity),
    ("granularity.same", "Hit and total do not depend on it", PROSE, _E, same_at_every_granularity),
    ("answers.methods", "GET and POST answer alike", _ENDPOINTS, _E, same_by_get),
    ("answers.included", "HIT, MISS, ALL and NONE list what they say", PROSE, _E, included),
    ("answers.echo", "receivedRequestSummary tells what was asked", _META, _E, echoed),
    ("answers.repeated", "The same question is answered alike", PROSE, _E, repeated),
    ("pages.limit", "No page is longer than `limit`", _PAGES, _E, limits),
    ("pages.pages", "`skip` counts pages; pages neither overlap nor leave out", _PAGES, _E, pages),
    ("pages.total", "The total is of all pages, and on all the same", _PAGES, _E, totals_on_pages),
    ("pages.end", "A page past the end is empty, and not a no", _PAGES, _W, past_the_end),
    ("pages.zero", "`limit` 0 asks for all, or for the most there may be", _PAGES, _W, limit_zero),
)
ANSWERS: Final = tuple(Check(*line) for line in _TABLE)
