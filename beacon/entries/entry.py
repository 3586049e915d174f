"""What an entry type is: how it is asked for, how it is described, and how it answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from beacon.query import Asked, Kind, read_get, read_post
from beacon.room import Beacon
from schemas.access import Grant
from schemas.beacon import Response
from schemas.people import Term

Answer = Callable[[Beacon, Asked, Grant], Response]


@dataclass(frozen=True, slots=True)
class EntryType:
    """One entry type of the Beacon model; everything public about it follows from this value.

    path: of its endpoint, without slashes.  definition: where the specification keeps its schema, below the
    folder of the default model.  collection_of: entry types it collects, none for a plain entry.
    """

    kind: Kind
    path: str
    name: str
    description: str
    ontology: Term
    definition: str
    answer: Answer
    collection_of: tuple[Kind, ...] = ()

    @property
    def id(self) -> str:
        return self.kind.entry

    def read_get(self, parameters: Iterable[tuple[str, str]]) -> Asked:
        """See `beacon.query.read_get`."""
        return read_get(parameters, self.kind)

    def read_post(self, raw: bytes) -> Asked:
        """See `beacon.query.read_post`."""
        return read_post(raw, self.kind)
