"""The answers of many nodes made into one Beacon response, with the state of every node beside it.

Result sets keep the name of the node they came from in `beaconId`, and nothing is told more closely than was
asked.  `exists` is true when any node has a hit, those that only say yes or no among them.  It is false when
no node has one, which is a "no" only for the nodes whose state is `no_hit`: `info.complete` says whether that
is all of them, and `info.nodes` gives the state of each.

A node may have answered for a network of its own.  What it tells of others is taken from it only where they
were not asked directly, and no dataset is taken twice, whoever tells of it.

Counts are sums of what nodes released.  `info.counts` says whether they are exact, and what they cannot
know: a person treated at two hospitals counts at each.

Spec: Beacon v2 framework/json/responses; `beaconId` in a result set as in the Beacon network.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from beacon.query import Asked
from schemas.access import Granularity, coarser
from schemas.beacon import NOT_ABOUT_REFUSED, Collection, Response, ResultSet
from schemas.ga4gh import NodeIdentity
from schemas.network import NodeAnswer, PeerState, ToldNode, told_nodes

_TWICE: Final = "Summed over nodes and datasets: a person known to several of them counts in each."
_NO_TWICE: Final = "Of one dataset: everybody counts once."
_UNANSWERED: Final = "A lower bound: not every node answered."
_REFUSED: Final = "A lower bound: some datasets were not looked into for this caller."
_UNCOUNTED: Final = "A lower bound: not every node that answered told its exact count."


def merge(asked: Asked, identity: NodeIdentity, answers: Sequence[NodeAnswer]) -> Response:
    """One response in the name of `identity`, over every node's answer; never raises for what a node said.

    A node that answered twice is taken once, its first answer.
    """
    said = list(_said(answers))
    answered = [one for one in said if one.state.answered]
    returned = _returned(asked, answered)
    response = Response(
        meta=asked.meta(identity, returned),
        responseSummary={"exists": any(one.state is PeerState.HIT for one in answered)},
        info=_information(asked, said),
    )
    if returned is Granularity.BOOLEAN:
        return response
    total = sum(one.count or 0 for one in answered)
    if bool(total) == response["responseSummary"]["exists"]:
        response["responseSummary"]["numTotalResults"] = total
        if response["info"]["counts"]["kind"] != "exact":
            response["responseSummary"]["countPrecision"] = "imprecise"
    if not asked.kind.collection:
        merged = (_result_set(one, given, returned) for one in answered for given in one.sets)
        response["response"] = {"resultSets": [s for s in merged if asked.include.lists(s["exists"])]}
    elif returned is Granularity.RECORD:
        collections = [Collection(**{**c, "beaconId": one.node}) for one in answered for c in one.collections]
        response["response"] = {"collections": collections}
    return response


# ------------------------------------------------------------------------------------------ who said what


@dataclass(frozen=True, slots=True)
class _Said:
    """What one node said, itself or through another.

    via: who told it, "" when the node did.  count: results, None when it is not told.  precise: whether that
    is all of them.  granularity: the most that it told.
    """

    node: str
    name: str
    state: PeerState
    ms: float
    reason: str = ""
    via: str = ""
    notes: tuple[str, ...] = ()
    granularity: Granularity = Granularity.BOOLEAN
    count: int | None = None
    precise: bool = False
    sets: tuple[ResultSet, ...] = ()
    collections: tuple[Collection, ...] = ()
    refused: tuple[Mapping[str, Any], ...] = ()
    datasets: tuple[Mapping[str, Any], ...] = ()

    def line(self) -> dict[str, Any]:
        """The node's entry in `info.nodes`."""
        line = {
            "node": self.node,
            "name": self.name,
            "state": self.state,
            "ms": round(self.ms, 1),
            "reason": self.reason,
        }
        more = {"via": self.via, "notes": list(self.notes)}
        line |= {name: value for name, value in more.items() if value}
        return line if self.count is None else line | {"resultsCount": self.count}


def _said(answers: Sequence[NodeAnswer]) -> Iterator[_Said]:
    """Every node once: what those say that were asked, and then what they tell of others."""
    direct = {answer.node: answer for answer in reversed(answers)}
    seen: set[tuple[str, str]] = set()
    # Who is known by its own name goes before who merely says to be somebody.
    proven = {name: _of_itself(one, seen) for name, one in direct.items() if _calls_itself(one) == name}
    for answer in answers:
        if direct[answer.node] is answer:
            yield proven.get(answer.node) or _of_itself(answer, seen)
    told: dict[str, _Said] = {}
    for answer in direct.values():
        for other in _nodes_of(answer):
            if other.node not in direct and other.node not in told:
                told[other.node] = _of_another(answer, other, seen)
    yield from told.values()


def _calls_itself(answer: NodeAnswer) -> str:
    """The id in its answer: that of the node for one of our own, and anything for another server."""
    return answer.node if answer.response is None else answer.response["meta"]["beaconId"]


def _nodes_of(answer: NodeAnswer) -> tuple[ToldNode, ...]:
    """The nodes of a network that answered as one."""
    if answer.response is None or not answer.state.answered:
        return ()
    return told_nodes(answer.response.get("info", {}))


def _of_itself(answer: NodeAnswer, seen: set[tuple[str, str]]) -> _Said:
    response, through = answer.response, _nodes_of(answer)
    silent = _Said(answer.node, answer.name, answer.state, answer.ms, answer.reason, notes=answer.notes)
    if response is None or not answer.state.answered:
        return silent
    itself = next((one for one in through if one.node == answer.node), None)
    if itself is not None:
        return _of_another(answer, itself, seen)
    if through:  # it told of others alone, and has nothing to say for itself
        return _replaced(silent, PeerState.NOT_APPLICABLE, "answered for other nodes, and not for itself")
    whole = _sets_of(response)
    name = _calls_itself(answer)
    sets = tuple(given for given in whole if _first(seen, given.get("beaconId", name), given["id"]))
    told = response["responseSummary"].get("numTotalResults")
    if told is None or len(sets) < len(whole):
        counted = [given["resultsCount"] for given in sets if "resultsCount" in given]
        count = sum(counted) if counted or told is not None else None
    else:
        count = told
    return _Said(
        answer.node,
        answer.name,
        answer.state,
        answer.ms,
        notes=answer.notes,
        granularity=Granularity(response["meta"]["returnedGranularity"]),
        count=count,
        precise=told is not None and "countPrecision" not in response["responseSummary"],
        sets=sets,
        collections=tuple(response.get("response", {}).get("collections", [])),
        refused=_listed(response, "refused", {"id": str, "reason": str}),
        datasets=_listed(response, "datasets", {"id": str, "exists": bool}),
    )


def _replaced(said: _Said, state: PeerState, reason: str) -> _Said:
    return _Said(said.node, said.name, state, said.ms, reason, notes=said.notes)


def _of_another(answer: NodeAnswer, told: ToldNode, seen: set[tuple[str, str]]) -> _Said:
    """What the network that `answer` stands for tells of one of its nodes, which may be itself."""
    response = answer.response
    via = answer.node if told.node != answer.node else ""
    ms = told.ms if via else answer.ms
    if response is None or not told.state.answered:
        return _Said(told.node, told.name, told.state, ms, told.reason, via)

    def its(given: Mapping[str, Any], name: str) -> bool:
        return bool(given.get(name, answer.node) == told.node)

    whole = [given for given in _sets_of(response) if its(given, "beaconId")]
    sets = tuple(given for given in whole if _first(seen, told.node, given["id"]))
    counted = [given["resultsCount"] for given in sets if "resultsCount" in given]
    hit = told.state is PeerState.HIT or any(given["exists"] for given in sets)
    collections = response.get("response", {}).get("collections", [])
    return _Said(
        told.node,
        told.name,
        PeerState.HIT if hit else PeerState.NO_HIT,
        ms,
        via=via,
        granularity=Granularity(response["meta"]["returnedGranularity"]),
        count=told.count if told.count is not None else sum(counted) if counted else None,
        precise=told.count is not None and _is_exact(response),
        sets=sets,
        collections=tuple(given for given in collections if its(given, "beaconId")),
        refused=_its(response, "refused", {"id": str, "reason": str}, told.node),
        datasets=_its(response, "datasets", {"id": str, "exists": bool}, told.node),
    )


def _is_exact(response: Response) -> bool:
    counts = response.get("info", {}).get("counts")
    return isinstance(counts, dict) and counts.get("kind") == "exact"


def _first(seen: set[tuple[str, str]], node: str, dataset: str) -> bool:
    """Whether nobody has told of this dataset yet."""
    if (node, dataset) in seen:
        return False
    seen.add((node, dataset))
    return True


def _sets_of(response: Response) -> list[ResultSet]:
    return response.get("response", {}).get("resultSets", [])


def _listed(response: Response, name: str, members: Mapping[str, type]) -> tuple[dict[str, Any], ...]:
    """Entries of a list in the `info` of an answer, where another kind of node may keep anything."""
    entries = response.get("info", {}).get(name)
    return tuple(
        entry
        for entry in (entries if isinstance(entries, list) else ())
        if isinstance(entry, dict) and all(isinstance(entry.get(m), t) for m, t in members.items())
    )


def _its(response: Response, name: str, members: Mapping[str, type], node: str) -> tuple[dict[str, Any], ...]:
    return tuple(entry for entry in _listed(response, name, members) if entry.get("node") == node)


# ------------------------------------------------------------------------------------------- the whole


def _returned(asked: Asked, answered: Iterable[_Said]) -> Granularity:
    """The most that any node told, and no more than was asked."""
    told = (one.granularity for one in answered)
    return coarser(asked.most, max(told, key=_rank, default=Granularity.BOOLEAN))


def _rank(granularity: Granularity) -> int:
    return granularity.rank


def _result_set(said: _Said, given: ResultSet, returned: Granularity) -> ResultSet:
    records = given.get("results", [])
    merged = ResultSet(
        beaconId=said.node,
        id=given["id"],
        setType=given["setType"],
        exists=given["exists"],
        resultsCount=given.get("resultsCount", len(records)),
        results=records if returned is Granularity.RECORD else [],
    )
    for name in ("info", "countPrecision", "countAdjustedTo", "resultsHandovers"):
        if name in given:
            merged[name] = given[name]
    return merged


def _information(asked: Asked, said: Sequence[_Said]) -> dict[str, Any]:
    refused = [
        {"node": one.node, "id": given["id"], "reason": given["reason"]}
        for one in said
        for given in one.refused
    ]
    boolean = [
        {
            "node": one.node,
            "id": given["id"],
            "exists": given["exists"],
            "granularity": Granularity.BOOLEAN,
        }
        for one in said
        for given in one.datasets
        if asked.include.lists(given["exists"])
    ]
    information: dict[str, Any] = {
        "nodes": [one.line() for one in said],
        "complete": all(one.state.answered for one in said),
        "counts": _counts(said),
    }
    if boolean:
        information["datasets"] = boolean
    if refused:
        information["refused"] = refused
    warnings = list(_warnings(said))
    if warnings:
        information["warnings"] = warnings
    return information


def _warnings(said: Sequence[_Said]) -> Iterator[str]:
    """What `exists` does not say, where it is false."""
    if any(one.state is PeerState.HIT for one in said):
        return
    silent = [one for one in said if not one.state.answered]
    if silent:
        names = ", ".join(f"{one.name or one.node} ({one.state})" for one in silent)
        yield f"'exists' is about {len(said) - len(silent)} of {len(said)} nodes; nothing is known of {names}"
    if any(one.refused for one in said):
        yield NOT_ABOUT_REFUSED


def _counts(said: Sequence[_Said]) -> dict[str, Any]:
    """What the counts are, and what a reader must know of them."""
    answered = [one for one in said if one.state.answered]
    lacking = {
        _UNANSWERED: len(answered) < len(said),
        _REFUSED: any(one.refused for one in answered),
        _UNCOUNTED: any(one.count is None or not one.precise for one in answered),
    }
    caveats = [caveat for caveat, applies in lacking.items() if applies]
    summed = sum(max(1, len(one.sets)) for one in answered if one.count) > 1
    return {
        "kind": "lower_bound" if caveats else "exact",
        "note": _TWICE if summed else _NO_TWICE,
        "caveats": [*caveats, *([_TWICE] if summed else [])],
        "mayCountAPersonTwice": summed,
    }
