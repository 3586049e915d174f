"""A small world of issuers for tests: their keys, what they sign, and a node that trusts them.

Documents are made by hand, so that what no library would sign can be signed, too.  The issuers' key sets are
served from memory, and every fetch is written down.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from joserfc.jwk import ECKey, RSAKey

from node.access.access_tokens import AccessTokens
from node.access.authenticator import Authenticator, Presented
from node.access.issuers import GA4GH, KEYCLOAK, RFC9068, Issuer, RoleRule
from node.access.keysets import FetchedKeys
from node.access.outbound import Reply
from node.access.principal import Caller, Role
from node.access.visas import VisaIssuer
from schemas.errors import IssuerUnavailable

NOW = 1_800_000_000.0
NODE, OTHER, EVIL = "https://node.example", "https://other.example", "https://evil.example"
IDP, KEYCLOAK_IDP = "https://login.example", "https://sso.example/realms/hospital"
LS_AAI, DAC = "https://aai.example/oidc/", "https://dac.example"
REGISTERED = "https://doi.org/10.1038/s41431-018-0219-y"
DATASET = f"{NODE}/beacon/datasets/rare"
SOURCE = "https://dac.example/committee"
KEY_URL = {name: f"{name.rstrip('/')}/jwks" for name in (IDP, KEYCLOAK_IDP, LS_AAI, DAC, EVIL)}

Signing = ECKey | RSAKey


def new_key(kind: str = "EC") -> Signing:
    """With its thumbprint as `kid`."""
    if kind == "RSA":
        return RSAKey.generate_key(2048, {"use": "sig"}, auto_kid=True)
    return ECKey.generate_key("P-256", {"use": "sig"}, auto_kid=True)


KEYS: Mapping[str, Signing] = {
    IDP: new_key(),
    KEYCLOAK_IDP: new_key("RSA"),
    LS_AAI: new_key("RSA"),
    DAC: new_key(),
    EVIL: new_key(),
}


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def without(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def algorithm_of(key: Signing) -> str:
    return "RS256" if isinstance(key, RSAKey) else "ES256"


def signature(signing_input: bytes, key: Signing) -> bytes:
    """RS256 or ES256 by hand: RFC 7518 §3.3 and §3.4."""
    private = key.private_key
    assert private is not None
    if isinstance(key, RSAKey):
        return private.sign(signing_input, padding.PKCS1v15(), hashes.SHA256())
    one, other = decode_dss_signature(private.sign(signing_input, ECDSA(hashes.SHA256())))
    return one.to_bytes(32, "big") + other.to_bytes(32, "big")


def forge(
    key: Signing, claims: Mapping[str, Any] | bytes, header: Mapping[str, Any] | None = None, **more: Any
) -> str:
    """A document with any claims and header, properly signed.  more: members of the header; None: without."""
    full = without({"alg": algorithm_of(key), "typ": "at+jwt", "kid": key.kid, **(header or {}), **more})
    body = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    signing_input = f"{b64(json.dumps(full).encode())}.{b64(body)}"
    return f"{signing_input}.{b64(signature(signing_input.encode(), key))}"


def unsigned(claims: Mapping[str, Any], tail: str = "", **header: Any) -> str:
    return f"{b64(json.dumps(header).encode())}.{b64(json.dumps(claims).encode())}.{tail}"


@dataclass
class Clock:
    now: float = NOW

    def __call__(self) -> float:
        return self.now


@dataclass
class Served:
    """The key sets of the issuers, as their web servers would give them; `asked` are the URLs fetched."""

    sets: dict[str, list[dict[str, Any]]] = field(
        default_factory=lambda: {
            KEY_URL[name]: [key.as_dict(private=False)] for name, key in KEYS.items() if name != EVIL
        }
    )
    asked: list[str] = field(default_factory=list)
    down: bool = False

    async def get(self, url: str) -> Reply:
        await asyncio.sleep(0)  # as a real fetch: others run meanwhile
        self.asked.append(url)
        if self.down or url not in self.sets:
            raise IssuerUnavailable(f"{url} cannot be reached")
        return Reply(200, json.dumps({"keys": self.sets[url]}).encode())

    def keys(self, issuer: str, clock: Clock) -> FetchedKeys:
        return FetchedKeys(self, lambda: _at(KEY_URL[issuer]), clock)


async def _at(url: str) -> str:
    return url


@dataclass
class World:
    """A node and the issuers it trusts, at one time."""

    clock: Clock = field(default_factory=Clock)
    served: Served = field(default_factory=Served)
    node: str = NODE
    nonces: bool = False
    more_issuers: tuple[Issuer, ...] = ()

    def __post_init__(self) -> None:
        self.issuers = (*self.table(), *self.more_issuers)
        self.authenticator = Authenticator(
            self.node, self.issuers, self.visa_issuers(), nonces=self.nonces, clock=self.clock
        )
        self.tokens = AccessTokens(self.issuers, self.clock)

    def table(self) -> tuple[Issuer, ...]:
        clinicians = RoleRule(("realm_access", "roles"), "beacon-clinician", Role.CLINICIAN)
        return (
            Issuer(IDP, RFC9068, self.served.keys(IDP, self.clock), self.node, clients=frozenset({"portal"})),
            Issuer(
                KEYCLOAK_IDP,
                KEYCLOAK,
                self.served.keys(KEYCLOAK_IDP, self.clock),
                self.node,
                algorithms=frozenset({"RS256"}),
                other_audiences=frozenset({"account"}),
                clients=frozenset({"portal"}),
                roles=(clinicians,),
            ),
            Issuer(
                LS_AAI,
                GA4GH,
                self.served.keys(LS_AAI, self.clock),
                self.node,
                needs_audience=False,
                algorithms=frozenset({"RS256"}),
                clients=frozenset({"portal"}),
                posts=True,
            ),
        )

    def visa_issuers(self) -> tuple[VisaIssuer, ...]:
        broker = frozenset(
            {"ResearcherStatus", "AcceptedTermsAndPolicies", "AffiliationAndRole", "LinkedIdentities"}
        )
        return (
            VisaIssuer(
                DAC,
                KEY_URL[DAC],
                self.served.keys(DAC, self.clock),
                frozenset({"ControlledAccessGrants"}),
                frozenset({SOURCE}),
                max_age_s=30 * 86_400,
            ),
            VisaIssuer(
                LS_AAI, KEY_URL[LS_AAI], self.served.keys(LS_AAI, self.clock), broker, frozenset({LS_AAI})
            ),
        )

    def identify(self, *authorization: str, **more: Any) -> Any:
        """Who sends a GET of /beacon/g_variants with these headers."""
        call = Presented(
            **{"method": "GET", "path": "/beacon/g_variants", "authorization": authorization, **more}
        )
        return asyncio.run(self.authenticator.identify(call))

    def caller(self, token: str, **more: Any) -> Caller:
        found = self.identify(f"Bearer {token}", **more)
        assert isinstance(found, Caller)
        return found


def claims_of(issuer: str = IDP, **changes: Any) -> dict[str, Any]:
    """Of an honest access token of alice for the node, an RFC 9068 one; None takes a claim away."""
    claims = {
        "iss": issuer, "sub": "alice", "aud": NODE, "client_id": "portal", "iat": NOW, "exp": NOW + 300,
        "jti": secrets.token_urlsafe(16), "scope": "openid beacon",
    }  # fmt: skip
    return without(claims | changes)


def keycloak_claims(**changes: Any) -> dict[str, Any]:
    """As Keycloak makes them, with an audience mapper for the node."""
    own = {
        "iss": KEYCLOAK_IDP, "client_id": None, "azp": "portal", "typ": "Bearer", "aud": [NODE, "account"],
        "auth_time": NOW - 5, "sid": "9d0c4b", "acr": "1", "allowed-origins": ["https://portal.example"],
        "realm_access": {"roles": ["offline_access", "beacon-clinician"]}, "scope": "openid profile email",
        "preferred_username": "alice", "email_verified": True,
    }  # fmt: skip
    return claims_of(**{**own, **changes})


def ls_aai_claims(**changes: Any) -> dict[str, Any]:
    """As LS-AAI makes them: no audience but the client's own is promised, and passports may be asked for."""
    own = {
        "iss": LS_AAI, "sub": "alice@lifescience-ri.eu", "aud": None, "client_id": "portal",
        "scope": "openid ga4gh_passport_v1",
    }  # fmt: skip
    return claims_of(**{**own, **changes})


def a_token(issuer: str = IDP, key: Signing | None = None, header: Any = None, **changes: Any) -> str:
    makers = {KEYCLOAK_IDP: (keycloak_claims, "JWT"), LS_AAI: (ls_aai_claims, "JWT")}
    make, kind = makers.get(issuer, (claims_of, "at+jwt"))
    return forge(key or KEYS[issuer], make(**changes), {"typ": kind, **(header or {})})


def visa_claims(issuer: str = DAC, subject: str = "alice", **changes: Any) -> dict[str, Any]:
    """Of a visa: `v_x=` changes a member of the visa itself, None takes one away."""
    inner = {
        "type": "ControlledAccessGrants", "asserted": NOW - 100, "value": DATASET, "source": SOURCE,
        "by": "dac",
    }  # fmt: skip
    inner |= {name.removeprefix("v_"): value for name, value in changes.items() if name.startswith("v_")}
    claims = {
        "iss": issuer, "sub": subject, "iat": NOW - 50, "exp": NOW + 3600, "jti": secrets.token_urlsafe(16),
        "ga4gh_visa_v1": without(inner),
    }  # fmt: skip
    return without(claims | {name: value for name, value in changes.items() if not name.startswith("v_")})


def a_visa(issuer: str = DAC, subject: str = "alice", header: Any = None, **changes: Any) -> str:
    own = {"typ": "vnd.ga4gh.visa+jwt", "jku": KEY_URL[issuer]}
    return forge(KEYS[issuer], visa_claims(issuer, subject, **changes), {**own, **(header or {})})


def a_status(subject: str = "alice@lifescience-ri.eu", **changes: Any) -> str:
    """A visa of LS-AAI: a bona fide researcher."""
    own = {"v_type": "ResearcherStatus", "v_value": REGISTERED, "v_source": LS_AAI, "v_by": "so"}
    return a_visa(LS_AAI, subject, **{**own, **changes})


def a_link(subject: str, *names: tuple[str, str], issuer: str = LS_AAI, **changes: Any) -> str:
    """A visa that says: `subject` of `issuer` and all of `names` (subject, issuer) are one person."""
    value = ";".join(f"{quote(one, safe='')},{quote(name, safe='')}" for one, name in names)
    own = {"v_type": "LinkedIdentities", "v_value": value, "v_source": LS_AAI, "v_by": "system"}
    return a_visa(issuer, subject, **{**own, **changes})


def a_passport(*visas: str, header: Any = None, **changes: Any) -> str:
    claims = claims_of(LS_AAI, sub="alice@lifescience-ri.eu", aud=None, scope=None, ga4gh_passport_v1=visas)
    claims = without(claims | changes)
    return forge(KEYS[LS_AAI], claims, {"typ": "vnd.ga4gh.passport+jwt", **(header or {})})


def a_proof(key: Signing, token: str, header: Any = None, **changes: Any) -> str:
    """A DPoP proof for GET /beacon/g_variants."""
    claims = {
        "htm": "GET", "htu": f"{NODE}/beacon/g_variants", "iat": NOW, "jti": secrets.token_urlsafe(16),
        "ath": b64(hashlib.sha256(token.encode()).digest()),
    }  # fmt: skip
    own = {"typ": "dpop+jwt", "jwk": key.as_dict(private=False), "kid": None}
    return forge(key, without(claims | changes), {**own, **(header or {})})
