"""Access tokens under attack: every row is one way in that has to stay shut.

Documents are signed with the honest issuer's own key wherever an attack is about something else than the key,
so that no row passes only because of a bad signature.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import RSAKey

from node.access.access_tokens import _REMEMBER
from node.access.authenticator import Presented
from node.access.principal import Anonymous, Caller, Role
from node.access.remembered import Remembered
from schemas.errors import IssuerUnavailable, NotAuthorised
from tests.issuing import (
    EVIL,
    IDP,
    KEY_URL,
    KEYCLOAK_IDP,
    KEYS,
    LS_AAI,
    NODE,
    NOW,
    OTHER,
    World,
    a_passport,
    a_status,
    a_token,
    a_visa,
    b64,
    claims_of,
    forge,
    keycloak_claims,
    new_key,
    unsigned,
)


def refused(token: str, because: str, world: World | None = None, fetches: int | None = None) -> None:
    """`token` is refused for that reason, is not quoted, and cost at most so many fetches."""
    world = world or World()
    with pytest.raises(NotAuthorised) as refusal:
        world.identify(f"Bearer {token}")
    assert because in refusal.value.message, refusal.value.message
    told = refusal.value.message + "".join(refusal.value.headers.values())
    assert not [part for part in token.split(".") if len(part) > 40 and part in told]
    assert 'error="invalid_token"' in refusal.value.headers["WWW-Authenticate"]
    if fetches is not None:
        assert len(world.served.asked) <= fetches


# -------------------------------------------------------------------------------------------- honest


def test_nothing_presented_is_anonymous() -> None:
    world = World()
    assert isinstance(world.identify(), Anonymous)
    assert world.served.asked == []


def test_an_honest_token_names_its_holder() -> None:
    caller = World().caller(a_token())
    assert (caller.issuer, caller.subject, caller.client) == (IDP, "alice", "portal")
    assert caller.expires_s == NOW + 300
    assert caller.scopes == {"openid", "beacon"}


def test_a_token_of_keycloak_brings_its_roles() -> None:
    caller = World().caller(a_token(KEYCLOAK_IDP))
    assert (caller.client, caller.roles) == ("portal", {Role.CLINICIAN})
    assert not World().caller(a_token(KEYCLOAK_IDP, realm_access={"roles": ["beacon-clinicians"]})).roles
    assert not World().caller(a_token(KEYCLOAK_IDP, realm_access="beacon-clinician")).roles


def test_a_token_of_an_older_keycloak_may_have_a_nonce_but_an_id_token_is_none() -> None:
    assert World().caller(a_token(KEYCLOAK_IDP, nonce="n")).subject == "alice"
    refused(a_token(KEYCLOAK_IDP, nonce="n", typ="ID"), "claim typ")


def test_a_token_of_ls_aai_needs_no_audience_but_a_known_client() -> None:
    assert World().caller(a_token(LS_AAI)).subject == "alice@lifescience-ri.eu"
    assert World().caller(a_token(LS_AAI, aud=NODE)).client == "portal"


def test_a_media_type_may_be_written_in_full() -> None:
    assert World().caller(a_token(header={"typ": "application/at+jwt"})).subject == "alice"
    assert World().caller(a_token(header={"typ": "AT+JWT"})).subject == "alice"


def test_a_verified_token_is_remembered_until_it_ends() -> None:
    world, token = World(), a_token()
    world.caller(token)
    assert world.caller(token) == world.caller(token)
    assert world.served.asked == [KEY_URL[IDP]]
    world.clock.now += 331
    refused(token, "expired", world)


def test_what_is_remembered_is_bounded_and_the_oldest_goes_first() -> None:
    memory: Remembered[int] = Remembered(at_most=3)
    for number in range(5):
        memory.put(str(number).encode(), number, NOW + 10)
    assert [memory.get(str(number).encode(), NOW) for number in range(5)] == [None, None, 2, 3, 4]
    assert memory.get(b"4", NOW + 10) is None
    assert _REMEMBER <= 100_000


# ------------------------------------------------------------------------------- keys and algorithms


def with_public_key_as_secret(issuer: str, typ: str = "at+jwt") -> str:
    secret = KEYS[issuer].as_pem(private=False)
    token = unsigned(claims_of(issuer), alg="HS256", typ=typ, kid=KEYS[issuer].kid)[:-1]
    return f"{token}.{b64(hmac.new(secret, token.encode(), hashlib.sha256).digest())}"


def a_short_key() -> RSAKey:
    """Of 1024 bits, which the library warns of."""
    with warnings.catch_warnings(action="ignore"):
        return RSAKey.generate_key(1024, {"use": "sig"}, auto_kid=True)


def another_rsa() -> dict[str, Any]:
    return new_key("RSA").as_dict(private=False)


EVIL_JWK = KEYS[EVIL].as_dict(private=False)
KID = KEYS[IDP].kid
# name -> (token, reason, fetches at most)
BY_HEADER: dict[str, tuple[Callable[[], str], str, int]] = {
    "alg none": (lambda: unsigned(claims_of(), alg="none", typ="at+jwt", kid=KID), "compact JWS", 0),
    "alg none with a signature": (lambda: a_token(header={"alg": "none"}), "algorithm", 0),
    "alg NoNe": (lambda: a_token(header={"alg": "NoNe"}), "algorithm", 0),
    "alg HS256 with the public key": (lambda: with_public_key_as_secret(IDP), "algorithm", 0),
    "alg HS256 with the public RSA key": (
        lambda: with_public_key_as_secret(KEYCLOAK_IDP, "JWT"),
        "algorithm",
        0,
    ),
    "alg of the other kind of key": (lambda: a_token(KEYCLOAK_IDP, header={"alg": "ES256"}), "algorithm", 0),
    "alg ES384": (lambda: a_token(header={"alg": "ES384"}), "algorithm", 0),
    "alg in lower case": (lambda: a_token(header={"alg": "es256"}), "algorithm", 0),
    "alg a list": (lambda: a_token(header={"alg": ["ES256"]}), "algorithm", 0),
    "no alg": (lambda: a_token(header={"alg": None}), "algorithm", 0),
    "typ JWT, as an ID token": (lambda: a_token(header={"typ": "JWT"}), "type", 0),
    "no typ": (lambda: a_token(header={"typ": None}), "type", 0),
    "typ of a proof": (lambda: a_token(header={"typ": "dpop+jwt"}), "type", 0),
    "typ of a visa": (lambda: a_token(header={"typ": "vnd.ga4gh.visa+jwt"}), "type", 0),
    "typ of a logout token": (lambda: a_token(header={"typ": "logout+jwt"}), "type", 0),
    "jku of the cloud's metadata": (
        lambda: a_token(key=KEYS[EVIL], header={"jku": "http://169.254.169.254/latest"}),
        "jku",
        0,
    ),
    "jku of the issuer itself": (lambda: a_token(header={"jku": KEY_URL[IDP]}), "jku", 0),
    "jwk": (lambda: a_token(key=KEYS[EVIL], header={"jwk": EVIL_JWK}), "jwk", 0),
    "x5u": (lambda: a_token(header={"x5u": "https://evil.example/c"}), "x5u", 0),
    "x5c": (lambda: a_token(header={"x5c": ["AA"]}), "x5c", 0),
    "crit": (lambda: a_token(header={"crit": ["exp"], "exp": 1}), "crit", 0),
    "b64": (lambda: a_token(header={"b64": False}), "b64", 0),
    "zip": (lambda: a_token(header={"zip": "DEF"}), "zip", 0),
    "no kid": (lambda: a_token(header={"kid": None}), "kid", 0),
    "kid empty": (lambda: a_token(header={"kid": ""}), "kid", 0),
    "kid a number": (lambda: a_token(header={"kid": 7}), "kid", 0),
    "kid huge": (lambda: a_token(header={"kid": "x" * 3000}), "kid", 0),
    "kid with a line break": (lambda: a_token(header={"kid": "a\nb"}), "kid", 0),
    "kid that climbs": (lambda: a_token(header={"kid": "../../etc/passwd"}), "kid", 1),
    "kid of SQL": (lambda: a_token(header={"kid": "' OR 1=1--"}), "kid", 1),
    "kid a URL": (lambda: a_token(header={"kid": "http://evil.example/x"}), "kid", 1),
    "key of a stranger": (lambda: a_token(key=KEYS[EVIL]), "kid", 1),
    "key of another issuer": (lambda: a_token(key=KEYS[KEYCLOAK_IDP], header={"alg": "ES256"}), "kid", 1),
    "key of a stranger under the honest kid": (
        lambda: a_token(key=KEYS[EVIL], header={"kid": KID}),
        "does not verify",
        1,
    ),
    "a long header": (lambda: a_token(header={"x": "y" * 5000}), "size", 0),
    "a long token": (lambda: a_token(x="y" * 20_000), "credentials", 0),
    "alg twice": (
        lambda: ".".join([b64(b'{"alg":"ES256","alg":"none","typ":"at+jwt"}'), *a_token().split(".")[1:]]),
        "distinct members",
        0,
    ),
}


@pytest.mark.parametrize("row", BY_HEADER)
def test_header_attacks(row: str) -> None:
    make, because, fetches = BY_HEADER[row]
    refused(make(), because, fetches=fetches)


def test_a_changed_claim_breaks_the_signature() -> None:
    head, body, tail = a_token().split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    refused(f"{head}.{b64(json.dumps(claims | {'sub': 'mallory'}).encode())}.{tail}", "does not verify")


def test_a_signature_of_other_bytes_is_refused() -> None:
    token = a_token()
    head, body, tail = token.split(".")
    refused(f"{head}.{body}.{'A' * len(tail)}", "does not verify")
    refused(f"{head}.{body}.{tail[:-3]}", "")


# ------------------------------------------------------------------------------------------- claims

BY_CLAIMS: dict[str, tuple[dict[str, Any], str]] = {
    "no issuer": ({"iss": None}, "issuer"),
    "issuer a list": ({"iss": [IDP]}, "issuer"),
    "another issuer": ({"iss": EVIL}, "issuer"),
    "issuer with a slash": ({"iss": IDP + "/"}, "issuer"),
    "issuer in capitals": ({"iss": IDP.upper()}, "issuer"),
    "the issuer of another key": ({"iss": KEYCLOAK_IDP}, "algorithm"),
    "this node as issuer": ({"iss": NODE}, "issuer"),
    "no audience": ({"aud": None}, "audience"),
    "another audience": ({"aud": OTHER}, "audience"),
    "audience empty": ({"aud": []}, "audience"),
    "audience of numbers": ({"aud": [1]}, "aud"),
    "audience with a slash": ({"aud": NODE + "/"}, "audience"),
    "audience that begins alike": ({"aud": NODE + ".evil.example"}, "audience"),
    "audience in a text of two": ({"aud": f"{NODE} {OTHER}"}, "audience"),
    "two audiences": ({"aud": [NODE, OTHER]}, "for others"),
    "audience the client": ({"aud": "portal"}, "audience"),
    "another client": ({"client_id": "other-app"}, "client"),
    "no client": ({"client_id": None}, "client_id"),
    "client a list": ({"client_id": ["portal"]}, "client_id"),
    "no subject": ({"sub": None}, "sub"),
    "subject empty": ({"sub": ""}, "sub"),
    "subject a number": ({"sub": 7}, "sub"),
    "subject with a line break": ({"sub": "alice\nadmin"}, "sub"),
    "no id": ({"jti": None}, "jti"),
    "expired": ({"iat": NOW - 900, "exp": NOW - 31}, "expired"),
    "no expiry": ({"exp": None}, "exp"),
    "expiry a text": ({"exp": str(NOW + 300)}, "exp"),
    "expiry true": ({"exp": True}, "exp"),
    "expiry beyond numbers": ({"exp": 10**400}, "exp"),
    "no issue time": ({"iat": None}, "iat"),
    "ten days": ({"exp": NOW + 864_000}, "may live"),
    "just too long": ({"exp": NOW + 3601}, "may live"),
    "expires before it is issued": ({"exp": NOW - 1}, "may live"),
    "issued in the future": ({"iat": NOW + 31, "exp": NOW + 300}, "future"),
    "not before later": ({"nbf": NOW + 31}, "nbf"),
    "not before a text": ({"nbf": "now"}, "nbf"),
    "an ID token by its nonce": ({"nonce": "n"}, "ID token"),
    "an ID token by its hash": ({"at_hash": "h"}, "ID token"),
    "an ID token by the code's hash": ({"c_hash": "h"}, "ID token"),
    "a logout token": ({"events": {}}, "logout token"),
    "a token between nodes": ({"fed": {"htm": "POST"}}, "between nodes"),
    "a visa in it": ({"ga4gh_visa_v1": {}}, "visa"),
    "a passport in it": ({"ga4gh_passport_v1": []}, "passport"),
    "typ of an ID token": ({"typ": "ID"}, "claim typ"),
    "typ of a refresh token": ({"typ": "Refresh"}, "claim typ"),
    "bound to a certificate": ({"cnf": {"x5t#S256": "AA"}}, "cnf"),
    "bound to nothing": ({"cnf": {}}, "cnf"),
    "bound to a number": ({"cnf": {"jkt": 7}}, "jkt"),
    "scope a list": ({"scope": ["openid"]}, "scope"),
}


@pytest.mark.parametrize("row", BY_CLAIMS)
def test_claim_attacks(row: str) -> None:
    changes, because = BY_CLAIMS[row]
    refused(forge(KEYS[IDP], claims_of(**changes)), because)


KEYCLOAK_ROWS: dict[str, tuple[dict[str, Any], str]] = {
    "its ID token": ({"typ": "ID"}, "claim typ"),
    "its refresh token": ({"typ": "Refresh"}, "claim typ"),
    "its offline token": ({"typ": "Offline"}, "claim typ"),
    "no typ": ({"typ": None}, "claim typ"),
    "typ a list": ({"typ": ["Bearer"]}, "claim typ"),
    "the audience it gives by default": ({"aud": "account"}, "audience"),
    "a third audience": ({"aud": [NODE, "account", "other-app"]}, "for others"),
    "another client of the realm": ({"azp": "other-app"}, "client"),
    "no client": ({"azp": None}, "azp"),
    "two clients": ({"client_id": "other-app"}, "client"),
    "another realm": ({"iss": "https://sso.example/realms/other"}, "issuer"),
    "bound to a key, shown as bearer": ({"typ": "DPoP", "cnf": {"jkt": "x" * 43}}, "DPoP"),
}


@pytest.mark.parametrize("row", KEYCLOAK_ROWS)
def test_tokens_of_keycloak_that_are_not_for_this(row: str) -> None:
    changes, because = KEYCLOAK_ROWS[row]
    refused(a_token(KEYCLOAK_IDP, **changes), because)


@pytest.mark.parametrize(
    ("changes", "because"),
    [
        ({"client_id": None}, "client"),
        ({"client_id": "other-app"}, "client"),
        ({"aud": OTHER}, "audience"),
        ({"aud": []}, "audience"),
        ({"nonce": "n"}, "ID token"),
        ({"ga4gh_passport_v1": ["x"]}, "passport"),
    ],
)
def test_tokens_of_ls_aai_that_are_not_for_this(changes: dict[str, Any], because: str) -> None:
    refused(a_token(LS_AAI, **changes), because)


@pytest.mark.parametrize("name", ["aud", "iss", "exp", "sub"])
def test_a_claim_may_not_stand_twice(name: str) -> None:
    claims = claims_of()
    text = json.dumps(claims)[:-1] + f', "{name}": {json.dumps(claims[name])}}}'
    refused(forge(KEYS[IDP], text.encode()), "distinct members", fetches=0)


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1e400", "[" * 3000 + "]" * 3000])
def test_numbers_and_nesting_that_are_not_sane(value: str) -> None:
    text = json.dumps(claims_of()).replace(f'"exp": {NOW + 300}', f'"exp": {value}')
    assert value in text
    refused(forge(KEYS[IDP], text.encode()), "")


def test_other_documents_of_the_world_are_no_access_tokens() -> None:
    refused(a_visa(), "issuer")
    refused(a_status(), "type")
    refused(a_passport(), "type")
    refused(forge(KEYS[KEYCLOAK_IDP], keycloak_claims(at_hash="n"), typ="JWT"), "ID token")


# ------------------------------------------------------------------------------------------- headers


@pytest.mark.parametrize(
    "credentials",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer  ",
        "bearer é",
        "Basic YWxpY2U6c2VjcmV0",
        "Token abc",
        "Bearer a b",
        "Bearer opaque-token-of-somebody",
        "Bearer a.b.c",
        "Bearer ....",
        f"Bearer {'a' * 20_000}",
        "Negotiate abc",
    ],
)
def test_credentials_that_are_none_are_refused_not_ignored(credentials: str) -> None:
    world = World()
    with pytest.raises(NotAuthorised) as refusal:
        world.identify(credentials)
    assert refusal.value.headers["WWW-Authenticate"].startswith("Bearer error=")
    assert world.served.asked == []


def test_two_credentials_are_refused() -> None:
    with pytest.raises(NotAuthorised, match="one Authorization"):
        World().identify(f"Bearer {a_token()}", f"Bearer {a_token()}")


def test_the_scheme_may_be_written_in_any_case() -> None:
    assert World().identify(f"bEARER {a_token()}").subject == "alice"


def test_a_refusal_says_where_to_sign_in() -> None:
    with pytest.raises(NotAuthorised) as refusal:
        World().identify("Bearer x")
    header = refusal.value.headers["WWW-Authenticate"]
    assert f'resource_metadata="{NODE}/.well-known/oauth-protected-resource"' in header
    assert 'DPoP algs="ES256 ES384 Ed25519 PS256 RS256"' in header
    header.encode("ascii")


def test_a_refusal_of_nobody_accuses_nobody() -> None:
    header = World().authenticator.needed("sign in").headers["WWW-Authenticate"]
    assert "error" not in header
    assert header.startswith("Bearer resource_metadata=")


def test_the_metadata_names_the_issuers_and_this_resource() -> None:
    document = World().authenticator.metadata("Hospital")
    assert document["resource"] == NODE
    assert document["authorization_servers"] == [IDP, KEYCLOAK_IDP, LS_AAI]
    assert document["bearer_methods_supported"] == ["header"]


# ---------------------------------------------------------------------------------------------- keys


def test_a_flood_of_unknown_keys_is_two_fetches_at_most() -> None:
    world = World()
    for number in range(200):
        refused(a_token(header={"kid": f"k{number}"}), "kid", world)
    assert len(world.served.asked) <= 2


def test_a_flood_at_once_is_two_fetches_at_most() -> None:
    world = World()

    async def flood() -> list[BaseException | Any]:
        calls = [
            Presented("GET", "/", (f"Bearer {a_token(header={'kid': f'k{number}'})}",))
            for number in range(100)
        ]
        found = await asyncio.gather(
            *(world.authenticator.identify(call) for call in calls), return_exceptions=True
        )
        return list(found)

    assert all(isinstance(one, NotAuthorised) for one in asyncio.run(flood()))
    assert len(world.served.asked) <= 2


@pytest.mark.parametrize(
    "entry",
    [
        {"kty": "OKP", "crv": "X999", "x": "AA", "kid": "weird"},
        {"kty": "oct", "k": "c2VjcmV0", "kid": "oct"},
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": "off the curve"},
        {"kty": "EC", "kid": "half"},
        {"kty": "RSA", "n": 7, "e": [], "kid": "numbers"},
        {"kty": "RSA", "key_ops": 7, "kid": "ops"},
        {"kty": "AKP", "alg": "ML-DSA-44", "pub": "AA", "kid": "from the future"},
        {**another_rsa(), "use": "enc", "kid": "for encryption"},
        a_short_key().as_dict(private=False),
        "a text",
        None,
        7,
    ],
)
def test_a_key_that_cannot_be_used_spoils_no_other(entry: Any) -> None:
    world = World()
    world.served.sets[KEY_URL[IDP]].insert(0, entry)
    assert world.caller(a_token()).subject == "alice"
    if isinstance(entry, dict) and "kid" in entry:
        refused(a_token(header={"kid": entry["kid"]}), "kid", world)


def test_a_short_key_is_not_accepted_even_of_a_trusted_issuer() -> None:
    world = World()
    short = a_short_key()
    world.served.sets[KEY_URL[KEYCLOAK_IDP]] = [short.as_dict(private=False)]
    refused(forge(short, keycloak_claims(), typ="JWT"), "kid", world)


def test_a_private_key_that_an_issuer_publishes_is_used_as_public() -> None:
    world = World()
    world.served.sets[KEY_URL[IDP]] = [KEYS[IDP].as_dict(private=True)]
    assert world.caller(a_token()).subject == "alice"


def test_keys_are_changed_without_a_gap_and_the_old_one_ends() -> None:
    world, newer = World(), new_key()
    world.caller(a_token())
    world.served.sets[KEY_URL[IDP]] = [newer.as_dict(private=False)]
    refused(a_token(key=newer), "kid", world)  # the set was fetched a moment ago
    world.clock.now += 31
    assert world.caller(a_token(key=newer)).subject == "alice"
    refused(a_token(), "kid", world)


def test_an_outage_is_survived_with_the_keys_of_before_for_a_day() -> None:
    world = World()
    world.caller(a_token())
    world.served.down = True
    for hours in (1, 12, 23):
        world.clock.now = NOW + hours * 3600
        assert world.caller(a_token(iat=world.clock.now, exp=world.clock.now + 60)).subject == "alice"
    world.clock.now = NOW + 86_401
    with pytest.raises(IssuerUnavailable, match="keys of the issuer"):
        world.caller(a_token(iat=world.clock.now, exp=world.clock.now + 60))


def test_an_issuer_that_is_down_from_the_start_is_not_asked_by_every_request() -> None:
    world = World()
    world.served.down = True
    for _ in range(50):
        with pytest.raises(IssuerUnavailable):
            world.caller(a_token())
    assert len(world.served.asked) == 1
    world.served.down = False
    world.clock.now += 11
    assert world.caller(a_token()).subject == "alice"


def test_a_refused_token_is_never_remembered_as_good() -> None:
    world = World()
    token = a_token(aud=OTHER)
    for _ in range(3):
        refused(token, "audience", world)


# ----------------------------------------------------------------------------------------- anything

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(["iss", "aud", "client_id", "sub", "iat", "exp", "nbf", "jti", "scope", "cnf", "typ"])


@given(changes=st.dictionaries(NAMES, JSON, max_size=3), header=st.dictionaries(st.text(), JSON, max_size=2))
def test_anything_signed_is_a_caller_or_a_refusal(changes: dict[str, Any], header: dict[str, Any]) -> None:
    world = World()
    try:
        token = forge(KEYS[IDP], {**claims_of(), **changes}, {"typ": "at+jwt", **header})
        found = world.identify(f"Bearer {token}")
    except NotAuthorised:
        return
    assert isinstance(found, Caller)
    assert found.client == "portal"


@given(text=st.text(max_size=300))
def test_any_text_is_a_refusal(text: str) -> None:
    with pytest.raises(NotAuthorised):
        World().identify(text)
