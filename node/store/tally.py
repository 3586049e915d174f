"""What one line says of one allele, sample by sample: who carries it and how, and who was not called.

A `Tally` is what becomes a row of the index; two lines that turn out to be the same allele are united here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from node.store.bitmaps import Ordinals, others
from node.store.phasing import Phases
from node.store.scanner import AlleleCalls, SiteCalls

NOBODY: Final = np.empty(0, np.int64)
NOBODY.flags.writeable = False

Set = bytes | None
Tail = tuple[tuple[int, int, int, int, int], tuple[bytes, Set, Set, Set, Set, Set, Set]]
"""What a row says of people: its counts from `ac` on and its sets, in the order of `layout.COLUMNS`."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Columns (or people) by what they have of one allele.

    carriers, homs, hemis, uncalled, single: as in `scanner`.  an: called alleles of everybody.
    odd: rows of (column, copies of the allele, called alleles) for genotypes of more than two called
    alleles; the other sets count such a carrier as any other.  phases: of those of whom it is known.
    """

    carriers: Ordinals
    homs: Ordinals
    hemis: Ordinals
    uncalled: Ordinals
    single: Ordinals
    odd: npt.NDArray[np.int64]
    an: int
    phases: Phases | None = None

    @property
    def ac(self) -> int:
        """Copies of the allele: one a carrier, one more a homozygote, and what the odd have beyond."""
        plain = int(self.carriers.size + self.homs.size)
        return plain + odd_copies(self.odd, self.homs) if self.odd.size else plain

    @property
    def hets(self) -> Ordinals:
        """Carriers who are neither homozygous nor hemizygous."""
        return others(others(self.carriers, self.homs), self.hemis)


NO_ODD: Final = np.empty((0, 3), np.int64)
NO_ODD.flags.writeable = False


def odd_copies(odd: npt.NDArray[np.int64], homs: Ordinals) -> int:
    """Copies that odd genotypes have beyond the one of a carrier and the two of a homozygote."""
    copies = odd[:, 1]
    counted = (copies > 0).astype(np.int64) + np.isin(odd[:, 0], homs)
    return int((copies - counted).sum())


def tally(calls: SiteCalls, number: int, held: AlleleCalls, phases: Phases | None = None) -> Tally:
    """What `calls` say of ALT allele `number`, which has the calls `held`."""
    odd = NO_ODD
    if calls.odd:
        odd = np.array([(o.column, o.alleles.count(number), len(o.alleles)) for o in calls.odd], np.int64)
    return Tally(held.carriers, held.homs, held.hemis, calls.uncalled, calls.single, odd, calls.an, phases)


def unite(tallies: list[Tally], samples: int) -> Tally:
    """One tally of several lines of the same allele, sample by sample.

    Of a sample's genotypes the one with the most copies of the allele stands, among equals the one with
    the most called alleles, then the first.
    """
    best = _table(tallies[0], samples)
    for other in tallies[1:]:
        table = _table(other, samples)
        better = (table[_COPIES] > best[_COPIES]) | (
            (table[_COPIES] == best[_COPIES]) & (table[_CALLED] > best[_CALLED])
        )
        best = np.where(better, table, best)
    copies, called, hom, hemi, group, second = best
    told = np.flatnonzero(group != _NOT_TOLD)
    phases = Phases(told, second[told] > 0, group[told]) if told.size else None
    strange = np.flatnonzero(called > 2)
    return Tally(
        np.flatnonzero(copies),
        np.flatnonzero(hom),
        np.flatnonzero(hemi),
        np.flatnonzero(called == 0),
        np.flatnonzero(called == 1),
        np.column_stack((strange, copies[strange], called[strange])),
        int(called.sum()),
        phases,
    )


_COPIES: Final = 0
_CALLED: Final = 1
_HOM: Final = 2
_HEMI: Final = 3
_GROUP: Final = 4
_SECOND: Final = 5
_NOT_TOLD: Final = 1 << 40


def _table(one: Tally, samples: int) -> npt.NDArray[np.int64]:
    """Rows copies, called, hom, hemi, group and second; a column for every sample."""
    table = np.zeros((6, samples), np.int64)
    table[_GROUP] = _NOT_TOLD
    table[_COPIES, one.carriers] = 1
    table[_COPIES, one.homs] = 2
    table[_CALLED] = 2
    table[_CALLED, one.uncalled] = 0
    table[_CALLED, one.single] = 1
    table[_COPIES, one.odd[:, 0]] = one.odd[:, 1]
    table[_CALLED, one.odd[:, 0]] = one.odd[:, 2]
    table[_HOM, one.homs] = 1
    table[_HEMI, one.hemis] = 1
    if one.phases is not None:
        table[_GROUP, one.phases.people] = one.phases.numbers
        table[_SECOND, one.phases.people] = one.phases.is_second
        table[_GROUP, one.homs] = _NOT_TOLD
    return table
