"""The words for types of variants: VCF's, and the Sequence Ontology's and EFO's terms for the same.

A term that is wider than one type admits every type under it: CNV, as its SO term, is every gain and loss,
and INDEL every insertion and deletion.  Terms for the level of a gain or loss (`EFO:0030069`, complete loss)
are refused: a VCF does not tell the level, and answering for every loss would answer another question.

Spec: Beacon v2 requestParameters `variantType`; SO; EFO "copy number assessment".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from schemas.errors import BadQuestion
from schemas.genome import VariantType

_GAIN: Final = frozenset({VariantType.DUP, VariantType.DUP_TANDEM})
_LOSS: Final = frozenset({VariantType.DEL})
_CNV: Final = _GAIN | _LOSS | {VariantType.CNV}

# The first word for a set is the one sent to other nodes.
_WORDS: Final[Mapping[str, frozenset[VariantType]]] = {
    word: types
    for words, types in (
        ("SNP SNV SO:0001483 SO:0000694", frozenset({VariantType.SNP})),
        ("MNP MNV SO:0002007 SO:0001013", frozenset({VariantType.MNP})),
        ("INS INSERTION SO:0000667", frozenset({VariantType.INS})),
        ("DEL DELETION SO:0000159 SO:0001743 EFO:0030067", _LOSS),
        ("SO:1000032 DELINS", frozenset({VariantType.INDEL})),
        ("INDEL", frozenset({VariantType.INS, VariantType.DEL, VariantType.INDEL})),
        ("DUP DUPLICATION SO:1000035 SO:0001742 EFO:0030070", _GAIN),
        ("DUP:TANDEM SO:1000173", frozenset({VariantType.DUP_TANDEM})),
        ("INV INVERSION SO:1000036", frozenset({VariantType.INV})),
        ("CNV SO:0001019 EFO:0030066", _CNV),
        ("BND TRA TRANSLOCATION SO:0000199", frozenset({VariantType.BND})),
    )
    for word in words.split()
}
_LEVELS: Final = {
    "EFO:0030068": "EFO:0030067", "EFO:0020073": "EFO:0030067", "EFO:0030069": "EFO:0030067",
    "EFO:0030071": "EFO:0030070", "EFO:0030072": "EFO:0030070", "EFO:0030073": "EFO:0030070",
}  # fmt: skip


def read_variant_types(text: str) -> frozenset[VariantType]:
    """The types that the word or term `text` stands for; case does not matter.

    Raises BadQuestion: an unknown word, or a term narrower than a VCF can tell.
    """
    word = text.strip().upper()
    if word in _LEVELS:
        raise BadQuestion(
            f"variantType {word}: this node tells gains from losses, not their level; ask for {_LEVELS[word]}"
        )
    types = _WORDS.get(word)
    if types is None:
        raise BadQuestion(
            f"variantType {text[:40]!r} is not known; known are SNP, MNP, INS, DEL, INDEL, DUP, DUP:TANDEM, "
            "INV, CNV, BND and the SO and EFO terms for them"
        )
    return types


def variant_type_word(types: frozenset[VariantType]) -> str:
    """The word that `read_variant_types` reads as `types`.

    Raises BadQuestion: no single word stands for this set.
    """
    for word, meant in _WORDS.items():
        if meant == types:
            return word
    raise BadQuestion(f"no variantType stands for {', '.join(sorted(types))} together; ask for one at a time")
