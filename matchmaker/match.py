"""The door: a patient and the cases of this node, to the few results that may leave, best first.

Consent comes first.  What a case may not tell is taken away before anything is compared, so that neither a
score nor a rank nor an explanation can speak of it, and the answer is the same as if it had never been known.
Everything this room says to the outside is built here or in the merging of many nodes' answers.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from matchmaker.phenotype import TermSet, TermSpace
from matchmaker.scoring import DEFAULT
from matchmaker.scoring.algorithm import Algorithm, Scores, gene_agreements
from matchmaker.scoring.panel import Panel
from matchmaker.scoring.profile import Profile, Reader
from matchmaker.wording import sentences
from schemas import mme
from schemas.matching import (
    Calibration,
    Case,
    Explanation,
    GeneAgreement,
    Limits,
    Meaning,
    PhenotypeTerm,
    Score,
    Setting,
    Sharing,
    TermAgreement,
    VariantLikeness,
)
from schemas.mme import GeneName, GenomicFeature, MatchResponse, MatchResult, Patient, Variant

_SCORE_DIGITS: Final = 3
# Two features are near when what they have in common tells this much of what the one asked for tells.
_NEAR: Final = 0.3
_SOME_GENES: Final = 5


def released(case: Case) -> Patient | None:
    """What of a case may leave this node, in an answer or as a question to others.

    None when its consent lets nothing leave, or nothing of what would.
    """
    whole, sharing = case.patient, case.sharing
    if sharing is Sharing.NOTHING:
        return None
    with_genes = sharing.rank >= Sharing.GENE.rank
    features = tuple(feature for feature in whole.features if feature.is_hpo)
    genomic = _released_genes(whole.genomic_features, sharing) if with_genes else ()
    if not features and not genomic:
        return None
    told = whole.model_copy(
        update={
            "disorders": whole.disorders if with_genes else (),
            "features": features,
            "genomic_features": genomic,
        }
    )
    # Nobody knows what a sender's own extensions tell.
    return told if sharing is Sharing.VARIANT else told.bare()


def _released_genes(features: Iterable[GenomicFeature], sharing: Sharing) -> tuple[GenomicFeature, ...]:
    """Whole with consent for variants; else each gene once: a gene named twice tells of two variants."""
    if sharing is Sharing.VARIANT:
        return tuple(feature.model_copy(update={"variant": _sound(feature.variant)}) for feature in features)
    names = dict.fromkeys(feature.gene.id for feature in features)
    return tuple(GenomicFeature(gene=GeneName(id=name)) for name in names)


def _sound(variant: Variant | None) -> Variant | None:
    """The specification asks for a start wherever there is a variant."""
    return variant if variant is not None and variant.start is not None else None


@dataclass(frozen=True, slots=True)
class Match:
    """A case that resembles the patient in question: what may be told of it, how much, and why."""

    patient: Patient
    score: Score
    explanation: Explanation

    def result(self) -> MatchResult:
        """As the protocol has it, scores to three digits."""
        return MatchResult(
            score=_score_document(self.score, self.explanation.meaning),
            patient=self.patient,
            explanation=_explanation_document(self.explanation),
        )


@dataclass(frozen=True, slots=True)
class Matches:
    """The answer to one question, best match first.

    compared: how many cases were looked at; for the audit, never told outside.
    unknown: identifiers in the question that could not be placed here, and so were not compared.
    notify: whether owners of the matched cases are to be told: not for a made-up patient.
    """

    found: tuple[Match, ...]
    compared: int
    unknown: tuple[str, ...]
    notify: bool

    def response(self, *, disclaimer: str | None = None, terms: str | None = None) -> MatchResponse:
        """The answer as the protocol has it, scores to three digits."""
        results = tuple(match.result() for match in self.found)
        return MatchResponse(results=results, disclaimer=disclaimer, terms=terms, unknown=self.unknown)


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One case as it is compared: read from what may be told of it, and from nothing else."""

    id: str
    test: bool
    species: str
    profile: Profile


class Shelf:
    """All cases that are compared, laid out for it; immutable, made anew when one changes."""

    def __init__(self, space: TermSpace, entries: Iterable[Entry]) -> None:
        """About 30 microseconds a case."""
        self.entries = tuple(entries)
        self.panel = Panel(space, [entry.profile for entry in self.entries])
        self.made_up = np.array([entry.test for entry in self.entries], dtype=bool)
        self.species = np.array([entry.species for entry in self.entries], dtype=np.str_)
        self._number = {entry.id: number for number, entry in enumerate(self.entries)}

    def __len__(self) -> int:
        return len(self.entries)

    def comparable(self, patient: Patient, besides: Collection[str]) -> NDArray[np.bool_]:
        """Which cases may be compared with `patient`: of his species, and made up only if he is."""
        admitted: NDArray[np.bool_] = self.species == _species(patient)
        if not patient.test:
            admitted &= ~self.made_up
        for one in besides:
            if one in self._number:
                admitted[self._number[one]] = False
        return admitted


Tell = Callable[[Sequence[str]], Mapping[str, Patient]]
"""What may be told of the cases with these ids, as `released`; one that changed since is left out."""


class Matchmaker:
    """Answers questions with one algorithm over whatever cases it is handed.  Immutable."""

    def __init__(
        self,
        reader: Reader,
        *,
        limits: Limits | None = None,
        algorithm: Algorithm = DEFAULT,
        calibration: Calibration | None = None,
    ) -> None:
        """calibration: tells with every result what its score means."""
        self._reader = reader
        self._limits = limits or Limits()
        self._algorithm = algorithm
        self._calibration = calibration

    def entry(self, case: Case) -> Entry | None:
        """The case as it is compared; None when nothing of it may be told.  0.1 ms."""
        told = released(case)
        if told is None:
            return None
        return Entry(told.id, told.test, _species(told), self._reader.read(told))

    def shelf(self, entries: Iterable[Entry]) -> Shelf:
        return Shelf(self._reader.space, entries)

    def match(self, patient: Patient, shelf: Shelf, tell: Tell, *, besides: Collection[str] = ()) -> Matches:
        """The cases that resemble `patient`, within the limits, ties by id.

        shelf: of those that whoever asks may be told of; a made-up case is compared with a made-up patient
        only.  besides: ids of cases to leave out, such as the patient's own and his family's.
        Blocking: about a millisecond a thousand cases, and whatever `tell` takes.
        """
        profile = self._reader.read(patient)
        scores = self._algorithm.scores(self._reader.space, profile, shelf.panel)
        admitted = shelf.comparable(patient, besides)
        best = self._best(shelf, scores, admitted)
        told = tell([shelf.entries[number].id for number in best])
        found = tuple(
            Match(other, scores[number], self._explain(profile, entry.profile, scores[number]))
            for number in best
            if (other := told.get((entry := shelf.entries[number]).id)) is not None
            and not same_patient(other, patient)
        )
        return Matches(
            found=found, compared=int(admitted.sum()), unknown=profile.unknown, notify=not patient.test
        )

    def compare(self, patient: Patient, others: Sequence[Patient]) -> list[Match]:
        """How each of `others`, who need not be of this node, resembles `patient`; in their order.

        Nothing is withheld: whoever hands them over may know both.  Some tenths of a millisecond each.
        """
        profile = self._reader.read(patient)
        theirs = [self._reader.read(other) for other in others]
        scores = self._algorithm.scores(self._reader.space, profile, Panel(self._reader.space, theirs))
        return [
            Match(other, scores[number], self._explain(profile, theirs[number], scores[number]))
            for number, other in enumerate(others)
        ]

    def joined(self, parts: Sequence[Matches]) -> Matches:
        """The answers over several shelves, which have no case in common, as one over them all."""
        ranked = sorted(
            (match for part in parts for match in part.found),
            key=lambda match: (-match.score.total, match.patient.id),
        )
        return Matches(
            found=tuple(ranked[: self._limits.max_results]),
            compared=sum(part.compared for part in parts),
            unknown=parts[0].unknown,
            notify=parts[0].notify,
        )

    def _best(self, shelf: Shelf, scores: Scores, admitted: NDArray[np.bool_]) -> list[int]:
        """The numbers of the best cases, best first."""
        total = scores.total
        likely = np.flatnonzero(admitted & (total > 0) & (total >= self._limits.min_score))
        most = self._limits.max_results
        if len(likely) > most > 0:
            # All that are as good as the last one: the ids decide which of them stay.
            last = np.partition(total[likely], -most)[-most]
            likely = likely[total[likely] >= last]
        ranked = sorted(likely.tolist(), key=lambda number: (-total[number], shelf.entries[number].id))
        return ranked[:most]

    def _explain(self, query: Profile, found: Profile, score: Score) -> Explanation:
        space = self._reader.space
        clashing = (set(query.excluded.terms.tolist()) & set(found.observed.closure.tolist())) | (
            set(found.excluded.terms.tolist()) & set(query.observed.closure.tolist())
        )
        near = tuple(filter(self._is_near, space.nearest(query.observed, found.observed)))
        back = filter(self._is_near, space.nearest(found.observed, query.observed))
        return Explanation(
            terms=near,
            contradictions=tuple(space.term(number) for number in sorted(clashing)),
            genes=tuple(gene_agreements(query, found)),
            disorders=tuple(sorted(query.disorders & found.disorders)),
            only_asked=self._others(query.observed, near),
            only_found=self._others(found.observed, back),
            modes=query.modes & found.modes,
            meaning=self._meaning(query, found, score),
        )

    def _is_near(self, one: TermAgreement) -> bool:
        return one.information >= _NEAR * self._reader.space.telling(one.asked)

    def _others(self, held: TermSet, near: Iterable[TermAgreement]) -> tuple[PhenotypeTerm, ...]:
        """The terms that are not near any, the most telling first."""
        space = self._reader.space
        matched = {one.asked for one in near}
        others = (one for one in map(space.term, held.terms.tolist()) if one not in matched)
        return tuple(sorted(others, key=lambda one: (-space.telling(one), one.id)))

    def _meaning(self, query: Profile, found: Profile, score: Score) -> Meaning | None:
        if self._calibration is None:
            return None
        setting = Setting.FEATURES
        if score.genotype > 0:
            most = max(len(query.candidates), len(found.candidates))
            setting = Setting.SOME_GENES if most <= _SOME_GENES else Setting.MANY_GENES
        return self._calibration.meaning(self._algorithm.name, setting, score.total)


def same_patient(one: Patient, other: Patient) -> bool:
    """Whether two descriptions are of one patient, deposited in two places: his id, and who answers for him.

    An id alone is not enough: every node has its own.
    """
    hrefs = {each.contact.href.casefold().rstrip("/") for each in (one, other)}
    return one.id == other.id and len(hrefs) == 1


def _species(patient: Patient) -> str:
    """The taxon's number, whatever stands before it."""
    return (patient.species or mme.HUMAN).rpartition(":")[2]


def _score_document(score: Score, meaning: Meaning | None) -> mme.ScoreDocument:
    return mme.ScoreDocument(
        patient=round(score.total, _SCORE_DIGITS),
        phenotype=round(score.phenotype, _SCORE_DIGITS),
        genotype=round(score.genotype, _SCORE_DIGITS),
        meaning=None if meaning is None else _meaning_document(meaning),
    )


def _meaning_document(meaning: Meaning) -> mme.MeaningDocument:
    return mme.MeaningDocument(
        shared_gene=meaning.shared,
        low=meaning.low,
        high=meaning.high,
        by_chance=meaning.by_chance,
        pairs=meaning.pairs,
        genes=meaning.genes,
        compared_by=meaning.setting,
    )


def _explanation_document(why: Explanation) -> mme.ExplanationDocument:
    return mme.ExplanationDocument(
        features=tuple(
            mme.FeaturePair(asked=_named(each.asked), found=_named(each.found), common=_named(each.common))
            for each in why.terms
        ),
        only_asked=tuple(map(_named, why.only_asked)),
        only_found=tuple(map(_named, why.only_found)),
        contradictions=tuple(map(_named, why.contradictions)),
        genes=tuple(map(_gene_pair, why.genes)),
        disorders=why.disorders,
        inheritance=tuple(sorted(why.modes)),
        text=sentences(why),
    )


def _gene_pair(found: GeneAgreement) -> mme.GenePair:
    return mme.GenePair(
        gene=mme.Named(id=found.gene.id, label=found.gene.symbol),
        zygosity=found.zygosity,
        kind=found.kind,
        variant=round(found.variant, _SCORE_DIGITS),
        how=None if found.how is VariantLikeness.NONE else found.how.value,
        frequency=found.frequency,
        effects=tuple(sorted(found.effects)),
        inheritance=tuple(sorted(found.modes)),
    )


def _named(term: PhenotypeTerm) -> mme.Named:
    return mme.Named(id=term.id, label=term.label)
