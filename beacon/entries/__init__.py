"""The entry types this node serves.  A new one is a module here and its line in `ENTRY_TYPES`.

`ENDPOINTS` follows from them: every path below the root of the API at which entries are asked for.  Routes,
`/map` and the description of the API are made of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from beacon.disclosure import tellable
from beacon.entries.cohort import COHORT
from beacon.entries.dataset import DATASET
from beacon.entries.entry import EntryType
from beacon.entries.member import ANALYSIS, BIOSAMPLE, INDIVIDUAL, RUN, names_variant
from beacon.entries.variant import GENOMIC_VARIANT, applicable
from beacon.fields import read_scope
from beacon.looking import datasets_meant, testing_grant
from beacon.query import Asked, Within
from beacon.room import Beacon
from schemas.access import Grant, Granularity
from schemas.beacon import Response
from schemas.errors import NotFound
from schemas.people import Dataset

__all__ = [
    "ENDPOINTS",
    "ENTRY_TYPES",
    "INDIVIDUAL",
    "Endpoint",
    "EntryType",
    "answer",
    "concerned",
    "entry_at",
    "entry_called",
    "entry_of",
]

ENTRY_TYPES: Final[tuple[EntryType, ...]] = (
    GENOMIC_VARIANT,
    INDIVIDUAL,
    BIOSAMPLE,
    RUN,
    ANALYSIS,
    DATASET,
    COHORT,
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A path at which entries of one type are asked for.

    below: the type of the entry whose id is in the path; `entry` itself for one entry, None for all.
    """

    entry: EntryType
    below: EntryType | None = None

    @property
    def path(self) -> str:
        """With `{id}` where the id of the entry above goes; without slashes around it."""
        if self.below is None:
            return self.entry.path
        single = f"{self.below.path}/{{id}}"
        return single if self.below is self.entry else f"{single}/{self.entry.path}"

    def within(self, name: str) -> Within | None:
        """What a question at this path asks below, when its `{id}` is `name`."""
        return None if self.below is None else Within(self.below.id, name)


def _endpoints(entries: Iterable[EntryType]) -> Iterable[Endpoint]:
    by_id = {entry.id: entry for entry in entries}
    for entry in by_id.values():
        yield Endpoint(entry)
        yield Endpoint(entry, entry)
        for name in entry.below:
            yield Endpoint(by_id[name], entry)


ENDPOINTS: Final = tuple(_endpoints(ENTRY_TYPES))


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


def entry_called(name: str) -> EntryType | None:
    """The entry type of this id or path, in any of the spellings in use; None when it is not served."""
    meant = read_scope(name) or name
    return next((entry for entry in ENTRY_TYPES if meant in (entry.id, entry.path)), None)


def answer(beacon: Beacon, asked: Asked, grant: Grant) -> Response:
    """What this node may answer to `asked` under `grant`; in test mode, what anybody may see of test data.

    Blocks on the store: microseconds for one allele, milliseconds and more when `asked.is_wide`.

    Raises BadQuestion, NotHeld, NotFound, NotAuthorised, Forbidden: see `beacon.looking` and the entry types;
    StoreUnavailable.
    """
    allowed = testing_grant(beacon, grant) if asked.test_mode else grant
    return entry_of(asked).answer(beacon, asked, allowed)


def concerned(beacon: Beacon, asked: Asked, grant: Grant) -> tuple[tuple[Dataset, Granularity], ...]:
    """The datasets whose people an answer to `asked` under `grant` may tell of, and how much.

    Raises BadQuestion, NotHeld, NotFound: as `answer`.
    """
    if asked.kind == DATASET.kind:
        return ()
    allowed = testing_grant(beacon, grant) if asked.test_mode else grant
    about_variants = asked.kind == GENOMIC_VARIANT.kind or names_variant(asked)
    datasets = applicable(beacon, asked) if about_variants else datasets_meant(beacon, asked)
    depths = [(dataset, tellable(asked, allowed.ceiling(dataset.id))) for dataset in datasets]
    return tuple((dataset, depth) for dataset, depth in depths if depth is not None)


def entry_of(asked: Asked) -> EntryType:
    """The entry type a question is about.

    Raises NotFound: it is not served here.
    """
    for entry in ENTRY_TYPES:
        if entry.kind == asked.kind:
            return entry
    raise NotFound(f"entry type {asked.kind.entry[:40]!r} is not served here")
