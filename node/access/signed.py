"""Signed documents: the tokens of requests and the descriptors of nodes, read with suspicion.

The header of a document carries the public key that signed it.  That key is worth nothing by itself: it
is believed only when its thumbprint, computed here, is one that a person pinned for the issuer that the
document names.  Nothing is ever fetched, so no header can make this node call anybody.

Spec: RFC 7515 (JWS), RFC 8725 (JWT best current practices).
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from node.access.keys import ALGORITHM, CURVE
from schemas.errors import NotAuthorised

_HEADER_MEMBERS: Final = frozenset({"alg", "typ", "kid", "jwk"})
_KEY_MEMBERS: Final = frozenset({"kty", "crv", "x", "y"})
_COMPACT: Final = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")
_MAX_HEADER: Final = 512  # characters; ours have about 350

Claims = Mapping[str, Any]
Pins = Callable[[str], Collection[str]]


class UnknownKey(NotAuthorised):
    """A document whose key is not pinned for the issuer it names."""


def read_signed(document: str, media_type: str, pins: Pins, *, max_chars: int = 8192) -> Claims:
    """The claims of a compact JWS that was signed by a pinned key of the issuer it names.

    pins: the thumbprints that are trusted for an issuer; it may raise NotAuthorised for a stranger.
    Nothing is returned before the signature is verified; `pins` is asked before, so that a stranger costs
    no cryptography.  About 0.2 ms.

    Raises NotAuthorised: anything else, with what an honest sender's operator can do about it; UnknownKey
    when the key is not pinned.
    """
    match = _COMPACT.fullmatch(document) if len(document) <= max_chars else None
    if match is None or len(match[1]) > _MAX_HEADER:
        raise NotAuthorised("the signature is not a compact JWS of acceptable size")
    header, claims = _decode(match[1]), _decode(match[2])
    _bytes(match[3])
    key = _key(header, media_type)
    issuer = claims.get("iss")
    if not isinstance(issuer, str):
        raise NotAuthorised("the signed document names no issuer (iss)")
    thumbprint = key.thumbprint()
    if thumbprint not in pins(issuer):
        raise UnknownKey(
            f"{issuer[:100]!r} is not known here with the key {thumbprint}; if that key is new, "
            f"the operator of this node can pin it: varhaven peer add URL --thumbprint {thumbprint}"
        )
    if header["kid"] != thumbprint:
        raise NotAuthorised("the key id (kid) is not the thumbprint of the key (jwk)")
    try:
        jws.deserialize_compact(document, key, algorithms=[ALGORITHM])
    except (JoseError, ValueError):
        raise NotAuthorised("the signature does not verify") from None
    return claims


def _decode(segment: str) -> dict[str, Any]:
    """A JSON object from base64url; two members of one name would be read differently by others."""
    try:
        value = json.loads(_bytes(segment), object_pairs_hook=_distinct, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise NotAuthorised("the signed document is not well-formed JSON with distinct members") from None
    if not isinstance(value, dict):
        raise NotAuthorised("the signed document is not a JSON object")
    return value


def _bytes(segment: str) -> bytes:
    """From base64url in its one canonical spelling, so that one document has one text."""
    try:
        raw = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except ValueError:
        raw = b""
    if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != segment:
        raise NotAuthorised("the signed document is not canonical base64url")
    return raw


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member appears twice")
    return members


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _key(header: Mapping[str, Any], media_type: str) -> ECKey:
    """The public key in a header that holds exactly what this network uses and nothing else."""
    strange = header.keys() ^ _HEADER_MEMBERS
    if strange:
        names = ", ".join(sorted(name[:20] for name in strange))
        raise NotAuthorised(f"the header must have alg, typ, kid and jwk and nothing else; see {names}")
    if header["alg"] != ALGORITHM:
        raise NotAuthorised(f"the signature algorithm must be {ALGORITHM}")
    if header["typ"] != media_type:
        raise NotAuthorised(f"the signed document must be of type {media_type}")
    key = header["jwk"]
    if not isinstance(key, dict) or key.keys() != _KEY_MEMBERS or key["kty"] != "EC" or key["crv"] != CURVE:
        raise NotAuthorised(f"the key must be a public EC key on {CURVE}: kty, crv, x and y")
    try:
        return ECKey.import_key(key)
    except (JoseError, ValueError):
        raise NotAuthorised(f"the key is not a point on {CURVE}") from None
