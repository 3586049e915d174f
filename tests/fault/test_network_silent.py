"""Where no node looked there is no answer: `exists: false` would read as "no"."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from node.app import open_node
from node.config import Settings
from node.federation.peers import Peer
from node.home import make_home
from node.store.catalogue import add_dataset
from schemas.access import Policy
from schemas.genome import Assembly
from schemas.people import Dataset
from tests.fake_peers import Behaviour, a_peer, answers_no, hangs_up, refuses
from tests.federated import serving_whole
from tests.worlds_beacon import Conformance, load_check

T = "x" * 43
PLACE = {"assemblyId": "GRCh38", "referenceName": "20", "start": [5], "end": [9]}
BODY = {"query": {"requestParameters": {"g_variant": PLACE}}}
DENIED = refuses("403 Forbidden", "not for you", "forbidden")
LACKS = refuses("400 Bad Request", "held is GRCh37", "not_held")
BUSY = refuses("429 Too Many Requests", "later", "over_budget")


@dataclass
class World:
    url: str
    settings: Settings

    def ask(self, *peers: Behaviour) -> httpx.Response:
        """The question to the network of this node and these peers."""

        async def main() -> httpx.Response:
            return await self._ask(list(peers))

        return asyncio.run(main())

    async def _ask(self, peers: list[Behaviour], urls: tuple[str, ...] = ()) -> httpx.Response:
        if peers:
            async with a_peer(peers[0]) as fake:
                return await self._ask(peers[1:], (*urls, fake.url))
        with open_node(self.settings) as node:
            for url in urls:
                node.peers.add(Peer(url, "", (T,)))
        async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
            return await http.post(f"{self.url}/network/beacon/g_variants", json=BODY)


@pytest.fixture
def lacking(tmp_path: Path) -> Iterator[World]:
    """A node that holds nothing of what is asked."""
    made = make_home(tmp_path / "home", "http://own.example", "Own", "FI").settings
    with serving_whole(made) as url:
        yield World(url, made)


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[World]:
    """A node that opens nothing to strangers."""
    made = make_home(tmp_path / "home", "http://own.example", "Own", "FI").settings
    with open_node(made) as node:
        add_dataset(node.engine, Dataset("rare", Assembly.GRCH38, Policy.CONTROLLED))
    with serving_whole(made) as url:
        yield World(url, made)


def states(document: dict[str, Any]) -> list[str]:
    return [one["state"] for one in document["info"]["nodes"]]


@pytest.mark.shared
@pytest.mark.parametrize(
    ("peers", "status", "told"),
    [
        ((), 400, ["not_applicable"]),
        ((LACKS,), 400, ["not_applicable"] * 2),
        ((DENIED,), 503, ["not_applicable", "denied"]),
        ((LACKS, hangs_up), 503, ["not_applicable", "not_applicable", "unreachable"]),
        ((BUSY, BUSY), 503, ["not_applicable", "rate_limited", "rate_limited"]),
    ],
)
def test_nobody_who_could_look_is_no_answer(
    lacking: World, shared: Path, peers: tuple[Behaviour, ...], status: int, told: list[str]
) -> None:
    reply = lacking.ask(*peers)
    document = reply.json()
    assert (reply.status_code, sorted(states(document))) == (status, sorted(told)), reply.text
    assert document["error"]["errorCode"] == status
    assert document["error"]["reason"] == {400: "not_held", 503: "nobody_answered"}[status]
    assert "responseSummary" not in document
    assert not Conformance(load_check(shared)).faults(document)


def test_nobody_who_may_tell_is_a_refusal(closed: World) -> None:
    """As the node alone refuses it, so that who can sign in is told to."""
    for peers in ((), (DENIED, DENIED)):
        reply = closed.ask(*peers)
        assert reply.status_code == 401, reply.text
        assert reply.headers["www-authenticate"].startswith("Bearer")
        assert set(states(reply.json())) == {"denied"}


def test_one_that_looked_is_an_answer_about_itself(lacking: World) -> None:
    reply = lacking.ask(answers_no, LACKS)
    document = reply.json()
    assert (reply.status_code, sorted(states(document))) == (
        200,
        ["no_hit", "not_applicable", "not_applicable"],
    )
    assert document["responseSummary"]["exists"] is False
    assert document["info"]["complete"] is False
    (warning,) = document["info"]["warnings"]
    assert warning.startswith("'exists' is about 1 of 3 nodes; nothing is known of Own (not_applicable)")
