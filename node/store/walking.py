"""Every row of some files, in the order of the index, a page at a time.

Each page is a short read of its own: no reading transaction stands in the way of those who write.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from node import db
from node.store.layout import COLUMNS, KEY_COLUMNS, Row, stretches

_PAGE_ROWS: Final = 5000
_BEFORE_ALL: Final = (-1, -1, "", "", -1, -1)


def pages(engine: Engine, dataset_no: int, segs: Sequence[int]) -> Iterator[list[Row]]:
    """The rows of files `segs` of a dataset, by bin, start, end, ref, alt, sv_length and seg.

    No page has rows of two bins.  Rows may be changed and deleted between two pages.
    """
    columns = [db.variant.c[name] for name in COLUMNS]
    key = [db.variant.c[name] for name in KEY_COLUMNS[1:]]
    for place in _bins(engine, dataset_no):
        after: tuple[Any, ...] = _BEFORE_ALL
        here = sa.and_(db.variant.c.bin == place, db.variant.c.seg.in_(segs))
        while True:
            wanted = sa.select(*columns).where(here, sa.tuple_(*key) > sa.tuple_(*after))
            with engine.connect() as connection:
                found = connection.execute(wanted.order_by(*key).limit(_PAGE_ROWS)).all()
            if found:
                yield [Row._make(row) for row in found]
            if len(found) < _PAGE_ROWS:
                break
            after = tuple(found[-1])[1 : len(KEY_COLUMNS)]


def _bins(engine: Engine, dataset_no: int) -> Iterator[int]:
    """The bins in which the dataset has any rows."""
    held = db.variant.c.bin
    for first, last in stretches(dataset_no):
        low = first
        while low <= last:
            with engine.connect() as connection:
                found = connection.scalar(sa.select(sa.func.min(held)).where(held.between(low, last)))
            if found is None:
                break
            yield found
            low = found + 1
