"""What is kept of a match for the doctors of a case: with whom, who asked, and why in a few words."""

from __future__ import annotations

from matchmaker.match import Match
from matchmaker.merge import Found
from node.cases import Asked, Deposit, Sighting
from schemas.mme import MatchRequest


def by_them(asker: str, request: MatchRequest, case_id: str, score: float, why: tuple[str, ...]) -> Sighting:
    """A case that `asker` was told of in answer to `request`."""
    theirs = request.patient
    return Sighting(
        case_id=case_id,
        node=asker,
        patient_id=theirs.id,
        contact=theirs.contact,
        score=score,
        asked=Asked.BY_THEM,
        why=why,
        disclaimer=request.disclaimer or "",
    )


def by_us(deposit: Deposit, found: Found, why: tuple[str, ...], disclaimer: str = "") -> Sighting:
    """A patient who was found for the doctors of `deposit`, at the first node that told of him."""
    patient = found.result.patient
    return Sighting(
        case_id=deposit.id,
        node=next(iter(found.nodes)),
        patient_id=patient.id,
        contact=patient.contact,
        score=found.result.score.patient,
        asked=Asked.BY_US,
        why=why,
        disclaimer=disclaimer,
    )


def in_common(match: Match) -> tuple[str, ...]:
    """What two patients have in common, in words; no variant among them."""
    why = match.explanation
    return (
        *(f"gene {each.gene.symbol}" for each in why.genes),
        *(f"{each.common.label or each.common.id} ({each.common.id})" for each in why.terms),
        *(f"diagnosis {each}" for each in why.disorders),
    )
