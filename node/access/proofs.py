"""Proofs that whoever shows a token holds the key it is bound to (DPoP): one for every request.

A proof is for one method and address, as this node is known to the public (what a proxy makes of the Host
header does not matter), for one token, for a minute, and for one use.

Spec: RFC 9449 §4.3, §7, §8.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from joserfc.jwk import Key

from node.access.claims import number_of, text_of
from node.access.compact import Compact, read_compact
from node.access.keysets import read_key
from node.access.once import UsedIds
from node.access.remembered import Remembered, digest
from schemas.errors import NotAuthorised

ALGORITHMS: Final = frozenset({"ES256", "ES384", "PS256", "RS256", "Ed25519"})
_WINDOW_S: Final = 60  # how old a proof may be, and how far ahead its sender's clock
_PROOFS_OF_ONE: Final = 10_000  # remembered of one key
_KEYS: Final = 10_000
_SECRET_MEMBERS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_NONCE_S: Final = 300


class BadProof(NotAuthorised):
    """A proof that is not one, or of something else."""


class NonceWanted(NotAuthorised):
    """The proof is to be made again, with the nonce that comes with this refusal."""

    def __init__(self, nonce: str) -> None:
        super().__init__("the proof needs the nonce that this node gives with this answer")
        self.nonce = nonce


class Proofs:
    """Verifies the proofs shown to one node; one per process.

    Used proofs are remembered in memory, so a proof made before this process began is refused.
    """

    def __init__(self, node: str, *, nonces: bool = False, clock: Callable[[], float] = time.time) -> None:
        """node: its id, below which every path is.  nonces: whether a proof needs one of this node."""
        self._node = node
        self._nonces = nonces
        self._secret = secrets.token_bytes(32)
        self._clock = clock
        self._started_s = clock()
        self._used: Remembered[UsedIds] = Remembered(_KEYS)

    def verify(self, proof: str, token: str, bound_to: str, method: str, path: str) -> None:
        """Returns when `proof` shows the key `bound_to`, for `token`, this `method` and `path`.

        About 0.2 ms.  Raises BadProof, NonceWanted; OverBudget: more proofs than are remembered.
        """
        try:
            signed = read_compact(proof, max_chars=8192)
            key = _key(signed)
            if key.thumbprint() != bound_to:
                raise NotAuthorised("the proof is by another key than the one the token is bound to")
            signed.verify([key], ALGORITHMS)
            self._check(signed, token, bound_to, method, path)
        except NonceWanted:
            raise
        except NotAuthorised as refusal:
            raise BadProof(refusal.message) from None

    def _check(self, signed: Compact, token: str, bound_to: str, method: str, path: str) -> None:
        claims, now_s = signed.claims, self._clock()
        if claims.get("htm") != method:
            raise NotAuthorised("the proof is for another method (htm)")
        if _address(text_of(claims, "htu")) != _address(self._node + path):
            raise NotAuthorised("the proof is for another address (htu)")
        hashed = base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).rstrip(b"=").decode()
        if claims.get("ath") != hashed:
            raise NotAuthorised("the proof is for another token (ath)")
        issued_s = number_of(claims, "iat")
        if abs(now_s - issued_s) > _WINDOW_S:
            raise NotAuthorised("the proof is not of the last minute (iat); check the clocks")
        if "nonce" in claims or self._nonces:
            self._check_nonce(claims.get("nonce"), now_s)
        elif issued_s < int(self._started_s):
            raise NotAuthorised("this node has restarted since the proof was made; make another")
        used_id = text_of(claims, "jti", 256)
        if not self._memory(bound_to, now_s).first_time(used_id, now_s):
            raise NotAuthorised("the proof was used before (jti); every request needs its own")

    def _memory(self, thumbprint: str, now_s: float) -> UsedIds:
        """Of the proofs by one key.  It stays for as long as any of them could be accepted."""
        name = digest(thumbprint)
        memory = self._used.get(name, now_s) or UsedIds(2 * _WINDOW_S, _PROOFS_OF_ONE)
        self._used.put(name, memory, now_s + 2 * _WINDOW_S + 1)
        return memory

    def nonce(self) -> str:
        """One that is good for the next minutes, at this process alone."""
        return self._nonce_of(int(self._clock() // _NONCE_S))

    def _nonce_of(self, period: int) -> str:
        made = hmac.digest(self._secret, str(period).encode(), "sha256")
        return base64.urlsafe_b64encode(made[:16]).rstrip(b"=").decode()

    def _check_nonce(self, shown: object, now_s: float) -> None:
        period = int(now_s // _NONCE_S)
        good = (self._nonce_of(period).encode(), self._nonce_of(period - 1).encode())
        if not isinstance(shown, str) or not any(hmac.compare_digest(shown.encode(), one) for one in good):
            raise NonceWanted(self.nonce())


def _key(signed: Compact) -> Key:
    """The public key in the header, of a kind that may sign proofs."""
    if signed.member("typ") != "dpop+jwt":
        raise NotAuthorised("the proof must be of type dpop+jwt")
    signed.check_algorithm(ALGORITHMS)
    signed.refuse_keys_inside(allowed=("jwk",))
    entry = signed.header.get("jwk")
    if not isinstance(entry, dict) or _SECRET_MEMBERS & entry.keys():
        raise NotAuthorised("the proof must hold a public key and no private one (jwk)")
    key = read_key(entry)
    if key is None:
        raise NotAuthorised("the key of the proof (jwk) is of a kind that is not accepted, or too short")
    return key


def _address(url: str) -> tuple[str, str, int | None, str]:
    """What is compared of an address: query and fragment are not.  RFC 9449 §4.3, RFC 3986 §6.2."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise NotAuthorised("the address of the proof (htu) is not a URL") from None
    scheme = parts.scheme.lower()
    usual = {"https": 443, "http": 80}.get(scheme)
    return scheme, (parts.hostname or "").lower(), port or usual, parts.path or "/"
