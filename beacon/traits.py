"""Filters about variants: what kind of change an allele is, and what it does to a transcript.

    SO:0001483, EFO:0030067 ...    the classes that `variantType` knows
    SO:0001583, SO:0001818 ...     consequences, with those below them, where the VCF carries CSQ or ANN

They stand among the filters and narrow the alleles of a question; every other filter is about people.  A term
that a record of somebody holds can still be asked for by its scope.

Spec: Beacon v2 filters; Sequence Ontology; EFO "copy number assessment".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from beacon.fields import VARIANT
from beacon.vocabulary import TERMS, VariantClass, read_variant_class, with_class
from schemas.consequences import LABELS, consequences_of
from schemas.errors import BadQuestion
from schemas.filters import AnyOf, Filter, OneFilter, Similarity, TermFilter
from schemas.questions import Conditions


@dataclass(frozen=True, slots=True)
class Trait:
    """One term: a class of alleles, or consequences by name, of which an allele must have one."""

    kind: VariantClass | None
    consequences: frozenset[str]
    negated: bool


@dataclass(frozen=True, slots=True)
class Traits:
    """What an allele must be: of each group, one."""

    groups: tuple[tuple[Trait, ...], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.groups)

    def __iter__(self) -> Iterator[Trait]:
        return (trait for group in self.groups for trait in group)

    @property
    def demanded(self) -> list[VariantClass]:
        """The kinds that an allele must be of, without alternative."""
        alone = (group[0] for group in self.groups if len(group) == 1 and not group[0].negated)
        return [trait.kind for trait in alone if trait.kind is not None]

    @property
    def look_at_people(self) -> bool:
        """Whether they depend on how many copies single people have."""
        return any(trait.kind is not None and trait.kind.copies is not None for trait in self)

    def narrowed(self, conditions: Conditions) -> Conditions | None:
        """The conditions that demand all of this, too; None when conditions cannot."""
        for group in self.groups:
            kind = group[0].kind
            if len(group) > 1 or group[0].negated or kind is None or kind.copies is not None:
                return None
            types = kind.types & (conditions.variant_types or kind.types)
            if not types or (conditions.symbol and kind.symbol and conditions.symbol != kind.symbol):
                return None
            symbol = kind.symbol or conditions.symbol
            demanded = with_class(conditions, kind)
            conditions = replace(demanded, variant_types=types, symbol=symbol, copies=conditions.copies)
        return conditions


NONE: Final = Traits()


def is_about_variants(one: Filter) -> bool:
    """Whether a filter, or one of its alternatives, narrows alleles rather than people."""
    return any(map(_is_trait, one.filters if isinstance(one, AnyOf) else (one,)))


def _is_trait(one: OneFilter) -> bool:
    known = isinstance(one, TermFilter) and (one.id in TERMS or one.id in LABELS)
    return one.scope == VARIANT or (known and not one.scope)


def traits_of(filters: Iterable[Filter]) -> Traits:
    """Those of the filters that are about variants.

    Raises BadQuestion: one that is no term for variants, or cannot be applied to them as it is asked.
    """
    groups = []
    for one in filters:
        if is_about_variants(one):
            alternatives = one.filters if isinstance(one, AnyOf) else (one,)
            if not all(map(_is_trait, alternatives)):
                raise BadQuestion(
                    f"filter {str(one)[:80]!r}: of alternatives, all are about variants or all about people"
                )
            groups.append(tuple(map(_trait, alternatives)))
    return Traits(tuple(groups))


def _trait(one: OneFilter) -> Trait:
    if not isinstance(one, TermFilter) or not (one.id in TERMS or one.id in LABELS):
        raise BadQuestion(
            f"filter {str(one)[:80]!r} is none about variants; those are SO and EFO terms for kinds of "
            "change and SO terms for consequences"
        )
    if one.similarity is not Similarity.EXACT:
        raise BadQuestion(f"filter {one.id}: of terms for variants none is similar to another here")
    if one.id in TERMS:
        if not one.descendants:
            raise BadQuestion(f"filter {one.id} stands for every narrower kind of change, too")
        return Trait(read_variant_class(one.id), frozenset(), one.negated)
    return Trait(None, consequences_of(one.id, descendants=one.descendants), one.negated)
