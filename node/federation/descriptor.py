"""What a node says of itself, signed with its key, at `/.well-known/varhaven-node`.

For people and for checks: it lets a partner see that the right node answers at an address, with the key he
was told.  It grants no trust: that comes from the pinned thumbprint alone.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass
from typing import Final

from pydantic import TypeAdapter, ValidationError

from node.access.keys import NodeKey
from node.access.signed import read_signed
from schemas.errors import NotAuthorised
from schemas.ga4gh import NodeIdentity
from schemas.people import Dataset

MEDIA_TYPE: Final = "varhaven-node+jwt"
PATH: Final = "/.well-known/varhaven-node"
LIFE_S: Final = 24 * 3600
MAX_LIFE_S: Final = 7 * 24 * 3600
MAX_CHARS: Final = 120_000  # some 700 datasets
_LEEWAY_S: Final = 30


@dataclass(frozen=True, slots=True)
class Holding:
    """A dataset as others may know of it: what it is called, and who may ask."""

    id: str
    assembly: str
    policy: str


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A node by its own words.

    thumbprints: of all its keys, the one it signs with first; a partner sees here that a new one is coming.
    seq: grows from one descriptor to the next.  issued_s, expires_s: Unix time in seconds.
    """

    id: str
    name: str
    country: str
    endpoints: dict[str, str]
    assemblies: tuple[str, ...]
    datasets: tuple[Holding, ...]
    thumbprints: tuple[str, ...]
    seq: int
    issued_s: float
    expires_s: float


_READ: Final = TypeAdapter(Descriptor)


def describe(identity: NodeIdentity, key: NodeKey, datasets: Iterable[Dataset], now_s: float) -> Descriptor:
    """What this node says of itself now; valid for a day."""
    held = tuple(Holding(d.id, d.assembly, d.policy) for d in datasets)
    return Descriptor(
        id=identity.id,
        name=identity.name,
        country=identity.country,
        endpoints={"beacon": f"{identity.id}/beacon", "federation": f"{identity.id}/federation/v1"},
        assemblies=tuple(sorted({holding.assembly for holding in held})),
        datasets=held,
        thumbprints=key.thumbprints,
        seq=int(now_s),
        issued_s=int(now_s),
        expires_s=int(now_s) + LIFE_S,
    )


def sign(descriptor: Descriptor, key: NodeKey) -> str:
    """The descriptor as a compact JWS; about 0.1 ms."""
    claims = asdict(descriptor)
    claims["iss"] = claims.pop("id")
    claims["iat"] = claims.pop("issued_s")
    claims["exp"] = claims.pop("expires_s")
    return key.sign(MEDIA_TYPE, json.dumps(claims).encode())


def read(document: str, node: str, thumbprints: Collection[str], now_s: float) -> Descriptor:
    """The descriptor of `node`, signed with one of the pinned keys.

    Raises UnknownKey: signed with another key; NotAuthorised: anything else that makes it worthless, with
    the reason.
    """

    def pins(issuer: str) -> Collection[str]:
        if issuer != node:
            raise NotAuthorised(f"the node there calls itself {issuer[:100]!r}, not {node!r}")
        return thumbprints

    claims = dict(read_signed(document, MEDIA_TYPE, pins, max_chars=MAX_CHARS))
    claims["id"] = claims.pop("iss")
    claims["issued_s"] = claims.pop("iat", None)
    claims["expires_s"] = claims.pop("exp", None)
    try:
        found = _READ.validate_python(claims)
    except ValidationError as fault:
        first = fault.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])[:60]
        raise NotAuthorised(f"the descriptor of {node} cannot be read: {where}: {first['msg']}") from None
    if not 0 < found.expires_s - found.issued_s <= MAX_LIFE_S:
        raise NotAuthorised(f"the descriptor of {node} is made to live longer than 7 days")
    if found.issued_s - _LEEWAY_S > now_s or found.expires_s + _LEEWAY_S < now_s:
        raise NotAuthorised(f"the descriptor of {node} is not valid now; check the clocks of both nodes")
    return found
