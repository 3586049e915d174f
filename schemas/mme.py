"""Matchmaker Exchange 1.0 and 1.1 on the wire: tolerant in what is read, strict in what is written.

Read: unknown fields and `null` are passed over, numbers stand for identifiers, `OMIM:` for `MIM:`, `chr17`
for `17`.  What cannot be understood without guessing is refused with the field's name and never its content.
Extensions of a patient, which have a leading underscore, are kept as they came and compared with nothing.
Written: fields of the specification only, and extensions; in 1.0 without the fields that came with 1.1.

Coordinates of `Variant` are those of the specification, 0-based and half-open; `end` may be absent.

Spec: https://github.com/ga4gh/mme-apis (search-api.md), v1.1
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import IntEnum, StrEnum
from typing import Annotated, Any, Final, Literal, Self, TypeVar

import orjson
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
    model_validator,
)
from pydantic.alias_generators import to_camel

from schemas.errors import BadQuestion, Unprocessable

HUMAN: Final = "NCBITaxon:9606"
_HPO_ID: Final = re.compile(r"HP:\d{7}")
_MAX_ENTRIES: Final = 1_000
_TOLD_PROBLEMS: Final = 5
_MAX_DEPTH: Final = 16


def _present(entries: object) -> object:
    return () if entries is None else entries


def _curie(text: object) -> object:
    """`hp_0001250` and ` HP:0001250 ` as `HP:0001250`; `OMIM:` and `ORPHA:` as the specification has them."""
    if not isinstance(text, str):
        return text
    bare = text.strip()
    prefix, local = re.split("[:_]", bare, maxsplit=1) if re.search("[:_]", bare) else ("", bare)
    known = _PREFIXES.get(prefix.lower())
    return f"{known}:{local.strip()}" if known else bare


_PREFIXES: Final = {
    "hp": "HP", "so": "SO", "mim": "MIM", "omim": "MIM", "orpha": "Orphanet", "orphanet": "Orphanet",
    "ordo": "Orphanet", "ncbitaxon": "NCBITaxon",
}  # fmt: skip


def _yes_or_no(observed: object) -> object:
    if isinstance(observed, str):
        return {"yes": True, "no": False}.get(observed.strip().lower(), observed)
    return True if observed is None else observed


def _upper(text: object) -> object:
    return text.strip().upper() if isinstance(text, str) else text


def _bases(text: object) -> object:
    return "" if text in ("-", ".") else _upper(text)


def _contig_name(text: object) -> object:
    return re.sub(r"^chr", "", text.strip(), flags=re.IGNORECASE) if isinstance(text, str) else text


def _zygosity(number: object) -> object:
    return int(number) if isinstance(number, str) and number.strip() in ("1", "2") else number


def _reachable(href: str) -> str:
    """Only addresses that are safe to show as a link."""
    address = href.strip()
    if "@" in address and ":" not in address:
        address = f"mailto:{address}"
    if not re.match(r"(https?://|mailto:)\S+$", address, re.IGNORECASE):
        raise ValueError("must be an http, https or mailto address")
    return address


def _first_email(email: object) -> object:
    return next(iter(email), None) if isinstance(email, list | tuple) else email


def _known_roles(roles: object) -> object:
    return tuple(role for role in roles if role in _ROLES) if isinstance(roles, list | tuple) else ()


_ROLES: Final = ("clinician", "researcher", "patient")

Identifier = Annotated[str, Field(min_length=1, max_length=255)]
Label = Annotated[str, Field(max_length=255)]
Text = Annotated[str, Field(max_length=4_000)]
Curie = Annotated[Identifier, BeforeValidator(_curie)]
Bases = Annotated[str, BeforeValidator(_bases)]
Observed = Annotated[
    bool, BeforeValidator(_yes_or_no), PlainSerializer(lambda observed: "yes" if observed else "no", str)
]
Href = Annotated[Text, AfterValidator(_reachable)]


class _Wire(BaseModel):
    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        alias_generator=to_camel,
        populate_by_name=True,
        coerce_numbers_to_str=True,
        hide_input_in_errors=True,
    )

    @model_serializer(mode="wrap")
    def _known(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """What is not known is left out: the specification has no `null` and no empty list."""
        filled: dict[str, Any] = write(self)
        return {name: content for name, content in filled.items() if content is not None and content != []}

    def document(self) -> dict[str, Any]:
        """The value as the specification writes it, ready for JSON."""
        return self.model_dump(mode="json", by_alias=True)


class _Extensible(_Wire):
    """A part of a patient: members with a leading underscore are its sender's own, and are kept."""

    model_config = ConfigDict(extra="allow")

    @model_validator(mode="before")
    @classmethod
    def _own_and_extensions(cls, given: object) -> object:
        if not isinstance(given, dict):
            return given
        known = {*cls.model_fields, *(field.alias for field in cls.model_fields.values())}
        return {
            name: content
            for name, content in given.items()
            if name in known or (isinstance(name, str) and name.startswith("_") and _is_shallow(content))
        }

    def bare(self) -> Self:
        """The same without extensions, its own and those of its parts; itself when there are none."""
        if not self.is_extended():
            return self
        return type(self).model_validate(_without_extensions(self.document()))

    def is_extended(self) -> bool:
        """Whether it or any part of it has extensions."""
        if self.model_extra:
            return True
        values = (getattr(self, name) for name in type(self).model_fields)
        parts = (part for value in values for part in (value if isinstance(value, tuple) else (value,)))
        return any(part.is_extended() for part in parts if isinstance(part, _Extensible))


def _is_shallow(content: object, depth: int = _MAX_DEPTH) -> bool:
    """Whether it can be written again: what is nested deeper than anybody means is not kept."""
    if isinstance(content, dict):
        return depth > 0 and all(_is_shallow(inner, depth - 1) for inner in content.values())
    if isinstance(content, list):
        return depth > 0 and all(_is_shallow(inner, depth - 1) for inner in content)
    return True


_Model = TypeVar("_Model", bound=_Wire)


class Zygosity(IntEnum):
    """How many copies carry the change; 1 is heterozygous or hemizygous."""

    ONE = 1
    TWO = 2


class PatientSex(StrEnum):
    FEMALE = "FEMALE"
    MALE = "MALE"
    OTHER = "OTHER"
    MIXED_SAMPLE = "MIXED_SAMPLE"
    NOT_APPLICABLE = "NOT_APPLICABLE"


class Contact(_Extensible):
    """Whom a person who found a match writes to."""

    name: Text = Field(min_length=1)
    href: Href
    institution: Text | None = None
    email: Annotated[Text | None, BeforeValidator(_first_email)] = None
    roles: Annotated[
        tuple[Literal["clinician", "researcher", "patient"], ...], BeforeValidator(_known_roles)
    ] = ()


class Disorder(_Extensible):
    """A diagnosis, `MIM:######` or `Orphanet:#####`."""

    id: Curie
    label: Text | None = None


class Feature(_Extensible):
    """A phenotypic feature; `observed` false when it was looked for and is absent."""

    id: Curie
    label: Text | None = None
    observed: Observed = True
    age_of_onset: Curie | None = None

    @property
    def is_hpo(self) -> bool:
        return _HPO_ID.fullmatch(self.id) is not None


class GeneName(_Extensible):
    """A gene as its sender names it: Ensembl, Entrez or HGNC identifier, or a symbol."""

    id: Identifier


class Variant(_Extensible):
    """A variant as its sender gives it; `start` 0-based, `end` exclusive, both possibly absent or wrong."""

    assembly: Label
    reference_name: Annotated[Label, BeforeValidator(_contig_name)]
    start: int | None = None
    end: int | None = None
    reference_bases: Bases | None = None
    alternate_bases: Bases | None = None


class VariantKind(_Extensible):
    """What the variant does, as a Sequence Ontology term (`SO:0001587`)."""

    id: Curie
    label: Text | None = None


class GenomicFeature(_Extensible):
    """A candidate gene, with the variant found in it where the sender tells it."""

    gene: GeneName
    variant: Annotated[Variant | None, BeforeValidator(lambda given: given or None)] = None
    zygosity: Annotated[Zygosity | None, BeforeValidator(_zygosity)] = None
    kind: Annotated[VariantKind | None, BeforeValidator(lambda given: given or None)] = Field(
        default=None, alias="type"
    )


class Patient(_Extensible):
    """One patient of an exchange; at least a feature or a candidate gene.

    test: made up; nobody is to be notified because of it.
    """

    id: Identifier
    label: Label | None = None
    contact: Contact
    species: Curie | None = None
    sex: Annotated[PatientSex | None, BeforeValidator(_upper)] = None
    age_of_onset: Curie | None = None
    inheritance_mode: Curie | None = None
    disorders: Annotated[tuple[Disorder, ...], BeforeValidator(_present)] = Field(
        default=(), max_length=_MAX_ENTRIES
    )
    features: Annotated[tuple[Feature, ...], BeforeValidator(_present)] = Field(
        default=(), max_length=_MAX_ENTRIES
    )
    genomic_features: Annotated[tuple[GenomicFeature, ...], BeforeValidator(_present)] = Field(
        default=(), max_length=_MAX_ENTRIES
    )
    test: Annotated[bool, BeforeValidator(lambda given: given or False)] = False

    @model_validator(mode="after")
    def _says_something(self) -> Patient:
        if not self.features and not self.genomic_features:
            raise ValueError("one of features and genomicFeatures must be given")
        return self


class MatchRequest(_Wire):
    patient: Patient
    disclaimer: Text | None = None
    terms: Text | None = None


class Named(_Wire):
    """A term and its label, for a person to read."""

    id: str
    label: str = ""


class FeaturePair(_Wire):
    """A feature of the question, the one of the match nearest to it, and what they have in common."""

    asked: Named
    found: Named
    common: Named


class GenePair(_Wire):
    """A gene both name; `variant` 1.0 when it is the very same change, 0.0 when none is known to agree.

    how, frequency: in what the variants agree, and how common they are.  effects: what both changes do.
    """

    gene: Named
    zygosity: bool = False
    kind: bool = False
    variant: float = 0.0
    how: str | None = None
    frequency: float | None = None
    effects: tuple[str, ...] = ()
    inheritance: tuple[str, ...] = ()


class ExplanationDocument(_Wire):
    """Why a result is a match, in terms that stand in the question or in the result.

    only_asked, only_found: features of the one to which the other has nothing near.  text: all of it, and
    what the score means, in sentences.
    """

    features: tuple[FeaturePair, ...] = ()
    only_asked: tuple[Named, ...] = ()
    only_found: tuple[Named, ...] = ()
    contradictions: tuple[Named, ...] = ()
    genes: tuple[GenePair, ...] = ()
    disorders: tuple[str, ...] = ()
    inheritance: tuple[str, ...] = ()
    text: tuple[str, ...] = ()


Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class MeaningDocument(_Wire):
    """How often published patients with such a score shared the gene; see `schemas.matching.Meaning`."""

    shared_gene: Share
    low: Share
    high: Share
    by_chance: Share
    pairs: int
    genes: int
    compared_by: str


class ScoreDocument(_Wire):
    """`patient` from 0 to 1; its two parts, each from 0 to 1, and what it means, as extensions."""

    patient: Share
    phenotype: Share | None = Field(default=None, alias="_phenotype")
    genotype: Share | None = Field(default=None, alias="_genotype")
    meaning: MeaningDocument | None = Field(default=None, alias="_meaning")


class MatchResult(_Wire):
    """here: the score that the node which merged the answers of others gives the pair itself."""

    score: ScoreDocument
    patient: Patient
    explanation: ExplanationDocument | None = Field(default=None, alias="_explanation")
    here: ScoreDocument | None = Field(default=None, alias="_here")


class MatchResponse(_Wire):
    """Results, best first.  unknown: identifiers of the question that this node could not place."""

    results: tuple[MatchResult, ...]
    disclaimer: Text | None = None
    terms: Text | None = None
    unknown: tuple[str, ...] = Field(default=(), alias="_unknown")

    def document(self) -> dict[str, Any]:
        """The response as the specification writes it; `results` stays when it is empty."""
        return {"results": [], **super().document()}


# Members that 1.1 brought, by the member they stand in.
_NEW_IN_1_1: Final = {
    "contact": ("email", "roles"),
    "features": ("label",),
    "disorders": ("label",),
}


def as_version(document: Mapping[str, Any], version: str) -> dict[str, Any]:
    """A request or response document as it is written in `version`: for 1.0, without what came with 1.1."""
    if version != "1.0":
        return dict(document)
    told = dict(document)
    if "patient" in told:
        told["patient"] = _patient_of_1_0(told["patient"])
    if "results" in told:
        told["results"] = [
            {**result, "patient": _patient_of_1_0(result["patient"])} for result in told["results"]
        ]
    return told


def _patient_of_1_0(patient: Mapping[str, Any]) -> dict[str, Any]:
    old = dict(patient)
    for part, new in _NEW_IN_1_1.items():
        held = old.get(part)
        if isinstance(held, list):
            old[part] = [{k: v for k, v in one.items() if k not in new} for one in held]
        elif isinstance(held, dict):
            old[part] = {k: v for k, v in held.items() if k not in new}
    return old


def read_request(body: bytes) -> MatchRequest:
    """The question a peer sent.

    Raises BadQuestion: not JSON; Unprocessable: JSON that is no match request, with the fields at fault.
    """
    return _read(MatchRequest, _parse(body))


def read_patient(document: Mapping[str, Any]) -> Patient:
    """The patient of a document, bare or inside `{"patient": ...}`.

    Raises Unprocessable: no patient, with the fields at fault.
    """
    inner = document.get("patient", document)
    return _read(Patient, inner)


def read_response(body: bytes) -> tuple[MatchResponse, int]:
    """What a peer answered, and how many of its results could not be read and were left out.

    Raises BadQuestion: not JSON; Unprocessable: no match response at all.
    """
    document = _parse(body)
    if not isinstance(document, dict) or not isinstance(document.get("results"), list):
        raise Unprocessable("results: must be a list")
    readable = [result for raw in document["results"] if (result := _read_result(raw)) is not None]
    notes = {name: document[name] for name in ("disclaimer", "terms") if isinstance(document.get(name), str)}
    return _read(MatchResponse, notes | {"results": readable}), len(document["results"]) - len(readable)


def _read_result(raw: object) -> MatchResult | None:
    """None when it is no result; extensions that are not ours are no reason to refuse one."""
    try:
        return MatchResult.model_validate(raw)
    except ValidationError:
        plain = _without_extensions(raw)
    try:
        return MatchResult.model_validate(plain)
    except ValidationError:
        return None


def _without_extensions(raw: object) -> object:
    if isinstance(raw, dict):
        return {name: _without_extensions(inner) for name, inner in raw.items() if not name.startswith("_")}
    if isinstance(raw, list):
        return [_without_extensions(inner) for inner in raw]
    return raw


def _parse(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        raise BadQuestion("the body is not valid JSON") from None


def _read(model: type[_Model], document: object) -> _Model:
    try:
        return model.model_validate(document)
    except ValidationError as fault:
        problems = fault.errors(include_url=False, include_context=False, include_input=False)
    told = [
        f"{'.'.join(map(str, p['loc'])) or 'body'}: {p['msg'].removeprefix('Value error, ')}"
        for p in problems[:_TOLD_PROBLEMS]
    ]
    raise Unprocessable("; ".join(told))
