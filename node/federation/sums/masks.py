"""Shares that look random one by one and add up to the sum of what they hide.

Each two nodes derive the same mask from their X25519 keys; one adds it and the other takes it away, so that
all masks cancel in the total.  Numbers are counted modulo 2**64.  A key is made for one round and forgotten.

Spec: RFC 7748 (X25519), RFC 5869 (HKDF); Bonawitz 2017, section 4.0 (masking with pairwise secrets).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

MODULUS: Final = 2**64
KEY_BYTES: Final = 32
_NUMBER_BYTES: Final = 8
_PURPOSE: Final = b"varhaven secure sum 1\x00"


@dataclass(frozen=True, slots=True)
class MaskKey:
    """A node's key for one round; `repr` shows nothing of it."""

    _private: X25519PrivateKey = field(default_factory=X25519PrivateKey.generate, repr=False)

    @property
    def public(self) -> bytes:
        """The half that the others are given, 32 bytes."""
        return self._private.public_key().public_bytes_raw()

    def share(
        self, values: Sequence[int], node: str, others: Mapping[str, bytes], context: bytes
    ) -> tuple[int, ...]:
        """`values` under the masks that this node, `node`, has with each of `others`.

        values: of the node, in the order that all agreed on.  others: the public halves by node id.
        context: what the round is about; masks of one context say nothing of those of another.
        About 0.1 ms for each of the others.

        Raises ValueError: the public half of somebody is no key.
        """
        masked = list(values)
        for other, public in sorted(others.items()):
            sign = 1 if node < other else -1
            for place, mask in enumerate(self._masks(public, context, len(masked))):
                masked[place] += sign * mask
        return tuple(value % MODULUS for value in masked)

    def _masks(self, public: bytes, context: bytes, count: int) -> list[int]:
        if len(public) != KEY_BYTES:
            raise ValueError("an X25519 key has 32 bytes")
        secret = self._private.exchange(X25519PublicKey.from_public_bytes(public))
        stream = HKDF(SHA256(), count * _NUMBER_BYTES, salt=None, info=_PURPOSE + context).derive(secret)
        return [
            int.from_bytes(stream[at : at + _NUMBER_BYTES], "big")
            for at in range(0, len(stream), _NUMBER_BYTES)
        ]


def total(shares: Iterable[Sequence[int]]) -> tuple[int, ...]:
    """The sum of what is under `shares`, which must be those of everybody and of one length."""
    return tuple(sum(column) % MODULUS for column in zip(*shares, strict=True))
