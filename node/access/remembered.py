"""What was established once and may be believed for a while: bounded, the oldest forgotten first."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Value = TypeVar("Value")


@dataclass(slots=True)
class Remembered(Generic[Value]):
    """Values by digest, each with the Unix time until which it may be used.  at_most: how many."""

    at_most: int
    held: OrderedDict[bytes, tuple[Value, float]] = field(default_factory=OrderedDict)

    def get(self, key: bytes, now_s: float) -> Value | None:
        """None when there is nothing, or nothing any more."""
        found = self.held.get(key)
        if found is None:
            return None
        if found[1] <= now_s:
            del self.held[key]
            return None
        self.held.move_to_end(key)
        return found[0]

    def put(self, key: bytes, value: Value, until_s: float) -> None:
        self.held[key] = (value, until_s)
        self.held.move_to_end(key)
        while len(self.held) > self.at_most:
            self.held.popitem(last=False)


def digest(*secrets: str) -> bytes:
    """By which a token is remembered: from memory nobody can take the token itself."""
    joined = hashlib.sha256()
    for secret in secrets:
        joined.update(hashlib.sha256(secret.encode()).digest())
    return joined.digest()
