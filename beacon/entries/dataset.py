"""Datasets: `/datasets`.  What a dataset is, and may be used for, is public; what is in it is not."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from beacon.disclosure import disclose_collections
from beacon.entries.entry import EntryType
from beacon.entries.member import ANALYSIS, BIOSAMPLE, INDIVIDUAL, RUN
from beacon.looking import datasets_meant
from beacon.query import VARIANTS, Asked, Kind
from beacon.room import Beacon
from schemas.access import Grant, Granularity
from schemas.beacon import Collection, Response
from schemas.errors import BadQuestion
from schemas.filters import Filter, TermFilter
from schemas.people import Dataset, Term

# The release of the Data Use Ontology whose codes a dataset names; Beacon demands it beside each code.
_DUO_VERSION: Final = "2021-02-23"
_DS: Final = "DUO:0000007"


def _answer(beacon: Beacon, asked: Asked, grant: Grant) -> Response:
    """Independent of the grant: the same list for everybody."""
    del grant
    if asked.query is not None:
        raise BadQuestion(
            "datasets are not asked for by variant; ask g_variants, which answers for each dataset"
        )
    wanted = [d for d in datasets_meant(beacon, asked) if all(_permits(d, one) for one in asked.filters)]
    return disclose_collections(beacon.identity, asked, [_collection(beacon, dataset) for dataset in wanted])


def _permits(dataset: Dataset, one: Filter) -> bool:
    """Whether a use is among those of the dataset; of a dataset nothing else can be filtered by."""
    if not isinstance(one, TermFilter) or not one.id.startswith("DUO:") or one.scope:
        raise BadQuestion(
            f"filter {str(one)[:80]!r}: datasets are filtered by use conditions alone, such as DUO:0000042"
        )
    return (one.id in dataset.duo) != one.negated


def _collection(beacon: Beacon, dataset: Dataset) -> Collection:
    collection = Collection(
        id=dataset.id,
        name=dataset.name or dataset.id,
        info={
            "assembly": dataset.assembly.value,
            "policy": dataset.policy.value,
            "synthetic": dataset.id in beacon.synthetic,
        },
    )
    if dataset.description:
        collection["description"] = dataset.description
    if dataset.duo:
        collection["dataUseConditions"] = {"duoDataUse": _uses(dataset.duo)}
    return collection


def _uses(conditions: Iterable[str]) -> list[dict[str, Any]]:
    """Diseases stand beside the condition that they belong to."""
    codes = [code for code in conditions if code.startswith("DUO:")]
    diseases = [{"id": code} for code in conditions if not code.startswith("DUO:")]
    return [
        {"id": code, "version": _DUO_VERSION, **({"modifiers": diseases} if diseases and code == _DS else {})}
        for code in codes
    ]


DATASET: Final = EntryType(
    kind=Kind("dataset", "ga4gh-beacon-dataset-v2.0.0", default=Granularity.RECORD, collection=True),
    name="Dataset",
    description="Collections of people sequenced against one assembly, each under one access policy.",
    ontology=Term("NCIT:C47824", "Data set"),
    definition="datasets/defaultSchema.json",
    answer=_answer,
    below=("analysis", "biosample", "genomicVariant", "individual", "run"),
    terms=True,
    collection_of=(VARIANTS, INDIVIDUAL.kind, BIOSAMPLE.kind, RUN.kind, ANALYSIS.kind),
)
