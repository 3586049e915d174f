"""Letters about new matches: to whom, saying what, sent how; by a real SMTP server and a real webhook."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from node.app import Node, open_node
from node.cases import OPERATOR, Deposit
from node.config import CONFIG_NAME, read_settings
from node.exchange.letters import Channel, Letter, Outbox
from node.exchange.mail import Postman
from node.home import make_home
from schemas.matching import Sharing
from schemas.mme import MatchRequest, read_patient
from tests.engines import NewDatabase
from tests.exchanges import FOCAL, SEIZURE, patient
from tests.federated import free_socket

VARIANT = {
    "assembly": "GRCh38",
    "referenceName": "2",
    "start": 166_000_123,
    "referenceBases": "C",
    "alternateBases": "T",
}
GENOMIC = [{"gene": {"id": "SCN1A"}, "variant": VARIANT, "zygosity": 1}]
ASKER = {"name": "Dr Elsewhere", "href": "mailto:elsewhere@b.example", "institution": "B Clinic"}
PASSWORD = "correct horse"


@dataclass
class Mailbox:
    """What an SMTP server took."""

    messages: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        message = message_from_bytes(envelope.content, policy=default)
        assert isinstance(message, EmailMessage)
        self.messages.append(message)
        self.recipients += envelope.rcpt_tos
        return "250 taken"

    @property
    def text(self) -> str:
        return "\n".join(m.get_content() for m in self.messages)


class _Server(Controller):
    """On a free port; `implicit` is TLS from the first byte."""

    def __init__(self, box: Mailbox, implicit: ssl.SSLContext | None = None, **options: Any) -> None:
        listening, url = free_socket()
        listening.close()
        super().__init__(
            box, hostname="127.0.0.1", port=int(url.rpartition(":")[2]), ssl_context=implicit, **options
        )


@contextmanager
def smtp(box: Mailbox, implicit: ssl.SSLContext | None = None, **options: Any) -> Iterator[int]:
    server = _Server(box, implicit, **options)
    server.start()
    try:
        yield server.port
    finally:
        server.stop()


@contextmanager
def a_home(folder: Path, toml: str, database: str | None = None) -> Iterator[Node]:
    make_home(folder, "http://127.0.0.1:9", "Alpha Hospital", "FI", database)
    text = (folder / CONFIG_NAME).read_text().replace("[node]", '[node]\ncontact = "admin@alpha.example"')
    (folder / CONFIG_NAME).write_text(text + toml)
    with open_node(read_settings(folder)) as node:
        yield node


def deposit(node: Node, name: str, *, notify: str = "", **fields: Any) -> None:
    document = patient(name, **{"features": [FOCAL], "genomicFeatures": GENOMIC, **fields})
    node.exchange.book.add(OPERATOR, [Deposit(read_patient(document), Sharing.VARIANT, "ann", notify=notify)])


def ask(node: Node, **fields: Any) -> None:
    document = patient(
        "theirs", contact=ASKER, **{"features": [SEIZURE], "genomicFeatures": GENOMIC, **fields}
    )
    request = MatchRequest(patient=read_patient(document), disclaimer="B says: as is")
    asyncio.run(node.exchange.desk.answer("peer B", request))


async def _no_post(_url: str, _body: bytes, _headers: Mapping[str, str]) -> bool:
    raise AssertionError("no webhook was to be sent")


def deliver(node: Node) -> int:
    postman = Postman(node.settings, node.exchange.outbox, _no_post)
    return asyncio.run(postman.deliver())


def mail_toml(port: int, more: str = 'tls = "none"') -> str:
    return f'[mail]\nhost = "127.0.0.1"\nport = {port}\nsender = "mm@alpha.example"\n{more}\n'


def test_a_letter_says_little_and_once(tmp_path: Path, new_database: NewDatabase) -> None:
    box, database = Mailbox(), new_database(tmp_path)
    with smtp(box) as port, a_home(tmp_path / "home", mail_toml(port), database) as node:
        deposit(node, "mine", notify="ann@alpha.example")
        ask(node)
        assert deliver(node) == 1
        ask(node)
        assert deliver(node) == 0
        ask(node, id="another patient of theirs")
        assert deliver(node) == 1
    assert box.recipients == ["ann@alpha.example"] * 2
    (first, second) = box.messages
    assert first["From"] == "mm@alpha.example"
    assert first["Message-ID"] != second["Message-ID"]
    for part in (
        "mine",
        "peer B",
        "Dr Elsewhere",
        "B Clinic",
        "elsewhere@b.example",
        "theirs",
        "B says: as is",
    ):
        assert part in first.get_content()
    for secret in ("166000123", "166000124", "SCN1A", "HP:", "eizure", "GRCh38", "heteroz"):
        assert secret not in box.text


def test_a_complete_letter_names_what_is_in_common_but_no_variant(tmp_path: Path) -> None:
    box = Mailbox()
    toml = mail_toml
    with smtp(box) as port, a_home(tmp_path / "home", toml(port, 'tls = "none"\ncomplete = true')) as node:
        deposit(node, "mine", notify="ann@alpha.example")
        ask(node)
        deliver(node)
    assert "gene SCN1A" in box.text
    assert "Seizure (HP:0001250)" in box.text
    assert "16600012" not in box.text


@pytest.mark.parametrize(
    ("contact", "notify", "told"),
    [
        ({"href": "mailto:a@a.example?subject=x"}, "", ["a@a.example"]),
        ({"href": "https://a.example", "email": "b@a.example"}, "", ["b@a.example"]),
        ({"href": "https://a.example", "email": "b@a.example"}, "c@a.example", ["c@a.example"]),
        ({"href": "https://a.example"}, "", []),
    ],
)
def test_whoever_answers_for_the_case_is_told(
    tmp_path: Path, contact: dict[str, str], notify: str, told: list[str]
) -> None:
    box = Mailbox()
    with smtp(box) as port, a_home(tmp_path / "home", mail_toml(port)) as node:
        deposit(node, "mine", notify=notify, contact={"name": "A", **contact})
        ask(node)
        deliver(node)
    assert box.recipients == told


def test_nobody_is_told_of_a_made_up_patient(tmp_path: Path) -> None:
    with a_home(tmp_path / "home", mail_toml(9)) as node:
        deposit(node, "mine", notify="ann@alpha.example")
        deposit(node, "made up", notify="ann@alpha.example", test=True)
        ask(node, test=True)
        assert node.exchange.outbox.due() == []
        assert node.exchange.tracking.tracks(OPERATOR, "mine") == []


def test_several_new_matches_are_one_letter_to_each_person(tmp_path: Path) -> None:
    with a_home(tmp_path / "home", mail_toml(9)) as node:
        for name, whom in (("one", "ann"), ("two", "ann"), ("three", "bob")):
            deposit(node, name, notify=f"{whom}@alpha.example")
        ask(node)
        letters = node.exchange.outbox.due()
        assert sorted(letter.recipient for letter in letters) == ["ann@alpha.example", "bob@alpha.example"]
        assert "2 new matches" in next(one.subject for one in letters if one.recipient.startswith("ann"))


def test_a_letter_waits_while_the_server_is_away_and_across_a_restart(tmp_path: Path) -> None:
    box = Mailbox()
    listening, url = free_socket()
    listening.close()
    port = int(url.rpartition(":")[2])
    with a_home(tmp_path / "home", mail_toml(port)) as node:
        deposit(node, "mine", notify="ann@alpha.example")
        ask(node)
        assert deliver(node) == 0
        assert node.exchange.outbox.due() == []  # not before a minute has passed
    with open_node(read_settings(tmp_path / "home")) as node:
        later = Outbox(node.engine, clock=lambda: 1e12)
        (letter,) = later.due()
        assert letter.attempts == 1
        server = Controller(box, hostname="127.0.0.1", port=port)
        server.start()
        try:
            assert asyncio.run(Postman(node.settings, later, _no_post).deliver()) == 1
        finally:
            server.stop()
        assert later.due() == []
    assert box.recipients == ["ann@alpha.example"]


def test_a_letter_that_nobody_takes_is_given_up_in_the_end(tmp_path: Path) -> None:
    with a_home(tmp_path / "home", "") as node:
        now_s = [0.0]
        outbox = Outbox(node.engine, clock=lambda: now_s[0])
        outbox.put([Letter(Channel.MAIL, "a@a.example", "s", "b")])
        attempts = 0
        while letters := outbox.due():
            outbox.failed(letters[0])
            attempts += 1
            now_s[0] += 100_000
        assert attempts == 9


# ------------------------------------------------------------------------------------------- TLS and sign-in


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def _context(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


def _login(_server: SMTP, _session: Session, _envelope: Envelope, _way: str, data: Any) -> AuthResult:
    assert isinstance(data, LoginPassword)
    return AuthResult(success=(data.login, data.password) == (b"varhaven", PASSWORD.encode()), handled=False)


def _tls_home(folder: Path, authority: trustme.CA, port: int, tls: str, password: str = PASSWORD) -> Any:
    authority.cert_pem.write_to_path(folder / "ca.pem")
    (folder / "password").write_text(password + "\n")
    more = f'tls = "{tls}"\nca_bundle = "{folder}/ca.pem"\nuser = "varhaven"\npassword = "{folder}/password"'
    return a_home(folder / "home", mail_toml(port, more))


# The server does not know that its socket is encrypted from the first byte.
lax = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")


@lax
@pytest.mark.parametrize("tls", ["tls", "starttls"])
def test_letters_go_encrypted_to_a_server_that_asks_who_we_are(
    tmp_path: Path, authority: trustme.CA, tls: str
) -> None:
    box, context = Mailbox(), _context(authority)
    options: dict[str, Any] = {"authenticator": _login, "auth_required": True}
    if tls == "tls":
        options |= {"implicit": context, "auth_require_tls": False}
    else:
        options |= {"tls_context": context, "require_starttls": True}
    with smtp(box, **options) as port, _tls_home(tmp_path, authority, port, tls) as node:
        deposit(node, "mine", notify="ann@alpha.example")
        ask(node)
        assert deliver(node) == 1
    assert box.recipients == ["ann@alpha.example"]


@lax
@pytest.mark.parametrize("trouble", ["no STARTTLS", "another authority", "wrong password"])
def test_nothing_is_sent_in_the_clear_or_to_a_stranger(
    tmp_path: Path, authority: trustme.CA, trouble: str
) -> None:
    box = Mailbox()
    options: dict[str, Any] = {"authenticator": _login, "auth_required": True, "auth_require_tls": False}
    if trouble != "no STARTTLS":
        other = trustme.CA() if trouble == "another authority" else authority
        options["tls_context"] = _context(other)
    password = "wrong" if trouble == "wrong password" else PASSWORD
    with smtp(box, **options) as port, _tls_home(tmp_path, authority, port, "starttls", password) as node:
        deposit(node, "mine", notify="ann@alpha.example")
        ask(node)
        assert deliver(node) == 0
    assert box.messages == []


# ---------------------------------------------------------------------------------------------------- webhook


@contextmanager
def webhook(taken: list[tuple[dict[str, str], bytes]]) -> Iterator[str]:
    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            taken.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Hook)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook"
    finally:
        server.shutdown()
        thread.join(20)
        server.server_close()


@pytest.mark.parametrize("prefixed", [True, False])
def test_a_program_hears_of_a_new_match_signed(tmp_path: Path, prefixed: bool) -> None:
    taken: list[tuple[dict[str, str], bytes]] = []
    key = b"0123456789abcdef0123456789abcdef"
    secret = f"whsec_{base64.b64encode(key).decode()}" if prefixed else key.decode()
    (tmp_path / "secret").write_text(secret + "\n")
    with webhook(taken) as url:
        toml = f'[matchmaker]\nwebhook = "{url}"\nwebhook_secret = "{tmp_path}/secret"\n'
        with a_home(tmp_path / "home", toml) as node:
            deposit(node, "mine")
            ask(node)
            assert asyncio.run(_delivered(node)) == 1
    ((headers, body),) = taken
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    told = json.loads(body)
    assert told["type"] == "match.new"
    assert set(told["data"]) == {"case", "node", "score", "asked"}
    assert (told["data"]["case"], told["data"]["node"], told["data"]["asked"]) == ("mine", "peer B", "them")


async def _delivered(node: Node) -> int:
    from node.app.matching import posting  # noqa: PLC0415
    from node.federation.transport import open_http  # noqa: PLC0415

    async with open_http(node.settings.federation) as http:
        return await Postman(node.settings, node.exchange.outbox, posting(http)).deliver()


def test_the_administrator_hears_of_a_peer_that_fishes(tmp_path: Path) -> None:
    with a_home(tmp_path / "home", mail_toml(9)) as node:
        deposit(node, "mine", notify="ann@alpha.example")
        terms = [f"HP:00{number:05d}" for number in range(1_250, 1_262)]
        for left_out in range(12):
            ask(node, id=f"P{left_out}", features=terms[:left_out] + terms[left_out + 1 :])
        letters = [one for one in node.exchange.outbox.due() if one.recipient == "admin@alpha.example"]
        assert len(letters) == 1
        assert "peer B" in letters[0].body
        assert "HP:" not in letters[0].body
