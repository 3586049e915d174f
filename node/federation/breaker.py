"""Peers that keep failing are left alone for a while, so that no question waits for them.

Three failures in a row open the line for 30 s; then one question is let through to try, and its outcome
closes or reopens it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

FAILURES: Final = 3
REST_S: Final = 30.0


@dataclass(slots=True)
class _Line:
    failures: int = 0
    open_until: float = 0.0
    trying: bool = False


class Breaker:
    """The lines to all peers of one node.  clock: seconds, never going back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lines: dict[str, _Line] = {}

    def admits(self, peer: str) -> bool:
        """Whether to ask `peer` now.  After True, tell `record` or `release` how it ended."""
        line = self._lines.get(peer)
        if line is None or line.failures < FAILURES:
            return True
        if line.trying or self._clock() < line.open_until:
            return False
        line.trying = True
        return True

    def state_of(self, peer: str) -> str:
        """closed, open or trying."""
        line = self._lines.get(peer)
        if line is None or line.failures < FAILURES:
            return "closed"
        return "open" if self._clock() < line.open_until and not line.trying else "trying"

    def record(self, peer: str, healthy: bool) -> None:
        """healthy: whether the peer answered at all, be it with a refusal."""
        if healthy:
            self._lines.pop(peer, None)
            return
        line = self._lines.setdefault(peer, _Line())
        line.failures += 1
        line.open_until = self._clock() + REST_S
        line.trying = False

    def release(self, peer: str) -> None:
        """The question was given up by whoever asked it, which says nothing about the peer."""
        line = self._lines.get(peer)
        if line is not None:
            line.trying = False
