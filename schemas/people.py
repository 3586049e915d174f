"""Datasets and the people in them, as a node keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from schemas.access import Policy
from schemas.genome import Assembly


@dataclass(frozen=True, slots=True)
class Dataset:
    """A collection of people sequenced against one assembly, with one access policy.

    duo: DUO codes of the use conditions (`DUO:0000042`); beside DUO:0000007 also its diseases (MONDO).
    """

    id: str
    assembly: Assembly
    policy: Policy
    name: str = ""
    description: str = ""
    duo: tuple[str, ...] = ()


class Sex(StrEnum):
    """Sex as recorded; it decides the expected ploidy of X and Y."""

    FEMALE = "female"
    MALE = "male"
    OTHER = "other"
    UNKNOWN = "unknown"


SEX_CODES: Final = {
    Sex.FEMALE: ("NCIT:C16576", "NCIT:C46110", "NCIT:C46113", "PATO:0000383"),
    Sex.MALE: ("NCIT:C20197", "NCIT:C46109", "NCIT:C46112", "PATO:0000384"),
    Sex.OTHER: ("NCIT:C17649", "NCIT:C45908", "NCIT:C124294", "PATO:0001340"),
    Sex.UNKNOWN: ("NCIT:C17998", "NCIT:C1799"),
}
"""The ontology terms of each sex: the one that records have, then the others that mean the same."""


@dataclass(frozen=True, slots=True)
class Term:
    """An ontology class: CURIE and label."""

    id: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class Feature:
    """A phenotypic feature; `excluded` when it was looked for and not found."""

    term: Term
    excluded: bool = False


@dataclass(frozen=True, slots=True)
class Individual:
    """A person in a dataset.

    samples: names under which he stands in VCF headers; his own id when none is given.
    record: the source record in Beacon Friendly Format, kept whole.
    """

    id: str
    sex: Sex = Sex.UNKNOWN
    samples: tuple[str, ...] = ()
    diseases: tuple[Term, ...] = ()
    features: tuple[Feature, ...] = ()
    record: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Biosample:
    """A sample taken from a person of a dataset.

    individual_id: "" when the source does not say from whom.  record: as `Individual.record`.
    """

    id: str
    individual_id: str = ""
    record: Mapping[str, object] = field(default_factory=dict)
