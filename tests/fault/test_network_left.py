"""A caller who goes away takes his question back, through a whole node to peers that notice it."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from node.app import open_node
from node.config import Settings
from node.federation.peers import Peer
from node.home import make_home
from tests.fake_peers import Fake, a_peer, answers_yes, hangs
from tests.federated import serving_whole

T = "x" * 43
BODY = {"query": {"requestParameters": {"g_variant": {"geneId": "ITPA"}}}}
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@dataclass
class World:
    url: str
    settings: Settings

    def trusts(self, *fakes: Fake) -> None:
        with open_node(self.settings) as node:
            for fake in fakes:
                node.peers.add(Peer(fake.url, "", (T,)))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A whole node without data, with a long deadline: whoever waits for it has failed."""
    made = make_home(tmp_path / "home", "http://own.example", "Own", "FI").settings
    patient = made.model_copy(update={"federation": made.federation.model_copy(update={"deadline_s": 100.0})})
    with serving_whole(patient) as url:
        yield World(url, patient)


@asynccontextmanager
async def client(world: World) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=world.url, trust_env=False, timeout=30) as http:
        yield http


async def left(fake: Fake) -> None:
    async with asyncio.timeout(10):
        await fake.left.wait()


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_caller_of_the_networks_beacon_who_leaves(world: World, method: str) -> None:
    async def main() -> None:
        async with a_peer(hangs) as fake, client(world) as http:
            world.trusts(fake)
            path = "/network/beacon/g_variants"
            asked = (
                http.get(path, params={"geneId": "ITPA"}) if method == "GET" else http.post(path, json=BODY)
            )
            asking = asyncio.create_task(asked)
            async with asyncio.timeout(10):
                await fake.reached.wait()
            assert not fake.left.is_set()
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            await left(fake)

    asyncio.run(main())


@pytest.mark.parametrize("accept", ["text/event-stream", "application/x-ndjson"])
def test_a_caller_of_the_stream_who_leaves(world: World, accept: str) -> None:
    async def main() -> None:
        async with a_peer(hangs) as slow, a_peer(answers_yes) as quick, client(world) as http:
            world.trusts(slow, quick)
            headers = {"accept": accept, "traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
            async with http.stream("POST", "/network/stream", json=BODY, headers=headers) as reply:
                assert reply.status_code == 200
                assert reply.headers["content-type"].partition(";")[0] == accept
                assert reply.headers["x-accel-buffering"] == "no"
                assert reply.headers["cache-control"] == "no-store"
                assert reply.headers["x-request-id"] == TRACE
                lines = reply.aiter_lines()
                told = [await _document(lines) for _ in range(3)]  # the plan, this node, the quick peer
                async with asyncio.timeout(10):
                    await slow.reached.wait()
                assert not slow.left.is_set()
            assert told[0]["requestId"] == TRACE
            assert {one["node"] for one in told[0]["nodes"]} == {"http://own.example", slow.url, quick.url}
            assert {one["node"] for one in told[1:]} == {"http://own.example", quick.url}
            assert f"traceparent: 00-{TRACE}-".encode() in quick.headers.lower()
            await left(slow)

    asyncio.run(main())


async def _document(lines: AsyncIterator[str]) -> Any:
    """The next event's document, in either form."""
    async for line in lines:
        if line.startswith(("data: ", "{")):
            return json.loads(line.removeprefix("data: "))
    raise AssertionError("the stream ended")


def test_every_stream_ends_with_what_it_comes_to(world: World) -> None:
    async def main() -> None:
        async with a_peer(answers_yes) as quick, client(world) as http:
            world.trusts(quick)
            reply = await http.post("/network/stream", json=BODY, headers={"accept": "application/x-ndjson"})
            told = [json.loads(line) for line in reply.text.splitlines() if line]
            assert [one["event"] for one in told] == ["plan", "peer", "peer", "summary"]
            summary = told[-1]
            assert summary["byState"] == {"hit": 1, "not_applicable": 1}
            assert (summary["asked"], summary["answered"], summary["complete"]) == (2, 1, False)
            assert summary["counts"]["kind"] == "lower_bound"
            assert summary["responseSummary"]["exists"] is True

    asyncio.run(main())


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("", {"meta": {"requestedSchemas": [{"entityType": "individual"}]}, "query": {}}),
        ("/individuals", {"query": {}}),
    ],
)
def test_any_entry_type_is_asked_for(world: World, path: str, body: dict[str, Any]) -> None:
    reply = httpx.post(f"{world.url}/network/stream{path}", json=body, trust_env=False, timeout=30)
    assert reply.status_code == 200, reply.text
    (summary,) = [line for line in reply.text.splitlines() if "byState" in line]
    assert json.loads(summary.removeprefix("data: "))["asked"] == 1
    assert "geneId" not in reply.text


@pytest.mark.parametrize("name", ["individual", "individuals", "genomicVariation", "g_variants", "runs"])
def test_an_entry_type_is_known_by_any_of_its_names(world: World, name: str) -> None:
    """Taking one that is not known for variants would answer another question."""
    variant = name in ("genomicVariation", "g_variants")
    asked = {"requestParameters": {"g_variant": {"geneId": "ITPA"}}} if variant else {}
    body = {"meta": {"requestedSchemas": [{"entityType": name}]}, "query": asked}
    reply = httpx.post(f"{world.url}/network/stream", json=body, trust_env=False, timeout=30)
    assert reply.status_code == 200, reply.text
    for wrong in ([{"entityType": "unicorn"}], [{"entityType": name}, {"entityType": "dataset"}]):
        body = {"meta": {"requestedSchemas": wrong}, "query": asked}
        reply = httpx.post(f"{world.url}/network/stream", json=body, trust_env=False, timeout=30)
        assert reply.status_code == 400
        assert "individual" in reply.json()["error"]["errorMessage"]


def test_a_question_that_cannot_be_read_is_refused_before_anything_is_streamed(world: World) -> None:
    for path, body in (
        ("", {"query": {"filtres": []}}),
        ("/individuals", {"query": {"filters": [{"x": 1}]}}),
    ):
        reply = httpx.post(f"{world.url}/network/stream{path}", json=body, trust_env=False, timeout=30)
        assert reply.status_code == 400
        assert reply.json()["error"]["errorMessage"]


def test_nothing_is_left_running_when_callers_leave(world: World) -> None:
    """A hundred callers come and go; afterwards the node answers, and no thread of it is busy with them."""
    before = threading.active_count()

    async def main() -> None:
        async with a_peer(hangs) as fake, client(world) as http:
            world.trusts(fake)
            for _ in range(20):
                asking = [
                    asyncio.create_task(http.post("/network/beacon/g_variants", json=BODY)) for _ in range(5)
                ]
                await asyncio.sleep(0)
                for one in asking:
                    one.cancel()
                await asyncio.gather(*asking, return_exceptions=True)
            assert (await http.get("/healthz")).status_code == 200

    asyncio.run(main())
    assert threading.active_count() <= before + 45  # the pool that reads wide questions, 40 at most
