"""The answers of many nodes made into one Beacon response, with the state of every node beside it.

Result sets keep the name of the node they came from in `beaconId`, and nothing is told more closely than was
asked.  `exists` is true when any node has a hit, those that only say yes or no among them.  It is false when
no node has one, which is a "no" only for the nodes whose state is `no_hit`: `info.complete` says whether that
is all of them, and `info.nodes` gives the state of each.

Counts are sums over nodes and datasets.  `info.counts` says whether they are exact, and what they cannot
know: a person treated at two hospitals counts at each.

Spec: Beacon v2 framework/json/responses; `beaconId` in a result set as in the Beacon network.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from beacon.query import Asked
from schemas.access import Granularity, coarser
from schemas.beacon import Collection, Response, ResultSet
from schemas.ga4gh import NodeIdentity
from schemas.network import NodeAnswer

_CAVEAT: Final = "Summed over nodes and datasets: a person known to several of them counts in each."


def merge(asked: Asked, identity: NodeIdentity, answers: Sequence[NodeAnswer]) -> Response:
    """One response in the name of `identity`, over every node's answer; never raises for what a node said.

    A node that answered twice is taken once, its first answer.
    """
    answered = _answered(answers)
    returned = _returned(asked, answered)
    response = Response(
        meta=asked.meta(identity, returned),
        responseSummary={"exists": any(r["responseSummary"]["exists"] for _, r in answered)},
        info=_information(asked, answers, answered),
    )
    if returned is Granularity.BOOLEAN:
        return response
    total = sum(_count(r) for _, r in answered)
    if bool(total) == response["responseSummary"]["exists"]:
        response["responseSummary"]["numTotalResults"] = total
        if response["info"]["counts"]["kind"] != "exact":
            response["responseSummary"]["countPrecision"] = "imprecise"
    if not asked.kind.collection:
        listed = [s for s in _result_sets(answered, returned) if asked.include.lists(s["exists"])]
        response["response"] = {"resultSets": listed}
    elif returned is Granularity.RECORD:
        response["response"] = {"collections": list(_collections(answered))}
    return response


def _answered(answers: Iterable[NodeAnswer]) -> list[tuple[NodeAnswer, Response]]:
    found: dict[str, tuple[NodeAnswer, Response]] = {}
    for answer in answers:
        if answer.state.answered and answer.response is not None:
            found.setdefault(answer.node, (answer, answer.response))
    return list(found.values())


def _returned(asked: Asked, answered: Sequence[tuple[NodeAnswer, Response]]) -> Granularity:
    """The most that any node told, and no more than was asked."""
    told = [Granularity(response["meta"]["returnedGranularity"]) for _, response in answered]
    return coarser(asked.most, max(told, key=_rank, default=Granularity.BOOLEAN))


def _rank(granularity: Granularity) -> int:
    return granularity.rank


def _sets_of(response: Response) -> list[ResultSet]:
    return response.get("response", {}).get("resultSets", [])


def _count(response: Response) -> int:
    """Results a node counted, as far as it told."""
    told = response["responseSummary"].get("numTotalResults")
    return sum(s.get("resultsCount", 0) for s in _sets_of(response)) if told is None else told


def _result_sets(
    answered: Sequence[tuple[NodeAnswer, Response]], returned: Granularity
) -> Iterator[ResultSet]:
    for answer, response in answered:
        seen = set()
        for given in _sets_of(response):
            if given["id"] in seen:
                continue
            seen.add(given["id"])
            records = given.get("results", [])
            merged = ResultSet(
                beaconId=answer.node,
                id=given["id"],
                setType=given["setType"],
                exists=given["exists"],
                resultsCount=given.get("resultsCount", len(records)),
                results=records if returned is Granularity.RECORD else [],
            )
            for name in ("info", "countPrecision", "countAdjustedTo", "resultsHandovers"):
                if name in given:
                    merged[name] = given[name]
            yield merged


def _collections(answered: Sequence[tuple[NodeAnswer, Response]]) -> Iterator[Collection]:
    for answer, response in answered:
        for given in response.get("response", {}).get("collections", []):
            yield Collection(**{**given, "beaconId": answer.node})


def _information(
    asked: Asked, answers: Sequence[NodeAnswer], answered: Sequence[tuple[NodeAnswer, Response]]
) -> dict[str, Any]:
    complete = all(answer.state.answered for answer in answers)
    counted = all("numTotalResults" in response["responseSummary"] for _, response in answered)
    refused = [
        {"node": node, "id": given["id"], "reason": given["reason"]}
        for node, given in _listed(answered, "refused", {"id": str, "reason": str})
    ]
    boolean = [
        {"node": node, "id": given["id"], "exists": given["exists"], "granularity": Granularity.BOOLEAN}
        for node, given in _listed(answered, "datasets", {"id": str, "exists": bool})
        if asked.include.lists(given["exists"])
    ]
    precise = all("countPrecision" not in response["responseSummary"] for _, response in answered)
    exact = complete and counted and precise and not refused
    information: dict[str, Any] = {
        "nodes": [_node(answer) for answer in answers],
        "complete": complete,
        "counts": {"kind": "exact" if exact else "lower_bound", "note": _CAVEAT},
    }
    if boolean:
        information["datasets"] = boolean
    if refused:
        information["refused"] = refused
    return information


def _listed(
    answered: Iterable[tuple[NodeAnswer, Response]], name: str, members: Mapping[str, type]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Entries of a list in the `info` of each answer, where another kind of node may keep anything."""
    for answer, response in answered:
        entries = response.get("info", {}).get(name)
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, dict) and all(isinstance(entry.get(m), t) for m, t in members.items()):
                yield answer.node, entry


def _node(answer: NodeAnswer) -> dict[str, Any]:
    return {
        "node": answer.node,
        "name": answer.name,
        "state": answer.state,
        "ms": round(answer.ms, 1),
        "reason": answer.reason,
    }
