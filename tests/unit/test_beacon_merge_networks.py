"""Networks that answer as one: what they tell of others counts once, and only where nobody was asked."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beacon.merge import merge
from beacon.query import Asked
from schemas.access import Granularity
from schemas.beacon import Response, encode, read_response
from schemas.genome import Interval
from schemas.network import NodeAnswer, PeerState, outcome, told_nodes
from schemas.questions import RangeQuery
from tests.worlds_beacon import CHR20, IDENTITY

ASKED = Asked.of(RangeQuery(Interval(CHR20, 900, 1_900)), Granularity.COUNT)
A, B, C, D = (f"https://{letter}.example.org" for letter in "abcd")


def a_set(node: str, dataset: str, count: int) -> dict[str, Any]:
    return {
        "beaconId": node,
        "id": dataset,
        "setType": "dataset",
        "exists": count > 0,
        "resultsCount": count,
        "results": [],
    }


def document(node: str, sets: list[dict[str, Any]], **information: Any) -> Response:
    total = sum(one["resultsCount"] for one in sets)
    raw = {
        "meta": ASKED.meta(IDENTITY, Granularity.COUNT) | {"beaconId": node},
        "responseSummary": {"exists": total > 0, "numTotalResults": total},
        "response": {"resultSets": sets},
        "info": information,
    }
    return read_response(encode(raw))


def alone(node: str, **counts: int) -> NodeAnswer:
    sets = [a_set(node, dataset, count) for dataset, count in counts.items()]
    response = document(node, sets)
    for one in response["response"]["resultSets"]:
        one.pop("beaconId", None)
    return NodeAnswer(node, node[8], outcome(response), 5.0, response=response)


def a_line(node: str, state: str = "hit", count: int | None = None, **more: Any) -> dict[str, Any]:
    line = {"node": node, "name": node[8], "state": state, "ms": 3.0, "reason": ""} | more
    return line if count is None else line | {"resultsCount": count}


def a_network(node: str, told: dict[str, dict[str, int]], **more: Any) -> NodeAnswer:
    """`node`, in the form in which our own network answers, with the counts of each node's datasets."""
    sets = [a_set(name, dataset, n) for name, counts in told.items() for dataset, n in counts.items()]
    lines = [
        a_line(name, "hit" if sum(counts.values()) else "no_hit", sum(counts.values()))
        for name, counts in told.items()
    ]
    information: dict[str, Any] = {"nodes": lines, "counts": {"kind": "exact"}} | more
    response = document(node, sets, **information)
    return NodeAnswer(node, node[8], outcome(response), 9.0, response=response)


def keys(response: Response) -> list[tuple[str, str]]:
    return sorted((s["beaconId"], s["id"]) for s in response.get("response", {}).get("resultSets", []))


def vias(response: Response) -> dict[str, str]:
    return {line["node"]: line.get("via", "") for line in response["info"]["nodes"]}


def test_a_network_is_unfolded() -> None:
    merged = merge(ASKED, IDENTITY, [alone(A, d=1), a_network(B, {B: {"d": 2}, C: {"d": 3, "e": 4}})])
    assert keys(merged) == [(A, "d"), (B, "d"), (C, "d"), (C, "e")]
    assert vias(merged) == {A: "", B: "", C: B}
    assert merged["responseSummary"] == {"exists": True, "numTotalResults": 10}
    assert merged["info"]["counts"]["kind"] == "exact"


def test_overlapping_networks_count_once() -> None:
    one, other = (
        a_network(A, {A: {"d": 1}, C: {"d": 3}}),
        a_network(B, {B: {"d": 2}, C: {"d": 3}, D: {"d": 4}}),
    )
    for answers in ([one, other], [other, one]):
        merged = merge(ASKED, IDENTITY, answers)
        assert keys(merged) == [(A, "d"), (B, "d"), (C, "d"), (D, "d")]
        assert merged["responseSummary"]["numTotalResults"] == 10


def test_who_was_asked_speaks_for_himself() -> None:
    """Neither a hit nor a no is put into the mouth of a node that answered otherwise, or not at all."""
    silent = NodeAnswer(C, "c", PeerState.TIMEOUT, 8000.0, "no whole answer")
    merged = merge(
        ASKED, IDENTITY, [alone(A, d=0), silent, a_network(B, {A: {"d": 99}, B: {"d": 2}, C: {"d": 99}})]
    )
    states = {line["node"]: line["state"] for line in merged["info"]["nodes"]}
    assert states == {A: "no_hit", B: "hit", C: "timeout"}
    assert merged["responseSummary"]["numTotalResults"] == 2
    assert merged["info"]["counts"]["kind"] == "lower_bound"


def test_what_a_network_did_not_learn_is_not_known() -> None:
    lines = [a_line(B, count=2), a_line(C, "timeout", reason="late")]
    answer = a_network(B, {B: {"d": 2}}, nodes=lines)
    merged = merge(ASKED, IDENTITY, [answer])
    assert {line["node"]: line["state"] for line in merged["info"]["nodes"]} == {B: "hit", C: "timeout"}
    assert merged["info"]["complete"] is False


def test_a_network_that_says_nothing_for_itself() -> None:
    answer = a_network(B, {C: {"d": 2}})
    merged = merge(ASKED, IDENTITY, [answer])
    assert {line["node"]: line["state"] for line in merged["info"]["nodes"]} == {
        B: "not_applicable",
        C: "hit",
    }
    assert merged["responseSummary"]["numTotalResults"] == 2


def test_an_inexact_network_makes_the_whole_inexact() -> None:
    answer = a_network(B, {B: {"d": 2}}, counts={"kind": "lower_bound"})
    assert merge(ASKED, IDENTITY, [answer])["info"]["counts"]["kind"] == "lower_bound"


def test_one_dataset_counts_a_person_once() -> None:
    one = merge(ASKED, IDENTITY, [alone(A, d=3), alone(B, d=0)])
    assert one["info"]["counts"]["mayCountAPersonTwice"] is False
    two = merge(ASKED, IDENTITY, [alone(A, d=3), alone(B, d=1)])
    assert two["info"]["counts"]["mayCountAPersonTwice"] is True
    assert any("counts in each" in caveat for caveat in two["info"]["counts"]["caveats"])


def test_a_stranger_does_not_take_the_place_of_a_node() -> None:
    """A Beacon may call itself anything: the node whose name it is goes before."""
    impostor = NodeAnswer(A, "a", PeerState.HIT, 1.0, response=document(B, [a_set(B, "d", 99)]))
    for one in impostor.response["response"]["resultSets"]:  # type: ignore[index]
        one.pop("beaconId")
    for answers in ([impostor, alone(B, d=2)], [alone(B, d=2), impostor]):
        merged = merge(ASKED, IDENTITY, answers)
        assert keys(merged) == [(B, "d")]
        assert merged["responseSummary"]["numTotalResults"] == 2


@pytest.mark.parametrize(
    "nodes",
    [
        "all of them",
        [],
        [7],
        [{"node": 7, "state": "hit"}],
        [{"node": C, "state": "maybe"}],
        [{"node": C, "state": "hit", "ms": "soon"}],
        [{"node": C, "state": "hit", "resultsCount": -1}],
        [{"node": C, "state": "hit", "resultsCount": True}],
        [{"node": "", "state": "hit"}],
        [{"node": C, "state": ["hit"]}],
        [a_line(f"https://{n}.example.org") for n in range(501)],
    ],
    ids=lambda nodes: str(nodes)[:40],
)
def test_states_that_cannot_be_read_are_no_states(nodes: Any) -> None:
    assert told_nodes({"nodes": nodes}) == ()
    merged = merge(ASKED, IDENTITY, [a_network(B, {B: {"d": 2}}, nodes=nodes)])
    assert vias(merged) == {B: ""}
    assert merged["responseSummary"]["numTotalResults"] == 2


counts = st.dictionaries(st.sampled_from("de"), st.integers(0, 5), min_size=1)


@given(st.dictionaries(st.sampled_from([A, B, C, D]), counts, min_size=1), st.randoms())
def test_every_dataset_counts_once_however_it_is_told(world: dict[str, dict[str, int]], random: Any) -> None:
    """Nodes with fixed holdings, told of directly or by networks: the sum is always the same."""
    answers = [alone(node, **held) for node, held in world.items() if random.random() < 0.5]
    direct = {answer.node for answer in answers}
    tellers = ("https://x.example.org", "https://y.example.org")
    answers += [a_network(teller, {teller: {"own": 1}} | world) for teller in tellers]
    random.shuffle(answers)
    merged = merge(ASKED, IDENTITY, answers)
    expected = sum(sum(held.values()) for held in world.values()) + 2
    assert merged["responseSummary"]["numTotalResults"] == expected
    assert len(set(keys(merged))) == len(keys(merged))
    told = {line["node"]: line.get("via", "") for line in merged["info"]["nodes"]}
    assert all(not told[node] for node in direct)
    assert set(told) == {*world, "https://x.example.org", "https://y.example.org"}
    assert list(itertools.chain(told)) == list(dict.fromkeys(told))
