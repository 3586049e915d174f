"""A real patientMatcher, the open exchange server in service, as a peer: it asks this node, and is asked.

`.ci/run` puts it into an environment of its own; VARHAVEN_PATIENTMATCHER names the Python of another one.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from node.cases import OPERATOR
from node.federation.peers import Peer
from schemas.network import PeerKind
from tests.exchanges import ATAXIA, FOCAL, SEIZURE, TREMOR, Running, an_exchange, patient

ROOT = Path(__file__).resolve().parents[2]
PYTHON = Path(
    os.environ.get("VARHAVEN_PATIENTMATCHER", ROOT / ".peers" / "patientmatcher" / "bin" / "python")
)
TOKEN = "of-varhaven-at-patientmatcher"
TOML = '[matchmaker]\nmin_score = 0.0\ndisclaimer = "as is"\n[federation]\ndeadline_s = 60\n'
MINE = patient("mine", contact={"name": "A", "href": "mailto:a@a.example"}, features=[FOCAL], genes=["SCN1A"])
THEIRS = patient(
    "theirs", contact={"name": "B", "href": "https://b.example"}, features=[SEIZURE], genes=["SCN1A"]
)


@dataclass(frozen=True)
class PatientMatcher:
    url: str

    def call(self, method: str, path: str, document: Any = None) -> httpx.Response:
        headers = {"x-auth-token": TOKEN, "content-type": "application/json", "accept": "application/json"}
        body = None if document is None else json.dumps(document).encode()
        with httpx.Client(trust_env=False, timeout=60) as http:
            return http.request(method, self.url + path, content=body, headers=headers)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    if not PYTHON.is_file():
        pytest.skip(f"no patientMatcher: {PYTHON} is not there; .ci/run makes it")
    with an_exchange(tmp_path_factory.mktemp("exchange") / "home", toml=TOML) as running:
        running.deposit(MINE, patient("tremor", features=[TREMOR]))
        yield running


@pytest.fixture(scope="module")
def other(node: Running) -> Iterator[PatientMatcher]:
    told = {"token": TOKEN, "node": f"{node.url}/mme/match", "node_token": node.token}
    command = [PYTHON, ROOT / "tests" / "patientmatcher_server.py"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            server.stdin.write(json.dumps(told) + "\n")
            server.stdin.flush()
            line = server.stdout.readline()
            assert line.startswith("ready "), "patientMatcher did not start"
            running = PatientMatcher(f"http://127.0.0.1:{line.split()[1]}")
            answer = running.call("POST", "/patient/add", {"patient": THEIRS})
            assert answer.status_code == 200, answer.text
            node.node.peers.add(Peer(running.url, "patientMatcher", kind=PeerKind.MATCHMAKER))
            node.node.exchange.given.keep(running.url, TOKEN)
            yield running
        finally:
            server.stdin.close()
            server.wait(20)


def test_it_is_asked_in_its_version_and_understood(node: Running, other: PatientMatcher) -> None:
    async def asked() -> dict[str, Any]:
        async with node.node.open_network() as network:
            return (await node.node.exchange.finder.everywhere(network, OPERATOR, "mine")).document

    document = asyncio.run(asked())
    line = next(line for line in document["nodes"] if line["node"] == other.url)
    assert line["state"] == "hit", line
    found = next(r for r in document["results"] if r["patient"]["id"] == "theirs")
    assert found["_nodes"] == [{"node": other.url, "name": "patientMatcher"}]
    assert found["patient"]["contact"] == THEIRS["contact"]
    assert found["score"]["patient"] > 0


def test_it_asks_and_is_answered(node: Running, other: PatientMatcher) -> None:
    answer = other.call("POST", "/match/external/theirs")
    assert answer.status_code == 200, answer.text
    (through,) = answer.json()["results"]
    assert through["node"]["id"] == "varhaven"
    assert [each["patient"]["id"] for each in through["patients"]] == ["mine", "tremor"]
    assert through["patients"][0]["patient"]["contact"] == MINE["contact"]
    tracks = node.node.exchange.tracking.tracks(OPERATOR, "mine")
    assert "peer lab" in {track.node for track in tracks}


def test_a_case_it_has_never_heard_of_is_answered_with_nothing(node: Running, other: PatientMatcher) -> None:
    node.deposit(patient("odd", features=[ATAXIA], genes=["NOSUCHGENE"]))
    other.call("DELETE", "/patient/delete/theirs")

    async def asked() -> list[tuple[str, str]]:
        async with node.node.open_network() as network:
            document = (await node.node.exchange.finder.everywhere(network, OPERATOR, "odd")).document
            return [(line["node"], line["state"]) for line in document["nodes"]]

    assert (other.url, "no_hit") in asyncio.run(asked())
