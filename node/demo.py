"""Three invented hospitals on this machine, federated, for a first look and for tests.

Each is a real node: its own home, key, database and process, filled from `deploy/demo`.  Everything lives in
one temporary folder that is removed at the end.
"""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO, Final

from node import db
from node.app import open_node
from node.config import read_settings
from node.federation.peers import Peer
from node.home import make_home
from node.people import Format, import_people
from node.store.catalogue import add_dataset
from node.store.ingest import ingest
from schemas.access import Policy
from schemas.errors import BadInput, Place
from schemas.genome import Assembly
from schemas.people import Dataset

_PACKAGED: Final = Path(__file__).parent / "demo_data"
_CHECKOUT: Final = Path(__file__).parents[1] / "deploy" / "demo"
DATASET: Final = "chr20"


@dataclass(frozen=True, slots=True)
class Hospital:
    code: str
    name: str
    country: str
    preferred_port: int

    def files(self) -> tuple[Path, Path]:
        """Its VCF and its clinical records."""
        folder = _PACKAGED if _PACKAGED.is_dir() else _CHECKOUT
        vcf, records = folder / f"{self.code}.chr20.b37.vcf.gz", folder / f"{self.code}.individuals.json"
        if not vcf.is_file() or not records.is_file():
            raise BadInput(
                Place(str(folder)), "the demonstration data are missing", "Install varhaven whole."
            )
        return vcf, records


HOSPITALS: Final = (
    Hospital("uk", "Demo Hospital London", "GB", 8101),
    Hospital("fi", "Demo Hospital Helsinki", "FI", 8102),
    Hospital("es", "Demo Hospital Madrid", "ES", 8103),
)


@dataclass(frozen=True, slots=True)
class DemoNode:
    """A running node of the demonstration."""

    hospital: Hospital
    url: str
    home: Path
    thumbprint: str


@contextmanager
def running_demo(tell: Callable[[str], None]) -> Iterator[tuple[DemoNode, ...]]:
    """The three nodes, up and trusting each other; stopped and removed on leaving.

    tell: called with a line for people at every step.  A port that is taken is replaced by a free one, and
    said so.

    Raises BadInput: a node did not start; the message holds what it said.
    """
    with ExitStack() as stack:
        stack.enter_context(_ending_on_termination())
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="varhaven-demo-")))
        sockets = [stack.enter_context(one) for one in _listening(tell)]
        urls = [f"http://127.0.0.1:{one.getsockname()[1]}" for one in sockets]
        with ThreadPoolExecutor(len(HOSPITALS)) as pool:
            tell("Making three nodes and reading their VCF files ...")
            nodes = tuple(pool.map(lambda pair: _prepare(root, *pair), zip(HOSPITALS, urls, strict=True)))
        tell("Starting them ...")
        pairs = zip(nodes, sockets, strict=True)
        servers = [stack.enter_context(_serving(node, listening)) for node, listening in pairs]
        for node, server in zip(nodes, servers, strict=True):
            _wait_ready(node, server)
        tell("Telling each whom to trust ...")
        for node in nodes:
            _befriend(node, (other for other in nodes if other is not node))
        yield nodes


def _prepare(root: Path, hospital: Hospital, url: str) -> DemoNode:
    vcf, records = hospital.files()
    made = make_home(root / hospital.code, url, hospital.name, hospital.country)
    engine = db.connect(made.settings.database_url)
    described = "1000 Genomes donors; invented clinical records"
    add_dataset(engine, Dataset(DATASET, Assembly.GRCH37, Policy.OPEN, "Chromosome 20, 3-4 Mb", described))
    ingest(engine, made.settings.ingest, vcf, DATASET)
    import_people(engine, DATASET, records, Format.BFF)
    engine.dispose()
    return DemoNode(hospital, url, made.settings.home, made.thumbprint)


def _befriend(node: DemoNode, others: Iterable[DemoNode]) -> None:
    with open_node(read_settings(node.home)) as opened:
        for other in others:
            opened.peers.add(Peer(other.url, other.hospital.name, (other.thumbprint,)))


def _listening(tell: Callable[[str], None]) -> Iterator[socket.socket]:
    """A socket for each hospital, which its node takes over: nobody can take its port meanwhile."""
    for hospital in HOSPITALS:
        try:
            yield socket.create_server(("127.0.0.1", hospital.preferred_port))
        except OSError:
            tell(f"Port {hospital.preferred_port} is taken; {hospital.name} takes another")
            yield socket.create_server(("127.0.0.1", 0))


_SERVE: Final = (sys.executable, "-m", "node.cli", "serve")


@contextmanager
def _serving(node: DemoNode, listening: socket.socket) -> Iterator[subprocess.Popen[bytes]]:
    # A session of its own: an interrupt at the keyboard reaches only the demonstration, which then ends
    # the nodes in order.
    server = subprocess.Popen(  # noqa: S603  # our own command line
        [*_SERVE, "--home", str(node.home), "--fd", str(listening.fileno())],
        pass_fds=[listening.fileno()],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    listening.close()  # or its port would seem to be served when the node has ended
    try:
        yield server
    finally:
        server.terminate()
        try:
            server.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.communicate()


def _wait_ready(node: DemoNode, server: subprocess.Popen[bytes]) -> None:
    """Blocks until the node says `ready`; a node that ends instead is a fault with its own words."""
    output: IO[bytes] | None = server.stdout
    line = output.readline() if output is not None else b""
    if not line.startswith(b"ready "):
        _, said = server.communicate(timeout=10)
        raise BadInput(
            Place(node.hospital.name), f"did not start: {said.decode(errors='replace').strip()}", ""
        )


@contextmanager
def _ending_on_termination() -> Iterator[None]:
    """Makes a polite kill end the demonstration the way Ctrl-C does, so that nothing is left behind."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
