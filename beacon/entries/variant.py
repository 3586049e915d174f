"""Genomic variants: `/g_variants`."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from pyroaring import BitMap

from beacon.cases import Cases
from beacon.crowd import Crowd
from beacon.disclosure import Finding, disclose
from beacon.entries.entry import EntryType
from beacon.groups import Groups
from beacon.looking import Looking, datasets_meant, look_into
from beacon.lookup import Finder, OneAllele, Sought, WholeGenome
from beacon.placement import Pairs, Placed, concerns, place
from beacon.query import VARIANTS, Asked
from beacon.records import Telling, allele_named, records_of
from beacon.room import Beacon
from beacon.search import MAX_ALLELES, Search
from schemas.access import Grant, Granularity
from schemas.beacon import Include, Response
from schemas.errors import BadQuestion, NotHeld
from schemas.genome import Allele, Assembly
from schemas.people import Dataset, Term
from schemas.ports import Page, PersonSet, Roster, Variant
from schemas.questions import TwoHits, assembly_of

_ALL: Final = Page(limit=30 * MAX_ALLELES)  # of every contig as many as are looked at
_OF_ITS_PEOPLE: Final = (
    "these are the variants of the people of this analysis, from whichever file of the dataset they are"
)


def _answer(beacon: Beacon, asked: Asked, grant: Grant) -> Response:
    looking = look_into(beacon, asked, grant, applicable(beacon, asked))
    findings: list[Finding] = []
    faults: list[tuple[Dataset, BadQuestion]] = []
    for dataset, depth in looking.opened.datasets:
        try:
            findings.append(_look(looking, dataset, depth))
        except BadQuestion as fault:
            faults.append((dataset, fault))
    if faults and not findings:
        raise faults[0][1]
    refused = (*looking.opened.refused, *((dataset, fault.message) for dataset, fault in faults))
    return disclose(beacon.identity, asked, grant, findings, refused)


def applicable(beacon: Beacon, asked: Asked) -> tuple[Dataset, ...]:
    """The datasets that the question is about: among those it names, those of the assembly of its variant.

    Raises NotHeld: a named dataset is not here or of another assembly, or none here is of this one;
    BadQuestion: it asks below a variant and does not name one.
    """
    meant = datasets_meant(beacon, asked)
    found = tuple(dataset for dataset in meant if _concerns(beacon, asked, dataset))
    if found and (asked.datasets is None or len(found) == len(meant)):
        return found
    about = _assembly(asked) or "any assembly"
    if asked.datasets is None:
        held = ", ".join(sorted({dataset.assembly for dataset in meant})) or "nothing"
        raise NotHeld(f"no dataset of {about} is held here; held: {held}")
    other = next(dataset for dataset in meant if dataset not in found)
    raise NotHeld(f"dataset {other.id[:80]!r} is of {other.assembly}, the question about {about}")


def _concerns(beacon: Beacon, asked: Asked, dataset: Dataset) -> bool:
    if asked.query is not None:
        return concerns(asked.query, dataset.assembly, beacon.reference)
    return _assembly(asked) in (None, dataset.assembly)


def _assembly(asked: Asked) -> Assembly | None:
    """The assembly of the variant that is meant; None when none is, or one of any assembly."""
    if asked.query is not None:
        return assembly_of(asked.query)
    return None if asked.named_variant is None else _allele(asked.named_variant).interval.contig.assembly


def _allele(name: str) -> Allele:
    allele = allele_named(name)
    if allele is None:
        raise BadQuestion(f"{name[:80]!r} is no variantInternalId of this node; GRCh38:20:3213196:C:A is one")
    return allele


def carriers(beacon: Beacon, asked: Asked, dataset: Dataset) -> PersonSet:
    """Who in a dataset carries what the question names; one look for each allele of it.

    Raises BadQuestion: it names none, or cannot be answered from this dataset.
    """
    search = Search(beacon.store, beacon.annotations, dataset.id, traits=asked.traits)
    if asked.named_variant is not None:
        one = OneAllele(search, _allele(asked.named_variant))
        return beacon.store.carriers(dataset.id, one.allele) if one.exists() else BitMap()
    if asked.query is None:
        raise BadQuestion("which variant? Give its referenceName and start")
    placed = place(asked.query, dataset.assembly, beacon.reference)
    return search.carriers(placed.sought)


def _look(looking: Looking, dataset: Dataset, depth: Granularity) -> Finding:
    """One dataset, looked at no more closely than the answer needs.

    Raises BadQuestion: the question cannot be answered from this dataset.
    """
    asked = looking.asked
    crowd = looking.crowd(dataset)
    finder, remarks = _finder(looking, dataset, crowd)
    if crowd.floor:
        shown = finder.find(_ALL)
        fewest = min((variant.counts.carriers for variant in shown), default=0)
        return Finding(dataset, bool(shown), len(shown), remarks=remarks, people=fewest)
    if depth is Granularity.BOOLEAN:
        return Finding(dataset, finder.exists(), remarks=remarks)
    if depth is Granularity.COUNT or asked.include is Include.MISS:
        total = finder.count()
        return Finding(dataset, total > 0, total, remarks=remarks)
    found = finder.find(asked.page)
    known = _known_total(asked, found)
    total = finder.count() if known is None else known
    records = records_of(found, _telling(looking, dataset))
    return Finding(dataset, total > 0, total, records, remarks)


def _telling(looking: Looking, dataset: Dataset) -> Telling:
    """What records of a dataset tell; of one allele, or where some people are meant, also who carries it."""
    beacon, annotations = looking.beacon, looking.beacon.annotations
    annotated = annotations is not None and annotations.is_annotated(dataset.id)
    cases = groups = None
    if looking.asked.is_of_few:
        roster, people = beacon.people.roster(dataset.id), looking.people(dataset)
        cases = _cases(looking, dataset, roster, people)
        groups = Groups(beacon.store, roster, dataset.id) if people is None else None
    return Telling(
        dataset,
        beacon.dataset_url(dataset.id),
        beacon.reference.sequences,
        partial(annotations.annotations, dataset.id) if annotations is not None and annotated else None,
        groups.of if groups is not None else None,
        cases.of if cases is not None else None,
        looking.asked.in_vrs2,
    )


def _cases(looking: Looking, dataset: Dataset, roster: Roster, people: PersonSet | None) -> Cases:
    """Who carries alleles; where two hits are asked for, only who is hit twice, and how his alleles lie."""
    beacon, question = looking.beacon, looking.asked.query
    if not isinstance(question, TwoHits):
        return Cases(beacon.store, roster, dataset.id, people)
    sought = place(question, dataset.assembly, beacon.reference).sought
    assert isinstance(sought, Pairs)  # noqa: S101  # what two hits are placed as
    search = Search(beacon.store, beacon.annotations, dataset.id, people, traits=looking.asked.traits)
    hits = search.hit_twice(sought)
    return Cases(beacon.store, roster, dataset.id, hits.lying(question.lying), hits)


def _finder(looking: Looking, dataset: Dataset, crowd: Crowd) -> tuple[Finder, dict[str, Any]]:
    """What finds the variants that are meant, and what an answer must say of it."""
    beacon, asked, people = looking.beacon, looking.asked, looking.people(dataset)
    search = Search(beacon.store, beacon.annotations, dataset.id, people, crowd, asked.traits)
    if asked.named_variant is not None:
        return OneAllele(search, _allele(asked.named_variant)), {}
    if asked.query is None:
        return WholeGenome(search, dataset.assembly), _remarks(asked, None)
    placed = place(asked.query, dataset.assembly, beacon.reference)
    return Sought(search, placed.sought), _remarks(asked, placed)


def _remarks(asked: Asked, placed: Placed | None) -> dict[str, Any]:
    remarks: dict[str, Any] = {}
    notes = list(placed.notes) if placed is not None else []
    if asked.within is not None and asked.within.entry == "analysis":
        notes.append(_OF_ITS_PEOPLE)
    if placed is not None and placed.lifted_from is not None:
        remarks["lifted"] = {"from": placed.lifted_from.value}
    if notes:
        remarks["notes"] = notes
    return remarks


def _known_total(asked: Asked, found: list[Variant]) -> int | None:
    """How many there are in all, where the page itself tells; None where it does not."""
    page = asked.page
    ends_here = len(found) < page.limit and (found or page.offset == 0)
    return page.offset + len(found) if ends_here else None


GENOMIC_VARIANT: Final = EntryType(
    kind=VARIANTS,
    name="Genomic Variants",
    description="Alleles carried by people of this node's datasets.",
    ontology=Term("ENSGLOSSARY:0000092", "Variant"),
    definition="genomicVariations/defaultSchema.json",
    answer=_answer,
    below=("analysis", "biosample", "individual", "run"),
)
