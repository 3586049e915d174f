"""Who asks, joined: the node's own authorization server, tokens of others, and people with browsers."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.engine import Engine

from node import trace
from node.access.authenticator import Authenticator
from node.access.channel import is_loopback
from node.access.keys import NodeKey
from node.access.opening import open_authenticator
from node.access.opening_providers import open_providers
from node.access.pending import PendingLogins
from node.access.reception import Abroad, Reception
from node.access.server import EmbeddedServer
from node.access.sessions import Cookies, Sessions
from node.audit import Audit, Entry, Kind, Outcome
from node.config import Settings
from schemas.access import ANONYMOUS


@dataclass(frozen=True, slots=True)
class Entrance:
    """embedded: also when it is not offered, for the commands.  authenticator: of tokens and passports.

    reception: of sessions.
    """

    embedded: EmbeddedServer
    authenticator: Authenticator
    reception: Reception


@dataclass(frozen=True, slots=True)
class _Witness:
    """Writes into the audit log; see `node.access.reception.Witness`."""

    audit: Audit

    def saw(self, principal: str, deed: str) -> None:
        entry = Entry(trace.current().id, principal, Kind.SIGN_IN, Outcome.ANSWERED, detail=deed)
        self.audit.record_now(entry)

    def turned_away(self, reason: str) -> None:
        self.audit.note(Entry("", ANONYMOUS, Kind.SIGN_IN, Outcome.DENIED, detail=reason))


def open_entrance(settings: Settings, engine: Engine, key: NodeKey, audit: Audit) -> Entrance:
    """Raises BadInput: issuers or providers that cannot be meant, or keys that cannot be used."""
    section = settings.sign_in
    embedded = EmbeddedServer(engine, settings.home, settings.node.id)
    offered = section.embedded != "off"
    authenticator = open_authenticator(settings, key, embedded if offered else None)
    sessions = Sessions(engine, idle_s=section.idle_minutes * 60, life_s=section.session_hours * 3600)
    cookies = Cookies(settings.node.id, embedded.keyring.seal)
    abroad = Abroad(open_providers(settings, key), PendingLogins(engine), authenticator.with_passport)
    reception = Reception(
        embedded, sessions, cookies, has_own_users=offered, abroad=abroad, witness=_Witness(audit)
    )
    return Entrance(embedded, authenticator, reception)


def warning(settings: Settings) -> str:
    """What everybody who uses this node has to know about it; empty when there is nothing."""
    if settings.sign_in.embedded != "on":
        return ""
    return (
        "this node signs people in by itself, and nobody has decided on that yet. Its operator sets "
        '[sign_in] embedded to "accepted", or to "off" when people sign in elsewhere.'
    )


def in_the_open(settings: Settings, host: str) -> str:
    """Why nobody can sign in over the network when the node listens at `host`; empty when they can."""
    server = settings.server
    if server.certificate is not None or server.trusted_proxies or is_loopback(host):
        return ""
    return (
        "without TLS people and programs sign in on this machine only. Set [server] certificate and key, or "
        "trusted_proxies to the address of the proxy that ends TLS; deploy/sign-in.md has more."
    )
