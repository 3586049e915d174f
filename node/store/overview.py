"""One question to one dataset: where its alleles can be, and how many of them anybody carries.

Works from `pieces`, which it makes where there are none.  Knows the statements and the windows, and nothing
of single alleles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt

from node.store.bitmaps import mask_of
from node.store.layout import bin_at, first_bin
from node.store.pieces import PIECE_BP, Longs, Piece, Pieces, Place
from node.store.session import Holding, Session
from node.store.statements import LONG_KEYED, LONG_PLACES, PIECE_KEYED, PIECE_ROWS, Window, windows
from schemas.ports import PersonSet
from schemas.questions import RangeQuery, SequenceQuery, VariantQuery, contig_of

_MOST_LONGS: Final = 20_000
_LONGS: Final = -1
_MOST_KEPT_PEOPLE: Final = 50_000
_BATCH_BYTES: Final = 32 << 20

Made = TypeVar("Made", Piece, Longs)


class Overview:
    """A question while it is answered on one connection.

    said: the statements in the style of the driver.  What is made is kept once the answer stands.
    """

    def __init__(
        self,
        session: Session,
        said: Mapping[str, str],
        holding: Holding,
        query: VariantQuery,
        pieces: Pieces,
    ) -> None:
        self.session = session
        self.holding = holding
        self.query = query
        self._said = said
        self._pieces = pieces
        self._contig = contig_of(query)
        self._first_bin = first_bin(holding.no, self._contig)

    def windows(self) -> Iterator[Window]:
        """Where the alleles of the question can be; nothing for levels that have none there."""
        return windows(self.query, self.holding.no, self._levels())

    def _levels(self) -> tuple[int, ...]:
        query, held = self.query, self.holding.levels
        if not held or isinstance(query, SequenceQuery):
            return ()
        if isinstance(query, RangeQuery):
            return self._longs().levels(query.interval.start, query.interval.start)
        return self._longs().levels(query.starts.end, query.ends.start)

    def count_carried(self, people: PersonSet | None, *, once: bool) -> int:
        """How many alleles anybody of `people` carries.  once: no allele has two rows.

        Right where no two files have anybody in common; for a question about places alone.
        Blocking: some 100 us a megabase where its pieces are kept, otherwise a microsecond an allele.
        """
        seen = self.holding.seen if people is None else self.holding.seen & people
        mask = mask_of(seen, len(self.holding.samples))
        return sum(self._count_in(window, mask, once=once) for window in self.windows())

    def _count_in(self, window: Window, mask: npt.NDArray[np.bool_], *, once: bool) -> int:
        if window.level is not None:
            rows = self.session.witnessed(self._said[LONG_KEYED], (*window.values, self.holding.no))
            return Piece.of(rows, mask.size, once=once).count(None, mask)
        numbers = range(window.low[1] // PIECE_BP, window.high[1] // PIECE_BP + 1)
        if once and mask.size > _MOST_KEPT_PEOPLE:
            return sum(self._count_by_batches(number, window, mask) for number in numbers)
        return sum(self._piece(number, window, once=once).count(window, mask) for number in numbers)

    def _count_by_batches(self, number: int, window: Window, mask: npt.NDArray[np.bool_]) -> int:
        """Of so many people nothing is kept, and not all of a piece is in memory at once."""
        first, last = self._asked(number, window)
        values = (bin_at(self._first_bin, first), first, last, self.holding.no)
        size = max(1, 8 * _BATCH_BYTES // mask.size)
        batches = self.session.batches(self._said[PIECE_ROWS], values, size)
        return sum(Piece.of(rows, mask.size, once=True).count(window, mask) for rows in batches)

    @staticmethod
    def _asked(number: int, window: Window) -> tuple[int, int]:
        """The part of a piece that a window asks about."""
        left, right = number * PIECE_BP, (number + 1) * PIECE_BP - 1
        return max(left, window.low[1]), min(right, window.high[1])

    def _piece(self, number: int, window: Window, *, once: bool) -> Piece:
        """One that is kept, or made: in whole if much of it is asked about, otherwise for the moment."""
        left, right = number * PIECE_BP, (number + 1) * PIECE_BP - 1
        asked = self._asked(number, window)
        place = bin_at(self._first_bin, left), number
        kept = self._pieces.get(self.session.revision, place)
        if isinstance(kept, Piece):
            return kept
        if asked[1] - asked[0] >= PIECE_BP // 2:
            return self._made(place, lambda: self._read(left, right, once=once))
        return self._read(*asked, once=once)

    def _read(self, first: int, last: int, *, once: bool) -> Piece:
        statement = self._said[PIECE_ROWS if once else PIECE_KEYED]
        values = (bin_at(self._first_bin, first), first, last, self.holding.no)
        rows = self.session.witnessed(statement, values)
        return Piece.of(rows, len(self.holding.samples), once=once)

    def _longs(self) -> Longs:
        place = self._first_bin, _LONGS
        kept = self._pieces.get(self.session.revision, place)
        if isinstance(kept, Longs):
            return kept
        return self._made(place, self._read_longs)

    def _read_longs(self) -> Longs:
        last = bin_at(self._first_bin, self._contig.length_bp)
        places: dict[int, npt.NDArray[np.int64] | None] = {}
        for level in self.holding.levels:
            values = (level, self._first_bin, last, self.holding.no, _MOST_LONGS)
            rows = self.session.witnessed(self._said[LONG_PLACES], values)
            is_whole = len(rows) < _MOST_LONGS
            places[level] = np.array([row[1:] for row in rows], np.int64).reshape(-1, 2) if is_whole else None
        return Longs(places)

    def _made(self, place: Place, make: Callable[[], Made]) -> Made:
        made, revision = make(), self.session.revision
        self.session.afterwards(lambda: self._pieces.keep(revision, place, made))
        return made
