"""Nothing that was asked may be ignored: an answer to a wider question looks just like an answer.

A question that finds a variant is asked again with one thing more, which the variant does not satisfy or
which nobody can understand.  A hit then means that the thing was ignored.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

from node.federation.reading import objects
from node.verify.check import FILTERS, FRAMEWORK, MODEL, QUERIES, Check, Fault, Severity
from node.verify.orient import World
from node.verify.skipping import SkipCheck
from node.verify.visit import Exchange
from schemas.access import Granularity

_NO_TERM: Final = {"id": "HP:9999999"}
_NO_FIELD: Final = {"id": "noSuchField", "operator": "=", "value": "1"}
_NOTHING: Final = "no-such-thing"
_MOST_PAGES: Final = 30


async def unknown_filter(world: World) -> AsyncIterator[Fault]:
    for filters, exchange in await _with_unknown_filters(world):
        if exchange.exists:
            yield Fault(
                f"an unknown filter ({filters}) is ignored: the variant is found all the same", exchange
            )


async def unknown_filter_of_entries(world: World) -> AsyncIterator[Fault]:
    if not world.endpoints:
        raise SkipCheck("/map names no endpoints")
    for endpoint in world.endpoints:
        if not (await world.visit.get(endpoint.url, [("limit", "1")])).exists:
            continue
        exchange = await world.visit.get(endpoint.url, [("limit", "1"), ("filters", _NO_TERM["id"])])
        if exchange.exists:
            yield Fault(f"{endpoint.entry}: an unknown filter is ignored", exchange)


async def unknown_filter_refused(world: World) -> AsyncIterator[Fault]:
    for filters, exchange in await _with_unknown_filters(world):
        if exchange.exists is False:
            yield Fault(
                f"an unknown filter ({filters}) is answered with no, which reads as a finding", exchange
            )


async def known_filters(world: World) -> AsyncIterator[Fault]:
    exchange = await world.visit.get(f"{world.root}/filtering_terms")
    ids = [
        str(term["id"]) for term in objects(exchange.document, "response", "filteringTerms") if "id" in term
    ]
    if not ids:
        raise SkipCheck("it names no filtering terms")
    before = await world.ask(world.several().parameters, Granularity.COUNT)
    for term in ids[:4]:
        after = await world.ask(world.several().parameters, Granularity.COUNT, filters=[{"id": term}])
        if after.status >= 500:
            yield Fault(f"{after.told} to its own filtering term {term}", after)
        elif before.total is not None and after.total is not None and after.total > before.total:
            yield Fault(f"filter {term} widens the answer from {before.total} to {after.total}", after)
        elif after.exists and before.exists is False:
            yield Fault(f"filter {term} turns a no into a yes", after)


async def unknown_parameter(world: World) -> AsyncIterator[Fault]:
    await _baseline(world)
    for post in (True, False):
        extra = {"noSuchParameter": _NOTHING}
        exchange = await world.ask(world.held().sequence(), post=post, extra=extra)
        if exchange.exists:
            method = "POST" if post else "GET"
            yield Fault(
                f"{method}: a parameter that is not known is ignored, as a misspelt one would be", exchange
            )


async def unknown_dataset(world: World) -> AsyncIterator[Fault]:
    await _baseline(world)
    exchange = await world.ask(world.held().sequence(), datasets=[_NOTHING])
    if exchange.exists:
        yield Fault("a restriction to a dataset that it does not have is ignored", exchange)


async def conditions(world: World) -> AsyncIterator[Fault]:
    """Conditions that the variant does not satisfy, on a range that holds it.

    Where no records are shown, only those count that nothing else there can satisfy.
    """
    await _baseline(world)
    probe = world.held()
    length = max(len(probe.reference), 1)
    contrary = "INS" if len(probe.reference) >= len(probe.alternate) else "DEL"
    other = "T" if probe.alternate != "T" else "G"
    for changed, impossible in (
        ({"variantType": contrary}, False),
        ({"variantMinLength": 1_000_000}, False),
        ({"variantMinLength": 1_000_000, "variantMaxLength": 1}, True),
        ({"alternateBases": other * (len(probe.alternate) + 30)}, True),
    ):
        exchange = await world.ask(probe.region(0, length, **changed))
        if exchange.exists and (probe.is_in(exchange.records) or (impossible and not exchange.records)):
            told = " and ".join(f"{name}={value}" for name, value in changed.items())
            yield Fault(f"{told} on a range is ignored: {probe} is found all the same", exchange)


async def names_of_nothing(world: World) -> AsyncIterator[Fault]:
    for parameters in (
        {"geneId": "NOSUCHGENE9"},
        {"geneId": "NOSUCHGENE9", "aminoacidChange": "V600E"},
        {"genomicAlleleShortForm": "NM_999999.9:c.1A>G"},
    ):
        exchange = await world.ask(parameters)
        if exchange.exists:
            yield Fault(f"{', '.join(f'{n}={v}' for n, v in parameters.items())} finds something", exchange)


async def test_mode(world: World) -> AsyncIterator[Fault]:
    """Compared with the same question without it: nothing real may be told that was not told before."""
    probe = world.held()
    plain = await world.ask(probe.sequence())
    tested = await world.ask(probe.sequence(), testMode=True)
    shown = {str(one.get("id")) for one in tested.sets} - {str(one.get("id")) for one in plain.sets}
    if not tested.exists or not (probe.is_in(tested.records) or not tested.records):
        return
    if _told(tested) > _told(plain):
        yield Fault("testMode tells more of a real variant than is told without it", tested)
    elif shown:
        yield Fault(f"testMode opens datasets with a real variant: {', '.join(sorted(shown))}", tested)


async def known_datasets(world: World) -> AsyncIterator[Fault]:
    known = await _listed_datasets(world)
    exchange = await world.ask(world.held().sequence())
    strange = sorted({str(one.get("id")) for one in exchange.sets} - known)
    if strange:
        yield Fault(
            f"answers come from datasets that /datasets does not list: {', '.join(strange)}", exchange
        )


async def _listed_datasets(world: World) -> set[str]:
    """The ids in every page of the list.  Raises SkipCheck: there are none, or more than are looked at."""
    known: set[str] = set()
    for skip in range(_MOST_PAGES):
        asked = [("requestedGranularity", "record"), *([("skip", str(skip))] if skip else [])]
        listing = await world.visit.get(f"{world.root}/datasets", asked)
        found = {str(one.get("id")) for one in listing.collections}
        if not found - known:
            break
        known |= found
        if len(known) >= (listing.total or 0):
            break
    else:
        raise SkipCheck("it lists more datasets than are looked at")
    if not known:
        raise SkipCheck("it lists no datasets")
    return known


async def _baseline(world: World) -> None:
    """Raises SkipCheck: the variant is not found, so that finding it would mean nothing."""
    if not (await world.ask(world.held().sequence())).exists:
        raise SkipCheck("the variant is not even found by its own sequence query")


async def _with_unknown_filters(world: World) -> list[tuple[str, Exchange]]:
    await _baseline(world)
    asked = [
        (str(unknown["id"]), await world.ask(world.held().sequence(), filters=[unknown]))
        for unknown in (_NO_TERM, _NO_FIELD, {"id": _NOTHING})
    ]
    by_get = await world.ask(world.held().sequence(), post=False, filters=[_NO_TERM])
    return [*asked, (f"{_NO_TERM['id']}, by GET", by_get)]


def _told(exchange: Exchange) -> int:
    """How much an answer tells: -1 for a refusal, else the rank of its granularity."""
    return exchange.granularity.rank if exchange.granularity is not None else -1


_E, _W = Severity.ERROR, Severity.WARNING
_PARAMETERS: Final = f"{MODEL}/genomicVariations/requestParameters.json"
_TABLE: Final[tuple[tuple[str, str, str, Severity, Any], ...]] = (
    ("honesty.filter", "An unknown filter does not widen the answer", FILTERS, _E, unknown_filter),
    (
        "honesty.entries",
        "An unknown filter widens the answer of no entry type",
        FILTERS,
        _E,
        unknown_filter_of_entries,
    ),
    ("honesty.filter-refused", "An unknown filter is not a no", FILTERS, _W, unknown_filter_refused),
    ("honesty.terms", "Its own filtering terms narrow, and never widen", FILTERS, _E, known_filters),
    (
        "honesty.parameter",
        "An unknown parameter does not widen the answer",
        _PARAMETERS,
        _W,
        unknown_parameter,
    ),
    ("honesty.dataset", "An unknown dataset does not widen the answer", _PARAMETERS, _E, unknown_dataset),
    ("honesty.conditions", "Type, length and bases narrow a range", QUERIES, _E, conditions),
    ("honesty.names", "A gene or change that does not exist finds nothing", QUERIES, _E, names_of_nothing),
    (
        "honesty.test-mode",
        "testMode does not open real data",
        f"{FRAMEWORK}/requests/beaconRequestBody.json",
        _E,
        test_mode,
    ),
    ("honesty.listed", "Answers come from datasets that are listed", f"{MODEL}/datasets", _W, known_datasets),
)
HONESTY: Final = tuple(Check(*line) for line in _TABLE)
