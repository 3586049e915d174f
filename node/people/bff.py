"""Beacon Friendly Format: JSON lists of individuals or of biosamples, or one object that holds both.

Spec: Beacon v2 default model.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from node.people.members import Member, read_json
from node.people.records import Batch, biosample_record, individual_record

_BIOSAMPLE_MARKS: Final = ("individualId", "biosampleStatus", "sampleOriginType")
_INDIVIDUAL_MARKS: Final = (
    "sex", "diseases", "phenotypicFeatures", "ethnicity", "geographicOrigin", "karyotypicSex", "measures",
    "interventionsOrProcedures", "treatments", "exposures", "pedigrees",
)  # fmt: skip
_REMEDY: Final = (
    "Give a list of Beacon individuals (with id and sex) or biosamples (with id, individualId, "
    "biosampleStatus, sampleOriginType), or an object with `individuals` and `biosamples`."
)


def read_bff(path: Path) -> Batch:
    """The individuals and biosamples in `path`; what a record is, is told by the members it has.

    Raises BadInput: not JSON, not one of these forms, or a record that is wrong.
    """
    document = read_json(path)
    if isinstance(document.value, dict):
        lists = {name: document.get(name) for name in ("individuals", "biosamples")}
        if any(lists.values()):
            return _both(document, lists["individuals"], lists["biosamples"])
        document = Member([document.value], document.file)
    records = tuple(document.each("record"))
    for record in records:
        if not (_is_biosample(record) or _is_individual(record)):
            raise record.refuse("is neither an individual nor a biosample", _REMEDY)
    return Batch(
        tuple(individual_record(record) for record in records if not _is_biosample(record)),
        tuple(biosample_record(record) for record in records if _is_biosample(record)),
    )


def _both(document: Member, individuals: Member | None, biosamples: Member | None) -> Batch:
    strangers = set(document.members()) - {"individuals", "biosamples"}
    if strangers:
        raise document.refuse("holds more than individuals and biosamples", _REMEDY)
    return Batch(
        tuple(map(individual_record, individuals.each("individual"))) if individuals else (),
        tuple(map(biosample_record, biosamples.each("biosample"))) if biosamples else (),
    )


def _is_biosample(record: Member) -> bool:
    return any(record.has(name) for name in _BIOSAMPLE_MARKS)


def _is_individual(record: Member) -> bool:
    return any(name in record.members() for name in _INDIVIDUAL_MARKS)
