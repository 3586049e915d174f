"""The embedded server on every engine: what is good once is good once, also for two at the same moment."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from node.access.pending import PendingLogins
from node.access.server.entitlements import Tier
from node.access.sessions import Session, Sessions
from tests.engines import NewDatabase
from tests.signing_in import World, a_world

AT_ONCE = 6


@pytest.fixture
def world(tmp_path: Path, new_database: NewDatabase) -> Iterator[World]:
    with a_world(tmp_path, new_database(tmp_path)) as made:
        yield made


def at_once(act: Any) -> list[Any]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(act, range(AT_ONCE)))


def test_a_code_that_is_shown_by_many_at_once_gives_one_token_and_then_none(world: World) -> None:
    app, ada = world.application(), world.user()
    code = world.code(app, ada)
    answers = at_once(lambda _: world.redeem(app, code))
    good = [answer.body for answer in answers if answer.status == 200]
    assert len(good) == 1
    assert world.server.tokens.read(good[0]["access_token"]) is None  # the others were replays


def test_a_refresh_token_that_is_shown_by_many_at_once_ends_the_family(world: World) -> None:
    app, ada = world.application(), world.user()
    told = world.redeem(app, world.code(app, ada)).body
    assert told is not None
    fields = {"grant_type": "refresh_token", "refresh_token": told["refresh_token"]}
    answers = at_once(lambda _: world.token(app, **fields))
    assert sum(answer.status == 200 for answer in answers) <= 1
    for answer in answers:
        if answer.status == 200:
            again = {**fields, "refresh_token": answer.body["refresh_token"]}
            assert world.token(app, **again).status == 400
    assert world.server.tokens.read(told["access_token"]) is None


def test_an_id_is_spent_once(world: World) -> None:
    later = world.clock() + 60
    assert sum(at_once(lambda _: world.server.families.spend("assertion", "one", later))) == 1


def test_an_answer_of_a_provider_is_taken_once(world: World) -> None:
    pending = PendingLogins(world.engine, world.clock)
    state, begun = pending.begin("hospital", "visit", "/account")
    taken = at_once(lambda _: pending.take(state, "hospital", "visit"))
    assert [one for one in taken if one is not None] == [begun]
    for provider, visit, later_s in (
        ("other", "visit", 0),
        ("hospital", "other", 0),
        ("hospital", "visit", 601),
    ):
        state, _ = pending.begin("hospital", "visit", "/account")
        world.clock.now_s += later_s
        assert pending.take(state, provider, visit) is None
        assert pending.take(state, "hospital", "visit") is None


def test_grants_tokens_and_sessions_are_kept_and_end(world: World) -> None:
    app, ada = world.application(), world.user()
    server = world.server
    server.entitlements.grant(ada.subject, Tier.RECORD, "rare")
    server.entitlements.grant(ada.subject, Tier.RECORD, "rare")
    assert [visa.value for visa in server.entitlements.asserted(ada.subject)] == [
        f"{server.issuer}/beacon/datasets/rare"
    ]
    sessions = Sessions(world.engine, idle_s=60, life_s=600, clock=world.clock)
    started = Session(server.issuer, ada.subject, {}, ("pwd",), "a browser", world.clock(), 0.0)
    cookie = sessions.start(started)
    told = world.redeem(app, world.code(app, ada)).body
    assert told is not None
    assert sessions.find(cookie) is not None
    assert sessions.find("another") is None
    server.accounts.remove(ada)
    assert sessions.find(cookie) is None
    assert server.tokens.read(told["access_token"]) is None
    assert server.entitlements.held_by(ada.subject) == ()
    assert server.accounts.accounts() == ()


def test_what_has_expired_is_deleted(world: World) -> None:
    app, ada = world.application(), world.user()
    world.redeem(app, world.code(app, ada))
    world.server.families.spend("assertion", "old", world.clock() + 60)
    world.clock.now_s += 61 * 24 * 3600
    world.code(app, ada)
    world.server.families.spend("assertion", "new", world.clock() + 60)
    with world.engine.connect() as connection:
        counts = [
            connection.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar_one()
            for name in ("authorization_code", "token_family", "spent")
        ]
    assert counts == [1, 0, 1]
