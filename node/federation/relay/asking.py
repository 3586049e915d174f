"""Asking a node behind a relay: an HTTP transport that seals requests and opens answers.

To whoever uses it the node answers as if it could be reached at its own address.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

import httpx

from node.federation.relay import sealed
from node.federation.relay.posts import MAILBOXES
from node.federation.relay.sealed import Asked, SealKey, Unreadable
from node.federation.transport import Reply, Silence, exchange
from schemas.errors import NotAuthorised

_SENT_ON: Final = frozenset(
    {"authorization", "content-type", "accept", "traceparent", "x-auth-token", "user-agent"}
)
_SPARE_S: Final = 60.0  # a key that ends sooner is not used any more
_ABSENT: Final = 404
_LONGEST_S: Final = 300.0


@dataclass(frozen=True, slots=True)
class _Mailbox:
    """Where letters go, and the key they are sealed to, until when (Unix time)."""

    url: str
    public: str
    ends_s: float


class RelayTransport(httpx.AsyncBaseTransport):
    """For requests to one node.  Closing it closes `http`.

    thumbprints: of the node's pinned keys; each names a mailbox that may be its.  http: reaches the relay.
    """

    def __init__(self, relay: str, node: str, thumbprints: tuple[str, ...], http: httpx.AsyncClient) -> None:
        self._relay = relay.rstrip("/")
        self._node = node
        self._thumbprints = thumbprints
        self._http = http
        self._prefix = httpx.URL(node).raw_path.rstrip(b"/")
        self._mailbox: _Mailbox | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Raises httpx.TransportError: relay or node are not there, or something else answers."""
        body, known = await request.aread(), self._mailbox
        reply = await self._put(request, body)
        if reply is None and known is not None:
            reply = await self._put(request, body)  # the node may have come back with another key
        if reply is None:
            raise httpx.ConnectError("the relay could not pass the letter on", request=request)
        return reply

    async def _put(self, request: httpx.Request, body: bytes) -> httpx.Response | None:
        """The node's answer; None when the letter did not reach it, or it could not read it."""
        mailbox = await self._find(request)
        answer_key = SealKey()
        asked = Asked(
            id=sealed.new_id(),
            method=request.method,
            path=request.url.raw_path.removeprefix(self._prefix).decode("ascii"),
            headers={name: value for name, value in request.headers.items() if name in _SENT_ON},
            body=body,
            answer_to=answer_key.public,
        )
        letter = sealed.seal(sealed.write(asked), mailbox.public)
        reply = await self._reach(request, "POST", f"{mailbox.url}/ask", letter)
        if reply.status != httpx.codes.OK:
            self._mailbox = None
            return None
        try:
            answer = sealed.read_answer(answer_key.open(reply.body), asked.id)
        except Unreadable:
            raise httpx.RemoteProtocolError(
                "the answer was not sealed by the node", request=request
            ) from None
        return httpx.Response(answer.status, headers=answer.headers, stream=httpx.ByteStream(answer.body))

    async def _find(self, request: httpx.Request) -> _Mailbox:
        found = self._mailbox
        if found is not None and found.ends_s - _SPARE_S > time.time():
            return found
        for thumbprint in self._thumbprints:
            url = f"{self._relay}{MAILBOXES}/{thumbprint}"
            reply = await self._reach(request, "GET", url)
            if reply.status == _ABSENT:
                continue
            try:
                document = reply.body.decode("ascii")
                public, ends_s = sealed.read_announcement(
                    document, self._node, self._thumbprints, time.time()
                )
            except (NotAuthorised, ValueError):
                raise httpx.RemoteProtocolError(
                    "the relay shows a key that the node did not sign", request=request
                ) from None
            self._mailbox = _Mailbox(url, public, ends_s)
            return self._mailbox
        raise httpx.ConnectError("the node is not connected to its relay", request=request)

    async def _reach(self, request: httpx.Request, method: str, url: str, body: bytes = b"") -> Reply:
        """The relay's own reply; whoever asks has the deadline."""
        sent = self._http.build_request(method, url, content=body)
        reply = await exchange(self._http, sent, timeout_s=_LONGEST_S, most_bytes=sealed.MOST_BYTES)
        if isinstance(reply, Silence):
            raise httpx.ConnectError(f"the relay: {reply.reason}", request=request)
        return reply

    async def aclose(self) -> None:
        await self._http.aclose()
