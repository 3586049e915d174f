"""How much a peer may ask, and when it looks like fishing; and when a night begins."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from node import db
from node.exchange.guard import Guard
from node.exchange.rounds import seconds_until
from schemas.errors import OverBudget
from schemas.mme import Patient
from tests.matching_worlds import a_patient

DAY_S = 86_400.0
TERMS = [f"HP:{number:07d}" for number in range(20)]


class Clock:
    def __init__(self) -> None:
        self.now_s = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = db.connect(f"sqlite:///{tmp_path / 'guard.db'}")
    db.metadata.create_all(engine)
    yield engine
    engine.dispose()


def admitted(guard: Guard, peer: str, attempts: int) -> int:
    """How many of so many attempts were let through."""
    number = 0
    for _ in range(attempts):
        try:
            guard.admit(peer)
            number += 1
        except OverBudget:
            continue
    return number


def test_a_rate_is_one_peers_own_and_is_over_after_a_minute(engine: Engine) -> None:
    clock = Clock()
    guard = Guard(engine, 5, 1_000, clock)
    assert admitted(guard, "A", 7) == 5
    assert admitted(guard, "B", 7) == 5
    clock.now_s += 30
    assert admitted(guard, "A", 1) == 0
    clock.now_s += 31
    assert admitted(guard, "A", 7) == 5


def test_a_budget_lasts_over_restarts_until_tomorrow(engine: Engine) -> None:
    clock = Clock()
    assert admitted(Guard(engine, 1_000, 5, clock), "A", 3) == 3
    again = Guard(engine, 1_000, 5, clock)
    assert admitted(again, "A", 9) == 2
    assert admitted(again, "B", 9) == 5
    with pytest.raises(OverBudget, match="5 questions a day"):
        again.admit("A")
    clock.now_s += DAY_S
    assert admitted(again, "A", 9) == 5
    again.told("A", 3)
    assert again.totals() == (15, 3)


def test_a_budget_is_not_overdrawn_by_many_at_once(engine: Engine) -> None:
    guard = Guard(engine, 1_000, 10, Clock())
    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(lambda _: admitted(guard, "A", 8), range(4))) == 10


def varied(number: int, **more: object) -> Patient:
    return a_patient(f"P{number}", features=[*TERMS[:number], *TERMS[number + 1 :]], **more)


def test_almost_the_same_patient_again_and_again_is_noticed_once_a_day(engine: Engine) -> None:
    clock = Clock()
    guard = Guard(engine, 1_000, 1_000, clock)
    noticed = [guard.is_fishing("A", varied(number)) for number in range(16)]
    assert noticed.count(True) == 1
    assert noticed.index(True) == 10
    assert not any(guard.is_fishing("B", varied(number)) for number in range(5))
    clock.now_s += DAY_S + 1
    assert not guard.is_fishing("A", varied(17))  # yesterday's are too long ago


@pytest.mark.parametrize(
    "patients",
    [
        [varied(3) for _ in range(40)],  # matched again every night
        [varied(number, test=True) for number in range(20)],
        [a_patient(f"P{n}", features=[f"HP:{n:07d}", f"HP:{n + 500:07d}"]) for n in range(40)],
    ],
)
def test_honest_questions_are_not(engine: Engine, patients: list[Patient]) -> None:
    guard = Guard(engine, 1_000, 1_000, Clock())
    assert not any(guard.is_fishing("A", patient) for patient in patients)


@pytest.mark.parametrize(
    ("at", "hours"), [("02:30", 14.5), ("12:00", 24.0), ("12:01", 1 / 60), ("11:59", 24 - 1 / 60)]
)
def test_the_night_begins_when_the_clock_says_so(at: str, hours: float) -> None:
    noon = datetime(2026, 5, 1, 12, tzinfo=UTC)
    assert seconds_until(at, noon) == pytest.approx(hours * 3600)
