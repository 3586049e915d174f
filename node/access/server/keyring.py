"""The keys with which the embedded authorization server signs, and the one with which it keeps secrets.

The signing keys are a file of their own beside the node's key, so that they can change every month while the
one that partners have pinned stays.  A key that was replaced still verifies until the last token it signed
has expired; then it is forgotten.

Spec: RFC 7517 (JWK sets), RFC 7518 §3.4 (ES256), RFC 7638 (thumbprints).
"""

from __future__ import annotations

import hmac
import json
import os
import secrets
import stat
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet
from joserfc.jws import JWSRegistry

from node.access.keys import ALGORITHM, CURVE
from schemas.errors import BadInput, Place

SIGNATURES: Final = "oauth.jwks"
SEAL: Final = "access.key"
LONGEST_LIFE_S: Final = 3600.0  # of anything that is signed here
_GRACE_S: Final = 120.0  # clocks of those who verify
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_SEAL_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_MOST_CHARS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class _Signing:
    key: ECKey
    created_s: float
    retired_s: float | None = None

    def is_over(self, now_s: float) -> bool:
        return self.retired_s is not None and now_s > self.retired_s + LONGEST_LIFE_S + _GRACE_S


class Keyring:
    """The signing keys in a folder.  A running node follows when the command line rotates them.

    Reading costs a look at the file's time, some microseconds.
    """

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        """Makes the first key, and the folder, when there is none.

        Raises BadInput: files that others than their owner can read, or that hold something else.
        """
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._path = folder / SIGNATURES
        self._clock = clock
        if not self._path.exists():
            self._write((_Signing(_new_key(), clock()),))
        self._stamp: tuple[int, int] | None = None
        self._held: tuple[_Signing, ...] = ()
        self.seal = Seal.open(folder)
        self._read()

    def rotate(self) -> str:
        """A new key signs from now on; its thumbprint.  Keys whose tokens are all gone are forgotten."""
        now_s = self._clock()
        made = _Signing(_new_key(), now_s)
        kept = (one if one.retired_s is not None else replace(one, retired_s=now_s) for one in self._read())
        self._write((made, *(one for one in kept if not one.is_over(now_s))))
        return made.key.thumbprint()

    def sign(
        self, media_type: str, claims: Mapping[str, Any], header: Mapping[str, Any] | None = None
    ) -> str:
        """`claims` as a compact JWT by the newest key.  About 0.1 ms."""
        key = self._read()[0].key
        whole = {"alg": ALGORITHM, "typ": media_type, "kid": key.thumbprint(), **(header or {})}
        return jwt.encode(whole, dict(claims), key, algorithms=[ALGORITHM])

    def read(self, token: str, media_type: str) -> dict[str, Any] | None:
        """The claims of a token of this kind that was signed here, else None.  Times are not looked at."""
        if len(token) > _MOST_CHARS:
            return None
        registry = JWSRegistry(algorithms=[ALGORITHM])
        registry.max_payload_length = _MOST_CHARS
        try:
            found = jwt.decode(token, self.public_keys(), algorithms=[ALGORITHM], registry=registry)
        except (JoseError, ValueError, KeyError, TypeError):
            return None
        return dict(found.claims) if found.header.get("typ") == media_type else None

    def public_keys(self) -> KeySet:
        """Those that verify what was signed here and may still be good."""
        return KeySet.import_key_set(self.public())

    def public(self) -> Any:
        """The same as a JWK set, for others.  Spec: RFC 7517 §5."""
        now_s = self._clock()
        return {"keys": [_public(one.key) for one in self._read() if not one.is_over(now_s)]}

    def ages_s(self) -> tuple[float, ...]:
        """How long ago each was made, the active one first."""
        return tuple(self._clock() - one.created_s for one in self._read())

    def _read(self) -> tuple[_Signing, ...]:
        try:
            found = self._path.stat()
            stamp = (found.st_mtime_ns, found.st_ino)
            if stamp != self._stamp:
                self._held, self._stamp = _load(self._path), stamp
        except FileNotFoundError:
            raise BadInput(
                Place(str(self._path)), "the signing keys are gone", "Restore them from a backup."
            ) from None
        return self._held

    def _write(self, held: tuple[_Signing, ...]) -> None:
        keys = [
            {**one.key.as_dict(private=True), "created_s": one.created_s, "retired_s": one.retired_s}
            for one in held
        ]
        write_secret(self._path, json.dumps({"keys": keys}).encode())


@dataclass(frozen=True, slots=True)
class Seal:
    """Encrypts what must be read again: a copy of the database alone does not give it away."""

    key: bytes

    @classmethod
    def open(cls, folder: Path) -> Self:
        """The key of this node's home; made when there is none.

        Raises BadInput: others can read the file, or it is something else.
        """
        path = folder / SEAL
        if not path.exists():
            write_secret(path, secrets.token_bytes(_SEAL_BYTES))
        key = _read_secret(path)
        if len(key) != _SEAL_BYTES:
            raise BadInput(Place(str(path)), "not a key of 32 bytes", "Restore it from a backup.")
        return cls(key)

    def close(self, secret: bytes, owner: str) -> bytes:
        """`secret`, readable with this key and for this owner alone."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + AESGCM(self.key).encrypt(nonce, secret, owner.encode())

    def unseal(self, sealed: bytes, owner: str) -> bytes:
        """Raises BadInput: it was sealed with another key, or for somebody else."""
        try:
            return AESGCM(self.key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], owner.encode())
        except InvalidTag:
            remedy = "Restore the key from the backup of this database, or set the one-time codes up anew."
            raise BadInput(Place(SEAL), "does not belong to this database", remedy) from None

    def mark(self, kind: str, value: str) -> bytes:
        """A keyed digest, so that the database does not tell who tried to sign in from where."""
        return hmac.digest(self.key, f"{kind}\0{value}".encode(), "sha256")

    def __repr__(self) -> str:
        return "Seal()"


def write_secret(path: Path, content: bytes) -> None:
    """All or nothing, readable by its owner alone from its first moment."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    Path(name).replace(path)


def _read_secret(path: Path) -> bytes:
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_mode & _OTHERS:
            remedy = "If nobody did, run chmod 600 on it; if somebody may have, make a new one."
            raise BadInput(Place(str(path)), "this key can be read by other users of the machine", remedy)
        return file.read()


def _load(path: Path) -> tuple[_Signing, ...]:
    try:
        held = [_signing(entry) for entry in json.loads(_read_secret(path))["keys"]]
    except (ValueError, KeyError, TypeError, JoseError):
        # Not chained: the fault's text could quote the file.
        raise BadInput(Place(str(path)), "not a set of P-256 keys", "Restore it from a backup.") from None
    if not held or held[0].retired_s is not None:
        raise BadInput(Place(str(path)), "no key of it is active", "Restore it from a backup.")
    return tuple(held)


def _signing(entry: dict[str, Any]) -> _Signing:
    created_s, retired_s = float(entry.pop("created_s")), entry.pop("retired_s")
    key = ECKey.import_key(entry)
    if not key.is_private or key.curve_name != CURVE:
        raise ValueError("not a private key of the curve")
    return _Signing(key, created_s, None if retired_s is None else float(retired_s))


def _new_key() -> ECKey:
    return ECKey.generate_key(CURVE)


def _public(key: ECKey) -> dict[str, Any]:
    told = {"kid": key.thumbprint(), "alg": ALGORITHM, "use": "sig"}
    return {**key.as_dict(private=False), **told}
