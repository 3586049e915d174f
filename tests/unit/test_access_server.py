"""The embedded authorization server: what it gives, and every way around it that is refused."""

import base64
import hmac
import json
import logging
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from node.access.server.accounts import SignedIn
from node.access.server.clients import EXCHANGE
from node.access.server.entitlements import REGISTERED_ACCESS, Tier
from node.access.server.protocol import ACCESS_TOKEN_TYPE, PASSPORT_TYPE, Answer
from schemas.errors import BadInput, BadQuestion
from tests.signing_in import CALLBACK, NODE, World, a_world, basic, open_server, query_of

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with a_world(tmp_path) as made:
        yield made


def error(answer: Answer) -> str:
    assert answer.status in (400, 401)
    assert answer.body is not None
    return str(answer.body["error"])


def body(answer: Answer) -> dict:
    assert answer.status == 200, answer
    return dict(answer.body)


def machine_token(world: World) -> tuple:
    client, secret = world.machine()
    return client, secret, body(world.token(client, secret, grant_type="client_credentials"))


# What it gives


def test_a_program_gets_a_token_for_this_node_alone(world: World) -> None:
    client, _, told = machine_token(world)
    claims = jwt.decode(told["access_token"], world.server.public_keys(), algorithms=["ES256"])
    assert claims.header["typ"] == "at+jwt"
    assert claims.claims["aud"] == claims.claims["iss"] == NODE
    assert claims.claims["sub"] == claims.claims["client_id"] == client.id
    assert claims.claims["exp"] - claims.claims["iat"] == told["expires_in"] == 300
    assert "ga4gh_passport_v1" not in claims.claims
    assert "refresh_token" not in told


def test_a_person_gets_tokens_through_an_application(world: World) -> None:
    app, ada = world.application(), world.user()
    told = body(world.redeem(app, world.code(app, ada)))
    access = world.server.tokens.read(told["access_token"])
    assert access is not None
    assert (access["sub"], access["client_id"], access["roles"]) == (ada.subject, app.id, ["researcher"])
    claims = jwt.decode(told["id_token"], world.server.public_keys(), algorithms=["ES256"]).claims
    assert (claims["aud"], claims["nonce"], claims["name"]) == (app.id, "no", "ada")
    assert told["refresh_token"]


def test_what_was_granted_becomes_visas(world: World) -> None:
    ada = world.user()
    world.server.entitlements.grant(ada.subject, Tier.REGISTERED)
    world.server.entitlements.grant(ada.subject, Tier.RECORD, "rare")
    world.server.entitlements.grant(ada.subject, Tier.CONTROLLED, "rare")
    found = [
        jwt.decode(visa, world.server.public_keys(), algorithms=["ES256"])
        for visa in world.server.visas(ada.subject)
    ]
    assert {one.header["jku"] for one in found} == {f"{NODE}/oauth/jwks"}
    told = {(one.claims["ga4gh_visa_v1"]["type"], one.claims["ga4gh_visa_v1"]["value"]) for one in found}
    assert told == {
        ("ResearcherStatus", REGISTERED_ACCESS),
        ("AcceptedTermsAndPolicies", REGISTERED_ACCESS),
        ("ControlledAccessGrants", f"{NODE}/beacon/datasets/rare"),
        ("ControlledAccessGrants", f"{NODE}/beacon/datasets/rare?granularity=count"),
    }
    assert world.server.entitlements.withdraw(ada.subject, Tier.RECORD, "rare")
    assert len(world.server.visas(ada.subject)) == 3


def test_a_dataset_that_is_not_here_cannot_be_granted(world: World) -> None:
    with pytest.raises(BadInput, match="no such dataset"):
        world.server.entitlements.grant("somebody", Tier.RECORD, "elsewhere")
    with pytest.raises(BadInput, match="not for one dataset"):
        world.server.entitlements.grant("somebody", Tier.REGISTERED, "rare")


def test_a_passport_comes_by_exchange(world: World) -> None:
    client, secret, told = machine_token(world)
    world.server.entitlements.grant(client.id, Tier.RECORD, "rare")
    made = body(
        world.token(
            client,
            secret,
            grant_type=EXCHANGE,
            subject_token=told["access_token"],
            subject_token_type=ACCESS_TOKEN_TYPE,
            requested_token_type=PASSPORT_TYPE,
        )
    )
    assert (made["token_type"], made["issued_token_type"]) == ("N_A", PASSPORT_TYPE)
    passport = jwt.decode(made["access_token"], world.server.public_keys(), algorithms=["ES256"])
    assert passport.header["typ"] == "vnd.ga4gh.passport+jwt"
    assert passport.claims["aud"] == client.id
    assert len(passport.claims["ga4gh_passport_v1"]) == 1


# Codes


@pytest.mark.parametrize(
    ("changed", "refusal"),
    [
        ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": 'a"b\\é'}, "unsupported_response_type"),
        ({"response_type": None}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"scope": "openid root"}, "invalid_scope"),
        ({"request": "e30.e30."}, "request_not_supported"),
        ({"request_uri": "https://evil.example/"}, "request_uri_not_supported"),
        ({"prompt": "none"}, "interaction_required"),
    ],
)
def test_requests_for_less_safety_are_refused_to_the_client(
    world: World, changed: dict[str, str | None], refusal: str
) -> None:
    app = world.application()
    answer = world.server.asked_for(world.asking(app, **changed))
    assert isinstance(answer, Answer)
    told = query_of(answer)
    assert answer.headers["location"].startswith(CALLBACK)
    assert (told["error"], told["state"], told["iss"]) == (refusal, "st", NODE)
    assert "code" not in told


@pytest.mark.parametrize(
    "uri",
    [
        None,
        "",
        "https://evil.example/callback",
        "https://app.example/callback/",
        "https://app.example/callback/../evil",
        "https://app.example/callback?next=https://evil.example",
        "https://app.example/callback#fragment",
        "https://app.example@evil.example/callback",
        "https://app.example.evil.example/callback",
        "http://app.example/callback",
        "HTTPS://app.example/callback",
        "https://app.example:443/callback",
        "https://app.example/Callback",
        "https://app.example/%63allback",
        "//app.example/callback",
        "javascript:alert(1)",
        'https://app.example/"quoted\\é',
    ],
)
def test_nobody_is_sent_to_an_address_that_is_not_registered(world: World, uri: str | None) -> None:
    app = world.application()
    with pytest.raises(BadQuestion, match="redirect_uri"):
        world.server.asked_for(world.asking(app, redirect_uri=uri))


def test_nobody_is_sent_anywhere_for_an_unknown_client(world: World) -> None:
    app = world.application()
    with pytest.raises(BadQuestion, match="no such client"):
        world.server.asked_for(world.asking(app, client_id="unknown"))


@pytest.mark.parametrize(
    ("uri", "good"),
    [
        ("http://127.0.0.1:51004/cb", True),
        ("http://127.0.0.1/cb", True),
        ("http://127.0.0.1:0/cb", False),
        ("http://127.0.0.1:51004/cb2", False),
        ("http://127.0.0.1:51004@evil.example/cb", False),
        ("http://127.0.0.1.evil.example/cb", False),
        ("http://localhost:51004/cb", False),
        ("https://127.0.0.1:51004/cb", False),
    ],
)
def test_a_program_on_the_same_machine_chooses_its_port_only(world: World, uri: str, good: bool) -> None:
    assert world.application(uri="http://127.0.0.1:8010/cb").check_redirect_uri(uri) is good


@pytest.mark.parametrize(
    "uri",
    [
        "http://app.example/cb",
        "https://app.example/cb#x",
        "https://*.app.example/cb",
        "https://user@app.example/cb",
        "javascript:alert(1)",
        "data:text/html,x",
        "myapp:/cb",
        "http://127.0.0.1:0/cb",
        "https:///cb",
        "cb",
    ],
)
def test_some_addresses_cannot_be_registered(world: World, uri: str) -> None:
    with pytest.raises(BadInput):
        world.application(uri=uri)


def test_a_code_is_good_once_and_its_replay_ends_what_came_of_it(world: World) -> None:
    app, ada = world.application(), world.user()
    code = world.code(app, ada)
    told = body(world.redeem(app, code))
    assert error(world.redeem(app, code)) == "invalid_grant"
    assert world.server.tokens.read(told["access_token"]) is None
    refreshing = world.token(app, grant_type="refresh_token", refresh_token=told["refresh_token"])
    assert error(refreshing) == "invalid_grant"


def test_a_code_of_another_client_is_not_good_and_not_used_up(world: World) -> None:
    app, other, ada = world.application(), world.application("other"), world.user()
    code = world.code(app, ada)
    assert error(world.redeem(other, code, redirect_uri=app.redirect_uris[0])) == "invalid_grant"
    assert body(world.redeem(app, code))["access_token"]


@pytest.mark.parametrize(
    ("changed", "refusal"),
    [
        ({"code_verifier": None}, "invalid_request"),
        ({"code_verifier": "w" * 43}, "invalid_grant"),
        ({"code_verifier": "short"}, "invalid_request"),
        ({"redirect_uri": None}, "invalid_grant"),
        ({"redirect_uri": "https://app.example/other"}, "invalid_grant"),
        ({"code": "invented"}, "invalid_grant"),
        ({"code": None}, "invalid_request"),
    ],
)
def test_a_stolen_or_injected_code_is_refused(
    world: World, changed: dict[str, str | None], refusal: str
) -> None:
    app, ada = world.application(public=True), world.user()
    code = world.code(app, ada)
    assert error(world.redeem(app, **{"code": code, **changed})) == refusal


def test_a_code_lives_a_minute(world: World) -> None:
    app, ada = world.application(), world.user()
    code = world.code(app, ada)
    world.clock.now_s += 61
    assert error(world.redeem(app, code)) == "invalid_grant"


def test_a_person_may_refuse(world: World) -> None:
    app, ada = world.application(), world.user()
    answer = world.server.decide(world.asking(app), SignedIn(ada), world.clock(), allowed=False)
    assert query_of(answer) == {
        "error": "access_denied",
        "error_description": "The resource owner or authorization server denied the request",
        "state": "st",
        "iss": NODE,
    }


# Refresh tokens


def refreshed(world: World, app, token: str, **more: str) -> Answer:
    return world.token(app, grant_type="refresh_token", refresh_token=token, **more)


def test_a_refresh_token_is_replaced_and_its_reuse_ends_the_family(world: World) -> None:
    app, ada = world.application(), world.user()
    first = body(world.redeem(app, world.code(app, ada)))
    second = body(refreshed(world, app, first["refresh_token"]))
    assert second["refresh_token"] != first["refresh_token"]
    assert error(refreshed(world, app, first["refresh_token"])) == "invalid_grant"
    assert error(refreshed(world, app, second["refresh_token"])) == "invalid_grant"
    for told in (first, second):
        assert world.server.tokens.read(told["access_token"]) is None


def test_a_refresh_token_never_gives_more_than_was_allowed(world: World) -> None:
    app, ada = world.application(), world.user()
    told = body(world.redeem(app, world.code(app, ada, scope="openid offline_access beacon:query")))
    assert (
        error(refreshed(world, app, told["refresh_token"], scope="beacon:query mme:match")) == "invalid_scope"
    )
    narrowed = body(refreshed(world, app, told["refresh_token"], scope="beacon:query"))
    assert narrowed["scope"] == "beacon:query"
    assert (
        body(refreshed(world, app, narrowed["refresh_token"]))["scope"]
        == "openid offline_access beacon:query"
    )


def test_an_invented_refresh_token_ends_nothing(world: World) -> None:
    """The name of a family stands in access tokens, too."""
    app, ada = world.application(), world.user()
    told = body(world.redeem(app, world.code(app, ada)))
    family, secret, mark = told["refresh_token"].split(".")
    for invented in (
        f"{family}.{'x' * 43}.{mark}",
        f"{family}.{secret}.{'0' * 64}",
        f"{family}.{secret}",
        family,
        "",
        ".",
        "..",
        "é.é.é",
    ):
        assert error(refreshed(world, app, invented)) == "invalid_grant"
    assert body(refreshed(world, app, told["refresh_token"]))["access_token"]


def test_a_refresh_token_is_of_one_client_and_expires(world: World) -> None:
    app, other, ada = world.application(), world.application("other"), world.user()
    told = body(world.redeem(app, world.code(app, ada)))
    assert error(refreshed(world, other, told["refresh_token"])) == "invalid_grant"
    world.clock.now_s += 7 * 24 * 3600 + 1
    assert error(refreshed(world, app, told["refresh_token"])) == "invalid_grant"


def test_without_offline_access_there_is_no_refresh_token(world: World) -> None:
    app, ada = world.application(), world.user()
    assert "refresh_token" not in body(world.redeem(app, world.code(app, ada, scope="beacon:query")))


# Exchange


@pytest.mark.parametrize(
    ("changed", "refusal"),
    [
        ({"scope": "beacon:query root"}, "invalid_scope"),
        ({"scope": "profile"}, "invalid_scope"),
        ({"audience": "https://elsewhere.example"}, "invalid_target"),
        ({"resource": f"{NODE}/"}, "invalid_target"),
        ({"subject_token_type": "urn:ietf:params:oauth:token-type:id_token"}, "invalid_request"),
        ({"subject_token": "e30.e30.e30"}, "invalid_grant"),
        ({"subject_token": None}, "invalid_grant"),
        ({"requested_token_type": "urn:ietf:params:oauth:token-type:refresh_token"}, "invalid_request"),
        ({"actor_token": "x"}, "invalid_request"),
    ],
)
def test_an_exchange_never_widens(world: World, changed: dict[str, str | None], refusal: str) -> None:
    client, secret, told = machine_token(world)
    fields: dict[str, str | None] = {
        "grant_type": EXCHANGE,
        "subject_token": told["access_token"],
        "subject_token_type": ACCESS_TOKEN_TYPE,
        **changed,
    }
    assert error(world.token(client, secret, **fields)) == refusal


def exchange(world: World, client, secret: str | None, token: str, **more: str) -> Answer:
    return world.token(
        client,
        secret,
        grant_type=EXCHANGE,
        subject_token=token,
        subject_token_type=ACCESS_TOKEN_TYPE,
        **more,
    )


def test_an_exchanged_token_is_narrower_and_lives_no_longer(world: World) -> None:
    client, secret, told = machine_token(world)
    world.clock.now_s += 200
    made = body(exchange(world, client, secret, told["access_token"], scope="beacon:query"))
    claims = world.server.tokens.read(made["access_token"])
    assert claims is not None
    assert (claims["scope"], claims["act"], made["expires_in"]) == ("beacon:query", {"sub": client.id}, 100)
    again = exchange(world, client, secret, made["access_token"], requested_token_type=PASSPORT_TYPE)
    assert error(again) == "invalid_scope"


def test_only_its_own_client_exchanges_a_token(world: World) -> None:
    _, _, told = machine_token(world)
    other, secret = world.machine("other")
    assert error(exchange(world, other, secret, told["access_token"])) == "invalid_grant"


def test_a_public_client_cannot_exchange_and_an_id_token_is_no_access_token(world: World) -> None:
    app, ada = world.application(public=True), world.user()
    told = body(world.redeem(app, world.code(app, ada)))
    assert error(exchange(world, app, None, told["access_token"])) == "invalid_client"
    secret_app = world.application("secret")
    told = body(world.redeem(secret_app, world.code(secret_app, ada)))
    assert error(exchange(world, secret_app, None, told["id_token"])) == "invalid_grant"


# Who is the client?


def test_clients_authenticate_in_their_own_way_and_in_one(world: World) -> None:
    client, secret = world.machine()
    app = world.application(public=True)
    asked = {"grant_type": "client_credentials"}
    good = basic(client.id, secret)
    server = world.server
    assert body(server.token({**asked, "client_id": client.id, "client_secret": secret}, None))
    for fields, header in [
        (asked, None),
        (asked, basic(client.id, "wrong")),
        (asked, basic("unknown", secret)),
        (asked, basic(client.id, "")),
        (asked, "Bearer " + secret),
        (asked, "Basic !!!"),
        (asked, "Basic /////w=="),
        ({**asked, "client_id": client.id}, None),
        ({**asked, "client_id": client.id, "client_secret": "wrong"}, None),
        ({**asked, "client_id": app.id}, None),
        ({**asked, "client_id": app.id, "client_secret": "x"}, None),
        ({**asked, "client_id": app.id}, good),
    ]:
        assert error(server.token(fields, header)) == "invalid_client", (fields, header)
    both = {**asked, "client_id": client.id, "client_secret": secret}
    assert error(server.token(both, good)) == "invalid_request"


def test_grants_that_a_client_may_not_use_and_unknown_ones(world: World) -> None:
    client, secret = world.machine()
    app = world.application()
    assert error(world.token(app, grant_type="client_credentials")) == "unauthorized_client"
    assert (
        error(world.token(client, secret, grant_type="authorization_code", code="x")) == "unauthorized_client"
    )
    assert error(world.token(client, secret, grant_type="password")) == "unsupported_grant_type"
    assert error(world.token(client, secret)) == "unsupported_grant_type"
    assert (
        error(world.token(client, secret, grant_type="client_credentials", scope="profile"))
        == "invalid_scope"
    )


def key_client(world: World) -> tuple:
    key = ECKey.generate_key("P-256", {"kid": "one"})
    client_id, secret = world.server.clients.add_machine("keys", {"keys": [key.as_dict(private=False)]})
    assert secret is None
    return client_id, key


def assertion(world: World, client_id: str, key, **more) -> dict[str, str]:
    now = int(world.clock())
    claims = {"iss": client_id, "sub": client_id, "aud": NODE, "exp": now + 60, "iat": now, "jti": "a" * 22}
    claims |= more
    claims = {name: value for name, value in claims.items() if value is not None}
    header = {"alg": "ES256", "kid": "one"}
    return {
        "grant_type": "client_credentials",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": jwt.encode(header, claims, key, algorithms=["ES256"]),
    }


def test_a_client_with_keys_signs_who_it_is_once(tmp_path: Path) -> None:
    with a_world(tmp_path) as world:
        world.clock.now_s = time.time()  # Authlib reads the clock of the machine
        client_id, key = key_client(world)
        for audience in (NODE, f"{NODE}/oauth/token", [NODE]):
            shown = assertion(world, client_id, key, aud=audience, jti=f"jti {audience}")
            assert body(world.server.token(shown, None))["access_token"]
            assert error(world.server.token(shown, None)) == "invalid_client"
        stranger = ECKey.generate_key("P-256")
        now = int(world.clock())
        for changed in (
            {"aud": "https://elsewhere.example"},
            {"aud": f"{NODE}/"},
            {"iss": "somebody"},
            {"sub": "somebody"},
            {"sub": 7},
            {"exp": now - 100},
            {"exp": now + 7200},
            {"exp": None},
            {"exp": "soon"},
            {"jti": None},
            {"jti": 5},
        ):
            shown = assertion(world, client_id, key, **{"jti": str(changed), **changed})
            assert error(world.server.token(shown, None)) == "invalid_client", changed
        shown = assertion(world, client_id, stranger)
        assert error(world.server.token(shown, None)) == "invalid_client"
        client, secret = world.machine()
        shown = assertion(world, client.id, key)
        assert error(world.server.token(shown, None)) == "invalid_client"
        assert error(world.server.token(shown, basic(client.id, secret))) == "invalid_request"


@pytest.mark.parametrize("header", [{"alg": "none"}, {"alg": "HS256"}])
def test_an_assertion_needs_a_real_signature(tmp_path: Path, header: dict[str, str]) -> None:
    with a_world(tmp_path) as world:
        world.clock.now_s = time.time()
        client_id, key = key_client(world)
        now = int(world.clock())
        claims = {"iss": client_id, "sub": client_id, "aud": NODE, "exp": now + 60, "jti": "b" * 22}

        def part(value: object) -> str:
            return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

        signed = f"{part(header)}.{part(claims)}"
        mac = hmac.digest(key.as_pem(private=False), signed.encode(), "sha256")
        signature = "" if header["alg"] == "none" else base64.urlsafe_b64encode(mac).rstrip(b"=").decode()
        fields = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": f"{signed}.{signature}",
        }
        assert error(world.server.token(fields, None)) == "invalid_client"


def test_private_keys_and_shared_secrets_are_not_kept_as_public_keys(world: World) -> None:
    private = ECKey.generate_key("P-256").as_dict(private=True)
    client_id, _ = world.server.clients.add_machine("private", {"keys": [private]})
    kept = world.server.clients.named(client_id).jwks
    assert kept is not None
    assert "d" not in kept["keys"][0]
    for bad in ({"keys": []}, {"keys": [{"kty": "oct", "k": "AAAA"}]}, {"keys": [{}]}, {}):
        with pytest.raises(BadInput):
            world.server.clients.add_machine("bad", bad)


def test_a_rotated_secret_ends_the_old_one_and_a_removed_client_its_tokens(world: World) -> None:
    client, secret, told = machine_token(world)
    new = world.server.clients.rotate_secret(client)
    assert error(world.token(client, secret, grant_type="client_credentials")) == "invalid_client"
    assert body(world.token(client, new, grant_type="client_credentials"))
    assert world.server.tokens.read(told["access_token"]) is not None
    world.server.clients.remove(client)
    assert world.server.tokens.read(told["access_token"]) is None


# Introspection, revocation, userinfo


def test_introspection_tells_a_client_of_its_own_tokens_alone(world: World) -> None:
    client, secret, told = machine_token(world)
    other, others = world.machine("other")
    asked = {"token": told["access_token"]}
    assert body(world.server.introspect(asked, basic(client.id, secret)))["active"] is True
    assert body(world.server.introspect(asked, basic(other.id, others))) == {"active": False}
    assert body(world.server.introspect({"token": "x"}, basic(client.id, secret))) == {"active": False}
    assert error(world.server.introspect(asked, None)) == "invalid_client"
    world.clock.now_s += 301
    assert body(world.server.introspect(asked, basic(client.id, secret))) == {"active": False}


def test_a_revoked_token_is_over(world: World) -> None:
    client, secret, told = machine_token(world)
    other, others = world.machine("other")
    asked = {"token": told["access_token"]}
    assert error(world.server.revoke(asked, basic(other.id, others))) == "invalid_grant"
    assert world.server.tokens.read(told["access_token"]) is not None
    for _ in range(2):
        assert world.server.revoke(asked, basic(client.id, secret)).status == 200
    assert world.server.tokens.read(told["access_token"]) is None


def test_a_revoked_refresh_token_ends_its_family(world: World) -> None:
    app, ada = world.application(), world.user()
    told = body(world.redeem(app, world.code(app, ada)))
    asked = {"token": told["refresh_token"], "token_type_hint": "refresh_token"}
    assert world.server.revoke(asked, basic(app.id, world.made[app.id])).status == 200
    assert world.server.tokens.read(told["access_token"]) is None
    assert error(refreshed(world, app, told["refresh_token"])) == "invalid_grant"


def test_userinfo_tells_what_was_allowed(world: World) -> None:
    app, ada = world.application(), world.user()
    world.server.entitlements.grant(ada.subject, Tier.REGISTERED)
    whole = body(world.redeem(app, world.code(app, ada)))
    told = world.server.person(whole["access_token"])
    assert (told["sub"], told["name"], len(told["ga4gh_passport_v1"])) == (ada.subject, "ada", 2)
    less = body(world.redeem(app, world.code(app, ada, scope="openid")))
    assert world.server.person(less["access_token"]) == {"sub": ada.subject}


def test_tokens_of_a_locked_or_removed_user_are_over(world: World) -> None:
    app, ada = world.application(), world.user()
    told = body(world.redeem(app, world.code(app, ada)))
    world.server.accounts.lock(ada)
    assert world.server.tokens.read(told["access_token"]) is None
    assert error(refreshed(world, app, told["refresh_token"])) == "invalid_grant"
    world.server.accounts.lock(ada, locked=False)
    assert world.server.tokens.read(told["access_token"]) is None
    told = body(world.redeem(app, world.code(app, ada)))
    assert world.server.tokens.read(told["access_token"]) is not None
    world.server.accounts.remove(ada)
    assert world.server.tokens.read(told["access_token"]) is None


# Keys


def test_keys_change_without_a_gap_and_are_forgotten_in_time(world: World, tmp_path: Path) -> None:
    _, _, told = machine_token(world)
    before = world.server.jwks()["keys"][0]["kid"]
    made = world.server.keyring.rotate()
    assert [key["kid"] for key in world.server.jwks()["keys"]] == [made, before]
    assert all("d" not in key for key in world.server.jwks()["keys"])
    assert world.server.tokens.read(told["access_token"]) is not None
    world.clock.now_s += 3600 + 121
    assert [key["kid"] for key in world.server.jwks()["keys"]] == [made]
    world.server.keyring.rotate()
    assert before not in (tmp_path / "keys" / "oauth.jwks").read_text()


def test_key_files_are_for_their_owner_alone(world: World, tmp_path: Path) -> None:
    for name in ("oauth.jwks", "access.key"):
        path = tmp_path / "keys" / name
        assert path.stat().st_mode & 0o777 == 0o600
        path.chmod(0o640)
        with pytest.raises(BadInput, match="can be read by other users"):
            open_server(world.engine, tmp_path, world.clock)
        path.chmod(0o600)


def test_a_token_of_another_node_or_kind_is_none(world: World, tmp_path: Path) -> None:
    claims = {"iss": NODE, "aud": NODE, "sub": "x", "client_id": "x", "exp": world.clock() + 60, "jti": "x"}
    keyring = world.server.keyring
    client, _ = world.machine()
    good = {**claims, "sub": client.id, "client_id": client.id, "exp": int(world.clock()) + 60}
    assert world.server.tokens.read(keyring.sign("at+jwt", good)) is not None
    for media_type, changed in [
        ("JWT", {}),
        ("vnd.ga4gh.visa+jwt", {}),
        ("at+jwt", {"aud": f"{NODE}/"}),
        ("at+jwt", {"aud": [NODE, "https://elsewhere.example"]}),
        ("at+jwt", {"iss": "https://elsewhere.example"}),
        ("at+jwt", {"exp": int(world.clock())}),
        ("at+jwt", {"exp": None}),
        ("at+jwt", {"client_id": "gone"}),
    ]:
        assert world.server.tokens.read(keyring.sign(media_type, good | changed)) is None
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with a_world(elsewhere) as other:
        assert world.server.tokens.read(other.server.keyring.sign("at+jwt", good)) is None


def test_no_token_is_ever_logged(world: World, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        app, ada = world.application(), world.user()
        told = body(world.redeem(app, world.code(app, ada)))
    assert told["access_token"] not in caplog.text
    assert told["refresh_token"] not in caplog.text
