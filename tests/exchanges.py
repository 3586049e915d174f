"""Whole nodes with a matchmaker, on real servers, and patients to ask them about."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from node.app import Node, create_app, open_node
from node.cases import OPERATOR, Deposit
from node.config import CONFIG_NAME, read_settings
from node.home import make_home
from schemas.matching import Sharing
from schemas.mme import read_patient
from tests.federated import free_socket

V1_0, V1_1 = (f"application/vnd.ga4gh.matchmaker.v1.{minor}+json" for minor in (0, 1))
CONTACT = {"name": "Dr A. Physician", "href": "mailto:clinic@hospital.example"}
SEIZURE, FOCAL, ATAXIA, TREMOR = "HP:0001250", "HP:0007359", "HP:0001251", "HP:0001337"


def patient(name: str, **fields: Any) -> dict[str, Any]:
    """A document; features and genes may be given short, as ids and symbols."""
    document = {"id": name, "contact": CONTACT, **fields}
    if "features" in fields:
        document["features"] = [{"id": f} if isinstance(f, str) else f for f in fields["features"]]
    if "genes" in fields:
        document["genomicFeatures"] = [{"gene": {"id": gene}} for gene in document.pop("genes")]
    return document


@dataclass(frozen=True)
class Running:
    """A node that is served; `node` is the same one, as the command line opens it."""

    url: str
    home: Path
    node: Node
    token: str = field(repr=False)

    def deposit(self, *documents: dict[str, Any], sharing: Sharing = Sharing.VARIANT, **more: Any) -> None:
        fields = {"owner": "peer lab", **more}
        self.node.exchange.book.add(
            OPERATOR,
            [Deposit(patient=read_patient(each), sharing=sharing, **fields) for each in documents],
            restates={each["id"] for each in documents},
        )

    def post(self, document: Any, path: str = "/mme/match", **headers: str) -> httpx.Response:
        """As the peer `lab` asks, unless the headers (with _ for -) say otherwise; "" leaves one out."""
        given = {"x-auth-token": self.token, "content-type": V1_1, "accept": V1_1}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        return self._send("POST", path, given, body)

    def get(self, path: str, **headers: str) -> httpx.Response:
        given = {"x-auth-token": self.token, "accept": V1_1}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        return self._send("GET", path, given)

    def _send(
        self, method: str, path: str, headers: dict[str, str], body: bytes | None = None
    ) -> httpx.Response:
        kept = {name: value for name, value in headers.items() if value}
        with httpx.Client(trust_env=False, timeout=60) as http:
            request = http.build_request(method, self.url + path, content=body, headers=kept)
            for name in ("content-type", "accept"):
                if name not in kept and name in request.headers:
                    del request.headers[name]
            return http.send(request)

    def found(self, document: dict[str, Any], **headers: str) -> list[str]:
        """The ids of the patients that are found for this one."""
        answer = self.post({"patient": document}, **headers)
        assert answer.status_code == 200, answer.text
        return [result["patient"]["id"] for result in answer.json()["results"]]


@contextmanager
def an_exchange(home: Path, name: str = "Alpha", toml: str = "") -> Iterator[Running]:
    """A new node of this name, served until left; toml: more of its settings."""
    listening, url = free_socket()
    make_home(home, url, name, "FI")
    with (home / CONFIG_NAME).open("a", encoding="utf-8") as file:
        file.write(toml)
    with open_node(read_settings(home)) as node:
        token = node.exchange.tokens.issue("lab")
        config = uvicorn.Config(create_app(node.settings), log_level="error", ws="none", lifespan="on")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield Running(url, home, node, token)
        finally:
            server.should_exit = True
            thread.join(20)
