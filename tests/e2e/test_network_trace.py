"""One question has one id, in the audit log of every node that it reached."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from beacon.query import Asked
from node import audit, trace
from node.app import open_node
from node.config import PeerTerms
from node.trace import Trace
from schemas.access import Ceiling, Grant, Granularity, Policy, Tier
from schemas.genome import Assembly
from schemas.notation import read_question
from tests.node_processes import NodeProcess, make_data, make_node, running

pytestmark = pytest.mark.timeout(400)
REQUEST = "4bf92f3577b34da6a3ce929d0e0e4736"
ALICE = "https://login.example alice"


def entries(node: NodeProcess) -> list[dict[str, object]]:
    """Those of the question in the log of `node`."""
    with open_node(node.settings) as opened:
        return [entry for entry in audit.export(opened.engine) if entry.get("request") == REQUEST]


def test_the_logs_of_all_nodes_share_the_id_of_a_question(tmp_path: Path) -> None:
    data = make_data(tmp_path / "data", Policy.REGISTERED)
    own, *others = (make_node(tmp_path / name, data) for name in ("own", "b", "c"))
    agreed = PeerTerms(tier=Tier.REGISTERED)
    for other in others:
        other.trusts(replace(own.as_peer(), terms=agreed))
    own.trusts(*(other.as_peer() for other in others))
    question = Asked.of(read_question("20:3193842 C>A", Assembly.GRCH37), Granularity.BOOLEAN)

    async def ask() -> set[str]:
        trace.enter(Trace(REQUEST))
        grant = Grant(ALICE, {"chr20": Ceiling(Granularity.BOOLEAN)}, "", Tier.REGISTERED)
        with open_node(own.settings) as node:
            async with node.open_network() as network:
                merged = await node.inquiry(network, question, grant).merged()
        return {line["state"] for line in merged["info"]["nodes"]}

    with running(*others):
        assert asyncio.run(ask()) == {"hit"}
    told = {node.url: entries(node) for node in (own, *others)}
    assert {url: len(found) for url, found in told.items()} == {node.url: 1 for node in (own, *others)}
    kinds = {url: found[0]["kind"] for url, found in told.items()}
    assert kinds == {own.url: "network", **{other.url: "federation" for other in others}}
    # Who asked is known at home, and not elsewhere.
    names = {url: str(found[0]["principal"]) for url, found in told.items()}
    assert names.pop(own.url) == ALICE
    assert all(own.url in name and "alice" not in name for name in names.values())
