"""Published pathogenic genotypes in real genomes are found by their gene, hardly anybody else with them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from node.cases import OPERATOR, Deposit
from schemas.candidates import Rarity
from schemas.errors import BadQuestion
from schemas.matching import Sharing
from schemas.mme import read_patient
from tests.exchanges import CONTACT
from tests.planting import Garden, planted

pytestmark = pytest.mark.shared
GENOTYPES = 12


@pytest.fixture(scope="module", params=[True, False], ids=["annotated", "not annotated"])
def garden(
    request: pytest.FixtureRequest, shared: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Garden]:
    folder = tmp_path_factory.mktemp("garden")
    with planted(shared, folder, GENOTYPES, annotated=request.param, with_table=request.param) as made:
        yield made


def test_every_planted_genotype_is_found_by_its_gene(garden: Garden) -> None:
    for one in garden.planted:
        found = garden.node.search.carriers(one.patient.gene)
        assert [(each.dataset, each.individual) for each in found] == [(one.dataset, one.individual)]
        (genotype,) = [each.genotype for each in found]
        assert all(suspect.significance for suspect in genotype.suspects)


def test_an_allele_that_many_here_carry_is_a_cause_only_when_it_is_known_to_be_one(garden: Garden) -> None:
    """By ClinVar; that of an allele which the files alone call damaging is doubted."""
    sieve = replace(garden.node.search.sieve, rarity=Rarity(own_share=0.0, own_least=0))
    search = replace(garden.node.search, sieve=sieve)
    for one in garden.planted:
        assert len(search.carriers(one.patient.gene)) == 1
    assert not any(search.carriers(gene) for gene in garden.neighbours)


def test_hardly_anybody_is_found_where_nothing_was_planted(garden: Garden) -> None:
    found = [len(garden.node.search.carriers(gene)) for gene in garden.neighbours]
    assert sum(found) / len(found) < 0.5


def test_the_causal_gene_is_the_best_candidate_of_a_case(garden: Garden) -> None:
    """And becomes the gene of the case with one command."""
    one = garden.planted[0]
    exchange = garden.node.exchange
    members = garden.node.subjects.read(one.dataset, one.individual, ()).members
    document = {"id": "c", "contact": CONTACT, **members}
    deposit = Deposit(
        read_patient(document), Sharing.VARIANT, "me", dataset=one.dataset, individual=one.individual
    )
    exchange.book.add(OPERATOR, [deposit])
    best, *_ = exchange.candidates.of_case(OPERATOR, "c")
    assert best.genotype.gene.symbol == one.patient.gene.symbol
    assert best.likeness is not None
    assert "ClinVar" in best.why
    changed = exchange.candidates.take(OPERATOR, "c", most=1)
    genes = {each.gene.id for each in changed.patient.genomic_features}
    assert genes == {one.patient.gene.symbol}
    assert all(each.variant for each in changed.patient.genomic_features)
    with pytest.raises(BadQuestion, match="no candidate genotype"):
        exchange.candidates.take(OPERATOR, "c", genes=["TTN"])
    exchange.book.remove(OPERATOR, "c")
