"""Filters on the wire: the members they may have, whatever their kind.

Spec: Beacon v2 framework/json/requests/filteringTerms.json; `excluded` as in beacon-v2#264.
"""
# The members are named as the specification names them.
# ruff: noqa: N815

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Required

from pydantic import BeforeValidator
from typing_extensions import TypedDict

from schemas.filters import Operator, Similarity
from schemas.strict import Strict, validated


def _as_text(value: object) -> object:
    """Some clients send `true` and numbers as such."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


class AskedFilter(Strict):
    """A filter as an object; which kind it is, its members tell.

    type: some clients repeat it from the list of terms; it says nothing that the others do not.
    """

    id: str
    operator: Operator | None = None
    value: Annotated[str | None, BeforeValidator(_as_text)] = None
    includeDescendantTerms: bool | None = None
    similarity: Similarity | None = None
    scope: str | None = None
    excluded: bool | None = None
    type: str | None = None


class WireFilter(TypedDict, total=False):
    """A filter in its canonical spelling."""

    id: Required[str]
    operator: str
    value: str
    includeDescendantTerms: bool
    similarity: str
    scope: str
    excluded: bool


def read_filter(given: Mapping[str, Any]) -> AskedFilter:
    """The members of one filter.  Raises ValueError: why it cannot be read, naming the member at fault."""
    return validated(AskedFilter, given)
