"""What a check is: one statement about Beacons, what it rests on, and how it is put to the test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from node.verify.orient import World
from node.verify.visit import Exchange

_REPOSITORY: Final = "https://github.com/ga4gh-beacon/beacon-v2/blob/v2.1.1"
FRAMEWORK: Final = f"{_REPOSITORY}/framework/json"
MODEL: Final = f"{_REPOSITORY}/models/json/beacon-v2-default-model"
QUERIES: Final = "https://docs.genomebeacons.org/variant-queries/"
FILTERS: Final = "https://docs.genomebeacons.org/filters/"
PROSE: Final = "https://docs.genomebeacons.org/framework/"


class Severity(StrEnum):
    """How bad it is when a statement does not hold.

    ERROR: the specification is broken, or an answer is wrong or tells too much.  WARNING: the specification
    is silent there, but people are misled or clients have to be written around it.
    """

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, in a sentence, and the exchange that shows it."""

    text: str
    exchange: Exchange | None = None


Examine = Callable[[World], AsyncIterator[Fault]]


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the table of checks.

    id: short and stable, for reports.  says: what has to be so.  link: where that is written, or what it
    follows from.  examine: yields what is wrong; raises SkipCheck when it cannot be examined.
    """

    id: str
    says: str
    link: str
    severity: Severity
    examine: Examine


class Outcome(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Result:
    """How one check ended; `reason` is why it was skipped."""

    check: Check
    outcome: Outcome
    faults: tuple[Fault, ...] = ()
    reason: str = ""
