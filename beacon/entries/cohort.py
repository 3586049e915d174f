"""Cohorts: `/cohorts`.  The operator defines them, by datasets and filters; their definition is public.

How many are in a cohort is told where counts of all its datasets are.
"""

from __future__ import annotations

from typing import Final

from beacon.disclosure import disclose_collections, tellable
from beacon.entries.entry import EntryType
from beacon.entries.member import ANALYSIS, BIOSAMPLE, INDIVIDUAL, RUN
from beacon.looking import cohort_size, cohorts_meant
from beacon.query import VARIANTS, Asked, Kind
from beacon.room import Beacon
from schemas.access import Grant, Granularity
from schemas.beacon import Collection, Response
from schemas.cohorts import Cohort
from schemas.errors import BadQuestion
from schemas.people import Term


def _answer(beacon: Beacon, asked: Asked, grant: Grant) -> Response:
    if asked.query is not None or asked.filters:
        raise BadQuestion("cohorts are not asked for by variant or filter; ask below one of them")
    cohorts = [_collection(beacon, asked, grant, cohort) for cohort in cohorts_meant(beacon, asked)]
    return disclose_collections(beacon.identity, asked, cohorts)


def _collection(beacon: Beacon, asked: Asked, grant: Grant, cohort: Cohort) -> Collection:
    collection = Collection(
        id=cohort.id,
        name=cohort.name,
        cohortType="user-defined",
        info={
            "datasets": list(cohort.datasets or (d.id for d in beacon.catalogue.datasets())),
            "filters": [str(one) for one in cohort.filters],
        },
    )
    if cohort.description:
        collection["description"] = cohort.description
    if asked.most is Granularity.RECORD and _countable(beacon, asked, grant, cohort):
        collection["cohortSize"] = cohort_size(beacon, grant, cohort)
    return collection


def _countable(beacon: Beacon, asked: Asked, grant: Grant, cohort: Cohort) -> bool:
    held = [d.id for d in beacon.catalogue.datasets() if not cohort.datasets or d.id in cohort.datasets]
    told = [tellable(asked, grant.ceiling(name)) for name in held]
    return all(depth is not None and depth is not Granularity.BOOLEAN for depth in told)


COHORT: Final = EntryType(
    kind=Kind("cohort", "ga4gh-beacon-cohort-v2.0.0", default=Granularity.RECORD, collection=True),
    name="Cohort",
    description="Groups of people of this node's datasets, defined by its operator.",
    ontology=Term("NCIT:C61512", "Cohort"),
    definition="cohorts/defaultSchema.json",
    answer=_answer,
    below=("analysis", "biosample", "genomicVariant", "individual", "run"),
    terms=True,
    collection_of=(VARIANTS, INDIVIDUAL.kind, BIOSAMPLE.kind, RUN.kind, ANALYSIS.kind),
)
