"""What Beacon needs of the node it stands in: who the node is, its datasets, and its variants."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from schemas.ga4gh import NodeIdentity
from schemas.ports import Annotations, Catalogue, VariantStore
from schemas.reference import NO_REFERENCE, Reference


@dataclass(frozen=True, slots=True)
class Beacon:
    """One node's Beacon, over the node's ports."""

    identity: NodeIdentity
    catalogue: Catalogue
    store: VariantStore
    reference: Reference = NO_REFERENCE
    annotations: Annotations | None = None

    @property
    def url(self) -> str:
        """The public root of the API, without a trailing slash."""
        return f"{self.identity.id}/beacon"

    def dataset_url(self, dataset: str) -> str:
        """Where the dataset with this id is described."""
        return f"{self.url}/datasets?datasetIds={quote(dataset, safe='')}"
