"""Takes one VCF or BCF file into a dataset: wholly, or not at all.

The file is read in a process of its own (`worker`); its rows go into the index under a file that is not live,
and become visible in one small transaction at the end.  Killed at any moment, out of disk space or given a
broken file, the node answers as before; what a dead ingest left behind is deleted by the next one.
"""

from __future__ import annotations

import hashlib
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, cast

from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError

from node.config import IngestSection
from node.store import files
from node.store.files import Fingerprint, HeldFile, Target
from node.store.frames import Frame, Tag, receive, send, unpack_rows
from schemas.errors import BadInput, Place, StoreUnavailable

Progress = Callable[[float, str], None]
"""Told how much is done, 0 to 1, and what is going on, in a few words."""

_HASH_BYTES: Final = 1 << 20
_HASH_SHARE: Final = 0.05


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What became of one file.

    records: lines after the header.  alleles: rows now held, one an allele with a carrier.  people: samples.
    skipped: line (0 for a summary) and reason.  already: the same content was in the dataset before; nothing
    was changed, and the figures are those of then.
    """

    file: str
    dataset: str
    records: int
    alleles: int
    people: int
    skipped: tuple[tuple[int, str], ...]
    seconds: float
    already: bool = False


def ingest(
    engine: Engine,
    limits: IngestSection,
    path: Path,
    dataset: str,
    *,
    replace: bool = False,
    dry_run: bool = False,
    fasta: Path | None = None,
    progress: Progress | None = None,
) -> IngestReport:
    """Indexes the genotypes of `path` in `dataset`, and tells what was taken and what was left out.

    replace: the file was ingested before and has changed; its new content takes the place of the old.
    dry_run: read and report, change nothing.  fasta: hold REF against this reference, and left-align.
    Blocking: minutes for a large file; waits while another ingest writes to the same node.

    Raises BadInput: anything wrong with the file or the arguments; StoreUnavailable: the index cannot be
    written.  Either way the node answers as before.
    """
    began = time.monotonic()
    tell = progress or _tell_nobody
    for wanted in (path, fasta):
        if wanted is not None:
            _check_regular(wanted)
    with _writing(engine):
        files.find_target(engine, dataset)  # a wrong name is told before the waiting
    with _writing(engine), files.ingest_lock(engine) as writer:
        target = files.find_target(engine, dataset)
        fingerprint = _fingerprint(path, tell)
        held = files.live_files(engine, target.no)
        same = next((one for one in held if one.fingerprint.sha256 == fingerprint.sha256), None)
        former = next((one for one in held if one.path == str(path.resolve())), None)
        if same is not None and former in (None, same):
            return _already(path, dataset, same, time.monotonic() - began)
        if former is not None and not (replace or dry_run):
            remedy = "To take the new content instead of the old: varhaven ingest --replace"
            raise BadInput(Place(str(path)), "the file was ingested before and has changed since", remedy)
        job = _Job(writer, limits, path, target, fingerprint, fasta, tell)
        samples, summary = job.dry() if dry_run else job.take(None if former is None else former.no)
    tell(1.0, "done")
    return IngestReport(
        str(path),
        dataset,
        summary["records"],
        summary["alleles"],
        len(samples),
        tuple((line, reason) for line, reason in summary["skipped"]),
        time.monotonic() - began,
    )


def _tell_nobody(_fraction: float, _detail: str) -> None:
    return


def _check_regular(path: Path) -> None:
    place = Place(str(path))
    try:
        kind = path.stat().st_mode
        if stat.S_ISDIR(kind):
            raise BadInput(place, "this is a directory", "Name the VCF files in it.")
        if not stat.S_ISREG(kind):  # opening a pipe would wait for whoever writes to it
            raise BadInput(place, "this is not a regular file", "Write the data to a file first.")
        with path.open("rb"):
            pass
    except FileNotFoundError:
        raise BadInput(place, "there is no such file", "Check the path.") from None
    except OSError as fault:
        raise _unreadable(path, fault) from None


def _unreadable(path: Path, fault: OSError) -> BadInput:
    problem = f"the file cannot be read ({os.strerror(fault.errno or 0)})"
    return BadInput(Place(str(path)), problem, "Check its rights and the disk it lies on.")


def _already(path: Path, dataset: str, same: HeldFile, seconds: float) -> IngestReport:
    return IngestReport(
        str(path), dataset, same.records, same.alleles, same.people, (), seconds, already=True
    )


def _fingerprint(path: Path, tell: Progress) -> Fingerprint:
    found = path.stat()
    digest, done = hashlib.sha256(), 0
    try:
        with path.open("rb") as source:
            while chunk := source.read(_HASH_BYTES):
                digest.update(chunk)
                done += len(chunk)
                tell(_HASH_SHARE * done / max(1, found.st_size), "checksum")
    except OSError as fault:
        raise _unreadable(path, fault) from None
    return Fingerprint(digest.hexdigest(), found.st_size, found.st_mtime_ns)


@contextmanager
def _writing(engine: Engine) -> Iterator[None]:
    """Turns what the database says while it is written into a sentence with a remedy."""
    try:
        yield
    except DBAPIError as fault:
        where = engine.url.database or engine.url.host or "the database"
        raise StoreUnavailable(
            f"the index in {where} could not be written ({_first_line(fault)}); nothing was changed. "
            "Check the free space and the rights of that folder, and ingest the file again."
        ) from None


def _first_line(fault: DBAPIError) -> str:
    """What the database said; further lines of it may quote the row."""
    return next(iter(str(fault.orig).splitlines()), "no reason given")


@dataclass(frozen=True, slots=True)
class _Job:
    """One file on its way into the index."""

    engine: Engine
    limits: IngestSection
    path: Path
    target: Target
    fingerprint: Fingerprint
    fasta: Path | None
    tell: Progress

    def dry(self) -> tuple[list[str], dict[str, Any]]:
        with self._reading(seg=0) as child:
            samples = self._begin(child)
            for _ in self._batches(child):
                pass
            return samples, child.summary

    def take(self, replaced: int | None) -> tuple[list[str], dict[str, Any]]:
        files.sweep(self.engine)
        seg = files.register(self.engine, self.target, str(self.path.resolve()), self.fingerprint)
        try:
            with self._reading(seg) as child:
                samples = self._begin(child)
                self._insert(child)
                self._check_unchanged()
                files.make_live(
                    self.engine, self.target, seg, samples, summary=child.summary, replaced=replaced
                )
        finally:
            # What was replaced, or what a fault left half done: no longer or never visible.
            _sweep_if_possible(self.engine)
        return samples, child.summary

    @contextmanager
    def _reading(self, seg: int) -> Iterator[_Child]:
        task = {
            "path": str(self.path.resolve()),
            "name": str(self.path),
            "assembly": self.target.assembly.value,
            "dataset_no": self.target.no,
            "seg": seg,
            "memory_mb": self.limits.memory_mb,
            "max_line_mb": self.limits.max_line_mb,
            "passed_only": self.limits.filters == "pass",
            "fasta": None if self.fasta is None else str(self.fasta.resolve()),
        }
        child = _Child(str(self.path))
        try:
            child.send(Frame(Tag.TASK, task))
            yield child
        finally:
            child.end()

    def _begin(self, child: _Child) -> list[str]:
        samples: list[str] = child.receive(Tag.SAMPLES).value
        child.send(Frame(Tag.ORDINALS, self.target.ordinals(samples)))
        return samples

    def _batches(self, child: _Child) -> Iterator[list[tuple[Any, ...]]]:
        alleles = 0
        while (frame := child.receive(Tag.ROWS, Tag.DONE)).tag is Tag.ROWS:
            rows = unpack_rows(frame.value["rows"], frame.blob)
            alleles += len(rows)
            done = frame.value["done_bytes"] / max(1, self.fingerprint.size_bytes)
            self.tell(_HASH_SHARE + (1 - _HASH_SHARE) * min(done, 1.0), f"{alleles:,} alleles")
            yield rows
        child.summary = frame.value

    def _insert(self, child: _Child) -> None:
        for rows in self._batches(child):
            files.add_rows(self.engine, rows)

    def _check_unchanged(self) -> None:
        known = self.fingerprint.size_bytes, self.fingerprint.modified_ns
        now = self.path.stat() if self.path.exists() else None
        if now is None or (now.st_size, now.st_mtime_ns) != known:
            raise BadInput(Place(str(self.path)), "the file changed while it was read", "Ingest it again.")


def _sweep_if_possible(engine: Engine) -> None:
    """The next ingest sweeps again, so a full disk may leave rows that nobody sees."""
    try:
        files.sweep(engine)
    except DBAPIError:
        return


class _Child:
    """The reading process, and what it said at the end."""

    def __init__(self, file: str) -> None:
        self._file = file
        self.summary: dict[str, Any] = {}
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
