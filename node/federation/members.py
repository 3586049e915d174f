"""The list of members that the operator of a network signs, for nodes that have pinned his key.

It can only narrow: who is not on it, or suspended there, is neither asked nor answered, and whoever is on it
still needs to be a peer whose key a person here has pinned.  Without a list that holds now nobody is.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy.engine import Engine

from node.access.claims import LEEWAY_S, is_text, number_of
from node.access.keys import NodeKey
from node.access.signed import read_signed
from node.federation.newest import Newest
from schemas.errors import NotAuthorised

MEDIA_TYPE: Final = "varhaven-members+jwt"
MAX_CHARS: Final = 500_000  # some 2,000 members
_KIND: Final = "members"
_LONGEST_S: Final = 92 * 86_400


@dataclass(frozen=True, slots=True)
class Members:
    """seq: grows from one list to the next.  suspended: by the id of each member.  Times are Unix seconds."""

    issuer: str
    seq: int
    issued_s: float
    expires_s: float
    suspended: Mapping[str, bool]

    def refusal(self, node: str, now_s: float) -> str:
        """Why `node` is neither asked nor answered; "" when it may be."""
        if now_s > self.expires_s + LEEWAY_S:
            return "the list of members has expired; take in a newer one"
        suspended = self.suspended.get(node)
        if suspended is None:
            return "it is not on the list of members"
        return "the operator of the network has suspended it" if suspended else ""


def sign(key: NodeKey, issuer: str, members: Iterable[str], suspended: Iterable[str], *, days: int) -> str:
    """A list as a compact JWS; valid from now on."""
    now_s, shut = int(time.time()), set(suspended)
    claims = {
        "iss": issuer,
        "seq": now_s,
        "iat": now_s,
        "exp": now_s + days * 86_400,
        "members": [{"node": node, "suspended": node in shut} for node in sorted({*members, *shut})],
    }
    return key.sign(MEDIA_TYPE, json.dumps(claims).encode())


def read(document: str, thumbprint: str, now_s: float) -> Members:
    """The list that the pinned key signed; one that has expired is read, too, and lets nobody through.

    Raises NotAuthorised: anything else.
    """
    claims = read_signed(document, MEDIA_TYPE, lambda _issuer: (thumbprint,), max_chars=MAX_CHARS)
    issued, expires, seq = (number_of(claims, name) for name in ("iat", "exp", "seq"))
    if not 0 < expires - issued <= _LONGEST_S or issued > now_s + LEEWAY_S or seq != int(seq):
        raise NotAuthorised("the list of members is made for no time that can be")
    listed = claims.get("members")
    if not isinstance(listed, list):
        raise NotAuthorised("the list of members has no members")
    suspended: dict[str, bool] = {}
    for one in listed:
        if (
            not isinstance(one, dict)
            or not is_text(one.get("node"), 2000)
            or not isinstance(one.get("suspended", False), bool)
            or one["node"] in suspended
        ):
            raise NotAuthorised("a member of the list cannot be read, or stands there twice")
        suspended[one["node"]] = one.get("suspended", False)
    return Members(claims["iss"], int(seq), issued, expires, suspended)


class Roster:
    """What the newest list says.  Raises StoreUnavailable from every method."""

    def __init__(
        self, engine: Engine, thumbprint: str | None, clock: Callable[[], float] = time.time
    ) -> None:
        """thumbprint: of who signs; None where no list is kept, and everybody passes."""
        self._thumbprint = thumbprint
        self._newest = Newest(engine, _KIND)
        self._clock = clock
        self._read: tuple[str, Members] | None = None

    def take_in(self, document: str) -> Members:
        """Raises NotAuthorised: not a list of the pinned key, or an older one than is held."""
        if self._thumbprint is None:
            raise NotAuthorised("no key of an operator is pinned: set [federation] membership_key first")
        found = read(document.strip(), self._thumbprint, self._clock())
        self._newest.advance(self._thumbprint, found.seq, document.strip())
        return found

    def members(self) -> Members | None:
        """The newest list; None when there is none."""
        if self._thumbprint is None:
            return None
        document = self._newest.newest(self._thumbprint)
        if not document:
            return None
        if self._read is None or self._read[0] != document:
            self._read = document, read(document, self._thumbprint, self._clock())
        return self._read[1]

    def refusal(self) -> Callable[[str], str]:
        """Why a node is neither asked nor answered by the list, "" when it may be; of one moment."""
        if self._thumbprint is None:
            return lambda _node: ""
        found, now_s = self.members(), self._clock()
        if found is None:
            return lambda _node: "no list of members was taken in yet"
        return lambda node: found.refusal(node, now_s)
