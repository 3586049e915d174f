"""Plain lines of a file read many at a time: two called alleles a sample, one ALT, and nothing but GT.

Most lines of most files with many people are like that.  What is found is what `scanner` finds line by line;
whatever is anything else is left to it.  Knows the people of a file, and nothing of alleles.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from node.store.bitmaps import Ordinals, encode_each, encode_each_part
from node.store.phasing import Phases, encode_each_phase
from node.store.reader import Record
from node.store.scanner import PHASED, UNPHASED, Words
from node.store.tally import NO_ODD, NOBODY, Tail, Tally
from schemas.errors import BadInput

_MOST_LINES: Final = 64
_MOST_BYTES: Final = 1 << 20
_NO_BASES: Final = (b"<", b".", b"*")


class Line:
    """What one line says of its ALT allele.  carriers, uncalled: how many."""

    __slots__ = ("_group", "_number", "carriers", "tail", "uncalled")

    def __init__(self, group: _Group, number: int, tail: Tail, uncalled: int) -> None:
        self._group = group
        self._number = number
        self.tail = tail
        _, _, het, hom, _ = tail[0]
        self.carriers = het + hom
        self.uncalled = uncalled

    @property
    def tally(self) -> Tally:
        """The same sample by sample."""
        return self._group.tally(self._number)


class Abreast:
    """Reads ahead in the records of a file.  ordinals: of its sample columns, ascending."""

    def __init__(self, ordinals: Ordinals) -> None:
        self._ordinals = ordinals
        self._text_bytes = 4 * ordinals.size - 1
        self._most_lines = max(1, min(_MOST_LINES, _MOST_BYTES // (4 * ordinals.size)))

    def lines(self, records: Iterator[Record]) -> Iterator[tuple[Record, Line | None]]:
        """Each record, and what it says, or None where that is left to be read.

        Raises BadInput where `records` does, after all that came before.
        """
        fault: BadInput | None = None
        is_over = False
        while not is_over:
            ahead: list[Record] = []
            try:
                while len(ahead) < self._most_lines:
                    ahead.append(next(records))
            except StopIteration:
                is_over = True
            except BadInput as found:
                is_over, fault = True, found
            yield from zip(ahead, self._read(ahead), strict=True)
        if fault is not None:
            raise fault

    def _read(self, records: Sequence[Record]) -> list[Line | None]:
        found: list[Line | None] = [None] * len(records)
        for words in (PHASED, UNPHASED):
            plain = [n for n, record in enumerate(records) if self._is_plain(record, words)]
            if plain:
                group = _Group([records[n].text for n in plain], self._ordinals, words)
                for n, line in zip(plain, group.lines(), strict=True):
                    found[n] = line
        return found

    def _is_plain(self, record: Record, words: Words) -> bool:
        text, alternates = record.text, record.alternates
        if len(text) != self._text_bytes or text[1] != words.separator or record.form != b"GT":
            return False
        return not (b"," in alternates or alternates.startswith(_NO_BASES))


class _Group:
    """Lines of one width, written with one separator."""

    def __init__(self, texts: Sequence[bytes], ordinals: Ordinals, words: Words) -> None:
        self._ordinals = ordinals
        self._is_phased = words is PHASED
        self._lines = len(texts)
        samples = ordinals.size
        letters = np.frombuffer(b"\t".join([*texts, b""]), "<u4")
        at = (letters != words.reference).nonzero()[0]
        kept = letters[at]
        homs, seconds = kept == words.hom, kept == words.second
        carried = homs | seconds | (kept == words.first)
        missing = (kept == words.missing[0]) | (kept == words.missing[1])
        borders = np.arange(self._lines + 1) * samples
        self._unknown: set[int] = set((at[~(carried | missing)] // samples).tolist())
        self._homs, self._seconds = homs[carried], seconds[carried]
        self._carriers, self._ends = _columns(at[carried], borders)
        self._uncalled, self._uncalled_ends = _columns(at[missing], borders)

    def lines(self) -> Iterator[Line | None]:
        """What each says; None for one in which anything else stands."""
        samples, people = self._ordinals.size, self._ordinals[self._carriers]
        hom_ends, het_ends = self._ends_of(self._homs), self._ends_of(~self._homs)
        carriers = encode_each(people, self._ends)
        homs = encode_each_part(people, self._ends, self._homs)
        uncalled = encode_each(self._ordinals[self._uncalled], self._uncalled_ends)
        phases: Sequence[bytes | None] = [None] * self._lines
        if self._is_phased:
            phases = encode_each_phase(self._seconds[~self._homs], het_ends)
        sizes = (np.diff(ends).tolist() for ends in (het_ends, hom_ends, self._uncalled_ends))
        for n, (het, hom, silent) in enumerate(zip(*sizes, strict=True)):
            if n in self._unknown:
                yield None
                continue
            counts = het + 2 * hom, 2 * (samples - silent), het, hom, 0
            sets = carriers[n] or b"", homs[n], None, uncalled[n], None, None, phases[n]
            yield Line(self, n, (counts, sets), silent)

    def _ends_of(self, chosen: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
        """Where the lines end among those of the carriers that are chosen."""
        return np.concatenate(([0], np.cumsum(chosen)))[self._ends]

    def tally(self, number: int) -> Tally:
        low, high = self._ends[number : number + 2]
        carriers, homs = self._carriers[low:high], self._homs[low:high]
        low_missing, high_missing = self._uncalled_ends[number : number + 2]
        uncalled = self._uncalled[low_missing:high_missing]
        phases = Phases(carriers, self._seconds[low:high]) if self._is_phased and carriers.size else None
        an = 2 * (self._ordinals.size - uncalled.size)
        return Tally(carriers, carriers[homs], NOBODY, uncalled, NOBODY, NO_ODD, an, phases)


def _columns(at: npt.NDArray[np.int64], borders: npt.NDArray[np.int64]) -> tuple[Ordinals, Ordinals]:
    """Columns of samples that are counted on from line to line, and where the lines end among them."""
    ends = np.searchsorted(at, borders)
    return at - np.repeat(borders[:-1], np.diff(ends)), ends
