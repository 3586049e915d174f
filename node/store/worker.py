"""The process that reads one VCF or BCF file and sends its rows to the node.

A file is written by strangers and parsed by a C library, so it is read where a crash, an endless loop or a
memory bomb costs this process only: limited in memory and processor time, unable to write files of any size,
without the database.  Run by `ingest` as `python -m node.store.worker`; speaks `frames` on standard input and
output.
"""

from __future__ import annotations

import resource
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final

import numpy as np

from node.store.frames import Frame, Tag, receive, send
from node.store.layout import Row
from node.store.normal import Moves, moves_of
from node.store.parts import Border, Part
from node.store.reader import Record, VcfReader
from node.store.rows import RowMaker
from node.store.skips import Skips
from node.store.together import read_together, rows_frame
from schemas.errors import BadInput, Place
from schemas.genome import Assembly

_BATCH_ROWS: Final = 2000
_BATCH_SPANS: Final = 500
_BATCH_BYTES: Final = 4 << 20
_MESSAGE_BYTES: Final = 1 << 20  # htslib's complaints pass through a temporary file
_BASE_CPU_S: Final = 600
_CPU_S_A_MB: Final = 60


def main() -> None:
    """Read the file that the first frame names; every fault of the file becomes a frame, not a traceback."""
    answers = sys.stdout.buffer
    task = receive(sys.stdin.buffer)
    if task is None:
        return
    sys.excepthook = partial(_last_word, answers, task.value["name"])
    several = task.value.get("files", ())
    paths = [one["path"] for one in several] or [task.value["path"]]
    _limit(task.value["memory_mb"], [Path(path) for path in paths])
    try:
        if several:
            read_together(task.value, sys.stdin.buffer, answers)
        else:
            _read(task.value, answers)
    except BadInput as fault:
        _tell_bad(answers, fault.place, fault.problem, fault.remedy)
    except MemoryError:
        _tell_bad(
            answers,
            Place(task.value["name"]),
            f"reading it takes more than {task.value['memory_mb']} MB of memory",
            "Raise memory_mb in the section [ingest] of varhaven.toml, or give a file with fewer samples.",
        )
    except BrokenPipeError:
        sys.exit(1)  # whoever wanted the rows is gone


def _last_word(
    answers: IO[bytes], file: str, kind: type[BaseException], _: BaseException, trace: TracebackType | None
) -> None:
    """Tells of a fault nobody foresaw where it happened, and nothing of what was read."""
    where = traceback.extract_tb(trace)[-1]
    problem = f"the reader failed over it ({kind.__name__} at {Path(where.filename).name}:{where.lineno})"
    _tell_bad(answers, Place(file), problem, "Please report this; nothing of the file was taken.")


def _limit(memory_mb: int, paths: Sequence[Path]) -> None:
    size = sum(path.stat().st_size for path in paths)
    _lower(resource.RLIMIT_AS, memory_mb << 20)
    _lower(resource.RLIMIT_CPU, _BASE_CPU_S + _CPU_S_A_MB * (size >> 20))
    _lower(resource.RLIMIT_CORE, 0)  # a core dump would hold genotypes
    _lower(resource.RLIMIT_FSIZE, _MESSAGE_BYTES)


def _lower(kind: int, limit: int) -> None:
    hard = resource.getrlimit(kind)[1]
    wanted = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    resource.setrlimit(kind, (wanted, wanted))


def _tell_bad(answers: IO[bytes], place: Place, problem: str, remedy: str) -> None:
    told = {
        "file": place.file,
        "line": place.line,
        "field": place.field,
        "problem": problem,
        "remedy": remedy,
    }
    send(answers, Frame(Tag.BAD, told))


def _read(task: dict[str, Any], answers: IO[bytes]) -> None:
    skips = Skips()
    moves = _moves(task)
    reader = _reader(task, skips.add)
    part = Part(*task["part"])
    header, records = reader.open_at(part.begin, part.block) if part.begin else reader.open()
    send(answers, Frame(Tag.SAMPLES, header.samples))
    reply = receive(sys.stdin.buffer)
    if reply is None:
        return
    maker = RowMaker(
        task["name"],
        task["dataset_no"],
        task["seg"],
        np.array(reply.value, np.int64),
        task["passed_only"],
        skips.add,
        moves,
        header.annotation,
        task["least_quality"],
    )
    stretch = Stretch(reader, maker, skips, part, header.lines + 1)
    alleles = 0
    batch: list[Row] = []
    held_bytes = 0
    for row in maker.rows(stretch.records(records)):
        batch.append(row)
        held_bytes += len(row.carriers) + len(row.alt) + len(row.ref)
        if len(batch) == _BATCH_ROWS or held_bytes > _BATCH_BYTES or len(maker.spans.made) > _BATCH_SPANS:
            alleles += len(batch)
            send(answers, rows_frame(batch, [maker], reader.done_bytes))
            batch, held_bytes = [], 0
    send(answers, rows_frame(batch, [maker], reader.done_bytes))
    summary = {
        **stretch.summary(),
        "alleles": alleles + len(batch),
        "contigs": sorted(maker.contigs),
        "levels": maker.levels,
    }
    send(answers, Frame(Tag.DONE, summary))


@dataclass(slots=True)
class Stretch:
    """The lines of one part: from where it really begins to where the next one does.

    begin, end: of its first line, and of the first that is not its own, in bytes of the text.
    """

    reader: VcfReader
    maker: RowMaker
    skips: Skips
    part: Part
    first_line: int
    begin: int = 0
    end: int | None = None
    _behind: Record | None = None

    @property
    def is_clean(self) -> bool:
        """When all is read: whether no allele before the end can be one behind it."""
        return self._behind is None or not self.maker.waits_for(self._behind)

    def records(self, found: Iterator[Record]) -> Iterator[Record]:
        """Those of `found` that are the part's own."""
        if self.part.begin:
            found = chain(self._first(found), found)
        yield from found if self.part.end is None else self._until(found, Border(self.part.end))

    def _first(self, found: Iterator[Record]) -> list[Record]:
        """The first record of its own, if there is one; what was before is forgotten."""
        border = Border(self.part.begin)
        first = next((one for one in found if border.is_at(self.reader.line_begin, one)), None)
        self.skips.clear()
        if first is None:
            self.begin, self.first_line = self.reader.text_bytes, self.reader.line + 1
            self.reader.names.clear()
            return []
        self.begin, self.first_line = self.reader.line_begin, self.reader.line
        self.reader.names[:-1] = []
        return [first]

    def _until(self, found: Iterator[Record], border: Border) -> Iterator[Record]:
        last: Record | None = None
        for record in found:
            if border.is_at(self.reader.line_begin, record):
                self.end, self._behind = self.reader.line_begin, record
                if last is not None and last.contig is not record.contig:
                    self.reader.names.pop()
                return
            yield record
            last = record

    def summary(self) -> dict[str, Any]:
        """Lines are counted as if the first of the part followed the header."""
        reader = self.reader
        behind = reader.line + 1 if self.end is None else reader.line
        return {
            "begin": self.begin,
            "end": reader.text_bytes if self.end is None else self.end,
            "is_clean": self.is_clean,
            "names": reader.names,
            "first_line": self.first_line,
            "records": behind - self.first_line,
            "skipped": self.skips.report(),
        }


def _reader(task: dict[str, Any], skipped: Callable[[int, str], None]) -> VcfReader:
    assembly, limit = Assembly(task["assembly"]), task["max_line_mb"] << 20
    return VcfReader(Path(task["path"]), assembly, limit, skipped, name=task["name"])


def _moves(task: dict[str, Any]) -> Moves:
    """Read from the whole file beforehand, when there is a reference to hold it against."""
    if task["fasta"] is None:
        return {}
    _, records = _reader(task, lambda _line, _reason: None).open()
    return moves_of(records, task["name"], Path(task["fasta"]), Assembly(task["assembly"]))


if __name__ == "__main__":
    main()
