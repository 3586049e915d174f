"""The genotypes of one VCF line: who carries which allele, who is uncalled.

Two readers that must agree.  `_fast` looks at the bytes of all samples at once and checks, before it
believes anything, that every genotype is one or two single-digit alleles; whatever it does not know for
certain it leaves to `_exact`, which reads sample by sample.  Knows nothing of people or of the index:
samples are columns, counted from 0.

Spec: VCF 4.4 §1.6.2 (GT).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from node.store.bitmaps import Ordinals

_MISSING: Final = ord(".")
_ZERO: Final = ord("0")
_PHASED: Final = ord("|")
_UNPHASED: Final = ord("/")
_NO_SECOND: Final = ord(" ")
"""Stands for the second allele of a haploid genotype, which has none."""

_SPLIT: Final = re.compile(rb"[|/]").split
_NOBODY: Final = np.empty(0, np.int64)
_NOBODY.flags.writeable = False
_NO_BYTES: Final = np.empty(0, np.uint8)
_NO_BYTES.flags.writeable = False


def _table(characters: bytes) -> npt.NDArray[np.bool_]:
    table = np.zeros(256, np.bool_)
    table[list(characters)] = True
    table.flags.writeable = False
    return table


_IS_ALLELE: Final = _table(b".0123456789")
_IS_SEPARATOR: Final = _table(b"|/")
_IS_END: Final = _table(b"\t:")


class Words(NamedTuple):
    """Genotypes of two called alleles or none, with the tab behind, as little-endian numbers.

    first, second, hom: the first ALT allele on that copy, or on both.  missing: with either separator.
    """

    separator: int
    reference: int
    first: int
    second: int
    hom: int
    missing: tuple[int, int]


def _words(separator: str) -> Words:
    both = f"0{separator}0", f"1{separator}0", f"0{separator}1", f"1{separator}1", ".|.", "./."
    reference, first, second, hom, *missing = (
        int.from_bytes(f"{genotype}\t".encode(), "little") for genotype in both
    )
    return Words(ord(separator), reference, first, second, hom, (missing[0], missing[1]))


PHASED: Final = _words("|")
UNPHASED: Final = _words("/")


class BadGenotype(ValueError):
    """A sample column that is not a genotype; the message says why, `column` which, and neither what."""

    def __init__(self, problem: str, column: int | None = None) -> None:
        super().__init__(problem)
        self.column = column


@dataclass(frozen=True, slots=True)
class OddCall:
    """A genotype of more than two called alleles."""

    column: int
    alleles: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class AlleleCalls:
    """Columns that carry one allele.

    homs: every called copy is this allele, and there are two or more.  hemis: genotypes of one allele
    that is this one.  Both are part of `carriers`.
    phased: on which copy the others have it, where that is known.
    """

    carriers: Ordinals
    homs: Ordinals = field(default_factory=lambda: _NOBODY)
    hemis: Ordinals = field(default_factory=lambda: _NOBODY)
    phased: Phased | None = None


class Phased(NamedTuple):
    """Columns of diploid carriers whose copies are told apart, homozygous ones possibly among them.

    is_second: the allele is the second of the genotype.  is_local: told apart from the other ALT allele of
    the genotype alone (`1/2`); None for nobody.
    """

    columns: Ordinals
    is_second: npt.NDArray[np.bool_]
    is_local: npt.NDArray[np.bool_] | None = None


@dataclass(frozen=True, slots=True)
class SiteCalls:
    """The genotypes of a line.

    columns, first, second: the samples that are not plainly homozygous for the reference, and the bytes of
    their alleles; `second` is a space for a haploid genotype.  separators: what stands between; None when it
    is nowhere of use, as in lines without phase and with one ALT.
    others: all carriers by allele instead, when they were found in another way than by those bytes.
    uncalled: samples with no called allele.  single: with exactly one.  odd: with more than two.
    """

    samples: int
    columns: Ordinals
    first: npt.NDArray[np.uint8]
    second: npt.NDArray[np.uint8]
    uncalled: Ordinals
    single: Ordinals
    odd: tuple[OddCall, ...] = ()
    others: dict[int, AlleleCalls] | None = None
    separators: npt.NDArray[np.uint8] | None = None

    @property
    def an(self) -> int:
        """Called alleles of all samples."""
        diploid = 2 * (self.samples - self.uncalled.size) - self.single.size
        return diploid + sum([len(call.alleles) - 2 for call in self.odd]) if self.odd else diploid

    def of(self, number: int) -> AlleleCalls:
        """Who carries the ALT allele `number` (1 is the first)."""
        if self.others is not None:
            return self.others.get(number, AlleleCalls(_NOBODY))
        code = _ZERO + number
        one, two = self.first == code, self.second == code
        carriers = self.columns[one | two]
        if not carriers.size:
            return AlleleCalls(carriers)
        hemis = self.columns[one & (self.second == _NO_SECOND)]
        return AlleleCalls(carriers, self.columns[one & two], hemis, self._phased(one, two))

    def _phased(self, one: npt.NDArray[np.bool_], two: npt.NDArray[np.bool_]) -> Phased | None:
        """one, two: whose first and whose second allele it is."""
        if self.separators is None:
            return None
        # The mark of a haploid genotype sorts before the digits; so does a missing allele.
        is_local = (self.separators == _UNPHASED) & (self.first > _ZERO) & (self.second > _ZERO)
        known = (one ^ two) & (self.second != _NO_SECOND) & ((self.separators == _PHASED) | is_local)
        if not known.any():
            return None
        return Phased(self.columns[known], two[known], is_local[known])


def scan(form: bytes, text: bytes, samples: int, alternates: int) -> SiteCalls | None:
    """The genotypes of a line whose FORMAT is `form` and whose sample columns are `text`, without line end.

    None when FORMAT has no GT.  About ten microseconds and one nanosecond a byte; a line with polyploid
    genotypes or ten alleles costs a microsecond a sample.

    Raises BadGenotype: another number of columns, or something that is no genotype of `alternates` alleles.
    """
    calls = None
    if form == b"GT" or form.startswith(b"GT:"):
        if alternates < 10:
            calls = _fast(text, samples, with_fields=len(form) > 2)
    elif b"GT" not in form.split(b":"):
        if text.count(b"\t") != samples - 1:
            raise _wrong_columns(text, samples)
        return None
    if calls is None:
        return _exact(form, text, samples, alternates)
    top = _ZERO + alternates
    if calls.columns.size and (calls.first.max() > top or calls.second.max() > top):
        raise BadGenotype(f"a genotype names an allele beyond the {alternates} of ALT")
    return calls


def _wrong_columns(text: bytes, samples: int) -> BadGenotype:
    return BadGenotype(f"{text.count(b'	') + 1} sample columns where the header names {samples}")


def _fast(text: bytes, samples: int, *, with_fields: bool) -> SiteCalls | None:
    if not with_fields and len(text) == 4 * samples - 1:
        calls = _equal_width(text, samples)
        if calls is not None:
            return calls
    buffer = np.frombuffer(text + b"\t\t\t\t", np.uint8)
    ends = (buffer[: len(text)] == 9).nonzero()[0]
    if ends.size != samples - 1:
        raise _wrong_columns(text, samples)
    starts = np.empty(samples, np.int64)
    starts[0] = 0
    np.add(ends, 1, out=starts[1:])
    first, separator, second, after = (buffer[starts + offset] for offset in range(4))
    haploid = _IS_END[separator]
    diploid = _IS_SEPARATOR[separator] & _IS_ALLELE[second] & _IS_END[after]
    if not ((haploid | diploid).all() and _IS_ALLELE[first].all()):
        return None
    if haploid.any():
        second = np.where(haploid, np.uint8(_NO_SECOND), second)
    columns = ((first != _ZERO) | (second != _ZERO)).nonzero()[0]
    return _site(samples, columns, first[columns], second[columns], separator[columns])


def _equal_width(text: bytes, samples: int) -> SiteCalls | None:
    """Diploid genotypes and nothing else: each is four bytes, and a plain reference one is one word."""
    words = np.frombuffer(text + b"\t", "<u4")
    phased = text[1] == PHASED.separator
    ours, theirs = (PHASED, UNPHASED) if phased else (UNPHASED, PHASED)
    columns = (words != ours.reference).nonzero()[0]
    kept = words[columns]
    if columns.size > samples >> 1:
        differ = kept != theirs.reference
        columns, kept = columns[differ], kept[differ]
    homs, is_second = kept == ours.hom, kept == ours.second
    plain = homs | is_second | (kept == ours.first)
    uncalled = _NOBODY
    if not plain.all():
        missing = (kept == ours.missing[0]) | (kept == ours.missing[1])
        if (plain | missing).all():
            uncalled, columns = columns[missing], columns[plain]
            homs, is_second, plain = homs[plain], is_second[plain], plain[plain]
    if plain.all():
        # Nobody has anything but the reference and the first ALT, or nothing: most lines of most files.
        phases = Phased(columns, is_second) if phased and columns.size else None
        only = {1: AlleleCalls(columns, columns[homs], phased=phases)}
        return SiteCalls(samples, _NOBODY, _NO_BYTES, _NO_BYTES, uncalled, _NOBODY, others=only)
    letters = kept.view(np.uint8).reshape(-1, 4)
    first, separator, second, after = letters[:, 0], letters[:, 1], letters[:, 2], letters[:, 3]
    sound = _IS_ALLELE[first] & _IS_SEPARATOR[separator] & _IS_ALLELE[second] & (after == 9)
    return _site(samples, columns, first, second, separator) if sound.all() else None


def _site(
    samples: int,
    columns: Ordinals,
    first: npt.NDArray[np.uint8],
    second: npt.NDArray[np.uint8],
    separator: npt.NDArray[np.uint8],
) -> SiteCalls:
    # Two different ALT alleles of one genotype are on different copies, phased or not.
    told = columns.size and (first.max() > _ZERO + 1 or second.max() > _ZERO + 1 or _PHASED in separator)
    separators = separator if told else None
    # '.' and the mark of a haploid genotype both sort before the digits.
    if not columns.size or (first.min() >= _ZERO and second.min() >= _ZERO):
        return SiteCalls(samples, columns, first, second, _NOBODY, _NOBODY, separators=separators)
    none_first, none_second = first == _MISSING, second < _ZERO
    uncalled, single = columns[none_first & none_second], columns[none_first ^ none_second]
    return SiteCalls(samples, columns, first, second, uncalled, single, separators=separators)


def _exact(form: bytes, text: bytes, samples: int, alternates: int) -> SiteCalls:
    at = form.split(b":").index(b"GT")
    fields = text.split(b"\t")
    if len(fields) != samples:
        raise _wrong_columns(text, samples)
    uncalled: list[int] = []
    single: list[int] = []
    odd: list[OddCall] = []
    groups: dict[int, _Group] = {}
    for column, sample in enumerate(fields):
        genotype = _genotype(sample.split(b":"), at, alternates, column)
        called = genotype.called
        if len(called) < 2:
            (single if called else uncalled).append(column)
        elif len(called) > 2:
            odd.append(OddCall(column, called))
        for allele in set(called) - {0}:
            groups.setdefault(allele, _Group()).add(column, allele, genotype)
    others = {allele: group.calls for allele, group in groups.items()}
    missing = _columns(uncalled), _columns(single)
    return SiteCalls(samples, _NOBODY, _NO_BYTES, _NO_BYTES, *missing, tuple(odd), others)


class _Genotype(NamedTuple):
    """alleles: as many as the ploidy, None for a missing one.  is_phased: all of them, one to the other."""

    alleles: tuple[int | None, ...]
    is_phased: bool

    @property
    def called(self) -> tuple[int, ...]:
        return tuple(allele for allele in self.alleles if allele is not None)


class _Group:
    """Who carries one allele, and how."""

    def __init__(self) -> None:
        self._carriers: list[int] = []
        self._homs: list[int] = []
        self._hemis: list[int] = []
        self._told: list[int] = []
        self._seconds: list[bool] = []
        self._locals: list[bool] = []

    def add(self, column: int, allele: int, genotype: _Genotype) -> None:
        called, ploidy = genotype.called, len(genotype.alleles)
        self._carriers.append(column)
        if ploidy == 1:
            self._hemis.append(column)
        elif len(called) > 1 and len(set(called)) == 1:
            self._homs.append(column)
        elif ploidy == 2 and (genotype.is_phased or (len(called) == 2 and 0 not in called)):
            self._told.append(column)
            self._seconds.append(genotype.alleles[1] == allele)
            self._locals.append(not genotype.is_phased)

    @property
    def calls(self) -> AlleleCalls:
        carriers, homs, hemis = map(_columns, (self._carriers, self._homs, self._hemis))
        if not self._told:
            return AlleleCalls(carriers, homs, hemis)
        seconds, locals_ = np.array(self._seconds, np.bool_), np.array(self._locals, np.bool_)
        return AlleleCalls(carriers, homs, hemis, Phased(_columns(self._told), seconds, locals_))


def _genotype(fields: list[bytes], at: int, alternates: int, column: int) -> _Genotype:
    """The genotype of one sample; trailing fields may be left out, and GT is then missing."""
    letters = fields[at] if at < len(fields) else b"."
    parts = _SPLIT(letters)
    if parts[0] == b"" and len(parts) > 1:
        parts = parts[1:]  # VCF 4.4 writes the phase of the first allele before it
    alleles: list[int | None] = []
    for part in parts:
        if part == b".":
            alleles.append(None)
            continue
        if not part.isdigit():
            raise BadGenotype("a genotype is not allele numbers between / or |", column)
        if int(part) > alternates:
            raise BadGenotype(f"a genotype names an allele beyond the {alternates} of ALT", column)
        alleles.append(int(part))
    return _Genotype(tuple(alleles), _PHASED in letters and _UNPHASED not in letters)


def _columns(found: list[int]) -> Ordinals:
    return np.array(found, np.int64)
