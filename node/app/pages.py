"""What people see, and what the node's own authorization server offers to programs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from fastapi import FastAPI, Request

from beacon.query import Asked
from node.access.server import routes as oauth
from node.app.entrance import warning
from node.app.inquiry import Inquiry
from node.app.matching import clinician
from node.app.node import Node
from node.cases import Actor
from node.federation.network import Network
from node.web import (
    Files,
    Frame,
    Notice,
    create_account_pages,
    create_case_pages,
    create_consent_page,
    create_docs,
    create_exchange_page,
    create_web,
)
from schemas.access import Grant


def add_pages(
    app: FastAPI, node: Node, inquire: Callable[[Asked, Grant], Inquiry], network: Callable[[], Network]
) -> None:
    """Adds the start page, those of the account and of cases, and `/oauth/...` when the settings have it.

    inquire: puts a question to the whole network under a grant.  network: there once the application runs.
    """

    async def begun(request: Request, asked: Asked) -> Inquiry:
        return inquire(asked, await node.gate.authorise(request, form=True))

    async def ask(actor: Actor, case_id: str) -> Mapping[str, Any]:
        return (await own.finder.everywhere(network(), actor, case_id)).document

    identity, own = node.beacon.identity, node.exchange
    frame = Frame(identity, node.reception, warning(node.settings))
    app.include_router(create_web(frame, node.catalogue.datasets, begun))
    app.include_router(create_docs())
    app.include_router(create_account_pages(frame, identity.name))
    files = Files(own.book, own.tracking, own.contact, node.settings.matchmaker.sharing)
    app.include_router(create_case_pages(frame, files, partial(clinician, node), ask))
    said = node.settings.matchmaker
    notice = Notice(own.contact, said.disclaimer, said.terms)
    app.include_router(create_exchange_page(frame, own.desk.metrics, notice))
    if node.settings.sign_in.embedded != "off":
        app.include_router(create_consent_page(frame))
        app.include_router(oauth.create_router(node.embedded))
