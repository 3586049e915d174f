"""What a node found out about another server and need not ask each time: how it speaks, what it serves."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Final

LASTS_S: Final = 600.0


@dataclass(slots=True)
class Acquaintance:
    """Everything is None until it is found out, and again after ten minutes.

    dialect: by name.  paths: of its entry types, as `/map` tells them.  filters: ids that it lists.
    """

    dialect: str | None = None
    paths: frozenset[str] | None = None
    filters: frozenset[str] | None = None
    since: float = field(default_factory=time.monotonic)

    def refresh(self) -> None:
        """Forgets what is too old to be relied on."""
        if time.monotonic() - self.since > LASTS_S:
            self.forget()

    def forget(self) -> None:
        self.dialect = self.paths = self.filters = None
        self.since = time.monotonic()
