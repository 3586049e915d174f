"""Variations as VRS 2 writes them: alleles in their normal form, and changes of copy number.

Beacon 2.1 has VRS 1.3 or its own form in a record, and a VRS 2 object fails its schema; so these stand in
records only for those who ask for them by `requestedSchemas`.

Spec: GA4GH VRS 2.0: Allele, CopyNumberChange, "Allele normalization", "Computed identifiers".
"""

from __future__ import annotations

from typing import Any, Final

from beacon.alignment import justified
from schemas.genome import Allele, Contig, Interval, VariantType
from schemas.reference import Sequences
from schemas.vrs import digest, refget_digest

SCHEMA: Final = "ga4gh-beacon-variant-vrs2-v2.0.1"
"""The name of records whose `variation` is a VRS 2 object wherever VRS 2 has one for the allele."""

_ADDRESS: Final = "https://w3id.org/ga4gh/schema/vrs/2"
_SHOWN_BASES: Final = 50
_CHANGES: Final = {
    VariantType.DEL: "loss",
    VariantType.DUP: "gain",
    VariantType.DUP_TANDEM: "gain",
}
_LOCATION: Final = (
    '{"end":%s,"sequenceReference":{"refgetAccession":"%s","type":"SequenceReference"},"start":%s,'
    '"type":"SequenceLocation"}'
)
_Coordinate = int | list[int]
"""A list of two is a range, both included."""


def asks_for_vrs2(schema: str) -> bool:
    """Whether a name in `requestedSchemas` means VRS 2: ours, or an address below that of VRS 2."""
    return schema in (SCHEMA, _ADDRESS) or schema.startswith((_ADDRESS + ".", _ADDRESS + "/"))


def vrs2_of(allele: Allele, sequences: Sequences | None) -> dict[str, Any] | None:
    """The allele as a VRS 2 Allele, CopyNumberChange or CopyNumberCount.

    None for inversions, symbolic insertions and breakends, of which a file tells too little, and for an
    insertion or deletion whose surroundings are not known: its normal form takes them.
    """
    if allele.is_symbolic:
        return _copy_number(allele)
    form = justified(allele, sequences)
    if form is None:
        return None
    place, bases = form
    state = _state(allele, place, bases, sequences)
    location = _location(place)
    text = f'{{"location":"{location["digest"]}","state":{_inherent(state)},"type":"Allele"}}'
    return _named("VA", text) | {"type": "Allele", "location": location, "state": state}


def _named(prefix: str, text: str) -> dict[str, Any]:
    found = digest(text)
    return {"id": f"ga4gh:{prefix}.{found}", "digest": found}


def _location(place: Interval) -> dict[str, Any]:
    return _located(place.contig, place.start, place.end)


def _located(contig: Contig, left: _Coordinate, right: _Coordinate) -> dict[str, Any]:
    accession = f"SQ.{refget_digest(contig)}"
    first, last = (str(one).replace(" ", "") for one in (left, right))
    named = _named("SL", _LOCATION % (last, accession, first))
    return named | {
        "type": "SequenceLocation",
        "sequenceReference": {"type": "SequenceReference", "refgetAccession": accession},
        "start": left,
        "end": right,
    }


def _stretch(allele: Allele) -> dict[str, Any]:
    """Where a symbolic allele lies, by ranges as far as its ends are not known exactly."""
    left, right = (low if low == high else [low, high] for low, high in allele.ends)
    return _located(allele.interval.contig, left, right)


def _state(allele: Allele, place: Interval, bases: str, sequences: Sequences | None) -> dict[str, Any]:
    """What stands in the place then: bases, or the reference's own unit so often repeated."""
    unit = 0
    if not allele.alternate:
        unit = len(allele.reference)
    elif not allele.reference and sequences is not None:
        unit = _unit(sequences.bases(place) or "", bases, len(allele.alternate))
    if not unit:
        return {"type": "LiteralSequenceExpression", "sequence": bases}
    state: dict[str, Any] = {
        "type": "ReferenceLengthExpression",
        "length": len(bases),
        "repeatSubunitLength": unit,
    }
    if len(bases) <= _SHOWN_BASES:
        state["sequence"] = bases
    return state


def _unit(held: str, bases: str, inserted: int) -> int:
    """The longest unit, dividing what was inserted, whose repetition continues the reference; 0 for none."""
    for unit in range(min(inserted, len(held)), 0, -1):
        if inserted % unit == 0:
            cycle = held[-unit:]
            if all(base == cycle[at % unit] for at, base in enumerate(bases[len(held) :])):
                return unit
    return 0


def _inherent(state: dict[str, Any]) -> str:
    if "length" in state:
        length, unit = state["length"], state["repeatSubunitLength"]
        return f'{{"length":{length},"repeatSubunitLength":{unit},"type":"ReferenceLengthExpression"}}'
    return f'{{"sequence":"{state["sequence"]}","type":"LiteralSequenceExpression"}}'


def _copy_number(allele: Allele) -> dict[str, Any] | None:
    """A count where the total is told, else a change."""
    total = allele.total_copies
    if total is None:
        return _copy_number_change(allele)
    location = _stretch(allele)
    text = f'{{"copies":{total},"location":"{location["digest"]}","type":"CopyNumberCount"}}'
    return _named("CN", text) | {"type": "CopyNumberCount", "location": location, "copies": total}


def _copy_number_change(allele: Allele) -> dict[str, Any] | None:
    change = _CHANGES.get(allele.variant_type)
    if allele.variant_type is VariantType.CNV and allele.copies is not None and allele.copies != 1:
        change = "loss" if allele.copies < 1 else "gain"
    if change is None or not allele.interval.length_bp:
        return None
    location = _stretch(allele)
    text = f'{{"copyChange":"{change}","location":"{location["digest"]}","type":"CopyNumberChange"}}'
    return _named("CX", text) | {"type": "CopyNumberChange", "location": location, "copyChange": change}
