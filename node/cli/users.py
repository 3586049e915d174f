"""Commands for people who sign in: `user add | list | password | grant | totp | lock ...`."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from node.access.principal import Role
from node.access.server.entitlements import Tier
from node.access.server.totp import provisioning_uri, readable
from node.cli.clients import DatasetOption, describe, granted
from node.cli.options import AsJson, Home, open_home, out, print_json, record_change
from schemas.errors import NotFound

user = typer.Typer(help="People who sign in at this node.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="What the person types to sign in.")]
Roles = Annotated[list[Role], typer.Option("--role", help="What the person may be here; may be given again.")]
TierOption = Annotated[Tier, typer.Option(help="controlled: counts of a dataset; record: all of it.")]


@user.command("add")
def add(
    name: Name,
    home: Home,
    roles: Roles,
    title: Annotated[str, typer.Option(help="The person's name, as others see it.")] = "",
    as_json: AsJson = False,
) -> None:
    """A new user; the password is shown only now, and the first sign-in changes it."""
    with open_home(home) as node:
        password = node.embedded.accounts.add(name, roles, title)
        account = node.embedded.accounts.named(name)
        record_change(node, "user add")
    if as_json:
        print_json({"name": account.name, "subject": account.subject, "password": password})
        return
    _tell_password(account.name, password)


@user.command("list")
def list_users(home: Home, as_json: AsJson = False) -> None:
    """Who may sign in, as what, and what each was granted."""
    with open_home(home) as node:
        rows = [
            (one, node.embedded.entitlements.held_by(one.subject))
            for one in node.embedded.accounts.accounts()
        ]
    if as_json:
        print_json(
            [
                {
                    "name": one.name,
                    "title": one.title,
                    "subject": one.subject,
                    "roles": sorted(one.roles),
                    "locked": one.locked,
                    "totp": one.has_totp,
                    "must_change_password": one.must_change,
                    "granted": granted(held),
                }
                for one, held in rows
            ]
        )
        return
    table = Table("name", "roles", "second factor", "state", "granted")
    for one, held in rows:
        state = "locked" if one.locked else "must change password" if one.must_change else "active"
        factor = "yes" if one.has_totp else "no"
        table.add_row(one.name, ", ".join(sorted(one.roles)), factor, state, ", ".join(map(describe, held)))
    out.print(table)


@user.command("password")
def reset_password(name: Name, home: Home, as_json: AsJson = False) -> None:
    """A new one-time password, shown only now; sessions and tokens of the person end."""
    with open_home(home) as node:
        account = node.embedded.accounts.named(name)
        password = node.embedded.accounts.reset_password(account)
        record_change(node, "user password")
    if as_json:
        print_json({"name": account.name, "password": password})
        return
    _tell_password(account.name, password)


@user.command("roles")
def set_roles(name: Name, home: Home, roles: Roles) -> None:
    """What the person may be here, from now on."""
    with open_home(home) as node:
        node.embedded.accounts.set_roles(node.embedded.accounts.named(name), roles)
        record_change(node, "user roles")


@user.command("grant")
def grant(name: Name, home: Home, tier: TierOption, dataset: DatasetOption = "") -> None:
    """Access to a dataset, or the standing of a registered researcher."""
    with open_home(home) as node:
        node.embedded.entitlements.grant(node.embedded.accounts.named(name).subject, tier, dataset)
        record_change(node, "user grant", dataset)


@user.command("revoke")
def revoke(name: Name, home: Home, tier: TierOption, dataset: DatasetOption = "") -> None:
    """Take back what was granted; it ends at once."""
    with open_home(home) as node:
        subject = node.embedded.accounts.named(name).subject
        if not node.embedded.entitlements.withdraw(subject, tier, dataset):
            raise NotFound(f"{name} was not granted that")
        record_change(node, "user revoke", dataset)


@user.command("totp")
def second_factor(
    name: Name,
    home: Home,
    off: Annotated[bool, typer.Option("--off", help="The telephone is lost: sign in without, once.")] = False,
    code: Annotated[str, typer.Option(help="Asked for when it is not given.")] = "",
) -> None:
    """One-time codes of an authenticator application, from the next sign-in on."""
    with open_home(home) as node:
        accounts = node.embedded.accounts
        account = accounts.named(name)
        if off:
            accounts.disable_totp(account)
            record_change(node, "user totp off")
            return
        secret = accounts.offer_totp()
        out.print(provisioning_uri(secret, account.name, node.settings.node.name), markup=False)
        out.print(f"or type {readable(secret)}", markup=False)
        accounts.enable_totp(account, secret, code or typer.prompt("Code that the application shows"))
        record_change(node, "user totp")


@user.command("lock")
def lock(name: Name, home: Home) -> None:
    """The person cannot sign in; sessions and tokens end at once."""
    with open_home(home) as node:
        node.embedded.accounts.lock(node.embedded.accounts.named(name))
        record_change(node, "user lock")


@user.command("unlock")
def unlock(name: Name, home: Home) -> None:
    """The person may sign in again, also after too many wrong passwords."""
    with open_home(home) as node:
        node.embedded.accounts.lock(node.embedded.accounts.named(name), locked=False)
        record_change(node, "user unlock")


@user.command("remove")
def remove(name: Name, home: Home) -> None:
    """Forget a user and everything granted to him."""
    with open_home(home) as node:
        node.embedded.accounts.remove(node.embedded.accounts.named(name))
        record_change(node, "user remove")


def _tell_password(name: str, password: str) -> None:
    out.print(f"{name} signs in with {password}; shown only now, changed at the first sign-in.", markup=False)
