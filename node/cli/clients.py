"""Commands for programs that sign in: `client add | list | rotate | remove`, and `keys rotate`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from node.access.keys import NodeKey
from node.access.server.clients import Client
from node.access.server.entitlements import Entitlement, Tier
from node.cli.options import AsJson, Home, open_home, out, print_json, record_change
from node.config import read_settings
from schemas.errors import BadInput, Place

client = typer.Typer(help="Programs that may ask this node for tokens.", no_args_is_help=True)
keys = typer.Typer(help="The keys with which this node signs tokens and visas.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="What to call the program.")]
TierOption = Annotated[
    Tier | None,
    typer.Option(
        help="registered: a registered researcher; controlled: counts of a dataset; record: all of it."
    ),
]
DatasetOption = Annotated[str, typer.Option("--dataset", help="For the tiers controlled and record.")]


@client.command("add")
def add(
    name: Name,
    home: Home,
    tier: TierOption = None,
    dataset: DatasetOption = "",
    jwks: Annotated[
        Path | None, typer.Option(help="Its public keys (a JWK set); then it has no secret.", dir_okay=False)
    ] = None,
    redirect_uri: Annotated[
        list[str] | None, typer.Option(help="Of a program for people who sign in; may be given again.")
    ] = None,
    public: Annotated[
        bool, typer.Option("--public", help="With --redirect-uri: it runs on other people's devices.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """A program that may ask for tokens: on its own behalf, or with --redirect-uri on behalf of people.

    Its secret is shown only now.
    """
    with open_home(home) as node:
        server = node.embedded
        if redirect_uri:
            if jwks is not None:
                raise BadInput(
                    Place("--jwks"), "a program for people has a secret or is public", "Leave it out."
                )
            client_id, secret = server.clients.add_application(name, tuple(redirect_uri), public=public)
        else:
            client_id, secret = server.clients.add_machine(name, _read_keys(jwks))
        if tier is not None:
            try:
                server.entitlements.grant(client_id, tier, dataset)
            except BadInput:
                server.clients.remove(server.clients.named(client_id))
                raise
        record_change(node, "client add", dataset)
    _tell(client_id, secret, as_json)


@client.command("list")
def list_clients(home: Home, as_json: AsJson = False) -> None:
    """The programs that are known here, and what each was granted."""
    with open_home(home) as node:
        server = node.embedded
        rows = [(one, server.entitlements.held_by(one.id)) for one in server.clients.clients()]
    if as_json:
        print_json([_document(one, held) for one, held in rows])
        return
    table = Table("name", "client_id", "authentication", "granted")
    for one, held in rows:
        table.add_row(one.name, one.id, one.authentication, ", ".join(map(describe, held)))
    out.print(table)


@client.command("rotate")
def rotate_secret(name: Name, home: Home, as_json: AsJson = False) -> None:
    """A new secret for a program, shown only now; the old one ends at once."""
    with open_home(home) as node:
        known = node.embedded.clients.named(name)
        secret = node.embedded.clients.rotate_secret(known)
        record_change(node, "client rotate")
    _tell(known.id, secret, as_json)


@client.command("remove")
def remove(name: Name, home: Home) -> None:
    """Forget a program; its tokens end at once."""
    with open_home(home) as node:
        node.embedded.clients.remove(node.embedded.clients.named(name))
        record_change(node, "client remove")


@keys.command("rotate")
def rotate_keys(
    home: Home,
    node_key: Annotated[
        bool, typer.Option("--node", help="The key that partners pinned: prepare a second one.")
    ] = False,
    activate: Annotated[
        str | None, typer.Option(metavar="THUMBPRINT", help="With --node: sign with this one from now on.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Sign tokens and visas with a new key; the old one verifies until what it signed has expired.

    The key that partners pinned is another one: --node prepares its successor, and --node --activate changes
    to it once every partner has pinned it, too (`varhaven peer add URL --thumbprint`).
    """
    if node_key:
        _rotate_node_key(home, activate, as_json)
        return
    if activate is not None:
        raise BadInput(Place("--activate"), "is for the key of the node", "Say --node, too.")
    with open_home(home) as node:
        made = node.embedded.keyring.rotate()
        record_change(node, "keys rotate")
        held = [key["kid"] for key in node.embedded.jwks()["keys"]]
    if as_json:
        print_json({"active": made, "verifying": held})
        return
    out.print(f"Tokens are signed with {made}; {len(held)} keys verify.", markup=False)


def _rotate_node_key(home: Path, activate: str | None, as_json: bool) -> None:
    folder = read_settings(home).home / "keys"
    held = NodeKey.load(folder)
    if activate is not None:
        held = held.activate(folder, activate)
    elif len(held.thumbprints) > 1:
        told = f"{held.thumbprints[1]} is there already"
        raise BadInput(Place(str(folder)), told, "Activate it once every partner has pinned it.")
    else:
        held = held.prepare(folder)
    if as_json:
        print_json({"active": held.thumbprint, "thumbprints": list(held.thumbprints)})
        return
    out.print(f"The node signs with {held.thumbprint} when it is started next.", markup=False)
    for other in held.thumbprints[1:]:
        out.print(f"It also has {other}; partners may pin both.", markup=False)


def describe(held: Entitlement) -> str:
    return f"{held.tier} {held.dataset}".strip()


def granted(held: tuple[Entitlement, ...]) -> list[dict[str, str]]:
    """As `--json` tells it."""
    return [{"tier": one.tier, "dataset": one.dataset} for one in held]


def _document(one: Client, held: tuple[Entitlement, ...]) -> dict[str, Any]:
    return {
        "name": one.name,
        "client_id": one.id,
        "authentication": one.authentication,
        "redirect_uris": list(one.redirect_uris),
        "granted": granted(held),
    }


def _read_keys(path: Path | None) -> dict[str, Any] | None:
    if path is None:
        return None
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError):
        raise BadInput(Place(str(path)), "cannot be read as JSON", "Give a file with a JWK set.") from None
    return document if isinstance(document, dict) else {"keys": document}


def _tell(client_id: str, secret: str | None, as_json: bool) -> None:
    if as_json:
        print_json({"client_id": client_id, "client_secret": secret})
        return
    out.print(f"client_id {client_id}", markup=False)
    if secret is not None:
        out.print(f"client_secret {secret} (shown only now)", markup=False)
