"""Two hits in one gene: whether a person carries alleles on both of his copies, on one, or nobody can say.

Knows alleles with their rows; what makes alleles belong together is the caller's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from pyroaring import BitMap

from node.store.counting import HeldAllele, carriers, phases, zygosities
from node.store.session import Holding
from schemas.genome import Interval
from schemas.ports import HitTwice, Phase, Zygosities


def hit_twice(alleles: Sequence[HeldAllele], holding: Holding, people: BitMap | None) -> HitTwice:
    """Who of `people` carries two of the alleles, or one twice; see the port.  alleles: each once.

    A number of copies is no second hit of whoever carries another symbolic allele over the same stretch.
    """
    once, several, homozygous, hemizygous = BitMap(), BitMap(), BitMap(), BitMap()
    hits = []
    doubled = _doubled(alleles, holding, people)
    for held in alleles:
        found = zygosities(held, holding, people)
        if held.allele.total_copies is not None:
            same = doubled[held.allele.interval]
            found = Zygosities(found.het - same, found.hom, found.hemi - same)
        carriers = found.het | found.hom | found.hemi
        several |= once & carriers
        once |= carriers
        homozygous |= found.hom
        hemizygous |= found.hemi
        hits.append((held, found))
    # Of one who has a single copy, that copy has every hit.
    some_het = BitMap().union(*(found.het for _, found in hits))
    cis = (several & hemizygous) - some_het - homozygous
    open_cases = several - homozygous - cis
    placed = _placed([held for held, found in hits if found.het & open_cases], holding, open_cases)
    counted = _counted(hits, open_cases)
    trans, unknown = BitMap(), BitMap()
    for person in open_cases:
        told = placed[person]
        if _is_trans(told):
            trans.add(person)
        elif len(told) == counted[person] and len(set(told)) == 1:
            cis.add(person)
        else:
            unknown.add(person)
    return HitTwice(homozygous, trans, cis, unknown)


def _doubled(
    alleles: Sequence[HeldAllele], holding: Holding, people: BitMap | None
) -> defaultdict[Interval, BitMap]:
    """By stretch, who carries a symbolic allele there by genotype: his number of copies tells of the same."""
    found: defaultdict[Interval, BitMap] = defaultdict(BitMap)
    if any(held.allele.total_copies is not None for held in alleles):
        for held in alleles:
            if held.allele.is_symbolic and held.allele.total_copies is None:
                found[held.allele.interval] |= carriers(held, holding, people)
    return found


def _placed(alleles: Sequence[HeldAllele], holding: Holding, people: BitMap) -> defaultdict[int, list[Phase]]:
    """Where each of `people` has his alleles, as far as it is known."""
    found: defaultdict[int, list[Phase]] = defaultdict(list)
    for held in alleles:
        for person, phase in phases(held, holding, people).items():
            found[person].append(phase)
    return found


def _counted(hits: Sequence[tuple[HeldAllele, Zygosities]], people: BitMap) -> dict[int, int]:
    """How many of the alleles each of `people` carries."""
    counted = dict.fromkeys(people, 0)
    for _, found in hits:
        for person in (found.het | found.hemi) & people:
            counted[person] += 1
    return counted


def _is_trans(told: Sequence[Phase]) -> bool:
    """Whether two of one group lie on different copies."""
    return len({phase.group for phase in told}) < len(set(told))
