"""The fields that filters may name: those of individuals and biosamples in the default model.

A field is named by its path (`diseases.ageOfOnset`), or by the end of it where that names one field only;
`ageOfOnset` is that of diseases.  Members below a field may be spelled out: `sex.id`, `sex.label`,
`diseases.ageOfOnset.iso8601duration`.

Spec: Beacon v2 default model, individuals and biosamples.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from typing import Final

from schemas.filters import EXCLUDED_FEATURES

INDIVIDUAL: Final = "individual"
BIOSAMPLE: Final = "biosample"


class FieldKind(StrEnum):
    TERM = "term"
    AGE = "age"
    DATE = "date"
    NUMBER = "number"
    TEXT = "text"
    FLAG = "flag"


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the records of one entry type."""

    entry: str
    path: str
    kind: FieldKind

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(self.path.split("."))


_TERM, _AGE, _DATE, _TEXT = FieldKind.TERM, FieldKind.AGE, FieldKind.DATE, FieldKind.TEXT
_NUMBER, _FLAG = FieldKind.NUMBER, FieldKind.FLAG
_OF_BOTH: Final = {
    "phenotypicFeatures.featureType": _TERM,
    EXCLUDED_FEATURES: _FLAG,
    "phenotypicFeatures.modifiers": _TERM,
    "phenotypicFeatures.onset": _AGE,
    "phenotypicFeatures.resolution": _AGE,
    "phenotypicFeatures.severity": _TERM,
}
_MEASURES: Final = {
    "assayCode": _TERM,
    "date": _DATE,
    "observationMoment": _AGE,
    "procedure.procedureCode": _TERM,
}
_OF_INDIVIDUALS: Final = {
    "sex": _TERM,
    "karyotypicSex": _TEXT,
    "ethnicity": _TERM,
    "geographicOrigin": _TERM,
    "diseases.diseaseCode": _TERM,
    "diseases.ageOfOnset": _AGE,
    "diseases.familyHistory": _FLAG,
    "diseases.severity": _TERM,
    "diseases.stage": _TERM,
    "exposures.exposureCode": _TERM,
    "exposures.ageAtExposure": _AGE,
    "exposures.date": _DATE,
    "exposures.duration": _AGE,
    "interventionsOrProcedures.procedureCode": _TERM,
    "interventionsOrProcedures.ageAtProcedure": _AGE,
    "interventionsOrProcedures.bodySite": _TERM,
    "interventionsOrProcedures.dateOfProcedure": _DATE,
    "treatments.treatmentCode": _TERM,
    "treatments.ageAtOnset": _AGE,
    "treatments.cumulativeDose": _NUMBER,
    "treatments.routeOfAdministration": _TERM,
    "pedigrees.disease.diseaseCode": _TERM,
    "pedigrees.members.role": _TERM,
    "pedigrees.members.affected": _FLAG,
    "pedigrees.numSubjects": _NUMBER,
}
_OF_BIOSAMPLES: Final = {
    "biosampleStatus": _TERM,
    "collectionDate": _DATE,
    "collectionMoment": _AGE,
    "diagnosticMarkers": _TERM,
    "histologicalDiagnosis": _TERM,
    "obtentionProcedure.procedureCode": _TERM,
    "pathologicalStage": _TERM,
    "pathologicalTnmFinding": _TERM,
    "sampleOriginDetail": _TERM,
    "sampleOriginType": _TERM,
    "sampleProcessing": _TERM,
    "sampleStorage": _TERM,
    "tumorGrade": _TERM,
    "tumorProgression": _TERM,
}
FIELDS: Final[tuple[Field, ...]] = (
    *(Field(INDIVIDUAL, path, kind) for path, kind in {**_OF_INDIVIDUALS, **_OF_BOTH}.items()),
    *(Field(INDIVIDUAL, f"measures.{name}", kind) for name, kind in _MEASURES.items()),
    *(Field(BIOSAMPLE, path, kind) for path, kind in {**_OF_BIOSAMPLES, **_OF_BOTH}.items()),
    *(Field(BIOSAMPLE, f"measurements.{name}", kind) for name, kind in _MEASURES.items()),
)

VARIANT: Final = "genomicVariant"
_ENTRIES: Final = {
    **dict.fromkeys(("genomicVariant", "genomicVariants", "genomicVariation", "g_variant"), VARIANT),
    **dict.fromkeys(("genomicVariations", "g_variants"), VARIANT),
    INDIVIDUAL: INDIVIDUAL,
    "individuals": INDIVIDUAL,
    BIOSAMPLE: BIOSAMPLE,
    "biosamples": BIOSAMPLE,
}
_USUAL: Final = {"ageOfOnset": "diseases.ageOfOnset", "severity": "phenotypicFeatures.severity"}
_INNER: Final = ("iso8601duration", "value", "id", "label")


@dataclass(frozen=True, slots=True)
class FieldName:
    """A field as it was named.  inner: the part of its value that is meant (`id`, `label`), "" for all."""

    fields: tuple[Field, ...]
    inner: str = ""


def read_scope(text: str) -> str | None:
    """The entry type whose records a scope means; None when filters are not about it."""
    return _ENTRIES.get(text)


def find_field(name: str, scope: str = "") -> FieldName | None:
    """The field a filter names, in individuals and biosamples where both have it; None for no such field.

    Several when the name fits several; the caller has to refuse that.
    """
    words = name.strip().split(".")
    if len(words) > 1 and words[0] in _ENTRIES:
        scope, words = _ENTRIES[words[0]], words[1:]
    inner = ""
    found = _fitting(words, scope)
    if not found and words[-1] in _INNER:
        inner, words = words[-1], words[:-1]
        found = _fitting(words, scope)
    return FieldName(found, inner) if found else None


def near_fields(name: str) -> list[str]:
    """Fields that may have been meant by a name that none has, five at most, in full."""
    word = name.strip().rpartition(".")[2].casefold()
    last = {one.path: one.words[-1].casefold() for one in FIELDS}
    close = set(get_close_matches(word, set(last.values()), 5, 0.75))
    near = [path for path, own in last.items() if own in close or (len(word) > 2 and own.startswith(word))]
    return near[:5]


def _fitting(words: list[str], scope: str) -> tuple[Field, ...]:
    name = ".".join(words)
    wanted = _USUAL.get(name, name)
    within = [one for one in FIELDS if scope in ("", one.entry)]
    exact = tuple(one for one in within if one.path == wanted)
    return exact or tuple(one for one in within if words and list(one.words[-len(words) :]) == words)
