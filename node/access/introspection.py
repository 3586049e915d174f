"""Asking an issuer about a token that only it can read.  Spec: RFC 7662."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from node.access.compact import Claims, read_object
from node.access.discovery import ClientProof, Metadata
from node.access.outbound import Outbound
from schemas.errors import IssuerUnavailable, NotAuthorised

CONFIRMED_S: Final = 60  # a token may be withdrawn at any time; for so long that is not noticed
_AT_ONCE: Final = 8
# RFC 7662 leaves open what `token_type` holds; these are an access token's, a refresh token's are not.
_TYPES: Final = frozenset({"bearer", "dpop", "access_token", "n_a"})


class Introspection:
    """One issuer's endpoint, asked as a client of it, a few tokens at a time."""

    def __init__(
        self,
        metadata: Metadata,
        proof: ClientProof,
        outbound: Outbound,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._metadata = metadata
        self._proof = proof
        self._outbound = outbound
        self._clock = clock
        self._turn = asyncio.Semaphore(_AT_ONCE)

    async def ask(self, token: str) -> Claims:
        """What the issuer says of `token`, an active access token of its own.

        Raises NotAuthorised: the token is not active, or not an access token; IssuerUnavailable: it does not
        say.
        """
        issuer = self._metadata.issuer
        async with self._turn:
            url = await self._metadata.endpoint("introspection_endpoint")
            form = {"token": token, "token_type_hint": "access_token"}
            form |= self._proof.form(issuer, self._clock())
            reply = await self._outbound.post(url, form, self._proof.headers())
        try:
            said = read_object(reply.body) if reply.status == 200 else {}
        except ValueError:
            said = {}
        if not isinstance(said.get("active"), bool):
            raise IssuerUnavailable(f"{issuer} does not say whether a token is active (HTTP {reply.status})")
        if not said["active"]:
            raise NotAuthorised("the token is not active; ask for a new one")
        kind = said.get("token_type", "bearer")
        if not isinstance(kind, str) or kind.lower() not in _TYPES:
            raise NotAuthorised("this is not an access token")
        if said.get("iss", issuer) != issuer:
            raise NotAuthorised("the token is of another issuer")
        # An answer without `iat` is about now: then the life that is left is what is limited.
        return {"iat": self._clock(), **said}
