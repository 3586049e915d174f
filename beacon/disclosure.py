"""The door: the only place where one node's answer to a Beacon question is made.

It tells of each dataset no more than the coarser of what was asked and what the caller's grant allows, and it
applies the grant again to whatever it is handed, so that looking too closely elsewhere still tells nothing.

How an answer looks:

    boolean   the summary alone
    count     a result set for each dataset, without results, and the total
    record    the same with one page of records for each dataset

Where a ceiling has a floor, what fewer people stand behind is told exactly as if it were not there: in yes
and no, in counts, and in everything else of the answer.  That there is a floor is told whatever was found.

Datasets may differ in what they may tell.  The answer then has the form of the most that any of them tells,
and `returnedGranularity` says so; each result set names its own granularity in its `info`; a dataset that
may only say yes or no has no result set but stands in `info.datasets`; and while such a dataset has a hit
there is no total, since none is known.  Datasets that the grant does not open are not looked at, and are
named with the reason in `info.refused`, whatever they hold.

Spec: Beacon v2 framework/json/responses; a result set has `resultsCount` and `results` always, which 2.1.1
demands and 2.2 allows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, cast

from beacon.query import Asked
from beacon.room import dataset_url
from schemas.access import ANONYMOUS, Ceiling, Grant, Granularity, coarser
from schemas.beacon import (
    NOT_ABOUT_REFUSED,
    AnyEntry,
    Collection,
    Handover,
    PrecisionWord,
    Response,
    ResultSet,
    Summary,
)
from schemas.errors import Forbidden, NotAuthorised
from schemas.ga4gh import NodeIdentity
from schemas.people import Dataset

_NOT_OF_ONE: Final = "this dataset tells you nothing of single people"


@dataclass(frozen=True, slots=True)
class Precision:
    """How near a count is to the truth, in the words of 2.2.

    adjusted_to: what was done to it, such as the step it was rounded to.
    """

    word: PrecisionWord = "exact"
    adjusted_to: tuple[int | str, ...] = ()


_EXACT: Final = Precision()
_FLOORED: Final = Precision("imprecise")
_WORDS: Final = ("exact", "rounded", "imprecise")


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found in one dataset; `total` and `records` may be missing where they may not be told.

    precision: of `total`; an answer tells it where that is not exact.
    remarks: how the question was understood there, for `info`; nothing in it depends on the data.
    people: how many individuals stand behind whatever was found with the fewest; None when nobody counted,
    which is as good as nobody where a floor has to be kept.
    """

    dataset: Dataset
    exists: bool
    total: int | None = None
    records: tuple[Mapping[str, Any], ...] = ()
    remarks: Mapping[str, Any] = field(default_factory=dict)
    precision: Precision = _EXACT
    people: int | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """The datasets a grant opens, with how closely to look, and those it does not, with the reason."""

    datasets: tuple[tuple[Dataset, Granularity], ...]
    refused: tuple[tuple[Dataset, str], ...]


def tellable(asked: Asked, ceiling: Ceiling) -> Granularity | None:
    """The most that may be told of a dataset under `ceiling` in answer to `asked`; None is nothing.

    Of somebody who was named nothing is told where records are not: a yes or no is a record of him.  So it is
    of what single people carry, two hits in a gene or two variants together.
    """
    personal = asked.is_personal or asked.looks_at_people
    if ceiling.granularity is None or (personal and ceiling.granularity is not Granularity.RECORD):
        return None
    return coarser(asked.most, ceiling.granularity)


def open_datasets(asked: Asked, grant: Grant, datasets: Sequence[Dataset]) -> Opened:
    """Which of `datasets` may be looked at, decided before anything is looked at.

    Raises NotAuthorised (to an anonymous caller) or Forbidden: the grant opens none of them.
    """
    opened: list[tuple[Dataset, Granularity]] = []
    refused: list[tuple[Dataset, str]] = []
    for dataset in datasets:
        ceiling = grant.ceiling(dataset.id)
        granularity = tellable(asked, ceiling)
        if granularity is None:
            refused.append((dataset, ceiling.reason or _NOT_OF_ONE))
        else:
            opened.append((dataset, granularity))
    if refused and not opened:
        reasons = "; ".join(f"{dataset.id}: {reason}" for dataset, reason in refused)
        raise (NotAuthorised if grant.principal == ANONYMOUS else Forbidden)(reasons)
    return Opened(tuple(opened), tuple(refused))


def disclose(
    identity: NodeIdentity,
    asked: Asked,
    grant: Grant,
    findings: Iterable[Finding],
    refused: Sequence[tuple[Dataset, str]] = (),
) -> Response:
    """The answer that `grant` allows to `asked`.  A finding in a dataset that is not open is left unsaid."""
    told = [
        (_kept_to(grant.ceiling(finding.dataset.id), finding), granularity)
        for finding in findings
        if (granularity := tellable(asked, grant.ceiling(finding.dataset.id))) is not None
    ]
    returned = max((granularity for _, granularity in told), key=_rank, default=Granularity.BOOLEAN)
    response = Response(
        meta=asked.meta(identity, returned),
        responseSummary={"exists": any(finding.exists for finding, _ in told)},
    )
    total = _total(told)
    if returned is not Granularity.BOOLEAN:
        if total is not None:
            response["responseSummary"]["numTotalResults"] = total
            _tell_precision(response["responseSummary"], _least_precise(told))
        listed = [(f, g) for f, g in told if g is not Granularity.BOOLEAN and asked.include.lists(f.exists)]
        response["response"] = {"resultSets": [_result_set(identity, f, g) for f, g in listed]}
    information = _information(asked, told, refused)
    floors = [{"id": f.dataset.id, "people": n} for f, _ in told if (n := grant.ceiling(f.dataset.id).floor)]
    if floors:
        information["floors"] = floors
    warnings = [f"records are not told in the form of {one}" for one in asked.other_schemas]
    if refused and not response["responseSummary"]["exists"]:
        warnings.append(NOT_ABOUT_REFUSED)
    if warnings:
        information["warnings"] = warnings
    if information:
        response["info"] = information
    return response


def _kept_to(ceiling: Ceiling, finding: Finding) -> Finding:
    """The finding as it may be told under the floor of `ceiling`."""
    if not ceiling.floor:
        return finding
    if not finding.exists or (finding.people or 0) < ceiling.floor:
        return Finding(finding.dataset, exists=False, total=0, remarks=finding.remarks, precision=_FLOORED)
    return replace(finding, precision=_FLOORED)


def _rank(granularity: Granularity) -> int:
    return granularity.rank


def _total(told: Sequence[tuple[Finding, Granularity]]) -> int | None:
    """Results in all datasets; None where one has a hit and may not say how many."""
    total = 0
    for finding, granularity in told:
        if granularity is Granularity.BOOLEAN:
            if finding.exists:
                return None
        elif finding.total is None:
            return None
        else:
            total += finding.total
    return total


def _least_precise(told: Sequence[tuple[Finding, Granularity]]) -> Precision:
    """That of a sum: what was done to any part of it."""
    parts = [finding.precision for finding, _ in told if finding.precision is not _EXACT]
    if not parts:
        return _EXACT
    word = max((part.word for part in parts), key=_WORDS.index)
    return Precision(word, tuple(dict.fromkeys(one for part in parts for one in part.adjusted_to)))


def _tell_precision(counted: Summary | ResultSet, precision: Precision) -> None:
    if precision is _EXACT or precision == _EXACT:
        return
    counted["countPrecision"] = precision.word
    if precision.adjusted_to:
        counted["countAdjustedTo"] = list(precision.adjusted_to)


def _result_set(identity: NodeIdentity, finding: Finding, granularity: Granularity) -> ResultSet:
    result_set = ResultSet(
        id=finding.dataset.id,
        setType="dataset",
        exists=finding.exists,
        resultsCount=finding.total or 0,
        results=cast("list[AnyEntry]", list(finding.records)) if granularity is Granularity.RECORD else [],
        resultsHandovers=[
            Handover(
                handoverType={"id": "CUSTOM:dataset", "label": "Dataset description"},
                url=dataset_url(identity, finding.dataset.id),
                note="What the dataset is and may be used for, and what can be asked below it",
            )
        ],
        info={
            "granularity": granularity.value,
            "assembly": finding.dataset.assembly.value,
            **finding.remarks,
        },
    )
    _tell_precision(result_set, finding.precision)
    return result_set


def _information(
    asked: Asked,
    told: Sequence[tuple[Finding, Granularity]],
    refused: Sequence[tuple[Dataset, str]],
) -> dict[str, Any]:
    information: dict[str, Any] = {}
    boolean = [
        {
            "id": finding.dataset.id,
            "exists": finding.exists,
            "granularity": granularity.value,
            **finding.remarks,
        }
        for finding, granularity in told
        if granularity is Granularity.BOOLEAN and asked.include.lists(finding.exists)
    ]
    if boolean:
        information["datasets"] = boolean
    if refused:
        information["refused"] = [{"id": dataset.id, "reason": reason} for dataset, reason in refused]
    return information


def disclose_collections(identity: NodeIdentity, asked: Asked, collections: Sequence[Collection]) -> Response:
    """The answer to a question about collections, whose descriptions are public."""
    returned = asked.most
    response = Response(meta=asked.meta(identity, returned), responseSummary={"exists": bool(collections)})
    if returned is not Granularity.BOOLEAN:
        response["responseSummary"]["numTotalResults"] = len(collections)
    if returned is Granularity.RECORD:
        page = asked.page
        response["response"] = {"collections": list(collections[page.offset : page.offset + page.limit])}
    return response
