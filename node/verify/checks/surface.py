"""What the Beacon says of itself, and whether it serves what it says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final
from urllib.parse import quote, urlsplit

from node.federation.reading import mapping
from node.verify import shapes
from node.verify.check import FRAMEWORK, MODEL, Check, Fault, Severity
from node.verify.orient import API, Endpoint, Manner, World
from node.verify.skipping import SkipCheck
from node.verify.visit import Exchange

_NOBODY: Final = "no-such-entry-0f9d"
_REFUSALS: Final = frozenset({400, 401, 403, 429})
_MOST_SHOWN: Final = 5


async def framework_documents(world: World) -> AsyncIterator[Fault]:
    for path, shape in shapes.FRAMEWORK.items():
        exchange = await world.visit.get(world.root + path)
        if exchange.status != 200 or exchange.document is None:
            yield Fault(f"{path}: {exchange.told}, no JSON document", exchange)
            continue
        for misfit in list(shapes.misfits(exchange.document, shape))[:_MOST_SHOWN]:
            yield Fault(f"{path}: {misfit}", exchange)


async def one_identity(world: World) -> AsyncIterator[Fault]:
    told: dict[str, Exchange] = {}
    for path in shapes.FRAMEWORK:
        exchange = await world.visit.get(world.root + path)
        named = exchange.at("meta").get("beaconId")
        if isinstance(named, str):
            told.setdefault(named, exchange)
    for exchange in list(told.values())[1:]:
        yield Fault(f"beaconId differs between documents: {', '.join(sorted(told))}", exchange)


async def entry_types_agree(world: World) -> AsyncIterator[Fault]:
    told = {}
    for path in ("/configuration", "/entry_types"):
        exchange = await world.visit.get(world.root + path)
        listed = exchange.at("response", "entryTypes")
        told[path] = {str(mapping(one).get("id")) for one in listed.values()}
    exchange = await world.visit.get(world.root + "/map")
    told["/map"] = {endpoint.entry for endpoint in world.endpoints}
    if len(set(map(frozenset, told.values()))) > 1:
        texts = "; ".join(f"{path}: {', '.join(sorted(ids)) or 'none'}" for path, ids in told.items())
        yield Fault(f"the entry types differ: {texts}", exchange)


async def map_is_public(world: World) -> AsyncIterator[Fault]:
    exchange = await world.visit.get(world.root + "/map")
    sets = exchange.at("response", "endpointSets")
    for one in sets.values():
        url = str(mapping(one).get("rootUrl", ""))
        if not url.startswith(("http://", "https://")):
            yield Fault(f"rootUrl {url[:100]!r} is no absolute address", exchange)
        elif urlsplit(url).netloc != urlsplit(world.root).netloc:
            yield Fault(f"rootUrl {url[:100]} leads to another host than the one verified", exchange)


async def mapped_by_get(world: World) -> AsyncIterator[Fault]:
    for endpoint in _mapped(world):
        exchange = await world.visit.get(endpoint.url, [("limit", "1")])
        if not _served(exchange):
            yield Fault(f"{endpoint.entry}: {exchange.told} to GET", exchange)


async def mapped_by_post(world: World) -> AsyncIterator[Fault]:
    body = {"meta": {"apiVersion": API}, "query": {"pagination": {"limit": 1}}}
    for endpoint in _mapped(world):
        exchange = await world.visit.post(endpoint.url, body)
        if not _served(exchange):
            yield Fault(f"{endpoint.entry}: {exchange.told} to POST", exchange)


async def entries_by_id(world: World) -> AsyncIterator[Fault]:
    """With the id of an entry that was listed."""
    tried = False
    for endpoint in _mapped(world):
        templates = [url for url in (endpoint.single, *endpoint.related) if "{" in url]
        named = await _an_id(world, endpoint) if templates else None
        for template in templates if named else ():
            tried = True
            exchange = await world.visit.get(_filled(template, str(named)))
            if not _served(exchange):
                yield Fault(f"{template}: {exchange.told} for an entry that is listed", exchange)
            elif template == endpoint.single and exchange.exists is False:
                yield Fault(f"{template}: an entry that is listed is not found by its id", exchange)
    if not tried:
        raise SkipCheck("the map has no addresses of single entries, or no entry is listed")


async def unknown_ids(world: World) -> AsyncIterator[Fault]:
    tried = False
    for endpoint in _mapped(world):
        for template in (endpoint.single, *endpoint.related):
            if "{" not in template:
                continue
            tried = True
            exchange = await world.visit.get(_filled(template, _NOBODY))
            if exchange.exists:
                yield Fault(f"{template}: something is found for an id that does not exist", exchange)
    if not tried:
        raise SkipCheck("the map has no addresses of single entries")


async def specified_form(world: World) -> AsyncIterator[Fault]:
    if world.manner == Manner():
        return
    variant = world.held().sequence()
    working, world.manner = world.manner, Manner()
    try:
        exchange = await world.ask(variant, "boolean")
    finally:
        world.manner = working
    yield Fault(f"{exchange.told} to the specification's form; it has to be asked by {working}", exchange)


async def both_methods(world: World) -> AsyncIterator[Fault]:
    probe = world.held()
    for post in (True, False):
        exchange = await world.ask(probe.sequence(), "boolean", post=post)
        if exchange.exists is None:
            method = "POST" if post else "GET"
            yield Fault(f"{method}: {exchange.told} to a question about one allele", exchange)


def _mapped(world: World) -> tuple[Endpoint, ...]:
    if not world.endpoints:
        raise SkipCheck("/map names no endpoints")
    return world.endpoints


def _served(exchange: Exchange) -> bool:
    """An answer, or a refusal that says what is missing."""
    return exchange.status == 200 or (exchange.status in _REFUSALS and "error" in exchange.answer)


async def _an_id(world: World, endpoint: Endpoint) -> str | None:
    exchange = await world.visit.get(endpoint.url, [("limit", "1"), ("requestedGranularity", "record")])
    listed = [*exchange.records, *exchange.collections]
    if not listed and world.probe is not None and endpoint.url == world.variants_url:
        listed = [world.probe.record or {}]
    for entry in listed:
        named = entry.get("id", entry.get("variantInternalId"))
        if isinstance(named, str):
            return named
    return None


def _filled(template: str, named: str) -> str:
    before, _, rest = template.partition("{")
    return before + quote(named, safe="") + rest.partition("}")[2]


_E, _W = Severity.ERROR, Severity.WARNING
SURFACE: Final = (
    Check(
        "surface.framework",
        "Every framework endpoint gives its document, with all required members",
        f"{FRAMEWORK}/endpoints.json",
        _E,
        framework_documents,
    ),
    Check("surface.identity", "All documents carry the same beaconId", FRAMEWORK, _E, one_identity),
    Check(
        "surface.entry-types",
        "/configuration, /entry_types and /map name the same entry types",
        f"{FRAMEWORK}/configuration/beaconMapSchema.json",
        _E,
        entry_types_agree,
    ),
    Check(
        "surface.map",
        "The addresses in /map are absolute and lead to this Beacon",
        f"{FRAMEWORK}/configuration/beaconMapSchema.json",
        _W,
        map_is_public,
    ),
    Check(
        "surface.get",
        "Every entry type of the map answers GET",
        f"{MODEL}/genomicVariations/endpoints.json",
        _E,
        mapped_by_get,
    ),
    Check(
        "surface.post",
        "Every entry type of the map answers POST",
        f"{MODEL}/genomicVariations/endpoints.json",
        _E,
        mapped_by_post,
    ),
    Check(
        "surface.single",
        "An entry is found at its own address",
        f"{MODEL}/genomicVariations/endpoints.json",
        _E,
        entries_by_id,
    ),
    Check(
        "surface.unknown-id",
        "An id that does not exist finds nothing",
        f"{MODEL}/genomicVariations/endpoints.json",
        _E,
        unknown_ids,
    ),
    Check(
        "surface.manner",
        "A question in the form that the specification gives is understood",
        f"{FRAMEWORK}/requests/requestParameters.json",
        _E,
        specified_form,
    ),
    Check(
        "surface.methods",
        "A variant can be asked for by GET and by POST",
        f"{MODEL}/genomicVariations/endpoints.json",
        _E,
        both_methods,
    ),
)
