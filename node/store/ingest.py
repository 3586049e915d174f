"""Takes one VCF or BCF file into a dataset: wholly, or not at all.

The file is read in a process of its own (`worker`); its rows go into the index under a file that is not live,
and become visible in one small transaction at the end.  Killed at any moment, out of disk space or given a
broken file, the node answers as before; what a dead ingest left behind is deleted by the next one.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sqlalchemy.engine import Engine

from node.config import IngestSection
from node.store import files
from node.store.crew import Indivisible
from node.store.files import Fingerprint, HeldFile, Rules, Target
from node.store.parts import WHOLE, Part, parts_of
from node.store.reading import Reading, Way, pace, reading
from node.store.steady import sweep_if_possible, uninterrupted
from schemas.errors import BadInput, Place

Progress = Callable[[float, str], None]
"""Told how much is done, 0 to 1, and what is going on, in a few words."""

_HASH_BYTES: Final = 1 << 20
_HASH_SHARE: Final = 0.05


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What became of one file.

    records: lines after the header.  alleles: rows now held, one an allele with a carrier.  people: samples.
    skipped: line (0 for a summary) and reason.  of_sites: the file has no samples, and its counts are those
    of INFO.  already: the same content was in the dataset before; nothing was changed, and the figures are
    those of then.
    """

    file: str
    dataset: str
    records: int
    alleles: int
    people: int
    skipped: tuple[tuple[int, str], ...]
    seconds: float
    already: bool = False
    of_sites: bool = False


def ingest(
    engine: Engine,
    limits: IngestSection,
    path: Path,
    dataset: str,
    *,
    replace: bool = False,
    dry_run: bool = False,
    fasta: Path | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> IngestReport:
    """Indexes the genotypes of `path` in `dataset`, and tells what was taken and what was left out.

    replace: the file was ingested before and has changed, or was read without somebody who has come back
    since; its new content takes the place of the old.  dry_run: read and report, change
    nothing.  fasta: hold REF against this reference, and left-align.
    workers: processes that may read a large file at once, each with its own memory; with a FASTA it is one.
    Blocking: minutes for a large file; waits while another ingest writes to the same node.

    Raises BadInput: anything wrong with the file or the arguments; StoreUnavailable: the index cannot be
    written.  Either way the node answers as before.
    """
    began = time.monotonic()
    tell = progress or _tell_nobody
    for wanted in filter(None, (path, fasta)):
        check_regular(wanted)
    with files.writing(engine):
        files.find_target(engine, dataset)  # a wrong name is told before the waiting
    with files.writing(engine), files.ingest_lock(engine) as writer:
        target = files.find_target(engine, dataset)
        found = fingerprint(path, tell)
        held = files.live_files(engine, target.no)
        same = next((one for one in held if one.fingerprint.sha256 == found.sha256), None)
        former = next((one for one in held if one.path == str(path.resolve())), None)
        if same is not None and former in (None, same):
            if not (replace and same.left_out):
                return _already(path, dataset, same, time.monotonic() - began)
            former = same  # somebody whom it was read without may have come back
        if former is not None and not (replace or dry_run):
            remedy = "To take the new content instead of the old: varhaven ingest --replace"
            raise BadInput(Place(str(path)), "the file was ingested before and has changed since", remedy)
        parts = (WHOLE,) if fasta else _parts(path, workers)
        others = [one for one in held if one is not former]
        job = _Job(writer, limits, path, target, found, fasta, tell, others, parts)
        read = job.do(None if former is None else former.no, dry_run=dry_run)
    tell(1.0, "done")
    return _report(path, dataset, read, time.monotonic() - began)


def _report(path: Path, dataset: str, read: Reading, seconds: float) -> IngestReport:
    summary, left_out = read.summary, len(read.left_out)
    skipped = [(line, reason) for line, reason in summary["skipped"]]
    if left_out:
        skipped.append((0, f"{left_out:,} samples of people who have withdrawn are left out"))
    return IngestReport(
        str(path),
        dataset,
        summary["records"],
        summary["alleles"],
        len(read.samples) - left_out,
        tuple(skipped),
        seconds,
        of_sites=not read.samples,
    )


def _tell_nobody(_fraction: float, _detail: str) -> None:
    return


def check_regular(path: Path) -> None:
    """Raises BadInput: it is not a file that can be read."""
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
    figures = same.records, same.alleles, same.people
    return IngestReport(str(path), dataset, *figures, (), seconds, already=True, of_sites=same.of_sites)


def _parts(path: Path, workers: int) -> tuple[Part, ...]:
    try:
        return parts_of(path, workers)
    except OSError as fault:
        raise _unreadable(path, fault) from None


def fingerprint(path: Path, tell: Progress) -> Fingerprint:
    """The file as it is now; reads it whole.  Raises BadInput: it cannot be read."""
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


def way_of(limits: IngestSection, fasta: Path | None = None) -> Way:
    """How a file is read by this configuration."""
    reference = "" if fasta is None else str(fasta.resolve())
    rules = Rules(limits.filters == "pass", limits.min_quality, reference)
    return Way(limits.memory_mb, limits.max_line_mb, rules)


@dataclass(frozen=True, slots=True)
class _Job:
    """One file on its way into the index.  others: files that stay in the dataset beside it."""

    engine: Engine
    limits: IngestSection
    path: Path
    target: Target
    fingerprint: Fingerprint
    fasta: Path | None
    tell: Progress
    others: Sequence[HeldFile] = ()
    parts: tuple[Part, ...] = (WHOLE,)
    began: float = field(default_factory=time.monotonic)

    def do(self, replaced: int | None, *, dry_run: bool) -> Reading:
        try:
            return self.dry() if dry_run else self.take(replaced)
        except Indivisible:
            return dataclasses.replace(self, parts=(WHOLE,)).do(replaced, dry_run=dry_run)

    def dry(self) -> Reading:
        with self._reading(seg=0) as read:
            for _ in read.batches(self._show):
                pass
            self._check_counted(read)
        return read

    def take(self, replaced: int | None) -> Reading:
        with uninterrupted():
            files.sweep(self.engine)
            seg = files.register(
                self.engine,
                self.target,
                str(self.path.resolve()),
                self.fingerprint,
                self._way.rules,
            )
        try:
            with self._reading(seg) as read:
                for batch in read.batches(self._show):
                    with uninterrupted():
                        files.add_rows(self.engine, *batch)
                self._check_counted(read)
                self._check_unchanged()
                with uninterrupted():
                    files.make_live(
                        self.engine,
                        self.target,
                        seg,
                        read.samples,
                        summary=read.summary,
                        replaced=replaced,
                    )
        finally:
            # What was replaced, or what a fault left half done: no longer or never visible.
            with uninterrupted():
                sweep_if_possible(self.engine)
        return read

    @property
    def _way(self) -> Way:
        return way_of(self.limits, self.fasta)

    @contextmanager
    def _reading(self, seg: int) -> Iterator[Reading]:
        with reading(self.path, self.target, self._way, seg=seg, parts=self.parts) as read:
            if read.left_out and len(read.left_out) == len(read.samples):
                problem = "everybody in it has withdrawn"
                raise BadInput(Place(str(self.path)), problem, "There is nothing to take.")
            self._check_kind(not read.samples)
            yield read

    def _check_kind(self, of_sites: bool) -> None:
        """Counts that somebody else made are not to be added to those of genotypes."""
        if any(one.of_sites is not of_sites for one in self.others):
            kinds = "genotypes", "counts of files without samples"
            problem = f"it has {kinds[of_sites]}, and the dataset {kinds[not of_sites]}"
            raise BadInput(Place(str(self.path)), problem, "Ingest it into a dataset of its own.")

    def _check_counted(self, read: Reading) -> None:
        if not (read.samples or read.summary["alleles"]):
            problem = "there are no samples, and INFO counts no allele (AC with AN, or AF with AN)"
            raise BadInput(Place(str(self.path)), problem, "There is nothing to take.")

    def _show(self, alleles: int, done_bytes: int) -> None:
        done = done_bytes / max(1, self.fingerprint.size_bytes)
        self.tell(_HASH_SHARE + (1 - _HASH_SHARE) * min(done, 1.0), pace(alleles, self.began))

    def _check_unchanged(self) -> None:
        known = self.fingerprint.size_bytes, self.fingerprint.modified_ns
        now = self.path.stat() if self.path.exists() else None
        if now is None or (now.st_size, now.st_mtime_ns) != known:
            raise BadInput(Place(str(self.path)), "the file changed while it was read", "Ingest it again.")
