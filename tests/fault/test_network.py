"""A network of peers that are broken in every way there is: one question, a state for each, in time.

The peers are real servers on loopback.  They are asked all at once, so that each also has every chance to
spoil the answers of the others.
"""

import asyncio
import contextlib
import gzip
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme
from sqlalchemy.exc import OperationalError

from node.config import FederationSection
from node.federation.asking import BeaconQuestion
from node.federation.breaker import REST_S, Breaker
from node.federation.peers import Peer
from node.federation.transport import open_http
from schemas.beacon import Response
from schemas.errors import BadInput, Forbidden, NodeError, NotHeld, OverBudget, StoreUnavailable
from schemas.network import NodeAnswer, PeerState
from tests.fake_peers import (
    MB,
    Behaviour,
    Fake,
    a_peer,
    adds_a_slash_to_its_name,
    answers_at_length,
    answers_no,
    answers_twice,
    answers_yes,
    breaks_off,
    contradicts_itself,
    counts_below_zero,
    drips,
    drips_headers,
    fifty_megabytes,
    fifty_megabytes_of_error,
    hangs,
    hangs_up,
    interim_for_ever,
    megabytes_of_headers,
    never_ends,
    refuses,
    says,
    says_of_counts,
    send,
    truncates_json,
)
from tests.federated import QUESTION, Node, a_node, a_response, an_answer

OWN = "http://own.example"
T = "x" * 43  # nobody here is asked for a key


BOMB = gzip.compress(b" " * (50 * MB))
LIE = an_answer("http://another.example", exists=True)
HTML = b"<html><title>Hospital Wi-Fi</title></html>"
S = PeerState
ROWS: dict[str, tuple[Behaviour, PeerState, str]] = {
    "yes": (answers_yes, S.HIT, ""),
    "no": (answers_no, S.NO_HIT, ""),
    "yes, at length": (answers_at_length, S.HIT, ""),
    "hangs": (hangs, S.TIMEOUT, "no whole answer"),
    "drips": (drips, S.TIMEOUT, "no whole answer"),
    "drips headers": (drips_headers, S.TIMEOUT, "no whole answer"),
    "interim answers for ever": (interim_for_ever, S.TIMEOUT, "no whole answer"),
    "never ends": (never_ends, S.TOO_LARGE, "larger than 1 MB"),
    "50 MB": (fifty_megabytes, S.TOO_LARGE, "larger than 1 MB"),
    "50 MB of error": (fifty_megabytes_of_error, S.TOO_LARGE, "larger than 1 MB"),
    "50 MB of headers": (megabytes_of_headers, S.BAD_RESPONSE, "does not speak HTTP"),
    "compressed bomb": (says("200 OK", BOMB, "content-encoding: gzip"), S.BAD_RESPONSE, "compressed"),
    "two layers of compression": (
        says("200 OK", gzip.compress(BOMB), "content-encoding: gzip, gzip"),
        S.BAD_RESPONSE,
        "compressed",
    ),
    "web page": (says("200 OK", HTML, "content-type: text/html; charset=utf-8"), S.BAD_RESPONSE, "web page"),
    "web page that claims to be JSON": (
        says("200 OK", HTML, "content-type: application/json"),
        S.BAD_RESPONSE,
        "not JSON",
    ),
    "empty": (says("200 OK", b""), S.BAD_RESPONSE, "not JSON"),
    "no content": (says("204 No Content", b""), S.HTTP_ERROR, "204"),
    "cut off": (breaks_off, S.BAD_RESPONSE, "broke off"),
    "truncated JSON": (truncates_json, S.BAD_RESPONSE, "not JSON"),
    "NaN": (says("200 OK", LIE.replace(b"true", b"NaN")), S.BAD_RESPONSE, "not JSON"),
    "JSON of another shape": (says("200 OK", b'{"exists": true}'), S.BAD_RESPONSE, "not a Beacon response"),
    "deep nesting": (says("200 OK", b"[" * 400_000), S.BAD_RESPONSE, "not JSON"),
    "another node's name": (says("200 OK", LIE), S.BAD_RESPONSE, "another node"),
    "almost its name": (adds_a_slash_to_its_name, S.BAD_RESPONSE, "another node"),
    "contradiction": (contradicts_itself, S.BAD_RESPONSE, "contradicts itself"),
    "fractions for counts": (says_of_counts("1.5"), S.BAD_RESPONSE, "not a Beacon response"),
    "texts for counts": (says_of_counts('"3"'), S.BAD_RESPONSE, "not a Beacon response"),
    "infinite count": (says_of_counts("1e999"), S.BAD_RESPONSE, "not"),
    "two answers in one": (answers_twice, S.BAD_RESPONSE, "not JSON"),
    "two lengths": (says("200 OK", b"{}", "content-length: 3"), S.BAD_RESPONSE, ""),
    "text in another coding": (says("200 OK", LIE.decode().encode("utf-16")), S.BAD_RESPONSE, "not JSON"),
    "negative count": (counts_below_zero, S.BAD_RESPONSE, "not a Beacon response"),
    "500": (says("500 Oh", b"Traceback (most recent call last)"), S.HTTP_ERROR, "500"),
    "502 of a proxy": (says("502 Bad Gateway", HTML, "content-type: text/html"), S.HTTP_ERROR, "502"),
    "not served": (refuses("404 Not Found", "no such thing", "not_found"), S.NOT_APPLICABLE, "no such thing"),
    "404 of a proxy": (says("404 Not Found", HTML, "content-type: text/html"), S.HTTP_ERROR, "404"),
    "400": (refuses("400 Bad Request", "what?", "bad_question"), S.HTTP_ERROR, "what?"),
    "not held": (
        refuses("400 Bad Request", "held is GRCh38", "not_held"),
        S.NOT_APPLICABLE,
        "held is GRCh38",
    ),
    "401": (refuses("401 Unauthorized", "check the clocks", "not_authorised"), S.DENIED, "check the clocks"),
    "403": (refuses("403 Forbidden", "not for you", "forbidden"), S.DENIED, "not for you"),
    "403 of a proxy": (says("403 Forbidden", HTML, "content-type: text/html"), S.DENIED, "403"),
    "429": (refuses("429 Slow down", "later", "over_budget"), S.RATE_LIMITED, "later"),
    "error that is not text": (says("500 Oh", b'{"error": {"errorMessage": [1]}}'), S.HTTP_ERROR, "500"),
    "error that is not an object": (says("500 Oh", b'{"error": 7}'), S.HTTP_ERROR, "500"),
    "redirect": (says("307 Elsewhere", b"", "location: {target}"), S.HTTP_ERROR, "redirects"),
    "hangs up": (hangs_up, S.UNREACHABLE, "closed the connection"),
}


@dataclass
class Asked:
    """One question to the whole collection."""

    answers: dict[str, NodeAnswer]
    fakes: dict[str, Fake]
    target: Fake
    rows: int


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Asked:
    with a_node(tmp_path_factory.mktemp("own"), OWN) as node:
        return asyncio.run(_ask_everybody(node))


async def _ask_everybody(node: Node) -> Asked:
    async with AsyncExitStack() as stack:
        target = await stack.enter_async_context(a_peer(answers_yes))
        fakes = {
            name: await stack.enter_async_context(a_peer(_aimed(name, behave, target)))
            for name, (behave, _, _) in ROWS.items()
        }
        names = {fake.url: name for name, fake in fakes.items()} | {OWN: "own"}
        for fake in fakes.values():
            node.peers.add(Peer(fake.url, "", (T,)))
        network = await stack.enter_async_context(node.network())
        async with asyncio.timeout(30):  # far more than the deadline: a hang fails, a busy machine does not
            answers = await network.ask(BeaconQuestion(QUESTION), node.own, deadline_s=4)
        assert answers[0].node == OWN
        assert [a.node for a in answers[1:]] == sorted(fake.url for fake in fakes.values())
        return Asked({names[a.node]: a for a in answers}, fakes, target, len(answers))


def _aimed(name: str, behave: Behaviour, target: Fake) -> Behaviour:
    return says("307 Elsewhere", b"", f"location: {target.url}/x") if name == "redirect" else behave


@pytest.mark.parametrize("row", ROWS)
def test_every_peer_ends_in_its_state(asked: Asked, row: str) -> None:
    _, state, reason = ROWS[row]
    answer = asked.answers[row]
    assert (answer.state, reason in answer.reason) == (state, True), answer.reason
    assert (answer.response is not None) == answer.state.answered
    assert bool(answer.reason) == (not answer.state.answered)


def test_nobody_is_forgotten_and_the_node_answers_for_itself(asked: Asked) -> None:
    assert asked.rows == len(ROWS) + 1
    assert asked.answers["own"].state is PeerState.NO_HIT


def test_only_nodes_that_looked_say_no(asked: Asked) -> None:
    assert {name for name, a in asked.answers.items() if a.state is PeerState.NO_HIT} == {"no", "own"}


def test_redirects_are_not_followed(asked: Asked) -> None:
    assert asked.fakes["redirect"].asked == 1
    assert asked.target.asked == 0


@pytest.mark.parametrize("row", ["never ends", "50 MB", "50 MB of error", "50 MB of headers"])
def test_what_is_too_large_is_not_taken_in(asked: Asked, row: str) -> None:
    """Beyond the limit there are only the buffers of two sockets."""
    assert asked.fakes[row].sent_bytes < 20 * MB


def test_compression_and_cookies_are_not_offered(asked: Asked) -> None:
    sent = asked.fakes["yes"].headers.lower()
    assert b"accept-encoding: identity" in sent
    assert b"cookie" not in sent
    assert b"authorization: bearer " in sent


# ------------------------------------------------------------------------------------- connections


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    with a_node(tmp_path, OWN) as made:
        yield made


async def states(
    node: Node, *peers: str, deadline_s: float = 3, breaker: Breaker | None = None
) -> list[PeerState]:
    for url in peers:
        node.peers.add(Peer(url, "", (T,)))
    async with node.network(breaker) as network, asyncio.timeout(30):
        return [
            a.state
            for a in (await network.ask(BeaconQuestion(QUESTION), node.own, deadline_s=deadline_s))[1:]
        ]


async def a_dead_port() -> str:
    async with a_peer(hangs) as fake:
        return fake.url


def test_a_connection_that_is_never_taken(node: Node) -> None:
    """Its queue is full: the system drops what knocks, and connecting hangs."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen(0)
    address = listening.getsockname()
    waiting = [socket.socket() for _ in range(4)]
    try:
        for one in waiting:
            one.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                one.connect(address)

        async def main() -> None:
            url = f"http://127.0.0.1:{address[1]}"
            assert await states(node, url, deadline_s=1) == [PeerState.TIMEOUT]

        asyncio.run(main())
    finally:
        for one in (*waiting, listening):
            one.close()


def test_nothing_listens(node: Node) -> None:
    async def main() -> None:
        assert await states(node, await a_dead_port()) == [PeerState.UNREACHABLE]

    asyncio.run(main())


def test_a_server_that_speaks_something_else(node: Node) -> None:
    async def imap(writer: asyncio.StreamWriter, fake: Fake) -> None:
        await send(writer, fake, b"* OK IMAP4rev1 ready\r\n\r\n")

    async def main() -> None:
        async with a_peer(imap) as fake:
            assert await states(node, fake.url) == [PeerState.BAD_RESPONSE]

    asyncio.run(main())


def _tls(authority: trustme.CA, name: str = "127.0.0.1") -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name).configure_cert(context)
    return context


def test_certificates(tmp_path: Path) -> None:
    """Trusted with the authority of the settings; refused from another authority or for another name."""
    authority, stranger = trustme.CA(), trustme.CA()
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))

    async def main(node: Node) -> None:
        async with (
            a_peer(answers_yes, _tls(authority)) as good,
            a_peer(answers_yes, _tls(stranger)) as unknown,
            a_peer(answers_yes, _tls(authority, "elsewhere.example")) as misnamed,
            a_peer(says("400 Bad Request", b""), after=b"\x16") as plain,  # the first byte of TLS
        ):
            expected = {
                good.url: PeerState.HIT,
                unknown.url: PeerState.TLS_ERROR,
                misnamed.url: PeerState.TLS_ERROR,
                plain.url.replace("http:", "https:"): PeerState.TLS_ERROR,
            }
            assert await states(node, *expected) == [expected[url] for url in sorted(expected)]
            # Nothing is said, no token above all, before the certificate is trusted.
            assert (unknown.asked, misnamed.asked) == (0, 0)

    with a_node(tmp_path / "own", OWN, ca_bundle=bundle) as node:
        asyncio.run(main(node))


def test_loopback_is_never_reached_through_a_proxy(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with a_peer(answers_yes) as fake:
            proxy = await a_dead_port()
            for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
                monkeypatch.setenv(name, proxy)
            for name in ("NO_PROXY", "no_proxy"):
                monkeypatch.delenv(name, raising=False)
            assert await states(node, fake.url) == [PeerState.HIT]

    asyncio.run(main())


def test_a_bundle_that_holds_no_certificates(tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    for text in (None, "", "not a certificate"):
        if text is not None:
            bundle.write_text(text)
        with pytest.raises(BadInput, match="ca_bundle"):
            open_http(FederationSection(ca_bundle=bundle))


# ---------------------------------------------------------------------------- deadlines and leaving


def test_a_short_deadline_is_kept_too(node: Node) -> None:
    async def main() -> None:
        async with a_peer(hangs) as fake:
            assert await states(node, fake.url, deadline_s=0.1) == [PeerState.TIMEOUT]

    asyncio.run(main())


def test_answers_come_as_they_arrive(node: Node) -> None:
    async def main() -> None:
        async with a_peer(hangs) as slow, a_peer(answers_yes) as quick, node.network() as network:
            for fake in (slow, quick):
                node.peers.add(Peer(fake.url, "", (T,)))
            stream = network.round(BeaconQuestion(QUESTION), node.own, deadline_s=60).answers()
            first = {(await anext(stream)).node for _ in range(2)}
            assert first == {OWN, quick.url}
            await asyncio.wait_for(slow.reached.wait(), 10)
            await stream.aclose()
            await asyncio.wait_for(slow.left.wait(), 10)  # the question was taken back

    asyncio.run(main())


def test_a_caller_who_leaves_takes_his_questions_back(node: Node) -> None:
    async def main() -> None:
        async with a_peer(hangs) as fake, node.network() as network:
            node.peers.add(Peer(fake.url, "", (T,)))
            asking = asyncio.create_task(network.ask(BeaconQuestion(QUESTION), node.own, deadline_s=60))
            await asyncio.wait_for(fake.reached.wait(), 10)
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            await asyncio.wait_for(fake.left.wait(), 10)

    asyncio.run(main())


def test_peers_that_hang_keep_nobody_from_being_asked(node: Node) -> None:
    """More of them than places for idle connections; the one that answers is asked last."""

    async def main() -> None:
        async with a_peer(hangs) as slow, a_peer(answers_yes) as quick, node.network() as network:
            for n in range(80):
                node.peers.add(Peer(f"http://127.0.0.1:{slow.url.rpartition(':')[2]}/{n}", "", (T,)))
            last = Peer(quick.url.replace("127.0.0.1", "localhost"), "", (T,))  # so that it sorts last
            assert node.peers.add(last) == node.peers.peers()[-1]
            async with aclosing(
                network.round(BeaconQuestion(QUESTION), node.own, deadline_s=60).answers()
            ) as answers:
                async with asyncio.timeout(30):
                    ended = [(await anext(answers)).node for _ in range(2)]
            assert set(ended) == {OWN, last.id}

    asyncio.run(main())


# -------------------------------------------------------------------------------- the own part


@pytest.mark.parametrize(
    ("fault", "state"),
    [
        (NotHeld("held is GRCh38"), PeerState.NOT_APPLICABLE),
        (Forbidden("not for you"), PeerState.DENIED),
        (OverBudget("later"), PeerState.RATE_LIMITED),
        (StoreUnavailable("the index cannot be read"), PeerState.HTTP_ERROR),
    ],
    ids=lambda value: getattr(value, "reason", str(value)),
)
def test_the_own_part_may_be_refused(node: Node, fault: NodeError, state: PeerState) -> None:
    async def own() -> Response:
        raise fault

    answer = asyncio.run(_own_part(node, own))
    assert (answer.state, answer.reason) == (state, fault.message)


def test_a_fault_of_the_own_part_does_not_hide_the_others(
    node: Node, caplog: pytest.LogCaptureFixture
) -> None:
    async def own() -> Response:
        raise OperationalError("SELECT secret", {}, ValueError("20:3193842 C>A"))

    answer = asyncio.run(_own_part(node, own))
    assert answer.state is PeerState.HTTP_ERROR
    assert "OperationalError" in caplog.text
    assert "secret" not in caplog.text + answer.reason
    assert "3193842" not in caplog.text + answer.reason


def test_an_own_part_that_hangs(node: Node) -> None:
    async def own() -> Response:
        await asyncio.Event().wait()
        return a_response(OWN, exists=True)

    assert asyncio.run(_own_part(node, own)).state is PeerState.TIMEOUT


async def _own_part(node: Node, own: Callable[[], Awaitable[Response]]) -> NodeAnswer:
    async with a_peer(answers_yes) as fake, node.network() as network:
        node.peers.add(Peer(fake.url, "", (T,)))
        answers = await network.ask(BeaconQuestion(QUESTION), own, deadline_s=2)
    assert answers[1].state is PeerState.HIT
    return answers[0]


# ---------------------------------------------------------------------------- resting and suspended


def test_a_peer_that_keeps_failing_is_left_alone_and_tried_again(node: Node) -> None:
    now = 0.0
    breaker = Breaker(lambda: now)

    async def main() -> None:
        nonlocal now
        url = await a_dead_port()
        for _ in range(3):
            assert await states(node, url, breaker=breaker) == [PeerState.UNREACHABLE]
        assert await states(node, breaker=breaker) == [PeerState.CIRCUIT_OPEN]
        now += REST_S
        assert await states(node, breaker=breaker) == [PeerState.UNREACHABLE]
        assert await states(node, breaker=breaker) == [PeerState.CIRCUIT_OPEN]

    asyncio.run(main())


@pytest.mark.parametrize("row", ["401", "400", "429", "not held", "never ends", "web page"])
def test_what_depends_on_the_question_does_not_count_as_failure(node: Node, row: str) -> None:
    breaker = Breaker(lambda: 0.0)
    behave, state, _ = ROWS[row]

    async def main() -> None:
        async with a_peer(behave) as fake:
            for _ in range(5):
                assert await states(node, fake.url, breaker=breaker) == [state]

    asyncio.run(main())


@pytest.mark.parametrize("row", ["hangs up", "500", "502 of a proxy"])
def test_a_peer_that_is_not_well_is_left_alone(node: Node, row: str) -> None:
    breaker = Breaker(lambda: 0.0)
    behave, state, _ = ROWS[row]

    async def main() -> None:
        async with a_peer(behave) as fake:
            found = [(await states(node, fake.url, breaker=breaker))[0] for _ in range(4)]
            assert found == [state, state, state, PeerState.CIRCUIT_OPEN]
            assert fake.asked == 3

    asyncio.run(main())


def test_questions_taken_back_do_not_count_as_failures(node: Node) -> None:
    breaker = Breaker(lambda: 0.0)

    async def main() -> None:
        async with a_peer(hangs) as fake, node.network(breaker) as network:
            node.peers.add(Peer(fake.url, "", (T,)))
            for _ in range(5):
                fake.reached.clear()
                asking = asyncio.create_task(network.ask(BeaconQuestion(QUESTION), node.own, deadline_s=60))
                await asyncio.wait_for(fake.reached.wait(), 10)
                asking.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await asking
        assert breaker.admits(fake.url)

    asyncio.run(main())


def test_a_suspended_peer_is_not_asked(node: Node) -> None:
    async def main() -> None:
        async with a_peer(answers_yes) as fake:
            assert await states(node, fake.url) == [PeerState.HIT]
            node.peers.suspend(fake.url)
            assert await states(node) == [PeerState.SUSPENDED]
            assert fake.asked == 1

    asyncio.run(main())


def test_a_key_never_leaves_in_a_question(node: Node) -> None:
    async def main() -> None:
        async with a_peer(answers_yes) as fake:
            await states(node, fake.url)
            secret = node.key.active.as_dict(private=True)["d"]
            assert isinstance(secret, str)
            assert secret.encode() not in fake.headers

    asyncio.run(main())
