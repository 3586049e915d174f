"""A relay passes on what it cannot read: honest, broken and curious ones, over loopback."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from starlette.responses import Response

from node.access.tokens import Call, mint
from node.federation.relay import sealed
from node.federation.relay.asking import RelayTransport
from node.federation.relay.link import Home, Link
from node.federation.relay.posts import MAILBOXES, create_relay
from node.federation.relay.sealed import Answer, Asked, SealKey, Unreadable
from node.federation.transport import open_http
from schemas.errors import NotAuthorised
from tests.federated import Node, a_node, free_socket, serving

SECRET = "GRCh38:20:3213196:C:A"


def hospital() -> FastAPI:
    """What the node behind the firewall would answer; counts nothing, tells who asked."""
    app = FastAPI()

    @app.post("/federation/v1/beacon/{path:path}")
    async def question(request: Request, path: str) -> Response:
        told = {
            "path": path,
            "query": str(request.url.query),
            "authorization": request.headers.get("authorization"),
            "cookie": request.headers.get("cookie"),
            "body": (await request.body()).decode(),
        }
        return Response(json.dumps(told), 207, {"set-cookie": "no"}, media_type="application/json")

    @app.post("/federation/v1/slow")
    async def slow() -> Response:
        await asyncio.sleep(3600)
        return Response()

    @app.post("/federation/v1/broken")
    async def broken() -> Response:
        raise RuntimeError(SECRET)

    @app.get("/oauth/authorize")
    async def people() -> Response:
        return Response("people may not sign in through a relay")

    return app


@dataclass
class Post:
    """A relay, and what it saw."""

    url: str
    seen: list[bytes]


@dataclass
class Behind:
    """A node that nobody can reach, connected to a relay."""

    node: Node
    post: Post

    @asynccontextmanager
    async def asked_by(self, thumbprints: tuple[str, ...] | None = None) -> AsyncIterator[httpx.AsyncClient]:
        """A client whose requests reach the node."""
        reaching = open_http(self.node.settings.federation)
        pinned = self.node.key.thumbprints if thumbprints is None else thumbprints
        transport = RelayTransport(self.post.url, self.node.id, pinned, reaching)
        async with httpx.AsyncClient(transport=transport, timeout=20) as http:
            yield http


@contextmanager
def a_relay(nodes: list[Node], change: Callable[[bytes], bytes] = lambda body: body) -> Any:
    """A relay for these nodes, which may `change` what it passes back to whoever asks."""
    listening, url = free_socket()
    post = Post(url, [])
    relay = create_relay(url, {node.id: node.key.thumbprints for node in nodes})

    @relay.middleware("http")
    async def curious(request: Request, call_next: Any) -> Response:
        body = await request.body()
        reply = await call_next(request)
        answer = b"".join([chunk async for chunk in reply.body_iterator])
        post.seen += [body, answer]
        if request.url.path.endswith("/ask"):
            answer = change(answer)
        headers = {name: value for name, value in reply.headers.items() if name != "content-length"}
        return Response(answer, reply.status_code, headers)

    with serving(relay, listening):
        yield post


@asynccontextmanager
async def connected(behind: Behind) -> AsyncIterator[None]:
    """The node takes its letters; returns once the relay knows it."""
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(open_http(behind.node.settings.federation))
        link = Link(behind.post.url, Home(behind.node.id, behind.node.key, hospital()), http)
        running = asyncio.create_task(link.run())
        try:
            await attended(behind)
            yield
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def attended(behind: Behind) -> None:
    url = f"{behind.post.url}{MAILBOXES}/{behind.node.key.thumbprint}"
    async with httpx.AsyncClient(trust_env=False) as http, asyncio.timeout(20):
        while (await http.get(url)).status_code != 200:  # noqa: ASYNC110  # nothing tells us but the relay
            await asyncio.sleep(0.02)


@pytest.fixture
def node(tmp_path: Path) -> Any:
    with a_node(tmp_path / "a", "https://behind.example") as made:
        yield made


@pytest.fixture
def behind(node: Node) -> Any:
    with a_relay([node]) as post:
        yield Behind(node, post)


def run(work: Any) -> Any:
    async def timed() -> Any:
        async with asyncio.timeout(60):
            return await work

    return asyncio.run(timed())


def test_a_question_reaches_a_node_that_nobody_can_reach(behind: Behind) -> None:
    async def ask() -> httpx.Response:
        async with connected(behind), behind.asked_by() as http:
            return await http.post(
                f"{behind.node.id}/federation/v1/beacon/g_variants?a=1",
                content=SECRET,
                headers={"authorization": "Bearer abc", "cookie": "session=1", "content-type": "text/plain"},
            )

    reply = run(ask())
    assert reply.status_code == 207
    assert reply.headers["content-type"] == "application/json"
    assert "set-cookie" not in reply.headers
    assert reply.json() == {
        "path": "g_variants",
        "query": "a=1",
        "authorization": "Bearer abc",
        "cookie": None,
        "body": SECRET,
    }
    passed = b"".join(behind.post.seen)
    for told in (SECRET.encode(), b"g_variants", b"Bearer abc"):
        assert told not in passed


def test_many_are_asked_at_once(behind: Behind) -> None:
    async def ask() -> list[str]:
        async with connected(behind), behind.asked_by() as http:
            url = f"{behind.node.id}/federation/v1/beacon/g_variants"
            replies = await asyncio.gather(*(http.post(url, content=str(n)) for n in range(60)))
            return [reply.json()["body"] for reply in replies]

    assert run(ask()) == [str(n) for n in range(60)]


def test_a_large_answer_comes_back_whole(behind: Behind) -> None:
    large = "x" * 900_000

    async def ask() -> httpx.Response:
        async with connected(behind), behind.asked_by() as http:
            return await http.post(f"{behind.node.id}/federation/v1/beacon/g_variants", content=large)

    assert run(ask()).json()["body"] == large


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/oauth/authorize", 404),
        ("/", 404),
        ("/beacon/g_variants", 404),
        ("/federation/v1/../../oauth/authorize", 404),
        ("/federation/v1/%2e%2e/%2e%2e/oauth/authorize", 404),
        ("/federation/v1/broken", 500),
    ],
)
def test_only_what_peers_may_ask_is_answered(behind: Behind, path: str, status: int) -> None:
    async def ask() -> httpx.Response:
        async with connected(behind), behind.asked_by() as http:
            method = "POST" if "broken" in path else "GET"
            return await http.request(method, behind.node.id + path)

    reply = run(ask())
    assert reply.status_code == status
    assert SECRET not in reply.text


def test_a_node_that_is_away_is_unreachable_and_comes_back(behind: Behind) -> None:
    async def ask() -> int:
        async with behind.asked_by() as http:
            url = f"{behind.node.id}/federation/v1/beacon/g_variants"
            with pytest.raises(httpx.ConnectError):
                await http.post(url)
            for _ in range(2):  # the second time with another key
                async with connected(behind):
                    reply = await http.post(url)
            return reply.status_code

    assert run(ask()) == 207


def test_a_slow_node_keeps_nobody_else_waiting_and_whoever_gives_up_is_forgotten(behind: Behind) -> None:
    async def ask() -> int:
        async with connected(behind), behind.asked_by() as http:
            slow = [asyncio.create_task(http.post(f"{behind.node.id}/federation/v1/slow")) for _ in range(5)]
            await asyncio.sleep(0)
            reply = await http.post(f"{behind.node.id}/federation/v1/beacon/g_variants")
            for task in slow:
                task.cancel()
            await asyncio.gather(*slow, return_exceptions=True)
            return reply.status_code

    assert run(ask()) == 207


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body[:-3] + b"abc",
        lambda _body: b"",
        lambda _body: b'{"exists": false}',
        lambda _body: sealed.seal(b"{}", SealKey().public),
    ],
    ids=["changed", "empty", "made up", "sealed by the relay"],
)
def test_a_relay_that_meddles_is_found_out(node: Node, change: Callable[[bytes], bytes]) -> None:
    with a_relay([node], change) as post:
        behind = Behind(node, post)

        async def ask() -> None:
            async with connected(behind), behind.asked_by() as http:
                await http.post(f"{node.id}/federation/v1/beacon/g_variants", content=SECRET)

        with pytest.raises(httpx.RemoteProtocolError, match="not sealed by the node"):
            run(ask())


def test_a_key_that_the_node_did_not_sign_is_not_sealed_to(behind: Behind, tmp_path: Path) -> None:
    """Whoever asks has pinned another key for that node."""
    with a_node(tmp_path / "other", "https://other.example") as other:
        pinned = (behind.node.key.thumbprint, other.key.thumbprint)
        stranger = Behind(other, behind.post)

        async def ask() -> None:
            async with connected(behind), stranger.asked_by(pinned) as http:
                await http.post(f"{other.id}/federation/v1/beacon/g_variants", content=SECRET)

        with pytest.raises(httpx.RemoteProtocolError, match="did not sign"):
            run(ask())
    assert SECRET.encode() not in b"".join(behind.post.seen)


def test_letters_are_handed_to_their_owner_alone(behind: Behind, tmp_path: Path) -> None:
    """A stranger, a member with another's mailbox, a replayed and an unsigned request."""
    with a_node(tmp_path / "other", "https://other.example") as other, a_relay([behind.node, other]) as post:
        path = f"{MAILBOXES}/{behind.node.key.thumbprint}/take"

        def take(node: Node, relay: str = post.url) -> str:
            call = Call("POST", path, b"key")
            return f"Bearer {mint(node.key, node.id, relay, call, 5, now_s=time.time())}"

        def status(authorization: str, body: bytes = b"key") -> int:
            headers = {"authorization": authorization} if authorization else {}
            return httpx.post(post.url + path, content=body, headers=headers, trust_env=False).status_code

        with a_node(tmp_path / "stranger", "https://stranger.example") as stranger:
            assert status(take(stranger)) == 401
        assert status(take(other)) == 404
        assert status("") == 401
        assert status(take(behind.node), b"another body") == 401
        assert status(take(behind.node, "https://another-relay.example")) == 401


def test_an_answer_is_to_its_own_request() -> None:
    answer = Answer(sealed.new_id(), 200, {}, b"body")
    assert sealed.read_answer(sealed.write(answer), answer.id) == answer
    with pytest.raises(Unreadable, match="another request"):
        sealed.read_answer(sealed.write(answer), sealed.new_id())


def test_what_is_written_is_what_is_read() -> None:
    asked = Asked(
        sealed.new_id(), "POST", "/mme/match", {"accept": "*/*"}, bytes(range(256)), SealKey().public
    )
    key = SealKey()
    assert sealed.read_asked(key.open(sealed.seal(sealed.write(asked), key.public))) == asked
    assert repr(key) == "SealKey()"


@pytest.mark.parametrize("age_s", [-4000, 4000])
def test_an_old_announcement_is_refused(node: Node, age_s: float) -> None:
    now_s = 1_800_000_000.0
    said = sealed.announce(node.id, node.key, SealKey().public, now_s - age_s)
    with pytest.raises(NotAuthorised, match="not valid now"):
        sealed.read_announcement(said, node.id, node.key.thumbprints, now_s)
