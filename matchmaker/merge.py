"""The door of a network question: the answers of many nodes as one, and what became of each node.

A patient who was seen through several nodes is told once, with all of them.  Scores stay those of the node
that gave them: each has its own scale, and says so by its name beside the result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from schemas.mme import MatchResponse, MatchResult, Patient
from schemas.network import Answered

_MOST: Final = 1_000  # results in all


@dataclass(frozen=True, slots=True)
class Heard:
    """What one node answered.  unreadable: results of it that could not be understood, and were left out."""

    response: MatchResponse
    unreadable: int = 0


NodeMatches = Answered[Heard]
Compare = Callable[[Sequence[Patient]], Sequence[MatchResult]]
"""How patients resemble the one in question, in their order."""


@dataclass(slots=True)
class Found:
    """A patient, as the node that scored him highest tells of him, and every node he was seen through."""

    result: MatchResult
    nodes: dict[str, str] = field(default_factory=dict)


def merge(
    answers: Iterable[NodeMatches],
    *,
    is_ours: Callable[[Patient], bool],
    compare: Compare | None = None,
    disclaimer: str | None = None,
    terms: str | None = None,
) -> tuple[dict[str, Any], list[Found]]:
    """The response document with `nodes` beside its results, and the same results as values.

    is_ours: the patient in question himself and his family, who are no matches wherever they are seen.
    compare: how this node itself sees the patients that were found; their explanations, and what they score
    here (`_here`), are then its own, whatever the node that told of them says.
    """
    told = list(answers)
    found = _found(told, is_ours)
    if compare is not None:
        for one, seen in zip(found, compare([each.result.patient for each in found]), strict=True):
            one.result = one.result.model_copy(update={"explanation": seen.explanation, "here": seen.score})
    response = MatchResponse(results=(), disclaimer=disclaimer, terms=terms)
    document = response.document()
    document["results"] = [
        {**each.result.document(), "_nodes": [{"node": n, "name": name} for n, name in each.nodes.items()]}
        for each in found
    ]
    document["nodes"] = [_line(answer) for answer in told]
    return document, found


def _found(answers: Iterable[NodeMatches], is_ours: Callable[[Patient], bool]) -> list[Found]:
    """Best first; of equal ones the answers' order decides."""
    seen = [
        (result, answer)
        for answer in answers
        if answer.response is not None
        for result in answer.response.response.results
        if not is_ours(result.patient)
    ]
    seen.sort(key=lambda each: -each[0].score.patient)
    found: list[Found] = []
    known: dict[object, Found] = {}
    for result, answer in seen[:_MOST]:
        names = _identities(result.patient)
        one = next((known[name] for name in names if name in known), None)
        # Two whom one node tells of are two: brothers may have everything in common.
        if one is None or answer.node in one.nodes:
            one = Found(result)
            found.append(one)
        one.nodes.setdefault(answer.node, answer.name)
        known |= {name: one for name in names if name not in known}
    return found


def _identities(patient: Patient) -> list[object]:
    """By what a patient is known again: his id, or all that is told of him, each with who answers for him.

    An id alone is not enough, every node has its own; neither is a gene alone, or one feature.
    """
    href = patient.contact.href.casefold().rstrip("/")
    names: list[object] = [("id", href, patient.id)]
    features = frozenset((each.id, each.observed) for each in patient.features)
    genes = frozenset(each.gene.id.upper() for each in patient.genomic_features)
    if len(features) + len(genes) > 2:
        names.append(("told", href, features, genes, patient.sex))
    return names


def _line(answer: NodeMatches) -> Mapping[str, Any]:
    """What became of one node's part; a node's own disclaimer and terms go with its results."""
    line: dict[str, Any] = {
        "node": answer.node,
        "name": answer.name,
        "state": answer.state.value,
        "ms": round(answer.ms, 1),
    }
    if answer.reason:
        line["reason"] = answer.reason
    if answer.notes:
        line["notes"] = list(answer.notes)
    if answer.response is not None:
        heard = answer.response
        line["results"] = len(heard.response.results)
        told = {"disclaimer": heard.response.disclaimer, "terms": heard.response.terms}
        line |= {name: text for name, text in told.items() if text}
        line |= {"unreadable": heard.unreadable} if heard.unreadable else {}
        line |= {"unknown": list(heard.response.unknown)} if heard.response.unknown else {}
    return line
