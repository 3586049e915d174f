"""Sets of people as bytes: the smallest of a list, a bitset and a roaring bitmap, told apart by a tag.

    h   ordinals as sorted little-endian u16        i   the same as u32
    b   u32 ordinal of the first bit (a multiple of 8), then bits, least significant first
    r   roaring bitmap in its portable format

Roaring is weighed only for sets whose other forms are long: for short ones it hardly ever wins, and making it
costs more than all the rest.  Knows nothing of alleles.

Spec: https://github.com/RoaringBitmap/RoaringFormatSpec
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap

Ordinals = npt.NDArray[np.int64]
"""Sorted, distinct ordinals of people, or columns of a VCF."""

_SHORT: Final = ord("h")
_WIDE: Final = ord("i")
_BITS: Final = ord("b")
_WORTH_ROARING_BYTES: Final = 2048


def encode(ordinals: Ordinals) -> bytes | None:
    """The smallest form of a sorted set; None for the empty set.  About a microsecond for a short one."""
    if not ordinals.size:
        return None
    last = int(ordinals[-1])
    list_bytes = ordinals.size * (2 if last < 65536 else 4)
    first = int(ordinals[0]) & ~7
    bits_bytes = 4 + ((last - first) >> 3) + 1
    if min(list_bytes, bits_bytes) > _WORTH_ROARING_BYTES:
        roaring = BitMap(ordinals.astype(np.uint32))
        roaring.run_optimize()
        packed = roaring.serialize()
        if len(packed) < min(list_bytes, bits_bytes):
            return b"r" + packed
    if list_bytes <= bits_bytes:
        return (
            b"h" + ordinals.astype("<u2").tobytes()
            if last < 65536
            else b"i" + ordinals.astype("<u4").tobytes()
        )
    bits = np.zeros((bits_bytes - 4) * 8, np.bool_)
    bits[ordinals - first] = True
    return b"b" + first.to_bytes(4, "little") + np.packbits(bits, bitorder="little").tobytes()


def encode_set(people: BitMap) -> bytes | None:
    """`encode`, for a set that is a bitmap already."""
    return encode(as_array(people))


def decode(blob: bytes | None) -> Ordinals:
    """The sorted ordinals of an encoded set; empty for None."""
    if blob is None:
        return np.empty(0, np.int64)
    tag = blob[0]
    if tag == _SHORT:
        return np.frombuffer(blob, "<u2", offset=1).astype(np.int64)
    if tag == _WIDE:
        return np.frombuffer(blob, "<u4", offset=1).astype(np.int64)
    if tag == _BITS:
        bits = np.unpackbits(np.frombuffer(blob, np.uint8, offset=5), bitorder="little")
        return np.flatnonzero(bits) + int.from_bytes(blob[1:5], "little")
    return as_array(BitMap.deserialize(blob[1:]))


def decode_set(blob: bytes | None) -> BitMap:
    """The encoded set as a bitmap that can be united and intersected; empty for None."""
    if blob is None:
        return BitMap()
    if blob[0] == ord("r"):
        return BitMap.deserialize(blob[1:])
    return BitMap(decode(blob).astype(np.uint32))


def unite(blobs: Sequence[bytes]) -> Ordinals:
    """The sorted ordinals of encoded sets that have nobody in common; some microseconds, however many."""
    if all(blob[0] == _SHORT for blob in blobs):
        found = np.frombuffer(b"".join([blob[1:] for blob in blobs]), "<u2").astype(np.int64)
    else:
        found = np.concatenate([decode(blob) for blob in blobs])
    found.sort()
    return found


def as_array(people: BitMap) -> Ordinals:
    return np.frombuffer(people.to_array(), np.uint32).astype(np.int64)


def mask_of(people: BitMap, size: int) -> npt.NDArray[np.bool_]:
    """`people` below `size` as a mask to look ordinals up in."""
    mask = np.zeros(size, np.bool_)
    ordinals = as_array(people)
    mask[ordinals[ordinals < size]] = True
    return mask


def touches(blobs: Sequence[bytes], mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """For each encoded, non-empty set: whether any of its people is in `mask`.

    The short lists, which are most, are looked up all at once: half a microsecond a set.
    """
    found = np.zeros(len(blobs), np.bool_)
    short = [n for n, blob in enumerate(blobs) if blob[0] == _SHORT]
    if short:
        lists = [blobs[n][1:] for n in short]
        ends = np.cumsum([len(one) // 2 for one in lists])
        inside = mask[np.frombuffer(b"".join(lists), "<u2")]
        starts = np.concatenate(([0], ends[:-1]))
        found[short] = np.logical_or.reduceat(inside, starts)
    bits = np.packbits(mask, bitorder="little").tobytes()
    for n, blob in enumerate(blobs):
        if blob[0] == _BITS:
            at = int.from_bytes(blob[1:5], "little") >> 3
            here = bits[at : at + len(blob) - 5]
            # One conjunction of two long integers costs a fraction of what unpacking would.
            found[n] = int.from_bytes(blob[5:], "little") & int.from_bytes(here, "little") != 0
        elif blob[0] != _SHORT:
            found[n] = bool(mask[decode(blob)].any())
    return found
