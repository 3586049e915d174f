"""Who carries a candidate genotype, as an oracle counts it from the text of the VCF; nobody else matters."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.candidates import Carrier, GenotypeSearch
from node.store.withdrawal import bring_back, withdraw
from schemas.candidates import FITTING, Finding
from schemas.errors import BadInput
from schemas.matching import Mode
from tests import engines
from tests.genotyped import DAMAGING, DATASET, HARMLESS, Cohort, Site, a_node, fits

# Contig, gene, and a place within it on GRCh38.
GENES = {"20": ("ITPA", 3_210_000), "X": ("PDHA1", 19_345_000), "MT": ("MT-ND1", 3_400)}
PEOPLE = 9
WAYS = {
    "any": frozenset[Mode](),
    "recessive": frozenset({Mode.RECESSIVE}),
    "dominant": frozenset({Mode.DOMINANT}),
    "X-linked": frozenset({Mode.X_RECESSIVE}),
    "mitochondrial": frozenset({Mode.MITOCHONDRIAL}),
}


def calls(contig: str) -> st.SearchStrategy[str]:
    """One call; carriers are few, so that alleles are rare."""
    single = ("0", "0", "1") if contig in ("X", "MT") else ()
    return st.sampled_from(("0/0",) * 6 + ("0|0", "0/1", "0|1", "1|0", "1/1", "./.", "./0", *single))


@st.composite
def cohorts(draw: st.DrawFn) -> Cohort:
    contig = draw(st.sampled_from(tuple(GENES)))
    gene, first = GENES[contig]
    has_table = draw(st.booleans())
    sites = [
        Site(
            first + 7 * number,
            draw(st.sampled_from((*sorted(DAMAGING), *HARMLESS))),
            tuple(draw(calls(contig)) for _ in range(PEOPLE)),
            draw(st.sampled_from((0.0, 0.0003, 0.004, 0.2))) if has_table else None,
        )
        for number in range(draw(st.integers(1, 4)))
    ]
    sexes = (draw(st.sampled_from((1, 2))), 1, 2, *(draw(st.sampled_from((1, 2))) for _ in range(PEOPLE - 3)))
    levels = {
        f"P{number}": level
        for number in range(PEOPLE)
        if (level := draw(st.sampled_from(tuple(Finding)))) is not Finding.NOTHING
    }
    return Cohort(contig, gene, sexes, tuple(sites), levels)


def told(search: GenotypeSearch, gene: str, ways: frozenset[Mode]) -> list[Carrier]:
    return search.carriers(search.genes.find(gene), ways)


def check(cohort: Cohort, url: str = "") -> None:
    expected = fits(cohort, sorted(cohort.levels))
    with tempfile.TemporaryDirectory() as folder, a_node(Path(folder), cohort, url) as search:
        known = search.known(search.genes.find(cohort.gene))
        for ways in WAYS.values():
            asked = ways or (known.inheritance if known is not None else frozenset())
            wanted = {fit.value for way in asked for fit in FITTING[way]} if asked else None
            found = {one.individual: one.genotype.fit.value for one in told(search, cohort.gene, ways)}
            right = {
                name: some if wanted is None else some & wanted
                for name, some in expected.items()
                if name not in ("P1", "P2")  # who are healthy
            }
            assert found.keys() == {name for name, some in right.items() if some}, (ways, right, found)
            for name, fit in found.items():
                assert fit in right[name]


@given(cohorts())
@settings(max_examples=60)
def test_carriers_are_those_that_the_text_has(cohort: Cohort) -> None:
    check(cohort)


@given(cohorts())
@settings(max_examples=12)
def test_postgresql_finds_the_same(postgresql: engines.Server, cohort: Cohort) -> None:
    check(cohort, postgresql.new_database())


@given(cohorts(), st.data())
@settings(max_examples=25)
def test_whoever_did_not_consent_changes_nothing(cohort: Cohort, data: st.DataObject) -> None:
    """Whatever the others carry, the carriers who are found, and how, are byte for byte the same."""
    others = [name for name in cohort.names if name not in cohort.levels]
    changed = tuple(
        replace(
            site,
            calls=tuple(
                data.draw(calls(cohort.contig)) if name in others else call
                for name, call in zip(cohort.names, site.calls, strict=True)
            ),
        )
        for site in cohort.sites
    )
    answers = []
    for one in (cohort, replace(cohort, sites=changed)):
        with tempfile.TemporaryDirectory() as folder, a_node(Path(folder), one) as search:
            answers.append([repr(told(search, one.gene, ways)) for ways in WAYS.values()])
    assert answers[0] == answers[1]


@pytest.fixture
def family(tmp_path: Path, new_database: engines.NewDatabase) -> Iterator[GenotypeSearch]:
    """P0 has two alleles, one of each parent, who are on another file of the same phase; P3 has one twice."""
    sites = (
        Site(3_210_000, "missense_variant", ("0/1", "0/1", "0/0", "1/1")),
        Site(3_210_010, "stop_gained", ("0/1", "0/0", "0/1", "0/0")),
    )
    levels = {f"P{number}": Finding.VARIANT for number in range(4)}
    cohort = Cohort("20", "ITPA", (1, 1, 2, 2), sites, levels)
    with a_node(tmp_path, cohort, new_database(tmp_path)) as search:
        yield search


def found(search: GenotypeSearch) -> dict[str, str]:
    return {one.individual: one.genotype.fit.value for one in told(search, "ITPA", WAYS["recessive"])}


def test_parents_tell_that_two_alleles_lie_on_different_copies(family: GenotypeSearch) -> None:
    assert found(family) == {"P0": "compound heterozygous", "P3": "homozygous"}


def test_parents_who_did_not_consent_tell_nothing(family: GenotypeSearch) -> None:
    family.consents.set(DATASET, ["P1"], Finding.NOTHING)
    assert found(family) == {"P0": "two alleles, phase not known", "P3": "homozygous"}


def test_whoever_withdraws_is_gone_at_once_and_his_consent_does_not_come_back(family: GenotypeSearch) -> None:
    engine = family.consents.engine
    withdraw(engine, "P3", DATASET)
    assert found(family) == {"P0": "compound heterozygous"}
    bring_back(engine, "P3", DATASET)
    assert found(family) == {"P0": "compound heterozygous"}
    assert "P3" not in family.consents.levels(DATASET)
    family.consents.set(DATASET, ["P3"], Finding.COUNT)
    assert "P3" in found(family)


def test_a_consent_is_of_somebody_who_is_there(family: GenotypeSearch) -> None:
    with pytest.raises(BadInput, match="nobody of this id"):
        family.consents.set(DATASET, ["P0", "P99"], Finding.COUNT)
    with pytest.raises(BadInput, match="no dataset"):
        family.consents.set("nowhere", ["P0"], Finding.COUNT)
    assert family.consents.levels(DATASET)["P0"] is Finding.VARIANT


def test_without_a_consent_nobody_is_found(family: GenotypeSearch) -> None:
    family.consents.set(DATASET, ["P0", "P1", "P2", "P3"], Finding.NOTHING)
    assert found(family) == {}
