"""What was agreed with a peer is what happens: for whom it asks, what it is told, until when, and how."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest
import trustme
import uvicorn
from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, Response

from node.access.keys import NodeKey
from node.access.principal import PeerPrincipal
from node.access.tokens import Behalf, Call, mint
from node.config import PeerOAuth, PeerTerms
from node.federation import descriptor
from node.federation.asking import QUESTIONS, BeaconQuestion
from node.federation.contact import ContactState, try_peer
from node.federation.members import Members, read, sign
from node.federation.peers import Peer, PeerBook
from node.federation.transport import open_http_for, trusted_authorities
from schemas.access import Granularity, Tier
from schemas.errors import BadInput, NotAuthorised
from schemas.network import Answered, PeerKind, PeerState
from tests.federated import QUESTION, Node, a_node, an_answer, free_socket, post, serving

PATH = f"{QUESTIONS}/g_variants"
TODAY = datetime.now(UTC).date()


@dataclass
class Pair:
    """A asks B, and B keeps what it was asked."""

    a: Node
    b: Node
    heard: list[tuple[PeerPrincipal, str]]

    def agree(self, **terms: Any) -> None:
        """As B and A both have it."""
        self.b.peers.add(replace(self.a.as_peer(), terms=PeerTerms(**terms)))

    def token(self, key: NodeKey | None = None, body: bytes = QUESTION, **behalf: Any) -> str:
        call = Call("POST", PATH, body)
        own = key or self.a.key
        told = mint(own, self.a.id, self.b.id, call, 8, now_s=time.time(), behalf=Behalf(**behalf))
        return f"Bearer {told}"

    def send(self, token: str | None = None, body: bytes = QUESTION) -> httpx.Response:
        authorization = token or self.token(body=body)
        return asyncio.run(post(self.b.id + PATH, body, authorization=authorization))

    def as_asked(self, **behalf: Any) -> tuple[PeerPrincipal, str]:
        reply = self.send(self.token(**behalf))
        assert reply.status_code == 200, reply.text
        return self.heard[-1]

    def ask(self) -> Answered[Any]:
        async def once() -> list[Answered[Any]]:
            async with self.a.network() as network:
                return await network.ask(BeaconQuestion(QUESTION), self.a.own)

        answers = [answer for answer in asyncio.run(once()) if answer.node != self.a.id]
        (found,) = answers
        return found


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    with ExitStack() as stack:
        sockets, urls = zip(*(free_socket() for _ in range(2)), strict=True)
        a, b = (
            stack.enter_context(a_node(tmp_path / name, url)) for name, url in zip("ab", urls, strict=True)
        )
        made = Pair(a, b, [])

        async def answer(_path: str, _body: bytes, asking: PeerPrincipal, purpose: str) -> tuple[int, bytes]:
            made.heard.append((asking, purpose))
            return 200, an_answer(b.id, exists=True)

        stack.enter_context(serving(b.app(answer), sockets[1]))
        a.peers.add(b.as_peer())
        b.peers.add(a.as_peer())
        sockets[0].close()
        yield made


# ----------------------------------------------------------------------------- whom a peer may ask for


@pytest.mark.parametrize("asserted", list(Tier))
@pytest.mark.parametrize("agreed", list(Tier))
def test_those_a_peer_asks_for_are_taken_for_no_more_than_was_agreed(
    pair: Pair, agreed: Tier, asserted: Tier
) -> None:
    pair.agree(tier=agreed)
    asking, _ = pair.as_asked(subject="s" * 20, tier=asserted)
    order = list(Tier)
    assert order.index(asking.tier) == min(order.index(agreed), order.index(asserted))


def test_without_an_agreement_everybody_is_a_stranger(pair: Pair) -> None:
    asking, _ = pair.as_asked(subject="s" * 20, tier=Tier.CONTROLLED)
    assert asking.tier is Tier.PUBLIC


@pytest.mark.parametrize("granularity", list(Granularity))
def test_a_peer_is_told_no_more_than_was_agreed(pair: Pair, granularity: Granularity) -> None:
    pair.agree(granularity=granularity)
    asking, _ = pair.as_asked()
    assert asking.most is granularity


def test_subject_and_purpose_arrive(pair: Pair) -> None:
    asking, purpose = pair.as_asked(subject="pairwise-name-1234", tier=Tier.REGISTERED, purpose="DUO:0000042")
    assert (asking.subject, purpose) == ("pairwise-name-1234", "DUO:0000042")
    assert pair.as_asked()[0].subject == ""


@pytest.mark.parametrize(
    "claims",
    [{"tier": "administrator"}, {"tier": 3}, {"tier": None}, {"purpose": 5}, {"purpose": "x" * 401}],
)
def test_what_is_asserted_in_other_words_is_refused(pair: Pair, claims: dict[str, Any]) -> None:
    call = Call("POST", PATH, QUESTION)
    document = mint(pair.a.key, pair.a.id, pair.b.id, call, 8, now_s=time.time())
    _, payload, _ = document.split(".")
    body = _decoded(payload)
    body["fed"] |= claims
    forged = pair.a.key.sign("at+jwt", json.dumps(body).encode())
    assert pair.send(f"Bearer {forged}").status_code == 401
    assert not pair.heard


def _decoded(payload: str) -> dict[str, Any]:

    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return found


# ----------------------------------------------------------------------------- direction and duration


def test_a_peer_that_is_only_asked_is_not_answered(pair: Pair) -> None:
    pair.agree(direction="ask")
    reply = pair.send()
    assert reply.status_code == 401
    assert not pair.heard


def test_a_peer_that_is_only_answered_is_not_asked(pair: Pair) -> None:
    pair.a.peers.add(replace(pair.b.as_peer(), terms=PeerTerms(direction="answer")))

    async def once() -> list[Answered[Any]]:
        async with pair.a.network() as network:
            return await network.ask(BeaconQuestion(QUESTION), pair.a.own)

    assert [answer.node for answer in asyncio.run(once())] == [pair.a.id]
    assert not pair.heard


@pytest.mark.parametrize(
    ("ends", "answered"), [(TODAY + timedelta(days=1), True), (TODAY - timedelta(days=2), False)]
)
def test_an_agreement_ends(pair: Pair, ends: date, answered: bool) -> None:
    pair.agree(expires=ends)
    assert (pair.send().status_code == 200) is answered
    pair.a.peers.add(replace(pair.b.as_peer(), terms=PeerTerms(expires=ends)))
    found = pair.ask()
    assert (found.state is PeerState.HIT) is answered
    assert answered or (found.state, found.reason) == (PeerState.SUSPENDED, "the agreement with it has ended")


def test_a_suspended_peer_is_neither_asked_nor_answered(pair: Pair) -> None:
    pair.b.peers.suspend(pair.a.id)
    assert pair.send().status_code == 401
    pair.a.peers.suspend(pair.b.id)
    assert pair.ask().state is PeerState.SUSPENDED
    assert not pair.heard


def test_a_removed_peer_is_a_stranger_at_once(pair: Pair) -> None:
    token = pair.token()
    pair.b.peers.remove(pair.a.id)
    assert pair.send(token).status_code == 401
    assert not pair.heard


def test_terms_outlive_a_restart_and_a_second_key(pair: Pair) -> None:
    pair.agree(tier=Tier.REGISTERED, expires=TODAY)
    pair.b.peers.add(Peer(pair.a.id, thumbprints=("A" * 43,)))
    found = PeerBook(pair.b.engine, pair.b.settings).find(pair.a.id)
    assert found is not None
    assert found.terms == PeerTerms(tier=Tier.REGISTERED, expires=TODAY)
    assert len(found.thumbprints) == 2


# --------------------------------------------------------------------------------- keys in rotation


def test_both_keys_of_a_rotation_are_good_and_no_third(pair: Pair, tmp_path: Path) -> None:
    folder = tmp_path / "a" / "keys"
    prepared = pair.a.key.prepare(folder)
    successor = prepared.thumbprints[1]
    assert pair.send(pair.token(prepared.activate(folder, successor))).status_code == 401
    pair.b.peers.add(Peer(pair.a.id, thumbprints=(successor,)))
    assert pair.send(pair.token(NodeKey.load(folder))).status_code == 200
    assert pair.send(pair.token(pair.a.key)).status_code == 200
    stranger = NodeKey.create(tmp_path / "stranger")
    assert pair.send(pair.token(stranger)).status_code == 401
    with pytest.raises(BadInput, match="2 keys"):
        pair.b.peers.add(Peer(pair.a.id, thumbprints=(stranger.thumbprint,)))


# ------------------------------------------------------------------------------ descriptors go forward


@dataclass
class Saying:
    """A node that says of itself what it is told to."""

    document: str = ""

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.get(descriptor.PATH)
        async def well_known() -> Response:
            return Response(self.document)

        return app


def test_an_older_descriptor_is_never_believed_again(tmp_path: Path) -> None:
    listening, url = free_socket()
    saying = Saying()
    with (
        a_node(tmp_path / "a", "http://127.0.0.1:1") as a,
        a_node(tmp_path / "b", url) as b,
        serving(saying.app(), listening),
    ):
        now_s = time.time()
        old, new = (
            descriptor.sign(descriptor.describe(b.settings.identity, b.key, (), at), b.key)
            for at in (now_s - 3600, now_s - 60)
        )

        def contact() -> tuple[ContactState, str]:
            async def once() -> Any:
                trusted = trusted_authorities(a.settings.federation)
                async with open_http_for(a.settings.federation, None, trusted) as http:
                    return await try_peer(http, a.key, a.id, b.as_peer(), a.peers.descriptors)

            found = asyncio.run(once())
            return found.state, found.reason

        saying.document = old
        assert contact()[0] is not ContactState.BAD_RESPONSE
        saying.document = new
        assert contact()[0] is not ContactState.BAD_RESPONSE
        saying.document = old
        state, reason = contact()
        assert state is ContactState.BAD_RESPONSE
        assert "seen before" in reason
        again = PeerBook(a.engine, a.settings)  # nor after a restart
        with pytest.raises(NotAuthorised, match="seen before"):
            again.descriptors.advance(b.id, int(now_s - 3600))


# --------------------------------------------------------------------------------- lists of members


@dataclass
class Operated:
    node: Node
    operator: NodeKey

    def take_in(
        self, *members: str, suspended: tuple[str, ...] = (), key: NodeKey | None = None, **at: int
    ) -> Members:
        claims = _claims(members, suspended, **at)
        return self.node.peers.roster.take_in(
            (key or self.operator).sign("varhaven-members+jwt", json.dumps(claims).encode())
        )

    def state(self, peer: str) -> str:
        found = self.node.peers.find(peer)
        assert found is not None
        return found.silence


def _claims(
    members: tuple[str, ...], suspended: tuple[str, ...], seq: int = 1, life: int = 86_400, ago: int = 0
) -> Any:
    now_s = int(time.time()) - ago
    listed = [{"node": node, "suspended": node in suspended} for node in members]
    return {
        "iss": "https://operator.example",
        "seq": seq,
        "iat": now_s,
        "exp": now_s + life,
        "members": listed,
    }


B, C = "https://b.example", "https://c.example"


@pytest.fixture
def operated(tmp_path: Path) -> Iterator[Operated]:
    operator = NodeKey.create(tmp_path / "operator")
    with a_node(tmp_path / "a", "https://a.example", membership_key=operator.thumbprint) as node:
        for name, letter in ((B, "B"), (C, "C")):
            node.peers.add(Peer(name, thumbprints=(letter * 43,)))
        yield Operated(node, operator)


def test_without_a_list_nobody_is_asked_or_answered(operated: Operated) -> None:
    assert operated.state(B) == "no list of members was taken in yet"
    asking = operated.node.peers.asking(B)
    assert asking is not None
    assert asking.suspended


def test_a_list_narrows_and_adds_nobody(operated: Operated) -> None:
    operated.take_in(B, "https://d.example")
    assert operated.state(B) == ""
    assert operated.state(C) == "it is not on the list of members"
    assert operated.node.peers.find("https://d.example") is None


def test_a_member_that_is_suspended_on_the_list_is_suspended(operated: Operated) -> None:
    operated.take_in(B, C, suspended=(B,))
    assert operated.state(B) == "the operator of the network has suspended it"
    assert operated.state(C) == ""


def test_what_was_suspended_here_stays_so_whatever_the_list_says(operated: Operated) -> None:
    operated.node.peers.suspend(B)
    operated.take_in(B, C)
    assert operated.state(B) == "this node has suspended it"


def test_an_older_list_is_refused(operated: Operated) -> None:
    operated.take_in(B, suspended=(B,), seq=5)
    with pytest.raises(NotAuthorised, match="seen before"):
        operated.take_in(B, seq=4)
    assert operated.state(B) != ""
    operated.take_in(B, seq=6)
    assert operated.state(B) == ""


def test_a_list_that_has_expired_lets_nobody_through(operated: Operated) -> None:
    operated.take_in(B, ago=90_000, life=86_000)
    assert operated.state(B) == "the list of members has expired; take in a newer one"


def test_only_the_pinned_key_signs_lists(operated: Operated, tmp_path: Path) -> None:
    stranger = NodeKey.create(tmp_path / "stranger")
    with pytest.raises(NotAuthorised):
        operated.take_in(B, key=stranger)
    assert operated.state(B) != ""


@pytest.mark.parametrize(
    "change",
    [
        {"members": None},
        {"members": "https://b.example"},
        {"members": [{"node": B}, {"node": B}]},
        {"members": [{"node": B, "suspended": "no"}]},
        {"members": [{"node": 5}]},
        {"members": [B]},
        {"seq": "7"},
        {"seq": 1.5},
        {"seq": -1},
        {"seq": True},
        {"exp": None},
        {"exp": 0},
        {"iat": 9_999_999_999, "exp": 9_999_999_999 + 100},
        {"exp": 9_999_999_999},
        {"iss": None},
    ],
    ids=str,
)
def test_a_list_that_is_not_one_is_refused_whole(operated: Operated, change: dict[str, Any]) -> None:
    document = operated.operator.sign("varhaven-members+jwt", json.dumps(_claims((B,), ()) | change).encode())
    with pytest.raises(NotAuthorised):
        operated.node.peers.roster.take_in(document)
    assert operated.state(B) != ""


def test_another_document_of_the_operator_is_no_list(operated: Operated) -> None:
    for kind in ("at+jwt", "varhaven-node+jwt"):
        document = operated.operator.sign(kind, json.dumps(_claims((B,), ())).encode())
        with pytest.raises(NotAuthorised):
            operated.node.peers.roster.take_in(document)


def test_a_list_written_here_is_read_there(operated: Operated) -> None:
    document = sign(operated.operator, "https://operator.example", [B, C], [C], days=30)
    found = read(document, operated.operator.thumbprint, time.time())
    assert dict(found.suspended) == {B: False, C: True}


# ------------------------------------------------------ partners behind an authorization server


@dataclass
class Guarded:
    """A Beacon behind an authorization server of its own; keeps what both were sent."""

    url: str = ""
    forms: list[dict[str, str]] | None = None
    tokens: list[str] | None = None
    status: int = 200
    answer: Any = None

    def app(self) -> FastAPI:
        app = FastAPI()
        self.forms, self.tokens = [], []

        @app.post("/token")
        async def token(request: Request) -> Response:
            assert self.forms is not None
            self.forms.append(
                {
                    **dict(parse_qsl((await request.body()).decode())),
                    "header": request.headers.get("authorization", ""),
                }
            )
            told = self.answer or {
                "access_token": f"T{len(self.forms)}",
                "token_type": "Bearer",
                "expires_in": 300,
            }
            return JSONResponse(told, self.status)

        @app.post("/api/g_variants")
        async def question(request: Request) -> Response:
            assert self.tokens is not None
            self.tokens.append(request.headers.get("authorization", ""))
            if not self.tokens[-1].startswith("Bearer T"):
                return JSONResponse({"error": {"errorCode": 401, "errorMessage": "who?"}}, 401)
            return Response(an_answer(f"{self.url}/api", exists=True), media_type="application/json")

        return app


@pytest.fixture
def guarded() -> Iterator[Guarded]:
    listening, url = free_socket()
    made = Guarded(url)
    with serving(made.app(), listening):
        yield made


BEACON_QUESTION = {
    "meta": {"apiVersion": "v2.1.1", "requestedSchemas": []},
    "query": {
        "requestParameters": {
            "g_variant": {
                "assemblyId": "GRCh38",
                "referenceName": "20",
                "start": [999],
                "referenceBases": "A",
                "alternateBases": "C",
            }
        },
        "filters": [],
        "includeResultsetResponses": "HIT",
        "pagination": {"skip": 0, "limit": 10},
        "requestedGranularity": "boolean",
        "testMode": False,
    },
}


def asked_of(node: Node, times: int = 1) -> list[Answered[Any]]:
    async def several() -> list[Answered[Any]]:
        question = BeaconQuestion(json.dumps(BEACON_QUESTION).encode())
        async with node.network() as network:
            found = [await network.ask(question, node.own) for _ in range(times)]
        return [answer for answers in found for answer in answers if answer.node != node.id]

    return asyncio.run(several())


def a_guest(folder: Path, guarded: Guarded, **oauth: Any) -> Any:
    terms = PeerTerms(oauth=PeerOAuth(token_endpoint=f"{guarded.url}/token", client_id="hospital a", **oauth))
    return Peer(f"{guarded.url}/api", kind=PeerKind.BEACON, dialect="generic", terms=terms)


def test_a_secret_gets_a_token_that_is_used_again(tmp_path: Path, guarded: Guarded) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s3cret:with colon\n")
    with a_node(tmp_path / "a", "http://127.0.0.1:1") as a:
        a.peers.add(
            a_guest(tmp_path, guarded, client_secret_file=secret, scope="beacon", resource=guarded.url)
        )
        answers = asked_of(a, 2)
    assert {answer.state for answer in answers} == {PeerState.HIT}
    (form,) = guarded.forms or ()
    assert (form["grant_type"], form["scope"], form["resource"]) == (
        "client_credentials",
        "beacon",
        guarded.url,
    )
    assert form["header"].startswith("Basic ")
    assert set(guarded.tokens or ()) == {"Bearer T1"}


def test_without_a_secret_the_node_proves_itself_with_its_key(tmp_path: Path, guarded: Guarded) -> None:
    with a_node(tmp_path / "a", "http://127.0.0.1:1") as a:
        a.peers.add(a_guest(tmp_path, guarded))
        (answer,) = asked_of(a)
    assert answer.state is PeerState.HIT
    (form,) = guarded.forms or ()
    assert form["header"] == ""
    assert form["client_assertion_type"].endswith("jwt-bearer")
    claims = _decoded(form["client_assertion"].split(".")[1])
    assert (claims["iss"], claims["sub"], claims["aud"]) == (
        "hospital a",
        "hospital a",
        f"{guarded.url}/token",
    )
    assert claims["exp"] - claims["iat"] <= 300


@pytest.mark.parametrize(
    ("status", "answer", "state"),
    [
        (401, None, PeerState.DENIED),
        (400, {"error": "invalid_client", "error_description": "SECRET"}, PeerState.DENIED),
        (200, {"access_token": "T1", "token_type": "mac"}, PeerState.BAD_RESPONSE),
        (200, {"access_token": "T1\r\nx-evil: 1", "token_type": "Bearer"}, PeerState.BAD_RESPONSE),
        (200, {"access_token": 5, "token_type": "Bearer"}, PeerState.BAD_RESPONSE),
        (200, {"access_token": "T1", "token_type": "Bearer", "expires_in": "soon"}, PeerState.BAD_RESPONSE),
        (200, ["T1"], PeerState.BAD_RESPONSE),
        (307, None, PeerState.DENIED),
    ],
)
def test_a_server_that_gives_no_token_is_a_state_of_the_peer(
    tmp_path: Path, guarded: Guarded, status: int, answer: Any, state: PeerState
) -> None:
    guarded.status, guarded.answer = status, answer
    with a_node(tmp_path / "a", "http://127.0.0.1:1") as a:
        a.peers.add(a_guest(tmp_path, guarded))
        (found,) = asked_of(a)
    assert found.state is state
    assert "SECRET" not in found.reason
    assert not guarded.tokens


def test_a_secret_that_cannot_be_read_is_a_state_and_asks_nobody(tmp_path: Path, guarded: Guarded) -> None:
    with a_node(tmp_path / "a", "http://127.0.0.1:1") as a:
        a.peers.add(a_guest(tmp_path, guarded, client_secret_file=tmp_path / "missing"))
        (found,) = asked_of(a)
    assert found.state is PeerState.DENIED
    assert not guarded.forms


# ------------------------------------------------------------- private authorities and mutual TLS


def tls(app: FastAPI, server: trustme.LeafCert, clients: trustme.CA, folder: Path) -> uvicorn.Config:
    names = {name: folder / f"{name}.pem" for name in ("chain", "key", "clients")}
    server.private_key_pem.write_to_path(names["key"])
    names["chain"].write_bytes(b"".join(blob.bytes() for blob in server.cert_chain_pems))
    clients.cert_pem.write_to_path(names["clients"])
    return uvicorn.Config(
        app,
        log_level="critical",
        ws="none",
        lifespan="off",
        ssl_certfile=str(names["chain"]),
        ssl_keyfile=str(names["key"]),
        ssl_ca_certs=str(names["clients"]),
        ssl_cert_reqs=ssl.CERT_REQUIRED,
    )


def test_a_peer_of_a_private_authority_that_wants_a_certificate(tmp_path: Path) -> None:

    theirs, ours = trustme.CA(), trustme.CA()
    listening, url = free_socket()
    url = url.replace("http://", "https://")
    authority = tmp_path / "their-ca.pem"
    theirs.cert_pem.write_to_path(authority)
    own = ours.issue_cert("hospital-a.example")
    certificate, key = tmp_path / "own.pem", tmp_path / "own.key"
    certificate.write_bytes(own.cert_chain_pems[0].bytes())
    own.private_key_pem.write_to_path(key)
    with a_node(tmp_path / "a", "http://127.0.0.1:1") as a, a_node(tmp_path / "b", url) as b:
        b.peers.add(a.as_peer())
        server = uvicorn.Server(tls(b.app(), theirs.issue_cert("127.0.0.1"), ours, tmp_path))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            states = []
            for terms in (
                PeerTerms(),
                PeerTerms(ca_bundle=authority),
                PeerTerms(ca_bundle=authority, client_certificate=certificate, client_key=key),
            ):
                a.peers.add(replace(b.as_peer(), terms=terms))
                states.append(asked_of(a)[0].state)
                a.peers.remove(b.id)
        finally:
            server.should_exit = True
            thread.join(20)
    assert states[0] is PeerState.TLS_ERROR
    assert states[1] is not PeerState.HIT
    assert states[2] is PeerState.HIT


def test_a_certificate_that_cannot_be_read_is_told_by_its_path(tmp_path: Path) -> None:
    with a_node(tmp_path / "a", "http://127.0.0.1:1") as a:
        wrong = PeerTerms(client_certificate=tmp_path / "missing.pem")
        with pytest.raises(BadInput, match=r"missing\.pem"):
            open_http_for(a.settings.federation, wrong, trusted_authorities(a.settings.federation))


def test_the_proxy_of_a_peer_is_used_for_it_alone(tmp_path: Path, pair: Pair) -> None:
    """A proxy for plain HTTP gets the whole address in the request line."""
    listening, proxy = free_socket()
    through: list[str] = []
    app = FastAPI()

    @app.middleware("http")
    async def forward(request: Request, _next: Any) -> Response:
        through.append(str(request.url))
        body = await request.body()
        headers = {"authorization": request.headers["authorization"], "content-type": "application/json"}
        async with httpx.AsyncClient(trust_env=False) as http:
            reply = await http.post(pair.b.id + PATH, content=body, headers=headers)
        return Response(reply.content, reply.status_code, media_type="application/json")

    with serving(app, listening):
        assert pair.ask().state is PeerState.HIT
        assert not through
        pair.a.peers.add(replace(pair.b.as_peer(), terms=PeerTerms(proxy=proxy)))
        assert pair.ask().state is PeerState.HIT
    assert len(through) == 1
