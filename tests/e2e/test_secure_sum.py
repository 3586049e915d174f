"""Three hospitals whose data nobody may be asked for alone learn a total, over loopback, from real VCFs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from node import db
from node.app import create_app, open_node
from node.audit import export
from node.config import CONFIG_NAME, read_settings
from node.demo import HOSPITALS, Hospital
from node.federation.peers import Peer
from node.home import make_home
from node.store.catalogue import add_dataset
from node.store.ingest import ingest
from schemas.access import Policy
from schemas.genome import Assembly
from schemas.people import Dataset
from tests.commands import varhaven
from tests.federated import free_socket, serving

ITPA = "chr20:3193842 C>A"
IN_EACH = {"uk": (10, 182), "fi": (10, 198), "es": (13, 214)}  # copies, and copies called: see the README
DATASET = "patients"


@dataclass(frozen=True)
class Site:
    hospital: Hospital
    url: str
    home: Path
    thumbprint: str


def _made(root: Path, hospital: Hospital, url: str, partners: list[str]) -> Site:
    made = make_home(root / hospital.code, url, hospital.name, hospital.country)
    config = made.settings.home / CONFIG_NAME
    text = (
        f"\n[secure_sum]\npartners = {json.dumps(partners)}\ndatasets = [{json.dumps(DATASET)}]\nfloor = 10\n"
    )
    config.write_text(config.read_text() + text)
    engine = db.connect(made.settings.database_url)
    add_dataset(engine, Dataset(DATASET, Assembly.GRCH37, Policy.CONTROLLED))
    ingest(engine, made.settings.ingest, hospital.files()[0], DATASET)
    engine.dispose()
    return Site(hospital, url, made.settings.home, made.thumbprint)


@pytest.fixture
def sites(tmp_path: Path) -> Iterator[list[Site]]:
    """The three, trusting each other, not running."""
    sockets, urls = zip(*(free_socket() for _ in HOSPITALS), strict=True)
    with ExitStack() as stack:
        made = [
            _made(tmp_path, hospital, url, [other for other in urls if other != url])
            for hospital, url in zip(HOSPITALS, urls, strict=True)
        ]
        for site in made:
            with open_node(read_settings(site.home)) as node:
                for other in made:
                    if other is not site:
                        node.peers.add(Peer(other.url, other.hospital.name, (other.thumbprint,)))
        # The one that asks does so from its command line.
        sockets[0].close()
        for site, listening in list(zip(made, sockets, strict=True))[1:]:
            stack.enter_context(serving(create_app(read_settings(site.home)), listening, lifespan="on"))
        yield made


def summed(site: Site, question: str = ITPA) -> dict[str, Any]:
    said = varhaven("sum", question, "--assembly", "GRCh37", "--json", home=site.home)
    assert said.stdout, said.stderr
    document: dict[str, Any] = json.loads(said.stdout)
    assert said.status == (0 if document["sum"] else 1)
    return document


def recorded(site: Site) -> list[dict[str, Any]]:
    engine = db.connect(read_settings(site.home).database_url)
    entries = list(export(engine))
    engine.dispose()
    return entries


def test_a_total_without_its_parts(sites: list[Site]) -> None:
    told = summed(sites[0])
    assert told["sum"]["an"] == sum(called for _, called in IN_EACH.values())
    # Nobody who carries two is told of: they are fewer than ten.
    assert told["sum"]["ac"] is None
    assert 27 <= told["sum"]["people"] <= sum(copies for copies, _ in IN_EACH.values())
    assert {line["state"] for line in told["nodes"]} == {"suppressed"}
    assert "10" not in {str(line.get("people")) for line in told["nodes"]}
    again = summed(sites[0])
    assert again["sum"] == told["sum"]


def test_rare_and_absent_read_alike(sites: list[Site]) -> None:
    rare, absent = summed(sites[0], "chr20:3000000 A>C"), summed(sites[0], "chr20:3000001 A>C")
    assert rare["sum"] is absent["sum"] is None
    assert rare["reason"] == absent["reason"]
    assert "or nobody" in absent["reason"]


def test_with_one_missing_there_is_no_total(sites: list[Site]) -> None:
    with open_node(read_settings(sites[1].home)) as node:
        node.peers.suspend(sites[0].url)
    told = summed(sites[0])
    assert told["sum"] is None
    assert "takes everybody" in told["reason"]
    assert {line["node"]: line["state"] for line in told["nodes"]}[sites[1].url] == "denied"


def test_a_new_person_is_not_told_by_difference(sites: list[Site]) -> None:
    assert summed(sites[0])["sum"] is not None
    engine = db.connect(read_settings(sites[2].home).database_url)
    with engine.begin() as connection:
        db.announce(connection)
    engine.dispose()
    told = summed(sites[0])
    assert told["sum"] is None
    assert any("data here have changed" in line["reason"] for line in told["nodes"])


def test_every_step_is_in_the_audit_of_every_node_under_one_request(sites: list[Site]) -> None:
    summed(sites[0])
    entries = [recorded(site) for site in sites]
    assert len({entry["request"] for of_node in entries for entry in of_node}) == 1
    assert [entry["detail"] for entry in entries[0]] == ["sum"]
    for of_node in entries[1:]:
        assert [entry["detail"] for entry in of_node] == ["invitation", "showing"]
        assert {entry["principal"] for entry in of_node} == {f"peer {sites[0].url}"}


def test_nobody_in_particular_is_summed_for(sites: list[Site]) -> None:
    reply = httpx.post(f"{sites[1].url}/network/sum", json={"question": ITPA}, trust_env=False)
    assert reply.status_code == 401
    unsigned = httpx.post(f"{sites[1].url}/federation/v1/sums/invitation", json={}, trust_env=False)
    assert unsigned.status_code == 401
