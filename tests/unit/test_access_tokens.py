"""Request tokens under attack: every row is one way in that has to stay shut.

Tokens are forged with the honest peer's own key wherever an attack is about something else than the key, so
that no row passes only because of a bad signature.
"""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey, RSAKey

from node.access.claims import LEEWAY_S
from node.access.keys import NodeKey
from node.access.once import UsedIds
from node.access.tokens import LIFE_S, MAX_LIFE_S, Call, TokenVerifier, mint
from schemas.errors import NotAuthorised, OverBudget

A, B, C, EVIL = "https://a.example", "https://b.example", "https://c.example", "https://evil.example"
NOW = 1_800_000_000.0
BODY = b'{"query": {}}'
PATH = "/federation/v1/beacon/g_variants"
CALL = Call("POST", PATH, BODY)
KEY, EVIL_KEY, SUSPENDED_KEY = (NodeKey(ECKey.generate_key("P-256")) for _ in range(3))


@dataclass
class Pinned:
    thumbprints: tuple[str, ...]
    suspended: bool = False


PEERS = {
    A: Pinned((KEY.thumbprint,)),
    C: Pinned((EVIL_KEY.thumbprint,)),
    "https://suspended.example": Pinned((SUSPENDED_KEY.thumbprint,), suspended=True),
}


@dataclass
class Clock:
    now: float = NOW

    def __call__(self) -> float:
        return self.now


def a_verifier(node: str = B, clock: Callable[[], float] | None = None) -> TokenVerifier:
    """One that has been running for an hour."""
    clock = clock or Clock()
    verifier = TokenVerifier(node, PEERS.get, clock)
    verifier._started_s -= 3600
    return verifier


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signature(signing_input: bytes, key: ECKey) -> bytes:
    """ES256 by hand: RFC 7518 §3.4, the two numbers of the signature side by side."""
    private = key.private_key
    assert private is not None
    one, other = decode_dss_signature(private.sign(signing_input, ECDSA(SHA256())))
    return one.to_bytes(32, "big") + other.to_bytes(32, "big")


def forge(
    header: Mapping[str, Any] | bytes, claims: Mapping[str, Any] | bytes, key: ECKey = KEY.active
) -> str:
    """A token with any header and claims, properly signed."""
    parts = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, claims)]
    signing_input = ".".join(map(b64, parts))
    return f"{signing_input}.{b64(signature(signing_input.encode(), key))}"


def a_header(**changes: Any) -> dict[str, Any]:
    header = {
        "alg": "ES256",
        "typ": "at+jwt",
        "kid": KEY.thumbprint,
        "jwk": KEY.active.as_dict(private=False),
    }
    return without(header | changes)


def some_claims(**changes: Any) -> dict[str, Any]:
    """Claims of an honest request of A to B; `fed_x=` changes a member of `fed`, None takes one away."""
    bound = {"htm": "POST", "path": PATH, "bh": CALL.digest, "via": [A], "dl": (NOW + 8) * 1000}
    bound |= {name.removeprefix("fed_"): value for name, value in changes.items() if name.startswith("fed_")}
    claims = {
        "iss": A, "aud": B, "client_id": A, "sub": A, "act": {"sub": A},
        "iat": NOW, "exp": NOW + 60, "jti": secrets.token_urlsafe(16), "fed": without(bound),
    }  # fmt: skip
    return without(claims | {n: v for n, v in changes.items() if not n.startswith("fed_")})


def without(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def refused(token: str, because: str, call: Call = CALL, verifier: TokenVerifier | None = None) -> None:
    with pytest.raises(NotAuthorised) as refusal:
        (verifier or a_verifier()).verify(f"Bearer {token}", call)
    assert because in refusal.value.message, refusal.value.message
    assert not [part for part in token.split(".") if len(part) > 40 and part in refusal.value.message]


def test_an_honest_request_passes() -> None:
    token = mint(KEY, A, B, CALL, 8.0, now_s=NOW)
    signed = a_verifier().verify(f"Bearer {token}", CALL)
    assert (signed.peer, signed.subject, signed.via) == (A, A, (A,))
    assert signed.remaining_s == pytest.approx(8.0, abs=0.01)


def test_the_forger_of_these_tests_can_make_a_good_token() -> None:
    """Otherwise the rows below would prove nothing."""
    assert a_verifier().verify(f"Bearer {forge(a_header(), some_claims())}", CALL).peer == A


@given(
    skew=st.floats(-LEEWAY_S + 1, LEEWAY_S - 1), deadline=st.floats(0.1, 300), body=st.binary(max_size=200)
)
def test_honest_requests_pass_within_the_leeway(skew: float, deadline: float, body: bytes) -> None:
    call = Call("POST", PATH, body)
    token = mint(KEY, A, B, call, deadline, now_s=NOW + skew)
    signed = a_verifier().verify(f"bearer {token}", call)
    assert signed.remaining_s == pytest.approx(min(deadline, MAX_LIFE_S), abs=0.01)


def test_tokens_live_for_a_minute_at_most() -> None:
    claims = json.loads(base64.urlsafe_b64decode(mint(KEY, A, B, CALL, 8.0, now_s=NOW).split(".")[1] + "=="))
    assert claims["exp"] - claims["iat"] == LIFE_S == 60


# ------------------------------------------------------------------------------- keys and algorithms


def hmac_with_public_key() -> str:
    header = a_header(alg="HS256")
    signing_input = ".".join(b64(json.dumps(part).encode()) for part in (header, some_claims()))
    secret = KEY.active.as_pem(private=False)
    return f"{signing_input}.{b64(hmac.new(secret, signing_input.encode(), hashlib.sha256).digest())}"


def private_half() -> dict[str, Any]:
    return KEY.active.as_dict(private=True)


EVIL_JWK = EVIL_KEY.active.as_dict(private=False)
P384 = ECKey.generate_key("P-384").as_dict(private=False)
RSA = RSAKey.generate_key(2048).as_dict(private=False)
BY_HEADER: dict[str, tuple[Callable[[], str], str]] = {
    "alg none": (lambda: forge(a_header(alg="none"), some_claims()), "algorithm"),
    "alg NoNe": (lambda: forge(a_header(alg="NoNe"), some_claims()), "algorithm"),
    "alg none, no signature": (
        lambda: forge(a_header(alg="none"), some_claims()).rsplit(".", 1)[0] + ".",
        "compact JWS",
    ),
    "alg HS256 with the public key as secret": (hmac_with_public_key, "algorithm"),
    "alg ES384": (lambda: forge(a_header(alg="ES384"), some_claims()), "algorithm"),
    "alg es256": (lambda: forge(a_header(alg="es256"), some_claims()), "algorithm"),
    "alg a list": (lambda: forge(a_header(alg=["ES256"]), some_claims()), "algorithm"),
    "no alg": (lambda: forge(a_header(alg=None), some_claims()), "alg"),
    "typ JWT": (lambda: forge(a_header(typ="JWT"), some_claims()), "type"),
    "typ of a descriptor": (lambda: forge(a_header(typ="varhaven-node+jwt"), some_claims()), "type"),
    "typ of a visa": (lambda: forge(a_header(typ="vnd.ga4gh.visa+jwt"), some_claims()), "type"),
    "jku": (lambda: forge(a_header(jku="http://169.254.169.254/"), some_claims()), "jku"),
    "x5u": (lambda: forge(a_header(x5u="https://evil.example/c"), some_claims()), "x5u"),
    "x5c": (lambda: forge(a_header(x5c=["AA"]), some_claims()), "x5c"),
    "crit": (lambda: forge(a_header(crit=["b64"], b64=False), some_claims()), "crit"),
    "b64": (lambda: forge(a_header(b64=True), some_claims()), "b64"),
    "zip": (lambda: forge(a_header(zip="DEF"), some_claims()), "zip"),
    "no key": (lambda: forge(a_header(jwk=None), some_claims()), "jwk"),
    "key of a stranger": (
        lambda: forge(a_header(jwk=EVIL_JWK), some_claims(), EVIL_KEY.active),
        "is not known here with the key",
    ),
    "key of another peer": (
        lambda: forge(a_header(jwk=EVIL_JWK, kid=EVIL_KEY.thumbprint), some_claims(), EVIL_KEY.active),
        "is not known here with the key",
    ),
    "key of a stranger under the honest kid": (
        lambda: forge(a_header(jwk=EVIL_JWK, kid=KEY.thumbprint), some_claims(), EVIL_KEY.active),
        "is not known here with the key",
    ),
    "honest key, signed with another": (
        lambda: forge(a_header(), some_claims(), EVIL_KEY.active),
        "does not verify",
    ),
    "honest key under another kid": (
        lambda: forge(a_header(kid=EVIL_KEY.thumbprint), some_claims()),
        "not the thumbprint",
    ),
    "private key in the header": (
        lambda: forge(a_header(jwk=private_half()), some_claims()),
        "public EC key",
    ),
    "RSA key": (lambda: forge(a_header(jwk={"kty": "RSA", "n": "AA", "e": "AQAB"}), some_claims()), "P-256"),
    "real RSA key": (lambda: forge(a_header(jwk=RSA), some_claims()), "size"),
    "P-384 key": (lambda: forge(a_header(jwk=P384), some_claims()), "P-256"),
    "symmetric key": (lambda: forge(a_header(jwk={"kty": "oct", "k": "AA"}), some_claims()), "P-256"),
    "key off the curve": (
        lambda: forge(a_header(jwk={"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}), some_claims()),
        "not a point",
    ),
    "key of numbers": (
        lambda: forge(a_header(jwk={"kty": "EC", "crv": "P-256", "x": 1, "y": 2}), some_claims()),
        "not a point",
    ),
    "key as text": (lambda: forge(a_header(jwk="x"), some_claims()), "P-256"),
    "kid that climbs": (lambda: forge(a_header(kid="../../etc/passwd"), some_claims()), "not the thumbprint"),
    "kid as number": (lambda: forge(a_header(kid=7), some_claims()), "not the thumbprint"),
    "kid too long": (lambda: forge(a_header(kid="x" * 5000), some_claims()), "size"),
    "alg twice": (
        lambda: forge(json.dumps(a_header())[:-1].encode() + b',"alg":"ES256"}', some_claims()),
        "distinct members",
    ),
}


@pytest.mark.parametrize("row", BY_HEADER)
def test_header_attacks(row: str) -> None:
    make, because = BY_HEADER[row]
    refused(make(), because)


# ------------------------------------------------------------------------------------------- claims

BY_CLAIMS: dict[str, tuple[dict[str, Any], str]] = {
    "no issuer": ({"iss": None}, "no issuer"),
    "issuer a list": ({"iss": [A]}, "no issuer"),
    "unknown issuer": ({"iss": EVIL, "client_id": EVIL, "act": {"sub": EVIL}}, "is not a peer"),
    "issuer with a slash": ({"iss": A + "/"}, "is not a peer"),
    "issuer in capitals": ({"iss": A.upper()}, "is not a peer"),
    "another peer's name": ({"iss": C, "client_id": C, "act": {"sub": C}, "fed_via": [C]}, "with the key"),
    "no audience": ({"aud": None}, "audience"),
    "another audience": ({"aud": C}, "audience"),
    "audience a list": ({"aud": [B]}, "audience"),
    "two audiences": ({"aud": [B, C]}, "audience"),
    "audience with a slash": ({"aud": B + "/"}, "audience"),
    "audience that begins alike": ({"aud": B + ".evil.example"}, "audience"),
    "another client": ({"client_id": C}, "client_id"),
    "no client": ({"client_id": None}, "client_id"),
    "on behalf of another node": ({"act": {"sub": C}}, "act"),
    "a chain of actors": ({"act": {"sub": A, "act": {"sub": C}}}, "act"),
    "no subject": ({"sub": None}, "subject"),
    "subject with control characters": ({"sub": "a\nb"}, "subject"),
    "expired": ({"iat": NOW - 200, "exp": NOW - 100}, "expired"),
    "no expiry": ({"exp": None}, "exp"),
    "expiry as text": ({"exp": str(NOW + 60)}, "exp"),
    "expiry true": ({"exp": True}, "exp"),
    "expiry beyond numbers": ({"exp": 10**400}, "exp"),
    "no issue time": ({"iat": None}, "iat"),
    "ten days": ({"exp": NOW + 864_000}, "may live"),
    "just too long": ({"exp": NOW + 121}, "may live"),
    "expires before it is issued": ({"exp": NOW - 1}, "may live"),
    "issued in the future": ({"iat": NOW + 31, "exp": NOW + 60}, "in the future"),
    "not before later": ({"nbf": NOW + 40}, "nbf"),
    "a user's token": ({"fed": None}, "not bound"),
    "bound to a text": ({"fed": "x"}, "not bound"),
    "another method": ({"fed_htm": "GET"}, "another request"),
    "another path": ({"fed_path": "/admin"}, "another request"),
    "path with a prefix": ({"fed_path": "/x" + PATH}, "another request"),
    "no path": ({"fed_path": None}, "another request"),
    "no body hash": ({"fed_bh": None}, "body"),
    "hash of the empty body": ({"fed_bh": Call("POST", PATH, b"").digest}, "body"),
    "no hops": ({"fed_via": None}, "via"),
    "empty hops": ({"fed_via": []}, "via"),
    "hops of numbers": ({"fed_via": [1]}, "via"),
    "loop": ({"fed_via": [B, A]}, "loop"),
    "loop of others": ({"fed_via": [A, A]}, "loop"),
    "too many hops": ({"fed_via": [C, "https://d.example", A]}, "more than 2"),
    "last hop is not the issuer": ({"fed_via": [A, C]}, "not from its issuer"),
    "deadline passed before it was asked": ({"fed_dl": (NOW - 1) * 1000}, "deadline"),
    "deadline long passed": (
        {"iat": NOW - 85, "exp": NOW + 5, "fed_dl": (NOW - 31) * 1000},
        "deadline",
    ),
    "no deadline": ({"fed_dl": None}, "dl"),
    "deadline true": ({"fed_dl": True}, "dl"),
    "no token id": ({"jti": None}, "jti"),
    "short token id": ({"jti": "x" * 15}, "jti"),
    "long token id": ({"jti": "x" * 65}, "jti"),
    "token id as number": ({"jti": 1234567890123456}, "jti"),
}


@pytest.mark.parametrize("row", BY_CLAIMS)
def test_claim_attacks(row: str) -> None:
    changes, because = BY_CLAIMS[row]
    refused(forge(a_header(), some_claims(**changes)), because)


@pytest.mark.parametrize("name", ["aud", "iss", "exp", "fed"])
def test_a_claim_may_not_stand_twice(name: str) -> None:
    claims = some_claims()
    text = json.dumps(claims)[:-1] + f', "{name}": {json.dumps(claims[name])}}}'
    refused(forge(a_header(), text.encode()), "distinct members")


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1e400", "[" * 3000 + "]" * 3000])
def test_numbers_and_nesting_that_are_not_sane(value: str) -> None:
    text = json.dumps(some_claims()).replace(f'"exp": {NOW + 60}', f'"exp": {value}')
    assert value in text
    refused(forge(a_header(), text.encode()), "")


# ------------------------------------------------------------------------------------------ requests


@pytest.mark.parametrize(
    ("call", "because"),
    [
        (Call("POST", PATH, b'{"query": {"x": 1}}'), "body"),
        (Call("POST", PATH, b""), "body"),
        (Call("POST", "/federation/v1/beacon/individuals", BODY), "another request"),
        (Call("GET", PATH, BODY), "another request"),
    ],
    ids=["body swapped", "body dropped", "path swapped", "method swapped"],
)
def test_a_token_on_another_request(call: Call, because: str) -> None:
    refused(mint(KEY, A, B, CALL, 8, now_s=NOW), because, call)


def test_a_token_at_another_node() -> None:
    refused(mint(KEY, A, B, CALL, 8, now_s=NOW), "another audience", verifier=a_verifier(C))


def test_a_token_sent_back_to_its_sender() -> None:
    refused(mint(KEY, A, B, CALL, 8, now_s=NOW), "another audience", verifier=a_verifier(A))


def test_a_suspended_peer_is_told_so_and_only_itself() -> None:
    name = "https://suspended.example"
    refused(mint(SUSPENDED_KEY, name, B, CALL, 8, now_s=NOW), "has suspended")
    refused(mint(EVIL_KEY, name, B, CALL, 8, now_s=NOW), "is not known here with the key")


def test_a_token_is_good_once() -> None:
    verifier, token = a_verifier(), mint(KEY, A, B, CALL, 8, now_s=NOW)
    verifier.verify(f"Bearer {token}", CALL)
    refused(token, "used before", verifier=verifier)


@given(at=st.lists(st.floats(0, MAX_LIFE_S + 3 * LEEWAY_S), max_size=8).map(sorted), ahead=st.floats(-29, 29))
def test_a_token_is_good_once_at_any_later_time(at: list[float], ahead: float) -> None:
    """Whatever the clocks: memory lasts for as long as a token could be accepted."""
    clock = Clock()
    verifier = a_verifier(clock=clock)
    claims = some_claims(iat=NOW + ahead, exp=NOW + ahead + MAX_LIFE_S, fed_dl=(NOW + 300) * 1000)
    token = forge(a_header(), claims)
    verifier.verify(f"Bearer {token}", CALL)
    for seconds in at:
        clock.now = NOW + seconds
        # Another token keeps the memory busy and makes it forget what it may.
        verifier.verify(f"Bearer {mint(KEY, A, B, CALL, 8, now_s=clock.now)}", CALL)
        refused(token, "", verifier=verifier)


def test_a_refused_token_is_not_used_up() -> None:
    verifier, token = a_verifier(), mint(KEY, A, B, CALL, 8, now_s=NOW)
    refused(token, "body", Call("POST", PATH, b"other"), verifier)
    assert verifier.verify(f"Bearer {token}", CALL).peer == A


def test_tokens_from_before_the_start_are_refused() -> None:
    clock = Clock()
    seen = mint(KEY, A, B, CALL, 8, now_s=NOW - 0.5)
    restarted = TokenVerifier(B, PEERS.get, clock)
    refused(seen, "restarted", verifier=restarted)
    assert restarted.verify(f"Bearer {mint(KEY, A, B, CALL, 8, now_s=NOW)}", CALL).peer == A


def test_memory_is_bounded_for_each_peer_and_freed_in_time() -> None:
    used = UsedIds(remember_s=180, at_most=1000)
    for number in range(1000):
        assert used.first_time(f"token {number}", NOW)
    with pytest.raises(OverBudget):
        used.first_time("one more", NOW)
    assert used.first_time("another", NOW + 1000)
    assert len(used.ids) == len(used.queue) == 1


# ----------------------------------------------------------------------------------------- anything

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
CLAIM_NAMES = st.sampled_from(
    [
        "iss",
        "aud",
        "client_id",
        "sub",
        "act",
        "iat",
        "exp",
        "nbf",
        "jti",
        "fed",
        "fed_htm",
        "fed_via",
        "fed_dl",
    ]
)


@given(st.dictionaries(CLAIM_NAMES, JSON, min_size=1, max_size=3))
def test_no_claim_is_too_strange(changes: dict[str, Any]) -> None:
    """Whatever a peer signs, the outcome is a verified call or a refusal."""
    token = forge(a_header(), some_claims(**changes))
    try:
        signed = a_verifier().verify(f"Bearer {token}", CALL)
    except NotAuthorised:
        return
    assert signed.peer == A


@given(st.sampled_from(["alg", "typ", "kid", "jwk"]), JSON)
def test_no_header_is_too_strange(name: str, value: Any) -> None:
    refused(forge(a_header(**{name: value if value is not None else 0}), some_claims()), "")


@given(st.dictionaries(st.sampled_from(["kty", "crv", "x", "y", "d"]), JSON, min_size=1))
def test_no_key_is_too_strange(changes: dict[str, Any]) -> None:
    """`kid` names the honest key all along; a key that differs from it in anything is refused."""
    honest = KEY.active.as_dict(private=False)
    refused(forge(a_header(jwk={**honest, **changes}), some_claims()), "")


@given(
    st.text()
    | st.none()
    | st.from_regex(r"Bearer [A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*", fullmatch=True)
)
def test_any_text_as_credentials_is_refused(text: str | None) -> None:
    with pytest.raises(NotAuthorised):
        a_verifier().verify(text, CALL)


TOKEN = mint(KEY, A, B, CALL, 8, now_s=NOW)
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."


@given(st.integers(0, len(TOKEN) - 1), st.sampled_from(ALPHABET))
def test_no_character_of_a_token_can_be_changed(place: int, character: str) -> None:
    changed = TOKEN[:place] + character + TOKEN[place + 1 :]
    if changed != TOKEN:
        refused(changed, "")


def test_a_token_has_one_spelling() -> None:
    """The last characters of base64url hold spare bits, which decoders let anybody set."""
    for part in range(3):
        segments = TOKEN.split(".")
        decoded = base64.urlsafe_b64decode(segments[part] + "==")
        for last in ALPHABET[:-1]:
            other = segments[part][:-1] + last
            if other != segments[part] and base64.urlsafe_b64decode(other + "==") == decoded:
                refused(".".join([*segments[:part], other, *segments[part + 1 :]]), "canonical")


@given(st.text(ALPHABET + "= \n", min_size=1, max_size=5))
def test_nothing_can_be_added_to_a_token(more: str) -> None:
    refused(TOKEN + more, "")


@pytest.mark.parametrize("text", ["[]", "5", '"iss"', "null", "true", "", "{", "\xff"])
@pytest.mark.parametrize("part", ["header", "claims"])
def test_only_objects_are_read(part: str, text: str) -> None:
    raw = text.encode("latin-1")
    if not raw:
        refused("." + TOKEN.split(".", 1)[1], "compact JWS")
    elif part == "header":
        refused(forge(raw, some_claims()), "JSON")
    else:
        refused(forge(a_header(), raw), "JSON")


@pytest.mark.parametrize("scheme", ["Basic", "DPoP", "Token", "Bearer,", ""])
def test_only_bearer_tokens_are_read(scheme: str) -> None:
    with pytest.raises(NotAuthorised, match="signed by a peer node"):
        a_verifier().verify(f"{scheme} {mint(KEY, A, B, CALL, 8, now_s=NOW)}", CALL)


def test_a_token_has_a_size() -> None:
    refused(forge(a_header(), some_claims(more="x" * 10_000)), "size")
