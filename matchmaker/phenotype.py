"""Phenotype terms as arrays, and how alike two sets of terms are.

A `TermSpace` numbers the terms of an ontology once; a `TermSet` is what a patient has, in those numbers.
The measures compare one set with many at once and give one number from 0 to 1 for each.  All are symmetric,
never higher than for the set itself, and never lower once both sets gain the same term.

Knows neither genes nor patients, nor where the ontology comes from.

Spec: Resnik 1995 (information content); Smedley 2013 (phenodigm).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from schemas.matching import Phenotypes, PhenotypeTerm, TermAgreement

Numbers = NDArray[np.int32]
Shares = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class TermSet:
    """Terms as sorted, distinct numbers of one space, and the same with everything above them."""

    terms: Numbers
    closure: Numbers


class TermSpace:
    """The terms of an ontology, numbered, with their ancestors and information content.

    Immutable.  Building it from the whole ontology takes about a tenth of a second.
    """

    def __init__(self, phenotypes: Phenotypes) -> None:
        self._resolve = phenotypes.resolve
        self._terms = tuple(phenotypes.terms())
        self._number = {term.id: number for number, term in enumerate(self._terms)}
        self.information = np.array(
            [phenotypes.information(term.id) for term in self._terms], dtype=np.float64
        )
        self.ancestors: tuple[Numbers, ...] = tuple(
            _sorted(self._number[above] for above in phenotypes.ancestors(term.id)) for term in self._terms
        )

    def read(self, names: Iterable[str]) -> tuple[TermSet, tuple[str, ...]]:
        """The set of the terms so named, and the names that are not known, in their order."""
        numbers: set[int] = set()
        unknown: list[str] = []
        for name in names:
            current = self._resolve(name)
            if current is None:
                unknown.append(name)
            else:
                numbers.add(self._number[current])
        above = [self.ancestors[number] for number in numbers]
        closure = np.unique(np.concatenate(above)) if above else _NONE
        return TermSet(_sorted(numbers), closure), tuple(dict.fromkeys(unknown))

    def term(self, number: int) -> PhenotypeTerm:
        return self._terms[number]

    def telling(self, term: PhenotypeTerm) -> float:
        """The information content of a term of this space."""
        return float(self.information[self._number[term.id]])

    def nearest(self, asked: TermSet, found: TermSet) -> tuple[TermAgreement, ...]:
        """For each term of `asked` that has something telling in common with `found`, the nearest there.

        Best first, then by id.  Some tens of microseconds a term.
        """
        agreements = []
        for number in asked.terms.tolist():
            shared = np.intersect1d(self.ancestors[number], found.closure, assume_unique=True).tolist()
            common = max(shared, key=self._telling, default=None)
            if common is None or self.information[common] <= 0:
                continue
            below = [other for other in found.terms.tolist() if _holds(self.ancestors[other], common)]
            nearest = common if common in below else below[0]
            agreements.append(
                TermAgreement(
                    asked=self.term(number),
                    found=self.term(nearest),
                    common=self.term(common),
                    information=float(self.information[common]),
                )
            )
        return tuple(sorted(agreements, key=lambda each: (-each.information, each.asked.id)))

    def _telling(self, number: int) -> tuple[float, int]:
        """Orders terms by information; of two that tell as much the one further from the root is more."""
        return float(self.information[number]), len(self.ancestors[number])


# In units of the agreement of a term with itself, which is about 2 for a telling term.  Chosen on published
# cases, where anything from 2 to 5 does nearly as well.
_DOUBT: Final = 3.0
_NONE: Final[Numbers] = np.empty(0, dtype=np.int32)


def _holds(ascending: Numbers, number: int) -> bool:
    place = bisect_left(ascending, number)
    return place < len(ascending) and bool(ascending[place] == number)


def _sorted(numbers: Iterable[int]) -> Numbers:
    return np.array(sorted(numbers), dtype=np.int32)


class TermSets:
    """The terms of many patients laid end to end, and what every comparison with them needs; immutable.

    Each set holds at least one term, or `reduceat` would read past it.  Making it takes about 10 microseconds
    a patient.
    """

    def __init__(self, space: TermSpace, sets: Sequence[TermSet]) -> None:
        terms, firsts = _end_to_end([each.terms for each in sets])
        self.closure, self.closure_firsts = _end_to_end([each.closure for each in sets])
        self.closure_sizes = _sizes([each.closure for each in sets])
        self.vocabulary, place = np.unique(terms, return_inverse=True)
        self._slots = _slots(place, firsts, _sizes([each.terms for each in sets]))
        # Where each set stands among all of them, ordered by size.
        self._rank = np.argsort(_by_size(_sizes([each.terms for each in sets])))
        above = [space.ancestors[number] for number in self.vocabulary.tolist()]
        self.above, self.above_firsts = _end_to_end(above)
        self.above_sizes = _sizes(above)
        itself = np.sqrt(space.information)[self.vocabulary]
        self.sums, self.most = self.summed(itself), self.best(itself)

    def __len__(self) -> int:
        return len(self._rank)

    def best(self, of_terms: Shares) -> Shares:
        """The largest that any term of each set has, the largest sets first.

        of_terms: a value for each of the vocabulary, not negative.
        """
        return self._folded(np.maximum, of_terms)

    def summed(self, of_terms: Shares) -> Shares:
        """What the terms of each set have together, in the order of `best`."""
        return self._folded(np.add, of_terms)

    def _folded(self, fold: np.ufunc, of_terms: Shares) -> Shares:
        """Slot by slot: many times faster than set by set, since what is next to each other is all alike."""
        found = np.zeros(len(self))
        at_once = np.empty(len(self))
        for slot in self._slots:
            some, these = found[: len(slot)], at_once[: len(slot)]
            np.take(of_terms, slot, out=these, mode="clip")
            fold(some, these, out=some)
        return found

    def in_order(self, ranked: Shares) -> Shares:
        """The same, set by set."""
        return ranked[self._rank]


def _by_size(sizes: Shares) -> NDArray[np.intp]:
    """Numbers of sets, the largest first."""
    return np.argsort(-sizes, kind="stable")


def _slots(place: NDArray[np.intp], firsts: NDArray[np.intp], sizes: Shares) -> tuple[NDArray[np.intp], ...]:
    """The first terms of all sets, the second ones of all that have two, and so on; largest sets first."""
    order = _by_size(sizes)
    largest_first = sizes[order]
    most = int(largest_first[0]) if len(sizes) else 0
    return tuple(
        place[firsts[order[: np.searchsorted(-largest_first, -number)]] + number] for number in range(most)
    )


def _end_to_end(sets: Sequence[Numbers]) -> tuple[Numbers, NDArray[np.intp]]:
    """All of them in one, and where each begins."""
    lengths = np.fromiter((len(numbers) for numbers in sets), dtype=np.intp, count=len(sets))
    return np.concatenate([_NONE, *sets]), np.cumsum(lengths) - lengths


def _sizes(sets: Sequence[Numbers]) -> Shares:
    return np.fromiter((len(numbers) for numbers in sets), dtype=np.float64, count=len(sets))


Measure = Callable[[TermSpace, TermSet, TermSets], Shares]
"""How alike one set is to each of many; every one of the sets holds at least one term."""


def union_overlap(space: TermSpace, asked: TermSet, found: TermSets) -> Shares:
    """Terms and ancestors in common among all terms and ancestors, each counting the same (Jaccard)."""
    held = np.zeros_like(space.information)
    held[asked.closure] = 1
    shared = np.add.reduceat(held[found.closure], found.closure_firsts)
    return shared / (len(asked.closure) + found.closure_sizes - shared)


def best_matches(space: TermSpace, asked: TermSet, found: TermSets) -> Shares:
    """How much of what each patient has is accounted for by the nearest that the other has.

    Two terms agree by sqrt(jaccard of their ancestors * information of the closest common one).  Two thirds
    are the sum of best agreements over a patient's terms, relative to the sum of what the terms have with
    themselves, averaged over both patients; one third is the best agreement of all, relative likewise.
    `_DOUBT` is added to what is divided by: a common vague term, or one term alone, is not yet a match, and
    more of the same nature comes nearer to 1.
    """
    covered, single = np.zeros(len(found)), np.zeros(len(found))
    to_mine = np.zeros(len(found.vocabulary))
    # One term at a time: all pairs at once would be a matrix of the question times the whole data base.
    for agreements in _agreements(space, asked.terms, found):
        nearest = found.best(agreements)
        covered += nearest
        np.maximum(single, nearest, out=single)
        np.maximum(to_mine, agreements, out=to_mine)
    covering = found.summed(to_mine)
    mine = np.sqrt(space.information)[asked.terms]
    summed = _mutual(covered, covering, mine.sum(), found.sums)
    best = _mutual(single, single, mine.max(), found.most)
    return found.in_order((2 * summed + best) / 3)


def _mutual(covered: Shares, covering: Shares, mine: float, theirs: Shares) -> Shares:
    """Mean of both patients' shares, neither above what the one who has less would reach with himself."""
    less = np.minimum(mine, theirs)
    ceiling = less / (less + _DOUBT)
    return (
        np.minimum(covered / (mine + _DOUBT), ceiling) + np.minimum(covering / (theirs + _DOUBT), ceiling)
    ) / 2


def _agreements(space: TermSpace, terms: Numbers, found: TermSets) -> Iterator[Shares]:
    """For each of `terms`, its agreement with every term of the vocabulary."""
    for number in terms.tolist():
        mine = space.ancestors[number]
        masked, held = np.zeros_like(space.information), np.zeros_like(space.information)
        masked[mine], held[mine] = space.information[mine], 1
        shared = np.add.reduceat(held[found.above], found.above_firsts)
        closest = np.maximum.reduceat(masked[found.above], found.above_firsts)
        yield np.sqrt(shared / (len(mine) + found.above_sizes - shared) * closest)
