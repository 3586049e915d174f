"""The measures against the same formulas written over plain sets, and what explanations say."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matchmaker.phenotype import TermSets, TermSpace, best_matches, union_overlap
from tests.matching_worlds import UNTIMED, Ontology

# root over two branches; the second branch ends in a term with two parents
PARENTS = {
    "root": (),
    "a": ("root",),
    "b": ("root",),
    "a1": ("a",),
    "a2": ("a",),
    "b1": ("b",),
    "ab": ("a2", "b1"),
}
SEEN = {f"disease {n}": terms for n, terms in enumerate((["a1"], ["a1", "b"], ["ab"], ["b1"], ["b1"], ["b"]))}
ONTOLOGY = Ontology(PARENTS, SEEN, replaced={"old a1": "a1"})
SPACE = TermSpace(ONTOLOGY)
term_sets = st.frozensets(st.sampled_from(sorted(PARENTS)), min_size=1, max_size=5)
DOUBT = 3.0


def closure(terms: frozenset[str]) -> frozenset[str]:
    return frozenset().union(*(ONTOLOGY.ancestors(term) for term in terms))


def alike(one: str, other: str) -> float:
    mine, theirs = ONTOLOGY.ancestors(one), ONTOLOGY.ancestors(other)
    closest = max(ONTOLOGY.information(term) for term in mine & theirs)
    return math.sqrt(len(mine & theirs) / len(mine | theirs) * closest)


def plain_best_matches(asked: frozenset[str], found: frozenset[str]) -> float:
    def mutual(covered: float, covering: float, mine: float, theirs: float) -> float:
        ceiling = min(mine, theirs) / (min(mine, theirs) + DOUBT)
        return (min(covered / (mine + DOUBT), ceiling) + min(covering / (theirs + DOUBT), ceiling)) / 2

    itself = {term: alike(term, term) for term in asked | found}
    covered = [max(alike(term, other) for other in found) for term in asked]
    covering = [max(alike(term, other) for other in asked) for term in found]
    mine, theirs = [itself[term] for term in asked], [itself[term] for term in found]
    summed = mutual(sum(covered), sum(covering), sum(mine), sum(theirs))
    best = mutual(max(covered), max(covering), max(mine), max(theirs))
    return (2 * summed + best) / 3


@UNTIMED
@given(asked=term_sets, found=st.lists(term_sets, min_size=1, max_size=5))
def test_the_measures_agree_with_their_formulas(asked: frozenset[str], found: list[frozenset[str]]) -> None:
    mine, theirs = SPACE.read(asked)[0], TermSets(SPACE, [SPACE.read(each)[0] for each in found])
    jaccard = [len(closure(asked) & closure(each)) / len(closure(asked) | closure(each)) for each in found]
    assert union_overlap(SPACE, mine, theirs) == pytest.approx(jaccard)
    assert best_matches(SPACE, mine, theirs) == pytest.approx(
        [plain_best_matches(asked, each) for each in found]
    )


@UNTIMED
@given(asked=term_sets, found=term_sets)
def test_an_explanation_names_the_nearest_term_and_what_it_has_in_common(
    asked: frozenset[str], found: frozenset[str]
) -> None:
    nearest = SPACE.nearest(SPACE.read(asked)[0], SPACE.read(found)[0])
    told = {each.asked.id: each for each in nearest}
    for term in asked:
        most = max(ONTOLOGY.information(above) for above in ONTOLOGY.ancestors(term) & closure(found))
        assert (term in told) == (most > 0)
        if term in told:
            assert told[term].information == most == ONTOLOGY.information(told[term].common.id)
            assert told[term].found.id in found
            assert told[term].common.id in ONTOLOGY.ancestors(term) & ONTOLOGY.ancestors(told[term].found.id)
            assert term not in found or told[term].found.id == term
    assert [each.information for each in nearest] == sorted(
        (each.information for each in nearest), reverse=True
    )


def test_replaced_ids_are_followed_and_strange_ones_told_once() -> None:
    terms, unknown = SPACE.read(["old a1", "a1", "HP:X", "b1", "HP:X"])
    assert [SPACE.term(number).id for number in terms.terms.tolist()] == ["a1", "b1"]
    assert {SPACE.term(number).id for number in terms.closure.tolist()} == {"root", "a", "a1", "b", "b1"}
    assert unknown == ("HP:X",)


def test_several_terms_in_common_say_more_than_one() -> None:
    def likeness(*terms: str) -> float:
        read = SPACE.read(terms)[0]
        return float(best_matches(SPACE, read, TermSets(SPACE, [read]))[0])

    assert 0 == likeness("root") < likeness("b") < likeness("ab") < likeness("ab", "a1") < 1
