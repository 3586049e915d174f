"""What is known of diseases of genes: their features and how they are inherited, from the table the node
ships.

The table is `data/hp_genes.tsv.gz` (see the README beside it): the Human Phenotype Ontology's annotation.
"""

from __future__ import annotations

import gzip
import threading
from collections.abc import Mapping
from importlib.resources import files

from matchmaker.inheritance import stated_modes
from schemas.reference import DiseaseGene


class DiseaseGeneTable:
    """A `schemas.reference.DiseaseGenes`.  Read when it is first asked, 0.1 s; safe from several threads."""

    def __init__(self) -> None:
        self._reading = threading.Lock()
        self._lines: Mapping[str, str] | None = None

    def find(self, entrez: str) -> DiseaseGene | None:
        """By NCBI's number; None when no disease of the gene is annotated."""
        line = self._read().get(entrez) if entrez else None
        if line is None:
            return None
        _, _, features, ways = line.split("\t")
        inheritance = stated_modes(f"HP:{way}" for way in ways.split())
        return DiseaseGene(tuple(f"HP:{one}" for one in features.split()), inheritance)

    def _read(self) -> Mapping[str, str]:
        with self._reading:
            if self._lines is None:
                packed = (files("node.reference") / "data" / "hp_genes.tsv.gz").read_bytes()
                lines = gzip.decompress(packed).decode().splitlines()[1:]
                self._lines = {line.partition("\t")[0]: line for line in lines}
            return self._lines
