"""A small Beacon to test against: an obviously right store, a few datasets of every policy, and grants."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import ModuleType

from referencing import Registry

from beacon.room import Beacon
from node.reference.ontology import Ontologies
from node.roster.making import Holdings, make_roster
from schemas.access import ANONYMOUS, Ceiling, Grant, Granularity, Policy
from schemas.ga4gh import NodeIdentity
from schemas.genome import Allele, Assembly, Contig, Interval
from schemas.people import Dataset
from schemas.ports import Counts, Page, PersonSet, Roster, Variant, Zygosities
from schemas.questions import VariantQuery

IDENTITY = NodeIdentity("https://a.example.org", "Hospital A", "GB", contact="genetics@a.example.org")
CHR20 = Contig.read("20", Assembly.GRCH38)
CHR20_37 = Contig.read("20", Assembly.GRCH37)
MT = Contig.read("MT", Assembly.GRCH38)


@dataclass
class Shelf:
    """`schemas.ports.VariantStore` that looks at every variant it has, and remembers what was asked of it."""

    variants: Mapping[str, tuple[Variant, ...]]
    calls: list[tuple[str, str]] = field(default_factory=list)

    def people(self, dataset: str) -> tuple[str, ...]:
        assert dataset in self.variants
        return ()

    def exists(self, dataset: str, query: VariantQuery, people: PersonSet | None = None) -> bool:
        assert people is None
        self.calls.append(("exists", dataset))
        return bool(self._admitted(dataset, query))

    def count(self, dataset: str, query: VariantQuery, people: PersonSet | None = None) -> int:
        assert people is None
        self.calls.append(("count", dataset))
        return len(self._admitted(dataset, query))

    def find(
        self, dataset: str, query: VariantQuery, page: Page, people: PersonSet | None = None
    ) -> list[Variant]:
        assert people is None
        self.calls.append(("find", dataset))
        return self._admitted(dataset, query)[page.offset : page.offset + page.limit]

    def carriers(self, dataset: str, allele: Allele, people: PersonSet | None = None) -> PersonSet:
        raise NotImplementedError

    def zygosities(self, dataset: str, allele: Allele, people: PersonSet | None = None) -> Zygosities:
        """Nobody: the shelf has counts, and no people."""
        assert dataset in self.variants
        assert allele.interval.contig
        assert people is None
        return Zygosities(PersonSet(), PersonSet(), PersonSet())

    def _admitted(self, dataset: str, query: VariantQuery) -> list[Variant]:
        found = [v for v in self.variants.get(dataset, ()) if query.admits(v.allele)]
        return sorted(found, key=_order)


def _order(variant: Variant) -> tuple[int, int, int, str, str, int]:
    allele = variant.allele
    place = allele.interval
    return (
        place.contig.number,
        place.start,
        place.end,
        allele.reference,
        allele.alternate,
        allele.sv_length_bp,
    )


@dataclass(frozen=True)
class Wards:
    """`schemas.ports.People` over records in memory; a dataset that is not named has nobody."""

    held: Mapping[str, Holdings] = field(default_factory=dict)

    def roster(self, dataset: str) -> Roster:
        return make_roster(self.held.get(dataset, Holdings((), (), (), ())))

    def records(self, dataset: str, entry: str, ids: Sequence[str]) -> list[Mapping[str, object]]:
        held = self.held[dataset]
        of = held.individuals if entry == "individual" else held.biosamples
        records = {one.id: one.record for one in of}
        return [records[name] for name in ids]


@dataclass(frozen=True)
class Shelves:
    """`schemas.ports.Catalogue`."""

    held: tuple[Dataset, ...]

    def datasets(self) -> tuple[Dataset, ...]:
        return self.held


DATASETS = (
    Dataset("controlled38", Assembly.GRCH38, Policy.CONTROLLED),
    Dataset("old37", Assembly.GRCH37, Policy.OPEN, "Old genomes"),
    Dataset("open38", Assembly.GRCH38, Policy.OPEN, "Open genomes", "Consented-open.", ("DUO:0000042",)),
    Dataset("public38", Assembly.GRCH38, Policy.PUBLIC, "Public genomes"),
)


def snv(position: int, reference: str = "C", alternate: str = "A", contig: Contig = CHR20) -> Allele:
    """A substitution at a position counted from 1."""
    return Allele.from_vcf(contig, position, reference, alternate)


ITPA = Variant(snv(3_213_196), Counts(10, 182, 10, 0, 0), ("rs1127354",), ("PASS",))
MANY = tuple(Variant(snv(1_000 + n, "G", "T"), Counts(1, 182, 1, 0, 0)) for n in range(25))
SHAPES = (
    Variant(Allele.from_vcf(CHR20, 5_000, "A", "ATG"), Counts(2, 182, 0, 1, 0)),
    Variant(Allele.from_vcf(CHR20, 5_010, "ATG", "A"), Counts(1, 182, 1, 0, 0), ("rs5", "COSV1")),
    Variant(Allele.from_bases(Interval(CHR20, 5_020, 5_020), "", "TT"), Counts(1, 182, 1, 0, 0)),
    Variant(Allele.from_vcf(CHR20, 5_030, "ATG", "CC"), Counts(1, 182, 1, 0, 0), filters=("q10", "s50")),
    Variant(Allele.symbolic(Interval(CHR20, 5_100, 5_400), "<DEL>", anchor="A"), Counts(1, 182, 1, 0, 0)),
    Variant(Allele.symbolic(Interval(CHR20, 5_200, 5_500), "<DUP:TANDEM>"), Counts(1, 182, 1, 0, 0)),
    Variant(
        Allele.symbolic(Interval(CHR20, 5_300, 5_300), "<INS:ME:ALU>", sv_length_bp=281),
        Counts(1, 0, 1, 0, 0),
    ),
    Variant(Allele.symbolic(Interval(CHR20, 5_350, 5_351), "N[chr2:321["), Counts(1, 182, 1, 0, 0)),
    Variant(snv(3_243, "A", "G", MT), Counts(1, 91, 0, 0, 1)),
)


def a_shelf() -> Shelf:
    return Shelf(
        {
            "open38": (ITPA, *MANY, *SHAPES),
            "public38": (ITPA, SHAPES[0]),
            "controlled38": (ITPA, MANY[0]),
            "old37": (Variant(snv(3_193_842, contig=CHR20_37), Counts(10, 182, 10, 0, 0)),),
        }
    )


def a_beacon(store: Shelf | None = None, datasets: tuple[Dataset, ...] = DATASETS) -> Beacon:
    return Beacon(IDENTITY, Shelves(datasets), store or a_shelf(), Wards(), Ontologies())


def a_grant(principal: str = ANONYMOUS, **ceilings: Granularity | None) -> Grant:
    """Ceilings by dataset; a dataset that is not named is closed."""
    return Grant(
        principal,
        {name: Ceiling(depth, "" if depth else "needs a visa") for name, depth in ceilings.items()},
    )


EVERYTHING = a_grant("somebody", **{dataset.id: Granularity.RECORD for dataset in DATASETS})
PUBLIC_ONLY = a_grant(
    open38=Granularity.RECORD, old37=Granularity.RECORD, public38=Granularity.BOOLEAN, controlled38=None
)


def load_check(shared: Path) -> ModuleType:
    """The validator that stands beside the official Beacon schemas."""
    path = shared / "spec" / "beacon-v2" / "check.py"
    specification = importlib.util.spec_from_file_location("beacon_check", path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    # It reads every schema anew for every document; once is enough.
    module.__dict__["REGISTRY"] = Registry(retrieve=cache(module.retrieve))
    module.__dict__["validator"] = cache(module.validator)
    return module


@dataclass(frozen=True)
class Conformance:
    """Documents held against the official schemas, every record in them, and what no schema can say."""

    check: ModuleType

    def faults(self, document: dict[str, object]) -> list[str]:
        check = self.check
        found = list(check.errors(check.guess(document), document, formats=True))
        for kind, where, record in check.records(document):
            found += check.errors(kind, record, where=where) if kind else [f"{where}: of no known type"]
        if "responseSummary" in document:
            found += check.lint(document)
        return found
