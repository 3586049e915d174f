"""A variant as a genomicVariant entry.

Bases are shown as a VCF line shows them: an insertion or deletion with the base left of it where that is
known, and `location` then begins at that base, so that it always covers exactly `referenceBases`.  A
symbolic allele or breakend has the affected stretch as its location, no bases, and its VCF text in
`variation.info.vcfAlt`.  Locations are 0-based interbase; `variantInternalId` and HGVS count from 1.

Spec: Beacon v2 models/json/.../genomicVariations/defaultSchema.json (LegacyVariation); VRS 1.3
SequenceLocation; HGVS 21, DNA substitution.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from schemas.beacon import (
    ExternalReference,
    Frequency,
    Identifiers,
    LegacyVariation,
    Record,
    SequenceLocation,
)
from schemas.errors import BadQuestion
from schemas.genome import Allele, Assembly, Contig, Interval, VariantType
from schemas.people import Dataset
from schemas.ports import Variant

_NAMED: Final = re.compile(
    r"(?P<assembly>\w{1,20}):(?P<contig>[\w.]{1,40}):"
    r"(?:(?P<position>\d{1,10}):(?P<reference>[ACGTN]*):(?P<alternate>[ACGTN]*)"
    r"|(?P<first>\d{1,10})-(?P<last>\d{1,10}):(?P<symbol>\S+?)(?::(?P<length>\d{1,10}))?)",
    re.ASCII,
)


def records_of(variants: Iterable[Variant], dataset: Dataset, reference: str) -> tuple[Record, ...]:
    """The variants of one dataset as entries, in the order given.

    reference: where to read more about the dataset.  About 4 microseconds each.
    """
    population = dataset.name or dataset.id
    return tuple(_record(variant, population, reference) for variant in variants)


def _record(variant: Variant, population: str, reference: str) -> Record:
    allele = variant.allele
    counts = variant.counts
    whole: Frequency = {
        "population": population,
        "alleleFrequency": counts.frequency,
        "alleleCount": counts.ac,
        "alleleNumber": counts.an,
        "alleleCountHeterozygous": counts.het,
        "alleleCountHomozygous": counts.hom,
        "alleleCountHemizygous": counts.hemi,
    }
    record: Record = {
        "variantInternalId": internal_id(allele),
        "variation": _variation(allele),
        "frequencyInPopulations": [
            {"source": population, "sourceReference": reference, "frequencies": [whole]}
        ],
    }
    identifiers = _identifiers(allele, variant.names)
    if identifiers:
        record["identifiers"] = identifiers
    if variant.filters:
        record["info"] = {"vcfFilter": list(variant.filters)}
    return record


def internal_id(allele: Allele) -> str:
    """A name for the allele, the same in every dataset and after every ingest."""
    contig = allele.interval.contig
    if not allele.is_symbolic:
        position, reference, alternate = allele.vcf
        return f"{contig.assembly}:{contig.name}:{position}:{reference}:{alternate}"
    first, last = allele.interval.one_based
    length = f":{allele.sv_length_bp}" if allele.sv_length_bp else ""
    return f"{contig.assembly}:{contig.name}:{first}-{last}:{allele.alternate}{length}"


def allele_named(name: str) -> Allele | None:
    """The allele that `internal_id` gives this name; None when it is no such name."""
    match = _NAMED.fullmatch(name)
    if match is None:
        return None
    try:
        contig = Contig.read(match["contig"], Assembly.read(match["assembly"]))
        if match["position"]:
            return Allele.from_vcf(contig, int(match["position"]), match["reference"], match["alternate"])
        place = Interval.from_one_based(contig, int(match["first"]), int(match["last"]))
    except BadQuestion:
        return None
    return Allele.symbolic(place, match["symbol"], sv_length_bp=int(match["length"] or 0))


def _variation(allele: Allele) -> LegacyVariation:
    interval = allele.interval
    if allele.is_symbolic:
        symbolic: LegacyVariation = {
            "variantType": allele.variant_type.value,
            "alternateBases": "",
            "location": _location(interval),
            "info": {"vcfAlt": allele.alternate},
        }
        if allele.sv_length_bp:
            symbolic["info"] = {"vcfAlt": allele.alternate, "svLength": allele.sv_length_bp}
        return symbolic
    position, reference, alternate = allele.vcf
    return {
        "variantType": allele.variant_type.value,
        "referenceBases": reference,
        "alternateBases": alternate,
        "location": _location(
            Interval.from_one_based(interval.contig, position, position - 1 + len(reference))
        ),
    }


def _location(interval: Interval) -> SequenceLocation:
    return {
        "type": "SequenceLocation",
        "sequence_id": f"refseq:{interval.contig.accession}",
        "interval": {
            "type": "SequenceInterval",
            "start": {"type": "Number", "value": interval.start},
            "end": {"type": "Number", "value": interval.end},
        },
    }


def _identifiers(allele: Allele, names: tuple[str, ...]) -> Identifiers:
    """HGVS for substitutions only: naming an insertion or deletion needs the sequence around it."""
    identifiers: Identifiers = {}
    if allele.variant_type is VariantType.SNP:
        contig = allele.interval.contig
        coordinate = "m" if contig.name == "MT" else "g"
        first, _ = allele.interval.one_based
        identifiers["genomicHGVSId"] = (
            f"{contig.accession}:{coordinate}.{first}{allele.reference}>{allele.alternate}"
        )
    if names:
        identifiers["variantAlternativeIds"] = [_reference(name) for name in names]
    return identifiers


def _reference(name: str) -> ExternalReference:
    if name[:2] == "rs" and name[2:].isdecimal():
        return {"id": f"dbSNP:{name}", "notes": "dbSNP id"}
    return {"id": name, "notes": "ID column of the VCF"}
