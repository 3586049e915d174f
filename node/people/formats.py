"""The file formats people can be imported from, and the reader of each.  A new one is one line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Final

from node.people.bff import read_bff
from node.people.fhir import read_fhir
from node.people.pedigree import read_pedigree
from node.people.phenopacket import read_phenopackets
from node.people.records import Batch
from node.people.table import read_table
from node.people.workbook import read_workbook


class Format(StrEnum):
    BFF = "bff"
    PHENOPACKET = "phenopacket"
    PED = "ped"
    CSV = "csv"
    XLSX = "xlsx"
    FHIR = "fhir"


READERS: Final[Mapping[Format, Callable[[Path], Batch]]] = {
    Format.BFF: read_bff,
    Format.PHENOPACKET: read_phenopackets,
    Format.PED: read_pedigree,
    Format.CSV: read_table,
    Format.XLSX: read_workbook,
    Format.FHIR: read_fhir,
}
