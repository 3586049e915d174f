"""Genomic variants: `/g_variants`."""

from __future__ import annotations

from typing import Final

from beacon.disclosure import Finding, disclose, open_datasets
from beacon.entries.entry import EntryType
from beacon.query import VARIANTS, Asked
from beacon.records import records_of
from beacon.room import Beacon
from schemas.access import Grant, Granularity
from schemas.beacon import Include, Response
from schemas.errors import BadQuestion, NotHeld
from schemas.people import Dataset, Term
from schemas.ports import Variant
from schemas.questions import VariantQuery, contig_of


def _answer(beacon: Beacon, asked: Asked, grant: Grant) -> Response:
    query = asked.query
    if query is None:
        raise BadQuestion("which variant? Give its referenceName and start")
    opened = open_datasets(asked, grant, _applicable(beacon, asked, query))
    findings = [_look(beacon, asked, query, dataset, depth) for dataset, depth in opened.datasets]
    return disclose(beacon.identity, asked, grant, findings, opened.refused)


def _applicable(beacon: Beacon, asked: Asked, query: VariantQuery) -> tuple[Dataset, ...]:
    """The datasets that the question is about: of its assembly, and among those it names.

    Raises NotHeld: a named dataset is not here or of another assembly, or none here is of this one.
    """
    held = {dataset.id: dataset for dataset in beacon.catalogue.datasets()}
    assembly = contig_of(query).assembly
    if asked.datasets is None:
        applicable = tuple(dataset for dataset in held.values() if dataset.assembly is assembly)
        if not applicable:
            others = ", ".join(sorted({dataset.assembly for dataset in held.values()})) or "nothing"
            raise NotHeld(f"no dataset of {assembly} is held here; held: {others}")
        return applicable
    for name in asked.datasets:
        if name not in held:
            raise NotHeld(f"dataset {name[:80]!r} is not held here")
        if held[name].assembly is not assembly:
            raise NotHeld(f"dataset {name[:80]!r} is of {held[name].assembly}, the question about {assembly}")
    return tuple(held[name] for name in asked.datasets)


def _look(beacon: Beacon, asked: Asked, query: VariantQuery, dataset: Dataset, depth: Granularity) -> Finding:
    """One dataset, looked at no more closely than the answer needs."""
    store = beacon.store
    if depth is Granularity.BOOLEAN:
        return Finding(dataset, store.exists(dataset.id, query))
    if depth is Granularity.COUNT or asked.include is Include.MISS:
        total = store.count(dataset.id, query)
        return Finding(dataset, total > 0, total)
    found = store.find(dataset.id, query, asked.page)
    known = _known_total(asked, found)
    total = store.count(dataset.id, query) if known is None else known
    return Finding(dataset, total > 0, total, records_of(found, dataset, beacon.dataset_url(dataset.id)))


def _known_total(asked: Asked, found: list[Variant]) -> int | None:
    """How many there are in all, where the page itself tells; None where it does not."""
    page = asked.page
    ends_here = len(found) < page.limit and (found or page.offset == 0)
    return page.offset + len(found) if ends_here else None


GENOMIC_VARIANT: Final = EntryType(
    kind=VARIANTS,
    path="g_variants",
    name="Genomic Variants",
    description="Alleles carried by people of this node's datasets.",
    ontology=Term("ENSGLOSSARY:0000092", "Variant"),
    definition="genomicVariations/defaultSchema.json",
    answer=_answer,
)
