"""What every command shares: the home, `--json`, and how results and faults are shown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import orjson
import typer
from rich.console import Console

from node.app import Node, open_node
from node.audit import Entry, Kind, Outcome
from node.config import read_settings

Home = Annotated[
    Path,
    typer.Option("--home", envvar="VARHAVEN_HOME", help="The folder the node lives in.", file_okay=False),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document, for programs.")]

_SHOWN_SKIPS: Final = 10
OPERATOR: Final = "operator"

out = Console(highlight=False, soft_wrap=True)
err = Console(highlight=False, soft_wrap=True, stderr=True)


def open_home(home: Path) -> Node:
    """The node that lives in `home`, ready to be asked; raises BadInput when there is none."""
    return open_node(read_settings(home))


def record_change(node: Node, deed: str, dataset: str = "") -> None:
    """Into the audit log: what the operator changed about who may do what.  deed: words of this program.

    Raises StoreUnavailable: it could not be recorded.
    """
    datasets = (dataset,) if dataset else ()
    entry = Entry("", OPERATOR, Kind.ADMINISTRATION, Outcome.ANSWERED, datasets, detail=deed)
    node.audit.record_now(entry)


def print_json(document: Any) -> None:
    typer.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())


def tell_skipped(skipped: Sequence[tuple[str, str]]) -> None:
    """What was left out, by place and reason; the first ten."""
    for place, reason in skipped[:_SHOWN_SKIPS]:
        out.print(f"  skipped {place}: {reason}", markup=False)
    if len(skipped) > _SHOWN_SKIPS:
        out.print(f"  ... and {len(skipped) - _SHOWN_SKIPS:,} more; --json lists them all")
