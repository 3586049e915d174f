"""Pieces of the index in memory, as arrays: what a question about many alleles at once is counted in.

A piece holds where the rows of a stretch lie and who carries them, and no more; a question over all of a
megabase and a set of people is then some operations on arrays instead of a look at every row.  Pieces are
made from rows when they are first needed and kept, the last used longest, until anything that is visible
changes.  Knows rows and people, and nothing of datasets or files.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from threading import Lock
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from node.store.bitmaps import Table
from node.store.layout import LOOKED_AT
from node.store.statements import Window

PIECE_BP: Final = 1 << 18
_MOST_BYTES: Final = 64 << 20
_OBJECT_BYTES: Final = 2048
_NOTHING: Final = np.empty(0, np.int64)
_NOTHING.flags.writeable = False

Place = tuple[int, int]
"""Bin and number of a piece, counted over the contig; the number of the longs of a contig is -1."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows in the order of their starts.

    alleles: a number for each allele, ascending; None where every row is another one.  carriers: by row.
    """

    starts: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    levels: npt.NDArray[np.int64]
    alleles: npt.NDArray[np.int64] | None
    carriers: Table

    @classmethod
    def of(cls, rows: Sequence[tuple[Any, ...]], people: int, *, once: bool) -> Piece:
        """From rows of `statements.PIECE_ROWS`, or of `PIECE_KEYED`; a microsecond a row.

        people: how many there are, hidden ones among them.  once: no allele has two rows.
        """
        if not rows:
            return cls(_NOTHING, _NOTHING, _NOTHING, None, Table((), people))
        _, starts, ends, levels, blobs, *key = zip(*rows, strict=True)
        alleles = None
        if not once:
            alleles = np.zeros(len(rows), np.int64)
            keys = list(zip(starts, ends, *key, strict=True))
            np.cumsum([one != other for one, other in pairwise(keys)], out=alleles[1:])
        first, behind, level = (np.array(column, np.int64) for column in (starts, ends, levels))
        return cls(first, behind, level, alleles, Table(blobs, people))

    @property
    def size_bytes(self) -> int:
        return _OBJECT_BYTES + 32 * self.starts.size + self.carriers.size_bytes

    def count(self, window: Window | None, people: npt.NDArray[np.bool_]) -> int:
        """How many alleles of a window (None for all that are here) somebody in the mask carries."""
        low, high, chosen = 0, self.starts.size, None
        if window is not None:
            low = int(np.searchsorted(self.starts, window.low[1], "left"))
            high = int(np.searchsorted(self.starts, window.high[1], "right"))
            chosen = self._chosen(window, low, high)
        found = self.carriers.touches(low, high, people)
        if chosen is not None:
            found &= chosen
        if self.alleles is None:
            return int(np.count_nonzero(found))
        return int(np.unique(self.alleles[low:high][found]).size)

    def _chosen(self, window: Window, low: int, high: int) -> npt.NDArray[np.bool_] | None:
        starts, ends, levels = self.starts[low:high], self.ends[low:high], self.levels[low:high]
        chosen = (levels <= window.highest_level) | ((starts > window.whole_after) & (levels < LOOKED_AT))
        chosen &= (ends >= window.lowest_end) & (ends <= window.highest_end)
        if window.not_from >= 0:
            chosen &= (starts == ends) | ((starts != window.not_from) & (ends != window.not_to))
        return chosen


class Longs:
    """Where the long alleles of a contig lie.

    places: by level, starts and ends of those that are held; None for a level that has too many.
    """

    def __init__(self, places: Mapping[int, npt.NDArray[np.int64] | None]) -> None:
        known = [found for found in places.values() if found is not None]
        together = np.concatenate([np.empty((0, 2), np.int64), *known])
        together = together[together[:, 0].argsort()]
        self._places = places
        self._is_whole = len(known) == len(places)
        self._starts: list[int] = together[:, 0].tolist()
        self._farthest: list[int] = [-1, *np.maximum.accumulate(together[:, 1]).tolist()]

    @property
    def size_bytes(self) -> int:
        return _OBJECT_BYTES + 100 * len(self._starts)

    def levels(self, last: int, lowest_end: int) -> tuple[int, ...]:
        """Levels of those that start at `last` or before, and end at `lowest_end` or behind; often none."""
        if self._is_whole and self._farthest[bisect_right(self._starts, last)] < lowest_end:
            return ()
        return tuple(
            level
            for level, found in self._places.items()
            if found is None or ((found[:, 0] <= last) & (found[:, 1] >= lowest_end)).any()
        )


class Pieces:
    """What is kept of one state of the index; safe from several threads.  At most some 64 MB."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._revision = -1
        self._held: OrderedDict[Place, Piece | Longs] = OrderedDict()
        self._bytes = 0

    def get(self, revision: int, place: Place) -> Piece | Longs | None:
        with self._lock:
            self._turn_to(revision)
            if revision != self._revision or place not in self._held:
                return None
            self._held.move_to_end(place)
            return self._held[place]

    def keep(self, revision: int, place: Place, made: Piece | Longs) -> None:
        """made: of this revision, in whole: nothing that was visible changed while it was read."""
        with self._lock:
            self._turn_to(revision)
            if revision == self._revision and place not in self._held:
                self._held[place] = made
                self._bytes += made.size_bytes
            while self._bytes > _MOST_BYTES:
                _, gone = self._held.popitem(last=False)
                self._bytes -= gone.size_bytes

    def _turn_to(self, revision: int) -> None:
        """Of what may not be seen any more nothing is kept; a reader who is behind gets nothing."""
        if revision > self._revision:
            self._held.clear()
            self._revision, self._bytes = revision, 0

    def forget(self) -> None:
        with self._lock:
            self._held.clear()
            self._revision, self._bytes = -1, 0
