"""One case to many nodes: our own by signature, another by token, one that is away; what is kept of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import orjson
import pytest

from node.audit import export
from node.cases import OPERATOR, Actor, Asked, Deposit, Triage
from node.federation.peers import Peer
from schemas.errors import Forbidden, NotFound
from schemas.matching import Sharing
from schemas.mme import read_patient
from schemas.network import PeerKind
from tests.exchanges import ATAXIA, FOCAL, SEIZURE, TREMOR, V1_0, Running, an_exchange, patient
from tests.federated import free_socket

VARIANT = {
    "assembly": "GRCh38",
    "referenceName": "2",
    "start": 166_000_000,
    "referenceBases": "C",
    "alternateBases": "T",
}
SECRET = "as his cousin in Leeds"
MINE = patient(
    "mine",
    contact={"name": "Alpha", "href": "mailto:alpha@hospital.example"},
    features=[FOCAL, ATAXIA],
    genomicFeatures=[{"gene": {"id": "SCN1A"}, "variant": VARIANT, "zygosity": 1}],
    _note=SECRET,
)
TOML = """
[matchmaker]
min_score = 0.0
disclaimer = "{name} says so"
rematch_at = ""
[federation]
deadline_s = 60
"""


@dataclass(frozen=True)
class World:
    """Alpha asks.  Beta is a peer by key, gamma one by token, and nobody is at home at `dead`."""

    alpha: Running
    beta: Running
    gamma: Running
    dead: str

    def ask(self, actor: Actor = OPERATOR, case_id: str = "mine") -> dict[str, Any]:
        async def asked() -> dict[str, Any]:
            async with self.alpha.node.open_network() as network:
                return (await self.alpha.node.exchange.finder.everywhere(network, actor, case_id)).document

        return asyncio.run(asked())


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("world")
    with ExitStack() as stack:
        alpha, beta, gamma = (
            stack.enter_context(an_exchange(folder / name, name, TOML.format(name=name)))
            for name in ("alpha", "beta", "gamma")
        )
        listening, dead = free_socket()
        listening.close()
        for one, other in ((alpha, beta), (beta, alpha)):
            one.node.peers.add(Peer(other.node.beacon.identity.id, "", other.node.key.thumbprints))
        alpha.node.peers.add(Peer(f"{gamma.url}/mme", "gamma", kind=PeerKind.MATCHMAKER))
        alpha.node.peers.add(Peer(dead, "dead", alpha.node.key.thumbprints))
        alpha.node.exchange.given.keep(f"{gamma.url}/mme", gamma.node.exchange.tokens.issue("alpha"))
        alpha.deposit(MINE, owner="ann", family="F1")
        alpha.deposit(patient("sister", features=[FOCAL, ATAXIA], genes=["SCN1A"]), owner="ann", family="F1")
        alpha.deposit(patient("neighbour", features=[FOCAL, TREMOR]), owner="bob")
        beta.deposit(patient("in beta", features=[SEIZURE, ATAXIA], genes=["SCN1A"]))
        gamma.deposit(patient("in gamma", features=[ATAXIA]))
        # One patient in two nodes, the asking patient himself, and his sister
        for node in (beta, gamma):
            node.deposit(patient("everywhere", features=[FOCAL], genes=["SCN1A"]))
        beta.deposit(MINE, patient("sister", features=[FOCAL, ATAXIA], genes=["SCN1A"]))
        yield World(alpha, beta, gamma, dead)


def _ids(document: dict[str, Any]) -> set[str]:
    return {result["patient"]["id"] for result in document["results"]}


def test_every_node_answers_or_says_why_not(world: World) -> None:
    document = world.ask()
    states = {line["node"]: line["state"] for line in document["nodes"]}
    assert states == {
        world.alpha.url: "hit",
        world.beta.url: "hit",
        f"{world.gamma.url}/mme": "hit",
        world.dead: "unreachable",
    }
    assert document["nodes"][0]["node"] == world.alpha.url
    assert _ids(document) == {"neighbour", "in beta", "in gamma", "everywhere"}
    told = {line["node"]: line.get("disclaimer") for line in document["nodes"]}
    assert told[world.beta.url] == "beta says so"
    assert told[f"{world.gamma.url}/mme"] == "gamma says so"


def test_one_patient_seen_through_two_nodes_is_told_once(world: World) -> None:
    found = [r for r in world.ask()["results"] if r["patient"]["id"] == "everywhere"]
    assert len(found) == 1
    assert {each["node"] for each in found[0]["_nodes"]} == {world.beta.url, f"{world.gamma.url}/mme"}


def test_patients_of_every_node_are_explained_and_scored_by_the_one_that_asks(world: World) -> None:
    results = {result["patient"]["id"]: result for result in world.ask()["results"]}
    for name in ("neighbour", "in beta", "in gamma"):
        assert results[name]["_explanation"]["text"][-1].startswith("Of pairs of published patients")
        here = results[name]["_here"]
        assert here["_meaning"]["low"] <= here["_meaning"]["sharedGene"] <= here["_meaning"]["high"]
    assert results["in beta"]["_explanation"]["text"][0].startswith("Both name SCN1A as a candidate gene")
    assert {one["id"] for one in results["in gamma"]["_explanation"]["onlyAsked"]} == {FOCAL}


def test_what_consent_keeps_back_leaves_neither_way(world: World) -> None:
    """What arrives at beta is what the level lets leave: seen by the score, which speaks of the variant."""

    def genotype() -> float:
        results = world.ask()["results"]
        return next(r["score"]["_genotype"] for r in results if r["patient"]["id"] == "same variant")

    same = [{"gene": {"id": "SCN1A"}, "variant": VARIANT, "zygosity": 1}]
    world.beta.deposit(patient("same variant", features=[TREMOR], genomicFeatures=same))
    book = world.alpha.node.exchange.book
    book.change(OPERATOR, "mine", sharing=Sharing.VARIANT)
    assert genotype() == pytest.approx(0.97, abs=0.04)
    book.change(OPERATOR, "mine", sharing=Sharing.GENE)
    assert genotype() < 0.9
    book.change(OPERATOR, "mine", sharing=Sharing.PHENOTYPE)
    assert genotype() == 0
    book.change(OPERATOR, "mine", sharing=Sharing.VARIANT)
    world.beta.node.exchange.book.remove(OPERATOR, "same variant")


def test_a_case_that_may_not_leave_is_not_sent(world: World) -> None:
    world.alpha.deposit(patient("kept", features=[FOCAL]), sharing=Sharing.NOTHING)
    with pytest.raises(Exception, match="lets nothing of it leave"):
        world.ask(case_id="kept")


@pytest.mark.parametrize(("actor", "case_id"), [(Actor("bob"), "mine"), (OPERATOR, "nobody")])
def test_only_a_case_of_ones_own_is_sent(world: World, actor: Actor, case_id: str) -> None:
    with pytest.raises(Forbidden, match="deposited here"):
        world.ask(actor, case_id)


def test_the_network_is_asked_over_http_for_ones_own_cases(world: World) -> None:
    question = {"patient": patient("mine", features=[TREMOR])}  # what was deposited is sent, not this
    path = "/network/mme/match"
    refused = world.alpha.post(question, path)
    assert (refused.status_code, set(refused.json())) == (403, {"message"})
    world.alpha.node.exchange.book.change(OPERATOR, "mine", team="")
    world.alpha.node.exchange.book.hand_over(OPERATOR, "ann", "peer lab")
    answer = world.alpha.post(question, path, content_type=V1_0, accept=V1_0)
    assert (answer.status_code, answer.headers["content-type"]) == (200, V1_0)
    assert _ids(answer.json()) == {"neighbour", "in beta", "in gamma", "everywhere"}
    assert [line["state"] for line in answer.json()["nodes"]].count("hit") == 3
    world.alpha.node.exchange.book.hand_over(OPERATOR, "peer lab", "ann")


def test_matches_are_remembered_once_and_sorted_by_people(world: World) -> None:
    world.ask()
    tracking = world.alpha.node.exchange.tracking
    before = tracking.tracks(Actor("ann"), "mine")
    world.ask()
    tracks = tracking.tracks(Actor("ann"), "mine")
    assert [t.number for t in tracks] == [t.number for t in before]
    assert {t.patient_id for t in tracks} >= {"neighbour", "in beta", "in gamma", "everywhere"}
    assert {t.state for t in tracks} == {Triage.NEW}
    one = next(t for t in tracks if t.patient_id == "in beta")
    assert (one.node, one.asked, one.contact["name"]) == (world.beta.url, Asked.BY_US, "Dr A. Physician")
    tracking.triage(Actor("ann"), "mine", one.number, Triage.CONTACTED_BY_US, "wrote on Monday")
    world.ask()
    again = next(t for t in tracking.tracks(Actor("ann"), "mine") if t.number == one.number)
    assert (again.state, [r.text for r in again.remarks]) == (Triage.CONTACTED_BY_US, ["wrote on Monday"])
    with pytest.raises(NotFound):
        tracking.triage(Actor("bob"), "mine", one.number, Triage.IRRELEVANT)
    with pytest.raises(NotFound):
        tracking.triage(Actor("ann"), "mine", 10**6, Triage.IRRELEVANT)


def test_every_night_all_cases_are_matched_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tonight is now; the next night is far away."""
    waits = iter((0.0, 1e6))
    monkeypatch.setattr("node.exchange.rounds.seconds_until", lambda _at, _now: next(waits))
    node = world.alpha.node
    node.exchange.book.add(
        OPERATOR, [Deposit(read_patient(patient("late", genes=["SCN1A"])), Sharing.GENE, "ann")]
    )

    def seen() -> set[str]:
        return {track.patient_id for track in node.exchange.tracking.tracks(OPERATOR, "late")}

    async def night() -> None:
        async with node.open_network() as network:
            rounds = asyncio.create_task(node.exchange.rounds.nightly(network, "02:30"))
            while not {"in beta", "everywhere"} <= seen():
                assert not rounds.done()
                await asyncio.sleep(0.05)
            rounds.cancel()

    asyncio.run(night())
    node.exchange.book.remove(OPERATOR, "late")


def test_a_token_peer_is_tried_with_its_token(world: World) -> None:
    node = world.alpha.node
    peer = node.peers.find(f"{world.gamma.url}/mme")
    assert peer is not None
    assert asyncio.run(node.try_peer(peer)).state == "ok"


def test_of_a_foreign_patient_nothing_is_kept_but_audit_and_digest(world: World) -> None:
    world.ask()
    beta = world.beta.node
    tracks = beta.exchange.tracking.tracks(OPERATOR, "in beta")
    assert tracks
    assert all((t.asked, t.patient_id, t.contact) == (Asked.BY_THEM, "", {}) for t in tracks)
    assert tracks[0].node == f"peer {world.alpha.url}"
    with beta.engine.connect() as connection:
        everything = b"".join(
            orjson.dumps(
                [str(value) for row in connection.exec_driver_sql(f"SELECT * FROM {table}") for value in row]
            )
            for table in ("case_match", "outbox", "remark", "exchange_day", "audit")
        )
    for told in (b"alpha@hospital.example", b'"late"', SECRET.encode(), b"166000000"):
        assert told not in everything


def test_both_nodes_have_the_question_in_their_audit_under_one_request(world: World) -> None:
    world.ask()
    mine, theirs = (
        [line for line in export(running.node.engine) if line.get("kind") == "mme"]
        for running in (world.alpha, world.beta)
    )
    assert mine[-1]["principal"] == "operator"
    assert theirs[-1]["principal"] == f"peer {world.alpha.url}"
    assert theirs[-1]["outcome"] == "answered"
    assert theirs[-1]["question"] != mine[-1]["question"]  # each has its own key
    assert {line["request"] for line in theirs} <= {line["request"] for line in mine}
