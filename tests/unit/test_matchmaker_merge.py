"""The door of a network question: one patient once, everybody's state, nobody of one's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matchmaker.merge import Heard, NodeMatches, merge
from schemas.mme import ExplanationDocument, MatchResponse, MatchResult, Patient, ScoreDocument
from schemas.network import Answered, PeerState
from tests.matching_worlds import a_patient

FEATURES = ["HP:0001250", "HP:0001251", "HP:0001252"]


def answer(node: str, *results: tuple[Patient, float], unreadable: int = 0, **more: Any) -> NodeMatches:
    found = tuple(
        MatchResult(score=ScoreDocument(patient=score), patient=patient) for patient, score in results
    )
    response = MatchResponse(results=found, **more)
    state = PeerState.HIT if found else PeerState.NO_HIT
    return Answered(node, node.upper(), state, 12.34, response=Heard(response, unreadable))


def silent(node: str, state: PeerState, reason: str) -> NodeMatches:
    return Answered(node, node.upper(), state, 1.0, reason)


def whose(name: str = "P1", href: str = "mailto:a@a.example", **fields: Any) -> Patient:
    return a_patient(name, contact={"name": "A", "href": href}, **{"features": FEATURES, **fields})


def told(*answers: NodeMatches, ours: set[str] | None = None) -> list[tuple[str, float, list[str]]]:
    document, found = merge(answers, is_ours=lambda patient: patient.id in (ours or set()))
    assert [each.result.patient.id for each in found] == [r["patient"]["id"] for r in document["results"]]
    return [
        (r["patient"]["id"], r["score"]["patient"], [n["node"] for n in r["_nodes"]])
        for r in document["results"]
    ]


def test_results_of_all_nodes_come_best_first() -> None:
    first, second = whose("P1"), whose("P2", "mailto:b@b.example")
    assert told(answer("a", (first, 0.3)), answer("b", (second, 0.7))) == [
        ("P2", 0.7, ["b"]),
        ("P1", 0.3, ["a"]),
    ]


def test_a_patient_with_one_id_and_contact_is_one_whoever_tells_of_him() -> None:
    elsewhere = whose("P1", "MAILTO:A@a.example", features=FEATURES[:1])
    assert told(answer("a", (whose(), 0.3)), answer("b", (elsewhere, 0.7))) == [("P1", 0.7, ["b", "a"])]


def test_a_patient_with_the_same_findings_and_contact_is_one_under_two_ids() -> None:
    assert told(answer("a", (whose("P1"), 0.5)), answer("b", (whose("other"), 0.4))) == [
        ("P1", 0.5, ["a", "b"])
    ]


def test_an_id_or_a_finding_alone_makes_nobody_the_same() -> None:
    stranger = whose("P1", "mailto:b@b.example")
    assert len(told(answer("a", (whose(), 0.5)), answer("b", (stranger, 0.4)))) == 2
    one, other = whose("P1", features=FEATURES[:1]), whose("P2", features=FEATURES[:1])
    assert len(told(answer("a", (one, 0.5)), answer("b", (other, 0.4)))) == 2
    absent = whose("P2", features=[{"id": FEATURES[0], "observed": "no"}, *FEATURES[1:]])
    assert len(told(answer("a", (whose(), 0.5)), answer("b", (absent, 0.4)))) == 2


def test_brothers_of_one_node_stay_two_whatever_they_have_in_common() -> None:
    assert len(told(answer("a", (whose("P1"), 0.5), (whose("P2"), 0.5)))) == 2


def test_the_patient_in_question_is_no_match_of_his_own() -> None:
    assert told(answer("a", (whose("P1"), 0.9), (whose("P2"), 0.5)), ours={"P1"}) == [("P2", 0.5, ["a"])]


def test_every_node_has_its_line_and_silence_is_not_no() -> None:
    document, _ = merge(
        [
            answer("a", (whose(), 0.5), unreadable=2, disclaimer="as is", terms="cite us", unknown=("HP:9",)),
            answer("b"),
            silent("c", PeerState.TIMEOUT, "no whole answer within 8.0 s"),
        ],
        is_ours=lambda _patient: False,
        disclaimer="ours",
    )
    assert document["disclaimer"] == "ours"
    assert document["nodes"] == [
        {
            "node": "a",
            "name": "A",
            "state": "hit",
            "ms": 12.3,
            "results": 1,
            "disclaimer": "as is",
            "terms": "cite us",
            "unreadable": 2,
            "unknown": ["HP:9"],
        },
        {"node": "b", "name": "B", "state": "no_hit", "ms": 12.3, "results": 0},
        {
            "node": "c",
            "name": "C",
            "state": "timeout",
            "ms": 1.0,
            "reason": "no whole answer within 8.0 s",
        },
    ]


def test_what_others_say_of_a_match_gives_way_to_what_this_node_sees() -> None:
    lie = ExplanationDocument(text=("<b>he is the one</b>",))
    theirs = MatchResult(score=ScoreDocument(patient=0.9), patient=whose(), explanation=lie)
    response = MatchResponse(results=(theirs,))
    told = Answered("a", "A", PeerState.HIT, 1.0, response=Heard(response))
    own = ExplanationDocument(text=("Features in common: Seizure.",))

    def compare(patients: Sequence[Patient]) -> list[MatchResult]:
        return [
            MatchResult(score=ScoreDocument(patient=0.2), patient=each, explanation=own) for each in patients
        ]

    document, (found,) = merge([told], is_ours=lambda _patient: False, compare=compare)
    (result,) = document["results"]
    assert (result["score"]["patient"], result["_here"]["patient"]) == (0.9, 0.2)
    assert result["_explanation"]["text"] == ["Features in common: Seizure."]
    assert found.result.explanation == own


def test_nobody_answering_is_no_results_and_says_so() -> None:
    document, found = merge([silent("c", PeerState.DENIED, "no token")], is_ours=lambda _patient: False)
    assert (document["results"], found) == ([], [])
    assert document["nodes"][0]["state"] == "denied"
