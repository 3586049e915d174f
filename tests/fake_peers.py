"""Peers that misbehave in one way each: real servers on loopback, written on bare sockets."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.federated import an_answer

MB = 1_000_000


@dataclass
class Fake:
    """A peer that behaves in one way; what it saw is for the tests to look at."""

    url: str = ""
    asked: int = 0
    sent_bytes: int = 0
    left: asyncio.Event = field(default_factory=asyncio.Event)
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    headers: bytes = b""


Behaviour = Callable[[asyncio.StreamWriter, Fake], Awaitable[None]]


@asynccontextmanager
async def a_peer(
    behave: Behaviour, tls: ssl.SSLContext | None = None, after: bytes = b"\r\n\r\n"
) -> AsyncIterator[Fake]:
    """A server that behaves so once it has read as far as `after`."""
    fake = Fake()
    serving: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving[task] = writer
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            fake.headers = await reader.readuntil(after)
            fake.asked += 1
            fake.reached.set()
            parts = [asyncio.ensure_future(behave(writer, fake)), asyncio.create_task(_left(reader, fake))]
            await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
            for part in parts:
                part.cancel()
            await asyncio.gather(*parts, return_exceptions=True)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    host, port = server.sockets[0].getsockname()
    fake.url = f"http{'s' if tls else ''}://{host}:{port}"
    try:
        yield fake
    finally:
        server.close()
        for writer in serving.values():
            writer.transport.abort()
        await asyncio.gather(*serving, return_exceptions=True)


async def _left(reader: asyncio.StreamReader, fake: Fake) -> None:
    """Reads the rest of the question, and notes when the caller goes away."""
    with contextlib.suppress(ConnectionError):
        while await reader.read(65_536):
            pass
    fake.left.set()


async def send(writer: asyncio.StreamWriter, fake: Fake, data: bytes) -> None:
    writer.write(data)
    fake.sent_bytes += len(data)
    await writer.drain()


def http(status: str, body: bytes, *headers: str, length: int | None = None) -> bytes:
    lines = [
        f"HTTP/1.1 {status}",
        f"content-length: {len(body) if length is None else length}",
        *headers,
        "",
        "",
    ]
    return "\r\n".join(lines).encode() + body


def says(status: str, body: bytes, *headers: str, length: int | None = None) -> Behaviour:
    async def behave(writer: asyncio.StreamWriter, fake: Fake) -> None:
        await send(writer, fake, http(status, body, *headers, length=length))

    return behave


def refuses(status: str, message: str, reason: str) -> Behaviour:
    fault = {"errorCode": 400, "errorMessage": message, "reason": reason}
    return says(status, json.dumps({"error": fault}).encode(), "content-type: application/json")


async def answers_yes(writer: asyncio.StreamWriter, fake: Fake) -> None:
    await send(writer, fake, http("200 OK", an_answer(fake.url, exists=True)))


async def answers_no(writer: asyncio.StreamWriter, fake: Fake) -> None:
    await send(writer, fake, http("200 OK", an_answer(fake.url, exists=False)))


async def answers_at_length(writer: asyncio.StreamWriter, fake: Fake) -> None:
    """Within the limit, but long enough to be read beside the event loop."""
    records = [{"variantInternalId": str(n), "variation": {"text": "x" * 100}} for n in range(2000)]
    sets = {"resultSets": [{"id": "d", "setType": "dataset", "exists": True, "results": records}]}
    await send(writer, fake, http("200 OK", an_answer(fake.url, exists=True, response=sets)))


async def hangs(_writer: asyncio.StreamWriter, _fake: Fake) -> None:
    await asyncio.Event().wait()


async def drips(writer: asyncio.StreamWriter, fake: Fake) -> None:
    """One byte of a promised body at a time: never idle for long, never done."""
    await send(writer, fake, http("200 OK", b"", length=100_000))
    while True:
        await send(writer, fake, b" ")
        await asyncio.sleep(0.02)


async def drips_headers(writer: asyncio.StreamWriter, fake: Fake) -> None:
    await send(writer, fake, b"HTTP/1.1 200 OK\r\n")
    while True:
        await send(writer, fake, b"x-more: 1\r\n")
        await asyncio.sleep(0.02)


async def interim_for_ever(writer: asyncio.StreamWriter, fake: Fake) -> None:
    while True:
        await send(writer, fake, b"HTTP/1.1 103 Early Hints\r\n\r\n")
        await asyncio.sleep(0.02)


async def never_ends(writer: asyncio.StreamWriter, fake: Fake) -> None:
    await send(writer, fake, b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    while True:
        await send(writer, fake, b"10000\r\n" + b" " * 65_536 + b"\r\n")


async def fifty_megabytes(writer: asyncio.StreamWriter, fake: Fake) -> None:
    await send(writer, fake, http("200 OK", b"", length=50 * MB))
    while fake.sent_bytes < 50 * MB:
        await send(writer, fake, b" " * 100_000)


async def fifty_megabytes_of_error(writer: asyncio.StreamWriter, fake: Fake) -> None:
    await send(writer, fake, http("500 Oh", b"", length=50 * MB))
    while fake.sent_bytes < 50 * MB:
        await send(writer, fake, b" " * 100_000)


async def megabytes_of_headers(writer: asyncio.StreamWriter, fake: Fake) -> None:
    await send(writer, fake, b"HTTP/1.1 200 OK\r\n")
    while fake.sent_bytes < 50 * MB:
        await send(writer, fake, b"x-more: " + b"x" * 10_000 + b"\r\n")


async def breaks_off(writer: asyncio.StreamWriter, fake: Fake) -> None:
    answer = an_answer(fake.url, exists=True)
    await send(writer, fake, http("200 OK", answer[: len(answer) // 2], length=len(answer)))


async def truncates_json(writer: asyncio.StreamWriter, fake: Fake) -> None:
    answer = an_answer(fake.url, exists=True)
    await send(writer, fake, http("200 OK", answer[: len(answer) // 2]))


async def hangs_up(_writer: asyncio.StreamWriter, _fake: Fake) -> None:
    return


async def contradicts_itself(writer: asyncio.StreamWriter, fake: Fake) -> None:
    sets = {"resultSets": [{"id": "d", "setType": "dataset", "exists": True, "resultsCount": 3}]}
    await send(writer, fake, http("200 OK", an_answer(fake.url, exists=False, response=sets)))


async def counts_below_zero(writer: asyncio.StreamWriter, fake: Fake) -> None:
    sets = {"resultSets": [{"id": "d", "setType": "dataset", "exists": True, "resultsCount": -3}]}
    await send(writer, fake, http("200 OK", an_answer(fake.url, exists=True, response=sets)))


async def answers_twice(writer: asyncio.StreamWriter, fake: Fake) -> None:
    answer = an_answer(fake.url, exists=True)
    await send(writer, fake, http("200 OK", answer + answer))


def says_of_counts(text: str) -> Behaviour:
    """An answer in which `text` stands for the count of a dataset."""

    async def behave(writer: asyncio.StreamWriter, fake: Fake) -> None:
        sets = {"resultSets": [{"id": "d", "setType": "dataset", "exists": True, "resultsCount": 31_337}]}
        answer = an_answer(fake.url, exists=True, response=sets).replace(b"31337", text.encode())
        await send(writer, fake, http("200 OK", answer))

    return behave


async def adds_a_slash_to_its_name(writer: asyncio.StreamWriter, fake: Fake) -> None:
    await send(writer, fake, http("200 OK", an_answer(fake.url + "/", exists=True)))
