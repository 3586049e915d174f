"""Callers, and what each may be told about every dataset of this node.

One decision for every entrance: the grant goes with the question, and the door of each protocol keeps to
it.  Nothing here looks at a question or at data.

    open         everything, to anybody
    public       yes or no to registered researchers; anonymous callers are refused, and told why
    registered   yes or no to registered researchers
    controlled   counts of people, none below the floor, to holders of a visa for counts of the dataset;
                 records to holders of a visa for the dataset

A visa for a dataset opens it whatever its policy.  To be an administrator, a data-protection officer, a
clinician or a citizen opens no dataset.  The use conditions of a dataset (DUO) are held against the stated
purpose: what they forbid is refused to everybody; what a person has to decide is open to holders of a visa of
the dataset's committee, which are persons who have decided.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from node.access.duo import CC, GRU, Decision, Diseases, Judgement, Purpose, judge
from node.access.principal import Anonymous, Caller, PeerPrincipal, Principal, Role
from schemas.access import Ceiling, Grant, Granularity, Policy, Tier, coarser
from schemas.people import Dataset

REGISTERED_ACCESS: Final = "https://doi.org/10.1038/s41431-018-0219-y"
FLOOR: Final = 10
COUNTS: Final = "?granularity=count"
_OPEN: Final = Ceiling(Granularity.RECORD, public=True)
_FITS: Final = Judgement(Decision.ALLOW)
_IN_GENERAL: Final = Purpose(GRU)  # what registered researchers have attested by registering
_WHO: Final = {
    Policy.PUBLIC: "this dataset answers within a disclosure budget, which only registered researchers have",
    Policy.REGISTERED: "this dataset answers only signed-in, registered researchers",
    Policy.CONTROLLED: "this dataset answers only signed-in holders of an access grant of its committee",
}


@dataclass(frozen=True, slots=True)
class Standing:
    """What somebody is here, as far as data are concerned.

    counts, records: URLs of datasets for which a committee has granted him either.  tier: by his visas and
    roles, or by another node's word.  most: whatever else, no more than this.
    """

    tier: Tier = Tier.PUBLIC
    counts: frozenset[str] = frozenset()
    records: frozenset[str] = frozenset()
    most: Granularity = Granularity.RECORD
    is_clinician: bool = False


_NOBODY: Final = Standing()


@dataclass(frozen=True, slots=True)
class Rules:
    """By what a node decides.  node: its id.  floor: of counts.  clock: Unix time in seconds."""

    node: str
    diseases: Diseases
    floor: int = FLOOR
    clock: Callable[[], float] = time.time

    def decide(
        self, principal: Principal, datasets: Iterable[Dataset], purpose: Purpose | None = None
    ) -> Grant:
        """What `principal` may be told about each of `datasets`, for what he says he wants to do.

        Some microseconds a dataset.
        """
        standing = standing_of(principal, self.clock())
        name = str(principal)
        ceilings = {one.id: self._ceiling(principal, standing, one, purpose) for one in datasets}
        tier = Tier.CONTROLLED if standing.counts or standing.records else standing.tier
        return Grant(name, ceilings, str(purpose) if purpose is not None else "", tier)

    def names_of(self, dataset: Dataset) -> frozenset[str]:
        """How a visa may name a dataset: its URL, with its id as it is or percent-encoded."""
        root = f"{self.node}/beacon/datasets/"
        return frozenset((root + dataset.id, root + quote(dataset.id, safe="")))

    def _ceiling(
        self, principal: Principal, standing: Standing, dataset: Dataset, purpose: Purpose | None
    ) -> Ceiling:
        if dataset.policy is Policy.OPEN:
            return _narrowed(_OPEN, standing.most)
        ceiling = self._admitted(standing, dataset)
        if ceiling.granularity is None:
            return Ceiling(None, f"{_WHO[dataset.policy]}{_missing(principal, dataset.policy)}")
        names = self.names_of(dataset)
        decided = bool(names & (standing.counts | standing.records))
        refusal = self._unfit(standing, dataset, purpose, decided=decided)
        return Ceiling(None, refusal) if refusal else _narrowed(ceiling, standing.most)

    def _admitted(self, standing: Standing, dataset: Dataset) -> Ceiling:
        """By the policy, whatever the purpose; the reason is not told."""
        names = self.names_of(dataset)
        if names & standing.records:
            return Ceiling(Granularity.RECORD)
        counting = Ceiling(Granularity.COUNT, floor=self.floor)
        if names & standing.counts:
            return counting
        if dataset.policy is Policy.CONTROLLED:
            return counting if standing.tier is Tier.CONTROLLED else Ceiling(None)
        return Ceiling(None if standing.tier is Tier.PUBLIC else Granularity.BOOLEAN)

    def _unfit(self, standing: Standing, dataset: Dataset, purpose: Purpose | None, *, decided: bool) -> str:
        """Why the purpose does not fit the use conditions of the dataset; "" when it does.

        decided: a committee has decided about this caller.
        """
        if purpose is not None and purpose.code == CC and not standing.is_clinician:
            return "clinical care was stated as the purpose by somebody who is no clinician here"
        if not dataset.duo:
            return ""
        assumed = purpose if purpose is not None or decided else _IN_GENERAL
        judgement = judge(dataset.duo, assumed, self.diseases)
        if judgement.decision is Decision.ALLOW or (judgement.decision is Decision.HUMAN and decided):
            return ""
        if judgement.decision is Decision.HUMAN:
            return f"somebody has to decide whether you may use it: {judgement.reason}"
        stated = "" if purpose is not None else "; state yours if it is narrower than general research"
        return f"{judgement.reason}{stated}"


def _narrowed(ceiling: Ceiling, most: Granularity) -> Ceiling:
    if ceiling.granularity is None or coarser(ceiling.granularity, most) is ceiling.granularity:
        return ceiling
    return Ceiling(most, floor=ceiling.floor, public=ceiling.public)


def _missing(principal: Principal, policy: Policy) -> str:
    """What a caller who was refused can do."""
    if isinstance(principal, Anonymous):
        return "; sign in first"
    if isinstance(principal, PeerPrincipal):
        return ", and your node may ask for none of these here"
    if policy is Policy.CONTROLLED:
        return "; apply to it, and come with its visa"
    return "; come with the visas of registered access"


def standing_of(principal: Principal, now_s: float) -> Standing:
    """What `principal` is here at this time."""
    if isinstance(principal, PeerPrincipal):
        return Standing(principal.tier, most=principal.most)
    if not isinstance(principal, Caller) or principal.expires_s <= now_s:
        return _NOBODY
    held = [visa for visa in principal.visas if visa.asserted_s <= now_s < visa.expires_s]
    granted = {v.value for v in held if v.type == "ControlledAccessGrants" and v.by == "dac"}
    registered = Role.RESEARCHER in principal.roles or {
        "ResearcherStatus",
        "AcceptedTermsAndPolicies",
    } <= {v.type for v in held if v.value == REGISTERED_ACCESS and v.by is not None}
    return Standing(
        Tier.REGISTERED if registered else Tier.PUBLIC,
        counts=frozenset(v.removesuffix(COUNTS) for v in granted if v.endswith(COUNTS)),
        records=frozenset(v for v in granted if not v.endswith(COUNTS)),
        is_clinician=Role.CLINICIAN in principal.roles,
    )
