"""The processes that read one file: one, or several that each read a part of it.

What they send is taken as it comes.  Whatever is wrong when there are several (with the file, with a part,
with where two of them meet) is `Indivisible`: read in one piece, the file shows what it is, and where.
Knows the protocol of `worker`, and nothing of the database.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import astuple
from functools import reduce
from itertools import groupby, pairwise
from operator import or_
from queue import SimpleQueue
from threading import Semaphore, Thread
from typing import IO, Any, Final, cast

from node.store.frames import Frame, Tag, receive, send
from node.store.parts import Part
from schemas.errors import BadInput, Place

_WAITING_FRAMES: Final = 4


class Indivisible(Exception):
    """The file cannot be read in parts."""


class Crew:
    """Processes that read a file, one for each of `parts`, until `end`.

    done_bytes: read so far, of the file as it lies on the disk.  summary: of the whole file, at the end.
    Every method raises BadInput: what a lone process found wrong, or that it ended too early; Indivisible:
    anything of several.
    """

    def __init__(self, file: str, task: dict[str, Any], parts: Sequence[Part]) -> None:
        self._parts = parts
        self._done = [part.block for part in parts]
        self.summary: dict[str, Any] = {}
        self._children = [Child(file) for _ in parts]
        for child, part in zip(self._children, parts, strict=True):
            child.send(Frame(Tag.TASK, {**task, "part": astuple(part)}))

    @property
    def done_bytes(self) -> int:
        return sum(done - part.block for done, part in zip(self._done, self._parts, strict=True))

    def samples(self) -> list[str]:
        """The samples that the header names; to be called first."""
        told = [self._receive(n, Tag.SAMPLES).value for n in range(len(self._children))]
        samples: list[str] = told[0]
        return samples

    def rows(self, ordinals: Sequence[int]) -> Iterator[Frame]:
        """Frames of rows, in which the samples have these ordinals; to be used up."""
        for child in self._children:
            child.send(Frame(Tag.ORDINALS, ordinals))
        summaries: dict[int, dict[str, Any]] = {}
        for n, frame in self._frames():
            if frame.tag is Tag.ROWS:
                self._done[n] = frame.value["done_bytes"]
                yield frame
            else:
                summaries[n] = frame.value
        self.summary = united([summaries[n] for n in range(len(self._children))])

    def _frames(self) -> Iterator[tuple[int, Frame]]:
        """Each with the number of the process it is from, as they come."""
        if len(self._children) == 1:
            yield from ((0, frame) for frame in self._until_done(0))
            return
        come: SimpleQueue[tuple[int, Frame | Indivisible]] = SimpleQueue()
        # A process that is ahead waits, until what it has sent is taken.
        free = Semaphore(_WAITING_FRAMES)

        def listen(n: int) -> None:
            try:
                for frame in self._until_done(n):
                    free.acquire()
                    come.put((n, frame))
            except Indivisible as fault:
                come.put((n, fault))

        listeners = [Thread(target=listen, args=(n,)) for n in range(len(self._children))]
        for listener in listeners:
            listener.start()
        try:
            left = len(listeners)
            while left:
                n, told = come.get()
                if isinstance(told, Indivisible):
                    raise told
                left -= told.tag is Tag.DONE
                yield n, told
                free.release()
        finally:
            self.end()
            free.release(_WAITING_FRAMES * len(listeners))  # whoever still waits finds nothing more to take
            for listener in listeners:
                listener.join()

    def _until_done(self, n: int) -> Iterator[Frame]:
        while (frame := self._receive(n, Tag.ROWS, Tag.DONE)).tag is Tag.ROWS:
            yield frame
        yield frame

    def _receive(self, n: int, *wanted: Tag) -> Frame:
        try:
            return self._children[n].receive(*wanted)
        except BadInput:
            if len(self._children) == 1:
                raise
            raise Indivisible from None

    def end(self) -> None:
        """Ends the processes that are still there."""
        for child in self._children:
            child.end()


def united(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One summary of the parts of a file, in their order.

    Raises Indivisible: where one ends the next does not begin, or an allele or a contig may lie in two.
    """
    names = [name for name, _ in groupby(name for part in parts for name in part["names"])]
    meet = all(one["is_clean"] and one["end"] == other["begin"] for one, other in pairwise(parts))
    if not meet or len(set(names)) < len(names):
        raise Indivisible
    skipped: list[tuple[int, str]] = []
    sums: list[tuple[int, str]] = []
    behind = parts[0]["first_line"]
    for part in parts:
        skipped += [(line + behind - part["first_line"], reason) for line, reason in part["skipped"] if line]
        sums += [(0, reason) for line, reason in part["skipped"] if not line]
        behind += part["records"]
    return {
        "records": sum(part["records"] for part in parts),
        "alleles": sum(part["alleles"] for part in parts),
        "contigs": sorted({number for part in parts for number in part["contigs"]}),
        "levels": reduce(or_, (part["levels"] for part in parts)),
        "skipped": skipped + sums,
    }


class Child:
    """A reading process.  file: what it reads, for people."""

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
