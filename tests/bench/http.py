"""Throughput over HTTP: a real node against an application that returns the same bytes and does nothing.

Each has a process of its own, and they are asked by turns, several times over, under the same load from this
process: keep-alive connections that always have one request on its way.  Answers are counted by the second
of processor time that the server has used: what it could do with a core of its own, whoever else is busy.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import uvloop

from node import db
from node.demo import HOSPITALS
from node.home import make_home
from node.store.catalogue import add_dataset
from node.store.ingest import ingest
from schemas.access import Policy
from schemas.genome import Assembly
from schemas.people import Dataset
from tests.bench.lines import Line

CONNECTIONS = 8
SECONDS = 1.0
ROUNDS = 7
POINT = (
    "assemblyId=GRCh37&referenceName=20&start=3193841&referenceBases=C&alternateBases=A"
    "&requestedGranularity={granularity}"
)
RANGE = "assemblyId=GRCh37&referenceName=20&start=3190000&end=3200000&requestedGranularity=record&limit=10"
QUESTIONS = {
    "point, boolean": POINT.format(granularity="boolean"),
    "point, count": POINT.format(granularity="count"),
    "point, record": POINT.format(granularity="record"),
    "10 kb, 10 records": RANGE,
}
FLOOR = """
import sys
import orjson
from fastapi import FastAPI
from fastapi.responses import Response
import uvicorn

body = open(sys.argv[1], "rb").read()
document = orjson.loads(body)
app = FastAPI()

@app.get("/same")
async def same() -> Response:
    return Response(body, media_type="application/json")

@app.get("/written")
async def written() -> Response:
    return Response(orjson.dumps(document), media_type="application/json")

class Announcing(uvicorn.Server):
    async def startup(self, sockets=None):
        await super().startup(sockets=sockets)
        print("ready http://127.0.0.1:%d" % self.servers[0].sockets[0].getsockname()[1], flush=True)

settings = dict(loop="uvloop", http="httptools", access_log=False, log_level="warning")
settings |= dict(server_header=False, proxy_headers=False)
Announcing(uvicorn.Config(app, port=0, **settings)).run()
"""


@dataclass
class _Load(asyncio.Protocol):
    """One connection that asks again as soon as it has its answer.  took_s: of each answer, by the clock."""

    request: bytes
    took_s: list[float] = field(default_factory=list)
    size: int = 0
    failed: bool = False
    _pending: bytes = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own does not inherit from it
        self._ask()

    def _ask(self) -> None:
        self._asked_s = time.perf_counter()
        self._transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        self._pending += data
        if not self.size:
            head, found, _ = self._pending.partition(b"\r\n\r\n")
            if not found:
                return
            self.failed |= not head.startswith(b"HTTP/1.1 200")
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            self.size = len(head) + 4 + int(length.split(b":")[1])
        if len(self._pending) >= self.size:
            self._pending, self.size = self._pending[self.size :], 0
            self.took_s.append(time.perf_counter() - self._asked_s)
            self._ask()

    def stop(self) -> None:
        self._transport.abort()


async def _loaded(server: Server, paths: Sequence[str], seconds: float) -> Loaded:
    host = urlsplit(server.url)
    requests = (f"GET {path} HTTP/1.1\r\nHost: {host.netloc}\r\n\r\n".encode() for path in paths)
    loop = asyncio.get_running_loop()
    loads = [_Load(request) for request in requests]
    for load in loads:
        await loop.create_connection(lambda load=load: load, host.hostname, host.port)
    await asyncio.sleep(0.3)
    before, used = [len(load.took_s) for load in loads], server.used_s()
    await asyncio.sleep(seconds)
    took, used = [load.took_s[n:] for load, n in zip(loads, before, strict=True)], server.used_s() - used
    for load in loads:
        load.stop()
    if any(load.failed for load in loads):
        raise RuntimeError(f"not every answer was 200: {paths[0]}")
    return Loaded(took, used)


def under_load(server: Server, paths: Sequence[str], seconds: float = SECONDS) -> Loaded:
    """A server that is asked for each of `paths` by a connection of its own, without a pause."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_loaded(server, paths, seconds))


def rate(server: Server, path: str, callers: int = CONNECTIONS) -> float:
    """Answers by the second of the server's processor time."""
    return under_load(server, [path] * callers).rate


@dataclass(frozen=True)
class Loaded:
    """took_s: by connection, how long each answer took.  used_s: processor time of the server."""

    took_s: list[list[float]]
    used_s: float

    @property
    def rate(self) -> float:
        return sum(map(len, self.took_s)) / self.used_s


@dataclass(frozen=True)
class Server:
    """A server in a process of its own."""

    url: str
    process: int

    def used_s(self) -> float:
        """Processor time of all its threads.  Spec: proc(5), /proc/pid/stat."""
        fields = Path(f"/proc/{self.process}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rest(self) -> None:
        """Waits until it does nothing: a node reads its tables of reference in the first seconds."""
        for _ in range(120):
            before = self.used_s()
            time.sleep(0.5)
            if self.used_s() - before < 0.02:
                return


@contextmanager
def _process(*command: str) -> Iterator[Server]:
    with subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield Server(server.stdout.readline().split()[1], server.pid)
        finally:
            server.terminate()


def serve(home: Path) -> AbstractContextManager[Server]:
    """Runs the node that lives in `home`, and gives its address."""
    return _process("-m", "node.cli", "serve", "--home", str(home), "--port", "0")


def make_node(home: Path, database: str | None = None) -> None:
    """A node that holds a hospital's chromosome 20; database: its URL, by default a file in the home."""
    made = make_home(home, "http://127.0.0.1:1", "Bench", "FI", database)
    engine = db.connect(made.settings.database_url)
    add_dataset(engine, Dataset("bench", Assembly.GRCH37, Policy.OPEN, "Bench"))
    ingest(engine, made.settings.ingest, HOSPITALS[0].files()[0], "bench")
    engine.dispose()


def middle(rounds: list[tuple[float, float]]) -> tuple[float, float]:
    """The round whose ratio is in the middle: what else the machine did in a round fell on both."""
    return sorted(rounds, key=lambda both: both[0] / both[1])[len(rounds) // 2]


def lines() -> Iterator[Line]:
    """Each question, beside an application that returns the same bytes, or writes the same document."""
    import httpx  # noqa: PLC0415  # only this fetch needs it

    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        make_node(home)
        for name, question in QUESTIONS.items():
            with ExitStack() as stack:
                node = stack.enter_context(serve(home))
                path = f"/beacon/g_variants?{question}"
                same = Path(folder) / "same"
                same.write_bytes(httpx.get(node.url + path).raise_for_status().content)
                floor = stack.enter_context(_process("-c", FLOOR, str(same)))
                other = "/written" if "record" in name else "/same"
                node.rest()
                # By turns, so that whatever else the machine does falls on both.
                rounds = [(rate(node, path), rate(floor, other)) for _ in range(ROUNDS)]
            ours, theirs = middle(rounds)
            yield Line(f"{name} ({other[1:]} bytes)", ours, "/s", theirs, least=0.5)
