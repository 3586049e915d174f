"""Web servers of issuers of tokens, on real sockets: what they publish, and who asked for it."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs

import trustme
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.federated import free_socket, serving
from tests.issuing import new_key, without

KEY = new_key()


class Site:
    """A web server of an issuer: what it says at which path, and the requests that came."""

    def __init__(self) -> None:
        self.listening, self.url = free_socket()
        self.pages: dict[str, Callable[[Request], Awaitable[Response]]] = {}
        self.asked: list[tuple[str, Mapping[str, str], dict[str, list[str]]]] = []

    @property
    def port(self) -> int:
        return int(self.listening.getsockname()[1])

    def say(self, path: str, document: Any, status: int = 200) -> None:
        async def page(_request: Request) -> Response:
            return JSONResponse(document, status)

        self.pages[path] = page

    def is_issuer(self, name: str = "", **more: Any) -> None:
        """Publishes what OpenID providers publish, and the keys."""
        name = name or self.url
        document = {
            "issuer": name, "jwks_uri": f"{self.url}/jwks", "token_endpoint": f"{self.url}/token",
            "userinfo_endpoint": f"{self.url}/userinfo", "introspection_endpoint": f"{self.url}/introspect",
        }  # fmt: skip
        self.say("/.well-known/openid-configuration", without(document | more))
        self.say("/jwks", {"keys": [KEY.as_dict(private=False)]})

    def paths(self) -> list[str]:
        return [path for path, _, _ in self.asked]

    async def answer(self, request: Request) -> Response:
        form = parse_qs((await request.body()).decode())
        self.asked.append((request.url.path, dict(request.headers), form))
        page = self.pages.get(request.url.path)
        return await page(request) if page else Response("nothing here", 404)


@contextmanager
def a_site(certificate: trustme.LeafCert | None = None) -> Iterator[Site]:
    site = Site()
    app = Starlette(routes=[Route("/{path:path}", site.answer, methods=["GET", "POST"])])
    if certificate is None:
        with serving(app, site.listening):
            yield site
        return
    config = uvicorn.Config(app, log_level="error", ws="none", lifespan="off")
    config.load()
    config.ssl = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(config.ssl)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [site.listening]})
    thread.start()
    try:
        yield site
    finally:
        server.should_exit = True
        thread.join()
