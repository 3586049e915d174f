"""Many patients as the algorithms compare them all at once: profiles, and the arrays made of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from matchmaker.phenotype import TermSets, TermSpace
from matchmaker.scoring.profile import Profile

Places = NDArray[np.intp]


class Panel:
    """The profiles of many patients; immutable, and safe from several threads.

    described: the patients with an observed feature, whose terms are laid out in `observed` in that order.
    Making it takes about 20 microseconds a patient.
    """

    def __init__(self, space: TermSpace, profiles: Sequence[Profile]) -> None:
        self.profiles = tuple(profiles)
        described = [number for number, each in enumerate(self.profiles) if each.observed.terms.size]
        self.described: Places = np.array(described, dtype=np.intp)
        self.observed = TermSets(space, [self.profiles[number].observed for number in described])
        self._by_gene = _places(each.candidates for each in self.profiles)
        self._by_disorder = _places(each.disorders for each in self.profiles)

    def __len__(self) -> int:
        return len(self.profiles)

    def with_gene(self, genes: Iterable[str]) -> Places:
        """The patients with one of these candidate genes, ascending."""
        return _union(self._by_gene, genes)

    def with_disorder(self, disorders: Iterable[str]) -> Places:
        """The patients with one of these diagnoses, ascending."""
        return _union(self._by_disorder, disorders)


def _places(named: Iterable[Iterable[str]]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for number, names in enumerate(named):
        for name in names:
            found.setdefault(name, []).append(number)
    return found


def _union(places: dict[str, list[int]], names: Iterable[str]) -> Places:
    held = [places[name] for name in names if name in places]
    return np.unique(np.concatenate([np.array(each, dtype=np.intp) for each in held])) if held else _NOWHERE


_NOWHERE: Final[Places] = np.empty(0, dtype=np.intp)
