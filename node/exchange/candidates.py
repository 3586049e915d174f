"""The candidate genes of one's own case, from its genotypes: found, ranked, explained, and taken into the
case.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from matchmaker.onesided import Carriers, variants_of
from matchmaker.scoring import DEFAULT
from node.candidates import GenotypeSearch
from node.cases import Actor, CaseBook, Deposit
from schemas.candidates import Fit, Genotype, Suspect
from schemas.errors import BadQuestion
from schemas.mme import read_patient
from schemas.reference import DiseaseGene

_FITS: Final = {
    Fit.DE_NOVO: "an allele that neither parent has",
    Fit.HOMOZYGOUS: "the same allele on both copies",
    Fit.COMPOUND: "two alleles on different copies",
    Fit.HEMIZYGOUS: "an allele on the only copy",
    Fit.MITOCHONDRIAL: "an allele of the mitochondria",
    Fit.TWO_HITS: "two alleles; whether on different copies is not known",
    Fit.HETEROZYGOUS: "an allele on one copy",
}


@dataclass(frozen=True, slots=True)
class CandidateGene:
    """A gene in which a patient carries a rare, damaging genotype.

    likeness: of his features to those of the gene's known diseases, 0 to 1; None where none is known.
    score: from 0 to 1, by both.  why: in plain words.
    """

    genotype: Genotype
    likeness: float | None
    score: float
    why: str


@dataclass(frozen=True, slots=True)
class CandidateDesk:
    """For the doctors of a case.  carriers: makes what compares features, at the first question."""

    search: GenotypeSearch
    carriers: Callable[[], Carriers]
    book: CaseBook

    def of_case(self, actor: Actor, case_id: str) -> list[CandidateGene]:
        """The best first.  Blocking: seconds.

        Raises NotFound: no such case of his; BadQuestion: it was not made of one of the node's people;
        BadInput: of whom there are no genotypes.
        """
        return self._of(self.book.find(actor, case_id))

    def take(self, actor: Actor, case_id: str, *, most: int = 0, genes: Sequence[str] = ()) -> Deposit:
        """Makes candidates the case's genes, with their variants, beside those it has.

        most: so many of the best; genes: or those that are named.  Raises as `of_case`; BadQuestion: one of
        the genes is no candidate.
        """
        deposit = self.book.find(actor, case_id)
        found = {one.genotype.gene.id: one for one in self._of(deposit)}
        wanted = list(found)[:most] if not genes else [self._id(name) for name in genes]
        if lacking := [name for name, one in zip(genes, wanted, strict=False) if one not in found]:
            raise BadQuestion(f"{', '.join(lacking)}: no candidate genotype of this patient there")
        features = [feature for one in wanted for feature in variants_of(found[one].genotype)]
        kept = [
            one.document() for one in deposit.patient.genomic_features if self._id(one.gene.id) not in wanted
        ]
        document = {**deposit.patient.document(), "genomicFeatures": [*features, *kept]}
        return self.book.change(actor, case_id, patient=read_patient(document))

    def _of(self, deposit: Deposit) -> list[CandidateGene]:
        if not deposit.individual:
            raise BadQuestion(
                "this case was not made of one of the node's people; add it with --individual and --dataset"
            )
        genotypes = self.search.genes_of(deposit.dataset, deposit.individual)
        known = [self.search.known(self.search.genes.find(one.gene.id)) for one in genotypes]
        his = [one.id for one in deposit.patient.features if one.observed]
        likeness = self.carriers().fit(his, [one.features if one is not None else () for one in known])
        share = DEFAULT.genotype_share
        found = [
            CandidateGene(
                genotype,
                None if disease is None else alike,
                share * genotype.weight + (1 - share) * alike,
                "; ".join(_reasons(genotype, disease, alike)),
            )
            for genotype, disease, alike in zip(genotypes, known, likeness, strict=True)
        ]
        return sorted(found, key=lambda one: (-one.score, one.genotype.gene.symbol))

    def _id(self, name: str) -> str:
        gene = self.search.names.resolve(name)
        return name if gene is None else gene.id


def _reasons(genotype: Genotype, disease: DiseaseGene | None, alike: float) -> Iterator[str]:
    yield _FITS[genotype.fit]
    for suspect in genotype.suspects:
        yield _said_of(suspect)
    if disease is None:
        yield "no disease of the gene is known"
        return
    ways = ", ".join(sorted(way.value for way in disease.inheritance)) or "in a way that is not recorded"
    yield f"the gene's diseases are inherited {ways}"
    yield f"their features are like the patient's by {alike:.0%}"


def _said_of(suspect: Suspect) -> str:
    told = [suspect.consequence.replace("_", " ") or "no consequence annotated"]
    if suspect.significance:
        stars = "star" if suspect.stars == 1 else "stars"
        told.append(f"{suspect.significance} in ClinVar ({suspect.stars} {stars})")
    if suspect.frequency is not None:
        seen = f"{suspect.frequency:.4%} of alleles" if suspect.frequency else "never seen"
        told.append(f"{seen} in the population")
    others = suspect.carriers - 1
    told.append(f"{others} others here carry it" if others > 0 else "nobody else here carries it")
    return f"{suspect.allele}: {', '.join(told)}"
