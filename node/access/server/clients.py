"""The programs that may ask this node for tokens, and how each proves that it is itself.

Spec: RFC 6749 §2 (clients), RFC 8252 §7 (redirect addresses of native applications), RFC 9700 §2.
"""

from __future__ import annotations

import hmac
import ipaddress
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final
from urllib.parse import urlsplit

import sqlalchemy as sa
from authlib.oauth2.rfc6749 import ClientMixin
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from sqlalchemy.engine import Engine
from sqlalchemy.exc import IntegrityError

from node import db
from node.access.server.database import transaction
from node.access.server.opaque import digest, new_id, new_secret
from schemas.errors import BadInput, NotFound, Place

SCOPES: Final = ("openid", "profile", "offline_access", "ga4gh_passport_v1", "beacon:query", "mme:match")
EXCHANGE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
_MACHINE_SCOPES: Final = ("openid", "ga4gh_passport_v1", "beacon:query", "mme:match")
_MACHINE_GRANTS: Final = ("client_credentials", EXCHANGE)
_PEOPLE_GRANTS: Final = ("authorization_code", "refresh_token", EXCHANGE)
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._@+-]{0,99}")
_PRIVATE_SCHEME: Final = re.compile(r"[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+")

table: Final = db.oauth_client


class Authentication(StrEnum):
    """How a client proves that it is itself; NONE for programs on other people's devices."""

    SECRET = "client_secret"  # noqa: S105  # the name of a way
    KEY = "private_key_jwt"
    NONE = "none"


# One way each: a secret may come in either place that the specification has for it.
_METHODS: Final = {
    Authentication.SECRET: frozenset({"client_secret_basic", "client_secret_post"}),
    Authentication.KEY: frozenset({"private_key_jwt"}),
    Authentication.NONE: frozenset({"none"}),
}


@dataclass(frozen=True, slots=True)
class Client(ClientMixin):
    """A program that is known here; the methods are what Authlib asks of it."""

    id: str
    name: str
    authentication: Authentication
    secret_digest: bytes | None
    jwks: Mapping[str, Any] | None
    grant_types: tuple[str, ...]
    redirect_uris: tuple[str, ...]
    scopes: tuple[str, ...]

    @property
    def client_id(self) -> str:
        return self.id

    def keys(self) -> KeySet | None:
        """Its public keys, if it has any."""
        return None if self.jwks is None else KeySet.import_key_set(dict(self.jwks))  # type: ignore[arg-type]

    def get_client_id(self) -> str:
        return self.id

    def get_default_redirect_uri(self) -> str | None:
        """None: every request says where it goes, so that what is compared is always there."""
        return None

    def get_allowed_scope(self, scope: str | None) -> str | None:
        """`scope` when the client may have all of it; without one, all it may have.  None is a refusal."""
        if not scope:
            return " ".join(self.scopes)
        asked = scope.split()
        return " ".join(dict.fromkeys(asked)) if set(asked) <= set(self.scopes) else None

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        """Exactly one of the registered; of a loopback address the port may be any (RFC 8252 §7.3)."""
        return any(_is_same_place(redirect_uri, known) for known in self.redirect_uris)

    def check_client_secret(self, client_secret: str) -> bool:
        return self.secret_digest is not None and hmac.compare_digest(
            self.secret_digest, digest(client_secret)
        )

    def check_endpoint_auth_method(self, method: str, _endpoint: str) -> bool:
        return method in _METHODS[self.authentication]

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code" and bool(self.redirect_uris)

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in self.grant_types


class Clients:
    """The clients of one node.  Raises StoreUnavailable: the database cannot be read or written."""

    def __init__(self, engine: Engine, clock: Callable[[], float] = time.time) -> None:
        self._engine = engine
        self._clock = clock

    def add_machine(self, name: str, jwks: Mapping[str, Any] | None = None) -> tuple[str, str | None]:
        """A program that asks on its own behalf; its id, and its secret unless it has keys.

        jwks: its public keys.  Raises BadInput: not a name or taken, or not public keys.
        """
        way = Authentication.SECRET if jwks is None else Authentication.KEY
        keys = None if jwks is None else _public(jwks)
        return self._add(name, way, grant_types=_MACHINE_GRANTS, scopes=_MACHINE_SCOPES, jwks=keys)

    def add_application(
        self, name: str, redirect_uris: tuple[str, ...], *, public: bool = False
    ) -> tuple[str, str | None]:
        """A program that asks on behalf of people who sign in here; its id, and its secret.

        public: it runs on other people's devices and can keep no secret.  Raises BadInput: not a name or
        taken, or an address that people must not be sent to.
        """
        for uri in redirect_uris:
            _check_redirect_uri(uri)
        way = Authentication.NONE if public else Authentication.SECRET
        return self._add(name, way, grant_types=_PEOPLE_GRANTS, scopes=SCOPES, redirect_uris=redirect_uris)

    def clients(self) -> tuple[Client, ...]:
        """All of them, by name."""
        with transaction(self._engine) as connection:
            return tuple(_read(row) for row in connection.execute(sa.select(table).order_by(table.c.name)))

    def find(self, client_id: str) -> Client | None:
        with transaction(self._engine) as connection:
            row = connection.execute(sa.select(table).where(table.c.id == client_id)).one_or_none()
        return None if row is None else _read(row)

    def named(self, name: str) -> Client:
        """By name or id.  Raises NotFound."""
        with transaction(self._engine) as connection:
            query = sa.select(table).where(sa.or_(table.c.name == name, table.c.id == name))
            row = connection.execute(query).first()
        if row is None:
            raise NotFound(f"there is no client {name[:80]!r} here; see: varhaven client list")
        return _read(row)

    def rotate_secret(self, client: Client) -> str:
        """A new secret; the old one is good no longer.

        Raises BadInput: a client without a secret.
        """
        if client.authentication is not Authentication.SECRET:
            remedy = "Remove it and add it again with its new keys."
            raise BadInput(Place(client.name), "this client has no secret", remedy)
        secret = new_secret()
        with transaction(self._engine) as connection:
            change = sa.update(table).where(table.c.id == client.id).values(secret=digest(secret))
            connection.execute(change)
        return secret

    def remove(self, client: Client) -> None:
        """The client, what it was granted, and the tokens it holds."""
        with transaction(self._engine) as connection:
            connection.execute(sa.delete(table).where(table.c.id == client.id))
            connection.execute(sa.delete(db.entitlement).where(db.entitlement.c.holder == client.id))
            for tokens in (db.token_family, db.authorization_code):
                connection.execute(sa.delete(tokens).where(tokens.c.client_id == client.id))

    def _add(
        self,
        name: str,
        way: Authentication,
        *,
        grant_types: tuple[str, ...],
        scopes: tuple[str, ...],
        redirect_uris: tuple[str, ...] = (),
        jwks: str | None = None,
    ) -> tuple[str, str | None]:
        if not _NAME.fullmatch(name):
            raise BadInput(Place(name[:80]), "not a name of a client", "Use letters, digits and . _ @ + -.")
        client_id, secret = new_id(), new_secret() if way is Authentication.SECRET else None
        row = {
            "id": client_id,
            "name": name,
            "authentication": way,
            "secret": None if secret is None else digest(secret),
            "jwks": jwks,
            "grant_types": " ".join(grant_types),
            "redirect_uris": json.dumps(redirect_uris),
            "scopes": " ".join(scopes),
            "created_s": self._clock(),
        }
        try:
            with transaction(self._engine) as connection:
                connection.execute(sa.insert(table).values(row))
        except IntegrityError:
            remedy = "Choose another name, or: varhaven client rotate NAME."
            raise BadInput(Place(name), "there is a client of this name", remedy) from None
        return client_id, secret


def _read(row: Any) -> Client:
    return Client(
        id=row.id,
        name=row.name,
        authentication=Authentication(row.authentication),
        secret_digest=row.secret,
        jwks=None if row.jwks is None else json.loads(row.jwks),
        grant_types=tuple(row.grant_types.split()),
        redirect_uris=tuple(json.loads(row.redirect_uris)),
        scopes=tuple(row.scopes.split()),
    )


def _public(jwks: Mapping[str, Any]) -> str:
    """A JWK set as it is kept, without anything private."""
    place, remedy = Place("the key set"), "Give a JWK set with public EC or RSA keys."
    try:
        if any(key["kty"] not in ("EC", "RSA") for key in jwks["keys"]):
            raise BadInput(place, "it holds a key of another kind", remedy)
        held = KeySet.import_key_set(dict(jwks))  # type: ignore[arg-type]  # checked by it
        keys = [key.as_dict(private=False) for key in held.keys]
    except (JoseError, ValueError, KeyError, TypeError):
        raise BadInput(place, "not a JWK set with keys", remedy) from None
    return json.dumps({"keys": keys})


def _check_redirect_uri(uri: str) -> None:
    place = Place(uri[:200])
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        raise BadInput(place, "not an address", "Write https://HOST/PATH.") from None
    if parts.fragment or "#" in uri or "*" in uri or parts.username or parts.password or not uri.isascii():
        raise BadInput(place, "it has a fragment, a wildcard or a user in it", "Write https://HOST/PATH.")
    if parts.scheme == "https" and parts.hostname:
        return
    if parts.scheme == "http" and _is_loopback(parts.hostname) and port != 0:
        return
    if _PRIVATE_SCHEME.fullmatch(parts.scheme) and not parts.netloc:
        return
    remedy = "Use https, or http to 127.0.0.1 or [::1] for a program on the same machine."
    raise BadInput(place, "codes must not be sent there", remedy)


def _is_loopback(host: str | None) -> bool:
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return host == "localhost"


def _is_same_place(uri: str, known: str) -> bool:
    if uri == known:
        return True
    registered = urlsplit(known)
    if registered.scheme != "http" or registered.hostname == "localhost" or not registered.hostname:
        return False
    # What is left after taking out a port is compared letter by letter, never part by part.
    host = f"[{registered.hostname}]" if ":" in registered.hostname else registered.hostname
    rest = known.removeprefix("http://").removeprefix(registered.netloc)
    return re.fullmatch(rf"http://{re.escape(host)}(:[1-9][0-9]{{0,4}})?{re.escape(rest)}", uri) is not None
