"""Compact JWS documents, read with suspicion: what every token, proof, visa and descriptor goes through.

A document is taken apart strictly before any key is looked for, so that nonsense costs no cryptography and
no fetch.  What it says is worth nothing until `Compact.verify` has returned.

Spec: RFC 7515 (JWS), RFC 7518 (algorithms), RFC 8725 (JWT best current practices).
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import Key

from schemas.errors import NotAuthorised

Claims = Mapping[str, Any]

MAX_HEADER: Final = 4096  # characters; a proof carries an RSA key in it
MAX_DOCUMENT: Final = 1_000_000  # a passport of a few hundred visas
# Others embed or point at keys, or change what is signed; a key comes from configuration alone.
_DANGEROUS: Final = ("jwk", "jku", "x5u", "x5c", "crit", "b64", "zip", "enc")
_COMPACT: Final = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")
_MAX_KID: Final = 200


class _Roomy(jws.JWSRegistry):
    """The library's limits (512 bytes of header, 128 kB) refuse RSA proofs and passports of 105 visas."""

    max_header_length = MAX_HEADER
    max_payload_length = MAX_DOCUMENT


@dataclass(frozen=True, slots=True)
class Compact:
    """A document that is well-formed.  `header` and `claims` are only what it claims."""

    text: str
    header: Mapping[str, Any]
    claims: Claims

    def member(self, name: str) -> str:
        """A text of the header; "" when it is absent or anything else."""
        value = self.header.get(name)
        return value if isinstance(value, str) else ""

    @property
    def media_type(self) -> str:
        """`typ` in lower case without `application/`; "" when there is none.  RFC 7515 §4.1.9."""
        return self.member("typ").lower().removeprefix("application/")

    @property
    def kid(self) -> str:
        """Which key signed it.  Raises NotAuthorised: it does not say."""
        kid = self.member("kid")
        if not 0 < len(kid) <= _MAX_KID or not kid.isprintable():
            raise NotAuthorised("the token does not say with which key it is signed (kid)")
        return kid

    def refuse_keys_inside(self, *, allowed: Collection[str] = ()) -> None:
        """Raises NotAuthorised: the header brings or points at a key, or changes what is signed."""
        for name in _DANGEROUS:
            if name in self.header and name not in allowed:
                raise NotAuthorised(f"the header of the token may not have {name}")

    def check_algorithm(self, algorithms: Collection[str]) -> str:
        """The algorithm it names.  Raises NotAuthorised: one that is not allowed, or none."""
        algorithm = self.member("alg")
        if algorithm not in algorithms:
            raise NotAuthorised(f"the signature algorithm must be {' or '.join(sorted(algorithms))}")
        return algorithm

    def verify(self, keys: Iterable[Key], algorithms: Collection[str]) -> None:
        """Returns when one of `keys` made the signature, by an algorithm that is allowed.

        About 0.1 ms.  Raises NotAuthorised.
        """
        # Never empty: to the library an empty list means its own defaults, HS256 among them.
        registry = _Roomy(algorithms=[self.check_algorithm(algorithms)], strict_check_header=False)
        for key in keys:
            try:
                jws.deserialize_compact(self.text, key, registry=registry)
            except (JoseError, ValueError, TypeError):  # another kind of key is as good as a wrong one
                continue
            return
        raise NotAuthorised("the signature does not verify")


def read_compact(document: str, *, max_chars: int = 16_384, max_header: int = MAX_HEADER) -> Compact:
    """The parts of a compact JWS.

    Raises NotAuthorised: it is not one, too large, not canonical, or a member stands twice in it.
    """
    match = _COMPACT.fullmatch(document) if len(document) <= max_chars else None
    if match is None or len(match[1]) > max_header:
        raise NotAuthorised("the signature is not a compact JWS of acceptable size")
    _bytes(match[3])
    return Compact(document, _decode(match[1]), _decode(match[2]))


def looks_signed(document: str) -> bool:
    """Whether it has the parts of a compact JWS, sound or not; a token that has not is opaque."""
    return document.count(".") == 2


def read_object(raw: bytes | str) -> dict[str, Any]:
    """A JSON object; two members of one name would be read differently by others.

    Raises ValueError.
    """
    try:
        value = json.loads(raw, object_pairs_hook=_distinct, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004  # a fault of the text, as the others are
    return value


def _decode(segment: str) -> dict[str, Any]:
    try:
        return read_object(_bytes(segment))
    except ValueError:
        raise NotAuthorised("the signed document is not a JSON object with distinct members") from None


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
