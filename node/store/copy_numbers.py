"""How many copies of a stretch each person of a line has in all, by FORMAT CN.

It is read in lines whose ALT are `<CNV>`, `<DEL>`, `<DUP>` and finer ones of these two, and `<CNn>`, all over
the same stretch.  A genotype stands wherever it tells; CN adds what it does not tell:

    <CNV>                       a genotype tells neither gain nor loss: CN alone counts
    no GT, or a missing one     CN counts
    a carrier                   CN counts where it goes further than the genotype: `<DEL>` 0/1 with CN 0,
                                `<DUP>` 0/1 with CN 4; otherwise, if it is another number than the genotype
                                comes to, the two contradict each other, and the genotype stands
    like the reference          the genotype stands

A number that is not whole counts as the nearest whole one, and not at all half way between two.  Those who
have one number of copies become the carriers of one allele, `<CNV:CNn>`; of what everybody has (two, outside
of X and Y) no allele is made.  Whose number is a change on X and Y depends on his sex, and is settled when
counts are made.  On MT there is no usual number, and CN is left out.

Spec: VCF 4.4 §1.6.2 (FORMAT CN), §5.6.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import floor
from typing import Final, NamedTuple

import numpy as np

from node.store.alleles import Found
from node.store.bitmaps import Ordinals
from node.store.reader import Record
from node.store.tally import NO_ODD, NOBODY, Tally
from schemas.genome import Interval, chromosome_copies, symbol_of_total

_COUNTED: Final = re.compile(rb"<(?:CNV|CN=?\d{1,4}|(?:DEL|DUP)(?::[^<>]*)?)>", re.IGNORECASE)
_NUMBER: Final = re.compile(rb"\d{1,9}(?:\.\d{0,9})?", re.ASCII)
_MOST: Final = 9999
_SPLIT: Final = re.compile(rb"[|/]").split
_NOT_A_NUMBER: Final = "CN of a sample is not a number of copies; it is left out"
_HALF_WAY: Final = "CN of a sample lies half way between two numbers of copies; it is left out"
_CONTRADICTION: Final = "CN of a sample contradicts its genotype; the genotype stands"
_EXTENTS: Final = "CN is left out: the ALT of the line differ in extent"
_ON_MT: Final = "CN on MT is left out: there is no usual number of copies"


class Counted(NamedTuple):
    """People with one number of copies over a stretch, as an allele of theirs."""

    found: Found
    tally: Tally


def is_counted(record: Record) -> bool:
    """Whether the line may tell numbers of copies."""
    return b"CN" in record.form and b"CN" in record.form.split(b":") and b"<" in record.alternates


@dataclass(slots=True)
class CopyNumbers:
    """The numbers of copies that one line tells.

    alleles: those of its ALT, to be added first.  remarks: why some were left out, each once.
    nothing_told: of anybody, for all that was counted.
    """

    record: Record
    alleles: list[Found] = field(default_factory=list)
    remarks: dict[str, None] = field(default_factory=dict)
    nothing_told: bool = True

    def _are_read(self) -> bool:
        """Whether the line is one of those in which they are."""
        texts = self.record.alternates.split(b",")
        if not self.alleles or not all(map(_COUNTED.fullmatch, texts)):
            return False
        if self.record.contig.name == "MT":
            self.remarks[_ON_MT] = None
            return False
        if len(self.alleles) < len(texts) or len({one.key[:2] for one in self.alleles}) > 1:
            self.remarks[_EXTENTS] = None
            return False
        return True

    def counted(self) -> list[Counted]:
        """Those who have each number, as alleles of theirs; fewest copies first.  A microsecond a sample."""
        if not self._are_read():
            return []
        first = self.alleles[0]
        stretch = Interval(self.record.contig, first.key.start, first.key.end)
        told: list[int] = []
        silent: list[int] = []
        by_number: defaultdict[int, list[int]] = defaultdict(list)
        for column, (number, is_new) in enumerate(self._samples()):
            (silent if number is None else told).append(column)
            if is_new and number is not None and not stretch.always_has(number):
                by_number[number].append(column)
        self.nothing_told = not told
        both = np.array(silent, np.int64), np.array(told, np.int64)
        return [
            Counted(self._found(number), _tally(np.array(columns, np.int64), *both))
            for number, columns in sorted(by_number.items())
        ]

    def _found(self, number: int) -> Found:
        first = self.alleles[0]
        key = first.key._replace(alternate=symbol_of_total(number))
        return first._replace(key=key, remark="")

    def _samples(self) -> Iterator[tuple[int | None, bool]]:
        """Of each sample its number of copies, and whether it tells what the genotype does not."""
        form = self.record.form.split(b":")
        at, called_at = form.index(b"CN"), form.index(b"GT") if b"GT" in form else None
        genotypes = _Genotypes([one.decode() for one in self.record.alternates.split(b",")])
        for sample in self.record.text.split(b"\t"):
            fields = sample.split(b":")
            number = self._number(fields[at]) if at < len(fields) else None
            if number is None:
                yield None, False
                continue
            written = fields[called_at] if called_at is not None and called_at < len(fields) else b"."
            is_new = genotypes.leave_open(written, number)
            if is_new is None:
                self.remarks[_CONTRADICTION] = None
                number = None
            yield number, bool(is_new)

    def _number(self, written: bytes) -> int | None:
        if written == b".":
            return None
        value = float(written) if _NUMBER.fullmatch(written) else _MOST + 1
        if value > _MOST:
            self.remarks[_NOT_A_NUMBER] = None
            return None
        if value % 1 == 0.5:  # exact in binary, too
            self.remarks[_HALF_WAY] = None
            return None
        return floor(value + 0.5)


class _Genotypes:
    """What genotypes of a line tell of copies.  alternates: as written."""

    def __init__(self, alternates: Sequence[str]) -> None:
        self._tells = not any(text.upper() == "<CNV>" for text in alternates)
        self._each = (1, *map(chromosome_copies, alternates))

    def leave_open(self, written: bytes, number: int) -> bool | None:
        """Whether a genotype leaves `number` copies open; None where it contradicts them."""
        alleles = [allele for allele in _SPLIT(written) if allele]
        called = [int(allele) for allele in alleles if allele != b"."]
        if not called or not self._tells:
            return True
        each = [copies for allele in called if (copies := self._each[allele]) is not None]
        usual = len(alleles)
        reckoned = sum(each) + usual - len(called)  # a missing one is taken for the reference
        if not any(called) or number == reckoned or len(each) < len(called):
            return False
        is_further = number < reckoned < usual or number > reckoned > usual
        return is_further or None


def _tally(carriers: Ordinals, silent: Ordinals, told: Ordinals) -> Tally:
    """Each person counts once, whatever his number."""
    return Tally(carriers, NOBODY, NOBODY, silent, told, NO_ODD, int(told.size))
