"""From the records of one file to rows of the index.

Records arrive in the order of the file.  Alleles wait until no later record can be the same allele; lines
that turn out to be one allele are united.  Runs in the reading process; knows no database.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import isfinite
from typing import Final

import numpy as np
import numpy.typing as npt

from node.store.abreast import Abreast, Line
from node.store.alleles import AlleleKey, Found, Refused, alleles_of, info_value, trimmed
from node.store.bitmaps import Ordinals, encode, encode_part
from node.store.consequences import KEY_LETTERS, Layout, Note, annotations_of
from node.store.copy_numbers import CopyNumbers, is_counted
from node.store.layout import Row, bin_at, first_bin, highest, level_of
from node.store.margins import widest, written
from node.store.normal import Moves
from node.store.phasing import PhaseReader, encode_phases
from node.store.reader import Record
from node.store.repeats import Repeats
from node.store.scanner import BadGenotype, SiteCalls, scan
from node.store.sites import SiteCounts, counts_of_info
from node.store.spans import Spans
from node.store.tally import Tail, Tally, tally, unite
from schemas.errors import BadInput, Place
from schemas.genome import Contig, Margins, total_of
from schemas.protein import comparable_change
from schemas.questions import Annotation

_BASES: Final = {b"A": "A", b"C": "C", b"G": "G", b"T": "T"}
_UNREADABLE: Final = float("nan")
_MANY_WAITING: Final = 1000
_NO_GT: Final = "no genotypes: FORMAT has no GT"
_ALL_MISSING: Final = "every genotype is missing"
_CORRECT: Final = "Correct the file; nothing of it was taken."


@dataclass(slots=True)
class _Waiting:
    """An allele that later lines may still add to."""

    anchor: str
    names: list[str]
    filters: list[str]
    quality: float | None
    tallies: list[Tally | Line]
    annotations: dict[Annotation, None]
    margins: Margins | None = None
    counts: SiteCounts | None = None


@dataclass(slots=True)
class RowMaker:
    """Makes the rows of one file.

    ordinals: of the person in each sample column.  passed_only: leave out what a filter refused.
    least_quality: leave out lines with a lower QUAL.
    moves: alleles that are to be held in another form than the one written.
    annotation: how the file says what its alleles do.  notes: that, of the rows given so far, for the caller
    to take away.  spans: of what the lines call, likewise.
    """

    file: str
    dataset_no: int
    seg: int
    ordinals: Ordinals
    passed_only: bool
    skipped: Callable[[int, str], None]
    moves: Moves = field(default_factory=dict)
    annotation: Layout | None = None
    least_quality: float = 0.0
    spans: Spans = field(init=False)
    _repeats: Repeats | None = None
    notes: list[Note] = field(default_factory=list)
    records: int = 0
    contigs: set[int] = field(default_factory=set)
    levels: int = 0
    _waiting: dict[AlleleKey, _Waiting] = field(default_factory=dict)
    _alone: tuple[Row, Record, Line | None] | None = None
    _farthest: int = -1
    _contig: Contig | None = None
    _first_bin: int = 0
    _in_order: bool = True
    _many_waiting: int = _MANY_WAITING
    _lookback_bp: int = 0

    def __post_init__(self) -> None:
        self._lookback_bp = max((moved.shift_bp for moved in self.moves.values()), default=0)
        self.spans = Spans(self.dataset_no, self.seg, self.ordinals)
        self._in_order = bool((np.diff(self.ordinals) > 0).all())
        self._repeats = Repeats() if self.ordinals.size == 1 else None

    def rows(self, records: Iterator[Record]) -> Iterator[Row]:
        """Every row of the file, within a contig in the order of the index.

        Raises BadInput: a genotype or allele that cannot be, with its line.
        """
        for record, line in self._ahead(records):
            self.records += 1
            if record.contig is not self._contig:
                yield from self._release()
                self._contig, self._farthest = record.contig, -1
                self._first_bin = first_bin(self.dataset_no, record.contig)
            elif not self.waits_for(record):
                yield from self._release()
            elif len(self._waiting) > self._many_waiting:
                yield from self._release(before=record.first - 1 - self._lookback_bp)
                self._many_waiting = _MANY_WAITING + 2 * len(self._waiting)
            if self._alone is not None:  # and this one may be about the same allele
                (_, before, said), self._alone = self._alone, None
                self._take(before, said)
            if not self._take_alone(record, line):
                self._take(record, line)
        yield from self._release()
        self.spans.close()

    def _ahead(self, records: Iterator[Record]) -> Iterator[tuple[Record, Line | None]]:
        """Each record, and what it says, where that was read already."""
        if self.ordinals.size < 2 or not self._in_order:
            return ((record, None) for record in records)
        return Abreast(self.ordinals).lines(records)

    def waits_for(self, record: Record) -> bool:
        """Whether an allele of the records so far may still be that of this later one."""
        return record.contig is self._contig and record.first - 1 - self._lookback_bp <= self._farthest

    def _take_alone(self, record: Record, line: Line | None) -> bool:
        """Makes the row of the commonest kind of line at once, to be made anew if the next adds to it.

        That is one base for another, without annotation, and nothing is waiting.  False for any other.
        """
        reference, alternate = _BASES.get(record.reference), _BASES.get(record.alternates)
        if reference is None or alternate is None or reference == alternate or record.first < 1:
            return False
        if self._waiting or not self._takes_everything:
            return False
        tail = line.tail if line is not None else self._repeated(record)
        words = _text(record.identifiers), _text(record.filters)
        quality = _number(record.quality)
        if tail is None or not tail[0][0] or None in words or quality is _UNREADABLE:
            return False
        left = record.first - 1
        place = bin_at(self._first_bin, left), left, record.first, reference, alternate, 0, self.seg, 0, ""
        row = Row._make((*place, *tail[0], *words, quality, None, *tail[1]))
        self._alone, self._farthest = (row, record, line), left
        self.levels |= 1
        self.contigs.add(record.contig.number)
        return True

    @property
    def _takes_everything(self) -> bool:
        return not (self.annotation or self.moves or self.passed_only or self.least_quality)

    def _repeated(self, record: Record) -> Tail | None:
        return None if self._repeats is None else self._repeats.whole(record.form, record.text, self._tail_of)

    def _take(self, record: Record, line: Line | None) -> None:
        calls = self._scanned(record) if line is None and self.ordinals.size else None
        quality = self._quality(record)
        if self._is_left_out(record, quality):
            return
        if calls is not None:
            self.spans.add(record, calls)
        self._keep_alleles(record, calls, line, quality)

    def _keep_alleles(
        self, record: Record, calls: SiteCalls | None, line: Line | None, quality: float | None
    ) -> None:
        said = self._annotations(record)
        phases = PhaseReader(record.first, record.form, record.text)
        numbers = CopyNumbers(record) if self.ordinals.size and is_counted(record) else None
        for found in self._alleles(record):
            if numbers is not None:
                numbers.alleles.append(found)
            moved = self._moved(record, found) if self.moves else found
            if line is not None:
                kept = self._keep_line(record, moved, line, quality)
            elif calls is not None:
                kept = self._keep(record, moved, calls, phases, quality)
            elif not self.ordinals.size:
                kept = self._keep_counts(record, moved, quality)
            elif numbers is None:
                self.skipped(record.line, _NO_GT)
                return
            else:
                continue
            if kept is not None and said:
                kept.annotations.update(said.get(found.number, {}))
        if numbers is not None:
            self._keep_numbers(record, numbers, quality, said)
            self._report_silence(record, calls, numbers)

    def _alleles(self, record: Record) -> Iterator[Found]:
        """Those that can be read, and of the others why not, which is told."""
        for found in alleles_of(record):
            if isinstance(found, Refused):
                if found.fatal:
                    raise BadInput(Place(self.file, record.line), found.reason, _CORRECT)
                self.skipped(record.line, found.reason)
                continue
            if found.remark:
                self.skipped(record.line, found.remark)
            yield found

    def _is_left_out(self, record: Record, quality: float | None) -> bool:
        """Whether the rules of the file's reading leave the line out, which is told then."""
        if self.passed_only and record.filters not in (b"PASS", b"."):
            self.skipped(record.line, "FILTER is not PASS")
            return True
        if quality is not None and quality < self.least_quality > 0:  # by default negative ones are held
            self.skipped(record.line, "QUAL is lower than min_quality")
            return True
        return False

    def _keep_numbers(
        self,
        record: Record,
        numbers: CopyNumbers,
        quality: float | None,
        said: dict[int, dict[Annotation, None]],
    ) -> None:
        """The numbers of copies of people, among the alleles that wait."""
        for found, counted in numbers.counted():
            kept = self._add(record, found, quality, counted)
            for of_allele in said.values():
                kept.annotations.update(of_allele)
        for remark in numbers.remarks:
            self.skipped(record.line, remark)

    def _report_silence(self, record: Record, calls: SiteCalls | None, numbers: CopyNumbers) -> None:
        """Of a line that tells nothing of anybody, neither by genotype nor by number of copies."""
        if numbers.nothing_told and calls is None:
            self.skipped(record.line, _NO_GT)
        elif numbers.nothing_told and calls is not None and calls.uncalled.size == calls.samples:
            self.skipped(record.line, _ALL_MISSING)

    def _scanned(self, record: Record) -> SiteCalls | None:
        alternates = record.alternates.count(b",") + 1
        try:
            if self._repeats is not None:
                return self._repeats.scan(record.form, record.text, alternates)
            return scan(record.form, record.text, len(self.ordinals), alternates)
        except BadGenotype as fault:
            column = "" if fault.column is None else f"sample column {fault.column + 1}"
            raise BadInput(Place(self.file, record.line, column), str(fault), _CORRECT) from None

    def _moved(self, record: Record, found: Found) -> Found:
        moved = self.moves.get((record.line, found.number))
        if moved is None:
            return found
        return trimmed(found.number, moved.first, moved.reference, moved.alternate)

    def _annotations(self, record: Record) -> dict[int, dict[Annotation, None]]:
        """What the line says its alleles do, by the number of the allele."""
        layout = self.annotation
        text = None if layout is None else info_value(record.info, layout.key)
        if layout is None or text is None:
            return {}
        try:
            said, strays = annotations_of(text, layout, record.reference, record.alternates)
        except UnicodeDecodeError:
            raise self._not_text(record, "INFO") from None
        if strays:
            self.skipped(record.line, "an annotation names no allele of the line; it is left out")
        return said

    def _quality(self, record: Record) -> float | None:
        quality = _number(record.quality)
        if quality is _UNREADABLE:
            raise BadInput(Place(self.file, record.line), "QUAL is not a number", _CORRECT)
        return quality

    def _keep(
        self, record: Record, found: Found, calls: SiteCalls, phases: PhaseReader, quality: float | None
    ) -> _Waiting | None:
        """The allele among those that wait; None when nobody carries it."""
        number = found.number
        known: Tally | None = None
        if self._repeats is None:
            held = calls.of(number)
        else:
            held, known = self._repeats.of(calls, number)
        if not held.carriers.size:
            if calls.uncalled.size == calls.samples and not is_counted(record):
                self.skipped(record.line, _ALL_MISSING)
            return None
        placed = phases.of(number, held)
        if self._repeats is None or known is None:
            counted = tally(calls, number, held, placed)
        else:
            counted = known if placed is None else self._repeats.phased(known, placed)
        return self._add(record, found, quality, counted)

    def _keep_line(self, record: Record, found: Found, line: Line, quality: float | None) -> _Waiting | None:
        """As `_keep`, of a line that was read already."""
        if not line.carriers:
            if line.uncalled == self.ordinals.size:
                self.skipped(record.line, _ALL_MISSING)
            return None
        return self._add(record, found, quality, line)

    def _add(self, record: Record, found: Found, quality: float | None, counted: Tally | Line) -> _Waiting:
        known = self._waiting.get(found.key)
        if known is None:
            return self._begin(record, found, quality, [counted])
        self.skipped(record.line, "the same allele as an earlier line; their genotypes are united")
        known.anchor = known.anchor or found.anchor
        known.margins = widest((known.margins, found.margins))
        _add_new(known.names, self._words(record, record.identifiers))
        _add_new(known.filters, self._words(record, record.filters))
        known.quality = highest((known.quality, quality))
        known.tallies.append(counted)
        return known

    def _begin(
        self, record: Record, found: Found, quality: float | None, tallies: list[Tally | Line]
    ) -> _Waiting:
        names, filters = self._words(record, record.identifiers), self._words(record, record.filters)
        begun = _Waiting(found.anchor, names, filters, quality, tallies, {}, found.margins)
        self._waiting[found.key] = begun
        self._farthest = max(self._farthest, found.key.start)
        return begun

    def _keep_counts(self, record: Record, found: Found, quality: float | None) -> _Waiting | None:
        """The allele of a line without samples; None when nobody carries it, or nobody counted."""
        if record.text:
            raise BadInput(Place(self.file, record.line), "more columns than the header has", _CORRECT)
        try:
            counts = counts_of_info(record, found.number)
        except Refused as refusal:
            self.skipped(record.line, refusal.reason)
            return None
        if found.key in self._waiting:
            self.skipped(record.line, "the same allele as an earlier line; the counts of that stand")
        elif counts.ac:
            begun = self._begin(record, found, quality, [])
            begun.counts = counts
            return begun
        return None

    def _words(self, record: Record, column: bytes) -> list[str]:
        if column == b".":
            return []
        try:
            return column.decode().split(";")
        except UnicodeDecodeError:
            raise self._not_text(record, "ID or FILTER") from None

    def _not_text(self, record: Record, columns: str) -> BadInput:
        return BadInput(Place(self.file, record.line), f"{columns} is not UTF-8 text", _CORRECT)

    def _release(self, before: int | None = None) -> Iterator[Row]:
        """Rows of the waiting alleles, or of those that start before a coordinate."""
        if self._alone is not None:
            (row, *_), self._alone = self._alone, None
            yield row
        if before is None:
            done, self._waiting = self._waiting, {}
        else:
            done = {key: self._waiting.pop(key) for key in list(self._waiting) if key.start < before}
        for key in sorted(done) if len(done) > 1 else done:
            yield self._row(key, done[key])

    def _row(self, key: AlleleKey, waiting: _Waiting) -> Row:
        level = level_of(key.end - key.start, waiting.margins, is_total=total_of(key.alternate) is not None)
        self.levels |= 1 << level
        if self._contig is not None:
            self.contigs.add(self._contig.number)
        here = bin_at(self._first_bin, key.start)
        self.notes += [_note(here, key, self.seg, note) for note in enumerate(waiting.annotations)]
        place = here, *key, self.seg, level, waiting.anchor
        margins = written(waiting.margins)
        said = ";".join(waiting.names), ";".join(waiting.filters), waiting.quality, margins
        if waiting.counts is not None:
            return Row(*place, *waiting.counts, *said, b"", None, None, None, None, None, None)
        counts, sets = self._tail(waiting.tallies)
        return Row._make((*place, *counts, *said, *sets))

    def _tail(self, tallies: list[Tally | Line]) -> Tail:
        if len(tallies) > 1:
            each = [one.tally if isinstance(one, Line) else one for one in tallies]
            return self._tail_of(unite(each, len(self.ordinals)))
        held = tallies[0]
        if isinstance(held, Line):
            return held.tail
        if self._repeats is None:
            return self._tail_of(held)
        return self._repeats.tail(held, self._tail_of)

    def _tail_of(self, held: Tally) -> Tail:
        """Counts and sets of a row."""
        hom, hemi = int(held.homs.size), int(held.hemis.size)
        het = int(held.carriers.size) - hom - hemi
        sets = (
            self._set(held.carriers) or b"",
            encode_part(self._people(held.homs), self._people(held.carriers)) if hom else None,
            self._set(held.hemis),
            self._set(held.uncalled),
            self._set(held.single),
            self._odd(held.odd),
            self._phase(held),
        )
        return (held.ac, held.an, het, hom, hemi), sets

    def _set(self, columns: Ordinals) -> bytes | None:
        return encode(self._people(columns)) if columns.size else None

    def _people(self, columns: Ordinals) -> Ordinals:
        people = self.ordinals[columns]
        return people if self._in_order else np.sort(people)

    def _phase(self, held: Tally) -> bytes | None:
        phases = held.phases
        if phases is None:
            return None
        if self._in_order and phases.groups is None:
            return encode_phases(held.hets, phases)  # it says nothing by ordinals
        hets = np.sort(self.ordinals[held.hets])
        return encode_phases(hets, phases.of_people(self.ordinals, in_order=self._in_order))

    def _odd(self, odd: npt.NDArray[np.int64]) -> bytes | None:
        if not odd.size:
            return None
        people = np.column_stack((self.ordinals[odd[:, 0]], odd[:, 1], odd[:, 2]))
        return people.astype("<u4").tobytes()


def _text(column: bytes) -> str | None:
    """As it stands in a row; None where that has to be looked into."""
    if column == b".":
        return ""
    return column.decode() if column.isascii() else None


def _number(column: bytes) -> float | None:
    """QUAL as it stands in a row."""
    try:
        quality = None if column == b"." else float(column)
    except ValueError:
        return _UNREADABLE
    return quality if quality is None or isfinite(quality) else None


def _add_new(words: list[str], more: list[str]) -> None:
    words.extend(word for word in more if word not in words)


def _note(here: int, key: AlleleKey, file_no: int, said: tuple[int, Annotation]) -> Note:
    number, one = said
    consequences = "&".join(sorted(one.consequences))
    change = comparable_change(one.protein) if one.protein else ""
    names = one.gene, one.transcript, one.coding, one.protein
    keys = one.coding[:KEY_LETTERS], change[:KEY_LETTERS]
    return Note(here, *key, file_no, number, *names, consequences, one.impact, *keys)
