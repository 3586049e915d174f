"""What VCF 4.4 demands of structural variants, copy numbers and tandem repeats in INFO.

Spec: VCF 4.4 §3, §5.6 (SVCLAIM) and §5.7 (CNV:TR).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from node.validate.alleles import AltKind, alt_kind
from node.validate.genotypes import encloses_zero
from node.validate.values import MISSING, is_float, is_integer

Info = Mapping[str, str | None]
"""INFO by key; None for a flag."""

_SIZED: Final = frozenset(("DEL", "INS", "DUP", "INV", "CNV"))
_REPEAT: Final = "<CNV:TR>"
_CLAIMS: Final = {
    "DEL": frozenset(("D", "J", "DJ")),
    "DUP": frozenset(("D", "J", "DJ")),
    "CNV": frozenset(("D", MISSING)),
    "INS": frozenset(("J", MISSING)),
    "INV": frozenset(("J", MISSING)),
    "BND": frozenset(("J", MISSING)),
}
_NO_CLAIM: Final = frozenset((MISSING,))
_PER_ALLELE: Final = {"CIPOS": 2, "CIEND": 2, "CILEN": 2, "CICN": 2, "MEINFO": 4, "METRANS": 4}
_PER_REPEAT: Final = {"RUS": 1, "RUL": 1, "RUC": 1, "RB": 1, "CIRUC": 2, "CIRB": 2}


def check_structural(alternates: Sequence[str], info: Info) -> Iterator[str]:
    """The reasons why INFO does not fit the alleles of ALT."""
    families = [_family(alternate) for alternate in alternates]
    for family, length in zip(families, _values(info, "SVLEN", len(families)), strict=False):
        if family in _SIZED and length == MISSING:
            yield f"INFO SVLEN must tell the length of {family}"
        elif family == "" and length != MISSING:
            yield "INFO SVLEN must be . for an allele that is no structural variant"
    for family, claim in zip(families, _values(info, "SVCLAIM", len(families)), strict=False):
        if claim not in _CLAIMS.get(family, _NO_CLAIM):
            yield "INFO SVCLAIM does not fit its allele"
    for key, size in _PER_ALLELE.items():
        values = _values(info, key, 0)
        if values and values != [MISSING] and len(values) != size * len(alternates):
            yield f"INFO {key} must hold {size} values for each allele of ALT"
    copies = _values(info, "CICN", 0)
    if len(copies) % 2 == 0 and not all(map(encloses_zero, zip(copies[::2], copies[1::2], strict=True))):
        yield "INFO CICN must be an interval around zero"
    if _REPEAT in alternates:
        yield from _check_repeats(alternates, info)


def _family(alternate: str) -> str:
    """The first level of a symbolic allele, `BND` for a breakend, "" for everything else."""
    kind = alt_kind(alternate)
    if kind is AltKind.BREAKEND:
        return "BND"
    family = alternate.strip("<>").split(":")[0] if kind is AltKind.SYMBOLIC else ""
    return family if family in _CLAIMS else ""


def _values(info: Info, key: str, absent: int) -> list[str]:
    """The values of a key; as many missing ones as `absent` says when it is not there or wholly missing."""
    text = info.get(key) or MISSING
    if text == MISSING and absent:
        return [MISSING] * absent
    return text.split(",") if key in info else []


def _check_repeats(alternates: Sequence[str], info: Info) -> Iterator[str]:
    counts = _values(info, "RN", len(alternates))
    repeats = sum(
        int(count) if is_integer(count) else int(alternate == _REPEAT)
        for alternate, count in zip(alternates, counts, strict=False)
    )
    if not ({"RUS", "RUL"} & info.keys()):
        yield "INFO of a tandem repeat needs RUS or RUL"
    for key, size in _PER_REPEAT.items():
        values = _values(info, key, 0)
        if values and values != [MISSING] and len(values) != size * repeats:
            yield f"INFO {key} must hold {size * repeats} values, by the repeats that RN counts"
    units, lengths = _values(info, "RUS", 0), _values(info, "RUL", 0)
    for unit, length in zip(units, lengths, strict=False):
        if unit != MISSING and is_integer(length) and len(unit) != int(length):
            yield "INFO RUL is not the length of RUS"
    if "RUB" in info:
        yield from _check_unit_bases(info)


def _check_unit_bases(info: Info) -> Iterator[str]:
    unit_counts = [float(count) for count in _values(info, "RUC", 0) if is_float(count)]
    if not all(count.is_integer() for count in unit_counts):
        yield "INFO RUB needs whole numbers in RUC"
    elif unit_counts and len(_values(info, "RUB", 0)) != sum(unit_counts):
        yield "INFO RUB must hold one value for each unit that RUC counts"
