"""The words for types of variants: VCF's, and the Sequence Ontology's and EFO's terms for the same.

A term that is wider than one type admits every type under it: CNV, as its SO term, is every gain and loss,
and INDEL every insertion and deletion.  A symbolic ALT (`INS:ME:ALU`, `CN2`) is its own word, with or without
the brackets, and admits itself and finer ones.

Terms for the level of a gain or loss are told from what a carrier has.  That is the number in FORMAT CN where
it counts, and is otherwise reckoned on two copies (on one where the genotype has one allele): `<DEL>` and
`<CN0>` leave none on their chromosome, `<DUP>` two at the least, `<CNn>` n.

    EFO:0030068  low-level loss           one copy or more is left
    EFO:0020073  high-level loss          none is left; so, too, EFO:0030069, complete loss
    EFO:0030071  low-level gain           three or four copies, or two where one is usual
    EFO:0030072  high-level gain          five or more
    EFO:0030073  focal amplification      five or more, over at most 3 Mb

`<CNV>` alone does not say how many copies it leaves: it is a CNV, and neither a gain nor a loss.  A number of
copies (`<CNV:CNn>`) is the one or the other to everybody who counts as its carrier.

Spec: Beacon v2 requestParameters `variantType` and "Term use comparison" for copy numbers; SO; EFO "copy
number assessment".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from schemas.errors import BadQuestion
from schemas.genome import VariantType, symbolic_type
from schemas.questions import Conditions, Copies

_GAIN: Final = frozenset({VariantType.DUP, VariantType.DUP_TANDEM})
_LOSS: Final = frozenset({VariantType.DEL})
_CNV: Final = _GAIN | _LOSS | {VariantType.CNV}
_FOCAL_BP: Final = 3_000_000


@dataclass(frozen=True, slots=True)
class VariantClass:
    """What a word for a type admits; see `Conditions` for `symbol` and `copies`."""

    types: frozenset[VariantType]
    symbol: str | None = None
    copies: Copies | None = None
    min_length_bp: int | None = None
    max_length_bp: int | None = None


# The first word of a line is the one sent to other nodes.
_WORDS: Final[Mapping[str, VariantClass]] = {
    word: meant
    for words, meant in (
        ("SO:0001059 SEQUENCE_ALTERATION", VariantClass(frozenset(VariantType))),
        ("SNP SNV SO:0001483 SO:0000694", VariantClass(frozenset({VariantType.SNP}))),
        ("MNP MNV SO:0002007 SO:0001013", VariantClass(frozenset({VariantType.MNP}))),
        ("SO:1000002 SUBSTITUTION", VariantClass(frozenset({VariantType.SNP, VariantType.MNP}))),
        ("INS INSERTION SO:0000667", VariantClass(frozenset({VariantType.INS}))),
        ("INS:ME SO:0001837", VariantClass(frozenset({VariantType.INS}), symbol="INS:ME")),
        ("DEL DELETION SO:0000159 SO:0001743 EFO:0030067", VariantClass(_LOSS)),
        ("DEL:ME SO:0002066", VariantClass(_LOSS, symbol="DEL:ME")),
        ("EFO:0030068", VariantClass(_LOSS, copies=Copies(1))),
        ("EFO:0020073 EFO:0030069", VariantClass(_LOSS, copies=Copies(0, 0))),
        ("SO:1000032 DELINS", VariantClass(frozenset({VariantType.INDEL}))),
        ("INDEL", VariantClass(frozenset({VariantType.INS, VariantType.DEL, VariantType.INDEL}))),
        ("DUP DUPLICATION SO:1000035 SO:0001742 EFO:0030070", VariantClass(_GAIN)),
        ("EFO:0030071", VariantClass(_GAIN, copies=Copies(2, 4))),
        ("EFO:0030072", VariantClass(_GAIN, copies=Copies(5))),
        ("EFO:0030073", VariantClass(_GAIN, copies=Copies(5), max_length_bp=_FOCAL_BP)),
        ("DUP:TANDEM SO:1000173", VariantClass(frozenset({VariantType.DUP_TANDEM}))),
        ("INV INVERSION SO:1000036", VariantClass(frozenset({VariantType.INV}))),
        ("CNV SO:0001019 EFO:0030066 EFO:0030063", VariantClass(_CNV)),
        ("BND TRA TRANSLOCATION SO:0000199", VariantClass(frozenset({VariantType.BND}))),
    )
    for word in words.split()
}
TERMS: Final[Mapping[str, str]] = {
    "SO:0001059": "sequence alteration",
    "SO:0001483": "SNV",
    "SO:0000694": "SNP",
    "SO:0002007": "MNV",
    "SO:0001013": "MNP",
    "SO:1000002": "substitution",
    "SO:0000667": "insertion",
    "SO:0001837": "mobile element insertion",
    "SO:0000159": "deletion",
    "SO:0001743": "copy number loss",
    "EFO:0030067": "copy number loss",
    "SO:0002066": "mobile element deletion",
    "EFO:0030068": "low-level copy number loss",
    "EFO:0020073": "high-level copy number loss",
    "EFO:0030069": "complete genomic loss",
    "SO:1000032": "delins",
    "SO:1000035": "duplication",
    "SO:0001742": "copy number gain",
    "EFO:0030070": "copy number gain",
    "EFO:0030071": "low-level copy number gain",
    "EFO:0030072": "high-level copy number gain",
    "EFO:0030073": "focal genome amplification",
    "SO:1000173": "tandem duplication",
    "SO:1000036": "inversion",
    "SO:0001019": "copy number variation",
    "EFO:0030066": "relative copy number variation",
    "EFO:0030063": "copy number assessment",
    "SO:0000199": "translocation",
}
"""The terms among the words, by their labels."""

_SYMBOL: Final = re.compile(r"<?((?:DEL|INS|DUP|INV|CNV)(?::[\w-]{1,30}){1,4}|CN=?\d{1,4})>?", re.ASCII)


def read_variant_class(text: str) -> VariantClass:
    """What the word or term `text` stands for; case does not matter.

    Raises BadQuestion: an unknown word.
    """
    word = text.strip().upper()
    meant = _WORDS.get(word) or _WORDS.get(word.strip("<>"))
    if meant is not None:
        return meant
    symbol = _SYMBOL.fullmatch(word)
    if symbol:
        return VariantClass(frozenset({symbolic_type(f"<{symbol[1]}>")}), symbol=symbol[1])
    if word == "EFO:0030064":
        raise BadQuestion("variantType EFO:0030064, the base ploidy, is no change: no allele has it")
    raise BadQuestion(
        f"variantType {text[:40]!r} is not known; known are SNP, MNP, INS, DEL, INDEL, DUP, DUP:TANDEM, INV, "
        "CNV, BND, symbolic alleles (INS:ME:ALU, CN2) and the SO and EFO terms for them"
    )


def with_class(conditions: Conditions, meant: VariantClass) -> Conditions:
    """The conditions, and what `meant` demands beside them; of two bounds the narrower one."""
    shortest = (conditions.min_length_bp, meant.min_length_bp)
    longest = (conditions.max_length_bp, meant.max_length_bp)
    return replace(
        conditions,
        variant_types=meant.types,
        symbol=meant.symbol,
        copies=meant.copies,
        min_length_bp=max((bound for bound in shortest if bound is not None), default=None),
        max_length_bp=min((bound for bound in longest if bound is not None), default=None),
    )


def variant_type_word(conditions: Conditions) -> str:
    """The word that stands for the types, symbol and copies that `conditions` demand.

    Its lengths need not be those of the word: they are told beside it.

    Raises BadQuestion: no single word stands for them.
    """
    types, demand = conditions.variant_types, (conditions.symbol, conditions.copies)
    for word, meant in _WORDS.items():
        if meant.types == types and (meant.symbol, meant.copies) == demand:
            return word
    if conditions.symbol is not None and conditions.copies is None:
        return conditions.symbol
    raise BadQuestion(
        f"no variantType stands for {', '.join(sorted(types or ()))} together; ask for one at a time"
    )
