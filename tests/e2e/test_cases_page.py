"""The pages of a clinician's cases: his own alone, without scripts, and in a real browser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import Page, expect

from node.access.principal import Role
from node.federation.peers import Peer
from tests.browsing import Browser
from tests.exchanges import ATAXIA, FOCAL, SEIZURE, Running, an_exchange, patient
from tests.federated import free_socket

PASSWORD = "several words are easiest"  # of users who live as long as the test
PATIENCE_MS = 60_000
TOML = """
[matchmaker]
min_score = 0.0
rematch_at = ""
disclaimer = "{name} gives no warranty"
[federation]
deadline_s = 60
"""
HOSTILE = "<script>alert(1)</script>"


@dataclass(frozen=True)
class World:
    """Alpha's doctors come with browsers; beta has a patient who resembles theirs; nobody is at `dead`."""

    alpha: Running
    beta: Running
    dead: str

    def user(self, name: str, *roles: Role) -> None:
        accounts = self.alpha.node.embedded.accounts
        first = accounts.add(name, roles)
        accounts.change_password(accounts.named(name), first, PASSWORD, "192.0.2.7")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("pages")
    with ExitStack() as stack:
        alpha, beta = (
            stack.enter_context(an_exchange(folder / name, name, TOML.format(name=name)))
            for name in ("alpha", "beta")
        )
        listening, dead = free_socket()
        listening.close()
        for one, other in ((alpha, beta), (beta, alpha)):
            one.node.peers.add(
                Peer(
                    other.node.beacon.identity.id, other.node.beacon.identity.name, other.node.key.thumbprints
                )
            )
        alpha.node.peers.add(Peer(dead, "dead", alpha.node.key.thumbprints))
        contact = {"name": f"Dr B. {HOSTILE}", "href": "mailto:b@beta.example"}
        beta.deposit(patient("their patient", features=[SEIZURE, ATAXIA], genes=["SCN1A"], contact=contact))
        made = World(alpha, beta, dead)
        made.user("ann", Role.CLINICIAN)
        made.user("bob", Role.CLINICIAN)
        made.user("cat", Role.RESEARCHER)
        yield made


def a_file(*documents: dict[str, Any]) -> str:
    return "\n".join(json.dumps(one) for one in documents)


def mine(name: str, **more: Any) -> dict[str, Any]:
    return patient(name, features=[FOCAL, ATAXIA], genes=["SCN1A"], **more)


@pytest.fixture
def ann(world: World) -> Iterator[Browser]:
    with Browser(world.alpha.url) as browser:
        browser.sign_in("ann", PASSWORD)
        yield browser


def add(browser: Browser, *documents: dict[str, Any], **typed: str) -> str:
    """The path of the page of the case, or of the list."""
    answer = browser.fill(browser.get("/casework"), "/casework", text=a_file(*documents), **typed)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


def test_nobody_sees_cases_without_signing_in_as_a_clinician(world: World) -> None:
    with Browser(world.alpha.url) as browser:
        answer = browser.get("/casework")
        assert answer.headers["location"] == "/sign-in?next=%2Fcasework"
        back = browser.sign_in("ann", PASSWORD, back_to="/casework")
        assert back.headers["location"] == "/casework"
        assert browser.get("/casework").status_code == 200
    with Browser(world.alpha.url) as browser:
        browser.sign_in("cat", PASSWORD)
        refused = browser.get("/casework")
        assert (refused.status_code, "clinicians" in refused.text) == (403, True)
        assert 'href="/casework"' not in browser.get("/").text


def test_a_case_of_somebody_else_is_not_there(world: World, ann: Browser) -> None:
    page = add(ann, mine("hers"))
    assert "hers" not in page  # no id stands in an address
    assert ann.get(page).status_code == 200
    with Browser(world.alpha.url) as bob:
        bob.sign_in("bob", PASSWORD)
        assert "hers" not in bob.get("/casework").text
        own = bob.get(add(bob, mine("his")))
        for path, fields in (
            (page, {"sharing": "variant"}),
            (f"{page}/match", {}),
            (f"{page}/notes", {"text": "x"}),
            (f"{page}/matches/1", {"state": "flagged"}),
            (f"{page}/remove", {"sure": "yes"}),
        ):
            typed = {"form": _form_token(own.text), **fields}
            assert bob.post(path, typed).status_code == 404
        assert bob.get(page).status_code == 404
        taken = bob.fill(bob.get("/casework"), "/casework", text=a_file(mine("hers")))
        assert (taken.status_code, "another id" in taken.text) == (422, True)


def _form_token(text: str) -> str:
    return text.split('name="form" value="')[1].split('"', maxsplit=1)[0]


def test_a_form_of_another_site_changes_nothing(ann: Browser) -> None:
    page = add(ann, mine("guarded"))
    for path in ("/casework", page, f"{page}/match", f"{page}/remove"):
        assert ann.post(path, {"sure": "yes", "text": a_file(mine("forged"))}).status_code == 403
    assert "forged" not in ann.get("/casework").text
    assert ann.get(page).status_code == 200


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("", ["choose a file"]),
        ("{", ["line 1: not JSON"]),
        (a_file({"id": "X", "features": [{"observed": "maybe"}]}), ["features.0.id", "features.0.observed"]),
        (a_file(mine("ok"), {"id": "Y"}), ["line 2", "one of features and genomicFeatures"]),
        (a_file(mine("twice"), mine("twice")), ["the same id stands twice"]),
        (a_file(mine("level", _sharing="everything")), ["_sharing is not a consent level"]),
        (
            json.dumps({"subject": {"id": "p"}, "phenotypicFeatures": [{"type": {}}]}),
            ["phenotypicFeatures[1].type.id: is missing"],
        ),
    ],
)
def test_what_is_wrong_is_told_field_by_field_and_nothing_is_kept(
    ann: Browser, text: str, faults: list[str]
) -> None:
    before = ann.get("/casework").text.count("<tr>")
    answer = ann.fill(ann.get("/casework"), "/casework", text=text)
    assert answer.status_code == 422
    assert "Nothing was kept" in answer.text
    for fault in faults:
        assert fault in answer.text
    assert ann.get("/casework").text.count("<tr>") == before


def test_a_file_is_read_as_the_box_is(ann: Browser) -> None:
    token = _form_token(ann.get("/casework").text)
    content = ("﻿" + a_file(mine("from a file"), mine("and another"))).encode()
    files = {"file": ("patients.jsonl", content, "application/json")}
    answer = ann.http.post("/casework", data={"form": token, "sharing": "phenotype"}, files=files)
    assert (answer.status_code, answer.headers.get("location")) == (303, "/casework")
    assert "from a file" in ann.get("/casework").text
    latin = {"file": ("x.json", b'{"id": "\xe9"}', "application/json")}
    assert ann.http.post("/casework", data={"form": token}, files=latin).status_code == 400
    huge = {"file": ("x.json", b" " * 2_100_000, "application/json")}
    assert ann.http.post("/casework", data={"form": token}, files=huge).status_code == 413
    twice = [("file", ("a.json", b"{}")), ("file", ("b.json", b"{}"))]
    assert ann.http.post("/casework", data={"form": token}, files=twice).status_code == 400


def test_pages_of_cases_run_no_script_and_are_kept_by_nobody(ann: Browser) -> None:
    page = add(ann, mine("careful", label=HOSTILE, disorders=[{"id": "MIM:1", "label": HOSTILE}]))
    for path in ("/casework", page):
        answer = ann.get(path)
        assert "<script" not in answer.text
        assert "script-src" not in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store"


def new_page(chromium: Chromium) -> tuple[Page, list[str]]:
    """A page without scripts, and what the browser complains about."""
    page = chromium.new_context(java_script_enabled=False).new_page()
    page.set_default_timeout(PATIENCE_MS)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("requestfailed", lambda request: complaints.append(request.url))
    return page, complaints


@pytest.fixture
def page(chromium: Chromium, world: World) -> Iterator[Page]:
    """Ann has signed in, and looks at her cases."""
    opened, complaints = new_page(chromium)
    opened.goto(f"{world.alpha.url}/sign-in")
    opened.get_by_label("Name").fill("ann")
    opened.get_by_label("Password").fill(PASSWORD)
    opened.get_by_role("button", name="Sign in").click()
    opened.get_by_role("link", name="Cases").click()
    yield opened
    # A refusal is a page; nothing else may fail, and nothing is fetched from elsewhere.
    assert [one for one in complaints if "400" not in one] == []
    opened.context.close()


def upload(page: Page, folder: Path, name: str) -> None:
    file = folder / "patient.json"
    file.write_text(a_file(mine(name)), encoding="utf-8")
    page.get_by_label("A file").set_input_files(file)
    page.get_by_label("How much of it may leave this node").select_option("gene")
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_role("heading", name=f"Case {name}")).to_be_visible()


def test_a_clinician_finds_a_second_patient_in_a_browser(page: Page, tmp_path: Path) -> None:
    upload(page, tmp_path, "second patient")
    page.get_by_role("button", name="Ask this node and the network").click()
    found = page.get_by_role("article", name="their patient")
    for said in (
        "Both name SCN1A as a candidate gene",
        "Features in common: Ataxia",
        "shared the gene",
        "beta gives no warranty",
    ):
        expect(found).to_contain_text(said)
    write = found.get_by_role("link", name=f"Dr B. {HOSTILE}")
    expect(write).to_have_attribute("href", "mailto:b@beta.example")
    states = page.get_by_role("table", name="What each node said")
    for node, said in (("alpha", "found"), ("beta", "found somebody"), ("dead", "cannot be reached")):
        expect(states.get_by_role("row").filter(has_text=node)).to_contain_text(said)
    found.get_by_label("What has become of it").select_option("we wrote to them")
    found.get_by_label("Comment").fill("wrote on Monday")
    found.get_by_role("button", name="Keep").click()
    kept = page.get_by_role("article").filter(has_text="their patient")
    expect(kept.locator("strong")).to_have_text("we wrote to them")
    expect(kept).to_contain_text("wrote on Monday")


def test_a_clinician_decides_what_may_leave_and_deletes_a_case(page: Page, tmp_path: Path) -> None:
    upload(page, tmp_path, "third patient")
    page.get_by_label("How much of it may leave this node").select_option("nothing")
    page.get_by_role("button", name="Change").click()
    expect(page.get_by_text("may leave: nothing")).to_be_visible()
    page.get_by_role("button", name="Ask this node and the network").click()
    expect(page.get_by_text("the consent of this case lets nothing of it leave")).to_be_visible()
    page.go_back()
    page.get_by_label("A note").fill("call the mother")
    page.get_by_role("button", name="Keep the note").click()
    expect(page.get_by_text("call the mother")).to_be_visible()
    page.get_by_label("Delete this case").check()
    page.get_by_role("button", name="Delete the case").click()
    expect(page.get_by_role("heading", name="Your cases")).to_be_visible()
    expect(page.get_by_role("link", name="third patient")).to_have_count(0)


def test_the_pages_can_be_used_with_a_keyboard_and_a_reader(chromium: Chromium, world: World) -> None:
    """Every field has a label, every table head a scope, and what has the focus is seen."""
    with Browser(world.alpha.url) as browser:
        browser.sign_in("ann", PASSWORD)
        path = add(browser, mine("reachable"))
        context = chromium.new_context()
        for cookie in browser.http.cookies.jar:
            context.add_cookies([{"name": cookie.name, "value": str(cookie.value), "url": world.alpha.url}])
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        for where in ("/casework", path):
            page.goto(world.alpha.url + where)
            unnamed = page.evaluate(
                "() => [...document.querySelectorAll('input:not([type=hidden]), select, textarea')]"
                ".filter((field) => !field.labels.length).map((field) => field.name)"
            )
            assert unnamed == []
            assert page.evaluate("() => [...document.querySelectorAll('th:not([scope])')].length") == 0
            assert page.evaluate("() => document.documentElement.lang") == "en"
            seen = set()
            for _ in range(60):
                page.keyboard.press("Tab")
                seen.add(
                    page.evaluate(
                        "() => { const one = document.activeElement; return one.tagName + one.textContent; }"
                    )
                )
            buttons = page.evaluate(
                "() => [...document.querySelectorAll('button')].map((b) => b.textContent)"
            )
            assert {f"BUTTON{text}" for text in buttons} <= seen
            outline = page.evaluate("() => { document.querySelector('main button').focus(); return 1; }")
            assert outline == 1
            assert contrast(page) >= 4.5
        context.close()


def contrast(page: Page) -> float:
    """The least contrast of a text with the page, of all elements that hold text.  Spec: WCAG 2.2, 1.4.3."""
    return float(
        page.evaluate(
            """() => {
  const canvas = document.createElement('canvas').getContext('2d');
  const light = (colour) => {
    canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3).map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (one) => {
    for (let here = one; here; here = here.parentElement) {
      const colour = getComputedStyle(here).backgroundColor;
      if (!/rgba\\(.*, 0\\)|transparent/.test(colour)) return colour;
    }
    return 'white';
  };
  const own = [...document.body.querySelectorAll('*')].filter((one) =>
    [...one.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim()));
  return Math.min(...own.map((one) => {
    const [a, b] = [light(getComputedStyle(one).color), light(behind(one))].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05);
  }));
}"""
        )
    )


def test_anybody_may_read_what_the_exchange_holds_and_nothing_of_anybody(world: World) -> None:
    with Browser(world.beta.url) as nobody:
        page = nobody.get("/exchange")
        assert page.status_code == 200
        assert '<th scope="row">patients offered for matching</th><td class="number">1</td>' in page.text
        assert "beta gives no warranty" in page.text
        for secret in ("their patient", "SCN1A", SEIZURE, "Dr B."):
            assert secret not in page.text
        assert 'href="/exchange"' in nobody.get("/").text
        # Counting reads every case: who asks again gets the same numbers.
        world.beta.deposit(patient("one more", features=[SEIZURE]))
        again = nobody.get("/exchange")
        assert again.text.split("<table>")[1] == page.text.split("<table>")[1]
        assert nobody.get("/mme/metrics").status_code == 401
