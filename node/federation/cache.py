"""Answers of peers that are kept for some seconds, where the settings allow it.

Only answers are kept, and only those that tell yes, no or a count: a refusal is not, so that it is never told
to somebody else, and records are not.  They are kept under the peer as it is known now, the whole question,
and on whose behalf and for what purpose it is asked.  While one is kept, whoever withdraws at that peer is
still counted in it here: by default nothing is kept.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Generic, TypeVar

from node.federation.peers import Peer
from node.federation.question import Outcome

T = TypeVar("T")

_MOST_BYTES: Final = 16_000_000  # of all that is kept
_MOST_EACH: Final = 100_000


@dataclass(frozen=True, slots=True)
class Keeping(Generic[T]):
    """What may be kept of a question.  key: everything that the answer depends on, beside the peer."""

    key: bytes
    dump: Callable[[T], bytes]
    load: Callable[[bytes], T]


@dataclass(frozen=True, slots=True)
class _Kept:
    outcome: Outcome[bytes]
    at: float


class AnswerCache:
    """Of one node, in memory alone.  lasts_s: 0 keeps nothing.  clock: seconds, never going back."""

    def __init__(self, lasts_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._lasts_s = lasts_s
        self._clock = clock
        self._kept: OrderedDict[bytes, _Kept] = OrderedDict()
        self._bytes = 0

    def find(self, peer: Peer, keeping: Keeping[T]) -> Outcome[T] | None:
        """The answer `peer` gave to this a short while ago, with a note that says so."""
        name = _name(peer, keeping.key)
        kept = self._kept.get(name)
        if kept is None:
            return None
        age_s = self._clock() - kept.at
        if age_s >= self._lasts_s:
            self._forget(name)
            return None
        told, dumped = kept.outcome, kept.outcome.response or b""
        notes = (*told.notes, f"answered {age_s:.0f} s ago")
        return Outcome(told.state, told.reason, keeping.load(dumped), told.well, notes)

    def keep(self, peer: Peer, keeping: Keeping[T], outcome: Outcome[T]) -> None:
        """Keeps an answer; anything else, and what is large, is not kept."""
        if self._lasts_s <= 0 or not outcome.state.answered or outcome.response is None:
            return
        dumped = keeping.dump(outcome.response)
        if len(dumped) > _MOST_EACH:
            return
        name = _name(peer, keeping.key)
        self._forget(name)
        bare: Outcome[bytes] = Outcome(outcome.state, outcome.reason, None, outcome.well, outcome.notes)
        self._kept[name] = _Kept(replace(bare, response=dumped), self._clock())
        self._bytes += len(dumped)
        while self._bytes > _MOST_BYTES:
            self._forget(next(iter(self._kept)))

    def _forget(self, name: bytes) -> None:
        kept = self._kept.pop(name, None)
        if kept is not None:
            self._bytes -= len(kept.outcome.response or b"")


def _name(peer: Peer, key: bytes) -> bytes:
    """A peer that is known otherwise than before, by another key or on other terms, is another one."""
    return hashlib.sha256(repr(peer).encode() + b"\0" + key).digest()
