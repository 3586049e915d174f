"""A node's part in a secure sum: what it pledges, to whom, and every way in which a leader could cheat."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from node import db
from node.federation.peers import Peer
from node.federation.sums import pledge as pledges
from node.federation.sums.masks import MaskKey, total
from node.federation.sums.memory import Memory
from node.federation.sums.part import Cell, Part, Share, Terms
from node.federation.sums.pledge import Pledge, Round, question_digest
from schemas.errors import BadQuestion, Forbidden, NodeError, NotAuthorised, OverBudget
from tests.federated import Node, a_node

ALLELE = "GRCh37:20:3193842:C:A"
NOW = 1_800_000_000.0


class Clock:
    now_s = NOW

    def __call__(self) -> float:
        return self.now_s


@dataclass
class Hospital:
    node: Node
    part: Part
    cell: Cell

    @property
    def id(self) -> str:
        return self.node.id

    def pledge(self, wanted: Round) -> str:
        return self.part.pledge(wanted, lambda: self.cell)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def hospitals(tmp_path: Path, clock: Clock) -> Iterator[list[Hospital]]:
    """Four that know each other and sum with each other."""
    with ExitStack() as stack:
        nodes = [
            stack.enter_context(a_node(tmp_path / name, f"https://{name}.example"))
            for name in ("a", "b", "c", "d")
        ]
        partners = frozenset(node.id for node in nodes)
        made = []
        for number, node in enumerate(nodes, 1):
            for other in nodes:
                if other is not node:
                    node.peers.add(other.as_peer())
            memory = Memory(node.engine, remember_days=30, per_day=5, clock=clock)
            part = Part(node.id, node.key, node.peers, memory, Terms(partners - {node.id}, 10), clock=clock)
            made.append(Hospital(node, part, Cell(number, 2 * number, 200)))
        yield made


def a_round(leader: Hospital, name: str = "round-1", allele: str = ALLELE) -> Round:
    return Round(name, leader.id, question_digest(allele))


def summed(parties: list[Hospital], wanted: Round) -> Cell:
    documents = [each.pledge(wanted) for each in parties]
    return Cell(*total(each.part.share(wanted.leader, wanted.id, documents).numbers for each in parties))


def test_three_learn_their_total_and_nothing_else(hospitals: list[Hospital]) -> None:
    parties = hospitals[:3]
    wanted = a_round(parties[0])
    documents = [each.pledge(wanted) for each in parties]
    shares = [each.part.share(wanted.leader, wanted.id, documents).numbers for each in parties]
    assert total(shares) == (6, 12, 600)
    assert all(number > 2**40 for share in shares for number in share)
    assert ALLELE not in "".join(documents)


def test_the_same_again_gives_the_same(hospitals: list[Hospital]) -> None:
    assert summed(hospitals[:3], a_round(hospitals[0])) == summed(
        hospitals[:3], a_round(hospitals[1], "again")
    )


@pytest.mark.parametrize("second", [slice(0, 3), slice(1, 4)], ids=["fewer", "others"])
def test_the_same_question_over_other_nodes_is_refused(hospitals: list[Hospital], second: slice) -> None:
    summed(hospitals, a_round(hospitals[1]))
    with pytest.raises(Forbidden, match="with other nodes before"):
        summed(hospitals[second], a_round(hospitals[1], "smaller"))
    summed(hospitals[second], a_round(hospitals[1], "another question", "GRCh37:20:1:C:A"))


def test_the_same_question_over_other_data_is_refused(hospitals: list[Hospital], clock: Clock) -> None:
    summed(hospitals, a_round(hospitals[0]))
    with hospitals[2].node.engine.begin() as connection:
        db.announce(connection)
    with pytest.raises(Forbidden, match="data here have changed"):
        summed(hospitals, a_round(hospitals[0], "later"))
    clock.now_s += 31 * 86_400
    summed(hospitals, a_round(hospitals[0], "much later"))


def test_one_leader_has_a_budget(hospitals: list[Hospital], clock: Clock) -> None:
    for number in range(5):
        summed(hospitals, a_round(hospitals[0], f"r{number}", f"GRCh37:20:{number + 1}:C:A"))
    with pytest.raises(OverBudget):
        summed(hospitals, a_round(hospitals[0], "r6", "GRCh37:20:6:C:A"))
    summed(hospitals, a_round(hospitals[1], "r6", "GRCh37:20:6:C:A"))
    clock.now_s += 86_401
    summed(hospitals, a_round(hospitals[0], "r7", "GRCh37:20:7:C:A"))


def test_two_are_too_few(hospitals: list[Hospital]) -> None:
    with pytest.raises(BadQuestion, match="3 to"):
        summed(hospitals[:2], a_round(hospitals[0]))


def test_a_pledge_is_good_for_one_share_within_a_minute(hospitals: list[Hospital], clock: Clock) -> None:
    wanted, parties = a_round(hospitals[0]), hospitals[:3]
    documents = [each.pledge(wanted) for each in parties]
    parties[1].part.share(wanted.leader, wanted.id, documents)
    with pytest.raises(BadQuestion, match="no such round"):
        parties[1].part.share(wanted.leader, wanted.id, documents)
    clock.now_s += 61
    with pytest.raises(BadQuestion, match="over"):
        parties[2].part.share(wanted.leader, wanted.id, documents)


def test_nobody_else_can_use_a_round(hospitals: list[Hospital]) -> None:
    wanted, parties = a_round(hospitals[0]), hospitals[:3]
    documents = [each.pledge(wanted) for each in parties]
    with pytest.raises(BadQuestion, match="no such round"):
        parties[1].part.share(parties[2].id, wanted.id, documents)


def test_a_round_is_not_begun_twice(hospitals: list[Hospital]) -> None:
    """A second key for one round would let a leader show different keys to different nodes."""
    hospitals[1].pledge(a_round(hospitals[0]))
    with pytest.raises(Forbidden, match="begun already"):
        hospitals[1].pledge(a_round(hospitals[0]))


def test_strangers_lead_nothing(hospitals: list[Hospital]) -> None:
    with pytest.raises(Forbidden, match="led by yours"):
        hospitals[0].pledge(Round("r", "https://stranger.example", question_digest(ALLELE)))


def test_open_rounds_are_bounded(hospitals: list[Hospital]) -> None:
    for number in range(100):
        hospitals[1].pledge(a_round(hospitals[0], f"r{number}"))
    with pytest.raises(OverBudget):
        hospitals[1].pledge(a_round(hospitals[0], "one more"))


class Cheat:
    """A leader who shows `victim` pledges of which one has been tampered with."""

    def __init__(self, hospitals: list[Hospital]) -> None:
        self.leader, self.victim, self.third, self.fourth = hospitals
        self.round = a_round(self.leader)
        self.documents = [each.pledge(self.round) for each in (self.leader, self.victim, self.third)]

    def shows(self, documents: list[str]) -> Share:
        return self.victim.part.share(self.round.leader, self.round.id, documents)

    def pledge_of(
        self, node: str, wanted: Round | None = None, key: bytes | None = None, **more: float
    ) -> str:
        """A pledge signed by the leader, in whosever name."""
        said = Pledge(node, wanted or self.round, MaskKey().public if key is None else key, 10)
        return pledges.sign(said, self.leader.node.key, more.get("now_s", NOW))


@pytest.fixture
def cheat(hospitals: list[Hospital]) -> Cheat:
    return Cheat(hospitals)


def test_a_made_up_participant_is_refused(cheat: Cheat) -> None:
    made_up = cheat.pledge_of("https://made-up.example")
    with pytest.raises(NotAuthorised, match="does not sum with"):
        cheat.shows([*cheat.documents, made_up])


def test_a_key_slipped_in_for_a_partner_is_refused(cheat: Cheat) -> None:
    with pytest.raises(NotAuthorised, match="not known here with the key"):
        cheat.shows([*cheat.documents[:2], cheat.pledge_of(cheat.third.id)])


def test_a_leader_alone_behind_every_other_pledge_is_refused(cheat: Cheat) -> None:
    own = [cheat.pledge_of(cheat.leader.id) for _ in range(2)]
    with pytest.raises(BadQuestion, match="twice"):
        cheat.shows([*own, cheat.documents[1]])


def test_a_pledge_of_another_round_is_refused(cheat: Cheat) -> None:
    for other in (
        Round("another", cheat.leader.id, cheat.round.question),
        Round(cheat.round.id, cheat.fourth.id, cheat.round.question),
        Round(cheat.round.id, cheat.leader.id, question_digest("GRCh37:20:1:C:A")),
    ):
        third = cheat.third.node
        said = Pledge(third.id, other, MaskKey().public, 10)
        with pytest.raises(NotAuthorised, match="another round"):
            Cheat.shows(cheat, [*cheat.documents[:2], pledges.sign(said, third.key, NOW)])
        cheat.documents[1] = cheat.victim.pledge(cheat.round)


def test_without_the_victims_own_pledge_there_is_no_share(cheat: Cheat) -> None:
    fourth = cheat.fourth.pledge(cheat.round)
    with pytest.raises(BadQuestion, match="that of this node"):
        cheat.shows([cheat.documents[0], cheat.documents[2], fourth])


def test_a_suspended_partner_is_summed_with_no_more(cheat: Cheat) -> None:
    cheat.victim.node.peers.suspend(cheat.third.id)
    with pytest.raises(NotAuthorised, match="does not sum with"):
        cheat.shows(cheat.documents)


def test_a_peer_that_is_no_partner_is_not_summed_with(hospitals: list[Hospital], tmp_path: Path) -> None:
    with a_node(tmp_path / "e", "https://e.example") as stranger:
        hospitals[1].node.peers.add(Peer(stranger.id, "", stranger.key.thumbprints))
        wanted = a_round(hospitals[0])
        documents = [each.pledge(wanted) for each in hospitals[:2]]
        said = Pledge(stranger.id, wanted, MaskKey().public, 10)
        documents.append(pledges.sign(said, stranger.key, NOW))
        with pytest.raises(NotAuthorised, match="does not sum with"):
            hospitals[1].part.share(wanted.leader, wanted.id, documents)


@pytest.mark.parametrize(
    ("key", "age_s"),
    [(b"short", 0), (bytes(32), 0), (None, 200), (None, -200)],
    ids=["short", "zero", "old", "early"],
)
def test_a_bad_key_or_time_is_refused(cheat: Cheat, key: bytes | None, age_s: float) -> None:
    bad = cheat.pledge_of(cheat.leader.id, key=key, now_s=NOW - age_s)
    with pytest.raises(NotAuthorised):
        cheat.shows([bad, *cheat.documents[1:]])


def test_what_was_refused_is_not_remembered_as_summed(cheat: Cheat, hospitals: list[Hospital]) -> None:
    with pytest.raises(NodeError):
        cheat.shows([*cheat.documents, cheat.pledge_of("https://made-up.example")])
    assert summed(hospitals, a_round(hospitals[0], "honest")).people == 10
