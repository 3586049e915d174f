"""Reading what somebody asks: every member is known or refused, and the refusal names the member.

Ignoring a member would answer a wider question than the one that was asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError


class Strict(BaseModel):
    """Members that are not known are refused; null is the same as absent."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    document_schema: str | None = Field(default=None, alias="$schema")


_Model = TypeVar("_Model", bound=Strict)


def validated(model: type[_Model], raw: bytes | Mapping[str, Any]) -> _Model:
    """The members of a document, from its bytes or as they were parsed.

    Raises ValueError: why it cannot be read, naming the member at fault.
    """
    try:
        return model.model_validate_json(raw) if isinstance(raw, bytes) else model.model_validate(raw)
    except ValidationError as fault:
        first = fault.errors(include_input=False, include_url=False)[0]
        words = [str(part) for part in first["loc"]]
        if first["type"] == "json_invalid":
            complaint = "the body is not valid JSON in UTF-8"
        elif first["type"] == "extra_forbidden":
            complaint = _unknown(words, isinstance(raw, bytes))
        else:
            place = ".".join(words)[:120] or "the body"
            complaint = f"{place}: {first['msg'].removeprefix('Value error, ')}"
        raise ValueError(complaint) from None


def _unknown(words: Sequence[str], in_body: bool) -> str:
    place = ".".join(words[:-1])[:120] if in_body else ""
    return f"unknown parameter {words[-1][:60]!r}" + (f" in {place}" if place else "")
