"""Finding one's way about a Beacon before it is judged: in which manner it can be asked, and for what.

Whatever the specification's own manner is refused for, is a fault that a check of its own tells; the other
checks ask in the manner that works, so that one deviation does not hide all others.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from node.federation.dialects import Naming
from node.federation.reading import mapping, objects, text
from node.federation.sighting import read_sighting
from node.verify.probe import Probe
from node.verify.skipping import SkipCheck
from node.verify.visit import Exchange, Visit
from schemas.access import Granularity
from schemas.genome import Assembly, Contig

API: Final = "v2.0.0"
# Contigs are looked through in this order: those that small test sets are cut from come first.
_CONTIGS: Final = (20, 21, 22, 1, 2, *range(3, 20), 23, 24, 25)
_LISTED: Final = 25


@dataclass(frozen=True, slots=True)
class Manner:
    """How the Beacon can be asked about variants."""

    nested: bool = True
    naming: Naming = Naming.REFSEQ
    post: bool = True

    def __str__(self) -> str:
        parameters = "nested" if self.nested else "flat"
        return f"{'POST' if self.post else 'GET'}, {parameters} parameters, contigs as {self.naming}"


_MANNERS: Final = (
    Manner(),
    Manner(naming=Naming.BARE),
    Manner(nested=False, naming=Naming.BARE),
    Manner(nested=False, naming=Naming.CHR),
    Manner(nested=False, naming=Naming.BARE, post=False),
    Manner(nested=False, post=False),
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An entry of the map.  single: with `{id}` in it; "" when there is none.  related: the nested ones."""

    entry: str
    url: str
    single: str = ""
    related: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Region:
    """A stretch with several variants, for questions about pages and counts."""

    parameters: Mapping[str, Any]
    listed: int


@dataclass
class World:
    """The Beacon as it was found.

    probe: a variant that it holds, best a substitution; None when none was found.
    long: one that changes the last of two or more reference bases.
    region: None unless at least four variants were listed together.
    refused: the status with which every question about variants was refused to whoever asks here; 0 when it
    was not.
    """

    visit: Visit
    manner: Manner = field(default_factory=Manner)
    endpoints: tuple[Endpoint, ...] = ()
    probe: Probe | None = None
    long: Probe | None = None
    region: Region | None = None
    refused: int = 0

    @property
    def root(self) -> str:
        return self.visit.root

    @property
    def variants_url(self) -> str:
        """Of the endpoint for variants; the usual one when the map does not tell."""
        for endpoint in self.endpoints:
            if endpoint.entry in ("genomicVariant", "genomicVariation"):
                return endpoint.url
        return f"{self.root}/g_variants"

    def held(self) -> Probe:
        """Raises SkipCheck: no variant is known to be held, or none is shown to whoever asks here."""
        if self.refused:
            raise SkipCheck(f"its variants are refused to whoever asks here (HTTP {self.refused})")
        if self.probe is None:
            raise SkipCheck("no variant is known that it holds; name one with --probe")
        return self.probe

    def several(self) -> Region:
        """Raises SkipCheck: no region with several variants was listed."""
        if self.region is None:
            raise SkipCheck("it listed no region with several variants")
        return self.region

    async def ask(
        self,
        variant: Mapping[str, Any] | None,
        granularity: str | None = Granularity.RECORD,
        *,
        post: bool | None = None,
        again: bool = False,
        headers: Mapping[str, str] | None = None,
        **query: Any,
    ) -> Exchange:
        """Asks for variants in the manner that works.

        query: further members of `query` (`filters`, `pagination`, ...); `extra` are unknown parameters of
        the variant, `datasets` ids.
        """
        by_post = self.manner.post if post is None else post
        query = {"requestedGranularity": granularity, **query}
        members = dict(variant or {}) | query.pop("extra", {})
        if isinstance(members.get("referenceName"), Contig):
            members["referenceName"] = self.manner.naming.spell(members["referenceName"])
        if by_post:
            return await self.visit.post(self.variants_url, self._body(members, query), headers, again=again)
        return await self.visit.get(self.variants_url, _parameters(members, query), headers, again=again)

    def _body(self, members: Mapping[str, Any], query: dict[str, Any]) -> dict[str, Any]:
        chosen = query.pop("datasets", None)
        parameters: dict[str, Any] = {}
        if members:
            parameters = {"g_variant": members} if self.manner.nested else dict(members)
        if chosen:
            parameters["datasets"] = {"datasetIds": chosen}
        kept = {name: value for name, value in query.items() if value is not None}
        return {
            "meta": {"apiVersion": API, "requestedSchemas": []},
            "query": {"requestParameters": parameters, **kept},
        }


def _parameters(members: Mapping[str, Any], query: Mapping[str, Any]) -> list[tuple[str, str]]:
    flat = {**members, **query}
    flat |= flat.pop("pagination", None) or {}
    flat["datasetIds"] = flat.pop("datasets", None)
    if flat.get("filters"):
        flat["filters"] = [term["id"] for term in flat["filters"]]
    return [(name, _text(value)) for name, value in flat.items() if value is not None]


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


async def orient(visit: Visit, given: Probe | None) -> World:
    """The world of the Beacon that `visit` is paid to; 60 requests at most.

    given: a variant known to be held, where a person named one.  Raises BudgetSpent.
    """
    world = World(visit, endpoints=await _endpoints(visit))
    if given is not None:
        world.probe = given
        world.long = given if given.is_long else None
    await _find_manner(world)
    async for contig, exchange in _listings(world):
        _take(world, contig, exchange)
        if world.probe is not None and world.region is not None:
            break
    if given is None and world.probe is not None:
        await _find_manner(world)
    return world


async def _endpoints(visit: Visit) -> tuple[Endpoint, ...]:
    """Every endpoint of the map, at this address: a Beacon behind a proxy may know itself by another."""
    sets = (await visit.get(f"{visit.root}/map")).at("response", "endpointSets")
    return tuple(
        _endpoint(visit.root, one)
        for one in map(mapping, sets.values())
        if isinstance(one.get("rootUrl"), str)
    )


def _endpoint(root: str, one: Mapping[str, Any]) -> Endpoint:
    base = one["rootUrl"].rstrip("/").rpartition("/")[0]
    related = [text(mapping(given).get("url")) for given in mapping(one, "endpoints").values()]
    return Endpoint(
        text(one.get("entryType")),
        _here(root, base, one["rootUrl"]),
        _here(root, base, text(one.get("singleEntryUrl"))),
        tuple(_here(root, base, url) for url in related if url),
    )


def _here(root: str, base: str, url: str) -> str:
    """The same endpoint below the address that is verified: no other host is ever asked.  "" stays ""."""
    if not url:
        return ""
    if url.startswith(base + "/"):
        return root + url.removeprefix(base)
    return root + "/" + urlsplit(url).path.rstrip("/").rpartition("/")[2]


async def _find_manner(world: World) -> None:
    """The first manner in which the probe is found; without a probe, in which any question is taken."""
    accepted: Manner | None = None
    statuses = set()
    variant = world.probe.sequence() if world.probe else _whole(Contig.numbered(20, Assembly.GRCH38))
    for manner in _MANNERS:
        world.manner = manner
        exchange = await world.ask(variant, Granularity.BOOLEAN)
        statuses.add(exchange.status)
        if exchange.exists:
            return
        slug = exchange.at("error").get("reason")
        taken = exchange.status == 200 or slug == "not_held"
        if taken and world.probe is None:
            return
        if taken and accepted is None:
            accepted = manner
    world.manner = accepted or Manner()
    world.refused = next(iter(statuses & {401, 403}), 0) if accepted is None else 0


async def _listings(world: World) -> AsyncIterator[tuple[Contig | None, Exchange]]:
    """Answers that may list variants: of everything, then contig by contig."""
    pages = {"skip": 0, "limit": _LISTED}
    if world.probe is not None:
        around = world.probe.region(-200_000, 200_000)
        around["end"] = [min(around["end"][0], world.probe.contig.length_bp)]
        yield world.probe.contig, await world.ask(around, pagination=pages)
        return
    yield None, await world.ask(None, pagination=pages)
    for assembly in (Assembly.GRCH38, Assembly.GRCH37):
        for number in _CONTIGS:
            contig = Contig.numbered(number, assembly)
            exchange = await world.ask(_whole(contig), pagination=pages)
            if exchange.status != 200:
                break  # this assembly, or so wide a question, is not answered
            yield contig, exchange


def _whole(contig: Contig) -> dict[str, Any]:
    return {
        "assemblyId": contig.assembly.value,
        "referenceName": contig,
        "start": [0],
        "end": [contig.length_bp],
    }


def _take(world: World, contig: Contig | None, exchange: Exchange) -> None:
    """Keeps the probes and the region that an answer offers."""
    for one in exchange.sets:
        probes = list(_probes(one, contig))
        if world.probe is None and probes:
            world.probe = next((probe for probe in probes if probe.is_snv), probes[0])
        if world.long is None:
            world.long = next((probe for probe in probes if probe.is_long), None)
        if world.region is None and len(probes) >= 4:
            world.region = _region(probes)


def _probes(one: Mapping[str, Any], contig: Contig | None) -> Iterable[Probe]:
    for record in objects(one, "results"):
        probe = Probe.in_record(record, _assembly(one, record, contig))
        if probe is not None and (contig is None or probe.contig == contig):
            yield probe


def _assembly(one: Mapping[str, Any], record: Mapping[str, Any], contig: Contig | None) -> Assembly:
    """Of a record: as asked, as told by its accession, or by what stands beside it; else GRCh38."""
    if contig is not None:
        return contig.assembly
    seen = read_sighting(record)
    told = Contig.of_accession(seen.sequence) if seen.sequence else None
    if told is not None:
        return told.assembly
    said = seen.assembly or str(mapping(one, "info").get("assembly", ""))
    return Assembly.GRCH37 if "37" in said or "19" in said else Assembly.GRCH38


def _region(probes: Sequence[Probe]) -> Region:
    """From the first to the last of the probes on the contig of the first."""
    contig = probes[0].contig
    together = [probe.interval for probe in probes if probe.contig == contig]
    parameters = _whole(contig)
    parameters["start"] = [min(place.start for place in together)]
    parameters["end"] = [max(max(place.end, place.start + 1) for place in together)]
    return Region(parameters, len(together))
