"""Keys whose Number and Type the specification fixes, by version.

A header must not declare them otherwise.  Types are left open (None) where the versions or their readers
never agreed on one.

Spec: VCF 4.1/4.2 §1.4.1.8 and §1.4.2; VCF 4.3 tables 1 and 2; VCF 4.4 tables 1, 2 and §3.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Final

from node.validate.values import Definition, ValueType


class Version(IntEnum):
    """The minor number of a VCF 4 version."""

    V41 = 1
    V42 = 2
    V43 = 3
    V44 = 4


_I, _F, _S, _FLAG = ValueType.INTEGER, ValueType.FLOAT, ValueType.STRING, ValueType.FLAG

_INFO: Final[Mapping[str, tuple[Version, str, ValueType | None]]] = {
    "AA": (Version.V41, "1", _S),
    "AC": (Version.V41, "A", _I),
    "AF": (Version.V41, "A", _F),
    "AN": (Version.V41, "1", _I),
    "BQ": (Version.V41, "1", _F),
    "CIGAR": (Version.V41, "A", _S),
    "DB": (Version.V41, "0", _FLAG),
    "DP": (Version.V41, "1", _I),
    "END": (Version.V41, "1", _I),
    "H2": (Version.V41, "0", _FLAG),
    "H3": (Version.V41, "0", _FLAG),
    "MQ": (Version.V41, "1", None),
    "MQ0": (Version.V41, "1", _I),
    "NS": (Version.V41, "1", _I),
    "SOMATIC": (Version.V41, "0", _FLAG),
    "VALIDATED": (Version.V41, "0", _FLAG),
    "1000G": (Version.V41, "0", _FLAG),
    "AD": (Version.V43, "R", _I),
    "ADF": (Version.V43, "R", _I),
    "ADR": (Version.V43, "R", _I),
    "CN": (Version.V44, "A", _F),
    "EVENT": (Version.V44, "A", _S),
    "HOMLEN": (Version.V44, "A", _I),
    "HOMSEQ": (Version.V44, "A", _S),
    "MATEID": (Version.V44, "A", _S),
    "IMPRECISE": (Version.V44, "0", _FLAG),
    "NOVEL": (Version.V44, "0", _FLAG),
    "RB": (Version.V44, ".", _I),
    "RN": (Version.V44, "A", _I),
    "RUB": (Version.V44, ".", _I),
    "RUC": (Version.V44, ".", _F),
    "RUL": (Version.V44, ".", _I),
    "RUS": (Version.V44, ".", _S),
    "CIRB": (Version.V44, ".", _I),
    "CIRUC": (Version.V44, ".", _F),
    "SVCLAIM": (Version.V44, "A", _S),
    "SVLEN": (Version.V44, "A", _I),
    "SVTYPE": (Version.V44, "1", _S),
}
_FORMAT: Final[Mapping[str, tuple[Version, str, ValueType | None]]] = {
    "DP": (Version.V41, "1", _I),
    "EC": (Version.V41, "A", _I),
    "FT": (Version.V41, "1", _S),
    "GL": (Version.V41, "G", _F),
    "GLE": (Version.V41, "G", _S),
    "GP": (Version.V41, "G", _F),
    "GQ": (Version.V41, "1", _I),
    "GT": (Version.V41, "1", _S),
    "HQ": (Version.V41, "2", _I),
    "MQ": (Version.V41, "1", _I),
    "PL": (Version.V41, "G", _I),
    "PQ": (Version.V41, "1", _I),
    "PS": (Version.V41, "1", _I),
    "AD": (Version.V43, "R", _I),
    "ADF": (Version.V43, "R", _I),
    "ADR": (Version.V43, "R", _I),
    "CICN": (Version.V44, "2", _F),
    "CN": (Version.V44, "1", _F),
    "PSL": (Version.V44, "P", _S),
    "PSO": (Version.V44, "P", _I),
    "PSQ": (Version.V44, "P", _I),
}
_TABLES: Final = {"INFO": _INFO, "FORMAT": _FORMAT}


def reserved(kind: str, key: str, version: Version) -> Definition | None:
    """What the specification fixes of `key`, for `kind` INFO or FORMAT; None when it fixes nothing."""
    entry = _TABLES[kind].get(key)
    if entry is None or version < entry[0]:
        return None
    return Definition(entry[1], entry[2])
