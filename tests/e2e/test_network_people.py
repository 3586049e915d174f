"""People, filters and nested paths across a real network, against the clinical files of the demonstration."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from beacon.filters import read_filters
from beacon.query import Asked
from node.app import open_node
from node.config import read_settings
from node.demo import DATASET, DemoNode, running_demo
from node.federation.peers import Peer
from schemas.access import Granularity
from schemas.genome import Assembly
from schemas.notation import read_question


@pytest.fixture(scope="module")
def nodes() -> Iterator[tuple[DemoNode, ...]]:
    with running_demo(lambda _line: None) as running:
        yield running


def records(node: DemoNode) -> list[dict[str, Any]]:
    _, people = node.hospital.files()
    found: list[dict[str, Any]] = json.loads(people.read_text(encoding="utf-8"))
    return found


def female(person: dict[str, Any]) -> bool:
    return bool(person["sex"]["label"] == "female")


def ask(node: DemoNode, path: str, status: int = 200, **query: Any) -> dict[str, Any]:
    body = {"meta": {"apiVersion": "v2.2.0"}, "query": {"requestedGranularity": "count", **query}}
    reply = httpx.post(f"{node.url}/network/beacon{path}", json=body, trust_env=False, timeout=30)
    assert reply.status_code == status, reply.text
    found: dict[str, Any] = reply.json()
    return found


def states(answer: dict[str, Any]) -> set[str]:
    return {one["state"] for one in answer["info"]["nodes"]}


def test_individuals_are_counted_over_all_nodes(nodes: tuple[DemoNode, ...]) -> None:
    women = [sum(map(female, records(node))) for node in nodes]
    answer = ask(nodes[0], "/individuals", filters=["sex=female"])
    assert states(answer) == {"hit"}
    assert sorted(one["resultsCount"] for one in answer["response"]["resultSets"]) == sorted(women)
    assert answer["responseSummary"] == {"exists": True, "numTotalResults": sum(women)}
    assert answer["info"]["counts"]["kind"] == "exact"


def test_somebody_is_known_at_one_hospital_alone(nodes: tuple[DemoNode, ...]) -> None:
    person = records(nodes[1])[0]
    answer = ask(nodes[0], f"/individuals/{person['id']}", requestedGranularity="record")
    sets = answer["response"]["resultSets"]
    assert [(one["beaconId"], one["results"]) for one in sets] == [(nodes[1].url, [person])]
    variants = ask(nodes[0], f"/individuals/{person['id']}/g_variants")
    assert {one["beaconId"] for one in variants["response"]["resultSets"]} == {nodes[1].url}
    assert variants["responseSummary"]["numTotalResults"] > 100


def test_a_dataset_or_term_that_a_node_lacks_is_not_a_no(nodes: tuple[DemoNode, ...]) -> None:
    below = ask(nodes[0], f"/datasets/{DATASET}/individuals")
    assert states(below) == {"hit"}
    elsewhere = ask(nodes[0], "/datasets/elsewhere/individuals", status=404)
    assert states(elsewhere) == {"not_applicable"}
    unknown = ask(nodes[0], "/individuals", filters=["HP:9999999"], status=400)
    assert states(unknown) == {"not_applicable"}
    assert all("HP:9999999" in one["reason"] for one in unknown["info"]["nodes"])


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"filters": ["HP:0001251x"]}, "HP:0001251"),
        ({"filters": ["seizur"]}, "near matches: "),
        ({"g_variant": {"geneId": "ITPAA"}}, "names like it are "),
        ({"g_variant": {"geneId": "ITPA", "assemblyId": "GRCh38"}}, "held: GRCh37"),
        ({"g_variant": {"referenceName": "NC_000020.11", "start": [1], "end": [9]}}, "held: GRCh37"),
        ({"datasets": {"datasetIds": ["elsewhere"]}, "g_variant": {"geneId": "ITPA"}}, "elsewhere"),
    ],
)
def test_what_no_node_can_answer_is_refused_as_by_one_alone(
    nodes: tuple[DemoNode, ...], asked: dict[str, Any], told: str
) -> None:
    """Where nobody looked, `exists: false` would read as "no"."""
    filters = asked.pop("filters", [])
    query = {"requestedGranularity": "count", "filters": filters, "requestParameters": asked}
    path = "/g_variants" if asked else "/individuals"
    body = {"meta": {"apiVersion": "v2.0"}, "query": query}
    alone = httpx.post(f"{nodes[0].url}/beacon{path}", json=body, trust_env=False)
    network = httpx.post(f"{nodes[0].url}/network/beacon{path}", json=body, trust_env=False)
    assert (alone.status_code, network.status_code) == (400, 400), network.text
    fault, whole = alone.json()["error"], network.json()["error"]
    assert told in fault["errorMessage"]
    assert whole["errorMessage"] == f"{fault['errorMessage']}; none of the 3 nodes asked can answer it"
    assert whole["reason"] == fault["reason"] == "not_held"
    assert states(network.json()) == {"not_applicable"}
    stream = httpx.post(f"{nodes[0].url}/network/stream{path}", json=body, trust_env=False)
    summary = json.loads(stream.text.strip().splitlines()[-1].removeprefix("data: "))
    assert summary["refusal"] == {"reason": "not_held", "message": whole["errorMessage"]}


def test_whom_nothing_is_known_of_is_told_beside_a_no(nodes: tuple[DemoNode, ...]) -> None:
    with open_node(read_settings(nodes[0].home)) as node:
        stranger = "http://127.0.0.1:9"
        node.peers.add(Peer(stranger, "Down", ("x" * 43,)))
        try:
            absent = ask(nodes[0], "/individuals/nobody")
            there = ask(nodes[0], "/individuals", filters=["sex=female"])
        finally:
            node.peers.remove(stranger)
    assert absent["responseSummary"]["exists"] is False
    assert absent["responseSummary"]["countPrecision"] == "imprecise"
    assert absent["info"]["complete"] is False
    (warning,) = absent["info"]["warnings"]
    assert "'exists' is about 3 of 4 nodes" in warning
    assert "Down (unreachable)" in warning
    assert there["responseSummary"]["exists"] is True
    assert "warnings" not in there["info"]


def test_carriers_are_counted_among_those_a_filter_means(nodes: tuple[DemoNode, ...]) -> None:
    """The alleles of women and of all others add up to those of everybody, at every node."""
    question = read_question("20:3193842 C>A", Assembly.GRCH37)

    def counted(*filters: str) -> dict[str, tuple[int, int]]:
        asked = Asked.of(question, Granularity.RECORD, filters=read_filters(filters))
        with open_node(read_settings(nodes[0].home)) as node:
            response = asyncio.run(node.ask(asked, network=True))
        told = {}
        for one in response["response"]["resultSets"]:
            record = json.loads(json.dumps(one["results"][0]))
            whole = record["frequencyInPopulations"][0]["frequencies"][0]
            told[one["beaconId"]] = (whole["alleleCount"], whole["alleleNumber"])
        return told

    women, others, everybody = counted("sex=female"), counted("!sex=female"), counted()
    assert set(everybody) == {node.url for node in nodes}
    for node in nodes:
        pairs = zip(women[node.url], others[node.url], strict=True)
        assert tuple(a + b for a, b in pairs) == everybody[node.url]
        assert women[node.url][1] == 2 * sum(map(female, records(node)))


def test_a_network_is_one_beacon(nodes: tuple[DemoNode, ...]) -> None:
    """Whoever knows its address alone finds its way, and is led to no node's own API."""
    root = f"{nodes[0].url}/network/beacon"
    for path in ("", "/info", "/configuration", "/entry_types", "/service-info", "/filtering_terms"):
        assert httpx.get(f"{root}{path}", trust_env=False).status_code == 200
    told = httpx.get(f"{root}/map", trust_env=False).json()["response"]["endpointSets"].values()
    assert all(one["rootUrl"].startswith(root + "/") for one in told)
