"""What is asked: GET parameters and POST bodies read into one value, whatever their dialect.

A question is read in full or refused with the reason; nothing in it is ever ignored, since that would answer
a wider question.

Spec: Beacon v2 framework/json/requests.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar
from urllib.parse import quote

from beacon.filters import canonical_filter, read_filters
from beacon.parameters import canonical, read_variant
from beacon.traits import NONE, Traits, is_about_variants, traits_of
from beacon.variation import SCHEMA as VRS2
from beacon.variation import asks_for_vrs2
from schemas import asking
from schemas import beacon as wire
from schemas.access import Granularity, coarser
from schemas.beacon import Include
from schemas.errors import BadQuestion
from schemas.filters import Filter
from schemas.ga4gh import BEACON_API, NodeIdentity
from schemas.ports import Page
from schemas.questions import HgvsQuery, Question, RangeQuery, SequenceQuery, looks_at_people

MAX_LIMIT: Final = 1000
MAX_SKIP: Final = 1_000_000
_NARROW_BP: Final = 50_000  # holds some hundreds of alleles
_SHORT_PAGE: Final = 100
_T = TypeVar("_T")
_API_VERSION: Final = re.compile(r"v?2(\.\d{1,4}){0,2}(-[\w.-]{1,40})?", re.ASCII)


# Where each entry type of the default model is asked for.
PATHS: Final = {
    "analysis": "analyses",
    "biosample": "biosamples",
    "cohort": "cohorts",
    "dataset": "datasets",
    "genomicVariant": "g_variants",
    "individual": "individuals",
    "run": "runs",
}


@dataclass(frozen=True, slots=True)
class Kind:
    """What reading a question must know of the entry type it is about.

    default: the granularity when none is asked for.  needs_query: refuse to list everything.
    collection: answered by `collections`, not by result sets.
    """

    entry: str
    schema: str
    default: Granularity = Granularity.BOOLEAN
    needs_query: bool = False
    collection: bool = False

    @property
    def path(self) -> str:
        """Of its endpoint, without slashes."""
        return PATHS[self.entry]


VARIANTS: Final = Kind("genomicVariant", "ga4gh-beacon-variant-v2.1.0", needs_query=True)


@dataclass(frozen=True, slots=True)
class Within:
    """The one entry below which is asked: what belongs to it, or, in a question about its own type, itself.

    entry: the id of its entry type (`individual`).
    """

    entry: str
    id: str


# Entries that are, or are of, one person: whatever is told of them is told of somebody.
_PERSONAL: Final = frozenset({"individual", "biosample", "run", "analysis"})


@dataclass(frozen=True, slots=True)
class Asked:
    """One question, understood.

    skip: pages (not records) before the wanted one.  limit: records a page and dataset, 1 to 1,000.
    datasets: only these, None for all.  filters: all of them must be satisfied.  within: see there.
    schemas: `requestedSchemas`; see `in_vrs2`.  test_mode: of synthetic datasets alone, whoever asks.
    """

    kind: Kind
    query: Question | None
    granularity: Granularity
    include: Include = Include.HIT
    skip: int = 0
    limit: int = 10
    datasets: tuple[str, ...] | None = None
    api_version: str = BEACON_API
    schemas: tuple[tuple[str, str], ...] = field(default=(), compare=False)
    test_mode: bool = False
    filters: tuple[Filter, ...] = ()
    within: Within | None = None

    @classmethod
    def of(
        cls,
        query: Question,
        granularity: Granularity = Granularity.RECORD,
        limit: int = 10,
        *,
        include: Include = Include.HIT,
        datasets: tuple[str, ...] | None = None,
        filters: tuple[Filter, ...] = (),
    ) -> Asked:
        """A question about variants that did not come over the wire."""
        return cls(VARIANTS, query, granularity, include, limit=limit, datasets=datasets, filters=filters)

    @property
    def page(self) -> Page:
        return Page(offset=self.skip * self.limit, limit=self.limit)

    @property
    def most(self) -> Granularity:
        """The most that may be answered: `NONE` wants no result sets, and so no records."""
        return (
            coarser(self.granularity, Granularity.COUNT) if self.include is Include.NONE else self.granularity
        )

    @property
    def path(self) -> str:
        """Where this is asked, below the root of the API."""
        if self.within is None:
            return self.kind.path
        name = quote(self.within.id, safe="")
        if self.within.entry == self.kind.entry:
            return f"{self.kind.path}/{name}"
        return f"{PATHS[self.within.entry]}/{name}/{self.kind.path}"

    @property
    def named_variant(self) -> str | None:
        """The id of the variant that this is about, or below; None when it is about none by its id."""
        return self.within.id if self.within is not None and self.within.entry == VARIANTS.entry else None

    @property
    def is_personal(self) -> bool:
        """Whether this is about somebody who was named, so that even a yes or no is a record of him."""
        return self.within is not None and self.within.entry in _PERSONAL

    @property
    def looks_at_people(self) -> bool:
        """Whether the answer depends on what single people carry: see `schemas.questions`."""
        told = self.query is not None and looks_at_people(self.query)
        return told or (bool(self.filters) and self.traits.look_at_people)

    @property
    def is_of_few(self) -> bool:
        """Whether this is about one allele or some of the people, so that a record may list its carriers."""
        one = self.named_variant is not None or isinstance(self.query, SequenceQuery | HgvsQuery)
        return one or self.looks_at_people or self.narrows_people

    @property
    def in_vrs2(self) -> bool:
        """Whether variants are to be told as VRS 2 writes them."""
        return self.kind is VARIANTS and any(asks_for_vrs2(schema) for _, schema in self.schemas)

    @property
    def other_schemas(self) -> list[str]:
        """The schemas that are asked for and in which this is not answered; `returnedSchemas` has the one."""
        kind = self.kind
        return [
            schema[:120]
            for entity, schema in self.schemas
            if schema and entity in ("", kind.entry) and schema != kind.schema and not self.in_vrs2
        ]

    @property
    def traits(self) -> Traits:
        """Those of the filters that are about variants."""
        return traits_of(self.filters) if self.filters else NONE

    @property
    def people_filters(self) -> tuple[Filter, ...]:
        """Those of the filters that are about people."""
        return tuple(one for one in self.filters if not is_about_variants(one))

    @property
    def narrows_people(self) -> bool:
        """Whether only some of the people in a dataset are meant."""
        return (
            bool(self.people_filters)
            or self.is_personal
            or (self.within is not None and self.within.entry == "cohort")
        )

    @property
    def is_wide(self) -> bool:
        """Whether looking may take longer than an event loop may be held up, about a millisecond."""
        return (
            bool(self.filters)
            or self.narrows_people
            or self.kind is not VARIANTS
            or not isinstance(self.query, SequenceQuery | RangeQuery)
            or self.query.interval.length_bp > _NARROW_BP
            or len(getattr(self.query, "alternate", "")) > _NARROW_BP
            or self.limit > _SHORT_PAGE
        )

    def parameters(self) -> dict[str, Any]:
        """`requestParameters` in the canonical spelling."""
        parameters: dict[str, Any] = {}
        if self.query is not None:
            parameters["g_variant"] = canonical(self.query)
        if self.datasets is not None:
            parameters["datasets"] = {"datasetIds": list(self.datasets)}
        if self.within is not None:
            parameters["within"] = {"entryType": self.within.entry, "id": self.within.id}
        return parameters

    def body(self) -> bytes:
        """The canonical POST body of this question: what is sent on to other nodes.

        `read_post` reads it back into an equal value.
        """
        schemas = self.schemas or ((self.kind.entry, ""),)
        query = {
            "requestParameters": self.parameters(),
            "filters": [canonical_filter(one) for one in self.filters],
            "includeResultsetResponses": self.include,
            "pagination": {"skip": self.skip, "limit": self.limit},
            "requestedGranularity": self.granularity,
            "testMode": self.test_mode,
        }
        meta = {"apiVersion": self.api_version, "requestedSchemas": _references(schemas)}
        return wire.encode({"meta": meta, "query": query})

    def meta(self, identity: NodeIdentity, returned: Granularity) -> wire.Meta:
        """The meta section of an answer to this question."""
        understood: wire.RequestSummary = {
            "apiVersion": self.api_version,
            "requestedSchemas": _references(self.schemas),
            "pagination": {"skip": self.skip, "limit": self.limit},
            "requestedGranularity": self.granularity.value,
            "includeResultsetResponses": self.include.value,
        }
        parameters = self.parameters()
        if parameters:
            understood["requestParameters"] = parameters
        if self.filters:
            understood["filters"] = [str(one) for one in self.filters]
        if self.test_mode:
            understood["testMode"] = True
        return {
            "beaconId": identity.id,
            "apiVersion": BEACON_API,
            "returnedSchemas": [
                {"entityType": self.kind.entry, "schema": VRS2 if self.in_vrs2 else self.kind.schema}
            ],
            "returnedGranularity": returned.value,
            "receivedRequestSummary": understood,
        }


def _references(schemas: Iterable[tuple[str, str]]) -> list[wire.SchemaReference]:
    references: list[wire.SchemaReference] = []
    for entity, schema in schemas:
        reference: wire.SchemaReference = {}
        if entity:
            reference["entityType"] = entity
        if schema:
            reference["schema"] = schema
        references.append(reference)
    return references


# ---------------------------------------------------------------------------------------- reading

_LISTS: Final = frozenset({"start", "end", "filters", "datasetIds", "datasets", "requestedSchemas"})
_SETTINGS: Final = frozenset({"requestedGranularity", "includeResultsetResponses", "testMode"})
_PAGES: Final = frozenset({"skip", "limit", "currentPage", "nextPage", "previousPage"})


def read_get(
    parameters: Iterable[tuple[str, str]], kind: Kind = VARIANTS, within: Within | None = None
) -> Asked:
    """The question in the parameters of a GET, in the order of the URL; `within` as its path says.

    Lists are comma-separated or repeated.  Raises BadQuestion: anything that cannot be understood;
    NotHeld: an assembly or contig unknown here.
    """
    given: dict[str, str] = {}
    for name, value in parameters:
        if name in given and name not in _LISTS:
            raise BadQuestion(f"parameter {name[:60]!r} is given twice")
        given[name] = f"{given[name]},{value}" if name in given else value
    meta: dict[str, Any] = {}
    query: dict[str, Any] = {"requestParameters": {}, "pagination": {}}
    for name, value in given.items():
        if name == "apiVersion":
            meta["apiVersion"] = value
        elif name == "requestedSchemas":
            meta["requestedSchemas"] = [{"schema": schema} for schema in value.split(",") if schema]
        elif name == "filters":
            query["filters"] = [term for term in value.split(",") if term]
        elif name in _SETTINGS:
            query[name] = value
        elif name in _PAGES:
            query["pagination"][name] = value
        else:
            query["requestParameters"][name] = value
    return _read({"meta": meta, "query": query}, kind, within)


def read_post(raw: bytes, kind: Kind = VARIANTS, within: Within | None = None) -> Asked:
    """The question in the body of a POST; an empty one asks for everything.  `within`: as its path says.

    Raises BadQuestion: not JSON, an unknown member, or anything else that cannot be understood;
    NotHeld: an assembly or contig unknown here.
    """
    return _read(raw, kind, within)


def _read(document: bytes | dict[str, Any], kind: Kind, place: Within | None) -> Asked:
    try:
        body = asking.read_body(document)
    except ValueError as fault:
        raise BadQuestion(str(fault)) from None
    meta, query = body.meta or asking.AskedMeta(), body.query or asking.AskedQuery()
    parameters = query.requestParameters or asking.AskedParameters()
    pages = _once("pagination", query.pagination, body.pagination) or asking.AskedPages()
    skip, limit = _read_pages(pages)
    asked = Asked(
        kind=kind,
        query=read_variant(parameters),
        granularity=_once("requestedGranularity", query.requestedGranularity, body.requestedGranularity)
        or kind.default,
        include=_once(
            "includeResultsetResponses", query.includeResultsetResponses, body.includeResultsetResponses
        )
        or Include.HIT,
        skip=skip,
        limit=limit,
        datasets=_read_datasets(parameters.datasets, query.datasets, body.datasets),
        api_version=_read_api_version(meta.apiVersion),
        schemas=tuple((s.entityType or "", s.of or "") for s in meta.requestedSchemas or ()),
        test_mode=bool(_once("testMode", query.testMode, body.testMode)),
        filters=read_filters(_once("filters", query.filters, body.filters) or ()),
        within=_read_within(parameters.within, place),
    )
    if asked.traits and asked.kind is not VARIANTS and asked.query is None and asked.named_variant is None:
        raise BadQuestion(
            "a filter about variants narrows a question about some: give a range or gene, or ask g_variants"
        )
    if asked.query is not None and asked.named_variant is not None:
        raise BadQuestion("the path names a variant, and the parameters another; give one of them")
    if asked.query is None and kind.needs_query and not (asked.is_personal or _is_itself(asked)):
        raise BadQuestion(
            "which variant? Give referenceName, start and alternateBases, or referenceName, start and end"
        )
    return asked


def read_page(parameters: Iterable[tuple[str, str]], body: bytes = b"{}") -> slice:
    """The part of a list that a GET or a POST asks for; all of it when neither skip nor limit is given.

    Raises BadQuestion: it asks for anything else.
    """
    given = dict(parameters)
    try:
        read = asking.read_body({"pagination": given} if given else body)
    except ValueError as fault:
        raise BadQuestion(str(fault)) from None
    query = read.query or asking.AskedQuery()
    beside = read.model_copy(update={"meta": None, "query": None, "pagination": None})
    if beside != asking.AskedBody() or query.model_copy(update={"pagination": None}) != asking.AskedQuery():
        raise BadQuestion("a list of filtering terms takes skip and limit, and nothing else")
    pages = _once("pagination", query.pagination, read.pagination) or asking.AskedPages()
    if not (pages.limit or pages.skip):
        return slice(None)
    skip, limit = _read_pages(pages)
    return slice(skip * limit, (skip + 1) * limit)


def _once(name: str, inside: _T | None, beside: _T | None) -> _T | None:
    if inside is not None and beside is not None and inside != beside:
        raise BadQuestion(f"{name} is given twice, inside query and beside it, and the two differ")
    return beside if inside is None else inside


def _read_api_version(text: str | None) -> str:
    if text is None:
        return BEACON_API
    if not _API_VERSION.fullmatch(text):
        raise BadQuestion(
            f"apiVersion {text[:40]!r} is not spoken here; this node speaks {BEACON_API} and v2.x"
        )
    return text


def _read_within(said: asking.AskedWithin | None, place: Within | None) -> Within | None:
    if said is None:
        return place
    within = Within(said.entryType, said.id)
    if within.entry not in PATHS:
        raise BadQuestion(f"within: {within.entry[:40]!r} is no entry type of this node")
    if place is not None and place != within:
        raise BadQuestion("path and body name different entries to look below")
    return within


def _is_itself(asked: Asked) -> bool:
    """Whether one entry is asked for by its id."""
    return asked.within is not None and asked.within.entry == asked.kind.entry


def _read_pages(pages: asking.AskedPages) -> tuple[int, int]:
    """Pages to skip and records a page; a limit of 0 asks for as many as one page may hold."""
    if pages.currentPage or pages.nextPage or pages.previousPage:
        raise BadQuestion("this node gives no page tokens; page with skip (pages) and limit (records a page)")
    skip = 0 if pages.skip is None else pages.skip
    limit = 10 if pages.limit is None else pages.limit
    if not 0 <= skip <= MAX_SKIP:
        raise BadQuestion(f"skip must be 0 to {MAX_SKIP} pages, not {skip}")
    if not 0 <= limit <= MAX_LIMIT:
        raise BadQuestion(
            f"limit must be 0 to {MAX_LIMIT} records a page, not {limit}; page with skip to see more"
        )
    return skip, limit or MAX_LIMIT


def _read_datasets(*places: list[str] | None) -> tuple[str, ...] | None:
    named = [place for place in places if place]
    if any(place != named[0] for place in named):
        raise BadQuestion("the datasets are named twice, and the two differ")
    return tuple(dict.fromkeys(named[0])) if named else None
