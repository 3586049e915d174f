"""Every route of the application, with every role, and with the ids of everybody else: all of it is decided.

The routes are those of the application itself.  A new one is taken for one that needs a right, until it
stands among what is public here.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from fastapi import FastAPI

from node.access.principal import Role
from node.access.server.accounts import Account
from node.access.server.entitlements import Tier
from node.app import Node, create_app, open_node
from node.audit import export, verify
from node.config import read_settings
from node.home import make_home
from node.people import Format, import_people
from node.store.catalogue import add_dataset
from node.store.ingest import ingest
from schemas.access import Policy
from schemas.genome import Assembly
from schemas.people import Dataset
from tests.clinic import a_clinic
from tests.signing_in import World

URL = "http://127.0.0.1:8093"
CANARY = "CANARY"  # in every id of a person, a sample and a file of the controlled dataset
SETTINGS = """
[[cohorts]]
id = "all"
name = "All"
datasets = ["controlled"]
"""
PERSON, SAMPLE, VARIANT = f"{CANARY}-P00", f"{CANARY}-P00-S0", "GRCh38:20:1000:A:C"

# What anybody may read, whoever he is: documents about the node, keys, pages and their files.
PUBLIC = re.compile(
    r"/(network/)?beacon/?|/(network/)?beacon/(info|service-info|configuration|map|entry_types|filtering_terms)"
    r"|/(network/)?beacon/(individuals|datasets|cohorts)/filtering_terms"
    r"|/(network/)?beacon/(datasets|cohorts)(/\{id\})?(/filtering_terms)?|/openapi\.json"
    r"|/network/stream/(datasets|cohorts)(/\{id\})?"
    r"|/exchange|/network/peers|/services(/types|/\{name\})?|/\.well-known/[a-z-]+|/(page|docs)\b[\w./{}-]*|/|/sign-in"
    r"|/oauth/jwks|/healthz|/readyz|/service-info"
)
BEACON = re.compile(r"/(?:network/)?beacon(?:/(?P<rest>.*))?|/network/stream(?P<streamed>/.*)?")
DOCUMENTS = re.compile(r"(info|service-info|configuration|map|entry_types)?/?")
PERSONAL = re.compile(r"/?(individuals|biosamples|runs|analyses)/\{id\}.*")


@dataclass(frozen=True)
class Who:
    """A caller's credentials, and what he is told of the controlled dataset: "", "count" or "record"."""

    headers: dict[str, str]
    depth: str = ""
    signed_in: bool = True


@dataclass
class Answered:
    route: str
    method: str
    who: str
    reply: httpx.Response


@dataclass
class Matrix:
    routes: list[tuple[str, str]]
    callers: dict[str, Who]
    answers: list[Answered] = field(default_factory=list)
    entries: list[dict[str, Any]] = field(default_factory=list)

    def of(self, who: str) -> Iterator[Answered]:
        return (answer for answer in self.answers if answer.who == who)


def routes_of(routes: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Every method and path; a router within a router keeps its own."""
    for route in routes:
        inner = getattr(route, "original_router", None)
        if inner is not None:
            yield from routes_of(inner.routes, prefix + route.include_context.prefix)
        else:
            assert hasattr(route, "methods"), f"{route} is no route that is known here"
            yield from ((method, prefix + route.path) for method in route.methods if method != "HEAD")


ROLES = {
    "a clinician": Role.CLINICIAN,
    "a citizen": Role.CITIZEN,
    "an administrator": Role.ADMINISTRATOR,
    "a data-protection officer": Role.DATA_PROTECTION_OFFICER,
}
WHO = (
    "anonymous",
    "a program",
    "a registered researcher",
    "approved for counts",
    "approved for records",
    "approved for another dataset",
    "a program that may only match",
    *ROLES,
)


def callers(node: Node) -> dict[str, Who]:
    world = World(node.embedded, node.engine, time.time)  # type: ignore[arg-type]
    found = {"anonymous": Who({}, signed_in=False)}
    for name, depth, grants in (
        ("a program", "", []),
        ("a registered researcher", "", [(Tier.REGISTERED, "")]),
        ("approved for counts", "count", [(Tier.REGISTERED, ""), (Tier.CONTROLLED, "controlled")]),
        ("approved for records", "record", [(Tier.RECORD, "controlled")]),
        ("approved for another dataset", "", [(Tier.RECORD, "other")]),
    ):
        client, secret = world.machine(name.replace(" ", "-"))
        for tier, dataset in grants:
            node.embedded.entitlements.grant(client.id, tier, dataset)
        found[name] = Who(bearer(world.token(client, secret, grant_type="client_credentials")), depth)
    client, secret = world.machine("matching")
    node.embedded.entitlements.grant(client.id, Tier.RECORD, "controlled")
    only = world.token(client, secret, grant_type="client_credentials", scope="mme:match")
    found["a program that may only match"] = Who(bearer(only))
    portal = world.application()
    for name, role in ROLES.items():
        account: Account = world.user(name.replace(" ", "-"), role)
        found[name] = Who(bearer(world.redeem(portal, world.code(portal, account))))
    assert tuple(found) == WHO
    return found


def bearer(answer: Any) -> dict[str, str]:
    body = answer.body if isinstance(answer.body, dict) else orjson.loads(answer.body)
    return {"authorization": f"Bearer {body['access_token']}"}


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Matrix:
    home = tmp_path_factory.mktemp("matrix") / "home"
    make_home(home, URL, "Clinic", "FI")
    with (home / "varhaven.toml").open("a") as settings:
        settings.write(SETTINGS)
    with open_node(read_settings(home)) as node:
        fill(node, home)
        known = callers(node)
    app = create_app(read_settings(home))
    made = Matrix(sorted(set(routes_of(app.routes)), key=lambda one: (one[1], one[0])), known)
    asyncio.run(walk(app, made))
    with open_node(read_settings(home)) as node:
        assert verify(node.engine).ok
        made.entries = list(export(node.engine))
    return made


def fill(node: Node, home: Path) -> None:
    clinic = a_clinic()
    text = orjson.dumps({"individuals": clinic.records, "biosamples": clinic.samples}).decode()
    named = re.sub(r'"(P\d\d)', rf'"{CANARY}-\1', text)
    (home / "people.json").write_text(named)
    (home / f"{CANARY}.vcf").write_text(re.sub(r"\tP(\d\d)", rf"\t{CANARY}-P\1", clinic.vcf))
    for name in ("controlled", "other"):
        add_dataset(node.engine, Dataset(name, Assembly.GRCH38, Policy.CONTROLLED))
    ingest(node.engine, node.settings.ingest, home / f"{CANARY}.vcf", "controlled")
    import_people(node.engine, "controlled", home / "people.json", Format.BFF)
    (home / "none.vcf").write_text(a_clinic(8).vcf)
    ingest(node.engine, node.settings.ingest, home / "none.vcf", "other")


async def walk(app: FastAPI, made: Matrix) -> None:
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=URL, timeout=60) as http:
            for method, route in made.routes:
                for who, caller in made.callers.items():
                    reply = await call(http, method, route, caller.headers)
                    made.answers.append(Answered(route, method, who, reply))
                    http.cookies.clear()


async def call(http: httpx.AsyncClient, method: str, route: str, headers: dict[str, str]) -> httpx.Response:
    path = route
    for above, name in (
        ("individuals", PERSON),
        ("biosamples", SAMPLE),
        ("runs", f"{SAMPLE}"),
        ("analyses", "x"),
    ):
        path = path.replace(f"{above}/{{id}}", f"{above}/{name}")
    path = path.replace("g_variants/{id}", f"g_variants/{VARIANT}").replace(
        "datasets/{id}", "datasets/controlled"
    )
    path = path.replace("cohorts/{id}", "cohorts/all").replace("{entry_path:path}", "g_variants")
    path = re.sub(r"\{[^}]*\}", "1", path)
    if not BEACON.fullmatch(route) or re.search(r"filtering_terms|(datasets|cohorts)(/\{id\})?$", route):
        more = {"json": {}} if BEACON.fullmatch(route) and method == "POST" else {}
        return await http.request(method, path, headers=headers, **more)
    at = {"assemblyId": "GRCh38", "referenceName": "20", "start": 900, "end": 2000}
    collected = re.fullmatch(r".*(beacon|stream)/((datasets|cohorts)/\{id\}/)?g_variants", route)
    asks_variants = collected is not None or route == "/network/stream"
    chosen = {} if re.search(r"(datasets|cohorts)/\{id\}", route) else {"datasets": "controlled"}
    if method == "GET":
        query = {"requestedGranularity": "record", **chosen, **(at if asks_variants else {})}
        return await http.get(path, params=query, headers=headers)
    parameters: dict[str, Any] = {"g_variant": at} if asks_variants else {}
    if chosen:
        parameters["datasets"] = ["controlled"]
    document = {"query": {"requestedGranularity": "record", "requestParameters": parameters}}
    return await http.post(path, json=document, headers=headers)


@pytest.mark.parametrize("who", WHO)
def test_every_route_answers_as_the_policy_says(matrix: Matrix, who: str) -> None:
    faults = []
    caller = matrix.callers[who]
    for answer in matrix.of(who):
        expected = expected_of(answer, who, caller)
        if answer.reply.status_code not in expected:
            told = answer.reply.text[-260:]
            faults.append(
                f"{answer.method} {answer.route}: {answer.reply.status_code} not {expected} {told!r}"
            )
    assert not faults, "\n".join(faults)


def expected_of(answer: Answered, who: str, caller: Who) -> set[int]:
    route, refused = answer.route, {403} if caller.signed_in else {401}
    beacon = BEACON.fullmatch(route)
    if beacon:
        return of_beacon(route, beacon["rest"] or beacon["streamed"] or "", who, caller, refused)
    if PUBLIC.fullmatch(route):
        return {200, 303, 404} if answer.method == "GET" else {403, 415}
    for prefix, expected in OTHERS.items():
        if route.startswith(prefix):
            return expected | of_matching(prefix, who)
    return refused  # whatever is new


def of_matching(prefix: str, who: str) -> set[int]:
    """Beyond what everybody is told: programs, whose tokens are for matching, have cases of their own."""
    is_program = who != "anonymous" and who not in ROLES
    if prefix == "/cases":
        return {200, 404, 415} if is_program or who == "a clinician" else set()
    if prefix == "/network/mme/match":  # the token of a person is from a portal, and not for matching
        return {415} if is_program else {403} if who in ROLES else set()
    return set()


# Without the credentials of their own kind (a peer's signature, an exchange's token, a session, a client's
# secret) nobody gets anywhere here, whatever token he has.
OTHERS = {
    "/federation/": {401},
    "/oauth/userinfo": {200, 401},
    "/mme/": {401},
    "/network/mme/match": {401},
    "/casework": {303, 403, 415},  # pages: whoever has no session is sent to sign in, whatever token he has
    "/cases": {401, 403},
    "/account": {303, 401, 403, 415},
    "/sign-": {303, 403, 404, 415},
    "/oauth/": {400, 401, 415},
}


def of_beacon(route: str, rest: str, who: str, caller: Who, refused: set[int]) -> set[int]:
    if DOCUMENTS.fullmatch(rest) and not route.startswith("/network/stream"):
        return {200}
    if who == "a program that may only match":
        return {403}
    if PUBLIC.fullmatch(route):
        return {200}
    if route.startswith("/network/stream"):
        return {200}  # what this node refuses is an event of the stream
    if who == "approved for another dataset" and rest == "individuals/{id}/filtering_terms":
        return {200}  # of his own dataset, in which there is nobody of this name
    personal = PERSONAL.fullmatch(rest) is not None
    return {200} if caller.depth == "record" or (caller.depth and not personal) else refused


@pytest.mark.parametrize("who", [who for who in WHO if who != "approved for records"])
def test_nobody_else_learns_of_a_single_person(matrix: Matrix, who: str) -> None:
    faults = []
    for answer in matrix.of(who):
        # A question that names somebody is repeated to whoever asked it; nothing else may name anybody.
        named = answer.reply.content.replace(f'"id":"{PERSON}"'.encode(), b"").replace(
            f'"id":"{SAMPLE}"'.encode(), b""
        )
        if CANARY.encode() in named:
            faults.append(f"{answer.method} {answer.route}: {answer.reply.text[:300]}")
    assert not faults


@pytest.mark.parametrize("who", WHO)
def test_in_a_network_this_node_denies_what_it_denies_alone(matrix: Matrix, who: str) -> None:
    depth = matrix.callers[who].depth
    for answer in matrix.of(who):
        beacon = re.fullmatch(r"/network/beacon/(.+)", answer.route)
        if beacon is None or PUBLIC.fullmatch(answer.route) or "filtering_terms" in answer.route:
            continue
        document = answer.reply.json()
        if "info" not in document:  # refused before anybody was asked
            assert answer.reply.status_code == 403
            continue
        (state,) = [line["state"] for line in document["info"]["nodes"]]
        may = depth == "record" or (depth == "count" and not PERSONAL.fullmatch(beacon[1]))
        assert (state == "denied") == (not may), f"{answer.method} {answer.route}: {state}"
        assert (answer.reply.status_code == 200) == may  # where nobody could look, nobody says "no"


def test_holders_of_records_see_records(matrix: Matrix) -> None:
    seen = [a for a in matrix.of("approved for records") if CANARY in a.reply.text and a.method == "GET"]
    assert {"/beacon/individuals", "/beacon/biosamples", "/beacon/individuals/{id}"} <= {
        a.route for a in seen
    }


def test_whoever_counts_gets_no_records(matrix: Matrix) -> None:
    for answer in matrix.of("approved for counts"):
        if answer.route.startswith("/beacon/") and answer.reply.status_code == 200 and answer.method == "GET":
            for one in answer.reply.json().get("response", {}).get("resultSets", []):
                assert not one["results"]


@pytest.mark.parametrize("who", WHO)
def test_refusals_say_why_and_401_says_how(matrix: Matrix, who: str) -> None:
    for answer in matrix.of(who):
        if answer.reply.status_code in (401, 403) and answer.route.startswith("/beacon/"):
            assert answer.reply.json()["error"]["errorMessage"]
        if answer.reply.status_code == 401 and not answer.route.startswith(
            ("/oauth/", "/mme", "/network/mme")
        ):
            assert "www-authenticate" in answer.reply.headers, f"{answer.method} {answer.route}"


def test_what_was_told_of_the_dataset_is_in_the_log(matrix: Matrix) -> None:
    told = [
        answer
        for who in ("approved for counts", "approved for records")
        for answer in matrix.of(who)
        if re.fullmatch(r"/beacon/(?!datasets(/\{id\})?$).+", answer.route)
        and not re.search(r"info|configuration|map|entry_types", answer.route)
        and answer.reply.status_code == 200
    ]
    recorded = [e for e in matrix.entries if e["kind"] == "beacon" and "controlled" in e.get("datasets", [])]
    assert len(recorded) == len(told)
    assert all(entry["question"] for entry in recorded)
    assert CANARY not in orjson.dumps(matrix.entries).decode()


def test_nothing_fails(matrix: Matrix) -> None:
    assert not [f"{a.method} {a.route} {a.who}" for a in matrix.answers if a.reply.status_code >= 500]
