"""A node that takes letters from a relay while it runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.types import ASGIApp

from node.app.node import Node
from node.federation.relay.link import Home, Link
from node.federation.transport import open_http


@asynccontextmanager
async def connected(app: ASGIApp, node: Node) -> AsyncIterator[None]:
    """Connected to the relay of the settings, if there is one; `app` answers what comes from there."""
    relay = node.settings.relay.url
    if relay is None:
        yield
        return
    async with open_http(node.settings.federation) as http:
        link = Link(relay, Home(node.settings.node.id, node.key, app), http)
        running = asyncio.create_task(link.run())
        try:
            yield
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
