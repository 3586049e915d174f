"""A run over one file or over hundreds: small ones together, and merged at the end where that is worthwhile.

A file of one person says nothing of the places it does not name: there he is not called, and does not count
towards AN, neither in his own file nor in one that is merged.  A gVCF does say it; see `spans`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy.engine import Engine

from node.config import IngestSection
from node.store import files
from node.store.bundle import Bundle, Given
from node.store.compaction import compact, is_worthwhile
from node.store.ingest import IngestReport, Progress, check_regular, fingerprint, ingest, way_of
from schemas.errors import BadInput, NodeError

_MOST_FILES: Final = 64
_MOST_BYTES: Final = 4 << 30
_LARGE_BYTES: Final = 64 << 20  # worth several processes
_HASH_SHARE: Final = 0.1


@dataclass(frozen=True, slots=True)
class Run:
    """Files to be taken into a dataset; the options are those of `ingest`.

    progress: gives a `Progress` for what is done next, a file or several, by its name.
    """

    engine: Engine
    limits: IngestSection
    dataset: str
    progress: Callable[[str], Progress]
    replace: bool = False
    dry_run: bool = False
    fasta: Path | None = None
    workers: int = 1

    def take(self, paths: Sequence[Path]) -> Iterator[IngestReport | NodeError]:
        """The report of each file, or why it was refused, in the order of `paths`; to be used up.

        Killed at any moment, what was told is there.  Raises what is no fault of a single file.
        """
        taken = 0
        for group in self._groups(paths):
            done = self._together(group) if len(group) > 1 else {}
            taken += len(group)
            for path in group:
                yield done[path] if path in done else self._alone(path)
        if taken > 1 and not self.dry_run and is_worthwhile(self.engine, self.dataset):
            tell = self.progress("merging")
            compact(self.engine, self.dataset, lambda rows: tell(0.0, f"{rows:,} rows"))
            tell(1.0, "done")

    def _groups(self, paths: Sequence[Path]) -> Iterator[list[Path]]:
        """Neighbours that may be taken together, and the others one by one."""
        group: list[Path] = []
        size = 0
        for path in paths:
            own = self._size_of(path)
            if group and (own is None or len(group) == _MOST_FILES or size + own > _MOST_BYTES):
                yield group
                group, size = [], 0
            if own is None:
                yield [path]
            else:
                group.append(path)
                size += own
        if group:
            yield group

    def _size_of(self, path: Path) -> int | None:
        """In bytes; None when it is to be taken alone."""
        if self.replace or self.dry_run or self.fasta is not None:
            return None
        try:
            check_regular(path)
            size = path.stat().st_size
        except (BadInput, OSError):
            return None  # told when it is taken
        return None if self.workers > 1 and size > _LARGE_BYTES else size

    def _alone(self, path: Path) -> IngestReport | NodeError:
        try:
            return ingest(
                self.engine,
                self.limits,
                path,
                self.dataset,
                replace=self.replace,
                dry_run=self.dry_run,
                fasta=self.fasta,
                workers=self.workers,
                progress=self.progress(path.name),
            )
        except NodeError as refusal:
            return refusal

    def _together(self, group: Sequence[Path]) -> dict[Path, IngestReport]:
        """Those of the group that could be taken together."""
        began, tell = time.monotonic(), self.progress(f"{len(group)} files")
        with files.writing(self.engine), files.ingest_lock(self.engine) as writer:
            target = files.find_target(writer, self.dataset)
            held = files.live_files(writer, target.no)
            if any(one.of_sites for one in held):
                return {}
            known = {one.fingerprint.sha256 for one in held} | {one.path for one in held}
            given: list[Given] = []
            for n, path in enumerate(group):
                own = fingerprint(path, lambda _done, _what: None)
                tell(_HASH_SHARE * (n + 1) / len(group), "checksums")
                names = {own.sha256, str(path.resolve())}
                if known.isdisjoint(names):
                    given.append(Given(path, own))
                    known |= names
            bundle = Bundle(
                writer,
                way_of(self.limits),
                target,
                tuple(given),
                lambda done, what: tell(_HASH_SHARE + (1 - _HASH_SHARE) * done, what),
            )
            told = bundle.take()
        seconds = (time.monotonic() - began) / max(1, len(told))
        tell(1.0, "done")
        return {path: self._report(path, summary, seconds) for path, summary in told.items()}

    def _report(self, path: Path, summary: dict[str, Any], seconds: float) -> IngestReport:
        figures = summary["records"], summary["alleles"], summary["people"]
        skipped = tuple((line, reason) for line, reason in summary["skipped"])
        return IngestReport(str(path), self.dataset, *figures, skipped, seconds)
