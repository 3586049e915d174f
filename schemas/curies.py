"""How ontology terms are spelled: `HP:0001250`, `HP_0001250`, an address that ends in one: one CURIE.

Spec: W3C CURIE syntax; Beacon v2 common `CURIE`.
"""

from __future__ import annotations

import re
from typing import Final

# Prefixes whose spelling is settled, by their upper-case form.  Others are kept as they are written.
_PREFIXES: Final = {
    prefix.upper(): prefix
    for prefix in (
        "CL", "DOID", "DUO", "EFO", "GAZ", "GENO", "HANCESTRO", "HGNC", "HP", "ICD10", "ICD10CM", "LOINC",
        "MESH", "MONDO", "MP", "NCBITaxon", "NCIT", "OBI", "OMIM", "OPCS4", "ORPHA", "PATO", "SNOMED", "SO",
        "UBERON", "UMLS", "UO",
    )
} | {"HPO": "HP", "MIM": "OMIM", "ORPHANET": "ORPHA", "SNOMEDCT": "SNOMED"}  # fmt: skip
_SPELLING: Final = re.compile(r"([A-Za-z][A-Za-z0-9.]*)([:_])([^\s:;,|]+)")


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
