"""Requests to the Beacon under test: paced, bounded in number and size, and every one kept.

The same request is sent once; a check that asks what another has asked is told the same answer.
"""

from __future__ import annotations

import asyncio
import shlex
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

import orjson

from node.federation.reading import mapping, objects
from node.federation.transport import Reply
from node.federation.visitor import Visitor
from node.verify.skipping import BudgetSpent
from schemas.access import Granularity

_MOST_BYTES: Final = 8_000_000
_LONGEST_WAIT_S: Final = 30
_SHOWN: Final = 4_000  # characters of a body in a command line


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and what came back.

    status: 0 when nothing did, and `silence` says why.  document: the body as JSON; None when it is not.
    """

    method: str
    url: str
    body: bytes | None
    sent: Mapping[str, str]
    status: int
    raw: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    document: Any = None
    silence: str = ""
    ms: float = 0.0

    @property
    def answer(self) -> Mapping[str, Any]:
        """The document, where it is an object; else an empty one."""
        return mapping(self.document)

    def at(self, *path: str) -> Mapping[str, Any]:
        """The object at `path` in the document; an empty one where there is none."""
        return mapping(self.document, *path)

    @property
    def exists(self) -> bool | None:
        """What a successful answer says of a hit; None from a refusal or a document that does not say."""
        found = self.at("responseSummary").get("exists") if self.status == 200 else None
        return found if isinstance(found, bool) else None

    @property
    def total(self) -> int | None:
        total = self.at("responseSummary").get("numTotalResults")
        return total if isinstance(total, int) and not isinstance(total, bool) else None

    @property
    def granularity(self) -> Granularity | None:
        """What a successful answer says that it returns."""
        told = self.at("meta").get("returnedGranularity") if self.status == 200 else None
        return Granularity(told) if told in tuple(Granularity) else None

    @property
    def sets(self) -> list[Mapping[str, Any]]:
        return objects(self.document, "response", "resultSets")

    @property
    def records(self) -> list[Mapping[str, Any]]:
        return [record for one in self.sets for record in objects(one, "results")]

    @property
    def collections(self) -> list[Mapping[str, Any]]:
        return objects(self.document, "response", "collections")

    @property
    def told(self) -> str:
        """How the answer reads in a report: its status, or why there was none."""
        return f"HTTP {self.status}" if self.status else f"no answer: {self.silence}"

    def curl(self) -> str:
        """The request as a command for a shell."""
        words = ["curl", "-sS", "-i", "-X", self.method, self.url]
        for name, value in self.sent.items():
            words += ["-H", f"{name}: {value}"]
        if self.body is not None:
            text = self.body.decode("utf-8", errors="replace")
            words += ["--data-binary", text if len(text) <= _SHOWN else text[:_SHOWN] + "..."]
        return shlex.join(words)


@dataclass
class Visit:
    """One verification's requests.

    most: requests that may be made.  per_second: how often, at most; 0 for no pacing.  timeout_s: for each.
    transcript: every exchange, in order.
    """

    visitor: Visitor
    root: str
    most: int = 400
    per_second: float = 20.0
    timeout_s: float = 20.0
    transcript: list[Exchange] = field(default_factory=list)
    _known: dict[tuple[str, str, bytes | None, tuple[tuple[str, str], ...]], Exchange] = field(
        default_factory=dict
    )
    _next: float = 0.0

    async def get(
        self,
        url: str,
        parameters: Iterable[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        *,
        again: bool = False,
    ) -> Exchange:
        """again: ask even when the answer is known."""
        text = urlencode(list(parameters), safe=":,")
        return await self.send("GET", f"{url}?{text}" if text else url, None, headers, again=again)

    async def post(
        self, url: str, body: Any, headers: Mapping[str, str] | None = None, *, again: bool = False
    ) -> Exchange:
        """body: a document, or the bytes to send as they are."""
        raw = body if isinstance(body, bytes) else orjson.dumps(body)
        sent = {"content-type": "application/json", **(headers or {})}
        return await self.send("POST", url, raw, sent, again=again)

    async def send(
        self,
        method: str,
        url: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        again: bool = False,
    ) -> Exchange:
        """Raises BudgetSpent: no more requests may be made."""
        sent = dict(headers or {})
        key = (method, url, body, tuple(sorted(sent.items())))
        if key in self._known and not again:
            return self._known[key]
        if len(self.transcript) >= self.most:
            raise BudgetSpent(f"the {self.most} requests that may be made were used up before it")
        exchange = await self._once(method, url, body, sent)
        if exchange.status == 429:
            self.transcript.append(exchange)
            await self._calm(exchange)
            exchange = await self._once(method, url, body, sent)
        self.transcript.append(exchange)
        self._known[key] = exchange
        return exchange

    async def _once(self, method: str, url: str, body: bytes | None, sent: Mapping[str, str]) -> Exchange:
        await self._pace()
        began = time.perf_counter()
        reply = await self.visitor.send(
            method, url, body, sent, timeout_s=self.timeout_s, most_bytes=_MOST_BYTES
        )
        ms = (time.perf_counter() - began) * 1000
        if not isinstance(reply, Reply):
            return Exchange(method, url, body, sent, 0, silence=reply.reason, ms=ms)
        document = _json(reply.body)
        return Exchange(method, url, body, sent, reply.status, reply.body, reply.headers, document, ms=ms)

    async def _calm(self, exchange: Exchange) -> None:
        """After a refusal for asking too often: waits as long as it says, and asks half as often then."""
        told = exchange.headers.get("retry-after", "")
        await asyncio.sleep(min(int(told), _LONGEST_WAIT_S) if told.isdecimal() else 1)
        self.per_second = max((self.per_second or 20) / 2, 0.5)

    async def _pace(self) -> None:
        if self.per_second <= 0:
            return
        now = time.perf_counter()
        await asyncio.sleep(max(self._next - now, 0))
        self._next = max(self._next, now) + 1 / self.per_second


def _json(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
