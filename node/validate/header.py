"""The header of a file: version, definitions, and the line of column names.

Spec: VCF 4.1/4.2 §1.2 and §1.3; VCF 4.3/4.4 §1.4 and §1.5.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from node.validate.meta import BadMeta, check_meta, read_meta
from node.validate.reserved import Version, reserved
from node.validate.values import TYPE_NAMES, Definition, ValueType

_FILE_FORMAT: Final = re.compile(r"##fileformat=VCFv4\.([0-9]+)")
_FIXED: Final = ("#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO")
_MOST_LINES: Final = 1_000_000
_MOST_CHARACTERS: Final = 256 << 20
_MOST_SAMPLES: Final = 1_000_000
_UNIQUE: Final = frozenset(("INFO", "FORMAT", "FILTER", "ALT"))


class Header:
    """What the header has said so far; `complete` once the line of column names was read."""

    def __init__(self) -> None:
        self.version: Version | None = None
        self.columns = 0
        """How many columns every data line has; 0 before the column names."""
        self.contigs = 0
        """How many contig lines there are."""
        self._definitions: dict[tuple[str, str], Definition] = {}
        self._ids: set[tuple[str, str]] = set()
        self._lines = 0
        self._characters = 0

    @property
    def complete(self) -> bool:
        return self.columns > 0

    @property
    def has_samples(self) -> bool:
        return self.columns > 9

    def declared(self, kind: str, key: str) -> Definition | None:
        """What a header line says of an INFO or FORMAT key."""
        return self._definitions.get((kind, key))

    def definition(self, kind: str, key: str, version: Version) -> Definition | None:
        """What is known of a key: by the header, else by the specification."""
        return self.declared(kind, key) or reserved(kind, key, version)

    def read_first(self, line: str) -> Iterator[str]:
        """Take the first line, which names the version; leaves `version` None when it cannot be checked."""
        match = _FILE_FORMAT.fullmatch(line)
        if match is None:
            yield "the first line must be ##fileformat=VCFv4.N"
        elif match[1] not in ("1", "2", "3", "4"):
            yield f"VCF 4.{match[1][:4]} is not supported; versions 4.1 to 4.4 are"
        else:
            self.version = Version(int(match[1]))

    def read(self, line: str, version: Version) -> Iterator[str]:
        """Take one further line of the header, up to the column names."""
        self._lines += 1
        self._characters += len(line)
        if self._lines > _MOST_LINES or self._characters > _MOST_CHARACTERS:
            yield f"the header is longer than {_MOST_LINES} lines or {_MOST_CHARACTERS} characters"
        elif line.startswith("##"):
            yield from self._read_meta(line, version)
        elif line.startswith("#"):
            yield from self._read_columns(line)
        else:
            yield "a header line must begin with ##, and #CHROM must come before the data lines"

    def _read_meta(self, line: str, version: Version) -> Iterator[str]:
        try:
            meta = read_meta(line)
        except BadMeta as fault:
            yield str(fault)
            return
        if meta.key == "fileformat":
            yield "fileformat stands in the first line only"
        yield from check_meta(meta, version)
        self.contigs += meta.key == "contig"
        place = (meta.key, meta.id)
        if meta.key in _UNIQUE:
            if place in self._ids and version >= Version.V43:
                yield f"{meta.key} declares an ID twice"
            self._ids.add(place)
        number, type_name = meta.members.get("Number"), meta.members.get("Type")
        if meta.key in ("INFO", "FORMAT") and type_name in TYPE_NAMES:
            self._definitions[place] = Definition(number, ValueType(type_name))

    def _read_columns(self, line: str) -> Iterator[str]:
        count = line.count("\t") + 1
        if count - 9 > _MOST_SAMPLES:
            yield f"more than {_MOST_SAMPLES} samples"
            return
        names = line.split("\t")
        self.columns = count
        if tuple(names[:8]) != _FIXED:
            yield "the column names must be " + " ".join(_FIXED) + ", separated by tabs"
        elif count > 8 and names[8] != "FORMAT":
            yield "the ninth column must be FORMAT"
        elif count == 9:
            yield "FORMAT without a sample column"
        elif not all(name.strip() for name in names[9:]):
            yield "a sample has no name"
        elif len(set(names[9:])) < count - 9:
            yield "two samples have the same name"
