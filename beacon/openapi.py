"""How the question of an entry type looks, for the API description; `beacon.query` is what reads it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from beacon import examples
from beacon.entries import Endpoint, EntryType
from beacon.query import MAX_LIMIT, MAX_SKIP
from beacon.terms import TermsEndpoint
from schemas import beacon as wire
from schemas.access import Granularity
from schemas.beacon import Include
from schemas.filters import Operator, Similarity
from schemas.questions import Lying

Schema = Mapping[str, Any]

_TEXT: Final[Schema] = {"type": "string"}
_GRANULARITY: Final[Schema] = {"type": "string", "enum": [word.value for word in Granularity]}
_INCLUDE: Final[Schema] = {"type": "string", "enum": [word.value for word in Include], "default": "HIT"}
_SKIP: Final[Schema] = {"type": "integer", "minimum": 0, "maximum": MAX_SKIP, "default": 0}
_LIMIT: Final[Schema] = {"type": "integer", "minimum": 0, "maximum": MAX_LIMIT, "default": 10}
_LENGTH: Final[Schema] = {"type": "integer", "minimum": 0}
_BASES: Final[Schema] = {"type": "string", "pattern": "^[ACGTUNRYSWKMBDHVacgtunryswkmbdhv]*$"}
_NAMES: Final[Schema] = {"type": "array", "items": _TEXT}
_COORDINATES: Final[Schema] = {
    "type": "array",
    "items": {"type": "integer", "minimum": 0},
    "minItems": 1,
    "maxItems": 2,
}
_VARIANT: Final[Mapping[str, tuple[Schema, str]]] = {
    "assemblyId": (
        _TEXT,
        "GRCh37 or GRCh38; may be left out when referenceName is an accession of one of them",
    ),
    "referenceName": (_TEXT, "contig: refseq:NC_000020.10, chr20, 20"),
    "start": (_COORDINATES, "0-based; one value, or the two bounds of a bracket query"),
    "end": (_COORDINATES, "0-based, exclusive; one value for a range, two for a bracket query"),
    "referenceBases": (_BASES, "empty for an insertion without padding"),
    "alternateBases": (_BASES, "empty for a deletion without padding"),
    "variantType": (
        _TEXT,
        "SNP, INS, DEL, INDEL, DUP, INV, CNV, BND ..., a symbolic allele, or an SO or EFO term",
    ),
    "variantMinLength": (_LENGTH, "bases affected, at least"),
    "variantMaxLength": (_LENGTH, "bases affected, at most"),
    "geneId": (_TEXT, "symbol, alias, HGNC, Ensembl or NCBI identifier: whatever overlaps the gene"),
    "aminoacidChange": (_TEXT, "V600E, beside geneId or a range; needs annotated VCFs"),
    "genomicAlleleShortForm": (_TEXT, "HGVS: NC_000020.11:g.3213196C>A; c. and p. need annotated VCFs"),
    "mateName": (_TEXT, "contig of the other end of a breakend; end then lies on it"),
    "hitsPerPerson": (
        {"type": "integer", "enum": [2]},
        "two alleles of a gene or range, or one twice, in one person",
    ),
    "hitsPhase": (
        {"type": "string", "enum": [word.value for word in Lying], "default": "any"},
        "beside hitsPerPerson: how the alleles lie on the two copies, as far as the files are phased; trans "
        "is without those who have one of them twice, biallelic is with them",
    ),
}
_FILTERS: Final[Schema] = {"type": "array", "items": _TEXT}
_FILTER_OBJECT: Final[Schema] = {
    "type": "object",
    "properties": {
        "id": _TEXT,
        "operator": {"type": "string", "enum": [sign.value for sign in Operator]},
        "value": _TEXT,
        "includeDescendantTerms": {"type": "boolean", "default": True},
        "similarity": {"type": "string", "enum": [word.value for word in Similarity], "default": "exact"},
        "scope": {"type": "string", "enum": ["individuals", "biosamples", "genomicVariant"]},
        "excluded": {"type": "boolean", "default": False},
    },
    "required": ["id"],
    "additionalProperties": False,
}
_FILTER: Final[tuple[Schema, ...]] = (_FILTER_OBJECT, _TEXT)
_SETTINGS: Final[Mapping[str, tuple[Schema, str]]] = {
    "requestedGranularity": (_GRANULARITY, "how much to tell; the answer may tell less"),
    "includeResultsetResponses": (_INCLUDE, "which datasets to list"),
    "skip": (_SKIP, "pages to skip"),
    "limit": (_LIMIT, "records a page and dataset; 0 for the most there may be"),
    "datasetIds": (_NAMES, "only these datasets"),
    "filters": (_FILTERS, "HP:0001250, !HP:0001250, sex=female, ageOfOnset>=P18Y, LOINC:35925-4>24"),
    "testMode": ({"type": "boolean"}, "answer from synthetic datasets alone, to anybody"),
    "apiVersion": (_TEXT, "v2.x"),
    "requestedSchemas": (
        _NAMES,
        "ga4gh-beacon-variant-vrs2-v2.0.1 gives variations in VRS 2; others are echoed",
    ),
}
_FAULTS: Final = {
    401: "no valid credentials",
    403: "valid credentials, not enough of them",
    404: "no such dataset or cohort",
    413: "the body is too large",
    429: "too many requests of this sender",
    503: "the data cannot be read just now",
}
_ANSWER: Final = "the answer, at the granularity it names"
_NOT_UNDERSTOOD: Final = "the question cannot be understood, or is about something not held here"


def replies(answer: type = wire.Response, *, declare: bool = False) -> dict[int | str, dict[str, Any]]:
    """What may come back, as models where `declare`, else by reference to them.

    Each declaration costs 7 ms when a node starts: one route declares, and the others refer to it.
    """
    models = {200: (answer, _ANSWER), 400: (wire.ErrorResponse, _NOT_UNDERSTOOD)}
    told: dict[int | str, dict[str, Any]] = {
        status: {"description": text, **({"model": model} if declare else _content(model))}
        for status, (model, text) in models.items()
    }
    refusal = _content(wire.ErrorResponse)
    return told | {status: {"description": text, **refusal} for status, text in _FAULTS.items()}


def _content(model: type) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    return {"content": {"application/json": {"schema": schema}}}


def get_question(endpoint: Endpoint) -> dict[str, Any]:
    """The parameters of a GET."""
    kind = endpoint.entry.kind
    parameters = {**({} if kind.collection else _VARIANT), **_SETTINGS}
    described = [
        {
            "name": name,
            "in": "query",
            "description": text,
            "required": False,
            "schema": schema,
            **({"style": "form", "explode": False} if schema["type"] == "array" else {}),
        }
        for name, (schema, text) in parameters.items()
    ]
    return {"parameters": described + _path_parameters(endpoint)}


def post_question(endpoint: Endpoint) -> dict[str, Any]:
    """The body of a POST, in the spelling of the specification."""
    variant = {name: {**schema, "description": text} for name, (schema, text) in _VARIANT.items()}
    parameters = {} if endpoint.entry.kind.collection else {"g_variant": _object(variant)}
    query = _object(
        {
            "requestParameters": _object({**parameters, "datasets": _object({"datasetIds": _NAMES})}),
            "filters": {
                "type": "array",
                "description": "all must hold; of those in an inner array, one; a text is read as in a GET",
                "items": {"anyOf": [*_FILTER, {"type": "array", "items": {"anyOf": list(_FILTER)}}]},
            },
            "includeResultsetResponses": _INCLUDE,
            "pagination": _object({"skip": _SKIP, "limit": _LIMIT}),
            "requestedGranularity": _GRANULARITY,
            "testMode": {"type": "boolean"},
        }
    )
    meta = _object({"apiVersion": _TEXT, "requestedSchemas": {"type": "array", "items": {"type": "object"}}})
    body: dict[str, Any] = {"schema": _object({"meta": meta, "query": query})}
    if endpoint.below is None or (endpoint.below.kind.collection and endpoint.entry.kind.needs_query):
        named = examples.bodies(endpoint.entry.id)
        body["examples"] = {words: {"summary": words, "value": value} for words, value in named}
    return {
        "parameters": _path_parameters(endpoint),
        "requestBody": {"required": True, "content": {"application/json": body}},
    }


def terms_question(endpoint: TermsEndpoint, method: str) -> dict[str, Any]:
    """How a list of filtering terms is asked for."""
    above = _id_parameter(endpoint.of) if endpoint.of and endpoint.single else []
    if method == "POST":
        pages = {"pagination": _object({"skip": _SKIP, "limit": _LIMIT})}
        body = {"application/json": {"schema": _object({"query": _object(pages)})}}
        return {"parameters": above, "requestBody": {"required": False, "content": body}}
    pages_ = (("skip", _SKIP, "pages to skip"), ("limit", _LIMIT, "terms a page"))
    own = [{"name": n, "in": "query", "description": text, "schema": schema} for n, schema, text in pages_]
    return {"parameters": own + above}


def _path_parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    return [] if endpoint.below is None else _id_parameter(endpoint.below)


def _id_parameter(entry: EntryType) -> list[dict[str, Any]]:
    text = f"the id of the {entry.name.lower()}"
    parameter = {"name": "id", "in": "path", "description": text, "required": True, "schema": _TEXT}
    return [parameter | ({"example": examples.IDS[entry.id]} if entry.id in examples.IDS else {})]


def _object(members: Mapping[str, Any]) -> dict[str, Any]:
    """An object without required members: one that is null is read as one that is not there."""
    properties = {name: _or_null(schema) for name, schema in members.items()}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _or_null(schema: Schema) -> dict[str, Any]:
    words = {"enum": [*schema["enum"], None]} if "enum" in schema else {}
    return {**schema, **words, "type": [schema["type"], "null"]}
