"""Coordinates, names of contigs, and assemblies: is the right variant found, and nothing beside it?

Every question here is made from a variant that the Beacon holds.  Where a question that must not find it has
a hit, the records decide: another variant may lie there.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

from node.federation.dialects import Naming
from node.federation.sighting import hgvs_start, read_sighting
from node.verify.check import MODEL, QUERIES, Check, Fault, Severity
from node.verify.orient import World
from node.verify.probe import Probe
from node.verify.skipping import SkipCheck
from node.verify.visit import Exchange
from schemas.genome import Assembly, Contig

_PAGE: Final = {"skip": 0, "limit": 100}


async def own_sequence(world: World) -> AsyncIterator[Fault]:
    probe = world.held()
    exchange = await world.ask(probe.sequence())
    if not exchange.exists:
        yield Fault(f"{probe} is held, but not found by its own sequence query", exchange)


async def neighbours(world: World) -> AsyncIterator[Fault]:
    probe = _found(world, await world.ask(world.held().sequence()))
    for moved in (-1, 1) if probe.interval.start else (1,):
        exchange = await world.ask(probe.sequence(start=[probe.interval.start + moved]))
        if _mistaken(exchange, probe):
            text = f"{probe} is also found with its start moved by {moved:+d}"
            yield Fault(text + _doubt(exchange), exchange)


async def other_bases(world: World) -> AsyncIterator[Fault]:
    """Where no records are shown, other alleles of the site may answer, but hardly every one."""
    probe = _found(world, await world.ask(world.held().sequence()))
    for name, told in (("alternateBases", probe.alternate), ("referenceBases", probe.reference)):
        others = [probe.sequence(**{name: base + told[1:]}) for base in "ACGT"]
        others = [o for o in others if o[name] != told and o["referenceBases"] != o["alternateBases"]]
        answers = [await world.ask(other) for other in others]
        mistaken = [_mistaken(exchange, probe) for exchange in answers]
        shown = any(exchange.records for exchange in answers)
        if all(mistaken) or (shown and any(mistaken)):
            exchange = answers[mistaken.index(True)]
            yield Fault(f"{probe} is also found with other {name}", exchange)


async def made_up(world: World) -> AsyncIterator[Fault]:
    probe = world.held()
    exchange = await world.ask(probe.sequence(alternateBases=probe.alternate[:1] + "ACGTTGCA" * 5))
    if exchange.exists:
        yield Fault("an allele that nobody carries is found", exchange)


async def ranges(world: World) -> AsyncIterator[Fault]:
    """The range of its bases finds it; those that end where it begins, or begin where it ends, do not."""
    probe = world.held()
    length = max(len(probe.reference), 1)
    exchange = await world.ask(probe.region(0, length), pagination=_PAGE)
    if exchange.exists is None:
        yield Fault(f"{exchange.told} to a range query", exchange)
        return
    if exchange.exists is False or (_whole(exchange) and not probe.is_in(exchange.records)):
        yield Fault(f"{probe} is not found by the range of its own bases", exchange)
    if not probe.is_snv or not probe.interval.start:
        return  # where an insertion or deletion begins and ends is told in more than one way
    for left, right, text in ((-1, 0, "that ends where it begins"), (1, 2, "that begins after it")):
        exchange = await world.ask(probe.region(left, right), pagination=_PAGE)
        if probe.is_in(exchange.records):
            yield Fault(
                f"{probe} is found by the range {text}: `end` is exclusive, `start` 0-based", exchange
            )


async def partial_overlap(world: World) -> AsyncIterator[Fault]:
    probe = world.long
    if probe is None:
        raise SkipCheck("no variant is known that changes two bases or more, the last one among them")
    length = len(probe.reference)
    exchange = await world.ask(probe.region(length - 1, length), pagination=_PAGE)
    if exchange.exists is False or (
        exchange.exists and _whole(exchange) and not probe.is_in(exchange.records)
    ):
        yield Fault(f"{probe} is not found by a range that covers only its last base", exchange)


async def brackets(world: World) -> AsyncIterator[Fault]:
    probe = world.held()
    if not probe.is_snv:
        raise SkipCheck("where an insertion or deletion begins and ends is told in more than one way")
    exchange = await world.ask(probe.bracket(0, 0), pagination=_PAGE)
    if exchange.exists is None:
        raise SkipCheck(f"bracket queries are not answered ({exchange.told})")
    if exchange.exists is False:
        yield Fault(f"{probe} is not found by the bracket of its own start and end", exchange)
    for left, right in ((1, 1), (0, 2)):
        exchange = await world.ask(probe.bracket(left, right), pagination=_PAGE)
        if probe.is_in(exchange.records):
            yield Fault(f"{probe} is found by a bracket moved by {left} and {right}", exchange)


async def reversed_range(world: World) -> AsyncIterator[Fault]:
    probe = world.held()
    place = probe.interval
    exchange = await world.ask(probe.region(0, 1, start=[place.start + 1000], end=[place.start]))
    if exchange.status == 200:
        yield Fault("a range that ends before it begins is answered, not refused", exchange)


async def records_agree(world: World) -> AsyncIterator[Fault]:
    """A record's own location, bases and HGVS name."""
    exchange = await world.ask(world.several().parameters, pagination=_PAGE)
    if not exchange.records:
        raise SkipCheck("it lists no records")
    for record in exchange.records:
        seen, named = read_sighting(record), hgvs_start(record)
        if seen.first is None:
            continue
        plain = seen.reference is not None and len(seen.reference) == len(seen.alternate or "") == 1
        if plain and named is not None and named != seen.first:
            yield Fault(
                f"{seen.name}: its HGVS name begins at {named}, its location at {seen.first}", exchange
            )
            return
        if seen.reference and seen.last is not None and seen.last - seen.first != len(seen.reference):
            bases = len(seen.reference)
            text = (
                f"{seen.name}: its location spans {seen.last - seen.first} bases, its referenceBases {bases}"
            )
            yield Fault(text, exchange)
            return


async def other_contigs(world: World) -> AsyncIterator[Fault]:
    """Names that contain, or are contained in, the right one."""
    probe = _found(world, await world.ask(world.held().sequence()))
    right = probe.contig
    for number in range(1, 26):
        other = Contig.numbered(number, right.assembly)
        alike = other.name in right.name or right.name in other.name or other.name[-1] == right.name[-1]
        if other == right or not alike or probe.interval.end > other.length_bp:
            continue
        exchange = await world.ask(probe.sequence(referenceName=other))
        if _mistaken(exchange, probe):
            yield Fault(f"{probe} is also found on contig {other}{_doubt(exchange)}", exchange)


async def same_by_every_name(world: World) -> AsyncIterator[Fault]:
    """Whoever takes a spelling must find the same by it."""
    probe = _found(world, await world.ask(world.held().sequence()))
    for naming in Naming:
        exchange = await world.ask(probe.sequence(referenceName=naming.spell(probe.contig)))
        if exchange.exists is False:
            yield Fault(
                f"{probe} is not found when its contig is called {naming.spell(probe.contig)}", exchange
            )


async def every_name(world: World) -> AsyncIterator[Fault]:
    probe = _found(world, await world.ask(world.held().sequence()))
    for naming in Naming:
        exchange = await world.ask(probe.sequence(referenceName=naming.spell(probe.contig)))
        if exchange.exists is None:
            yield Fault(f"{exchange.told} when the contig is called {naming.spell(probe.contig)}", exchange)


async def unknown_contig(world: World) -> AsyncIterator[Fault]:
    exchange = await _of_no_contig(world)
    if exchange.exists:
        yield Fault("a hit on a contig that does not exist", exchange)


async def unknown_contig_refused(world: World) -> AsyncIterator[Fault]:
    exchange = await _of_no_contig(world)
    if exchange.exists is False:
        yield Fault("a contig that does not exist is answered with no", exchange)


async def other_assembly(world: World) -> AsyncIterator[Fault]:
    probe = _found(world, await world.ask(world.held().sequence()))
    other = next(a for a in Assembly if a is not probe.contig.assembly)
    contig = Contig.numbered(probe.contig.number, other)
    exchange = await world.ask(probe.sequence(assemblyId=other.value, referenceName=contig))
    if _mistaken(exchange, probe, compare_contigs=False):
        text = f"{probe} is also found at the same position of {other}"
        yield Fault(text + _doubt(exchange), exchange)


async def unknown_assembly(world: World) -> AsyncIterator[Fault]:
    exchange = await _of_no_assembly(world)
    if exchange.exists:
        yield Fault("a hit in an assembly that does not exist", exchange)


async def unknown_assembly_refused(world: World) -> AsyncIterator[Fault]:
    exchange = await _of_no_assembly(world)
    if exchange.exists is False:
        yield Fault("an assembly that does not exist is answered with no", exchange)


async def contradiction(world: World) -> AsyncIterator[Fault]:
    probe = world.held()
    if probe.contig.name == "MT":
        raise SkipCheck("both assemblies share the accession of MT")
    other = next(a for a in Assembly if a is not probe.contig.assembly)
    name = Naming.REFSEQ.spell(probe.contig)
    exchange = await world.ask(probe.sequence(assemblyId=other.value, referenceName=name))
    if exchange.exists:
        yield Fault(
            f"assemblyId {other} with {name}, a contig of {probe.contig.assembly}, is answered", exchange
        )


def _found(world: World, exchange: Exchange) -> Probe:
    """Raises SkipCheck: the probe is not found as it should be, so that not finding it means nothing."""
    if not exchange.exists:
        raise SkipCheck("the variant is not even found by its own sequence query")
    return world.held()


async def _of_no_contig(world: World) -> Exchange:
    return await world.ask(world.held().sequence(referenceName="chr99"))


async def _of_no_assembly(world: World) -> Exchange:
    probe = world.held()
    return await world.ask(probe.sequence(assemblyId="GRCh99", referenceName=probe.contig.name))


def _mistaken(exchange: Exchange, probe: Probe, *, compare_contigs: bool = True) -> bool:
    """Whether a question that does not mean the probe was answered with it."""
    if not exchange.exists:
        return False
    if not exchange.records:
        return True
    if compare_contigs:
        return probe.is_in(exchange.records)
    sightings = map(read_sighting, exchange.records)
    return any(s.first == probe.interval.start and s.alternate == probe.alternate for s in sightings)


def _doubt(exchange: Exchange) -> str:
    return "" if exchange.records else " (no records are shown: another variant may lie there)"


def _whole(exchange: Exchange) -> bool:
    """Whether all that was found is listed."""
    return bool(exchange.records) and exchange.total == len(exchange.records)


_E, _W = Severity.ERROR, Severity.WARNING
_PARAMETERS: Final = f"{MODEL}/genomicVariations/requestParameters.json"
_TABLE: Final[tuple[tuple[str, str, str, Severity, Any], ...]] = (
    ("places.sequence", "A variant is found by its own 0-based start and bases", QUERIES, _E, own_sequence),
    ("places.neighbours", "It is not found one base to the left or right", QUERIES, _E, neighbours),
    ("places.bases", "It is not found with other bases", QUERIES, _E, other_bases),
    ("places.made-up", "An allele that nobody carries is not found", QUERIES, _E, made_up),
    ("places.range", "A range finds what lies in it; its end is exclusive", QUERIES, _E, ranges),
    ("places.overlap", "A range finds what it overlaps in part", QUERIES, _E, partial_overlap),
    ("places.bracket", "A bracket finds by start and end, and nothing else", QUERIES, _E, brackets),
    ("places.reversed", "A range that ends before it begins is refused", _PARAMETERS, _W, reversed_range),
    (
        "places.records",
        "A record's location, bases and HGVS name agree",
        f"{MODEL}/genomicVariations/defaultSchema.json",
        _E,
        records_agree,
    ),
    ("names.others", "A contig is not taken for another (1 is not 19)", _PARAMETERS, _E, other_contigs),
    (
        "names.same",
        "Every name of a contig that is taken finds the same",
        _PARAMETERS,
        _E,
        same_by_every_name,
    ),
    ("names.all", "refseq:NC_, NC_, chr and bare names are all understood", _PARAMETERS, _W, every_name),
    ("names.unknown", "A contig that does not exist finds nothing", _PARAMETERS, _E, unknown_contig),
    ("names.refused", "A contig that does not exist is not a no", _PARAMETERS, _W, unknown_contig_refused),
    ("assembly.other", "A variant is not found in the other assembly", _PARAMETERS, _E, other_assembly),
    ("assembly.unknown", "An assembly that does not exist finds nothing", _PARAMETERS, _E, unknown_assembly),
    (
        "assembly.refused",
        "An assembly that does not exist is not a no",
        _PARAMETERS,
        _W,
        unknown_assembly_refused,
    ),
    ("assembly.accession", "assemblyId and accession must not contradict", _PARAMETERS, _E, contradiction),
)
PLACES: Final = tuple(Check(*line) for line in _TABLE)
