"""What a Beacon record says, as facts that can be looked up: terms present or excluded, and values of fields.

A field is named by its path in the record (`diseases.ageOfOnset`), lists left out; a measured value by the
code of its assay (`LOINC:35925-4`).  Not told: identifiers and free text (`id`, `individualId`, `notes`...),
which are no properties of anybody, and what describes a measurement and not a person (units, reference
ranges, evidence).  Of a pedigree only the part that is about the person himself is told.

Spec: Beacon v2 default model, individuals and biosamples.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

from schemas.curies import curie
from schemas.filters import EXCLUDED_FEATURES, Quantity, Span, Text, Value, duration_days
from schemas.people import Term

_UNTOLD: Final = frozenset(
    {
        "id",
        "individualId",
        "biosampleId",
        "memberId",
        "notes",
        "unit",
        "referenceRange",
        "evidence",
        "samples",
    }
)
_ASSAYS: Final = ("assayCode", "exposureCode")


class Bearing(Enum):
    """What a term in some part of a record says of the person: he has it, has it not, or neither."""

    PRESENT = 1
    EXCLUDED = 2
    NONE = 3


@dataclass(slots=True)
class Facts:
    """What one record says; filled by `read`."""

    present: dict[str, str] = field(default_factory=dict)
    excluded: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    values: list[tuple[str, Value]] = field(default_factory=list)

    def term(self, path: str, term: Term, bearing: Bearing) -> None:
        if bearing is Bearing.EXCLUDED:
            self.excluded[term.id] = term.label
            return
        self.values.append((path, term))
        if bearing is Bearing.PRESENT:
            self.present[term.id] = term.label

    def assay(self, code: Term, value: Value) -> None:
        self.labels[code.id] = code.label
        self.values.append((code.id, value))


def read(record: Mapping[str, Any]) -> Facts:
    """The facts of a record of an individual or a biosample; whatever has another shape says nothing."""
    facts = Facts()
    for name, value in record.items():
        if name == "pedigrees":
            _pedigrees(facts, value, str(record.get("id", "")))
        elif name == "info":
            _walk(facts, name, value, Bearing.NONE)
        elif name not in _UNTOLD:
            _walk(facts, name, value, Bearing.PRESENT)
    return facts


def _walk(facts: Facts, path: str, value: object, bearing: Bearing) -> None:
    if isinstance(value, list):
        for element in value:
            _walk(facts, path, element, bearing)
    elif isinstance(value, dict):
        _object(facts, path, value, bearing)
    elif bearing is not Bearing.EXCLUDED and (told := _plain(value)) is not None:
        facts.values.append((path, told))


def _object(facts: Facts, path: str, value: dict[str, Any], bearing: Bearing) -> None:
    whole = _whole(value)
    if isinstance(whole, Term):
        facts.term(path, whole, bearing)
        return
    if whole is not None:
        if bearing is not Bearing.EXCLUDED:
            facts.values.append((path, whole))
        return
    if value.get("excluded") is True:
        bearing = Bearing.EXCLUDED
    if "featureType" in value:
        _exclusion(facts, value, bearing)
    _assay(facts, value)
    for name, member in value.items():
        if name not in _UNTOLD and name not in ("measurementValue", "excluded"):
            _walk(facts, f"{path}.{name}", member, bearing)


def _whole(value: dict[str, Any]) -> Value | None:
    """What the object as a whole stands for: a term, a quantity, or an age or range of ages."""
    code = value.get("id")
    if isinstance(code, str) and value.keys() <= {"id", "label", "description"} and curie(code):
        label = value.get("label")
        return Term(curie(code) or code, label if isinstance(label, str) else "")
    if "value" in value and "unit" in value and not any(name in value for name in _ASSAYS):
        return _quantity(value)
    return _span(value)


def _quantity(value: Mapping[str, Any]) -> Quantity | None:
    number, unit = value.get("value"), value.get("unit")
    if isinstance(number, bool) or not isinstance(number, int | float):
        return None
    told = _whole(unit) if isinstance(unit, dict) else None
    return Quantity(float(number), told if isinstance(told, Term) else None)


def _span(value: Mapping[str, Any]) -> Span | None:
    """An age, a range of ages or a gestational age, in days."""
    if "iso8601duration" in value:
        days = duration_days(str(value["iso8601duration"]))
        return None if days is None else Span(days, days)
    ends = value.get("start"), value.get("end")
    if all(isinstance(end, dict) for end in ends):
        least, most = (_span(end) for end in ends if isinstance(end, dict))
        return Span(least.least, most.most) if least and most else None
    weeks, days_over = value.get("weeks"), value.get("days", 0)
    if isinstance(weeks, int) and isinstance(days_over, int):
        return Span(weeks * 7.0 + days_over, weeks * 7.0 + days_over)
    return None


def _plain(value: object) -> Value | None:
    if isinstance(value, bool):
        return Text("true" if value else "false")
    if isinstance(value, int | float):
        return Quantity(float(value))
    if not isinstance(value, str):
        return None
    days = duration_days(value)
    return Text(value) if days is None else Span(days, days)


def _exclusion(facts: Facts, feature: Mapping[str, Any], bearing: Bearing) -> None:
    """Whether a feature was looked for and not found is a field of its own: `true`, or the excluded term."""
    excluded = bearing is Bearing.EXCLUDED
    facts.values.append((EXCLUDED_FEATURES, Text("true" if excluded else "false")))
    kind = feature["featureType"]
    term = _whole(kind) if isinstance(kind, dict) else None
    if excluded and isinstance(term, Term):
        facts.values.append((EXCLUDED_FEATURES, term))


def _assay(facts: Facts, value: Mapping[str, Any]) -> None:
    """The measured value, under the code of what was measured."""
    code = next((_whole(value[name]) for name in _ASSAYS if isinstance(value.get(name), dict)), None)
    if not isinstance(code, Term):
        return
    measured = value.get("measurementValue", value)
    if not isinstance(measured, dict):
        told = _plain(measured)
        if told is not None:
            facts.assay(code, told)
        return
    for component, quantity in _parts(measured.get("typedQuantities")):
        facts.assay(component, quantity)
    inner = measured.get("quantity")
    amount = inner if isinstance(inner, dict) else measured
    whole = _quantity(amount) or (_whole(amount) if "id" in amount else None)
    if whole is not None:
        facts.assay(code, whole)
        if isinstance(whole, Term):
            facts.present.setdefault(whole.id, whole.label)


def _parts(listed: object) -> Iterator[tuple[Term, Quantity]]:
    """The components of a complex value, such as the two blood pressures."""
    for part in listed if isinstance(listed, list) else ():
        kind, amount = (
            part.get(name) if isinstance(part, dict) else None for name in ("quantityType", "quantity")
        )
        component = _whole(kind) if isinstance(kind, dict) else None
        quantity = _quantity(amount) if isinstance(amount, dict) else None
        if isinstance(component, Term) and quantity is not None:
            yield component, quantity


def _pedigrees(facts: Facts, pedigrees: object, own_id: str) -> None:
    for pedigree in pedigrees if isinstance(pedigrees, list) else ():
        if not isinstance(pedigree, dict):
            continue
        members = pedigree.get("members")
        own = [
            member
            for member in (members if isinstance(members, list) else ())
            if isinstance(member, dict) and member.get("memberId") == own_id
        ]
        affected = any(member.get("affected") is True for member in own)
        _walk(
            facts,
            "pedigrees.disease",
            pedigree.get("disease"),
            Bearing.PRESENT if affected else Bearing.NONE,
        )
        for member in own:
            _walk(facts, "pedigrees.members", member, Bearing.PRESENT)
        _walk(facts, "pedigrees.numSubjects", pedigree.get("numSubjects"), Bearing.NONE)
