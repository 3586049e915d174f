"""What a score means: the shipped table, that every result tells it, and in words that a doctor can read."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matchmaker.match import Match, Matchmaker
from matchmaker.phenotype import TermSpace
from matchmaker.scoring import ALGORITHMS, DEFAULT
from matchmaker.scoring.algorithm import Algorithm
from matchmaker.scoring.profile import Reader
from matchmaker.wording import meaning_sentence
from node.reference.calibration import PublishedPairs
from node.reference.genes import GeneTable
from schemas.genome import Allele
from schemas.matching import Case, Gene, Limits, Meaning, Setting, Sharing
from schemas.mme import Patient
from tests.matching_worlds import UNTIMED, Ontology, a_patient, matched
from tests.matching_worlds import GeneTable as Names

TABLE = PublishedPairs()
DATA = files("node.reference") / "data"
SEIZURE, FOCAL, ATAXIA, SMALL = "HP:0001250", "HP:0007359", "HP:0001251", "HP:0004322"
NERVES, ALL = "HP:0000707", "HP:0000118"
PARENTS = {ALL: (), NERVES: (ALL,), SEIZURE: (NERVES,), FOCAL: (SEIZURE,), ATAXIA: (NERVES,), SMALL: (ALL,)}
SEEN = {str(number): [term] for number, term in enumerate((FOCAL, SEIZURE, ATAXIA, SMALL, ALL, ALL, ALL))}
GENES = Names({name: Gene(f"gene {name}", name) for name in ("SCN1A", "EFTUD2", "KCNQ2")})
VARIANT = {
    "assembly": "GRCh38",
    "referenceName": "2",
    "start": 166_000_000,
    "referenceBases": "C",
    "alternateBases": "T",
}
every_algorithm = pytest.mark.parametrize("algorithm", ALGORITHMS.values(), ids=ALGORITHMS.keys())


def of(algorithm: Algorithm, setting: Setting, score: float) -> Meaning:
    found = TABLE.meaning(algorithm.name, setting, score)
    assert found is not None
    return found


@every_algorithm
@UNTIMED
@given(setting=st.sampled_from(Setting), scores=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_a_higher_score_never_means_less(
    algorithm: Algorithm, setting: Setting, scores: tuple[float, float]
) -> None:
    lower, higher = (of(algorithm, setting, score) for score in sorted(scores))
    assert lower.shared <= higher.shared
    assert lower.low <= higher.low
    assert lower.high <= higher.high
    for one in (lower, higher):
        assert 0 <= one.low <= one.shared <= one.high <= 1
        assert one.setting is setting
        assert one.pairs >= one.genes >= 25


@every_algorithm
@pytest.mark.parametrize("setting", Setting)
def test_a_score_tells_more_than_chance_at_the_top_and_less_at_the_bottom(
    algorithm: Algorithm, setting: Setting
) -> None:
    assert of(algorithm, setting, 0.0).shared < of(algorithm, setting, 0.0).by_chance
    assert of(algorithm, setting, 1.0).low > 0.1


def test_an_algorithm_that_was_never_looked_at_means_nothing() -> None:
    assert TABLE.meaning("guessing", Setting.FEATURES, 0.5) is None


def test_the_table_says_where_it_comes_from_and_names_no_gene() -> None:
    assert "phenopacket-store" in TABLE.about
    assert "BSD-3-Clause" in TABLE.about
    readme = (DATA / "README.md").read_text(encoding="utf-8")
    assert "`calibration.tsv`" in readme
    text = (DATA / "calibration.tsv").read_text(encoding="utf-8")
    header, *rows = text.splitlines()[1:]
    assert header.split("\t")[0] == "algorithm"
    genes = GeneTable()
    words = {word for row in rows for word in row.split("\t")[:2]}
    assert words == set(ALGORITHMS) | set(Setting)
    assert not [word for word in words if genes.resolve(word)]


def ask(
    patient: Patient, *cases: Case, algorithm: Algorithm = DEFAULT, frequency: float = 0.0
) -> list[Match]:
    def seen(_allele: Allele) -> float:
        return frequency

    reader = Reader(TermSpace(Ontology(PARENTS, SEEN)), GENES, frequency=seen)
    limits = Limits(max_results=100, min_score=0.0)
    maker = Matchmaker(reader, limits=limits, algorithm=algorithm, calibration=TABLE)
    found = list(matched(maker, patient, cases).found)
    # What a node says of patients that others told of is what it would say of its own.
    assert maker.compare(patient, [match.patient for match in found]) == found
    return found


@every_algorithm
def test_every_result_says_what_its_score_means(algorithm: Algorithm) -> None:
    many = ["SCN1A", *(f"UNHEARD{number}" for number in range(6))]
    cases = [
        Case(a_patient("features", features=[SEIZURE, ATAXIA]), Sharing.VARIANT),
        Case(a_patient("other", features=[SEIZURE], genomicFeatures=["KCNQ2"]), Sharing.VARIANT),
        Case(a_patient("gene", features=[SEIZURE], genomicFeatures=["SCN1A"]), Sharing.VARIANT),
        Case(a_patient("genes", features=[SEIZURE], genomicFeatures=many), Sharing.VARIANT),
    ]
    query = a_patient("Q", features=[FOCAL, ATAXIA], genomicFeatures=["SCN1A"])
    found = {match.patient.id: match for match in ask(query, *cases, algorithm=algorithm)}
    settings = {name: match.explanation.meaning for name, match in found.items()}
    assert {name: meaning and meaning.setting for name, meaning in settings.items()} == {
        "features": Setting.FEATURES,
        "other": Setting.FEATURES,
        "gene": Setting.SOME_GENES,
        "genes": Setting.MANY_GENES,
    }
    for match in found.values():
        document = match.result().document()
        told = document["score"]["_meaning"]
        assert told["low"] <= told["sharedGene"] <= told["high"]
        assert document["_explanation"]["text"][-1].startswith("Of pairs of published patients")


def test_a_meaning_is_told_in_numbers_that_people_use() -> None:
    meaning = Meaning(0.312, 0.268, 0.364, 0.001, 12_345, 87, Setting.FEATURES)
    assert meaning_sentence(meaning) == (
        "Of pairs of published patients with such a score, 31 in 100 shared the gene (95 % 27 to 36); of all "
        "pairs compared so 10 in 10,000 did. Seen on 12,345 pairs of 87 genes, compared by features alone."
    )


def test_an_explanation_reads_as_a_doctor_would_say_it() -> None:
    change = {"gene": {"id": "SCN1A"}, "variant": VARIANT, "zygosity": 1, "type": {"id": "SO:0001587"}}
    query = a_patient(
        "Q",
        features=[FOCAL, ATAXIA, SMALL],
        disorders=[{"id": "OMIM:607208"}],
        genomicFeatures=[change, "KCNQ2"],
        inheritanceMode="HP:0000006",
    )
    case = Case(
        a_patient(
            "C",
            features=[SEIZURE, ATAXIA, {"id": SMALL, "observed": "no"}, "HP:0000006"],
            disorders=[{"id": "MIM:607208"}],
            genomicFeatures=[change, "EFTUD2", "KCNQ2"],
        ),
        Sharing.VARIANT,
    )
    (match,) = ask(query, case, frequency=0.00002)
    *reasons, meaning = match.result().document()["_explanation"]["text"]
    assert reasons == [
        "Both name KCNQ2 as a candidate gene: both fit autosomal dominant inheritance.",
        "Both name SCN1A as a candidate gene: the same variant, on 0.002 % of chromosomes of the population; "
        "one altered copy in both; both with loss of function.",
        "The same diagnosis: MIM:607208.",
        f"Features in common: label of {ATAXIA}.",
        f"Features near each other: label of {FOCAL} and label of {SEIZURE}.",
        f"Only the patient has: label of {SMALL}.",
        f"One has, and the other was looked at and has not: label of {SMALL}.",
        "May be passed on in the same way: autosomal dominant.",
    ]
    assert meaning.startswith("Of pairs of published patients")


def test_a_common_variant_is_said_to_be_one() -> None:
    change = {"gene": {"id": "SCN1A"}, "variant": VARIANT}
    query = a_patient("Q", genomicFeatures=[change])
    (match,) = ask(query, Case(a_patient("C", genomicFeatures=[change]), Sharing.VARIANT), frequency=0.2)
    (gene,) = match.explanation.genes
    assert (gene.variant, gene.frequency) == (0.0, 0.2)
    assert "too common to count" in match.result().document()["_explanation"]["text"][0]


def test_what_is_withheld_is_in_no_explanation() -> None:
    change = {
        "gene": {"id": "SCN1A"},
        "variant": {**VARIANT, "_hgvsp": "NP_1.1:p.Arg7Ter"},
        "zygosity": 2,
        "type": {"id": "SO:0001587"},
    }
    query = a_patient("Q", features=[SEIZURE], genomicFeatures=[change])
    case = a_patient("C", features=[SEIZURE], genomicFeatures=[change], disorders=[{"id": "MIM:1"}])
    (gene_level,) = ask(query, Case(case, Sharing.GENE))
    (agreement,) = gene_level.explanation.genes
    assert (agreement.kind, agreement.zygosity, agreement.variant, agreement.effects) == (
        False,
        False,
        0.0,
        frozenset(),
    )
    (phenotype_level,) = ask(query, Case(case, Sharing.PHENOTYPE))
    assert (phenotype_level.explanation.genes, phenotype_level.explanation.disorders) == ((), ())
    assert b"SCN1A" not in str(phenotype_level.result().document()).encode()


def test_the_script_that_makes_the_table_names_it() -> None:
    root = Path(__file__).resolve().parents[2]
    script = (root / "deploy" / "reference" / "make_calibration.py").read_text(encoding="utf-8")
    assert '"calibration.tsv"' in script
