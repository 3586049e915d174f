"""The door: consent before comparison, limits, made-up patients; for every algorithm alike."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matchmaker.match import Matches, Matchmaker, released
from matchmaker.phenotype import TermSpace
from matchmaker.scoring import ALGORITHMS
from matchmaker.scoring.algorithm import Algorithm
from matchmaker.scoring.profile import Reader
from schemas.matching import Case, Gene, Limits, Sharing
from schemas.mme import Patient
from tests.matching_worlds import UNTIMED, GeneTable, Ontology, a_patient, matched

SEIZURE, FOCAL, ATAXIA = "HP:0001250", "HP:0007359", "HP:0001251"
NERVES, ALL = "HP:0000707", "HP:0000118"
PARENTS = {ALL: (), NERVES: (ALL,), SEIZURE: (NERVES,), FOCAL: (SEIZURE,), ATAXIA: (NERVES,)}
SEEN = {"disease 1": [FOCAL], "disease 2": [SEIZURE], "disease 3": [ATAXIA], "disease 4": [ALL]}
GENES = GeneTable({name: Gene(f"gene {name}", name) for name in ("SCN1A", "EFTUD2")})
READER = Reader(TermSpace(Ontology(PARENTS, SEEN)), GENES)
EVERYTHING = Limits(max_results=100, min_score=0.0)
VARIANT = {
    "assembly": "GRCh38",
    "referenceName": "2",
    "start": 166_000_000,
    "referenceBases": "C",
    "alternateBases": "T",
}
FULL = {
    "label": "case 7 of the clinic",
    "sex": "FEMALE",
    "ageOfOnset": "HP:0003577",
    "inheritanceMode": "HP:0000006",
    "disorders": [{"id": "MIM:607208", "label": "Dravet syndrome"}],
    "features": [{"id": FOCAL}, {"id": ATAXIA, "observed": "no"}],
    "genomicFeatures": [
        {"gene": {"id": "SCN1A"}, "variant": VARIANT, "zygosity": 1, "type": {"id": "SO:0001587"}},
        {"gene": {"id": "SCN1A"}, "variant": {**VARIANT, "start": 166_000_900}, "zygosity": 1},
    ],
}
WITHHELD: dict[Sharing, tuple[str, ...]] = {
    Sharing.PHENOTYPE: ("genomicFeatures", "disorders"),
    Sharing.GENE: (),
    Sharing.VARIANT: (),
}
every_algorithm = pytest.mark.parametrize("algorithm", ALGORITHMS.values(), ids=ALGORITHMS.keys())


def ask(patient: Patient, *cases: Case, limits: Limits = EVERYTHING, **options: Any) -> Matches:
    algorithm: Algorithm = options.pop("algorithm", ALGORITHMS["semantic"])
    return matched(Matchmaker(READER, limits=limits, algorithm=algorithm), patient, cases, **options)


def told(matches: Matches) -> bytes:
    return orjson.dumps(matches.response().document())


def ids(matches: Matches) -> list[str]:
    return [result.patient.id for result in matches.response().results]


def poorer(document: dict[str, Any], sharing: Sharing) -> dict[str, Any]:
    """The document of a patient of whom no more was ever known than `sharing` lets be told."""
    kept = {name: part for name, part in document.items() if name not in WITHHELD[sharing]}
    if sharing is Sharing.GENE and "genomicFeatures" in kept:
        genes = dict.fromkeys(each["gene"]["id"] for each in kept["genomicFeatures"])
        kept["genomicFeatures"] = [{"gene": {"id": gene}} for gene in genes]
    return kept


documents = st.fixed_dictionaries(
    {"features": st.lists(st.sampled_from(FULL["features"]), min_size=1, max_size=2)},
    optional={
        "disorders": st.just(FULL["disorders"]),
        "sex": st.sampled_from(("MALE", "FEMALE")),
        "genomicFeatures": st.lists(
            st.fixed_dictionaries(
                {"gene": st.sampled_from(({"id": "SCN1A"}, {"id": "EFTUD2"}, {"id": "UNHEARD"}))},
                optional={
                    "variant": st.just(VARIANT),
                    "zygosity": st.sampled_from((1, 2)),
                    "type": st.just({"id": "SO:0001587"}),
                },
            ),
            max_size=3,
        ),
    },
)


@every_algorithm
@settings(UNTIMED, max_examples=80)
@given(query=documents, deposited=documents, sharing=st.sampled_from(tuple(WITHHELD)))
def test_what_is_withheld_might_as_well_never_have_been_known(
    algorithm: Algorithm, query: dict[str, Any], deposited: dict[str, Any], sharing: Sharing
) -> None:
    whole = Case(a_patient("C1", **deposited), sharing)
    never_known = Case(a_patient("C1", **poorer(deposited, sharing)), Sharing.VARIANT)
    asker = a_patient("Q1", **query)
    assert told(ask(asker, whole, algorithm=algorithm)) == told(ask(asker, never_known, algorithm=algorithm))


@every_algorithm
@settings(UNTIMED, max_examples=40)
@given(query=documents, others=st.lists(documents, max_size=3), hidden=documents)
def test_a_case_without_consent_is_a_case_that_is_not_there(
    algorithm: Algorithm, query: dict[str, Any], others: list[dict[str, Any]], hidden: dict[str, Any]
) -> None:
    cases = [Case(a_patient(f"C{number}", **each), Sharing.VARIANT) for number, each in enumerate(others)]
    silent = Case(a_patient("C9", **hidden), Sharing.NOTHING)
    asker = a_patient("Q1", **query)
    with_it, without = (
        ask(asker, *cases, silent, algorithm=algorithm),
        ask(asker, *cases, algorithm=algorithm),
    )
    assert with_it == without


def test_consent_is_asked_for_and_never_assumed() -> None:
    assert Case(a_patient(**FULL)).sharing is Sharing.NOTHING
    assert released(Case(a_patient(**FULL))) is None
    assert [level.rank for level in Sharing] == [0, 1, 2, 3]


def test_each_level_of_consent_releases_its_own_fields() -> None:
    def left(sharing: Sharing) -> dict[str, Any]:
        patient = released(Case(a_patient(**FULL), sharing))
        assert patient is not None
        return patient.document()

    whole = a_patient(**FULL).document()
    assert left(Sharing.VARIANT) == whole
    assert left(Sharing.GENE) == {**whole, "genomicFeatures": [{"gene": {"id": "SCN1A"}}]}
    phenotype = left(Sharing.PHENOTYPE)
    assert phenotype == {
        name: part for name, part in whole.items() if name not in WITHHELD[Sharing.PHENOTYPE]
    }


def test_what_is_no_phenotype_term_does_not_leave_as_one() -> None:
    case = Case(a_patient(features=[SEIZURE, "seen by Dr Bloggs in Leeds"]), Sharing.VARIANT)
    answer = ask(a_patient("Q", features=[SEIZURE]), case)
    assert ids(answer) == ["P1"]
    assert b"Leeds" not in told(answer)


def test_a_case_with_nothing_left_to_tell_is_not_compared() -> None:
    only_genes = Case(a_patient(genomicFeatures=["SCN1A"]), Sharing.PHENOTYPE)
    assert released(only_genes) is None
    assert ask(a_patient("Q", genomicFeatures=["SCN1A"]), only_genes).compared == 0


def test_a_variant_without_a_place_is_not_written() -> None:
    placeless = {"gene": {"id": "SCN1A"}, "variant": {"assembly": "GRCh38", "referenceName": "2"}}
    patient = released(Case(a_patient(genomicFeatures=[placeless]), Sharing.VARIANT))
    assert patient is not None
    assert patient.document()["genomicFeatures"] == [{"gene": {"id": "SCN1A"}}]


def test_made_up_patients_meet_only_made_up_questions() -> None:
    real = Case(a_patient("real", features=[SEIZURE]), Sharing.GENE)
    made_up = Case(a_patient("made up", features=[SEIZURE], test=True), Sharing.GENE)
    answer = ask(a_patient("Q", features=[SEIZURE]), real, made_up)
    assert (ids(answer), answer.notify) == (["real"], True)
    rehearsal = ask(a_patient("Q", features=[SEIZURE], test=True), real, made_up)
    assert (ids(rehearsal), rehearsal.notify) == (["made up", "real"], False)


def test_a_feature_looked_for_and_absent_is_told_but_is_no_likeness() -> None:
    denies = Case(a_patient("denies", features=[{"id": SEIZURE, "observed": "no"}, ATAXIA]), Sharing.GENE)
    has = Case(a_patient("has", features=[SEIZURE, ATAXIA]), Sharing.GENE)
    answer = ask(a_patient("Q", features=[FOCAL]), denies, has)
    assert ids(answer)[0] == "has"
    both = ask(a_patient("Q", features=[FOCAL, ATAXIA]), denies, has)
    contradictions = {match.patient.id: match.explanation.contradictions for match in both.found}
    assert [term.id for term in contradictions["denies"]] == [SEIZURE]
    assert contradictions["has"] == ()


def test_the_limits_hold() -> None:
    cases = [Case(a_patient(f"C{number}", features=[SEIZURE]), Sharing.GENE) for number in range(9)]
    cases.append(Case(a_patient("exact", features=[SEIZURE], genomicFeatures=["SCN1A"]), Sharing.GENE))
    query = a_patient("Q", features=[SEIZURE], genomicFeatures=["SCN1A"])
    assert ids(ask(query, *reversed(cases), limits=Limits(3, 0.0))) == ["exact", "C0", "C1"]
    assert ids(ask(query, *cases, limits=Limits(100, 0.4))) == ["exact"]
    assert ask(query, *cases, limits=Limits(100, 1.0)).response().results == ()


def test_a_case_with_nothing_in_common_is_no_result_whatever_the_limit() -> None:
    other = Case(a_patient(genomicFeatures=["EFTUD2"]), Sharing.VARIANT)
    answer = ask(a_patient("Q", features=[SEIZURE], genomicFeatures=["SCN1A"]), other)
    assert (answer.found, answer.compared) == ((), 1)


def test_a_patient_is_not_his_own_match_nor_that_of_another_species() -> None:
    own = Case(a_patient("own", features=[SEIZURE]), Sharing.GENE)
    mouse = Case(a_patient("mouse", features=[SEIZURE], species="NCBITaxon:10090"), Sharing.GENE)
    named = Case(a_patient("named", features=[SEIZURE], species="NCBITaxon:9606"), Sharing.GENE)
    assert ids(ask(own.patient, own, mouse, named, besides={"own"})) == ["named"]


def test_an_answer_says_why_and_what_it_could_not_place() -> None:
    case = Case(a_patient("C1", **FULL), Sharing.VARIANT)
    query = a_patient(
        "Q",
        features=[SEIZURE, "HP:7777777"],
        disorders=[{"id": "OMIM:607208"}],
        genomicFeatures=[
            {"gene": {"id": "SCN1A"}, "variant": VARIANT, "zygosity": 2},
            {"gene": {"id": "UNHEARD"}},
        ],
    )
    document = ask(query, case).response(disclaimer="as is", terms="research only").document()
    (result,) = document["results"]
    named = {"id": SEIZURE, "label": f"label of {SEIZURE}"}
    assert result["_explanation"] == {
        "features": [{"asked": named, "found": {"id": FOCAL, "label": f"label of {FOCAL}"}, "common": named}],
        "genes": [
            {
                "gene": {"id": "gene SCN1A", "label": "SCN1A"},
                "zygosity": True,
                "kind": False,
                "variant": 1.0,
                "how": "same-variant",
            }
        ],
        "disorders": ["MIM:607208"],
        "text": [
            "Both name SCN1A as a candidate gene: the same variant; two altered copies in both.",
            "The same diagnosis: MIM:607208.",
            f"Features near each other: label of {SEIZURE} and label of {FOCAL}.",
        ],
    }
    assert document["_unknown"] == ["HP:7777777", "UNHEARD"]
    assert (document["disclaimer"], document["terms"]) == ("as is", "research only")
    score = result["score"]
    assert set(score) == {"patient", "_phenotype", "_genotype"}
    assert score["patient"] == pytest.approx(0.6 * score["_genotype"] + 0.4 * score["_phenotype"], abs=0.002)


def test_a_question_of_nothing_known_is_answered_with_nothing() -> None:
    case = Case(a_patient("C1", **FULL), Sharing.VARIANT)
    answer = ask(a_patient("Q", features=["HP:7777777"]), case)
    assert answer.response().document() == {"results": [], "_unknown": ["HP:7777777"]}


def test_a_case_that_changed_meanwhile_is_not_told_of() -> None:
    maker = Matchmaker(READER, limits=EVERYTHING)
    cases = [Case(a_patient(name, features=[SEIZURE]), Sharing.GENE) for name in ("C1", "C2")]
    shelf = maker.shelf(entry for case in cases if (entry := maker.entry(case)))
    left = {"C2": cases[1].patient}
    answer = maker.match(a_patient("Q", features=[SEIZURE]), shelf, lambda _ids: left)
    assert ids(answer) == ["C2"]


def test_what_senders_add_of_their_own_leaves_only_with_consent_for_everything() -> None:
    """Nobody knows what an extension tells."""
    named = {**FULL, "features": [{"id": FOCAL, "_note": "as his sister"}], "_origin": "SCN1A panel"}
    for sharing, leaves in ((Sharing.PHENOTYPE, False), (Sharing.GENE, False), (Sharing.VARIANT, True)):
        patient = released(Case(a_patient("C1", **named), sharing))
        assert patient is not None
        document = patient.document()
        assert ("_origin" in document, "_note" in document["features"][0]) == (leaves, leaves)
