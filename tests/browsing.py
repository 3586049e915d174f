"""A browser without scripts for tests: follows forms and redirections of a real node on loopback."""

from __future__ import annotations

import html
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urljoin

import httpx
import uvicorn

from node.app import create_app
from node.config import CONFIG_NAME, read_settings
from node.home import make_home
from tests.federated import free_socket

_FIELD = re.compile(r'<input[^>]*?type="hidden"[^>]*?name="([^"]+)"[^>]*?value="([^"]*)"')


class Browser:
    """Keeps cookies; never follows a redirection unasked."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.http = httpx.Client(base_url=base, trust_env=False, timeout=30)

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.http.get(path, headers=headers)

    def post(self, path: str, fields: dict[str, str], **headers: str) -> httpx.Response:
        """A form as it stands, without anything of a page."""
        return self.http.post(path, data=fields, headers=headers)

    def fill(self, page: httpx.Response, action: str, **typed: str) -> httpx.Response:
        """Sends the form of `page` that goes to `action`, with what a person typed."""
        found = re.search(rf'<form[^>]*action="{re.escape(action)}"[^>]*>(.*?)</form>', page.text, re.DOTALL)
        assert found, f"no form to {action} in: {page.text}"
        fields = {name: html.unescape(value) for name, value in _FIELD.findall(found[1])}
        return self.post(action, fields | typed)

    def sign_in(self, name: str, password: str, code: str = "", back_to: str = "") -> httpx.Response:
        page = self.get("/sign-in") if not back_to else self.http.get("/sign-in", params={"next": back_to})
        return self.fill(page, "/sign-in", name=name, password=password, code=code)

    def follow(self, answer: httpx.Response) -> httpx.Response:
        """To where `answer` sends, on this node."""
        assert answer.status_code == 303, answer.text
        where = urljoin(f"{self.base}/", answer.headers["location"])
        assert where.startswith(f"{self.base}/"), where
        return self.http.get(where)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.http.close()


@dataclass(frozen=True)
class Served:
    """A node that answers at `url`, and the one-time password of its administrator."""

    home: Path
    url: str
    admin_password: str


@contextmanager
def a_served_node(
    home: Path, settings: str = "", at: tuple[socket.socket, str] | None = None
) -> Iterator[Served]:
    """A real node at its own public address.

    settings: more lines of its configuration.  at: where it listens, and its address.
    """
    listening, url = at or free_socket()
    made = make_home(home, url, "Example Hospital", "FI")
    with (home / CONFIG_NAME).open("a", encoding="utf-8") as file:
        file.write(settings)
    config = uvicorn.Config(create_app(read_settings(home)), log_level="error", proxy_headers=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield Served(home, url, made.admin_password)
    finally:
        server.should_exit = True
        thread.join(20)
