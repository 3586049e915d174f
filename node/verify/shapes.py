"""The structure of Beacon documents, as far as every client relies on it: required members and their types.

A shape is written as the document it describes:

    {"id": str, "note?": str}     an object; a member with `?` may be missing, others may be there
    [shape]                       a list of such
    {"*": shape}                  an object with any names
    ("HIT", "MISS")               one of these words

The official schemas say more; `official` holds documents against them where they are at hand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

Shape = Any

_ENTRY_SCHEMA: Final = {"entityType?": str, "schema?": str}
_SUMMARY: Final = {
    "apiVersion": str,
    "requestedSchemas": list,
    "pagination": {"skip?": int, "limit?": int},
    "requestedGranularity": ("boolean", "count", "record", "aggregated"),
    "includeResultsetResponses?": ("HIT", "MISS", "ALL", "NONE"),
    "filters?": [str],
    "requestParameters?": dict,
    "testMode?": bool,
}
_META: Final = {
    "beaconId": str,
    "apiVersion": str,
    "returnedSchemas": [_ENTRY_SCHEMA],
    "returnedGranularity": ("boolean", "count", "record", "aggregated"),
    "receivedRequestSummary": _SUMMARY,
}
_RESULT_SET: Final = {
    "id": str,
    "setType": str,
    "exists": bool,
    "resultsCount?": int,
    "results?": [dict],
}
ANSWER: Final = {
    "meta": _META,
    "responseSummary": {"exists": bool, "numTotalResults?": int},
    "response?": {"resultSets?": [_RESULT_SET], "collections?": [dict]},
}
ERROR: Final = {"meta": _META, "error": {"errorCode": int, "errorMessage?": str}}

_INFORMATION_META: Final = {"beaconId": str, "apiVersion": str, "returnedSchemas": [_ENTRY_SCHEMA]}
_ENTRY_TYPE: Final = {
    "id": str,
    "name": str,
    "partOfSpecification": str,
    "defaultSchema": {"id": str, "name": str, "referenceToSchemaDefinition": str},
    "ontologyTermForThisType": {"id": str},
}
_INFO: Final = {
    "id": str,
    "name": str,
    "apiVersion": str,
    "environment": ("prod", "test", "dev", "staging"),
    "organization": {"id": str, "name": str},
}


def _informational(response: Shape) -> Shape:
    return {"meta": _INFORMATION_META, "response": response}


FRAMEWORK: Final[Mapping[str, Shape]] = {
    "/": _informational(_INFO),
    "/info": _informational(_INFO),
    "/service-info": {
        "id": str,
        "name": str,
        "type": {"group": str, "artifact": str, "version": str},
        "organization": {"name": str, "url": str},
        "version": str,
    },
    "/configuration": _informational(
        {
            "$schema": str,
            "maturityAttributes": {"productionStatus?": ("DEV", "TEST", "PROD")},
            "securityAttributes": {
                "defaultGranularity?": ("boolean", "count", "record", "aggregated"),
                "securityLevels?": [("PUBLIC", "REGISTERED", "CONTROLLED")],
            },
            "entryTypes": {"*": _ENTRY_TYPE},
        }
    ),
    "/map": _informational(
        {
            "$schema": str,
            "endpointSets": {
                "*": {
                    "entryType": str,
                    "rootUrl": str,
                    "singleEntryUrl?": str,
                    "endpoints?": {"*": {"url": str, "returnedEntryType": str}},
                }
            },
        }
    ),
    "/entry_types": _informational({"entryTypes": {"*": _ENTRY_TYPE}}),
    "/filtering_terms": _informational(
        {"filteringTerms?": [{"id": str, "type": str, "label?": str, "scopes?": [str]}], "resources?": [dict]}
    ),
}


def misfits(document: Any, shape: Shape, where: str = "$") -> Iterator[str]:
    """What does not fit, a line each, naming the place."""
    if isinstance(shape, type):
        if not _is(document, shape):
            yield f"{where}: {_kind(document)} where {_NAMES[shape]} belongs"
    elif isinstance(shape, tuple):
        if document not in shape:
            yield f"{where}: {str(document)[:60]!r} is none of {', '.join(shape)}"
    elif isinstance(shape, list):
        if not isinstance(document, list):
            yield f"{where}: {_kind(document)} where a list belongs"
            return
        for number, item in enumerate(document):
            yield from misfits(item, shape[0], f"{where}[{number}]")
    else:
        yield from _members(document, shape, where)


def _members(document: Any, shape: Mapping[str, Shape], where: str) -> Iterator[str]:
    if not isinstance(document, dict):
        yield f"{where}: {_kind(document)} where an object belongs"
        return
    for name, inner in shape.items():
        bare = name.removesuffix("?")
        if name == "*":
            for key, value in document.items():
                yield from misfits(value, inner, f"{where}.{key}")
        elif bare in document:
            yield from misfits(document[bare], inner, f"{where}.{bare}")
        elif bare == name:
            yield f"{where}.{bare} is missing"


_NAMES: Final = {
    str: "a text",
    int: "a whole number",
    bool: "true or false",
    list: "a list",
    dict: "an object",
}


def _is(value: Any, kind: type) -> bool:
    return isinstance(value, kind) and not (kind is int and isinstance(value, bool))


def _kind(value: Any) -> str:
    return "nothing" if value is None else _NAMES.get(type(value), type(value).__name__)
