"""Carriers of candidate genotypes over HTTP, for the doctors of a case; the candidates of the case itself.

Below `/cases/ID`, for whom the case is; refusals are told as the exchange tells them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import Response

from matchmaker.onesided import variants_of
from node.app.casework import CASES, Identify, asked_by, told
from node.exchange import Exchange
from node.exchange.candidates import CandidateGene
from node.federation.network import Network
from schemas.strict import Strict

_MOST = 100  # candidates that are told
GeneName = Annotated[str, Field(min_length=1, max_length=255)]


class _Sought(Strict):
    """genes: in question, by default the case's own; with none, people are found who are like him."""

    genes: list[GeneName] | None = Field(default=None, max_length=20)
    network: bool = True


class _Taken(Strict):
    most: int = Field(default=0, ge=0, le=_MOST)
    genes: list[GeneName] = Field(default_factory=list, max_length=_MOST)


def create_carriers_router(
    exchange: Exchange, identify: Identify, network: Callable[[], Network]
) -> APIRouter:
    """`/cases/ID/carriers` and `/cases/ID/candidates`."""
    desk = _Desk(exchange, identify, network)
    router = APIRouter(tags=["cases"], prefix=CASES)
    for method, path, endpoint, summary in (
        ("POST", "/{case_id}/carriers", desk.carriers, "Who carries a candidate genotype in these genes"),
        ("GET", "/{case_id}/candidates", desk.candidates, "In which genes the patient carries one"),
        ("POST", "/{case_id}/candidates", desk.take, "Make candidates the case's genes"),
    ):
        router.add_api_route(path, endpoint, methods=[method], summary=summary, response_model=None)
    return router


@dataclass(frozen=True, slots=True)
class _Desk:
    exchange: Exchange
    identify: Identify
    network: Callable[[], Network]

    async def carriers(self, request: Request, case_id: str) -> Response:
        actor, asked = await asked_by(self.identify, _Sought, request)
        network = self.network() if asked.network else None
        return told(await self.exchange.carriers.everywhere(network, actor, case_id, asked.genes))

    async def candidates(self, request: Request, case_id: str) -> Response:
        actor, _ = await self.identify(request)
        found = await asyncio.to_thread(self.exchange.candidates.of_case, actor, case_id)
        return told([document_of(one) for one in found[:_MOST]])

    async def take(self, request: Request, case_id: str) -> Response:
        actor, asked = await asked_by(self.identify, _Taken, request)
        take = partial(
            self.exchange.candidates.take, actor, case_id, most=asked.most, genes=tuple(asked.genes)
        )
        changed = await asyncio.to_thread(take)
        return told({"id": changed.id, "patient": changed.patient.document()})


def document_of(one: CandidateGene) -> dict[str, Any]:
    """A candidate gene as JSON tells of it."""
    return {
        "gene": {"id": one.genotype.gene.id, "label": one.genotype.gene.symbol},
        "score": round(one.score, 3),
        "fit": one.genotype.fit.value,
        "genotype": round(one.genotype.weight, 3),
        "likeness": None if one.likeness is None else round(one.likeness, 3),
        "genomicFeatures": variants_of(one.genotype),
        "why": one.why,
    }
