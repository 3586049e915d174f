"""How a disease is passed on: as it is stated of a patient, or told by how many copies of a gene are altered.

Spec: Human Phenotype Ontology, Mode of inheritance (HP:0000005).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from schemas.matching import Mode

_DOMINANT: Final = frozenset({Mode.DOMINANT})
_RECESSIVE: Final = frozenset({Mode.RECESSIVE})

_STATED: Final[Mapping[str, frozenset[Mode]]] = {
    "HP:0000006": _DOMINANT,
    "HP:0000007": _RECESSIVE,
    "HP:0001417": frozenset({Mode.X_DOMINANT, Mode.X_RECESSIVE}),
    "HP:0001419": frozenset({Mode.X_RECESSIVE}),
    "HP:0001423": frozenset({Mode.X_DOMINANT}),
    "HP:0001427": frozenset({Mode.MITOCHONDRIAL}),
    "HP:0001450": frozenset({Mode.Y_LINKED}),
    "HP:0012274": _DOMINANT,  # with paternal imprinting
    "HP:0012275": _DOMINANT,  # with maternal imprinting
    "HP:0025352": frozenset({Mode.DOMINANT, Mode.X_DOMINANT}),  # typically de novo
    "HP:0032113": frozenset({Mode.DOMINANT, Mode.RECESSIVE}),  # semidominant
    "HP:0034340": _DOMINANT,  # pseudoautosomal
    "HP:0034341": _RECESSIVE,
}
# They say something else of inheritance: how often it shows, in whom, or that it is not simple.
_OTHERS: Final = frozenset({
    "HP:0000005", "HP:0001426", "HP:0001442", "HP:0001466", "HP:0001470", "HP:0001475", "HP:0003743",
    "HP:0003744", "HP:0003745", "HP:0003829", "HP:0003831", "HP:0010982", "HP:0010983", "HP:0010984",
    "HP:0032382", "HP:0032383", "HP:0032384", "HP:0034335", "HP:0034338", "HP:0034339", "HP:0034343",
    "HP:0034344", "HP:0034345", "HP:0034857", "HP:0034950", "HP:4000158", "HP:4000159", "HP:4000160",
})  # fmt: skip
_BY_COPIES: Final[Mapping[int, frozenset[Mode]]] = {
    1: frozenset({Mode.DOMINANT, Mode.X_DOMINANT, Mode.X_RECESSIVE}),  # hemizygous, too
    2: frozenset({Mode.RECESSIVE, Mode.X_RECESSIVE}),
}


def is_mode(term: str) -> bool:
    """Whether a term speaks of inheritance, and so is no feature."""
    return term in _STATED or term in _OTHERS


def stated_modes(terms: Iterable[str]) -> frozenset[Mode]:
    """The modes that these terms leave possible; empty when none of them tells one."""
    told = [_STATED[term] for term in terms if term in _STATED]
    return frozenset[Mode]().union(*told)


def modes_by_copies(copies: int | None) -> frozenset[Mode]:
    """The modes in which so many altered copies of a gene make ill; empty when they are not known."""
    return frozenset() if copies is None else _BY_COPIES[copies]
