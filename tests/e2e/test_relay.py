"""A hospital whose firewall lets nobody in is asked by another: three real processes, real VCF files."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from node import db
from node.demo import HOSPITALS, Hospital
from node.federation.relay.posts import MAILBOXES
from node.home import Made, make_home
from node.store.catalogue import add_dataset
from node.store.ingest import ingest
from schemas.access import Policy
from schemas.genome import Assembly
from schemas.people import Dataset
from tests.commands import CLI, done, varhaven
from tests.federated import free_socket

LONDON, HELSINKI, _ = HOSPITALS
BEHIND = "https://helsinki.example"  # nothing is there


def made(root: Path, hospital: Hospital, url: str) -> Made:
    new = make_home(root / hospital.code, url, hospital.name, hospital.country)
    engine = db.connect(new.settings.database_url)
    add_dataset(engine, Dataset("open", Assembly.GRCH37, Policy.OPEN))
    ingest(engine, new.settings.ingest, hospital.files()[0], "open")
    engine.dispose()
    return new


@contextmanager
def running(*arguments: str) -> Iterator[str]:
    """The address at which a server of ours says it answers."""
    server = subprocess.Popen([*CLI, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        line = server.stdout.readline()
        assert line.startswith("ready http://"), server.communicate()
        yield line.split()[1]
    finally:
        server.terminate()
        server.communicate(timeout=20)


def wait_for(url: str) -> None:
    """Until the relay knows the node; the test's own time limit ends it otherwise."""
    with httpx.Client(trust_env=False) as http:
        while http.get(url).status_code != 200:
            pass


@pytest.mark.timeout(120)
def test_a_hospital_behind_a_firewall_is_asked_through_a_relay(tmp_path: Path) -> None:
    listening, relay_url = free_socket()
    listening.close()
    _, _, port = relay_url.rpartition(":")
    asking, behind = made(tmp_path, LONDON, "http://127.0.0.1:1"), made(tmp_path, HELSINKI, BEHIND)
    home, asking_home = behind.settings.home, asking.settings.home
    done("peer", "add", "http://127.0.0.1:1", "--thumbprint", asking.thumbprint, home=home)
    member = f"{BEHIND}={behind.thumbprint}"
    with running("relay", "serve", "--url", relay_url, "--port", port, "--member", member):
        told = done(
            *("peer", "add", BEHIND, "--thumbprint", behind.thumbprint, "--relay", relay_url, "--json"),
            home=asking_home,
        )
        assert json.loads(told)["state"] == "unreachable"
        with running(
            "serve", "--home", str(home), "--host", "127.0.0.1", "--port", "0", "--via-relay", relay_url
        ):
            wait_for(f"{relay_url}{MAILBOXES}/{behind.thumbprint}")
            told = done("peer", "test", BEHIND, "--json", home=asking_home)
            assert json.loads(told)["state"] == "ok"
            said = done(
                *("query", "chr20:3193842 C>A", "--assembly", "GRCh37", "--network", "--json"),
                home=asking_home,
            )
        nodes = {line["node"]: line for line in json.loads(said)["nodes"]}
        assert (nodes[BEHIND]["state"], nodes[BEHIND]["ac"], nodes[BEHIND]["an"]) == ("hit", 10, 198)


def test_a_member_is_written_with_its_thumbprint(tmp_path: Path) -> None:
    said = varhaven("relay", "serve", "--url", "http://127.0.0.1:1", "--member", BEHIND, home=tmp_path)
    assert said.status == 2
