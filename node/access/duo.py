"""Data Use Ontology: does what a caller wants to do fit what the data may be used for?

The answer has three values, since most conditions (an ethics approval, a publication, a project) cannot be
judged by a machine: ALLOW, DENY, and HUMAN for what somebody has to decide.  Every condition of a dataset is
judged by itself, and the worst of them counts.  What is not known denies.

A caller states one purpose: general (GRU), biomedical (HMB) or disease-specific (DS, with the MONDO terms)
research, the study of ancestry (POA), or clinical care (CC); and beside it what he undertakes, where his word
is enough: NMDS, GSO, NPUNCU, NPOA, NPU, NCU.

Spec: DUO 2021-02-23, https://github.com/EBISPOT/DUO; GA4GH Machine-readable Consent Guidance.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Protocol

from schemas.errors import BadQuestion

NRES: Final = "DUO:0000004"
HMB: Final = "DUO:0000006"
DS: Final = "DUO:0000007"
POA: Final = "DUO:0000011"
NMDS: Final = "DUO:0000015"
GSO: Final = "DUO:0000016"
NPUNCU: Final = "DUO:0000018"
GRU: Final = "DUO:0000042"
CC: Final = "DUO:0000043"
NPOA: Final = "DUO:0000044"
NPU: Final = "DUO:0000045"
NCU: Final = "DUO:0000046"

PURPOSES: Final = {
    GRU: "general research",
    HMB: "health, medical or biomedical research",
    DS: "research on a disease",
    POA: "the study of population origins or ancestry",
    CC: "clinical care",
}
UNDERTAKINGS: Final = {
    NMDS: "no development of general methods",
    GSO: "genetic studies only",
    NPUNCU: "a not-for-profit organisation, and no commercial use",
    NPOA: "no study of population origins or ancestry",
    NPU: "a not-for-profit organisation",
    NCU: "no commercial use",
}
# Conditions about which a person has to decide, and what he has to see.
_FOR_PEOPLE: Final = {
    "DUO:0000012": "certain kinds of research alone are permitted (RS)",
    "DUO:0000019": "results must be published (PUB)",
    "DUO:0000020": "a collaboration is required (COL)",
    "DUO:0000021": "an ethics approval is required (IRB)",
    "DUO:0000022": "use is limited to a region (GS)",
    "DUO:0000024": "there is a moratorium on publication (MOR)",
    "DUO:0000025": "use is limited in time (TS)",
    "DUO:0000026": "use is limited to approved users (US)",
    "DUO:0000027": "use is limited to an approved project (PS)",
    "DUO:0000028": "use is limited to an approved institution (IS)",
    "DUO:0000029": "results must be returned (RTN)",
}
# Any one of these is enough for the condition.
_SATISFIED_BY: Final = {
    GSO: (frozenset({GSO}),),
    NPU: (frozenset({NPU}), frozenset({NPUNCU})),
    NCU: (frozenset({NCU}), frozenset({NPUNCU})),
    NPUNCU: (frozenset({NPUNCU}), frozenset({NPU, NCU})),
}
_RESEARCH: Final = frozenset({GRU, HMB, DS, POA})
_BIOMEDICAL: Final = frozenset({HMB, DS})
_CODE: Final = re.compile(r"(DUO|MONDO):[0-9]{7}")
_MOST_TERMS: Final = 30


class Decision(IntEnum):
    """Ordered: the greatest of several counts."""

    ALLOW = 0
    HUMAN = 1
    DENY = 2


class Diseases(Protocol):
    """How diseases hang together: an ontology that holds MONDO."""

    def find(self, term: str) -> object | None:
        """None: the term is not held."""
        ...

    def ids(self, term: str, *, descendants: bool = True) -> frozenset[str]:
        """Of the term, and with `descendants` of everything that is one."""
        ...


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a caller says he wants to do.  code: one of PURPOSES.  diseases: MONDO terms, for DS alone."""

    code: str
    undertakings: frozenset[str] = frozenset()
    diseases: tuple[str, ...] = ()

    def __str__(self) -> str:
        """As it may be stated again."""
        return " ".join((self.code, *self.diseases, *sorted(self.undertakings)))


@dataclass(frozen=True, slots=True)
class Judgement:
    """reason: for a person, "" when all is allowed."""

    decision: Decision
    reason: str = ""


_ALLOWED: Final = Judgement(Decision.ALLOW)


def read_purpose(text: str, diseases: Diseases) -> Purpose:
    """What a caller states: CURIEs, separated by spaces or commas.

    Raises BadQuestion: anything that is not understood in full, with what can be said.
    """
    terms = tuple(dict.fromkeys(text.replace(",", " ").split()))
    if not terms or len(terms) > _MOST_TERMS or not all(_CODE.fullmatch(term) for term in terms):
        raise BadQuestion(f"a purpose is stated as CURIEs, such as {HMB}, or {DS} MONDO:0005148")
    stated = [term for term in terms if term in PURPOSES]
    named = tuple(term for term in terms if term.startswith("MONDO:"))
    undertaken = frozenset(term for term in terms if term in UNDERTAKINGS)
    strange = [term for term in terms if term not in {*stated, *named, *undertaken}]
    if strange:
        raise BadQuestion(f"{strange[0]} is no purpose that can be stated; {_statable()}")
    if len(stated) != 1:
        raise BadQuestion(f"exactly one purpose must be stated; {_statable()}")
    if (stated[0] == DS) != bool(named):
        raise BadQuestion(f"MONDO terms belong to the purpose {DS}, and it needs at least one")
    for term in named:
        if diseases.find(term) is None:
            raise BadQuestion(f"{term} is not a disease that is known here")
    return Purpose(stated[0], undertaken, named)


def _statable() -> str:
    purposes = ", ".join(f"{code} ({name})" for code, name in PURPOSES.items())
    undertakings = ", ".join(f"{code} ({name})" for code, name in UNDERTAKINGS.items())
    return f"one of {purposes}; and beside it any of {undertakings}"


def check_conditions(conditions: Iterable[str], diseases: Diseases) -> None:
    """Raises BadQuestion: use conditions that `judge` could only deny."""
    held = tuple(conditions)
    for code in held:
        if code.startswith("MONDO:"):
            known = diseases.find(code) is not None and DS in held
        else:
            known = code in _PERMISSIONS or code in UNDERTAKINGS or code in _FOR_PEOPLE or code == CC
        if not known:
            raise BadQuestion(
                f"{code[:40]!r} is no use condition: give DUO codes such as {GRU}, and diseases beside {DS}"
            )


def judge(conditions: Iterable[str], purpose: Purpose | None, diseases: Diseases) -> Judgement:
    """Whether data under these conditions may be used for `purpose`; None is a purpose that was not stated.

    conditions: DUO codes; MONDO terms among them are the diseases that DS means.  Data without any condition
    is for people to decide about, unless nothing else is needed (NRES).
    """
    held = tuple(dict.fromkeys(conditions))
    named = [code for code in held if code.startswith("MONDO:")]
    codes = [code for code in held if not code.startswith("MONDO:")]
    if not codes:
        return Judgement(Decision.HUMAN, "no use conditions are recorded")
    if named and DS not in codes:
        return Judgement(Decision.DENY, f"diseases are named without the condition they belong to ({DS})")
    judged = [_one(code, purpose, named, diseases, CC in codes) for code in codes]
    if not any(code in _PERMISSIONS for code in codes):
        judged.append(Judgement(Decision.HUMAN, "the use conditions name no permitted use"))
    worst = max(one.decision for one in judged)
    return Judgement(worst, "; ".join(one.reason for one in judged if one.decision is worst and one.reason))


_PERMISSIONS: Final = {
    NRES: frozenset(PURPOSES),
    GRU: _RESEARCH,
    HMB: _BIOMEDICAL,
    DS: frozenset({DS}),
    POA: frozenset({POA}),
}


def _one(code: str, purpose: Purpose | None, named: list[str], diseases: Diseases, care: bool) -> Judgement:
    """One condition.  care: another condition permits clinical care."""
    if code in (NRES, CC):  # CC permits more, and restricts nothing
        return _ALLOWED
    if code in _FOR_PEOPLE:
        return Judgement(Decision.HUMAN, _FOR_PEOPLE[code])
    if code not in _PERMISSIONS and code not in UNDERTAKINGS:
        return Judgement(Decision.DENY, f"{code} is not a use condition that is understood here")
    if purpose is None:
        return Judgement(Decision.HUMAN, "the purpose was not stated")
    if code in _PERMISSIONS:
        return _permitted(code, purpose, named, diseases, care)
    return _restricted(code, purpose)


def _permitted(code: str, purpose: Purpose, named: list[str], diseases: Diseases, care: bool) -> Judgement:
    if purpose.code == CC and care:
        return _ALLOWED
    if purpose.code not in _PERMISSIONS[code]:
        wanted = PURPOSES[purpose.code]
        return Judgement(Decision.DENY, f"the data may not be used for {wanted}: {_MEANING[code]}")
    if code != DS:
        return _ALLOWED
    if not named:
        return Judgement(Decision.HUMAN, "the disease that the data is for is not recorded")
    covered = frozenset[str]().union(*(diseases.ids(term) for term in named))
    for one in purpose.diseases:
        # One disease has several ids: any of them will do.
        if covered.isdisjoint(diseases.ids(one, descendants=False) | {one}):
            return Judgement(Decision.DENY, f"the data may be used for research on {', '.join(named)} alone")
    return _ALLOWED


_MEANING: Final = {
    GRU: "it is for research (GRU)",
    HMB: "it is for health, medical or biomedical research (HMB)",
    DS: "it is for research on certain diseases (DS)",
    POA: "it is for the study of population origins or ancestry (POA)",
}


def _restricted(code: str, purpose: Purpose) -> Judgement:
    """A condition for which the caller's word is enough."""
    if code == NPOA and purpose.code == POA:
        return Judgement(Decision.DENY, "the study of population origins or ancestry is prohibited (NPOA)")
    # Only general research could be either of these; of the other purposes neither is a part.
    if code in (NPOA, NMDS) and purpose.code != GRU:
        return _ALLOWED
    enough = _SATISFIED_BY.get(code, (frozenset({code}),))
    if any(undertaken <= purpose.undertakings for undertaken in enough):
        return _ALLOWED
    return Judgement(Decision.HUMAN, f"the data is for {UNDERTAKINGS[code]}: undertake it by stating {code}")
