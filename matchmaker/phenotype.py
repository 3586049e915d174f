"""Phenotype terms as arrays, and how alike two sets of terms are.

A `TermSpace` numbers the terms of an ontology once; a `TermSet` is what a patient has, in those numbers.
The measures compare one set with many at once and give one number from 0 to 1 for each.  All are symmetric,
never higher than for the set itself, and never lower once both sets gain the same term.

Knows neither genes nor patients, nor where the ontology comes from.

Spec: Resnik 1995 (information content); Smedley 2013 (phenodigm).
"""

from __future__ import annotations

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
            below = [other for other in found.terms.tolist() if common in self.ancestors[other]]
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


def _sorted(numbers: Iterable[int]) -> Numbers:
    return np.array(sorted(numbers), dtype=np.int32)


Measure = Callable[[TermSpace, TermSet, Sequence[TermSet]], Shares]
"""How alike one set is to each of many; every one of the sets holds at least one term."""


def _firsts(sets: Sequence[Numbers]) -> NDArray[np.intp]:
    """Where each set begins when all are laid end to end; none may be empty, or reduceat reads past it."""
    lengths = np.fromiter((len(numbers) for numbers in sets), dtype=np.intp, count=len(sets))
    return np.cumsum(lengths) - lengths


def union_overlap(space: TermSpace, asked: TermSet, found: Sequence[TermSet]) -> Shares:
    """Terms and ancestors in common among all terms and ancestors, each counting the same (Jaccard)."""
    held = np.zeros_like(space.information)
    held[asked.closure] = 1
    closures = [each.closure for each in found]
    shared = np.add.reduceat(held[np.concatenate(closures)], _firsts(closures))
    sizes = np.fromiter((len(closure) for closure in closures), dtype=np.float64, count=len(closures))
    return shared / (len(asked.closure) + sizes - shared)


def best_matches(space: TermSpace, asked: TermSet, found: Sequence[TermSet]) -> Shares:
    """How much of what each patient has is accounted for by the nearest that the other has.

    Two terms agree by sqrt(jaccard of their ancestors * information of the closest common one).  Two thirds
    are the sum of best agreements over a patient's terms, relative to the sum of what the terms have with
    themselves, averaged over both patients; one third is the best agreement of all, relative likewise.
    `_DOUBT` is added to what is divided by: a common vague term, or one term alone, is not yet a match, and
    more of the same nature comes nearer to 1.
    """
    sets = [each.terms for each in found]
    laid_out, firsts = np.concatenate(sets), _firsts(sets)
    vocabulary, place = np.unique(laid_out, return_inverse=True)
    covered, single, to_mine = np.zeros(len(found)), np.zeros(len(found)), np.zeros(len(vocabulary))
    # One term at a time: all pairs at once would be a matrix of the question times the whole data base.
    for agreements in _agreements(space, asked.terms, vocabulary):
        nearest = np.maximum.reduceat(agreements[place], firsts)
        covered += nearest
        np.maximum(single, nearest, out=single)
        np.maximum(to_mine, agreements, out=to_mine)
    covering = np.add.reduceat(to_mine[place], firsts)
    itself = np.sqrt(space.information)
    mine, theirs = itself[asked.terms], itself[laid_out]
    summed = _mutual(covered, covering, mine.sum(), np.add.reduceat(theirs, firsts))
    best = _mutual(single, single, mine.max(), np.maximum.reduceat(theirs, firsts))
    return (2 * summed + best) / 3


def _mutual(covered: Shares, covering: Shares, mine: float, theirs: Shares) -> Shares:
    """Mean of both patients' shares, neither above what the one who has less would reach with himself."""
    less = np.minimum(mine, theirs)
    ceiling = less / (less + _DOUBT)
    return (
        np.minimum(covered / (mine + _DOUBT), ceiling) + np.minimum(covering / (theirs + _DOUBT), ceiling)
    ) / 2


def _agreements(space: TermSpace, terms: Numbers, vocabulary: Numbers) -> Iterator[Shares]:
    """For each of `terms`, its agreement with every term of the vocabulary."""
    above = [space.ancestors[number] for number in vocabulary.tolist()]
    laid_out, firsts = np.concatenate(above), _firsts(above)
    sizes = np.fromiter((len(numbers) for numbers in above), dtype=np.float64, count=len(above))
    for number in terms.tolist():
        mine = space.ancestors[number]
        masked, held = np.zeros_like(space.information), np.zeros_like(space.information)
        masked[mine], held[mine] = space.information[mine], 1
        shared = np.add.reduceat(held[laid_out], firsts)
        closest = np.maximum.reduceat(masked[laid_out], firsts)
        yield np.sqrt(shared / (len(mine) + sizes - shared) * closest)
