"""Asking a Beacon somewhere as anybody could: by its address, without a signature and without trust."""

from __future__ import annotations

import time
from typing import Final
from urllib.parse import urlsplit

import httpx

from node.federation.network import refused
from node.federation.transport import Silence, exchange
from schemas.beacon import read_response
from schemas.errors import BadQuestion
from schemas.network import NodeAnswer, PeerState, outcome

_MOST_BYTES: Final = 16_000_000


async def ask_beacon(http: httpx.AsyncClient, url: str, body: bytes, *, timeout_s: float) -> NodeAnswer:
    """What the Beacon whose API root is `url` answers to the Beacon v2 POST `body` about g_variants.

    The answer is checked for its shape alone; `node` is the address asked, whatever the answer calls itself.

    Raises BadQuestion: `url` is not an http or https address.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise BadQuestion(
            f"{url[:200]!r} is not the address of a Beacon, such as https://host.example/beacon"
        )
    root = url.rstrip("/")
    request = http.build_request(
        "POST", f"{root}/g_variants", content=body, headers={"content-type": "application/json"}
    )
    began = time.perf_counter()
    reply = await exchange(http, request, timeout_s=timeout_s, most_bytes=_MOST_BYTES)
    ms = (time.perf_counter() - began) * 1000
    if isinstance(reply, Silence):
        return NodeAnswer(root, "", reply.state, ms, reply.reason)
    if reply.status != 200:
        state, reason = refused(reply)
        return NodeAnswer(root, "", state, ms, reason)
    try:
        response = read_response(reply.body)
    except ValueError as fault:
        return NodeAnswer(root, "", PeerState.BAD_RESPONSE, ms, str(fault))
    return NodeAnswer(root, "", outcome(response), ms, response=response)
