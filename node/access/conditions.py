"""Conditions on a visa: it holds only beside other visas of the same person.

They are an OR of ANDs of clauses; each clause is met by one single visa, which has no conditions itself.
Whatever is malformed or not known here is not met.

Spec: GA4GH Passport 1.2, "conditions" and "Pattern Matching".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from node.access.principal import Visa

_MAX_CLAUSES: Final = 100
_MAX_STARS: Final = 10  # of one pattern
_READ: Final[Mapping[str, Callable[[Visa], str | None]]] = {
    "value": lambda visa: visa.value,
    "source": lambda visa: visa.source,
    "by": lambda visa: visa.by,
}


def are_met(conditions: Any, others: Sequence[Visa]) -> bool:
    """Whether `conditions`, as they stand in a visa, are met by `others`, which have none themselves."""
    if conditions is None or conditions == []:
        return True
    if not isinstance(conditions, list):
        return False
    if sum(len(group) for group in conditions if isinstance(group, list)) > _MAX_CLAUSES:
        return False
    return any(
        isinstance(group, list) and bool(group) and all(_is_met(clause, others) for clause in group)
        for group in conditions
    )


def _is_met(clause: Any, others: Sequence[Visa]) -> bool:
    if not isinstance(clause, dict) or not isinstance(clause.get("type"), str):
        return False
    asked = {name: wanted for name, wanted in clause.items() if name != "type"}
    if not asked or not asked.keys() <= _READ.keys():
        return False
    return any(
        all(_matches(wanted, _READ[name](visa)) for name, wanted in asked.items())
        for visa in others
        if visa.type == clause["type"]
    )


def _matches(wanted: Any, value: str | None) -> bool:
    if not isinstance(wanted, str) or value is None:
        return False
    kind, colon, text = wanted.partition(":")
    if not colon:
        return False
    match kind:
        case "const":
            return value == text
        case "pattern":
            return _fits(text, value)
        case "split_pattern":
            return any(_fits(text, part) for part in value.split(";"))
        case _:
            return False


def _fits(pattern: str, value: str) -> bool:
    """`?` is any one character and `*` any number of them; there is no escape."""
    if pattern.count("*") > _MAX_STARS:  # each one multiplies the work
        return False
    signs = {"?": ".", "*": ".*"}
    written = "".join(signs.get(sign) or re.escape(sign) for sign in re.sub(r"\*+", "*", pattern))
    return re.fullmatch(written, value, re.DOTALL) is not None
