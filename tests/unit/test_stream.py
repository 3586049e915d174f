"""Server-sent events: written so that any reader understands them, and kept alive while nothing happens."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from node import stream


def test_an_event_is_one_block_whatever_it_holds() -> None:
    text = "line\nbreaks\r\n\n and event: fake\ndata: no"
    block = stream.written("peer", {"text": text}).decode()
    assert block.endswith("\n\n")
    assert block.count("\n") == 3
    name, data, *rest = block.split("\n")
    assert (name, rest) == ("event: peer", ["", ""])
    assert json.loads(data.removeprefix("data: ")) == {"text": text}


def test_silence_is_filled_and_nothing_is_lost() -> None:
    async def main() -> list[int | None]:
        gate = asyncio.Event()

        async def events() -> AsyncGenerator[int, None]:
            yield 1
            await gate.wait()
            yield 2

        found: list[int | None] = []
        async with aclosing(stream.kept_alive(events(), 0.01)) as told:
            async for event in told:
                found.append(event)
                if found.count(None) == 3:
                    gate.set()
        return found

    found = asyncio.run(main())
    assert [event for event in found if event is not None] == [1, 2]
    assert found.count(None) >= 3
    assert found[0] == 1


def test_closing_gives_up_what_is_awaited() -> None:
    async def main() -> bool:
        given_up = asyncio.Event()

        async def events() -> AsyncGenerator[int, None]:
            yield 1
            try:
                await asyncio.Event().wait()
            finally:
                given_up.set()

        async with aclosing(stream.kept_alive(events(), 60)) as told:
            assert await anext(told) == 1
            waiting = asyncio.create_task(anext(told, None))
            await asyncio.sleep(0)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
        return given_up.is_set()

    assert asyncio.run(main())


def test_a_fault_of_the_events_is_a_fault_of_the_stream() -> None:
    async def main() -> None:
        async def events() -> AsyncGenerator[int, None]:
            yield 1
            raise LookupError("inside")

        async with aclosing(stream.kept_alive(events(), 60)) as told:
            async for _ in told:
                pass

    with pytest.raises(LookupError):
        asyncio.run(main())
