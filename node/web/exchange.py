"""`/exchange`: what this node holds for Matchmaker Exchange, for anybody to read.

The numbers are those of `/mme/metrics`, which wants a token; the service requirements want them public.

Spec: Matchmaker Exchange service requirements, 9; https://github.com/ga4gh/mme-apis (metrics-api.md)
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from fastapi import APIRouter, Request, Response

from node.web.frame import Frame, Guest
from schemas.exchange import Metrics
from schemas.mme import Contact

_PATH: Final = "/exchange"
_FRESH_S: Final = 600  # counting reads every case, and anybody may look
_MEANINGS: Final = (
    ("number_of_cases", "patients offered for matching"),
    ("number_of_submitters", "submitters"),
    ("number_of_features", "phenotypic features, in all"),
    ("number_of_unique_features", "different phenotypic features"),
    ("number_of_feature_sets", "different sets of features"),
    ("number_of_genes", "candidate genes, in all"),
    ("number_of_unique_genes", "different candidate genes"),
    ("number_of_unique_genes_matched", "different candidate genes of patients that were matched"),
    ("number_of_variants", "variants, in all"),
    ("number_of_unique_variants", "different variants"),
    ("number_of_cases_with_diagnosis", "patients with a diagnosis"),
    ("number_of_requests_received", "questions of other nodes so far"),
    ("number_of_potential_matches_sent", "possible matches told them so far"),
)

Count = Callable[[], Awaitable[Metrics]]


@dataclass(frozen=True, slots=True)
class Notice:
    """What stands beside the numbers.  contact: whom to ask about the exchange."""

    contact: Contact
    disclaimer: str
    terms: str


@dataclass(slots=True)
class _Counted:
    """The numbers, no older than `_FRESH_S`, counted by one request at a time."""

    count: Count
    counting: asyncio.Lock = field(default_factory=asyncio.Lock)
    held: Metrics | None = None
    since_s: float = 0.0

    async def current(self) -> Metrics:
        async with self.counting:
            if self.held is None or time.monotonic() - self.since_s > _FRESH_S:
                self.held, self.since_s = await self.count(), time.monotonic()
            return self.held


def create_exchange_page(frame: Frame, count: Count, notice: Notice) -> APIRouter:
    """count: see `node.exchange.census`."""
    router = APIRouter(include_in_schema=False)
    counted = _Counted(count)

    async def show(guest: Guest) -> Response:
        metrics = await counted.current()
        lines = [(getattr(metrics, name), meaning) for name, meaning in _MEANINGS]
        return frame.show(
            guest,
            "exchange.html",
            lines=[(number, meaning) for number, meaning in lines if number is not None],
            at=metrics.date_generated,
            notice=notice,
        )

    @router.get(_PATH)
    async def page(request: Request) -> Response:
        return await frame.serve(request, show)

    return router
