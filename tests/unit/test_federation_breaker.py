"""Peers that keep failing rest, and come back."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from node.federation.breaker import FAILURES, REST_S, Breaker

B, C = "https://b.example", "https://c.example"


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def broken(clock: Clock) -> Breaker:
    """One whose line to B has just opened."""
    breaker = Breaker(clock)
    for _ in range(FAILURES):
        assert breaker.admits(B)
        breaker.record(B, healthy=False)
    return breaker


def test_a_failing_peer_rests_and_others_do_not() -> None:
    breaker = broken(Clock())
    assert not breaker.admits(B)
    assert breaker.admits(C)


def test_one_question_tries_after_the_rest() -> None:
    clock = Clock()
    breaker = broken(clock)
    clock.now = REST_S
    assert breaker.admits(B)
    assert not breaker.admits(B)  # while the first is on its way
    breaker.record(B, healthy=True)
    assert breaker.admits(B)
    assert breaker.admits(B)


def test_a_failed_try_means_another_rest() -> None:
    clock = Clock()
    breaker = broken(clock)
    clock.now = REST_S
    assert breaker.admits(B)
    breaker.record(B, healthy=False)
    clock.now = 2 * REST_S - 1
    assert not breaker.admits(B)
    clock.now = 2 * REST_S
    assert breaker.admits(B)


def test_a_try_that_was_given_up_lets_the_next_one_try() -> None:
    clock = Clock()
    breaker = broken(clock)
    clock.now = REST_S
    assert breaker.admits(B)
    breaker.release(B)
    assert breaker.admits(B)


@given(st.lists(st.sampled_from(["healthy", "failing", "given up", "wait"]), max_size=60))
def test_no_history_shuts_a_peer_out_for_good(history: list[str]) -> None:
    clock = Clock()
    breaker = Breaker(clock)
    for event in history:
        if event == "wait":
            clock.now += REST_S
        elif breaker.admits(B):
            if event == "given up":
                breaker.release(B)
            else:
                breaker.record(B, healthy=event == "healthy")
    clock.now += REST_S
    assert breaker.admits(B)


@given(st.lists(st.booleans(), max_size=30))
def test_only_failures_in_a_row_count(history: list[bool]) -> None:
    breaker = Breaker(Clock())
    row = 0
    for healthy in history:
        assert breaker.admits(B) == (row < FAILURES)
        if row < FAILURES:
            breaker.record(B, healthy=healthy)
            row = 0 if healthy else row + 1
