"""The nodes this one trusts: those of the settings, and those added at run time, which the database keeps.

Trust is a pinned key: nothing a peer says about itself can add or change it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
from pydantic import ValidationError
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError

from node.config import PeerSection, Settings
from node.db import peer as table
from schemas.errors import BadInput, NotFound, Place, StoreUnavailable

_MOST_KEYS: Final = 2  # the old and the new one, while a partner changes keys


@dataclass(frozen=True, slots=True)
class Peer:
    """A node that may ask this one and is asked by it.

    id: its public URL, without a trailing slash.  thumbprints: of the keys it may sign with (RFC 7638).
    A suspended peer is neither answered nor asked.
    """

    id: str
    name: str = ""
    thumbprints: tuple[str, ...] = ()
    suspended: bool = False


class PeerBook:
    """The peers of one node.

    Every call reads the database, a fraction of a millisecond, so that a running node follows at once what
    the command line changes.

    Raises StoreUnavailable from every method: the database cannot be read or written.
    """

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine = engine
        self._own_id = settings.node.id
        self._configured = _configured(settings)

    def peers(self) -> tuple[Peer, ...]:
        """All of them, suspended ones too, ordered by id.  A row of the database adds to the settings."""
        with self._database() as connection:
            rows = {row.id: _read(row) for row in connection.execute(sa.select(table))}
        known = (self._joined(node, rows.get(node)) for node in sorted(rows.keys() | self._configured.keys()))
        return tuple(peer for peer in known if peer.thumbprints)

    def find(self, node: str) -> Peer | None:
        """The peer with exactly this id, or None."""
        with self._database() as connection:
            row = connection.execute(sa.select(table).where(table.c.id == node)).one_or_none()
        peer = self._joined(node, _read(row) if row is not None else None)
        return peer if peer.thumbprints else None

    def add(self, peer: Peer) -> Peer:
        """Trusts `peer`, or one more key of a peer that is there already; the peer as it is known now.

        Adding what is there changes nothing, except the name when one is given.

        Raises BadInput: not a URL or a thumbprint, this node itself, or a third key.
        """
        wanted = self._checked(peer)
        before = self.find(wanted.id)
        held = before.thumbprints if before else ()
        thumbprints = (*held, *(t for t in wanted.thumbprints if t not in held))
        if len(thumbprints) > _MOST_KEYS:
            raise BadInput(
                Place(wanted.id),
                f"{_MOST_KEYS} keys of this peer are trusted already",
                "Remove the peer first, then add it with the keys it uses now.",
            )
        suspended = before.suspended if before else wanted.suspended
        name = wanted.name or (before.name if before else "")
        self._write(Peer(wanted.id, name, thumbprints, suspended))
        return Peer(wanted.id, name, thumbprints, suspended)

    def suspend(self, node: str, suspended: bool = True) -> None:
        """Neither answers nor asks the peer until resumed by `suspended=False`.

        Raises NotFound: no such peer.
        """
        peer = self._known(node)
        self._write(Peer(peer.id, peer.name, peer.thumbprints, suspended))

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
        try:
            sections = [
                PeerSection(url=peer.id, thumbprint=text, name=peer.name) for text in peer.thumbprints
            ]
        except ValidationError as fault:
            first = fault.errors()[0]
            remedy = "Ask the peer's operator for both: `varhaven init` showed them."
            raise BadInput(Place(peer.id, field=str(first["loc"][0])), first["msg"], remedy) from None
        if not sections:
            raise BadInput(Place(peer.id), "no thumbprint given", "Ask the peer's operator for it.")
        node = sections[0].url
        if node == self._own_id:
            raise BadInput(Place(node), "this is the node itself", "Give the URL of another node.")
        return Peer(node, peer.name, tuple(section.thumbprint for section in sections), peer.suspended)

    def _joined(self, node: str, row: Peer | None) -> Peer:
        """What the settings and the database say together; without thumbprints when neither knows it."""
        configured = self._configured.get(node)
        if row is None or configured is None:
            return row or configured or Peer(node)
        more = tuple(t for t in row.thumbprints if t not in configured.thumbprints)
        name = row.name or configured.name
        return Peer(node, name, configured.thumbprints + more, row.suspended)

    def _write(self, peer: Peer) -> None:
        """Keys of the settings are not copied, so that removing them there removes them."""
        configured = self._configured.get(peer.id)
        pinned = configured.thumbprints if configured else ()
        values = {
            "name": peer.name,
            "thumbprints": " ".join(t for t in peer.thumbprints if t not in pinned),
            "suspended": peer.suspended,
        }
        with self._database() as connection:
            changed = connection.execute(sa.update(table).where(table.c.id == peer.id).values(values))
            if not changed.rowcount:
                connection.execute(sa.insert(table).values(id=peer.id, **values))


def _configured(settings: Settings) -> dict[str, Peer]:
    """A peer that stands there twice has two keys; the node itself may stand there, and is no peer."""
    found: dict[str, Peer] = {}
    for section in settings.peers:
        before = found.get(section.url, Peer(section.url))
        thumbprints = tuple(dict.fromkeys((*before.thumbprints, section.thumbprint)))
        found[section.url] = Peer(section.url, before.name or section.name, thumbprints)
    found.pop(settings.node.id, None)
    return found


def _read(row: sa.Row[tuple[object, ...]]) -> Peer:
    return Peer(row.id, row.name, tuple(row.thumbprints.split()), row.suspended)
