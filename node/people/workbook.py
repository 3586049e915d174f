"""Spreadsheets (XLSX): the sheets `individuals` and `biosamples`, each a table as in `table`; and a template.

A workbook with one sheet is read whatever that is called.  Cells are read as they are shown: numbers and
dates become text, a formula counts with the value it was saved with.

Spec: ECMA-376 Office Open XML.
"""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Iterator
from datetime import date, datetime
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from node.people.members import read_bytes
from node.people.records import Batch
from node.people.table import BIOSAMPLES, INDIVIDUALS, RULES, Row, read_rows
from schemas.errors import BadInput, Place

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

_SHEETS: Final = {"individuals": INDIVIDUALS, "biosamples": BIOSAMPLES}
_EXPLANATION: Final = "read me"
_LARGEST_BYTES: Final = 500_000_000  # unpacked: a workbook is an archive, and 1 MB of it can hold 1 GB
_REMEDY: Final = "Save it as an Excel workbook (.xlsx), or as CSV and import that."


def read_workbook(path: Path) -> Batch:
    """The individuals and biosamples of a workbook.

    Raises BadInput: not a workbook, a sheet of another name beside them, or whatever is wrong in a table;
    with sheet, row and column.
    """
    batches = [
        read_rows(header, rows)
        for header, rows in _tables(read_bytes(path), str(path))
        if any(cell for cell in header.cells)
    ]
    if not batches:
        raise BadInput(Place(str(path)), "no header row", "Start with: varhaven people template FILE")
    return Batch(
        tuple(record for batch in batches for record in batch.individuals),
        tuple(record for batch in batches for record in batch.biosamples),
        partial=True,
    )


def _tables(content: bytes, file: str) -> Iterator[tuple[Row, Iterator[Row]]]:
    sheets = {sheet.title.strip().lower(): sheet for sheet in _open(content, file).worksheets}
    sheets.pop(_EXPLANATION, None)
    strangers = sorted(set(sheets) - set(_SHEETS))
    if strangers and len(sheets) > 1:
        problem = f"the sheet {strangers[0][:40]!r} is not known"
        raise BadInput(Place(file), problem, "Keep the sheets individuals and biosamples, and no other.")
    for name, sheet in sheets.items():
        rows = _rows(sheet, name, file)
        yield next(rows, Row((), Place(file, 1, name))), rows


def _open(content: bytes, file: str) -> Any:
    from openpyxl import load_workbook  # noqa: PLC0415  # 0.2 s, and only workbooks need it

    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            unpacked = sum(part.file_size for part in archive.infolist())
        if unpacked > _LARGEST_BYTES:
            raise BadInput(Place(file), "is too large", _REMEDY)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of decoration that openpyxl does not keep
            return load_workbook(BytesIO(content), data_only=True)
    except BadInput:
        raise
    except Exception as fault:  # noqa: BLE001  # openpyxl raises what it comes upon: KeyError, ParseError, ...
        problem = f"is not a workbook that can be read ({type(fault).__name__})"
        raise BadInput(Place(file), problem, _REMEDY) from None


def _rows(sheet: Worksheet, name: str, file: str) -> Iterator[Row]:
    """The rows that say anything, from the header on; cells beyond the header's last are of no column."""
    width = 0
    for number, cells in enumerate(sheet.iter_rows(), 1):
        texts = [_text(cell, Place(file, number, name)) for cell in cells]
        if not any(texts) or texts[0].startswith("#"):
            continue
        while len(texts) > width and not texts[-1]:
            texts.pop()
        width = width or len(texts)
        yield Row(tuple(texts), Place(file, number, name))


def _text(cell: Any, place: Place) -> str:
    value = cell.value
    if cell.data_type == "e":
        spot = Place(place.file, place.line, f"{place.field}.{cell.column_letter}")
        raise BadInput(spot, "holds an error instead of a value", "Correct the formula.")
    if value is None:
        return ""
    if isinstance(value, datetime):
        midnight = value.time() == datetime.min.time()
        return value.date().isoformat() if midnight else value.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def workbook_template() -> bytes:
    """An empty workbook with both sheets, every column explained, and cells that keep what is typed."""
    from openpyxl import Workbook  # noqa: PLC0415  # as above

    book = Workbook()
    book.remove(book.worksheets[0])
    for name, columns in _SHEETS.items():
        _lay_out(book.create_sheet(name), columns)
    explanation = book.create_sheet(_EXPLANATION)
    for name, columns in _SHEETS.items():
        for column, meaning in columns.items():
            explanation.append([name, column, meaning])
    for rule in RULES:
        explanation.append(["", "", rule])
    for letter, width in zip("ABC", (14, 22, 100), strict=True):
        explanation.column_dimensions[letter].width = width
    written = BytesIO()
    book.save(written)
    return written.getvalue()


def _lay_out(sheet: Worksheet, columns: dict[str, str]) -> None:
    from openpyxl.comments import Comment  # noqa: PLC0415  # as above
    from openpyxl.styles import Font  # noqa: PLC0415
    from openpyxl.worksheet.datavalidation import DataValidation  # noqa: PLC0415

    sheet.append(list(columns))
    sheet.freeze_panes = "B2"
    for cell in sheet[1]:
        cell.font = Font(bold=True)
        cell.comment = Comment(columns[cell.value], "varhaven")
        column = sheet.column_dimensions[cell.column_letter]
        column.width = 22
        column.number_format = "@"  # text: 1-2 stays what was typed, and no gene becomes a date
        if cell.value == "sex":
            sexes = DataValidation(type="list", formula1='"female,male,other,unknown"', allow_blank=True)
            sexes.add(f"{cell.column_letter}2:{cell.column_letter}10000")
            sheet.add_data_validation(sexes)
