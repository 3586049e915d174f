"""Which trace a request belongs to: told by the caller where it can be read, new otherwise."""

import asyncio
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node import trace
from node.trace import Trace, read_trace

ID, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
GOOD = f"00-{ID}-{PARENT}-01"


def test_the_trace_of_the_caller_goes_on() -> None:
    found = read_trace([GOOD])
    assert (found.id, found.sampled) == (ID, True)
    sent = found.header
    assert re.fullmatch(rf"00-{ID}-[0-9a-f]{{16}}-01", sent)
    assert PARENT not in sent
    assert sent != found.header  # every request is a parent of its own
    assert read_trace([sent]) == found


def test_flags_that_are_not_known_are_not_sent_on() -> None:
    assert read_trace([f"00-{ID}-{PARENT}-fe"]).header.endswith("-00")
    assert read_trace([f"00-{ID}-{PARENT}-ff"]).header.endswith("-01")


def test_a_later_version_is_read_as_far_as_it_is_known() -> None:
    assert read_trace([f"01-{ID}-{PARENT}-01"]).id == ID
    assert read_trace([f"cc-{ID}-{PARENT}-01-what.comes.then"]).id == ID


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [""],
        [GOOD, GOOD],
        [GOOD.upper()],
        [GOOD + "-more"],
        [GOOD + " x"],
        [GOOD[:-1]],
        [f"ff-{ID}-{PARENT}-01"],
        [f"00-{'0' * 32}-{PARENT}-01"],
        [f"00-{ID}-{'0' * 16}-01"],
        [f"00-{ID}-{PARENT}"],
        [f"00-{ID[:-1]}g-{PARENT}-01"],
        [f"01-{ID}-{PARENT}-01x"],
    ],
    ids=str,
)
def test_what_is_malformed_is_ignored(headers: list[str]) -> None:
    found = read_trace(headers)
    assert found.id != ID
    assert re.fullmatch(r"[0-9a-f]{32}", found.id)
    assert int(found.id, 16)


@given(st.lists(st.text(max_size=80), max_size=2))
def test_anything_may_stand_in_the_header(headers: list[str]) -> None:
    assert read_trace([read_trace(headers).header])


def test_tasks_belong_to_the_trace_they_were_started_in() -> None:
    async def one(name: str) -> set[str]:
        trace.enter(Trace(name * 32))
        await asyncio.sleep(0)
        inside = await asyncio.gather(*(asyncio.create_task(_current()) for _ in range(3)))
        return {trace.current().id, *inside}

    async def main() -> list[set[str]]:
        return await asyncio.gather(*(asyncio.create_task(one(name)) for name in "ab"))

    assert asyncio.run(main()) == [{"a" * 32}, {"b" * 32}]


async def _current() -> str:
    return trace.current().id
