"""Issuers over HTTP, on real servers: what may be fetched, from where, and how little of it is believed."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import trustme
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from node.access import outbound as outbound_module
from node.access.authenticator import Authenticator, Presented
from node.access.inspection import inspect_issuers
from node.access.keys import NodeKey
from node.access.opening import open_authenticator
from node.access.outbound import MAX_BYTES, Outbound
from node.access.principal import Caller, Role
from node.config import AccessSection, NodeSection, Settings
from schemas.errors import BadInput, IssuerUnavailable, NotAuthorised
from tests.federated import free_socket
from tests.issuing import (
    KEYS,
    LS_AAI,
    NODE,
    NOW,
    a_status,
    forge,
    without,
)
from tests.sites import KEY, Site, a_site


@pytest.fixture(scope="module")
def server() -> Iterator[Site]:
    with a_site() as one:
        yield one


@pytest.fixture
def site(server: Site) -> Site:
    """With nothing said and nobody there yet."""
    server.pages.clear()
    server.asked.clear()
    return server


LOOPBACK = AccessSection(private_hosts=("127.0.0.1", "localhost", "sso.hospital.example"))


def at_loopback(*addresses: str) -> Callable[[str, int], Awaitable[tuple[str, ...]]]:
    async def resolver(_host: str, _port: int) -> tuple[str, ...]:
        return addresses or ("127.0.0.1",)

    return resolver


def fetched(url: str, section: AccessSection = LOOPBACK, **more: Any) -> bytes:
    return asyncio.run(Outbound(section, **more).get(url)).body


def unreachable(url: str, because: str, section: AccessSection = LOOPBACK, **more: Any) -> None:
    with pytest.raises(IssuerUnavailable) as refusal:
        fetched(url, section, **more)
    assert because in refusal.value.message, refusal.value.message


# ------------------------------------------------------------------------------------------- answers


def test_what_a_site_says_is_fetched(site: Site) -> None:
    site.say("/jwks", {"keys": []})
    assert json.loads(fetched(f"{site.url}/jwks")) == {"keys": []}
    assert site.asked[0][1]["host"] == urlsplit(site.url).netloc


def test_a_redirect_is_not_followed(site: Site) -> None:
    async def elsewhere(_request: Request) -> Response:
        return RedirectResponse(f"{site.url}/secret", 302)

    site.pages["/jwks"] = elsewhere
    site.say("/secret", {"keys": []})
    reply = asyncio.run(Outbound(LOOPBACK).get(f"{site.url}/jwks"))
    assert reply.status == 302
    assert site.paths() == ["/jwks"]


def test_an_answer_that_goes_on_and_on_is_given_up(site: Site) -> None:
    async def long(_request: Request) -> Response:
        async def chunks() -> Any:
            for _ in range(1000):
                await asyncio.sleep(0)
                yield b"x" * 10_000

        return StreamingResponse(chunks())

    site.pages["/jwks"] = long
    unreachable(f"{site.url}/jwks", "more than")
    site.say("/jwks", "x" * (MAX_BYTES + 1))
    unreachable(f"{site.url}/jwks", "more than")


def test_a_compressed_answer_is_refused_unread(site: Site) -> None:
    async def bomb(_request: Request) -> Response:
        return Response(b"\x1f\x8b", headers={"content-encoding": "gzip"})

    site.pages["/jwks"] = bomb
    unreachable(f"{site.url}/jwks", "compressed")


def test_a_site_that_says_nothing_is_given_up(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbound_module, "TIMEOUT_S", 0.2)
    silent = socket.create_server(("127.0.0.1", 0))
    try:
        unreachable(f"http://127.0.0.1:{silent.getsockname()[1]}/jwks", "no whole answer")
    finally:
        silent.close()


def test_where_nothing_answers_it_is_said() -> None:
    closed, url = free_socket()
    closed.close()
    unreachable(f"{url}/jwks", "cannot be reached")


# ----------------------------------------------------------------------------------------- addresses


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/jwks",
        "https://10.0.0.7/jwks",
        "https://192.168.1.1/jwks",
        "https://172.16.3.4/jwks",
        "https://100.64.0.1/jwks",
        "https://169.254.169.254/latest/meta-data",
        "https://0.0.0.0/jwks",
        "https://224.0.0.1/jwks",
        "https://255.255.255.255/jwks",
        "https://[::1]/jwks",
        "https://[::]/jwks",
        "https://[fe80::1]/jwks",
        "https://[fc00::1]/jwks",
        "https://[fd00:ec2::254]/jwks",
        "https://[::ffff:127.0.0.1]/jwks",
        "https://[::ffff:169.254.169.254]/jwks",
        "https://[64:ff9b::a00:7]/jwks",
        "https://[2002:7f00:1::]/jwks",
        "https://localhost/jwks",
        "https://2130706433/jwks",
        "https://0x7f.1/jwks",
    ],
)
def test_addresses_that_are_not_public_are_not_connected_to(url: str) -> None:
    unreachable(url, "", AccessSection())
    unreachable(url, "", AccessSection(proxy="http://127.0.0.1:9"))


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "fd00:ec2::254", "0.0.0.0", "fe80::1%eth0", "ff02::1"]
)
def test_the_cloud_and_the_link_are_not_reached_even_by_a_listed_host(address: str) -> None:
    url = "http://sso.hospital.example/jwks"
    unreachable(url, "not public", resolver=at_loopback(address))


def test_one_bad_address_among_good_ones_is_enough() -> None:
    resolver = at_loopback("93.184.215.14", "127.0.0.1")
    unreachable("https://login.example/jwks", "not public", AccessSection(), resolver=resolver)


def test_without_tls_only_a_listed_host_is_asked(site: Site) -> None:
    unreachable(f"{site.url}/jwks", "no TLS", AccessSection())
    unreachable("http://login.example/jwks", "no TLS", AccessSection())
    assert site.asked == []


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://login.example/", "gopher://login.example", "", "jwks"]
)
def test_other_schemes_are_not_asked(url: str) -> None:
    unreachable(url, "no TLS")


def test_a_name_that_changes_its_address_is_connected_where_it_was_looked_at(site: Site) -> None:
    """DNS rebinding: the name is resolved once, and what was judged is what is connected to."""
    answers = [("127.0.0.1",), ("169.254.169.254",)]
    looked: list[str] = []

    async def rebinding(host: str, _port: int) -> tuple[str, ...]:
        looked.append(host)
        return answers[min(len(looked) - 1, 1)]

    site.say("/jwks", {"keys": []})
    name = f"http://sso.hospital.example:{site.port}/jwks"
    assert fetched(name, resolver=rebinding)
    assert looked == ["sso.hospital.example"]
    assert site.asked[0][1]["host"] == f"sso.hospital.example:{site.port}"


def test_the_next_address_is_tried_where_one_refuses(site: Site) -> None:
    site.say("/jwks", {"keys": []})
    resolver = at_loopback("127.0.0.9", "127.0.0.1")
    assert fetched(f"http://sso.hospital.example:{site.port}/jwks", resolver=resolver)


# ---------------------------------------------------------------------------------- TLS and proxies


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def trusting(authority: trustme.CA, folder: Path) -> AccessSection:
    path = folder / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return AccessSection(private_hosts=LOOPBACK.private_hosts, ca_bundle=path)


def test_a_private_authority_is_trusted_where_it_is_set(authority: trustme.CA, tmp_path: Path) -> None:
    with a_site(authority.issue_cert("sso.hospital.example")) as site:
        site.say("/jwks", {"keys": []})
        url = f"https://sso.hospital.example:{site.port}/jwks"
        assert fetched(url, trusting(authority, tmp_path), resolver=at_loopback())
        unreachable(url, "cannot be reached", resolver=at_loopback())
        assert site.paths() == ["/jwks"]


def test_a_certificate_is_held_against_the_name(authority: trustme.CA, tmp_path: Path) -> None:
    with a_site(authority.issue_cert("other.hospital.example", "127.0.0.1")) as site:
        url = f"https://sso.hospital.example:{site.port}/jwks"
        unreachable(url, "cannot be reached", trusting(authority, tmp_path), resolver=at_loopback())
        assert site.asked == []


def test_certificates_that_cannot_be_read_are_told_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nonsense")
    with pytest.raises(BadInput, match=r"access\.ca_bundle"):
        Outbound(AccessSection(ca_bundle=tmp_path / "ca.pem"))


@contextmanager
def a_proxy() -> Iterator[tuple[str, list[bytes]]]:
    """Writes down the first line of what it is asked, and refuses."""
    listening = socket.create_server(("127.0.0.1", 0))
    lines: list[bytes] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                lines.append(connection.recv(4096).split(b"\r\n")[0])
                connection.sendall(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n")

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", lines
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join()


def test_a_proxy_is_used_for_all_but_listed_hosts(site: Site) -> None:
    with a_proxy() as (proxy, lines):
        section = AccessSection(private_hosts=("127.0.0.1",), proxy=proxy)
        unreachable("https://login.example/jwks", "cannot be reached", section)
        assert lines == [b"CONNECT login.example:443 HTTP/1.1"]
        site.say("/jwks", {"keys": []})
        assert fetched(f"{site.url}/jwks", section)
        assert len(lines) == 1


def test_a_proxy_of_the_environment_is_used_but_where_it_says_not_to(monkeypatch: pytest.MonkeyPatch) -> None:
    with a_proxy() as (proxy, lines):
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        monkeypatch.setenv("https_proxy", proxy)
        monkeypatch.setenv("NO_PROXY", "direct.example")
        monkeypatch.setenv("no_proxy", "direct.example")
        unreachable("https://login.example/jwks", "cannot be reached", AccessSection())
        unreachable(
            "https://direct.example/jwks", "not public", AccessSection(), resolver=at_loopback("10.0.0.1")
        )
        assert lines == [b"CONNECT login.example:443 HTTP/1.1"]


# -------------------------------------------------------------------------------------------- whole


def a_node(tmp_path: Path, site: Site, *, visas: Any = (), **issuer: Any) -> Authenticator:
    """A node that trusts the issuer at `site`, and the clock of the tests."""
    home = tmp_path / "home"
    key = NodeKey.load(home / "keys") if home.exists() else NodeKey.create(home / "keys")
    section = {"issuer": site.url, "profile": "rfc9068", "clients": ["portal"], **issuer}
    settings = Settings(
        home=home,
        node=NodeSection(id=NODE, name="A", country="FI"),
        access=LOOPBACK,
        issuers=[section],
        visas=visas,
    )
    return open_authenticator(settings, key, clock=lambda: NOW)


def token_of(site: Site, **changes: Any) -> str:
    claims = {
        "iss": site.url, "sub": "alice", "aud": NODE, "client_id": "portal", "iat": NOW, "exp": NOW + 300,
        "jti": "0123456789abcdef", "scope": "openid ga4gh_passport_v1",
    }  # fmt: skip
    return forge(KEY, without(claims | changes))


def identified(node: Authenticator, token: str) -> Caller:
    found = asyncio.run(node.identify(Presented("GET", "/beacon/info", (f"Bearer {token}",))))
    assert isinstance(found, Caller)
    return found


def test_an_issuer_is_found_by_its_name_alone(site: Site, tmp_path: Path) -> None:
    site.is_issuer()
    node = a_node(tmp_path, site, roles=[{"claim": ["groups"], "value": "clinic", "role": "clinician"}])
    assert site.asked == []  # nothing is fetched before somebody asks
    assert identified(node, token_of(site, groups=["clinic"])).roles == {Role.CLINICIAN}
    assert site.paths() == ["/.well-known/openid-configuration", "/jwks"]


@pytest.mark.parametrize(
    ("published", "because"),
    [
        ({"issuer": "https://evil.example"}, "does not name it"),
        ({"issuer": None}, "does not name it"),
        ({"jwks_uri": None}, "publishes no jwks_uri"),
        ({"jwks_uri": 7}, "publishes no jwks_uri"),
        ({"jwks_uri": "http://169.254.169.254/jwks"}, "on another host"),
        ({"jwks_uri": "https://127.0.0.1/jwks"}, "on another host"),
        ({"jwks_uri": "file:///etc/passwd"}, "on another host"),
        ({"jwks_uri": "http://user@127.0.0.1/jwks"}, "on another host"),
    ],
)
def test_what_an_issuer_publishes_is_believed_about_itself_alone(
    site: Site, tmp_path: Path, published: dict[str, Any], because: str
) -> None:
    site.is_issuer(**published)
    if published.get("issuer", "") is None:
        site.say("/.well-known/openid-configuration", {"jwks_uri": f"{site.url}/jwks"})
    node = a_node(tmp_path, site)
    with pytest.raises(IssuerUnavailable):
        identified(node, token_of(site))
    assert site.paths() == ["/.well-known/openid-configuration"]
    with pytest.raises(IssuerUnavailable, match=because):
        asyncio.run(node._issuers[0].keys._address())


@pytest.mark.parametrize("said", ["nonsense", [], {}, {"keys": "x"}, {"keys": {}}, 7, None], ids=repr)
def test_keys_that_are_none_are_an_outage_not_a_refusal(site: Site, tmp_path: Path, said: Any) -> None:
    site.is_issuer()
    site.say("/jwks", said)
    with pytest.raises(IssuerUnavailable):
        identified(a_node(tmp_path, site), token_of(site))


def test_a_token_that_names_another_place_costs_no_fetch(site: Site, tmp_path: Path) -> None:
    site.is_issuer()
    token = forge(KEY, {"iss": "https://evil.example", "sub": "x"}, jku=f"{site.url}/jwks")
    with pytest.raises(NotAuthorised):
        identified(a_node(tmp_path, site), token)
    assert site.asked == []


# ------------------------------------------------------------------------------------- introspection

ACTIVE = {
    "active": True, "sub": "alice", "client_id": "portal", "aud": NODE, "iat": NOW - 10, "exp": NOW + 300,
    "scope": "openid", "token_type": "Bearer",
}  # fmt: skip


def an_introspecting_node(tmp_path: Path, site: Site, **more: Any) -> Authenticator:
    site.is_issuer()
    (tmp_path / "secret").write_text("s3cret/+ value\n")
    return a_node(
        tmp_path,
        site,
        **{
            "profile": "introspect",
            "client_id": "node a",
            "client_secret_file": tmp_path / "secret",
            **more,
        },
    )


def test_an_opaque_token_is_asked_about_once_a_minute(site: Site, tmp_path: Path) -> None:
    node = an_introspecting_node(tmp_path, site)
    site.say("/introspect", ACTIVE)
    assert identified(node, "opaque").subject == "alice"
    assert identified(node, "opaque").client == "portal"
    assert site.paths() == ["/.well-known/openid-configuration", "/introspect"]
    _, headers, form = site.asked[-1]
    assert form["token"] == ["opaque"]
    # RFC 6749 §2.3.1: both are encoded before they are joined.
    assert httpx.BasicAuth("node+a", "s3cret%2F%2B+value")._auth_header == headers["authorization"]


def test_a_node_without_a_secret_proves_itself_by_its_key(site: Site, tmp_path: Path) -> None:
    node = an_introspecting_node(tmp_path, site, client_secret_file=None)
    site.say("/introspect", ACTIVE)
    identified(node, "opaque")
    _, headers, form = site.asked[-1]
    assert "authorization" not in headers
    assert form["client_assertion_type"] == ["urn:ietf:params:oauth:client-assertion-type:jwt-bearer"]
    assert form["client_assertion"][0].count(".") == 2


REFUSED: dict[str, dict[str, Any]] = {
    "not active": {"active": False},
    "a refresh token": {"token_type": "refresh_token"},
    "of another issuer": {"iss": "https://evil.example"},
    "for another node": {"aud": "https://other.example"},
    "for others, too": {"aud": [NODE, "https://other.example"]},
    "for nobody": {"aud": None},
    "of another client": {"client_id": "other"},
    "of no client": {"client_id": None},
    "without an end": {"exp": None},
    "expired": {"exp": NOW - 31, "iat": NOW - 90},
    "of ten days": {"exp": NOW + 864_000},
    "of ten days that does not say since when": {"exp": NOW + 864_000, "iat": None},
    "of nobody": {"sub": ""},
    "bound to a certificate": {"cnf": {"x5t#S256": "x"}},
    "bound to a key": {"cnf": {"jkt": "x"}},
    "a passport": {"ga4gh_passport_v1": []},
}


@pytest.mark.parametrize("row", REFUSED)
def test_tokens_that_introspection_tells_are_not_good(site: Site, tmp_path: Path, row: str) -> None:
    node = an_introspecting_node(tmp_path, site)
    site.say("/introspect", without(ACTIVE | REFUSED[row]))
    for _ in range(3):
        with pytest.raises(NotAuthorised):
            identified(node, "opaque")
    assert site.paths().count("/introspect") == 1  # a refusal is not asked for again at once


@pytest.mark.parametrize("said", [{}, {"active": "true"}, {"active": 1}, [], "x", None], ids=repr)
def test_an_answer_that_does_not_say_is_an_outage(site: Site, tmp_path: Path, said: Any) -> None:
    node = an_introspecting_node(tmp_path, site)
    site.say("/introspect", said)
    with pytest.raises(IssuerUnavailable):
        identified(node, "opaque")


def test_a_token_without_a_subject_is_the_programs_own(site: Site, tmp_path: Path) -> None:
    """RFC 7662 leaves `sub` out for tokens that are nobody's but the client's."""
    node = an_introspecting_node(tmp_path, site)
    site.say("/introspect", without(ACTIVE | {"sub": None}))
    assert identified(node, "opaque").subject == "portal"


def test_a_token_of_another_issuer_is_never_shown_to_this_one(site: Site, tmp_path: Path) -> None:
    node = an_introspecting_node(tmp_path, site)
    for token in (forge(KEY, {"iss": "https://other.example"}), "a.b.c", "a.b."):
        with pytest.raises(NotAuthorised):
            identified(node, token)
    assert site.asked == []


def test_a_signed_token_of_an_introspecting_issuer_is_asked_about(site: Site, tmp_path: Path) -> None:
    node = an_introspecting_node(tmp_path, site)
    site.say("/introspect", {"active": False})
    with pytest.raises(NotAuthorised, match="not active"):
        identified(node, token_of(site))


# ----------------------------------------------------------------------------------------- passports


def visas_of_the_site(site: Site) -> list[dict[str, Any]]:
    return [
        {
            "issuer": site.url,
            "jku": f"{site.url}/jwks",
            "types": ["ResearcherStatus"],
            "sources": ["https://hospital.example"],
        }
    ]


def a_visa_of(site: Site, subject: str = "alice") -> str:
    inner = {"type": "ResearcherStatus", "asserted": NOW, "value": "v", "source": "https://hospital.example"}
    claims = {"iss": site.url, "sub": subject, "iat": NOW, "exp": NOW + 900, "ga4gh_visa_v1": inner}
    return forge(KEY, claims, typ="vnd.ga4gh.visa+jwt", jku=f"{site.url}/jwks")


def test_visas_come_from_userinfo_once_for_a_token(site: Site, tmp_path: Path) -> None:
    site.is_issuer()
    mine, theirs = a_visa_of(site), a_visa_of(site, "bob")
    site.say("/userinfo", {"sub": "alice", "ga4gh_passport_v1": [mine, theirs, a_status()]})
    node = a_node(tmp_path, site, passport="userinfo", visas=visas_of_the_site(site))
    token = token_of(site)
    for _ in range(3):
        caller = identified(node, token)
    assert [visa.type for visa in caller.visas] == ["ResearcherStatus"]
    assert len(caller.ignored) == 2
    assert site.paths().count("/userinfo") == 1


def test_a_token_without_the_scope_is_shown_to_nobody(site: Site, tmp_path: Path) -> None:
    site.is_issuer()
    node = a_node(tmp_path, site, passport="userinfo")
    assert identified(node, token_of(site, scope="openid")).visas == ()
    assert "/userinfo" not in site.paths()


def test_userinfo_of_somebody_else_is_refused(site: Site, tmp_path: Path) -> None:
    site.is_issuer()
    site.say("/userinfo", {"sub": "bob", "ga4gh_passport_v1": [a_visa_of(site, "bob")]})
    with pytest.raises(NotAuthorised, match="somebody else"):
        identified(a_node(tmp_path, site, passport="userinfo", visas=visas_of_the_site(site)), token_of(site))


@pytest.mark.parametrize(
    ("said", "status", "fault"),
    [
        ({"error": "invalid_token"}, 401, NotAuthorised),
        ({"error": "insufficient_scope"}, 403, NotAuthorised),
        ({"sub": "alice", "ga4gh_passport_v1": "x"}, 200, IssuerUnavailable),
        ({"sub": "alice", "ga4gh_passport_v1": [7]}, 200, IssuerUnavailable),
        ("x", 200, IssuerUnavailable),
        ({}, 500, IssuerUnavailable),
    ],
)
def test_userinfo_that_fails_is_not_taken_for_no_visas(
    site: Site, tmp_path: Path, said: Any, status: int, fault: type[Exception]
) -> None:
    site.is_issuer()
    site.say("/userinfo", said, status)
    with pytest.raises(fault):
        identified(a_node(tmp_path, site, passport="userinfo"), token_of(site))


def test_a_passport_comes_by_exchange(site: Site, tmp_path: Path) -> None:
    site.is_issuer()
    claims = {
        "iss": site.url, "sub": "alice", "iat": NOW, "exp": NOW + 200, "jti": "x",
        "ga4gh_passport_v1": [a_visa_of(site)],
    }  # fmt: skip
    passport = forge(KEY, claims, typ="vnd.ga4gh.passport+jwt")
    kind = "urn:ga4gh:params:oauth:token-type:passport"
    site.say("/token", {"access_token": passport, "issued_token_type": kind, "token_type": "N_A"})
    node = a_node(tmp_path, site, passport="exchange", client_id="node", visas=visas_of_the_site(site))
    token = token_of(site)
    caller = identified(node, token)
    assert [visa.type for visa in caller.visas] == ["ResearcherStatus"]
    assert caller.expires_s == NOW + 200
    form = site.asked[-2][2] if site.paths()[-1] == "/jwks" else site.asked[-1][2]
    assert form["requested_token_type"] == [kind]
    assert form["subject_token"] == [token]


@pytest.mark.parametrize(
    "said",
    [
        {"access_token": "x.y.z", "issued_token_type": "urn:ietf:params:oauth:token-type:access_token"},
        {"issued_token_type": "urn:ga4gh:params:oauth:token-type:passport"},
        {"access_token": 7, "issued_token_type": "urn:ga4gh:params:oauth:token-type:passport"},
        [],
    ],
)
def test_an_exchange_for_something_else_is_an_outage(site: Site, tmp_path: Path, said: Any) -> None:
    site.is_issuer()
    site.say("/token", said)
    with pytest.raises(IssuerUnavailable):
        identified(a_node(tmp_path, site, passport="exchange", client_id="node"), token_of(site))


def test_a_passport_by_exchange_must_be_signed_by_the_issuer(site: Site, tmp_path: Path) -> None:
    site.is_issuer()
    claims = {"iss": LS_AAI, "sub": "alice", "iat": NOW, "exp": NOW + 200, "ga4gh_passport_v1": []}
    passport = forge(KEYS[LS_AAI], claims, typ="vnd.ga4gh.passport+jwt")
    kind = "urn:ga4gh:params:oauth:token-type:passport"
    site.say("/token", {"access_token": passport, "issued_token_type": kind})
    with pytest.raises(NotAuthorised, match="broker"):
        identified(a_node(tmp_path, site, passport="exchange", client_id="node"), token_of(site))


# ------------------------------------------------------------------------------------------ settings


@pytest.mark.parametrize(
    ("issuer", "named"),
    [
        ({"profile": "introspect"}, "client_id"),
        ({"passport": "exchange"}, "client_id"),
        ({"issuer": "http://login.example"}, "no TLS"),
        ({"jwks_uri": "http://login.example/jwks"}, "no TLS"),
        ({"userinfo_endpoint": "http://login.example/x"}, "no TLS"),
        ({"profile": "introspect", "client_id": "x", "client_secret_file": "/nowhere"}, "secret"),
    ],
)
def test_settings_that_cannot_work_are_told_at_the_start(
    site: Site, tmp_path: Path, issuer: dict[str, Any], named: str
) -> None:
    with pytest.raises(BadInput, match=named):
        a_node(tmp_path, site, **issuer)


def test_two_issuers_are_never_asked_about_one_opaque_token(site: Site, tmp_path: Path) -> None:
    one = {"issuer": site.url, "profile": "introspect", "clients": ["x"], "client_id": "x"}
    settings = Settings(
        home=tmp_path,
        node=NodeSection(id=NODE, name="A", country="FI"),
        access=LOOPBACK,
        issuers=[one, {**one, "issuer": f"{site.url}/other"}],
    )
    with pytest.raises(BadInput, match="opaque"):
        open_authenticator(settings, NodeKey.create(tmp_path / "keys"))


# -------------------------------------------------------------------------------------------- doctor


def troubles(tmp_path: Path, site: Site, now: float | None = None, **issuer: Any) -> list[str]:
    """What the operator is told of the issuer at `site`."""
    home = tmp_path / "home"
    key = NodeKey.create(home / "keys")
    section = {"issuer": site.url, "profile": "rfc9068", "clients": ["portal"], **issuer}
    visas = [{**visas_of_the_site(site)[0], "algorithms": ["ES256"]}]
    settings = Settings(
        home=home,
        node=NodeSection(id=NODE, name="A", country="FI"),
        access=LOOPBACK,
        issuers=[section],
        visas=visas,
    )

    async def look() -> list[str]:
        found = inspect_issuers(settings, key, clock=lambda: now or time.time())
        return [f"{one.about}: {one.problem}" async for one in found]

    return asyncio.run(look())


def test_nothing_is_wrong_with_an_issuer_that_answers(site: Site, tmp_path: Path) -> None:
    site.is_issuer()
    assert troubles(tmp_path, site, passport="userinfo", algorithms=["ES256", "RS256"]) == []


def test_an_introspecting_issuer_is_asked_about_a_token_nobody_has(site: Site, tmp_path: Path) -> None:
    site.is_issuer()
    site.say("/introspect", {"active": False})
    assert troubles(tmp_path, site, profile="introspect", client_id="node") == []
    assert site.asked[1][2]["token"][0].startswith("made-up-")


@pytest.mark.parametrize(
    ("path", "said", "status", "issuer", "told"),
    [
        ("/.well-known/openid-configuration", {"issuer": "https://x.example"}, 200, {}, "does not name it"),
        ("/.well-known/openid-configuration", {}, 404, {}, "does not name it"),
        ("/jwks", {"keys": []}, 200, {}, "no key that may be used"),
        ("/jwks", {}, 200, {}, "something else than its keys"),
        ("/jwks", {}, 503, {}, "HTTP 503"),
        ("/none", {}, 404, {"algorithms": ["RS256", "PS256"]}, "signs with PS256 or RS256"),
        ("/introspect", {"active": True}, 200, {"profile": "introspect", "client_id": "x"}, "nobody has"),
        ("/introspect", {}, 401, {"profile": "introspect", "client_id": "x"}, "HTTP 401"),
    ],
)
def test_what_is_wrong_with_an_issuer_is_told(
    site: Site, tmp_path: Path, path: str, said: Any, status: int, issuer: dict[str, Any], told: str
) -> None:
    site.is_issuer()
    site.say(path, said, status)
    assert any(told in one for one in troubles(tmp_path, site, **issuer))


def test_clocks_that_differ_are_told(site: Site, tmp_path: Path) -> None:
    site.is_issuer()
    told = troubles(tmp_path, site, now=time.time() + 3600)
    assert any("behind this machine" in one for one in told)
