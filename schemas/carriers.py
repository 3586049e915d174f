"""The answer to who carries a candidate genotype: results as Matchmaker Exchange writes them, and counts.

Matchmaker Exchange has no such question.  Between our own nodes it is asked with a `MatchRequest`: of
patients who carry a candidate genotype in one of its genes, or, where it names none, in any gene while their
features are like those of the question.  A result's patient has an id, a contact and genes; with the consent
for it also variants, with `_fit`, `_clinvar`, `_significance` and `_frequency` beside them.
"""

from __future__ import annotations

from typing import Any, Final

import orjson
from pydantic import Field

from schemas.errors import NodeError
from schemas.mme import MatchResponse, Named, read_response

_MOST: Final = 1_000  # genes of one answer


class GeneCount(Named):
    """A gene, and how many people carry a candidate genotype in it, those of the results among them.

    Of those who may only be counted nothing is told while they are fewer than the node's least count.
    """

    count: int = Field(ge=0)


class CarrierResponse(MatchResponse):
    """Results, best first, and the count for each gene in question."""

    genes: tuple[GeneCount, ...] = Field(default=(), alias="_genes")

    @property
    def tells_something(self) -> bool:
        return bool(self.results) or any(one.count for one in self.genes)

    def document(self) -> dict[str, Any]:
        """Also `_genes` stays when it is empty."""
        return {"_genes": [], **super().document()}


def read_carriers(body: bytes) -> tuple[CarrierResponse, int]:
    """What a peer answered, and how many of its results could not be read and were left out.

    Raises ValueError: it is no answer, with a reason that may be shown.
    """
    try:
        read, unreadable = read_response(body)
        genes = orjson.loads(body).get("_genes", [])
        told = tuple(GeneCount.model_validate(one) for one in genes[:_MOST])
    except NodeError as fault:
        raise ValueError(fault.message) from None
    except (ValueError, TypeError, AttributeError):
        raise ValueError("_genes: not a list of genes with counts") from None
    return CarrierResponse(
        results=read.results, disclaimer=read.disclaimer, terms=read.terms, genes=told
    ), unreadable
