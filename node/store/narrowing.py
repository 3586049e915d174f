"""Rows without some people, as if their files had never held them.

What is left of a row counts everybody who remains, however often it is done: so it can be interrupted and
begun again.  Knows rows and sets, and neither files nor the database.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from pyroaring import BitMap

from node.store.bitmaps import decode_set, encode_set
from node.store.counting import counts_of
from node.store.layout import Row

_SETS: Final = ("carriers", "homs", "hemis", "uncalled", "single")


def narrowed(row: Row, gone: BitMap, left: BitMap) -> Row | None:
    """The row without `gone`; None when nobody carries the allele then; some 10 us.

    left: everybody else whom its file covers.
    """
    values: dict[str, bytes | None] = {}
    for name in _SETS:
        blob: bytes | None = getattr(row, name)
        people = decode_set(blob)
        if not people.isdisjoint(gone):
            values[name] = encode_set(people - gone)
    if "carriers" in values and values["carriers"] is None:
        return None
    if row.odd is not None:
        values["odd"] = _without(row.odd, gone)
    kept = Row._make((row._asdict() | values).values()) if values else row
    counts = counts_of(kept, left)
    return kept._replace(ac=counts.ac, an=counts.an, het=counts.het, hom=counts.hom, hemi=counts.hemi)


def _without(odd: bytes, gone: BitMap) -> bytes | None:
    triples = np.frombuffer(odd, "<u4").reshape(-1, 3)
    kept = triples[~np.isin(triples[:, 0], np.frombuffer(gone.to_array(), np.uint32))]
    return kept.tobytes() or None
