"""One file read by processes that do nothing else (`crew`): its samples, its rows, what it left out.

Rows leave here without those people who have withdrawn.  Knows nothing of the database.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from pyroaring import BitMap

from node.store.crew import Crew
from node.store.files import Rules, Target
from node.store.frames import unpack_rows
from node.store.layout import Row
from node.store.narrowing import narrowed
from node.store.parts import WHOLE, Part
from node.store.spans import Span, packed

_KEY_COLUMNS: Final = 6  # bin to sv_length, the same in rows and notes

Watcher = Callable[[int, int], None]
"""Told how many alleles were read so far, and from how many bytes of the file."""


@dataclass(frozen=True, slots=True)
class Way:
    """How a file is read.

    memory_mb, max_line_mb: limits of the process.  rules: what of it is held.
    """

    memory_mb: int
    max_line_mb: int
    rules: Rules = field(default_factory=Rules)


class Batch(NamedTuple):
    """Some of what is read.

    rows: in the order of `layout.COLUMNS`.  notes: of their alleles, in that of `consequences.NOTE_COLUMNS`.
    spans: where people are called, in that of `spans.SPAN_COLUMNS`.
    """

    rows: list[tuple[Any, ...]]
    notes: list[list[Any]]
    spans: list[tuple[Any, ...]]


class Reading:
    """A file that is being read.

    samples: of its header.  left_out: ordinals of those who have withdrawn.  summary: what the process said
    at the end, {} before.
    """

    def __init__(self, crew: Crew, target: Target) -> None:
        self._crew = crew
        self.samples = crew.samples()
        self.left_out = target.left_out(self.samples)
        self.summary: dict[str, Any] = {}
        self._ordinals = target.ordinals(self.samples)
        self._left = BitMap(self._ordinals) - self.left_out

    def batches(self, watch: Watcher) -> Iterator[Batch]:
        """Everything that is read; to be used up.

        Raises BadInput: something is wrong with the file, or the process ended early.
        """
        alleles = 0
        for frame in self._crew.rows(self._ordinals):
            rows = self._kept(unpack_rows(frame.value["rows"], frame.blob))
            alleles += len(rows)
            watch(alleles, self._crew.done_bytes)
            yield Batch(rows, self._noted(frame.value["notes"], rows), self._spans(frame.value["spans"]))
        self.summary = {**self._crew.summary, "alleles": alleles}

    def _kept(self, rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        if not self.left_out:
            return rows
        kept = (narrowed(Row._make(row), self.left_out, self._left) for row in rows)
        return [row for row in kept if row is not None]

    def _spans(self, spans: list[list[Any]]) -> list[tuple[Any, ...]]:
        kept = (Span._make(span) for span in spans)
        return [packed(span) for span in kept if span.ordinal not in self.left_out]

    def _noted(self, notes: list[list[Any]], rows: list[tuple[Any, ...]]) -> list[list[Any]]:
        if not self.left_out:
            return notes
        held = {row[:_KEY_COLUMNS] for row in rows}
        return [note for note in notes if tuple(note[:_KEY_COLUMNS]) in held]


def pace(alleles: int, began: float) -> str:
    """How many alleles were read, and how many a second; began: by the monotonic clock."""
    seconds = max(time.monotonic() - began, 1e-3)
    return f"{alleles:,} alleles, {alleles / seconds:,.0f}/s"


@contextmanager
def reading(
    path: Path, target: Target, way: Way, *, seg: int, parts: Sequence[Part] = (WHOLE,)
) -> Iterator[Reading]:
    """`path` being read for `target`; leaving ends the processes, wherever they are.  seg: of the rows.

    parts: each is read by a process of its own, and Indivisible is raised if that does not work.
    """
    task = {
        "path": str(path.resolve()),
        "name": str(path),
        "assembly": target.assembly.value,
        "dataset_no": target.no,
        "seg": seg,
        "memory_mb": way.memory_mb,
        "max_line_mb": way.max_line_mb,
        "passed_only": way.rules.passed_only,
        "least_quality": way.rules.least_quality,
        "fasta": way.rules.fasta or None,
    }
    crew = Crew(str(path), task, parts)
    try:
        yield Reading(crew, target)
    finally:
        crew.end()
