"""Genomic variants: `/g_variants`."""

from __future__ import annotations

from typing import Any, Final

from beacon.disclosure import Finding, disclose, open_datasets
from beacon.entries.entry import EntryType
from beacon.placement import Placed, concerns, place
from beacon.query import VARIANTS, Asked
from beacon.records import records_of
from beacon.room import Beacon
from beacon.search import Search
from schemas.access import Grant, Granularity
from schemas.beacon import Include, Response
from schemas.errors import BadQuestion, NotHeld
from schemas.people import Dataset, Term
from schemas.ports import Variant
from schemas.questions import Question, assembly_of


def _answer(beacon: Beacon, asked: Asked, grant: Grant) -> Response:
    question = asked.query
    if question is None:
        raise BadQuestion("which variant? Give its referenceName and start")
    opened = open_datasets(asked, grant, _applicable(beacon, asked, question))
    findings: list[Finding] = []
    faults: list[tuple[Dataset, BadQuestion]] = []
    for dataset, depth in opened.datasets:
        try:
            findings.append(_look(beacon, asked, question, dataset, depth))
        except BadQuestion as fault:
            faults.append((dataset, fault))
    if faults and not findings:
        raise faults[0][1]
    refused = (*opened.refused, *((dataset, fault.message) for dataset, fault in faults))
    return disclose(beacon.identity, asked, grant, findings, refused)


def _applicable(beacon: Beacon, asked: Asked, question: Question) -> tuple[Dataset, ...]:
    """The datasets that the question is about: of its assembly, and among those it names.

    Raises NotHeld: a named dataset is not here or of another assembly, or none here is of this one.
    """
    held = {dataset.id: dataset for dataset in beacon.catalogue.datasets()}
    assembly, reference = assembly_of(question), beacon.reference
    if asked.datasets is None:
        applicable = tuple(d for d in held.values() if concerns(question, d.assembly, reference))
        if not applicable:
            others = ", ".join(sorted({dataset.assembly for dataset in held.values()})) or "nothing"
            raise NotHeld(f"no dataset of {assembly or 'any assembly'} is held here; held: {others}")
        return applicable
    for name in asked.datasets:
        if name not in held:
            raise NotHeld(f"dataset {name[:80]!r} is not held here")
        if not concerns(question, held[name].assembly, reference):
            raise NotHeld(f"dataset {name[:80]!r} is of {held[name].assembly}, the question about {assembly}")
    return tuple(held[name] for name in asked.datasets)


def _look(beacon: Beacon, asked: Asked, question: Question, dataset: Dataset, depth: Granularity) -> Finding:
    """One dataset, looked at no more closely than the answer needs.

    Raises BadQuestion: the question cannot be answered from this dataset.
    """
    placed = place(question, dataset.assembly, beacon.reference)
    sought, remarks = placed.sought, _remarks(placed)
    search = Search(beacon.store, beacon.annotations, dataset.id)
    if depth is Granularity.BOOLEAN:
        return Finding(dataset, search.exists(sought), remarks=remarks)
    if depth is Granularity.COUNT or asked.include is Include.MISS:
        total = search.count(sought)
        return Finding(dataset, total > 0, total, remarks=remarks)
    found = search.find(sought, asked.page)
    known = _known_total(asked, found)
    total = search.count(sought) if known is None else known
    records = records_of(found, dataset, beacon.dataset_url(dataset.id))
    return Finding(dataset, total > 0, total, records, remarks)


def _remarks(placed: Placed) -> dict[str, Any]:
    remarks: dict[str, Any] = {}
    if placed.lifted_from is not None:
        remarks["lifted"] = {"from": placed.lifted_from.value}
    if placed.notes:
        remarks["notes"] = list(placed.notes)
    return remarks


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
