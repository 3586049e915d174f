"""Spellings of sex: how it is written in the files people have, and how it is kept.

Spec: Beacon v2 common `Sex`; Phenopackets v2 `Sex`.
"""

from __future__ import annotations

from typing import Final

from schemas.curies import curie
from schemas.people import SEX_CODES, Sex, Term

_SEX_WORDS: Final = {
    Sex.FEMALE: ("female", "f", "2", "woman", "girl"),
    Sex.MALE: ("male", "m", "1", "man", "boy"),
    Sex.OTHER: ("other", "other_sex", "intersex", "undetermined", "indeterminate"),
    Sex.UNKNOWN: ("unknown", "unknown_sex", "u", "0", "3", "-9", ".", "na", "not known", "unspecified"),
}
_SEX: Final = {
    spelling: sex
    for table in (SEX_CODES, _SEX_WORDS)
    for sex, spellings in table.items()
    for spelling in spellings
}
_SEX_LABELS: Final = {Sex.FEMALE: "female", Sex.MALE: "male", Sex.OTHER: "Other", Sex.UNKNOWN: "Unknown"}


def read_sex(text: str) -> Sex | None:
    """The sex that a word, a PED code (1 male, 2 female, 0 unknown) or an ontology code names, else None."""
    wanted = text.strip()
    return _SEX.get(wanted.lower()) or _SEX.get(curie(wanted) or "")


def sex_term(sex: Sex) -> Term:
    """How Beacon writes a sex: an NCIT term."""
    return Term(SEX_CODES[sex][0], _SEX_LABELS[sex])
