"""GA4GH service-info, and who this node says it is.

Spec: GA4GH service-info 1.0.0, https://github.com/ga4gh-discovery/ga4gh-service-info
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

VERSION: Final = "0.1.0"
BEACON_API: Final = "v2.2.0"


@dataclass(frozen=True, slots=True)
class NodeIdentity:
    """Who this node is to the outside; `id` is its public URL without a trailing slash."""

    id: str
    name: str
    country: str
    contact: str = ""
    environment: str = "prod"


def service_info(
    identity: NodeIdentity, artifact: str = "beacon", version: str = BEACON_API
) -> dict[str, Any]:
    """The service-info document of this node for one of its protocols."""
    document: dict[str, Any] = {
        "id": identity.id,
        "name": identity.name,
        "description": "Answers Beacon v2 and Matchmaker Exchange questions; a varhaven node.",
        "type": {"group": "org.ga4gh", "artifact": artifact, "version": version},
        "organization": {"name": identity.name, "url": identity.id},
        "environment": identity.environment,
        "version": VERSION,
    }
    if identity.contact:
        document["contactUrl"] = f"mailto:{identity.contact}"
    return document
