"""Whether a recorded value stands in the relation to an asked one that a filter demands.

Numbers are compared in the unit that was asked, where the two can be converted; ages and spans of time as
ISO 8601 durations; dates to the precision that was asked (`>2021` is after that year); words without regard
to case, `%` standing for any characters.  A range of ages satisfies a filter when all of it does.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from beacon.fields import FieldKind
from schemas.curies import curie
from schemas.errors import BadQuestion
from schemas.filters import FieldFilter, Operator, Quantity, Span, Text, Value, duration_days
from schemas.people import Term

_NUMBER: Final = re.compile(
    r"(?P<number>[-+]?\d{1,15}(?:\.\d{1,15})?(?:[eE][-+]?\d{1,3})?)\s*(?P<unit>|[^\W\d].*|%)", re.DOTALL
)
_DATE: Final = re.compile(r"\d{4}(-\d{2}(-\d{2}(T[\d:.]+(Z|[-+]\d\d:?\d\d)?)?)?)?", re.ASCII)
_ORDERED: Final[dict[Operator, Callable[[float, float], bool]]] = {
    Operator.LESS: operator.lt,
    Operator.MORE: operator.gt,
    Operator.AT_MOST: operator.le,
    Operator.AT_LEAST: operator.ge,
}
# What is measured, and how many of its base unit each unit is, by the names people and codes give it.
_UNITS: Final[Mapping[str, Mapping[float, tuple[str, ...]]]] = {
    "mass": {
        1e-6: ("mg", "milligram", "NCIT:C28253"),
        1e-3: ("g", "gram", "NCIT:C48155"),
        1.0: ("kg", "kilogram", "NCIT:C28252"),
        0.45359237: ("lb", "pound", "NCIT:C48531"),
    },
    "length": {
        1e-3: ("mm", "millimeter", "NCIT:C28251"),
        1e-2: ("cm", "centimeter", "NCIT:C49668"),
        1.0: ("m", "meter", "NCIT:C41139"),
        0.0254: ("in", "inch", "NCIT:C48500"),
    },
    "mass per area": {1.0: ("kg/m2", "kg/m^2", "kilogram per square meter", "NCIT:C49671")},
    "pressure": {
        1.0: ("mmhg", "mm[hg]", "millimeter of mercury", "NCIT:C49670"),
        7.50062: ("kpa", "kilopascal"),
    },
    "time": {
        1.0: ("d", "day", "days", "NCIT:C25301"),
        7.0: ("week", "weeks", "NCIT:C29844"),
        30.4375: ("month", "months", "NCIT:C29846"),
        365.25: ("a", "year", "years", "NCIT:C29848"),
    },
    "mass concentration": {
        1.0: ("g/l", "gram per liter", "NCIT:C42576"),
        10.0: ("g/dl", "gram per deciliter", "NCIT:C64783"),
        1e-2: ("mg/dl", "milligram per deciliter", "NCIT:C67015"),
        1e-3: ("mg/l", "milligram per liter", "NCIT:C64572"),
    },
    "amount concentration": {
        1.0: ("mmol/l", "millimole per liter", "NCIT:C64387"),
        1e-3: ("umol/l", "micromole per liter", "NCIT:C48508"),
    },
    "ratio": {1.0: ("%", "percent", "percentage", "NCIT:C25613", "NCIT:C48570")},
}


@dataclass(frozen=True, slots=True)
class Unit:
    """What a unit measures, and how many base units it is.  An unknown one measures itself."""

    of: str
    size: float = 1.0


def _read_unit(text: str) -> Unit:
    wanted = text.strip().removeprefix("UCUM:").lower()
    for of, sizes in _UNITS.items():
        for size, names in sizes.items():
            if any(wanted == name.lower() for name in names):
                return Unit(of, size)
    return Unit(f"={wanted}")


def is_known_unit(text: str, recorded: Iterable[Value]) -> bool:
    """Whether a unit is in the table, or some record has it."""
    unit = _read_unit(text)
    return not unit.of.startswith("=") or any(
        isinstance(value, Quantity) and value.unit is not None and unit in _units(value.unit)
        for value in recorded
    )


def _units(term: Term) -> tuple[Unit, Unit]:
    return _read_unit(term.id), _read_unit(term.label)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The value of a filter, read in every way it can be."""

    text: str
    number: float | None
    unit: str
    days: float | None
    is_date: bool

    def matches(self, text: str) -> bool:
        """Whether `text` is the wanted word; linear in its length, however many wildcards there are."""
        first, *rest = self.text.casefold().split("%")
        found = text.casefold()
        if not rest:
            return found == first
        *middle, last = rest
        at, end = len(first), len(found) - len(last)
        if not (found.startswith(first) and found.endswith(last) and at <= end):
            return False
        for part in middle:
            at = found.find(part, at, end)
            if at < 0:
                return False
            at += len(part)
        return True


def read_wanted(asked: FieldFilter, kind: FieldKind | None) -> Wanted:
    """What a filter on a field of this kind (None: not in the model) compares with.

    Raises BadQuestion: no value of the field could stand in that relation to it.
    """
    text = asked.value
    match = _NUMBER.fullmatch(text)
    wanted = Wanted(
        text,
        float(match["number"]) if match else None,
        match["unit"].strip() if match else "",
        duration_days(text),
        bool(_DATE.fullmatch(text)),
    )
    ordered = asked.operator in _ORDERED
    if kind is FieldKind.AGE and wanted.days is None and (ordered or "%" not in text):
        raise BadQuestion(f"filter {asked}: give a duration in ISO 8601 form, such as P18Y or P6M")
    if kind is FieldKind.NUMBER and wanted.number is None:
        raise BadQuestion(f"filter {asked}: give a number, a unit may follow")
    if kind is FieldKind.DATE and ordered and not wanted.is_date:
        raise BadQuestion(f"filter {asked}: give a date in ISO 8601 form, such as 2021-09-24 or 2021")
    if kind in (FieldKind.TERM, FieldKind.TEXT, FieldKind.FLAG) and ordered:
        raise BadQuestion(f"filter {asked}: {asked.id[:60]!r} has no order; ask with = or !")
    if ordered and wanted.number is None and wanted.days is None and not wanted.is_date:
        raise BadQuestion(f"filter {asked}: {asked.operator} needs a number, a duration or a date")
    return wanted


def holds(sign: Operator, wanted: Wanted, value: Value, inner: str = "") -> bool:
    """Whether `value` is equal to (for `UNLIKE`, too), less or more than what is wanted.

    inner: compare only this part of a term, `id` or `label`.
    """
    if isinstance(value, Term):
        return sign in (Operator.EQUAL, Operator.UNLIKE) and _is_term(wanted, value, inner)
    if isinstance(value, Span):
        return wanted.days is not None and _span_holds(sign, wanted.days, value)
    if isinstance(value, Quantity):
        return wanted.number is not None and _quantity_holds(sign, wanted, value)
    return _text_holds(sign, wanted, value)


def _is_term(wanted: Wanted, value: Term, inner: str) -> bool:
    same = inner != "label" and (curie(wanted.text) == value.id or wanted.matches(value.id))
    return same or (inner != "id" and wanted.matches(value.label))


def _span_holds(sign: Operator, days: float, value: Span) -> bool:
    compare = _ORDERED.get(sign, _equal)
    return compare(value.least, days) and compare(value.most, days)


def _quantity_holds(sign: Operator, wanted: Wanted, value: Quantity) -> bool:
    number, asked = value.value, wanted.number or 0.0
    if wanted.unit:
        if value.unit is None:
            return False
        unit = _read_unit(wanted.unit)
        own = next((one for one in _units(value.unit) if one.of == unit.of), None)
        if own is None:
            return False
        number *= own.size / unit.size
    return _ORDERED.get(sign, _equal)(number, asked)


def _equal(one: float, other: float) -> bool:
    return abs(one - other) <= 1e-9 * max(1.0, abs(one), abs(other))


def _text_holds(sign: Operator, wanted: Wanted, value: Text) -> bool:
    if wanted.is_date and _DATE.fullmatch(value.text):
        here, asked = value.text[: len(wanted.text)], wanted.text
        order = (here > asked) - (here < asked)
        return _ORDERED.get(sign, _equal)(order, 0)
    return sign not in _ORDERED and wanted.matches(value.text)
