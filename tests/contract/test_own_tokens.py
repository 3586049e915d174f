"""Tokens and visas of the node's own authorization server, verified by the code that verifies everybody's."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from node.access.authenticator import Presented
from node.access.keys import NodeKey
from node.access.opening import open_authenticator
from node.access.principal import Caller, Role
from node.access.server.entitlements import Tier
from node.config import NodeSection, Settings
from schemas.errors import NotAuthorised
from tests.signing_in import NODE, World, a_world

REGISTERED = "https://doi.org/10.1038/s41431-018-0219-y"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with a_world(tmp_path) as one:
        yield one


class Door:
    """The node's authenticator, with its own server alone."""

    def __init__(self, world: World, home: Path) -> None:
        settings = Settings(home=home, node=NodeSection(id=NODE, name="A", country="FI"))
        key = NodeKey.create(home / "node")
        self._authenticator = open_authenticator(settings, key, world.server, clock=world.clock)

    def enter(self, token: str, **more: Any) -> Caller:
        call = Presented("GET", "/beacon/info", (f"Bearer {token}",), **more)
        found = asyncio.run(self._authenticator.identify(call))
        assert isinstance(found, Caller)
        return found


def access_token(answer: Any) -> str:
    body = answer.body if isinstance(answer.body, dict) else json.loads(answer.body)
    return str(body["access_token"])


def machine_token(world: World, client: Any, secret: str) -> str:
    return access_token(world.token(client, secret, grant_type="client_credentials", scope="beacon:query"))


def test_a_program_enters_with_what_it_was_granted(world: World, tmp_path: Path) -> None:
    client, secret = world.machine()
    world.server.entitlements.grant(client.id, Tier.REGISTERED)
    world.server.entitlements.grant(client.id, Tier.RECORD, "rare")
    caller = Door(world, tmp_path).enter(machine_token(world, client, secret))
    assert (caller.issuer, caller.subject, caller.client) == (NODE, client.id, client.id)
    held = {(visa.type, visa.value, visa.by, visa.source) for visa in caller.visas}
    assert held == {
        ("ResearcherStatus", REGISTERED, "so", NODE),
        ("AcceptedTermsAndPolicies", REGISTERED, "self", NODE),
        ("ControlledAccessGrants", f"{NODE}/beacon/datasets/rare", "dac", NODE),
    }
    assert caller.ignored == ()


def test_what_is_withdrawn_counts_no_longer_at_the_next_request(world: World, tmp_path: Path) -> None:
    client, secret = world.machine()
    world.server.entitlements.grant(client.id, Tier.RECORD, "rare")
    door, token = Door(world, tmp_path), machine_token(world, client, secret)
    assert len(door.enter(token).visas) == 1
    world.server.entitlements.withdraw(client.id, Tier.RECORD, "rare")
    assert door.enter(token).visas == ()


def test_a_person_enters_with_his_roles(world: World, tmp_path: Path) -> None:
    account, portal = world.user("ada", Role.CLINICIAN, Role.RESEARCHER), world.application()
    answer = world.redeem(portal, world.code(portal, account))
    caller = Door(world, tmp_path).enter(access_token(answer))
    assert caller.roles == {Role.CLINICIAN, Role.RESEARCHER}
    assert (caller.subject, caller.client) == (account.subject, portal.id)


def test_an_id_token_and_a_refresh_token_are_no_access_tokens(world: World, tmp_path: Path) -> None:
    account, portal = world.user(), world.application()
    answer = world.redeem(portal, world.code(portal, account))
    body = answer.body if isinstance(answer.body, dict) else json.loads(answer.body)
    door = Door(world, tmp_path)
    for name in ("id_token", "refresh_token"):
        with pytest.raises(NotAuthorised):
            door.enter(body[name])


def test_a_token_that_was_revoked_is_refused_at_the_next_request(world: World, tmp_path: Path) -> None:
    client, secret = world.machine()
    door, token = Door(world, tmp_path), machine_token(world, client, secret)
    door.enter(token)
    claims = world.server.tokens.read(token)
    assert claims is not None
    world.server.tokens.revoke(claims)
    with pytest.raises(NotAuthorised, match="ended"):
        door.enter(token)


def test_tokens_outlive_a_change_of_keys_and_end_in_time(world: World, tmp_path: Path) -> None:
    client, secret = world.machine()
    door, old = Door(world, tmp_path), machine_token(world, client, secret)
    world.server.keyring.rotate()
    assert door.enter(old).client == client.id
    assert door.enter(machine_token(world, client, secret)).client == client.id
    world.clock.now_s += 331
    with pytest.raises(NotAuthorised, match="expired"):
        door.enter(old)


def test_visas_and_passports_of_this_node_are_no_tokens(world: World, tmp_path: Path) -> None:
    client, _ = world.machine()
    world.server.entitlements.grant(client.id, Tier.RECORD, "rare")
    door = Door(world, tmp_path)
    for document in (*world.server.visas(client.id), world.server.entitlements.passport(client.id, NODE)):
        with pytest.raises(NotAuthorised):
            door.enter(document)
