"""The door for carriers of candidate genotypes: what may be told of them to whoever looks for a second
patient.

One-sided: a gene is in question, and people are found who carry a rare, damaging genotype in it that nobody
has looked at.  Zero-sided: none is, and people are found who resemble the patient and carry such a genotype
in any.

What is told of somebody follows his consent (`schemas.candidates.Finding`): he is counted, or named, or named
with his genotype.  He is named only to whom his features are alike, so that nobody learns who carries what by
asking for a gene alone; his place among the results follows from what is told of him, and from nothing else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from matchmaker.scoring import DEFAULT
from matchmaker.scoring.algorithm import Algorithm
from matchmaker.scoring.panel import Panel
from matchmaker.scoring.profile import Profile, Reader
from schemas.candidates import Finding, Fit, Genotype, Suspect
from schemas.carriers import CarrierResponse, GeneCount
from schemas.consequences import CONSEQUENCES
from schemas.matching import Gene, Score
from schemas.mme import Contact, MatchResult, Patient, ScoreDocument, read_patient

_DIGITS: Final = 3
_GENES_TOLD: Final = 3  # of somebody who is found without a gene in question


@dataclass(frozen=True, slots=True)
class Sighted:
    """Somebody who carries candidate genotypes.

    id, contact: by which he may be named.  features: ids of HPO terms he is compared by; they are not told.
    genotypes: the most telling first; those in the genes in question, where there are any.
    """

    id: str
    contact: Contact
    features: tuple[str, ...]
    level: Finding
    genotypes: tuple[Genotype, ...]


@dataclass(frozen=True, slots=True)
class FindingLimits:
    """max_results: the most who are named.  least_count: when fewer than this are unnamed, they are not
    counted.

    least_likeness: of the features of whoever is named, from 0 to 1; with 0, features do not matter.
    """

    max_results: int = 10
    least_count: int = 5
    least_likeness: float = 0.1


@dataclass(frozen=True, slots=True)
class _Scored:
    """score: of the genotype only what may be told."""

    who: Sighted
    score: Score


class Carriers:
    """Answers questions about carriers with one algorithm's measure of features.  Immutable."""

    def __init__(
        self, reader: Reader, limits: FindingLimits | None = None, algorithm: Algorithm = DEFAULT
    ) -> None:
        self._reader = reader
        self._limits = limits or FindingLimits()
        self._algorithm = algorithm

    def find(self, patient: Patient, genes: Sequence[Gene], sighted: Iterable[Sighted]) -> CarrierResponse:
        """Who may be named to those who ask for `patient`, and how many there are for each gene.

        genes: in question; with none, those are counted who resemble him.  0.1 ms for each of `sighted`.
        """
        everybody = self._scored(patient, [one for one in sighted if one.level is not Finding.NOTHING])
        alike = [one for one in everybody if one.score.phenotype >= self._limits.least_likeness]
        ranked = sorted(
            (one for one in alike if one.who.level.rank >= Finding.CONTACT.rank),
            key=lambda one: (-one.score.total, one.who.id),
        )
        named = ranked[: self._limits.max_results]
        most = max(len(genes), _GENES_TOLD)
        return CarrierResponse(
            results=tuple(_result(one, one.who.genotypes[:most]) for one in named),
            genes=self._counts(genes, everybody if genes else alike, named),
        )

    def fit(self, features: Sequence[str], others: Sequence[Sequence[str]]) -> list[float]:
        """How alike a set of features is to each of some others, from 0 to 1; ids of HPO terms."""
        return self._likeness(self._profile(features), others)

    def _scored(self, patient: Patient, sighted: Sequence[Sighted]) -> list[_Scored]:
        asked = [one.id for one in patient.features if one.observed]
        likeness = self._likeness(self._profile(asked), [one.features for one in sighted])
        return [_Scored(one, self._score(one, alike)) for one, alike in zip(sighted, likeness, strict=True)]

    def _likeness(self, query: Profile, others: Sequence[Sequence[str]]) -> list[float]:
        panel = Panel(self._reader.space, [self._profile(features) for features in others])
        found = self._algorithm.scores(self._reader.space, query, panel).phenotype
        return [float(alike) for alike in found]

    def _profile(self, features: Sequence[str]) -> Profile:
        """Of a patient of whom nothing else is known."""
        nobody = {"id": "-", "contact": {"name": "-", "href": "mailto:-"}}
        return self._reader.read(
            read_patient({**nobody, "features": [{"id": one} for one in features or "-"]})
        )

    def _score(self, one: Sighted, alike: float) -> Score:
        """A genotype that may not be told counts as if it were as telling as can be."""
        share = self._algorithm.genotype_share
        genotype = one.genotypes[0].weight if one.level is Finding.VARIANT else 1.0
        return Score(share * genotype + (1 - share) * alike, alike, genotype)

    def _counts(
        self, genes: Sequence[Gene], counted: Sequence[_Scored], named: Sequence[_Scored]
    ) -> tuple[GeneCount, ...]:
        """For each gene in question; without any, for those of which something may be told."""
        everybody, told = _by_gene(counted), _by_gene(named)
        shown = []
        for gene in genes or sorted(everybody, key=lambda one: (one.symbol, one.id)):
            others = everybody[gene] - told[gene]
            count = told[gene] + (others if others >= self._limits.least_count else 0)
            if genes or count > told[gene]:
                shown.append(GeneCount(id=gene.id, label=gene.symbol, count=count))
        return tuple(shown)


def _by_gene(scored: Iterable[_Scored]) -> Counter[Gene]:
    return Counter(genotype.gene for one in scored for genotype in one.who.genotypes)


def _result(one: _Scored, genotypes: Sequence[Genotype]) -> MatchResult:
    """With consent for variants the genotype and its own score; else no more than the genes."""
    who, is_told = one.who, one.who.level is Finding.VARIANT
    genes = [
        feature
        for genotype in genotypes
        for feature in (variants_of(genotype) if is_told else [{"gene": _gene(genotype)}])
    ]
    patient = read_patient({"id": who.id, "contact": who.contact.document(), "genomicFeatures": genes})
    score = ScoreDocument(
        patient=round(one.score.total, _DIGITS),
        phenotype=round(one.score.phenotype, _DIGITS),
        genotype=round(one.score.genotype, _DIGITS) if is_told else None,
    )
    return MatchResult(score=score, patient=patient)


def variants_of(genotype: Genotype) -> list[dict[str, Any]]:
    """A genotype as Matchmaker Exchange writes it, one feature an allele, with what is known of each beside
    it.
    """
    return [_variant(genotype, one) for one in genotype.suspects]


def _variant(genotype: Genotype, suspect: Suspect) -> dict[str, Any]:
    place, allele = suspect.allele.interval, suspect.allele
    told: dict[str, Any] = {
        "gene": _gene(genotype),
        "variant": {
            "assembly": str(place.contig.assembly),
            "referenceName": place.contig.name,
            "start": place.start,
            "end": place.end,
            "referenceBases": allele.reference,
            "alternateBases": allele.alternate,
        },
        "zygosity": 2 if genotype.fit is Fit.HOMOZYGOUS else 1,
        "_fit": genotype.fit.value,
    }
    if suspect.consequence in CONSEQUENCES:
        told["type"] = {"id": CONSEQUENCES[suspect.consequence], "label": suspect.consequence}
    if suspect.significance:
        told["_significance"] = f"{suspect.significance} ({suspect.stars} stars)"
    if suspect.clinvar:
        told["_clinvar"] = suspect.clinvar
    if suspect.frequency is not None:
        told["_frequency"] = suspect.frequency
    return told


def _gene(genotype: Genotype) -> Mapping[str, str]:
    return {"id": genotype.gene.symbol}
