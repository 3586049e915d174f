"""Laws that every algorithm keeps, whatever the ontology and whoever the patients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matchmaker.phenotype import TermSpace
from matchmaker.scoring import ALGORITHMS, DEFAULT
from matchmaker.scoring.algorithm import Algorithm
from matchmaker.scoring.panel import Panel
from matchmaker.scoring.profile import Profile, Reader
from schemas.genome import Allele, Assembly
from schemas.matching import Gene, Score
from schemas.mme import Patient
from tests.matching_worlds import UNTIMED, GeneTable, Ontology, a_patient

TERMS = tuple(f"HP:{number:07d}" for number in range(1, 13))
UNKNOWN_TERM = "HP:9999999"
GENES = GeneTable(
    {name: Gene(f"HGNC:{name[-1]}", f"GENE{name[-1]}") for name in ("GENE1", "GENE2", "OLD2", "ENSG3")}
)
NEW_GENE = "NOVEL77"
# Autosomal dominant and recessive, X-linked and X-linked recessive, and one that says neither.
MODES = ("HP:0000006", "HP:0000007", "HP:0001417", "HP:0001419", "HP:0003745")
ROUNDING = 1e-9

every_algorithm = pytest.mark.parametrize("algorithm", ALGORITHMS.values(), ids=ALGORITHMS.keys())
laws: Callable[..., Any] = settings(UNTIMED, max_examples=60)


@st.composite
def ontologies(draw: st.DrawFn) -> Ontology:
    parents: dict[str, tuple[str, ...]] = {TERMS[0]: ()}
    for number, term in enumerate(TERMS[1:], 1):
        above = draw(st.lists(st.integers(0, number - 1), min_size=1, max_size=3, unique=True))
        parents[term] = tuple(TERMS[each] for each in above)
    diseases = draw(st.lists(st.lists(st.sampled_from(TERMS), min_size=1, max_size=4), max_size=8))
    return Ontology(parents, {f"disease {number}": terms for number, terms in enumerate(diseases)})


features = st.fixed_dictionaries(
    {
        "id": st.sampled_from((*TERMS, UNKNOWN_TERM, "not a term", *MODES)),
        "observed": st.sampled_from(("yes", "yes", "no")),
    }
)
variants = st.fixed_dictionaries(
    {
        "assembly": st.sampled_from(("GRCh37", "GRCh37.p13", "hg38", "NCBI36")),
        "referenceName": st.sampled_from(("1", "chr2", "Z")),
        "start": st.sampled_from((-1, 0, 100, 101, 2_000, 10**12)),
    },
    optional={
        "end": st.sampled_from((100, 101, 2_000, 5_000)),
        "referenceBases": st.sampled_from(("A", "AT", "", "-", "no bases")),
        "alternateBases": st.sampled_from(("G", "A", "ATT", "<DEL>", "<DUP>")),
        "_hgvsp": st.sampled_from(
            ("NP_1.1:p.Arg7Trp", "NP_1.2:p.(Arg7Ter)", "ENSP2:p.Arg7Trp", "p.Met1?", "p.7", "")
        ),
    },
)
genomic_features = st.fixed_dictionaries(
    {"gene": st.fixed_dictionaries({"id": st.sampled_from(("GENE1", "GENE2", "OLD2", "ENSG3", "UNHEARD"))})},
    optional={
        "variant": variants,
        "zygosity": st.sampled_from((1, 2)),
        "type": st.sampled_from(
            tuple(
                {"id": f"SO:{term}"} for term in ("0001583", "0001587", "0001589", "0000159", "1000035", "9")
            )
        ),
    },
)


@st.composite
def patients(draw: st.DrawFn) -> Patient:
    return a_patient(
        features=draw(st.lists(features, min_size=1, max_size=8)),
        genomicFeatures=draw(st.lists(genomic_features, max_size=5)),
        disorders=draw(st.lists(st.sampled_from(({"id": "MIM:1"}, {"id": "OMIM:2"})), max_size=2)),
        inheritanceMode=draw(st.sampled_from((None, *MODES))),
    )


def changed(patient: Patient, **fields: Callable[[list[Any]], list[Any]]) -> Patient:
    """The patient with some of the lists of his document replaced."""
    document = patient.document()
    return a_patient(
        **{**document, **{name: change(document.get(name, [])) for name, change in fields.items()}}
    )


def _frequency(allele: Allele) -> float | None:
    """Known of one assembly alone; by the bases, rare to common."""
    if allele.interval.contig.assembly is not Assembly.GRCH37:
        return None
    return {"G": 0.0, "A": 0.003}.get(allele.alternate, 0.2)


class Scorer:
    def __init__(self, algorithm: Algorithm, ontology: Ontology) -> None:
        self.algorithm = algorithm
        self.space = TermSpace(ontology)
        self.reader = Reader(self.space, GENES, frequency=_frequency)

    def __call__(self, query: Patient, *candidates: Patient) -> list[Score]:
        read = self.reader.read
        panel = Panel(self.space, [read(each) for each in candidates])
        scores = self.algorithm.scores(self.space, read(query), panel)
        return [scores[number] for number in range(len(candidates))]

    def one(self, query: Patient, candidate: Patient) -> Score:
        return self(query, candidate)[0]


@every_algorithm
@laws
@given(ontology=ontologies(), query=patients(), found=st.lists(patients(), max_size=4))
def test_scores_lie_between_0_and_1_and_do_not_depend_on_the_company(
    algorithm: Algorithm, ontology: Ontology, query: Patient, found: list[Patient]
) -> None:
    scorer = Scorer(algorithm, ontology)
    together = scorer(query, *found)
    assert len(together) == len(found)
    for score, candidate in zip(together, found, strict=True):
        assert 0 <= score.total <= 1
        assert 0 <= score.phenotype <= 1
        assert 0 <= score.genotype <= 1
        assert score.total == pytest.approx(scorer.one(query, candidate).total, abs=ROUNDING)


@every_algorithm
@laws
@given(ontology=ontologies(), query=patients(), found=patients())
def test_nobody_is_more_like_a_patient_than_himself(
    algorithm: Algorithm, ontology: Ontology, query: Patient, found: Patient
) -> None:
    itself, other = Scorer(algorithm, ontology)(query, query, found)
    assert other.total <= itself.total + ROUNDING
    assert other.phenotype <= itself.phenotype + ROUNDING
    assert other.genotype <= itself.genotype + ROUNDING


@every_algorithm
@laws
@given(ontology=ontologies(), one=patients(), other=patients())
def test_likeness_is_mutual(algorithm: Algorithm, ontology: Ontology, one: Patient, other: Patient) -> None:
    scorer = Scorer(algorithm, ontology)
    there, back = scorer.one(one, other), scorer.one(other, one)
    assert there.phenotype == pytest.approx(back.phenotype, abs=ROUNDING)
    assert there.genotype == pytest.approx(back.genotype, abs=ROUNDING)


@every_algorithm
@laws
@given(ontology=ontologies(), query=patients(), found=patients(), random=st.randoms(use_true_random=False))
def test_the_order_of_features_is_of_no_account(
    algorithm: Algorithm, ontology: Ontology, query: Patient, found: Patient, random: Any
) -> None:
    def shuffle(entries: list[Any]) -> list[Any]:
        return random.sample(entries, len(entries)) + entries[:1]

    scorer = Scorer(algorithm, ontology)
    again = changed(found, features=shuffle, genomicFeatures=shuffle, disorders=shuffle)
    assert scorer.one(query, again) == scorer.one(query, found)
    again = changed(query, features=shuffle, genomicFeatures=shuffle, disorders=shuffle)
    assert scorer.one(again, found) == scorer.one(query, found)


@every_algorithm
@laws
@given(ontology=ontologies(), query=patients(), found=patients(), term=st.sampled_from(TERMS))
def test_a_shared_term_is_never_a_loss(
    algorithm: Algorithm, ontology: Ontology, query: Patient, found: Patient, term: str
) -> None:
    def gain(entries: list[Any]) -> list[Any]:
        return [*entries, {"id": term}]

    scorer = Scorer(algorithm, ontology)
    before, after = (
        scorer.one(query, found),
        scorer.one(changed(query, features=gain), changed(found, features=gain)),
    )
    assert after.phenotype >= before.phenotype - ROUNDING
    assert after.total >= before.total - ROUNDING


@every_algorithm
@laws
@given(ontology=ontologies(), query=patients(), found=patients(), feature=genomic_features)
def test_a_shared_gene_is_never_a_loss(
    algorithm: Algorithm, ontology: Ontology, query: Patient, found: Patient, feature: dict[str, Any]
) -> None:
    def gain(entries: list[Any]) -> list[Any]:
        return [*entries, {**feature, "gene": {"id": NEW_GENE}}]

    scorer = Scorer(algorithm, ontology)
    before = scorer.one(query, found)
    after = scorer.one(changed(query, genomicFeatures=gain), changed(found, genomicFeatures=gain))
    assert after.genotype >= before.genotype
    assert after.genotype > 0
    assert after.total >= before.total


@every_algorithm
@laws
@given(
    ontology=ontologies(), query=patients(), found=patients(), term=st.sampled_from((*TERMS, UNKNOWN_TERM))
)
def test_absent_and_unknown_features_are_no_evidence(
    algorithm: Algorithm, ontology: Ontology, query: Patient, found: Patient, term: str
) -> None:
    def absent(entries: list[Any]) -> list[Any]:
        return [*entries, {"id": term, "observed": "no"}, {"id": UNKNOWN_TERM}]

    scorer = Scorer(algorithm, ontology)
    assert scorer.one(query, changed(found, features=absent)) == scorer.one(query, found)
    assert scorer.one(changed(query, features=absent), found) == scorer.one(query, found)


def _of_one_gene(feature: dict[str, Any]) -> dict[str, Any]:
    return {**feature, "gene": {"id": NEW_GENE}}


@every_algorithm
@laws
@given(
    ontology=ontologies(),
    query=patients(),
    found=patients(),
    told=st.tuples(genomic_features, genomic_features),
    variant=variants,
)
def test_a_variant_in_common_is_never_a_loss(
    algorithm: Algorithm,
    ontology: Ontology,
    query: Patient,
    found: Patient,
    told: tuple[dict[str, Any], dict[str, Any]],
    variant: dict[str, Any],
) -> None:
    """Both name the gene already; the same variant is added to what is told of either."""
    scorer = Scorer(algorithm, ontology)
    shared = _of_one_gene({"variant": variant})
    scores = []
    for more in ([], [shared]):
        mine, theirs = (
            changed(
                patient,
                genomicFeatures=lambda entries, feature=feature, more=more: [
                    *entries,
                    _of_one_gene(feature),
                    *more,
                ],
            )
            for patient, feature in zip((query, found), told, strict=True)
        )
        scores.append(scorer.one(mine, theirs))
    before, after = scores
    assert after.genotype >= before.genotype - ROUNDING
    assert after.total >= before.total - ROUNDING


@every_algorithm
@laws
@given(ontology=ontologies(), query=patients(), found=patients(), feature=genomic_features)
def test_detail_that_is_right_is_never_a_loss(
    algorithm: Algorithm, ontology: Ontology, query: Patient, found: Patient, feature: dict[str, Any]
) -> None:
    """Of a gene that both name more and more is told, and all of it agrees."""
    scorer = Scorer(algorithm, ontology)
    full = _of_one_gene({"zygosity": 1, "type": {"id": "SO:0001583"}, **feature})
    mine = changed(query, genomicFeatures=lambda entries: [*entries, full])
    before = 0.0
    for known in (("gene",), ("gene", "zygosity"), ("gene", "zygosity", "type"), tuple(full)):
        told = {name: full[name] for name in known}
        theirs = changed(found, genomicFeatures=lambda entries, told=told: [*entries, told])
        score = scorer.one(mine, theirs).genotype
        assert score >= before - ROUNDING
        before = score


@every_algorithm
@laws
@given(ontology=ontologies(), query=patients(), found=patients(), mode=st.sampled_from(MODES))
def test_inheritance_in_common_is_no_feature_and_never_a_loss(
    algorithm: Algorithm, ontology: Ontology, query: Patient, found: Patient, mode: str
) -> None:
    def telling(patient: Patient, *modes: str) -> Patient:
        document = patient.document()
        kept = [each for each in document["features"] if each["id"] not in MODES]
        features = [*kept, {"id": UNKNOWN_TERM}, *({"id": each} for each in modes)]
        return a_patient(**{**document, "features": features, "inheritanceMode": None})

    scorer = Scorer(algorithm, ontology)
    before = scorer.one(telling(query), telling(found))
    after = scorer.one(telling(query, mode), telling(found, mode))
    assert after.phenotype == before.phenotype
    assert after.genotype >= before.genotype - ROUNDING


@laws
@given(ontology=ontologies(), query=patients())
def test_a_profile_names_what_it_could_not_place(ontology: Ontology, query: Patient) -> None:
    profile: Profile = Reader(TermSpace(ontology), GENES).read(query)
    strange = {each.id for each in query.features} - set(TERMS) - set(MODES)
    strange |= {each.gene.id for each in query.genomic_features} & {"UNHEARD"}
    assert set(profile.unknown) == strange
    assert len(profile.unknown) == len(strange)


def test_the_algorithms_go_by_their_names() -> None:
    assert {name: each.name for name, each in ALGORITHMS.items()} == {name: name for name in ALGORITHMS}
    assert DEFAULT in ALGORITHMS.values()
    worths = [each.worth for each in ALGORITHMS.values()]
    assert [each.gene + each.zygosity + each.kind + each.variant for each in worths] == pytest.approx(
        [1.0] * len(worths)
    )
