"""Tokens of real identity providers: npm oidc-provider, and PyPI canaille in an environment of its own.

`.ci/run` installs both; where they are missing, tests that need them are skipped.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import os
import re
import secrets
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx
import pytest
from joserfc.jwk import ECKey, RSAKey

from tests.providers import ProviderSettings, oidc_provider, sign_in_at_provider

CANAILLE = Path(__file__).parents[1] / ".peers" / "canaille" / "bin"
CALLBACK = "http://127.0.0.1:9/callback"  # nobody listens there: what comes back is read from the redirection
PASSPORT_SCOPED = "openid ga4gh_passport_v1"
_START_S = 60


@dataclass(frozen=True)
class Application:
    """A program that is registered at a provider."""

    id: str
    secret: str

    @property
    def basic(self) -> httpx.BasicAuth:
        return httpx.BasicAuth(self.id, self.secret)


PORTAL = Application("portal", "portal-secret-portal-secret-portal-secret")
MACHINE = Application("machine", "machine-secret-machine-secret-machine-secret")
OTHER = Application("other", "other-secret-other-secret-other-secret-other")
NODE_CLIENT = Application("node", "node-secret-node-secret-node-secret-node-secret")


@contextmanager
def running(
    command: list[str], ready: str, folder: Path, environment: Mapping[str, str] = {}
) -> Iterator[str]:
    """The process of `command`, from when a line of its output begins with `ready`; gives its rest."""
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    watchdog = threading.Timer(_START_S, process.kill)
    watchdog.start()
    heard: list[str] = []
    try:
        for line in process.stdout:
            heard.append(line)
            if line.startswith(ready):
                break
        else:
            pytest.fail(f"{command[0]} did not start:\n{''.join(heard)}")
        watchdog.cancel()
        # What it says later is read, so that it is never held up.
        reader = threading.Thread(target=process.stdout.read)
        reader.start()
        yield heard[-1].removeprefix(ready).strip()
    finally:
        watchdog.cancel()
        process.terminate()
        process.wait(timeout=20)
        process.stdout.close()


@dataclass(frozen=True)
class OpenIDProvider:
    """npm oidc-provider, and the file of what it knows, which it reads for every answer."""

    issuer: str
    known: Path

    @property
    def key(self) -> ECKey:
        """One with which it signs."""
        keys = json.loads(self.known.read_text())["jwks"]["keys"]
        return ECKey.import_key(next(key for key in keys if key["kty"] == "EC"))

    def tell(self, subject: str, *visas: str, passport: str = "") -> None:
        """From now on it gives `subject` these visas at userinfo, and this passport for a token."""
        known = json.loads(self.known.read_text())
        known["users"][subject]["ga4gh_passport_v1"] = visas
        known["passports"][subject] = passport
        self.known.write_text(json.dumps(known))

    def token(self, client: Application, headers: Mapping[str, str] = {}, **form: str) -> dict[str, Any]:
        """What the token endpoint answers."""
        reply = httpx.post(f"{self.issuer}/token", data=form, auth=client.basic, headers=dict(headers))
        assert reply.status_code == 200, reply.text
        return reply.json()

    def machine_token(self, resource: str | None, client: Application = MACHINE, **more: Any) -> str:
        """An access token by client credentials; without a resource it is opaque."""
        form = {"grant_type": "client_credentials", "scope": "beacon:query"}
        form |= {"resource": resource} if resource else {}
        return str(self.token(client, more.get("headers", {}), **form)["access_token"])

    def sign_in(self, user: str, resource: str | None, scope: str = PASSPORT_SCOPED) -> dict[str, Any]:
        """The tokens of a person who has signed in to the portal by a browser and allowed everything."""
        verifier = secrets.token_urlsafe(48)
        aimed = {"resource": resource} if resource else {}
        question = httpx.QueryParams(a_question(verifier, scope) | aimed)
        code = code_in(sign_in_at_provider(f"{self.issuer}/auth?{question}", user))
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
        return self.token(PORTAL, **form, code_verifier=verifier, **aimed)


def a_question(verifier: str, scope: str) -> dict[str, str]:
    """Of an authorization request of the portal, with PKCE."""
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    return {
        "response_type": "code", "client_id": PORTAL.id, "redirect_uri": CALLBACK, "scope": scope,
        "state": "s", "nonce": "n", "code_challenge": challenge, "code_challenge_method": "S256",
    }  # fmt: skip


def code_in(url: str) -> str:
    """What a provider has sent the browser back with."""
    told = parse_qs(urlsplit(url).query)
    assert "code" in told, told
    return told["code"][0]


@contextmanager
def openid_provider(folder: Path, *resources: str) -> Iterator[OpenIDProvider]:
    """An oidc-provider that makes tokens for `resources` to alice and carol; `folder` is for its files."""
    machine = {"redirect_uris": [], "response_types": []}
    exchange = "urn:ietf:params:oauth:grant-type:token-exchange"
    clients = [
        {
            "client_id": PORTAL.id,
            "client_secret": PORTAL.secret,
            "redirect_uris": [CALLBACK],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
        },
        *(
            {**machine, "client_id": one.id, "client_secret": one.secret, "grant_types": [grants]}
            for one, grants in (
                (MACHINE, "client_credentials"),
                (OTHER, "client_credentials"),
                (NODE_CLIENT, exchange),
            )
        ),
    ]
    settings = ProviderSettings(
        clients=clients,
        users={"alice": {}, "carol": {}},
        resources=dict.fromkeys(resources, "openid ga4gh_passport_v1 beacon:query"),
    )
    with oidc_provider(folder, settings) as issuer:
        yield OpenIDProvider(issuer, folder / "oidc-provider.json")


@dataclass(frozen=True)
class Canaille:
    """PyPI canaille.  Its tokens live for ten days, and its metadata offers unsigned ID tokens."""

    issuer: str

    def metadata(self) -> dict[str, Any]:
        return httpx.get(f"{self.issuer}/.well-known/openid-configuration").json()

    def machine_token(self, client: Application) -> str:
        form = {"grant_type": "client_credentials", "scope": "profile"}
        reply = httpx.post(f"{self.issuer}/oauth/token", data=form, auth=client.basic)
        assert reply.status_code == 200, reply.text
        return str(reply.json()["access_token"])

    def sign_in(self, user: str, password: str) -> dict[str, Any]:
        """The tokens of a person who has signed in to the portal by a browser."""
        verifier = secrets.token_urlsafe(48)
        question = a_question(verifier, "openid profile")
        known = {"login": user, "password": password}

        def fill(page: httpx.Response) -> tuple[str, dict[str, str]]:
            action, fields = form_of(page.text)
            return action, fields | {name: value for name, value in known.items() if name in fields}

        code = browse(f"{self.issuer}/oauth/authorize", question, fill)
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
        reply = httpx.post(
            f"{self.issuer}/oauth/token", data=form | {"code_verifier": verifier}, auth=PORTAL.basic
        )
        assert reply.status_code == 200, reply.text
        return reply.json()


def browse(
    url: str, question: Mapping[str, str], fill: Callable[[httpx.Response], tuple[str, dict[str, str]]]
) -> str:
    """The code with which a browser comes back, after `fill` (action and fields) has answered every form."""
    with httpx.Client(follow_redirects=False, timeout=20) as browser:
        page = browser.get(url, params=dict(question))
        for _ in range(15):
            if page.is_redirect:
                target = urljoin(str(page.url), page.headers["location"])
                if target.startswith(CALLBACK):
                    return code_in(target)
                page = browser.get(target)
            else:
                assert page.status_code == 200, page.text[:500]
                action, fields = fill(page)
                page = browser.post(urljoin(str(page.url), action), data=fields)
    pytest.fail("the browser never came back")


def form_of(page: str) -> tuple[str, dict[str, str]]:
    """The action and the fields of the first form that is posted."""
    found = re.search(r'(<form[^>]*method="post"[^>]*>)(.*?)</form>', page, re.DOTALL | re.IGNORECASE)
    assert found, page[:500]
    action = re.search(r'action="([^"]*)"', found[1])
    fields = {}
    for tag in re.findall(r"<(?:input|button)[^>]*>", found[2]):
        name, value = re.search(r'name="([^"]+)"', tag), re.search(r'value="([^"]*)"', tag)
        if name:
            fields[name[1]] = html.unescape(value[1]) if value else ""
    return html.unescape(action[1]) if action else "", fields


# One process for all: each takes seconds to start.
_CANAILLE_COMMANDS = """
import json, sys
from canaille.commands import cli
for words in json.loads(sys.argv[1]):
    cli([*words, *(["--quiet"] if words != ["install"] else [])], standalone_mode=False)
"""


def _canaille_client(client: Application, grants: str) -> list[str]:
    return [
        "create", "client", "--client-id", client.id, "--client-secret", client.secret,
        "--client-name", client.id, "--client-uri", "http://127.0.0.1:9", "--redirect-uris", CALLBACK,
        "--grant-types", grants, "--response-types", "code", "--scope", "openid", "--scope", "profile",
        "--token-endpoint-auth-method", "client_secret_basic",
    ]  # fmt: skip


@contextmanager
def canaille(folder: Path, user: str, password: str) -> Iterator[Canaille]:
    """A canaille with one person, the portal and two programs; `folder` is for its files."""
    program = CANAILLE / "canaille"
    if not program.is_file():
        pytest.skip("canaille is not installed in .peers/canaille; .ci/run says how")
    with socket.create_server(("127.0.0.1", 0)) as chosen:
        host = f"127.0.0.1:{chosen.getsockname()[1]}"
    (folder / "canaille.toml").write_text(_canaille_settings(host, folder))
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "CANAILLE_CONFIG": str(folder / "canaille.toml")}

    person = ["--given-name", "Alice", "--family-name", "Ng", "--formatted-name", "Alice Ng"]
    commands = [
        ["install"],
        ["create", "user", "--user-name", user, "--password", password, *person, "--emails", "a@h.example"],
        *(_canaille_client(PORTAL, "authorization_code"), _canaille_client(OTHER, "client_credentials")),
        ["set", "client", PORTAL.id, "--audience", PORTAL.id],
    ]
    done = subprocess.run(
        [str(CANAILLE / "python"), "-c", _CANAILLE_COMMANDS, json.dumps(commands)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    with running([str(program), "run", "--bind", host], "", folder, environment):
        _wait_for(f"http://{host}/.well-known/openid-configuration")
        yield Canaille(f"http://{host}")


def _wait_for(url: str) -> None:
    """Until the server answers: its port is open before it listens to HTTP."""
    with httpx.Client(transport=httpx.HTTPTransport(retries=8), timeout=20) as client:
        assert client.get(url).status_code == 200


def _canaille_settings(host: str, folder: Path) -> str:
    keys = (
        RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256"}, auto_kid=True),
        ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"}, auto_kid=True),
    )
    tables = ", ".join(
        "{"
        + ", ".join(f"{name} = {json.dumps(value)}" for name, value in key.as_dict(private=True).items())
        + "}"
        for key in keys
    )
    return f"""
SECRET_KEY = "{secrets.token_hex(32)}"
SERVER_NAME = "{host}"
PREFERRED_URL_SCHEME = "http"
[CANAILLE]
DATABASE = "sql"
JAVASCRIPT = false
HTMX = false
[CANAILLE_SQL]
DATABASE_URI = "sqlite:///{folder / "canaille.db"}"
[CANAILLE_OIDC]
ACTIVE_JWKS = [{tables}]
"""
