"""Where the endpoints of an issuer are, as it publishes them, and how this node proves there who it is.

What an issuer publishes is believed only about the issuer itself: it must name itself exactly as configured,
and its endpoints must be on its own host.  Others can be set by hand.

Spec: OpenID Connect Discovery 1.0 §4, RFC 8414, RFC 6749 §2.3.1, RFC 7523 §2.2.
"""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote_plus, urlsplit

from node.access.compact import read_object
from node.access.keys import NodeKey
from node.access.keysets import Fetch
from schemas.errors import IssuerUnavailable

_FRESH_S: Final = 3600
_RETRY_S: Final = 10
_ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ASSERTION_LIFE_S: Final = 60


class Metadata:
    """The endpoints of one issuer: those set by hand, and the others as it publishes them."""

    def __init__(
        self,
        issuer: str,
        known: Mapping[str, str | None],
        fetch: Fetch,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.issuer = issuer
        self._known = {name: url for name, url in known.items() if url is not None}
        self._fetch = fetch
        self._clock = clock
        self._document: Mapping[str, Any] = {}
        self._fault = ""
        self._fetched_s = self._tried_s = float("-inf")

    async def endpoint(self, name: str) -> str:
        """The URL of `jwks_uri`, `token_endpoint` and the like.  Raises IssuerUnavailable."""
        if name in self._known:
            return self._known[name]
        url = await self.published(name)
        if not isinstance(url, str):
            raise IssuerUnavailable(f"{self.issuer} publishes no {name}; set it in [[issuers]]")
        own, theirs = urlsplit(self.issuer), urlsplit(url)
        if (theirs.scheme, theirs.hostname) != (own.scheme, own.hostname) or theirs.username:
            raise IssuerUnavailable(
                f"{self.issuer} publishes a {name} on another host; if it is right, set it in [[issuers]]"
            )
        return url

    async def published(self, name: str) -> Any:
        """What was set by hand for `name`, or what the issuer says; else None.  Raises IssuerUnavailable."""
        return self._known.get(name) or (await self._published()).get(name)

    async def _published(self) -> Mapping[str, Any]:
        now_s = self._clock()
        if now_s - self._fetched_s < _FRESH_S:
            return self._document
        if now_s - self._tried_s >= _RETRY_S:
            try:
                self._document, self._fetched_s = await self._read(), now_s
            except IssuerUnavailable as fault:
                self._tried_s, self._fault = now_s, fault.message
        if not self._document:
            raise IssuerUnavailable(self._fault)
        return self._document

    async def _read(self) -> Mapping[str, Any]:
        reply = await self._fetch.get(f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
        try:
            document = read_object(reply.body) if reply.status == 200 else {}
        except ValueError:
            document = {}
        if document.get("issuer") != self.issuer:
            raise IssuerUnavailable(
                f"what is published at {self.issuer} does not name it as its issuer, exactly as written here"
            )
        return document


@dataclass(frozen=True, slots=True)
class ClientProof:
    """How this node proves at an issuer which client it is: by a secret, or by its own key when it has none.

    `repr` shows no secret.
    """

    client_id: str
    secret: str | None = field(default=None, repr=False)
    key: NodeKey | None = field(default=None, repr=False)

    def headers(self) -> dict[str, str]:
        if self.secret is None:
            return {}
        pair = f"{quote_plus(self.client_id)}:{quote_plus(self.secret)}"
        return {"authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}

    def form(self, issuer: str, now_s: float) -> dict[str, str]:
        """What goes with the form sent to `issuer`."""
        if self.secret is not None or self.key is None:
            return {}
        claims = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": issuer,
            "iat": int(now_s),
            "exp": int(now_s) + _ASSERTION_LIFE_S,
            "jti": secrets.token_urlsafe(16),
        }
        assertion = self.key.sign("JWT", json.dumps(claims).encode())
        return {
            "client_id": self.client_id,
            "client_assertion_type": _ASSERTION,
            "client_assertion": assertion,
        }
