"""What a check is, what it is given, and what it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy.engine import Engine

from node.config import Settings

Watcher = Callable[[str], None]
"""Told what is being looked at, in a few words."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong: about what, what, and what to do."""

    about: str
    problem: str
    remedy: str

    @property
    def text(self) -> str:
        return f"{self.about}: {self.problem}. {self.remedy}"


@dataclass(frozen=True, slots=True)
class Patient:
    """The node that is looked at; it may be serving, and nothing of it is changed.

    whole: compare every allele of every file with the index, not only a sample.
    """

    settings: Settings
    engine: Engine
    whole: bool
    watch: Watcher


class Check(Protocol):
    """One line of `CHECKS`.

    Raises NodeError where it cannot look at all; the doctor makes a finding of it.
    """

    def __call__(self, patient: Patient, /) -> Iterator[Finding]: ...
