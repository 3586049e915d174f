"""Ids that may be used once: each is remembered for as long as it could be accepted, and no more of them
than memory allows.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from schemas.errors import OverBudget


@dataclass(slots=True)
class UsedIds:
    """The ids that one sender has used.  remember_s: how long; at_most: how many."""

    remember_s: float
    at_most: int
    ids: set[str] = field(default_factory=set)
    queue: deque[tuple[float, str]] = field(default_factory=deque)

    def first_time(self, used: str, now_s: float) -> bool:
        """Whether `used` is new; from now on it is not.  Raises OverBudget: too many are remembered."""
        while self.queue and self.queue[0][0] < now_s:
            self.ids.discard(self.queue.popleft()[1])
        if used in self.ids:
            return False
        if len(self.ids) >= self.at_most:
            raise OverBudget("too many requests from this sender in the last minutes; ask again later")
        self.ids.add(used)
        self.queue.append((now_s + self.remember_s, used))
        return True
