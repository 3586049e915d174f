"""One-time codes of an authenticator application, the second factor.

SHA-1 and six digits are what every application can; HMAC does not need a hash without collisions.

Spec: RFC 6238 (TOTP), RFC 4226 §5.4 (digits).
"""

from __future__ import annotations

import base64
import hmac
import secrets
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

STEP_S: Final = 30
_DIGITS: Final = 6
_SECRET_BYTES: Final = 20
_DRIFT: Final = 1  # steps that the clock of a telephone may be off


def new_totp_secret() -> bytes:
    return secrets.token_bytes(_SECRET_BYTES)


def matching_step(secret: bytes, code: str, now_s: float) -> int | None:
    """The number of the step that `code` belongs to; None when it is not a code of about now.

    Whoever accepts it must accept no code of this step or an older one again.
    """
    typed = "".join(code.split())
    if len(typed) != _DIGITS or not (typed.isascii() and typed.isdigit()):
        return None
    known = _totp(secret)
    now = int(now_s) // STEP_S
    found = None
    for step in range(now - _DRIFT, now + _DRIFT + 1):  # all of them, so that the time tells nothing
        if hmac.compare_digest(known.generate(step * STEP_S), typed.encode()):
            found = step
    return found


def provisioning_uri(secret: bytes, account: str, node_name: str) -> str:
    """`otpauth://...`, which authenticator applications read from a QR code or a link."""
    return _totp(secret).get_provisioning_uri(account, node_name)


def readable(secret: bytes) -> str:
    """For typing into an application: base32 in groups of four."""
    text = base64.b32encode(secret).decode()
    return " ".join(text[i : i + 4] for i in range(0, len(text), 4))


def _totp(secret: bytes) -> TOTP:
    return TOTP(secret, _DIGITS, SHA1(), STEP_S)  # noqa: S303  # see above
