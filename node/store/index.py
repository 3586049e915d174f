"""The engine behind the port: questions answered from the database, SQLite or any other that speaks SQL.

The hot path runs fixed statements on the driver's connection; building them anew would cost many times the
lookup.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, groupby, islice
from operator import itemgetter
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap
from sqlalchemy.engine import Engine

from node.store.bitmaps import decode_set, mask_of, touches
from node.store.counting import (
    HeldAllele,
    carriers,
    held_allele,
    is_carried,
    phases,
    told,
    variant,
    zygosities,
)
from node.store.coverage import COVERED, open_coverage
from node.store.layout import COLUMNS, LOOKED_AT, PlainRow, Row, bin_at, first_bin
from node.store.overview import Overview
from node.store.pairing import hit_twice
from node.store.pieces import Pieces
from node.store.session import Holding, LiveFile, Session, Sessions
from node.store.statements import (
    ALL_STATEMENTS,
    EXACT_CARRIERS,
    EXACT_FILES,
    EXACT_ROWS,
    LONG_COUNT,
    LONG_DISTINCT,
    LONG_PLAIN,
    LONG_ROWS,
    LOOKED_AT_ROWS,
    RANGE_COUNT,
    SHORT_COUNT,
    SHORT_DISTINCT,
    SHORT_PLAIN,
    SHORT_ROWS,
    Window,
    in_style,
    looks,
)
from schemas.genome import Allele
from schemas.ports import HitTwice, Page, PersonSet, Phase, Variant, Zygosities
from schemas.questions import ANYTHING, SequenceQuery, VariantQuery, contig_of

_BATCH_ROWS: Final = 2048
_KEY: Final = itemgetter(1, 2, 3, 4, 5)
_BEFORE_ALL: Final = (-1, -1, -1, "", "", -1, -1)
_SEG: Final = COLUMNS.index("seg")
_PLAIN_SEG: Final = 1 + PlainRow._fields.index("seg")
_CARRIERS: Final = COLUMNS.index("carriers")

RawRow = tuple[Any, ...]
"""A row as the driver gives it, in the order of `layout.COLUMNS`."""


class SqlStore:
    """A `schemas.ports.VariantStore` over a database; safe from several threads, each with its connection."""

    def __init__(self, engine: Engine) -> None:
        self._sessions = Sessions(engine)
        style = engine.dialect.paramstyle
        self._said = {text: in_style(text, style) for text in (*ALL_STATEMENTS, COVERED)}
        self._pieces = Pieces()

    def close(self) -> None:
        """Closes its connections, and keeps nothing; it opens new ones when it is asked again."""
        self._sessions.close()
        self._pieces.forget()

    def people(self, dataset: str) -> tuple[str, ...]:
        """Sample names by ordinal.  Raises NotHeld: no such dataset."""
        return self._sessions.read(lambda session: session.scene.holding(dataset).samples)

    def exists(self, dataset: str, query: VariantQuery, people: PersonSet | None = None) -> bool:
        """Whether any allele is admitted and carried.  Raises NotHeld: no such dataset, or other assembly."""

        def answer(session: Session) -> bool:
            holding = session.scene.holding(dataset, contig_of(query))
            if people is not None and holding.of_sites:
                return False
            asked = holding.asked(people)
            held = self._is_held(session, holding, query, asked)
            if held is not None:
                return held
            return next(self._matches(self._view(session, holding, query), asked, 16), None) is not None

        return self._sessions.read(answer)

    def count(self, dataset: str, query: VariantQuery, people: PersonSet | None = None) -> int:
        """How many distinct alleles are admitted and carried.  Raises NotHeld, as `exists`."""

        def answer(session: Session) -> int:
            holding = session.scene.holding(dataset, contig_of(query))
            if people is not None and holding.of_sites:
                return 0
            # Within one file no allele has two rows, and none need be compared.
            contig = contig_of(query)
            once, asked = holding.files_on(contig) < 2, holding.asked(people)
            view = self._view(session, holding, query)
            if _placed_only(query):
                if asked is None and holding.is_clean:
                    return self._count_rows(view, once=once) + self._count_looked_at(view, None)
                # Which of several rows was counted by its key is not told then.
                is_plain = once or not holding.looked_at_on(contig)
                if is_plain and holding.is_apart and not holding.of_sites:
                    return view.count_carried(asked, once=once) + self._count_looked_at(view, asked)
            if (held := self._is_held(session, holding, query, asked)) is not None:
                return int(held)
            return sum(1 for _ in self._matches(view, asked, _BATCH_ROWS))

        return self._sessions.read(answer)

    def find(
        self, dataset: str, query: VariantQuery, page: Page, people: PersonSet | None = None
    ) -> list[Variant]:
        """One page of what is admitted and carried, counted over `people`.  Raises NotHeld, as `exists`."""

        def answer(session: Session) -> list[Variant]:
            holding = session.scene.holding(dataset, contig_of(query))
            if people is not None and holding.of_sites:
                return []
            last = page.offset + page.limit
            view, asked = self._view(session, holding, query), holding.asked(people)
            if asked is None and last <= _BATCH_ROWS and _is_told_by_rows(holding, query):
                shown = self._page(view, last)
                if shown is not None:
                    contig = contig_of(query)
                    return [told(row, contig) for row in shown[page.offset :]]
            matches = self._matches(view, asked, min(_BATCH_ROWS, last + 6))
            coverage = open_coverage(session, self._said[COVERED], holding)
            # Wide questions read in batches; none may be under way when the coverage asks its own.
            found = list(islice(matches, page.offset, last))
            return [variant(held, holding, asked, coverage) for held in found]

        return self._sessions.read(answer)

    def carriers(self, dataset: str, allele: Allele, people: PersonSet | None = None) -> PersonSet:
        """Who carries this allele.  Raises NotHeld, as `exists`."""

        def answer(session: Session) -> BitMap:
            holding = session.scene.holding(dataset, allele.interval.contig)
            found = find_exact(session, self._said[EXACT_ROWS], holding, allele)
            return BitMap() if found is None else carriers(found, holding, people)

        return self._sessions.read(answer)

    def zygosities(self, dataset: str, allele: Allele, people: PersonSet | None = None) -> Zygosities:
        """Who carries this allele, by genotype.  Raises NotHeld, as `exists`."""

        def answer(session: Session) -> Zygosities:
            holding = session.scene.holding(dataset, allele.interval.contig)
            found = find_exact(session, self._said[EXACT_ROWS], holding, allele)
            if found is None:
                return Zygosities(BitMap(), BitMap(), BitMap())
            return zygosities(found, holding, people)

        return self._sessions.read(answer)

    def phases(self, dataset: str, allele: Allele, people: PersonSet | None = None) -> Mapping[int, Phase]:
        """On which copy heterozygous carriers have this allele, where it is known.  Raises NotHeld."""

        def answer(session: Session) -> dict[int, Phase]:
            holding = session.scene.holding(dataset, allele.interval.contig)
            found = find_exact(session, self._said[EXACT_ROWS], holding, allele)
            return {} if found is None else phases(found, holding, people)

        return self._sessions.read(answer)

    def hit_twice(self, dataset: str, alleles: Sequence[Allele], people: PersonSet | None = None) -> HitTwice:
        """Who carries two or more of these alleles, or one twice, and on which copies.  Raises NotHeld."""

        def answer(session: Session) -> HitTwice:
            statement, held = self._said[EXACT_ROWS], []
            holding = session.scene.holding(dataset)
            for allele in dict.fromkeys(alleles):
                holding = session.scene.holding(dataset, allele.interval.contig)
                found = find_exact(session, statement, holding, allele)
                if found is not None:
                    held.append(found)
            return hit_twice(held, holding, people)

        return self._sessions.read(answer)

    def _view(self, session: Session, holding: Holding, query: VariantQuery) -> Overview:
        return Overview(session, self._said, holding, query, self._pieces)

    def _is_held(
        self, session: Session, holding: Holding, query: VariantQuery, people: BitMap | None
    ) -> bool | None:
        """Whether one allele has a row of these people; None where that takes more than its key."""
        if not isinstance(query, SequenceQuery) or query.allele is None:
            return None
        values = exact_values(holding, query.allele)
        if people is None and holding.is_clean:
            found = session.witnessed(self._said[EXACT_FILES], values)
            return any(seg in holding.files for _, seg in found)
        if holding.is_apart and not holding.of_sites:
            seen = holding.seen if people is None else holding.seen & people
            found = session.witnessed(self._said[EXACT_CARRIERS], values)
            held = [decode_set(carriers) for _, seg, carriers in found if seg in holding.files]
            return any(not seen.isdisjoint(one) for one in held)
        return None

    def _page(self, view: Overview, last: int) -> list[RawRow] | None:
        """The first `last` rows of a question that asks for a place alone; None if one is not visible."""
        rows: list[RawRow] = []
        asked = 0
        for window in view.windows():
            text = SHORT_PLAIN if window.level is None else LONG_PLAIN
            rows += view.session.witnessed(self._said[text], (*window.values, last))
            asked += 1
        files = view.holding.files
        if not files.keys() >= {row[_PLAIN_SEG] for row in rows}:
            return None
        return sorted(rows)[:last] if asked > 1 else rows

    def _count_rows(self, view: Overview, *, once: bool) -> int:
        return sum(self._count_in(view, window, once=once) for window in view.windows())

    def _count_in(self, view: Overview, window: Window, *, once: bool) -> int:
        values = window.range_values(view.holding.no) if once else None
        if values is not None and not view.holding.looked_at_on(contig_of(view.query)):
            [(_, hidden, *counted)] = view.session.witnessed(self._said[RANGE_COUNT], values)
            if not hidden:
                return sum(counted)
        if window.level is None:
            text = SHORT_COUNT if once else SHORT_DISTINCT
        else:
            text = LONG_COUNT if once else LONG_DISTINCT
        [(_, count)] = view.session.witnessed(self._said[text], (*window.values, view.holding.no))
        return int(count)

    def _matches(self, view: Overview, people: BitMap | None, batch: int) -> Iterator[HeldAllele]:
        """Admitted and carried alleles in the order of the port; to be used up before the session is left."""
        query, holding = view.query, view.holding
        if isinstance(query, SequenceQuery) and (allele := query.allele) is not None:
            found = find_exact(view.session, self._said[EXACT_ROWS], holding, allele)
            if found is not None and (people is None or carriers(found, holding, people)):
                yield found
            return
        looked_at = self._looked_at(view)
        plain = self._plain(view, people, batch)
        if not looked_at:
            yield from plain
            return
        told = (held for held in plain if _key_of(held) not in looked_at)
        others = (held for held in looked_at.values() if _is_meant(held, holding, query, people))
        yield from heapq.merge(told, others, key=_key_of)

    def _plain(self, view: Overview, people: BitMap | None, batch: int) -> Iterator[HeldAllele]:
        """Those whose keys tell where they lie; other files may have more of them."""
        query, holding = view.query, view.holding
        contig, placed_only = contig_of(query), _placed_only(query)
        for rows in self._groups(view, people, batch):
            held = held_allele([Row._make(row) for row in rows], holding, contig)
            if not (placed_only or query.admits(held.allele)):
                continue
            settled = len(rows) == 1 and holding.is_clean
            if people is None or settled or carriers(held, holding, people):
                yield held

    def _looked_at(self, view: Overview) -> dict[Any, HeldAllele]:
        """By key and in its order, alleles that have to be looked at, with the visible rows of all files."""
        session, holding, query = view.session, view.holding, view.query
        contig = contig_of(query)
        levels = holding.looked_at_on(contig)
        found: list[RawRow] = []
        for values in looks(query, holding.no, levels):
            found += _visible(session.rows(self._said[LOOKED_AT_ROWS], values), holding)
        groups = {key: list(rows) for key, rows in groupby(sorted(found, key=_KEY), key=_KEY)}
        if holding.files_on(contig) > 1:  # one of them may tell where it lies less closely than another
            exact = self._said[EXACT_ROWS]
            for key, rows in groups.items():
                groups[key] = _exact_rows(session, exact, holding, (rows[0][0], *key))
        return {
            key: held_allele([Row._make(row) for row in rows], holding, contig)
            for key, rows in groups.items()
        }

    def _count_looked_at(self, view: Overview, people: BitMap | None) -> int:
        """What is to be added to the rows that were counted by their keys alone."""
        total, holding, query = 0, view.holding, view.query
        for held in self._looked_at(view).values():
            exact = replace(held.allele, margins=None)
            counted = query.admits(exact) and any(row.level < LOOKED_AT for row in held.rows)
            total += _is_meant(held, holding, query, people) - counted
        return total

    def _groups(self, view: Overview, people: BitMap | None, batch: int) -> Iterator[list[RawRow]]:
        """The visible rows of each allele in the windows of a question that some file has in `people`.

        Where several files hold an allele, who carries it is still to be settled between them.
        """
        holding = view.holding
        mask = None if people is None else mask_of(people, len(holding.samples))
        streams = [
            _touched(self._stream(view.session, window, batch), holding, mask) for window in view.windows()
        ]
        ordered = heapq.merge(*streams, key=_pair_key) if len(streams) > 1 else chain(*streams)
        for _, group in groupby(ordered, key=_pair_key):
            pairs = list(group)
            if any(touched for _, touched in pairs):
                yield [row for row, _ in pairs]

    def _stream(self, session: Session, window: Window, batch: int) -> Iterator[list[RawRow]]:
        """The rows of a window, in batches that grow."""
        if window.level is not None:
            yield session.rows(self._said[LONG_ROWS], window.values)
            return
        after: RawRow = _BEFORE_ALL
        while True:
            rows = session.rows(self._said[SHORT_ROWS], (*window.values, *after, batch))
            yield rows
            if len(rows) < batch:
                return
            after, batch = rows[-1][: len(_BEFORE_ALL)], min(4 * batch, _BATCH_ROWS)
            window = replace(window, low=after[:2])


def _touched(
    batches: Iterator[list[RawRow]], holding: Holding, mask: npt.NDArray[np.bool_] | None
) -> Iterator[tuple[RawRow, bool]]:
    """Visible rows, each with whether somebody in the mask carries it."""
    for batch in batches:
        rows = _visible(batch, holding)
        if mask is None:
            yield from ((row, True) for row in rows)
        else:
            yield from zip(rows, touches([row[_CARRIERS] for row in rows], mask).tolist(), strict=True)


def _visible(rows: list[RawRow], holding: Holding) -> list[RawRow]:
    """The rows of live files that say of somebody who may be seen that he carries the allele."""
    live = [row for row in rows if row[_SEG] in holding.files]
    return live if holding.is_clean else [row for row in live if _is_seen(row, holding.files[row[_SEG]])]


def _is_seen(row: RawRow, file: LiveFile) -> bool:
    return not file.residue or not file.people.isdisjoint(decode_set(row[_CARRIERS]))


def _key_of(held: HeldAllele) -> Any:
    return _KEY(held.rows[0])


def _is_meant(held: HeldAllele, holding: Holding, query: VariantQuery, people: BitMap | None) -> bool:
    return query.admits(held.allele) and is_carried(held, holding, people)


def _pair_key(pair: tuple[RawRow, bool]) -> Any:
    return _KEY(pair[0])


def _placed_only(query: VariantQuery) -> bool:
    """Whether where an allele lies is all that the question asks."""
    return not isinstance(query, SequenceQuery) and query.conditions == ANYTHING


def _is_told_by_rows(holding: Holding, query: VariantQuery) -> bool:
    """Whether each row alone tells all of its allele, and every row in the place is meant."""
    if holding.of_sites or holding.has_spans or not holding.is_clean:
        return False
    if holding.looked_at_on(contig_of(query)):
        return False
    plain = _placed_only(query)
    return plain and not holding.lone.get(contig_of(query).number) and holding.files_on(contig_of(query)) < 2


def find_exact(session: Session, exact_rows: str, holding: Holding, allele: Allele) -> HeldAllele | None:
    """The visible rows of one allele, if any.  exact_rows: `EXACT_ROWS` in the style of the driver."""
    found = _exact_rows(session, exact_rows, holding, exact_values(holding, allele))
    rows = [Row._make(row) for row in found]
    return held_allele(rows, holding, allele.interval.contig) if rows else None


def _exact_rows(session: Session, exact_rows: str, holding: Holding, values: RawRow) -> list[RawRow]:
    found = session.witnessed(exact_rows, values)
    return _visible([row[1:] for row in found if row[1] is not None], holding)


def exact_values(holding: Holding, allele: Allele) -> RawRow:
    place = allele.interval
    at = bin_at(first_bin(holding.no, place.contig), place.start)
    return at, place.start, place.end, allele.reference, allele.alternate, allele.sv_length_bp
