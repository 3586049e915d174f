"""Tokens of two real identity providers, as different as they come, at a node that trusts them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey

from node.access.authenticator import Authenticator, Presented
from node.access.keys import NodeKey
from node.access.opening import open_authenticator
from node.access.principal import Caller
from node.config import AccessSection, NodeSection, Settings
from schemas.errors import NotAuthorised
from tests.issuing import SOURCE, a_proof, b64, forge, new_key, unsigned
from tests.tokens_of import (
    MACHINE,
    NODE_CLIENT,
    OTHER,
    PORTAL,
    Canaille,
    OpenIDProvider,
    canaille,
    openid_provider,
)

NODE, ELSEWHERE = "https://node.hospital.example", "https://elsewhere.example"
PASSWORD = "several words are easiest"


@pytest.fixture(scope="module")
def openid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenIDProvider]:
    with openid_provider(tmp_path_factory.mktemp("openid"), NODE, ELSEWHERE) as provider:
        yield provider


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Canaille]:
    with canaille(tmp_path_factory.mktemp("canaille"), "alice", PASSWORD) as provider:
        yield provider


def a_node(home: Path, *issuers: dict[str, Any], **more: Any) -> Authenticator:
    settings = Settings(
        home=home,
        node=NodeSection(id=NODE, name="A", country="FI"),
        access=AccessSection(private_hosts=("127.0.0.1",)),
        issuers=issuers,
        **more,
    )
    return open_authenticator(settings, NodeKey.create(home / "keys"))


def trusting(issuer: str, home: Path, **more: Any) -> dict[str, Any]:
    """The settings for an issuer, with the node as its client."""
    secret = home / "secret"
    secret.write_text(NODE_CLIENT.secret)
    return {"issuer": issuer, "profile": "rfc9068", "clients": [PORTAL.id, MACHINE.id], **more}


def enter(node: Authenticator, token: str, scheme: str = "Bearer", **more: Any) -> Caller:
    call = Presented("GET", "/beacon/g_variants", (f"{scheme} {token}",), **more)
    found = asyncio.run(node.identify(call))
    assert isinstance(found, Caller)
    return found


def refused(node: Authenticator, token: str, because: str | None = None) -> None:
    with pytest.raises(NotAuthorised, match=because):
        enter(node, token)


# ---------------------------------------------------------------------------------------- oidc-provider


def test_a_program_enters_with_a_token_for_this_node_alone(openid: OpenIDProvider, tmp_path: Path) -> None:
    node = a_node(tmp_path, trusting(openid.issuer, tmp_path))
    caller = enter(node, openid.machine_token(NODE))
    assert (caller.issuer, caller.client, caller.scopes) == (openid.issuer, MACHINE.id, {"beacon:query"})
    refused(node, openid.machine_token(ELSEWHERE), "not for this node")
    refused(node, openid.machine_token(NODE, OTHER), "client")
    refused(node, openid.machine_token(None), "signed token")


def test_a_person_enters_with_the_access_token_and_with_nothing_else(
    openid: OpenIDProvider, tmp_path: Path
) -> None:
    node = a_node(tmp_path, trusting(openid.issuer, tmp_path))
    tokens = openid.sign_in("alice", NODE, "openid profile beacon:query")
    caller = enter(node, tokens["access_token"])
    assert (caller.subject, caller.client) == ("alice", PORTAL.id)
    refused(node, tokens["id_token"])
    head, body, tail = tokens["access_token"].split(".")
    refused(node, f"{head}.{body}.{'A' * len(tail)}", "does not verify")


def test_an_id_token_is_refused_under_every_profile(openid: OpenIDProvider, tmp_path: Path) -> None:
    token = openid.sign_in("alice", NODE, "openid")["id_token"]
    for profile in ("rfc9068", "keycloak", "ga4gh-jwt"):
        home = tmp_path / profile
        home.mkdir()
        own = {"profile": profile, "audience": PORTAL.id, "algorithms": ["RS256", "ES256"]}
        refused(a_node(home, trusting(openid.issuer, home, **own)), token)


def test_a_token_bound_to_a_key_needs_its_proof(openid: OpenIDProvider, tmp_path: Path) -> None:
    node = a_node(tmp_path, trusting(openid.issuer, tmp_path))
    key = new_key()
    claims = {"htm": "POST", "htu": f"{openid.issuer}/token", "iat": int(time.time()), "jti": "one"}
    first = forge(key, claims, typ="dpop+jwt", jwk=key.as_dict(private=False), kid=None)
    token = openid.machine_token(NODE, headers={"DPoP": first})

    def proof(by: Any = key) -> str:
        return a_proof(by, token, htu=f"{NODE}/beacon/g_variants", iat=time.time())

    assert enter(node, token, "DPoP", dpop=(proof(),)).client == MACHINE.id
    refused(node, token, "DPoP")
    with pytest.raises(NotAuthorised, match="another key"):
        enter(node, token, "DPoP", dpop=(proof(new_key()),))


def test_opaque_tokens_are_asked_about(openid: OpenIDProvider, tmp_path: Path) -> None:
    own = {
        "profile": "introspect", "client_id": NODE_CLIENT.id, "client_secret_file": str(tmp_path / "secret"),
        "audience_optional": True,
    }  # fmt: skip
    node = a_node(tmp_path, trusting(openid.issuer, tmp_path, **own))
    assert enter(node, openid.machine_token(None)).client == MACHINE.id
    refused(node, openid.machine_token(None, OTHER), "client")
    refused(node, "nonsense-of-somebody", "not active")


def committee(openid: OpenIDProvider) -> dict[str, Any]:
    """In these tests the provider signs the committee's visas, too; what counts is what is written here."""
    return {
        "issuer": openid.issuer,
        "jku": f"{openid.issuer}/jwks",
        "types": ["ControlledAccessGrants"],
        "sources": [SOURCE],
        "algorithms": ["ES256"],
    }


def tell_visas(openid: OpenIDProvider) -> None:
    """For alice: a good one, one of bob's, and one that nobody trusted signed; also in a passport."""
    key, now = openid.key, int(time.time())

    def visa(subject: str, by: ECKey = key) -> str:
        inner = {
            "type": "ControlledAccessGrants", "asserted": now - 60, "by": "dac", "source": SOURCE,
            "value": f"{NODE}/beacon/datasets/rare",
        }  # fmt: skip
        claims = {"iss": openid.issuer, "sub": subject, "iat": now, "exp": now + 600}
        header = {"typ": "vnd.ga4gh.visa+jwt", "jku": f"{openid.issuer}/jwks", "kid": key.kid}
        return forge(by, {**claims, "ga4gh_visa_v1": inner}, header)

    visas = [visa("alice"), visa("bob"), visa("alice", new_key())]
    for subject, held in (("alice", visas), ("carol", [])):
        claims = {"iss": openid.issuer, "sub": subject, "iat": now, "exp": now + 600, "jti": "x"}
        passport = forge(key, {**claims, "ga4gh_passport_v1": held}, typ="vnd.ga4gh.passport+jwt")
        openid.tell(subject, *held, passport=passport)


def holds_one_grant(caller: Caller) -> None:
    assert [(visa.type, visa.by, visa.subject) for visa in caller.visas] == [
        ("ControlledAccessGrants", "dac", "alice")
    ]
    assert len(caller.ignored) == 2


def test_a_passport_is_got_by_exchange(openid: OpenIDProvider, tmp_path: Path) -> None:
    tell_visas(openid)
    own = {
        "passport": "exchange", "client_id": NODE_CLIENT.id, "client_secret_file": str(tmp_path / "secret"),
    }  # fmt: skip
    trusted = trusting(openid.issuer, tmp_path, **own)
    node = a_node(tmp_path, trusted, visas=[committee(openid)])
    holds_one_grant(enter(node, openid.sign_in("alice", NODE)["access_token"]))
    assert enter(node, openid.sign_in("alice", NODE, "openid beacon:query")["access_token"]).visas == ()
    assert enter(node, openid.sign_in("carol", NODE)["access_token"]).visas == ()


def test_visas_are_got_from_userinfo(openid: OpenIDProvider, tmp_path: Path) -> None:
    tell_visas(openid)
    own = {
        "profile": "introspect", "client_id": NODE_CLIENT.id, "client_secret_file": str(tmp_path / "secret"),
        "audience_optional": True, "passport": "userinfo",
    }  # fmt: skip
    trusted = trusting(openid.issuer, tmp_path, **own)
    node = a_node(tmp_path, trusted, visas=[committee(openid)])
    holds_one_grant(enter(node, openid.sign_in("alice", None)["access_token"]))


# --------------------------------------------------------------------------------------------- canaille


def asking_canaille(second: Canaille, home: Path, **more: Any) -> Authenticator:
    own = {
        "profile": "introspect", "clients": [PORTAL.id], "audience": PORTAL.id, "max_life_s": 864_000,
        "client_id": PORTAL.id, "client_secret_file": str(home / "portal"),
    }  # fmt: skip
    (home / "portal").write_text(PORTAL.secret)
    return a_node(home, trusting(second.issuer, home, **{**own, **more}))


@pytest.fixture(scope="module")
def of_alice(second: Canaille) -> dict[str, Any]:
    """Her tokens; the provider fails when somebody signs in twice within a second."""
    return second.sign_in("alice", PASSWORD)


def test_the_second_provider_offers_unsigned_tokens(second: Canaille) -> None:
    """Why metadata must not choose the algorithm."""
    assert "none" in second.metadata()["id_token_signing_alg_values_supported"]


def test_a_token_of_the_second_provider_is_asked_about(
    second: Canaille, of_alice: dict[str, Any], tmp_path: Path
) -> None:
    caller = enter(asking_canaille(second, tmp_path), of_alice["access_token"])
    assert (caller.issuer, caller.client) == (second.issuer, PORTAL.id)


def test_unsigned_and_id_tokens_of_the_second_provider_are_refused(
    second: Canaille, of_alice: dict[str, Any], tmp_path: Path
) -> None:
    now = int(time.time())
    claims = {
        "iss": second.issuer, "sub": "admin", "aud": NODE, "client_id": PORTAL.id, "iat": now,
        "exp": now + 300, "jti": "0123456789abcdef",
    }  # fmt: skip
    forged = [
        unsigned(claims, alg="none", typ=kind, kid="x") for kind in ("at+jwt", "JWT", "vnd.ga4gh.visa+jwt")
    ]
    forged += [token + b64(b"x" * 64) for token in forged]
    for number, profile in enumerate(("rfc9068", "keycloak", "ga4gh-jwt", "introspect")):
        home = tmp_path / str(number)
        home.mkdir()
        node = asking_canaille(second, home, profile=profile, algorithms=["ES256", "RS256"])
        for token in (*forged, of_alice["id_token"]):
            refused(node, token)


def test_ten_days_are_too_long(second: Canaille, of_alice: dict[str, Any], tmp_path: Path) -> None:
    node = asking_canaille(second, tmp_path, max_life_s=3600)
    refused(node, of_alice["access_token"], "may live")


def test_a_token_of_another_program_is_refused(second: Canaille, tmp_path: Path) -> None:
    refused(asking_canaille(second, tmp_path), second.machine_token(OTHER))
