"""Who is in a network: told by a running node, as people and as other GA4GH tools read it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from node.app import open_node
from node.config import read_settings
from node.demo import DATASET, DemoNode, running_demo
from node.federation.peers import Peer
from schemas.genome import Assembly
from schemas.network import PeerKind
from tests.federated import free_socket

INFO = ("id", "name", "type", "organization", "version")


@pytest.fixture(scope="module")
def nodes() -> Iterator[tuple[DemoNode, ...]]:
    with running_demo(lambda _line: None) as running:
        yield running


@pytest.fixture(scope="module")
def joined(nodes: tuple[DemoNode, ...]) -> tuple[DemoNode, ...]:
    """The first node also knows a Beacon, which is the third node's own, and a place where nobody answers."""
    listening, url = free_socket()
    listening.close()
    with open_node(read_settings(nodes[0].home)) as node:
        beacon = Peer(f"{nodes[2].url}/beacon", "Madrid's Beacon", kind=PeerKind.BEACON)
        node.peers.add(Peer(**{**_fields(beacon), "assemblies": (Assembly.GRCH37,)}))
        node.peers.add(Peer(url, "Nobody", ("x" * 43,)))
    return nodes


def _fields(peer: Peer) -> dict[str, Any]:
    return {name: getattr(peer, name) for name in peer.__slots__}


def get(node: DemoNode, path: str, status: int = 200) -> Any:
    reply = httpx.get(node.url + path, trust_env=False, timeout=30)
    assert reply.status_code == status, reply.text
    return reply.json()


def test_every_member_is_told_with_what_it_holds(joined: tuple[DemoNode, ...]) -> None:
    told = {line["node"]: line for line in get(joined[0], "/network/peers")["nodes"]}
    assert len(told) == 5
    own, other = told[joined[0].url], told[joined[1].url]
    assert (own["itself"], own["state"]) == (True, "ok")
    assert (other["name"], other["kind"], other["state"], other["country"]) == (
        "Demo Hospital Helsinki",
        "varhaven",
        "ok",
        "FI",
    )
    assert other["assemblies"] == ["GRCh37"]
    assert other["datasets"] == [{"id": DATASET, "assembly": "GRCh37", "policy": "open"}]
    beacon = told[f"{joined[2].url}/beacon"]
    assert (beacon["kind"], beacon["state"], beacon["assemblies"]) == ("beacon", "ok", ["GRCh37"])
    assert [one["id"] for one in beacon["datasets"]] == [DATASET]
    (nobody,) = [line for line in told.values() if line["name"] == "Nobody"]
    assert nobody["state"] == "unreachable"
    assert nobody["reason"]


def test_the_last_answer_is_told_once_there_is_one(joined: tuple[DemoNode, ...]) -> None:
    httpx.get(
        f"{joined[0].url}/network/beacon/g_variants",
        params={"geneId": "ITPA", "assemblyId": "GRCh37"},
        trust_env=False,
        timeout=30,
    ).raise_for_status()
    told = {line["node"]: line for line in get(joined[0], "/network/peers")["nodes"]}
    assert told[joined[1].url]["lastAnswer"]["state"] == "hit"
    assert told[joined[1].url]["line"] == "closed"
    assert "lastAnswer" not in told[joined[0].url]


def test_suspending_is_seen_at_once(joined: tuple[DemoNode, ...]) -> None:
    with open_node(read_settings(joined[0].home)) as node:
        node.peers.suspend(joined[1].url)
    try:
        told = {line["node"]: line for line in get(joined[0], "/network/peers")["nodes"]}
        assert told[joined[1].url]["suspended"] is True
        assert told[joined[1].url]["state"] == "suspended"
    finally:
        with open_node(read_settings(joined[0].home)) as node:
            node.peers.suspend(joined[1].url, suspended=False)


def test_the_network_is_a_service_registry(joined: tuple[DemoNode, ...], tmp_path: Path) -> None:
    services = get(joined[0], "/services")
    assert all(set(INFO) | {"url"} <= set(service) for service in services)
    assert len({service["id"] for service in services}) == len(services)
    urls = {service["url"] for service in services}
    assert {f"{node.url}/beacon" for node in joined} <= urls
    for service in services:
        assert get(joined[0], f"/services/{service['id']}") == service
    types = get(joined[0], "/services/types")
    assert any(one.startswith("org.ga4gh:beacon:") for one in types)
    assert "no service" in json.dumps(get(joined[0], "/services/nothing", 404))
    info = get(joined[0], "/service-info")
    assert set(INFO) <= set(info)
