"""People with genotypes in one gene, as text and in a node; and what their genotypes come to, from the text.

The oracle reads the calls in the plainest way and shares no code with what is under test.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from sqlalchemy.engine import Engine

from node.candidates import Consents, GenotypeSearch
from node.candidates.sieve import Sieve
from node.people import Format, import_people
from node.reference.clinvar import ClinVar
from node.reference.disease_genes import DiseaseGeneTable
from node.reference.genes import GeneTable
from node.reference.liftover import ChainFiles
from node.reference.matching import VariantLift
from node.roster import DatabasePeople
from node.store import open_annotations, open_store
from node.store.catalogue import DatabaseCatalogue
from schemas.access import Policy
from schemas.candidates import Finding
from schemas.genome import Allele, Assembly, Contig
from schemas.people import Dataset
from tests.vcfs import CSQ, Line, Vcf, new_node, take

DATASET = "exomes"
DAMAGING = frozenset(("stop_gained", "missense_variant", "frameshift_variant"))
HARMLESS = ("synonymous_variant", "intron_variant")


@dataclass(frozen=True)
class Site:
    """An allele A>C of the gene.  frequency: in the population; None where the table lacks its contig."""

    position: int
    consequence: str
    calls: tuple[str, ...]
    frequency: float | None = None


@dataclass(frozen=True)
class Cohort:
    """People P0, P1, ...; sexes: 1 male, 2 female.  P0 is the child of P1 and P2, who are healthy."""

    contig: str
    gene: str
    sexes: tuple[int, ...]
    sites: tuple[Site, ...]
    levels: Mapping[str, Finding] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f"P{number}" for number in range(len(self.sexes)))

    @property
    def vcf(self) -> Vcf:
        lines = [
            Line(
                self.contig,
                site.position,
                "A",
                ("C",),
                site.calls,
                info=f"CSQ=C|{self.gene}|T1|||{site.consequence}||1",
            )
            for site in self.sites
        ]
        return Vcf(self.names, tuple(lines), (CSQ,))

    @property
    def pedigree(self) -> str:
        rows = []
        for name, sex in zip(self.names, self.sexes, strict=True):
            father, mother = ("P1", "P2") if name == "P0" else ("0", "0")
            affected = "1" if name in ("P1", "P2") else "2"
            rows.append("\t".join(("F", name, father, mother, str(sex), affected)))
        return "\n".join(rows) + "\n"


@dataclass(frozen=True)
class Population:
    """A `schemas.reference.Frequencies` of some alleles."""

    told: Mapping[Allele, float]
    contigs: frozenset[Contig]

    def knows(self, contig: Contig) -> bool:
        return contig in self.contigs

    def frequency(self, allele: Allele) -> float | None:
        return self.told.get(allele, 0.0) if self.knows(allele.interval.contig) else None


def allele_of(cohort: Cohort, site: Site) -> Allele:
    return Allele.from_vcf(Contig.read(cohort.contig, Assembly.GRCH38), site.position, "A", "C")


@lru_cache(1)
def tables() -> tuple[GeneTable, ClinVar, DiseaseGeneTable]:
    """Those that are shipped, read once."""
    chains = ChainFiles()
    return GeneTable(), ClinVar({}, chains, VariantLift(chains)), DiseaseGeneTable()


@contextmanager
def a_search(engine: Engine, frequencies: Population) -> Iterator[GenotypeSearch]:
    genes, clinvar, diseases = tables()
    with (
        closing(DatabasePeople(engine)) as people,
        closing(open_store(engine)) as store,
        closing(open_annotations(engine)) as annotations,
        closing(DatabaseCatalogue(engine)) as catalogue,
    ):
        sieve = Sieve(store, annotations, clinvar, frequencies)
        consents = Consents(engine, people)
        yield GenotypeSearch(catalogue, people, sieve, genes, genes, diseases, consents)


@contextmanager
def a_node(folder: Path, cohort: Cohort, url: str = "") -> Iterator[GenotypeSearch]:
    """The cohort in a new index, with its pedigree and its consents."""
    engine = new_node(folder, Dataset(DATASET, Assembly.GRCH38, Policy.CONTROLLED), url=url)
    try:
        take(engine, cohort.vcf.write(folder / "cohort.vcf.gz"), DATASET)
        (folder / "cohort.ped").write_text(cohort.pedigree)
        import_people(engine, DATASET, folder / "cohort.ped", Format.PED)
        told = {allele_of(cohort, one): one.frequency for one in cohort.sites if one.frequency is not None}
        contigs = {allele.interval.contig for allele in told}
        with a_search(engine, Population(told, frozenset(contigs))) as search:
            for name, level in cohort.levels.items():
                search.consents.set(DATASET, [name], level)
            yield search
    finally:
        engine.dispose()


# ------------------------------------------------------------------- what it comes to


def fits(cohort: Cohort, within: Sequence[str]) -> dict[str, set[str]]:
    """Every fit of everybody in `within`, who are the only people that count."""
    suspects = [
        site
        for site in cohort.sites
        if site.consequence in DAMAGING
        and (site.frequency is None or site.frequency <= 0.01)
        and 0 < sum("1" in call_of(cohort, site, name) for name in within) <= max(4, 0.02 * len(within))
    ]
    found = {name: _fits_of(cohort, name, suspects, within) for name in within}
    return {name: some for name, some in found.items() if some}


def call_of(cohort: Cohort, site: Site, name: str) -> str:
    return site.calls[cohort.names.index(name)]


def _fits_of(cohort: Cohort, name: str, suspects: Sequence[Site], within: Sequence[str]) -> set[str]:
    his = [(site, call_of(cohort, site, name)) for site in suspects if "1" in call_of(cohort, site, name)]
    if cohort.contig == "MT":
        return {"mitochondrial"} if his else set()
    found = set()
    lone = cohort.contig in ("X", "Y") and cohort.sexes[cohort.names.index(name)] == 1
    kinds = [_kind(call, lone) for _, call in his]
    for (site, _), kind in zip(his, kinds, strict=True):
        found |= {kind} & {"homozygous", "hemizygous"}
        if kind != "homozygous" and (site.frequency is None or site.frequency <= 0.0005):
            new = _is_new(cohort, site, name, within)
            found |= {"de novo"} if new else {kind} & {"heterozygous"}
    if len(his) > 1 and "heterozygous" in kinds and "homozygous" not in kinds:
        found |= {_lying(cohort, name, [site for site, _ in his], within)} - {""}
    return found


def _kind(call: str, lone: bool) -> str:
    called = [allele for allele in re.split(r"[/|]", call) if allele != "."]
    if lone or len(re.split(r"[/|]", call)) == 1:
        return "hemizygous"
    return "homozygous" if called == ["1", "1"] else "heterozygous"


def _lying(cohort: Cohort, name: str, his: Sequence[Site], within: Sequence[str]) -> str:
    calls = [call_of(cohort, site, name) for site in his]
    copies = {call.split("|").index("1") for call in calls if "|" in call}
    if len(copies) == 2:
        return "compound heterozygous"
    if all("|" in call for call in calls):
        return ""
    if name == "P0" and {"P1", "P2"} <= set(within):
        origins = [tuple("1" in call_of(cohort, site, parent) for parent in ("P1", "P2")) for site in his]
        if (True, False) in origins and (False, True) in origins:
            return "compound heterozygous"
        if set(origins) in ({(True, False)}, {(False, True)}):
            return ""
    return "two alleles, phase not known"


def _is_new(cohort: Cohort, site: Site, name: str, within: Sequence[str]) -> bool:
    if name != "P0" or not {"P1", "P2"} <= set(within):
        return False
    called = 0
    for parent in ("P1", "P2"):
        call = call_of(cohort, site, parent)
        if "1" in call:
            return False
        copies = len([allele for allele in re.split(r"[/|]", call) if allele != "."])
        lone = cohort.contig == "X" and cohort.sexes[cohort.names.index(parent)] == 1
        called += min(copies, 1) if lone else copies
    return called >= (3 if cohort.contig == "X" else 4)
