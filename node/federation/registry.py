"""The network as a GA4GH service registry: every Beacon and Matchmaker service of its members.

For discovery by other tools.  It grants no trust, and no trust is taken from one.

Spec: GA4GH service-registry 1.0, https://github.com/ga4gh-discovery/ga4gh-service-registry
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from node.federation.roll import Facts, Member
from schemas.errors import NotFound
from schemas.ga4gh import BEACON_API
from schemas.network import PeerKind

# The versions are those of the protocols; which a foreign server speaks exactly is its own to say.
_TYPES: Final = {
    "beacon": {"group": "org.ga4gh", "artifact": "beacon", "version": BEACON_API},
    "mme": {"group": "org.ga4gh", "artifact": "matchmaker-exchange", "version": "1.1"},
}


def services(members: Iterable[Member]) -> list[dict[str, Any]]:
    """One ExternalService for each protocol of each member that is not suspended; each address once."""
    told = (
        service
        for member in members
        if member.peer is None or not member.peer.suspended
        for service in _services_of(member)
    )
    by_id: dict[str, dict[str, Any]] = {}
    for service in told:
        by_id.setdefault(service["id"], service)
    return list(by_id.values())


def service(members: Iterable[Member], name: str) -> dict[str, Any]:
    """The service with this id.  Raises NotFound: there is none."""
    for one in services(members):
        if one["id"] == name:
            return one
    raise NotFound(f"no service {name[:100]!r} is in this registry; /services lists them")


def types(members: Iterable[Member]) -> list[str]:
    """`group:artifact:version`, each once."""
    told = (one["type"] for one in services(members))
    return sorted({f"{one['group']}:{one['artifact']}:{one['version']}" for one in told})


def _services_of(member: Member) -> list[dict[str, Any]]:
    peer, present = member.peer, member.present
    facts = present.response or Facts()
    endpoints = dict(facts.endpoints)
    if not endpoints:  # it did not answer; where it is, is known all the same
        kind = peer.kind if peer is not None else PeerKind.VARHAVEN
        endpoints = {
            PeerKind.VARHAVEN: {"beacon": f"{present.node}/beacon"},
            PeerKind.BEACON: {"beacon": present.node},
            PeerKind.MATCHMAKER: {"mme": present.node},
        }[kind]
    name = (peer.name if peer else "") or facts.name or present.name or present.node
    return [
        {
            "id": service_id(url),
            "name": name,
            "type": _TYPES[protocol],
            "organization": {"name": name, "url": present.node},
            "version": "unknown" if peer is not None else _TYPES[protocol]["version"],
            "url": url,
        }
        for protocol, url in endpoints.items()
        if protocol in _TYPES
    ]


def service_id(url: str) -> str:
    """The address as one part of a path: `genetics.example.org.beacon`."""
    return re.sub(r"[^A-Za-z0-9.-]+", ".", url.partition("://")[2]).strip(".")
