"""GA4GH Beacon v2 on the wire: questions, as they come.

Models that take the dialects in use (requestParameters nested under `g_variant` or flat, granularity and
pagination inside or beside `query`, four spellings of the dataset restriction), and refuse every member they
do not know: ignoring one would answer a wider question.

Spec: GA4GH Beacon v2.1.1 and v2.2.0, framework/json/requests, models/json/.../genomicVariations.
"""
# ruff: noqa: N815  # the members are named as the specification names them

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import AliasChoices, BeforeValidator, Field

from schemas.access import Granularity
from schemas.beacon import Include
from schemas.questions import Lying
from schemas.strict import Strict as _Asking
from schemas.strict import validated

_DIGITS: Final = re.compile(r"-?\d{1,15}")


def _whole(value: object) -> object:
    """GET gives text, POST numbers; `true`, `1.5` and `1e3` are neither."""
    if isinstance(value, str) and _DIGITS.fullmatch(value.strip()):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError("must be a whole number")


def _listed(value: object) -> object:
    """One value, a list of them, or a list in one comma-separated text."""
    if isinstance(value, str):
        return value.split(",") if value.strip() else None
    return [value] if isinstance(value, int) else value


def _selected(value: object) -> object:
    """`["a"]`, `"a,b"` or `{"datasetIds": ["a"]}`; empty is no restriction."""
    if isinstance(value, dict):
        strangers = sorted(set(value) - {"datasetIds"})
        if strangers:
            raise ValueError(f"unknown member {str(strangers[0])[:60]!r}")
        value = value.get("datasetIds")
    return _listed(value) or None


def _together(value: object) -> object:
    """A list of several variants is the same as one object that holds them in `together`."""
    if isinstance(value, list) and len(value) > 1:
        return {"together": value}
    return _unwrapped(value)


def _unwrapped(value: object) -> object:
    """Some clients send a list that holds the one object."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


Whole = Annotated[int, BeforeValidator(_whole)]
Coordinates = Annotated[list[Whole] | None, BeforeValidator(_listed)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Names = Annotated[list[Name] | None, BeforeValidator(_selected)]


class AskedVariant(_Asking):
    """`g_variant` as it came; what the values mean is judged in `beacon.query`."""

    assemblyId: str | None = None
    referenceName: str | None = None
    start: Coordinates = None
    end: Coordinates = None
    referenceBases: str | None = None
    alternateBases: str | None = None
    variantType: str | None = None
    variantMinLength: Whole | None = None
    variantMaxLength: Whole | None = None
    geneId: str | None = Field(default=None, validation_alias=AliasChoices("geneId", "geneid", "gene"))
    aminoacidChange: str | None = None
    genomicAlleleShortForm: str | None = Field(
        default=None, validation_alias=AliasChoices("genomicAlleleShortForm", "allele")
    )
    mateName: str | None = None
    hitsPerPerson: Whole | None = None
    hitsPhase: Lying | None = None
    together: list[AskedVariant] | None = Field(default=None, max_length=10)

    @property
    def named(self) -> set[str]:
        """The parameters that were given a value."""
        given = self.model_fields_set & _VARIANT_PARAMETERS
        return {name for name in given if getattr(self, name) is not None}


_VARIANT_PARAMETERS: Final = frozenset(AskedVariant.model_fields) - frozenset(_Asking.model_fields)


class AskedWithin(_Asking):
    """The entry below which is asked, as the path of a request says it (`/individuals/{id}/g_variants`)."""

    entryType: Name
    id: Annotated[str, Field(min_length=1, max_length=2000)]


class AskedParameters(AskedVariant):
    """`requestParameters`: the variant nested, several of them in a list, or the members of one flat."""

    g_variant: Annotated[AskedVariant | None, BeforeValidator(_together)] = Field(
        default=None,
        validation_alias=AliasChoices("g_variant", "g_variants", "genomicVariant", "genomicVariation"),
    )
    datasets: Names = Field(default=None, validation_alias=AliasChoices("datasets", "datasetIds"))
    within: AskedWithin | None = None


class AskedPages(_Asking):
    skip: Whole | None = None
    limit: Whole | None = None
    currentPage: str | None = None
    nextPage: str | None = None
    previousPage: str | None = None


class AskedSettings(_Asking):
    """How to answer; stands inside `query`, and in some clients beside it."""

    requestedGranularity: Granularity | None = None
    includeResultsetResponses: Include | None = None
    pagination: AskedPages | None = None
    filters: list[Any] | None = None
    testMode: bool | None = None
    datasets: Names = Field(default=None, validation_alias=AliasChoices("datasets", "datasetIds"))


class AskedQuery(AskedSettings):
    requestParameters: Annotated[AskedParameters | None, BeforeValidator(_unwrapped)] = None


class AskedSchema(_Asking):
    entityType: str | None = None
    of: str | None = Field(default=None, alias="schema")


class AskedMeta(_Asking):
    apiVersion: str | None = None
    requestedSchemas: list[AskedSchema] | None = None


class AskedBody(AskedSettings):
    """The whole body of a POST.  `passports` are credentials, read apart from the question."""

    passports: list[str] | None = Field(default=None, repr=False)
    meta: AskedMeta | None = None
    query: AskedQuery | None = None


def read_body(raw: bytes | Mapping[str, Any]) -> AskedBody:
    """The members of a question, from the bytes of a POST or from the same document made of GET parameters.

    Raises ValueError: why it cannot be read, naming the member at fault.
    """
    return validated(AskedBody, raw)
