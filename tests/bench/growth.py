"""What becomes of it as files grow, in sites and in people: a lookup stays, ingest and size go along."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from tests.bench.cohorts import cohort
from tests.bench.lines import Line
from tests.bench.store import LOOKUPS, each, loaded, size_bytes

_SITES_MB = (1.5, 4.5, 15.0)
_PEOPLE = (500, 2504, 10_000)
_FLAT = 1.5
_LINEAR = 1.3


def lines() -> Iterator[Line]:
    """Each against the smallest of its kind: a lookup by time, the others by allele or by carrier."""
    yield from _grown([(2504, length) for length in _SITES_MB])
    yield from _grown([(people, 1.5) for people in _PEOPLE])


def _grown(steps: list[tuple[int, float]]) -> Iterator[Line]:
    first: tuple[float, float, float] | None = None
    for people, length in steps:
        with loaded(cohort(people, length)) as held:
            entries = held.alleles * people
            points = itertools.cycle(held.points)
            lookup = 1e6 * each(
                lambda held=held, points=points: held.store.exists("here", next(points)), LOOKUPS
            )
            per_entry = 1e9 * held.ingest_s / entries
            per_allele = size_bytes(held.engine) / held.alleles
            now = lookup, per_entry, per_allele
            before = first or now
            first = before
            name = f"{people:,} people, {held.alleles:,} alleles"
            yield Line(f"{name}: seen?", lookup, "us", before[0], most=_FLAT)
            yield Line(f"{name}: ingest a genotype", per_entry, "ns", before[1], most=_LINEAR)
            yield Line(f"{name}: index an allele", per_allele, "B", before[2])
