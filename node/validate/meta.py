"""One meta-information line (`##key=value`): its structure, and the rules of its kind.

Spec: VCF 4.1/4.2 §1.2; VCF 4.3/4.4 §1.4.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from node.validate.reserved import Version, reserved
from node.validate.values import TYPE_NAMES, ValueType, is_count

# Repeated groups are possessive: a reader of hostile text must not remember where it could turn back.
# One `key=value` of a structured line: a quoted text, a bracketed list, or anything up to the next comma.
_MEMBER: Final = re.compile(
    r"""(?P<key>[^=,<>"\s]+)=(?P<value>"(?:[^"\\]|\\.)*+"|\[[^\]]*\]|[^,"\[][^,]*|)(?P<end>,|$)"""
)
_KEY: Final = re.compile(r"[^\s=<>]+")
_FIELD_ID: Final = re.compile(r"[A-Za-z_][0-9A-Za-z_.]*|1000G")
_CONTIG_ID: Final = re.compile(r"[0-9A-Za-z!#$%&+./:;?@^_|~-][0-9A-Za-z!#$%&+./:;=?@^_|~-]*")
_HLA_CONTIG: Final = re.compile(r"HLA-[0-9A-Z]+\*[0-9A-Z:]+")
_SAMPLE_ID: Final = re.compile(r"""[^\s*<>,;="]+""")
_GENOME_NAME: Final = re.compile(r"[0-9A-Za-z_.+-]+")
_ALT_FAMILIES: Final = frozenset(("DEL", "INS", "DUP", "INV", "CNV", "BND", "TRA", "CTX", "CPX"))
_HOST_NAME: Final = re.compile(r"(?:[0-9A-Za-z_-]+\.)*[0-9A-Za-z_-]*[A-Za-z][0-9A-Za-z_-]*")
_LONGEST_HOST: Final = 255
_IPV4: Final = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}")
_NUMBERS: Final = {Version.V41: "AG.", Version.V42: "ARG.", Version.V43: "ARG.", Version.V44: "ARG."}


@dataclass(frozen=True, slots=True)
class MetaLine:
    """A line that could be read: its key, its value as written, and the members of a structured value.

    Members are in the order of the line, as written: quotation marks and brackets are kept.
    """

    key: str
    value: str
    members: Mapping[str, str]

    @property
    def id(self) -> str:
        return self.members.get("ID", "")


class BadMeta(Exception):
    """A line that is no `##key=value`, or whose structure is broken."""


def read_meta(line: str) -> MetaLine:
    """The parts of one `##` line.  Raises BadMeta: with the reason."""
    key, separator, value = line[2:].partition("=")
    if not separator or not _KEY.fullmatch(key):
        raise BadMeta("a meta-information line must be ##key=value")
    if not value.strip():
        raise BadMeta(f"meta-information {key[:40]} has no value")
    return MetaLine(key, value, _members(key, value) if key in RULES else {})


def _members(key: str, value: str) -> Mapping[str, str]:
    if not (value.startswith("<") and value.endswith(">") and len(value) > 2):
        raise BadMeta(f"{key} must be written as {key}=<ID=...,...>")
    text, members, place = value[1:-1], dict[str, str](), 0
    while place < len(text):
        member = _MEMBER.match(text, place)
        if member is None:
            raise BadMeta(
                f"the structure of {key} is broken: key=value pairs, quoted texts closed and escaped"
            )
        if member["key"] in members:
            raise BadMeta(f"{key} says {member['key'][:40]} twice")
        members[member["key"]] = member["value"]
        place = member.end()
    if text.endswith(",") or not text:
        raise BadMeta(f"{key} ends in a comma")
    return members


def check_meta(line: MetaLine, version: Version) -> Iterator[str]:
    """The reasons why a line breaks the rules of its kind; none for kinds the specification leaves open."""
    if line.key in _URL_KEYS:
        yield from _url(line)
    rule = RULES.get(line.key)
    if rule is None:
        return
    for name, value in line.members.items():
        plain = value[:1] not in ('"', "[")
        if not value:
            yield f"{line.key} {name[:40]} has no value"
        elif plain and re.search(r"[\s<>]", value):
            yield f"{line.key} {name[:40]} holds a blank or an angle bracket outside quotation marks"
    yield from rule(line, version)


def _url(line: MetaLine) -> Iterator[str]:
    text = line.value
    if line.key == "pedigreeDB" and text.startswith("<") and text.endswith(">"):
        text = text[1:-1]
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
    except ValueError:
        host, parts = "", urlsplit("")
    known_host = len(host) <= _LONGEST_HOST and (_HOST_NAME.fullmatch(host) or _IPV4.fullmatch(host))
    if not parts.scheme or not (known_host or parts.scheme == "file"):
        yield f"{line.key} must be a URL"


def _require(line: MetaLine, *names: str) -> Iterator[str]:
    """The named members must be there, in this order before any others among themselves."""
    missing = [name for name in names if name not in line.members]
    for name in missing:
        yield f"{line.key} has no {name}"
    if not missing and [name for name in line.members if name in names] != list(names):
        yield f"{line.key} must say {', '.join(names)} in this order"


def _quoted(line: MetaLine, name: str) -> Iterator[str]:
    value = line.members.get(name)
    if value is not None and not value.startswith('"'):
        yield f"{line.key} {name} must stand in quotation marks"


def _definition(line: MetaLine, version: Version) -> Iterator[str]:
    yield from _require(line, "ID", "Number", "Type", "Description")
    yield from _quoted(line, "Description")
    number, type_name = line.members.get("Number", "."), line.members.get("Type", "String")
    letters = _NUMBERS[version] + ("P" if version >= Version.V44 and line.key == "FORMAT" else "")
    if not is_count(number) and (len(number) != 1 or number not in letters):
        yield f"{line.key} Number must be an integer or one of {', '.join(letters)} in this version"
    if type_name not in TYPE_NAMES or (line.key == "FORMAT" and type_name == ValueType.FLAG):
        yield f"{line.key} Type is not one of the types of the specification"
    if version >= Version.V43 and not _FIELD_ID.fullmatch(line.id):
        yield f"{line.key} ID must begin with a letter or _ and hold letters, digits, _ and . only"
    yield from _reserved(line, version)


def _reserved(line: MetaLine, version: Version) -> Iterator[str]:
    fixed = reserved(line.key, line.id, version)
    if fixed is None:
        return
    if fixed.number is not None and line.members.get("Number") != fixed.number:
        yield f"{line.key} {line.id} must have Number={fixed.number}"
    if fixed.type is not None and line.members.get("Type") != fixed.type:
        yield f"{line.key} {line.id} must have Type={fixed.type.value}"


def _filter(line: MetaLine, version: Version) -> Iterator[str]:
    yield from _described(line, version)
    if line.id == "0" or ";" in line.id:
        yield "FILTER ID must not be 0 or hold a semicolon"


def _described(line: MetaLine, version: Version) -> Iterator[str]:
    names = ("ID",) if version >= Version.V44 else ("ID", "Description")
    yield from _require(line, *names)
    yield from _quoted(line, "Description")


def _alt(line: MetaLine, version: Version) -> Iterator[str]:
    yield from _described(line, version)
    if "Number" in line.members or "Type" in line.members:
        yield "ALT has neither Number nor Type"
    family, subtype, _ = line.id.partition(":")
    if subtype and family not in _ALT_FAMILIES:
        yield "the first part of an ALT ID must be a type of structural variant"


def _contig(line: MetaLine, version: Version) -> Iterator[str]:
    yield from _require(line, "ID")
    if line.id and not is_contig_name(line.id, version):
        yield "contig ID holds a character that contig names must not hold"
    length = line.members.get("length", "1")
    if not re.fullmatch("[0-9]+", length):
        yield "contig length must be an integer"


def is_contig_name(name: str, version: Version) -> bool:
    """Whether `name` can name a contig.

    Before 4.3 everything but blanks, commas and angle brackets.  From 4.3 on an asterisk only in the names
    of HLA alleles, as the GRCh38 analysis set has them.
    """
    if version >= Version.V43:
        return (_CONTIG_ID.fullmatch(name) or _HLA_CONTIG.fullmatch(name)) is not None
    return re.fullmatch(r"[^\s,<>]+", name) is not None


def _sample(line: MetaLine, version: Version) -> Iterator[str]:
    yield from _require(line, "ID")
    if version >= Version.V43:
        if line.id and not _SAMPLE_ID.fullmatch(line.id):
            yield "SAMPLE ID holds a character that sample names must not hold"
    elif "Genomes" in line.members or "Mixture" in line.members:
        yield from _require(line, "ID", "Genomes", "Mixture", "Description")


def _pedigree(line: MetaLine, version: Version) -> Iterator[str]:
    if version >= Version.V43:
        yield from _require(line, "ID")
    if not all(_GENOME_NAME.fullmatch(value) for value in line.members.values()):
        yield "PEDIGREE holds a name with a character that genome names must not hold"


def _meta(line: MetaLine, version: Version) -> Iterator[str]:
    if version < Version.V43:
        return
    yield from _require(line, "ID")
    if next(iter(line.members), "") != "ID":
        yield "META must say ID first"
    number, type_name = line.members.get("Number", "."), line.members.get("Type", "String")
    if not is_count(number) and (len(number) != 1 or number not in _NUMBERS[version]):
        yield "META Number must be an integer, A, R, G or ."
    if type_name not in TYPE_NAMES:
        yield "META Type is not one of the types of the specification"
    if not line.members.get("Values", "[]").startswith("["):
        yield "META Values must stand in square brackets"


_URL_KEYS: Final = frozenset(("assembly", "pedigreeDB"))
RULES: Final[Mapping[str, Callable[[MetaLine, Version], Iterator[str]]]] = {
    "INFO": _definition,
    "FORMAT": _definition,
    "FILTER": _filter,
    "ALT": _alt,
    "contig": _contig,
    "SAMPLE": _sample,
    "PEDIGREE": _pedigree,
    "META": _meta,
}
