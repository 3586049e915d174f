"""Small Beacons that behave as servers in use do, and refuse what those refuse.

Each takes one spelling of a question, as its source reads it, and answers the others as that server does:
with an error, with "no", or with the answer to another question.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.broken_beacon import Carried

HELD = tuple(Carried("20", first, "C", "A", "FM") for first in range(3_193_841, 3_193_941, 10))
OTHER = Carried("7", 55_000_000, "G", "T", "F")  # what a server lists that did not read the question
_COUNTS = {
    "alleleCount": 10,
    "alleleNumber": 182,
    "alleleCountHeterozygous": 10,
    "alleleCountHomozygous": 0,
    "alleleCountHemizygous": 0,
}
FREQUENCY = {"alleleFrequency": 10 / 182, **_COUNTS}
BARE = {*map(str, range(1, 23)), "X", "Y", "MT"}

Record = Callable[[Carried], dict[str, Any]]


def reply(document: Any, status: int = 200) -> Response:
    return Response(json.dumps(document).encode(), status, media_type="application/json")


def refusal(status: int, why: str) -> Response:
    return reply({"error": {"errorCode": status, "errorMessage": why}}, status)


def found(parameters: Mapping[str, Any], name: str) -> list[Carried]:
    """What flat parameters mean, when the contig is called `name`."""
    if name != "20" or parameters.get("assemblyId") not in ("GRCh37", None):
        return []
    starts, ends = _list(parameters["start"]), _list(parameters.get("end", []))
    if ends and "referenceBases" not in parameters:
        return [v for v in HELD if v.first < max(ends) and v.last > min(starts)]
    return [
        v
        for v in HELD
        if v.first == starts[0]
        and v.alternate == parameters.get("alternateBases")
        and v.reference == parameters.get("referenceBases", v.reference)
    ]


def _list(value: Any) -> list[int]:
    return value if isinstance(value, list) else [int(item) for item in str(value).split(",")]


def legacy(held: Carried, name: str = "refseq:NC_000020.10") -> dict[str, Any]:
    interval = {
        "start": {"type": "Number", "value": held.first},
        "end": {"type": "Number", "value": held.last},
    }
    return {
        "variantInternalId": held.id,
        "variation": {
            "variantType": "SNP",
            "referenceBases": held.reference,
            "alternateBases": held.alternate,
            "location": {"type": "SequenceLocation", "sequence_id": name, "interval": interval},
        },
    }


def ega_record(held: Carried) -> dict[str, Any]:
    """The contig is hidden in an HGVS name; frequencies are told by population, one of them the whole."""
    change = f"{held.contig}:g.{held.first + 1}{held.reference}>{held.alternate}"
    populations = [
        {"population": "Female", "alleleFrequency": 0.01, "alleleCount": 1, "alleleNumber": 90},
        {"population": "Total", **FREQUENCY},
    ]
    return {
        **legacy(held, f"HGVSid:{change}"),
        "identifiers": {"genomicHGVSId": change},
        "_position": {"assemblyId": "GRCh37", "start": [held.first], "end": [held.last], "refseqId": "20"},
        "frequencyInPopulations": [{"source": "VCF", "frequencies": populations}],
        "molecularAttributes": None,
    }


def vrs_record(held: Carried) -> dict[str, Any]:
    location = {"type": "SequenceLocation", "sequence_id": "refseq:NC_000020.10"}
    interval = {"type": "SequenceInterval", "start": held.first, "end": held.last}
    state = {"type": "LiteralSequenceExpression", "sequence": held.alternate}
    return {
        "id": f"pgxvar-{held.first}",
        "variation": {"type": "Allele", "location": location | {"interval": interval}, "state": state},
        "caseLevelData": [{"biosampleId": "pgxbs-1", "analysisId": "pgxcs-1"}],
    }


def gdi_record(held: Carried) -> dict[str, Any]:
    frequencies = [{"population": "EE", **FREQUENCY}]
    return {
        **legacy(held),
        "frequencyInPopulations": [{"source": "GDI", "sourceReference": "x", "frequencies": frequencies}],
    }


def answered(
    variants: list[Carried],
    query: Mapping[str, Any],
    record: Record,
    *,
    most: str = "record",
    page: int = 100,
    records_skipped: bool = False,
    echo: Any = None,
) -> dict[str, Any]:
    """An answer, with pages of `page` records at most."""
    told = min(query.get("requestedGranularity", "boolean"), most, key=["boolean", "count", "record"].index)
    pages = query.get("pagination", {})
    limit = min(int(pages.get("limit", 10)), page)
    skip = int(pages.get("skip", 0)) * (1 if records_skipped else limit)
    summary: dict[str, Any] = {"exists": bool(variants)}
    document: dict[str, Any] = {"meta": {"beaconId": "org.example", "returnedGranularity": told}}
    if echo is not None:
        document["meta"]["receivedRequestSummary"] = {"requestParameters": echo}
    if told != "boolean":
        summary["numTotalResults"] = len(variants)
    if told == "record" and variants:
        results = [record(variant) for variant in variants[skip : skip + limit]]
        one = {"id": "set", "exists": True, "resultsCount": len(variants), "results": results}
        document["response"] = {"resultSets": [one]}
    return {**document, "responseSummary": summary}


def ega_pi(body: Mapping[str, Any], *, records_skipped: bool = False) -> Response:
    query = body["query"]
    if any(not isinstance(schema, str) for schema in body["meta"].get("requestedSchemas", [])):
        return refusal(400, "requestedSchemas: str type expected")
    asked = query.get("requestParameters", {})
    if "start" not in asked or ("datasets" in asked and not isinstance(asked["datasets"], list)):
        return refusal(400, f"set of request parameters: {sorted(asked)} not allowed")
    if asked.get("referenceName") not in BARE:
        if "end" in asked:
            return reply(answered([], query, ega_record))  # falls through to another kind of query
        return refusal(400, f"set of request parameters: {sorted(asked)} not allowed")
    if "end" not in asked and not {"referenceBases", "alternateBases"} <= set(asked):
        return refusal(400, "set of request parameters not allowed")
    variants = found(asked, asked["referenceName"])
    return reply(
        answered(variants, query, ega_record, page=4, records_skipped=records_skipped, echo=dict(asked))
    )


def ega_ri(body: Mapping[str, Any]) -> Response:
    return ega_pi(body, records_skipped=True)


def bycon(body: Mapping[str, Any]) -> Response:
    """Takes nested and flat, and every name; what it does not know it drops."""
    query = body["query"]
    asked = query.get("requestParameters", {})
    asked = asked.get("g_variant", asked)
    name = str(asked.get("referenceName", "")).removeprefix("refseq:").removeprefix("chr")
    name = "20" if name == "NC_000020.10" else name
    return reply(answered(found({**asked, "assemblyId": "GRCh37"}, name), query, vrs_record, page=3))


def bento(body: Mapping[str, Any]) -> Response:
    """Reads nothing but g_variant: anything else is a question about everything.  Counts at most."""
    query = body["query"]
    asked = query.get("requestParameters", {}).get("g_variant")
    if not asked:
        return reply(answered([OTHER], query, legacy, most="count"))
    if len(_list(asked["start"])) == 2:
        return refusal(501, "bracket queries are not implemented")
    if "end" not in asked and "referenceBases" not in asked:
        return refusal(400, "referenceBases is required")
    name = str(asked["referenceName"]).removeprefix("chr")
    return reply(answered(found(asked, name), query, legacy, most="count"))


def gdi(body: Mapping[str, Any]) -> Response:
    """What it does not understand it answers with nothing found."""
    query = body["query"]
    asked = query.get("requestParameters", {})
    needed = {"assemblyId", "referenceName", "referenceBases", "alternateBases", "start"}
    if not needed <= set(asked):
        return reply(answered([], query, gdi_record))
    return reply(answered(found(asked, str(asked["referenceName"]).removeprefix("chr")), query, gdi_record))


def heedless(body: Mapping[str, Any]) -> Response:
    """Reads flat parameters alone, and answers nested ones as if nothing had been asked."""
    query = body["query"]
    asked = query.get("requestParameters", {})
    if "start" not in asked:
        return reply(answered([OTHER, *HELD], query, legacy, echo={}))
    return reply(answered(found(asked, str(asked["referenceName"])), query, legacy, echo=dict(asked)))


def speaking(read: Callable[[Mapping[str, Any]], Response], said: str) -> Starlette:
    """A server that answers POST by `read`, and says `said` of itself."""

    async def variants(request: Request) -> Response:
        return read(await request.json())

    return _served(variants, ["POST"], said)


def speaking_get(said: str) -> Starlette:
    """A server that knows GET alone, with `refseq:` names."""

    async def variants(request: Request) -> Response:
        asked = dict(request.query_params)
        name = {"refseq:NC_000020.10": "20"}.get(asked.get("referenceName", ""), "")
        settings = {"requestedGranularity": asked.get("requestedGranularity", "boolean")}
        pages = {"pagination": {name: asked[name] for name in ("skip", "limit") if name in asked}}
        return reply(answered(found(asked, name), settings | pages, legacy))

    return _served(variants, ["GET"], said)


def _served(variants: Any, methods: list[str], said: str) -> Starlette:
    async def about(_request: Request) -> Response:
        return reply({"id": "org.example", "name": "A Beacon", "description": said})

    return Starlette(
        routes=[
            Route("/api/g_variants", variants, methods=methods),
            Route("/api/service-info", about),
        ]
    )
