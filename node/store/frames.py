"""What the reading process and the node say to each other over two pipes.

The reading process looks at files that strangers wrote, so nothing it sends is executed or unpickled: a frame
is a tag, a JSON value and bytes, each with its length.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from enum import Enum
from typing import IO, Any, Final, NamedTuple

import orjson

from node.store.layout import BLOBS, Row

_HEAD: Final = struct.Struct("<cII")


class Tag(Enum):
    """task and ordinals go to the reading process, the others come from it; it ends with one of the last."""

    TASK = b"t"
    SAMPLES = b"s"
    ORDINALS = b"o"
    ROWS = b"r"
    DONE = b"d"
    BAD = b"b"
    UNFIT = b"u"


class Frame(NamedTuple):
    tag: Tag
    value: Any
    blob: bytes = b""


def send(pipe: IO[bytes], frame: Frame) -> None:
    """Writes one frame; blocks while the pipe is full.  Raises BrokenPipeError: the other side is gone."""
    value = orjson.dumps(frame.value)
    pipe.write(_HEAD.pack(frame.tag.value, len(value), len(frame.blob)))
    pipe.write(value)
    pipe.write(frame.blob)
    pipe.flush()


def receive(pipe: IO[bytes]) -> Frame | None:
    """The next frame, waiting for it; None when the other side ended, even in the middle of one."""
    head = pipe.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return None
    tag, value_bytes, blob_bytes = _HEAD.unpack(head)
    value, blob = pipe.read(value_bytes), pipe.read(blob_bytes)
    if len(value) < value_bytes or len(blob) < blob_bytes:
        return None
    return Frame(Tag(tag), orjson.loads(value), blob)


def pack_rows(rows: Iterable[Row]) -> tuple[list[list[Any]], bytes]:
    """Rows as JSON, in which a length (-1 for None) stands for each set, and the sets one after the other."""
    values: list[list[Any]] = []
    blobs: list[bytes] = []
    for row in rows:
        sets = row[-BLOBS:]
        values.append([*row[:-BLOBS], *(-1 if one is None else len(one) for one in sets)])
        blobs += [one for one in sets if one]
    return values, b"".join(blobs)


def unpack_rows(values: list[list[Any]], blob: bytes) -> list[tuple[Any, ...]]:
    """What was packed, as tuples in the order of `layout.COLUMNS`."""
    rows: list[tuple[Any, ...]] = []
    at = 0
    for value in values:
        for column in range(len(value) - BLOBS, len(value)):
            length = value[column]
            if length < 0:
                value[column] = None
            else:
                value[column] = blob[at : at + length]
                at += length
        rows.append(tuple(value))
    return rows
