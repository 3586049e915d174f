"""Providers elsewhere at which people sign in: OpenID Connect, by the authorization code alone.

What a provider publishes about itself is believed only as far as the settings go: its name, the algorithms of
its ID tokens and, unless they are set, its endpoints on its own host.  Tokens stay here for the moment in
which they are read, and are kept nowhere.

Spec: OpenID Connect Core 1.0 §3.1, RFC 7636 (PKCE), RFC 9207 (`iss`), RFC 9700 §2.1 and §4.4 (mix-up).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from node.access.claims import LEEWAY_S, expiry_of, is_text, names_of, number_of, text_of, words_of
from node.access.compact import Claims, read_compact, read_object
from node.access.discovery import ClientProof, Metadata
from node.access.issuers import RoleRule
from node.access.keysets import KeySource
from node.access.outbound import Outbound
from node.access.pending import Pending
from node.access.principal import Caller, Visa
from schemas.errors import IssuerUnavailable, NotAuthorised

_LONGEST_ID_TOKEN: Final = 16_384
_LONGEST_LIFE_S: Final = 24 * 3600.0
_NEWEST_S: Final = 600.0  # an ID token is made for this very sign-in
_ERROR: Final = re.compile(r"[a-z_]{1,60}")
_TITLES: Final = ("name", "preferred_username", "email")


@dataclass(frozen=True, slots=True)
class Introduced:
    """Somebody whom a provider has introduced.  access_token: his, to fetch his passport with now."""

    caller: Caller
    title: str
    methods: tuple[str, ...]
    access_token: str = field(repr=False)

    def profile(self, visas: tuple[Visa, ...]) -> dict[str, Any]:
        """What a session keeps: no token."""
        return {
            "title": self.title,
            "roles": sorted(self.caller.roles),
            "visas": [asdict(visa) for visa in visas],
        }


@dataclass(frozen=True, slots=True)
class Provider:
    """One provider.  name: in addresses of this node.  title: for people.

    algorithms: of its ID tokens; nothing that it publishes adds one.  redirect_uri: where it sends people
    back to, registered with it.
    """

    name: str
    title: str
    metadata: Metadata
    proof: ClientProof
    keys: KeySource
    outbound: Outbound
    redirect_uri: str
    scopes: tuple[str, ...]
    algorithms: frozenset[str]
    roles: tuple[RoleRule, ...] = ()
    clock: Callable[[], float] = time.time

    @property
    def issuer(self) -> str:
        return self.metadata.issuer

    async def address(self, state: str, pending: Pending) -> str:
        """Where a browser goes to sign in.  Raises IssuerUnavailable."""
        url: str = prepare_grant_uri(
            await self.metadata.endpoint("authorization_endpoint"),
            client_id=self.proof.client_id,
            response_type="code",
            redirect_uri=self.redirect_uri,
            scope=" ".join(self.scopes),
            state=state,
            nonce=pending.nonce,
            code_challenge=create_s256_code_challenge(pending.verifier),
            code_challenge_method="S256",
        )
        return url

    async def introduce(self, answered: Mapping[str, str], pending: Pending) -> Introduced:
        """Whom the provider has sent back.  answered: the fields of the address it was sent to.

        Raises NotAuthorised: it refused, or what it says does not hold; IssuerUnavailable.
        """
        await self._refuse_mix_up(answered)
        if "error" in answered:
            code = answered["error"] if _ERROR.fullmatch(answered["error"]) else "an error"
            raise NotAuthorised(f"{self.title} did not sign you in ({code})")
        made = await self._redeem(answered.get("code", ""), pending)
        claims = await self._read_id_token(made, pending.nonce)
        access_token = text_of(made, "access_token", 100_000)
        told = await self._about(access_token, claims)
        now_s = self.clock()
        caller = Caller(
            issuer=self.issuer,
            subject=text_of(claims, "sub", 255),
            client=self.proof.client_id,
            expires_s=now_s + _LONGEST_LIFE_S,
            roles=frozenset(rule.role for rule in self.roles if rule.holds(told)),
            scopes=words_of(made, "scope") if "scope" in made else frozenset(self.scopes),
        )
        titles = (told[name] for name in _TITLES if is_text(told.get(name), 200))
        return Introduced(caller, next(titles, caller.subject), _methods(claims), access_token)

    async def farewell(self, back_to: str) -> str | None:
        """Where a person can sign out at the provider, too; None when it has no such place.

        Spec: OpenID Connect RP-Initiated Logout 1.0 §2.
        """
        if not isinstance(await self.metadata.published("end_session_endpoint"), str):
            return None
        url = await self.metadata.endpoint("end_session_endpoint")
        told = {"client_id": self.proof.client_id, "post_logout_redirect_uri": back_to}
        return f"{url}{'&' if '?' in url else '?'}{urlencode(told)}"

    async def _refuse_mix_up(self, answered: Mapping[str, str]) -> None:
        """RFC 9207 §2.4: an answer names the provider that gave it, if it ever does."""
        always = await self.metadata.published("authorization_response_iss_parameter_supported") is True
        if answered.get("iss", "" if always else self.issuer) != self.issuer:
            raise NotAuthorised("another provider than the one you chose has answered; begin again")

    async def _redeem(self, code: str, pending: Pending) -> Claims:
        if not code:
            raise NotAuthorised(f"{self.title} sent you back without a code; begin again")
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": pending.verifier,
        }
        form |= self.proof.form(self.issuer, self.clock())
        url = await self.metadata.endpoint("token_endpoint")
        reply = await self.outbound.post(url, form, self.proof.headers())
        if reply.status in (400, 401, 403):
            raise NotAuthorised(f"{self.title} does not take back what it sent you with; begin again")
        made = _object(reply.body) if reply.status == 200 else None
        if made is None or str(made.get("token_type")).lower() != "bearer":
            raise IssuerUnavailable(f"{self.title} does not answer with tokens (HTTP {reply.status})")
        return made

    async def _read_id_token(self, made: Claims, nonce: str) -> Claims:
        """Spec: OpenID Connect Core 1.0 §3.1.3.7."""
        signed = read_compact(text_of(made, "id_token", _LONGEST_ID_TOKEN), max_chars=_LONGEST_ID_TOKEN)
        signed.refuse_keys_inside()
        if signed.media_type not in ("", "jwt"):
            raise NotAuthorised("the provider shows a token of another kind as its ID token")
        signed.check_algorithm(self.algorithms)
        signed.verify(await self.keys.find(signed.kid), self.algorithms)
        claims = signed.claims
        if claims.get("iss") != self.issuer:
            raise NotAuthorised("the ID token is of another provider")
        audiences, party = names_of(claims, "aud"), claims.get("azp", self.proof.client_id)
        if audiences != {self.proof.client_id} or party != self.proof.client_id:
            raise NotAuthorised("the ID token is for another client")
        now_s = self.clock()
        expiry_of(claims, now_s, _LONGEST_LIFE_S)
        if now_s - number_of(claims, "iat") > _NEWEST_S + LEEWAY_S:
            raise NotAuthorised("the ID token is of an earlier sign-in")
        if not hmac.compare_digest(text_of(claims, "nonce").encode(), nonce.encode()):
            raise NotAuthorised("the ID token is of another sign-in")
        if "at_hash" in claims and claims["at_hash"] != _half_hash(text_of(made, "access_token", 100_000)):
            raise NotAuthorised("the ID token belongs to another access token")
        return claims

    async def _about(self, access_token: str, claims: Claims) -> Claims:
        """Everything the provider says of the person: in the ID token, and at userinfo if it has that."""
        if not isinstance(await self.metadata.published("userinfo_endpoint"), str):
            return claims
        url = await self.metadata.endpoint("userinfo_endpoint")
        reply = await self.outbound.get(url, {"authorization": f"Bearer {access_token}"})
        told = _object(reply.body) if reply.status == 200 else None
        if told is None:
            raise IssuerUnavailable(f"{self.title} does not say who you are (HTTP {reply.status})")
        if told.get("sub") != claims.get("sub"):
            raise NotAuthorised("the provider tells of somebody else than the one who signed in")
        return {**told, **claims}


def _object(body: bytes) -> Claims | None:
    try:
        return read_object(body)
    except ValueError:
        return None


def _methods(claims: Claims) -> tuple[str, ...]:
    """How the person proved who he is, as the provider says (RFC 8176)."""
    found = claims.get("amr", [])
    methods = found if isinstance(found, list) else []
    return tuple(method for method in methods[:10] if is_text(method, 40) and " " not in method)


def _half_hash(text: str) -> str:
    """Of algorithms with SHA-256, which are all that is accepted here.  OpenID Connect Core §3.1.3.6."""
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()[:16]).rstrip(b"=").decode()
