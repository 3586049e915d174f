"""Twelve real nodes of which six misbehave, each in its own way: the healthy ones are heard, and in time."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import sqlite3
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme

from node.federation.peers import Peer
from tests.fake_peers import MB, Behaviour, Fake, a_peer
from tests.fault.test_network import ROWS
from tests.node_processes import NodeProcess, allele_body, free_port, make_data, make_node, running

pytestmark = pytest.mark.timeout(600)  # starting twelve processes on a busy machine takes its time

DEADLINE_S = 6.0
FEDERATION = f"\n[federation]\ndeadline_s = {DEADLINE_S}\n"
AC, AN = 10, 182  # of the allele, in every node's copy of the same genotypes
BODY = allele_body("record")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_data(tmp_path_factory.mktemp("data") / "home")


@dataclass
class World:
    """own: who is asked.  healthy and ill: his peers, by what is wrong with them."""

    own: NodeProcess
    healthy: list[NodeProcess]
    ill: dict[str, NodeProcess]


@pytest.fixture(scope="module")
def world(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    root = tmp_path_factory.mktemp("nodes")
    certificate, key = root / "cert.pem", root / "key.pem"
    issued = trustme.CA().issue_cert("127.0.0.1")
    issued.cert_chain_pems[0].write_to_path(str(certificate))
    issued.private_key_pem.write_to_path(str(key))
    tls = f'\n[server]\ncertificate = "{certificate}"\nkey = "{key}"\n'
    port = free_port()
    own = make_node(root / "own", data, settings=FEDERATION)
    healthy = [make_node(root / f"healthy{n}", data) for n in range(5)]
    ill = {
        "stopped": make_node(root / "stopped", data),
        "late": make_node(root / "late", data, ahead_s=600),
        "stranger": make_node(root / "stranger", data),
        "untrusted": make_node(
            root / "untrusted", data, url=f"https://127.0.0.1:{port}", port=port, settings=tls
        ),
        "renamed": make_node(root / "renamed", data, url="http://another.example"),
        "broken": make_node(root / "broken", data),
    }
    ill["renamed"].url = f"http://127.0.0.1:{ill['renamed'].port}"
    for peer in (*healthy, *ill.values()):
        own.trusts(peer.as_peer())
        if peer is not ill["stranger"]:
            peer.trusts(own.as_peer())
    with running(own, *healthy, *ill.values()):
        for node in (own, *healthy):  # what is read once is read before the clock runs
            assert httpx.post(
                f"{node.url}/beacon/g_variants", json=BODY, trust_env=False, timeout=60
            ).is_success
        ill["stopped"].signal(signal.SIGSTOP)
        with sqlite3.connect(ill["broken"].home / "varhaven.db", timeout=30) as database:
            database.execute("DROP TABLE dataset")
        yield World(own, healthy, ill)


async def events(node: NodeProcess) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    async with (
        httpx.AsyncClient(trust_env=False, timeout=60) as http,
        http.stream("POST", f"{node.url}/network/stream", json=BODY) as reply,
    ):
        assert reply.status_code == 200
        name = ""
        async for line in reply.aiter_lines():
            if line.startswith("event: "):
                name = line[7:]
            elif line.startswith("data: "):
                yield name, json.loads(line[6:])


async def ask(node: NodeProcess) -> tuple[dict[str, dict[str, Any]], dict[str, Any], list[str]]:
    """Each node's part by its id, the summary, and the order in which they came."""
    parts: dict[str, dict[str, Any]] = {}
    summary: dict[str, Any] = {}
    async for name, told in events(node):
        if name == "peer":
            parts[told["node"]] = told
        elif name == "summary":
            summary = told
    return parts, summary, list(parts)


def test_six_of_twelve_misbehave(world: World) -> None:
    parts, summary, order = asyncio.run(ask(world.own))
    assert len(parts) == summary["asked"] == 12
    found = {name: (parts[node.url]["state"], parts[node.url]["reason"]) for name, node in world.ill.items()}
    assert {name: state for name, (state, _) in found.items()} == {
        "stopped": "timeout",
        "late": "denied",
        "stranger": "denied",
        "untrusted": "tls_error",
        "renamed": "denied",
        "broken": "http_error",
    }, found
    assert "clock" in found["late"][1]
    assert "peer add" in found["stranger"][1]
    assert "audience" in found["renamed"][1]
    for node in (world.own, *world.healthy):
        part = parts[node.url]
        assert part["state"] == "hit"
        (record,) = part["response"]["resultSets"][0]["results"]
        whole = record["frequencyInPopulations"][0]["frequencies"][0]
        assert (whole["alleleCount"], whole["alleleNumber"]) == (AC, AN)
    assert summary["complete"] is False
    total = summary["sum"]
    assert (total["ac"], total["an"], total["kind"]) == (6 * AC, 6 * AN, "lower_bound")
    # Whoever hangs keeps nobody waiting: all others are told before.
    assert order[-1] == world.ill["stopped"].url
    assert summary["ms"] <= DEADLINE_S * 1000 + 500


def test_a_peer_is_killed_in_the_middle_of_a_question_and_comes_back(world: World) -> None:
    victim = world.healthy[0]
    victim.signal(signal.SIGSTOP)

    async def main() -> dict[str, Any]:
        parts: dict[str, dict[str, Any]] = {}
        async for name, told in events(world.own):
            if name == "peer":
                parts[told["node"]] = told
            healthy = {node.url for node in world.healthy[1:]}
            if healthy <= set(parts) and victim.process is not None:
                victim.stop()
        return parts[victim.url]

    part = asyncio.run(main())
    assert part["state"] in ("unreachable", "bad_response")
    assert "response" not in part
    victim.start()
    victim.wait()
    parts, _, _ = asyncio.run(ask(world.own))
    assert parts[victim.url]["state"] == "hit"


# -------------------------------------------------------------------------------------- a recording


@dataclass
class Recording:
    """A proxy on the way to a node, that keeps what passes."""

    target: int
    port: int = field(default_factory=free_port)
    requests: list[bytes] = field(default_factory=list)


@contextmanager
def recording(target: int) -> Iterator[Recording]:
    made = Recording(target)
    listening = socket.create_server(("127.0.0.1", made.port))
    listening.settimeout(0.2)
    ending = threading.Event()

    def pass_on(near: socket.socket) -> None:
        with near, socket.create_connection(("127.0.0.1", target), timeout=20) as far:
            near.settimeout(20)
            request = _whole(near)
            made.requests.append(request)
            far.sendall(request)
            near.sendall(_whole(far))

    def serve() -> None:
        while not ending.is_set():
            try:
                near, _ = listening.accept()
            except TimeoutError:
                continue
            pass_on(near)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield made
    finally:
        ending.set()
        thread.join(30)
        listening.close()


def _whole(near: socket.socket) -> bytes:
    """One message: its head, and as much as its length says."""
    message = b""
    while b"\r\n\r\n" not in message:
        message += near.recv(65_536)
    head, _, body = message.partition(b"\r\n\r\n")
    lines = head.decode().lower().split("\r\n")
    length = next(int(line.partition(":")[2]) for line in lines if line.startswith("content-length:"))
    while len(body) < length:
        body += near.recv(65_536)
    return head + b"\r\n\r\n" + body


def replayed(request: bytes, port: int) -> tuple[int, str]:
    """The same bytes once more, at whoever listens there."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as far:
        far.sendall(request)
        reply = _whole(far)
    status = int(reply.split(b" ", 2)[1])
    return status, reply.partition(b"\r\n\r\n")[2].decode()


def test_a_recorded_request_is_worth_nothing(data: Path, tmp_path: Path) -> None:
    """Not at another node, not a second time, and not after the receiver has restarted and forgotten it."""
    with recording(free_port()) as way:
        own = make_node(tmp_path / "own", data, settings=FEDERATION.replace("6.0", "20.0"))
        b = make_node(tmp_path / "b", data, url=f"http://127.0.0.1:{way.port}", port=way.target)
        c = make_node(tmp_path / "c", data)
        own.trusts(b.as_peer())
        for other in (b, c):
            other.trusts(own.as_peer())
        with running(own, b, c):
            parts, _, _ = asyncio.run(ask(own))
            assert parts[b.url]["state"] == "hit"
            (request,) = way.requests
            assert b"authorization: bearer " in request.lower()
            at_c, again, changed = (
                replayed(request, c.port),
                replayed(request, b.port),
                replayed(request.replace(b"GRCh37", b"GRCh38"), b.port),
            )
            assert (at_c[0], "audience" in at_c[1]) == (401, True)
            assert (again[0], "used before" in again[1]) == (401, True)
            assert (changed[0], "not the one that was signed" in changed[1]) == (401, True)
            b.stop()
            b.start()
            b.wait()
            late = replayed(request, b.port)
            assert (late[0], "restarted" in late[1]) == (401, True)


# ------------------------------------------------------------------------------------------- memory


async def ten_gigabytes(writer: asyncio.StreamWriter, fake: Fake) -> None:
    """As far as anybody takes it in."""
    head = b"HTTP/1.1 200 OK\r\ncontent-length: 10000000000\r\n\r\n"
    writer.write(head)
    while fake.sent_bytes < 10_000 * MB:
        writer.write(b" " * 1_000_000)
        fake.sent_bytes += 1_000_000
        await writer.drain()


def test_memory_stays_bounded_whatever_peers_send(data: Path, tmp_path: Path) -> None:
    """Every behaviour at once, and five peers that send 10 GB, to a process of its own."""
    own = make_node(tmp_path / "own", data, settings=FEDERATION)
    behaviours: list[Behaviour] = [behave for behave, _, _ in ROWS.values()]
    behaviours += [ten_gigabytes] * 5

    async def main() -> tuple[float, float, float]:
        fakes: list[Fake] = []

        async def meet(left: list[Behaviour]) -> tuple[float, float, float]:
            if left:
                async with a_peer(left[0]) as fake:
                    fakes.append(fake)
                    return await meet(left[1:])
            before = own.peak_mb()
            peers = [Peer(fake.url, "", ("x" * 43,)) for fake in fakes]
            await asyncio.to_thread(own.trusts, *peers)
            for _ in range(2):
                parts, _, _ = await ask(own)
                assert len(parts) == len(fakes) + 1
            return before, own.peak_mb(), max(fake.sent_bytes for fake in fakes) / MB

        return await meet(behaviours)

    with running(own):
        before, after, sent = asyncio.run(main())
    assert after - before < 300, f"{after - before:.0f} MB more"
    assert sent < 50, f"{sent:.0f} MB were taken in of one answer"
