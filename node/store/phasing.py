"""On which of their two copies people carry an allele: how it is read from a line, and kept in a row.

Only heterozygous carriers of two copies have a phase.  Copies are numbered within a group: a phase set of one
person on one contig.  Group 0 is that of genotypes with `|` and no phase set; a negative one holds the two
alleles of one genotype `1/2` and no others.

In a row, after a tag, bits are by carrier, in the order of the ordinals, least significant first:

    w   whether the allele is on the second copy; everybody's phase is known, all in group 0
    m   whose phase is known, all in group 0, then the same
    s   little-endian u32 ordinals, i32 groups, and a byte each for the copy (0 the first)

Spec: VCF 4.4 §1.6.2 (GT, PS); GATK "HaplotypeCaller" (PGT, PID).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap

from node.store.bitmaps import Ordinals, as_array, decode, decode_set
from node.store.layout import Row
from node.store.scanner import AlleleCalls, Phased

_WHOLE: Final = ord("w")
_MIXED: Final = ord("m")
_LARGEST: Final = (1 << 31) - 1
_NO_SET: Final = 1 << 40
_SETS: Final = b"PS"
_GENOTYPES, _NAMES = b"PGT", b"PID"
# A list of phase sets says more than one number can; what such a line calls phased is left unknown.
_BEYOND: Final = frozenset((b"PSL", b"PSO"))


class Phases(NamedTuple):
    """Of people (or columns), ascending: whether the allele is on the second copy, and in which group.

    groups: None when all are in group 0.
    """

    people: Ordinals
    is_second: npt.NDArray[np.bool_]
    groups: npt.NDArray[np.int64] | None = None

    @property
    def numbers(self) -> npt.NDArray[np.int64]:
        """The groups, of everybody."""
        return np.zeros(self.people.size, np.int64) if self.groups is None else self.groups

    def within(self, kept: npt.NDArray[np.bool_] | npt.NDArray[np.intp]) -> Phases:
        """Those of a mask, or those at these places in their order."""
        groups = None if self.groups is None else self.groups[kept]
        return Phases(self.people[kept], self.is_second[kept], groups)

    def of_people(self, ordinals: Ordinals, *, in_order: bool) -> Phases:
        """The same, of people instead of columns.  ordinals: by column; in_order: they ascend."""
        found = self._replace(people=ordinals[self.people])
        return found if in_order else found.within(found.people.argsort())


_NOBODY: Final = Phases(np.empty(0, np.int64), np.empty(0, np.bool_))


# ---------------------------------------------------------------------- from a line


class PhaseReader:
    """The phases of one line.  first: its POS.  form, text: FORMAT and the sample columns."""

    def __init__(self, first: int, form: bytes, text: bytes) -> None:
        self._first = first
        self._keys = form.split(b":") if len(form) > 2 else [form]
        self._text = text
        self._fields: list[bytes] | None = None

    def of(self, number: int, calls: AlleleCalls) -> Phases | None:
        """Of ALT allele `number`, which has these calls, by column; None when nothing is known."""
        phased = calls.phased
        if len(self._keys) == 1:
            return self._of_genotypes(phased)
        if not _BEYOND.isdisjoint(self._keys):
            phased = _local(phased)
        if _SETS in self._keys:
            return self._of_sets(phased)
        if _GENOTYPES in self._keys and _NAMES in self._keys:
            return self._physical(number, calls)
        return self._of_genotypes(phased)

    def _of_genotypes(self, phased: Phased | None) -> Phases | None:
        if phased is None:
            return None
        columns, is_second, is_local = phased
        if is_local is None or not is_local.any():
            return Phases(columns, is_second)
        return Phases(columns, is_second, np.where(is_local, -self._first, 0))

    def _of_sets(self, phased: Phased | None) -> Phases | None:
        """What is phased and in no set is phased with nothing that is known."""
        found = self._of_genotypes(phased)
        if found is None:
            return None
        columns, own = found.people.tolist(), found.numbers
        named = np.array([_number(self._field(column, _SETS)) for column in columns], np.int64)
        groups = np.where(own < 0, own, named)
        known = groups != _NO_SET
        return Phases(found.people, found.is_second, groups).within(known) if known.any() else None

    def _physical(self, number: int, calls: AlleleCalls) -> Phases | None:
        """As GATK tells it beside an unphased genotype."""
        allele, found = b"%d" % number, []
        told = self._of_genotypes(calls.phased) or _NOBODY
        written = {column: (second, group) for column, second, group in each(told)}
        others = np.concatenate((calls.homs, calls.hemis))
        for column in np.setdiff1d(calls.carriers, others, assume_unique=True).tolist():
            copies = self._field(column, _GENOTYPES).split(b"|")
            name = _number(self._field(column, _NAMES))
            if len(copies) == 2 and name != _NO_SET and (copies[0] == allele) != (copies[1] == allele):
                found.append((column, copies[1] == allele, name))
            elif column in written:
                found.append((column, *written[column]))
        if not found:
            return None
        columns, seconds, groups = zip(*found, strict=True)
        return Phases(np.array(columns, np.int64), np.array(seconds, np.bool_), np.array(groups, np.int64))

    def _field(self, column: int, key: bytes) -> bytes:
        if self._fields is None:
            self._fields = self._text.split(b"\t")
        fields, at = self._fields[column].split(b":"), self._keys.index(key)
        return fields[at] if at < len(fields) else b"."


def _local(phased: Phased | None) -> Phased | None:
    if phased is None or phased.is_local is None or not phased.is_local.any():
        return None
    kept = phased.is_local
    return Phased(phased.columns[kept], phased.is_second[kept], kept[kept])


def _number(name: bytes) -> int:
    """A phase set as a number; of one that is none, a number made of its letters."""
    if name in (b".", b""):
        return _NO_SET
    if name.isdigit() and (number := int(name)) <= _LARGEST:
        return number
    return zlib.crc32(name) & _LARGEST


# ---------------------------------------------------------------------- in a row


def encode_phases(carriers: Ordinals, hets: int, phases: Phases | None) -> bytes | None:
    """As they stand in a row; None when nothing is known.  A microsecond or two.

    carriers: of the row, ascending.  hets: how many are heterozygous.  phases: of heterozygous carriers, or
    of all carriers; in the latter case homozygous ones are on the first copy.
    """
    if phases is None or not (phases.people.size and hets):
        return None
    if phases.groups is not None and phases.groups.any():
        people, groups = phases.people.astype("<u4"), phases.groups.astype("<i4")
        return b"s" + people.tobytes() + groups.tobytes() + phases.is_second.astype(np.uint8).tobytes()
    if phases.people.size == carriers.size:
        return b"w" + _bits(phases.is_second)
    at = np.searchsorted(carriers, phases.people)
    known, seconds = np.zeros(carriers.size, np.bool_), np.zeros(carriers.size, np.bool_)
    known[at] = True
    seconds[at] = phases.is_second
    whole = phases.people.size == hets
    return b"w" + _bits(seconds) if whole else b"m" + _bits(known) + _bits(seconds)


def _bits(values: npt.NDArray[np.bool_]) -> bytes:
    return np.packbits(values, bitorder="little").tobytes()


def decode_phases(row: Row) -> Phases:
    """Whose phase a row knows; of heterozygous carriers alone."""
    if row.phase is None:
        return _NOBODY
    found = _decode(row.phase, row.carriers)
    if row.homs is None and row.hemis is None:
        return found
    others = as_array(decode_set(row.homs) | decode_set(row.hemis))
    return found.within(~np.isin(found.people, others))


def _decode(blob: bytes, carriers: bytes) -> Phases:
    tag, body = blob[0], np.frombuffer(blob, np.uint8, offset=1)
    if tag not in (_WHOLE, _MIXED):
        size = body.size // 9
        people = np.frombuffer(body[: 4 * size].tobytes(), "<u4").astype(np.int64)
        groups = np.frombuffer(body[4 * size : 8 * size].tobytes(), "<i4").astype(np.int64)
        return Phases(people, body[8 * size :].astype(np.bool_), groups)
    people = decode(carriers)
    bits = np.unpackbits(body, bitorder="little").astype(np.bool_)
    seconds = bits[-(-people.size // 8) * 8 :] if tag == _MIXED else bits
    whole = Phases(people, seconds[: people.size])
    return whole.within(bits[: people.size]) if tag == _MIXED else whole


def without(row: Row, gone: BitMap) -> Phases:
    """The phases of a row, but for those of `gone`."""
    found = decode_phases(row)
    return found.within(~np.isin(found.people, as_array(gone)))


def joined(rows: Sequence[Row]) -> Phases:
    """The phases of several rows about different people."""
    found = [decode_phases(row) for row in rows if row.phase is not None]
    if not found:
        return _NOBODY
    people = np.concatenate([one.people for one in found])
    seconds = np.concatenate([one.is_second for one in found])
    groups = np.concatenate([one.numbers for one in found])
    return Phases(people, seconds, groups).within(people.argsort())


def each(phases: Phases) -> Iterator[tuple[int, bool, int]]:
    """Person, whether it is his second copy, and group."""
    return zip(phases.people.tolist(), phases.is_second.tolist(), phases.numbers.tolist(), strict=True)
