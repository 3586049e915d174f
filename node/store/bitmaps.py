"""Sets of people as bytes: the smallest of a list, a bitset and a roaring bitmap, told apart by a tag.

    h   ordinals as sorted little-endian u16        i   the same as u32
    b   u32 ordinal of the first bit (a multiple of 8), then bits, least significant first
    r   roaring bitmap in its portable format
    c   of some people of another set: a bit for each of these, least significant first

Roaring is weighed only for sets whose other forms are long: for short ones it hardly ever wins, and making it
costs more than all the rest.  Knows nothing of alleles.

Spec: https://github.com/RoaringBitmap/RoaringFormatSpec
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import pairwise
from struct import unpack_from
from typing import Final

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap

Ordinals = npt.NDArray[np.int64]
"""Sorted, distinct ordinals of people, or columns of a VCF."""

_SHORT: Final = ord("h")
_WIDE: Final = ord("i")
_BITS: Final = ord("b")
_PART_TAG: Final = b"c"
_PART: Final = _PART_TAG[0]
_WORTH_ROARING_BYTES: Final = 2048
_FEW_BYTES: Final = 24  # what is shorter is not worth a second thought
_SHORT_LIMIT: Final = 65536


def encode(ordinals: Ordinals) -> bytes | None:
    """The smallest form of a sorted set; None for the empty set.  About a microsecond for a short one."""
    if not ordinals.size:
        return None
    last = int(ordinals[-1])
    list_bytes = ordinals.size * (2 if last < _SHORT_LIMIT else 4)
    first = int(ordinals[0]) & ~7
    bits_bytes = 4 + ((last - first) >> 3) + 1
    if min(list_bytes, bits_bytes) > _WORTH_ROARING_BYTES:
        roaring = as_bitmap(ordinals)
        roaring.run_optimize()
        packed = roaring.serialize()
        if len(packed) < min(list_bytes, bits_bytes):
            return b"r" + packed
    if list_bytes <= bits_bytes:
        return (
            b"h" + ordinals.astype("<u2").tobytes()
            if last < _SHORT_LIMIT
            else b"i" + ordinals.astype("<u4").tobytes()
        )
    bits = np.zeros((bits_bytes - 4) * 8, np.bool_)
    bits[ordinals - first] = True
    return b"b" + first.to_bytes(4, "little") + pack_bits(bits)


def encode_each(ordinals: Ordinals, ends: npt.NDArray[np.int64]) -> list[bytes | None]:
    """`encode`, of many sorted sets one after the other; a quarter of a microsecond for a short one.

    ends: where they end, after a 0.
    """
    if not ordinals.size:
        return [None] * (ends.size - 1)
    sizes, last = np.diff(ends), ordinals[ends[1:] - 1]
    first = ordinals[np.minimum(ends[:-1], ordinals.size - 1)] & ~7
    is_list = (last < _SHORT_LIMIT) & (
        2 * sizes <= np.minimum(5 + ((last - first) >> 3), _WORTH_ROARING_BYTES)
    )
    packed = ordinals.astype("<u2").tobytes()
    return [
        (b"h" + packed[2 * low : 2 * high] if short else encode(ordinals[low:high])) if high > low else None
        for (low, high), short in zip(pairwise(ends.tolist()), is_list.tolist(), strict=True)
    ]


def encode_part(part: Ordinals, whole: Ordinals) -> bytes | None:
    """The smallest form of a set that is part of another, which is at hand whenever it is read."""
    made = encode(part)
    if made is None or len(made) <= max(_FEW_BYTES, 1 + (whole.size + 7 >> 3)):
        return made
    return _PART_TAG + pack_bits(np.isin(whole, part, assume_unique=True))


def encode_each_part(
    whole: Ordinals, ends: npt.NDArray[np.int64], chosen: npt.NDArray[np.bool_]
) -> list[bytes | None]:
    """`encode_part`, of many sets.  ends: of the whole sets.  chosen: who of these is in the parts."""
    part_ends = np.concatenate(([0], np.cumsum(chosen)))[ends]
    made = encode_each(whole[chosen], part_ends)
    most = np.maximum(_FEW_BYTES, 1 + (7 + np.diff(ends) >> 3)).tolist()
    longer = [n for n, one in enumerate(made) if one is not None and len(one) > most[n]]
    if longer:
        packed = pack_each(chosen, ends)
        for n in longer:
            made[n] = _PART_TAG + packed[n]
    return made


def pack_bits(values: npt.NDArray[np.bool_]) -> bytes:
    """Least significant first."""
    return np.packbits(values, bitorder="little").tobytes()


def pack_each(values: npt.NDArray[np.bool_], ends: npt.NDArray[np.int64]) -> list[bytes]:
    """`pack_bits`, of many rows one after the other.  ends: where they end, after a 0."""
    sizes = np.diff(ends)
    places = np.concatenate(([0], np.cumsum(sizes + 7 >> 3)))
    bits = np.zeros(8 * int(places[-1]), np.bool_)
    bits[np.arange(values.size) + np.repeat(8 * places[:-1] - ends[:-1], sizes)] = values
    packed = pack_bits(bits)
    return [packed[low:high] for low, high in pairwise(places.tolist())]


def decode_part(blob: bytes | None, whole: bytes) -> Ordinals:
    """The sorted ordinals of a set that is part of the encoded `whole`."""
    if blob is None or blob[0] != _PART:
        return decode(blob)
    people = decode(whole)
    bits = np.unpackbits(np.frombuffer(blob, np.uint8, offset=1), bitorder="little", count=people.size)
    return people[bits.view(np.bool_)]


def decode_part_set(blob: bytes | None, whole: bytes) -> BitMap:
    """`decode_part` as a bitmap."""
    if blob is None or blob[0] != _PART:
        return decode_set(blob)
    return as_bitmap(decode_part(blob, whole))


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
        bits = np.unpackbits(np.frombuffer(blob, np.uint8, offset=5), bitorder="little").view(np.bool_)
        return np.flatnonzero(bits) + int.from_bytes(blob[1:5], "little")
    return as_array(BitMap.deserialize(blob[1:]))


def decode_set(blob: bytes | None) -> BitMap:
    """The encoded set as a bitmap that can be united and intersected; empty for None."""
    if blob is None:
        return BitMap()
    if blob[0] == ord("r"):
        return BitMap.deserialize(blob[1:])
    if blob[0] == _SHORT and len(blob) < _FEW_BYTES:
        return BitMap(unpack_from(f"<{len(blob) >> 1}H", blob, 1))
    return as_bitmap(decode(blob))


def others(whole: Ordinals, part: Ordinals) -> Ordinals:
    """Those of a sorted set who are not in a part of it."""
    if not part.size:
        return whole
    kept = np.ones(whole.size, np.bool_)
    kept[np.searchsorted(whole, part)] = False
    return whole[kept]


def unite_parts(blobs: Sequence[bytes], wholes: Sequence[bytes]) -> Ordinals:
    """`unite`, of parts of other sets."""
    if all(blob[0] != _PART for blob in blobs):
        return unite(blobs)
    pairs = zip(blobs, wholes, strict=True)
    return np.sort(np.concatenate([decode_part(blob, whole) for blob, whole in pairs]))


def unite(blobs: Sequence[bytes]) -> Ordinals:
    """The sorted ordinals of encoded sets that have nobody in common; some microseconds, however many."""
    if not blobs:
        return np.empty(0, np.int64)
    if {blob[0] for blob in blobs} == {_SHORT}:
        found = np.frombuffer(b"".join([blob[1:] for blob in blobs]), "<u2").astype(np.int64)
    else:
        found = np.concatenate([decode(blob) for blob in blobs])
    found.sort()
    return found


def as_bitmap(ordinals: Ordinals) -> BitMap:
    """The set as a bitmap; half a microsecond and some nanoseconds a person."""
    # Of an array of numpy a bitmap is made number by number, of this one at once.
    numbers = array("I")
    numbers.frombytes(ordinals.astype(np.uint32).tobytes())
    return BitMap(numbers)


def as_array(people: BitMap) -> Ordinals:
    return np.frombuffer(people.to_array(), np.uint32).astype(np.int64)


def mask_of(people: BitMap, size: int) -> npt.NDArray[np.bool_]:
    """`people` below `size` as a mask to look ordinals up in."""
    mask = np.zeros(size, np.bool_)
    ordinals = as_array(people)
    mask[ordinals[ordinals < size]] = True
    return mask


class Table:
    """Encoded sets, one a row, laid out so that many are looked at in one operation.

    Short sets lie one after the other in an array, the others as bits in a matrix of equal rows.  An empty
    set touches nobody.
    """

    __slots__ = ("_bits", "_bits_rows", "_entries", "_list_ends", "_list_rows", "_size")

    def __init__(self, blobs: Sequence[bytes], people: int) -> None:
        """people: of all, so many; half a microsecond a set."""
        width = -(-people // 64) * 8
        list_rows: list[int] = []
        lists: list[bytes] = []
        bits_rows: list[int] = []
        bits: list[bytes] = []
        entry = "<u2" if people <= _SHORT_LIMIT else "<u4"
        for row, blob in enumerate(blobs):
            tag = blob[0] if blob else None
            if tag == _SHORT and entry == "<u2":
                list_rows.append(row)
                lists.append(blob[1:])
            elif tag == _BITS and 4 * len(blob) > width:
                at = int.from_bytes(blob[1:5], "little") >> 3
                bits_rows.append(row)
                bits.append(b"".join((bytes(at), blob[5:], bytes(width - at - len(blob) + 5))))
            elif tag is not None:
                list_rows.append(row)
                lists.append(decode(blob).astype(entry).tobytes())
        self._size = len(blobs)
        self._list_rows, self._bits_rows = np.array(list_rows, np.int64), np.array(bits_rows, np.int64)
        self._entries = np.frombuffer(b"".join(lists), entry)
        sizes = np.array([0, *map(len, lists)], np.int64) // self._entries.itemsize
        self._list_ends = np.cumsum(sizes)
        self._bits = np.frombuffer(b"".join(bits), "<u8").reshape(len(bits), width // 8)

    @property
    def size_bytes(self) -> int:
        return 24 * self._size + self._entries.nbytes + self._bits.nbytes

    def touches(self, low: int, high: int, mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Of each of rows `low` to `high`: whether any of its people is in `mask`, which is of everybody."""
        found = np.zeros(high - low, np.bool_)
        first, last = np.searchsorted(self._list_rows, (low, high)).tolist()
        if last > first:
            ends = self._list_ends[first : last + 1]
            inside = mask[self._entries[ends[0] : ends[-1]]]
            found[self._list_rows[first:last] - low] = np.logical_or.reduceat(inside, ends[:-1] - ends[0])
        first, last = np.searchsorted(self._bits_rows, (low, high)).tolist()
        if last > first:
            packed = pack_bits(mask)
            asked = np.frombuffer(packed + bytes(8 * self._bits.shape[1] - len(packed)), "<u8")
            found[self._bits_rows[first:last] - low] = (self._bits[first:last] & asked).any(axis=1)
        return found


def touches(blobs: Sequence[bytes], mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """For each encoded set: whether any of its people is in `mask`; half a microsecond a set."""
    return Table(blobs, mask.size).touches(0, len(blobs), mask)
