"""Visas and passports under attack, and the combining of those that are sound.

A visa that does not count is left out with the reason; a passport that does not hold is a refusal.
"""

import asyncio
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.access.access_tokens import MAX_TOKEN
from node.access.broker import Fetched, LocalVisas
from node.access.clearinghouse import MAX_VISAS, Clearinghouse, Holding
from node.access.conditions import are_met
from node.access.issuers import RFC9068, Issuer
from node.access.keysets import GivenKeys
from node.access.passports import MAX_POSTED, posted_passports
from node.access.principal import Caller, Visa
from node.access.visas import VisaIssuer, VisaReader
from schemas.errors import BadQuestion, NotAuthorised
from tests.issuing import (
    DAC,
    DATASET,
    EVIL,
    IDP,
    KEY_URL,
    KEYS,
    LS_AAI,
    NODE,
    NOW,
    OTHER,
    REGISTERED,
    SOURCE,
    World,
    a_link,
    a_passport,
    a_status,
    a_token,
    a_visa,
    b64,
    forge,
    new_key,
    unsigned,
    visa_claims,
)

ALICE = (DAC, "alice")
AAI_ALICE = "alice@lifescience-ri.eu"


def combined(world: World, *visas: str, person: tuple[str, str] = ALICE) -> Holding:
    house = Clearinghouse(VisaReader(world.visa_issuers(), world.clock))
    return asyncio.run(house.combine(visas, person))


def left_out(visa: str, because: str, fetches: int | None = None) -> None:
    """`visa` counts for nothing, for that reason, and cost so many fetches at most."""
    world = World()
    holding = combined(world, visa)
    assert not holding.visas
    assert because in holding.ignored[0], holding.ignored
    assert not [part for part in visa.split(".") if len(part) > 40 and part in holding.ignored[0]]
    if fetches is not None:
        assert len(world.served.asked) <= fetches


# -------------------------------------------------------------------------------------------- single


def test_an_honest_visa_says_what_it_says() -> None:
    world = World()
    (visa,) = combined(world, a_visa()).visas
    assert visa == Visa(DAC, "alice", "ControlledAccessGrants", DATASET, SOURCE, "dac", NOW - 100, NOW + 3600)
    assert world.served.asked == [KEY_URL[DAC]]


def test_a_visa_ends_with_what_was_asserted() -> None:
    month = 30 * 86_400
    (visa,) = combined(World(), a_visa(v_asserted=NOW - month + 60)).visas
    assert visa.expires_s == NOW + 60


def test_a_visa_is_verified_once_and_forgotten_when_it_ends() -> None:
    world, visa = World(), a_visa(exp=NOW + 60)
    reader = VisaReader(world.visa_issuers(), world.clock)
    assert asyncio.run(reader.read(visa)) is asyncio.run(reader.read(visa))
    world.clock.now += 91
    with pytest.raises(NotAuthorised, match="expired"):
        asyncio.run(reader.read(visa))


def hmac_visa() -> str:
    """As the starter kit's broker signs them."""
    head = {"alg": "HS256", "typ": "vnd.ga4gh.visa+jwt", "kid": KEYS[DAC].kid, "jku": KEY_URL[DAC]}
    text = unsigned(visa_claims(), **head)[:-1]
    secret = KEYS[DAC].as_pem(private=False)
    return f"{text}.{b64(hmac.new(secret, text.encode(), hashlib.sha256).digest())}"


def jku(url: Any) -> str:
    return a_visa(header={"jku": url})


BY_HEADER: dict[str, tuple[Callable[[], str], str, int]] = {
    "HMAC with the public key": (hmac_visa, "algorithm", 0),
    "unsigned": (
        lambda: unsigned(visa_claims(), alg="none", kid=KEYS[DAC].kid, jku=KEY_URL[DAC]),
        "compact JWS",
        0,
    ),
    "alg none": (lambda: a_visa(header={"alg": "none"}), "algorithm", 0),
    "alg PS256": (lambda: a_visa(header={"alg": "PS256"}), "algorithm", 0),
    "no jku": (lambda: jku(None), "jku", 0),
    "jku of a stranger": (lambda: jku(KEY_URL[EVIL]), "jku", 0),
    "jku of another trusted issuer": (lambda: jku(KEY_URL[LS_AAI]), "jku", 0),
    "jku of the cloud's metadata": (lambda: jku("http://169.254.169.254/latest/meta-data"), "jku", 0),
    "jku a file": (lambda: jku("file:///etc/passwd"), "jku", 0),
    "jku with a fragment": (lambda: jku(KEY_URL[DAC] + "#x"), "jku", 0),
    "jku with a query": (lambda: jku(KEY_URL[DAC] + "?x"), "jku", 0),
    "jku with a port": (lambda: jku("https://dac.example:443/jwks"), "jku", 0),
    "jku with a user": (lambda: jku("https://dac.example@evil.example/jwks"), "jku", 0),
    "jku without TLS": (lambda: jku("http://dac.example/jwks"), "jku", 0),
    "jku that climbs": (lambda: jku("https://dac.example/x/../jwks"), "jku", 0),
    "jku in capitals": (lambda: jku(KEY_URL[DAC].upper()), "jku", 0),
    "jku a list": (lambda: jku([KEY_URL[DAC]]), "jku", 0),
    "jwk": (lambda: a_visa(header={"jwk": KEYS[EVIL].as_dict(private=False)}), "jwk", 0),
    "x5u": (lambda: a_visa(header={"x5u": "https://evil.example/c"}), "x5u", 0),
    "crit": (lambda: a_visa(header={"crit": ["x"], "x": 1}), "crit", 0),
    "typ of an access token": (lambda: a_visa(header={"typ": "at+jwt"}), "typ", 0),
    "typ of a passport": (lambda: a_visa(header={"typ": "vnd.ga4gh.passport+jwt"}), "typ", 0),
    "no kid": (lambda: a_visa(header={"kid": None}), "kid", 0),
    "an unknown key": (lambda: a_visa(header={"kid": "other"}), "key that its issuer does not have", 1),
    "signed by a stranger": (
        lambda: forge(KEYS[EVIL], visa_claims(), kid=KEYS[DAC].kid, jku=KEY_URL[DAC], typ="JWT"),
        "does not verify",
        1,
    ),
    "a stranger's, wholly": (lambda: a_visa(EVIL), "issuer is not trusted", 0),
    "nonsense": (lambda: "nonsense", "compact JWS", 0),
    "an access token": (a_token, "typ", 0),
    "an access token of the broker": (lambda: a_token(LS_AAI), "jku", 0),
}


@pytest.mark.parametrize("row", BY_HEADER)
def test_header_attacks(row: str) -> None:
    make, because, fetches = BY_HEADER[row]
    left_out(make(), because, fetches)


BY_CLAIMS: dict[str, tuple[dict[str, Any], str]] = {
    "expired": ({"iat": NOW - 900, "exp": NOW - 31}, "expired"),
    "just expired": ({"exp": NOW}, "expired"),
    "no expiry": ({"exp": None}, "exp"),
    "expiry a text": ({"exp": "never"}, "exp"),
    "no issue time": ({"iat": None}, "iat"),
    "of the future": ({"iat": NOW + 31}, "future"),
    "no subject": ({"sub": None}, "sub"),
    "subject a list": ({"sub": ["alice"]}, "sub"),
    "issuer with a slash": ({"iss": DAC + "/"}, "not trusted"),
    "no issuer": ({"iss": None}, "iss"),
    "an access token by its scope": ({"scope": "openid email"}, "openid"),
    "nothing asserted": ({"ga4gh_visa_v1": "x"}, "asserts nothing"),
    "no type": ({"v_type": None}, "type"),
    "a type it may not assert": ({"v_type": "ResearcherStatus"}, "not trusted to assert"),
    "a type in capitals": ({"v_type": "CONTROLLEDACCESSGRANTS"}, "not trusted to assert"),
    "a link it may not assert": (
        {"v_type": "LinkedIdentities", "v_value": f"mallory,{DAC}"},
        "not trusted to assert",
    ),
    "no source": ({"v_source": None}, "source"),
    "a source it may not speak for": ({"v_source": "https://other.example"}, "source is not trusted"),
    "a source with a slash": ({"v_source": SOURCE + "/"}, "source is not trusted"),
    "by nobody": ({"v_by": None}, "by"),
    "by a number": ({"v_by": 7}, "by"),
    "no value": ({"v_value": None}, "value"),
    "value a list": ({"v_value": [DATASET]}, "value"),
    "value longer than URLs may be": ({"v_value": "https://x.example/" + "y" * 255}, "value"),
    "never asserted": ({"v_asserted": None}, "asserted"),
    "asserted true": ({"v_asserted": True}, "asserted"),
    "asserted after it was issued": ({"v_asserted": NOW}, "after it was issued"),
    "asserted too long ago": ({"v_asserted": NOW - 31 * 86_400}, "too long ago"),
}


@pytest.mark.parametrize("row", BY_CLAIMS)
def test_claim_attacks(row: str) -> None:
    changes, because = BY_CLAIMS[row]
    left_out(a_visa(**changes), because)


def test_a_policy_visa_needs_to_say_who_accepted() -> None:
    accepted = {"v_type": "AcceptedTermsAndPolicies", "v_value": REGISTERED}
    person = (LS_AAI, AAI_ALICE)
    assert not combined(World(), a_status(v_by=None, **accepted), person=person).visas
    assert combined(World(), a_status(v_by="self", **accepted), person=person).visas
    assert combined(World(), a_status(v_by=None), person=person).visas[0].by is None


def test_a_member_may_not_stand_twice() -> None:
    claims = visa_claims()
    text = json.dumps(claims).replace('"by": "dac"', '"by": "self", "by": "dac"')
    assert text.count('"by"') == 2
    left_out(forge(KEYS[DAC], text.encode(), typ="JWT", jku=KEY_URL[DAC]), "distinct members", 0)


def test_a_changed_visa_does_not_verify() -> None:
    head, _, tail = a_visa().split(".")
    other = json.dumps(visa_claims(subject="mallory")).encode()
    left_out(f"{head}.{b64(other)}.{tail}", "does not verify")


# ----------------------------------------------------------------------------------------- combining


def test_a_visa_of_somebody_else_is_left_out() -> None:
    holding = combined(World(), a_visa(subject="bob"), a_visa())
    assert [visa.subject for visa in holding.visas] == ["alice"]
    assert "somebody else" in holding.ignored[0]
    assert "bob" not in str(holding.ignored)


def test_the_same_name_at_another_issuer_is_another_person() -> None:
    assert not combined(World(), a_visa(), person=(IDP, "alice")).visas


def test_a_trusted_issuer_links_names() -> None:
    link = a_link(AAI_ALICE, ("alice", DAC), ("a.smith", IDP))
    holding = combined(World(), a_visa(), link, a_status(), person=(IDP, "a.smith"))
    assert {visa.type for visa in holding.visas} == {
        "ControlledAccessGrants",
        "LinkedIdentities",
        "ResearcherStatus",
    }
    assert holding.names == {(LS_AAI, AAI_ALICE), (DAC, "alice"), (IDP, "a.smith")}


def test_links_are_followed_however_many_there_are() -> None:
    chain = [a_link(f"s{n}", (f"s{n + 1}", LS_AAI)) for n in range(20)]
    end = a_link("s20", ("alice", DAC))
    assert combined(World(), a_visa(), *chain, end, person=(LS_AAI, "s0")).visas
    assert not combined(World(), a_visa(), *chain[1:], end, person=(LS_AAI, "s0")).visas


@pytest.mark.parametrize(
    "value",
    [
        "alice",
        f"alice,{DAC}",
        "alice,https%3A%2F%2Fdac.example,x",
        "alice,https%3A%2F%2Fdac.example;broken",
        ",https%3A%2F%2Fdac.example",
        "alice,",
        "alice , https%3A%2F%2Fdac.example",
    ],
)
def test_links_that_are_malformed_link_nothing(value: str) -> None:
    link = a_link(AAI_ALICE, v_value=value)
    held = combined(World(), a_visa(), link, person=(LS_AAI, AAI_ALICE)).visas
    assert ("ControlledAccessGrants" in {visa.type for visa in held}) == (value == f"alice,{DAC}")


def test_a_link_with_conditions_links_nothing() -> None:
    link = a_link(AAI_ALICE, ("alice", DAC), v_conditions=[[{"type": "ResearcherStatus", "by": "const:so"}]])
    held = combined(World(), a_visa(), link, a_status(), person=(LS_AAI, AAI_ALICE)).visas
    assert "ControlledAccessGrants" not in {visa.type for visa in held}


def test_an_operator_may_say_that_an_issuer_uses_the_names_of_another() -> None:
    world = World()
    issuer = VisaIssuer(
        DAC,
        KEY_URL[DAC],
        world.served.keys(DAC, world.clock),
        frozenset({"ControlledAccessGrants"}),
        frozenset({SOURCE}),
        subjects_of=frozenset({LS_AAI}),
    )
    house = Clearinghouse(VisaReader([issuer], world.clock))
    assert asyncio.run(house.combine([a_visa(subject=AAI_ALICE)], (LS_AAI, AAI_ALICE))).visas
    assert not asyncio.run(house.combine([a_visa(subject=AAI_ALICE)], (IDP, AAI_ALICE))).visas


def test_an_outage_of_one_issuer_leaves_out_its_visas_alone() -> None:
    world = World()
    del world.served.sets[KEY_URL[LS_AAI]]
    link = a_link(AAI_ALICE, ("alice", DAC))
    holding = combined(world, a_visa(), link)
    assert len(holding.visas) == 1
    assert "cannot be had" in holding.ignored[0]


def test_a_passport_of_150_visas_is_read() -> None:
    visas = [a_visa(v_value=f"{NODE}/beacon/datasets/{n}") for n in range(150)]
    assert len(combined(World(), *visas).visas) == 150


def test_a_visa_twice_is_one() -> None:
    visa = a_visa()
    assert len(combined(World(), visa, visa).visas) == 1


# ---------------------------------------------------------------------------------------- conditions

FACULTY = Visa(LS_AAI, "a", "AffiliationAndRole", "faculty@med.example", "https://med.example", "so", 0, 1)
STATUS = Visa(LS_AAI, "a", "ResearcherStatus", REGISTERED, LS_AAI, None, 0, 1)
LINKS = Visa(LS_AAI, "a", "LinkedIdentities", "1,https%3A%2F%2Fa;2,https%3A%2F%2Fb", LS_AAI, "system", 0, 1)


def clause(kind: str = "AffiliationAndRole", **members: Any) -> dict[str, Any]:
    return {"type": kind, **members}


MET: dict[str, Any] = {
    "none": None,
    "empty": [],
    "const": [[clause(value="const:faculty@med.example")]],
    "pattern": [[clause(value="pattern:faculty@*")]],
    "pattern of single signs": [[clause(value="pattern:facult?@med.exam???")]],
    "star that stands for nothing": [[clause(value="pattern:*faculty@med.example*")]],
    "several members of one visa": [
        [clause(value="pattern:*", by="const:so", source="const:https://med.example")]
    ],
    "split pattern": [[clause("LinkedIdentities", value="split_pattern:2,https%3A%2F%2F?")]],
    "and": [[clause(by="const:so"), clause("ResearcherStatus", value=f"const:{REGISTERED}")]],
    "or": [[clause(by="const:self")], [clause(by="const:so")]],
    "or with a broken alternative": [["broken"], [clause(by="const:so")]],
}
NOT_MET: dict[str, Any] = {
    "another value": [[clause(value="const:student@med.example")]],
    "part of a value": [[clause(value="const:faculty")]],
    "another case": [[clause(value="const:Faculty@med.example")]],
    "pattern of a part": [[clause(value="pattern:faculty")]],
    "pattern that is no regular expression": [[clause(value="pattern:faculty@.*")]],
    "question mark that stands for nothing": [[clause(value="pattern:faculty@med.example?")]],
    "no prefix": [[clause(value="faculty@med.example")]],
    "unknown prefix": [[clause(value="regex:.*")]],
    "prefix in capitals": [[clause(value="CONST:faculty@med.example")]],
    "prefix on the type": [[clause("const:AffiliationAndRole", by="const:so")]],
    "another type": [[clause("ControlledAccessGrants", by="const:so")]],
    "no type": [[{"by": "const:so"}]],
    "type alone": [[clause()]],
    "members of two visas": [[clause(by="const:so", value=f"const:{REGISTERED}")]],
    "by of a visa that does not say": [[clause("ResearcherStatus", by="pattern:*")]],
    "a time": [[clause(by="const:so", asserted="pattern:*")]],
    "conditions in conditions": [[clause(by="const:so", conditions="pattern:*")]],
    "an unknown member": [[clause(by="const:so", colour="const:red")]],
    "value a number": [[clause(value=7)]],
    "value a list": [[clause(value=["const:faculty@med.example"])]],
    "one of two": [[clause(by="const:so"), clause(by="const:dac")]],
    "empty group": [[]],
    "empty groups": [[], []],
    "flat": [clause(by="const:so")],
    "a text": "const:so",
    "an object": {"type": "AffiliationAndRole", "by": "const:so"},
    "false": False,
    "zero": 0,
    "an empty text": "",
    "more clauses than anybody writes": [[clause(by="const:so")] for _ in range(101)],
    "more stars than anybody needs": [[clause(value="pattern:" + "*a" * 40)]],
}


@pytest.mark.parametrize("row", MET)
def test_conditions_that_are_met(row: str) -> None:
    assert are_met(MET[row], [FACULTY, STATUS, LINKS])


@pytest.mark.parametrize("row", NOT_MET)
def test_conditions_that_are_not(row: str) -> None:
    assert not are_met(NOT_MET[row], [FACULTY, STATUS, LINKS])


def test_a_visa_with_conditions_counts_beside_its_condition_alone() -> None:
    world, link = World(), a_link(AAI_ALICE, ("alice", DAC))
    conditional = a_visa(v_conditions=[[{"type": "ResearcherStatus", "value": f"const:{REGISTERED}"}]])
    assert "ControlledAccessGrants" in {v.type for v in combined(world, conditional, link, a_status()).visas}
    holding = combined(world, conditional, link)
    assert "ControlledAccessGrants" not in {v.type for v in holding.visas}
    assert "conditions are not met" in holding.ignored[0]
    of_bob = a_status("bob")
    assert "ControlledAccessGrants" not in {v.type for v in combined(world, conditional, link, of_bob).visas}


def test_conditional_visas_do_not_hold_each_other_up() -> None:
    loop = [[{"type": "ControlledAccessGrants", "by": "const:dac"}]]
    assert not combined(World(), a_visa(v_conditions=loop), a_visa(v_conditions=loop)).visas


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["type", "value", "by", "source", "x"]), inner, max_size=3)
        ),
        max_leaves=10,
    )
)
def test_any_conditions_are_met_or_not(conditions: Any) -> None:
    assert are_met(conditions, [FACULTY, STATUS]) in (True, False)


# ----------------------------------------------------------------------------------------- passports


def test_a_posted_passport_names_its_holder_and_brings_his_visas() -> None:
    caller = World().identify(passports=(a_passport(a_status()),))
    assert (caller.issuer, caller.subject, caller.client) == (LS_AAI, AAI_ALICE, "")
    assert [visa.type for visa in caller.visas] == ["ResearcherStatus"]
    assert caller.expires_s == NOW + 300


def test_everything_ends_when_the_first_of_it_ends() -> None:
    token = a_token(LS_AAI, exp=NOW + 1000)
    passport = a_passport(a_status(exp=NOW + 60), a_status(exp=NOW + 3000), exp=NOW + 500)
    assert World().caller(token, passports=(passport,)).expires_s == NOW + 60


def test_a_passport_beside_a_token_of_the_same_person() -> None:
    caller = World().caller(a_token(LS_AAI), passports=(a_passport(a_status()),))
    assert (caller.client, len(caller.visas)) == ("portal", 1)


def test_a_passport_beside_a_token_of_a_linked_person() -> None:
    passport = a_passport(a_status(), a_link(AAI_ALICE, ("alice", IDP)))
    caller = World().caller(a_token(), passports=(passport,))
    assert (caller.issuer, caller.subject) == (IDP, "alice")
    assert len(caller.visas) == 2


PASSPORTS: dict[str, tuple[Callable[[], str], str]] = {
    "unsigned": (lambda: unsigned({"iss": LS_AAI}, alg="none", typ="vnd.ga4gh.passport+jwt"), "compact JWS"),
    "alg none": (lambda: a_passport(header={"alg": "none"}), "algorithm"),
    "alg of another key": (lambda: a_passport(header={"alg": "ES256"}), "algorithm"),
    "of type JWT": (lambda: a_passport(header={"typ": "JWT"}), "type"),
    "jku": (lambda: a_passport(header={"jku": KEY_URL[LS_AAI]}), "jku"),
    "jwk": (lambda: a_passport(header={"jwk": {}}), "jwk"),
    "no kid": (lambda: a_passport(header={"kid": None}), "kid"),
    "an unknown key": (lambda: a_passport(header={"kid": "x"}), "kid"),
    "an issuer that is not trusted": (lambda: a_passport(iss=EVIL), "broker"),
    "an issuer that is no broker": (lambda: a_passport(iss=IDP), "broker"),
    "expired": (lambda: a_passport(iat=NOW - 900, exp=NOW - 31), "expired"),
    "no expiry": (lambda: a_passport(exp=None), "exp"),
    "ten days": (lambda: a_passport(exp=NOW + 864_000), "may live"),
    "no subject": (lambda: a_passport(sub=None), "sub"),
    "for another node": (lambda: a_passport(aud=OTHER), "aud"),
    "for nobody": (lambda: a_passport(aud=[]), "aud"),
    "no visas": (lambda: a_passport(ga4gh_passport_v1=None), "list"),
    "visas a text": (lambda: a_passport(ga4gh_passport_v1="x"), "list"),
    "visas of numbers": (lambda: a_passport(ga4gh_passport_v1=[1]), "signed documents"),
    "more visas than are read": (
        lambda: a_passport(ga4gh_passport_v1=["x"] * (MAX_VISAS + 1)),
        "at most",
    ),
    "a visa": (a_visa, "type"),
    "an access token": (a_token, "type"),
    "nonsense": (lambda: "nonsense", "compact JWS"),
    "signed by a stranger": (
        lambda: forge(
            KEYS[EVIL], {"iss": LS_AAI}, typ="vnd.ga4gh.passport+jwt", kid=KEYS[LS_AAI].kid, alg="RS256"
        ),
        "does not verify",
    ),
}


@pytest.mark.parametrize("row", PASSPORTS)
def test_passports_that_do_not_hold_are_refused(row: str) -> None:
    make, because = PASSPORTS[row]
    for authorization in ((), (f"Bearer {a_token(LS_AAI)}",)):
        with pytest.raises(NotAuthorised) as refusal:
            World().identify(*authorization, passports=(make(),))
        assert because in refusal.value.message, refusal.value.message


def test_a_passport_of_somebody_else_is_refused() -> None:
    theirs = a_passport(a_status("bob"), sub="bob")
    for token in (a_token(LS_AAI), a_token()):
        with pytest.raises(NotAuthorised, match="somebody else"):
            World().caller(token, passports=(theirs,))
    with pytest.raises(NotAuthorised, match="somebody else"):
        World().identify(passports=(a_passport(a_status()), theirs))


def test_a_broken_visa_spoils_no_other() -> None:
    passport = a_passport(a_visa(EVIL), "nonsense", a_status(exp=NOW - 31, iat=NOW - 90), a_status())
    caller = World().identify(passports=(passport,))
    assert len(caller.visas) == 1
    assert len(caller.ignored) == 3


def test_a_good_passport_saves_no_bad_token() -> None:
    with pytest.raises(NotAuthorised, match="expired"):
        World().caller(a_token(iat=NOW - 900, exp=NOW - 300), passports=(a_passport(a_status()),))


@pytest.mark.parametrize("posted", ["x", [1], [["x"]], {"a": 1}, 7, True, ["x"] * (MAX_POSTED + 1)], ids=repr)
def test_posted_passports_are_a_short_list_of_texts(posted: Any) -> None:
    with pytest.raises(BadQuestion, match="passports"):
        posted_passports({"passports": posted})


def test_a_body_without_passports_has_none() -> None:
    assert [posted_passports(one) for one in ({}, {"passports": None}, {"passports": []}, [], None)] == [
        ()
    ] * 5


# ---------------------------------------------------------------------------- from the token's issuer


class Given:
    """Visas that are given for any token of an issuer."""

    def __init__(self, *visas: str, passport: str = "") -> None:
        self.fetched = Fetched(visas, passport)

    async def fetch(self, token: str, caller: Caller) -> Fetched:
        assert token
        assert caller.subject
        return self.fetched


def a_world(given: Any) -> World:
    """Where `IDP2` is trusted, whose tokens bring the visas that are given."""
    key = KEYS[EVIL]
    issuer = Issuer("https://idp2.example", RFC9068, GivenKeys(lambda: [key]), NODE, passports=given)
    return World(more_issuers=(issuer,))


def idp2_token(**changes: Any) -> str:
    return forge(KEYS[EVIL], {**_plain(), **changes}, typ="at+jwt")


def _plain() -> dict[str, Any]:
    return {
        "iss": "https://idp2.example", "sub": "alice", "aud": NODE, "client_id": "x", "iat": NOW,
        "exp": NOW + 300, "jti": "x" * 16, "scope": "openid ga4gh_passport_v1",
    }  # fmt: skip


def test_visas_for_a_token_are_combined_for_its_holder_alone() -> None:
    link = a_link(AAI_ALICE, ("alice", "https://idp2.example"), ("alice", DAC))
    world = a_world(Given(a_visa(), a_visa(subject="bob"), link))
    caller = world.caller(idp2_token())
    assert {visa.type for visa in caller.visas} == {"ControlledAccessGrants", "LinkedIdentities"}
    assert len(caller.ignored) == 1


def test_a_passport_for_a_token_must_be_of_its_own_issuer_and_holder() -> None:
    with pytest.raises(NotAuthorised, match="broker"):
        a_world(Given(passport=a_passport(a_status()))).caller(idp2_token())
    claims = {**_plain(), "ga4gh_passport_v1": []}
    of_bob = forge(KEYS[EVIL], claims | {"sub": "bob"}, typ="vnd.ga4gh.passport+jwt")
    with pytest.raises(NotAuthorised, match="somebody else"):
        a_world(Given(passport=of_bob)).caller(idp2_token())
    of_alice = forge(KEYS[EVIL], claims | {"aud": "x"}, typ="vnd.ga4gh.passport+jwt")
    assert a_world(Given(passport=of_alice)).caller(idp2_token()).subject == "alice"


def test_visas_of_this_node_itself_are_verified_by_the_same_code() -> None:
    key = new_key()
    jku = f"{NODE}/oauth/jwks"

    def visas(subject: str) -> tuple[str, ...]:
        own = {"iss": NODE, "v_source": NODE}
        return (
            forge(key, visa_claims(subject=subject, **own), typ="vnd.ga4gh.visa+jwt", jku=jku),
            forge(KEYS[EVIL], visa_claims(subject=subject, **own), typ="JWT", jku=jku, kid=key.kid),
        )

    world = a_world(LocalVisas(visas))
    keys = GivenKeys(lambda: [key])
    own = VisaIssuer(
        NODE, jku, keys, frozenset({"ControlledAccessGrants"}), frozenset({NODE}), subjects_of=frozenset()
    )
    house = Clearinghouse(VisaReader([own], world.clock))
    holding = asyncio.run(house.combine(visas("alice"), (NODE, "alice")))
    assert [visa.by for visa in holding.visas] == ["dac"]
    assert "does not verify" in holding.ignored[0]


def test_a_large_passport_passes_where_it_is_posted_and_no_token_is_that_large() -> None:
    passport = a_passport(*(a_status(v_value=f"https://x.example/{n}") for n in range(100)))
    assert len(passport) > MAX_TOKEN
    assert len(World().identify(passports=(passport,)).visas) == 100
