"""PLINK pedigree files (.ped, .fam): family, individual, father, mother, sex, affection.

Columns stand between tabs, or between any blanks in a file without tabs; a header line (`#Family ID ...`)
and columns after the sixth are passed over.  A pedigree tells sex and family; whatever else is held of the
same people stays.

Spec: PLINK 1.9 file formats, `.ped` and `.fam`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from node.people.members import Member, read_lines
from node.people.records import Batch, Record, as_json, identifier
from node.people.terms import read_sex, sex_term
from schemas.errors import BadInput, Place
from schemas.people import Sex

_NOBODY: Final = "0"
_AFFECTED: Final = {"1": False, "2": True}
_NOT_TOLD: Final = frozenset(("0", "-9", ".", "NA", ""))


@dataclass(frozen=True, slots=True)
class _Row:
    """One line: names as written, `0` for a parent not in the file's scope."""

    family: str
    id: str
    father: str
    mother: str
    sex: Sex
    affected: bool | None
    place: Place


def read_pedigree(path: Path) -> Batch:
    """The people of a pedigree.

    Raises BadInput: fewer than five columns, a sex or affection that is none, a person who is his own
    parent, a father who is female or a mother who is male, somebody twice.
    """
    rows = [
        _row(line, Place(str(path), number))
        for number, line in enumerate(read_lines(path), 1)
        if line.strip() and not line.startswith("#") and not _is_header(line)
    ]
    sexes = {row.id: row.sex for row in rows}
    for row in rows:
        _check_parents(row, sexes)
    return Batch(tuple(map(_record, rows)), partial=True)


def _columns(line: str) -> list[str]:
    return [column.strip() for column in (line.split("\t") if "\t" in line else line.split())]


def _is_header(line: str) -> bool:
    columns = _columns(line.lower())
    return len(columns) > 4 and columns[4] in ("sex", "gender")


def _row(line: str, place: Place) -> _Row:
    columns = _columns(line)
    if len(columns) < 5:
        raise BadInput(
            place,
            f"{len(columns)} columns, and a pedigree has six",
            "Give family, individual, father, mother, sex (1 male, 2 female, 0 unknown) and affection.",
        )
    family, own, father, mother, sex_text = columns[:5]
    affection = columns[5] if len(columns) > 5 else "0"
    sex = read_sex(sex_text)
    if sex is None:
        raise BadInput(
            Place(place.file, place.line, "sex"), "is not a sex", "Use 1 (male), 2 (female) or 0 (unknown)."
        )
    if affection not in _AFFECTED and affection not in _NOT_TOLD:
        raise BadInput(
            Place(place.file, place.line, "affection"),
            "is neither 1 (unaffected), 2 (affected) nor 0 (unknown)",
            "Quantitative phenotypes are not read from pedigrees; use a CSV table.",
        )
    name = identifier(Member(own, place.file, f"line {place.line}, individual"))
    return _Row(family, name, father, mother, sex, _AFFECTED.get(affection), place)


def _check_parents(row: _Row, sexes: dict[str, Sex]) -> None:
    for parent, field, wrong in ((row.father, "father", Sex.FEMALE), (row.mother, "mother", Sex.MALE)):
        place = Place(row.place.file, row.place.line, field)
        if parent == row.id:
            raise BadInput(place, "a person cannot be his own parent", "Correct the line.")
        if sexes.get(parent) is wrong:
            raise BadInput(place, f"the {field} is recorded as {wrong}", "Correct the sex or the parent.")


def _record(row: _Row) -> Record:
    told = {"family": row.family, "father": row.father, "mother": row.mother}
    pedigree: dict[str, object] = {role: name for role, name in told.items() if name not in (_NOBODY, "")}
    if row.affected is not None:
        pedigree["affected"] = row.affected
    content: dict[str, object] = {"id": row.id, "info": {"pedigree": pedigree}}
    if row.sex is not Sex.UNKNOWN:
        content["sex"] = as_json(sex_term(row.sex))
    return Record(row.id, content, row.place)
