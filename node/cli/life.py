"""Commands for the life of data: people withdraw and come back, their data is deleted, datasets end."""

from __future__ import annotations

from typing import Annotated

import typer

from node.cli.options import Home, open_home, out
from node.store.compaction import compact_all
from node.store.removal import remove_dataset
from node.store.scrubbing import scrub as scrub_store
from node.store.withdrawal import bring_back
from node.store.withdrawal import withdraw as withdraw_from

Name = Annotated[str, typer.Argument(help="An individual, a biosample or a sample of a VCF.")]
OneDataset = Annotated[str | None, typer.Option(help="Only from this dataset; from all otherwise.")]


def withdraw(name: Name, home: Home, dataset: OneDataset = None) -> None:
    """Take a person out of every answer, at once; `scrub` deletes what is left of him."""
    with open_home(home) as node:
        done = withdraw_from(node.engine, name, dataset)
    for each in done:
        out.print(
            f"{each.dataset}: {each.samples} samples and {each.records} records withdrawn", markup=False
        )


def restore(name: Name, home: Home, dataset: OneDataset = None) -> None:
    """Undo a withdrawal; what was scrubbed has to be ingested again."""
    with open_home(home) as node:
        done = bring_back(node.engine, name, dataset)
    for each in done:
        out.print(f"{each.dataset}: {each.samples} samples and {each.records} records are back", markup=False)
        for file in each.files:
            out.print(f"  read without him, to be ingested again: {file}", markup=False)


def scrub(
    home: Home,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Write the database anew and give back space.")
    ] = False,
) -> None:
    """Delete the data of everybody who has withdrawn, for good."""
    with open_home(home) as node:
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
