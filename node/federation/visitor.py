"""A stranger's requests to any address, for those who may not speak HTTP themselves."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import httpx

from node.config import FederationSection
from node.federation.transport import Reply, Silence, exchange, open_http


class Visitor:
    """Sends single requests, bounded in time and size, without credentials of this node."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

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
        request = self._http.build_request(method, url, content=body, headers=dict(headers))
        return await exchange(self._http, request, timeout_s=timeout_s, most_bytes=most_bytes)


@asynccontextmanager
async def visiting(federation: FederationSection) -> AsyncIterator[Visitor]:
    """A visitor whose connections are closed on leaving.

    Raises BadInput: `ca_bundle` cannot be read.
    """
    async with open_http(federation) as http:
        yield Visitor(http)
