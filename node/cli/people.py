"""Commands for the clinical records of people: `people import`, `people template`."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from node.cli.options import AsJson, Home, open_home, out, print_json, tell_skipped
from node.people import Format, import_people, template, workbook_template
from schemas.errors import BadInput, Place

people = typer.Typer(help="Clinical records of the people in a dataset.", no_args_is_help=True)


@people.command("import")
def people_import(
    home: Home,
    file: Annotated[Path, typer.Argument(help="A file of clinical records, or a folder of them.")],
    dataset: Annotated[str, typer.Option(help="The dataset these people belong to.")],
    format: Annotated[
        Format, typer.Option(help="bff: Beacon Friendly Format; csv, xlsx: the tables of `people template`.")
    ],
    as_json: AsJson = False,
) -> None:
    """Take individuals and biosamples into a dataset: the whole file or nothing."""
    with open_home(home) as node:
        report = import_people(node.engine, dataset, file, format)
    if as_json:
        skipped = [{"place": str(place), "reason": reason} for place, reason in report.skipped]
        print_json(asdict(report) | {"skipped": skipped})
        return
    out.print(
        f"{report.file}: {report.individuals:,} individuals and {report.biosamples:,} biosamples "
        f"({report.new:,} new, {report.updated:,} updated); of {report.genotyped:,} genotyped samples "
        f"{report.linked:,} now have a record",
        markup=False,
    )
    if report.left_out:
        out.print(f"  {report.left_out:,} records of people who have withdrawn are left out")
    tell_skipped([(str(place), reason) for place, reason in report.skipped])


class TableFormat(StrEnum):
    XLSX = "xlsx"
    CSV = "csv"


@people.command("template")
def people_template(
    file: Annotated[Path, typer.Argument(help="The file to write; none of this name may be there.")],
    format: Annotated[
        TableFormat | None, typer.Option(help="By default what the file's name ends in, else xlsx.")
    ] = None,
) -> None:
    """Write an empty table of people, every column explained, to fill in and import."""
    chosen = format or (TableFormat.CSV if file.suffix.lower() == ".csv" else TableFormat.XLSX)
    content = workbook_template() if chosen is TableFormat.XLSX else template().encode()
    try:
        with file.open("xb") as written:
            written.write(content)
    except OSError as fault:
        remedy = "Name a new file in a folder that can be written."
        raise BadInput(Place(str(file)), f"cannot be written ({fault.strerror})", remedy) from None
    out.print(
        f"{file}: fill it in, then: varhaven people import {file} --dataset ID --format {chosen}",
        markup=False,
    )
