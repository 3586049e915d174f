"""Signed documents: the tokens of requests and the descriptors of nodes, read with suspicion.

The header of a document carries the public key that signed it.  That key is worth nothing by itself: it
is believed only when its thumbprint, computed here, is one that a person pinned for the issuer that the
document names.  Nothing is ever fetched, so no header can make this node call anybody.

Spec: RFC 7515 (JWS), RFC 8725 (JWT best current practices).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from node.access.compact import Claims, read_compact
from node.access.keys import ALGORITHM, CURVE
from schemas.errors import NotAuthorised

_HEADER_MEMBERS: Final = frozenset({"alg", "typ", "kid", "jwk"})
_KEY_MEMBERS: Final = frozenset({"kty", "crv", "x", "y"})
_MAX_HEADER: Final = 512  # characters; ours have about 350

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
    signed = read_compact(document, max_chars=max_chars, max_header=_MAX_HEADER)
    claims = signed.claims
    key = _key(signed.header, media_type)
    issuer = claims.get("iss")
    if not isinstance(issuer, str):
        raise NotAuthorised("the signed document names no issuer (iss)")
    thumbprint = key.thumbprint()
    if thumbprint not in pins(issuer):
        raise UnknownKey(
            f"{issuer[:100]!r} is not known here with the key {thumbprint}; if that key is new, "
            f"the operator of this node can pin it: varhaven peer add URL --thumbprint {thumbprint}"
        )
    if signed.header["kid"] != thumbprint:
        raise NotAuthorised("the key id (kid) is not the thumbprint of the key (jwk)")
    signed.verify([key], [ALGORITHM])
    return claims


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
