"""Signing in with a real browser: its cookies, its policies, and no script."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, Page

from node.cli.options import open_home
from tests.browsing import Served, a_served_node
from tests.signing_in import PASSWORD, VERIFIER, challenge

PATIENCE_MS = 60_000


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with a_served_node(tmp_path_factory.mktemp("node") / "home") as node:
        yield node


@contextmanager
def a_program() -> Iterator[str]:
    """The address to which a program on this machine has people sent back."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"back at the program")

        def log_message(self, *_: object) -> None:
            """Nothing is printed."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/callback"
    finally:
        server.shutdown()
        thread.join(20)
        server.server_close()


def new_page(chromium: Browser, *, scripts: bool) -> tuple[Page, list[str]]:
    """A page, and what the browser complains about."""
    page = chromium.new_context(java_script_enabled=scripts).new_page()
    page.set_default_timeout(PATIENCE_MS)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda fault: complaints.append(str(fault)))
    return page, complaints


def sign_in(page: Page, name: str, password: str) -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def test_a_person_signs_in_and_allows_a_program_without_any_script(chromium: Browser, served: Served) -> None:
    page, complaints = new_page(chromium, scripts=False)
    with a_program() as callback:
        with open_home(served.home) as node:
            client_id, _ = node.embedded.clients.add_application("Portal", (callback,), public=True)
        asked = {
            "response_type": "code",
            "client_id": client_id,
            "redirect_uri": callback,
            "scope": "openid profile",
            "state": "st",
            "code_challenge": challenge(),
            "code_challenge_method": "S256",
        }
        page.goto(f"{served.url}/oauth/authorize?{urlencode(asked)}")
        sign_in(page, "admin", served.admin_password)
        page.get_by_label("The password you have now").fill(served.admin_password)
        page.get_by_label("The new password", exact=True).fill(PASSWORD)
        page.get_by_label("The new password again").fill(PASSWORD)
        page.get_by_role("button", name="Change the password").click()
        page.wait_for_url(f"{served.url}/account")
        page.goto(f"{served.url}/oauth/authorize?{urlencode(asked)}")
        page.get_by_role("button", name="Allow", exact=True).click()
        page.wait_for_url(f"{callback}**")
        assert page.inner_text("body") == "back at the program"
        told = {name: value[0] for name, value in parse_qs(urlsplit(page.url).query).items()}
        assert (told["state"], told["iss"]) == ("st", served.url)
        fields = {
            "grant_type": "authorization_code",
            "client_id": client_id,
            "code": told["code"],
            "redirect_uri": callback,
            "code_verifier": VERIFIER,
        }
        made = httpx.post(f"{served.url}/oauth/token", data=fields, trust_env=False)
        assert set(made.json()) == {"access_token", "token_type", "expires_in", "scope", "id_token"}
    assert complaints == []
    page.context.close()


def test_a_question_is_streamed_to_who_has_signed_in(chromium: Browser, tmp_path: Path) -> None:
    with a_served_node(tmp_path / "home") as served:
        with open_home(served.home) as node:
            accounts = node.embedded.accounts
            account, first = accounts.named("admin"), served.admin_password
            accounts.change_password(account, first, PASSWORD, "192.0.2.1")
        page, complaints = new_page(chromium, scripts=True)
        page.goto(f"{served.url}/sign-in")
        sign_in(page, "admin", PASSWORD)
        page.get_by_label("Allele or region").fill("chr20:3193842 C>A")
        page.get_by_role("button", name="Ask the network").click()
        page.wait_for_selector("#answer table")
        assert "Example Hospital" in page.inner_text("#answer")
        cookies = {cookie["name"].split("-")[1]: cookie for cookie in page.context.cookies()}
        assert set(cookies) == {"visit", "session"}
        assert all(cookie["httpOnly"] and cookie["sameSite"] == "Lax" for cookie in cookies.values())
        page.get_by_role("button", name="Sign out").click()
        page.get_by_role("link", name="Sign in").wait_for()
        left = {cookie["name"].split("-")[1]: cookie["value"] for cookie in page.context.cookies()}
        assert set(left) == {"visit"}
        assert left["visit"] != cookies["visit"]["value"]
        assert complaints == []
        page.context.close()
