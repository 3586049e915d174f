"""What the matchmaker compares patients by: phenotype terms and how telling each is; alleles carried over.

The information content of a term comes from how many diseases are annotated with it or anything below it
(`data/hp_seen.tsv.gz`, see the README beside it).
"""

from __future__ import annotations

import gzip
import math
from collections.abc import Mapping
from importlib.resources import files
from typing import Final

from node.reference.ontology import Ontologies
from schemas.errors import BadQuestion
from schemas.genome import Allele, Assembly, Interval
from schemas.matching import PhenotypeTerm, Place
from schemas.reference import Liftover

_ROOT: Final = "HP:0000118"  # Phenotypic abnormality: what lies elsewhere is no feature of a patient
_OTHER: Final = {Assembly.GRCH37: Assembly.GRCH38, Assembly.GRCH38: Assembly.GRCH37}
_MOST_GROWTH: Final = 0.1  # of a stretch, from one assembly to the other
_COMPLEMENT: Final = str.maketrans("ACGT", "TGCA")


class HumanPhenotypes:
    """A `schemas.matching.Phenotypes` over the HPO that the node ships; read when it is made, 0.3 s."""

    def __init__(self, ontologies: Ontologies) -> None:
        self._ontologies = ontologies
        self._terms = {
            term.id: PhenotypeTerm(term.id, term.label)
            for term in ontologies.terms("HP")
            if _ROOT in ontologies.ancestors(term.id)
        }
        seen = _seen()
        # Each counts once more than it was seen, so that what is annotated nowhere is merely the rarest.
        most = seen[_ROOT] + 1
        self._information = {term: -math.log((seen.get(term, 0) + 1) / most) + 0.0 for term in self._terms}

    def terms(self) -> tuple[PhenotypeTerm, ...]:
        return tuple(self._terms.values())

    def resolve(self, term: str) -> str | None:
        found = self._ontologies.find(term)
        return found.id if found is not None and found.id in self._terms else None

    def ancestors(self, term: str) -> frozenset[str]:
        return frozenset(above for above in self._ontologies.ancestors(term) if above in self._terms)

    def information(self, term: str) -> float:
        return self._information[term]


def _seen() -> Mapping[str, int]:
    """How many diseases are annotated with a term or anything below it."""
    packed = (files("node.reference") / "data" / "hp_seen.tsv.gz").read_bytes()
    lines = (line.split("\t") for line in gzip.decompress(packed).decode().splitlines()[1:])
    return {f"HP:{local}": int(number) for local, number in lines}


class VariantLift:
    """A `schemas.matching.Lift` over chain files; None for everything where there is no chain."""

    def __init__(self, liftover: Liftover) -> None:
        self._liftover = liftover

    def __call__(self, place: Place) -> Place | None:
        here = place if isinstance(place, Interval) else place.interval
        target = _OTHER[here.contig.assembly]
        if not self._liftover.leads(here.contig.assembly, target):
            return None
        try:
            return (
                self._stretch(place, target) if isinstance(place, Interval) else self._allele(place, target)
            )
        except BadQuestion:
            return None  # it would lie outside of its contig

    def _allele(self, allele: Allele, target: Assembly) -> Allele | None:
        if allele.is_symbolic:
            return None
        here = allele.interval
        # An insertion has no bases of its own; the one to the left says where it lies.
        spanned = here if here.length_bp else Interval(here.contig, here.start - 1, here.end)
        lifted = self._liftover.lift(spanned, target)
        if lifted is None:
            return None
        there = lifted.interval
        if not lifted.reverse:
            left = there.start + (here.start - spanned.start)
            return Allele(Interval(there.contig, left, there.end), allele.reference, allele.alternate)
        right = there.end - (here.start - spanned.start)
        return Allele(
            Interval(there.contig, there.start, right),
            allele.reference.translate(_COMPLEMENT)[::-1],
            allele.alternate.translate(_COMPLEMENT)[::-1],
        )

    def _stretch(self, stretch: Interval, target: Assembly) -> Interval | None:
        """By its two ends: between them assemblies differ by a few bases nearly everywhere."""
        contig = stretch.contig
        ends = [
            self._liftover.lift(Interval(contig, first, first + 1), target)
            for first in (stretch.start, stretch.end - 1)
        ]
        if any(end is None for end in ends):
            return None
        one, other = sorted((end.interval for end in ends if end is not None), key=lambda end: end.start)
        if one.contig != other.contig:
            return None
        lifted = Interval(one.contig, one.start, other.end)
        grown = abs(lifted.length_bp - stretch.length_bp)
        return lifted if grown <= stretch.length_bp * _MOST_GROWTH else None
