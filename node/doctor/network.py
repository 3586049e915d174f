"""Checks of the node among others: its audit log, its public address, and its peers."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from typing import Final

from node.access.keys import NodeKey
from node.audit import verify
from node.doctor.finding import Finding, Patient
from node.federation import descriptor
from node.federation.contact import Contact, ContactState, try_peer
from node.federation.line import open_connections
from node.federation.peers import Peer, PeerBook
from node.federation.transport import Reply, exchange, open_http
from schemas.errors import NotAuthorised

_TIMEOUT_S: Final = 5.0
_OPERATOR: Final = "Ask its operator."
_REMEDIES: Final = {
    ContactState.WRONG_KEY: "Do not trust it before its operator has told you its thumbprint elsewhere: "
    "the key was changed, or somebody else answers there.",
    ContactState.DENIED: "Its operator has to add this node (`varhaven peer invite` prints the line) or to "
    "resume it.",
    ContactState.TLS_ERROR: "Name its authority (ca_bundle of [federation] or of the peer); or a proxy "
    "breaks TLS.",
    ContactState.UNREACHABLE: "Check its address, the firewall, and the proxy (HTTPS_PROXY, or of the peer).",
    ContactState.TIMEOUT: "Check the firewall and the proxy; or it is overloaded.",
    ContactState.BAD_RESPONSE: "Something else answers there, or the clocks differ: compare them with UTC.",
}


def audit(patient: Patient) -> Iterator[Finding]:
    """The audit log is whole: every entry is the one that was written."""
    patient.watch("audit log")
    found = verify(patient.engine)
    if not found.ok:
        yield Finding(
            "audit log",
            f"entry {found.first_bad} is not the one that was written",
            "Somebody has changed the database: compare it with your last `varhaven audit export`, and tell "
            "the data-protection officer.",
        )


def address(patient: Patient) -> Iterator[Finding]:
    """Whoever follows the public address of the node comes to this node; looked at while it serves."""
    settings = patient.settings
    if settings.relay.url is not None or not _serves(*settings.listen):
        return
    patient.watch("public address")
    public, key = settings.node.id, NodeKey.load(settings.home / "keys")

    async def fetched() -> str:
        async with open_http(settings.federation) as http:
            request = http.build_request("GET", public + descriptor.PATH)
            reply = await exchange(http, request, timeout_s=_TIMEOUT_S, most_bytes=descriptor.MAX_CHARS)
        if not isinstance(reply, Reply):
            return reply.reason
        if reply.status != 200:
            return f"answers with HTTP status {reply.status}"
        try:
            document = reply.body.decode("ascii", errors="replace").strip()
            descriptor.read(document, public, key.thumbprints, time.time())
        except NotAuthorised as fault:
            return fault.message
        return ""

    problem = asyncio.run(fetched())
    if problem:
        remedy = (
            "Check the name, the proxy in front of the node, and that it passes on /.well-known/ unchanged."
        )
        yield Finding(f"{public}{descriptor.PATH}", problem, remedy)


def peers(patient: Patient) -> Iterator[Finding]:
    """Every peer answers with its key, and knows this node."""
    book = PeerBook(patient.engine, patient.settings)
    held = book.peers()
    for peer in held:
        if peer.barred:
            yield Finding(peer.id, peer.barred, "Renew the agreement, or take in a newer list of members.")
    tried = [one for one in held if not one.silence and one.terms.direction != "answer"]
    if tried:
        patient.watch("peers")
    for contact in asyncio.run(_contacts(patient, book, tried)):
        if contact.state is not ContactState.OK:
            problem = contact.reason or str(contact.state)
            yield Finding(contact.peer.id, problem, _REMEDIES.get(contact.state, _OPERATOR))


async def _contacts(patient: Patient, book: PeerBook, tried: list[Peer]) -> list[Contact]:
    settings = patient.settings
    key = NodeKey.load(settings.home / "keys")
    async with open_connections(settings.federation) as connections:

        async def one(peer: Peer) -> Contact:
            http = await connections.to(peer)
            return await try_peer(http, key, settings.node.id, peer, book.descriptors)

        return list(await asyncio.gather(*(one(peer) for peer in tried)))


def _serves(host: str, port: int) -> bool:
    """Whether something listens where the node does."""
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False
