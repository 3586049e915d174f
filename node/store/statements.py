"""The fixed statements of the hot path, and the windows of the index that they read.

Plain SQL with `?` for values, which `in_style` turns into the driver's own; nothing of one database only.
A `Window` is one stretch of the clustered key, or of the index of long alleles.  Statements for
`Session.witnessed` give the revision first; of one allele that is not held, they give it alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from node.store.layout import COLUMNS, LEVELS, LOOKED_AT, PlainRow, bin_at, first_bin, reach_bp
from schemas.genome import Contig, Interval
from schemas.questions import BracketQuery, RangeQuery, SequenceQuery, VariantQuery, contig_of

_KEY: Final = 'bin, start, "end", ref, alt, sv_length'
_ALL: Final = ", ".join(f'"{name}"' for name in COLUMNS)
_PLAIN: Final = ", ".join(f'"{name}"' for name in PlainRow._fields)
_EXACT: Final = (
    'FROM revision r LEFT JOIN variant v ON v.bin = ? AND v.start = ? AND v."end" = ? '
    "AND v.ref = ? AND v.alt = ? AND v.sv_length = ?"
)
_REVISION: Final = "(SELECT number FROM revision)"
# What touches the asked range without sharing a base with it is left out, unless it is an empty interval.
_PLACED: Final = '"end" >= ? AND "end" <= ? AND NOT (start < "end" AND (start = ? OR "end" = ?))'
_WINDOW: Final = "(bin, start) >= (?, ?) AND (bin, start) <= (?, ?)"
_LONG: Final = f"level > 0 AND level = ? AND {_WINDOW} AND {_PLACED}"  # `level > 0` names the partial index
_LOOKED_AT: Final = f"level > 0 AND level = ? AND {_WINDOW}"
_SHORT: Final = f"(level <= ? OR (start > ? AND level < {LOOKED_AT})) AND {_WINDOW} AND {_PLACED}"
# `IS TRUE` keeps PostgreSQL from looking the file of every row up: the list is made once, as on SQLite.
_VISIBLE: Final = "AND (seg IN (SELECT no FROM vcf_file WHERE live AND dataset_no = ?)) IS TRUE"

# A merged file keeps the number under which its notes and spans are held.
OF_VISIBLE_FILES: Final = (
    "file_no IN (SELECT no FROM vcf_file WHERE live AND dataset_no = ? UNION ALL SELECT m.no "
    "FROM merged_file m JOIN vcf_file f ON f.no = m.seg WHERE f.live AND f.dataset_no = ?)"
)


def _rows(columns: str, *conditions: str) -> str:
    return " ".join(("SELECT", columns, "FROM variant WHERE", *conditions))


def _distinct(*conditions: str) -> str:
    alleles = _rows(f"DISTINCT {_KEY}", *conditions)
    return " ".join(("SELECT", _REVISION, ", COUNT(*) FROM (", alleles, ") AS held"))


EXACT_FILES: Final = " ".join(("SELECT r.number, v.seg", _EXACT))
EXACT_CARRIERS: Final = " ".join(("SELECT r.number, v.seg, v.carriers", _EXACT))
EXACT_ROWS: Final = " ".join(("SELECT r.number,", ", ".join(f'v."{name}"' for name in COLUMNS), _EXACT))
LOOKED_AT_ROWS: Final = _rows(_ALL, _LOOKED_AT, "ORDER BY", _KEY, ", seg")
LONG_ROWS: Final = _rows(_ALL, _LONG, "ORDER BY", _KEY, ", seg")
SHORT_ROWS: Final = _rows(
    _ALL, _SHORT, f"AND ({_KEY}, seg) > (?, ?, ?, ?, ?, ?, ?) ORDER BY {_KEY}, seg LIMIT ?"
)
SHORT_PLAIN: Final = _rows(f"{_REVISION}, {_PLAIN}", _SHORT, "ORDER BY", _KEY, ", seg LIMIT ?")
LONG_PLAIN: Final = _rows(f"{_REVISION}, {_PLAIN}", _LONG, "ORDER BY", _KEY, ", seg LIMIT ?")
LONG_COUNT: Final = _rows(f"{_REVISION}, COUNT(*)", _LONG, _VISIBLE)
SHORT_COUNT: Final = _rows(f"{_REVISION}, COUNT(*)", _SHORT, _VISIBLE)
# Every row that starts in a range, for those of the other kinds are few: what it misses is at its two edges.
# `hidden` is the number of files whose rows must not be counted; when there are any, nothing else is of use.
RANGE_COUNT: Final = " ".join(
    (
        "SELECT",
        _REVISION,
        ", (SELECT COUNT(*) FROM vcf_file WHERE dataset_no = ? AND NOT live) AS hidden, (",
        _rows("COUNT(*)", _WINDOW),
        "), (",
        _rows("COUNT(*)", f'level = 0 AND {_WINDOW} AND "end" >= ? AND NOT (start < "end" AND "end" = ?)'),
        "), (",
        _rows("COUNT(*)", 'bin = ? AND start = ? AND "end" = start'),
        ")",
    )
)
_PLACE: Final = 'start, "end", level'
PIECE_ROWS: Final = _rows(
    f"{_REVISION}, {_PLACE}, carriers", "bin = ? AND start >= ? AND start <= ?", _VISIBLE, "ORDER BY start"
)
PIECE_KEYED: Final = _rows(
    f"{_REVISION}, {_PLACE}, carriers, ref, alt, sv_length",
    "bin = ? AND start >= ? AND start <= ?",
    _VISIBLE,
    "ORDER BY",
    _KEY,
)
LONG_KEYED: Final = _rows(
    f"{_REVISION}, {_PLACE}, carriers, ref, alt, sv_length", _LONG, _VISIBLE, "ORDER BY", _KEY
)
LONG_PLACES: Final = _rows(
    f'{_REVISION}, start, "end"', "level > 0 AND level = ? AND bin >= ? AND bin <= ?", _VISIBLE, "LIMIT ?"
)
LONG_DISTINCT: Final = _distinct(_LONG, _VISIBLE)
SHORT_DISTINCT: Final = _distinct(_SHORT, _VISIBLE)
ALL_STATEMENTS: Final = (
    EXACT_FILES, EXACT_CARRIERS, EXACT_ROWS, LONG_ROWS, SHORT_ROWS, LONG_COUNT, SHORT_COUNT, LONG_DISTINCT,
    SHORT_DISTINCT, SHORT_PLAIN, LONG_PLAIN, RANGE_COUNT, PIECE_ROWS, PIECE_KEYED, LONG_KEYED, LONG_PLACES,
    LOOKED_AT_ROWS,
)  # fmt: skip


def in_style(statement: str, paramstyle: str) -> str:
    """The statement as the driver wants it."""
    return statement if paramstyle == "qmark" else statement.replace("?", "%s")


@dataclass(frozen=True, slots=True)
class Window:
    """Rows whose (bin, start) lies between two, both included, and whose end does, too.

    level: of long alleles, read through their own index; None for the clustered key.  highest_level: on the
    clustered key, rows up to this level, and of every level those that start behind `whole_after`.
    not_from, not_to: a row that is no point and starts at the one or ends at the other only touches the
    question; -1 for none.
    """

    level: int | None
    highest_level: int
    whole_after: int
    low: tuple[int, int]
    high: tuple[int, int]
    lowest_end: int
    highest_end: int
    not_from: int = -1
    not_to: int = -1

    @property
    def values(self) -> tuple[Any, ...]:
        """In the order of the marks in `_LONG` and `_SHORT`."""
        levels = (self.highest_level, self.whole_after) if self.level is None else (self.level,)
        ends = (self.lowest_end, self.highest_end, self.not_from, self.not_to)
        return (*levels, *self.low, *self.high, *ends)

    def range_values(self, dataset_no: int) -> tuple[Any, ...] | None:
        """In the order of the marks in `RANGE_COUNT`; None where that counts something else.

        It is for the first window of a question about what overlaps a stretch of two bases or more: what
        starts behind its first base and before its last one's end overlaps it, whatever its kind.
        """
        (_, left), (last_bin, right) = self.low, self.high
        first, base = self.whole_after, self.low[0] - bin_at(0, left)
        if self.level is not None or self.not_from < 0 or right - first < 2:
            return None
        inside = (bin_at(base, first + 1), first + 1, bin_at(base, right - 1), right - 1)
        return (dataset_no, *inside, *self.low, bin_at(base, first), first, first, first, last_bin, right)


def windows(query: VariantQuery, dataset_no: int, levels: tuple[int, ...]) -> Iterator[Window]:
    """Where the alleles that `query` may admit can be; `levels` are those of the long alleles held.

    Those that have to be looked at lie in `looks`.
    """
    if isinstance(query, SequenceQuery):
        reach = query.reach
        yield _starting(dataset_no, reach.contig, (reach.start, reach.end), (0, reach.contig.length_bp))
    elif isinstance(query, RangeQuery):
        yield from _overlapping(query.interval, dataset_no, levels)
    else:
        yield from _bracketed(query, dataset_no, levels)


def looks(query: VariantQuery, dataset_no: int, levels: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Where the alleles of these levels that `query` may admit can be: the values of `LOOKED_AT_ROWS`."""
    if isinstance(query, SequenceQuery):
        return  # none of them is a sequence
    contig = contig_of(query)
    base = first_bin(dataset_no, contig)
    for level in levels:
        if isinstance(query, RangeQuery):
            reach, asked = reach_bp(level), query.interval
            first, last = max(0, asked.start - reach), min(asked.end + reach, contig.length_bp)
        else:
            first, last = query.starts.start, query.starts.end
        yield level, bin_at(base, first), first, bin_at(base, last), last


def _starting(no: int, contig: Contig, starts: tuple[int, int], ends: tuple[int, int]) -> Window:
    """Rows of every level that start between two coordinates and end between two, all included."""
    base = first_bin(no, contig)
    low, high = ((bin_at(base, coordinate), coordinate) for coordinate in starts)
    return Window(None, LEVELS, contig.length_bp, low, high, *ends)


def _overlapping(asked: Interval, no: int, levels: tuple[int, ...]) -> Iterator[Window]:
    base, length = first_bin(no, asked.contig), asked.contig.length_bp
    high = bin_at(base, asked.end), asked.end
    # Two empty intervals overlap where they touch; nothing to leave out then.
    edges = (-1, -1) if asked.start == asked.end else (asked.end, asked.start)
    for level in (0, *levels):
        left = max(0, asked.start - reach_bp(level))
        low = bin_at(base, left), left
        last = (bin_at(base, asked.start), asked.start) if level else high
        yield Window(level or None, 0, asked.start, low, last, asked.start, length, *edges)


def _bracketed(query: BracketQuery, no: int, levels: tuple[int, ...]) -> Iterator[Window]:
    contig = query.starts.contig
    (first, last), (low_end, high_end) = _included(query.starts), _included(query.ends)
    if last < first or high_end < low_end or query.ends.contig != contig:
        return
    shortest = low_end - last
    if shortest <= reach_bp(0):
        yield _starting(no, contig, (first, last), (low_end, high_end))
        return
    base = first_bin(no, contig)
    low, high = (bin_at(base, first), first), (bin_at(base, last), last)
    for level in levels:
        if reach_bp(level) >= shortest:
            yield Window(level, 0, 0, low, high, low_end, high_end)


def _included(window: Interval) -> tuple[int, int]:
    """First and last coordinate of a half-open window; one that runs to the contig's end holds it, too."""
    return window.start, window.end - (window.end < window.contig.length_bp)
