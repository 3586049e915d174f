"""Server-sent events: how one is written, and the comments that keep a connection from being taken for dead.

Spec: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, Final, TypeVar

import orjson

T = TypeVar("T")

MEDIA_TYPE: Final = "text/event-stream"
STILL_HERE: Final = b": still asking\n\n"
KEEP_ALIVE_S: Final = 15.0
HEADERS: Final = {
    "cache-control": "no-store",  # what was asked and answered is kept by nobody on the way
    "x-accel-buffering": "no",  # or a proxy would wait for the whole
    "x-content-type-options": "nosniff",
}


def written(name: str, document: Any) -> bytes:
    """One event."""
    return b"event: %s\ndata: %s\n\n" % (name.encode(), orjson.dumps(document))


async def kept_alive(
    events: AsyncIterator[T], every_s: float = KEEP_ALIVE_S
) -> AsyncGenerator[T | None, None]:
    """The events, and None whenever there was none for `every_s`.  Close it to give them up."""

    async def following() -> T:
        return await anext(events)

    coming = asyncio.create_task(following())
    try:
        while True:
            done, _ = await asyncio.wait({coming}, timeout=every_s)
            if not done:
                yield None
                continue
            try:
                event = coming.result()
            except StopAsyncIteration:
                return
            yield event
            coming = asyncio.create_task(following())
    finally:
        coming.cancel()
        await asyncio.wait({coming})
