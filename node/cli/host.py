"""Commands for whoever runs the node: `init`, `serve`, `doctor`."""

from __future__ import annotations

import socket
import sys
from contextlib import nullcontext
from dataclasses import asdict
from typing import Annotated

import typer
import uvicorn

from node.app import create_app, in_the_open, warning
from node.cli.options import AsJson, Home, err, out, print_json
from node.config import read_settings
from node.doctor import Examined, examine
from node.home import make_home
from schemas.errors import BadInput, Place


def init(
    home: Home,
    url: Annotated[str, typer.Option(help="The node's public address, and its identity in the network.")],
    name: Annotated[str, typer.Option(help="The institution, as others will see it.")],
    country: Annotated[str, typer.Option(help="ISO 3166 code, two letters.")],
    database: Annotated[
        str | None, typer.Option(help="URL of a PostgreSQL database; by default SQLite in the home.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a node: its home, keys, database and settings."""
    new = make_home(home, url, name, country, database)
    made = {
        "node": new.settings.node.id,
        "thumbprint": new.thumbprint,
        "home": str(new.settings.home),
        "admin_password": new.admin_password,
    }
    if as_json:
        print_json(made)
        return
    out.print(f"Node {made['node']} lives in {made['home']}", markup=False)
    out.print(f"Key thumbprint {made['thumbprint']}", markup=False)
    out.print(
        f"Partners trust this node with: varhaven peer add {made['node']} --thumbprint {made['thumbprint']}",
        markup=False,
    )
    out.print(
        f"Sign in as admin with {made['admin_password']}; shown only now, changed at the first sign-in.",
        markup=False,
    )


class Announcing(uvicorn.Server):
    """Says `ready URL` on standard output once the node answers; scripts wait for that line."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started:
            host, port = self.servers[0].sockets[0].getsockname()[:2]
            shown = f"[{host}]" if ":" in host else host
            scheme = "https" if self.config.is_ssl else "http"
            typer.echo(f"ready {scheme}://{shown}:{port}")


def serve(
    home: Home,
    host: Annotated[str | None, typer.Option(help="Listen here instead of at the node's URL.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="0: any free port.")] = None,
    via_relay: Annotated[
        str | None, typer.Option(metavar="URL", help="Take peers' questions from this relay as well.")
    ] = None,
    fd: Annotated[
        int | None,
        typer.Option(min=3, help="Take this socket, which listens already."),
    ] = None,
) -> None:
    """Run the node: Beacon, network and federation, until interrupted."""
    settings = read_settings(home)
    listening = socket.socket(fileno=fd) if fd is not None else None
    if via_relay is not None:
        settings = settings.reached_through(via_relay)
    at_host, at_port = settings.listen
    at_host, at_port = host or at_host, at_port if port is None else port
    if listening is None:
        refuse_taken(at_host, at_port)
    config = uvicorn.Config(
        create_app(settings),
        host=at_host,
        port=at_port,
        loop="uvloop",
        http="httptools",
        access_log=False,  # an access log would hold questions, and costs a third of the throughput
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=5,
        proxy_headers=False,  # the application believes the proxies of the settings alone
        ssl_certfile=settings.server.certificate,
        ssl_keyfile=settings.server.key,
    )
    for text in (warning(settings), in_the_open(settings, at_host)):
        if text:
            err.print(f"ATTENTION: {text}", style="bold yellow", markup=False)
    # A question that takes long lets the event loop have its turn ten times as soon as Python would.
    sys.setswitchinterval(0.0005)
    server = Announcing(config)
    server.run(sockets=[listening] if listening is not None else None)
    if not server.started:
        raise BadInput(Place(f"{at_host}:{at_port}"), "the node could not start", "The lines above say why.")


def refuse_taken(host: str, port: int) -> None:
    try:
        with socket.create_server((host, port)):
            return
    except OSError as fault:
        remedy = "Choose another with --host/--port or in [server]; a proxy can map the public URL to it."
        raise BadInput(Place(f"{host}:{port}"), f"cannot listen here ({fault.strerror})", remedy) from None


def doctor(
    home: Home,
    whole: Annotated[
        bool, typer.Option("--whole", help="Compare every allele of every file with the index.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Look for everything that can be wrong with the node, and say what to do about it."""
    settings = read_settings(home)
    done: list[Examined] = []
    status = err.status("Looking ...") if err.is_terminal and not as_json else None
    with status or nullcontext():
        watch = status.update if status is not None else None
        for one in examine(settings, whole=whole, watch=watch):
            done.append(one)
            if not as_json:
                _tell(one)
    is_well = not any(one.findings for one in done)
    if as_json:
        print_json({"ok": is_well, "checks": [_examined(one) for one in done]})
    if not is_well:
        raise typer.Exit(1)


def _tell(one: Examined) -> None:
    out.print(f"{'problem' if one.findings else 'ok':8} {one.name:10} {one.about}", markup=False)
    for finding in one.findings:
        out.print(f"         {finding.text}", markup=False)


def _examined(one: Examined) -> dict[str, object]:
    findings = [asdict(finding) for finding in one.findings]
    return {"check": one.name, "about": one.about, "ok": not findings, "findings": findings}
