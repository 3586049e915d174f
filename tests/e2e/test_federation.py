"""Three nodes on real servers ask each other in signed requests; only what they answer is canned."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field

import httpx
import pytest

from node.access.keys import NodeKey
from node.access.principal import PeerPrincipal
from node.access.tokens import Call, mint
from node.federation.asking import QUESTIONS, BeaconQuestion
from node.federation.contact import HELLO, Contact, ContactState, try_peer
from node.federation.descriptor import PATH, read
from node.federation.peers import Peer, PeerBook
from node.federation.transport import open_http
from schemas.errors import NotFound, NotHeld, OverBudget
from schemas.network import NodeAnswer, PeerState
from tests.federated import QUESTION, Node, a_node, an_answer, free_socket, post, serving

G_VARIANTS = QUESTIONS + "/g_variants"


@dataclass
class World:
    """Nodes A, B and C, up, each trusting the two others.  `asked`: what B was asked, and as what."""

    a: Node
    b: Node
    c: Node
    asked: list[tuple[str, bytes, PeerPrincipal]] = field(default_factory=list)

    def command(self, node: Node) -> PeerBook:
        """The peers of a running node, as another process changes them."""
        return PeerBook(node.engine, node.settings)

    async def answer_of_b(
        self, path: str, body: bytes, asking: PeerPrincipal, _purpose: str
    ) -> tuple[int, bytes]:
        """What B says depends on what it is asked for."""
        self.asked.append((path, body, asking))
        if path == "hang":
            await asyncio.Event().wait()
        if path == "held-elsewhere":
            raise NotHeld("this node holds GRCh38 only")
        if path == "too-often":
            raise OverBudget("ask again tomorrow")
        if path != "g_variants":
            raise NotFound("there is no such entry type")
        return 200, an_answer(self.b.id, exists=True)

    async def answer_of_c(
        self, _path: str, _body: bytes, _asking: PeerPrincipal, _purpose: str
    ) -> tuple[int, bytes]:
        return 200, an_answer(self.c.id, exists=False)

    async def ask_as_a(self, path: str = G_VARIANTS, deadline_s: float = 10) -> list[NodeAnswer]:
        async with self.a.network() as network:
            question = BeaconQuestion(QUESTION, path.removeprefix(QUESTIONS + "/"))
            return await network.ask(question, self.a.own, deadline_s=deadline_s)

    def states(self, path: str = G_VARIANTS, deadline_s: float = 10) -> dict[str, PeerState]:
        return {a.node: a.state for a in asyncio.run(self.ask_as_a(path, deadline_s))}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    home = tmp_path_factory.mktemp("homes")
    with ExitStack() as stack:
        sockets, urls = zip(*(free_socket() for _ in range(3)), strict=True)
        nodes = [stack.enter_context(a_node(home / name, url)) for name, url in zip("abc", urls, strict=True)]
        made = World(*nodes)
        for node, answer, listening in zip(
            nodes, (None, made.answer_of_b, made.answer_of_c), sockets, strict=True
        ):
            stack.enter_context(serving(node.app(answer), listening))
        yield made


@pytest.fixture
def world(running: World) -> World:
    """The same servers for every test, and trust as it was at first."""
    nodes = (running.a, running.b, running.c)
    for node in nodes:
        for peer in node.peers.peers():
            node.peers.remove(peer.id)
        for other in nodes:
            if other is not node:
                node.peers.add(other.as_peer())
    running.asked.clear()
    return running


def a_token(world: World, receiver: str, body: bytes = QUESTION, path: str = G_VARIANTS) -> str:
    """As A makes it for now; the clocks of these tests are one."""
    call = Call("POST", path, body)
    return f"Bearer {mint(world.a.key, world.a.id, receiver, call, 8, now_s=time.time())}"


def send(url: str, body: bytes = QUESTION, **headers: str) -> httpx.Response:
    return asyncio.run(post(url, body, **headers))


# ------------------------------------------------------------------------------------------- asking


def test_one_question_three_nodes(world: World) -> None:
    answers = asyncio.run(world.ask_as_a())
    assert [(a.node, a.state) for a in answers] == [
        (world.a.id, PeerState.NO_HIT),
        *sorted([(world.b.id, PeerState.HIT), (world.c.id, PeerState.NO_HIT)]),
    ]
    assert all(a.response is not None and a.response["meta"]["beaconId"] == a.node for a in answers)
    ((path, body, asking),) = world.asked
    assert (path, body) == ("g_variants", QUESTION)
    assert asking == PeerPrincipal(world.a.id)


@pytest.mark.parametrize(
    ("path", "state", "reason"),
    [
        ("held-elsewhere", PeerState.NOT_APPLICABLE, "holds GRCh38 only"),
        ("too-often", PeerState.RATE_LIMITED, "tomorrow"),
        ("unknown", PeerState.NOT_APPLICABLE, "no such entry type"),
    ],
)
def test_a_refusal_arrives_with_its_reason(world: World, path: str, state: PeerState, reason: str) -> None:
    answers = asyncio.run(world.ask_as_a(f"/federation/v1/beacon/{path}"))
    (of_b,) = (a for a in answers if a.node == world.b.id)
    assert of_b.state is state
    assert reason in of_b.reason


def test_the_deadline_travels(world: World) -> None:
    """B is asked by hand, so that only B's own clock can end the wait: the caller would wait for ever."""
    path = "/federation/v1/beacon/hang"
    token = mint_with_deadline(world, path, 0.3)
    refusal = send(world.b.id + path, authorization=token)
    assert refusal.status_code == 503
    assert "deadline" in refusal.json()["error"]["errorMessage"]


def mint_with_deadline(world: World, path: str, deadline_s: float) -> str:

    call = Call("POST", path, QUESTION)
    return f"Bearer {mint(world.a.key, world.a.id, world.b.id, call, deadline_s, now_s=time.time())}"


# ------------------------------------------------------------------------------------------- trust


def test_suspending_works_on_a_running_node(world: World) -> None:
    world.command(world.b).suspend(world.a.id)
    answers = asyncio.run(world.ask_as_a())
    (of_b,) = (a for a in answers if a.node == world.b.id)
    assert of_b.state is PeerState.DENIED
    assert "suspended" in of_b.reason
    world.command(world.b).suspend(world.a.id, suspended=False)
    assert world.states()[world.b.id] is PeerState.HIT


def test_removing_works_on_a_running_node(world: World) -> None:
    world.command(world.c).remove(world.a.id)
    answers = asyncio.run(world.ask_as_a())
    (of_c,) = (a for a in answers if a.node == world.c.id)
    assert of_c.state is PeerState.DENIED
    assert "is not a peer" in of_c.reason


def test_a_node_changes_its_key_without_a_gap(world: World) -> None:
    keys = world.a.settings.home / "keys"
    both = world.a.key.prepare(keys)
    _, coming = both.thumbprints
    for partner in (world.b, world.c):
        world.command(partner).add(Peer(world.a.id, "", (coming,)))
    assert world.states()[world.b.id] is PeerState.HIT
    changed = World(_with_key(world.a, both.activate(keys, coming)), world.b, world.c)
    assert changed.states() == {
        world.a.id: PeerState.NO_HIT,
        world.b.id: PeerState.HIT,
        world.c.id: PeerState.NO_HIT,
    }


def _with_key(node: Node, key: NodeKey) -> Node:
    return Node(node.settings, node.engine, key, node.peers)


def test_a_token_seen_on_the_way_is_worth_nothing(world: World) -> None:
    """Whoever holds a request of A to B cannot send it again, or elsewhere, or with another question."""
    url, token = world.b.id + G_VARIANTS, a_token(world, world.b.id)
    assert send(world.b.id + G_VARIANTS, b'{"query": {"x": 1}}', authorization=token).status_code == 401
    assert send(world.c.id + G_VARIANTS, authorization=token).status_code == 401
    assert send(world.b.id + "/federation/v1/beacon/individuals", authorization=token).status_code == 401
    assert send(world.b.id + HELLO, authorization=token).status_code == 401
    assert world.asked == []
    assert send(url, authorization=token).status_code == 200
    again = send(url, authorization=token)
    assert again.status_code == 401
    assert "used before" in again.json()["error"]["errorMessage"]
    assert len(world.asked) == 1


def test_the_host_header_decides_nothing(world: World) -> None:
    """A token for C at B stays refused, and one for B stays good, whatever the request says its host is."""
    foreign = send(
        world.b.id + G_VARIANTS,
        authorization=a_token(world, world.c.id),
        host=world.c.id.removeprefix("http://"),
    )
    assert foreign.status_code == 401
    good = send(world.b.id + G_VARIANTS, authorization=a_token(world, world.b.id), host="evil.example")
    assert good.status_code == 200


@pytest.mark.parametrize("path", [G_VARIANTS, HELLO])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": ""},
        {"authorization": "Bearer"},
        {"authorization": "Bearer x"},
        {"authorization": "Basic YTpi"},
        {"authorization": "Bearer eyJhbGciOiJub25lIn0.e30."},
    ],
    ids=str,
)
def test_without_a_signature_nothing_is_answered(world: World, path: str, headers: dict[str, str]) -> None:
    refusal = send(world.b.id + path, **headers)
    assert refusal.status_code == 401
    assert refusal.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    assert refusal.headers["content-type"] == "application/json"
    assert refusal.json()["error"]["reason"] == "not_authorised"
    assert world.asked == []


def test_a_peer_with_another_key_is_told_which(world: World) -> None:
    stranger = _with_key(world.a, world.c.key)
    call = Call("POST", G_VARIANTS, QUESTION)
    token = mint(stranger.key, world.a.id, world.b.id, call, 8, now_s=time.time())
    refusal = send(world.b.id + G_VARIANTS, authorization=f"Bearer {token}")
    assert refusal.status_code == 401
    assert refusal.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    assert world.c.key.thumbprint in refusal.json()["error"]["errorMessage"]
    assert world.asked == []


def test_a_question_has_a_size(world: World) -> None:
    body = b" " * 1_000_001
    refusal = send(world.b.id + G_VARIANTS, body, authorization=a_token(world, world.b.id, body))
    assert refusal.status_code == 413
    assert world.asked == []


def test_an_endless_question_is_given_up(world: World) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b" " * 65_536

    async def main() -> int:
        async with httpx.AsyncClient(trust_env=False) as http:
            url = world.b.id + G_VARIANTS
            try:
                reply = await http.post(url, content=endless(), headers={"authorization": "Bearer x.y.z"})
            except httpx.TransportError:
                return 413  # the node hung up while being sent to
            return reply.status_code

    assert asyncio.run(asyncio.wait_for(main(), 20)) == 413


# ----------------------------------------------------------------------------------------- contact


@asynccontextmanager
async def a_client(node: Node) -> AsyncIterator[httpx.AsyncClient]:
    async with open_http(node.settings.federation) as http:
        yield http


def contact(node: Node, peer: Peer) -> Contact:
    async def main() -> Contact:
        async with a_client(node) as http:
            return await try_peer(http, node.key, node.id, peer, node.peers.descriptors)

    return asyncio.run(main())


def test_partners_who_know_each_other(world: World) -> None:
    made = contact(world.a, world.b.as_peer())
    assert (made.state, made.reason) == (ContactState.OK, "")
    assert made.descriptor is not None
    assert made.descriptor.id == world.b.id
    assert made.descriptor.assemblies == ("GRCh37", "GRCh38")


def test_a_partner_who_does_not_know_us_yet(world: World) -> None:
    world.command(world.b).remove(world.a.id)
    made = contact(world.a, world.b.as_peer())
    assert made.state is ContactState.DENIED
    assert "peer add" in made.reason
    assert made.descriptor is not None


def test_a_partner_with_another_key(world: World) -> None:
    made = contact(world.a, Peer(world.b.id, "", world.c.key.thumbprints))
    assert made.state is ContactState.WRONG_KEY
    assert world.b.key.thumbprint in made.reason
    assert made.descriptor is None


def test_another_node_at_the_address(world: World) -> None:
    """`localhost` reaches B, but is not what B calls itself."""
    elsewhere = world.b.id.replace("127.0.0.1", "localhost")
    made = contact(world.a, Peer(elsewhere, "", world.b.key.thumbprints))
    assert made.state is ContactState.BAD_RESPONSE
    assert "calls itself" in made.reason


def test_no_node_at_the_address(world: World) -> None:
    made = contact(world.a, Peer(world.b.id + "/elsewhere", "", world.b.key.thumbprints))
    assert made.state is ContactState.HTTP_ERROR
    listening, url = free_socket()
    listening.close()
    assert contact(world.a, Peer(url, "", world.b.key.thumbprints)).state is ContactState.UNREACHABLE


def test_the_descriptor_anybody_can_fetch(world: World) -> None:
    async def main() -> httpx.Response:
        async with a_client(world.a) as http:
            return await http.get(world.b.id + PATH)

    reply = asyncio.run(main())
    assert reply.headers["content-type"] == "application/jose"

    said = read(reply.text, world.b.id, world.b.key.thumbprints, time.time())
    assert [holding.id for holding in said.datasets] == ["shared", "closed"]
    assert json.dumps(world.b.key.active.as_dict(private=True)["d"]) not in reply.text
