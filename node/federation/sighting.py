"""A variant as some Beacon's record tells it, read from every shape of record in use.

    LegacyVariation          bases and a location with an interval (the default model)
    EGA's form of it         the contig hidden in `HGVSid:22:g.100A>T`, or in `_position`
    VRS 1.3 Allele           location and state; VRS 2 with plain numbers and a refget accession
    CopyNumberChange         location (or subject) and a class of change
    nothing of these         the HGVS name among the identifiers

What cannot be read is left empty; nothing is guessed.  Locations are 0-based interbase.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from node.federation.reading import mapping, text
from schemas.errors import BadQuestion
from schemas.genome import Assembly, Contig

_HGVS: Final = re.compile(
    r"(?:HGVSid:|refseq:)?(?P<name>[\w.]+):[gm]\.(?P<first>\d+)(?:_(?P<last>\d+))?"
    r"(?P<ref>[ACGTN]+)?(?:>(?P<alt>[ACGTN]+)|(?P<change>del|dup|inv|ins|delins))?"
)
_BASES: Final = re.compile(r"[ACGTURYSWKMBDHVN]*")


@dataclass(frozen=True, slots=True)
class Sighting:
    """One record's variant.

    sequence: the contig as the record names it; "" when it does not.  first, last: its location, 0-based
    interbase.  reference, alternate: bases, None where they are not told.  kind: its type in the record's own
    word.  name: how the record itself calls the variant.
    """

    sequence: str = ""
    first: int | None = None
    last: int | None = None
    reference: str | None = None
    alternate: str | None = None
    kind: str = ""
    assembly: str = ""
    name: str = ""

    def contig(self, assembly: Assembly) -> Contig | None:
        """The contig meant, in `assembly`; None when it cannot be told or is of another assembly."""
        try:
            return Contig.read(self.sequence, assembly) if self.sequence else None
        except BadQuestion:
            return None

    @property
    def text(self) -> str:
        """In one line for people: positions counted from 1."""
        if self.first is None:
            return self.name or "a variant that could not be read"
        place = f"{self.sequence.removeprefix('refseq:') or '?'}:{self.first + 1:,}"
        if self.reference is not None and self.alternate is not None:
            return f"{place} {self.reference or '-'}>{self.alternate or '-'}"
        if self.last is not None and self.last - self.first != 1:
            place += f"-{self.last:,}"
        return f"{place} {self.kind or '>' + (self.alternate or '?')}"


def read_sighting(record: object) -> Sighting:
    """What can be read of a genomicVariant record; an empty sighting when nothing can."""
    if not isinstance(record, Mapping):
        return Sighting()
    variation = mapping(record, "variation") or record
    found = _of_variation(variation)
    found = _with_position(found, mapping(record, "_position") or mapping(record, "position"))
    names = mapping(record, "identifiers")
    found = _with_hgvs(found, text(names.get("genomicHGVSId")))
    return replace(found, name=text(record.get("variantInternalId")) or text(variation.get("id")))


def _of_variation(variation: Mapping[str, Any]) -> Sighting:
    location = mapping(variation, "location") or mapping(variation, "subject")
    interval = mapping(location, "interval") or location
    state = mapping(variation, "state")
    alternate = variation.get("alternateBases", state.get("sequence"))
    kind = variation.get("variantType") or variation.get("copy_change") or variation.get("copyChange")
    sequence = (
        location.get("sequence_id")
        or mapping(location, "sequenceReference").get("id")
        or location.get("chromosome")
        or ""
    )
    first = mapping(interval, "start").get("min", interval.get("start"))
    last = mapping(interval, "end").get("max", interval.get("end"))
    found = Sighting(
        sequence=text(sequence),
        first=_number(first),
        last=_number(last),
        reference=_bases(variation.get("referenceBases")),
        alternate=_bases(alternate),
        kind=text(kind) or text(mapping(kind).get("id")),
    )
    hidden = _HGVS.fullmatch(found.sequence)
    if hidden:
        found = replace(found, sequence=hidden["name"])
    elif found.sequence.lower().startswith(("ga4gh:", "sq.")):
        found = replace(found, sequence="")  # a digest of the sequence: it names no contig by itself
    return found


def _with_position(found: Sighting, place: Mapping[str, Any]) -> Sighting:
    if not place:
        return found
    return replace(
        found,
        sequence=found.sequence or text(place.get("refseqId")),
        first=_number(place.get("start")) if found.first is None else found.first,
        last=_number(place.get("end")) if found.last is None else found.last,
        assembly=text(place.get("assemblyId")),
    )


def _with_hgvs(found: Sighting, name: str) -> Sighting:
    told = _HGVS.fullmatch(name)
    if told is None:
        return found
    # HGVS counts from 1, and both ends of its range belong to it.
    first, last = int(told["first"]) - 1, int(told["last"] or told["first"])
    return replace(
        found,
        sequence=found.sequence or told["name"],
        first=first if found.first is None else found.first,
        last=last if found.last is None else found.last,
        reference=told["ref"] if found.reference is None else found.reference,
        alternate=told["alt"] if found.alternate is None else found.alternate,
        kind=found.kind or told["change"] or "",
    )


def hgvs_start(record: Mapping[str, Any]) -> int | None:
    """Where the record's HGVS name says that the variant begins, 0-based; None when it has none to read."""
    told = _HGVS.fullmatch(text(mapping(record, "identifiers").get("genomicHGVSId")))
    return int(told["first"]) - 1 if told else None


def _number(value: object) -> int | None:
    """`5`, `[5]` and VRS's `{"type": "Number", "value": 5}` are 5; a range is not a number."""
    if isinstance(value, Mapping):
        value = value.get("value")
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _bases(value: object) -> str | None:
    return value if isinstance(value, str) and _BASES.fullmatch(value) else None
