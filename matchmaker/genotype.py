"""Which genes and variants two patients have in common.

Reads any name of a gene; what a variant is, `change` reads.  What cannot be placed is not compared; it never
fails a question.  Knows neither phenotypes nor how much a common gene is worth.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from matchmaker.change import NOTHING_ALIKE, Change, likeness, read_change
from matchmaker.inheritance import modes_by_copies
from schemas.matching import Effect, Frequency, Gene, GeneAgreement, Genes, Lift, Mode
from schemas.mme import GenomicFeature, Zygosity


@dataclass(frozen=True, slots=True)
class Candidate:
    """A gene that a patient's doctors suspect, and what is known of the changes in it.

    copies: altered copies of the gene, 1 or 2; None when it is not told.  effects: what the changes do to the
    gene.  stated: how the disease is passed on, as far as it is stated of the patient.
    """

    gene: Gene
    copies: int | None
    kinds: frozenset[str]
    changes: tuple[Change, ...]
    effects: frozenset[Effect]
    stated: frozenset[Mode] = frozenset()

    @property
    def modes(self) -> frozenset[Mode]:
        """How it may be passed on: as stated, or else by the number of altered copies."""
        return self.stated or modes_by_copies(self.copies)


def read_candidates(
    features: Iterable[GenomicFeature],
    genes: Genes,
    lift: Lift | None = None,
    frequency: Frequency | None = None,
    *,
    stated: frozenset[Mode] = frozenset(),
) -> tuple[Mapping[str, Candidate], tuple[str, ...]]:
    """Candidate genes by identity, and the gene names that are not known, in their order.

    An unknown gene keeps its upper-case name as identity: two nodes may both know a gene this one does not.
    stated: how the disease is passed on.
    """
    grouped: dict[Gene, dict[GenomicFeature, None]] = {}
    unknown: dict[str, None] = {}
    for feature in features:
        name = feature.gene.id.strip()
        gene = genes.resolve(name)
        if gene is None:
            unknown[name] = None
            gene = Gene(name.upper(), name.upper())
        grouped.setdefault(gene, {})[feature] = None
    candidates = {}
    for gene, named in grouped.items():
        changes = tuple(change for one in named if (change := read_change(one, lift, frequency)))
        kinds = frozenset(one.kind.id for one in named if one.kind)
        effects = frozenset[Effect]().union(*(change.effects for change in changes))
        candidates[gene.id] = Candidate(gene, _copies(tuple(named)), kinds, changes, effects, stated)
    return candidates, tuple(unknown)


def _copies(features: tuple[GenomicFeature, ...]) -> int | None:
    """Two different variants are taken for compound heterozygosity: phase is not part of the protocol."""
    zygosities = {feature.zygosity for feature in features if feature.zygosity}
    if not zygosities:
        return None
    # Where the variant itself is withheld, its kind tells one from another.
    variants = {
        feature.variant or (feature.kind and feature.kind.id) for feature in features if feature.zygosity
    }
    return 2 if Zygosity.TWO in zygosities or len(variants) > 1 else 1


def agreement(mine: Candidate, theirs: Candidate) -> GeneAgreement:
    """What agrees of one gene that both name; never fails, whatever is missing."""
    shared = [likeness(one, other) for one in mine.changes for other in theirs.changes]
    best = max(shared, key=lambda each: each.worth, default=NOTHING_ALIKE)
    return GeneAgreement(
        gene=theirs.gene,
        zygosity=mine.copies is not None and mine.copies == theirs.copies,
        kind=not (mine.kinds.isdisjoint(theirs.kinds) and mine.effects.isdisjoint(theirs.effects)),
        variant=best.worth,
        how=best.how,
        frequency=best.frequency,
        copies=mine.copies if mine.copies == theirs.copies else None,
        effects=mine.effects & theirs.effects,
        modes=mine.modes & theirs.modes if mine.stated or theirs.stated else frozenset(),
    )
