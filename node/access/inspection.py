"""Whether the issuers that an operator has configured can be asked, and answer what is needed of them.

For the operator, before anybody stands at the door with a token that cannot be verified.  No token of anybody
is used: the ones that are asked about are made up.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from typing import Final

from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

from node.access.claims import LEEWAY_S
from node.access.keys import NodeKey
from node.access.keysets import read_keys
from node.access.opening import Opening
from node.access.opening_providers import open_providers
from node.access.outbound import Outbound, Reply
from node.config import IssuerSection, Settings, VisaSection
from schemas.errors import IssuerUnavailable, NotAuthorised

_CURVES: Final = {"ES256": "P-256", "ES384": "P-384"}
_REACH: Final = (
    "Can this machine reach it, by [access] proxy or private_hosts, and is its certificate known (ca_bundle)?"
)


@dataclass(frozen=True, slots=True)
class Trouble:
    """About which issuer, what is wrong, and what to do."""

    about: str
    problem: str
    remedy: str


async def inspect_issuers(
    settings: Settings,
    key: NodeKey,
    *,
    outbound: Outbound | None = None,
    clock: Callable[[], float] = time.time,
) -> AsyncIterator[Trouble]:
    """Every trouble with the issuers in `settings`, one issuer after the other; each is asked at most thrice.

    Raises BadInput: settings that cannot work.
    """
    opening = Opening(settings, key, outbound or Outbound(settings.access), clock)
    for issuer in settings.issuers:
        async for trouble in _of_issuer(opening, issuer):
            yield trouble
    for visas in settings.visas:
        async for trouble in _of_visas(opening, visas):
            yield trouble


async def inspect_providers(
    settings: Settings,
    key: NodeKey,
    *,
    outbound: Outbound | None = None,
    clock: Callable[[], float] = time.time,
) -> AsyncIterator[Trouble]:
    """Every trouble with the providers at which people sign in; each is asked at most twice.

    Raises BadInput: settings that cannot work.
    """
    opening = Opening(settings, key, outbound or Outbound(settings.access), clock)
    for provider in open_providers(settings, key, outbound=opening.outbound, clock=clock):
        try:
            for name in ("authorization_endpoint", "token_endpoint"):
                await provider.metadata.endpoint(name)
            methods = await provider.metadata.published("code_challenge_methods_supported")
            if isinstance(methods, list) and "S256" not in methods:
                yield Trouble(provider.issuer, "it does not know PKCE with S256", "Switch it on there.")
            reply = await opening.outbound.get(await provider.metadata.endpoint("jwks_uri"))
            for trouble in _of_keys(opening, provider.issuer, reply, provider.algorithms):
                yield trouble
        except IssuerUnavailable as fault:
            yield Trouble(provider.issuer, fault.message, _REACH)


async def _of_issuer(opening: Opening, section: IssuerSection) -> AsyncIterator[Trouble]:
    metadata = opening.metadata(section)
    try:
        if section.passport is not None:
            await metadata.endpoint(
                "token_endpoint" if section.passport == "exchange" else "userinfo_endpoint"
            )
        if section.profile != "introspect":
            reply = await opening.outbound.get(await metadata.endpoint("jwks_uri"))
            for trouble in _of_keys(opening, section.issuer, reply, section.algorithms):
                yield trouble
            return
        await opening.introspection(section, metadata).ask(f"made-up-{secrets.token_urlsafe(16)}")
    except IssuerUnavailable as fault:
        yield Trouble(section.issuer, fault.message, _REACH)
    except NotAuthorised:
        return  # as it should be: nobody has that token
    else:
        problem = "it says that a token is active which nobody has"
        yield Trouble(section.issuer, problem, "Do not use it; is introspection_endpoint right?")


async def _of_visas(opening: Opening, section: VisaSection) -> AsyncIterator[Trouble]:
    try:
        reply = await opening.outbound.get(section.jku)
        for trouble in _of_keys(opening, section.issuer, reply, section.algorithms):
            yield trouble
    except IssuerUnavailable as fault:
        yield Trouble(section.issuer, fault.message, _REACH)


def _of_keys(opening: Opening, issuer: str, reply: Reply, algorithms: Iterable[str]) -> Iterable[Trouble]:
    """What is wrong with an answer that should hold keys.  Raises IssuerUnavailable: it holds none."""
    if reply.told_s is not None and abs(reply.told_s - opening.clock()) > LEEWAY_S:
        ahead = reply.told_s - opening.clock()
        problem = f"its clock is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} this machine's"
        yield Trouble(issuer, problem, "Set both by NTP; tokens are refused otherwise.")
    keys, wanted = read_keys(reply), sorted(algorithms)
    missing = [name for name in wanted if not any(_signs(key, name) for key in keys)]
    if not keys:
        problem = "it publishes no key that may be used (RSA of 2048 bits or more, EC, Ed25519)"
        yield Trouble(issuer, problem, "Ask whoever runs it.")
    elif missing == wanted:
        problem = f"none of its keys signs with {' or '.join(missing)}"
        yield Trouble(issuer, problem, "Set `algorithms` to what it signs with.")


def _signs(key: Key, algorithm: str) -> bool:
    if isinstance(key, RSAKey):
        return algorithm in ("RS256", "PS256")
    if isinstance(key, ECKey):
        return _CURVES.get(algorithm) == key.curve_name
    return isinstance(key, OKPKey) and algorithm == key.curve_name
