"""Many nodes' answers as one: nothing is lost, nothing counts twice, and silence is never "no"."""

import itertools
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from beacon.entries import answer, entry_at
from beacon.merge import merge
from beacon.query import Asked
from schemas.access import Granularity
from schemas.beacon import Include, Response, encode, read_response
from schemas.ga4gh import NodeIdentity
from schemas.genome import Interval
from schemas.network import NodeAnswer, PeerState, outcome
from schemas.questions import RangeQuery, SequenceQuery
from tests.worlds_beacon import (
    CHR20,
    EVERYTHING,
    IDENTITY,
    ITPA,
    PUBLIC_ONLY,
    Shelf,
    a_beacon,
    a_grant,
    a_shelf,
)

ITPA_QUERY = SequenceQuery(Interval(CHR20, 3_213_195, 3_213_196), "C", "A")
ABSENT = SequenceQuery(Interval(CHR20, 3_213_195, 3_213_196), "C", "T")
MANY_QUERY = RangeQuery(Interval(CHR20, 900, 1_900))
URLS = [f"https://{letter}.example.org" for letter in "abcd"]
GRANTS = (
    EVERYTHING,
    PUBLIC_ONLY,
    a_grant("somebody", open38=Granularity.COUNT),
    a_grant("somebody", open38=Granularity.BOOLEAN, controlled38=Granularity.BOOLEAN),
)
SILENT = [state for state in PeerState if not state.answered]


def an_answer(
    url: str, asked: Asked, grant=EVERYTHING, store: Shelf | None = None, ms: float = 12.34
) -> NodeAnswer:
    """What the node at `url` answers, as it comes back over the wire."""
    world = a_beacon(store)
    beacon = replace(world, identity=NodeIdentity(url, url[8], "GB"))
    response = read_response(encode(answer(beacon, asked, grant)))
    return NodeAnswer(url, url[8], outcome(response), ms, "", response)


def silence(url: str, state: PeerState) -> NodeAnswer:
    return NodeAnswer(url, url[8], state, 8000.0, "no whole answer within 8 s")


def sets_of(response: Response):
    return response.get("response", {}).get("resultSets", [])


questions = st.builds(
    Asked.of,
    st.sampled_from([ITPA_QUERY, ABSENT, MANY_QUERY]),
    st.sampled_from(Granularity),
    st.integers(1, 30),
    include=st.sampled_from(Include),
)


@st.composite
def networks(draw: st.DrawFn) -> tuple[Asked, list[NodeAnswer]]:
    asked = draw(questions)
    answers = []
    for url in URLS:
        if draw(st.booleans()):
            answers.append(an_answer(url, asked, draw(st.sampled_from(GRANTS))))
        else:
            answers.append(silence(url, draw(st.sampled_from(SILENT))))
    return asked, answers


@given(networks())
def test_laws_of_merging(network) -> None:
    asked, answers = network
    merged = merge(asked, IDENTITY, answers)
    answered = [a.response for a in answers if a.response is not None]
    assert merged["responseSummary"]["exists"] == any(a.state is PeerState.HIT for a in answers)
    assert merged["info"]["complete"] == (len(answered) == len(answers))
    assert [node["node"] for node in merged["info"]["nodes"]] == URLS
    assert [node["state"] for node in merged["info"]["nodes"]] == [a.state for a in answers]
    returned = Granularity(merged["meta"]["returnedGranularity"])
    assert returned.rank <= asked.granularity.rank
    told = [(a.node, s["id"], s["resultsCount"]) for a in answers if a.response for s in sets_of(a.response)]
    assert sorted((s["beaconId"], s["id"], s["resultsCount"]) for s in sets_of(merged)) == sorted(told)
    if "numTotalResults" in merged["responseSummary"]:
        counted = [r["responseSummary"].get("numTotalResults") for r in answered]
        assert merged["responseSummary"]["numTotalResults"] >= sum(count or 0 for count in counted)
    if merged["info"]["counts"]["kind"] == "exact":
        assert merged["info"]["complete"]
        assert None not in [r["responseSummary"].get("numTotalResults") for r in answered]


@given(networks(), st.randoms())
def test_the_order_of_answers_changes_only_the_order(network, random) -> None:
    asked, answers = network
    one = merge(asked, IDENTITY, answers)
    shuffled = list(answers)
    random.shuffle(shuffled)
    other = merge(asked, IDENTITY, shuffled)
    assert one["responseSummary"] == other["responseSummary"]
    assert one["meta"] == other["meta"]
    key = ("beaconId", "id")
    assert sorted(sets_of(one), key=lambda s: [s[k] for k in key]) == sorted(
        sets_of(other), key=lambda s: [s[k] for k in key]
    )


def test_a_hit_of_a_boolean_node_is_a_hit() -> None:
    asked = Asked.of(ITPA_QUERY)
    boolean = an_answer(URLS[0], asked, a_grant("somebody", open38=Granularity.BOOLEAN))
    merged = merge(asked, IDENTITY, [boolean])
    assert merged["responseSummary"] == {"exists": True}
    assert merged["info"]["datasets"] == [
        {"node": URLS[0], "id": "open38", "exists": True, "granularity": "boolean"}
    ]
    nothing = an_answer(URLS[1], asked, store=Shelf({}))
    both = merge(asked, IDENTITY, [boolean, nothing])
    assert both["responseSummary"] == {"exists": True}  # a total of 0 would deny the hit
    assert both["info"]["counts"]["kind"] == "lower_bound"


def test_counts_add_up() -> None:
    asked = Asked.of(ITPA_QUERY)
    merged = merge(asked, IDENTITY, [an_answer(url, asked) for url in URLS[:3]])
    assert merged["responseSummary"] == {"exists": True, "numTotalResults": 9}  # three datasets each
    assert merged["info"]["counts"]["kind"] == "exact"
    assert {(s["beaconId"], s["id"]) for s in sets_of(merged)} == set(
        itertools.product(URLS[:3], ["open38", "public38", "controlled38"])
    )


def test_silence_is_not_no() -> None:
    asked = Asked.of(ABSENT)
    merged = merge(asked, IDENTITY, [an_answer(URLS[0], asked), silence(URLS[1], PeerState.TIMEOUT)])
    assert merged["info"]["complete"] is False
    assert merged["info"]["counts"]["kind"] == "lower_bound"
    assert merged["info"]["nodes"][1] == {
        "node": URLS[1],
        "name": "b",
        "state": "timeout",
        "ms": 8000.0,
        "reason": "no whole answer within 8 s",
    }


def test_a_node_that_answers_twice_counts_once() -> None:
    asked = Asked.of(ITPA_QUERY)
    twice = merge(asked, IDENTITY, [an_answer(URLS[0], asked), an_answer(URLS[0], asked)])
    assert twice["responseSummary"]["numTotalResults"] == 3
    assert len(sets_of(twice)) == 3


def test_a_node_cannot_speak_for_another_or_repeat_a_set() -> None:
    asked = Asked.of(ITPA_QUERY)
    forged = an_answer(URLS[0], asked)
    assert forged.response is not None
    sets = sets_of(forged.response)
    sets[0]["beaconId"] = URLS[1]
    sets.append(sets[0])
    merged = merge(asked, IDENTITY, [forged])
    assert [s["beaconId"] for s in sets_of(merged)] == [URLS[0]] * 3


def test_what_a_node_told_beyond_the_question_is_left_out() -> None:
    records = an_answer(URLS[0], Asked.of(ITPA_QUERY))
    counts = merge(Asked.of(ITPA_QUERY, Granularity.COUNT), IDENTITY, [records])
    assert counts["meta"]["returnedGranularity"] == "count"
    assert all(s["results"] == [] for s in sets_of(counts))
    boolean = merge(Asked.of(ITPA_QUERY, Granularity.BOOLEAN), IDENTITY, [records])
    assert "response" not in boolean
    assert boolean["responseSummary"] == {"exists": True}
    none = merge(Asked.of(ITPA_QUERY, include=Include.NONE), IDENTITY, [records])
    assert sets_of(none) == []


def test_what_others_keep_in_info_does_no_harm() -> None:
    asked = Asked.of(ITPA_QUERY)
    odd = an_answer(URLS[0], asked)
    assert odd.response is not None
    for value in (None, "x", {"a": 1}, [1, None, {"id": 5, "exists": "yes"}, {"exists": True}]):
        odd.response["info"] = {"datasets": value, "refused": value, "nodes": value}
        merged = merge(asked, IDENTITY, [odd])
        assert "datasets" not in merged["info"]
        assert "refused" not in merged["info"]
        assert len(merged["info"]["nodes"]) == 1


def test_refused_datasets_are_named_with_their_node() -> None:
    asked = Asked.of(ITPA_QUERY)
    merged = merge(asked, IDENTITY, [an_answer(URLS[0], asked, PUBLIC_ONLY)])
    assert merged["info"]["refused"] == [{"node": URLS[0], "id": "controlled38", "reason": "needs a visa"}]
    assert merged["info"]["counts"]["kind"] == "lower_bound"


def test_datasets_of_all_nodes() -> None:
    asked = entry_at("datasets").read_get([])
    merged = merge(asked, IDENTITY, [an_answer(url, asked) for url in URLS[:2]])
    assert merged["responseSummary"]["numTotalResults"] == 8
    assert {c["beaconId"] for c in merged["response"]["collections"]} == set(URLS[:2])


def test_a_second_store_of_the_same_name_stays_apart() -> None:
    """Datasets of one id at two nodes are two datasets."""
    asked = Asked.of(ITPA_QUERY)
    few = a_shelf()
    few.variants = {"open38": (ITPA,)}
    merged = merge(asked, IDENTITY, [an_answer(URLS[0], asked), an_answer(URLS[1], asked, store=few)])
    assert [(s["beaconId"], s["id"]) for s in sets_of(merged)].count((URLS[1], "open38")) == 1
    assert merged["responseSummary"]["numTotalResults"] == 4
