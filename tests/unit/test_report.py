"""What people and scripts are shown: silence is never "no", and a sum says what it is."""

from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from beacon.merge import merge
from beacon.query import Asked
from node.report import describe, read_report
from schemas.beacon import Response
from schemas.ga4gh import NodeIdentity
from schemas.genome import Assembly
from schemas.network import NodeAnswer, PeerState
from schemas.notation import read_question

QUESTION = read_question("20:3193842 C>A", Assembly.GRCH37)
ASKED = Asked.of(QUESTION)
IDENTITY = NodeIdentity("http://a", "A", "FI")
SILENT = [state for state in PeerState if not state.answered]


def answer_of(node: str, ac: int, an: int, refused: tuple[str, ...] = ()) -> NodeAnswer:
    """The answer of a node with one dataset."""
    frequency = {
        "population": "all",
        "alleleFrequency": ac / an,
        "alleleCount": ac,
        "alleleNumber": an,
        "alleleCountHeterozygous": ac,
        "alleleCountHomozygous": 0,
        "alleleCountHemizygous": 0,
    }
    record: dict[str, Any] = {
        "variantInternalId": "x",
        "variation": {},
        "frequencyInPopulations": [{"source": "d", "sourceReference": "d", "frequencies": [frequency]}],
    }
    result_set = {"id": "d", "setType": "dataset", "exists": ac > 0, "resultsCount": 1 if ac else 0}
    response: Any = {
        "meta": ASKED.meta(NodeIdentity(node, node, "FI"), ASKED.granularity),
        "responseSummary": {"exists": ac > 0, "numTotalResults": 1 if ac else 0},
        "response": {"resultSets": [result_set | {"results": [record] if ac else []}]},
        "info": {"refused": [{"id": dataset, "reason": "controlled"} for dataset in refused]},
    }
    return NodeAnswer(node, node, PeerState.HIT if ac else PeerState.NO_HIT, 1.0, response=response)


def report_on(*answers: NodeAnswer) -> Any:
    merged: Response = merge(ASKED, IDENTITY, answers)
    return read_report(merged, one_allele=True)


def shown(report: Any, width: int = 200) -> str:
    out = StringIO()
    Console(file=out, width=width).print(report.table())
    return out.getvalue()


def test_counts_of_one_allele_add_up() -> None:
    report = report_on(answer_of("http://a", 10, 182), answer_of("http://b", 13, 214))
    assert report.sum_document().items() >= {"ac": 23, "an": 396, "kind": "exact"}.items()
    assert "23/396" in shown(report)


def test_numbers_are_whole_in_a_narrow_terminal() -> None:
    told = shown(report_on(answer_of("A hospital with a long name in London", 10_482, 250_182)), width=72)
    assert "10482/250182" in told
    assert "het/hom/hemi" in told
    assert "…" not in told


@pytest.mark.parametrize("state", SILENT)
def test_silence_is_never_no(state: PeerState) -> None:
    silent = NodeAnswer("http://b", "B", state, 1.0, "the reason")
    report = report_on(answer_of("http://a", 10, 182), silent)
    line = report.document()[1]
    assert (line["exists"], line["ac"], line["alleles"]) == (None, None, None)
    assert report.sum_document().items() >= {"ac": 10, "an": 182, "kind": "lower_bound"}.items()
    assert "at least" in shown(report)
    assert "the reason" in shown(report)


def test_no_hit_is_no() -> None:
    report = report_on(answer_of("http://a", 10, 182), answer_of("http://b", 0, 2))
    assert report.document()[1]["exists"] is False
    assert report.sum_document()["kind"] == "exact"


def test_datasets_that_were_not_looked_into_are_named() -> None:
    report = report_on(answer_of("http://a", 0, 2, refused=("exomes",)))
    assert report.document()[0]["refused"] == ["exomes"]
    assert report.sum_document()["kind"] == "lower_bound"
    assert "exomes" in shown(report)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("20:3193842 C>A", "GRCh37 20:3193842 C>A"),
        ("20:3,190,000-3,200,000", "GRCh37 20:3190000-3200000"),
        ("20:3193842 CA>", "GRCh37 20:3193842 CA>-"),
    ],
)
def test_a_question_is_told_as_it_was_understood(text: str, said: str) -> None:
    assert describe(read_question(text, Assembly.GRCH37)) == said
