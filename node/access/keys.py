"""The key pairs with which a node signs, kept in its home as one JWK set: first the active one.

A key is known to others by its thumbprint.  To change keys without a gap: `prepare` a second one, let
partners pin its thumbprint beside the old, then `activate` it.

Spec: RFC 7517 (JWK sets), RFC 7518 §3.4 (ES256), RFC 7638 (thumbprints).
"""

from __future__ import annotations

import json
import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from schemas.errors import BadInput, Place

ALGORITHM: Final = "ES256"
CURVE: Final = "P-256"
_FILE_NAME: Final = "node.jwks"
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True)
class NodeKey:
    """What a node signs with.  `others` are prepared or retired keys: kept, never signed with.

    `repr` shows no key material.
    """

    active: ECKey
    others: tuple[ECKey, ...] = ()

    @classmethod
    def create(cls, folder: Path) -> Self:
        """A new key pair, written to `folder` (mode 0700) in a file that only its owner can read.

        Raises BadInput: there is a key already; it is never overwritten.
        """
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)
        path = folder / _FILE_NAME
        if path.exists():
            raise BadInput(Place(str(path)), "this node has a key already", "Keep it: partners trust it.")
        made = cls(_new_key())
        _write(made, path)
        return made

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The keys in `folder`.

        Raises BadInput: no key there, one that others than its owner can read, or not a set of P-256 keys.
        """
        path = folder / _FILE_NAME
        try:
            with path.open("rb") as file:
                if os.fstat(file.fileno()).st_mode & _OTHERS:
                    raise BadInput(
                        Place(str(path)),
                        "this private key can be read by other users of the machine",
                        "If nobody did, run chmod 600 on it; if somebody may have, make a new one.",
                    )
                document = json.load(file)
            active, *others = [_import_private(entry) for entry in document["keys"]]
        except FileNotFoundError:
            raise BadInput(Place(str(path)), "this node has no key", "Restore it from a backup.") from None
        except (ValueError, KeyError, TypeError, JoseError):
            # Not chained: the fault's text could quote the file.
            raise BadInput(Place(str(path)), "not a set of P-256 keys", "Restore it from a backup.") from None
        return cls(active, tuple(others))

    def prepare(self, folder: Path) -> Self:
        """These keys and a new one, not active yet."""
        made = type(self)(self.active, (*self.others, _new_key()))
        _write(made, folder / _FILE_NAME)
        return made

    def activate(self, folder: Path, wanted: str) -> Self:
        """The same keys, with the one whose thumbprint is `wanted` active.

        Raises BadInput: no such key.
        """
        keys = {key.thumbprint(): key for key in (self.active, *self.others)}
        if wanted not in keys:
            held = ", ".join(keys)
            raise BadInput(Place(str(folder)), "no key with that thumbprint", f"Held are {held}.")
        active = keys.pop(wanted)
        made = type(self)(active, tuple(keys.values()))
        _write(made, folder / _FILE_NAME)
        return made

    @property
    def thumbprint(self) -> str:
        """By which partners know the active key: RFC 7638, SHA-256, base64url, 43 characters."""
        return self.active.thumbprint()

    @property
    def thumbprints(self) -> tuple[str, ...]:
        """Of every key, the active one first."""
        return tuple(key.thumbprint() for key in (self.active, *self.others))

    def sign(self, media_type: str, payload: bytes) -> str:
        """`payload` as a compact JWS by the active key, whose public half travels in the header.

        About 0.1 ms.  Spec: RFC 7515 §3.1; `media_type` becomes `typ`.
        """
        header = {
            "alg": ALGORITHM,
            "typ": media_type,
            "kid": self.thumbprint,
            "jwk": self.active.as_dict(private=False),
        }
        return jws.serialize_compact(header, payload, self.active, algorithms=[ALGORITHM])

    def __repr__(self) -> str:
        return f"NodeKey({self.thumbprint})"


def _write(made: NodeKey, path: Path) -> None:
    """All or nothing: a crash leaves the old file or the new one."""
    keys = [key.as_dict(private=True) for key in (made.active, *made.others)]
    # `mkstemp` makes the file 0600 from its first moment.
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{_FILE_NAME}.")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump({"keys": keys}, file)
        file.flush()
        os.fsync(file.fileno())
    Path(name).replace(path)


def _new_key() -> ECKey:
    return ECKey.generate_key(CURVE)


def _import_private(entry: dict[str, str | list[str]]) -> ECKey:
    key = ECKey.import_key(entry)
    if not key.is_private or key.curve_name != CURVE:
        raise ValueError("not a private key of the curve")
    return key
