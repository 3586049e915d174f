"""What is answered already: a line on the disk for every question, before the next is taken up.

A batch that was killed goes on where it stopped.  A journal belongs to one file of questions, asked in one
way: another file, or other options, begins anew.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson

from schemas.errors import BadInput, Place


class Journal:
    """Use it as a context.  It lies beside the result, readable for its owner alone."""

    def __init__(self, result: Path, asked: bytes) -> None:
        """asked: the questions and how they are asked; what it holds of anything else is not used.

        Raises BadInput: it cannot be written.
        """
        self.path = result.with_name(result.name + ".part")
        self._digest = hashlib.sha256(asked).hexdigest()
        self._result = result
        self.done: dict[int, Any] = {}

    def __enter__(self) -> Self:
        whole_bytes = self._recall()
        try:
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
            os.ftruncate(self._file, whole_bytes)  # a line that was cut off, or a journal of something else
            os.lseek(self._file, 0, os.SEEK_END)
        except OSError as fault:
            remedy = "Write to another place with --out."
            problem = f"cannot be written ({fault.strerror})"
            raise BadInput(Place(str(self.path)), problem, remedy) from None
        if not whole_bytes:
            self._append({"asked": self._digest})
        return self

    def _recall(self) -> int:
        """Reads what is done; how many bytes of the file hold good."""
        try:
            raw = self.path.read_bytes()
        except FileNotFoundError:
            return 0
        good = 0
        for line in raw.splitlines(keepends=True):
            entry = _entry(line)
            if entry is None or (good == 0 and entry.get("asked") != self._digest):
                break
            good += len(line)
            if "index" in entry:
                self.done[int(entry["index"])] = entry["answer"]
        return good

    def record(self, index: int, answer: Any) -> None:
        """Durable when it returns."""
        self.done[index] = answer
        self._append({"index": index, "answer": answer})

    def _append(self, entry: Mapping[str, Any]) -> None:
        os.write(self._file, orjson.dumps(entry) + b"\n")
        os.fsync(self._file)

    def finish(self, document: bytes) -> None:
        """Puts the result into its place, whole or not at all, and ends the journal."""
        new = self._result.with_name(self._result.name + ".new")
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as writing:
            writing.write(document)
            writing.flush()
            os.fsync(writing.fileno())
        new.replace(self._result)
        self.path.unlink()

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._file)


def _entry(line: bytes) -> dict[str, Any] | None:
    if not line.endswith(b"\n"):
        return None
    try:
        entry = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return entry if isinstance(entry, dict) else None
