"""FHIR R4 and R5: bundles, resources and bulk exports turned into Beacon records.

Patient gives individuals, Condition diseases and features, Observation measures and features, Specimen
biosamples, FamilyMemberHistory the family history of a disease.  Names, addresses, identifiers, notes and
dates of birth stay out.  What cannot be told in Beacon's terms is left out and reported.  The mapping is
documented for operators in `deploy/people.md`.

Spec: FHIR R4 (4.0.1) and R5 (5.0.0); Bulk Data Access 2.0 (NDJSON).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import orjson

from node.people import coding
from node.people.coding import Days
from node.people.members import Member, read_json, read_lines
from node.people.records import Batch, Record, biosample_record, individual_record
from schemas.errors import BadInput, Place

_DISEASES: Final = ("MONDO", "ORPHA", "OMIM", "ICD10", "ICD10CM", "ICD10GM", "SNOMED")
_UNSURE: Final = frozenset({"unconfirmed", "provisional", "differential", "entered-in-error"})
_STANDING: Final = frozenset({"final", "amended", "corrected"})
_ABSENT: Final = frozenset({"SNOMED:2667000", "SNOMED:260385009", "LOINC:LA9634-2", "LOINC:LA32-8"})
_PRESENT: Final = frozenset({"SNOMED:52101004", "SNOMED:10828004", "LOINC:LA9633-4", "LOINC:LA33-6"})
_SEVERITIES: Final = {
    "SNOMED:255604002": {"id": "HP:0012825", "label": "Mild"},
    "SNOMED:6736007": {"id": "HP:0012826", "label": "Moderate"},
    "SNOMED:24484000": {"id": "HP:0012828", "label": "Severe"},
}
_REMEDY: Final = "Give a FHIR Bundle, a resource, a list of them, NDJSON, or a folder of such files."
_OF_RELATIVES: Final = "a relative has it, and no disease of the patient in this input is of its code"
_NO_CODE: Final = "its code is of no vocabulary that is known here"


@dataclass(slots=True)
class _Patient:
    """What is gathered of one patient."""

    id: str
    source: Member
    born: Days | None
    diseases: list[dict[str, object]] = field(default_factory=list)
    features: list[dict[str, object]] = field(default_factory=list)
    measures: list[dict[str, object]] = field(default_factory=list)
    family: list[tuple[Member, frozenset[object]]] = field(default_factory=list)

    def tell_family(self) -> Iterator[Member]:
        """Marks the diseases that relatives have too, and gives what they have that he has not."""
        for source, codes in self.family:
            shared = [one for one in self.diseases if _code_of(one) in codes]
            for disease in shared:
                disease["familyHistory"] = True
            if not shared:
                yield source


def _code_of(disease: dict[str, object]) -> object:
    code = disease["diseaseCode"]
    return code["id"] if isinstance(code, dict) else None


@dataclass(slots=True)
class _Reading:
    """All of the input: patients by every name that a reference may use, and what was left out."""

    patients: dict[str, _Patient] = field(default_factory=dict)
    biosamples: list[Record] = field(default_factory=list)
    skipped: list[tuple[Place, str]] = field(default_factory=list)

    def skip(self, source: Member, reason: str) -> None:
        self.skipped.append((source.place, reason))


def read_fhir(path: Path) -> Batch:
    """The patients in `path`: a `.json` or `.ndjson` file, or a folder of them (not below it).

    A record says of diseases, features and measures whatever the input holds of Condition and Observation;
    where it holds none at all, what the node knows stays.

    Raises BadInput: not FHIR as JSON, an element of the wrong kind, or a reference to a patient who is not
    in the input; by entry and element.
    """
    files = sorted((*path.glob("*.json"), *path.glob("*.ndjson"))) if path.is_dir() else [path]
    if not files:
        raise BadInput(Place(str(path)), "no *.json or *.ndjson file in this folder", _REMEDY)
    resources: defaultdict[str, list[tuple[Member, str]]] = defaultdict(list)
    for file in files:
        for source, address in _resources(file):
            resources[source.need("resourceType").text()].append((source, address))
    reading = _Reading()
    for source, address in resources["Patient"]:
        _register(reading, source, address)
    for kind, read in _READERS.items():
        for source, address in resources[kind]:
            read(reading, source, address)
    for kind in sorted(set(resources) - set(_READERS) - {"Patient"}):
        for source, _ in resources[kind]:
            reading.skip(source, f"{kind[:40]} is not taken over")
    told = {name for name, kinds in _TOLD_BY.items() if any(resources[kind] for kind in kinds)}
    people = {patient.id: patient for patient in reading.patients.values()}
    _tell_families(reading, people.values())
    return Batch(
        tuple(_individual(patient, told) for patient in people.values()),
        tuple(reading.biosamples),
        partial=True,
        skipped=tuple(reading.skipped),
    )


def _tell_families(reading: _Reading, people: Iterable[_Patient]) -> None:
    for patient in people:
        for source in patient.tell_family():
            reading.skip(source, _OF_RELATIVES)


_TOLD_BY: Final = {
    "diseases": ("Condition",),
    "phenotypicFeatures": ("Condition", "Observation"),
    "measures": ("Observation",),
}


def _resources(file: Path) -> Iterator[tuple[Member, str]]:
    """Every resource of a file with its address, bundles taken apart."""
    if file.suffix == ".ndjson":
        for number, line in enumerate(read_lines(file), 1):
            if line.strip():
                yield from _unbundled(
                    Member(_parsed(line, Place(str(file), number)), str(file), f"line {number}")
                )
        return
    document = read_json(file)
    if isinstance(document.value, list):
        for source in document.each("resource"):
            yield from _unbundled(source)
    else:
        yield from _unbundled(document)


def _parsed(line: str, place: Place) -> object:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        raise BadInput(place, "not JSON", "Give one resource a line.") from None


def _unbundled(source: Member, address: str = "") -> Iterator[tuple[Member, str]]:
    kind = source.get("resourceType")
    if kind is None:
        raise source.refuse("is not a FHIR resource", _REMEDY)
    if kind.text() != "Bundle":
        yield source, address
        return
    entries = source.get("entry")
    prefix = f"{source.field}, " if source.field else ""
    for entry in entries.each(f"{prefix}entry") if entries else ():
        resource, full_url = entry.get("resource"), entry.get("fullUrl")
        if resource is not None:
            yield from _unbundled(resource, full_url.text() if full_url else "")


def _own_id(source: Member, address: str) -> str:
    """The id of a resource; of one that has none yet, the last part of its address."""
    own = source.get("id")
    found = own.text() if own else address.rsplit("/", 1)[-1].rsplit(":", 1)[-1]
    if not found:
        source.need("id")
    return found


def _register(reading: _Reading, source: Member, address: str) -> None:
    name = _own_id(source, address)
    born = source.get("birthDate")
    key = f"Patient/{name}"
    if key in reading.patients:
        raise source.refuse("the same patient stands twice in this input", "Leave one of the two.")
    patient = _Patient(name, source, Days.read(born) if born else None)
    reading.patients |= {key: patient} | ({address: patient} if address else {})


def _patient_of(reading: _Reading, source: Member, element: str = "subject") -> _Patient:
    subject = source.need(element)
    reference = subject.need("reference")
    address = reference.text().split("/_history/")[0]
    found = reading.patients.get(address) or reading.patients.get("/".join(address.split("/")[-2:]))
    if found is None:
        raise reference.refuse("names a patient who is not in this input", "Export the patients with it.")
    return found


def _individual(patient: _Patient, told: set[str]) -> Record:
    gender = patient.source.get("gender")
    lists = {
        "diseases": patient.diseases,
        "phenotypicFeatures": patient.features,
        "measures": patient.measures,
    }
    content: dict[str, object] = {"id": patient.id, **{name: lists[name] for name in sorted(told)}}
    if gender is not None:
        content["sex"] = gender.value
    return individual_record(Member(content, patient.source.file, patient.source.field))


def _read_condition(reading: _Reading, source: Member, _address: str) -> None:
    patient = _patient_of(reading, source)
    standing = _status(source, "verificationStatus")
    if standing in _UNSURE:
        reading.skip(source, f"the diagnosis is {standing}")
        return
    code = source.get("code")
    found = coding.terms(code) if code else []
    features = [term for term in found if coding.is_feature(term)]
    term = coding.best(features or found, *_DISEASES)
    if term is None:
        reading.skip(source, _NO_CODE)
    elif features:
        feature = {"featureType": term, **({"excluded": True} if standing == "refuted" else {})}
        patient.features.append(feature | _course(source, patient.born, onset="onset"))
    elif standing == "refuted":
        reading.skip(source, "the diagnosis is refuted, and a record tells only diseases that are there")
    else:
        patient.diseases.append({"diseaseCode": term} | _course(source, patient.born, onset="ageOfOnset"))


def _status(source: Member, element: str) -> str:
    """The code of a status that is a CodeableConcept; "" when none is told."""
    concept = source.get(element)
    listed = concept.get("coding") if concept else None
    codes = [code.text() for each in (listed.each() if listed else ()) if (code := each.get("code"))]
    return codes[0] if codes else ""


def _course(source: Member, born: Days | None, onset: str) -> dict[str, object]:
    began = coding.moment(source, "onset", born)
    severity = source.get("severity")
    degree = coding.best(coding.terms(severity), "HP") if severity else None
    course: dict[str, object] = {onset: began} if began else {}
    if degree is not None:
        course["severity"] = _SEVERITIES.get(str(degree["id"]), degree)
    return course


def _read_observation(reading: _Reading, source: Member, _address: str) -> None:
    patient = _patient_of(reading, source)
    standing = source.need("status").text()
    if standing not in _STANDING:
        reading.skip(source, f"the observation is {standing[:40]}")
        return
    found = coding.terms(source.need("code"))
    named = next(filter(coding.is_feature, found), None) or _feature_as_value(source)
    term = coding.best(found, "LOINC", "SNOMED")
    if named is not None:
        _observe_feature(reading, source, patient, named)
    elif term is None:
        reading.skip(source, _NO_CODE)
    else:
        _measure(reading, source, patient, term)


def _feature_as_value(source: Member) -> dict[str, object] | None:
    value = source.get("valueCodeableConcept")
    return next(filter(coding.is_feature, coding.terms(value)), None) if value else None


def _observe_feature(reading: _Reading, source: Member, patient: _Patient, term: dict[str, object]) -> None:
    seen = _is_there(source)
    if seen is None:
        reading.skip(source, "its value does not say whether the feature is there")
        return
    feature: dict[str, object] = {"featureType": term, **({} if seen else {"excluded": True})}
    began = coding.moment(source, "effective", patient.born)
    # When it was seen is not when it began: a feature has an onset, and no date of being looked for.
    if began and seen:
        feature["notes"] = "observed at " + str(began.get("iso8601duration") or "an age in a range")
    patient.features.append(feature)


def _is_there(source: Member) -> bool | None:
    flag, concept = source.get("valueBoolean"), source.get("valueCodeableConcept")
    if flag is not None:
        return flag.flag()
    if concept is not None:
        codes = {str(term["id"]) for term in coding.terms(concept)}
        if codes & _ABSENT:
            return False
        return True if codes & _PRESENT or any(code.startswith("HP:") for code in codes) else None
    told = [name for name in source.members() if name.startswith("value") or name == "dataAbsentReason"]
    return None if told else True


def _measure(reading: _Reading, source: Member, patient: _Patient, term: dict[str, object]) -> None:
    value = _value(source) or _components(source)
    if value is None:
        reading.skip(source, "it has no value that is an exact quantity or a coded term")
        return
    measure: dict[str, object] = {"assayCode": term, "measurementValue": value}
    seen = coding.day_of(source, "effective")
    moment = coding.moment(source, "effective", patient.born)
    if seen and seen.day:
        measure["date"] = seen.day
    if moment:
        measure["observationMoment"] = moment
    patient.measures.append(measure)


def _value(source: Member) -> dict[str, object] | None:
    quantity, concept, count = (
        source.get(name) for name in ("valueQuantity", "valueCodeableConcept", "valueInteger")
    )
    if count is not None:
        return {"unit": {"id": "UCUM:1"}, "value": coding.number(count)}
    if quantity is not None:
        return coding.quantity(quantity)
    return coding.best(coding.terms(concept), "SNOMED", "LOINC") if concept else None


def _components(source: Member) -> dict[str, object] | None:
    listed = source.get("component")
    parts = []
    for part in listed.each() if listed else ():
        term = coding.best(coding.terms(part.need("code")), "LOINC", "SNOMED")
        value = _value(part)
        if term and value and "unit" in value:
            parts.append({"quantityType": term, "quantity": value})
    return {"typedQuantities": parts} if parts else None


def _read_specimen(reading: _Reading, source: Member, address: str) -> None:
    patient = _patient_of(reading, source)
    status = source.get("status")
    if status is not None and status.text() == "entered-in-error":
        reading.skip(source, "the specimen is entered-in-error")
        return
    kind, collection = source.get("type"), source.get("collection")
    content: dict[str, object] = {"id": _own_id(source, address), "individualId": patient.id}
    origin = coding.best(coding.terms(kind), "UBERON", "SNOMED") if kind else None
    if origin:
        content["sampleOriginType"] = origin
    if collection is not None:
        site = collection.get("bodySite")
        detail = coding.best(coding.terms(site), "UBERON", "SNOMED") if site else None
        day = coding.day_of(collection, "collected")
        age = coding.moment(collection, "collected", patient.born)
        content |= {"sampleOriginDetail": detail} if detail else {}
        content |= {"collectionDate": day.day} if day and day.day else {}
        content |= {"collectionMoment": age["iso8601duration"]} if age and "iso8601duration" in age else {}
    reading.biosamples.append(biosample_record(Member(content, source.file, source.field)))


def _read_family(reading: _Reading, source: Member, _address: str) -> None:
    patient = _patient_of(reading, source, "patient")
    if source.need("status").text() not in ("partial", "completed"):
        reading.skip(source, "the family history is not known")
        return
    listed = source.get("condition")
    for condition in listed.each() if listed else ():
        found = coding.terms(condition.need("code"))
        if not found:
            reading.skip(condition, _NO_CODE)
            continue
        patient.family.append((condition, frozenset(term["id"] for term in found)))


_READERS: Final = {
    "Condition": _read_condition,
    "Observation": _read_observation,
    "Specimen": _read_specimen,
    "FamilyMemberHistory": _read_family,
}
