"""Problems found in a file, collected up to a limit, and the report they end in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Limits:
    """What is read at most.

    line_bytes: the longest line.  problems: after so many reading stops.  ratio: bytes unpacked for a byte
    of the file; gzip cannot exceed 1,032.
    """

    line_bytes: int = 64 << 20
    problems: int = 100
    ratio: int = 1_100


USUAL: Final = Limits()


@dataclass(frozen=True, slots=True)
class Problem:
    """Something the specification forbids.  `line` counts from 1; 0 is the file as a whole."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class ValidationReport:
    """What was found in a file, in the order of its lines; valid exactly when nothing was."""

    file: str
    valid: bool
    problems: tuple[Problem, ...]


class Enough(Exception):
    """So many problems that reading on tells nothing."""


class Unreadable(Exception):
    """The file cannot be read beyond this line; the reason is one of the report's problems."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.problem = Problem(line, reason)


class Findings:
    """The problems of one file so far."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._problems: list[Problem] = []

    def add(self, line: int, reasons: Iterable[str]) -> None:
        """Raises Enough: that was the last one wanted; a problem that says so is added."""
        for reason in reasons:
            if len(self._problems) == self._limit:
                self._problems.append(Problem(line, "there are more problems; reading stopped here"))
                raise Enough
            self._problems.append(Problem(line, reason))

    def end(self, problem: Problem) -> None:
        """Add the one problem that ended the reading, whatever the limit."""
        self._problems.append(problem)

    def report(self, file: str) -> ValidationReport:
        return ValidationReport(file, not self._problems, tuple(self._problems))
