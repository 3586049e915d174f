"""Access tokens and ID tokens of the embedded server: what stands in them, and whether one is still good.

Spec: RFC 9068 (JWT access tokens), OpenID Connect Core 1.0 §2 (ID tokens), RFC 8693 §4.1 (`act`).
"""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from node.access.server.accounts import Account, Accounts
from node.access.server.clients import Client, Clients
from node.access.server.families import Code, Consent, Families
from node.access.server.keyring import Keyring
from node.access.server.opaque import new_id

ACCESS_TOKEN: Final = "at+jwt"  # noqa: S105  # a media type
LIFE_S: Final = 300
REVOKED: Final = "revoked"


@dataclass(frozen=True, slots=True)
class Holder:
    """For whom a token is: a client, and the person on whose behalf it asks, if there is one.

    actor: who acts for the subject, of a token that was exchanged.  until_s: no token may live longer.
    """

    client: Client
    account: Account | None = None
    family: str | None = None
    consent: Consent | None = None
    actor: Mapping[str, Any] | None = None
    until_s: float | None = None

    @property
    def subject(self) -> str:
        return self.account.subject if self.account else self.client.id


class Tokens:
    """Makes and reads the tokens of one node.  Raises StoreUnavailable: the database cannot be read."""

    def __init__(
        self,
        node_id: str,
        *,
        keyring: Keyring,
        accounts: Accounts,
        clients: Clients,
        families: Families,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._node_id = node_id
        self._keyring = keyring
        self._accounts = accounts
        self._clients = clients
        self._families = families
        self._clock = clock

    def access_token(self, holder: Holder, scope: str) -> tuple[str, int]:
        """A token for this node alone, and how many seconds it is good."""
        now_s = int(self._clock())
        expires_s = now_s + LIFE_S if holder.until_s is None else min(now_s + LIFE_S, int(holder.until_s))
        claims: dict[str, Any] = {
            "iss": self._node_id,
            "aud": self._node_id,
            "sub": holder.subject,
            "client_id": holder.client.id,
            "iat": now_s,
            "exp": expires_s,
            "jti": new_id(),
            "scope": scope,
        }
        if holder.account is not None:
            claims["roles"] = sorted(holder.account.roles)
        if holder.consent is not None:
            claims |= {
                "auth_time": int(holder.consent.signed_in_s),
                "amr": list(holder.consent.methods),
            }
        if holder.family is not None:
            claims["family"] = holder.family
        if holder.actor is not None:
            claims["act"] = dict(holder.actor)
        return self._keyring.sign(ACCESS_TOKEN, claims), expires_s - now_s

    def id_token(self, code: Code, account: Account, scope: str, access_token: str) -> str:
        """Tells a client who has signed in."""
        now_s = int(self._clock())
        half = hashlib.sha256(access_token.encode()).digest()[:16]
        claims: dict[str, Any] = {
            "iss": self._node_id,
            "aud": code.consent.client_id,
            "sub": account.subject,
            "iat": now_s,
            "exp": now_s + LIFE_S,
            "auth_time": int(code.consent.signed_in_s),
            "amr": list(code.consent.methods),
            "at_hash": base64.urlsafe_b64encode(half).rstrip(b"=").decode(),
        }
        if code.nonce is not None:
            claims["nonce"] = code.nonce
        return self._keyring.sign("JWT", claims | person_claims(account, scope))

    def read(self, token: str) -> Mapping[str, Any] | None:
        """The claims of an access token that was made here, is for this node, and is still good."""
        claims = self._keyring.read(token, ACCESS_TOKEN)
        if claims is None or claims.get("iss") != self._node_id or claims.get("aud") != self._node_id:
            return None
        if not isinstance(claims.get("exp"), int) or claims["exp"] <= self._clock():
            return None
        return claims if self.is_live(claims) else None

    def is_live(self, claims: Mapping[str, Any]) -> bool:
        """Whether nothing has ended the token since it was made: it or its family was revoked; its client is
        gone; its user is gone, locked, or must change a password that somebody else chose.

        For claims whose signature and times were checked.  Four small reads.
        """
        if self._families.is_spent(REVOKED, str(claims.get("jti"))):
            return False
        family = claims.get("family")
        if family is not None and self._families.is_ended(str(family)):
            return False
        client_id, subject = str(claims.get("client_id")), str(claims.get("sub"))
        if self._clients.find(client_id) is None:
            return False
        if subject == client_id:
            return True
        account = self._accounts.find(subject)
        return account is not None and not account.must_change

    def revoke(self, claims: Mapping[str, Any]) -> None:
        """The access token is good no longer."""
        self._families.spend(REVOKED, str(claims["jti"]), float(claims["exp"]))


def person_claims(account: Account, scope: str) -> dict[str, Any]:
    """What a client may know of a person beyond his subject: his name, when he allowed it."""
    if "profile" not in scope.split():
        return {}
    return {"name": account.title, "preferred_username": account.name}
