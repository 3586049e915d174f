"""The command for secure sums: `sum`."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from node.app.sums import total_document
from node.cli.options import AsJson, Home, open_home, out, print_json
from node.federation.sums.lead import SecureTotal


def secure_sum(
    text: Annotated[str, typer.Argument(metavar="ALLELE", help="'chr20:3193842 C>A'")],
    home: Home,
    assembly: Annotated[str | None, typer.Option(help="GRCh37 or GRCh38; NC_ accessions tell it.")] = None,
    as_json: AsJson = False,
) -> None:
    """How many carry an allele here and at the partners in [secure_sum], without any node's own figure."""
    with open_home(home) as node:

        async def asked() -> SecureTotal:
            async with node.open_network() as network:
                return await node.open_sums().lead(network, text, assembly, "operator")

        found = asyncio.run(asked())
    if as_json:
        print_json(total_document(text, found))
    else:
        _show(text, found)
    if found.released is None:
        raise typer.Exit(1)


def _show(text: str, found: SecureTotal) -> None:
    for node in found.nodes:
        out.print(f"  {node.name or node.node}: {node.state}  {node.reason}", markup=False)
    if found.released is None:
        out.print(f"{text}: no total.  {found.reason}", markup=False)
        return
    total = found.released
    copies = "" if total.alleles is None else f", {total.alleles:,} copies"
    out.print(
        f"{text}: {total.people:,} people carry it{copies}; {total.called:,} copies were called.  A person "
        "known to several nodes counts several times.",
        markup=False,
    )
