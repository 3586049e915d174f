"""Cohorts as a node keeps them: people of some datasets who satisfy some filters."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.filters import Filter


@dataclass(frozen=True, slots=True)
class Cohort:
    """Everybody in `datasets` (() for all of the node) who satisfies all of `filters`."""

    id: str
    name: str
    description: str = ""
    datasets: tuple[str, ...] = ()
    filters: tuple[Filter, ...] = ()
