"""One tree of errors; the edges turn each into the envelope of the protocol that was spoken.

    NodeError
      x BadQuestion 400          the question cannot be understood or would be answered wrongly
        · NotHeld 400            understood, but about an assembly, contig or dataset not held here
      x NotAuthorised 401        no valid credentials
      x Forbidden 403            valid credentials, not enough of them
      x NotFound 404
      x MethodNotAllowed 405
      x NotAcceptable 406
      x TooLarge 413
      x UnsupportedMedia 415
      x Unprocessable 422
      x OverBudget 429
      x StoreUnavailable 503     the index cannot be read; says nothing about any variant
      x NobodyAnswered 503       no node of a network answered, for different reasons; nothing is known
      x IssuerUnavailable 503    who issued the credentials cannot be asked; says nothing about them
      x BadInput                 a file or a setting a person gave: where, what is wrong, what to do

A message is written for the person who asked.  It never holds a genotype, a person's identifier, a
token or anything of the inside of the node.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar


class NodeError(Exception):
    """Root of every error a person may see; `message` is safe to show to whoever asked.

    headers: of HTTP, that belong to the refusal (how to sign in, when to ask again).  details: what an
    envelope tells beside the message, as fit to be shown.
    """

    status: ClassVar[int] = 500
    reason: ClassVar[str] = "internal"
    headers: Mapping[str, str] = MappingProxyType({})
    details: Mapping[str, Any] = MappingProxyType({})

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class BadQuestion(NodeError):
    """A question that cannot be understood; answering it anyway would answer another question."""

    status = 400
    reason = "bad_question"


class NotHeld(BadQuestion):
    """A sound question about an assembly, contig, dataset or entry type this node does not hold.

    Another node of a network reads it as "not applicable", never as "no".
    """

    reason = "not_held"


class NotAuthorised(NodeError):
    status = 401
    reason = "not_authorised"


class Forbidden(NodeError):
    status = 403
    reason = "forbidden"


class NotFound(NodeError):
    status = 404
    reason = "not_found"


class MethodNotAllowed(NodeError):
    status = 405
    reason = "method_not_allowed"


class NotAcceptable(NodeError):
    status = 406
    reason = "not_acceptable"


class TooLarge(NodeError):
    status = 413
    reason = "too_large"


class UnsupportedMedia(NodeError):
    status = 415
    reason = "unsupported_media"


class Unprocessable(NodeError):
    status = 422
    reason = "unprocessable"


class OverBudget(NodeError):
    status = 429
    reason = "over_budget"


class StoreUnavailable(NodeError):
    status = 503
    reason = "store_unavailable"


class NobodyAnswered(NodeError):
    status = 503
    reason = "nobody_answered"


class IssuerUnavailable(NodeError):
    status = 503
    reason = "issuer_unavailable"


@dataclass(frozen=True, slots=True)
class Place:
    """Where in an input something is wrong.  `line` counts from 1; 0 means the file as a whole."""

    file: str
    line: int = 0
    field: str = ""

    def __str__(self) -> str:
        text = self.file
        if self.line:
            text += f", line {self.line}"
        if self.field:
            text += f", {self.field}"
        return text


class BadInput(NodeError):
    """A file, setting or argument that cannot be used: where, what is wrong, and what to do.

    Raised to people at a command line, never over HTTP; nothing was changed when it is raised.
    """

    status = 422
    reason = "bad_input"

    def __init__(self, place: Place, problem: str, remedy: str) -> None:
        super().__init__(f"{place}: {problem}. {remedy}")
        self.place = place
        self.problem = problem
        self.remedy = remedy
