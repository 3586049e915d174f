"""Real identity providers on loopback, started for one test module and ended with it."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx
import pytest
from joserfc.jwk import ECKey, RSAKey

_HERE = Path(__file__).parent
MODULES = _HERE.parent / ".peers" / "oidc-provider"


@dataclass(frozen=True)
class ProviderSettings:
    """clients: as OpenID Connect Dynamic Registration writes them.  users: claims by `sub`.

    resources: scopes by resource indicator (RFC 8707).  passports: by `sub`, what an exchange for one gives.
    """

    clients: list[dict[str, Any]]
    users: Mapping[str, Mapping[str, Any]]
    resources: Mapping[str, str] = field(default_factory=dict)
    passports: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def oidc_provider(folder: Path, settings: ProviderSettings) -> Iterator[str]:
    """The issuer of a running npm oidc-provider; skips where it is not installed (`.ci/run` installs it)."""
    if not (MODULES / "node_modules" / "oidc-provider").is_dir():
        pytest.skip(
            "oidc-provider is not installed: npm install --prefix .peers/oidc-provider oidc-provider@9.13.3"
        )
    keys = [
        RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256"}, auto_kid=True),
        ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"}, auto_kid=True),
    ]
    file = folder / "oidc-provider.json"
    document = {
        "jwks": {"keys": [key.as_dict(private=True) for key in keys]},
        "clients": settings.clients,
        "users": settings.users,
        "resources": settings.resources,
        "passports": settings.passports,
    }
    file.write_text(json.dumps(document), encoding="utf-8")
    command = ["node", str(_HERE / "oidc_provider.mjs"), str(MODULES), str(file)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        ready = next((line for line in lines if line.startswith("ready ")), "")
        assert ready, "oidc-provider did not start"
        yield ready.split()[1]
    finally:
        process.kill()
        process.wait(20)
        if process.stdout is not None:
            process.stdout.close()


def sign_in_at_provider(start: str, user: str) -> str:
    """A browser that begins at the authorization URL `start`, signs in as `user` and allows everything.

    The address at which it leaves the provider again.
    """
    home = httpx.URL(start).netloc
    with httpx.Client(trust_env=False, timeout=30) as browser:
        answer = browser.get(start)
        for _ in range(20):
            if answer.status_code in (302, 303):
                where = urljoin(str(answer.url), answer.headers["location"])
                if httpx.URL(where).netloc != home:
                    return where
                answer = browser.get(where)
                continue
            prompt = re.search(r'name="prompt" value="([^"]+)"', answer.text)
            action = re.search(r'action="([^"]+)"', answer.text)
            assert prompt, answer.text
            assert action
            typed = {"login": user, "password": "any"} if prompt[1] == "login" else {}
            answer = browser.post(urljoin(str(answer.url), action[1]), data={"prompt": prompt[1], **typed})
    raise AssertionError("the provider never sent the browser back")
