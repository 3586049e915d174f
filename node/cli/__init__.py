"""The command line: `varhaven ...`.  Commands read arguments, call one room, and show the result.

Exit status: 0 done; 1 the node or a file refused, with the reason on standard error; 2 wrong usage;
130 interrupted.
"""

from __future__ import annotations

import sys

import typer

from node.cli import (
    ask,
    audit,
    carriers,
    cases,
    clients,
    data,
    demonstrate,
    host,
    life,
    matching,
    peers,
    people,
    relay,
    sums,
    users,
    verify,
)
from node.cli.options import err
from schemas.errors import NodeError

app = typer.Typer(
    name="varhaven",
    help="A hospital's node for Beacon v2 and Matchmaker Exchange: questions travel, genotypes stay home.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command()(host.init)
app.command()(host.serve)
app.command()(host.doctor)
data.dataset.command("remove")(life.remove)
app.add_typer(data.dataset, name="dataset")
app.command()(data.ingest)
app.add_typer(people.people, name="people")
app.add_typer(life.consent, name="consent")
app.command()(life.erase)
app.command()(life.scrub)
app.command()(life.compact)
app.command()(life.backup)
app.command()(life.restore)
app.command()(data.validate)
app.command()(ask.query)
app.command("sum")(sums.secure_sum)
app.command("verify")(verify.verify_beacon)
app.add_typer(peers.peer, name="peer")
app.add_typer(relay.relay, name="relay")
app.add_typer(audit.audit, name="audit")
app.add_typer(users.user, name="user")
app.add_typer(clients.client, name="client")
app.add_typer(clients.keys, name="keys")
app.add_typer(cases.case, name="case")
cases.case.command("candidates")(carriers.candidates)
life.consent.command("set")(carriers.set_finding)
life.consent.command("show")(carriers.show_finding)
app.command()(matching.match)
app.command()(matching.rematch)
peers.peer.command("token")(matching.token)
peers.peer.command("tokens")(matching.tokens)
peers.peer.command("revoke")(matching.revoke)
peers.peer.command("credential")(matching.credential)
app.command()(demonstrate.demo)


def main() -> None:
    """Run one command; a refusal is one plain sentence on standard error, never a traceback."""
    try:
        app()
    except NodeError as refusal:
        err.print(f"varhaven: {refusal.message}", style="bold red", markup=False)
        sys.exit(1)
    except KeyboardInterrupt:
        err.print("varhaven: interrupted", markup=False)
        sys.exit(130)
