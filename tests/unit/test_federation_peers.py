"""The peers of a node: from the settings, from the database, and from both."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from node import db
from node.config import NodeSection, PeerSection, Settings
from node.federation.peers import Peer, PeerBook
from schemas.errors import BadInput, NotFound, StoreUnavailable

OWN, B, C = "https://own.example", "https://b.example", "https://c.example"
T1, T2, T3 = ("x" * 43, "y" * 43, "z" * 43)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = db.connect(f"sqlite:///{tmp_path / 'varhaven.db'}")
    db.metadata.create_all(engine, tables=[db.peer])
    yield engine
    engine.dispose()


def a_book(engine: Engine, *configured: PeerSection) -> PeerBook:
    node = NodeSection(id=OWN, name="Own", country="FI")
    return PeerBook(engine, Settings(home=Path(), node=node, peers=configured))


def test_a_running_node_follows_the_command_line(engine: Engine) -> None:
    running, command = a_book(engine), a_book(engine)
    assert running.peers() == ()
    assert running.find(B) is None
    command.add(Peer(B, "Hospital B", (T1,)))
    assert running.peers() == (Peer(B, "Hospital B", (T1,)),)
    command.suspend(B)
    assert running.find(B) == Peer(B, "Hospital B", (T1,), suspended=True)
    command.suspend(B, suspended=False)
    assert running.find(B) == Peer(B, "Hospital B", (T1,))
    command.remove(B)
    assert running.find(B) is None
    assert running.peers() == ()


def test_adding_twice_changes_nothing(engine: Engine) -> None:
    book = a_book(engine)
    once = book.add(Peer(B, "Hospital B", (T1,)))
    assert book.add(Peer(B + "/", "", (T1,))) == once
    assert book.peers() == (once,)


def test_a_key_is_changed_by_adding_the_new_one(engine: Engine) -> None:
    book = a_book(engine)
    book.add(Peer(B, "", (T1,)))
    assert book.add(Peer(B, "", (T2,))).thumbprints == (T1, T2)
    with pytest.raises(BadInput, match="2 keys of this peer"):
        book.add(Peer(B, "", (T3,)))
    assert book.find(B) == Peer(B, "", (T1, T2))


def test_adding_a_suspended_peer_again_does_not_resume_it(engine: Engine) -> None:
    book = a_book(engine)
    book.add(Peer(B, "", (T1,)))
    book.suspend(B)
    assert book.add(Peer(B, "", (T2,))).suspended
    assert book.find(B) == Peer(B, "", (T1, T2), suspended=True)


@pytest.mark.parametrize(
    ("peer", "field"),
    [
        (Peer("ftp://b.example", "", (T1,)), "url"),
        (Peer("b.example", "", (T1,)), "url"),
        (Peer("https://user:secret@b.example", "", (T1,)), "url"),
        (Peer("https://b.example?x=1", "", (T1,)), "url"),
        (Peer(B, "", ("short",)), "thumbprint"),
        (Peer(B, "", (T1 + " ",)), "thumbprint"),
        (Peer(B, "", (T1[:42] + " ",)), "thumbprint"),
        (Peer(B, "", ()), "thumbprint"),
        (Peer(OWN, "", (T1,)), "itself"),
        (Peer(OWN + "/", "", (T1,)), "itself"),
    ],
)
def test_what_cannot_be_a_peer_is_refused(engine: Engine, peer: Peer, field: str) -> None:
    book = a_book(engine)
    with pytest.raises(BadInput, match=field):
        book.add(peer)
    assert book.peers() == ()


def test_ids_are_compared_exactly(engine: Engine) -> None:
    book = a_book(engine)
    book.add(Peer(B, "", (T1,)))
    for other in (B + "/", B.upper(), B + ".evil.example", "' OR 1=1 --", ""):
        assert book.find(other) is None


def test_a_database_that_cannot_be_read_is_told(engine: Engine) -> None:
    """Never an empty list: that would turn every peer into a stranger without a word."""
    book = a_book(engine)
    db.metadata.drop_all(engine, tables=[db.peer])
    with pytest.raises(StoreUnavailable):
        book.peers()
    with pytest.raises(StoreUnavailable):
        book.find(B)
    with pytest.raises(StoreUnavailable):
        book.add(Peer(B, "", (T1,)))


def test_strangers_cannot_be_suspended_or_removed(engine: Engine) -> None:
    book = a_book(engine)
    with pytest.raises(NotFound):
        book.suspend(B)
    with pytest.raises(NotFound):
        book.remove(B)


def test_peers_of_the_settings_stand_beside_those_of_the_database(engine: Engine) -> None:
    book = a_book(engine, PeerSection(url=C, thumbprint=T1, name="Hospital C"))
    book.add(Peer(B, "", (T2,)))
    assert book.peers() == (Peer(B, "", (T2,)), Peer(C, "Hospital C", (T1,)))


def test_a_peer_of_the_settings_can_be_suspended_but_not_removed(engine: Engine) -> None:
    configured = PeerSection(url=C, thumbprint=T1, name="Hospital C")
    book = a_book(engine, configured)
    with pytest.raises(BadInput, match=r"varhaven\.toml"):
        book.remove(C)
    book.suspend(C)
    assert a_book(engine, configured).peers() == (Peer(C, "Hospital C", (T1,), suspended=True),)
    # Taking it out of the settings takes its trust away, whatever was said of it here.
    assert a_book(engine).peers() == ()
    assert a_book(engine).find(C) is None


def test_one_list_of_peers_can_serve_every_node(engine: Engine) -> None:
    """It names a peer twice while it changes keys, and the node itself."""
    everybody = (
        PeerSection(url=OWN, thumbprint=T3),
        PeerSection(url=C, thumbprint=T1, name="Hospital C"),
        PeerSection(url=C, thumbprint=T2),
    )
    assert a_book(engine, *everybody).peers() == (Peer(C, "Hospital C", (T1, T2)),)


def test_a_second_key_for_a_peer_of_the_settings(engine: Engine) -> None:
    configured = PeerSection(url=C, thumbprint=T1)
    a_book(engine, configured).add(Peer(C, "", (T2,)))
    assert a_book(engine, configured).find(C) == Peer(C, "", (T1, T2))
    assert a_book(engine).find(C) == Peer(C, "", (T2,))
