"""What people see, and what the node's own authorization server offers to programs."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import FastAPI, Request

from beacon.query import Asked
from node.access.server import routes as oauth
from node.app.entrance import warning
from node.app.inquiry import Inquiry
from node.app.node import Node
from node.web import Frame, create_account_pages, create_consent_page, create_docs, create_web
from schemas.access import Grant


def add_pages(app: FastAPI, node: Node, inquire: Callable[[Asked, Grant], Inquiry]) -> None:
    """Adds the start page, those of the account, and `/oauth/...` when the settings have it.

    inquire: puts a question to the whole network under a grant.
    """

    async def begun(request: Request, asked: Asked) -> Inquiry:
        return inquire(asked, await node.gate.authorise(request, form=True))

    identity = node.beacon.identity
    frame = Frame(identity, node.reception, warning(node.settings))
    app.include_router(create_web(frame, node.catalogue.datasets, begun))
    app.include_router(create_docs())
    app.include_router(create_account_pages(frame, identity.name))
    if node.settings.sign_in.embedded != "off":
        app.include_router(create_consent_page(frame))
        app.include_router(oauth.create_router(node.embedded))
