"""What the files of a dataset say their alleles do: a `schemas.ports.Annotations` over the database.

The index finds candidates by the most telling part of the question; whether one is meant is decided by
`AnnotationQuery.admits`, and whether anybody carries it by the variant store.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby, islice
from operator import itemgetter
from typing import Any, Final

from sqlalchemy.engine import Engine

from node.store.consequences import KEY_LETTERS, NOTE_COLUMNS, Note
from node.store.counting import is_carried, variant
from node.store.coverage import COVERED, open_coverage
from node.store.index import exact_values, find_exact
from node.store.layout import bin_at, bins_of, contig_number, first_bin, reach_bp
from node.store.session import Holding, Session, Sessions
from node.store.statements import EXACT_ROWS, OF_VISIBLE_FILES, in_style
from schemas.errors import NotHeld
from schemas.genome import Allele, Contig, Interval
from schemas.ports import Page, PersonSet, Variant
from schemas.questions import Annotation, AnnotationQuery

_BATCH: Final = 2000
_ALL: Final = ", ".join(f'"{name}"' for name in NOTE_COLUMNS)
_KEY: Final = 'bin, start, "end", ref, alt, sv_length'
_PAGE: Final = (
    f"bin <= ? AND (bin, start) >= (?, ?) AND {OF_VISIBLE_FILES} ORDER BY {_KEY}, file_no, number LIMIT ?"
)
_NOTES: Final = " ".join(("SELECT", _ALL, "FROM annotation WHERE"))
_BY_CODING: Final = f"{_NOTES} coding_key <> '' AND coding_key = ? AND {_PAGE}"
_BY_CHANGE: Final = f"{_NOTES} change_key <> '' AND change_key = ? AND {_PAGE}"
_BY_GENE: Final = f"{_NOTES} gene = ? AND {_PAGE}"
_BY_PLACE: Final = f"{_NOTES} {_PAGE}"
_OF_ALLELE: Final = (
    f'{_NOTES} bin = ? AND start = ? AND "end" = ? AND ref = ? AND alt = ? AND sv_length = ? '
    f"AND {OF_VISIBLE_FILES} ORDER BY file_no, number"
)
_ANY: Final = f"{_NOTES} bin BETWEEN ? AND ? AND {OF_VISIBLE_FILES} LIMIT 1"

RawNote = tuple[Any, ...]
"""A row as the driver gives it, in the order of `NOTE_COLUMNS`."""


class SqlAnnotations:
    """Safe from several threads, each with its connection."""

    def __init__(self, engine: Engine) -> None:
        self._sessions = Sessions(engine)
        self._style = engine.dialect.paramstyle
        self._annotated: dict[str, tuple[int, bool]] = {}  # with the revision that was seen

    def close(self) -> None:
        """Closes its connections; it opens new ones when it is asked again."""
        self._sessions.close()

    def is_annotated(self, dataset: str) -> bool:
        """See the port.  Raises NotHeld: no such dataset."""

        def answer(session: Session) -> bool:
            no = session.scene.holding(dataset).no
            known = self._annotated.get(dataset)
            if known is None or known[0] != session.revision:
                found = bool(session.rows(self._said(_ANY), (*bins_of(no), no, no)))
                known = self._annotated[dataset] = session.revision, found
            return known[1]

        return self._sessions.read(answer)

    def find(
        self, dataset: str, query: AnnotationQuery, page: Page, people: PersonSet | None = None
    ) -> list[Variant]:
        """See the port.  Raises NotHeld: no such dataset, or of another assembly than is asked for.

        Milliseconds by gene or HGVS name; by consequence alone as long as reading what is noted there.
        """
        contig = None if query.within is None else query.within.contig
        asked = query.assembly if contig is None else contig.assembly

        def answer(session: Session) -> list[Variant]:
            holding = session.scene.holding(dataset, contig)
            if asked not in (None, holding.dataset.assembly):
                raise NotHeld(f"dataset {dataset} is held on {holding.dataset.assembly}, not on {asked}")
            if people is not None and holding.of_sites:
                return []
            last = page.offset + page.limit
            return list(islice(self._matches(session, holding, query, people), page.offset, last))

        return self._sessions.read(answer)

    def annotations(self, dataset: str, allele: Allele) -> tuple[Annotation, ...]:
        """See the port.  Raises NotHeld: no such dataset, or of another assembly."""

        def answer(session: Session) -> tuple[Annotation, ...]:
            holding = session.scene.holding(dataset, allele.interval.contig)
            values = (*exact_values(holding, allele), holding.no, holding.no)
            rows = session.rows(self._said(_OF_ALLELE), values)
            return tuple(dict.fromkeys(_annotation(row) for row in rows))

        return self._sessions.read(answer)

    def _said(self, statement: str) -> str:
        return in_style(statement, self._style)

    def _matches(
        self, session: Session, holding: Holding, query: AnnotationQuery, people: PersonSet | None
    ) -> Iterator[Variant]:
        rows = self._said(EXACT_ROWS)
        coverage = open_coverage(session, self._said(COVERED), holding)
        for group in self._alleles(session, holding, query):
            allele = _allele(group[0], holding)
            if query.within is not None and not query.within.overlaps(allele.interval):
                continue
            if not any(query.admits(_annotation(row)) for row in group):
                continue
            held = find_exact(session, rows, holding, allele)
            if held is not None and is_carried(held, holding, people):
                yield variant(held, holding, people, coverage)

    def _alleles(self, session: Session, holding: Holding, query: AnnotationQuery) -> Iterator[list[RawNote]]:
        """What is noted of each allele that may be meant, in the order of the port."""
        statement, key = _way(query)
        (here, left), high = _bounds(query, holding)
        size = _BATCH
        while True:
            values = (*key, high, here, left, holding.no, holding.no, size)
            rows = session.rows(self._said(statement), values)
            # The last place may go on in the next batch, where it is read again from its beginning.
            last = rows[-1][:2] if len(rows) == size else None
            whole = [row for row in rows if row[:2] != last]
            for _, group in groupby(whole, key=itemgetter(0, 1, 2, 3, 4, 5)):
                yield list(group)
            if last is None:
                return
            size = _BATCH if whole else 2 * size
            here, left = last


def _way(query: AnnotationQuery) -> tuple[str, tuple[str, ...]]:
    """The statement that looks at the fewest notes, and what it looks for."""
    if query.coding:
        return _BY_CODING, (query.coding[:KEY_LETTERS],)
    if query.protein:
        return _BY_CHANGE, (query.protein[:KEY_LETTERS],)
    return (_BY_GENE, (query.gene,)) if query.gene else (_BY_PLACE, ())


def _bounds(query: AnnotationQuery, holding: Holding) -> tuple[tuple[int, int], int]:
    """The first bin and start, and the last bin, of what may lie where the question looks."""
    if query.within is None:
        low, high = bins_of(holding.no)
        return (low, 0), high
    place = query.within
    base = first_bin(holding.no, place.contig)
    levels = (0, *holding.levels, *holding.looked_at_on(place.contig))
    left = max(0, place.start - max(map(reach_bp, levels)))
    return (bin_at(base, left), left), bin_at(base, place.end)


def _allele(row: Sequence[Any], holding: Holding) -> Allele:
    here, start, end, reference, alternate, sv_length = row[:6]
    contig = Contig.numbered(contig_number(here), holding.dataset.assembly)
    return Allele(Interval(contig, start, end), reference, alternate, sv_length_bp=sv_length)


def _annotation(row: Sequence[Any]) -> Annotation:
    note = Note._make(row)
    consequences = frozenset(note.consequences.split("&")) if note.consequences else frozenset()
    return Annotation(note.gene, note.transcript, note.coding, note.protein, consequences, note.impact)
