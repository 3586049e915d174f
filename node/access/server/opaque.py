"""Secrets that mean nothing by themselves: made at random, kept only as digests.

A plain SHA-256 is enough for them, because nobody can try 2^256 values; passwords are another matter.
"""

from __future__ import annotations

import hashlib
import secrets


def new_secret() -> str:
    """256 random bits as 43 characters of base64url."""
    return secrets.token_urlsafe(32)


def new_id() -> str:
    """128 random bits as 22 characters of base64url: a name that nobody can guess."""
    return secrets.token_urlsafe(16)


def digest(secret: str) -> bytes:
    """What is kept of a secret.  Looking it up by this tells nothing by its timing."""
    return hashlib.sha256(secret.encode()).digest()
