"""A file from its first byte to its last: container, encoding, header, records."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from node.validate.bcf import MAGIC, check_bcf
from node.validate.header import Header
from node.validate.records import Records
from node.validate.report import USUAL, Enough, Findings, Limits, Unreadable, ValidationReport
from node.validate.reserved import Version
from node.validate.source import Line, Source, opened

_CONTROL: Final = re.compile("[\x00-\x08\x0b-\x1f]")


def validate(path: Path, limits: Limits = USUAL) -> ValidationReport:
    """What the specification forbids in the file at `path`, a VCF (plain, gzip, BGZF, bzip2) or a BCF.

    Streams the file: memory is bounded by the longest line, time by its unpacked size.

    Raises BadInput: there is no file that can be opened.
    """
    findings = Findings(limits.problems)
    try:
        with opened(path, limits) as source:
            if source.peek(5) in MAGIC:
                check_bcf(source, findings, Header(), limits)
            else:
                _Check(source, findings).run()
    except Unreadable as fault:
        findings.end(fault.problem)
    except Enough:
        pass
    return findings.report(str(path))


class _Check:
    def __init__(self, source: Source, findings: Findings) -> None:
        self._source = source
        self._findings = findings
        self._header = Header()

    def run(self) -> None:
        lines = self._source.lines()
        first = next(lines, None)
        if first is None:
            self._findings.add(0, ["the file is empty"])
            return
        self._findings.add(first.number, self._header.read_first(_decoded(first)[0]))
        if self._header.version is None:
            return
        last = self._check_lines(lines, self._header.version) or first
        self._findings.add(last.number, self._check_end(last, self._header.version))

    def _check_lines(self, lines: Iterator[Line], version: Version) -> Line | None:
        """Everything after the first line; gives the last one.  Empty lines may stand at the end only."""
        records = Records(self._header, version)
        last: Line | None = None
        blank = 0
        for last in lines:
            if not last.content:
                blank = blank or last.number
                continue
            if blank:
                self._findings.add(blank, ["an empty line before the end of the file"])
                blank = 0
            self._findings.add(last.number, self._check_line(last, records, version))
        return last

    def _check_line(self, line: Line, records: Records, version: Version) -> Iterator[str]:
        text, fault = _decoded(line)
        if fault:
            yield fault
        elif not self._header.complete:
            yield from self._header.read(text, version)
        elif text.startswith("#"):
            yield "a header line after the column names"
        else:
            yield from records.check(text)

    def _check_end(self, last: Line, version: Version) -> Iterator[str]:
        if not self._header.complete:
            yield "the line of column names, #CHROM, is missing"
        if not last.ended and version >= Version.V43:
            yield "the last line must end with a line separator"


def _decoded(line: Line) -> tuple[str, str]:
    """The line as text, and "" or why it cannot be text; the text is then empty."""
    try:
        text = line.content.decode("utf-8")
    except UnicodeDecodeError:
        return "", "the line is not UTF-8 text"
    if _CONTROL.search(text):
        return "", "the line holds a control character"
    return text, ""
