"""Commands for membership: `peer add | list | test | suspend | resume | remove`."""

from __future__ import annotations

from typing import Annotated

import typer

peer = typer.Typer(help="Other nodes this one asks and answers.", no_args_is_help=True)

Url = Annotated[str, typer.Argument(metavar="URL", help="The peer's public address, its identity.")]
