"""The demonstration, as a newcomer runs it: real processes, real sockets, real genotypes."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

CLI = [sys.executable, "-m", "node.cli"]
ITPA = {
    "Demo Hospital London": (10, 182),
    "Demo Hospital Helsinki": (10, 198),
    "Demo Hospital Madrid": (13, 214),
}


@contextmanager
def demo(tmp_path: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The command running, with everything temporary it makes below `tmp_path`."""
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    running = subprocess.Popen(
        [*CLI, "demo", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
    try:
        yield running
    finally:
        running.kill()
        running.communicate()


def test_it_answers_and_ends(tmp_path: Path) -> None:
    with demo(tmp_path, "--once", "--json") as running:
        output, said = running.communicate(timeout=120)
    assert running.returncode == 0, said
    answer = json.loads(output)
    assert {line["name"]: (line["ac"], line["an"]) for line in answer["nodes"]} == ITPA
    assert all(line["state"] == "hit" and line["exists"] is True for line in answer["nodes"])
    assert all((line["het"], line["hom"]) == (line["ac"], 0) for line in answer["nodes"])
    assert answer["sum"].items() >= {"ac": 33, "an": 594, "kind": "exact"}.items()
    assert all(line["alleles"] == len(line["results"]) > 100 for line in answer["region"]["nodes"])
    assert list(tmp_path.iterdir()) == []


def test_it_stays_up_until_interrupted_and_leaves_nothing(tmp_path: Path) -> None:
    with ExitStack() as stack:
        for port in (8101, 8103):  # somebody else may hold them already, which is as good
            try:
                stack.enter_context(socket.create_server(("127.0.0.1", port)))
            except OSError:
                continue
        running = stack.enter_context(demo(tmp_path))
        assert running.stdout is not None
        addresses: list[str] = []
        for line in running.stdout:
            addresses += [word for word in line.split() if word.startswith("http")]
            if "/beacon/info" in line:
                break
        pages = [address for address in addresses if address.endswith("/")]
        assert len(pages) == 3
        for address in addresses:
            assert httpx.get(address).status_code == 200
        asked = httpx.post(pages[0], data={"question": "20:3193842 C>A", "assembly": "GRCh37"})
        assert "33 / 594" in asked.text
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=30)
        assert running.returncode == 0
        assert "is taken" in said
    assert list(tmp_path.iterdir()) == []
    for address in pages:
        with pytest.raises(httpx.ConnectError):
            httpx.get(address)
