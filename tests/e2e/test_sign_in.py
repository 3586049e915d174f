"""Users and programs by the commands of the documentation, against a node that runs."""

import json
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme
from authlib.oauth2.rfc7523 import private_key_jwt_sign
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from tests.browsing import Browser
from tests.commands import done, refused, serving, varhaven
from tests.engines import NewDatabase


def told(*arguments: str | Path, home: Path) -> Any:
    return json.loads(done(*arguments, "--json", home=home))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, new_database: NewDatabase) -> Path:
    folder = tmp_path_factory.mktemp("node")
    home = folder / "home"
    database = new_database(folder)
    url = ("--url", "http://127.0.0.1:8123", "--name", "Example", "--country", "FI", "--database", database)
    made = told("init", *url, home=home)
    assert set(made) >= {"node", "thumbprint", "home", "admin_password"}
    (folder / "admin").write_text(made["admin_password"])
    done("dataset", "add", "rare", "--assembly", "GRCh38", "--policy", "controlled", home=home)
    return home


@pytest.fixture(scope="module")
def url(home: Path) -> Iterator[str]:
    with serving(home) as address:
        yield address


def post(url: str, fields: dict[str, str], auth: tuple[str, str] | None = None) -> httpx.Response:
    with httpx.Client(trust_env=False) as http:
        return http.post(url, data=fields, auth=auth)


def test_a_client_of_the_command_line_gets_a_token(home: Path, url: str) -> None:
    made = told("client", "add", "pipeline", "--tier", "record", "--dataset", "rare", home=home)
    assert set(made) == {"client_id", "client_secret"}
    fields = {"grant_type": "client_credentials"}
    answer = post(f"{url}/oauth/token", fields, (made["client_id"], made["client_secret"]))
    assert answer.status_code == 200
    posted = post(f"{url}/oauth/token", {**fields, **made})
    assert posted.status_code == 200
    with httpx.Client(trust_env=False) as http:
        metadata = http.get(f"{url}/.well-known/oauth-authorization-server").json()
        keys = KeySet.import_key_set(http.get(f"{url}/oauth/jwks").json())
    assert metadata["issuer"] == "http://127.0.0.1:8123"
    claims = jwt.decode(answer.json()["access_token"], keys, algorithms=["ES256"]).claims
    assert (claims["aud"], claims["sub"]) == ("http://127.0.0.1:8123", made["client_id"])
    listed = told("client", "list", home=home)
    assert [one["granted"] for one in listed] == [[{"tier": "record", "dataset": "rare"}]]
    again = told("client", "rotate", "pipeline", home=home)
    assert post(f"{url}/oauth/token", fields, (made["client_id"], made["client_secret"])).status_code == 401
    assert post(f"{url}/oauth/token", fields, (made["client_id"], again["client_secret"])).status_code == 200
    done("client", "remove", "pipeline", home=home)
    assert post(f"{url}/oauth/token", fields, (made["client_id"], again["client_secret"])).status_code == 401


def test_a_client_with_a_key_needs_no_secret(home: Path, url: str, tmp_path: Path) -> None:
    key = ECKey.generate_key("P-256", {"kid": "one", "use": "sig"})
    file = tmp_path / "keys.json"
    file.write_text(json.dumps({"keys": [key.as_dict(private=False)]}))
    made = told("client", "add", "keys", "--tier", "registered", "--jwks", file, home=home)
    assert made["client_secret"] is None
    assertion = private_key_jwt_sign(
        key, made["client_id"], "http://127.0.0.1:8123/oauth/token", alg="ES256", header={"kid": "one"}
    )
    fields = {
        "grant_type": "client_credentials",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": assertion,
    }
    answer = post(f"{url}/oauth/token", fields)
    assert answer.status_code == 200, answer.text
    assert post(f"{url}/oauth/token", fields).json()["error"] == "invalid_client"


def test_keys_are_rotated_under_a_running_node(home: Path, url: str) -> None:
    made = told("client", "add", "rotating", home=home)
    fields = {"grant_type": "client_credentials"}
    before = post(f"{url}/oauth/token", fields, tuple(made.values())).json()["access_token"]
    rotated = told("keys", "rotate", home=home)
    assert len(rotated["verifying"]) >= 2
    with httpx.Client(trust_env=False) as http:
        keys = http.get(f"{url}/oauth/jwks").json()
    assert keys["keys"][0]["kid"] == rotated["active"]
    after = post(f"{url}/oauth/token", fields, tuple(made.values())).json()["access_token"]
    kids = [jwt.decode(one, KeySet.import_key_set(keys), ["ES256"]).header["kid"] for one in (before, after)]
    assert kids[0] != kids[1] == rotated["active"]
    shown = post(f"{url}/oauth/introspect", {"token": before}, tuple(made.values()))
    assert shown.json()["active"] is True


def test_a_user_of_the_command_line_signs_in(home: Path, url: str) -> None:
    with Browser(url) as browser:
        first = browser.sign_in("admin", (home.parent / "admin").read_text())
        assert first.headers["location"] == "/account/password"
    made = told("user", "add", "ada", "--role", "clinician", "--title", "Ada Lovelace", home=home)
    with Browser(url) as browser:
        page = browser.follow(browser.sign_in("ada", made["password"]))
        new = "several words are easiest"
        browser.fill(page, "/account/password", old=made["password"], new=new, again=new)
        done("user", "grant", "ada", "--tier", "record", "--dataset", "rare", home=home)
        done("user", "roles", "ada", "--role", "clinician", "--role", "researcher", home=home)
        account = browser.get("/account")
        assert "Ada Lovelace" in account.text
        assert "researcher" in account.text
        assert "record" in account.text
        done("user", "lock", "ada", home=home)
        assert browser.get("/account").status_code == 303
        assert browser.sign_in("ada", new).status_code == 401
        done("user", "unlock", "ada", home=home)
        assert browser.sign_in("ada", new).status_code == 303
        reset = told("user", "password", "ada", home=home)
        assert browser.get("/account").status_code == 303
        assert browser.sign_in("ada", reset["password"]).headers["location"] == "/account/password"
    done("user", "revoke", "ada", "--tier", "record", "--dataset", "rare", home=home)
    listed = {one["name"]: one for one in told("user", "list", home=home)}
    assert listed["ada"]["granted"] == []
    assert listed["ada"]["roles"] == ["clinician", "researcher"]
    done("user", "remove", "ada", home=home)
    assert "ada" not in {one["name"] for one in told("user", "list", home=home)}


def test_what_cannot_be_is_refused_with_a_reason(home: Path) -> None:
    assert "no such dataset" in refused("client", "add", "x", "--tier", "record", "--dataset", "y", home=home)
    assert "x" not in {one["name"] for one in told("client", "list", home=home)}
    told("user", "add", "eve", "--role", "citizen", home=home)
    assert "of this name" in refused("user", "add", "Eve", "--role", "citizen", home=home)
    assert "was not granted" in refused("user", "revoke", "eve", "--tier", "registered", home=home)
    assert "no user" in refused("user", "lock", "nobody", home=home)
    assert "no client" in refused("client", "remove", "nobody", home=home)
    assert "codes must not" in refused("client", "add", "y", "--redirect-uri", "http://x.example/", home=home)
    assert varhaven("user", "add", "z", "--role", "king", home=home).status == 2
    assert varhaven("client", "add", "z", "--tier", "all", home=home).status == 2


def test_what_the_operator_changes_is_in_the_audit_log(home: Path) -> None:
    done("user", "add", "fay", "--role", "citizen", home=home)
    done("user", "grant", "fay", "--tier", "record", "--dataset", "rare", home=home)
    exported = done("audit", "export", home=home)
    kept = [json.loads(line) for line in exported.splitlines()]
    kept = [one.get("entry", one) for one in kept]
    changes = [one for one in kept if one.get("kind") == "administration"]
    assert [one["detail"] for one in changes[-2:]] == ["user add", "user grant"]
    assert changes[-1]["datasets"] == ["rare"]
    assert {one["principal"] for one in changes} == {"operator"}
    assert "fay" not in exported


def test_a_node_ends_tls_itself(tmp_path: Path) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    for blob in issued.cert_chain_pems:
        blob.write_to_path(certificate, append=True)
    issued.private_key_pem.write_to_path(key)
    home = tmp_path / "home"
    told("init", "--url", "https://127.0.0.1:8124", "--name", "Example", "--country", "FI", home=home)
    with (home / "varhaven.toml").open("a") as file:
        file.write(f'\n[server]\ncertificate = "{certificate}"\nkey = "{key}"\n')
    assert done("doctor", home=home)
    trusted = ssl.create_default_context()
    authority.configure_trust(trusted)
    with serving(home, "https") as url, httpx.Client(verify=trusted, trust_env=False) as http:
        page = http.get(f"{url}/sign-in")
        assert page.status_code == 200
        assert page.headers["strict-transport-security"].startswith("max-age=")
        for cookie in page.headers.get_list("set-cookie"):
            assert cookie.startswith("__Host-varhaven-")
            assert "; Secure" in cookie
        made = told("client", "add", "over-tls", home=home)
        fields = {"grant_type": "client_credentials", **made}
        assert http.post(f"{url}/oauth/token", data=fields).status_code == 200


def test_the_doctor_looks_at_the_certificate(tmp_path: Path) -> None:
    authority, home = trustme.CA(), tmp_path / "home"
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    told("init", "--url", "https://127.0.0.1:8125", "--name", "Example", "--country", "FI", home=home)
    with (home / "varhaven.toml").open("a") as file:
        file.write(f'\n[server]\ncertificate = "{certificate}"\nkey = "{key}"\n')

    def finding() -> str:
        result = varhaven("doctor", "--json", home=home)
        assert result.status == 1
        return result.stdout

    assert "cannot be used" in finding()
    for days, said in ((-1, "it has expired"), (10, "it expires in 9 days")):
        issued = authority.issue_cert("127.0.0.1", not_after=datetime.now(UTC) + timedelta(days=days))
        issued.cert_chain_pems[0].write_to_path(certificate)
        issued.private_key_pem.write_to_path(key)
        assert said in finding()
    authority.issue_cert("127.0.0.1").private_key_pem.write_to_path(key)
    assert "cannot be used" in finding()


def test_lists_are_tables_for_people(home: Path) -> None:
    assert "admin" in done("user", "list", home=home)
    assert "client_id" in done("client", "list", home=home)
