"""The description of the API in a real browser that is told what it may load, and tells what it asked for."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser

from node.app import create_app
from node.config import read_settings
from node.home import make_home
from tests.federated import free_socket, serving

_LOADS_MS = 60_000


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home = tmp_path_factory.mktemp("docs") / "home"
    make_home(home, "http://127.0.0.1:8080", "Clinic", "FI")
    listening, url = free_socket()
    with serving(create_app(read_settings(home)), listening, lifespan="on"):
        yield url


def test_the_page_works_and_loads_nothing_from_elsewhere(chromium: Browser, address: str) -> None:
    page = chromium.new_page()
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda fault: complaints.append(str(fault)))
    page.goto(f"{address}/docs", timeout=_LOADS_MS)
    page.wait_for_selector("#operations-tag-beacon", timeout=_LOADS_MS)
    assert "Clinic: varhaven" in page.inner_text(".title")

    # A question can be tried: the answer is this node's.
    page.click("#operations-tag-beacon")
    row = page.locator(".opblock", has_text="/beacon/info").first
    row.locator(".opblock-summary-control").click()
    row.locator(".try-out__btn").click()
    row.locator(".execute").click()
    answer = row.locator(".live-responses-table tbody .response-col_description")
    answer.wait_for(timeout=_LOADS_MS)
    assert '"beaconId": "http://127.0.0.1:8080"' in answer.inner_text()

    assert complaints == []
    elsewhere = {url for url in asked if urlsplit(url).scheme != "data" and not url.startswith(address)}
    assert elsewhere == set()
    assert {urlsplit(url).path for url in asked if url.startswith(address)} >= {
        "/docs", "/docs/docs.js", "/docs/swagger-ui.css", "/docs/swagger-ui-bundle.js", "/openapi.json",
        "/beacon/info",
    }  # fmt: skip
    page.close()


def test_what_would_be_loaded_from_elsewhere_is_stopped(chromium: Browser, address: str) -> None:
    page = chromium.new_page()
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text) if message.type == "error" else None)
    page.goto(f"{address}/docs", timeout=_LOADS_MS)
    page.wait_for_selector("#operations-tag-beacon", timeout=_LOADS_MS)
    listening, other = free_socket()
    with listening:
        outcome = page.evaluate(
            "other => fetch(other).then(() => 'sent', fault => 'refused')", f"{other}/collect"
        )
        page.evaluate(
            """other => new Promise(done => {
                const script = document.createElement("script");
                script.src = other + "/script.js";
                script.onload = script.onerror = done;
                document.head.append(script);
            })""",
            other,
        )
    assert outcome == "refused"
    assert {kind for kind in ("connect-src", "script-src") if any(kind in text for text in refused)} == {
        "connect-src",
        "script-src",
    }
    page.close()


def test_the_page_has_no_other_part(chromium: Browser, address: str) -> None:
    page = chromium.new_page()
    reply = page.request.get(f"{address}/docs/../../pyproject.toml")
    other = page.request.get(f"{address}/docs/docs.html")
    assert (reply.status, other.status) == (404, 404)
    page.close()
