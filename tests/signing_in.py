"""A small real authorization server for tests, with a clock that tests turn."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import sqlalchemy as sa
from argon2 import PasswordHasher
from sqlalchemy.engine import Engine

from node import db
from node.access.principal import Role
from node.access.server import EmbeddedServer
from node.access.server.accounts import Account, SignedIn
from node.access.server.clients import Client
from node.access.server.passwords import Passwords
from node.access.server.protocol import Answer

NODE = "https://node.hospital.example"
CALLBACK = "https://app.example/callback"
ADDRESS = "192.0.2.7"
PASSWORD = "several words are easiest"
VERIFIER = "v" * 43


def challenge(verifier: str = VERIFIER) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


@dataclass
class Clock:
    now_s: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now_s


@dataclass
class World:
    """A server, its clock, a dataset `rare`, and shortcuts for what most tests need."""

    server: EmbeddedServer
    engine: Engine
    clock: Clock
    made: dict[str, str] = field(default_factory=dict)

    def user(self, name: str = "ada", *roles: Role) -> Account:
        """A user who has chosen his password."""
        accounts = self.server.accounts
        first = accounts.add(name, roles or (Role.RESEARCHER,))
        accounts.change_password(accounts.named(name), first, PASSWORD, ADDRESS)
        return accounts.named(name)

    def machine(self, name: str = "pipeline") -> tuple[Client, str]:
        client_id, secret = self.server.clients.add_machine(name)
        assert secret is not None
        return self.server.clients.named(client_id), secret

    def application(self, name: str = "portal", uri: str = CALLBACK, *, public: bool = False) -> Client:
        client_id, secret = self.server.clients.add_application(name, (uri,), public=public)
        self.made[client_id] = secret or ""
        return self.server.clients.named(client_id)

    def asking(self, client: Client, **more: str | None) -> dict[str, str]:
        """The fields of an authorization request; None leaves one out."""
        fields: dict[str, str | None] = {
            "response_type": "code",
            "client_id": client.id,
            "redirect_uri": client.redirect_uris[0],
            "scope": "openid profile offline_access ga4gh_passport_v1 beacon:query",
            "state": "st",
            "nonce": "no",
            "code_challenge": challenge(),
            "code_challenge_method": "S256",
            **more,
        }
        return {name: value for name, value in fields.items() if value is not None}

    def code(self, client: Client, account: Account, **more: str | None) -> str:
        """The code that a person who allows everything brings to the client."""
        signed_in = SignedIn(account, ("pwd",))
        answer = self.server.decide(self.asking(client, **more), signed_in, self.clock(), allowed=True)
        return query_of(answer)["code"]

    def redeem(self, client: Client, code: str, **more: str | None) -> Answer:
        fields: dict[str, str | None] = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": client.redirect_uris[0],
            "code_verifier": VERIFIER,
            **more,
        }
        return self.token(client, **fields)

    def token(self, client: Client, secret: str | None = None, **fields: str | None) -> Answer:
        """The token endpoint, as `client` would ask it."""
        known = secret or self.made.get(client.id)
        told = {name: value for name, value in fields.items() if value is not None}
        if not known:
            return self.server.token({"client_id": client.id, **told}, None)
        return self.server.token(told, basic(client.id, known))


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def query_of(answer: Answer) -> dict[str, str]:
    """What a redirection tells the client."""
    assert answer.status == 303
    return {name: value[0] for name, value in parse_qs(urlsplit(answer.headers["location"]).query).items()}


@contextmanager
def a_world(home: Path, url: str | None = None) -> Iterator[World]:
    """A world in an empty folder, in a database of its own by default."""
    engine = db.connect(url or f"sqlite:///{home / 'varhaven.db'}")
    try:
        with engine.begin() as connection:
            db.metadata.create_all(connection)
            row = {"id": "rare", "assembly": "GRCh38", "policy": "controlled"}
            connection.execute(sa.insert(db.dataset).values(row))
        clock = Clock()
        yield World(open_server(engine, home, clock), engine, clock)
    finally:
        engine.dispose()


def open_server(engine: Engine, home: Path, clock: Clock) -> EmbeddedServer:
    """Passwords cost little here: many are checked."""
    cheap = Passwords(PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
    return EmbeddedServer(engine, home, NODE, clock, cheap)
