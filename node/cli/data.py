"""Commands that bring data into a node: `dataset`, `ingest`, `validate`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from node.access.duo import check_conditions
from node.cli.options import AsJson, Home, err, open_home, out, print_json, tell_skipped
from node.store.catalogue import add_dataset
from node.store.ingest import IngestReport
from node.store.intake import Run
from node.validate import validate as validate_file
from schemas.access import Policy
from schemas.errors import NodeError
from schemas.genome import Assembly
from schemas.people import Dataset

dataset = typer.Typer(help="Collections of people sequenced against one assembly.", no_args_is_help=True)


@dataset.command("add")
def dataset_add(
    home: Home,
    id: Annotated[str, typer.Argument(help="Letters, digits, - _ . : ; others see it.")],
    assembly: Annotated[Assembly, typer.Option(help="The reference its files were called against.")],
    policy: Annotated[Policy, typer.Option(help="Who may be told what.")],
    name: Annotated[str, typer.Option(help="A title for people.")] = "",
    description: Annotated[str, typer.Option(help="What it is, in a sentence.")] = "",
    duo: Annotated[
        list[str] | None,
        typer.Option(help="A use condition: DUO:0000042; a MONDO term beside DUO:0000007; repeatable."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make an empty dataset."""
    made = Dataset(id, assembly, policy, name or id, description, tuple(duo or ()))
    with open_home(home) as node:
        check_conditions(made.duo, node.beacon.ontology)
        add_dataset(node.engine, made)
    if as_json:
        print_json(_shown(made))
    else:
        out.print(f"Dataset {id}: {assembly}, {policy}", markup=False)


@dataset.command("list")
def dataset_list(home: Home, as_json: AsJson = False) -> None:
    """The datasets of this node."""
    with open_home(home) as node:
        held = node.catalogue.datasets()
        sizes = {d.id: sum(map(bool, node.store.people(d.id))) for d in held}
    if as_json:
        print_json([_shown(d) | {"people": sizes[d.id]} for d in held])
        return
    table = Table("dataset", "assembly", "policy", "people", "name")
    for d in held:
        table.add_row(d.id, d.assembly, d.policy, str(sizes[d.id]), d.name)
    out.print(table)


def _shown(held: Dataset) -> dict[str, object]:
    return {
        "id": held.id,
        "assembly": held.assembly,
        "policy": held.policy,
        "name": held.name,
        "description": held.description,
        "duo": list(held.duo),
    }


def ingest(
    home: Home,
    files: Annotated[
        list[Path], typer.Argument(help="VCF (plain or bgzipped) or BCF files.", metavar="VCF...")
    ],
    dataset: Annotated[str, typer.Option(help="The dataset the people of these files belong to.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and report, change nothing.")] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="The file has changed: take the new content.")
    ] = False,
    fasta: Annotated[Path | None, typer.Option(help="Reference: check REF, left-align indels.")] = None,
    workers: Annotated[
        int,
        typer.Option(min=1, max=64, help="Processes that read a large file at once, unless with --fasta."),
    ] = 1,
    as_json: AsJson = False,
) -> None:
    """Index the genotypes of VCF or BCF files: each wholly or not at all."""
    refused: list[NodeError] = []
    reports: list[IngestReport] = []
    with open_home(home) as node, _bar() as bar:
        limits, shown = node.settings.ingest, partial(_shown_in, bar)
        run = Run(node.engine, limits, dataset, shown, replace, dry_run, fasta, workers)
        for told in run.take(files):
            if isinstance(told, NodeError):
                refused.append(told)
            else:
                reports.append(told)
    _tell_all(reports, refused, dry_run, as_json)
    if refused:
        raise typer.Exit(1)


def _shown_in(bar: Progress, name: str) -> Callable[[float, str], None]:
    task = bar.add_task(name, total=1.0, detail="")

    def show(fraction: float, detail: str) -> None:
        bar.update(task, completed=fraction, detail=detail)

    return show


def _tell_all(reports: list[IngestReport], refused: list[NodeError], dry_run: bool, as_json: bool) -> None:
    if as_json:
        print_json([_report(report) for report in reports])
    else:
        for report in reports:
            _tell(report, dry_run)
    for refusal in refused:
        err.print(f"varhaven: {refusal.message}", style="bold red", markup=False)


def _bar() -> Progress:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[detail]}"),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=err, transient=True, disable=not err.is_terminal)


def _report(report: IngestReport) -> dict[str, object]:
    return {
        "file": report.file,
        "dataset": report.dataset,
        "records": report.records,
        "alleles": report.alleles,
        "people": report.people,
        "skipped": [{"line": line, "reason": reason} for line, reason in report.skipped],
        "seconds": round(report.seconds, 3),
        "already": report.already,
        "counts": "INFO" if report.of_sites else "genotypes",
    }


def _tell(report: IngestReport, dry_run: bool) -> None:
    if report.already:
        out.print(f"{report.file}: already in {report.dataset}, nothing to do", markup=False)
        return
    did = "would hold" if dry_run else "holds"
    who = "counted in INFO" if report.of_sites else f"of {report.people:,} people"
    out.print(
        f"{report.file}: {report.dataset} {did} {report.alleles:,} alleles {who} from "
        f"{report.records:,} records ({report.seconds:.1f} s)",
        markup=False,
    )
    tell_skipped([(f"line {line}", reason) for line, reason in report.skipped])


def validate(
    file: Annotated[Path, typer.Argument(help="The VCF to check.", metavar="VCF")], as_json: AsJson = False
) -> None:
    """Check a VCF against its specification, with line numbers."""
    report = validate_file(file)
    if as_json:
        problems = [{"line": p.line, "reason": p.reason} for p in report.problems]
        print_json({"file": report.file, "valid": report.valid, "problems": problems})
    else:
        for problem in report.problems:
            out.print(f"line {problem.line}: {problem.reason}", markup=False)
        out.print(f"{report.file}: {'valid' if report.valid else 'not valid'}", markup=False)
    if not report.valid:
        raise typer.Exit(1)
