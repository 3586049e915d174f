"""Members of a network that are not plain nodes: other Beacons, and nodes with their own networks."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from beacon.entries import entry_at
from beacon.filters import read_filters
from beacon.query import Asked
from node.app import Node, open_node
from node.config import FederationSection, ReferenceSection, read_settings
from node.demo import DATASET, DemoNode, running_demo
from node.federation.peers import Peer
from node.home import make_home
from node.report import read_report
from schemas.access import Grant, Granularity
from schemas.beacon import Response as Answer
from schemas.errors import NotHeld
from schemas.genome import Assembly
from schemas.network import PeerKind
from schemas.notation import read_question
from tests.dialect_beacons import bento, bycon, ega_pi, gdi, heedless, reply, speaking
from tests.federated import free_socket, serving
from tests.node_processes import allele_body

ALLELE, ABSENT = "20:3193842 C>A", "20:3193842 C>G"
TERMS = {"response": {"filteringTerms": [{"id": "HP:0001250", "type": "ontology"}]}}
MAP = {"response": {"endpointSets": {"genomicVariant": {"rootUrl": "https://b.example/api/g_variants"}}}}


def with_framework(server: Starlette, **documents: Any) -> Starlette:
    """The same Beacon with further documents (`map`, `filtering_terms`)."""

    def says(document: Any) -> Callable[[Request], Response]:
        def show(_request: Request) -> Response:
            return reply(document)

        return show

    server.router.routes += [Route(f"/api/{name}", says(told)) for name, told in documents.items()]
    return server


def filtered(body: Mapping[str, Any]) -> Response:
    """Bycon as it is: a filter that it does not know is dropped, and the wider question answered."""
    return bycon(body)


@pytest.fixture(scope="module")
def beacons() -> Iterator[dict[str, str]]:
    servers = {
        "ega-pi": speaking(ega_pi, "Beacon Production Implementation (beacon2-pi-api)"),
        "bycon": with_framework(speaking(filtered, "Progenetix"), filtering_terms=TERMS, map=MAP),
        "bento": speaking(bento, "Bento Beacon"),
        "gdi": speaking(gdi, "gdi-mini-node"),
        "generic": speaking(heedless, "nobody in particular"),
    }
    with ExitStack() as stack:
        urls = {}
        for name, server in servers.items():
            listening, url = free_socket()
            stack.enter_context(serving(server, listening))
            urls[name] = f"{url}/api"
        yield urls


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    """A node that holds nothing itself."""
    with open_node(make_home(tmp_path / "home", "http://own.example", "Own", "FI").settings) as made:
        yield made


def ask(node: Node, text: str, assembly: Assembly = Assembly.GRCH37, **more: Any) -> Answer:
    asked = Asked.of(read_question(text, assembly), Granularity.RECORD, 100, **more)
    return asyncio.run(node.ask(asked, network=True))


def lines(answer: Answer) -> dict[str, dict[str, Any]]:
    return {line["node"]: line for line in answer["info"]["nodes"]}


def add(node: Node, *urls: str, **more: Any) -> None:
    for url in urls:
        node.peers.add(Peer(url, "", kind=PeerKind.BEACON, **more))


# ------------------------------------------------------------------------------------ other Beacons


def test_beacons_of_every_kind_are_members(node: Node, beacons: dict[str, str]) -> None:
    add(node, *beacons.values())
    hit, absent = lines(ask(node, ALLELE)), lines(ask(node, ABSENT))
    for name, url in beacons.items():
        assert (name, hit[url]["state"]) == (name, "hit"), hit[url]
        assert (name, absent[url]["state"]) == (name, "no_hit"), absent[url]
    assert hit["http://own.example"]["state"] == "not_applicable"


def test_their_counts_are_summed_as_a_lower_bound(node: Node, beacons: dict[str, str]) -> None:
    """EGA tells the frequency of the whole, bento counts records alone."""
    add(node, beacons["ega-pi"], beacons["bento"])
    answer = ask(node, ALLELE)
    report = read_report(answer, one_allele=True)
    assert report.total is not None
    assert (report.total.ac, report.total.an) == (10, 182)
    assert report.sum_document()["kind"] == "lower_bound"


def test_what_was_found_out_is_not_asked_again(node: Node) -> None:
    seen: list[str] = []

    def counting(body: Mapping[str, Any]) -> Response:
        seen.append("g_variants")
        return ega_pi(body)

    server = speaking(counting, "beacon2-pi-api")
    listening, url = free_socket()
    with serving(server, listening):
        add(node, f"{url}/api")

        async def twice() -> list[str]:
            asked = Asked.of(read_question(ALLELE, Assembly.GRCH37), Granularity.RECORD)
            async with node.open_network() as network:
                for _ in range(2):
                    merged = await node.inquiry(network, asked, node.anonymous()).merged()
                    assert lines(merged)[f"{url}/api"]["state"] == "hit"
                return list(seen)

        assert asyncio.run(twice()) == ["g_variants"] * 2


def test_a_filter_that_a_beacon_does_not_list_is_not_a_no(node: Node, beacons: dict[str, str]) -> None:
    add(node, beacons["bycon"], beacons["ega-pi"])
    known = lines(ask(node, ALLELE, filters=read_filters(["HP:0001250"])))
    assert known[beacons["bycon"]]["state"] == "hit"
    assert known[beacons["ega-pi"]]["state"] == "not_applicable"  # it lists none, and might ignore it
    with pytest.raises(NotHeld) as refusal:
        ask(node, ALLELE, filters=read_filters(["HP:0000365"]))
    unknown = {line["node"]: line for line in refusal.value.details["nodes"]}[beacons["bycon"]]
    assert unknown["state"] == "not_applicable"
    assert "HP:0000365" in unknown["reason"]


def test_an_entry_type_that_a_beacon_does_not_serve_is_not_a_no(node: Node, beacons: dict[str, str]) -> None:
    add(node, beacons["bycon"])
    asked = entry_at("individuals").read_post(b'{"query": {"requestedGranularity": "count"}}')
    told = lines(asyncio.run(node.ask(asked, network=True)))[beacons["bycon"]]
    assert (told["state"], told["reason"]) == ("not_applicable", "it does not serve individuals")


def test_an_assembly_that_a_beacon_lacks_is_not_a_no(node: Node, beacons: dict[str, str]) -> None:
    add(node, beacons["bycon"], assemblies=(Assembly.GRCH37,))
    with pytest.raises(NotHeld) as refusal:
        ask(node, ALLELE, Assembly.GRCH38)
    (told,) = [line for line in refusal.value.details["nodes"] if line["node"] == beacons["bycon"]]
    assert told["state"] == "not_applicable"
    assert "GRCh37" in told["reason"]


def test_a_question_is_carried_over_and_the_answer_says_so(tmp_path: Path, beacons: dict[str, str]) -> None:
    chains = chain_files()
    made = make_home(tmp_path / "home", "http://own.example", "Own", "FI").settings
    settings = made.model_copy(update={"reference": ReferenceSection(chains=chains)})
    with open_node(settings) as node:
        add(node, beacons["ega-pi"], assemblies=(Assembly.GRCH37,))
        answer = ask(node, "20:3213196 C>A", Assembly.GRCH38)
    told = lines(answer)[beacons["ega-pi"]]
    assert told["state"] == "hit"
    assert any("carried over from GRCh38" in note for note in told["notes"])
    (one,) = [s for s in answer["response"]["resultSets"] if s["beaconId"] == beacons["ega-pi"]]
    assert one["info"]["lifted"] == {"from": "GRCh38"}


def chain_files() -> tuple[Path, ...]:
    folder = Path(__file__).resolve().parents[3] / "shared" / "data" / "reference"
    files = tuple(sorted((folder / "liftover").glob("*.over.chain.gz")))
    if not files:
        pytest.skip("no chain files in ../shared")
    return files


def test_a_beacon_that_speaks_for_others_unasked_speaks_for_itself(node: Node) -> None:
    """States of other nodes, and datasets in the name of others, are believed of a network alone."""
    others = {"id": "d", "beaconId": "http://own.example", "exists": True, "resultsCount": 1, "results": []}

    def boasting(body: Mapping[str, Any]) -> Response:
        document = {
            "meta": {"beaconId": "x", "returnedGranularity": "record"},
            "responseSummary": {"exists": True, "numTotalResults": 1},
            "response": {"resultSets": [others]},
            "info": {"nodes": [{"node": "http://own.example", "state": "hit", "ms": 1}]},
        }
        asked = body["query"]["requestParameters"]
        document["meta"] |= {"receivedRequestSummary": {"requestParameters": asked}}
        return reply(document)

    listening, url = free_socket()
    with serving(speaking(boasting, "generic"), listening):
        add(node, f"{url}/api")
        answer = ask(node, ALLELE)
    assert lines(answer)["http://own.example"]["state"] == "not_applicable"
    assert [s["beaconId"] for s in answer["response"]["resultSets"]] == [f"{url}/api"]


# --------------------------------------------------------------------------- networks of networks


@dataclass(frozen=True)
class Chain:
    """A asks B for its network, B passes it on to C; nobody else trusts anybody at first."""

    nodes: tuple[DemoNode, ...]

    def trust(self, who: int, whom: int, **more: Any) -> None:
        node, other = self.nodes[who], self.nodes[whom]
        with open_node(read_settings(node.home)) as opened:
            known = opened.peers.find(other.url)
            if known is not None:
                opened.peers.remove(other.url)
            opened.peers.add(replace(Peer(other.url, other.hospital.name, (other.thumbprint,)), **more))

    def forget(self, who: int) -> None:
        with open_node(read_settings(self.nodes[who].home)) as opened:
            for peer in opened.peers.peers():
                opened.peers.remove(peer.id)

    def ask(self) -> dict[str, Any]:
        body = allele_body("record")
        url = f"{self.nodes[0].url}/network/beacon/g_variants"
        answer = httpx.post(url, json=body, trust_env=False, timeout=30)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


@pytest.fixture(scope="module")
def demo() -> Iterator[tuple[DemoNode, ...]]:
    with running_demo(lambda _line: None) as nodes:
        yield nodes


@pytest.fixture
def chain(demo: tuple[DemoNode, ...]) -> Chain:
    made = Chain(demo)
    for who in range(3):
        made.forget(who)
    made.trust(0, 1, network=True)
    made.trust(1, 0, forward=True)
    made.trust(1, 2)
    made.trust(2, 1)
    return made


def told(answer: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {line["node"]: (line["state"], line.get("via", "")) for line in answer["info"]["nodes"]}


def test_a_network_of_networks_is_asked_whole(chain: Chain) -> None:
    a, b, c = (node.url for node in chain.nodes)
    answer = chain.ask()
    assert told(answer) == {a: ("hit", ""), b: ("hit", ""), c: ("hit", b)}
    assert sorted(s["beaconId"] for s in answer["response"]["resultSets"]) == sorted([a, b, c])
    assert answer["responseSummary"] == {"exists": True, "numTotalResults": 3}
    assert answer["info"]["counts"]["kind"] == "exact"
    assert answer["info"]["counts"]["mayCountAPersonTwice"] is True


def test_a_node_that_is_reached_on_two_ways_counts_once(chain: Chain) -> None:
    a, b, c = (node.url for node in chain.nodes)
    chain.trust(0, 2)
    chain.trust(2, 0)
    answer = chain.ask()
    assert told(answer) == {a: ("hit", ""), b: ("hit", ""), c: ("hit", "")}
    keys = [(s["beaconId"], s["id"]) for s in answer["response"]["resultSets"]]
    assert sorted(keys) == sorted((url, DATASET) for url in (a, b, c))
    assert answer["responseSummary"]["numTotalResults"] == 3


def test_a_question_does_not_go_round(chain: Chain) -> None:
    """Everybody asks everybody for everything: still each node answers once, and nobody is asked twice."""
    for who, whom in ((0, 2), (1, 0), (1, 2), (2, 0), (2, 1), (0, 1)):
        chain.trust(who, whom, network=True, forward=True)
    answer = chain.ask()
    assert {state for state, _ in told(answer).values()} == {"hit"}
    assert answer["responseSummary"]["numTotalResults"] == 3


def test_nobody_passes_on_for_whom_he_was_not_told_to(chain: Chain) -> None:
    chain.trust(1, 0)
    b = chain.nodes[1].url
    state, _ = told(chain.ask())[b]
    assert state == "denied"


def test_what_a_network_could_not_reach_is_told(chain: Chain) -> None:
    chain.forget(2)  # C no longer knows B
    b, c = chain.nodes[1].url, chain.nodes[2].url
    answer = chain.ask()
    assert told(answer)[c] == ("denied", b)
    assert answer["info"]["complete"] is False
    assert answer["info"]["counts"]["kind"] == "lower_bound"


def test_a_node_that_is_a_member_twice_counts_once(chain: Chain) -> None:
    """As a node, and as the Beacon that it also is: the same dataset, whichever answer is read first."""
    node, other = chain.nodes[0], chain.nodes[1]
    with open_node(read_settings(node.home)) as opened:
        opened.peers.add(Peer(f"{other.url}/beacon", "again", kind=PeerKind.BEACON))
    answer = chain.ask()
    keys = [(s["beaconId"], s["id"]) for s in answer["response"]["resultSets"]]
    assert sorted(keys) == sorted((one.url, DATASET) for one in chain.nodes)
    assert answer["responseSummary"]["numTotalResults"] == 3
    assert told(answer)[f"{other.url}/beacon"][0] == "hit"


def test_what_a_peer_said_is_told_again_to_the_same_caller_alone(tmp_path: Path) -> None:
    made = make_home(tmp_path / "home", "http://own.example", "Own", "FI").settings
    with open_node(made.model_copy(update={"federation": FederationSection(cache_s=60)})) as node:
        _same_caller_alone(node)


def _same_caller_alone(node: Node) -> None:
    asked_of: list[str] = []

    def counting(body: Mapping[str, Any]) -> Response:
        asked_of.append(body["query"]["requestedGranularity"])
        return ega_pi(body)

    listening, url = free_socket()
    with serving(speaking(counting, "beacon2-pi-api"), listening):
        add(node, f"{url}/api")

        async def ask_as(grant: Grant, granularity: Granularity) -> dict[str, Any]:
            asked = Asked.of(read_question(ALLELE, Assembly.GRCH37), granularity)
            merged = await node.inquiry(network, asked, grant).merged()
            return lines(merged)[f"{url}/api"]

        async def main() -> None:
            nonlocal network
            async with node.open_network() as network:
                alice, bob = node.anonymous(), replace(node.anonymous(), principal="bob")
                first = await ask_as(alice, Granularity.COUNT)
                again = await ask_as(alice, Granularity.COUNT)
                assert (first["state"], again["state"]) == ("hit", "hit")
                assert "notes" not in first
                assert again["notes"] == ["answered 0 s ago"]
                assert len(asked_of) == 1
                await ask_as(bob, Granularity.COUNT)
                assert len(asked_of) == 2
                for _ in range(2):  # records are asked for every time
                    await ask_as(alice, Granularity.RECORD)
                assert len(asked_of) == 4

        network: Any = None
        asyncio.run(main())
