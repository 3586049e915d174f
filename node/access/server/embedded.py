"""The embedded authorization server of one node: its users, clients, keys and tokens under one name."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from authlib.oauth2 import OAuth2Error
from joserfc.jwk import KeySet
from sqlalchemy.engine import Engine

from node.access.principal import Role
from node.access.server.accounts import Accounts, SignedIn
from node.access.server.attempts import Attempts
from node.access.server.clients import EXCHANGE, SCOPES, Client, Clients
from node.access.server.entitlements import Entitlements, jwks_uri
from node.access.server.families import Consent, Families
from node.access.server.keyring import Keyring
from node.access.server.passwords import Passwords
from node.access.server.protocol import (
    ANY_CLIENT,
    ASSERTION_ALGORITHMS,
    CONFIDENTIAL,
    PASSPORT_SCOPES,
    Answer,
    Request,
    Rooms,
    Server,
    refuse_unsupported,
)
from node.access.server.tokens import Tokens, person_claims
from schemas.errors import BadQuestion, NotAuthorised

ADMINISTRATOR: Final = "admin"


@dataclass(frozen=True, slots=True)
class ConsentQuestion:
    """What a person is asked: may `client` have `scopes`, and be told so at `redirect_uri`?"""

    client: Client
    scopes: tuple[str, ...]
    redirect_uri: str


class EmbeddedServer:
    """Authorization server and issuer of local visas; its issuer is the id of the node.

    Everything is synchronous and reads the database; call it in a thread.  Raises StoreUnavailable from every
    method: the database cannot be read or written.
    """

    def __init__(
        self,
        engine: Engine,
        home: Path,
        node_id: str,
        clock: Callable[[], float] = time.time,
        passwords: Passwords | None = None,
    ) -> None:
        """Raises BadInput: the keys in the home cannot be used.  Makes them when there are none."""
        # Authlib tells the tokens it makes at this level.
        logging.getLogger("authlib").setLevel(logging.INFO)
        self.issuer = node_id
        self.clock = clock
        self.keyring = Keyring(home / "keys", clock)
        seal = self.keyring.seal
        attempts = Attempts(engine, seal, clock)
        self.accounts = Accounts(engine, passwords or Passwords(), attempts, seal, clock)
        self.clients = Clients(engine, clock)
        self.entitlements = Entitlements(engine, self.keyring, node_id, clock)
        self.families = Families(engine, seal, clock)
        self.tokens = Tokens(
            node_id,
            keyring=self.keyring,
            accounts=self.accounts,
            clients=self.clients,
            families=self.families,
            clock=clock,
        )
        self._server = Server(
            Rooms(
                node_id,
                self.accounts,
                self.clients,
                self.entitlements,
                self.families,
                self.tokens,
                clock,
            )
        )

    def public_keys(self) -> KeySet:
        """Those that verify tokens, visas and passports of this server; followed through rotations."""
        return self.keyring.public_keys()

    def jwks(self) -> Any:
        """The same for others, as JSON."""
        return self.keyring.public()

    def visas(self, subject: str) -> tuple[str, ...]:
        """Signed visas for everything a user (by subject) or a client (by id) was granted here."""
        return self.entitlements.visas(subject)

    def is_live(self, claims: Mapping[str, Any]) -> bool:
        """Whether nothing has ended this access token, whose signature, issuer and times were checked."""
        return self.tokens.is_live(claims)

    def token(self, fields: Mapping[str, str], authorization: str | None) -> Answer:
        """The token endpoint.  Spec: RFC 6749 §3.2."""
        answer: Answer = self._server.create_token_response(Request("POST", fields, authorization))
        return answer

    def introspect(self, fields: Mapping[str, str], authorization: str | None) -> Answer:
        """Spec: RFC 7662."""
        return self._endpoint("introspection", fields, authorization)

    def revoke(self, fields: Mapping[str, str], authorization: str | None) -> Answer:
        """Spec: RFC 7009."""
        return self._endpoint("revocation", fields, authorization)

    def asked_for(self, fields: Mapping[str, str]) -> ConsentQuestion | Answer:
        """What an authorization request asks a person for; or its refusal, as a redirection to the client.

        Raises BadQuestion: it cannot even be refused there, because the client or its address is not known.
        """
        request = Request("GET", fields)
        try:
            refuse_unsupported(self._server, request)
            grant = self._server.get_consent_grant(request)
        except OAuth2Error as refusal:
            return self._refused(request, refusal)
        return ConsentQuestion(request.client, tuple(request.scope.split()), grant.redirect_uri)

    def decide(
        self, fields: Mapping[str, str], who: SignedIn, signed_in_s: float, *, allowed: bool
    ) -> Answer:
        """The redirection to the client, with a code if the person has allowed it.

        Raises BadQuestion: see `asked_for`.
        """
        asked = self.asked_for(fields)
        if isinstance(asked, Answer):
            return asked
        request = Request("POST", fields)
        consent = Consent(
            asked.client.id, who.account.subject, " ".join(asked.scopes), who.methods, signed_in_s
        )
        grant = self._server.get_consent_grant(request)
        answer: Answer = self._server.create_authorization_response(
            request, grant_user=consent if allowed else None, grant=grant
        )
        return answer

    def person(self, token: str) -> dict[str, Any]:
        """What an access token with `openid` says of the person: subject, name, visas, by its scopes.

        Spec: OpenID Connect Core 1.0 §5.3; GA4GH AAI 1.2, the claim ga4gh_passport_v1.
        Raises NotAuthorised: not a good token of this server.
        """
        claims = self.tokens.read(token)
        scopes = set(claims["scope"].split()) if claims else set()
        if claims is None or "openid" not in scopes:
            raise NotAuthorised("this is not an access token for openid that is good here")
        account = self.accounts.find(claims["sub"])
        told = {"sub": claims["sub"]}
        if account is not None:
            told |= person_claims(account, claims["scope"])
        if scopes >= PASSPORT_SCOPES:
            told["ga4gh_passport_v1"] = list(self.visas(claims["sub"]))
        return told

    def metadata(self) -> dict[str, Any]:
        """Spec: RFC 8414; OpenID Connect Discovery 1.0 §3."""
        at = f"{self.issuer}/oauth"
        algorithms = list(ASSERTION_ALGORITHMS)
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{at}/authorize",
            "token_endpoint": f"{at}/token",
            "userinfo_endpoint": f"{at}/userinfo",
            "jwks_uri": jwks_uri(self.issuer),
            "introspection_endpoint": f"{at}/introspect",
            "revocation_endpoint": f"{at}/revoke",
            "scopes_supported": list(SCOPES),
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": [
                "authorization_code",
                "client_credentials",
                "refresh_token",
                EXCHANGE,
            ],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
            "token_endpoint_auth_methods_supported": list(ANY_CLIENT),
            "token_endpoint_auth_signing_alg_values_supported": algorithms,
            "introspection_endpoint_auth_methods_supported": list(CONFIDENTIAL),
            "introspection_endpoint_auth_signing_alg_values_supported": algorithms,
            "revocation_endpoint_auth_methods_supported": list(ANY_CLIENT),
            "revocation_endpoint_auth_signing_alg_values_supported": algorithms,
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
            "request_parameter_supported": False,
            "request_uri_parameter_supported": False,
        }

    def add_administrator(self) -> str:
        """The first user; his one-time password."""
        return self.accounts.add(ADMINISTRATOR, (Role.ADMINISTRATOR,), "Administrator")

    def _endpoint(self, name: str, fields: Mapping[str, str], authorization: str | None) -> Answer:
        answer: Answer = self._server.create_endpoint_response(name, Request("POST", fields, authorization))
        return answer

    def _refused(self, request: Request, refusal: OAuth2Error) -> Answer:
        if not refusal.redirect_uri:
            raise BadQuestion(f"this request for access cannot be followed: {refusal.description}")
        answer: Answer = self._server.handle_error_response(request, refusal)
        return answer
