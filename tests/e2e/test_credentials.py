"""A whole node that trusts issuers elsewhere: good credentials open what they should, bad ones nothing."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from node.app import create_app, open_node
from node.audit import export
from node.config import read_settings
from node.home import make_home
from node.store.catalogue import add_dataset
from node.store.ingest import ingest
from schemas.access import Policy
from schemas.genome import Assembly
from schemas.people import Dataset
from tests.clinic import a_clinic
from tests.federated import free_socket
from tests.issuing import KEYS, LS_AAI, Signing, a_proof, forge, new_key, without
from tests.sites import Site, a_site

URL = "http://127.0.0.1:8094"
KEY = new_key()
COMMITTEE = "https://committee.example"
QUESTION = {
    "meta": {"apiVersion": "v2.0"},
    "query": {
        "requestedGranularity": "record",
        "requestParameters": {
            "g_variant": {
                "assemblyId": "GRCh38",
                "referenceName": "20",
                "start": [999],
                "referenceBases": "A",
                "alternateBases": "C",
            }
        },
    },
}


@dataclass
class House:
    """The node, and the issuer it trusts for tokens, passports and visas."""

    home: Path
    issuer: Site
    address: str

    def ask(self, *requests: tuple[str, str, dict[str, Any]]) -> list[httpx.Response]:
        """The answers to requests (method, path, what httpx takes), one after the other."""
        with httpx.Client(base_url=self.address, timeout=60) as client:
            return [client.request(method, path, **more) for method, path, more in requests]

    def token(self, key: Signing = KEY, **changes: Any) -> str:
        now = int(time.time())
        claims = {
            "iss": self.issuer.url, "sub": "alice", "aud": URL, "client_id": "portal", "iat": now,
            "exp": now + 300, "jti": "0123456789abcdef", "scope": "openid",
        }  # fmt: skip
        return forge(key, without(claims | changes), typ="at+jwt", kid=KEY.kid)

    def visa(self, value: str, subject: str = "alice", key: Signing = KEY) -> str:
        now = int(time.time())
        inner = {
            "type": "ControlledAccessGrants", "asserted": now - 60, "value": value, "source": COMMITTEE,
            "by": "dac",
        }  # fmt: skip
        claims = {"iss": self.issuer.url, "sub": subject, "iat": now, "exp": now + 600}
        header = {"typ": "vnd.ga4gh.visa+jwt", "jku": f"{self.issuer.url}/jwks", "kid": KEY.kid}
        return forge(key, {**claims, "ga4gh_visa_v1": inner}, header)

    def passport(self, *visas: str, subject: str = "alice", key: Signing = KEY) -> str:
        now = int(time.time())
        claims = {"iss": self.issuer.url, "sub": subject, "iat": now, "exp": now + 300, "jti": "x"}
        claims["ga4gh_passport_v1"] = visas
        return forge(key, claims, typ="vnd.ga4gh.passport+jwt", kid=KEY.kid)


@contextmanager
def a_server(home: Path) -> Iterator[str]:
    """The node that lives in `home`, on a real server; where it answers."""
    listening, address = free_socket()
    config = uvicorn.Config(create_app(read_settings(home)), log_level="error", ws="none", lifespan="on")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield address
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    home = folder / "home"
    make_home(home, URL, "Clinic", "FI")
    with a_site() as issuer:
        issuer.is_issuer()
        issuer.say("/jwks", {"keys": [KEY.as_dict(private=False)]})
        with (home / "varhaven.toml").open("a") as file:
            file.write(f"""
[access]
private_hosts = ["127.0.0.1"]

[[issuers]]
issuer = "{issuer.url}"
profile = "rfc9068"
clients = ["portal"]
posted_passports = true

[[visas]]
issuer = "{issuer.url}"
jku = "{issuer.url}/jwks"
types = ["ControlledAccessGrants"]
sources = ["{COMMITTEE}"]
""")
        with open_node(read_settings(home)) as node:
            vcf = folder / "clinic.vcf"
            vcf.write_text(a_clinic().vcf)
            add_dataset(node.engine, Dataset("rare", Assembly.GRCH38, Policy.CONTROLLED))
            ingest(node.engine, node.settings.ingest, vcf, "rare")
        with a_server(home) as address:
            yield House(home, issuer, address)


def bearer(token: str, scheme: str = "Bearer", **more: str) -> dict[str, Any]:
    return {"headers": {"authorization": f"{scheme} {token}", **more}}


def records(reply: httpx.Response) -> list[Any]:
    """What a reply tells of the controlled dataset."""
    assert reply.status_code == 200, reply.text
    sets = reply.json().get("response", {}).get("resultSets", [])
    return [record for one in sets for record in one.get("results", [])]


def test_a_visa_opens_its_dataset_and_nothing_else_does(house: House) -> None:
    dataset = f"{URL}/beacon/datasets/rare"
    right = house.passport(house.visa(dataset))
    wrong = house.passport(
        house.visa(f"{URL}/beacon/datasets/other"),
        house.visa(dataset + "/"),
        house.visa(dataset, subject="bob"),
        house.visa(dataset, key=new_key()),
    )
    path = "/beacon/g_variants"
    nobody, opened, signed_in, closed = house.ask(
        ("POST", path, {"json": QUESTION}),
        ("POST", path, {"json": {**QUESTION, "passports": [right]}}),
        ("POST", path, {"json": {**QUESTION, "passports": [right]}, **bearer(house.token())}),
        ("POST", path, {"json": {**QUESTION, "passports": [wrong]}}),
    )
    assert [one.status_code for one in (nobody, opened, signed_in, closed)] == [401, 200, 200, 403]
    assert records(opened)
    assert records(signed_in)
    assert right not in opened.text
    with open_node(read_settings(house.home)) as node:
        told = json.dumps(list(export(node.engine)))
    assert "alice" in told
    assert not any(part in told for part in right.split("."))


def test_a_passport_is_not_passed_on(house: House) -> None:
    """Nor echoed: what a network asks its members is made anew from the question alone."""
    right = house.passport(house.visa(f"{URL}/beacon/datasets/rare"))
    (reply,) = house.ask(("POST", "/network/beacon/g_variants", {"json": {**QUESTION, "passports": [right]}}))
    assert reply.json()["responseSummary"]["exists"], reply.text
    assert records(reply), reply.text
    assert "passports" not in reply.text


ROUTES = (
    ("GET", "/beacon"),
    ("GET", "/beacon/info"),
    ("GET", "/beacon/g_variants?assemblyId=GRCh38&referenceName=20&start=999&alternateBases=C"),
    ("POST", "/beacon/g_variants"),
    ("GET", "/beacon/individuals/x/g_variants"),
    ("GET", "/beacon/filtering_terms"),
    ("GET", "/network/beacon/info"),
    ("GET", "/network/beacon/g_variants?assemblyId=GRCh38&referenceName=20&start=999&alternateBases=C"),
    ("POST", "/network/beacon/g_variants"),
    ("POST", "/network/stream"),
    ("GET", "/"),
    ("GET", "/docs"),
    ("GET", "/service-info"),
    ("GET", "/network/peers"),
    ("GET", "/.well-known/oauth-protected-resource"),
    ("GET", "/nowhere"),
)


def bad_credentials(house: House) -> dict[str, dict[str, Any]]:
    key, now = new_key(), int(time.time())
    bound = house.token(cnf={"jkt": key.thumbprint()})
    return {
        "nonsense": bearer("nonsense"),
        "nothing": {"headers": {"authorization": ""}},
        "a password": {"auth": httpx.BasicAuth("alice", "secret")},
        "expired": bearer(house.token(iat=now - 900, exp=now - 300)),
        "for another node": bearer(house.token(aud="https://other.example")),
        "of another client": bearer(house.token(client_id="other")),
        "signed by a stranger": bearer(house.token(new_key())),
        "of an issuer that is not trusted": bearer(forge(KEYS[LS_AAI], {"iss": LS_AAI, "sub": "x"})),
        "a visa": bearer(house.visa(f"{URL}/beacon/datasets/rare")),
        "a bound token as bearer": bearer(bound),
        "a bound token with the proof of another": bearer(bound, "DPoP", DPoP=a_proof(new_key(), bound)),
        "a proof alone": {"headers": {"DPoP": a_proof(key, bound)}},
    }


@pytest.mark.parametrize("route", ROUTES, ids=" ".join)
def test_bad_credentials_are_refused_everywhere(house: House, route: tuple[str, str]) -> None:
    """Never taken for none: not by a single route, not for a public document, not for a page."""
    method, path = route
    body = {"json": QUESTION} if method == "POST" else {}
    rows = bad_credentials(house)
    replies = house.ask(*((method, path, {**body, **row}) for row in rows.values()))
    for name, reply in zip(rows, replies, strict=True):
        assert reply.status_code == 401, (name, reply.status_code)
        challenge = reply.headers["www-authenticate"]
        assert f'resource_metadata="{URL}/.well-known/oauth-protected-resource"' in challenge, name
        assert "error=" in challenge, name


def test_bad_passports_are_refused_wherever_a_question_is_posted(house: House) -> None:
    stranger = house.passport(house.visa(f"{URL}/beacon/datasets/rare"), key=new_key())
    bob = house.passport(subject="bob")
    for path in ("/beacon/g_variants", "/network/beacon/g_variants", "/network/stream"):
        forged, garbage, others, no_list = house.ask(
            ("POST", path, {"json": {**QUESTION, "passports": [stranger]}}),
            ("POST", path, {"json": {**QUESTION, "passports": ["x"]}}),
            ("POST", path, {"json": {**QUESTION, "passports": [bob]}, **bearer(house.token())}),
            ("POST", path, {"json": {**QUESTION, "passports": "x"}}),
        )
        assert [one.status_code for one in (forged, garbage, others, no_list)] == [401, 401, 401, 400]


def test_good_credentials_are_good_everywhere(house: House) -> None:
    key = new_key()
    bound = house.token(cnf={"jkt": key.thumbprint()})

    def proven(path: str) -> dict[str, Any]:
        proof = a_proof(key, bound, htu=URL + path, iat=time.time())
        return bearer(bound, "DPoP", DPoP=proof)

    paths = ("/beacon/info", "/beacon/datasets", "/service-info", "/", "/network/beacon/info")
    replies = house.ask(
        *(("GET", path, bearer(house.token())) for path in paths),
        *(("GET", path, proven(path)) for path in paths),
    )
    assert [reply.status_code for reply in replies] == [200] * 10


def test_the_node_says_whose_tokens_are_good(house: House) -> None:
    (reply,) = house.ask(("GET", "/.well-known/oauth-protected-resource", {}))
    document = reply.json()
    assert document["resource"] == URL
    assert set(document["authorization_servers"]) == {house.issuer.url, URL}


def test_an_issuer_that_cannot_be_asked_is_told_from_a_bad_token(tmp_path: Path) -> None:
    home = tmp_path / "home"
    make_home(home, URL, "Clinic", "FI")
    with a_site() as gone:
        url = gone.url
    with (home / "varhaven.toml").open("a") as file:
        file.write(
            f'\n[access]\nprivate_hosts = ["127.0.0.1"]\n\n[[issuers]]\nissuer = "{url}"\n'
            'profile = "rfc9068"\nclients = ["portal"]\n'
        )
    with a_server(home) as address:
        house = House(home, gone, address)
        (reply,) = house.ask(("GET", "/beacon/info", bearer(house.token())))
    assert reply.status_code == 503
    assert reply.json()["error"]["reason"] == "issuer_unavailable"
