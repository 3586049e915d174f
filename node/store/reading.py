"""One file read by the process that does nothing else (`worker`): its samples, its rows, what it left out.

Rows leave here without those people who have withdrawn.  Knows the protocol of that process, and nothing of
the database.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from pyroaring import BitMap

from node.store.files import Target
from node.store.frames import Frame, Tag, receive, send, unpack_rows
from node.store.layout import Row
from node.store.narrowing import narrowed
from schemas.errors import BadInput, Place

Watcher = Callable[[int, int], None]
"""Told how many alleles were read so far, and from how many bytes of the file."""


@dataclass(frozen=True, slots=True)
class Way:
    """How a file is read.

    memory_mb, max_line_mb: limits of the process.  passed_only: what a filter refused is left out.  fasta:
    hold REF against this reference and left-align; "" for none.
    """

    memory_mb: int
    max_line_mb: int
    passed_only: bool
    fasta: str


class Reading:
    """A file that is being read.

    samples: of its header.  left_out: ordinals of those who have withdrawn.  summary: what the process said
    at the end, {} before.
    """

    def __init__(self, child: _Child, target: Target) -> None:
        self._child = child
        self.samples: list[str] = child.receive(Tag.SAMPLES).value
        self.left_out = target.left_out(self.samples)
        self.summary: dict[str, Any] = {}
        ordinals = target.ordinals(self.samples)
        self._left = BitMap(ordinals) - self.left_out
        child.send(Frame(Tag.ORDINALS, ordinals))

    def batches(self, watch: Watcher) -> Iterator[list[tuple[Any, ...]]]:
        """Every row, in the order of `layout.COLUMNS`; to be used up.

        Raises BadInput: something is wrong with the file, or the process ended early.
        """
        alleles = 0
        while (frame := self._child.receive(Tag.ROWS, Tag.DONE)).tag is Tag.ROWS:
            rows = self._kept(unpack_rows(frame.value["rows"], frame.blob))
            alleles += len(rows)
            watch(alleles, frame.value["done_bytes"])
            yield rows
        self.summary = {**frame.value, "alleles": alleles}

    def _kept(self, rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        if not self.left_out:
            return rows
        kept = (narrowed(Row._make(row), self.left_out, self._left) for row in rows)
        return [row for row in kept if row is not None]


@contextmanager
def reading(path: Path, target: Target, way: Way, *, seg: int) -> Iterator[Reading]:
    """`path` being read for `target`; leaving ends the process, wherever it is.  seg: of the rows."""
    task = {
        "path": str(path.resolve()),
        "name": str(path),
        "assembly": target.assembly.value,
        "dataset_no": target.no,
        "seg": seg,
        "memory_mb": way.memory_mb,
        "max_line_mb": way.max_line_mb,
        "passed_only": way.passed_only,
        "fasta": way.fasta or None,
    }
    child = _Child(str(path))
    try:
        child.send(Frame(Tag.TASK, task))
        yield Reading(child, target)
    finally:
        child.end()


class _Child:
    """The reading process."""

    def __init__(self, file: str) -> None:
        self._file = file
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            "OPENBLAS_NUM_THREADS": "1",  # a pool of threads would count against its memory
        }
        # A session of its own: an interrupt at the terminal reaches the parent only, which ends it.
        # What htslib prints may hold names and genotypes.
        self._process = subprocess.Popen(
            [sys.executable, "-m", "node.store.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env=environment,
        )

    def send(self, frame: Frame) -> None:
        try:
            send(cast(IO[bytes], self._process.stdin), frame)
        except BrokenPipeError:
            raise self._lost() from None

    def receive(self, *wanted: Tag) -> Frame:
        """The next frame.  Raises BadInput: what the process found wrong, or that it ended too early."""
        frame = receive(cast(IO[bytes], self._process.stdout))
        if frame is None:
            raise self._lost()
        if frame.tag is Tag.BAD:
            told = frame.value
            raise BadInput(Place(told["file"], told["line"], told["field"]), told["problem"], told["remedy"])
        if frame.tag not in wanted:
            raise self._lost()
        return frame

    def _lost(self) -> BadInput:
        self._process.kill()
        status = self._process.wait()
        how = f"status {status}"
        if status < 0:
            how = signal.Signals(-status).name
        remedy = (
            "The file makes the reader fail or exceeds its limits (memory_mb in the section [ingest] of "
            "varhaven.toml); check it with: bcftools view FILE > /dev/null"
        )
        return BadInput(Place(self._file), f"the process that reads the file ended early ({how})", remedy)

    def end(self) -> None:
        """Ends the process if it is still there, and closes both pipes."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None and not pipe.closed:
                _close(pipe)


def _close(pipe: IO[bytes]) -> None:
    try:
        pipe.close()
    except BrokenPipeError:
        return  # what was still buffered for the process has no reader any more
