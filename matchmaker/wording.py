"""Why two patients were matched, in plain sentences for a doctor.

`asked` is the patient in question, `found` the match.  Nothing is said that is not in the explanation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from schemas.matching import Explanation, GeneAgreement, Meaning, PhenotypeTerm, VariantLikeness

_MOST_NAMES: Final = 8
_HOW: Final = {
    VariantLikeness.SAME: "the same variant",
    VariantLikeness.PROTEIN: "another variant with the same change of the protein",
    VariantLikeness.CODON: "another change of the same codon",
    VariantLikeness.BASE: "another change of the same base",
    VariantLikeness.OVERLAP: "structural variants that overlap",
}
_COPIES: Final = {1: "one altered copy in both", 2: "two altered copies in both"}


def sentences(why: Explanation) -> tuple[str, ...]:
    """Best reasons first; what speaks against it, and what the score means, come last."""
    return tuple(_sentences(why))


def _sentences(why: Explanation) -> Iterator[str]:
    yield from (f"Both name {one.gene.symbol} as a candidate gene{_details(one)}." for one in why.genes)
    if why.disorders:
        yield f"The same diagnosis: {', '.join(why.disorders)}."
    yield from _about_features(why)
    if why.contradictions:
        yield f"One has, and the other was looked at and has not: {_names(why.contradictions)}."
    if why.modes:
        yield f"May be passed on in the same way: {', '.join(sorted(why.modes))}."
    if why.meaning is not None:
        yield meaning_sentence(why.meaning)


def _about_features(why: Explanation) -> Iterator[str]:
    same = [each.asked for each in why.terms if each.asked == each.found]
    if same:
        yield f"Features in common: {_names(same)}."
    near = [
        f"{_name(each.asked)} and {_name(each.found)}"
        + ("" if each.common in (each.asked, each.found) else f" (both {_name(each.common)})")
        for each in why.terms
        if each.asked != each.found
    ]
    if near:
        yield f"Features near each other: {_listed(near)}."
    if why.only_asked:
        yield f"Only the patient has: {_names(why.only_asked)}."
    if why.only_found:
        yield f"Only the match has: {_names(why.only_found)}."


def _details(gene: GeneAgreement) -> str:
    told = []
    if gene.how in _HOW:
        told.append(_HOW[gene.how] + _frequency(gene))
    if gene.copies in _COPIES:
        told.append(_COPIES[gene.copies])
    if gene.effects:
        told.append(f"both with {' and '.join(sorted(gene.effects))}")
    elif gene.kind:
        told.append("changes of the same kind")
    if gene.modes and not gene.copies:
        told.append(f"both fit {' or '.join(sorted(gene.modes))} inheritance")
    return f": {'; '.join(told)}" if told else ", and nothing else is known to agree"


def _frequency(gene: GeneAgreement) -> str:
    if gene.frequency is None:
        return ""
    if gene.frequency == 0:
        return ", never seen in the population"
    common = ", too common to count" if gene.variant == 0 else ""
    return f", on {100 * gene.frequency:.2g} % of chromosomes of the population{common}"


def meaning_sentence(meaning: Meaning) -> str:
    """In whole numbers of a hundred, or of ten thousand where that would be 0."""
    return (
        f"Of pairs of published patients with such a score, {_of_hundred(meaning.shared)} shared the gene "
        f"(95 % {100 * meaning.low:.2g} to {100 * meaning.high:.2g}); of all pairs compared so "
        f"{_of_hundred(meaning.by_chance)} did. Seen on {meaning.pairs:,} pairs of {meaning.genes} genes, "
        f"compared by {meaning.setting}."
    )


def _of_hundred(share: float) -> str:
    if share < 0.005:
        return f"{10_000 * share:.0f} in 10,000"
    return f"{100 * share:.0f} in 100"


def _names(terms: Iterable[PhenotypeTerm]) -> str:
    return _listed([_name(term) for term in terms])


def _name(term: PhenotypeTerm) -> str:
    return term.label or term.id


def _listed(names: list[str]) -> str:
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
