"""Ontologies, genes and patients to match: small made-up ones, and the tables of the shared data."""

from __future__ import annotations

import gzip
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings

from matchmaker.match import Matches, Matchmaker, released
from schemas.matching import Case, Gene, PhenotypeTerm
from schemas.mme import Patient, read_patient

HPO_ROOT = "HP:0000118"
# Laws are not timed: a busy machine is no counterexample.
UNTIMED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


class Ontology:
    """`schemas.matching.Phenotypes` from parents and how often each term was seen, itself alone.

    Information is -log of the share of sightings at or below a term, each term counted once more than seen.
    """

    def __init__(
        self,
        parents: Mapping[str, Iterable[str]],
        seen: Mapping[str, Iterable[str]] | None = None,
        replaced: Mapping[str, str] | None = None,
    ) -> None:
        self._above: dict[str, frozenset[str]] = {}
        self._parents = {term: tuple(above) for term, above in parents.items()}
        self._replaced = replaced or {}
        for term in self._parents:
            self._climb(term)
        holders: dict[str, set[str]] = {term: set() for term in self._parents}
        for holder, terms in (seen or {}).items():
            for term in terms:
                for above in self._above[term]:
                    holders[above].add(holder)
        below = Counter(above for term in self._parents for above in self._above[term])
        # With nothing seen, what lies below a term stands for how common it is.
        common = {term: len(held) + 1 if seen else below[term] for term, held in holders.items()}
        most = max(common.values())
        self._information = {term: -math.log(count / most) + 0.0 for term, count in common.items()}

    def _climb(self, term: str) -> frozenset[str]:
        if term not in self._above:
            above = [self._climb(parent) for parent in self._parents[term]]
            self._above[term] = frozenset({term}).union(*above)
        return self._above[term]

    def terms(self) -> tuple[PhenotypeTerm, ...]:
        return tuple(PhenotypeTerm(term, f"label of {term}") for term in self._parents)

    def resolve(self, term: str) -> str | None:
        current = self._replaced.get(term, term)
        return current if current in self._parents else None

    def ancestors(self, term: str) -> frozenset[str]:
        return self._above[term]

    def information(self, term: str) -> float:
        return self._information[term]


class GeneTable:
    """`schemas.matching.Genes` over a plain mapping from what a gene is called to the gene."""

    def __init__(self, names: Mapping[str, Gene]) -> None:
        self._names = names

    def resolve(self, name: str) -> Gene | None:
        return self._names.get(name.strip().upper().removeprefix("NCBIGENE:"))


def _rows(path: Path) -> list[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8") as table:
        header, *lines = table.read().splitlines()
    names = header.split("\t")
    return [dict(zip(names, line.split("\t"), strict=False)) for line in lines]


def real_ontology(shared: Path) -> Ontology:
    """HPO of February 2026 below "Phenotypic abnormality"; information from annotated diseases."""
    folder = shared / "data" / "reference" / "hpo_2026"
    parents: dict[str, tuple[str, ...]] = {}
    replaced: dict[str, str] = {}
    for row in _rows(folder / "hpo_terms_2026-02-16.tsv.gz"):
        if row["obsolete"] == "1":
            if row.get("replaced_by"):
                replaced[row["id"]] = row["replaced_by"].split("|")[0]
            continue
        parents[row["id"]] = tuple(filter(None, row["parents"].split("|")))
        replaced |= {other: row["id"] for other in row["alt_ids"].split("|") if other}
    whole = Ontology(parents)
    kept = {
        term: tuple(above for above in parents[term] if HPO_ROOT in whole.ancestors(above))
        for term in parents
        if HPO_ROOT in whole.ancestors(term)
    }
    seen: dict[str, list[str]] = {}
    for row in _rows(folder / "hpoa_2025-05-06.tsv.gz"):
        term = replaced.get(row["hpo_id"], row["hpo_id"])
        if row["not"] != "NOT" and term in kept:
            seen.setdefault(row["disease_id"], []).append(term)
    return Ontology(kept, seen, replaced)


def real_genes(shared: Path) -> GeneTable:
    """HGNC of June 2025: symbols and ids before those former symbols and aliases that are of one gene."""
    rows = _rows(shared / "data" / "reference" / "hpo_2026" / "hgnc_genes_2025-06.tsv.gz")
    current: dict[str, Gene] = {}
    other: dict[str, set[Gene]] = {}
    for row in rows:
        gene = Gene(row["hgnc_id"], row["symbol"])
        for name in (row["hgnc_id"], row["symbol"], row["ensembl"], row["entrez"]):
            current[name.upper()] = gene
        for name in (*row["aliases"].split("|"), *row["previous"].split("|")):
            other.setdefault(name.upper(), set()).add(gene)
    names = {name: next(iter(genes)) for name, genes in other.items() if len(genes) == 1}
    return GeneTable({**names, **current})


def a_patient(name: str = "P1", **fields: object) -> Patient:
    """A patient with a contact; `features` and `genomicFeatures` may be given short, as ids and symbols."""
    document: dict[str, object] = {
        "id": name,
        "contact": {"name": "Dr A. Physician", "href": "mailto:clinic@hospital.example"},
        **fields,
    }
    for part, short in (("features", "id"), ("genomicFeatures", "gene")):
        given = document.get(part, ())
        assert isinstance(given, Iterable)
        document[part] = [
            entry if not isinstance(entry, str) else {short: {"id": entry} if short == "gene" else entry}
            for entry in given
        ]
    return read_patient(document)


def matched(maker: Matchmaker, patient: Patient, cases: Iterable[Case], **options: Any) -> Matches:
    """The answer over these cases, which nobody changes meanwhile."""
    held = tuple(cases)
    shelf = maker.shelf(entry for case in held if (entry := maker.entry(case)) is not None)
    told = {case.patient.id: told for case in held if (told := released(case)) is not None}
    return maker.match(patient, shelf, lambda ids: {one: told[one] for one in ids}, **options)
