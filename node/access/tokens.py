"""Request tokens: who asks whom, what, until when; signed, and good for one use.

A token is bound to its sender's key, its receiver, method, path and body, so that whoever reads one on
the way (a proxy, a relay, a log) can use it for nothing.  It vouches for the sending node, not for a
person: what that node may see is decided in `grant`.

Spec: RFC 9068 (`at+jwt`), RFC 8693 §4.1 (`act`), RFC 8725.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from node.access.claims import LEEWAY_S, is_text, number_of
from node.access.compact import Claims
from node.access.keys import NodeKey
from node.access.once import UsedIds
from node.access.signed import read_signed
from schemas.access import Tier
from schemas.errors import NotAuthorised

MEDIA_TYPE: Final = "at+jwt"
LIFE_S: Final = 60  # of the tokens minted here
MAX_LIFE_S: Final = 120  # of the tokens accepted here
MAX_HOPS: Final = 2
_TOKEN_ID: Final = re.compile(r"[A-Za-z0-9_-]{16,64}")
# Until then a token could be accepted: it may be issued LEEWAY_S ahead of our clock and live on.
_REMEMBER_S: Final = LEEWAY_S + MAX_LIFE_S + LEEWAY_S
_REMEMBER_AT_MOST: Final = 50_000  # tokens of one peer: some 280 questions a second, a few MB


@dataclass(frozen=True, slots=True)
class Call:
    """The request that a token is bound to.  `path` is relative to the receiver's id, without a query."""

    method: str
    path: str
    body: bytes

    @property
    def digest(self) -> str:
        """SHA-256 of the body, base64url."""
        return base64.urlsafe_b64encode(hashlib.sha256(self.body).digest()).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True)
class SignedCall:
    """What a verified token says.

    peer: the node that sent it.  subject: on whose behalf; the node itself when nobody in particular.
    via: the nodes it came through, the last is `peer`.  remaining_s: time to answer, from its arrival.
    tier, purpose: of the subject, as the peer says; to be believed no further than the peer is.
    """

    peer: str
    subject: str
    via: tuple[str, ...]
    remaining_s: float
    tier: Tier = Tier.PUBLIC
    purpose: str = ""


@dataclass(frozen=True, slots=True)
class Behalf:
    """On whose behalf a node asks.  subject: how it calls him to this one receiver; "" for nobody."""

    subject: str = ""
    tier: Tier = Tier.PUBLIC
    purpose: str = ""


NOBODY: Final = Behalf()


class Trusted(Protocol):
    """What must be known of a peer to verify it."""

    @property
    def thumbprints(self) -> tuple[str, ...]: ...
    @property
    def suspended(self) -> bool: ...


def mint(
    key: NodeKey,
    sender: str,
    receiver: str,
    call: Call,
    deadline_s: float,
    *,
    now_s: float,
    via: tuple[str, ...] = (),
    behalf: Behalf = NOBODY,
) -> str:
    """A token for one `call` from node `sender` to node `receiver`, to be answered within `deadline_s`.

    now_s: Unix time.  via: nodes that a question which is passed on came through.  About 0.15 ms.
    """
    # To the millisecond, and up: a receiver refuses tokens from before its start.
    issued = math.ceil(now_s * 1000) / 1000
    claims = {
        "iss": sender,
        "aud": receiver,
        "client_id": sender,
        "sub": behalf.subject or sender,
        "act": {"sub": sender},
        "iat": issued,
        "exp": issued + LIFE_S,
        "jti": secrets.token_urlsafe(16),
        "fed": {
            "htm": call.method,
            "path": call.path,
            "bh": call.digest,
            "via": [*via, sender],
            "dl": round((now_s + deadline_s) * 1000),
            "tier": behalf.tier.value,
            "purpose": behalf.purpose,
        },
    }
    return key.sign(MEDIA_TYPE, json.dumps(claims).encode())


class TokenVerifier:
    """Verifies the tokens sent to one node; one per process, used from one thread.

    The used tokens are remembered in memory.  After a restart that memory is gone, so a token issued
    before the start is refused: it may have been used already, and its sender only has to ask again.  (A
    sender whose clock is ahead could have one token replayed within LEEWAY_S of a restart.)
    """

    def __init__(
        self, node: str, lookup: Callable[[str], Trusted | None], clock: Callable[[], float] = time.time
    ) -> None:
        """node: the id of this node, which is the only audience accepted.  clock: Unix time in seconds."""
        self._node = node
        self._lookup = lookup
        self._clock = clock
        self._started_s = clock()
        self._used: dict[str, UsedIds] = {}

    def verify(self, authorization: str | None, call: Call) -> SignedCall:
        """What the token in an `Authorization` header says, once everything about it has been checked.

        About 0.3 ms.

        Raises NotAuthorised: everything else, with what an honest peer's operator has to correct;
        OverBudget: a peer that sends more tokens than are remembered.
        """
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise NotAuthorised("this endpoint answers only requests signed by a peer node")
        asking: list[Trusted] = []  # read once: what is known of a peer may change at any time

        def pins(issuer: str) -> tuple[str, ...]:
            asking.append(self._known(issuer))
            return asking[0].thumbprints

        claims = read_signed(token, MEDIA_TYPE, pins)
        self._check_parties(claims, asking[0].suspended)
        now_s = self._clock()
        self._check_times(claims, now_s)
        signed = self._check_binding(claims, call, now_s)
        self._check_first_use(signed.peer, claims.get("jti"), now_s)
        return signed

    def _known(self, issuer: str) -> Trusted:
        peer = self._lookup(issuer)
        if peer is None:
            raise NotAuthorised(
                f"{issuer[:100]!r} is not a peer of {self._node}; its operator can add it with: "
                "varhaven peer add URL --thumbprint T"
            )
        return peer

    def _check_parties(self, claims: Claims, suspended: bool) -> None:
        peer = claims["iss"]
        if suspended:  # told only now, when it is certain that the peer itself is asking
            raise NotAuthorised(f"{self._node} has suspended {peer}; its operator can tell why")
        if claims.get("aud") != self._node:
            raise NotAuthorised(
                f"the token is for another audience; this node is {self._node}, exactly as written here"
            )
        if claims.get("client_id") != peer or claims.get("act") != {"sub": peer}:
            raise NotAuthorised("client_id and act must name the issuer: tokens are not passed on")
        if not is_text(claims.get("sub"), 256):
            raise NotAuthorised("the token names no subject (sub)")

    def _check_times(self, claims: Claims, now_s: float) -> None:
        issued, expires = number_of(claims, "iat"), number_of(claims, "exp")
        if not 0 < expires - issued <= MAX_LIFE_S:
            raise NotAuthorised(f"a token may live {MAX_LIFE_S} s at most")
        ahead = issued - now_s
        if ahead > LEEWAY_S:
            raise NotAuthorised(
                f"the token was issued {ahead:.0f} s in the future; check the clocks of both nodes"
            )
        if now_s > expires + LEEWAY_S:
            raise NotAuthorised(
                f"the token expired {now_s - expires:.0f} s ago; check the clocks of both nodes"
            )
        if "nbf" in claims and number_of(claims, "nbf") > now_s + LEEWAY_S:
            raise NotAuthorised("the token is not valid yet (nbf)")
        if issued < self._started_s:
            raise NotAuthorised("this node has restarted since the token was issued; please ask again")

    def _check_binding(self, claims: Claims, call: Call, now_s: float) -> SignedCall:
        bound = claims.get("fed")
        if not isinstance(bound, dict):
            raise NotAuthorised("the token is not bound to a request (fed)")
        if bound.get("htm") != call.method or bound.get("path") != call.path:
            raise NotAuthorised(f"the token is for another request than {call.method} {call.path}")
        if bound.get("bh") != call.digest:
            raise NotAuthorised("the body is not the one that was signed; does a proxy change it?")
        via = bound.get("via")
        if not isinstance(via, list) or not via or not all(is_text(hop, 2000) for hop in via):
            raise NotAuthorised("the token does not say which nodes it came through (via)")
        if self._node in via or len(set(via)) != len(via):
            raise NotAuthorised("the question has come around in a loop")
        if len(via) > MAX_HOPS or via[-1] != claims["iss"]:
            raise NotAuthorised(
                f"the question came through more than {MAX_HOPS} nodes, or not from its issuer"
            )
        deadline_s = number_of(bound, "dl") / 1000
        remaining_s = deadline_s - number_of(claims, "iat")  # by one clock, the sender's
        if remaining_s <= 0 or deadline_s + LEEWAY_S < now_s:
            raise NotAuthorised("the deadline of the question has passed; check the clocks of both nodes")
        tier, purpose = _behalf(bound)
        return SignedCall(
            claims["iss"], claims["sub"], tuple(via), min(remaining_s, MAX_LIFE_S), tier, purpose
        )

    def _check_first_use(self, peer: str, token_id: Any, now_s: float) -> None:
        """Last of all checks, so that only a peer's own valid tokens use up its memory."""
        if not isinstance(token_id, str) or not _TOKEN_ID.fullmatch(token_id):
            raise NotAuthorised("the token has no id of 16 to 64 base64url characters (jti)")
        used = self._used.setdefault(peer, UsedIds(_REMEMBER_S, _REMEMBER_AT_MOST))
        if not used.first_time(token_id, now_s):
            raise NotAuthorised("the token was used before; every request needs its own")


def _behalf(bound: dict[str, Any]) -> tuple[Tier, str]:
    """Tier and purpose of whom is asked for; a node that says nothing asks for nobody in particular."""
    tier, purpose = bound.get("tier", Tier.PUBLIC), bound.get("purpose", "")
    if tier not in tuple(Tier):
        raise NotAuthorised("the token names a tier that is not known here")
    if purpose != "" and not is_text(purpose, 400):
        raise NotAuthorised("the token states a purpose that is no text")
    return Tier(tier), purpose
