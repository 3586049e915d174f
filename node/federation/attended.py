"""Work for a caller who may go away before it is done."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

_T = TypeVar("_T")


async def while_there(
    work: Coroutine[Any, Any, _T], leaves: Coroutine[Any, Any, None]
) -> tuple[_T | None, bool]:
    """What `work` comes to, and whether its caller is still there; given up, and None, when he leaves first.

    leaves: returns when he does.  Work that is given up has ended by then.  Raises what `work` does.
    """
    working, leaving = asyncio.create_task(work), asyncio.create_task(leaves)
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        is_there = not leaving.done()
        if not working.done():
            working.cancel()
            await asyncio.wait({working})
        return (None if working.cancelled() else working.result()), is_there
    finally:
        working.cancel()
        leaving.cancel()
