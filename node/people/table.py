"""A table as a spreadsheet exports it: CSV with a header line, one individual or one biosample a line.

Columns stand between commas, semicolons or tabs (told by the header line); several values in one cell
between `|`.  An empty cell says nothing, and what is held stays; `-` says that there is none.  The two
columns of features speak for each other: when either has a value, both replace what is held.  Only `id`
must be there; a table with a column `individual` is one of biosamples.  Lines that start with `#` are
comments.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from node.people.members import Member, read_lines
from node.people.records import Batch, Record, biosample_record, individual_record
from schemas.curies import curie
from schemas.errors import BadInput, Place
from schemas.filters import duration_days

INDIVIDUALS: Final = {
    "id": "identifier of the person in this dataset",
    "sex": "female, male, other or unknown; also F, M, 2, 1, 0 or an NCIT code",
    "samples": "names of the person in VCF headers, when they are not the id",
    "diseases": "ontology terms, a label may follow: OMIM:142900 Holt-Oram syndrome|ORPHA:392",
    "features": "phenotypic features that were seen: HP:0001250 Seizure|HP:0001263",
    "excluded_features": "phenotypic features that were looked for and not found",
    "ethnicity": "one ontology term: NCIT:C43851 European",
    "geographic_origin": "one ontology term: GAZ:00002641 England",
    "karyotypic_sex": "XX, XY, XO, XXY, XXX, XXYY, XXXY, XXXX, XYY or OTHER_KARYOTYPE",
}
BIOSAMPLES: Final = {
    "id": "identifier of the sample; the name it has in VCF headers, best",
    "individual": "identifier of the person it was taken from",
    "status": "one ontology term: EFO:0009654 reference sample",
    "origin_type": "one ontology term: UBERON:0000178 blood",
    "origin_detail": "one ontology term, more exact than the type",
    "collection_date": "year, month and day: 2021-04-23",
    "collection_moment": "age of the person at collection, as an ISO 8601 duration: P32Y6M",
}
RULES: Final = (
    "several values in one cell stand between |; an empty cell says nothing; - says that there is none",
)
_BETWEEN_VALUES: Final = "|"
_NONE: Final = "-"
_KARYOTYPES: Final = frozenset(
    ("XX", "XY", "XO", "XXY", "XXX", "XXYY", "XXXY", "XXXX", "XYY", "OTHER_KARYOTYPE", "UNKNOWN_KARYOTYPE")
)


@dataclass(frozen=True, slots=True)
class Row:
    """The cells of a line, as text.  Of the header line, they are the names of the columns."""

    cells: tuple[str, ...]
    place: Place

    def spot(self, column: str) -> Place:
        sheet = f"{self.place.field}." if self.place.field else ""
        return Place(self.place.file, self.place.line, sheet + column)


def template() -> str:
    """An empty table, ready for a spreadsheet: each column explained in a comment, then the header line."""
    comments = [f"# {name}: {meaning}" for name, meaning in INDIVIDUALS.items()]
    return "\n".join([*comments, *(f"# {rule}" for rule in RULES), ",".join(INDIVIDUALS)]) + "\n"


def read_table(path: Path) -> Batch:
    """The individuals or biosamples of a table.

    Raises BadInput: no header line, a column that is not known or stands twice, a row of another length,
    or a cell that cannot be read; with the line.
    """
    lines = read_lines(path)
    first = next((n for n, line in enumerate(lines, 1) if line.strip() and not line.startswith("#")), 0)
    if not first:
        remedy = "Start with the columns: " + ",".join(INDIVIDUALS)
        raise BadInput(Place(str(path)), "no header line", remedy)
    delimiter = max(",;\t", key=lines[first - 1].count)
    rows = _rows(lines, first, delimiter, str(path))
    return read_rows(next(rows, Row((), Place(str(path), first))), rows)


def read_rows(header: Row, rows: Iterable[Row]) -> Batch:
    """What the rows below `header` say.  Raises BadInput: as `read_table`."""
    names = [name.strip().lower() for name in header.cells]
    of_biosamples = "individual" in names
    known = BIOSAMPLES if of_biosamples else INDIVIDUALS
    _check_header(names, known, header.place)
    contents = ((row, _content(names, row)) for row in rows)
    if of_biosamples:
        return Batch((), tuple(_kept(biosample_record, row, told) for row, told in contents), partial=True)
    return Batch(tuple(_kept(individual_record, row, told) for row, told in contents), partial=True)


def _rows(lines: list[str], first: int, delimiter: str, file: str) -> Iterator[Row]:
    """The rows from line `first` on, each with the line on which it ends."""
    kept = ("" if line.startswith("#") else line for line in lines[first - 1 :])
    reader = csv.reader((line + "\n" for line in kept), delimiter=delimiter, strict=True)
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                yield Row(tuple(row), Place(file, reader.line_num + first - 1))
    except csv.Error as fault:
        place = Place(file, reader.line_num + first - 1)
        raise BadInput(place, f"not CSV ({fault})", "Check the quotation marks.") from None


def _check_header(names: list[str], known: Mapping[str, str], place: Place) -> None:
    strangers = [name for name in names if name not in known]
    if strangers:
        raise BadInput(place, f"column {strangers[0][:40]!r} is not known", "Known are: " + ", ".join(known))
    if len(set(names)) < len(names):
        raise BadInput(place, "a column stands twice", "Leave one of them.")
    if "id" not in names:
        raise BadInput(place, "there is no column `id`", "Every record needs an id.")


def _kept(record_of: Callable[[Member], Record], row: Row, content: dict[str, object]) -> Record:
    sheet = f"{row.place.field} " if row.place.field else ""
    record = record_of(Member(content, row.place.file, f"{sheet}line {row.place.line}"))
    return Record(record.id, record.content, row.place)


def _content(names: list[str], row: Row) -> dict[str, object]:
    if len(row.cells) != len(names):
        problem = f"{len(row.cells)} cells, and the header has {len(names)}"
        raise BadInput(row.place, problem, "Correct the row.")
    content: dict[str, object] = {}
    features: list[object] | None = None
    for name, cell in zip(names, map(str.strip, row.cells), strict=True):
        if not cell:
            continue
        if name in _FEATURES:
            features = (features or []) + [_FEATURES[name](term) for term in _terms(cell, row.spot(name))]
        else:
            content.update(_CELLS[name](cell, row.spot(name)))
    if features is not None:
        content["phenotypicFeatures"] = features
    return content


def _values(cell: str) -> list[str]:
    return [] if cell == _NONE else [value.strip() for value in cell.split(_BETWEEN_VALUES) if value.strip()]


def _terms(cell: str, place: Place) -> list[dict[str, object]]:
    return [_term(value, place) for value in _values(cell)]


def _term(value: str, place: Place) -> dict[str, object]:
    code, _, label = value.partition(" ")
    known = curie(code)
    if known is None:
        raise BadInput(
            place,
            "holds something that is not an ontology term",
            "Write CURIEs such as HP:0001250, several between |, a label after a blank.",
        )
    return {"id": known, "label": label.strip()} if label.strip() else {"id": known}


def _one_term(member: str) -> Callable[[str, Place], dict[str, object]]:
    def read(cell: str, place: Place) -> dict[str, object]:
        terms = _terms(cell, place)
        if len(terms) > 1:
            raise BadInput(place, "holds several terms", "Give one.")
        return {member: terms[0] if terms else None}

    return read


def _day(cell: str, place: Place) -> dict[str, object]:
    if cell == _NONE:
        return {"collectionDate": None}
    try:
        return {"collectionDate": date.fromisoformat(cell).isoformat()}
    except ValueError:
        raise BadInput(place, "is not a date", "Write year, month and day: 2021-04-23.") from None


def _moment(cell: str, place: Place) -> dict[str, object]:
    if cell != _NONE and duration_days(cell) is None:
        raise BadInput(place, "is not an age", "Write an ISO 8601 duration: P32Y6M.")
    return {"collectionMoment": None if cell == _NONE else cell}


def _karyotype(cell: str, place: Place) -> dict[str, object]:
    if cell != _NONE and cell.upper() not in _KARYOTYPES:
        raise BadInput(place, "is not a karyotypic sex", INDIVIDUALS["karyotypic_sex"].capitalize() + ".")
    return {"karyotypicSex": None if cell == _NONE else cell.upper()}


_CELLS: Final[dict[str, Callable[[str, Place], dict[str, object]]]] = {
    "id": lambda cell, _place: {"id": cell},
    "sex": lambda cell, _place: {"sex": cell},
    "samples": lambda cell, _place: {"info": {"samples": _values(cell)}},
    "diseases": lambda cell, place: {"diseases": [{"diseaseCode": term} for term in _terms(cell, place)]},
    "ethnicity": _one_term("ethnicity"),
    "geographic_origin": _one_term("geographicOrigin"),
    "karyotypic_sex": _karyotype,
    "individual": lambda cell, _place: {"individualId": cell},
    "status": _one_term("biosampleStatus"),
    "origin_type": _one_term("sampleOriginType"),
    "origin_detail": _one_term("sampleOriginDetail"),
    "collection_date": _day,
    "collection_moment": _moment,
}
_FEATURES: Final[dict[str, Callable[[dict[str, object]], object]]] = {
    "features": lambda term: {"featureType": term},
    "excluded_features": lambda term: {"featureType": term, "excluded": True},
}
