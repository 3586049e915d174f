"""A value in a JSON document that knows where it stands, so that whatever is wrong is told by place.

For documents that somebody else wrote: every step checks the type it needs.  Knows nothing of people.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson

from schemas.errors import BadInput, Place

_KINDS: Final[dict[type, str]] = {
    dict: "an object",
    list: "a list",
    str: "a text",
    bool: "true or false",
    int: "a number",
    float: "a number",
    type(None): "null",
}


@dataclass(frozen=True, slots=True)
class Member:
    """`value` as the JSON reader gave it; `field` is the way to it, for people: `individual 4, sex.id`."""

    value: object
    file: str
    field: str = ""

    @property
    def place(self) -> Place:
        return Place(self.file, field=self.field)

    def refuse(self, problem: str, remedy: str) -> BadInput:
        """The error that says what is wrong here; the caller raises it."""
        return BadInput(self.place, problem, remedy)

    def _wrong_kind(self, wanted: str) -> BadInput:
        return self.refuse(f"is {_KINDS[type(self.value)]}", f"Make it {wanted}.")

    def members(self) -> dict[str, object]:
        """Raises BadInput: not an object."""
        if not isinstance(self.value, dict):
            raise self._wrong_kind("an object")
        return self.value

    def has(self, name: str) -> bool:
        """Whether this object has a member `name` that is not null."""
        return self.members().get(name) is not None

    def get(self, name: str) -> Member | None:
        """The member `name` of this object; None when it is absent or null."""
        value = self.members().get(name)
        return None if value is None else self._below(name, value)

    def need(self, name: str) -> Member:
        """As `get`.  Raises BadInput: absent or null."""
        found = self.get(name)
        if found is None:
            raise self._below(name, None).refuse("is missing", "Every record needs it.")
        return found

    def _below(self, name: str, value: object) -> Member:
        separator = "." if self.field and not self.field[-1].isdigit() else ", "
        return Member(value, self.file, f"{self.field}{separator}{name}" if self.field else name)

    def each(self, kind: str = "") -> Iterator[Member]:
        """The elements of this list, counted from 1 as `kind 4` (or `... [4]` without a kind).

        Raises BadInput: not a list.
        """
        if not isinstance(self.value, list):
            raise self._wrong_kind("a list")
        for number, element in enumerate(self.value, 1):
            yield Member(element, self.file, f"{kind} {number}" if kind else f"{self.field}[{number}]")

    def text(self) -> str:
        """The text without surrounding blanks.  Raises BadInput: not a text, or nothing but blanks."""
        if not isinstance(self.value, str):
            raise self._wrong_kind("a text")
        if not self.value.strip():
            raise self.refuse("is empty", "Give it a value.")
        return self.value.strip()

    def flag(self) -> bool:
        """Raises BadInput: neither true nor false."""
        if not isinstance(self.value, bool):
            raise self._wrong_kind("true or false")
        return self.value


def read_json(path: Path) -> Member:
    """The JSON document in `path`; the file is read whole.

    Raises BadInput: no such file, or not JSON, with the line.
    """
    content = read_bytes(path)
    try:
        return Member(orjson.loads(content), str(path))
    except orjson.JSONDecodeError as fault:
        raise BadInput(
            Place(str(path), fault.lineno), f"not JSON ({fault.msg.split(':')[0]})", "Correct the file."
        ) from None


def read_bytes(path: Path) -> bytes:
    """Raises BadInput: the file is not there or cannot be read."""
    try:
        return path.read_bytes()
    except OSError as fault:
        raise BadInput(Place(str(path)), f"cannot be read ({fault.strerror})", "Check the path.") from None


def read_lines(path: Path) -> list[str]:
    """The lines of a UTF-8 text file, without a byte order mark.

    Raises BadInput: cannot be read, or not UTF-8, with the line.
    """
    content = read_bytes(path)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        line = content.count(b"\n", 0, fault.start) + 1
        raise BadInput(Place(str(path), line), "not UTF-8 text", "Save the file as UTF-8.") from None
    return text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n").split("\n")
