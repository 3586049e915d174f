"""Rows without some people, as if their files had never held them.

What is left of a row counts everybody who remains, however often it is done: so it can be interrupted and
begun again.  Knows rows and sets, and neither files nor the database.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from pyroaring import BitMap

from node.store.bitmaps import as_array, decode_part_set, decode_set, encode_part, encode_set
from node.store.counting import counts_of
from node.store.layout import Row
from node.store.phasing import encode_phases, heterozygous, without
from node.store.session import silent

_SETS: Final = ("carriers", "hemis", "uncalled", "single")


def narrowed(row: Row, gone: BitMap, left: BitMap, thinned: Sequence[BitMap] = ()) -> Row | None:
    """The row without `gone`; None when nobody carries the allele then.  Some 10 us.

    left: everybody else whom its file covers.  thinned: as in `session.LiveFile`; those in whom nobody
    carries the allele any more are not called.
    """
    sets = {name: decode_set(getattr(row, name)) for name in _SETS}
    if sets["carriers"] <= gone:
        return None
    quiet = silent(sets["carriers"] - gone, thinned)
    unsaid = gone | quiet
    values: dict[str, bytes | None] = {
        name: encode_set(people - unsaid) for name, people in sets.items() if not people.isdisjoint(unsaid)
    }
    if quiet or "uncalled" in values:
        values["uncalled"] = encode_set(sets["uncalled"] - gone | quiet)
    if row.homs is not None and "carriers" in values:
        homs = decode_part_set(row.homs, row.carriers) - unsaid
        values["homs"] = encode_part(as_array(homs), as_array(sets["carriers"] - unsaid))
    if row.odd is not None:
        values["odd"] = _without(row.odd, unsaid)
    kept = Row._make((row._asdict() | values).values()) if values else row
    counts = counts_of(kept, left)
    if row.phase is not None and "carriers" in values:
        phase = encode_phases(heterozygous(kept), without(row, unsaid))
        kept = kept._replace(phase=phase)
    return kept._replace(ac=counts.ac, an=counts.an, het=counts.het, hom=counts.hom, hemi=counts.hemi)


def _without(odd: bytes, people: BitMap) -> bytes | None:
    triples = np.frombuffer(odd, "<u4").reshape(-1, 3)
    kept = triples[~np.isin(triples[:, 0], np.frombuffer(people.to_array(), np.uint32))]
    return kept.tobytes() or None
