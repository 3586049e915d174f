"""The providers that an operator's settings describe, at which people sign in.

`deploy/sign-in.md` is for those who write the settings.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from node.access.discovery import Metadata
from node.access.issuers import RoleRule
from node.access.keys import NodeKey
from node.access.keysets import FetchedKeys
from node.access.opening import client_proof
from node.access.outbound import Outbound
from node.access.principal import Role
from node.access.providers import Provider
from node.config import CONFIG_NAME, ProviderSection, Settings
from schemas.errors import BadInput, Place

BACK: Final = "/sign-in/back"
_ENDPOINTS: Final = (
    "authorization_endpoint",
    "token_endpoint",
    "userinfo_endpoint",
    "jwks_uri",
    "end_session_endpoint",
)


def open_providers(
    settings: Settings,
    key: NodeKey,
    *,
    outbound: Outbound | None = None,
    clock: Callable[[], float] = time.time,
) -> tuple[Provider, ...]:
    """In the order of the settings.  Nothing is fetched before somebody signs in.

    key: with which this node proves who it is, where it has no secret.

    Raises BadInput: one that cannot be asked with what is set.
    """
    asked = outbound or Outbound(settings.access)
    return tuple(_open(settings, section, key, asked, clock) for section in settings.sign_in.providers)


def _open(
    settings: Settings, section: ProviderSection, key: NodeKey, outbound: Outbound, clock: Callable[[], float]
) -> Provider:
    known = {name: getattr(section, name) for name in _ENDPOINTS}
    place = Place(str(settings.home / CONFIG_NAME), field=f"sign_in.providers.{section.name}")
    if section.issuer == settings.node.id:
        raise BadInput(place, "this node is no provider of its own", "Its own users need no entry.")
    for url in (section.issuer, *known.values()):
        if url is not None and not outbound.may_ask(url):
            remedy = "Use https, or list its host in access.private_hosts if it is on your own network."
            raise BadInput(place, f"{url} has no TLS", remedy)
    metadata = Metadata(section.issuer, known, outbound, clock)
    return Provider(
        name=section.name,
        title=section.title,
        metadata=metadata,
        proof=client_proof(section.client_id, section.client_secret_file, key),
        keys=FetchedKeys(outbound, lambda: metadata.endpoint("jwks_uri"), clock),
        outbound=outbound,
        redirect_uri=f"{settings.node.id}{BACK}/{section.name}",
        scopes=section.scopes,
        algorithms=frozenset(section.algorithms),
        roles=tuple(RoleRule(rule.claim, rule.value, Role(rule.role)) for rule in section.roles),
        clock=clock,
    )
