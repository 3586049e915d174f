"""Beacon Friendly Format records of individuals and biosamples: what they must be, and what they stand for.

A record is kept whole: whatever members it has beside those that are read here stay as they are.  One
addition of ours: `info.samples` of an individual lists the names under which he stands in VCF headers.

Spec: Beacon v2 default model, `individuals/defaultSchema.json` and `biosamples/defaultSchema.json`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from node.people.members import Member
from node.people.terms import read_sex, sex_term
from schemas.curies import curie
from schemas.errors import BadInput, Place
from schemas.people import Feature, Individual, Sex, Term

_TERMS: Final = {
    "individual": ("ethnicity", "geographicOrigin"),
    "biosample": ("biosampleStatus", "sampleOriginType", "sampleOriginDetail"),
}
_LISTS: Final = {
    "individual": (
        "diseases", "phenotypicFeatures", "measures", "treatments", "exposures", "interventionsOrProcedures",
        "pedigrees",
    ),
    "biosample": ("phenotypicFeatures", "measurements"),
}  # fmt: skip
DEMANDED: Final = {"individual": ("sex",), "biosample": ("biosampleStatus", "sampleOriginType")}
"""Terms without which a record is none for Beacon; they are "unknown" where nobody told them."""
_CURIE_REMEDY: Final = "Write it as a CURIE such as HP:0001250."
_LONGEST_ID: Final = 255


@dataclass(frozen=True, slots=True)
class Record:
    """One Beacon Friendly Format record, checked, and where it came from."""

    id: str
    content: Mapping[str, object]
    place: Place


@dataclass(frozen=True, slots=True)
class Batch:
    """What one file says.

    partial: its records tell some members only (a pedigree, a table with few columns), and whatever else
    is held of the same people stays.  Otherwise each record replaces the one held under its id.
    skipped: what the file says and no record can, with the reason.
    """

    individuals: tuple[Record, ...] = ()
    biosamples: tuple[Record, ...] = ()
    partial: bool = False
    skipped: tuple[tuple[Place, str], ...] = ()

    def __post_init__(self) -> None:
        _refuse_repeats(self.individuals)
        _refuse_repeats(self.biosamples)


def _refuse_repeats(records: tuple[Record, ...]) -> None:
    seen: set[str] = set()
    for record in records:
        if record.id in seen:
            raise BadInput(record.place, "the same id stands twice in this file", "Leave one of the two.")
        seen.add(record.id)


def individual_record(source: Member) -> Record:
    """The record of an individual, its terms in CURIE spelling and its sex as an NCIT term.

    Raises BadInput: no id, a sex that is not understood, or a member of the wrong shape.
    """
    content = _checked(source, "individual")
    sex = source.get("sex")
    if sex is not None:
        content["sex"] = _sex(sex)
    _features(source)
    diseases = source.get("diseases")
    for disease in diseases.each() if diseases else ():
        _need_term(disease.need("diseaseCode"))
    return Record(str(content["id"]), content, source.place)


def biosample_record(source: Member) -> Record:
    """The record of a biosample.  Raises BadInput: no id, or a member of the wrong shape."""
    content = _checked(source, "biosample")
    owner = source.get("individualId")
    if owner is not None:
        content["individualId"] = identifier(owner)
    _features(source)
    return Record(str(content["id"]), content, source.place)


def _checked(source: Member, kind: str) -> dict[str, object]:
    content = {name: _respelled(value) for name, value in source.members().items() if name != "_id"}
    content["id"] = identifier(source.need("id"))
    for name in _TERMS[kind]:
        term = source.get(name)
        if term is not None:
            _need_term(term)
    for name in _LISTS[kind]:
        listed = source.get(name)
        for element in listed.each() if listed else ():
            element.members()
    info = source.get("info")
    if info is not None:
        info.members()
    return content


def identifier(member: Member) -> str:
    """A name of a person or sample.  Raises BadInput: empty, overlong, or with control characters."""
    name = member.text()
    if len(name) > _LONGEST_ID or not name.isprintable():
        raise member.refuse("cannot be an identifier", f"Use at most {_LONGEST_ID} printable characters.")
    return name


def _features(source: Member) -> None:
    listed = source.get("phenotypicFeatures")
    for feature in listed.each() if listed else ():
        _need_term(feature.need("featureType"))
        excluded = feature.get("excluded")
        if excluded is not None:
            excluded.flag()


def _need_term(member: Member) -> None:
    code = member.need("id")
    if curie(code.text()) is None:
        raise code.refuse("is not an ontology term", _CURIE_REMEDY)
    label = member.get("label")
    if label is not None:
        label.text()


def _sex(member: Member) -> dict[str, object]:
    """The NCIT term of a sex given as a term or a word; a label must not say otherwise than its code."""
    given = member if isinstance(member.value, str) else member.need("id")
    sex = read_sex(given.text())
    if sex is None:
        raise given.refuse(
            "is not a sex this node understands",
            "Use NCIT:C16576 (female), NCIT:C20197 (male), NCIT:C17998 (unknown), or the plain words.",
        )
    label = None if given is member else member.get("label")
    if label is not None and read_sex(label.text()) not in (sex, None):
        raise member.refuse("code and label name different sexes", "Correct the one that is wrong.")
    return as_json(sex_term(sex))


def as_json(term: Term) -> dict[str, object]:
    """An ontology term as Beacon writes it; no label when there is none."""
    return {"id": term.id, "label": term.label} if term.label else {"id": term.id}


def _respelled(value: object) -> object:
    """The same JSON value with the codes of ontology terms (`{"id", "label"}`) in CURIE spelling."""
    if isinstance(value, list):
        return [_respelled(element) for element in value]
    if not isinstance(value, dict):
        return value
    respelled = {name: _respelled(member) for name, member in value.items()}
    code = value.get("id")
    if isinstance(code, str) and value.keys() <= {"id", "label"}:
        respelled["id"] = curie(code) or code
    return respelled


def merged(held: Mapping[str, object], said: Mapping[str, object]) -> dict[str, object]:
    """`held` with the members of `said` put over it; `info` is merged member by member."""
    both = {**held, **said}
    old_info, new_info = held.get("info"), said.get("info")
    if isinstance(old_info, dict) and isinstance(new_info, dict):
        both["info"] = {**old_info, **new_info}
    return both


def completed(content: Mapping[str, object], demanded: Sequence[str]) -> dict[str, object]:
    """The record without empty members, and with the terms that Beacon demands beside the id."""
    told = {name: value for name, value in content.items() if value is not None}
    return {name: as_json(sex_term(Sex.UNKNOWN)) for name in demanded} | told


def sample_names(content: Mapping[str, object], own_biosamples: Sequence[str]) -> tuple[str, ...]:
    """Names under which an individual stands in VCF headers.

    Those the record lists in `info.samples`; else the ids of his biosamples; else his own id.
    """
    info = content.get("info")
    listed = info.get("samples") if isinstance(info, dict) else None
    if isinstance(listed, list) and listed and all(isinstance(name, str) for name in listed):
        return tuple(dict.fromkeys(listed))
    return tuple(own_biosamples) or (str(content["id"]),)


def individual_of(content: Mapping[str, object], samples: tuple[str, ...]) -> Individual:
    """The value that a checked record of an individual stands for."""
    source = Member(dict(content), "record")
    diseases = source.get("diseases")
    features = source.get("phenotypicFeatures")
    return Individual(
        id=str(content["id"]),
        sex=read_sex(source.need("sex").need("id").text()) or Sex.UNKNOWN,
        samples=samples,
        diseases=tuple(_term(d.need("diseaseCode")) for d in diseases.each()) if diseases else (),
        features=tuple(_feature(f) for f in features.each()) if features else (),
        record=content,
    )


def _term(member: Member) -> Term:
    label = member.get("label")
    return Term(member.need("id").text(), label.text() if label else "")


def _feature(member: Member) -> Feature:
    excluded = member.get("excluded")
    return Feature(_term(member.need("featureType")), excluded.flag() if excluded else False)
