"""The search for genotypes that an open node has."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.engine import Engine

from node.candidates.consents import Consents
from node.candidates.search import GenotypeSearch
from node.candidates.sieve import Sieve
from node.config import Settings
from node.reference.clinvar import ClinVar
from node.reference.disease_genes import DiseaseGeneTable
from node.reference.genes import GeneTable
from node.reference.matching import VariantLift
from node.store.tables import ClinVarFile, FrequencyTables
from schemas.candidates import Rarity
from schemas.consequences import HIGH, MODERATE
from schemas.ports import Annotations, Catalogue, People, VariantStore
from schemas.reference import Liftover


@dataclass(frozen=True, slots=True)
class Held:
    """What is searched: the data of the node, and what it knows of genes and assemblies."""

    catalogue: Catalogue
    people: People
    store: VariantStore
    annotations: Annotations
    genes: GeneTable
    liftover: Liftover


def open_search(settings: Settings, engine: Engine, held: Held) -> GenotypeSearch:
    """Raises BadInput: a file of `[reference] frequencies` or `clinvar` that cannot be used."""
    own, reference = settings.matchmaker.carriers, settings.reference
    frequencies = FrequencyTables(reference.frequencies)
    clinvar = {assembly: ClinVarFile(path, assembly) for assembly, path in reference.clinvar.items()}
    sieve = Sieve(
        held.store,
        held.annotations,
        ClinVar(clinvar, held.liftover, VariantLift(held.liftover)),
        frequencies,
        rarity=Rarity(own.recessive, own.dominant, own.own_share, own.own_least),
        consequences=HIGH if own.damage == "high" else HIGH | MODERATE,
        stars=own.clinvar_stars,
    )
    consents = Consents(engine, held.people)
    return GenotypeSearch(
        held.catalogue,
        held.people,
        sieve,
        held.genes,
        held.genes,
        DiseaseGeneTable(),
        consents,
        (frequencies, *clinvar.values()),
    )
