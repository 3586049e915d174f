"""Whole nodes in processes of their own, that can be stopped, killed, started again, and put out of order."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from node import db
from node.app import open_node
from node.config import Settings, read_settings
from node.demo import HOSPITALS
from node.federation.peers import Peer
from node.home import make_home
from node.store.catalogue import add_dataset
from node.store.ingest import ingest
from schemas.access import Policy
from schemas.genome import Assembly
from schemas.people import Dataset

# The same command line, in a process whose clock is so many seconds ahead.
_SHIFTED = (
    "import sys, time; real = time.time; ahead = float(sys.argv.pop(1)); "
    "time.time = lambda: real() + ahead; from node.cli import main; main()"
)


def allele_body(granularity: str) -> dict[str, Any]:
    """A POST that asks for an allele which every hospital of the demonstration has."""
    parameters = {
        "assemblyId": "GRCh37",
        "referenceName": "20",
        "start": [3193841],
        "referenceBases": "C",
        "alternateBases": "A",
    }
    return {"query": {"requestParameters": parameters, "requestedGranularity": granularity}}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


@dataclass
class NodeProcess:
    """One node.  url: its id.  port: where it really listens."""

    home: Path
    url: str
    thumbprint: str
    port: int
    ahead_s: float = 0.0
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def settings(self) -> Settings:
        return read_settings(self.home)

    def start(self) -> None:
        command = [sys.executable, "-c", _SHIFTED, str(self.ahead_s), "serve", "--home", str(self.home)]
        self.process = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(self.port)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def wait(self) -> None:
        """Until it answers."""
        assert self.process is not None
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith(b"ready "), (self.home, line)

    def signal(self, number: int) -> None:
        assert self.process is not None
        os.kill(self.process.pid, number)

    def stop(self) -> None:
        if self.process is None:
            return
        self.process.kill()  # also one that was stopped: it must not wake up and answer first
        self.process.communicate(timeout=20)
        self.process = None

    def trusts(self, *others: Peer) -> None:
        with open_node(self.settings) as node:
            for other in others:
                node.peers.add(other)

    def as_peer(self) -> Peer:
        return Peer(self.url, self.home.name, (self.thumbprint,))

    def peak_mb(self) -> float:
        """The most memory it ever had."""
        assert self.process is not None
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024

    def processor_ms(self) -> float:
        """What it has used of the processor until now, to 10 ms."""
        assert self.process is not None
        words = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) * 1000 / os.sysconf("SC_CLK_TCK")


def make_data(folder: Path, policy: Policy = Policy.OPEN) -> Path:
    """A database with the first hospital's genotypes, to be copied into homes."""
    made = make_home(folder, "http://127.0.0.1:1", "Data", "GB")
    engine = db.connect(made.settings.database_url)
    add_dataset(engine, Dataset("chr20", Assembly.GRCH37, policy, "Chromosome 20"))
    ingest(engine, made.settings.ingest, HOSPITALS[0].files()[0], "chr20")
    engine.dispose()
    return folder / "varhaven.db"


def make_node(
    home: Path, data: Path, *, url: str = "", port: int = 0, ahead_s: float = 0.0, settings: str = ""
) -> NodeProcess:
    """A node with a copy of `data`, not started.  settings: more lines of its varhaven.toml."""
    port = port or free_port()
    made = make_home(home, url or f"http://127.0.0.1:{port}", home.name, "GB")
    shutil.copyfile(data, home / "varhaven.db")
    with (home / "varhaven.toml").open("a", encoding="utf-8") as writing:
        writing.write(settings)
    return NodeProcess(home, made.settings.node.id, made.thumbprint, port, ahead_s)


@contextmanager
def running(*nodes: NodeProcess) -> Iterator[None]:
    """All of them, answering; ended on leaving, whatever state they are in."""
    try:
        for node in nodes:
            node.start()
        for node in nodes:
            node.wait()
        yield
    finally:
        for node in nodes:
            node.stop()
