"""A table of individuals as a spreadsheet exports it: CSV with a header line, one person a line.

Columns stand between commas, semicolons or tabs (told by the header line); several values in one cell
between `|`.  An empty cell says nothing, and what is held stays; `-` says that there is none.  The two
columns of features speak for each other: when either has a value, both replace what is held.  Only `id`
must be there.  Lines that start with `#` are comments.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from node.people.members import Member, read_lines
from node.people.records import Batch, Record, individual_record
from schemas.curies import curie
from schemas.errors import BadInput, Place

COLUMNS: Final = {
    "id": "identifier of the person in this dataset",
    "sex": "female, male, other or unknown; also F, M, 2, 1, 0 or an NCIT code",
    "samples": "names of the person in VCF headers, when they are not the id",
    "diseases": "ontology terms, a label may follow: OMIM:142900 Holt-Oram syndrome|ORPHA:392",
    "features": "phenotypic features that were seen: HP:0001250 Seizure|HP:0001263",
    "excluded_features": "phenotypic features that were looked for and not found",
    "ethnicity": "one ontology term: NCIT:C43851 European",
    "geographic_origin": "one ontology term: GAZ:00002641 England",
}
_BETWEEN_VALUES: Final = "|"
_NONE: Final = "-"


def template() -> str:
    """An empty table, ready for a spreadsheet: each column explained in a comment, then the header line."""
    comments = [f"# {name}: {meaning}" for name, meaning in COLUMNS.items()]
    rule = (
        "# several values in one cell stand between |; an empty cell says nothing; - says that there is none"
    )
    return "\n".join([*comments, rule, ",".join(COLUMNS)]) + "\n"


def read_table(path: Path) -> Batch:
    """The people of a table.

    Raises BadInput: no header line, a column that is not known or stands twice, a row of another length,
    or a cell that cannot be read; with the line.
    """
    lines = read_lines(path)
    first = next((n for n, line in enumerate(lines, 1) if line.strip() and not line.startswith("#")), 0)
    if not first:
        raise BadInput(Place(str(path)), "no header line", "Start with the columns: " + ",".join(COLUMNS))
    delimiter = max(",;\t", key=lines[first - 1].count)
    rows = _rows(lines, first, delimiter, str(path))
    header_place, header = next(rows, (Place(str(path), first), []))
    names = [name.strip().lower() for name in header]
    _check_header(names, header_place)
    return Batch(tuple(_record(names, row, place) for place, row in rows), partial=True)


def _rows(lines: list[str], first: int, delimiter: str, file: str) -> Iterator[tuple[Place, list[str]]]:
    """The rows from line `first` on, each with the line on which it ends."""
    kept = ("" if line.startswith("#") else line for line in lines[first - 1 :])
    reader = csv.reader((line + "\n" for line in kept), delimiter=delimiter, strict=True)
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                yield Place(file, reader.line_num + first - 1), row
    except csv.Error as fault:
        place = Place(file, reader.line_num + first - 1)
        raise BadInput(place, f"not CSV ({fault})", "Check the quotation marks.") from None


def _check_header(names: list[str], place: Place) -> None:
    strangers = [name for name in names if name not in COLUMNS]
    if strangers:
        raise BadInput(
            place, f"column {strangers[0][:40]!r} is not known", "Known are: " + ", ".join(COLUMNS)
        )
    if len(set(names)) < len(names):
        raise BadInput(place, "a column stands twice", "Leave one of them.")
    if "id" not in names:
        raise BadInput(place, "there is no column `id`", "Every person needs an id.")


def _record(names: list[str], row: list[str], place: Place) -> Record:
    if len(row) != len(names):
        raise BadInput(place, f"{len(row)} cells, and the header has {len(names)}", "Correct the row.")
    content: dict[str, object] = {}
    features: list[object] | None = None
    for name, cell in zip(names, map(str.strip, row), strict=True):
        if not cell:
            continue
        spot = Place(place.file, place.line, name)
        if name in _FEATURES:
            features = (features or []) + [_FEATURES[name](term) for term in _terms(cell, spot)]
        else:
            content.update(_CELLS[name](cell, spot))
    if features is not None:
        content["phenotypicFeatures"] = features
    record = individual_record(Member(content, place.file, f"line {place.line}"))
    return Record(record.id, record.content, place)


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


_CELLS: Final[dict[str, Callable[[str, Place], dict[str, object]]]] = {
    "id": lambda cell, _place: {"id": cell},
    "sex": lambda cell, _place: {"sex": cell},
    "samples": lambda cell, _place: {"info": {"samples": _values(cell)}},
    "diseases": lambda cell, place: {"diseases": [{"diseaseCode": term} for term in _terms(cell, place)]},
    "ethnicity": _one_term("ethnicity"),
    "geographic_origin": _one_term("geographicOrigin"),
}
_FEATURES: Final[dict[str, Callable[[dict[str, object]], object]]] = {
    "features": lambda term: {"featureType": term},
    "excluded_features": lambda term: {"featureType": term, "excluded": True},
}
