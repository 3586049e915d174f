"""Who has one copy of X or of Y: a genotype of his that is written with two alleles there counts as one.

It is looked up when counts are made, so a sex that is recorded or corrected later needs no new ingest.  The
recorded karyotype says it where there is one (XY, XXY, XO...), the recorded sex otherwise; of people whose
sex is not recorded a genotype counts as it is written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

import orjson
from pyroaring import BitMap

from schemas.people import Sex

_PEOPLE: Final = "SELECT sex, karyotype, samples FROM individual WHERE dataset_no = "
_KARYOTYPE: Final = re.compile("X+[OY0]*")
_CONTIGS: Final = {"X": 23, "Y": 24}


class Reader(Protocol):
    """What reads the database."""

    def rows(self, statement: str, values: Sequence[Any]) -> list[Any]: ...


def lone_people(session: Reader, dataset_no: int, samples: Sequence[str]) -> Mapping[int, BitMap]:
    """By contig number, the ordinals of those who have one copy; {} for nobody.  A microsecond a person.

    samples: of the dataset, by ordinal.
    """
    ordinals: dict[str, int] = {}
    found = {number: BitMap() for number in _CONTIGS.values()}
    for sex, karyotype, names in session.rows(f"{_PEOPLE}{dataset_no:d}", ()):
        numbers = [_CONTIGS[name] for name, copies in copies_of(sex, karyotype).items() if copies == 1]
        if not numbers:
            continue
        ordinals = ordinals or {name: ordinal for ordinal, name in enumerate(samples) if name}
        own = [ordinals[name] for name in orjson.loads(names) if name in ordinals]
        for number in numbers:
            found[number].update(own)
    return {number: people for number, people in found.items() if people}


def copies_of(sex: str, karyotype: str) -> Mapping[str, int]:
    """How many of X and of Y somebody has; {} where it is not known, or not of use, as of a woman's Y."""
    if _KARYOTYPE.fullmatch(karyotype):
        return {name: karyotype.count(name) for name in _CONTIGS}
    return {"X": 1, "Y": 1} if sex == Sex.MALE and karyotype in ("", "UNKNOWN_KARYOTYPE") else {}
