"""Proofs of possession under attack: a token bound to a key is worth nothing without it.

Every row but those about keys is signed with the honest key.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest
from joserfc.jwk import ECKey, OKPKey

from node.access.principal import Caller
from node.access.proofs import _PROOFS_OF_ONE
from schemas.errors import NotAuthorised, OverBudget
from tests.issuing import EVIL, KEYS, NODE, NOW, World, a_proof, a_token, b64, new_key, unsigned

KEY = new_key()
RSA = new_key("RSA")


def bound(key: Any = KEY) -> str:
    return a_token(cnf={"jkt": key.thumbprint()})


def shown(world: World, token: str, *proofs: str, scheme: str = "DPoP", **more: Any) -> Caller:
    return world.identify(f"{scheme} {token}", dpop=proofs, **more)


def refused(world: World, token: str, *proofs: str, because: str, **more: Any) -> NotAuthorised:
    with pytest.raises(NotAuthorised) as refusal:
        shown(world, token, *proofs, **more)
    assert because in refusal.value.message, refusal.value.message
    return refusal.value


def test_an_honest_proof_passes() -> None:
    token = bound()
    assert shown(World(), token, a_proof(KEY, token)).subject == "alice"


def test_a_key_of_rsa_fits_into_the_header() -> None:
    """The library's own limit is 512 bytes; such a header has about 550."""
    token = bound(RSA)
    assert shown(World(), token, a_proof(RSA, token)).subject == "alice"


def test_every_request_has_its_own_proof() -> None:
    world, token = World(), bound()
    proof = a_proof(KEY, token)
    shown(world, token, proof)
    told = refused(world, token, proof, because="used before")
    assert 'DPoP error="invalid_dpop_proof"' in told.headers["WWW-Authenticate"]
    assert shown(world, token, a_proof(KEY, token)).subject == "alice"


def test_a_proof_is_used_once_however_its_key_is_written() -> None:
    """Members that are no part of the key do not make it another key."""
    world, token = World(), bound()
    jwk = KEY.as_dict(private=False)
    shown(world, token, a_proof(KEY, token, jti="the-only-one"))
    for more in ({"x": jwk["x"], "kid": "other"}, {"use": "sig", "a": 1}):
        again = a_proof(KEY, token, {"jwk": {**jwk, **more}}, jti="the-only-one")
        refused(world, token, again, because="used before")


def test_a_used_proof_stays_used_for_as_long_as_it_could_be_accepted() -> None:
    world, token = World(), a_token(cnf={"jkt": KEY.thumbprint()}, exp=NOW + 3000)
    proof = a_proof(KEY, token, iat=NOW + 59)
    shown(world, token, proof)
    for seconds in range(0, 200, 7):
        world.clock.now = NOW + seconds
        refused(world, token, proof, because="")


BY_CLAIMS: dict[str, tuple[dict[str, Any], str]] = {
    "another method": ({"htm": "POST"}, "htm"),
    "method in lower case": ({"htm": "get"}, "htm"),
    "no method": ({"htm": None}, "htm"),
    "another path": ({"htu": f"{NODE}/beacon/individuals"}, "htu"),
    "another node": ({"htu": f"{EVIL}/beacon/g_variants"}, "htu"),
    "without TLS": ({"htu": f"{NODE.replace('https', 'http')}/beacon/g_variants"}, "htu"),
    "another port": ({"htu": f"{NODE}:8443/beacon/g_variants"}, "htu"),
    "a port beyond numbers": ({"htu": f"{NODE}:99999/beacon/g_variants"}, "htu"),
    "path in capitals": ({"htu": f"{NODE}/beacon/G_variants"}, "htu"),
    "no address": ({"htu": None}, "htu"),
    "address a list": ({"htu": [f"{NODE}/beacon/g_variants"]}, "htu"),
    "for another token": ({"ath": b64(b"x" * 32)}, "ath"),
    "for no token": ({"ath": None}, "ath"),
    "old": ({"iat": NOW - 61}, "iat"),
    "of the future": ({"iat": NOW + 61}, "iat"),
    "without a time": ({"iat": None}, "iat"),
    "time a text": ({"iat": str(NOW)}, "iat"),
    "without an id": ({"jti": None}, "jti"),
    "id a number": ({"jti": 7}, "jti"),
    "id huge": ({"jti": "x" * 300}, "jti"),
}


@pytest.mark.parametrize("row", BY_CLAIMS)
def test_claim_attacks(row: str) -> None:
    changes, because = BY_CLAIMS[row]
    token = bound()
    refused(World(), token, a_proof(KEY, token, **changes), because=because)


PUBLIC = KEY.as_dict(private=False)
BY_HEADER: dict[str, tuple[Callable[[str], str], str]] = {
    "another key": (lambda token: a_proof(KEYS[EVIL], token), "another key"),
    "the honest key, signed by another": (
        lambda token: a_proof(KEYS[EVIL], token, {"jwk": PUBLIC}),
        "does not verify",
    ),
    "no key": (lambda token: a_proof(KEY, token, {"jwk": None}), "public key"),
    "a private key": (lambda token: a_proof(KEY, token, {"jwk": KEY.as_dict(private=True)}), "private"),
    "a symmetric key": (
        lambda _: unsigned({}, "AA", typ="dpop+jwt", alg="HS256", jwk={"kty": "oct", "k": "AA"}),
        "algorithm",
    ),
    "a symmetric key as ES256": (
        lambda token: a_proof(KEY, token, {"jwk": {"kty": "oct", "x": "AA"}}),
        "kind",
    ),
    "key a text": (lambda token: a_proof(KEY, token, {"jwk": "x"}), "public key"),
    "alg none": (lambda token: a_proof(KEY, token, {"alg": "none"}), "algorithm"),
    "typ JWT": (lambda token: a_proof(KEY, token, {"typ": "JWT"}), "dpop+jwt"),
    "an access token as proof": (lambda token: token, "dpop+jwt"),
    "jku": (lambda token: a_proof(KEY, token, {"jku": "http://169.254.169.254/"}), "jku"),
    "crit": (lambda token: a_proof(KEY, token, {"crit": ["x"], "x": 1}), "crit"),
    "nonsense": (lambda _: "nonsense", "compact JWS"),
    "nothing": (lambda _: "", "compact JWS"),
}


@pytest.mark.parametrize("row", BY_HEADER)
def test_header_attacks(row: str) -> None:
    make, because = BY_HEADER[row]
    world, token = World(), bound()
    refused(world, token, make(token), because=because)
    assert len(world.served.asked) <= 1  # the keys of the token's issuer


def test_a_bound_token_is_not_taken_as_bearer() -> None:
    token = bound()
    refused(World(), token, scheme="Bearer", because="must be shown as DPoP")
    refused(World(), token, a_proof(KEY, token), scheme="Bearer", because="must be shown as DPoP")


def test_a_token_that_is_not_bound_is_not_taken_with_a_proof() -> None:
    token = a_token()
    refused(World(), token, a_proof(KEY, token), because="must be shown as Bearer")
    refused(World(), token, a_proof(KEY, token), scheme="Bearer", because="others with none")


def test_a_bound_token_without_proof_or_with_two() -> None:
    token = bound()
    refused(World(), token, because="one proof")
    refused(World(), token, a_proof(KEY, token), a_proof(KEY, token), because="one DPoP header")


def test_a_proof_alone_is_refused() -> None:
    with pytest.raises(NotAuthorised, match="without the token"):
        World().identify(dpop=(a_proof(KEY, bound()),))


def test_the_address_is_the_published_one_in_any_spelling_of_it() -> None:
    world, token = World(), bound()
    for address in (f"{NODE}:443/beacon/g_variants", "HTTPS://NODE.example/beacon/g_variants?x=1#y"):
        assert shown(world, token, a_proof(KEY, token, htu=address)).subject == "alice"


def test_a_proof_made_before_the_start_is_refused() -> None:
    token = bound()
    refused(World(), token, a_proof(KEY, token, iat=NOW - 2), because="restarted")


def test_a_nonce_is_given_and_then_wanted() -> None:
    world, token = World(nonces=True), bound()
    told = refused(world, token, a_proof(KEY, token), because="nonce")
    assert 'DPoP error="use_dpop_nonce"' in told.headers["WWW-Authenticate"]
    nonce = told.headers["DPoP-Nonce"]
    assert shown(world, token, a_proof(KEY, token, nonce=nonce)).subject == "alice"
    refused(
        world,
        token,
        a_proof(KEY, token, nonce=("y" if nonce[0] == "x" else "x") + nonce[1:]),
        because="nonce",
    )
    refused(World(nonces=True), token, a_proof(KEY, token, nonce=nonce), because="nonce")
    world.clock.now += 601
    late = a_token(cnf={"jkt": KEY.thumbprint()}, exp=NOW + 3000)
    refused(world, late, a_proof(KEY, late, nonce=nonce, iat=world.clock.now), because="nonce")


def test_the_proofs_of_one_key_are_bounded_and_do_not_crowd_out_others() -> None:
    world, token = World(), bound()
    proofs = world.authenticator._proofs
    memory = proofs._memory(KEY.thumbprint(), NOW)
    for number in range(_PROOFS_OF_ONE):
        memory.first_time(str(number), NOW)
    with pytest.raises(OverBudget):
        shown(world, token, a_proof(KEY, token))
    other = new_key()
    theirs = bound(other)
    assert shown(world, theirs, a_proof(other, theirs)).subject == "alice"


def test_a_curve_of_another_kind_is_accepted_where_it_is_sound() -> None:
    """The list in the challenge is true: an Ed25519 key proves possession, too."""
    key = OKPKey.generate_key("Ed25519")
    token = a_token(cnf={"jkt": key.thumbprint()})
    claims = a_proof(new_key(), token).split(".")[1]
    head = b64(json.dumps({"typ": "dpop+jwt", "alg": "Ed25519", "jwk": key.as_dict(private=False)}).encode())
    private = key.private_key
    assert private is not None
    proof = f"{head}.{claims}.{b64(private.sign(f'{head}.{claims}'.encode()))}"
    assert shown(World(), token, proof).subject == "alice"


def test_a_p384_key_does_not_sign_as_es256() -> None:
    key = ECKey.generate_key("P-384")
    token = a_token(cnf={"jkt": key.thumbprint()})
    refused(World(), token, a_proof(KEY, token, {"jwk": key.as_dict(private=False)}), because="")
