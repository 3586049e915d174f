"""What the sections of the settings are made of: unknown keys refused, and texts of a certain form."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def _public_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("must be an http or https URL such as https://genetics.example.org")
    if parts.username or parts.password:
        raise ValueError("must not hold a user name or password")
    return text.rstrip("/")


PublicUrl = Annotated[str, AfterValidator(_public_url)]


def _network(text: str) -> str:
    return str(ip_network(text, strict=False))


Network = Annotated[str, AfterValidator(_network)]
Thumbprint = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{43}$", description="RFC 7638, base64url SHA-256")]


def _exact_url(text: str) -> str:
    """Compared as it is written: another spelling of the same address is another name."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.fragment or parts.username:
        raise ValueError("must be an http or https URL such as https://login.example.org/realms/hospital")
    return text


ExactUrl = Annotated[str, AfterValidator(_exact_url)]
TokenAlgorithm = Literal["ES256", "ES384", "RS256", "PS256", "Ed25519"]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CarrierSection(Section):
    """Whom others may find by his genotype, and what makes one a candidate.

    damage: the least of what an allele does by annotation.  clinvar_stars: the least review of what ClinVar
    reports.  recessive, dominant: the highest frequency in the population of an allele that is one of two,
    and of one that suffices alone.  own_share: the largest share of the node's people that may carry it; so
    many as own_least always may.  least_count: fewer than this are not counted to others.  least_likeness: of
    the features of whoever is named to others.
    """

    damage: Literal["high", "moderate"] = "moderate"
    clinvar_stars: int = Field(default=1, ge=0, le=4)
    recessive: float = Field(default=0.01, ge=0, le=1)
    dominant: float = Field(default=0.0005, ge=0, le=1)
    own_share: float = Field(default=0.02, ge=0, le=1)
    own_least: int = Field(default=4, ge=1)
    least_count: int = Field(default=5, ge=2)
    least_likeness: float = Field(default=0.1, ge=0, le=1)
