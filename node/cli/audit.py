"""Commands for the audit log: `audit verify | export`."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated, Final

import orjson
import typer

from node.access.keys import NodeKey
from node.access.signed import read_signed
from node.audit import export as export_log
from node.audit import verify as verify_log
from node.cli.options import AsJson, Home, open_home, out, print_json
from schemas.errors import BadInput, NotAuthorised, Place

audit = typer.Typer(
    help="The log of what was answered: is it whole, and what is in it?", no_args_is_help=True
)

_HEAD: Final = "varhaven-audit-head+jwt"
_TAIL_CHARS: Final = 4096


@audit.command("verify")
def verify(
    home: Home,
    against: Annotated[
        Path | None,
        typer.Option(help="An earlier export, kept elsewhere: its end must still be in the log."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Is every entry the one that was written, in its place?  Ends with 1 when not, and names the first."""
    with open_home(home) as node:
        known = None if against is None else _head_in(against, node.key)
        found = verify_log(node.engine, known)
    if as_json:
        print_json({"ok": found.ok, "entries": found.entries, "first_bad": found.first_bad})
    elif found.ok:
        out.print(f"The log is whole: {found.entries:,} entries.")
    else:
        out.print(f"The log was changed: entry {found.first_bad} is not the one that was written.")
    if not found.ok:
        raise typer.Exit(1)


@audit.command("export")
def export(
    home: Home, after: Annotated[int, typer.Option(min=0, help="Only entries with a higher number.")] = 0
) -> None:
    """Write the log to standard output, a JSON object a line; the last is a signed head to verify with."""
    with open_home(home) as node:
        found = verify_log(node.engine)
        if not found.ok:
            problem = f"entry {found.first_bad} is not the one that was written"
            raise BadInput(Place("audit log"), problem, "See: varhaven audit verify")
        for entry in export_log(node.engine, after):
            if entry["seq"] > found.seq:
                break
            typer.echo(orjson.dumps(entry).decode())
        head = {"iss": node.settings.node.id, "seq": found.seq, "hash": found.hash.hex()}
        signed = node.key.sign(_HEAD, json.dumps(head | {"iat": int(time.time())}).encode())
        typer.echo(orjson.dumps({"head": signed}).decode())


def _head_in(path: Path, key: NodeKey) -> tuple[int, bytes]:
    """Number and hash that the last line of an export vouches for, by a key of this node.

    Raises BadInput: not an export of this node.
    """
    try:
        tail = path.read_text(encoding="utf-8")[-_TAIL_CHARS:].strip().rpartition("\n")[2]
        claims = read_signed(json.loads(tail)["head"], _HEAD, lambda _issuer: key.thumbprints)
        return int(claims["seq"]), bytes.fromhex(claims["hash"])
    except OSError as fault:
        raise BadInput(Place(str(path)), f"cannot be read ({fault.strerror})", "Check the path.") from None
    except (ValueError, KeyError, TypeError, NotAuthorised):
        problem = "its last line is not a head signed by this node"
        raise BadInput(Place(str(path)), problem, "Give a file that `varhaven audit export` wrote.") from None
