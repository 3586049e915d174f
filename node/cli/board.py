"""Answers of a network shown as they arrive: in one table on a terminal, else in a line for each node.

The lines go to standard error, so that what a program reads stays one document.
"""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.live import Live

from node.cli.options import err, out
from node.report import NodeLine, Report


class Board:
    """Use it as a context.  quiet: shows nothing."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._table = None if quiet or not out.is_terminal else Live(console=out, auto_refresh=False)
        self._waiting: dict[str, str] = {}
        self._lines: list[NodeLine] = []

    def expect(self, nodes: dict[str, str]) -> None:
        """nodes: the names of those that are asked, by id."""
        self._waiting = dict(nodes)
        self._show(Report((), exact=False))

    def answered(self, report: Report) -> None:
        """report: on what one node said, and on others that it may have spoken for."""
        for line in report.lines:
            self._waiting.pop(line.node, None)
            self._lines.append(line)
            if self._table is None and not self._quiet:
                err.print(line.sentence, markup=False)
        self._show(Report(tuple(self._lines), exact=False))

    def finish(self, report: Report) -> None:
        """report: on all of them."""
        self._waiting = {}
        if self._table is None and not self._quiet:
            out.print(report.table())
        self._show(report)

    def _show(self, report: Report) -> None:
        if self._table is not None:
            self._table.update(report.table(tuple(self._waiting.values())), refresh=True)

    def __enter__(self) -> Self:
        if self._table is not None:
            self._table.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._table is not None:
            self._table.stop()
