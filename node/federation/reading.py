"""Single values from documents that nobody vouches for: as they are where they are of the kind wanted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_LARGEST: Final = 2**53


def mapping(document: object, *path: str) -> Mapping[str, Any]:
    """The object at `path` below `document`; an empty one where there is none."""
    for name in path:
        document = document.get(name) if isinstance(document, Mapping) else None
    return document if isinstance(document, Mapping) else {}


def objects(parent: object, *path: str) -> list[Mapping[str, Any]]:
    """The objects in the list at `path` below `parent`."""
    *way, last = path
    listed = mapping(parent, *way).get(last)
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []


def text(value: object, most: int = 500) -> str:
    """At most so many characters of a text; "" for anything else."""
    return value[:most] if isinstance(value, str) else ""


def natural(value: object) -> int | None:
    """0 to 2^53, also where it is written as a text."""
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 17:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= _LARGEST else None


def boolean(value: object) -> bool | None:
    """Also where it is written as a text."""
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.lower())
    return value if isinstance(value, bool) else None
