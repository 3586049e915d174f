"""Cases from the node's own people: the record of an individual, and what his genotypes say of named genes.

Of a gene that is named, the variants he carries are taken that few others of the dataset carry and that are
annotated (CSQ, ANN) as changing the protein; where nothing is annotated, those that are named and he carries.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pyroaring import BitMap

from node.people.terms import read_sex
from schemas.consequences import CONSEQUENCES
from schemas.curies import curie
from schemas.errors import BadInput, Place
from schemas.genome import Allele
from schemas.people import Dataset, Sex
from schemas.ports import Annotations, Catalogue, Page, People, PersonSet, VariantStore
from schemas.questions import AnnotationQuery, SequenceQuery
from schemas.reference import Gene, Genes

_DAMAGING: Final = frozenset({"HIGH", "MODERATE"})
_FEW: Final = 0.02  # of the people of the dataset, or two of them
_MOST: Final = 10  # variants of one gene
_EVERYTHING: Final = Page(0, 10_000)
_SEXES: Final = {Sex.FEMALE: "FEMALE", Sex.MALE: "MALE", Sex.OTHER: "OTHER"}
_SEVERITY: Final = tuple(CONSEQUENCES)


@dataclass(frozen=True, slots=True)
class Subject:
    """One of the node's people as a case would tell of him: members of a patient, without id and contact.

    family: of the record's pedigree, "" for none.  remarks: what whoever makes the case should know.
    """

    members: Mapping[str, Any]
    family: str = ""
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Subjects:
    """What is needed of a node to make cases of its people."""

    catalogue: Catalogue
    people: People
    store: VariantStore
    annotations: Annotations
    genes: Genes

    def read(
        self,
        dataset: str,
        individual: str,
        genes: Sequence[str],
        variants: Iterable[SequenceQuery] = (),
    ) -> Subject:
        """Raises BadInput: no such dataset or individual, nothing to tell of him, or a variant not his.

        BadQuestion: a gene that is not known, with those that might be meant.
        """
        held = self._dataset(dataset)
        person = self._person(dataset, individual)
        (record,) = self.people.records(dataset, "individual", [individual]) or [{}]
        named = [self.genes.find(name) for name in genes]
        told = [self._gene(held, gene, person) for gene in named]
        features = [one for gene in told for one in gene]
        features += [self._named(held, person, named, variant) for variant in variants]
        members = {**clinical(record), "genomicFeatures": _distinct(features)}
        if not members["features"] and not features:
            remedy = "Import his record with HPO terms, or name a gene with --gene."
            raise BadInput(Place(individual), "there is nothing to match him by", remedy)
        remarks: tuple[str, ...] = ()
        if named and not self.annotations.is_annotated(dataset):
            remarks = (
                f"the files of {dataset} are not annotated (CSQ, ANN): genes are named without variants; "
                "name a variant with --variant",
            )
        return Subject(members, _family(record), remarks)

    def _dataset(self, dataset: str) -> Dataset:
        held = {each.id: each for each in self.catalogue.datasets()}
        if dataset not in held:
            known = ", ".join(held) or "none"
            raise BadInput(Place(dataset), "there is no dataset of this name", f"There are: {known}.")
        return held[dataset]

    def _person(self, dataset: str, individual: str) -> PersonSet:
        """The ordinals of his samples."""
        roster = self.people.roster(dataset)
        ledger = roster.ledgers["individual"]
        row = ledger.row_of(individual)
        if row is None:
            raise BadInput(Place(individual), f"nobody of this id is in {dataset}", "Check the id.")
        return BitMap().union(*(roster.ordinals[unit] for unit in ledger.units[row]))

    def _gene(self, dataset: Dataset, gene: Gene, person: PersonSet) -> list[dict[str, Any]]:
        """The gene with each rare, damaging variant of his; the gene alone when there is none."""
        alleles: list[tuple[Allele, str]] = []
        if person and self.annotations.is_annotated(dataset.id):
            query = AnnotationQuery(gene=gene.symbol)
            for found in self.annotations.find(dataset.id, query, _EVERYTHING, person):
                worst = self._worst(dataset.id, found.allele, gene.symbol)
                if worst and self._is_rare(dataset.id, found.allele):
                    alleles.append((found.allele, worst))
        named = {"gene": {"id": gene.symbol}}
        told = [self._told(dataset, person, named, allele, kind) for allele, kind in alleles[:_MOST]]
        return told or [named]

    def _worst(self, dataset: str, allele: Allele, symbol: str) -> str:
        """The most severe of what it does to the gene, if any of it changes the protein; else ""."""
        said = {
            consequence
            for one in self.annotations.annotations(dataset, allele)
            if one.gene == symbol and one.impact in _DAMAGING
            for consequence in one.consequences
            if consequence in CONSEQUENCES
        }
        return min(said, key=_SEVERITY.index, default="")

    def _is_rare(self, dataset: str, allele: Allele) -> bool:
        carriers = len(self.store.carriers(dataset, allele))
        return carriers <= max(2, _FEW * len(self.store.people(dataset)))

    def _named(
        self, dataset: Dataset, person: PersonSet, genes: Sequence[Gene], variant: SequenceQuery
    ) -> dict[str, Any]:
        """A variant that was named, in the gene it lies in."""
        allele = variant.allele
        if allele is None:
            raise BadInput(Place("--variant"), "is not one allele", "Write it like 'chr20:3193842 C>A'.")
        if not person or not self.store.exists(dataset.id, variant, person):
            raise BadInput(Place("--variant"), "he does not carry this variant", "Check place and assembly.")
        place = allele.interval
        lying = [
            gene
            for gene in genes
            if (extent := gene.places.get(dataset.assembly)) is not None and extent.overlaps(place)
        ]
        if not lying and len(genes) != 1:
            raise BadInput(Place("--variant"), "lies in none of the named genes", "Name its gene: --gene G.")
        gene = lying[0] if lying else genes[0]
        kind = self._worst(dataset.id, allele, gene.symbol)
        return self._told(dataset, person, {"gene": {"id": gene.symbol}}, allele, kind)

    def _told(
        self, dataset: Dataset, person: PersonSet, named: Mapping[str, Any], allele: Allele, kind: str
    ) -> dict[str, Any]:
        his = self.store.zygosities(dataset.id, allele, person)
        contig, place = allele.interval.contig, allele.interval
        return {
            **named,
            "variant": {
                "assembly": str(dataset.assembly),
                "referenceName": contig.name,
                "start": place.start,
                "end": place.end,
                "referenceBases": allele.reference,
                "alternateBases": allele.alternate,
            },
            "zygosity": 2 if his.hom else 1 if his.het or his.hemi else None,
            "type": {"id": CONSEQUENCES[kind], "label": kind} if kind else None,
            **self._protein(dataset.id, allele, named["gene"]["id"], kind),
        }

    def _protein(self, dataset: str, allele: Allele, symbol: str, kind: str) -> dict[str, str]:
        """What becomes of the protein by a transcript on which it does the worst, where it is annotated."""
        for one in self.annotations.annotations(dataset, allele):
            if one.gene == symbol and one.protein and kind in one.consequences:
                return {"_hgvsp": f"{one.transcript}:{one.protein}"}
        return {}


def _distinct(features: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each variant once; a gene alone only where none of its variants is there."""
    with_variant = {one["gene"]["id"] for one in features if one.get("variant")}
    found: list[dict[str, Any]] = []
    for one in features:
        if one not in found and (one.get("variant") or one["gene"]["id"] not in with_variant):
            found.append(one)
    return found


def clinical(record: Mapping[str, Any]) -> dict[str, Any]:
    """Features, diagnoses and sex of a record in Beacon's form, as far as the exchange has them."""
    sex = read_sex(str(_member(record, "sex").get("id", ""))) or Sex.UNKNOWN
    return {
        "sex": _SEXES.get(sex),
        "features": [
            {
                "id": term,
                "label": _member(one, "featureType").get("label"),
                "observed": "no" if one.get("excluded") is True else "yes",
            }
            for one in _each(record, "phenotypicFeatures")
            if (term := curie(str(_member(one, "featureType").get("id", ""))) or "").startswith("HP:")
        ],
        "disorders": [
            {"id": term, "label": _member(one, "diseaseCode").get("label")}
            for one in _each(record, "diseases")
            if (term := curie(str(_member(one, "diseaseCode").get("id", ""))) or "").startswith(
                ("OMIM:", "ORPHA:")
            )
        ],
    }


def _family(record: Mapping[str, Any]) -> str:
    return next((str(one["id"]) for one in _each(record, "pedigrees") if one.get("id")), "")


def _each(record: Mapping[str, Any], name: str) -> Iterator[Mapping[str, Any]]:
    listed = record.get(name)
    yield from (one for one in listed if isinstance(one, dict)) if isinstance(listed, list) else ()


def _member(record: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = record.get(name)
    return found if isinstance(found, dict) else {}
