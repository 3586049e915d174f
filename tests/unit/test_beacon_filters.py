"""Filters as they are written and read, and the comparisons they stand for."""

import json
import re
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beacon.entries import ENDPOINTS, ENTRY_TYPES, entry_at
from beacon.fields import FIELDS, FieldKind, find_field
from beacon.filters import canonical_filter, read_filters
from beacon.measuring import holds, read_wanted
from beacon.query import Asked, Within
from schemas.access import Granularity
from schemas.filters import (
    AnyOf,
    CustomFilter,
    FieldFilter,
    Operator,
    Quantity,
    Similarity,
    Span,
    TermFilter,
    Text,
    duration_days,
)
from schemas.people import Term

scopes = st.sampled_from(["", "individual", "biosample"])
codes = st.builds(
    "{}:{:07}".format, st.sampled_from(["HP", "MONDO", "NCIT", "ICD10", "xyz"]), st.integers(0, 10**7 - 1)
)
words = st.text("abcdefghij %", min_size=1, max_size=20).map(str.strip).filter(bool)
terms = st.builds(TermFilter, codes, st.booleans(), st.sampled_from(Similarity), scopes, st.booleans())
fields = st.builds(
    FieldFilter,
    st.sampled_from(sorted({field.path for field in FIELDS})) | codes | words,
    st.sampled_from(Operator),
    words,
    scopes,
)
customs = st.builds(CustomFilter, st.builds("ethnicity:{}".format, words) | words, scopes, st.booleans())
filters = terms | fields | customs
questions = st.lists(
    filters | st.lists(filters, min_size=2, max_size=3).map(lambda f: AnyOf(tuple(f))), max_size=4
)


@given(questions)
def test_what_is_written_is_read_back(asked: list[Any]) -> None:
    written = json.loads(json.dumps([canonical_filter(one) for one in asked]))
    assert read_filters(written) == tuple(asked)


@given(
    st.sampled_from(ENTRY_TYPES),
    questions,
    st.none() | st.builds(Within, st.sampled_from([e.id for e in ENTRY_TYPES]), st.text(min_size=1)),
    st.booleans(),
)
def test_a_question_sent_on_is_the_same_question(
    entry: Any, asked: list[Any], within: Within | None, test_mode: bool
) -> None:
    """Filters and the entry it asks below travel in the body: no URL between nodes names anybody."""
    if entry.kind.needs_query and (within is None or within.entry in ("dataset", "cohort")):
        return
    question = Asked(
        entry.kind, None, Granularity.COUNT, filters=tuple(asked), within=within, test_mode=test_mode
    )
    assert entry_at(entry.path).read_post(question.body()) == question


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("HP:0001250", TermFilter("HP:0001250")),
        ("hp_0001250", TermFilter("HP:0001250")),
        ("!HP:0001250", TermFilter("HP:0001250", negated=True)),
        ("http://purl.obolibrary.org/obo/HP_0001250", TermFilter("HP:0001250")),
        ("age:>P70Y", FieldFilter("age", Operator.MORE, "P70Y")),
        ("ageOfOnset>=P18Y", FieldFilter("ageOfOnset", Operator.AT_LEAST, "P18Y")),
        ("LOINC:35925-4>24.5", FieldFilter("LOINC:35925-4", Operator.MORE, "24.5")),
        ("HP_0032443:!text", FieldFilter("HP:0032443", Operator.UNLIKE, "text")),
        ("sex!=female", FieldFilter("sex", Operator.UNLIKE, "female")),
        ("!sex=female", FieldFilter("sex", Operator.UNLIKE, "female")),
        ("sex = female", FieldFilter("sex", Operator.EQUAL, "female")),
        ("ethnicity:African", CustomFilter("ethnicity:African")),
        ("demographic.ethnicity:asian", TermFilter("demographic.ethnicity:asian")),
        ("Seizure", CustomFilter("Seizure")),
    ],
)
def test_the_short_form(text: str, expected: object) -> None:
    assert read_filters([text]) == (expected,)


def test_every_field_is_found_by_its_name_alone_or_in_full() -> None:
    for field in FIELDS:
        for name in (field.path, f"{field.entry}.{field.path}", f"{field.path}.label"):
            found = find_field(name, field.entry)
            assert found is not None
            assert field in found.fields
    assert find_field("nothing") is None
    assert find_field("sex.colour") is None
    assert find_field("") is None


# ------------------------------------------------------------------------------------------ comparing

ORDERS = (Operator.LESS, Operator.EQUAL, Operator.MORE)


def outcomes(value: object, asked: str, kind: FieldKind | None = None) -> list[Operator]:
    """The signs that hold between a recorded value and an asked one."""
    found = []
    for sign in Operator:
        wanted = read_wanted(FieldFilter("x", sign, asked), kind)
        if holds(sign, wanted, value):  # type: ignore[arg-type]
            found.append(sign)
    return found


def agreeing(one: float, other: float) -> list[Operator]:
    """The same, of two numbers."""
    told = {
        Operator.EQUAL: one == other,
        Operator.UNLIKE: one == other,  # its negation is taken over people, not over values
        Operator.LESS: one < other,
        Operator.MORE: one > other,
        Operator.AT_MOST: one <= other,
        Operator.AT_LEAST: one >= other,
    }
    return [sign for sign in Operator if told[sign]]


@given(st.integers(-(10**6), 10**6), st.integers(-(10**6), 10**6))
def test_numbers(one: int, other: int) -> None:
    assert outcomes(Quantity(one / 8), f"{other / 8:.3f}") == agreeing(one, other)


@given(
    st.integers(0, 500), st.integers(0, 500), st.sampled_from(["kg", "Kilogram", "NCIT:C28252", "UCUM:kg"])
)
def test_units(one: int, other: int, unit: str) -> None:
    grams = Quantity(one * 1000.0, Term("NCIT:C48155", "Gram"))
    assert outcomes(grams, f"{other} {unit}") == agreeing(one, other)
    assert outcomes(grams, f"{other} cm") == []  # another thing altogether
    assert outcomes(Quantity(one), f"{other} {unit}") == []  # nobody knows the unit


@given(st.integers(0, 1400), st.integers(0, 1400))
def test_ages(one: int, other: int) -> None:
    days = duration_days(f"P{one // 12}Y{one % 12}M")
    assert days is not None
    found = outcomes(Span(days, days), f"P{other}M", FieldKind.AGE)
    assert found == agreeing(one, other)


def test_a_range_of_ages_holds_as_a_whole() -> None:
    years = [duration_days(f"P{n}Y") or 0.0 for n in (20, 30)]
    span = Span(*years)
    assert outcomes(span, "P19Y") == [Operator.MORE, Operator.AT_LEAST]
    assert outcomes(span, "P20Y") == [Operator.AT_LEAST]
    assert outcomes(span, "P25Y") == []
    assert outcomes(span, "P30Y") == [Operator.AT_MOST]


@given(st.dates(date(1900, 1, 1), date(2100, 1, 1)), st.integers(-800, 800))
def test_dates(recorded: date, days: int) -> None:
    asked = recorded + timedelta(days)
    value = Text(recorded.isoformat())
    assert outcomes(value, asked.isoformat()) == agreeing(0, days)
    assert outcomes(value, str(asked.year)) == agreeing(recorded.year, asked.year)


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("P1Y", 365.25),
        ("P12M", 365.25),
        ("P2W", 14),
        ("P1DT12H", 1.5),
        ("PT30M", 30 / 1440),
        ("P0.5Y", 182.625),
        ("P", None),
        ("PT", None),
        ("P1", None),
        ("1Y", None),
        ("P1Y1Y", None),
        ("P-1Y", None),
        ("", None),
    ],
)
def test_durations(text: str, days: float | None) -> None:
    assert duration_days(text) == (None if days is None else pytest.approx(days, abs=1e-6))


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("asthma", "Asthma", True),
        ("asth%", "Asthma", True),
        ("%thm%", "Asthma", True),
        ("%", "", True),
        ("asth", "Asthma", False),
        ("a.thma", "Asthma", False),
        ("a%z", "Asthma", False),
    ],
)
def test_words(pattern: str, text: str, expected: bool) -> None:
    wanted = read_wanted(FieldFilter("x", Operator.EQUAL, pattern), None)
    assert holds(Operator.EQUAL, wanted, Text(text)) == expected
    assert holds(Operator.EQUAL, wanted, Term("A:1", text)) == expected


@given(st.text("aAb%.", max_size=8), st.text("aAb.", max_size=8))
def test_wildcards(pattern: str, text: str) -> None:
    wanted = read_wanted(FieldFilter("x", Operator.EQUAL, pattern), None)
    expression = ".*".join(map(re.escape, pattern.split("%")))
    assert wanted.matches(text) == bool(re.fullmatch(expression, text, re.IGNORECASE))


def test_many_wildcards_cost_no_more_than_one() -> None:
    """A regular expression would take longer than anybody lives."""
    wanted = read_wanted(FieldFilter("x", Operator.EQUAL, "%a" * 99 + "%b"), None)
    assert not wanted.matches("a" * 10_000)


def test_every_path_is_that_of_the_specification(shared: Any) -> None:
    model = shared / "spec" / "beacon-v2" / "models" / "json" / "beacon-v2-default-model"
    told = {
        path.strip("/")
        for file in model.glob("*/endpoints.json")
        for path in json.loads(file.read_text())["paths"]
        if not path.endswith("filtering_terms")
    }
    sets = json.loads((model / "beaconMap.json").read_text())["endpointSets"].values()
    for one in sets:
        urls = [one["rootUrl"], one["singleEntryUrl"], *(e["url"] for e in one["endpoints"].values())]
        told |= {url.removeprefix("https://exampleBeacons.org/") for url in urls}
    assert {endpoint.path for endpoint in ENDPOINTS} == told
