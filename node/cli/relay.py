"""The command for whoever lends a relay to partners behind firewalls: `relay serve`."""

from __future__ import annotations

from typing import Annotated

import typer
import uvicorn

from node.cli.host import Announcing, refuse_taken
from node.federation.relay.posts import create_relay

relay = typer.Typer(
    help="Passing questions to partners whose firewall lets nobody in; needs no node.", no_args_is_help=True
)


@relay.command("serve")
def serve(
    url: Annotated[str, typer.Option(help="The public address of the relay, https://...")],
    members: Annotated[
        list[str],
        typer.Option(
            "--member",
            metavar="URL=THUMBPRINT",
            help="A node with a mailbox here, and the thumbprint of its key; may be repeated.",
        ),
    ],
    host: Annotated[str, typer.Option(help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free port.")] = 8090,
    certificate: Annotated[str | None, typer.Option(help="PEM file, when no proxy ends TLS.")] = None,
    key: Annotated[str | None, typer.Option(help="PEM file of its private key.")] = None,
) -> None:
    """Run a relay until interrupted: it passes on what it cannot read, and keeps nothing."""
    mailboxes: dict[str, tuple[str, ...]] = {}
    for member in members:
        node, _, thumbprint = member.rpartition("=")
        if not node or len(thumbprint) != 43:
            raise typer.BadParameter("write URL=THUMBPRINT", param_hint="--member")
        node = node.rstrip("/")
        mailboxes[node] = (*mailboxes.get(node, ()), thumbprint)
    refuse_taken(host, port)
    config = uvicorn.Config(
        create_relay(url.rstrip("/"), mailboxes),
        host=host,
        port=port,
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=5,
        ssl_certfile=certificate,
        ssl_keyfile=key,
    )
    Announcing(config).run()
