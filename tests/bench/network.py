"""A question to networks of 3, 10 and 50 nodes against the slowest peer asked directly, and first events.

The node that asks is a real one in a process of its own.  Its peers share one process that does nothing but
answer after 50 ms, so that what is measured is the asking: signing, connections, reading, merging.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from node.federation.peers import Peer
from tests.bench.lines import Line
from tests.federated import an_answer
from tests.node_processes import NodeProcess, allele_body, make_data, make_node, running

SIZES = (3, 10, 50)  # nodes, with the one that asks
ROUNDS = 15
BODY = allele_body("record")
COUNT = allele_body("count")
COUNTED = 150
PEERS = """
import asyncio, json, sys
template = sys.stdin.buffer.read()

async def serve(reader, writer):
    port = writer.get_extra_info("sockname")[1]
    body = template.replace(b"http://node.example", b"http://127.0.0.1:%d" % port)
    try:
        while True:
            head = await reader.readuntil(b"\\r\\n\\r\\n")
            length = int(head.lower().partition(b"content-length:")[2].split(b"\\r\\n")[0])
            await reader.readexactly(length)
            await asyncio.sleep(0.05)
            writer.write(b"HTTP/1.1 200 OK\\r\\ncontent-type: application/json\\r\\n"
                         b"content-length: %d\\r\\n\\r\\n" % len(body) + body)
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()

async def main():
    servers = [await asyncio.start_server(serve, "127.0.0.1", 0) for _ in range(int(sys.argv[1]))]
    print(json.dumps([server.sockets[0].getsockname()[1] for server in servers]), flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@dataclass(frozen=True)
class Measured:
    """Medians in milliseconds.  direct: of the slowest peer.  first: until the plan arrives in the stream.
    peer: until the first node's answer does.  processor: of the asking node's process, for one question; it
    hardly depends on what else the machine does.  counts: every time of a question for a number.
    """

    nodes: int
    network: float
    direct: float
    first: float
    peer: float
    processor: float
    counts: list[float]

    @property
    def added(self) -> float:
        return self.network - self.direct

    @property
    def goal(self) -> float:
        return 15.0 + self.nodes


def run() -> list[Measured]:
    with tempfile.TemporaryDirectory(prefix="varhaven-bench-") as folder:
        data = make_data(Path(folder) / "data")
        return [_measure(Path(folder) / f"network{size}", data, size) for size in SIZES]


def lines() -> Iterator[Line]:
    for row in run():
        name = f"{row.nodes} nodes"
        yield Line(f"{name}: over the slowest peer asked directly", row.added, "ms", most_ours=row.goal)
        centiles = statistics.quantiles(row.counts, n=100)
        yield Line(f"{name}: a count, p50", centiles[49], "ms")
        yield Line(f"{name}: a count, p99", centiles[98], "ms")
        yield Line(f"{name}: first event", row.first, "ms")
        yield Line(f"{name}: first answer", row.peer, "ms")
        yield Line(f"{name}: processor of the asking node", row.processor, "ms")


def _measure(home: Path, data: Path, size: int) -> Measured:
    home.mkdir()
    own = make_node(home / "own", data)
    with _peers(size - 1) as urls, running(own), httpx.Client(trust_env=False, timeout=60) as http:
        own.trusts(*(Peer(url, "", ("x" * 43,)) for url in urls))
        path = f"{own.url}/network/beacon/g_variants"
        for _ in range(2):  # connections, and what is read once
            _once(http, path)
        _settle(own)
        began = own.processor_ms()
        network = [_once(http, path) for _ in range(ROUNDS)]
        processor = (own.processor_ms() - began) / ROUNDS
        direct = max(statistics.median(_once(http, url) for _ in range(3)) for url in urls)
        counts = [_once(http, path, COUNT) for _ in range(COUNTED)]
        streamed = [_stream(http, own) for _ in range(ROUNDS)]
    first, peer = (statistics.median(times) for times in zip(*streamed, strict=True))
    return Measured(size, statistics.median(network), direct, first, peer, processor, counts)


def _settle(own: NodeProcess) -> None:
    """Until the chores of its start are done."""
    before = -1000.0
    while own.processor_ms() - before > 10:
        before = own.processor_ms()
        time.sleep(0.5)


@contextmanager
def _peers(number: int) -> Iterator[list[str]]:
    result_set = {"id": "d", "setType": "dataset", "exists": True, "resultsCount": 1, "results": []}
    answer = an_answer("http://node.example", exists=True, response={"resultSets": [result_set]})
    command = [sys.executable, "-c", PEERS, str(number)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(answer)
            process.stdin.close()
            yield [f"http://127.0.0.1:{port}" for port in json.loads(process.stdout.readline())]
        finally:
            process.kill()


def _once(http: httpx.Client, url: str, body: object = BODY) -> float:
    began = time.perf_counter()
    http.post(url, json=body).raise_for_status()
    return (time.perf_counter() - began) * 1000


def _stream(http: httpx.Client, own: NodeProcess) -> tuple[float, float]:
    """Milliseconds until the plan, and until the first node's answer."""
    began = time.perf_counter()
    times = []
    with http.stream("POST", f"{own.url}/network/stream", json=BODY) as reply:
        for line in reply.iter_lines():
            if line.startswith("event: ") and len(times) < 2:
                times.append((time.perf_counter() - began) * 1000)
    return times[0], times[1]
