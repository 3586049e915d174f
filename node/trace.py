"""The trace that a request belongs to: accepted from the caller, sent on to peers, written into the audit.

The trace id is the id of the request: the entries of all nodes for one question share it.  A `traceparent`
that is malformed is ignored, and a new trace begins.  `tracestate` is dropped: it may hold anything.

Spec: W3C Trace Context, https://www.w3.org/TR/trace-context/
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Final

from fastapi.telemetry import TelemetryConfig

HEADER: Final = "traceparent"
_VERSION_0: Final = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
# A later version begins like this one, and may go on after another dash.
_LATER: Final = re.compile(r"(?!00|ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")
_SAMPLED: Final = 1
TO_NOBODY: Final[TelemetryConfig] = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}
"""What the framework tells a collector that the environment names: its paths and faults hold questions."""


def _new_id(size_bytes: int) -> str:
    """Never all zero, which would mean none."""
    while not any(found := secrets.token_bytes(size_bytes)):
        continue
    return found.hex()


@dataclass(frozen=True, slots=True)
class Trace:
    """id: 32 hex digits, the same at every node.  sampled: whether the caller records the trace."""

    id: str = field(default_factory=lambda: _new_id(16))
    sampled: bool = False

    @property
    def header(self) -> str:
        """The value of `traceparent` for one request that is sent now: each has its own parent id."""
        return f"00-{self.id}-{_new_id(8)}-{_SAMPLED if self.sampled else 0:02x}"


def read_trace(headers: Iterable[str]) -> Trace:
    """The trace that the `traceparent` headers of a request name; a new one if there is none to be read."""
    given = list(headers)
    text = given[0].strip() if len(given) == 1 else ""
    found = _VERSION_0.fullmatch(text) or _LATER.fullmatch(text)
    if found is None or not int(found[1], 16) or not int(found[2], 16):
        return Trace()
    return Trace(found[1], sampled=bool(int(found[3], 16) & _SAMPLED))


_CURRENT: Final[ContextVar[Trace | None]] = ContextVar("trace", default=None)


def enter(trace: Trace) -> None:
    """From here on, and in every task that is started from here, `current` gives `trace`."""
    _CURRENT.set(trace)


def current() -> Trace:
    """The trace of the request being answered; outside of one, a trace that begins here and lasts."""
    trace = _CURRENT.get()
    if trace is None:
        trace = Trace()
        _CURRENT.set(trace)
    return trace
