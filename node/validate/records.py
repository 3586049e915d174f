"""One data line: its columns, INFO, and the sample columns.

Spec: VCF 4.1/4.2 §1.4; VCF 4.3/4.4 §1.6.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from node.validate.alleles import MOST_ALTERNATES, check_alleles, split_alternates
from node.validate.genotypes import check_format, check_sample, read_format
from node.validate.header import Header
from node.validate.meta import is_contig_name
from node.validate.ordering import Ordering
from node.validate.reserved import Version
from node.validate.structural import check_structural
from node.validate.values import MISSING, MOST_VALUES, ValueType, expected_count, is_float, miscount, misfit

_MOST_ENTRIES: Final = 10_000
_POSITION: Final = re.compile(r"[0-9]{1,10}")
_LIST_ENTRY: Final = re.compile(r"[^\s;]+")
_INFO_KEY: Final = re.compile(r"[A-Za-z_][0-9A-Za-z_.]*|1000G")
_INFO_KEY_BEFORE_43: Final = re.compile(r"[^\s;=,]+")
_QUOTED: Final = re.compile(r'"[^"\s]*"')  # read as one text by every reader, whatever stands in it
_CIGAR: Final = re.compile(r"(?:[0-9]+[MIDNSHPX=])++")
_NOT_NEGATIVE: Final = frozenset(("AC", "AF", "AN", "DP", "END", "MQ0", "NS"))


class Records:
    """Checks data lines, one after the other, against the header."""

    def __init__(self, header: Header, version: Version) -> None:
        self._header = header
        self._version = version
        self._ordering = Ordering()

    def check(self, line: str) -> Iterator[str]:
        """The reasons why this line is wrong."""
        if line.count("\t") + 1 != self._header.columns:
            yield f"{line.count(chr(9)) + 1} columns, and the header has {self._header.columns}"
            return
        columns = line.split("\t")
        if not all(columns):
            yield "a column is empty; a missing value is written as ."
            return
        contig, position, identifiers, reference, alternate_column, quality, filters, info = columns[:8]
        yield from self._check_place(contig, position)
        yield from _check_list("ID", identifiers, unique=self._version >= Version.V43)
        alleles_wrong = tuple(check_alleles(reference, alternate_column))
        yield from alleles_wrong
        if quality != MISSING and (not is_float(quality) or float(quality) < 0):
            yield "QUAL must be . or a number that is not negative"
        yield from _check_filters(filters)
        if alternate_column.count(",") >= MOST_ALTERNATES:
            return
        alternates = split_alternates(alternate_column)
        yield from self._check_info(info, alternates)
        if not alleles_wrong and _POSITION.fullmatch(position):
            yield from self._ordering.check(contig, int(position), reference, alternates)
        if self._header.has_samples:
            yield from self._check_samples(columns[8], columns[9:], len(alternates))

    def _check_place(self, contig: str, pos_column: str) -> Iterator[str]:
        name = contig[1:-1] if contig.startswith("<") and contig.endswith(">") else contig
        bracketed = name != contig and re.fullmatch(r"[^\s,<>]+", name)
        if not bracketed and not is_contig_name(name, self._version):
            yield "CHROM holds a character that contig names must not hold"
        if not _POSITION.fullmatch(pos_column):
            yield "POS must be an integer, 0 or more"

    def _check_info(self, column: str, alternates: Sequence[str]) -> Iterator[str]:
        if column == MISSING:
            return
        if column.count(";") >= _MOST_ENTRIES:
            yield f"INFO holds more than {_MOST_ENTRIES} keys"
            return
        info: dict[str, str | None] = {}
        for entry in column.split(";"):
            key, separator, value = entry.partition("=")
            if key in info and self._version >= Version.V43:
                yield "INFO holds a key twice"
            info[key] = value if separator else None
            yield from self._check_entry(key, info[key], len(alternates))
        if self._version >= Version.V44:
            yield from check_structural(alternates, info)

    def _check_entry(self, key: str, value: str | None, alternates: int) -> Iterator[str]:
        before_43 = self._version < Version.V43
        if not (_INFO_KEY_BEFORE_43 if before_43 else _INFO_KEY).fullmatch(key):
            yield "INFO holds an empty key or one with a character that keys must not hold"
            return
        definition = self._header.definition("INFO", key, self._version)
        if value is None:
            if definition is not None and definition.type not in (ValueType.FLAG, None):
                yield f"INFO {key[:40]} has no value"
            return
        if _QUOTED.fullmatch(value):
            return
        if "=" in value or (before_43 and re.search(r"\s", value)):
            yield f"INFO {key[:40]} holds a character that must be encoded"
        if value.count(",") >= MOST_VALUES:
            yield f"INFO {key[:40]} holds more than {MOST_VALUES} values"
        elif definition is not None and value != MISSING:
            values = value.split(",")
            expected = expected_count(definition.number, alternates, None)
            is_flag = definition.type is ValueType.FLAG
            reason = None if is_flag and expected == 0 else miscount(len(values), expected)
            if reason:
                yield f"INFO {key[:40]} {reason}"
            yield from _check_values(key, values, definition.type)

    def _check_samples(self, format_column: str, samples: Sequence[str], alternates: int) -> Iterator[str]:
        """Equal columns are looked at once; a reason tells the first of them, counted from 1."""
        keys = read_format(format_column, self._header, self._version)
        wrong = tuple(check_format(keys, self._version))
        yield from wrong
        if wrong:
            return
        for text in set(samples):
            for reason in check_sample(text, keys, alternates, self._version):
                yield f"sample column {samples.index(text) + 1}: {reason}"


def _check_values(key: str, values: list[str], value_type: ValueType | None) -> Iterator[str]:
    reason = misfit(values, value_type)
    if reason:
        yield f"INFO {key[:40]} {reason}"
    elif key in _NOT_NEGATIVE and any(value.startswith("-") for value in values):
        yield f"INFO {key} must not be negative"
    elif key == "CIGAR" and not all(value == MISSING or _CIGAR.fullmatch(value) for value in values):
        yield "INFO CIGAR is not a CIGAR string"


def _check_list(column: str, text: str, *, unique: bool) -> Iterator[str]:
    """Entries between semicolons, none empty, none with a blank."""
    if text == MISSING:
        return
    if text.count(";") >= _MOST_ENTRIES:
        yield f"{column} holds more than {_MOST_ENTRIES} entries"
        return
    entries = text.split(";")
    if not all(map(_LIST_ENTRY.fullmatch, entries)):
        yield f"{column} holds an empty entry or a blank"
    if unique and len(set(entries)) < len(entries):
        yield f"{column} holds an entry twice"


def _check_filters(text: str) -> Iterator[str]:
    yield from _check_list("FILTER", text, unique=True)
    entries = text.split(";", 1_000)
    if "0" in entries:
        yield "FILTER holds 0, which is reserved"
    if len(entries) > 1 and MISSING in entries:
        yield "FILTER holds . beside other entries"
