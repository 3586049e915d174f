"""FHIR data types as Beacon has them: coded concepts as ontology terms, quantities, moments as ages.

Calendar dates of a person become ages where his date of birth is told; the date of birth itself goes nowhere.

Spec: FHIR R4 and R5, datatypes (CodeableConcept, Quantity, Age, Range, dateTime); UCUM.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from node.people.members import Member
from schemas.curies import curie

_SYSTEMS: Final = {
    "snomed.info/sct": "SNOMED",
    "loinc.org": "LOINC",
    "human-phenotype-ontology.org": "HP",
    "purl.obolibrary.org/obo/hp.owl": "HP",
    "purl.obolibrary.org/obo/hp.fhir": "HP",
    "purl.obolibrary.org/obo/mondo.owl": "MONDO",
    "purl.obolibrary.org/obo/uberon.owl": "UBERON",
    "purl.obolibrary.org/obo/ncit.owl": "NCIT",
    "ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl": "NCIT",
    "ncimeta.nci.nih.gov": "NCIT",
    "www.omim.org": "OMIM",
    "omim.org": "OMIM",
    "www.orpha.net": "ORPHA",
    "www.orphadata.org": "ORPHA",
    "hl7.org/fhir/sid/icd-10": "ICD10",
    "hl7.org/fhir/sid/icd-10-cm": "ICD10CM",
    "hl7.org/fhir/sid/icd-10-de": "ICD10GM",
    "fhir.de/CodeSystem/bfarm/icd-10-gm": "ICD10GM",
    "fhir.de/CodeSystem/bfarm/alpha-id": "ALPHAID",
    "hl7.org/fhir/sid/icd-9-cm": "ICD9CM",
    "id.who.int/icd/release/11/mms": "ICD11",
    "hl7.org/fhir/sid/icd-o-3": "ICDO3",
    "unitsofmeasure.org": "UCUM",
}
_FEATURES: Final = "HP"
_DURATIONS: Final = {"a": "Y", "mo": "M", "wk": "W", "d": "D"}
_DATE: Final = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T.*)?)?)?", re.ASCII)


def terms(source: Member) -> list[dict[str, object]]:
    """The ontology terms of a CodeableConcept, or of the concept in R5's CodeableReference, as written.

    Codes of a code system that is not in the table are left out, unless they are CURIEs by themselves.
    Raises BadInput: a member of the wrong kind.
    """
    concept = source.get("concept") or source
    listed = concept.get("coding")
    found = (_term(coding) for coding in (listed.each() if listed else ()))
    return [term for term in found if term]


def _term(coding: Member) -> dict[str, object] | None:
    code, system, display = (coding.get(name) for name in ("code", "system", "display"))
    if code is None:
        return None
    address = re.sub(r"^https?://", "", system.text().split("|")[0].rstrip("/")) if system else ""
    prefix = _SYSTEMS.get(address, "")
    text = code.text()
    own = curie(text)
    if prefix and not (own and own.startswith(prefix + ":")):
        own = curie(f"{prefix}:{text}")
    if own is None:
        return None
    return {"id": own, "label": display.text()} if display else {"id": own}


def best(found: Sequence[dict[str, object]], *prefixes: str) -> dict[str, object] | None:
    """The term of the first of these vocabularies that is there; else the first term; None without any."""
    for prefix in prefixes:
        for term in found:
            if str(term["id"]).startswith(prefix + ":"):
                return term
    return found[0] if found else None


def is_feature(term: dict[str, object]) -> bool:
    """Whether the term names a phenotypic feature."""
    return str(term["id"]).startswith(_FEATURES + ":")


def quantity(source: Member) -> dict[str, object] | None:
    """A Quantity as Beacon has it; None for one without an exact number.

    A number of no unit is in UCUM's unit 1.  Raises BadInput: a member of the wrong kind.
    """
    value = source.get("value")
    if value is None or source.has("comparator"):
        return None
    code, unit = source.get("code"), source.get("unit")
    symbol = code.text() if code else unit.text() if unit else "1"
    name = {"label": unit.text()} if unit else {}
    return {"unit": {"id": "UCUM:" + re.sub(r"[\s:;,|]+", "_", symbol), **name}, "value": number(value)}


def number(source: Member) -> float:
    """Raises BadInput: not a number."""
    if isinstance(source.value, bool) or not isinstance(source.value, int | float):
        raise source.refuse("is not a number", "Give a number.")
    return source.value


@dataclass(frozen=True, slots=True)
class Days:
    """The days that a FHIR date may mean: a year, a month or one day."""

    first: date
    last: date

    @classmethod
    def read(cls, source: Member) -> Days:
        """Raises BadInput: no date."""
        match = _DATE.fullmatch(source.text())
        try:
            if match is None:
                raise ValueError
            year, month, day = (int(part) if part else 0 for part in match.groups())
            last_month = month or 12
            return cls(
                date(year, month or 1, day or 1),
                date(year, last_month, day or monthrange(year, last_month)[1]),
            )
        except ValueError:
            raise source.refuse("is not a date", "Write it as 2021, 2021-04 or 2021-04-23.") from None

    @property
    def day(self) -> str | None:
        """The day as text, where it is exactly one."""
        return self.first.isoformat() if self.first == self.last else None


def age_on(born: Days | None, seen: Days) -> dict[str, object] | None:
    """How old somebody was: an age in years and months, or the range of ages that the dates allow.

    None without a date of birth, and before birth.
    """
    if born is None or seen.last < born.first:
        return None
    least = max(0, _months(born.last, seen.first))
    most = _months(born.first, seen.last)
    if least == most:
        return {"iso8601duration": _duration(least)}
    youngest, oldest = ({"iso8601duration": _duration(months)} for months in (least, most))
    return {"start": youngest, "end": oldest}


def _months(since: date, until: date) -> int:
    return (until.year - since.year) * 12 + until.month - since.month - (until.day < since.day)


def _duration(months: int) -> str:
    years, over = divmod(months, 12)
    return f"P{years}Y" + (f"{over}M" if over else "")


def moment(source: Member, name: str, born: Days | None) -> dict[str, object] | None:
    """The choice element `name[x]` (onset, effective, collected) as an age or a range of ages.

    None when it is not told, is told in words, or cannot be told without the date of birth.
    """
    age, bounds = source.get(f"{name}Age"), source.get(f"{name}Range")
    if age is not None:
        return _age(age)
    if bounds is not None:
        low, high = bounds.get("low"), bounds.get("high")
        ends = _age(low) if low else None, _age(high) if high else None
        return {"start": ends[0], "end": ends[1]} if all(ends) else None
    seen = day_of(source, name)
    return age_on(born, seen) if seen else None


def day_of(source: Member, name: str) -> Days | None:
    """The date of the choice element `name[x]`; of a period, when it began."""
    told = source.get(f"{name}DateTime") or source.get(f"{name}Instant")
    period = source.get(f"{name}Period")
    if told is None and period is not None:
        told = period.get("start")
    return Days.read(told) if told else None


def _age(source: Member) -> dict[str, object] | None:
    """An Age in its own unit; a fraction of a year in months."""
    value, code, unit = (source.get(name) for name in ("value", "code", "unit"))
    letter = _DURATIONS.get((code or unit or source).text() if code or unit else "")
    if value is None or letter is None:
        return None
    amount = number(value)
    if amount < 0:
        raise value.refuse("is negative", "An age starts at birth.")
    if float(amount).is_integer():
        return {"iso8601duration": f"P{int(amount)}{letter}"}
    return {"iso8601duration": _duration(round(amount * 12))} if letter == "Y" else None
