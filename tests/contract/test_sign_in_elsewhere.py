"""People who sign in at an OpenID provider elsewhere: a real one, and one that lies."""

import base64
import hashlib
import hmac
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from node.access.opening_providers import open_providers
from node.cli.options import open_home
from node.config import CONFIG_NAME, read_settings
from node.doctor import examine
from node.home import make_home
from schemas.errors import BadInput
from tests.browsing import Browser, Served, a_served_node
from tests.federated import free_socket
from tests.providers import ProviderSettings, oidc_provider, sign_in_at_provider

SECRET = "a secret of the client that is long enough for anybody"


def configuration(issuer: str, folder: Path, /, **more: str) -> str:
    """`[sign_in]` with one provider, on this machine."""
    secret = folder / "secret"
    secret.write_text(SECRET)
    lines = {
        "name": '"hospital"',
        "title": '"Hospital staff"',
        "issuer": json.dumps(issuer),
        "client_id": '"varhaven"',
        "client_secret_file": json.dumps(str(secret)),
        "roles": '[{ claim = ["groups"], value = "genetics", role = "clinician" }]',
        **more,
    }
    told = "\n".join(f"{name} = {value}" for name, value in lines.items())
    return f'\n[access]\nprivate_hosts = ["127.0.0.1"]\n\n[[sign_in.providers]]\n{told}\n'


# A real provider


@dataclass(frozen=True)
class Joined:
    """A node whose people sign in at a real provider."""

    node: Served
    issuer: str


@pytest.fixture(scope="module")
def joined(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Joined]:
    folder = tmp_path_factory.mktemp("elsewhere")
    at = free_socket()  # the provider has to know the address of the node, and the node the provider
    client = {
        "client_id": "varhaven",
        "client_secret": SECRET,
        "redirect_uris": [f"{at[1]}/sign-in/back/hospital"],
        "post_logout_redirect_uris": [f"{at[1]}/"],
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
    }
    users = {
        "ada": {"name": "Ada Lovelace", "groups": ["genetics", "staff"]},
        "ben": {"name": "Ben", "groups": ["staff"]},
    }
    with (
        oidc_provider(folder, ProviderSettings([client], users)) as issuer,
        a_served_node(folder / "home", configuration(issuer, folder), at) as node,
    ):
        yield Joined(node, issuer)


@pytest.fixture
def browser(joined: Joined) -> Iterator[Browser]:
    with Browser(joined.node.url) as opened:
        yield opened


def begin(browser: Browser, back_to: str = "/account") -> str:
    """The address of the provider to which the node sends a browser."""
    answer = browser.http.get("/sign-in/at/hospital", params={"next": back_to})
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def query(address: str) -> dict[str, str]:
    return {name: value[0] for name, value in parse_qs(urlsplit(address).query).items()}


def test_a_person_signs_in_at_a_real_provider_and_out_again(browser: Browser, joined: Joined) -> None:
    page = browser.get("/sign-in")
    assert 'href="/sign-in/at/hospital?next=/"' in page.text
    away = begin(browser)
    asked = query(away)
    assert away.startswith(f"{joined.issuer}/")
    assert asked["code_challenge_method"] == "S256"
    assert asked["redirect_uri"] == f"{joined.node.url}/sign-in/back/hospital"
    answer = browser.get(sign_in_at_provider(away, "ada"))
    assert answer.headers["location"] == "/account"
    account = browser.follow(answer)
    assert "Ada Lovelace" in account.text
    assert "clinician" in account.text
    assert browser.get("/beacon/datasets").status_code == 200
    assert browser.get("/account/password").status_code == 403
    gone = browser.fill(account, "/sign-out")
    farewell = re.search(r'href="([^"]+)">sign out there', gone.text)
    assert farewell
    assert farewell[1].startswith(f"{joined.issuer}/session/end?client_id=varhaven")
    assert browser.get("/account").headers["location"].startswith("/sign-in")


def test_roles_are_those_that_the_provider_tells(browser: Browser) -> None:
    answer = browser.get(sign_in_at_provider(begin(browser), "ben"))
    assert "clinician" not in browser.follow(answer).text


def test_what_is_kept_of_a_session_holds_no_token(browser: Browser, joined: Joined) -> None:
    back = sign_in_at_provider(begin(browser), "ada")
    browser.get(back)
    kept = b"".join(path.read_bytes() for path in joined.node.home.glob("varhaven.db*"))
    assert b"Ada Lovelace" in kept
    assert b"eyJ" not in kept  # how every JWT begins
    assert query(back)["code"].encode() not in kept


def test_an_answer_is_good_once(browser: Browser) -> None:
    back = sign_in_at_provider(begin(browser), "ada")
    assert browser.get(back).status_code == 303
    replayed = browser.get(back)
    assert replayed.status_code == 401
    assert "not begun in this browser" in replayed.text


def test_login_csrf_an_answer_for_another_browser_is_refused(browser: Browser) -> None:
    back = sign_in_at_provider(begin(browser), "ada")
    with Browser(browser.base) as victim:
        victim.get("/sign-in")
        assert victim.get(back).status_code == 401
        assert victim.get("/account").headers["location"].startswith("/sign-in")
    assert browser.get(back).status_code == 401  # it was shown once, to whomever


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("state", "invented"),
        ("state", ""),
        ("state", None),
        ("iss", "https://evil.example"),
        ("iss", ""),
        ("iss", None),
        ("code", "invented"),
        ("code", None),
    ],
)
def test_a_tampered_answer_is_refused(browser: Browser, name: str, value: str | None) -> None:
    back = sign_in_at_provider(begin(browser), "ada")
    told: dict[str, str | None] = {**query(back), name: value}
    changed = {key: text for key, text in told.items() if text is not None}
    answer = browser.get(f"/sign-in/back/hospital?{urlencode(changed)}")
    assert answer.status_code == 401
    assert browser.get("/account").headers["location"].startswith("/sign-in")


def test_an_answer_with_a_field_twice_is_refused(browser: Browser) -> None:
    back = sign_in_at_provider(begin(browser), "ada")
    assert browser.get(f"{back}&state=other").status_code == 400
    assert browser.get(f"{back}&iss=https%3A%2F%2Fevil.example").status_code == 400


def test_the_session_from_before_is_not_the_one_after(browser: Browser) -> None:
    browser.get(sign_in_at_provider(begin(browser), "ben"))
    before = dict(browser.http.cookies)
    browser.get(sign_in_at_provider(begin(browser), "ada"))
    after = dict(browser.http.cookies)
    assert all(after[name] != value for name, value in before.items())
    with Browser(browser.base) as other:
        other.http.cookies.update(before)
        assert other.get("/account").headers["location"].startswith("/sign-in")


@pytest.mark.parametrize("wanted", ["https://evil.example/", "//evil.example", "/sign-in/at/hospital", "x"])
def test_nobody_is_led_to_another_site_afterwards(browser: Browser, wanted: str) -> None:
    answer = browser.get(sign_in_at_provider(begin(browser, wanted), "ben"))
    assert answer.headers["location"] == "/"


def test_programs_are_not_given_access_by_people_of_other_providers(browser: Browser, joined: Joined) -> None:
    browser.get(sign_in_at_provider(begin(browser), "ada"))
    with open_home(joined.node.home) as node:
        client_id, _ = node.embedded.clients.add_application("app", ("http://127.0.0.1:9/cb",), public=True)
    fields = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": "http://127.0.0.1:9/cb",
        "code_challenge": "c" * 43,
        "code_challenge_method": "S256",
    }
    answer = browser.get(f"/oauth/authorize?{urlencode(fields)}")
    assert answer.status_code == 403
    assert "another provider" in answer.text


def test_there_is_no_other_provider(browser: Browser) -> None:
    assert browser.get("/sign-in/at/elsewhere").status_code == 404
    assert browser.get("/sign-in/back/elsewhere?state=x").status_code == 404


# A provider that lies


RSA = RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256", "kid": "rsa"})
EC = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256", "kid": "ec"})
FREE = RSAKey.import_key({k: v for k, v in RSA.as_dict(private=True).items() if k not in ("alg", "use")})
OTHER = RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256", "kid": "rsa"})


@dataclass
class Liar:
    """Answers whatever a test says."""

    issuer: str = ""
    documents: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def answers(self, path: str) -> tuple[int, bytes]:
        self.asked.append(path)
        found = self.documents.get(path, 404)
        if isinstance(found, int):
            return found, b"{}"
        return 200, found if isinstance(found, bytes) else json.dumps(found).encode()


@contextmanager
def a_liar() -> Iterator[Liar]:
    liar = Liar()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            status, body = liar.answers(self.path)
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = _answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Nothing is printed."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    liar.issuer = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield liar
    finally:
        server.shutdown()
        thread.join(20)
        server.server_close()


@dataclass(frozen=True)
class Deceived:
    node: Served
    liar: Liar


@pytest.fixture(scope="module")
def deceived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deceived]:
    folder = tmp_path_factory.mktemp("deceived")
    with a_liar() as liar:
        liar.documents = {
            "/.well-known/openid-configuration": {
                "issuer": liar.issuer,
                "authorization_endpoint": f"{liar.issuer}/auth",
                "token_endpoint": f"{liar.issuer}/token",
                "jwks_uri": f"{liar.issuer}/jwks",
                "userinfo_endpoint": f"{liar.issuer}/userinfo",
                "id_token_signing_alg_values_supported": ["none", "HS256", "RS256", "ES256"],
            },
            "/jwks": {"keys": [RSA.as_dict(private=False), EC.as_dict(private=False)]},
        }
        with a_served_node(folder / "home", configuration(liar.issuer, folder)) as node:
            yield Deceived(node, liar)


def id_token(claims: dict[str, Any], algorithm: str = "RS256", key: Any = RSA, **header: Any) -> str:
    told = {"alg": algorithm, "kid": "rsa", "typ": "JWT", **header}
    return jwt.encode(told, claims, key, algorithms=[algorithm])


def by_hand(claims: dict[str, Any], algorithm: str, secret: bytes | None = None) -> str:
    """What no library makes: unsigned, or signed by HMAC with a public key."""

    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    told = f"{part({'alg': algorithm, 'kid': 'rsa', 'typ': 'JWT'})}.{part(claims)}"
    if secret is None:
        return f"{told}."
    signature = hmac.digest(secret, told.encode(), "sha256")
    return f"{told}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def half_hash(token: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()[:16]).rstrip(b"=").decode()


def claims_of(deceived: Deceived, nonce: str, /, **more: Any) -> dict[str, Any]:
    now = int(time.time())
    told: dict[str, Any] = {
        "iss": deceived.liar.issuer,
        "aud": "varhaven",
        "sub": "ada",
        "iat": now,
        "exp": now + 300,
        "nonce": nonce,
        "at_hash": half_hash("at"),
        **more,
    }
    return {name: value for name, value in told.items() if value is not None}


def attempt(deceived: Deceived, make: Any, **documents: Any) -> tuple[int, str]:
    """Status and page of a sign-in at the liar, whose ID token is what `make` gives of a nonce."""
    with Browser(deceived.node.url) as browser:
        asked = query(begin(browser))
        made = {"access_token": "at", "token_type": "Bearer", "id_token": make(asked["nonce"])}
        deceived.liar.documents |= {"/token": made, "/userinfo": {"sub": "ada", "name": "Ada"}, **documents}
        answer = browser.get(f"/sign-in/back/hospital?{urlencode({'code': 'c', 'state': asked['state']})}")
        return answer.status_code, answer.text


def test_what_is_true_is_believed(deceived: Deceived) -> None:
    assert attempt(deceived, lambda nonce: id_token(claims_of(deceived, nonce)))[0] == 303


@pytest.mark.parametrize(
    "more",
    [
        {"iss": "https://evil.example"},
        {"iss": None},
        {"aud": "another client"},
        {"aud": ["varhaven", "another client"]},
        {"aud": None},
        {"azp": "another client"},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"sub": "x" * 300},
        {"nonce": "another"},
        {"nonce": None},
        {"nonce": ["a"]},
        {"exp": None},
        {"exp": "soon"},
        {"exp": 1_000_000_000},
        {"exp": 99_999_999_999},
        {"iat": None},
        {"iat": 99_999_999_999},
        {"iat": 1_000_000_000, "exp": 1_000_000_600},
        {"nbf": 99_999_999_999},
        {"at_hash": "another"},
    ],
)
def test_an_id_token_for_something_else_is_refused(deceived: Deceived, more: dict[str, Any]) -> None:
    status, page = attempt(deceived, lambda nonce: id_token(claims_of(deceived, nonce, **more)))
    assert (status, "refusal" in page) == (401, True)


def test_an_old_id_token_is_refused(deceived: Deceived) -> None:
    now = int(time.time())
    old = {"iat": now - 1000, "exp": now + 1000}
    assert attempt(deceived, lambda nonce: id_token(claims_of(deceived, nonce, **old)))[0] == 401


def test_only_the_algorithms_of_the_settings_count_whatever_is_published(deceived: Deceived) -> None:
    for make in (
        lambda nonce: by_hand(claims_of(deceived, nonce), "none"),
        lambda nonce: by_hand(claims_of(deceived, nonce), "None"),
        lambda nonce: by_hand(claims_of(deceived, nonce), "HS256", RSA.as_pem(private=False)),
        lambda nonce: by_hand(claims_of(deceived, nonce), "HS256", SECRET.encode()),
        lambda nonce: id_token(claims_of(deceived, nonce), "ES256", EC, kid="ec"),
        lambda nonce: id_token(claims_of(deceived, nonce), "PS256", FREE),
        lambda nonce: id_token(claims_of(deceived, nonce), "RS256", OTHER),
        lambda nonce: id_token(claims_of(deceived, nonce), kid="unknown"),
        lambda nonce: id_token(claims_of(deceived, nonce), typ="at+jwt"),
        lambda nonce: id_token(claims_of(deceived, nonce), jku="https://evil.example/jwks"),
        lambda nonce: id_token(claims_of(deceived, nonce), "RS256", OTHER, jwk=OTHER.as_dict(private=False)),
        lambda _nonce: "not a token",
        lambda _nonce: None,
    ):
        assert attempt(deceived, make)[0] == 401
    assert not [path for path in deceived.liar.asked if "evil" in path]


@pytest.mark.parametrize(
    ("documents", "status"),
    [
        ({"/userinfo": {"sub": "eve", "name": "Eve"}}, 401),
        ({"/userinfo": {"name": "nobody"}}, 401),
        ({"/userinfo": b"<html>"}, 503),
        ({"/userinfo": 500}, 503),
        ({"/token": 400}, 401),
        ({"/token": 500}, 503),
        ({"/token": b"[]"}, 503),
        ({"/token": {"access_token": "at", "token_type": "mac"}}, 503),
        ({"/token": {"access_token": "at", "token_type": "Bearer"}}, 401),
        ({"/userinfo": b'{"sub": "eve", "sub": "ada"}'}, 503),
        ({"/userinfo": b'{"sub": "ada", "x": "' + b"y" * 300_000 + b'"}'}, 503),
    ],
)
def test_answers_that_are_none_end_in_a_page(
    deceived: Deceived, documents: dict[str, Any], status: int
) -> None:
    found, page = attempt(deceived, lambda nonce: id_token(claims_of(deceived, nonce)), **documents)
    assert (found, "refusal" in page) == (status, True)


def test_what_a_provider_says_is_text_on_the_page(deceived: Deceived) -> None:
    with Browser(deceived.node.url) as browser:
        asked = query(begin(browser))
        state = {"state": asked["state"], "error": "<script>alert(1)</script>", "error_description": "<b>"}
        page = browser.get(f"/sign-in/back/hospital?{urlencode(state)}")
        assert page.status_code == 401
        assert "script" not in page.text.replace("<title>", "")
    evil = {"/userinfo": {"sub": "ada", "name": "<script>alert(1)</script>"}}
    with Browser(deceived.node.url) as browser:
        asked = query(begin(browser))
        told = {
            "access_token": "at",
            "token_type": "Bearer",
            "id_token": id_token(claims_of(deceived, asked["nonce"])),
        }
        deceived.liar.documents |= {"/token": told, **evil}
        browser.get(f"/sign-in/back/hospital?{urlencode({'code': 'c', 'state': asked['state']})}")
        account = browser.get("/account")
        assert "&lt;script&gt;alert(1)" in account.text
        assert "<script>alert(1)" not in account.text


# What the doctor says of providers


def doctor(home: Path) -> list[str]:
    settings = read_settings(home)
    found = {one.name: one.findings for one in examine(settings)}
    return [finding.text for finding in found["providers"]]


def test_the_doctor_finds_a_real_provider_well(joined: Joined) -> None:
    assert doctor(joined.node.home) == []


def test_the_doctor_tells_what_is_wrong_with_a_provider(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with a_liar() as liar:
        liar.documents = {
            "/.well-known/openid-configuration": {
                "issuer": liar.issuer,
                "authorization_endpoint": f"{liar.issuer}/auth",
                "token_endpoint": f"{liar.issuer}/token",
                "jwks_uri": f"{liar.issuer}/jwks",
                "code_challenge_methods_supported": ["plain"],
            },
            "/jwks": {"keys": [EC.as_dict(private=False)]},
        }
        make_home(home, "http://127.0.0.1:9", "Example", "FI")
        with (home / CONFIG_NAME).open("a") as file:
            file.write(configuration(liar.issuer, tmp_path))
        told = doctor(home)
        assert len(told) == 2
        assert "PKCE" in told[0]
        assert "none of its keys signs with RS256" in told[1]
        liar.documents["/.well-known/openid-configuration"] |= {"issuer": "https://evil.example"}
        assert "does not name it as its issuer" in doctor(home)[0]
    assert "cannot be reached" in doctor(home)[0]


# Settings


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"issuer": '"http://login.example.org"'}, "has no TLS"),
        ({"token_endpoint": '"http://login.example.org/token"'}, "has no TLS"),
        ({"client_secret_file": '"/nowhere/at/all"'}, "no secret can be read"),
        ({"issuer": '"http://127.0.0.1:9"'}, "no provider of its own"),
        ({"algorithms": '["none"]'}, "algorithms"),
        ({"algorithms": '["HS256"]'}, "algorithms"),
        ({"algorithms": "[]"}, "algorithms"),
        ({"scopes": '["profile"]'}, "openid"),
        ({"name": '"Hospital/.."'}, "name"),
        ({"unknown": "1"}, "unknown"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(tmp_path: Path, more: dict[str, str], told: str) -> None:
    home = tmp_path / "home"
    make_home(home, "http://127.0.0.1:9", "Example", "FI")
    with (home / CONFIG_NAME).open("a") as file:
        file.write(configuration("https://login.example.org", tmp_path, **more))
    with pytest.raises(BadInput, match=told), open_home(home) as node:
        open_providers(read_settings(home), node.key)
