"""What leaves a node: never more than was asked and granted, and nothing looked at more closely than that."""

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beacon.disclosure import Finding, disclose
from beacon.entries import ENTRY_TYPES, answer, entry_at
from beacon.query import Asked
from beacon.records import Telling, records_of
from schemas.access import ANONYMOUS, Granularity, coarser
from schemas.beacon import Include, encode
from schemas.errors import Forbidden, NotAuthorised, NotFound, NotHeld
from schemas.genome import Interval
from schemas.questions import RangeQuery, SequenceQuery
from tests.worlds_beacon import (
    CHR20,
    CHR20_37,
    DATASETS,
    EVERYTHING,
    IDENTITY,
    ITPA,
    MANY,
    PUBLIC_ONLY,
    a_beacon,
    a_grant,
    a_shelf,
)

ITPA_QUERY = SequenceQuery(Interval(CHR20, 3_213_195, 3_213_196), "C", "A")
ABSENT = SequenceQuery(Interval(CHR20, 3_213_195, 3_213_196), "C", "T")
MANY_QUERY = RangeQuery(Interval(CHR20, 900, 1_900))
BY_ID = {dataset.id: dataset for dataset in DATASETS}

ceilings = st.none() | st.sampled_from(Granularity)
grants = st.builds(
    lambda depths: a_grant("somebody", **depths),
    st.fixed_dictionaries(dict.fromkeys(BY_ID, ceilings)),
)
questions = st.builds(
    Asked.of,
    st.sampled_from([ITPA_QUERY, ABSENT, MANY_QUERY]),
    st.sampled_from(Granularity),
    st.integers(1, 40),
    include=st.sampled_from(Include),
)


@given(questions, grants)
def test_a_dataset_is_told_of_no_more_closely_than_granted(asked, grant) -> None:
    store = a_shelf()
    try:
        response = answer(a_beacon(store), asked, grant)
    except Forbidden:
        assert not store.calls
        return
    looked_at = {dataset for _, dataset in store.calls}
    assert looked_at <= {name for name, ceiling in grant.ceilings.items() if ceiling.granularity}
    for result_set in response.get("response", {}).get("resultSets", []):
        most = coarser(asked.granularity, grant.ceiling(result_set["id"]).granularity or Granularity.BOOLEAN)
        assert most is not Granularity.BOOLEAN
        assert not result_set["results"] or most is Granularity.RECORD
        assert len(result_set["results"]) <= asked.limit
    told = [ceiling.granularity for ceiling in grant.ceilings.values() if ceiling.granularity]
    assert Granularity(response["meta"]["returnedGranularity"]).rank <= max(depth.rank for depth in told)


@given(st.sampled_from([ITPA_QUERY, MANY_QUERY]), st.sampled_from(Include), st.sampled_from(Granularity))
def test_a_boolean_answer_is_the_same_bytes_however_much_is_held(query, include, granularity) -> None:
    """One carrier or many, one dataset or the other: yes is yes."""
    grant = a_grant("somebody", open38=Granularity.BOOLEAN, controlled38=Granularity.BOOLEAN)
    asked = Asked.of(query, granularity, include=include)
    few, many = a_shelf(), a_shelf()
    few.variants = {"open38": (ITPA, MANY[0]), "controlled38": (ITPA, MANY[0])}
    many.variants = {"open38": (ITPA, *MANY), "controlled38": (ITPA, *MANY)}
    assert encode(answer(a_beacon(few), asked, grant)) == encode(answer(a_beacon(many), asked, grant))


@given(st.sampled_from([ITPA_QUERY, ABSENT, MANY_QUERY]), st.sampled_from(Granularity))
def test_a_closed_dataset_leaves_no_trace_of_what_it_holds(query, granularity) -> None:
    asked = Asked.of(query, granularity, include=Include.ALL)
    full, empty = a_shelf(), a_shelf()
    empty.variants = {**empty.variants, "controlled38": ()}
    assert encode(answer(a_beacon(full), asked, PUBLIC_ONLY)) == encode(
        answer(a_beacon(empty), asked, PUBLIC_ONLY)
    )


@given(grants, st.sampled_from(Granularity))
def test_the_door_cuts_down_whatever_it_is_handed(grant, granularity) -> None:
    """Even findings that should never have been made."""
    records = records_of([ITPA], Telling(BY_ID["open38"], "https://a.example.org"))
    findings = [Finding(dataset, True, 71_077, records) for dataset in DATASETS]
    asked = Asked.of(ITPA_QUERY, granularity)
    response = disclose(IDENTITY, asked, grant, findings)
    allowed = {
        name: coarser(granularity, ceiling.granularity)
        for name, ceiling in grant.ceilings.items()
        if ceiling.granularity
    }
    sets = {s["id"]: s for s in response.get("response", {}).get("resultSets", [])}
    assert set(sets) == {name for name, depth in allowed.items() if depth is not Granularity.BOOLEAN}
    assert {n for n, s in sets.items() if s["results"]} == {
        name for name, depth in allowed.items() if depth is Granularity.RECORD
    }
    if set(allowed.values()) <= {Granularity.BOOLEAN}:
        assert "71077" not in json.dumps({**response, "meta": None})


def test_boolean_says_yes_or_no_and_nothing_else() -> None:
    for query, expected in ((ITPA_QUERY, True), (ABSENT, False)):
        store = a_shelf()
        response = answer(a_beacon(store), Asked.of(query, Granularity.BOOLEAN), EVERYTHING)
        assert response["responseSummary"] == {"exists": expected}
        assert "response" not in response
        assert {method for method, _ in store.calls} == {"exists"}


def test_count_counts_and_does_not_read_records() -> None:
    store = a_shelf()
    response = answer(a_beacon(store), Asked.of(MANY_QUERY, Granularity.COUNT), EVERYTHING)
    assert response["responseSummary"] == {"exists": True, "numTotalResults": 26}
    assert [(s["id"], s["resultsCount"], s["results"]) for s in response["response"]["resultSets"]] == [
        ("controlled38", 1, []),
        ("open38", 25, []),
    ]
    assert {method for method, _ in store.calls} == {"count"}


def test_records_are_paged_and_the_total_is_not() -> None:
    grant = a_grant("somebody", open38=Granularity.RECORD)
    seen = []
    for skip in range(4):
        asked = Asked.of(MANY_QUERY, Granularity.RECORD, 10)
        page = Asked(asked.kind, asked.query, asked.granularity, asked.include, skip, 10)
        response = answer(a_beacon(), page, grant)
        assert response["responseSummary"]["numTotalResults"] == 25
        seen += [record["variantInternalId"] for record in response["response"]["resultSets"][0]["results"]]
    assert len(seen) == len(set(seen)) == 25


def test_one_allele_costs_one_look() -> None:
    store = a_shelf()
    answer(a_beacon(store), Asked.of(ITPA_QUERY), a_grant("somebody", open38=Granularity.RECORD))
    assert store.calls == [("find", "open38")]


@pytest.mark.parametrize(
    ("include", "expected"),
    [
        (Include.HIT, ["open38"]),
        (Include.MISS, ["controlled38"]),
        (Include.ALL, ["controlled38", "open38"]),
        (Include.NONE, None),
    ],
)
def test_which_datasets_are_listed(include: Include, expected: list[str] | None) -> None:
    shapes = RangeQuery(Interval(CHR20, 5_005, 5_500))  # public38 has an insertion just before
    grant = a_grant("somebody", open38=Granularity.RECORD, controlled38=Granularity.RECORD)
    response = answer(a_beacon(), Asked.of(shapes, include=include), grant)
    listed = response.get("response", {}).get("resultSets", [])
    assert [s["id"] for s in listed] == (expected or [])
    assert response["responseSummary"] == {"exists": True, "numTotalResults": 7}
    if expected is None:
        assert response["meta"]["returnedGranularity"] == "count"


def test_datasets_that_may_tell_different_amounts() -> None:
    response = answer(a_beacon(), Asked.of(ITPA_QUERY), PUBLIC_ONLY)
    assert response["meta"]["returnedGranularity"] == "record"
    assert [s["id"] for s in response["response"]["resultSets"]] == ["open38"]
    assert response["responseSummary"] == {"exists": True}  # public38 has it too and may not say how often
    assert response["info"] == {
        "datasets": [{"id": "public38", "exists": True, "granularity": "boolean"}],
        "refused": [{"id": "controlled38", "reason": "needs a visa"}],
    }
    absent = answer(a_beacon(), Asked.of(ABSENT), PUBLIC_ONLY)
    assert absent["responseSummary"] == {"exists": False, "numTotalResults": 0}


def test_a_caller_with_no_dataset_open_is_refused_before_anything_is_looked_at() -> None:
    for principal, error in ((ANONYMOUS, NotAuthorised), ("somebody", Forbidden)):
        store = a_shelf()
        grant = a_grant(principal, open38=None, public38=None, controlled38=None)
        with pytest.raises(error, match="needs a visa"):
            answer(a_beacon(store), Asked.of(ITPA_QUERY), grant)
        assert not store.calls


def test_what_is_not_held() -> None:
    beacon = a_beacon(datasets=tuple(d for d in DATASETS if d.assembly is CHR20.assembly))
    old = SequenceQuery(Interval(CHR20_37, 3_193_841, 3_193_842), "C", "A")
    with pytest.raises(NotHeld, match="GRCh37 is held here; held: GRCh38"):
        answer(beacon, Asked.of(old), EVERYTHING)
    with pytest.raises(NotHeld, match="held: nothing"):
        answer(a_beacon(datasets=()), Asked.of(old), EVERYTHING)
    with pytest.raises(NotHeld, match="'elsewhere' is not held"):
        answer(a_beacon(), Asked.of(old, datasets=("old37", "elsewhere")), EVERYTHING)
    with pytest.raises(NotHeld, match="'open38' is of GRCh38"):
        answer(a_beacon(), Asked.of(old, datasets=("open38",)), EVERYTHING)


def test_only_the_datasets_asked_for_are_looked_at() -> None:
    store = a_shelf()
    response = answer(a_beacon(store), Asked.of(ITPA_QUERY, datasets=("public38",)), EVERYTHING)
    assert store.calls == [("find", "public38")]
    assert [s["id"] for s in response["response"]["resultSets"]] == ["public38"]


def test_datasets_are_described_to_everybody() -> None:
    asked = entry_at("datasets").read_get([("limit", "3"), ("skip", "1")])
    response = answer(a_beacon(), asked, a_grant())
    assert response["responseSummary"]["numTotalResults"] == len(DATASETS)
    assert [c["id"] for c in response["response"]["collections"]] == ["public38"]
    with pytest.raises(NotHeld):
        answer(a_beacon(), entry_at("datasets").read_get([("datasetIds", "elsewhere")]), a_grant())


def test_entry_types_are_told_apart() -> None:
    for one, other in itertools.combinations(ENTRY_TYPES, 2):
        assert one.id != other.id
        assert one.path != other.path
    with pytest.raises(NotFound):
        entry_at("unicorns")
