"""The description of the API as a page to read and try, at `/docs`: all of it comes from this node.

The scripts are Swagger UI's, as the package `fastapi-offline` carries them; the policy of the page lets
nothing be loaded from, or sent to, anywhere else.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Response
from fastapi.responses import FileResponse

from node.web.frame import HEADERS
from schemas.errors import NotFound

_HERE: Final = Path(__file__).parent
# Swagger UI sets the style of elements in its own markup, and has its icons as data.
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
_KEPT: Final = {"cache-control": "public, max-age=86400", "x-content-type-options": "nosniff"}


def create_docs() -> APIRouter:
    """The page and the three files it is made of."""
    router = APIRouter(include_in_schema=False)
    files = {
        "swagger-ui.css": _packaged() / "swagger-ui.css",
        "swagger-ui-bundle.js": _packaged() / "swagger-ui-bundle.js",
        "docs.js": _HERE / "docs.js",
    }

    @router.get("/docs")
    async def page() -> Response:
        return FileResponse(_HERE / "docs.html", headers={**HEADERS, "content-security-policy": _POLICY})

    @router.get("/docs/{name}")
    async def part(name: str) -> Response:
        found = files.get(name)
        if found is None:
            raise NotFound("the page has no such part")
        return FileResponse(found, headers=_KEPT)

    return router


def _packaged() -> Path:
    """The folder of the package's files; its code is not run."""
    found = find_spec("fastapi_offline")
    if found is None or found.origin is None:
        raise RuntimeError("the package fastapi-offline is not installed")
    return Path(found.origin).parent / "static"
