"""What a node signs before a round: that it takes part, in which question, led by whom, with which mask key.

A pledge is shown to everybody in the round, and believed by those who have pinned its issuer's key; so nobody
who leads a round can make up a participant, or slip in a key of his own for one.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from node.access.compact import Claims
from node.access.keys import NodeKey
from node.access.signed import Pins, read_signed
from node.federation.sums.masks import KEY_BYTES
from schemas.errors import NotAuthorised

MEDIA_TYPE: Final = "varhaven-sum+jwt"
LIFE_S: Final = 60
_LEEWAY_S: Final = 30
_MOST_FLOOR: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Round:
    """What all in a round must agree on.

    id: made up by the leader for this once.  leader: the node that asks.  question: see `question_digest`.
    """

    id: str
    leader: str
    question: str


@dataclass(frozen=True, slots=True)
class Pledge:
    """node: who pledges.  key: its public mask key.  floor: the fewest people a total may tell of."""

    node: str
    round: Round
    key: bytes
    floor: int


def question_digest(allele_id: str) -> str:
    """A question as it stands in a pledge: SHA-256, hex.  Everybody in the round knows the question."""
    return hashlib.sha256(allele_id.encode()).hexdigest()


def sign(pledge: Pledge, key: NodeKey, now_s: float) -> str:
    """The pledge as a compact JWS that lives a minute."""
    claims = {
        "iss": pledge.node,
        "round": pledge.round.id,
        "leader": pledge.round.leader,
        "question": pledge.round.question,
        "key": base64.urlsafe_b64encode(pledge.key).decode(),
        "floor": pledge.floor,
        "exp": int(now_s) + LIFE_S,
    }
    return key.sign(MEDIA_TYPE, json.dumps(claims).encode())


def read(document: str, pins: Pins, wanted: Round, now_s: float) -> Pledge:
    """The pledge in `document`, of a node whose key `pins` knows, for the round `wanted`.

    Raises NotAuthorised: anything else.
    """
    claims = read_signed(document, MEDIA_TYPE, pins)
    issuer, exp, floor = claims["iss"], claims.get("exp"), claims.get("floor")
    found = Round(*(_text(claims, name) for name in ("round", "leader", "question")))
    if found != wanted:
        raise NotAuthorised(f"the pledge of {issuer} is for another round, leader or question")
    if type(exp) is not int or not now_s - _LEEWAY_S <= exp <= now_s + LIFE_S + _LEEWAY_S:
        raise NotAuthorised(f"the pledge of {issuer} is not valid now; check the clocks of the nodes")
    if type(floor) is not int or not 0 < floor <= _MOST_FLOOR:
        raise NotAuthorised(f"the pledge of {issuer} names no floor")
    return Pledge(issuer, found, _key(claims, issuer), floor)


def context(pledges: Collection[str]) -> bytes:
    """What masks are bound to: all pledges of the round, to the letter, in any order."""
    return hashlib.sha256("\n".join(sorted(pledges)).encode()).digest()


def _text(claims: Claims, name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str):
        raise NotAuthorised(f"the pledge names no {name}")
    return value


def _key(claims: Claims, issuer: str) -> bytes:
    try:
        key = base64.urlsafe_b64decode(_text(claims, "key"))
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise NotAuthorised(f"the mask key of {issuer} is no X25519 key")
    return key
