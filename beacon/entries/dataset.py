"""Datasets: `/datasets`.  What a dataset is, and may be used for, is public; what is in it is not."""

from __future__ import annotations

from typing import Any, Final

from beacon.disclosure import disclose_collections
from beacon.entries.entry import EntryType
from beacon.query import VARIANTS, Asked, Kind
from beacon.room import Beacon
from schemas.access import Grant, Granularity
from schemas.beacon import Collection, Response
from schemas.errors import BadQuestion, NotHeld
from schemas.people import Dataset, Term

# The release of the Data Use Ontology whose codes a dataset names; Beacon demands it beside each code.
_DUO_VERSION: Final = "2021-02-23"


def _answer(beacon: Beacon, asked: Asked, grant: Grant) -> Response:
    """Independent of the grant: the same list for everybody."""
    del grant
    if asked.query is not None:
        raise BadQuestion(
            "datasets are not asked for by variant; ask g_variants, which answers for each dataset"
        )
    held = {dataset.id: dataset for dataset in beacon.catalogue.datasets()}
    for name in asked.datasets or ():
        if name not in held:
            raise NotHeld(f"dataset {name[:80]!r} is not held here")
    wanted = held if asked.datasets is None else asked.datasets
    return disclose_collections(beacon.identity, asked, [_collection(held[name]) for name in wanted])


def _collection(dataset: Dataset) -> Collection:
    collection = Collection(
        id=dataset.id,
        name=dataset.name or dataset.id,
        info={"assembly": dataset.assembly.value, "policy": dataset.policy.value},
    )
    if dataset.description:
        collection["description"] = dataset.description
    if dataset.duo:
        uses: list[dict[str, Any]] = [{"id": code, "version": _DUO_VERSION} for code in dataset.duo]
        collection["dataUseConditions"] = {"duoDataUse": uses}
    return collection


DATASET: Final = EntryType(
    kind=Kind("dataset", "ga4gh-beacon-dataset-v2.0.0", default=Granularity.RECORD, collection=True),
    path="datasets",
    name="Dataset",
    description="Collections of people sequenced against one assembly, each under one access policy.",
    ontology=Term("NCIT:C47824", "Data set"),
    definition="datasets/defaultSchema.json",
    answer=_answer,
    collection_of=(VARIANTS,),
)
