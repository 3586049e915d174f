"""On which of their two copies people carry an allele: how it is read from a line, and kept in a row.

Only heterozygous carriers of two copies have a phase.  Copies are numbered within a group: a phase set of one
person on one contig.  Group 0 is that of genotypes with `|` and no phase set; a negative one holds the two
alleles of one genotype `1/2` and no others.

In a row, after a tag, bits are by heterozygous carrier, in the order of the ordinals, the least significant
bit first:

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

from node.store.bitmaps import Ordinals, as_array, decode, decode_part, others, pack_bits, pack_each
from node.store.layout import Row
from node.store.scanner import AlleleCalls, Phased

_WHOLE: Final = ord("w")
_MIXED: Final = ord("m")
_ONE_PHASE: Final = 2  # bytes of what is known of one carrier, and of a list of one
_ONE_CARRIER: Final = 3
_LARGEST: Final = (1 << 31) - 1
_NO_SET: Final = 1 << 40
_SETS: Final = b"PS"
_GENOTYPES, _NAMES = b"PGT", b"PID"
# A list of phase sets says more than one number can; what such a line calls phased is left unknown.
_BEYOND: Final = frozenset((b"PSL", b"PSO"))
TELLING_PHASE: Final = _BEYOND | {_SETS, _GENOTYPES, _NAMES}
"""Keys of FORMAT beside GT that say something of phase."""


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


def encode_phases(hets: Ordinals, phases: Phases | None) -> bytes | None:
    """As they stand in a row; None when nothing is known.  A microsecond or two.

    hets: the heterozygous carriers of the row, ascending.  phases: of some of them, or of all carriers.
    """
    if phases is None or not (phases.people.size and hets.size):
        return None
    if phases.groups is not None and phases.groups.any():
        people, groups = phases.people.astype("<u4"), phases.groups.astype("<i4")
        return b"s" + people.tobytes() + groups.tobytes() + phases.is_second.astype(np.uint8).tobytes()
    if phases.people.size == hets.size:
        return b"w" + pack_bits(phases.is_second)
    is_het = np.isin(phases.people, hets, assume_unique=True)
    at = np.searchsorted(hets, phases.people[is_het])
    known, seconds = np.zeros(hets.size, np.bool_), np.zeros(hets.size, np.bool_)
    known[at] = True
    seconds[at] = phases.is_second[is_het]
    return b"w" + pack_bits(seconds) if at.size == hets.size else b"m" + pack_bits(known) + pack_bits(seconds)


def encode_each_phase(
    is_second: npt.NDArray[np.bool_], ends: npt.NDArray[np.int64]
) -> Sequence[bytes | None]:
    """`encode_phases` of several rows, in which the phases of all heterozygous carriers are known.

    is_second: of these, row after row.  ends: where the rows end among them, after a 0.
    """
    return [b"w" + bits if bits else None for bits in pack_each(is_second, ends)]


def heterozygous(row: Row) -> Ordinals:
    """Carriers in a row who are neither homozygous nor hemizygous."""
    carriers = decode(row.carriers)
    if row.homs is None and row.hemis is None:
        return carriers
    return others(others(carriers, decode_part(row.homs, row.carriers)), decode(row.hemis))


def decode_phases(row: Row) -> Phases:
    """Whose phase a row knows; of heterozygous carriers alone."""
    if row.phase is None:
        return _NOBODY
    tag, body = row.phase[0], np.frombuffer(row.phase, np.uint8, offset=1)
    people = heterozygous(row)
    if tag not in (_WHOLE, _MIXED):
        found = _in_groups(body)
        return found.within(np.isin(found.people, people))
    bits = np.unpackbits(body, bitorder="little").astype(np.bool_)
    seconds = bits[-(-people.size // 8) * 8 :] if tag == _MIXED else bits
    whole = Phases(people, seconds[: people.size])
    return whole.within(bits[: people.size]) if tag == _MIXED else whole


def _in_groups(body: npt.NDArray[np.uint8]) -> Phases:
    size = body.size // 9
    people = np.frombuffer(body[: 4 * size].tobytes(), "<u4").astype(np.int64)
    groups = np.frombuffer(body[4 * size : 8 * size].tobytes(), "<i4").astype(np.int64)
    return Phases(people, body[8 * size :].astype(np.bool_), groups)


def without(row: Row, gone: BitMap) -> Phases:
    """The phases of a row, but for those of `gone`."""
    found = decode_phases(row)
    return found.within(~np.isin(found.people, as_array(gone)))


def joined(rows: Sequence[Row]) -> Phases:
    """The phases of several rows about different people."""
    few: list[tuple[int, int]] = []
    found: list[Phases] = []
    for row in rows:
        if row.phase is None:
            continue
        if row.hom == row.hemi == 0 and len(row.phase) == _ONE_PHASE and len(row.carriers) == _ONE_CARRIER:
            few.append((row.carriers[1] | row.carriers[2] << 8, row.phase[1]))
        else:
            found.append(decode_phases(row))
    if few:
        ones = np.array(few, np.int64)
        found.append(Phases(ones[:, 0], ones[:, 1] > 0))
    if not found:
        return _NOBODY
    people = np.concatenate([one.people for one in found])
    seconds = np.concatenate([one.is_second for one in found])
    groups = np.concatenate([one.numbers for one in found])
    return Phases(people, seconds, groups).within(people.argsort())


def each(phases: Phases) -> Iterator[tuple[int, bool, int]]:
    """Person, whether it is his second copy, and group."""
    return zip(phases.people.tolist(), phases.is_second.tolist(), phases.numbers.tolist(), strict=True)
