"""The shipped vocabularies against the files they were made of, read in the plainest way."""

import gzip
import json
import random
from collections.abc import Iterator
from math import log
from pathlib import Path

import pytest

from node.reference.ontology import Ontologies
from schemas.people import Term

ONTOLOGY = Ontologies()


def parents_in(obo: Path) -> dict[str, set[str]]:
    """The terms of an OBO file that are not obsolete, with their parents."""
    found: dict[str, set[str]] = {}
    for stanza in gzip.decompress(obo.read_bytes()).decode().split("\n\n"):
        lines = stanza.splitlines()
        if lines[:1] == ["[Term]"] and "is_obsolete: true" not in lines:
            own = next(line[4:] for line in lines if line.startswith("id: "))
            found[own] = {line.split(" ")[1] for line in lines if line.startswith("is_a: ")}
    return found


def ancestors(term: str, parents: dict[str, set[str]]) -> Iterator[str]:
    yield term
    for parent in parents[term]:
        yield from ancestors(parent, parents)


@pytest.fixture(scope="module")
def hpo(shared: Path) -> dict[str, set[str]]:
    return parents_in(shared / "data" / "reference" / "hpo_2025-01-16" / "hp.obo.gz")


@pytest.fixture(scope="module")
def mondo(shared: Path) -> dict[str, dict[str, object]]:
    path = shared / "data" / "reference" / "ontologies" / "MONDO-ontology-v2026-05-05.json.gz"
    document = json.loads(gzip.decompress(path.read_bytes()))
    return {term: told for term, told in document.items() if not told.get("deprecated")}


def test_descendants_of_the_phenotypes_are_those_of_the_file(hpo: dict[str, set[str]]) -> None:
    below: dict[str, set[str]] = {}
    for term in hpo:
        for ancestor in ancestors(term, hpo):
            below.setdefault(ancestor, set()).add(term)
    chosen = random.Random(1).sample(sorted(hpo), 300)
    for term in [*chosen, "HP:0000001", "HP:0001250"]:
        found = {one for one in ONTOLOGY.ids(term) if one in hpo}
        assert found == below[term], term


def test_descendants_of_the_diseases_are_those_of_the_file(mondo: dict[str, dict[str, object]]) -> None:
    for term in random.Random(2).sample(sorted(mondo), 100):
        below = {other for other, told in mondo.items() if term in told["ancestors"]}  # type: ignore[operator]
        assert {one for one in ONTOLOGY.ids(term) if one in mondo} == below | {term}


def test_similarity_is_lins(hpo: dict[str, set[str]]) -> None:
    above = {term: set(ancestors(term, hpo)) for term in hpo}
    below: dict[str, int] = {}
    for terms in above.values():
        for term in terms:
            below[term] = below.get(term, 0) + 1
    content = {term: 1 - log(count) / log(len(hpo)) for term, count in below.items()}
    dice = random.Random(3)
    for _ in range(200):
        one, other = dice.sample(sorted(hpo), 2)
        shared_content = max(content[term] for term in above[one] & above[other])
        expected = (
            2 * shared_content / (content[one] + content[other]) if content[one] + content[other] else 0
        )
        assert ONTOLOGY.similarity(one, other) == pytest.approx(expected, abs=1e-9)
        assert ONTOLOGY.similarity(one, other) == ONTOLOGY.similarity(other, one) <= 1
        assert ONTOLOGY.similarity(one, one) == 1


def test_a_term_is_known_by_every_id_it_had() -> None:
    assert ONTOLOGY.find("HP:0004715") == Term("HP:0000003", "Multicystic kidney dysplasia")
    assert ONTOLOGY.ids("HP:0004715", descendants=False) == {"HP:0000003", "HP:0004715"}
    assert ONTOLOGY.ids("PATO:0000383") == ONTOLOGY.ids("NCIT:C16576")
    assert ONTOLOGY.find("HP:9999999") is None
    assert ONTOLOGY.ids("HP:9999999") == {"HP:9999999"}
    assert ONTOLOGY.similarity("LOINC:1", "LOINC:1") == 1
    assert ONTOLOGY.similarity("LOINC:1", "HP:0001250") == 0
    assert ONTOLOGY.similarity("MONDO:0005015", "HP:0001250") == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("HP:001250", "HP:0001250"),
        ("HP:00012500", "HP:0001250"),
        ("HP:0001520", "HP:0001520"),
        ("seizur", "HP:0001250"),
        ("Epileptic seizure", "HP:0001250"),
        ("dibetes mellitus", "MONDO:0005015"),
        ("MONDO:5015", "MONDO:0005015"),
    ],
)
def test_what_is_nearly_a_term_finds_it(text: str, expected: str) -> None:
    assert expected in [term.id for term in ONTOLOGY.near(text)]


@pytest.mark.parametrize("text", ["", "x", "zzzzzz", "HP:", "%", "HP:9999999", "12", "\x00"])
def test_what_is_like_nothing_finds_nothing(text: str) -> None:
    assert ONTOLOGY.near(text) == []


def test_the_vocabularies_name_their_release() -> None:
    told = {one.prefix: one for one in ONTOLOGY.vocabularies()}
    assert told["HP"].version == "2025-01-16"
    assert told["MONDO"].iri_prefix.endswith("MONDO_")
