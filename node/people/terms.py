"""Spellings: how ontology terms and sex are written in the files people have, and how they are kept.

Spec: W3C CURIE syntax; Beacon v2 common `CURIE`, `Sex`; Phenopackets v2 `Sex`.
"""

from __future__ import annotations

import re
from typing import Final

from schemas.people import Sex, Term

# Prefixes whose spelling is settled, by their upper-case form.  Others are kept as they are written.
_PREFIXES: Final = {
    prefix.upper(): prefix
    for prefix in (
        "CL", "DOID", "DUO", "EFO", "GAZ", "GENO", "HANCESTRO", "HGNC", "HP", "ICD10", "ICD10CM", "LOINC",
        "MESH", "MONDO", "MP", "NCBITaxon", "NCIT", "OMIM", "ORPHA", "PATO", "SNOMED", "SO", "UBERON",
        "UMLS", "UO",
    )
} | {"HPO": "HP", "MIM": "OMIM", "ORPHANET": "ORPHA", "SNOMEDCT": "SNOMED"}  # fmt: skip
_SPELLING: Final = re.compile(r"([A-Za-z][A-Za-z0-9.]*)([:_])([^\s:;,|]+)")

_SEX_CODES: Final = {
    Sex.FEMALE: ("NCIT:C16576", "NCIT:C46110", "NCIT:C46113", "PATO:0000383"),
    Sex.MALE: ("NCIT:C20197", "NCIT:C46109", "NCIT:C46112", "PATO:0000384"),
    Sex.OTHER: ("NCIT:C17649", "NCIT:C45908", "NCIT:C124294", "PATO:0001340"),
    Sex.UNKNOWN: ("NCIT:C17998", "NCIT:C1799"),
}
_SEX_WORDS: Final = {
    Sex.FEMALE: ("female", "f", "2", "woman", "girl"),
    Sex.MALE: ("male", "m", "1", "man", "boy"),
    Sex.OTHER: ("other", "other_sex", "intersex", "undetermined", "indeterminate"),
    Sex.UNKNOWN: ("unknown", "unknown_sex", "u", "0", "3", "-9", ".", "na", "not known", "unspecified"),
}
_SEX: Final = {
    spelling: sex
    for table in (_SEX_CODES, _SEX_WORDS)
    for sex, spellings in table.items()
    for spelling in spellings
}
_SEX_LABELS: Final = {Sex.FEMALE: "female", Sex.MALE: "male", Sex.OTHER: "Other", Sex.UNKNOWN: "Unknown"}


def curie(text: str) -> str | None:
    """The CURIE that `text` spells, or None when it is none.

    Understands `HP:0001250`, `HP_0001250`, `hp:0001250` and addresses that end in one of these
    (`http://purl.obolibrary.org/obo/HP_0001250`).  An underscore separates only after a known prefix:
    `SAMPLE_1` is a name.
    """
    wanted = text.strip()
    if wanted.lower().startswith(("http://", "https://")):
        wanted = re.split(r"[/#]", wanted)[-1]
    match = _SPELLING.fullmatch(wanted)
    if match is None:
        return None
    prefix, separator, local = match.groups()
    known = _PREFIXES.get(prefix.upper())
    if known is None and separator == "_":
        return None
    return f"{known or prefix}:{local}"


def read_sex(text: str) -> Sex | None:
    """The sex that a word, a PED code (1 male, 2 female, 0 unknown) or an ontology code names, else None."""
    wanted = text.strip()
    return _SEX.get(wanted.lower()) or _SEX.get(curie(wanted) or "")


def sex_term(sex: Sex) -> Term:
    """How Beacon writes a sex: an NCIT term."""
    return Term(_SEX_CODES[sex][0], _SEX_LABELS[sex])
