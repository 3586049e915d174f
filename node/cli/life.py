"""Commands for the life of data: people withdraw and come back, their data is deleted, datasets end.

And of the node as a whole: `backup` and `restore`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from node.backup import RestoreReport, back_up
from node.backup import restore as restore_node
from node.backup.archive import Watcher
from node.cli.options import AsJson, Home, err, open_home, out, print_json
from node.config import read_settings
from node.store.compaction import compact_all
from node.store.removal import remove_dataset
from node.store.scrubbing import scrub as scrub_store
from node.store.withdrawal import bring_back
from node.store.withdrawal import withdraw as withdraw_from

Name = Annotated[str, typer.Argument(help="An individual, a biosample or a sample of a VCF.")]
OneDataset = Annotated[str | None, typer.Option(help="Only from this dataset; from all otherwise.")]


consent = typer.Typer(help="Who may be counted: people withdraw, and come back.", no_args_is_help=True)


@consent.command("withdraw")
def withdraw(name: Name, home: Home, dataset: OneDataset = None) -> None:
    """Take a person out of every answer, at once; `scrub` deletes what is left of him."""
    with open_home(home) as node:
        done = withdraw_from(node.engine, name, dataset)
    for each in done:
        out.print(
            f"{each.dataset}: {each.samples} samples and {each.records} records withdrawn", markup=False
        )


@consent.command("restore")
def come_back(name: Name, home: Home, dataset: OneDataset = None) -> None:
    """Undo a withdrawal; what was scrubbed has to be ingested again."""
    with open_home(home) as node:
        done = bring_back(node.engine, name, dataset)
    for each in done:
        out.print(f"{each.dataset}: {each.samples} samples and {each.records} records are back", markup=False)
        for file in each.files:
            out.print(f"  read without him, to be ingested again: {file}", markup=False)


def erase(name: Name, home: Home, dataset: OneDataset = None) -> None:
    """Take a person out of every answer and delete his data for good, and that of all who have withdrawn."""
    withdraw(name, home, dataset)
    scrub(home)


def scrub(
    home: Home,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Write the database anew and give back space.")
    ] = False,
) -> None:
    """Delete the data of everybody who has withdrawn, for good."""
    with open_home(home) as node:
        node.exchange.book.remove_bereft()
        report = scrub_store(node.engine, rebuild=rebuild)
    out.print(
        f"{report.people:,} people deleted from {report.changed:,} rows; {report.dropped:,} rows dropped",
        markup=False,
    )
    if not report.is_log_empty:
        out.print("Somebody was reading, so old pages are left in the log: run it once more.")
        raise typer.Exit(1)


def compact(home: Home, dataset: OneDataset = None) -> None:
    """Merge the files of a dataset that share nobody, for speed."""
    with open_home(home) as node:
        done = compact_all(node.engine, dataset)
    for each in done:
        out.print(f"{each.dataset}: {each.files} files merged into {each.into}", markup=False)


def remove(home: Home, dataset: Annotated[str, typer.Argument(help="The dataset to delete.")]) -> None:
    """Delete a dataset with everything in it; the VCF files stay where they are."""
    with open_home(home) as node:
        report = remove_dataset(node.engine, dataset)
    out.print(
        f"{report.dataset}: {report.files} files, {report.people} genotyped people and "
        f"{report.individuals} records deleted",
        markup=False,
    )


def backup(
    home: Home,
    file: Annotated[
        Path, typer.Argument(help="A new file; it will be as secret as the node.", dir_okay=False)
    ],
    as_json: AsJson = False,
) -> None:
    """Write the whole node into one file, while it serves: settings, keys and database, not the VCF files."""
    with _shown(as_json) as watch:
        report = back_up(read_settings(home), file, watch)
    if as_json:
        print_json(asdict(report))
        return
    held = ", ".join(report.datasets) or "none"
    out.print(
        f"{report.file}: {report.node} with the datasets {held}; {report.size_bytes / 1e6:,.1f} MB, checked",
        markup=False,
    )


def restore(
    home: Home,
    file: Annotated[Path, typer.Argument(help="What `varhaven backup` wrote.", dir_okay=False)],
    replace: Annotated[
        bool, typer.Option("--replace", help="The node that lives here goes back to the backup.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Put a node back from a backup; whoever has withdrawn since stays withdrawn."""
    with _shown(as_json) as watch:
        report = restore_node(file, home, replace=replace, watch=watch)
    if as_json:
        print_json(asdict(report))
    else:
        _tell_restored(report)


def _tell_restored(report: RestoreReport) -> None:
    held = ", ".join(report.datasets) or "none"
    out.print(f"{report.home}: {report.node} as of {report.made}; datasets: {held}", markup=False)
    if report.withdrawn_again:
        out.print(
            f"  {report.withdrawn_again:,} people have withdrawn since, and stay withdrawn; then: scrub"
        )
    for dataset in report.returned:
        out.print(f"  {dataset} had been removed since, and is back", markup=False)
    if not report.knew_before:
        out.print(
            f"  Nothing here tells who has withdrawn since {report.made}: withdraw them before you serve",
            markup=False,
        )


@contextmanager
def _shown(as_json: bool) -> Iterator[Watcher | None]:
    """What is going on, to a person at a terminal."""
    if as_json or not err.is_terminal:
        yield None
        return
    with err.status("...") as status:
        yield lambda done, what: status.update(f"{what} {done:.0%}")
