"""One row of what several files say of an allele.  Knows no database: reading processes use it, too."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Final

import numpy as np
from pyroaring import BitMap

from node.store.bitmaps import Ordinals, as_array, encode, encode_part, encode_set, unite, unite_parts
from node.store.layout import KEY_COLUMNS, Row, highest
from node.store.margins import widest_written
from node.store.phasing import encode_phases, heterozygous, joined

ALLELE: Final = len(KEY_COLUMNS) - 1  # all of the key but the file
_KEY: Final = itemgetter(slice(ALLELE))


class Merger:
    """Makes the rows of one file, `seg`, out of rows of several.

    covered: by number of the file, everybody of whom its rows speak; nobody is in two.
    """

    def __init__(self, covered: Mapping[int, BitMap], seg: int) -> None:
        self._covered = covered
        self._everybody = BitMap().union(*covered.values())
        self._seg = seg
        self._silent: dict[int, bytes | None] = {}

    def rows(self, streams: Sequence[Iterable[Row]]) -> Iterator[Row]:
        """All rows of streams that each are in the order of the key."""
        ordered = heapq.merge(*streams, key=_KEY)
        return (self.merged(list(group)) for _, group in groupby(ordered, key=_KEY))

    def merged(self, rows: Sequence[Row]) -> Row:
        """One row of what these say of an allele, the first file first.

        Who is in a file without the allele was not called there, for all that is known.
        """
        if len(rows) == 1 and rows[0].uncalled is None:
            row = rows[0]
            return row._replace(seg=self._seg, uncalled=self._others(row.seg))
        speaking = BitMap().union(*(self._covered[row.seg] for row in rows))
        return merged(rows, speaking, self._everybody, self._seg)

    def _others(self, seg: int) -> bytes | None:
        """Everybody who is not in a file."""
        if seg not in self._silent:
            self._silent[seg] = encode_set(self._everybody - self._covered[seg])
        return self._silent[seg]


def merged(rows: Sequence[Row], speaking: BitMap, covered: BitMap, seg: int) -> Row:
    """One row of what several say of an allele about different people.

    speaking: whom the files of these rows cover; the others in `covered` are not called here, as before.
    """
    first = rows[0]

    def united(name: str) -> Ordinals:
        return unite([one for row in rows if (one := getattr(row, name)) is not None])

    def total(name: str) -> int:
        return sum(getattr(row, name) for row in rows)

    triples = [np.frombuffer(row.odd, "<u4").reshape(-1, 3) for row in rows if row.odd]
    odd = np.concatenate(triples) if triples else None
    parts = [(row.homs, row.carriers) for row in rows if row.homs is not None]
    homs = unite_parts([part for part, _ in parts], [whole for _, whole in parts])
    carriers, silent = united("carriers"), as_array(covered - speaking)
    uncalled = np.sort(np.concatenate((united("uncalled"), silent)))
    made = first._replace(
        seg=seg,
        anchor=next((row.anchor for row in rows if row.anchor), ""),
        ac=total("ac"),
        an=total("an"),
        het=total("het"),
        hom=total("hom"),
        hemi=total("hemi"),
        names=_words(row.names for row in rows),
        filters=_words(row.filters for row in rows),
        quality=highest(row.quality for row in rows),
        level=max(row.level for row in rows),
        margins=widest_written([row.margins for row in rows]),
        carriers=encode(carriers) or b"",
        homs=encode_part(homs, carriers),
        hemis=encode(united("hemis")),
        uncalled=encode(uncalled),
        single=encode(united("single")),
        odd=None if odd is None else odd[odd[:, 0].argsort()].tobytes(),
    )
    phases = joined(rows)
    return made._replace(phase=encode_phases(heterozygous(made), phases) if phases.people.size else None)


def _words(columns: Iterator[str]) -> str:
    return ";".join(dict.fromkeys(word for column in columns if column for word in column.split(";")))
