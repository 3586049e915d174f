"""The doctor among others: the log, the public address, and the handshake with every peer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from node.audit import Audit, Entry, Kind, Outcome
from node.config import NodeSection, PeerTerms
from node.doctor import Finding
from node.doctor.finding import Patient
from node.doctor.network import address, audit, peers
from node.federation.peers import Peer
from tests.federated import Node, a_node, free_socket, serving


@dataclass
class Two:
    a: Node
    b: Node

    def patient(self, **change: object) -> Patient:
        return Patient(self.a.settings.model_copy(update=change), self.a.engine, True, lambda _what: None)


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Two]:
    with ExitStack() as stack:
        sockets, urls = zip(*(free_socket() for _ in range(2)), strict=True)
        a, b = (stack.enter_context(a_node(tmp_path / n, u)) for n, u in zip("ab", urls, strict=True))
        for node, listening in zip((a, b), sockets, strict=True):
            stack.enter_context(serving(node.app(), listening))
        yield Two(a, b)


def test_a_peer_that_knows_this_node_is_well(two: Two) -> None:
    two.a.peers.add(two.b.as_peer())
    two.b.peers.add(two.a.as_peer())
    assert list(peers(two.patient())) == []


def test_each_handshake_that_fails_says_what_to_do(two: Two) -> None:
    two.a.peers.add(two.b.as_peer())  # which does not know this node
    two.a.peers.add(Peer("http://127.0.0.1:1", thumbprints=("A" * 43,)))
    found = {finding.about: finding for finding in peers(two.patient())}
    assert "peer invite" in found[two.b.id].remedy
    assert "firewall" in found["http://127.0.0.1:1"].remedy


def test_a_peer_with_another_key_is_not_to_be_trusted(two: Two) -> None:
    two.a.peers.add(replace(two.b.as_peer(), thumbprints=("A" * 43,)))
    (finding,) = peers(two.patient())
    assert "Do not trust it" in finding.remedy


def test_an_agreement_that_has_ended_is_told_and_nobody_is_asked(two: Two) -> None:
    ended = PeerTerms(expires=datetime.now(UTC).date() - timedelta(days=2))
    two.a.peers.add(replace(two.b.as_peer(), terms=ended))
    two.a.peers.add(Peer("http://127.0.0.1:1", thumbprints=("A" * 43,), suspended=True))
    two.a.peers.suspend("http://127.0.0.1:1")
    assert [(f.about, f.problem) for f in peers(two.patient())] == [
        (two.b.id, "the agreement with it has ended")
    ]


def test_the_public_address_comes_back_to_this_node(two: Two) -> None:
    assert list(address(two.patient())) == []


def test_an_address_at_which_another_node_answers_is_told(two: Two) -> None:
    listen = two.a.settings.server.model_copy(
        update=dict(zip(("host", "port"), two.a.settings.listen, strict=True))
    )
    public = NodeSection(id=two.b.id, name="A", country="FI")
    (finding,) = address(two.patient(node=public, server=listen))
    assert finding.about.startswith(two.b.id)
    assert "not known here with the key" in finding.problem


def test_nothing_is_said_of_the_address_of_a_node_that_does_not_serve(tmp_path: Path) -> None:
    with a_node(tmp_path / "a", "http://127.0.0.1:1") as a:
        assert list(address(Patient(a.settings, a.engine, True, lambda _what: None))) == []


def test_a_log_that_was_changed_is_told(two: Two) -> None:
    log = Audit(two.a.engine, bytes(32))
    for _ in range(3):
        log.record_now(Entry("t", "somebody", Kind.BEACON, Outcome.ANSWERED))
    log.close()
    assert list(audit(two.patient())) == []
    with two.a.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE audit SET entry = '{}' WHERE seq = 2")
    found: list[Finding] = list(audit(two.patient()))
    assert [finding.problem for finding in found] == ["entry 2 is not the one that was written"]
