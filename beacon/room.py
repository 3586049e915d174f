"""What Beacon needs of the node it stands in: who the node is, its datasets, variants and people."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote

from schemas.cohorts import Cohort
from schemas.ga4gh import NodeIdentity
from schemas.ports import Annotations, Catalogue, Ontology, People, VariantStore
from schemas.reference import NO_REFERENCE, Reference


@dataclass(frozen=True, slots=True)
class Beacon:
    """One node's Beacon, over the node's ports.

    synthetic: datasets without any real person, which test mode may show to anybody.
    floor: the fewest people that controlled counts tell of, for `/configuration`; what is told goes by the
    grant of each caller.
    root: where below the node's address the API is; elsewhere for the same API over a network.
    """

    identity: NodeIdentity
    catalogue: Catalogue
    store: VariantStore
    people: People
    ontology: Ontology
    cohorts: tuple[Cohort, ...] = ()
    synthetic: frozenset[str] = frozenset()
    reference: Reference = NO_REFERENCE
    annotations: Annotations | None = None
    floor: int = 10
    root: str = "/beacon"

    @property
    def url(self) -> str:
        """The public root of the API, without a trailing slash."""
        return f"{self.identity.id}{self.root}"

    def dataset_url(self, dataset: str) -> str:
        """Where the dataset with this id is described."""
        return dataset_url(self.identity, dataset)


def dataset_url(identity: NodeIdentity, dataset: str) -> str:
    """Where a dataset of this node is described."""
    return f"{identity.id}/beacon/datasets/{_quoted(dataset)}"


@lru_cache(maxsize=1000)
def _quoted(dataset: str) -> str:
    return quote(dataset, safe="")
