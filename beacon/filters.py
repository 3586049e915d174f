"""Filters read from a question, whatever their dialect, and written back.

    ontology       HP:0001250, HP_0001250; {"id", "includeDescendantTerms", "similarity", "scope"}
    alphanumeric   ageOfOnset>P18Y, LOINC:35925-4>=24, sex:!female; {"id", "operator", "value", "scope"}
    custom         ethnicity:African, or the label of a term; {"id", "scope"}

A leading `!`, or `"excluded": true`, asks for whoever does not satisfy a filter.  Filters are chained by AND;
a list among them is an OR: `[a, [b, c]]` is a and (b or c).

Spec: Beacon v2 framework/json/requests/filteringTerms.json; OR and `excluded` as in beacon-v2#266 and #264.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from beacon.fields import find_field, read_scope
from schemas.asked_filters import WireFilter, read_filter
from schemas.curies import curie
from schemas.errors import BadQuestion
from schemas.filters import (
    AnyOf,
    CustomFilter,
    FieldFilter,
    Filter,
    OneFilter,
    Operator,
    Similarity,
    TermFilter,
)

MAX_FILTERS: Final = 50
_COMPARISON: Final = re.compile(r"(?P<id>[^<>=!]+?)(?P<colon>:?)(?P<operator>>=|<=|!=|=|<|>|!)(?P<value>.+)")
_LONGEST: Final = 200


def read_filters(given: Sequence[Any]) -> tuple[Filter, ...]:
    """The filters of a question.

    Raises BadQuestion: one that cannot be understood.  Whether a term or field is known shows only beside
    the data.
    """
    count = sum(len(one) if isinstance(one, list) else 1 for one in given)
    if count > MAX_FILTERS:
        raise BadQuestion(f"a question may have {MAX_FILTERS} filters at most, not {count}")
    return tuple(_read_any_of(one) if isinstance(one, list) else _read_one(one) for one in given)


def _read_any_of(given: list[Any]) -> Filter:
    if not given:
        raise BadQuestion("a list of alternatives among the filters is empty")
    read = tuple(_read_one(one) for one in given)
    return read[0] if len(read) == 1 else AnyOf(read)


def _read_one(given: object) -> OneFilter:
    if isinstance(given, str):
        return _read_text(given)
    if isinstance(given, dict):
        return _read_object(given)
    raise BadQuestion("a filter is a text or an object with an id")


def _read_text(text: str) -> OneFilter:
    """A filter in the short form of a GET."""
    wanted = _checked(text)
    negated = wanted.startswith("!")
    wanted = wanted.removeprefix("!").strip()
    match = _COMPARISON.fullmatch(wanted)
    if match is not None:
        operator = Operator(match["operator"].replace("!=", "!"))
        if negated and operator is not Operator.EQUAL:
            raise BadQuestion(f"filter {text[:80]!r} is negated twice")
        return _field_filter(match["id"], Operator.UNLIKE if negated else operator, match["value"], "")
    return _word(wanted, "", negated=negated)


def _word(text: str, scope: str, *, negated: bool) -> TermFilter | CustomFilter:
    """A filter that is one word: a term, or a field with its value."""
    if any(sign in text for sign in "<>=!"):
        raise BadQuestion(f"filter {text[:80]!r}: a comparison must be a field, an operator and a value")
    term = None if find_field(text.partition(":")[0]) else curie(text)
    if term is not None:
        return TermFilter(term, scope=scope, negated=negated)
    return CustomFilter(text, scope=scope, negated=negated)


def _read_object(given: dict[str, Any]) -> OneFilter:
    try:
        asked = read_filter(given)
    except ValueError as fault:
        raise BadQuestion(f"filter {str(given.get('id'))[:80]!r}: {fault}") from None
    scope = _read_scope(asked.scope)
    text = _checked(asked.id)
    negated = text.startswith("!") ^ bool(asked.excluded)
    text = text.removeprefix("!").strip()
    if asked.value is not None:
        if asked.includeDescendantTerms is not None or asked.similarity is not None:
            raise BadQuestion(f"filter {text[:80]!r} has a value, and so neither descendants nor similarity")
        operator = asked.operator or Operator.EQUAL
        if negated and operator is not Operator.EQUAL:
            raise BadQuestion(f"filter {text[:80]!r} is negated twice")
        return _field_filter(text, Operator.UNLIKE if negated else operator, asked.value, scope)
    if asked.operator is not None:
        raise BadQuestion(f"filter {text[:80]!r} has an operator and no value")
    if _COMPARISON.fullmatch(text):
        raise BadQuestion(f"filter {text[:80]!r}: operator and value are members of their own in an object")
    read = _word(text, scope, negated=negated)
    if isinstance(read, CustomFilter):
        if asked.includeDescendantTerms is not None or asked.similarity is not None:
            raise BadQuestion(f"filter {text[:80]!r} is no ontology term, and has no descendants")
        return read
    return TermFilter(
        read.id,
        asked.includeDescendantTerms is not False,
        asked.similarity or Similarity.EXACT,
        scope,
        negated,
    )


def _field_filter(name: str, operator: Operator, value: str, scope: str) -> FieldFilter:
    name, value = name.strip(), _checked(value)
    return FieldFilter(name if find_field(name) else curie(name) or name, operator, value, scope)


def _read_scope(text: str | None) -> str:
    if not text:
        return ""
    scope = read_scope(text)
    if scope is None:
        raise BadQuestion(
            f"scope {text[:40]!r}: filters are about individuals, biosamples and genomicVariants here"
        )
    return scope


def _checked(text: str) -> str:
    wanted = text.strip()
    if not wanted or wanted == "!" or len(wanted) > _LONGEST or not wanted.isprintable():
        raise BadQuestion(f"filter {text[:80]!r} must be 1 to {_LONGEST} printable characters")
    return wanted


def canonical_filter(given: Filter) -> WireFilter | list[WireFilter]:
    """A filter in its one canonical spelling, which `read_filters` reads back."""
    if isinstance(given, AnyOf):
        return [_canonical(one) for one in given.filters]
    return _canonical(given)


def _canonical(given: OneFilter) -> WireFilter:
    written: WireFilter = {"id": given.id}
    if given.scope:
        written["scope"] = given.scope
    if isinstance(given, FieldFilter):
        written |= {"operator": given.operator.value, "value": given.value}
        return written
    if given.negated:
        written["excluded"] = True
    if isinstance(given, TermFilter):
        written |= {"includeDescendantTerms": given.descendants, "similarity": given.similarity.value}
    return written
