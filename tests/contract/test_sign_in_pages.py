"""Signing in with a browser, at a real node on loopback: the way it works, and the ways around it."""

import base64
import json
import re
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import httpx
import pytest
from argon2 import PasswordHasher
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from node.access.principal import Role
from node.access.sessions import Session, Sessions
from node.cli.options import open_home
from tests.browsing import Browser, Served, a_served_node
from tests.signing_in import VERIFIER, Clock, challenge

PASSWORD = "several words are easiest"


@pytest.fixture(scope="module", autouse=True)
def cheap_passwords() -> Iterator[None]:
    """Many are checked here; what they cost is tested elsewhere."""
    with pytest.MonkeyPatch.context() as patch:
        cheap = partial(PasswordHasher, time_cost=1, memory_cost=64, parallelism=1)
        patch.setattr("node.access.server.passwords.PasswordHasher", cheap)
        yield


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with a_served_node(tmp_path_factory.mktemp("node")) as node:
        yield node


@pytest.fixture
def browser(served: Served) -> Iterator[Browser]:
    with Browser(served.url) as opened:
        yield opened


@pytest.fixture(scope="module")
def users(served: Served) -> dict[str, str]:
    """One-time passwords of users that tests use up, one each."""
    made = {}
    with open_home(served.home) as node:
        for name in ("ada", "ben", "cyd", "dan", "eva", "flo", "gil", "hal", "ida", "jon", "kim", "leo"):
            made[name] = node.embedded.accounts.add(name, (Role.RESEARCHER,), name.title())
    return made


def settle(browser: Browser, users: dict[str, str], name: str, password: str = PASSWORD) -> httpx.Response:
    """Signs in for the first time and chooses a password; the account page."""
    page = browser.follow(browser.sign_in(name, users[name]))
    changed = browser.fill(page, "/account/password", old=users[name], new=password, again=password)
    return browser.follow(changed)


# The way it works


def test_the_first_sign_in_changes_the_password_and_nothing_else_is_open(
    browser: Browser, served: Served
) -> None:
    answer = browser.sign_in("admin", served.admin_password)
    assert answer.headers["location"] == "/account/password"
    page = browser.follow(answer)
    assert "chosen by somebody else" in page.text
    assert browser.get("/account").headers["location"] == "/account/password"
    refused = browser.get("/beacon/g_variants?requestedGranularity=boolean")
    assert refused.status_code == 401
    weak = browser.fill(page, "/account/password", old=served.admin_password, new="short", again="short")
    assert weak.status_code == 400
    assert "12 to 256 characters" in weak.text
    changed = browser.fill(page, "/account/password", old=served.admin_password, new=PASSWORD, again=PASSWORD)
    account = browser.follow(changed)
    assert "administrator" in account.text
    assert "this one" in account.text
    assert browser.follow(browser.fill(account, "/sign-out")).status_code == 200
    assert browser.get("/account").headers["location"].startswith("/sign-in?next=")
    assert browser.sign_in("admin", served.admin_password).status_code == 401
    assert browser.sign_in("ADMIN ", PASSWORD).status_code == 303


def test_pages_say_loudly_that_nobody_has_decided(browser: Browser) -> None:
    for path in ("/", "/sign-in"):
        assert 'class="warning"' in browser.get(path).text
    assert "accepted" in browser.get("/").text


def test_the_page_knows_who_has_signed_in(browser: Browser, users: dict[str, str]) -> None:
    settle(browser, users, "ada")
    assert 'href="/account">Ada<' in browser.get("/").text
    with Browser(browser.base) as other:
        assert 'href="/sign-in"' in other.get("/").text


def test_pages_of_signing_in_run_no_script_and_cannot_be_framed(browser: Browser) -> None:
    for path in ("/sign-in", "/page.css", "/account"):
        answer = browser.get(path)
        assert "<script" not in answer.text
        assert answer.headers["x-content-type-options"] == "nosniff"
        if path != "/page.css":
            policy = answer.headers["content-security-policy"] if answer.status_code == 200 else ""
            assert answer.status_code == 303 or "frame-ancestors 'none'" in policy
            assert answer.status_code == 303 or "default-src 'none'" in policy
        assert answer.headers["cache-control"] == "no-store"


# Cookies and sessions


def test_cookies_are_for_this_node_and_no_script(browser: Browser) -> None:
    cookies = browser.get("/sign-in").headers.get_list("set-cookie")
    assert cookies
    for cookie in cookies:
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        assert "Path=/" in cookie
        assert "Domain" not in cookie


def test_a_planted_session_is_worth_nothing_after_sign_in(browser: Browser, users: dict[str, str]) -> None:
    browser.get("/")
    name = next(name for name in browser.http.cookies if "visit" in name).replace("visit", "session")
    browser.http.cookies.set(name, "planted", domain="127.0.0.1")
    assert browser.get("/account").headers["location"].startswith("/sign-in")
    browser.http.cookies.clear()
    browser.http.cookies.set(name, "planted")
    settle(browser, users, "ben")
    with Browser(browser.base) as attacker:
        attacker.http.cookies.set(name, "planted")
        assert attacker.get("/account").headers["location"].startswith("/sign-in")


def test_the_cookie_is_new_at_every_sign_in_and_the_old_one_ends(
    browser: Browser, users: dict[str, str]
) -> None:
    settle(browser, users, "cyd")
    before = dict(browser.http.cookies)
    browser.sign_in("cyd", PASSWORD)
    after = dict(browser.http.cookies)
    assert all(after[name] != value for name, value in before.items())
    with Browser(browser.base) as other:
        other.http.cookies.update(before)
        assert other.get("/account").headers["location"].startswith("/sign-in")


def test_signing_out_everywhere_ends_every_session(browser: Browser, users: dict[str, str]) -> None:
    settle(browser, users, "dan")
    with Browser(browser.base) as other:
        other.sign_in("dan", PASSWORD)
        account = other.get("/account")
        assert account.text.count("<tr><td>") == 2
        other.fill(account, "/account/sign-out-everywhere")
        assert browser.get("/account").headers["location"].startswith("/sign-in")


def test_a_new_password_ends_the_other_sessions(browser: Browser, users: dict[str, str]) -> None:
    settle(browser, users, "eva")
    with Browser(browser.base) as other:
        other.sign_in("eva", PASSWORD)
        page = browser.get("/account/password")
        new = "quite another set of words"
        assert browser.fill(page, "/account/password", old="wrong", new=new, again=new).status_code == 401
        assert browser.fill(page, "/account/password", old=PASSWORD, new=new, again="no").status_code == 400
        assert browser.fill(page, "/account/password", old=PASSWORD, new=new, again=new).status_code == 303
        assert browser.get("/account").status_code == 200
        assert other.get("/account").status_code == 303


def test_sessions_end_when_idle_and_when_old(tmp_path: Path, served: Served) -> None:
    with open_home(served.home) as node:
        clock = Clock(time.time())
        sessions = Sessions(node.engine, idle_s=1800, life_s=36000, clock=clock)
        made = Session("https://idp.example", "x", {"title": "X"}, ("pwd",), "a browser", clock(), 0.0)
        token = sessions.start(made)
        for _ in range(20):  # used every 29 minutes, for 9 hours and 40 minutes
            clock.now_s += 29 * 60
            assert sessions.find(token) is not None
        clock.now_s += 29 * 60
        assert sessions.find(token) is None
        made = Session("https://idp.example", "x", {"title": "X"}, ("pwd",), "a browser", clock(), 0.0)
        token = sessions.start(made)
        clock.now_s += 31 * 60
        assert sessions.find(token) is None
        assert sessions.of("https://idp.example", "x") == ()


# Forms of others


@pytest.mark.parametrize(
    "path",
    [
        "/sign-in",
        "/sign-out",
        "/account/password",
        "/account/second-factor",
        "/account/second-factor/off",
        "/account/sign-out-everywhere",
        "/oauth/authorize",
    ],
)
def test_a_form_of_another_site_does_nothing(browser: Browser, users: dict[str, str], path: str) -> None:
    with Browser(browser.base) as stranger:
        page = stranger.get("/sign-in")
        stolen = re.search(r'name="form" value="([^"]+)"', page.text)
        assert stolen
        for fields in ({"x": "1"}, {"form": ""}, {"form": stolen[1]}, {"form": "é"}):
            assert browser.post(path, fields).status_code == 403
    browser.get("/sign-in")
    for fields in ({"x": "1"}, {"form": stolen[1]}):
        assert browser.post(path, fields).status_code == 403


def test_login_csrf_a_form_from_before_signing_in_is_not_good_afterwards(
    browser: Browser, users: dict[str, str]
) -> None:
    before = browser.get("/sign-in")
    settle(browser, users, "flo")
    assert browser.fill(before, "/sign-in", name="x", password="y").status_code == 403
    assert browser.get("/account").status_code == 200


def test_a_question_of_another_page_is_not_asked_in_the_name_of_who_has_signed_in(
    browser: Browser, users: dict[str, str]
) -> None:
    settle(browser, users, "gil")
    question = {"question": "20:100 A>G", "assembly": "GRCh38"}
    assert browser.post("/", question).status_code == 403
    answer = browser.fill(browser.get("/"), "/", **question)
    assert answer.status_code != 403
    for site in ("cross-site", "same-site"):
        assert browser.get("/beacon/datasets", **{"sec-fetch-site": site}).status_code == 403
    assert browser.get("/beacon/datasets", **{"sec-fetch-site": "same-origin"}).status_code == 200


def test_an_ended_session_is_told_and_not_taken_for_nobody(browser: Browser, users: dict[str, str]) -> None:
    account = settle(browser, users, "hal")
    kept = dict(browser.http.cookies)
    browser.fill(account, "/sign-out")
    browser.http.cookies.clear()
    browser.http.cookies.update(kept)
    assert browser.get("/beacon/datasets").status_code == 401
    assert "Max-Age=0" in str(browser.get("/").headers.get_list("set-cookie"))


def test_who_signs_in_and_what_he_does_is_in_the_audit_log(tmp_path: Path) -> None:
    with a_served_node(tmp_path / "node") as served:
        with open_home(served.home) as node:
            password = node.embedded.accounts.add("ada-secret-name", (Role.RESEARCHER,))
            subject = node.embedded.accounts.named("ada-secret-name").subject
        with Browser(served.url) as browser:
            browser.sign_in("ada-secret-name", "wrong")
            browser.sign_in("nobody", "wrong")
            account = settle(browser, {"ada-secret-name": password}, "ada-secret-name")
            browser.fill(account, "/sign-out")
    with open_home(served.home) as node, node.engine.connect() as connection:
        kept = [json.loads(text) for text in connection.exec_driver_sql("SELECT entry FROM audit").scalars()]
    seen = [one for one in kept if one["kind"] == "sign-in"]
    who = f"{served.url} {subject}"
    assert [one["detail"] for one in seen if one["outcome"] == "answered"] == [
        "signed in",
        "changed the password",
        "signed out",
    ]
    assert {one["principal"] for one in seen} == {who, "anonymous"}
    denied = [one for one in seen if one["outcome"] == "denied"]
    assert [(one["detail"], one["answers"]) for one in denied] == [("password", 2)]
    assert "ada-secret-name" not in json.dumps(kept)


# Leading elsewhere


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example/",
        "\\\\evil.example",
        "/%2f/evil.example",
        "javascript:alert(1)",
        "/account/../../evil",
        "/account@evil.example",
        "/oauth/authorize\r\nlocation: https://evil.example",
        "/oauth/authorize?x=\r\nset-cookie: a=b",
        "https://evil.example/oauth/authorize?",
        "/sign-in?next=https://evil.example",
    ],
)
def test_nobody_is_led_to_another_site_after_signing_in(
    browser: Browser, served: Served, users: dict[str, str], wanted: str
) -> None:
    if users.get("ida") != "settled":
        settle(browser, users, "ida")
        users["ida"] = "settled"
    answer = browser.sign_in("ida", PASSWORD, back_to=wanted)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/"
    assert "location" not in answer.headers["location"]


# The second factor


def code_of(page: httpx.Response, when_s: float) -> str:
    key = re.search(r"<code>([A-Z2-7 ]+)</code>", page.text)
    assert key
    secret = base64.b32decode(key[1].replace(" ", ""))
    return TOTP(secret, 6, SHA1(), 30).generate(when_s).decode()


def test_a_one_time_code_is_asked_for_and_good_once(browser: Browser, users: dict[str, str]) -> None:
    settle(browser, users, "jon")
    page = browser.get("/account/second-factor")
    action = "/account/second-factor"
    assert browser.fill(page, action, code="000000", password=PASSWORD).status_code == 400
    now = time.time()
    good = code_of(page, now)
    assert browser.fill(page, action, code=good, password="wrong").status_code == 401
    assert browser.fill(page, action, code=good, password=PASSWORD).status_code == 303
    with Browser(browser.base) as other:
        assert other.sign_in("jon", PASSWORD).status_code == 401
        assert other.sign_in("jon", PASSWORD, "000000").status_code == 401
        assert other.sign_in("jon", PASSWORD, good).status_code == 401  # it was used to set it up
        following = code_of(page, now + 30)
        assert other.sign_in("jon", PASSWORD, following).status_code == 303
        assert other.sign_in("jon", PASSWORD, following).status_code == 401
    account = browser.get("/account")
    off = "/account/second-factor/off"
    assert browser.fill(account, off, password="wrong").status_code == 401
    assert browser.fill(account, off, password=PASSWORD).status_code == 303
    assert browser.sign_in("jon", PASSWORD).status_code == 303


# Allowing a program something


def application(served: Served, name: str, *, public: bool = True) -> tuple[str, str | None]:
    with open_home(served.home) as node:
        return node.embedded.clients.add_application(name, ("http://127.0.0.1:9/callback",), public=public)


def asking(client_id: str, **more: str) -> str:
    fields = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": "http://127.0.0.1:9/callback",
        "scope": "openid profile",
        "state": "st",
        "nonce": "no",
        "code_challenge": challenge(),
        "code_challenge_method": "S256",
    }
    return f"/oauth/authorize?{urlencode(fields | more)}"


def test_a_person_allows_a_program_and_it_gets_its_tokens(
    browser: Browser, served: Served, users: dict[str, str]
) -> None:
    client_id, _ = application(served, "portal")
    asked = asking(client_id)
    to_sign_in = browser.get(asked)
    assert to_sign_in.headers["location"] == f"/sign-in?next={quote(asked, safe='')}"
    settle(browser, users, "kim")
    with Browser(served.url) as fresh:
        back = fresh.sign_in("kim", PASSWORD, back_to=asked)
        assert back.headers["location"] == asked
        page = fresh.follow(back)
        assert "portal" in page.text
        assert "know your name" in page.text
        assert "form-action 'self' http://127.0.0.1:9;" in page.headers["content-security-policy"]
        denied = fresh.fill(page, "/oauth/authorize", decision="deny")
        assert "error=access_denied" in denied.headers["location"]
        answer = fresh.fill(page, "/oauth/authorize", decision="allow")
        told = {k: v[0] for k, v in parse_qs(urlsplit(answer.headers["location"]).query).items()}
        assert (told["state"], told["iss"]) == ("st", served.url)
    fields = {
        "grant_type": "authorization_code",
        "client_id": client_id,
        "code": told["code"],
        "redirect_uri": "http://127.0.0.1:9/callback",
        "code_verifier": VERIFIER,
    }
    tokens = httpx.post(f"{served.url}/oauth/token", data=fields, trust_env=False)
    assert tokens.status_code == 200
    about = httpx.get(
        f"{served.url}/oauth/userinfo",
        headers={"authorization": f"Bearer {tokens.json()['access_token']}"},
        trust_env=False,
    )
    assert about.json()["name"] == "Kim"
    replayed = httpx.post(f"{served.url}/oauth/token", data=fields, trust_env=False)
    assert replayed.json()["error"] == "invalid_grant"


def test_a_request_of_a_program_nobody_knows_ends_here(browser: Browser, served: Served) -> None:
    client_id, _ = application(served, "known")
    for asked in (
        asking("unknown"),
        asking(client_id, redirect_uri="https://evil.example/"),
        f"{asking(client_id)}&redirect_uri=https%3A%2F%2Fevil.example%2F",
        "/oauth/authorize",
    ):
        answer = browser.get(asked)
        assert answer.status_code == 400
        assert "location" not in answer.headers
    without = browser.get(asking(client_id, code_challenge_method="plain"))
    assert "error=invalid_request" in without.headers["location"]


# Guessing


def test_guesses_at_an_account_are_slowed_down_whether_it_exists_or_not(
    served: Served, users: dict[str, str]
) -> None:
    for name in ("leo", "nobody-of-this-name"):
        with Browser(served.url) as browser:
            seen = [browser.sign_in(name, f"guess {i}").status_code for i in range(8)]
            assert seen[:5] == [401] * 5
            assert seen[-1] == 429
    with Browser(served.url) as browser:  # nor with the right one
        assert browser.sign_in("leo", users["leo"]).status_code == 429


# The way to the node


def test_signing_in_is_not_offered_where_others_could_read_it(browser: Browser) -> None:
    for headers in (
        {"host": "node.hospital.example"},
        {"x-forwarded-for": "192.0.2.1"},
        {"x-forwarded-proto": "https"},
        {"forwarded": "for=192.0.2.1;proto=https"},
        {"via": "1.1 proxy"},
    ):
        page = browser.get("/sign-in", **headers)
        assert page.status_code == 403
        assert "trusted_proxies" in page.text
        told = browser.post("/oauth/token", {"grant_type": "client_credentials"}, **headers)
        assert (told.status_code, told.json()["error"]) == (403, "access_denied")


def test_a_trusted_proxy_says_that_the_way_is_protected(tmp_path: Path) -> None:
    settings = '[server]\ntrusted_proxies = ["127.0.0.1"]\n[sign_in]\nembedded = "accepted"\n'
    with a_served_node(tmp_path / "node", settings) as served, Browser(served.url) as browser:
        over = {"x-forwarded-proto": "https", "x-forwarded-for": "192.0.2.9", "host": "node.example"}
        page = browser.get("/sign-in", **over)
        assert page.status_code == 200
        assert 'class="warning"' not in page.text
        for cookie in page.headers.get_list("set-cookie"):
            assert cookie.startswith("__Host-")
            assert "Secure" in cookie
        assert browser.get("/sign-in", **{**over, "x-forwarded-proto": "http"}).status_code == 403


def test_without_the_embedded_server_nothing_of_it_is_there(tmp_path: Path) -> None:
    with (
        a_served_node(tmp_path / "node", '[sign_in]\nembedded = "off"\n') as served,
        Browser(served.url) as browser,
    ):
        for path in ("/oauth/token", "/oauth/authorize", "/.well-known/openid-configuration", "/oauth/jwks"):
            assert browser.get(path).status_code == 404
        page = browser.get("/sign-in")
        assert 'name="password"' not in page.text
        form = re.search(r'name="form" value="([^"]+)"', page.text)
        answer = browser.post("/sign-in", {"form": form[1] if form else "", "name": "admin", "password": "x"})
        assert answer.status_code == 403


def test_nodes_of_one_machine_do_not_take_each_others_cookies(served: Served, tmp_path: Path) -> None:
    with a_served_node(tmp_path / "other") as other:
        with Browser(served.url) as one, Browser(other.url) as two:
            names = {*one.get("/").cookies, *two.get("/").cookies}
        assert len(names) == 2
