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
