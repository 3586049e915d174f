"""What is told of carriers follows their consent: laws of the door, held against whatever is drawn."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import assume, given
from hypothesis import strategies as st

from matchmaker.onesided import Carriers, FindingLimits, Sighted
from matchmaker.phenotype import TermSpace
from matchmaker.scoring.profile import Reader
from schemas.candidates import Finding, Fit, Genotype, Suspect
from schemas.carriers import CarrierResponse
from schemas.genome import Allele, Assembly, Contig
from schemas.matching import Gene
from schemas.mme import Contact, read_patient
from tests.matching_worlds import HPO_ROOT, UNTIMED, GeneTable, Ontology

TERMS = [f"HP:000000{number}" for number in range(1, 7)]
ONTOLOGY = Ontology({HPO_ROOT: (), **dict.fromkeys(TERMS, (HPO_ROOT,))})
GENES = [Gene(f"HGNC:{number}", f"GENE{number}") for number in range(3)]
READER = Reader(TermSpace(ONTOLOGY), GeneTable({gene.symbol: gene for gene in GENES}))
LEAST, MOST = 3, 4
CARRIERS = Carriers(READER, FindingLimits(MOST, LEAST, 0.1))
CONTIG = Contig.read("7", Assembly.GRCH38)
CONTACT = Contact(name="Dr A", href="mailto:a@hospital.example")
PATIENT = read_patient(
    {
        "id": "q",
        "contact": CONTACT.document(),
        "features": [{"id": term} for term in TERMS[:2]],
    }
)

suspects = st.builds(
    Suspect,
    st.integers(1000, 1010).map(lambda at: Allele.from_vcf(CONTIG, at, "A", "C")),
    st.sampled_from(("stop_gained", "missense_variant", "")),
    st.sampled_from(("HIGH", "MODERATE")),
    st.sampled_from(("", "pathogenic")),
)
genotypes = st.builds(
    Genotype,
    st.sampled_from(GENES),
    st.sampled_from(tuple(Fit)),
    st.lists(suspects, min_size=1, max_size=2).map(tuple),
)


@st.composite
def crowds(draw: st.DrawFn) -> list[Sighted]:
    return [
        Sighted(
            f"person-{number}",
            CONTACT,
            tuple(draw(st.lists(st.sampled_from(TERMS), max_size=3, unique=True))),
            draw(st.sampled_from(tuple(Finding))),
            tuple(draw(st.lists(genotypes, min_size=1, max_size=3, unique_by=lambda one: one.gene.id))),
        )
        for number in range(draw(st.integers(0, 9)))
    ]


asked = st.sampled_from(([], GENES[:1], GENES))


def answer(crowd: list[Sighted], genes: list[Gene]) -> CarrierResponse:
    return CARRIERS.find(PATIENT, genes, crowd)


@given(crowds(), asked)
@UNTIMED
def test_each_is_told_of_as_far_as_he_consents(crowd: list[Sighted], genes: list[Gene]) -> None:
    levels = {one.id: one.level for one in crowd}
    told = answer(crowd, genes)
    assert len(told.results) <= MOST
    for result in told.results:
        assert levels[result.patient.id].rank >= Finding.CONTACT.rank
        document = result.document()
        assert "features" not in document["patient"]
        if levels[result.patient.id] is Finding.CONTACT:
            assert "_genotype" not in document["score"]
            assert all(set(one) == {"gene"} for one in document["patient"]["genomicFeatures"])


@given(crowds(), asked)
@UNTIMED
def test_whoever_is_told_of_in_no_way_changes_nothing(crowd: list[Sighted], genes: list[Gene]) -> None:
    there = [one for one in crowd if one.level is not Finding.NOTHING]
    assert answer(crowd, genes) == answer(there, genes)
    assert answer(crowd, genes) == answer(crowd[::-1], genes)


@given(crowds(), asked)
@UNTIMED
def test_few_who_may_only_be_counted_are_as_none(crowd: list[Sighted], genes: list[Gene]) -> None:
    silent = [one for one in crowd if one.level is Finding.COUNT]
    told = answer(crowd, genes)
    unnamed = [one for one in crowd if one.id not in {each.patient.id for each in told.results}]
    assume(len([one for one in unnamed if one.level is not Finding.NOTHING]) < LEAST)
    assert told == answer([one for one in crowd if one not in silent], genes)


@given(crowds(), st.data())
@UNTIMED
def test_the_genotype_of_somebody_who_is_merely_named_shows_nowhere(
    crowd: list[Sighted], data: st.DataObject
) -> None:
    """Any other genotype in the same gene gives the same answer."""
    gene = GENES[0]

    def other(one: Sighted, level: Finding) -> Sighted:
        drawn = replace(data.draw(genotypes), gene=gene)
        return replace(one, genotypes=(drawn,)) if one.level is level else one

    inside = [replace(one, genotypes=(replace(one.genotypes[0], gene=gene),)) for one in crowd]
    changed = [other(other(one, Finding.CONTACT), Finding.COUNT) for one in inside]
    assert answer(inside, [gene]) == answer(changed, [gene])


@given(crowds(), asked, st.data())
@UNTIMED
def test_with_less_consent_nobody_is_told_more_of(
    crowd: list[Sighted], genes: list[Gene], data: st.DataObject
) -> None:
    assume(crowd)
    one = data.draw(st.sampled_from(crowd))
    lower = data.draw(st.sampled_from([level for level in Finding if level.rank <= one.level.rank]))
    after = answer([replace(each, level=lower) if each is one else each for each in crowd], genes)
    told = {each.patient.id: each.document() for each in after.results}
    if one.id in told:
        before = {each.patient.id: each.document() for each in answer([one], genes).results}
        assert one.id in before
        assert str(told[one.id]).count("_fit") <= str(before[one.id]).count("_fit")
    assert (
        sum(each.count for each in after.genes if genes)
        <= sum(each.count for each in answer(crowd, genes).genes)
        or not genes
    )


@given(crowds())
@UNTIMED
def test_nobody_is_named_whose_features_are_not_alike(crowd: list[Sighted]) -> None:
    strangers = [replace(one, features=()) for one in crowd]
    assert not answer(strangers, GENES).results
    bold = Carriers(READER, FindingLimits(100, LEAST, 0.0))
    named = [one for one in strangers if one.level.rank >= Finding.CONTACT.rank]
    assert len(bold.find(PATIENT, GENES, strangers).results) == len(named)
