"""How many copies of X and of Y people have: a genotype of one who has one counts as one allele there.

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
_USUAL: Final[Mapping[str, Mapping[str, int]]] = {Sex.MALE: {"X": 1, "Y": 1}, Sex.FEMALE: {"X": 2, "Y": 0}}


class Reader(Protocol):
    """What reads the database."""

    def rows(self, statement: str, values: Sequence[Any]) -> list[Any]: ...


Known = Mapping[int, Mapping[int, BitMap]]
"""By contig number, and by how many copies of it they have, the ordinals of people."""


def known_copies(session: Reader, dataset_no: int, samples: Sequence[str]) -> Known:
    """Of those of whom it is recorded; {} for nobody.  A microsecond a person.

    samples: of the dataset, by ordinal.
    """
    ordinals: dict[str, int] = {}
    found: dict[int, dict[int, BitMap]] = {}
    for sex, karyotype, names in session.rows(f"{_PEOPLE}{dataset_no:d}", ()):
        had = copies_of(sex, karyotype)
        if not had:
            continue
        ordinals = ordinals or {name: ordinal for ordinal, name in enumerate(samples) if name}
        own = [ordinals[name] for name in orjson.loads(names) if name in ordinals]
        for name, copies in had.items() if own else ():
            found.setdefault(_CONTIGS[name], {}).setdefault(copies, BitMap()).update(own)
    return found


def copies_of(sex: str, karyotype: str) -> Mapping[str, int]:
    """How many of X and of Y somebody has; {} where it is not known."""
    if _KARYOTYPE.fullmatch(karyotype):
        return {name: karyotype.count(name) for name in _CONTIGS}
    return _USUAL.get(sex, {}) if karyotype in ("", "UNKNOWN_KARYOTYPE") else {}
