"""The API as others see it: every answer against the official schemas, every refusal in their envelope."""

import asyncio
import copy
import json
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from beacon.api import MAX_BODY_BYTES, Responders, answer_soon, create_router, error_reply
from beacon.entries import ENTRY_TYPES
from beacon.framework import FRAMEWORK
from beacon.merge import merge
from beacon.query import Asked
from beacon.terms import TermsEndpoint, list_terms
from beacon.variation import SCHEMA as VRS2
from node.app import create_app
from node.home import make_home
from schemas import errors
from schemas.access import Grant, Granularity
from schemas.beacon import Include, encode
from schemas.errors import NodeError, NotAuthorised
from schemas.genome import Interval
from schemas.network import NodeAnswer, PeerState, outcome
from schemas.questions import RangeQuery, SequenceQuery
from tests.worlds_beacon import (
    CHR20,
    EVERYTHING,
    IDENTITY,
    PUBLIC_ONLY,
    Conformance,
    a_beacon,
    a_grant,
    load_check,
)

ITPA_URL = (
    "/beacon/g_variants?assemblyId=GRCh38&referenceName=20&start=3213195&referenceBases=C&alternateBases=A"
)
QUERIES = {
    "hit": SequenceQuery(Interval(CHR20, 3_213_195, 3_213_196), "C", "A"),
    "miss": SequenceQuery(Interval(CHR20, 3_213_195, 3_213_196), "C", "T"),
    "many": RangeQuery(Interval(CHR20, 900, 1_900)),
    "shapes": RangeQuery(Interval(CHR20, 4_900, 5_600)),
}
GRANTS = {
    "everything": EVERYTHING,
    "public": PUBLIC_ONLY,
    "counts": a_grant("somebody", open38=Granularity.COUNT, public38=Granularity.COUNT),
    "booleans": a_grant("somebody", open38=Granularity.BOOLEAN),
}


@pytest.fixture(scope="module")
def conformance(shared: Path) -> Conformance:
    return Conformance(load_check(shared))


def an_app(authorise: Callable[[Request], Grant | Awaitable[Grant]]) -> FastAPI:
    app = FastAPI()
    beacon = a_beacon()

    async def terms(endpoint: TermsEndpoint, name: str, grant: Grant) -> Mapping[str, Any]:
        return list_terms(beacon, grant, endpoint, name)

    responders = Responders(partial(answer_soon, beacon), terms)
    app.include_router(create_router(beacon, authorise, responders), prefix="/beacon")

    async def on_fault(request: Request, fault: Exception) -> Response:
        assert isinstance(fault, NodeError | HTTPException)
        return error_reply(IDENTITY, fault)

    app.add_exception_handler(NodeError, on_fault)
    app.add_exception_handler(HTTPException, on_fault)
    return app


def an_app_for(grant: Grant) -> FastAPI:
    def authorise(request: Request) -> Grant:
        return grant

    return an_app(authorise)


def call(app: FastAPI, method: str, url: str, **rest: Any) -> httpx.Response:
    async def once() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://node") as client:
            return await client.request(method, url, **rest)

    return asyncio.run(once())


APPS = {name: an_app_for(grant) for name, grant in GRANTS.items()}
PUBLIC = APPS["public"]


@pytest.mark.parametrize("grant", GRANTS)
@pytest.mark.parametrize("query", QUERIES)
def test_every_answer_conforms(conformance: Conformance, query: str, grant: str) -> None:
    faults = {}
    for granularity in Granularity:
        for include in Include:
            asked = Asked.of(QUERIES[query], granularity, 5, include=include)
            reply = call(APPS[grant], "POST", "/beacon/g_variants", content=asked.body())
            assert reply.status_code == 200
            assert reply.headers["content-type"] == "application/json"
            assert reply.headers["cache-control"] == "no-store"
            document = reply.json()
            assert document["meta"]["receivedRequestSummary"]["requestParameters"] == asked.parameters()
            faults[granularity, include] = conformance.faults(document)
    assert not {key: found for key, found in faults.items() if found}


def test_the_validator_finds_planted_faults(conformance: Conformance) -> None:
    body = Asked.of(QUERIES["hit"], include=Include.ALL).body()
    sound = call(PUBLIC, "POST", "/beacon/g_variants", content=body).json()
    assert not conformance.faults(sound)
    for path, value in (
        ("meta.returnedGranularity", "boolean"),
        ("meta.returnedGranularity", "count"),
        ("meta.receivedRequestSummary.pagination", 5),
        ("meta.receivedRequestSummary.includeResultsetResponses", "NONE"),
        ("responseSummary.exists", "yes"),
        ("response.resultSets.0.setType", None),
        ("response.resultSets.0.results.0.variation.location.interval.start.value", "5"),
        ("response.resultSets.0.results.0.variation.alternateBases", "<DEL>"),
    ):
        *way, last = [int(word) if word.isdigit() else word for word in path.split(".")]
        planted = copy.deepcopy(sound)
        place = planted
        for step in way:
            place = place[step]
        place[last] = value
        assert conformance.faults(planted), path


@pytest.mark.parametrize("query", QUERIES)
def test_every_question_sent_on_conforms(conformance: Conformance, query: str) -> None:
    body = json.loads(Asked.of(QUERIES[query], datasets=("open38",)).body())
    assert not conformance.faults(body)
    variant = body["query"]["requestParameters"]["g_variant"]
    assert not conformance.check.errors("g_variant_params", variant)


@pytest.mark.parametrize("include", Include)
@pytest.mark.parametrize("granularity", Granularity)
def test_merged_answers_conform(conformance: Conformance, granularity: Granularity, include: Include) -> None:
    for query in QUERIES.values():
        asked = Asked.of(query, granularity, 5, include=include)
        answers = [NodeAnswer("https://late.example.org", "late", PeerState.TIMEOUT, 8000.0, "late")]
        for name, app in APPS.items():
            reply = call(app, "POST", "/beacon/g_variants", content=asked.body())
            state = outcome(reply.json())
            answers.append(NodeAnswer(f"https://{name}.example.org", name, state, 3.0, "", reply.json()))
        for some in (answers, answers[:1], answers[1:3], answers[3:]):
            document = json.loads(encode(merge(asked, IDENTITY, some)))
            assert not conformance.faults(document)


@pytest.mark.parametrize("path", [path for path, _, _ in FRAMEWORK])
def test_framework_documents_conform(conformance: Conformance, path: str) -> None:
    reply = call(PUBLIC, "GET", f"/beacon{path}")
    assert reply.status_code == 200
    assert not conformance.faults(reply.json())


def test_the_map_leads_to_every_entry_type() -> None:
    endpoints = call(PUBLIC, "GET", "/beacon/map").json()["response"]["endpointSets"]
    assert set(endpoints) == {entry.id for entry in ENTRY_TYPES}
    for endpoint in endpoints.values():
        path = endpoint["rootUrl"].removeprefix(IDENTITY.id)
        reply = call(PUBLIC, "POST", path, json={})
        assert reply.status_code in (200, 400)
        assert reply.json()["meta"]["returnedSchemas"]


def test_datasets_conform(conformance: Conformance) -> None:
    for reply in (
        call(PUBLIC, "GET", "/beacon/datasets"),
        call(PUBLIC, "GET", "/beacon/datasets?requestedGranularity=count"),
        call(PUBLIC, "GET", "/beacon/datasets?requestedGranularity=boolean"),
        call(PUBLIC, "POST", "/beacon/datasets", json={"meta": {"apiVersion": "v2.0"}}),
    ):
        assert reply.status_code == 200
        assert not conformance.faults(reply.json())
    described = call(PUBLIC, "GET", "/beacon/datasets").json()["response"]["collections"]
    assert [c["id"] for c in described] == ["controlled38", "old37", "open38", "public38"]
    assert described[2]["dataUseConditions"]["duoDataUse"][0]["id"] == "DUO:0000042"


def test_get_and_post_answer_alike() -> None:
    get = call(PUBLIC, "GET", ITPA_URL + "&requestedGranularity=record&apiVersion=v2.0.0")
    body = {
        "meta": {"apiVersion": "v2.0.0"},
        "query": {
            "requestParameters": {
                "g_variant": {
                    "assemblyId": "GRCh38",
                    "referenceName": "20",
                    "start": [3213195],
                    "referenceBases": "C",
                    "alternateBases": "A",
                }
            },
            "requestedGranularity": "record",
        },
    }
    post = call(PUBLIC, "POST", "/beacon/g_variants", json=body)
    assert get.status_code == 200
    assert get.content == post.content
    record = get.json()["response"]["resultSets"][0]["results"][0]
    assert record["identifiers"]["genomicHGVSId"] == "NC_000020.11:g.3213196C>A"


@pytest.mark.parametrize(
    ("method", "url", "content", "status", "reason"),
    [
        ("GET", "/beacon/g_variants", None, 400, "bad_question"),
        ("GET", ITPA_URL + "&colour=red", None, 400, "bad_question"),
        ("GET", ITPA_URL.replace("GRCh38", "GRCh36"), None, 400, "not_held"),
        ("GET", ITPA_URL + "&datasetIds=elsewhere", None, 400, "not_held"),
        ("GET", ITPA_URL + "&datasetIds=controlled38", None, 401, "not_authorised"),
        ("GET", ITPA_URL + "&filters=HP:9999999", None, 400, "not_held"),
        ("GET", "/beacon/g_variants?referenceName=%FF%00&start=%EF%BF%BD", None, 400, "bad_question"),
        ("POST", "/beacon/g_variants", b"", 400, "bad_question"),
        ("POST", "/beacon/g_variants", b"\xff\xfe", 400, "bad_question"),
        (
            "POST",
            "/beacon/g_variants",
            b'{"query": {"requestParameters": {"start": "\\ud800"}}}',
            400,
            "bad_question",
        ),
        ("POST", "/beacon/g_variants?limit=5", b"{}", 400, "bad_question"),
        ("POST", "/beacon/g_variants", b" " * (MAX_BODY_BYTES + 1), 413, "too_large"),
        ("PUT", "/beacon/g_variants", b"{}", 405, "method_not_allowed"),
        ("POST", "/beacon/info", b"{}", 405, "method_not_allowed"),
        ("GET", "/beacon/unicorns", None, 404, "not_found"),
    ],
)
def test_refusals_are_told_in_the_envelope(
    method: str, url: str, content: bytes | None, status: int, reason: str
) -> None:
    reply = call(PUBLIC, method, url, content=content)
    assert reply.status_code == status
    document = reply.json()
    assert document["error"]["errorCode"] == status
    assert document["error"]["reason"] == reason
    assert document["error"]["errorMessage"]
    assert ("www-authenticate" in reply.headers) == (status == 401)
    if status == 405:
        assert reply.headers["allow"]


ALLOWED = {
    "/beacon/g_variants": "GET, POST",
    "/beacon/individuals/P1/g_variants": "GET, POST",
    "/network/beacon/g_variants/x": "GET, POST",
    "/beacon/info": "GET",
    "/beacon/individuals/filtering_terms": "GET, POST",
    "/network/stream/individuals": "POST",
    "/mme/match": "POST",
    "/cases/1": "GET, PATCH, DELETE",
    "/cases": "GET, POST",
}


def test_who_is_refused_a_method_is_told_the_others(tmp_path: Path) -> None:
    made = make_home(tmp_path / "home", "http://127.0.0.1:8080", "Clinic", "FI")
    app = create_app(made.settings)

    async def told() -> dict[str, str]:
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://node") as client,
        ):
            replies = {path: await client.put(path) for path in ALLOWED}
        assert {reply.status_code for reply in replies.values()} == {405}
        return {path: reply.headers["allow"] for path, reply in replies.items()}

    assert asyncio.run(told()) == ALLOWED


def test_every_kind_of_refusal_conforms(conformance: Conformance) -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, NodeError)]
    faults: list[NodeError | HTTPException] = [kind("why") for kind in kinds if kind is not errors.BadInput]
    faults += [HTTPException(status) for status in (400, 404, 405, 418, 500, 503)]
    for fault in faults:
        reply = error_reply(IDENTITY, fault)
        document = json.loads(bytes(reply.body))
        assert not conformance.faults(document)
        assert document["error"]["errorCode"] == reply.status_code
        if isinstance(fault, NodeError):
            assert document["error"]["reason"] == fault.reason


def test_credentials_are_judged_before_the_question_is_read() -> None:
    async def nobody(request: Request) -> Grant:
        raise NotAuthorised("the token has expired")

    app = an_app(nobody)
    for url in ("/beacon/g_variants?nonsense=1", "/beacon/datasets", ITPA_URL):
        assert call(app, "GET", url).status_code == 401
        assert call(app, "POST", url.partition("?")[0], content=b"{").status_code == 401
    assert call(app, "GET", "/beacon/info").status_code == 200


def test_a_grant_may_take_time() -> None:
    async def slowly(request: Request) -> Grant:
        await asyncio.sleep(0)
        return EVERYTHING

    reply = call(an_app(slowly), "GET", ITPA_URL + "&requestedGranularity=count")
    assert reply.json()["responseSummary"] == {"exists": True, "numTotalResults": 3}


def test_the_api_description_names_every_parameter_that_is_read() -> None:
    description = PUBLIC.openapi()
    assert "ErrorResponse" in description["components"]["schemas"]
    asked = {p["name"] for p in description["paths"]["/beacon/g_variants"]["get"]["parameters"]}
    assert {"assemblyId", "referenceName", "start", "end", "variantType", "requestedGranularity"} <= asked
    for entry in ENTRY_TYPES:
        path = description["paths"][f"/beacon/{entry.path}"]
        assert "application/json" in path["post"]["requestBody"]["content"]
        assert {"200", "400", "401", "403", "413", "503"} <= set(path["get"]["responses"])
        for parameter in path["get"]["parameters"]:
            value = {"array": "1", "integer": "1"}.get(parameter["schema"]["type"], "x")
            reply = call(PUBLIC, "GET", f"/beacon/{entry.path}?{parameter['name']}={value}")
            assert "unknown parameter" not in reply.text


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_vrs_2_is_given_on_request_alone(conformance: Conformance, method: str) -> None:
    """Its records fail the schema of 2.1, so they are named otherwise, and nobody gets them unasked."""
    asked = Asked.of(QUERIES["hit"], Granularity.RECORD, 5)
    plain = call(PUBLIC, "POST", "/beacon/g_variants", content=asked.body()).json()
    if method == "GET":
        url = f"{ITPA_URL}&requestedGranularity=record&requestedSchemas={VRS2}"
        reply = call(PUBLIC, "GET", url)
    else:
        body = json.loads(asked.body())
        body["meta"]["requestedSchemas"] = [{"entityType": "genomicVariant", "schema": VRS2}]
        reply = call(PUBLIC, "POST", "/beacon/g_variants", json=body)
    told = reply.json()
    assert plain["meta"]["returnedSchemas"][0]["schema"] == "ga4gh-beacon-variant-v2.1.0"
    assert told["meta"]["returnedSchemas"] == [{"entityType": "genomicVariant", "schema": VRS2}]
    (before,), (after,) = (
        [r for one in answer["response"]["resultSets"] if one["id"] == "open38" for r in one["results"]]
        for answer in (plain, told)
    )
    assert before["variation"]["referenceBases"] == "C"
    variation = after["variation"]
    assert (variation["type"], variation["state"]["sequence"]) == ("Allele", "A")
    assert (variation["location"]["start"], variation["location"]["end"]) == (3_213_195, 3_213_196)
    assert {**before, "variation": 0} == {**after, "variation": 0}
    assert not conformance.faults(plain)
    # Everything but the variation is as the schemas of 2.1 have it.
    faults = [fault for fault in conformance.faults(told) if ".variation: " not in fault]
    assert not faults
    types = call(PUBLIC, "GET", "/beacon/entry_types").json()["response"]["entryTypes"]
    assert [one["id"] for one in types["genomicVariant"]["additionallySupportedSchemas"]] == [VRS2]


@pytest.mark.parametrize(("schema", "warned"), [("ga4gh-beacon-variant-v2.1.0", 0), ("phenopacket-v2", 1)])
def test_a_form_that_is_not_spoken_is_told(conformance: Conformance, schema: str, warned: int) -> None:
    told = call(PUBLIC, "GET", f"{ITPA_URL}&requestedGranularity=record&requestedSchemas={schema}").json()
    assert not conformance.faults(told)
    assert told["meta"]["returnedSchemas"][0]["schema"] == "ga4gh-beacon-variant-v2.1.0"
    assert [schema in one for one in told.get("info", {}).get("warnings", [])] == [True] * warned
