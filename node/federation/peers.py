"""The nodes this one knows: those of the settings, and those added at run time, which the database keeps.

Trust is a pinned key: nothing a peer says about itself can add or change it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

import sqlalchemy as sa
from pydantic import ValidationError
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError

from node.config import PeerSection, PeerTerms, Settings
from node.db import peer as table
from node.federation.dialects import dialect_named
from node.federation.members import Roster
from node.federation.newest import Newest
from schemas.errors import BadInput, BadQuestion, NotFound, Place, StoreUnavailable
from schemas.genome import Assembly
from schemas.network import PeerKind

_MOST_KEYS: Final = 2  # the old and the new one, while a partner changes keys


_NO_TERMS: Final = PeerTerms()


@dataclass(frozen=True, slots=True)
class Peer:
    """A node that is asked by this one; a varhaven node may also ask this one.

    id: its public URL, without a trailing slash; of a Beacon, the root of its API.  thumbprints: of the keys
    a varhaven node may sign with (RFC 7638).  A suspended peer is neither answered nor asked.  dialect: of a
    Beacon, "" to find out.  assemblies: that it holds, () when not known.
    network, forward, relay: see `node.config.PeerSection`.  terms: what was agreed.  barred: why it is
    neither asked nor answered though it was not suspended here; "" when it is.
    """

    id: str
    name: str = ""
    thumbprints: tuple[str, ...] = ()
    suspended: bool = False
    kind: PeerKind = PeerKind.VARHAVEN
    dialect: str = ""
    assemblies: tuple[Assembly, ...] = ()
    network: bool = False
    forward: bool = False
    relay: str = ""
    terms: PeerTerms = _NO_TERMS
    barred: str = ""

    @property
    def silence(self) -> str:
        """Why it is neither asked nor answered; "" when it is."""
        return "this node has suspended it" if self.suspended else self.barred


class PeerBook:
    """The peers of one node.

    Every call reads the database, a fraction of a millisecond, so that a running node follows at once what
    the command line changes.

    Raises StoreUnavailable from every method: the database cannot be read or written.
    """

    def __init__(self, engine: Engine, settings: Settings) -> None:
        """Raises BadInput: a dialect in the settings that is not known."""
        self._engine = engine
        self._own_id = settings.node.id
        self._configured = _configured(settings)
        self.roster = Roster(engine, settings.federation.membership_key)
        self.descriptors = Newest(engine, "descriptor")

    def peers(self) -> tuple[Peer, ...]:
        """All of them, suspended ones too, ordered by id.  A row of the database adds to the settings."""
        with self._database() as connection:
            rows = {row.id: _read(row) for row in connection.execute(sa.select(table))}
        known = (self._joined(node, rows.get(node)) for node in sorted(rows.keys() | self._configured.keys()))
        refusal = self.roster.refusal()
        return tuple(_barred(peer, refusal) for peer in known if peer is not None)

    def find(self, node: str) -> Peer | None:
        """The peer with exactly this id, or None."""
        with self._database() as connection:
            row = connection.execute(sa.select(table).where(table.c.id == node)).one_or_none()
        peer = self._joined(node, _read(row) if row is not None else None)
        return None if peer is None else _barred(peer, self.roster.refusal())

    def asking(self, node: str) -> Peer | None:
        """The peer as one who asks this node: suspended, too, when it is by agreement not answered."""
        peer = self.find(node)
        if peer is None or not (peer.barred or peer.terms.direction == "ask"):
            return peer
        return replace(peer, suspended=True)

    def add(self, peer: Peer) -> Peer:
        """Trusts `peer`, or one more key of a peer that is there already; the peer as it is known now.

        Adding what is there changes nothing, except the name and the dialect when they are given, and what
        is granted to it.

        Raises BadInput: not a URL or a thumbprint, this node itself, a third key, or of another kind than
        before.
        """
        wanted = self._checked(peer)
        before = self.find(wanted.id) or Peer(wanted.id, kind=wanted.kind, suspended=wanted.suspended)
        if before.kind is not wanted.kind:
            raise BadInput(
                Place(wanted.id), f"this peer is known as one of kind {before.kind}", "Remove it first."
            )
        held = before.thumbprints
        thumbprints = (*held, *(t for t in wanted.thumbprints if t not in held))
        if len(thumbprints) > _MOST_KEYS:
            raise BadInput(
                Place(wanted.id),
                f"{_MOST_KEYS} keys of this peer are trusted already",
                "Remove the peer first, then add it with the keys it uses now.",
            )
        known = replace(
            before,
            thumbprints=thumbprints,
            name=wanted.name or before.name,
            dialect=wanted.dialect or before.dialect,
            assemblies=wanted.assemblies or before.assemblies,
            network=wanted.network or before.network,
            forward=wanted.forward or before.forward,
            relay=wanted.relay or before.relay,
            terms=wanted.terms if wanted.terms != _NO_TERMS else before.terms,
        )
        self._write(known)
        return known

    def suspend(self, node: str, suspended: bool = True) -> None:
        """Neither answers nor asks the peer until resumed by `suspended=False`.

        Raises NotFound: no such peer.
        """
        self._write(replace(self._known(node), suspended=suspended))

    def remove(self, node: str) -> None:
        """Forgets the peer and its keys.

        Raises NotFound: no such peer; BadInput: it stands in the settings, where alone it can be removed.
        """
        peer = self._known(node)
        if peer.id in self._configured:
            raise BadInput(
                Place(peer.id), "this peer stands in varhaven.toml", "Remove it there, or suspend it here."
            )
        with self._database() as connection:
            connection.execute(sa.delete(table).where(table.c.id == peer.id))

    @contextmanager
    def _database(self) -> Iterator[Connection]:
        try:
            with self._engine.begin() as connection:
                yield connection
        except DBAPIError as fault:
            raise StoreUnavailable("the list of peers cannot be read or written now") from fault

    def _known(self, node: str) -> Peer:
        peer = self.find(node.rstrip("/"))
        if peer is None:
            raise NotFound(f"{node} is not a peer of this node")
        return peer

    def _checked(self, peer: Peer) -> Peer:
        given = {
            "url": peer.id,
            "name": peer.name,
            "kind": peer.kind,
            "dialect": peer.dialect,
            "assemblies": peer.assemblies,
            "network": peer.network,
            "forward": peer.forward,
            "relay": peer.relay or None,
            **peer.terms.model_dump(),
        }
        try:
            sections = [PeerSection(**given, thumbprint=text) for text in peer.thumbprints or (None,)]
        except ValidationError as fault:
            first = fault.errors()[0]
            remedy = "Ask the peer's operator for both: `varhaven init` showed them."
            field = str(first["loc"][0]) if first["loc"] else ""
            raise BadInput(Place(peer.id, field=field), first["msg"], remedy) from None
        node = sections[0].url
        if node == self._own_id:
            raise BadInput(Place(node), "this is the node itself", "Give the URL of another node.")
        _check_dialect(node, peer.dialect)
        return replace(peer, id=node)

    def _joined(self, node: str, row: Peer | None) -> Peer | None:
        """What the settings and the database say together; None when neither knows it."""
        configured = self._configured.get(node)
        if row is None or configured is None:
            known = row or configured
            # The keys of a row may all have stood in settings that are gone: nobody is trusted without one.
            unpinned = known and known.kind is PeerKind.VARHAVEN and not known.thumbprints
            return None if unpinned else known
        more = tuple(t for t in row.thumbprints if t not in configured.thumbprints)
        return replace(
            configured,
            thumbprints=configured.thumbprints + more,
            name=row.name or configured.name,
            suspended=row.suspended,
            dialect=row.dialect or configured.dialect,
            relay=row.relay or configured.relay,
            assemblies=row.assemblies or configured.assemblies,
        )

    def _write(self, peer: Peer) -> None:
        """Keys of the settings are not copied, so that removing them there removes them."""
        configured = self._configured.get(peer.id)
        pinned = configured.thumbprints if configured else ()
        values = {
            "name": peer.name,
            "thumbprints": " ".join(t for t in peer.thumbprints if t not in pinned),
            "suspended": peer.suspended,
            "kind": peer.kind.value,
            "dialect": peer.dialect,
            "assemblies": " ".join(peer.assemblies),
            "network": peer.network,
            "forward": peer.forward,
            "relay": peer.relay,
            "terms": peer.terms.model_dump_json(exclude_defaults=True),
        }
        with self._database() as connection:
            changed = connection.execute(sa.update(table).where(table.c.id == peer.id).values(values))
            if not changed.rowcount:
                connection.execute(sa.insert(table).values(id=peer.id, **values))


def _configured(settings: Settings) -> dict[str, Peer]:
    """A peer that stands there twice has two keys; the node itself may stand there, and is no peer."""
    found: dict[str, Peer] = {}
    for section in settings.peers:
        _check_dialect(section.url, section.dialect)
        own = (section.thumbprint,) if section.thumbprint else ()
        before = found.get(section.url)
        if before is None:
            found[section.url] = Peer(
                section.url,
                section.name,
                own,
                kind=section.kind,
                dialect=section.dialect,
                assemblies=section.assemblies,
                network=section.network,
                forward=section.forward,
                relay=section.relay or "",
                terms=section.terms,
            )
        else:
            thumbprints = tuple(dict.fromkeys((*before.thumbprints, *own)))
            found[section.url] = replace(before, thumbprints=thumbprints, name=before.name or section.name)
    found.pop(settings.node.id, None)
    return found


def _check_dialect(node: str, dialect: str) -> None:
    try:
        if dialect:
            dialect_named(dialect)
    except BadQuestion as fault:
        raise BadInput(Place(node, field="dialect"), fault.message, "Leave it out to find out.") from None


def _read(row: sa.Row[tuple[object, ...]]) -> Peer:
    return Peer(
        row.id,
        row.name,
        tuple(row.thumbprints.split()),
        row.suspended,
        PeerKind(row.kind),
        row.dialect,
        tuple(Assembly.read(name) for name in row.assemblies.split()),
        row.network,
        row.forward,
        row.relay,
        PeerTerms.model_validate_json(row.terms),
    )


def _barred(peer: Peer, refusal: Callable[[str], str]) -> Peer:
    """The peer, with the reason why it is neither asked nor answered now, if there is one."""
    why = "" if peer.terms.holds_on(datetime.now(UTC).date()) else "the agreement with it has ended"
    if not why and peer.kind is PeerKind.VARHAVEN:
        why = refusal(peer.id)
    return replace(peer, barred=why) if why else peer
