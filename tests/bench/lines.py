"""One measurement beside its floor and its goal, and how it is shown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Line:
    """ours, floor: in `unit`, measured by turns in the same run.

    most, least: goals for ours over floor.  most_ours, least_ours: goals for ours alone.
    """

    name: str
    ours: float
    unit: str
    floor: float | None = None
    most: float | None = None
    least: float | None = None
    most_ours: float | None = None
    least_ours: float | None = None

    @property
    def ratio(self) -> float | None:
        return None if self.floor is None else self.ours / self.floor

    @property
    def goal(self) -> str:
        told = []
        if self.most is not None:
            told.append(f"<= {self.most:g}x")
        if self.least is not None:
            told.append(f">= {self.least:g}x")
        if self.most_ours is not None:
            told.append(f"<= {self.most_ours:g} {self.unit}")
        if self.least_ours is not None:
            told.append(f">= {self.least_ours:g} {self.unit}".rstrip())
        return ", ".join(told)

    @property
    def is_met(self) -> bool | None:
        if not self.goal:
            return None
        ratio = self.ratio
        return not (
            (self.most is not None and ratio is not None and ratio > self.most)
            or (self.least is not None and ratio is not None and ratio < self.least)
            or (self.most_ours is not None and self.ours > self.most_ours)
            or (self.least_ours is not None and self.ours < self.least_ours)
        )


def show(out: Console, title: str, lines: Iterable[Line]) -> None:
    """A table, line by line as they come."""
    table = Table("", "ours", "floor", "ratio", "goal", "", title=title)
    for line in lines:
        floor = "" if line.floor is None else f"{line.floor:,.4g} {line.unit}"
        ratio = "" if line.ratio is None else f"{line.ratio:.2f}x"
        met = {None: "", True: "met", False: "MISSED"}[line.is_met]
        table.add_row(line.name, f"{line.ours:,.4g} {line.unit}", floor, ratio, line.goal, met)
    out.print(table)
