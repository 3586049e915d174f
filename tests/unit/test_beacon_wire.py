"""The answer of another node is read as one that nobody vouches for."""

import copy
import json
from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beacon.entries import answer
from beacon.query import Asked
from schemas.access import Granularity
from schemas.beacon import Include, encode, read_response
from schemas.genome import Interval
from schemas.questions import RangeQuery
from tests.worlds_beacon import CHR20, EVERYTHING, a_beacon

WHOLE = RangeQuery(Interval(CHR20, 0, 4_000_000))


def an_answer(granularity: Granularity = Granularity.RECORD) -> dict[str, Any]:
    asked = Asked.of(WHOLE, granularity, 1000, include=Include.ALL)
    document: dict[str, Any] = json.loads(encode(answer(a_beacon(), asked, EVERYTHING)))
    return document


@pytest.mark.parametrize("granularity", Granularity)
def test_an_answer_of_this_node_is_read_back_whole(granularity: Granularity) -> None:
    document = an_answer(granularity)
    assert read_response(json.dumps(document).encode()) == document


def put(document: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    """`document` with the member at `path` replaced; a value of `...` removes it."""
    *way, last = [int(word) if word.isdigit() else word for word in path.split(".")]
    changed = copy.deepcopy(document)
    place: Any = changed
    for step in way:
        place = place[step]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return changed


SET = "response.resultSets.0"
WHOLE_DATASET = SET + ".results.0.frequencyInPopulations.0.frequencies.0"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("meta", ...),
        ("meta.beaconId", 5),
        ("meta.returnedGranularity", "aggregated"),
        ("meta.receivedRequestSummary", []),
        ("responseSummary", None),
        ("responseSummary.exists", "true"),
        ("responseSummary.exists", 1),
        ("responseSummary.exists", None),
        ("responseSummary.exists", False),
        ("responseSummary.numTotalResults", -1),
        ("responseSummary.numTotalResults", 0),
        ("responseSummary.numTotalResults", 3.5),
        ("responseSummary.numTotalResults", True),
        ("responseSummary.numTotalResults", 2**60),
        ("response", []),
        ("response.resultSets", {}),
        (SET, "open38"),
        (SET + ".id", ...),
        (SET + ".exists", "yes"),
        (SET + ".exists", False),
        (SET + ".resultsCount", -5),
        (SET + ".resultsCount", 1e300),
        (SET + ".resultsCount", 1),
        (SET + ".results", [[]]),
        (SET + ".results.0.variation", "C>A"),
        (SET + ".results.0.variantInternalId", ...),
        (WHOLE_DATASET + ".alleleCount", -1),
        (WHOLE_DATASET + ".alleleCount", "10"),
        (WHOLE_DATASET + ".alleleFrequency", 1.5),
        (WHOLE_DATASET + ".population", {"a": 1}),
        ("info", "all well"),
    ],
)
def test_an_answer_that_is_wrong_is_refused(path: str, value: object) -> None:
    # the first dataset by id has two variants, so that counts can be made to disagree
    document = put(an_answer(), path, value)
    with pytest.raises(ValueError, match="the answer") as refusal:
        read_response(json.dumps(document).encode())
    assert len(str(refusal.value)) < 300


@pytest.mark.parametrize(
    "raw",
    [b"", b"null", b"[]", b'"ok"', b"<html>", b'{"a":NaN}', b'{"a":Infinity}', b'{"a":"\xff"}', b"{" * 2000],
)
def test_what_is_no_answer_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match="the answer"):
        read_response(raw)


def test_a_number_that_is_not_one_is_refused_wherever_it_stands() -> None:
    raw = json.dumps(put(an_answer(), "info", {"quality": float("nan")})).encode()
    with pytest.raises(ValueError, match="not JSON"):
        read_response(raw)


def test_what_could_not_be_sent_on_is_refused() -> None:
    deep: Any = 1
    for _ in range(300):
        deep = {"a": deep}
    with pytest.raises(ValueError, match="nested"):
        read_response(json.dumps(put(an_answer(), "info", {"deep": deep})).encode())


def test_members_that_the_specification_does_not_know_are_dropped() -> None:
    document = an_answer()
    changed = put(put(document, SET + ".results.0.surprise", {"x": 1}), "surprise", [1])
    assert read_response(json.dumps(changed).encode()) == document


def test_a_result_set_without_results_is_read() -> None:
    """As version 2.2 allows."""
    document = an_answer(Granularity.COUNT)
    changed = put(put(document, SET + ".results", ...), SET + ".resultsCount", ...)
    read = read_response(json.dumps(changed).encode())
    assert "resultsCount" not in read["response"]["resultSets"][0]


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """An answer with one member, anywhere, replaced by any value."""
    document = an_answer(draw(st.sampled_from(Granularity)))
    place: Any = document
    while True:
        keys = sorted(place) if isinstance(place, dict) else list(range(len(place)))
        key = draw(st.sampled_from(keys))
        inside = place[key]
        if not isinstance(inside, dict | list) or not inside or draw(st.integers(0, 5)) == 0:
            place[key] = draw(json_values)
            return json.dumps(document).encode()
        place = inside


@given(st.binary() | damaged())
def test_nothing_that_is_sent_breaks_the_reader(raw: bytes) -> None:
    with suppress(ValueError):
        read = read_response(raw)
        assert orjson.loads(encode(read)) == read
        assert isinstance(read["responseSummary"]["exists"], bool)
