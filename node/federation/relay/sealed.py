"""Requests and answers that only their receiver can read.

A node makes a key when it connects to a relay, signs it with the key that its peers have pinned, and forgets
it when it ends.  A request is encrypted to that key, and holds a key made for its answer alone.  An answer
names the id that stood in the request: nobody else can know it, so an answer that can be read is genuine.

Spec: RFC 7516 (JWE), RFC 7518 §4.6 (ECDH-ES), RFC 8037 (X25519).
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwe import JWERegistry
from joserfc.jwk import OKPKey
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked

from node.access.keys import NodeKey
from node.access.signed import read_signed
from schemas.errors import NotAuthorised

MOST_BYTES: Final = 4_000_000
"""Of a sealed letter."""
LIFE_S: Final = 3600
_LEEWAY_S: Final = 30
_ALGORITHM: Final = "ECDH-ES"
_ENCRYPTION: Final = "A256GCM"
_MAILBOX_TYPE: Final = "varhaven-mailbox+jwt"
_PublicText = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{43}$")]


# Bodies are base64 within the JSON.
_FORM: Final = ConfigDict(extra="forbid", ser_json_bytes="base64", val_json_bytes="base64")


class _Registry(JWERegistry):
    """Takes one way to encrypt, and letters as large as those that are passed on."""

    max_ciphertext_length = MOST_BYTES


_REGISTRY: Final = _Registry(algorithms=[_ALGORITHM, _ENCRYPTION])


class Unreadable(ValueError):
    """Not a letter to this key, or not one of the expected kind."""


@dataclass(frozen=True, slots=True)
class SealKey:
    """A key pair of one connection or one answer; `repr` shows nothing of it."""

    _pair: OKPKey = field(default_factory=lambda: OKPKey.generate_key("X25519"), repr=False)

    @property
    def public(self) -> str:
        """The public half, base64url, 43 characters."""
        return str(self._pair.as_dict(private=False)["x"])

    def open(self, letter: bytes) -> bytes:
        """What was sealed to this key; about 1 ms a megabyte.  Raises Unreadable."""
        try:
            plain = jwe.decrypt_compact(letter, self._pair, registry=_REGISTRY).plaintext
        except (JoseError, ValueError):
            raise Unreadable("the letter was not sealed to this key") from None
        return plain or b""


def seal(plain: bytes, public: str) -> bytes:
    """A letter that only the holder of the key with this public half can read."""
    key = OKPKey.import_key({"kty": "OKP", "crv": "X25519", "x": public})
    header = {"alg": _ALGORITHM, "enc": _ENCRYPTION}
    return jwe.encrypt_compact(header, plain, key, registry=_REGISTRY).encode()


@checked(frozen=True, config=_FORM)
class Asked:
    """An HTTP request.  id: secret, for this once.  answer_to: public half of the key for its answer."""

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{22}$")]
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    answer_to: _PublicText


@checked(frozen=True, config=_FORM)
class Answer:
    """An HTTP response to the request with this id."""

    id: str
    status: Annotated[int, Field(ge=200, le=599)]
    headers: dict[str, str]
    body: bytes


_ASKED: Final[TypeAdapter[Any]] = TypeAdapter(Asked)
_ANSWER: Final[TypeAdapter[Any]] = TypeAdapter(Answer)


def new_id() -> str:
    return secrets.token_urlsafe(16)


def write(letter: Asked | Answer) -> bytes:
    """The letter, not sealed yet."""
    return (_ASKED if isinstance(letter, Asked) else _ANSWER).dump_json(letter)


def read_asked(plain: bytes) -> Asked:
    """Raises Unreadable."""
    found: Asked = _read(_ASKED, plain)
    return found


def read_answer(plain: bytes, wanted: str) -> Answer:
    """The answer to the request with the id `wanted`.  Raises Unreadable."""
    found: Answer = _read(_ANSWER, plain)
    if not secrets.compare_digest(found.id, wanted):
        raise Unreadable("the answer is to another request")
    return found


def _read(adapter: TypeAdapter[Any], plain: bytes) -> Any:
    try:
        return adapter.validate_json(plain)
    except ValidationError:
        raise Unreadable("the letter is not of the expected form") from None


def announce(node: str, key: NodeKey, public: str, now_s: float) -> str:
    """The signed word of `node` that letters to it are to be sealed to `public`; good for an hour."""
    claims: Mapping[str, Any] = {"iss": node, "key": public, "exp": int(now_s) + LIFE_S}
    return key.sign(_MAILBOX_TYPE, json.dumps(claims).encode())


def read_announcement(
    document: str, node: str, thumbprints: tuple[str, ...], now_s: float
) -> tuple[str, float]:
    """The key to which letters to `node` are sealed, and until when (Unix time).

    Raises NotAuthorised: not signed by `node` with one of its pinned keys, or not now.
    """

    def pins(issuer: str) -> tuple[str, ...]:
        if issuer != node:
            raise NotAuthorised("the mailbox is that of another node")
        return thumbprints

    claims = read_signed(document, _MAILBOX_TYPE, pins)
    ends, public = claims.get("exp"), claims.get("key")
    if type(ends) is not int or not now_s - _LEEWAY_S <= ends <= now_s + LIFE_S + _LEEWAY_S:
        raise NotAuthorised("the key of the mailbox is not valid now; check the clocks of both nodes")
    try:
        return TypeAdapter(_PublicText).validate_python(public), float(ends)
    except ValidationError:
        raise NotAuthorised("the key of the mailbox is none") from None
