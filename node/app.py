"""The one place where the rooms are joined: settings in, a node out, and the web application over it.

Nothing is opened at import.  Several nodes can live in one process; they share nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from fastapi import APIRouter, FastAPI, Request, Response
from sqlalchemy.engine import Engine

from beacon.api import create_router, error_reply, read_request
from beacon.entries import ENTRY_TYPES, EntryType, answer
from beacon.merge import merge
from beacon.query import Asked
from beacon.room import Beacon
from node import db
from node.access.grant import Anonymous, Principal, decide
from node.access.keys import NodeKey
from node.config import Settings
from node.federation.network import Network
from node.federation.peers import PeerBook
from node.store import open_store
from node.store.catalogue import DatabaseCatalogue
from node.web import create_web
from schemas import beacon as wire
from schemas.access import Grant
from schemas.ga4gh import VERSION
from schemas.ports import Catalogue, VariantStore

_BEACON: Final = "/beacon"
_NETWORK: Final = "/network/beacon"


@dataclass(frozen=True, slots=True)
class Node:
    """A node that is open: its database, rooms and key.  Closing it ends its database connections."""

    settings: Settings
    engine: Engine
    key: NodeKey
    catalogue: Catalogue
    store: VariantStore
    beacon: Beacon
    peers: PeerBook

    def grant(self, principal: Principal) -> Grant:
        return decide(principal, self.catalogue.datasets())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.engine.dispose()
