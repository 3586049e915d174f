"""What scores have meant on published patients, from the table that the node ships.

The table is `data/calibration.tsv` (see the README beside it): steps from a score on, for each algorithm and
setting.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

from schemas.matching import Meaning, Setting


@dataclass(frozen=True, slots=True)
class _Step:
    first: float
    meaning: Meaning


class PublishedPairs:
    """A `schemas.matching.Calibration`; reads the table when it is made, under a millisecond."""

    def __init__(self) -> None:
        text = (files("node.reference") / "data" / "calibration.tsv").read_text(encoding="utf-8")
        source, _, *lines = text.splitlines()
        self._about = source.removeprefix("# ")
        steps: dict[tuple[str, Setting], list[_Step]] = {}
        for line in lines:
            algorithm, setting, first, *shares, pairs, genes = line.split("\t")
            shared, low, high, by_chance = map(float, shares)
            told = Meaning(shared, low, high, by_chance, int(pairs), int(genes), Setting(setting))
            steps.setdefault((algorithm, told.setting), []).append(_Step(float(first), told))
        self._steps: Mapping[tuple[str, Setting], Sequence[_Step]] = steps

    def meaning(self, algorithm: str, setting: Setting, total: float) -> Meaning | None:
        """See `schemas.matching.Calibration`."""
        steps = self._steps.get((algorithm, setting))
        if not steps:
            return None
        # Scores are told to three digits, and mean what is told.
        number = bisect_right(steps, round(total, 3), key=lambda step: step.first)
        return steps[max(number, 1) - 1].meaning

    @property
    def about(self) -> str:
        return self._about
