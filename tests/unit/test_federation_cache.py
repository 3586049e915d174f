"""Answers that are kept: the same question by the same caller, for some seconds, and nothing else."""

from dataclasses import dataclass, replace

import pytest

from node.federation.cache import AnswerCache, Keeping
from node.federation.peers import Peer
from node.federation.question import Outcome
from schemas.network import PeerState

PEER = Peer("https://b.example", "B", ("x" * 43,))
YES = Outcome(PeerState.HIT, response="yes", notes=("a note",))


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def keeping(key: bytes) -> Keeping[str]:
    return Keeping(key, str.encode, bytes.decode)


def test_the_same_question_is_answered_from_what_was_said() -> None:
    clock = Clock()
    cache = AnswerCache(20, clock)
    cache.keep(PEER, keeping(b"alice 1"), YES)
    clock.now = 19
    found = cache.find(PEER, keeping(b"alice 1"))
    assert found is not None
    assert (found.state, found.response, found.notes) == (
        PeerState.HIT,
        "yes",
        ("a note", "answered 19 s ago"),
    )
    clock.now = 20
    assert cache.find(PEER, keeping(b"alice 1")) is None


def test_nobody_else_is_told_and_nobody_elses_answer() -> None:
    cache = AnswerCache(20, Clock())
    cache.keep(PEER, keeping(b"alice 1"), YES)
    assert cache.find(PEER, keeping(b"bob 1")) is None
    assert cache.find(PEER, keeping(b"alice 2")) is None
    assert cache.find(replace(PEER, id="https://c.example"), keeping(b"alice 1")) is None
    assert cache.find(replace(PEER, thumbprints=("y" * 43,)), keeping(b"alice 1")) is None


@pytest.mark.parametrize("state", [state for state in PeerState if not state.answered])
def test_only_answers_are_kept(state: PeerState) -> None:
    cache = AnswerCache(20, Clock())
    cache.keep(PEER, keeping(b"1"), Outcome(state, "why", None))
    assert cache.find(PEER, keeping(b"1")) is None


def test_it_can_be_off() -> None:
    cache = AnswerCache(0, Clock())
    cache.keep(PEER, keeping(b"1"), YES)
    assert cache.find(PEER, keeping(b"1")) is None


def test_it_is_bounded() -> None:
    cache = AnswerCache(20, Clock())
    for n in range(400):
        cache.keep(PEER, keeping(b"%d" % n), replace(YES, response="x" * 90_000))
    held = [n for n in range(400) if cache.find(PEER, keeping(b"%d" % n)) is not None]
    assert held == list(range(400 - len(held), 400))
    assert len(held) * 90_000 <= 16_000_000
    cache.keep(PEER, keeping(b"large"), replace(YES, response="x" * 200_000))
    assert cache.find(PEER, keeping(b"large")) is None
