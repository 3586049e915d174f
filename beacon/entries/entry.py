"""What an entry type is: how it is asked for, how it is described, and how it answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from beacon.query import Asked, Kind, Within, read_get, read_post
from beacon.room import Beacon
from schemas.access import Grant
from schemas.beacon import Response
from schemas.people import Term

Answer = Callable[[Beacon, Asked, Grant], Response]


@dataclass(frozen=True, slots=True)
class EntryType:
    """One entry type of the Beacon model; everything public about it follows from this value.

    definition: where the specification keeps its schema, below the folder of the default model.
    below: the entry types, by id, that can be asked for below one of this type (`/individuals/{id}/runs`).
    terms: whether it has its own list of filtering terms.
    collection_of: entry types it collects, none for a plain entry.
    """

    kind: Kind
    name: str
    description: str
    ontology: Term
    definition: str
    answer: Answer
    below: tuple[str, ...] = ()
    terms: bool = False
    collection_of: tuple[Kind, ...] = ()

    @property
    def id(self) -> str:
        return self.kind.entry

    @property
    def path(self) -> str:
        return self.kind.path

    def read_get(self, parameters: Iterable[tuple[str, str]], within: Within | None = None) -> Asked:
        """See `beacon.query.read_get`."""
        return read_get(parameters, self.kind, within)

    def read_post(self, raw: bytes, within: Within | None = None) -> Asked:
        """See `beacon.query.read_post`."""
        return read_post(raw, self.kind, within)
