"""How many alleles were called of people of whom no row speaks: read from the spans of the files.

A person is counted once, with the most alleles that any of his files calls there.  An allele is looked for at
the base where it begins; an insertion, which lies between two, at the base before it.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from pyroaring import AbstractBitMap, BitMap

from node.store.layout import bin_at, first_bin
from node.store.session import Holding, Session
from node.store.statements import OF_VISIBLE_FILES
from schemas.genome import Allele

COVERED: Final = " ".join(("SELECT ordinal, copies, spans FROM coverage WHERE bin = ? AND", OF_VISIBLE_FILES))


class Coverage:
    """The spans of one dataset, for one answer; those of a megabase are read when they are first asked for.

    statement: `COVERED` in the style of the driver.
    """

    def __init__(self, session: Session, statement: str, holding: Holding) -> None:
        self._session = session
        self._statement = statement
        self._holding = holding
        self._everybody = BitMap().union(*(file.people for file in holding.files.values()))
        self._bin = -1
        self._spans: list[tuple[int, int, npt.NDArray[np.uint32]]] = []

    def called(self, allele: Allele, people: BitMap | None, *, but: BitMap, lone: AbstractBitMap) -> int:
        """Called alleles where `allele` begins, of `people` (None is everybody) without those in `but`.

        lone: who has one copy there, whatever the file says.
        Blocking: reads the spans of the megabase, a microsecond or two a person and allele.
        """
        place = allele.interval
        base = max(place.start - (place.start == place.end), 0)
        self._turn_to(bin_at(first_bin(self._holding.no, place.contig), base))
        asked = (self._everybody if people is None else self._everybody & people) - but
        most: dict[int, int] = {}
        for ordinal, copies, spans in self._spans:
            if ordinal in asked and copies > most.get(ordinal, 0) and _holds(spans, base):
                most[ordinal] = copies
        return sum(min(copies, 1) if ordinal in lone else copies for ordinal, copies in most.items())

    def _turn_to(self, wanted: int) -> None:
        if wanted == self._bin:
            return
        no = self._holding.no
        found = self._session.rows(self._statement, (wanted, no, no))
        self._spans = [(ordinal, copies, np.frombuffer(spans, "<u4")) for ordinal, copies, spans in found]
        self._bin = wanted


def _holds(spans: npt.NDArray[np.uint32], base: int) -> bool:
    """Left and right alternate and ascend: a base is inside one where an odd number lies at or before it."""
    return bool(np.searchsorted(spans, base, "right") & 1)


def open_coverage(session: Session, statement: str, holding: Holding) -> Coverage | None:
    """None where no file of the dataset has spans."""
    return Coverage(session, statement, holding) if holding.has_spans else None
