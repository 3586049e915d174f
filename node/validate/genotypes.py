"""FORMAT and the sample columns: genotypes, and the values beside them.

Spec: VCF 4.1/4.2 §1.4.2; VCF 4.3/4.4 §1.6.2.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from node.validate.header import Header
from node.validate.reserved import Version
from node.validate.values import MISSING, MOST_VALUES, Definition, expected_count, is_float, miscount, misfit

MOST_KEYS: Final = 1_000
_MOST_COPIES: Final = 1_000
_GENOTYPE: Final = re.compile(r"(?:\.|[0-9]{1,9})(?:[|/](?:\.|[0-9]{1,9}))*+")
_INDEX: Final = re.compile(r"[0-9]+")
_ALPHANUMERIC: Final = re.compile(r"[0-9A-Za-z]+")
_KEY: Final = re.compile(r"[A-Za-z_][0-9A-Za-z_.]*")
_DIPLOID: Final = 2


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a FORMAT column.  declared: by the header, so that its type is known, too."""

    name: str
    definition: Definition | None
    declared: bool


def read_format(column: str, header: Header, version: Version) -> tuple[Key, ...]:
    """The keys of a FORMAT column with what is known of each."""
    return tuple(
        Key(name, header.definition("FORMAT", name, version), header.declared("FORMAT", name) is not None)
        for name in column.split(":", MOST_KEYS)
    )


def check_format(keys: Sequence[Key], version: Version) -> Iterator[str]:
    """The reasons why FORMAT is wrong.

    Versions 4.1 and 4.2 know alphanumeric keys only, but many tools that write them declare others
    (`MIN_DP`); these are admitted as declared.
    """
    if len(keys) > MOST_KEYS:
        yield f"FORMAT holds more than {MOST_KEYS} keys"
        return
    pattern = _ALPHANUMERIC if version < Version.V43 else _KEY
    for key in keys:
        lenient = key.declared and version < Version.V43
        if not (_KEY if lenient else pattern).fullmatch(key.name):
            yield "FORMAT holds an empty key or one with a character that keys must not hold"
    names = [key.name for key in keys]
    if "GT" in names[1:]:
        yield "GT must come first in FORMAT"
    if len(set(names)) < len(names):
        yield "FORMAT holds a key twice"
    if version >= Version.V44 and "CICN" in names and "CN" not in names:
        yield "FORMAT holds CICN without CN"


def check_sample(text: str, keys: Sequence[Key], alternates: int, version: Version) -> Iterator[str]:
    """The reasons why one sample column is wrong; trailing values may be left out."""
    if text.count(":") >= len(keys):
        yield "more values than FORMAT has keys"
        return
    values = dict(zip((key.name for key in keys), text.split(":"), strict=False))
    genotype = values.get("GT")
    ploidy: int | None = _DIPLOID
    if genotype is not None:
        yield from _check_genotype(genotype, alternates, version)
        ploidy = None if genotype == MISSING else _ploidy(genotype)
    for key in keys[1:] if genotype is not None else keys:
        value = values.get(key.name)
        if value is not None and value != MISSING:
            yield from _check_values(key, value, alternates, ploidy)
    if version >= Version.V44:
        yield from _check_44(values)


def _ploidy(genotype: str) -> int:
    """How many copies a genotype tells of; a sign before the first is not between two."""
    return 1 + genotype.count("|", 1) + genotype.count("/", 1)


def _check_genotype(genotype: str, alternates: int, version: Version) -> Iterator[str]:
    body = genotype
    if version >= Version.V44 and genotype[:1] in ("|", "/"):
        body = genotype[1:]
    if not _GENOTYPE.fullmatch(body):
        yield "GT is not a genotype"
    elif _ploidy(body) > _MOST_COPIES:
        yield f"GT holds more than {_MOST_COPIES} alleles"
    elif alternates and any(int(index) > alternates for index in _INDEX.findall(body)):
        yield "GT names an allele that the record does not have"


def _check_values(key: Key, text: str, alternates: int, ploidy: int | None) -> Iterator[str]:
    if text.count(",") >= MOST_VALUES:
        yield f"{key.name[:40]} holds more than {MOST_VALUES} values"
        return
    values = text.split(",")
    if not text or key.definition is None:
        if not all(values):
            yield f"{key.name[:40]} holds an empty value"
        return
    if ploidy is not None and ploidy > _MOST_COPIES:
        return
    expected = expected_count(key.definition.number, alternates, ploidy)
    wrong = (miscount(len(values), expected), misfit(values, key.definition.type) if key.declared else None)
    yield from (f"{key.name[:40]} {reason}" for reason in wrong if reason)


def _check_44(values: dict[str, str]) -> Iterator[str]:
    interval = values.get("CICN", MISSING).split(",")
    if len(interval) == 2 and not encloses_zero(interval):
        yield "CICN must be an interval around zero"
    sets, genotype = values.get("PSL", ""), values.get("GT", MISSING)
    if sets and sets != MISSING and _ploidy(genotype) <= _MOST_COPIES:
        for phased, name in zip(_phased(genotype), sets.split(","), strict=False):
            if not phased and name != MISSING:
                yield "PSL names a phase set for an allele that is not phased"


def _phased(genotype: str) -> list[bool]:
    """Whether each allele is phased; the first, without a sign of its own, when all others are."""
    signs = [sign == "|" for sign in re.findall(r"[|/]", genotype)]
    return signs if genotype[:1] in ("|", "/") else [all(signs), *signs]


def encloses_zero(interval: Sequence[str]) -> bool:
    """Whether the two bounds lie on either side of zero; a bound that is missing or no number does."""
    low, high = interval
    return not (is_float(low) and float(low) > 0) and not (is_float(high) and float(high) < 0)
