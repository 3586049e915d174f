"""A patient as the algorithms compare him: what may be compared, read once into the terms of this node."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from matchmaker.genotype import Candidate, read_candidates
from matchmaker.inheritance import is_mode, stated_modes
from matchmaker.phenotype import TermSet, TermSpace
from schemas.matching import Frequency, Genes, Lift, Mode
from schemas.mme import Patient


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """What is compared of a patient.

    observed: features he has.  excluded: features that were looked for and are absent; never evidence.
    candidates: suspected genes by identity.  disorders: diagnoses by id.  modes: how it may be passed on.
    unknown: identifiers of features and genes that this node cannot place.
    """

    observed: TermSet
    excluded: TermSet
    candidates: Mapping[str, Candidate]
    disorders: frozenset[str]
    unknown: tuple[str, ...]
    modes: frozenset[Mode] = frozenset()


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads patients into profiles.

    lift: lets variants of both assemblies agree.  frequency: lets common variants count less.
    """

    space: TermSpace
    genes: Genes
    lift: Lift | None = None
    frequency: Frequency | None = None

    def read(self, patient: Patient) -> Profile:
        """Some tens of microseconds a patient.  Nothing a sender writes makes it fail."""
        present = [each.id for each in patient.features if each.observed]
        absent = [each.id for each in patient.features if not each.observed]
        # How a disease is passed on is no feature, but it is often written as one.
        modes = stated_modes(filter(None, (patient.inheritance_mode, *present)))
        observed, unknown = self.space.read(each for each in present if not is_mode(each))
        excluded, unknown_too = self.space.read(each for each in absent if not is_mode(each))
        candidates, unknown_genes = read_candidates(
            patient.genomic_features, self.genes, self.lift, self.frequency, stated=modes
        )
        return Profile(
            observed=observed,
            excluded=excluded,
            candidates=candidates,
            disorders=frozenset(disorder.id for disorder in patient.disorders),
            unknown=tuple(dict.fromkeys(unknown + unknown_too + unknown_genes)),
            modes=modes,
        )
