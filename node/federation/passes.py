"""Access tokens for partners that stand behind an authorization server, got as one of its clients.

They are for this node, and never a person's.  One is kept until shortly before it ends.

Spec: RFC 6749 §4.4 (client credentials), RFC 7523 §2.2 (private_key_jwt), RFC 8707 (resource).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

import httpx
import orjson

from node.access.discovery import ClientProof
from node.access.keys import NodeKey
from node.config import PeerOAuth
from node.federation.transport import Silence, exchange
from schemas.network import PeerState

_MOST_BYTES: Final = 64_000
_SPARE_S: Final = 30.0
_SHORTEST_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class _Pass:
    token: str
    until_s: float


class Passes:
    """Of one node, in one event loop.  key: with which it proves who it is where it has no secret."""

    def __init__(self, key: NodeKey) -> None:
        self._key = key
        self._held: dict[PeerOAuth, _Pass] = {}

    async def headers(
        self, http: httpx.AsyncClient, oauth: PeerOAuth, timeout_s: float
    ) -> Mapping[str, str] | Silence:
        """The credentials to go with a request; or why there are none, which is told of the peer."""
        held = self._held.get(oauth)
        if held is None or held.until_s <= time.time():
            found = await self._fetched(http, oauth, timeout_s)
            if isinstance(found, Silence):
                return found
            self._held[oauth] = held = found
        return {"authorization": f"Bearer {held.token}"}

    def forget(self, oauth: PeerOAuth) -> None:
        """The token is good no longer: the next request gets another."""
        self._held.pop(oauth, None)

    async def _fetched(self, http: httpx.AsyncClient, oauth: PeerOAuth, timeout_s: float) -> _Pass | Silence:
        proof = self._proof(oauth)
        if proof is None:
            return Silence(PeerState.DENIED, "the secret for its authorization server cannot be read here")
        now_s = time.time()
        form = {"grant_type": "client_credentials", **proof.form(oauth.token_endpoint, now_s)}
        form |= {"scope": oauth.scope} if oauth.scope else {}
        form |= {"resource": oauth.resource} if oauth.resource else {}
        headers = {"content-type": "application/x-www-form-urlencoded", **proof.headers()}
        request = http.build_request(
            "POST", oauth.token_endpoint, content=urlencode(form).encode(), headers=headers
        )
        reply = await exchange(http, request, timeout_s=timeout_s, most_bytes=_MOST_BYTES)
        if isinstance(reply, Silence):
            return Silence(reply.state, f"its authorization server: {reply.reason}")
        if reply.status != 200:
            # What it says could repeat what was sent.
            return Silence(
                PeerState.DENIED, f"its authorization server refused this node (HTTP status {reply.status})"
            )
        return _read(reply.body, now_s)

    def _proof(self, oauth: PeerOAuth) -> ClientProof | None:
        if oauth.client_secret_file is None:
            return ClientProof(oauth.client_id, key=self._key)
        try:
            secret = oauth.client_secret_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            return None
        return ClientProof(oauth.client_id, secret) if secret else None


def _read(body: bytes, now_s: float) -> _Pass | Silence:
    wrong = Silence(PeerState.BAD_RESPONSE, "what its authorization server answers is no token")
    try:
        told = orjson.loads(body)
        token, kind, life = told["access_token"], told["token_type"], told.get("expires_in", 60)
    except (ValueError, KeyError, TypeError, AttributeError):
        return wrong
    if not isinstance(token, str) or not token.isascii() or not token.isprintable() or " " in token:
        return wrong
    if not isinstance(kind, str) or kind.lower() != "bearer" or not isinstance(life, int | float):
        return wrong
    return _Pass(token, now_s + max(min(life, 86_400) - _SPARE_S, _SHORTEST_S))
