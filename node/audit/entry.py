"""What is recorded of one answer or refusal, and the text and hash that it gets."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

FIRST_HASH: Final = bytes(32)
"""What stands for the hash before the first entry."""


class Kind(StrEnum):
    """By which entrance somebody came."""

    BEACON = "beacon"
    NETWORK = "network"
    FEDERATION = "federation"
    MATCHMAKER = "mme"
    SIGN_IN = "sign-in"
    ADMINISTRATION = "administration"


class Outcome(StrEnum):
    """How it ended: told something, told nothing for want of rights, or not done for another reason."""

    ANSWERED = "answered"
    DENIED = "denied"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Entry:
    """One answer or refusal.

    request: the trace id of the request (W3C, 32 hex digits), the same at every node a question reached.
    principal: `str` of the principal, or of the one on whose behalf a peer asks; never a token.
    datasets: those that were looked into.  granularity: the most that was told of any of them.
    purpose: DUO code that was stated.  question: `Audit.digest` of it.
    detail: more, in words fixed by the program ("suspend", "expired"); nothing that anybody wrote.
    """

    request: str
    principal: str
    kind: Kind
    outcome: Outcome
    datasets: tuple[str, ...] = ()
    granularity: str = ""
    purpose: str = ""
    question: str = ""
    detail: str = ""


def canonical(seq: int, at_ms: int, entry: Entry, answers: int = 1) -> str:
    """The one text of an entry: members in order of their names, no spaces; empty ones are left out.

    at_ms: Unix time in milliseconds.  answers: how many alike it stands for.  Spec: RFC 8785, which this is
    for members with ASCII names that hold text and integers.
    """
    members: dict[str, Any] = {
        "seq": seq,
        "at": at_ms,
        "request": entry.request,
        "principal": entry.principal,
        "kind": entry.kind.value,
        "outcome": entry.outcome.value,
        "datasets": sorted(entry.datasets),
        "granularity": entry.granularity,
        "purpose": entry.purpose,
        "question": entry.question,
        "detail": entry.detail,
        "answers": answers if answers != 1 else 0,
    }
    told = {name: value for name, value in members.items() if value}
    return json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def chained(before: bytes, text: str) -> bytes:
    """The hash of an entry after the one whose hash is `before`, always 32 bytes."""
    return hashlib.sha256(before + text.encode()).digest()
