"""Several files read at once in the reading process, so that an allele of many people becomes one row.

Files of one person each, as a rule.  Whatever is wrong with one of them is not told here: it is named, and is
left to be read alone, which tells.  Speaks `frames` with `bundle`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
from pyroaring import BitMap

from node.store.frames import Frame, Tag, pack_rows, receive, send
from node.store.header import Header
from node.store.layout import Row
from node.store.merging import Merger
from node.store.reader import Record, VcfReader
from node.store.rows import RowMaker
from node.store.skips import Skips
from schemas.errors import BadInput
from schemas.genome import Assembly

_CHUNK_BYTES: Final = 1 << 17
_BATCH_ROWS: Final = 2000
_BATCH_SPANS: Final = 500


class Unfit(Exception):
    """A file that has to be read alone."""

    def __init__(self, place: int) -> None:
        super().__init__(place)
        self.place = place


@dataclass(frozen=True, slots=True)
class _Member:
    """One of the files, opened.  place: among them."""

    place: int
    number: int
    name: str
    reader: VcfReader
    skips: Skips
    header: Header
    records: Iterator[Record]

    def maker(self, task: dict[str, Any], ordinals: Sequence[int]) -> RowMaker:
        return RowMaker(
            self.name,
            task["dataset_no"],
            self.number,
            np.array(ordinals, np.int64),
            task["passed_only"],
            self.skips.add,
            annotation=self.header.annotation,
            least_quality=task["least_quality"],
        )

    def rows(self, maker: RowMaker) -> Iterator[Row]:
        """Its rows in the order of the index.  Raises Unfit: they are not, or something else is wrong."""
        last = 0
        try:
            for row in maker.rows(self.records):
                if row.bin < last:
                    raise Unfit(self.place)
                last = row.bin
                yield row
        except BadInput:
            raise Unfit(self.place) from None

    def summary(self, maker: RowMaker, alleles: int) -> dict[str, Any]:
        return {
            "records": self.reader.line - self.header.lines,
            "alleles": alleles,
            "contigs": sorted(maker.contigs),
            "levels": maker.levels,
            "skipped": self.skips.report(),
        }


def read_together(task: dict[str, Any], requests: IO[bytes], answers: IO[bytes]) -> None:
    """Reads the files of a task: tells their samples, takes the ordinals of these, and gives merged rows."""
    try:
        members = [_opened(task, place, file) for place, file in enumerate(task["files"])]
        send(answers, Frame(Tag.SAMPLES, [member.header.samples for member in members]))
        reply = receive(requests)
        if reply is not None:
            _give(task, members, reply.value, answers)
    except Unfit as unfit:
        send(answers, Frame(Tag.UNFIT, unfit.place))


def _opened(task: dict[str, Any], place: int, file: dict[str, Any]) -> _Member:
    skips = Skips()
    limit = task["max_line_mb"] << 20
    reader = VcfReader(Path(file["path"]), Assembly(task["assembly"]), limit, skips.add, name=file["name"])
    reader.chunk_bytes = _CHUNK_BYTES
    try:
        header, records = reader.open()
    except BadInput:
        raise Unfit(place) from None
    return _Member(place, file["number"], file["name"], reader, skips, header, records)


def _give(
    task: dict[str, Any], members: Sequence[_Member], ordinals: Sequence[Sequence[int]], answers: IO[bytes]
) -> None:
    makers = [member.maker(task, own) for member, own in zip(members, ordinals, strict=True)]
    covered = {member.number: BitMap(own) for member, own in zip(members, ordinals, strict=True)}
    counts = [0] * len(members)
    streams = [
        _counted(member.rows(maker), counts, member.place)
        for member, maker in zip(members, makers, strict=True)
    ]
    total, batch = 0, list[Row]()
    for row in Merger(covered, task["seg"]).rows(streams):
        batch.append(row)
        if len(batch) == _BATCH_ROWS or (len(batch) % 100 == 0 and _spans_of(makers) > _BATCH_SPANS):
            total += len(batch)
            send(answers, rows_frame(batch, makers, sum(one.reader.done_bytes for one in members)))
            batch = []
    total += len(batch)
    send(answers, rows_frame(batch, makers, sum(one.reader.done_bytes for one in members)))
    told = [
        member.summary(maker, alleles) for member, maker, alleles in zip(members, makers, counts, strict=True)
    ]
    send(answers, Frame(Tag.DONE, {"alleles": total, "files": told}))


def _counted(rows: Iterable[Row], counts: list[int], place: int) -> Iterator[Row]:
    for row in rows:
        counts[place] += 1
        yield row


def _spans_of(makers: Sequence[RowMaker]) -> int:
    return sum(len(maker.spans.made) for maker in makers)


def rows_frame(batch: Sequence[Row], makers: Sequence[RowMaker], done_bytes: int) -> Frame:
    """Rows with what their makers note, which is taken away from these."""
    values, blob = pack_rows(batch)
    told = {
        "rows": values,
        "notes": [list(note) for maker in makers for note in maker.notes],
        "spans": [list(span) for maker in makers for span in maker.spans.made],
        "done_bytes": done_bytes,
    }
    for maker in makers:
        maker.notes.clear()
        maker.spans.made.clear()
    return Frame(Tag.ROWS, told, blob)
