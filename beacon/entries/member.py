"""Individuals, biosamples, runs and analyses: the entries that stand behind the variants.

All four are answered alike: the rows of the dataset's roster that the question means, narrowed to carriers
where it names a variant too, counted, and a page of their records where the grant opens records.
"""

from __future__ import annotations

from typing import Final

from pyroaring import BitMap

from beacon.disclosure import Finding, disclose
from beacon.entries.entry import EntryType
from beacon.entries.variant import applicable, carriers
from beacon.looking import Looking, datasets_meant, look_into
from beacon.query import Asked, Kind
from beacon.room import Beacon
from schemas.access import Grant, Granularity
from schemas.beacon import Include, Response
from schemas.people import Dataset, Term


def _answer(beacon: Beacon, asked: Asked, grant: Grant) -> Response:
    named = names_variant(asked)
    datasets = applicable(beacon, asked) if named else datasets_meant(beacon, asked)
    looking = look_into(beacon, asked, grant, datasets)
    findings = [_look(looking, dataset, depth) for dataset, depth in looking.opened.datasets]
    return disclose(beacon.identity, asked, grant, findings, looking.opened.refused)


def names_variant(asked: Asked) -> bool:
    """Whether only carriers of some variant are meant."""
    below = asked.within is not None and asked.within.entry == "genomicVariant"
    return asked.query is not None or below


def _look(looking: Looking, dataset: Dataset, depth: Granularity) -> Finding:
    asked, entry = looking.asked, looking.asked.kind.entry
    crowd, ledger = looking.crowd(dataset), looking.roster(dataset).ledgers[entry]
    rows, among = looking.rows(dataset, entry), None
    if names_variant(asked) and rows:
        among = _carrying(looking, dataset)
        rows &= BitMap(row for row, own in enumerate(ledger.units) if among.intersect(own))
    if crowd.floor:
        among = _meant(looking, dataset, among)
        return Finding(dataset, bool(rows), len(rows), people=crowd.behind_rows(ledger, rows, among))
    if depth is not Granularity.RECORD or asked.include is Include.MISS:
        return Finding(dataset, bool(rows), len(rows))
    page = asked.page
    shown = [ledger.ids[row] for row in list(rows)[page.offset : page.offset + page.limit]]
    records = looking.beacon.people.records(dataset.id, entry, shown)
    return Finding(dataset, bool(rows), len(rows), tuple(records))


def _meant(looking: Looking, dataset: Dataset, among: BitMap | None) -> BitMap | None:
    """The samples that make entries be found; among: those that carry the variant, where one is named.

    What is found of one person is found with all that he is.  An analysis is of many, of whom some may
    satisfy a filter and others carry the variant: only those who do both stand behind it.
    """
    if looking.asked.kind.entry != "analysis" or looking.selection is None:
        return among
    return looking.selection.units(dataset.id, among)


def _carrying(looking: Looking, dataset: Dataset) -> BitMap:
    """The samples that carry the variant."""
    carrying = carriers(looking.beacon, looking.asked, dataset)
    ordinals = looking.roster(dataset).ordinals
    return BitMap(unit for unit, own in enumerate(ordinals) if carrying.intersect(own))


INDIVIDUAL: Final = EntryType(
    kind=Kind("individual", "ga4gh-beacon-individual-v2.0.0"),
    name="Individual",
    description="People of this node's datasets, with what is recorded of them.",
    ontology=Term("NCIT:C25190", "Person"),
    definition="individuals/defaultSchema.json",
    answer=_answer,
    below=("analysis", "biosample", "genomicVariant", "run"),
    terms=True,
)
BIOSAMPLE: Final = EntryType(
    kind=Kind("biosample", "ga4gh-beacon-biosample-v2.0.0"),
    name="Biological Sample",
    description="Samples taken from these people.",
    ontology=Term("NCIT:C70699", "Biospecimen"),
    definition="biosamples/defaultSchema.json",
    answer=_answer,
    below=("analysis", "genomicVariant", "run"),
)
RUN: Final = EntryType(
    kind=Kind("run", "ga4gh-beacon-run-v2.0.0"),
    name="Sequencing run",
    description="One for each genotyped sample, dated by its oldest file; a VCF tells no more of it.",
    ontology=Term("NCIT:C148088", "Sequencing run"),
    definition="runs/defaultSchema.json",
    answer=_answer,
    below=("analysis", "genomicVariant"),
)
ANALYSIS: Final = EntryType(
    kind=Kind("analysis", "ga4gh-beacon-analysis-v2.0.0"),
    name="Bioinformatics analysis",
    description="One for each VCF of this node, named by its checksum and dated by the file.",
    ontology=Term("EDAM:operation_2945", "Analysis"),
    definition="analyses/defaultSchema.json",
    answer=_answer,
    below=("genomicVariant",),
)
