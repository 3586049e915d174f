"""The description of the API in a real browser that is told what it may load, and tells what it asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import pytest
from playwright.sync_api import Browser

from node import db
from node.app import create_app
from node.config import read_settings
from node.demo import DATASET, HOSPITALS
from node.home import make_home
from node.people import Format, import_people
from node.store.catalogue import add_dataset
from node.store.ingest import ingest
from schemas.access import Policy
from schemas.genome import Assembly
from schemas.people import Dataset
from tests.federated import free_socket, serving

_LOADS_MS = 60_000


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A node with the data of the demonstration's first hospital."""
    home = tmp_path_factory.mktemp("docs") / "home"
    made = make_home(home, "http://127.0.0.1:8080", "Clinic", "FI")
    vcf, people = HOSPITALS[0].files()
    engine = db.connect(made.settings.database_url)
    add_dataset(engine, Dataset(DATASET, Assembly.GRCH37, Policy.OPEN))
    ingest(engine, made.settings.ingest, vcf, DATASET)
    import_people(engine, DATASET, people, Format.BFF)
    engine.dispose()
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


def test_an_example_is_answered_when_it_is_tried(chromium: Browser, address: str) -> None:
    """As the page fills it in: nothing has to be typed."""
    page = chromium.new_page()
    page.goto(f"{address}/docs", timeout=_LOADS_MS)
    page.wait_for_selector("#operations-tag-beacon", timeout=_LOADS_MS)
    page.click("#operations-tag-beacon")
    row = page.locator(".opblock-post", has=page.locator('[data-path="/beacon/g_variants"]')).first
    row.locator(".opblock-summary-control").click()
    row.locator(".try-out__btn").click()
    row.locator(".execute").click()
    answer = row.locator(".live-responses-table tbody .response-col_description")
    answer.wait_for(timeout=_LOADS_MS)
    assert '"exists": true' in answer.inner_text()
    assert '"variantInternalId": "GRCh37:20:3193842:C:A"' in answer.inner_text()
    page.close()


def test_every_example_of_the_description_is_answered(address: str) -> None:
    """Bodies as they stand, and paths with the ids that are given; of cohorts there are none here."""
    document = httpx.get(f"{address}/openapi.json", trust_env=False).json()
    tried: list[str] = []
    with httpx.Client(base_url=address, trust_env=False, timeout=60) as client:
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                for words, reply in _tries(client, path, method, operation):
                    tried.append(f"{method} {path} {words}")
                    assert reply.status_code == 200, (tried[-1], reply.text)
                    if "/stream" not in path and not path.endswith("/cohorts"):
                        assert reply.json()["responseSummary"]["exists"] is True, tried[-1]
    assert len(tried) > 60


def _tries(
    client: httpx.Client, path: str, method: str, operation: dict[str, Any]
) -> Iterator[tuple[str, httpx.Response]]:
    ids = [one["example"] for one in operation.get("parameters", []) if "example" in one]
    if "filtering_terms" in path or ("{id}" in path and not ids):
        return
    where = path.replace("{id}", quote(ids[0])) if ids else path
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    for words, example in content.get("examples", {}).items():
        yield words, client.request(method, where, json=example["value"])
    if ids and "examples" not in content and not (method == "get" and path.endswith("{id}/g_variants")):
        yield ids[0], client.request(method, where, **({"json": {}} if method == "post" else {}))


def test_every_status_is_told(address: str) -> None:
    """Of every route, with a word for it; and none of a form that is the framework's own."""
    document = httpx.get(f"{address}/openapi.json", trust_env=False).json()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            told = operation["responses"]
            assert all(one["description"] for one in told.values())
            assert ("200" in told) or ("201" in told) or ("204" in told), (method, path)
            if method != "get":
                assert "401" in told, (method, path)
            assert "HTTPValidationError" not in json.dumps(told)


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
