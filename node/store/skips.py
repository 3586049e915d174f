"""What is left out of a file, line by line, and why."""

from __future__ import annotations

from typing import Final

_SHOWN_LINES_A_REASON: Final = 1000


class Skips:
    """Lines that were left out, and why; of a reason that is very common the first lines and their number."""

    def __init__(self) -> None:
        self._shown: list[tuple[int, str]] = []
        self._times: dict[str, int] = {}

    def add(self, line: int, reason: str) -> None:
        times = self._times[reason] = self._times.get(reason, 0) + 1
        if times <= _SHOWN_LINES_A_REASON:
            self._shown.append((line, reason))

    def clear(self) -> None:
        """Forgets all of them."""
        self._shown.clear()
        self._times.clear()

    def report(self) -> list[tuple[int, str]]:
        """In the order of the file; a line of 0 sums up what is not shown one by one."""
        more = [
            (0, f"{reason} ({times - _SHOWN_LINES_A_REASON:,} more lines)")
            for reason, times in self._times.items()
            if times > _SHOWN_LINES_A_REASON
        ]
        return sorted(self._shown) + more
