"""Filters: what is asked of the people and samples behind an answer, and the values recorded of them.

A filter is a question to a record: is this term recorded, does this field hold such a value?  How records
are kept and how terms hang together is not known here.

Spec: Beacon v2 framework/json/requests/filteringTerms.json.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from schemas.people import Term


class Operator(StrEnum):
    EQUAL = "="
    UNLIKE = "!"
    LESS = "<"
    MORE = ">"
    AT_MOST = "<="
    AT_LEAST = ">="


class Similarity(StrEnum):
    """How far from a term another may lie and still satisfy a filter; the bounds stand with the ontology."""

    EXACT = "exact"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


@dataclass(frozen=True, slots=True)
class TermFilter:
    """An ontology term is recorded.

    scope: the entry type whose record must hold it, "" for any.  negated: it is recorded nowhere.
    """

    id: str
    descendants: bool = True
    similarity: Similarity = Similarity.EXACT
    scope: str = ""
    negated: bool = False

    def __str__(self) -> str:
        return f"{'!' * self.negated}{self.id}"


@dataclass(frozen=True, slots=True)
class FieldFilter:
    """A field holds a value that stands in this relation to `value`; of several values, one must.

    `UNLIKE` is satisfied where no value is equal, and so where none is recorded.
    """

    id: str
    operator: Operator
    value: str
    scope: str = ""

    def __str__(self) -> str:
        return f"{self.id}{self.operator}{self.value}"


@dataclass(frozen=True, slots=True)
class CustomFilter:
    """A word of this node's own: `field:value`, or the label of a term in use."""

    id: str
    scope: str = ""
    negated: bool = False

    def __str__(self) -> str:
        return f"{'!' * self.negated}{self.id}"


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one of these is satisfied."""

    filters: tuple[OneFilter, ...]

    def __str__(self) -> str:
        return " | ".join(str(one) for one in self.filters)


OneFilter = TermFilter | FieldFilter | CustomFilter
Filter = OneFilter | AnyOf


# ----------------------------------------------------------------------------------- recorded values


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number as it was measured; `unit` is None for a bare number."""

    value: float
    unit: Term | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """A length of life or time in days, from `least` to `most`; equal for an age, apart for a range."""

    least: float
    most: float


@dataclass(frozen=True, slots=True)
class Text:
    """A word, a date, or free text."""

    text: str


Value = Term | Quantity | Span | Text

EXCLUDED_FEATURES: Final = "phenotypicFeatures.excluded"
"""The field that tells of features that were looked for: `true`, `false`, and each term not found."""

_DURATION: Final = re.compile(
    r"P(?=[\dT])(?:(\d{1,9}(?:\.\d{1,9})?)Y)?(?:(\d{1,9}(?:\.\d{1,9})?)M)?(?:(\d{1,9}(?:\.\d{1,9})?)W)?"
    r"(?:(\d{1,9}(?:\.\d{1,9})?)D)?(?:T(?=\d)(?:(\d{1,9}(?:\.\d{1,9})?)H)?(?:(\d{1,9}(?:\.\d{1,9})?)M)?"
    r"(?:(\d{1,9}(?:\.\d{1,9})?)S)?)?",
    re.ASCII,
)
DAYS_A_YEAR: Final = 365.25
_DAYS: Final = (DAYS_A_YEAR, DAYS_A_YEAR / 12, 7.0, 1.0, 1 / 24, 1 / 1440, 1 / 86400)


def duration_days(text: str) -> float | None:
    """The length in days of an ISO 8601 duration (`P70Y`, `P3M2W`), or None when it is none.

    A year has 365.25 days and twelve equal months, so `P12M` is `P1Y`.
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        return None
    parts = zip(match.groups(), _DAYS, strict=True)
    return round(sum(float(number) * days for number, days in parts if number), 6)
