"""Phenopackets v2 as JSON: one packet, a list of packets, or a folder of files, turned into Beacon records.

What is taken over: subject, phenotypic features, diseases (without those marked as excluded), biosamples.
Interpretations, files and measurements are left out: a packet's variants are not a person's record.

Spec: Phenopackets v2.0, https://phenopacket-schema.readthedocs.io
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

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


def read_phenopackets(path: Path) -> Batch:
    """Every packet in `path`, a file or a folder of `*.json` files (not below it).

    Raises BadInput: an empty folder, not JSON, a packet of version 1, or one without a subject.
    """
    files = sorted(path.glob("*.json")) if path.is_dir() else [path]
    if not files:
        raise BadInput(Place(str(path)), "no *.json file in this folder", "Name a folder of phenopackets.")
    individuals: list[Record] = []
    biosamples: list[Record] = []
    for file in files:
        for packet in _packets(file):
            subject = _individual(packet)
            individuals.append(subject)
            biosamples.extend(_biosamples(packet, subject.id))
    return Batch(tuple(individuals), tuple(biosamples))


def _packets(file: Path) -> Iterator[Member]:
    document = read_json(file)
    listed = document.value if isinstance(document.value, list) else [document.value]
    return Member([_camel(packet) for packet in listed], document.file).each("packet")


def _camel(value: object) -> object:
    """Both spellings of protobuf JSON, `phenotypic_features` and `phenotypicFeatures`, as the second."""
    if isinstance(value, list):
        return [_camel(element) for element in value]
    if not isinstance(value, dict):
        return value
    return {
        re.sub(r"_([a-z])", lambda match: match[1].upper(), name): _camel(member)
        for name, member in value.items()
    }


def _individual(packet: Member) -> Record:
    metadata = packet.get("metaData")
    version = metadata.get("phenopacketSchemaVersion") if metadata else None
    if version is not None and not version.text().startswith("2"):
        raise version.refuse("is not a version 2 phenopacket", "Convert it to Phenopackets v2.")
    subject = packet.need("subject")
    sex = subject.get("sex")
    content: dict[str, object] = {
        "id": subject.need("id").value,
        "sex": sex.value if sex else as_json(sex_term(Sex.UNKNOWN)),
        "phenotypicFeatures": _features(packet),
        "diseases": _diseases(packet),
    }
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
        yield biosample_record(Member(content, source.file, source.field))


def _renamed(source: Member, names: dict[str, str]) -> dict[str, object]:
    return {
        names[name]: value for name, value in source.members().items() if name in names and value is not None
    }
