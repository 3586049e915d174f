"""What is told of people, by grant: records where those are open, and of anybody named nothing elsewhere."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beacon.disclosure import Finding, Precision, disclose
from beacon.entries import ENTRY_TYPES, answer, entry_at
from beacon.query import Asked, Within
from beacon.room import Beacon
from beacon.terms import TermsEndpoint, list_terms
from node.reference.ontology import Ontologies
from node.roster.making import Holdings
from schemas.access import Grant, Granularity, Policy
from schemas.beacon import Include, Response, encode
from schemas.errors import Forbidden, NotAuthorised, NotHeld
from schemas.filters import TermFilter
from schemas.genome import Assembly
from schemas.people import Dataset, Individual
from tests.worlds_beacon import IDENTITY, Shelf, Shelves, Wards, a_grant

MEMBERS = [entry for entry in ENTRY_TYPES if entry.id in ("individual", "biosample")]
DATASETS = tuple(Dataset(name, Assembly.GRCH38, Policy.CONTROLLED) for name in ("one", "two"))
ONTOLOGY = Ontologies()


def a_person(name: str, *terms: str) -> Individual:
    features = [{"featureType": {"id": term, "label": f"label of {term}"}} for term in terms]
    record = {"id": name, "sex": {"id": "NCIT:C16576", "label": "female"}, "phenotypicFeatures": features}
    return Individual(name, samples=(name,), record=record)


ONE = (a_person("p1", "HP:0001250"), a_person("p2", "HP:0001250"), a_person("p3", "xyz:1"))
TWO = (a_person("p1"), a_person("q", "HP:0001250", "abc:2"))


def a_ward(one: tuple[Individual, ...] = ONE, two: tuple[Individual, ...] = TWO) -> Beacon:
    held = {"one": Holdings(one, (), (), ()), "two": Holdings(two, (), (), ())}
    store = Shelf({"one": (), "two": ()})
    return Beacon(IDENTITY, Shelves(DATASETS), store, Wards(held), ONTOLOGY)


depths = st.none() | st.sampled_from(Granularity)
grants = st.builds(lambda one, two: a_grant("somebody", one=one, two=two), depths, depths)
questions = st.builds(
    Asked,
    st.just(entry_at("individuals").kind),
    st.none(),
    st.sampled_from(Granularity),
    st.sampled_from(Include),
    filters=st.sampled_from([(), (TermFilter("HP:0001250"),)]),
    within=st.none() | st.builds(Within, st.just("individual"), st.sampled_from(["p1", "q", "nobody"])),
)


def told(asked: Asked, grant: Grant, beacon: Beacon | None = None) -> Response | None:
    """The answer; None when the grant opens nothing."""
    try:
        return answer(beacon or a_ward(), asked, grant)
    except (Forbidden, NotAuthorised):
        return None


@given(questions, grants)
def test_records_leave_only_where_records_are_open(asked: Asked, grant: Grant) -> None:
    response = told(asked, grant)
    if response is None:
        return
    for one in response.get("response", {}).get("resultSets", []):
        ceiling = grant.ceiling(one["id"]).granularity
        assert ceiling is not None
        assert not one["results"] or ceiling is Granularity.RECORD
        assert not (asked.within and ceiling is not Granularity.RECORD)
    if not any(ceiling.granularity is Granularity.RECORD for ceiling in grant.ceilings.values()):
        assert b"label of" not in encode(response)


@given(questions, grants, st.booleans())
def test_a_dataset_that_is_not_open_changes_nothing(asked: Asked, grant: Grant, empty: bool) -> None:
    """Not even whether somebody of that name is in it."""
    shut = a_grant("somebody", one=None, two=grant.ceiling("two").granularity)
    other = () if empty else (a_person("nobody", "HP:0001250"),)
    answers = [told(asked, shut, beacon) for beacon in (a_ward(), a_ward(one=other))]
    assert answers[0] == answers[1]


@given(st.sampled_from(["p1", "q", "nobody"]), st.sampled_from(Granularity))
def test_of_somebody_named_only_records_tell(name: str, granularity: Granularity) -> None:
    asked = Asked(entry_at("individuals").kind, None, granularity, within=Within("individual", name))
    for depth in (Granularity.BOOLEAN, Granularity.COUNT):
        with pytest.raises(Forbidden, match="nothing of single people"):
            answer(a_ward(), asked, a_grant("somebody", one=depth, two=depth))
    response = answer(a_ward(), asked, a_grant("somebody", one=Granularity.COUNT, two=Granularity.RECORD))
    assert response["responseSummary"]["exists"] is (name != "nobody")
    assert response["info"]["refused"] == [
        {"id": "one", "reason": "this dataset tells you nothing of single people"}
    ]


def test_a_term_is_known_only_where_it_may_be_asked() -> None:
    """`xyz:1` stands in the records of dataset one alone."""
    asked = Asked(entry_at("individuals").kind, None, Granularity.COUNT, filters=(TermFilter("xyz:1"),))
    both = a_grant("somebody", one=Granularity.BOOLEAN, two=Granularity.COUNT)
    assert answer(a_ward(), asked, both)["responseSummary"] == {"exists": True}
    only_two = a_grant("somebody", one=None, two=Granularity.COUNT)
    with pytest.raises(NotHeld) as refusal:
        answer(a_ward(), asked, only_two)
    assert "label of" not in str(refusal.value)


@given(grants)
def test_the_terms_that_are_listed_are_those_that_may_be_asked(grant: Grant) -> None:
    listed: Mapping[str, list[dict[str, object]]] = list_terms(a_ward(), grant, TermsEndpoint())
    ontology = [one for one in listed["filteringTerms"] if one["type"] == "ontologyTerm"]
    of_variants = [one for one in ontology if one["scopes"] == ["genomicVariant"]]
    terms = {one["id"]: one for one in ontology if one not in of_variants}
    opened = {name for name, ceiling in grant.ceilings.items() if ceiling.granularity}
    assert bool(of_variants) == bool(opened)
    assert ("xyz:1" in terms) == ("one" in opened)
    assert ("abc:2" in terms) == ("two" in opened)
    least = min((c.granularity.rank for c in grant.ceilings.values() if c.granularity), default=0)
    assert all(("count" in term) == (least >= Granularity.COUNT.rank) for term in terms.values())
    for term in terms:
        asked = Asked(
            entry_at("individuals").kind, None, Granularity.BOOLEAN, filters=(TermFilter(str(term)),)
        )
        assert answer(a_ward(), asked, grant)["responseSummary"]["exists"] is True
    if least < Granularity.RECORD.rank:
        assert not any("values" in one for one in listed["filteringTerms"])


def test_a_count_says_how_precise_it_is() -> None:
    asked = Asked(entry_at("individuals").kind, None, Granularity.COUNT)
    grant = a_grant("somebody", one=Granularity.COUNT, two=Granularity.COUNT)
    rounded = Finding(DATASETS[0], True, 40, precision=Precision("rounded", (10,)))
    exact = Finding(DATASETS[1], True, 3)
    response = disclose(IDENTITY, asked, grant, [rounded, exact])
    assert response["responseSummary"] == {
        "exists": True,
        "numTotalResults": 43,
        "countPrecision": "rounded",
        "countAdjustedTo": [10],
    }
    first, second = response["response"]["resultSets"]
    assert (first["countPrecision"], first["countAdjustedTo"]) == ("rounded", [10])
    assert "countPrecision" not in second
