"""OAuth over Authlib's framework-neutral classes: which requests are good, and what each grant gives.

Authlib judges the order and the parameters of the flows; what it leaves to its users, or does too loosely, is
stricter here: PKCE S256 for every code, one way of authenticating per request, codes and refresh tokens that
are good once, `iss` in every authorization response, and no input of others in what is answered.

Spec: RFC 6749, 7009, 7521, 7523, 7636, 7662, 8693, 9207, 9700.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import (
    AuthorizationServer,
    InvalidClientError,
    InvalidGrantError,
    InvalidRequestError,
    InvalidScopeError,
    OAuth2Request,
    UnauthorizedClientError,
    UnsupportedResponseTypeError,
    grants,
)
from authlib.oauth2.rfc6749.grants import BaseGrant, TokenEndpointMixin
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7523 import JWTBearerClientAssertion
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from joserfc import jwt
from joserfc.errors import JoseError

from node.access.server.accounts import Accounts
from node.access.server.clients import EXCHANGE, SCOPES, Client, Clients
from node.access.server.entitlements import Entitlements
from node.access.server.families import Code, Consent, Families, Refresh
from node.access.server.keyring import LONGEST_LIFE_S
from node.access.server.opaque import new_secret
from node.access.server.tokens import Holder, Tokens, person_claims

ACCESS_TOKEN_TYPE: Final = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105  # a name
PASSPORT_TYPE: Final = "urn:ga4gh:params:oauth:token-type:passport"
PASSPORT_SCOPES: Final = frozenset({"openid", "ga4gh_passport_v1"})
CONFIDENTIAL: Final = ("client_secret_basic", "client_secret_post", "private_key_jwt")
ANY_CLIENT: Final = (*CONFIDENTIAL, "none")
ASSERTION_ALGORITHMS: Final = ("ES256", "RS256", "PS256")
_ASSERTION_LIFE_S: Final = 3660  # an hour is what common libraries ask for
_NO_STORE: Final = {"cache-control": "no-store", "pragma": "no-cache"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back.  body: a JSON object; None for a redirection, whose address is in the headers."""

    status: int
    body: Mapping[str, Any] | None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rooms:
    """What the flows need of the server."""

    node_id: str
    accounts: Accounts
    clients: Clients
    entitlements: Entitlements
    families: Families
    tokens: Tokens
    clock: Callable[[], float]


class Request(OAuth2Request):
    """What Authlib reads of a request: fields that appear once each, and the Authorization header.

    Whether the connection is protected was decided before, from the connection itself.
    """

    def __init__(self, method: str, fields: Mapping[str, str], authorization: str | None = None) -> None:
        headers = {} if authorization is None else {"Authorization": authorization}
        super().__init__(method, "https://localhost/", headers=headers)
        self.payload = BasicOAuth2Payload(dict(fields))

    @property
    def args(self) -> dict[str, str]:
        return self.form

    @property
    def form(self) -> dict[str, str]:
        known: dict[str, str] = self.payload.data
        return known


class Server(AuthorizationServer):
    """The authorization server of one node, without any web framework."""

    def __init__(self, rooms: Rooms) -> None:
        super().__init__(scopes_supported=list(SCOPES))
        self.rooms = rooms
        self.register_token_generator("default", self._generate)
        self.register_client_auth_method("private_key_jwt", _KeyAuthentication(rooms))
        self.register_grant(_CodeGrant, [_AlwaysS256(required=True), _IdTokens()])
        self.register_grant(_ClientCredentials)
        self.register_grant(_Refreshing)
        self.register_grant(_Exchange)
        self.register_endpoint(_Introspection)
        self.register_endpoint(_Revocation)

    def query_client(self, client_id: str) -> Client | None:
        return self.rooms.clients.find(client_id)

    def save_token(self, token: Any, request: Any) -> None:
        """Nothing is to be saved: access tokens are signed, refresh tokens were saved when they were made."""

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Nobody listens."""

    def create_oauth2_request(self, request: Request) -> Request:
        return request

    def handle_response(self, status: int, body: Any, headers: Any) -> Answer:
        told = {name.lower(): value for name, value in headers}
        if "location" in told:
            # RFC 9207; every error redirection comes through here, too.
            joint = "&" if "?" in told["location"] else "?"
            told["location"] += joint + urlencode({"iss": self.rooms.node_id})
            return Answer(303, None, told | _NO_STORE)
        return Answer(status, dict(body), told | _NO_STORE)

    def authenticate_client(self, request: Request, methods: Any, endpoint: str = "token") -> Client:
        """Raises OAuth2Error: not a client, or two ways of saying who it is that could differ."""
        _refuse_mixed(request)
        client: Client = super().authenticate_client(request, methods, endpoint)
        if request.payload.client_id not in (None, client.id):
            raise InvalidClientError("client_id is not that of the client that authenticated")
        return client

    def _generate(
        self,
        *,
        grant_type: str,
        client: Client,
        user: Holder | None = None,
        scope: str | None = None,
        expires_in: int | None = None,
        include_refresh_token: bool = True,
    ) -> dict[str, Any]:
        holder = user or Holder(client)
        allowed = client.get_allowed_scope(scope)
        if allowed is None:
            raise InvalidScopeError
        token, life_s = self.rooms.tokens.access_token(holder, allowed)
        made = {"access_token": token, "token_type": "Bearer", "expires_in": life_s, "scope": allowed}
        if include_refresh_token and holder.family and "offline_access" in allowed.split():
            made["refresh_token"] = self.rooms.families.first_refresh(holder.family)
        return made


class _CodeGrant(grants.AuthorizationCodeGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = ANY_CLIENT

    @staticmethod
    def validate_authorization_redirect_uri(request: Request, client: Client) -> str:
        """Authlib's own quotes the address, and fails on characters that errors may not hold."""
        uri: str | None = request.payload.redirect_uri
        if not uri:
            raise InvalidRequestError("redirect_uri is missing")
        if not client.check_redirect_uri(uri):
            raise InvalidRequestError("redirect_uri is not one that is registered for this client")
        return uri

    def generate_authorization_code(self) -> str:
        return new_secret()

    def save_authorization_code(self, code: str, request: Request) -> None:
        """Whoever grants is handed over as the consent that was given."""
        fields, consent = request.payload.data, request.user
        self.server.rooms.families.keep_code(
            code, consent, fields["redirect_uri"], fields["code_challenge"], nonce=fields.get("nonce")
        )

    def query_authorization_code(self, code: str, client: Client) -> Code | None:
        found: Code | None = self.server.rooms.families.take_code(code, client.id)
        return found

    def delete_authorization_code(self, authorization_code: Code) -> None:
        """It was used up when it was found."""

    def authenticate_user(self, authorization_code: Code) -> Holder | None:
        return _holder(
            self.server.rooms, self.request.client, authorization_code.consent, authorization_code.family
        )


class _AlwaysS256(CodeChallenge):
    """PKCE for every client, at the authorization endpoint already; `plain` is none."""

    SUPPORTED_CODE_CHALLENGE_METHOD = ("S256",)

    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:
        fields = grant.request.payload.data
        if not fields.get("code_challenge") or fields.get("code_challenge_method") != "S256":
            raise InvalidRequestError("PKCE with code_challenge_method=S256 is required")
        super().validate_code_challenge(grant, redirect_uri)


class _IdTokens:
    """An ID token beside the access token, when `openid` was asked for."""

    def __call__(self, grant: Any) -> None:
        grant.register_hook("after_create_token_response", self._add)

    @staticmethod
    def _add(grant: Any, answer: Any) -> None:
        _, made, _ = answer
        scope = made["scope"]
        if "openid" in scope.split():
            made["id_token"] = grant.server.rooms.tokens.id_token(
                grant.request.authorization_code, grant.request.user.account, scope, made["access_token"]
            )


class _ClientCredentials(grants.ClientCredentialsGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = CONFIDENTIAL


class _Refreshing(grants.RefreshTokenGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = ANY_CLIENT

    def authenticate_refresh_token(self, refresh_token: str) -> Refresh | None:
        found: Refresh | None = self.server.rooms.families.find(refresh_token, self.request.client.id)
        return found

    def authenticate_user(self, refresh_token: Refresh) -> Holder:
        holder = _holder(self.server.rooms, self.request.client, refresh_token.consent, refresh_token.family)
        if holder is None:
            raise InvalidGrantError("the user is not known here any more")
        return holder

    def issue_token(self, user: Holder, refresh_token: Refresh) -> dict[str, Any]:
        following = self.server.rooms.families.rotate(refresh_token)
        if following is None:
            raise InvalidGrantError("the refresh token was used before")
        made: dict[str, Any] = super().issue_token(user, refresh_token)
        return made | {"refresh_token": following}

    def revoke_old_credential(self, refresh_token: Refresh) -> None:
        """It was replaced when the new one was made."""


class _Exchange(BaseGrant, TokenEndpointMixin):
    """A token of this client for one that may less, or for the passport of its holder.

    Never for more: the same subject, a part of the scope, no longer life, no other place.
    Spec: RFC 8693; GA4GH AAI 1.2, passports by token exchange.
    """

    GRANT_TYPE = EXCHANGE
    TOKEN_ENDPOINT_AUTH_METHODS = CONFIDENTIAL

    def validate_token_request(self) -> None:
        self.request.client = client = self.authenticate_token_endpoint_client()
        if not client.check_grant_type(EXCHANGE):
            raise UnauthorizedClientError("this client may not exchange tokens")
        rooms, fields = self.server.rooms, self.request.form
        if fields.get("subject_token_type") != ACCESS_TOKEN_TYPE:
            raise InvalidRequestError("subject_token_type must be that of an access token")
        if "actor_token" in fields:
            raise InvalidRequestError("actor_token is not supported")
        for name in ("audience", "resource"):
            if fields.get(name, rooms.node_id) != rooms.node_id:
                raise OAuth2Error("tokens are for this node alone", error="invalid_target")
        claims = rooms.tokens.read(fields.get("subject_token", ""))
        if claims is None or claims["client_id"] != client.id:
            raise InvalidGrantError("subject_token is not a good access token of this client")
        self._claims = claims
        self._scope = self._narrowed(claims["scope"], fields.get("scope"))
        self._type = fields.get("requested_token_type", ACCESS_TOKEN_TYPE)
        if self._type not in (ACCESS_TOKEN_TYPE, PASSPORT_TYPE):
            raise InvalidRequestError("requested_token_type must be an access token or a passport")
        if self._type == PASSPORT_TYPE and not set(claims["scope"].split()) >= PASSPORT_SCOPES:
            raise InvalidScopeError("the subject_token is not passport-scoped: openid ga4gh_passport_v1")

    @staticmethod
    def _narrowed(held: str, asked: str | None) -> str:
        if not asked:
            return held
        if not set(asked.split()) <= set(held.split()):
            raise InvalidScopeError
        return asked

    def create_token_response(self) -> Any:
        rooms, claims = self.server.rooms, self._claims
        if self._type == PASSPORT_TYPE:
            passport = rooms.entitlements.passport(claims["sub"], self.request.client.id)
            made = {"access_token": passport, "token_type": "N_A", "expires_in": int(LONGEST_LIFE_S)}
        else:
            token, life_s = rooms.tokens.access_token(self._holder(), self._scope)
            made = {
                "access_token": token,
                "token_type": "Bearer",
                "expires_in": life_s,
                "scope": self._scope,
            }
        return 200, made | {"issued_token_type": self._type}, self.TOKEN_RESPONSE_HEADER

    def _holder(self) -> Holder:
        claims, client = self._claims, self.request.client
        account = self.server.rooms.accounts.find(claims["sub"]) if claims["sub"] != client.id else None
        return Holder(
            client,
            account,
            claims.get("family"),
            actor={"sub": client.id},  # nobody else ever acts: only a client's own tokens are exchanged
            until_s=claims["exp"],
        )


class _KeyAuthentication(JWTBearerClientAssertion):
    """private_key_jwt: an assertion of the client, signed with its key, good once, for an hour at most."""

    CLIENT_AUTH_METHOD = "private_key_jwt"

    def __init__(self, rooms: Rooms) -> None:
        super().__init__()
        self._rooms = rooms

    def get_audiences(self) -> list[str]:
        return [self._rooms.node_id, f"{self._rooms.node_id}/oauth/token"]

    def resolve_client_public_key(self, client: Client) -> Any:
        keys = client.keys()
        if keys is None:
            raise InvalidClientError("this client has no keys")
        return keys

    def process_assertion_claims(self, assertion: str, resolve_key: Any) -> Any:
        """Authlib's own allows whatever algorithm the library recommends."""
        try:
            claims = jwt.decode(assertion, resolve_key, algorithms=list(ASSERTION_ALGORITHMS)).claims
        except (JoseError, ValueError, KeyError, TypeError):
            raise InvalidClientError("the client assertion does not verify") from None
        expires = claims.get("exp")
        if not isinstance(expires, int | float) or expires > self._rooms.clock() + _ASSERTION_LIFE_S:
            raise InvalidClientError("the client assertion lives longer than an hour, or for ever")
        self.verify_claims(claims)
        return claims

    def validate_jti(self, claims: Mapping[str, Any], jti: Any) -> bool:
        if not isinstance(jti, str) or len(jti) > 200:
            return False
        used = f"{claims['sub']} {jti}"
        return self._rooms.families.spend("assertion", used, float(claims["exp"]) + self.leeway)


@dataclass(frozen=True, slots=True)
class _Shown:
    """A token that somebody showed to have it introspected or revoked."""

    client_id: str
    claims: Mapping[str, Any] | None = None
    refresh: Refresh | None = None

    def check_client(self, client: Client) -> bool:
        return self.client_id == client.id

    def is_expired(self) -> bool:
        return False

    def is_revoked(self) -> bool:
        return False


class _Introspection(IntrospectionEndpoint):
    """A client may ask about its own tokens.  Spec: RFC 7662."""

    CLIENT_AUTH_METHODS = CONFIDENTIAL

    def query_token(self, token_string: str, token_type_hint: str | None) -> _Shown | None:
        claims = self.server.rooms.tokens.read(token_string)
        return None if claims is None else _Shown(claims["client_id"], claims)

    def check_permission(self, token: _Shown, client: Client, request: Any) -> bool:
        return token.check_client(client)

    def introspect_token(self, token: _Shown) -> dict[str, Any]:
        return {"active": True, "token_type": "Bearer", **(token.claims or {})}


class _Revocation(RevocationEndpoint):
    """A client may end its own tokens; of a refresh token, everything that came of the consent."""

    CLIENT_AUTH_METHODS = ANY_CLIENT

    def query_token(self, token_string: str, token_type_hint: str | None) -> _Shown | None:
        claims = self.server.rooms.tokens.read(token_string)
        return None if claims is None else _Shown(claims["client_id"], claims)

    def authenticate_token(self, request: Request, client: Client) -> _Shown | None:
        self.check_params(request, client)
        shown = request.form["token"]
        refresh = self.server.rooms.families.find(shown, client.id)
        if refresh is not None:
            return _Shown(client.id, refresh=refresh)
        found: _Shown | None = super().authenticate_token(request, client)
        return found

    def revoke_token(self, token: _Shown, request: Any) -> None:
        if token.refresh is not None:
            self.server.rooms.families.end(token.refresh.family)
        elif token.claims is not None:
            self.server.rooms.tokens.revoke(token.claims)


def refuse_unsupported(server: Server, request: Request) -> None:
    """What an authorization request may ask for elsewhere, but not here.

    Raises OAuth2Error, to be told to the client only when its address is known to be its own.
    """
    fields = request.payload.data
    client = server.query_client(fields.get("client_id", ""))
    if client is None:
        raise InvalidClientError("there is no such client here")
    uri = _CodeGrant.validate_authorization_redirect_uri(request, client)
    told = {"redirect_uri": uri, "state": fields.get("state")}
    if fields.get("response_type") != "code":
        raise UnsupportedResponseTypeError("that", **told)
    if fields.get("response_mode", "query") != "query":
        raise InvalidRequestError("response_mode must be query", **told)
    for name in ("request", "request_uri"):
        if name in fields:
            raise OAuth2Error("request objects are not supported", error=f"{name}_not_supported", **told)
    if "none" in fields.get("prompt", "").split():
        raise OAuth2Error("people are always asked here", error="interaction_required", **told)


def _holder(rooms: Rooms, client: Client, consent: Consent, family: str) -> Holder | None:
    account = rooms.accounts.find(consent.subject)
    if account is None or account.must_change:
        return None
    return Holder(client, account, family, consent)


def _refuse_mixed(request: Request) -> None:
    ways = (
        "Authorization" in request.headers,
        "client_secret" in request.form,
        "client_assertion" in request.form,
    )
    if sum(ways) > 1:
        raise InvalidRequestError("a client authenticates in one way at a time (RFC 6749 section 2.3)")
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            base64.b64decode(encoded, validate=True).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError):
            raise InvalidClientError(
                "the Authorization header is not Basic of UTF-8", status_code=401
            ) from None


__all__ = ["Answer", "Request", "Rooms", "Server", "person_claims", "refuse_unsupported"]
