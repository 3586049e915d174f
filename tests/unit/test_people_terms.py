"""Spellings of ontology terms and of sex."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.people.terms import read_sex, sex_term
from schemas.curies import curie
from schemas.people import Sex


@pytest.mark.parametrize(
    "spelling",
    [
        "HP:0001250", "HP_0001250", "hp:0001250", " HP:0001250 ", "HPO:0001250",
        "http://purl.obolibrary.org/obo/HP_0001250", "https://identifiers.org/HP:0001250",
    ],
)  # fmt: skip
def test_one_term_has_one_spelling(spelling):
    assert curie(spelling) == "HP:0001250"


@pytest.mark.parametrize(
    ("spelling", "kept"),
    [
        ("Orphanet_392", "ORPHA:392"),
        ("http://www.orpha.net/ORDO/Orphanet_392", "ORPHA:392"),
        ("ncbitaxon:9606", "NCBITaxon:9606"),
        ("OPCS4:P26.3", "OPCS4:P26.3"),
        ("snomedct:73211009", "SNOMED:73211009"),
    ],
)
def test_prefixes_are_spelt_as_settled(spelling, kept):
    assert curie(spelling) == kept


@pytest.mark.parametrize(
    "text", ["", "seizure", "SAMPLE_1", "HP", "HP:", ":1", "HP:1;HP:2", "HP:1 HP:2", "7:1"]
)
def test_what_is_no_term_is_none(text):
    assert curie(text) is None


@given(st.text(max_size=30))
def test_a_term_read_again_stays_as_it_is(text):
    found = curie(text)
    assert found is None or curie(found) == found


@pytest.mark.parametrize("sex", Sex)
def test_each_sex_is_read_back_from_its_term_and_its_word(sex):
    assert read_sex(sex_term(sex).id) is sex
    assert read_sex(sex_term(sex).label) is sex
    assert read_sex(sex.value.upper()) is sex


@pytest.mark.parametrize(
    ("text", "sex"),
    [("1", Sex.MALE), ("2", Sex.FEMALE), ("0", Sex.UNKNOWN), ("FEMALE", Sex.FEMALE), ("ncit_c20197", None)],
)
def test_pedigree_codes_and_words(text, sex):
    assert read_sex(text) is sex


@given(st.text(max_size=20))
def test_any_text_is_a_sex_or_none(text):
    assert read_sex(text) in (None, *Sex)
