"""Types and counts of values in INFO and in the sample columns."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import comb
from typing import Final

MISSING: Final = "."
MOST_VALUES: Final = 1_000_000
_COUNT: Final = re.compile(r"[0-9]{1,9}")
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,10}")
_FLOAT: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_NOT_FINITE: Final = re.compile(r"[+-]?(?:inf|infinity|nan)", re.IGNORECASE)
_PERCENT_ENCODED: Final = re.compile(r"%[0-9A-Fa-f]{2}")
# The eight lowest 32-bit integers stand for "missing" and the like in the binary form.
_LOWEST_INTEGER: Final = -(2**31) + 8
_HIGHEST_INTEGER: Final = 2**31 - 1


class ValueType(StrEnum):
    INTEGER = "Integer"
    FLOAT = "Float"
    FLAG = "Flag"
    CHARACTER = "Character"
    STRING = "String"


TYPE_NAMES: Final = frozenset(kind.value for kind in ValueType)


@dataclass(frozen=True, slots=True)
class Definition:
    """What a header line, or the specification itself, says of a key.

    number: digits, `A`, `R`, `G`, `P` or `.`; None when it is not fixed.  type: None likewise.
    """

    number: str | None
    type: ValueType | None


def is_count(text: str) -> bool:
    """Whether `text` is a whole number, in digits, that a Number can be."""
    return _COUNT.fullmatch(text) is not None


def is_integer(text: str) -> bool:
    """Whether `text` is a 32-bit integer that the binary form can hold."""
    return _INTEGER.fullmatch(text) is not None and _LOWEST_INTEGER <= int(text) <= _HIGHEST_INTEGER


def is_float(text: str) -> bool:
    return (_FLOAT.fullmatch(text) or _NOT_FINITE.fullmatch(text)) is not None


def _is_character(text: str) -> bool:
    return len(text) == 1 or _PERCENT_ENCODED.fullmatch(text) is not None


_TESTS: Final[Mapping[ValueType, Callable[[str], bool]]] = {
    ValueType.INTEGER: is_integer,
    ValueType.FLOAT: is_float,
    ValueType.FLAG: lambda text: text in ("0", "1"),
    ValueType.CHARACTER: _is_character,
    ValueType.STRING: bool,
}


def misfit(values: list[str], value_type: ValueType | None) -> str | None:
    """Why these values are not of the type, or None when they are; `.` is of every type."""
    if value_type is None:
        return None if all(values) else "holds an empty value"
    fits = _TESTS[value_type]
    if all(value == MISSING or fits(value) for value in values):
        return None
    return "holds an empty value" if "" in values else f"holds a value that is not of type {value_type.value}"


def expected_count(number: str | None, alternates: int, ploidy: int | None) -> int | None:
    """How many values a key has, or None when that is open.

    alternates: alleles in ALT; with none (`.`) the counts by allele are open.  ploidy: of the genotype;
    None leaves counts by genotype and by phase open.
    """
    if number is None or number == MISSING:
        return None
    if is_count(number):
        return int(number)
    if number == "P":
        return ploidy
    if not alternates:
        return None
    if number == "G":
        return None if ploidy is None else comb(alternates + ploidy, ploidy)
    return {"A": alternates, "R": alternates + 1}.get(number)


def miscount(found: int, expected: int | None) -> str | None:
    """Why `found` values are not as many as expected, or None when they are."""
    if expected is None or found == expected:
        return None
    return f"must hold {expected} {'value' if expected == 1 else 'values'}, not {found}"
