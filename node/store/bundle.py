"""Several small files taken at once: read by one process, held as one, visible at one moment.

Hundreds of files of one person each would otherwise be hundreds of processes, of transactions that wait for
the disk, and of places to look at in every question.  Each file stays registered as it is, and can be
replaced and checked by itself.  A file with which anything is the matter is left to be taken alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from sqlalchemy.engine import Engine

from node.store import files
from node.store.crew import Child
from node.store.files import Bundled, Fingerprint, Target
from node.store.frames import Frame, Tag, unpack_rows
from node.store.reading import Way, pace
from node.store.spans import Span, packed
from node.store.steady import sweep_if_possible, uninterrupted
from schemas.errors import BadInput

_ATTEMPTS: Final = 4

Progress = Callable[[float, str], None]


@dataclass(frozen=True, slots=True)
class Given:
    """A file to be taken, as it is now."""

    path: Path
    fingerprint: Fingerprint

    @property
    def is_unchanged(self) -> bool:
        known = self.fingerprint.size_bytes, self.fingerprint.modified_ns
        now = self.path.stat() if self.path.exists() else None
        return now is not None and (now.st_size, now.st_mtime_ns) == known


class _Unfit(Exception):
    """These of the files, by their places, have to be taken alone."""

    def __init__(self, places: Sequence[int]) -> None:
        super().__init__(places)
        self.places = frozenset(places)


@dataclass(frozen=True, slots=True)
class Bundle:
    """Files on their way into the index together.  start: begins the process that reads them."""

    engine: Engine
    way: Way
    target: Target
    given: tuple[Given, ...]
    tell: Progress
    start: Callable[[str], Child] = Child

    def take(self) -> dict[Path, dict[str, Any]]:
        """What was read of each file that was taken; the others are as they were.

        Raises what the database raises; nothing is taken then.
        """
        left = self
        for _ in range(_ATTEMPTS):
            if len(left.given) < 2:
                break
            with suppress(BadInput):  # of one of them, which tells when it is taken alone
                try:
                    return left._taken()
                except _Unfit as unfit:
                    fit = tuple(one for n, one in enumerate(left.given) if n not in unfit.places)
                    left = replace(left, given=fit)
                    continue
            break
        return {}

    def _taken(self) -> dict[Path, dict[str, Any]]:
        with uninterrupted():
            files.sweep(self.engine)
            registered = [(str(one.path.resolve()), one.fingerprint) for one in self.given]
            numbers, seg = files.register_bundle(self.engine, self.target, registered, self.way.rules)
        child = self.start(f"{len(self.given)} files")
        try:
            child.send(Frame(Tag.TASK, self._task(numbers, seg)))
            held = self._seated(self._receive(child, Tag.SAMPLES).value)
            child.send(Frame(Tag.ORDINALS, [list(own.values()) for own in held]))
            told = self._read(child)
            changed = [n for n, one in enumerate(self.given) if not one.is_unchanged]
            if changed:
                raise _Unfit(changed)
            bundled = [Bundled(*one) for one in zip(numbers, held, told["files"], strict=True)]
            with uninterrupted():
                files.make_bundle_live(self.engine, self.target, seg, bundled, told["alleles"])
        finally:
            child.end()
            with uninterrupted():
                sweep_if_possible(self.engine)
        return {
            one.path: {**summary, "people": len(own)}
            for one, summary, own in zip(self.given, told["files"], held, strict=True)
        }

    def _task(self, numbers: Sequence[int], seg: int) -> dict[str, Any]:
        rules = self.way.rules
        return {
            "name": f"{len(self.given)} files",
            "files": [
                {"path": str(one.path.resolve()), "name": str(one.path), "number": number}
                for one, number in zip(self.given, numbers, strict=True)
            ],
            "assembly": self.target.assembly.value,
            "dataset_no": self.target.no,
            "seg": seg,
            "memory_mb": self.way.memory_mb,
            "max_line_mb": self.way.max_line_mb,
            "passed_only": rules.passed_only,
            "least_quality": rules.least_quality,
        }

    def _receive(self, child: Child, *wanted: Tag) -> Frame:
        frame = child.receive(*wanted, Tag.UNFIT)
        if frame.tag is Tag.UNFIT:
            raise _Unfit([frame.value])
        return frame

    def _seated(self, samples: Sequence[Sequence[str]]) -> list[dict[str, int]]:
        """The people of each file by sample name.  Raises _Unfit: nobody in it, or somebody as before."""
        seated, unfit = [], []
        target, taken = self.target, set[str]()
        for n, names in enumerate(samples):
            if not names or target.left_out(names) or not taken.isdisjoint(names):
                unfit.append(n)
                continue
            own = dict(zip(names, target.ordinals(names), strict=True))
            fresh = own.keys() - target.people.keys()
            target = replace(target, people=target.people | own, places=target.places + len(fresh))
            taken.update(names)
            seated.append(own)
        if unfit:
            raise _Unfit(unfit)
        return seated

    def _read(self, child: Child) -> dict[str, Any]:
        """Takes the rows as they come; what was read of each file, and how many rows there are."""
        size = max(1, sum(one.fingerprint.size_bytes for one in self.given))
        rows, began = 0, time.monotonic()
        while (frame := self._receive(child, Tag.ROWS, Tag.DONE)).tag is Tag.ROWS:
            told = frame.value
            batch = unpack_rows(told["rows"], frame.blob)
            spans = [packed(Span._make(span)) for span in told["spans"]]
            with uninterrupted():
                files.add_rows(self.engine, batch, told["notes"], spans)
            rows += len(batch)
            self.tell(min(1.0, told["done_bytes"] / size), pace(rows, began))
        summary: dict[str, Any] = frame.value
        return summary
