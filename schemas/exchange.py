"""How Matchmaker Exchange is spoken over HTTP: versions and media types, error bodies, heartbeat, metrics.

Pure functions over header values; a web framework calls them, none is known here.  The questions and
answers themselves are in `schemas.mme`.

Spec: https://github.com/ga4gh/mme-apis (search-api.md, heartbeat-api.md, metrics-api.md), v1.1
"""

from __future__ import annotations

import re
from typing import Any, Final

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from schemas.errors import NodeError, NotAcceptable, UnsupportedMedia
from schemas.ga4gh import VERSION

VERSIONS: Final = ("1.0", "1.1")
NEWEST: Final = VERSIONS[-1]
_MEDIA_TYPE: Final = re.compile(r"application/vnd\.ga4gh\.matchmaker(?:\.v(\d+)\.(\d+))?\+json")


class Heartbeat(BaseModel):
    """What `GET /heartbeat` tells; `version` is that of this software.  New in 1.1."""

    model_config = ConfigDict(frozen=True)

    production: bool
    version: str = VERSION
    disclaimer: str | None = None

    def document(self) -> dict[str, Any]:
        beat = {
            "production": self.production,
            "version": self.version,
            "accept": [media_type(version) for version in VERSIONS],
        }
        return {"heartbeat": beat} | ({"disclaimer": self.disclaimer} if self.disclaimer else {})


class Metrics(BaseModel):
    """What `GET /metrics` tells of the node's own cases; every number may be withheld.  New in 1.1.

    date_generated: ISO 8601.
    """

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True)

    number_of_cases: int | None = None
    number_of_submitters: int | None = None
    number_of_genes: int | None = None
    number_of_unique_genes: int | None = None
    number_of_variants: int | None = None
    number_of_unique_variants: int | None = None
    number_of_features: int | None = None
    number_of_unique_features: int | None = None
    number_of_feature_sets: int | None = None
    number_of_unique_genes_matched: int | None = None
    number_of_cases_with_diagnosis: int | None = None
    number_of_requests_received: int | None = None
    number_of_potential_matches_sent: int | None = None
    date_generated: str | None = None

    def document(self) -> dict[str, Any]:
        return {"metrics": self.model_dump(mode="json", by_alias=True, exclude_none=True)}


def error_document(fault: NodeError) -> dict[str, Any]:
    """The body of an error: `message`, and after a question in another version the versions spoken here."""
    told: dict[str, Any] = {"message": fault.message}
    if isinstance(fault, NotAcceptable):
        told["supportedVersions"] = list(VERSIONS)
    return told


def media_type(version: str = NEWEST) -> str:
    return f"application/vnd.ga4gh.matchmaker.v{version}+json"


def spoken_version(content_type: str | None) -> str:
    """The version in which a question came; the newest for plain JSON and for a later minor version.

    Raises UnsupportedMedia: no type or another one; NotAcceptable: another major version.
    """
    essence = (content_type or "").partition(";")[0].strip().lower()
    if essence == "application/json":
        return NEWEST
    found = _MEDIA_TYPE.fullmatch(essence)
    if found is None:
        raise UnsupportedMedia(f"the Content-Type must be {media_type()}")
    if found[1] not in (None, "1"):
        raise NotAcceptable(f"this node speaks {' and '.join(VERSIONS)}")
    version = f"{found[1]}.{found[2]}"
    return version if version in VERSIONS else NEWEST


def answer_version(accept: str | None, spoken: str = NEWEST) -> str:
    """The version in which to answer: the one `accept` names, else the one that was spoken.

    Raises NotAcceptable: `accept` admits nothing this node can write.
    """
    if not accept or not accept.strip():
        return spoken
    named: list[str] = []
    for media_range in accept.lower().split(","):
        essence, *parameters = (part.strip() for part in media_range.split(";"))
        if any(re.fullmatch(r"q\s*=\s*0(\.0*)?", parameter) for parameter in parameters):
            continue
        if essence in ("*/*", "application/*", "application/json"):
            named.append(spoken)
        elif (found := _MEDIA_TYPE.fullmatch(essence)) and found[1] in (None, "1"):
            version = f"{found[1]}.{found[2]}"
            named.append(version if version in VERSIONS else spoken)
    if not named:
        raise NotAcceptable(f"this node speaks {' and '.join(VERSIONS)}")
    return spoken if spoken in named else max(named)
