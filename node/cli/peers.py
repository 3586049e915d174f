"""Commands for membership: `peer invite | add | list | test | suspend | resume | remove`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from node.cli.options import AsJson, Home, open_home, out, print_json, record_change
from node.config import read_terms
from node.federation.contact import Contact, ContactState
from node.federation.members import sign as sign_list
from node.federation.peers import Peer
from schemas.access import Granularity, Tier
from schemas.errors import BadInput, NotFound, Place
from schemas.genome import Assembly
from schemas.network import PeerKind

peer = typer.Typer(help="Other nodes: whom this one trusts, asks and answers.", no_args_is_help=True)

Url = Annotated[str, typer.Argument(metavar="URL", help="The peer's public address, its identity.")]


@peer.command("add")
def add(
    url: Url,
    home: Home,
    thumbprint: Annotated[
        str | None, typer.Option(help="Of a varhaven node's key, as its operator told you.")
    ] = None,
    name: Annotated[str, typer.Option(help="What to call it.")] = "",
    kind: Annotated[
        PeerKind, typer.Option(help="varhaven; beacon: any other Beacon v2; mme: a Matchmaker node.")
    ] = PeerKind.VARHAVEN,
    dialect: Annotated[str, typer.Option(help="How a Beacon is asked; found out otherwise.")] = "",
    assembly: Annotated[
        list[str] | None, typer.Option(help="That it holds, if you know; may be repeated.")
    ] = None,
    network: Annotated[bool, typer.Option("--network", help="Ask it for its whole network.")] = False,
    forward: Annotated[
        bool, typer.Option("--forward", help="Pass its questions on to this node's peers.")
    ] = False,
    relay: Annotated[str, typer.Option(help="The relay through which it is reached.")] = "",
    tier: Annotated[Tier, typer.Option(help="What those it asks for are taken for at most.")] = Tier.PUBLIC,
    granularity: Annotated[
        Granularity, typer.Option(help="It is told no more than this.")
    ] = Granularity.RECORD,
    direction: Annotated[
        str, typer.Option(help="both; ask: it is asked and not answered; answer: the other way around.")
    ] = "both",
    expires: Annotated[str | None, typer.Option(help="Last day of the agreement, 2030-12-31.")] = None,
    terms: Annotated[
        Path | None,
        typer.Option(help="The rest of what was agreed, in TOML as in [[peers]]: proxy, ca_bundle, oauth."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Trust a node; a running node follows at once.  Whether it answers yet is told, and not required."""
    assemblies = tuple(map(Assembly.read, assembly or ()))
    pinned = (thumbprint,) if thumbprint is not None else ()
    stated = {"tier": tier, "granularity": granularity, "direction": direction, "expires": expires}
    agreed = read_terms(terms, {name: value for name, value in stated.items() if value is not None})
    wanted = Peer(url, name, pinned, False, kind, dialect, assemblies, network, forward, relay, agreed)
    with open_home(home) as node:
        known = node.peers.add(wanted)
        record_change(node, "peer add")
        contact = asyncio.run(node.try_peer(known))
    _tell(contact, as_json)


@peer.command("members")
def members(
    home: Home,
    file: Annotated[
        Path | None, typer.Argument(help="A newer list, as the operator of the network signed it.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Take in a list of members, or show the one that holds; only [federation] membership_key is believed."""
    with open_home(home) as node:
        if file is not None:
            node.peers.roster.take_in(_text(file))
            record_change(node, "peer members")
        held = node.peers.roster.members()
    if as_json:
        print_json({} if held is None else {"seq": held.seq, "members": dict(held.suspended)})
        return
    for one, suspended in held.suspended.items() if held is not None else ():
        out.print(f"{one}: {'suspended' if suspended else 'member'}", markup=False)
    out.print(f"List {held.seq}." if held is not None else "No list of members is held.")


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        raise BadInput(Place(str(file)), "cannot be read as a list", "Check the path.") from None


@peer.command("sign-members")
def sign_members(
    home: Home,
    nodes: Annotated[list[str], typer.Argument(help="The URLs of all members.")],
    suspended: Annotated[list[str] | None, typer.Option(help="A member that is suspended.")] = None,
    days: Annotated[int, typer.Option(min=1, max=92, help="How long the list holds.")] = 30,
) -> None:
    """As the operator of a network: write a list of its members, signed with this node's key."""
    with open_home(home) as node:
        typer.echo(sign_list(node.key, node.beacon.identity.id, nodes, suspended or (), days=days))


@peer.command("invite")
def invite(home: Home, as_json: AsJson = False) -> None:
    """Print the line with which a partner trusts this node; send it over a channel you both trust."""
    with open_home(home) as node:
        made = {"node": node.beacon.identity.id, "thumbprint": node.key.thumbprint}
        relay = f" --relay {node.settings.relay.url}" if node.settings.relay.url else ""
    if as_json:
        print_json(made)
    else:
        out.print(f"varhaven peer add {made['node']} --thumbprint {made['thumbprint']}{relay}", markup=False)


@peer.command("test")
def try_out(url: Url, home: Home, as_json: AsJson = False) -> None:
    """Does the right node answer there, and does it know this one?"""
    with open_home(home) as node:
        known = node.peers.find(url.rstrip("/"))
        if known is None:
            raise NotFound(f"{url} is not a peer of this node; add it with: varhaven peer add")
        contact = asyncio.run(node.try_peer(known))
    _tell(contact, as_json)
    if contact.state is not ContactState.OK:
        raise typer.Exit(1)


@peer.command("list")
def list_peers(home: Home, as_json: AsJson = False) -> None:
    """The nodes this one trusts."""
    with open_home(home) as node:
        known = node.peers.peers()
    if as_json:
        rows = [
            {
                "node": p.id,
                "name": p.name,
                "kind": p.kind,
                "thumbprints": list(p.thumbprints),
                "suspended": p.suspended,
                "assemblies": list(p.assemblies),
                "network": p.network,
                "forward": p.forward,
            }
            for p in known
        ]
        print_json(rows)
        return
    table = Table("node", "name", "kind", "state", "thumbprint")
    for p in known:
        state = "suspended" if p.suspended else "trusted"
        table.add_row(p.id, p.name, p.kind, state, " ".join(p.thumbprints))
    out.print(table)


@peer.command("suspend")
def suspend(url: Url, home: Home) -> None:
    """Neither ask nor answer a peer, until resumed."""
    with open_home(home) as node:
        node.peers.suspend(url)
        record_change(node, "peer suspend")


@peer.command("resume")
def resume(url: Url, home: Home) -> None:
    """End the suspension of a peer."""
    with open_home(home) as node:
        node.peers.suspend(url, suspended=False)
        record_change(node, "peer resume")


@peer.command("remove")
def remove(url: Url, home: Home) -> None:
    """Forget a peer and its keys."""
    with open_home(home) as node:
        node.peers.remove(url)
        record_change(node, "peer remove")
        node.exchange.given.forget(url.rstrip("/"))


def _tell(contact: Contact, as_json: bool) -> None:
    if as_json:
        told = {
            "node": contact.peer.id,
            "kind": contact.peer.kind,
            "thumbprint": contact.peer.thumbprints[-1] if contact.peer.thumbprints else None,
            "state": contact.state,
            "reason": contact.reason,
        }
        print_json(told)
        return
    line = f"{contact.peer.id}: {contact.state}"
    # A wrong key means that somebody else answers there, or that the thumbprint was not the right one.
    style = "bold red" if contact.state is ContactState.WRONG_KEY else None
    out.print(f"{line} ({contact.reason})" if contact.reason else line, markup=False, style=style)
