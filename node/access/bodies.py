"""Bodies of requests, read with a limit: neither an endless nor an endlessly slow one is waited for."""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.requests import Request

from schemas.errors import TooLarge

_WITHIN_S: Final = 20


async def read_body(request: Request, most_bytes: int) -> bytes:
    """The whole body.  Raises TooLarge: it is longer than `most_bytes`, or not there whole in 20 s."""
    body = bytearray()
    try:
        async with asyncio.timeout(_WITHIN_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > most_bytes:
                    raise TooLarge(f"the body may have {most_bytes:,} bytes at most")
    except TimeoutError:
        raise TooLarge(f"the body was not there whole after {_WITHIN_S} s") from None
    return bytes(body)
