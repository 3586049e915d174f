"""What this node says to those who want to sign in: whose tokens are good here.  Spec: RFC 9728 §3."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from node.access.authenticator import Authenticator
from node.access.challenge import METADATA

_KEPT: Final = {"Cache-Control": "max-age=3600"}


def create_metadata_router(authenticator: Authenticator, name: str) -> APIRouter:
    """name: of the institution."""
    router = APIRouter(tags=["access"])

    @router.get(METADATA, summary="Whose tokens are good here")
    async def metadata() -> Response:
        return JSONResponse(authenticator.metadata(name), headers=_KEPT)

    return router
