"""Phenopackets v2 as JSON: packets, families and cohorts, one or a list of them, or a folder of files.

The library `phenopackets` checks a document against the protocol buffers of the specification and gives it
one spelling.  Taken over are subject, phenotypic features, diseases (without those marked as excluded),
measurements, medical actions, kinship (`actions`) and biosamples.  Interpretations and files are left out: a
packet's variants are not a person's record.

Spec: Phenopackets v2.0, https://phenopacket-schema.readthedocs.io
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from node.people.actions import kinship, medical_actions
from node.people.members import Member, read_json
from node.people.records import Batch, Record, as_json, biosample_record, individual_record
from node.people.terms import sex_term
from schemas.errors import BadInput, Place
from schemas.people import Sex

_FEATURE: Final = {
    "type": "featureType", "excluded": "excluded", "severity": "severity", "modifiers": "modifiers",
    "description": "notes", "evidence": "evidence",
}  # fmt: skip
_BIOSAMPLE: Final = {
    "id": "id", "individualId": "individualId", "description": "notes", "sampledTissue": "sampleOriginDetail",
    "sampleType": "sampleOriginType", "histologicalDiagnosis": "histologicalDiagnosis",
    "tumorProgression": "tumorProgression", "tumorGrade": "tumorGrade",
    "pathologicalStage": "pathologicalStage",
}  # fmt: skip
_UNKNOWN_NAME: Final = re.compile(r'has no field named "(?P<name>[^"]{1,60})"')
_WAY: Final = re.compile(r' at "?(?:Phenopacket|Family|Cohort)(?P<way>[\w.\[\]]*)')
_PARTS: Final = re.compile(r"Failed to parse (\w+) field")


def read_phenopackets(path: Path) -> Batch:
    """Every packet in `path`, a file or a folder of `*.json` files (not below it).

    Raises BadInput: an empty folder, not JSON, not of the specification's form (by packet and field), a
    packet of version 1, or one without a subject.
    """
    files = sorted(path.glob("*.json")) if path.is_dir() else [path]
    if not files:
        raise BadInput(Place(str(path)), "no *.json file in this folder", "Name a folder of phenopackets.")
    individuals: list[Record] = []
    biosamples: list[Record] = []
    for file in files:
        for packet, family in _packets(file):
            subject = _individual(packet, family)
            individuals.append(subject)
            biosamples.extend(_biosamples(packet, subject.id))
    return Batch(tuple(individuals), tuple(biosamples))


def _packets(file: Path) -> Iterator[tuple[Member, Member | None]]:
    """Each with the family it stands in."""
    document = read_json(file)
    listed = document.value if isinstance(document.value, list) else [document.value]
    for source in Member(listed, document.file).each("packet"):
        _check_version(source)
        yield from _members(Member(in_form(source), source.file, source.field))


def _members(document: Member) -> Iterator[tuple[Member, Member | None]]:
    """The packets of a packet, a family or a cohort."""
    proband = document.get("proband")
    family = document if proband is not None else None
    if proband is not None:
        yield proband, family
    for name in ("relatives", "members"):
        others = document.get(name)
        yield from ((one, family) for one in others.each()) if others else ()
    if proband is None and not document.has("members"):
        yield document, None


def _check_version(source: Member) -> None:
    metadata = source.get("metaData") or source.get("meta_data")
    versions = ("phenopacketSchemaVersion", "phenopacket_schema_version")
    version = next((found for name in versions if metadata and (found := metadata.get(name))), None)
    if version is not None and not version.text().startswith("2"):
        raise version.refuse("is not a version 2 phenopacket", "Convert it to Phenopackets v2.")


def in_form(source: Member) -> dict[str, Any]:
    """The document as the specification's own reader understands it, in lowerCamelCase.

    Raises BadInput: it does not understand it.
    """
    from google.protobuf.json_format import MessageToDict, ParseDict, ParseError  # noqa: PLC0415
    from phenopackets import Cohort, Family, Phenopacket  # noqa: PLC0415  # only packets need them

    members = source.members()
    message = Family() if "proband" in members else Cohort() if "members" in members else Phenopacket()
    try:
        told: dict[str, Any] = MessageToDict(ParseDict(members, message))
    except (ParseError, AttributeError, TypeError, ValueError) as fault:
        raise _misfit(source, str(fault)) from None
    return told


def _misfit(source: Member, fault: str) -> BadInput:
    """What the reader could not read, without what stands there: its message quotes the value."""
    way = _WAY.search(fault)
    unknown = _UNKNOWN_NAME.search(fault)
    parts = [way["way"].strip(".")] if way else _PARTS.findall(fault)
    parts += [unknown["name"]] if unknown else []
    field = ".".join(part for part in parts if part)
    field = re.sub(r"\[(\d+)\]", lambda number: f"[{int(number[1]) + 1}]", field)
    place = Place(source.file, field=f"{source.field}, {field}" if field else source.field)
    problem = "is not known to Phenopackets v2" if unknown else "does not fit the schema of Phenopackets v2"
    return BadInput(place, problem, "See https://phenopacket-schema.readthedocs.io")


def _individual(packet: Member, family: Member | None) -> Record:
    subject = packet.need("subject")
    sex = subject.get("sex")
    content: dict[str, object] = {
        "id": subject.need("id").value,
        "sex": sex.value if sex else as_json(sex_term(Sex.UNKNOWN)),
        "phenotypicFeatures": _features(packet),
        "diseases": _diseases(packet),
    }
    if packet.has("measurements"):
        content["measures"] = _measurements(packet)
    content |= medical_actions(packet, _quantity)
    if family is not None:
        content |= kinship(family, subject.need("id").text())
    karyotype = subject.get("karyotypicSex")
    if karyotype is not None and karyotype.value != "UNKNOWN_KARYOTYPE":
        content["karyotypicSex"] = karyotype.text()
    return individual_record(Member(content, packet.file, packet.field))


def _features(source: Member) -> list[object]:
    listed = source.get("phenotypicFeatures")
    return [_feature(feature) for feature in listed.each()] if listed else []


def _feature(source: Member) -> dict[str, object]:
    source.need("type")
    feature = _renamed(source, _FEATURE)
    for name in ("onset", "resolution"):
        moment = source.get(name)
        if moment is not None:
            feature[name] = _moment(moment)
    return feature


def _diseases(packet: Member) -> list[object]:
    listed = packet.get("diseases")
    found: list[object] = []
    for source in listed.each() if listed else ():
        excluded = source.get("excluded")
        if excluded is not None and excluded.flag():
            continue
        disease: dict[str, object] = {"diseaseCode": source.need("term").value}
        onset = source.get("onset")
        if onset is not None:
            disease["ageOfOnset"] = _moment(onset)
        stages = source.get("diseaseStage")
        for stage in stages.each() if stages else ():
            disease.setdefault("stage", stage.value)
        found.append(disease)
    return found


def _measurements(source: Member) -> list[object]:
    """Measurements that have a value."""
    found: list[object] = []
    for measured in source.need("measurements").each():
        value = _measured(measured)
        if value is None:
            continue
        measurement = {"assayCode": measured.need("assay").value, "measurementValue": value}
        moment = measured.get("timeObserved")
        if moment is not None:
            measurement["observationMoment"] = _moment(moment)
        found.append(measurement)
    return found


def _measured(source: Member) -> object:
    """A quantity, an ontology term, or several quantities, in Beacon's names."""
    parts = source.get("complexValue")
    if parts is not None:
        listed = parts.get("typedQuantities")
        return {
            "typedQuantities": [
                {"quantityType": part.need("type").value, "quantity": _quantity(part.need("quantity"))}
                for part in (listed.each() if listed else ())
            ]
        }
    value = source.get("value")
    if value is None:
        return None
    quantity = value.get("quantity")
    term = value.get("ontologyClass")
    return _quantity(quantity) if quantity else term.value if term else None


def _quantity(source: Member) -> dict[str, object]:
    limits = source.get("referenceRange")
    # A number that is zero is left out of protobuf's JSON.
    quantity = {"unit": source.need("unit").value, "value": source.members().get("value", 0.0)}
    if limits is not None:
        bounds = {name: limits.members().get(name, 0.0) for name in ("low", "high")}
        quantity["referenceRange"] = {"unit": quantity["unit"], **bounds}
    return quantity


def _moment(source: Member) -> object:
    """A TimeElement names its kind (`{"age": {...}}`); Beacon has the inner value alone."""
    values = list(source.members().values())
    if len(values) != 1:
        raise source.refuse(
            "is not one moment or period", "Give exactly one of age, ageRange, timestamp, ..."
        )
    return values[0]


def _biosamples(packet: Member, subject: str) -> Iterator[Record]:
    listed = packet.get("biosamples")
    unknown = as_json(sex_term(Sex.UNKNOWN))
    for source in listed.each() if listed else ():
        content = {
            "individualId": subject,
            "biosampleStatus": unknown,
            "sampleOriginType": unknown,
            **_renamed(source, _BIOSAMPLE),
        }
        if source.has("phenotypicFeatures"):
            content["phenotypicFeatures"] = _features(source)
        if source.has("measurements"):
            content["measurements"] = _measurements(source)
        collected = source.get("timeOfCollection")
        moment = _moment(collected) if collected else None
        if isinstance(moment, dict) and "iso8601duration" in moment:
            content["collectionMoment"] = moment["iso8601duration"]
        yield biosample_record(Member(content, source.file, source.field))


def _renamed(source: Member, names: dict[str, str]) -> dict[str, object]:
    return {
        names[name]: value for name, value in source.members().items() if name in names and value is not None
    }
