"""Who is on the roster of a dataset, and what a record says."""

from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from node.roster.facts import read
from node.roster.making import Holdings, VcfFile, make_roster
from schemas.filters import EXCLUDED_FEATURES, Quantity, Span, Text
from schemas.people import Biosample, Individual, Term

DAY_NS = 86_400_000_000_000
OLD = VcfFile("a" * 64, 0, 5, 6, BitMap([0, 1]))
NEW = VcfFile("b" * 64, 20_000 * DAY_NS, 5, 6, BitMap([1, 2]))


def ids(held: Holdings) -> dict[str, tuple[str, ...]]:
    return {name: ledger.ids for name, ledger in make_roster(held).ledgers.items()}


def a_person(name: str, *samples: str) -> Individual:
    return Individual(name, samples=samples, record={"id": name, "sex": {"id": "NCIT:C17998"}})


def a_sample(name: str, owner: str = "") -> Biosample:
    return Biosample(name, owner, {"id": name})


def test_whoever_is_genotyped_is_on_the_roster() -> None:
    held = Holdings((), (), ("s1", "s2"), (OLD,))
    assert ids(held) == {
        "individual": ("s1", "s2"),
        "biosample": ("s1", "s2"),
        "run": ("run-s1", "run-s2"),
        "analysis": (OLD.name,),
    }


def test_a_sample_is_its_owners_however_it_is_called() -> None:
    people = (a_person("p1", "s1"), a_person("p2", "s2"), a_person("p3"))
    samples = (a_sample("s1", "p1"), a_sample("blood of p2", "p2"), a_sample("frozen", "p1"))
    roster = make_roster(Holdings(people, samples, ("s2", "s1", "s3"), (OLD, NEW)))
    individuals, biosamples = roster.ledgers["individual"], roster.ledgers["biosample"]
    assert individuals.ids == ("p1", "p2", "p3", "s3")
    assert biosamples.ids == ("blood of p2", "frozen", "s1", "s3")
    ordinals = {
        name: BitMap().union(*(roster.ordinals[unit] for unit in units))
        for name, units in zip(individuals.ids, individuals.units, strict=True)
    }
    assert ordinals == {"p1": BitMap([1]), "p2": BitMap([0]), "p3": BitMap(), "s3": BitMap([2])}


def test_whoever_has_withdrawn_is_on_no_list() -> None:
    roster = make_roster(Holdings((a_person("p2", "s2"),), (), (None, "s2"), (OLD,)))
    assert {name: len(ledger.ids) for name, ledger in roster.ledgers.items()} == {
        "individual": 1,
        "biosample": 1,
        "run": 1,
        "analysis": 1,
    }
    assert BitMap().union(*roster.ordinals) == BitMap([1])


def test_what_was_excluded_is_not_present() -> None:
    facts = read(
        {
            "id": "p",
            "phenotypicFeatures": [
                {
                    "featureType": {"id": "HP:0001250", "label": "Seizure"},
                    "excluded": True,
                    "severity": {"id": "HP:0012828", "label": "Severe"},
                },
                {"featureType": {"id": "HP:0001251"}},
            ],
        }
    )
    assert set(facts.present) == {"HP:0001251"}
    assert "HP:0001250" in facts.excluded
    assert (EXCLUDED_FEATURES, Text("true")) in facts.values
    assert (EXCLUDED_FEATURES, Term("HP:0001250", "Seizure")) in facts.values
    assert ("phenotypicFeatures.featureType", Term("HP:0001250", "Seizure")) not in facts.values


def test_a_family_says_of_somebody_only_what_is_about_him() -> None:
    family = {
        "id": "F1",
        "disease": {"diseaseCode": {"id": "OMIM:1", "label": "it"}},
        "members": [
            {"memberId": "p", "role": {"id": "NCIT:C96580", "label": "Mother"}, "affected": False},
            {"memberId": "q", "role": {"id": "NCIT:C64435", "label": "Proband"}, "affected": True},
        ],
        "numSubjects": 2,
    }
    mother, proband = (read({"id": name, "pedigrees": [family]}) for name in "pq")
    assert set(mother.present) == {"NCIT:C96580"}
    assert set(proband.present) == {"NCIT:C64435", "OMIM:1"}
    assert ("pedigrees.disease.diseaseCode", Term("OMIM:1", "it")) in mother.values
    assert ("pedigrees.numSubjects", Quantity(2.0)) in mother.values


NAMES = """
    id label unit value measures assayCode measurementValue typedQuantities quantity quantityType pedigrees
    members memberId role affected disease phenotypicFeatures featureType excluded ageOfOnset start end
    iso8601duration weeks days info exposureCode x
"""
names = st.sampled_from(NAMES.split())
texts = st.sampled_from(["HP:0001250", "P18Y", "2021-09-24", "p", ""])
leaves = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | texts
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=5),
    max_leaves=25,
)
measured = st.fixed_dictionaries(
    {"assayCode": st.just({"id": "LOINC:1"})},
    optional={
        "measurementValue": values
        | st.fixed_dictionaries({"typedQuantities": st.lists(values)})
        | st.fixed_dictionaries({"quantity": values})
    },
)


@given(st.lists(measured | values))
def test_no_measure_is_too_strange_to_be_read(measures: list[object]) -> None:
    assert "" not in read({"id": "p", "measures": measures}).present


@given(st.dictionaries(names, values, max_size=6))
def test_no_record_is_too_strange_to_be_read(record: dict[str, object]) -> None:
    facts = read(record)
    assert not set(facts.present) & {"", "p"}


def test_values_are_read_by_their_shape() -> None:
    gram = {"id": "NCIT:C48155", "label": "Gram"}
    facts = read(
        {
            "id": "p",
            "individualId": "q",
            "karyotypicSex": "XX",
            "diseases": [
                {
                    "diseaseCode": {"id": "MONDO_0005015"},
                    "ageOfOnset": {"start": {"iso8601duration": "P1Y"}, "end": {"iso8601duration": "P2Y"}},
                    "familyHistory": True,
                    "notes": "told in confidence",
                }
            ],
            "measures": [
                {
                    "assayCode": {"id": "LOINC:1", "label": "w"},
                    "measurementValue": {"unit": gram, "value": 3},
                },
                {"assayCode": {"id": "LOINC:2"}, "measurementValue": {"id": "NCIT:C1", "label": "Positive"}},
                {
                    "assayCode": {"id": "LOINC:3"},
                    "measurementValue": {"quantity": {"unit": gram, "value": 4}},
                },
            ],
            "gestation": {"weeks": 12, "days": 3},
            "nonsense": [None, [], {}, {"id": 7}],
        }
    )
    values = dict(facts.values)
    assert values["karyotypicSex"] == Text("XX")
    assert values["diseases.ageOfOnset"] == Span(365.25, 730.5)
    assert values["diseases.familyHistory"] == Text("true")
    assert values["LOINC:1"] == Quantity(3.0, Term("NCIT:C48155", "Gram"))
    assert values["LOINC:2"] == Term("NCIT:C1", "Positive")
    assert values["LOINC:3"] == Quantity(4.0, Term("NCIT:C48155", "Gram"))
    assert values["gestation"] == Span(87.0, 87.0)
    assert "told in confidence" not in str(facts)
    assert "NCIT:C1" in facts.present
    assert "MONDO:0005015" in facts.present
    assert "NCIT:C48155" not in facts.present
    assert "id" not in values
    assert "individualId" not in values
