"""The entry types this node serves.  A new one is a module here and its line in `ENTRY_TYPES`."""

from __future__ import annotations

from typing import Final

from beacon.entries.dataset import DATASET
from beacon.entries.entry import EntryType
from beacon.entries.variant import GENOMIC_VARIANT
from beacon.query import Asked
from beacon.room import Beacon
from schemas.access import Grant
from schemas.beacon import Response
from schemas.errors import NotFound

__all__ = ["ENTRY_TYPES", "EntryType", "answer", "entry_at", "entry_of"]

ENTRY_TYPES: Final[tuple[EntryType, ...]] = (GENOMIC_VARIANT, DATASET)


def entry_at(path: str) -> EntryType:
    """The entry type served at `path` (`g_variants`).

    Raises NotFound: none is.
    """
    for entry in ENTRY_TYPES:
        if entry.path == path:
            return entry
    raise NotFound(
        f"no entry type is served at {path[:40]!r}; served are {', '.join(e.path for e in ENTRY_TYPES)}"
    )


def answer(beacon: Beacon, asked: Asked, grant: Grant) -> Response:
    """What this node may answer to `asked` under `grant`.

    Blocks on the store: microseconds for one allele, milliseconds when `asked.is_wide`.

    Raises BadQuestion, NotHeld, NotAuthorised, Forbidden: see `beacon.entries.variant`; StoreUnavailable.
    """
    return entry_of(asked).answer(beacon, asked, grant)


def entry_of(asked: Asked) -> EntryType:
    """The entry type a question is about.

    Raises NotFound: it is not served here.
    """
    for entry in ENTRY_TYPES:
        if entry.kind == asked.kind:
            return entry
    raise NotFound(f"entry type {asked.kind.entry[:40]!r} is not served here")
