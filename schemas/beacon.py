"""GA4GH Beacon v2 on the wire: answers, and the strict reading of what another node answers.

They are `TypedDict`s, so that they are serialised as they are built; an absent member is left out, never
null.  Questions are in `schemas.asking`.

Spec: GA4GH Beacon v2.1.1 and v2.2.0, framework/json/{requests,responses}, models/json/.../genomicVariations.
"""
# the members are named as the specification names them

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, Final, Literal, NotRequired, Required, TypeGuard

import orjson
from pydantic import (
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    TypeAdapter,
    ValidationError,
)
from typing_extensions import TypedDict

from schemas.vrs import SequenceLocation

Natural = Annotated[int, Field(ge=0, le=2**53)]
Fraction = Annotated[float, Field(ge=0, le=1)]
GranularityWord = Literal["boolean", "count", "record"]
PrecisionWord = Literal["exact", "imprecise", "rounded"]

NOT_ABOUT_REFUSED: Final = (
    "'exists' is not about the datasets under 'refused', which were not looked into for this question"
)
"""A warning in the `info` of an answer that says "no"."""


class Include(StrEnum):
    """`includeResultsetResponses`: which datasets an answer lists; the summary covers all of them always."""

    HIT = "HIT"
    MISS = "MISS"
    ALL = "ALL"
    NONE = "NONE"

    def lists(self, exists: bool) -> bool:
        """Whether a dataset with this outcome is listed."""
        return self is Include.ALL or self is (Include.HIT if exists else Include.MISS)


# ---------------------------------------------------------------------------------------- answers


class SchemaReference(TypedDict, total=False):
    entityType: str
    schema: str


class Pages(TypedDict, total=False):
    skip: Natural
    limit: Natural


class VariantParameters(TypedDict, total=False):
    """A variant question as it is sent; 0-based.  The last three, of one person, are this project's own."""

    assemblyId: str
    referenceName: str
    start: list[int]
    end: list[int]
    referenceBases: str
    alternateBases: str
    variantType: str
    variantMinLength: int
    variantMaxLength: int
    geneId: str
    aminoacidChange: str
    genomicAlleleShortForm: str
    mateName: str
    hitsPerPerson: int
    hitsPhase: str
    together: list[VariantParameters]


class RequestSummary(TypedDict, total=False):
    """The question as it was understood."""

    apiVersion: Required[str]
    requestedSchemas: Required[list[SchemaReference]]
    pagination: Required[Pages]
    requestedGranularity: Required[GranularityWord]
    includeResultsetResponses: Literal["HIT", "MISS", "ALL", "NONE"]
    requestParameters: Mapping[str, Any]
    filters: list[str]
    testMode: bool


class Meta(TypedDict):
    beaconId: str
    apiVersion: str
    returnedSchemas: list[SchemaReference]
    returnedGranularity: GranularityWord
    receivedRequestSummary: RequestSummary


class Summary(TypedDict):
    """numTotalResults: absent where it may not be told, or is not known for every dataset.

    countPrecision, countAdjustedTo: how a count that is not exact came about (2.2); absent for exact ones.
    """

    exists: bool
    numTotalResults: NotRequired[Natural]
    countPrecision: NotRequired[PrecisionWord]
    countAdjustedTo: NotRequired[list[Natural | str]]


class LegacyVariation(TypedDict):
    """Beacon's own description of a variation.

    alternateBases: "" for a symbolic allele, whose VCF text stands in `info.vcfAlt`: the specification
    demands the member and allows only bases in it.
    """

    variantType: str
    alternateBases: str
    referenceBases: NotRequired[str]
    location: SequenceLocation
    info: NotRequired[Mapping[str, Any]]


class ExternalReference(TypedDict, total=False):
    id: str
    notes: str
    reference: str


class Identifiers(TypedDict, total=False):
    genomicHGVSId: str
    clinvarVariantId: str
    proteinHGVSIds: list[str]
    transcriptHGVSIds: list[str]
    variantAlternativeIds: list[ExternalReference]


class Frequency(TypedDict):
    """Counts of an allele in one population; het, hom and hemi count people."""

    population: str
    alleleFrequency: Fraction
    alleleCount: NotRequired[Natural]
    alleleNumber: NotRequired[Natural]
    alleleCountHeterozygous: NotRequired[Natural]
    alleleCountHomozygous: NotRequired[Natural]
    alleleCountHemizygous: NotRequired[Natural]


class Frequencies(TypedDict):
    """The first of `frequencies` is about everybody in the dataset."""

    source: str
    sourceReference: str
    frequencies: list[Frequency]


class Record(TypedDict):
    """A genomicVariant entry."""

    variantInternalId: str
    variation: Mapping[str, Any] | LegacyVariation
    identifiers: NotRequired[Identifiers]
    frequencyInPopulations: NotRequired[list[Frequencies]]
    molecularAttributes: NotRequired[Mapping[str, Any]]
    variantLevelData: NotRequired[Mapping[str, Any]]
    caseLevelData: NotRequired[list[Mapping[str, Any]]]
    info: NotRequired[Mapping[str, Any]]


class Entry(TypedDict):
    """An entry of any other type: an individual, biosample, run or analysis, in Beacon's default model."""

    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]  # where pydantic looks for it

    id: str


def is_variant(entry: object) -> TypeGuard[Record]:
    """Whether an entry is a genomicVariant."""
    return isinstance(entry, dict) and "variantInternalId" in entry


AnyEntry = Annotated[
    Annotated[Record, Tag("True")] | Annotated[Entry, Tag("False")],
    Discriminator(lambda entry: str(is_variant(entry))),
]


class Handover(TypedDict):
    """Where more is to be had."""

    handoverType: Mapping[str, str]
    url: str
    note: NotRequired[str]


class ResultSet(TypedDict):
    """What one dataset answered; `beaconId` names its node in the answer of a network."""

    id: str
    setType: str
    exists: bool
    resultsCount: NotRequired[Natural]
    results: NotRequired[list[AnyEntry]]
    resultsHandovers: NotRequired[list[Handover]]
    countPrecision: NotRequired[PrecisionWord]
    countAdjustedTo: NotRequired[list[Natural | str]]
    beaconId: NotRequired[str]
    info: NotRequired[dict[str, Any]]


class Collection(TypedDict):
    """A dataset or cohort entry; `beaconId` names its node in the answer of a network."""

    id: str
    name: str
    description: NotRequired[str]
    dataUseConditions: NotRequired[Mapping[str, Any]]
    cohortType: NotRequired[str]
    cohortSize: NotRequired[Natural]
    inclusionCriteria: NotRequired[Mapping[str, Any]]
    beaconId: NotRequired[str]
    info: NotRequired[Mapping[str, Any]]


class Results(TypedDict, total=False):
    resultSets: list[ResultSet]
    collections: list[Collection]


class Response(TypedDict):
    """An answer; `response` is absent at boolean granularity."""

    meta: Meta
    responseSummary: Summary
    response: NotRequired[Results]
    info: NotRequired[dict[str, Any]]


class Fault(TypedDict):
    """reason: the slug of `schemas.errors`, by which another node tells "not held" from a bad question."""

    errorCode: int
    errorMessage: str
    reason: NotRequired[str]


class ErrorResponse(TypedDict):
    """info: of a network, the state of every node (`nodes`)."""

    meta: Meta
    error: Fault
    info: NotRequired[dict[str, Any]]


class InformationalMeta(TypedDict):
    beaconId: str
    apiVersion: str
    returnedSchemas: list[SchemaReference]


class Informational(TypedDict):
    """A framework document: what a node says of itself."""

    meta: InformationalMeta
    response: Mapping[str, Any]


def encode(document: Mapping[str, Any] | Response | ErrorResponse | Informational) -> bytes:
    """A document as JSON in UTF-8."""
    return orjson.dumps(document)


# -------------------------------------------------------------------------- reading another node


def read_response(raw: bytes) -> Response:
    """The answer another node sent, checked as one that nobody vouches for.

    Members that the specification does not know are dropped.  CPU-bound: about 1 ms for 100 kB; the caller
    bounds the size.

    Raises ValueError, with a short reason fit to be shown: not JSON (NaN and invalid UTF-8 included),
    members missing or of a wrong type, negative counts, or a document that contradicts itself.
    """
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise ValueError("the answer is not JSON") from None
    try:
        response = _responses().validate_python(document, strict=True)
    except ValidationError as fault:
        first = fault.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])[:120] or "document"
        raise ValueError(f"the answer is not a Beacon response: {where}: {first['msg']}") from None
    _check_agreement(response)
    try:
        orjson.dumps(response)
    except TypeError:
        raise ValueError("the answer is nested too deeply") from None
    return response


@cache
def _responses() -> TypeAdapter[Response]:
    return TypeAdapter(Response)


def _check_agreement(response: Response) -> None:
    summary = response["responseSummary"]
    if "numTotalResults" in summary and summary["exists"] != (summary["numTotalResults"] > 0):
        raise ValueError("the answer contradicts itself: exists and numTotalResults")
    for result_set in response.get("response", {}).get("resultSets", []):
        count, records = result_set.get("resultsCount"), len(result_set.get("results", ()))
        if result_set["exists"] and not summary["exists"]:
            raise ValueError("the answer contradicts itself: a hit in a result set, none in the summary")
        if not result_set["exists"] and (count or records):
            raise ValueError("the answer contradicts itself: results in a set that says it has none")
        if count is not None and records > count:
            raise ValueError("the answer contradicts itself: more results than resultsCount")
