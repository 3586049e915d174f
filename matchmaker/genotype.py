"""Which genes and variants two patients have in common.

Reads what senders write: any name of a gene, patch releases of an assembly, a missing `end`, padded bases,
positions counted from 1 by mistake.  What cannot be placed is not compared; it never fails a question.
Knows neither phenotypes nor how much a common gene is worth.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from schemas.errors import BadQuestion
from schemas.genome import Allele, Assembly, Contig, Interval
from schemas.matching import Gene, GeneAgreement, Genes, Lift
from schemas.mme import GenomicFeature, Variant, Zygosity

_BASES: Final = re.compile(r"[ACGTN]+")
_ONE_BASE_APART: Final = 0.9
_LEAST_OVERLAP: Final = 0.5


@dataclass(frozen=True, slots=True)
class Change:
    """A variant in every assembly it is known in: exact alleles, or stretches whose bases are not told."""

    places: tuple[Allele | Interval, ...]
    kind: str | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A gene that a patient's doctors suspect, and what is known of the changes in it.

    copies: altered copies of the gene, 1 or 2; None when it is not told.
    """

    gene: Gene
    copies: int | None
    kinds: frozenset[str]
    changes: tuple[Change, ...]


def read_candidates(
    features: Iterable[GenomicFeature], genes: Genes, lift: Lift | None = None
) -> tuple[Mapping[str, Candidate], tuple[str, ...]]:
    """Candidate genes by identity, and the gene names that are not known, in their order.

    An unknown gene keeps its upper-case name as identity: two nodes may both know a gene this one does not.
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
    candidates = {gene.id: _candidate(gene, tuple(named), lift) for gene, named in grouped.items()}
    return candidates, tuple(unknown)


def _candidate(gene: Gene, features: tuple[GenomicFeature, ...], lift: Lift | None) -> Candidate:
    changes = (_read_change(feature, lift) for feature in features)
    kinds = frozenset(feature.kind.id for feature in features if feature.kind)
    return Candidate(gene, _copies(features), kinds, tuple(change for change in changes if change))


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


def _read_change(feature: GenomicFeature, lift: Lift | None) -> Change | None:
    place = _place(feature.variant) if feature.variant else None
    if place is None:
        return None
    lifted = lift(place) if lift is not None and isinstance(place, Allele) else None
    return Change((place,) if lifted is None else (place, lifted), feature.kind.id if feature.kind else None)


def _place(variant: Variant) -> Allele | Interval | None:
    """Where and what the variant is; None when that cannot be told for certain."""
    if variant.start is None:
        return None
    reference, alternate = variant.reference_bases, variant.alternate_bases
    try:
        contig = Contig.read(variant.reference_name, Assembly.read(variant.assembly))
        if reference is not None and alternate is not None and _BASES.fullmatch(reference + alternate):
            spanned = Interval(contig, variant.start, variant.start + len(reference))
            return Allele.from_bases(spanned, reference, alternate)
        last = variant.start if variant.end is None else variant.end
        return Interval(contig, variant.start, last) if last > variant.start else None
    except BadQuestion:
        return None


def agreement(mine: Candidate, theirs: Candidate) -> GeneAgreement:
    """What agrees of one gene that both name; never fails, whatever is missing."""
    shared = [_likeness(one, other) for one in mine.changes for other in theirs.changes]
    return GeneAgreement(
        gene=theirs.gene,
        zygosity=mine.copies is not None and mine.copies == theirs.copies,
        kind=not mine.kinds.isdisjoint(theirs.kinds),
        variant=max(shared, default=0.0),
    )


def _likeness(one: Change, other: Change) -> float:
    return max(_same_place(a, b, one.kind, other.kind) for a in one.places for b in other.places)


def _same_place(
    one: Allele | Interval, other: Allele | Interval, kind: str | None, other_kind: str | None
) -> float:
    if isinstance(one, Allele) and isinstance(other, Allele):
        return _same_allele(one, other)
    if isinstance(one, Interval) and isinstance(other, Interval):
        # A deletion and a duplication of one stretch are different findings.
        return 0.0 if kind and other_kind and kind != other_kind else _reciprocal_overlap(one, other)
    return 0.0


def _same_allele(one: Allele, other: Allele) -> float:
    if one == other:
        return 1.0
    same_bases = (one.reference, one.alternate) == (other.reference, other.alternate)
    same_contig = one.interval.contig == other.interval.contig
    # A sender that counts from 1 is off by exactly one base.
    if same_bases and same_contig and abs(one.interval.start - other.interval.start) == 1:
        return _ONE_BASE_APART
    return 0.0


def _reciprocal_overlap(one: Interval, other: Interval) -> float:
    """Bases in common as a share of the longer; 0.0 below one half."""
    if one.contig != other.contig:
        return 0.0
    common = min(one.end, other.end) - max(one.start, other.start)
    share = common / max(one.length_bp, other.length_bp)
    return share if share >= _LEAST_OVERLAP else 0.0
