"""A stranger's requests to any address, for those who may not speak HTTP themselves."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import httpx

from node.config import FederationSection
from node.federation.transport import Reply, Silence, exchange, open_http


class Visitor:
    """Sends single requests, bounded in time and size, with no credentials but the token it was given.

    A request that names other credentials is sent with those.
    """

    def __init__(self, http: httpx.AsyncClient, token: str = "") -> None:
        self._http = http
        self._own = {"authorization": f"Bearer {token}"} if token else {}

    async def send(
        self,
        method: str,
        url: str,
        body: bytes | None,
        headers: Mapping[str, str],
        *,
        timeout_s: float,
        most_bytes: int,
    ) -> Reply | Silence:
        """The whole reply, or why there is none.  Raises nothing for what the other side does."""
        request = self._http.build_request(method, url, content=body, headers={**self._own, **headers})
        return await exchange(self._http, request, timeout_s=timeout_s, most_bytes=most_bytes)


@asynccontextmanager
async def visiting(federation: FederationSection, token: str = "") -> AsyncIterator[Visitor]:
    """A visitor whose connections are closed on leaving; `token` goes with every request it sends.

    Raises BadInput: `ca_bundle` cannot be read.
    """
    async with open_http(federation) as http:
        yield Visitor(http, token)
