"""Questions to try in the description of the API; the data of the demonstration answer every one of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

Example = Mapping[str, Any]

_ALLELE: Final[Example] = {
    "assemblyId": "GRCh37",
    "referenceName": "20",
    "start": [3193841],
    "referenceBases": "C",
    "alternateBases": "A",
}
_RANGE: Final[Example] = {
    "assemblyId": "GRCh37",
    "referenceName": "refseq:NC_000020.10",
    "start": [3193000],
    "end": [3194000],
}
_IN_TRANS: Final[Example] = {"geneId": "ITPA", "hitsPerPerson": 2, "hitsPhase": "trans"}
_NERVOUS_SYSTEM: Final[Example] = {"id": "HP:0000707"}
# By entry type: what is asked, its variant, and its filters.
_OF_VARIANTS: Final[tuple[tuple[str, Example, list[Any]], ...]] = (
    ("one allele: chr20:3193842 C>A, as a VCF counts", _ALLELE, []),
    ("all that overlaps a range", _RANGE, []),
    ("deletions in a gene", {"geneId": "ITPA", "variantType": "DEL"}, []),
    ("an HGVS name", {"genomicAlleleShortForm": "NC_000020.10:g.3193842C>A"}, []),
    ("one allele, among people with any abnormality of the nervous system", _ALLELE, [_NERVOUS_SYSTEM]),
    (
        "two hits in a gene, on different copies",
        {"geneId": "ITPA", "hitsPerPerson": 2, "hitsPhase": "trans"},
        [],
    ),
)
_OF_PEOPLE: Final[tuple[tuple[str, Example, list[Any]], ...]] = (
    ("everybody", {}, []),
    ("with a phenotype, or anything that is a kind of it", {}, [_NERVOUS_SYSTEM]),
    ("without it, and female", {}, [{**_NERVOUS_SYSTEM, "excluded": True}, "sex=female"]),
    ("with one phenotype or another", {}, [["HP:0001250", "HP:0001251"]]),
    ("who carry an allele", _ALLELE, []),
)
_QUESTIONS: Final = {
    "genomicVariant": _OF_VARIANTS,
    "individual": _OF_PEOPLE,
    "biosample": _OF_PEOPLE,
    "run": _OF_PEOPLE[:1],
    "analysis": _OF_PEOPLE[:1],
    "dataset": (("all of them", {}, []),),
    "cohort": (("all of them", {}, []),),
}
# An entry of each type whose id may stand in a path.
IDS: Final = {
    "genomicVariant": "GRCh37:20:3193842:C:A",
    "individual": "HG00097",
    "biosample": "HG00097",
    "run": "run-HG00097",
    "dataset": "chr20",
}


def bodies(entry: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """What can be asked of an entry type, in words and as the body of a POST."""
    for words, variant, filters in _QUESTIONS[entry]:
        query: dict[str, Any] = {"requestedGranularity": "record", "pagination": {"skip": 0, "limit": 5}}
        if variant:
            query["requestParameters"] = {"g_variant": dict(variant)}
        if filters:
            query["filters"] = list(filters)
        yield words, {"meta": {"apiVersion": "v2.2.0"}, "query": query}
