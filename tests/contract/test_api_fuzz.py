"""Whatever the API description allows, and much that it does not, is sent to a running node.

No answer is a 5xx, of a status, content type or form that is not described, or, from a Beacon, an acceptance
of a body that the description rules out; and every answer of the Beacon passes the official schemas.  `make
fuzz` sends more than 10,000 requests; the suite a few of each kind.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi import checks

from beacon.entries import ENDPOINTS, ENTRY_TYPES
from beacon.framework import FRAMEWORK
from beacon.terms import terms_endpoints
from node.access.server.entitlements import Tier
from node.app import open_node
from node.config import read_settings
from tests.contract.test_beacon_people import World, world
from tests.federated import free_socket, serving
from tests.worlds_beacon import Conformance, load_check

EXAMPLES: Final = int(os.environ.get("VARHAVEN_FUZZ", "2"))
_BEACONS: Final = ("/beacon", "/network/beacon", "/network/stream")
_DESCRIBED: Final = (
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
)
# Words that a question could really hold; random ones are refused before they come far.
_WORDS: Final[dict[str, list[Any]]] = {
    "id": ["P01", "S02a", "clinic", "invented", "run-S03a", "GRCh37:20:1009:A:C", "old", "20-1010-A-C"],
    "assemblyId": ["GRCh37", "GRCh38", "hg19", "b37", "GCF_000001405.25"],
    "referenceName": ["20", "chr20", "refseq:NC_000020.10", "NC_000020.10", "MT", "X", "GL000191.1"],
    "start": [[1009], [1000], [1000, 1100], [0, 2**31], [2**62], [5, 4]],
    "end": [[1010], [1400], [1010, 1100], [0], [2**62, 2**63]],
    "referenceBases": ["A", "N", "", "a", "AC", "<DEL>"],
    "alternateBases": ["C", "N", "", "T", "AC", "*"],
    "variantType": ["SNP", "DEL", "DUP", "SO:0001483", "EFO:0030067", "<DEL>", "BND", "INDEL", "SO:1"],
    "variantMinLength": [0, 1, 50, 2**62],
    "variantMaxLength": [1, 50, 2**62],
    "geneId": ["ITPA", "HGNC:6176", "ENSG00000125877", "3704", "nothing"],
    "aminoacidChange": ["V600E", "p.Val600Glu", "*1A", "V600"],
    "genomicAlleleShortForm": ["NC_000020.10:g.1010A>C", "NC_000020.10:g.1010del", "NM_1.1:c.1A>G", "x"],
    "mateName": ["20", "X", "chr9"],
    "filters": [
        ["HP:0001250"], ["!HP:0001250"], ["sex=female"], ["HP:0001250", "MONDO:0005015"],
        ["LOINC:3141-9>70 kg"],
        ["ageOfOnset>=P18Y"], ["HP:9999999"], ["info.batch=nor%"], ["=", ""], ["SO:0001483"], ["EFO:0030067"],
    ],
    "value": ["female", "70 kg", "%", "P3Y", "", 70, "HP:0001250"],
    "scope": ["individuals", "biosamples", "g_variants", "runs"],
    "datasetIds": [["clinic"], ["invented", "clinic"], ["nothing"], []],
    "requestedGranularity": ["record", "count", "boolean"],
    "includeResultsetResponses": ["ALL", "MISS", "NONE", "HIT"],
    "skip": [0, 1, 1_000_000],
    "limit": [0, 1, 1000],
    "apiVersion": ["v2.0", "v2.2.0", "2", "v1.0", "v2.0.0-beaconplus"],
    "entityType": ["genomicVariant", "individual", "x"],
    "question": ["20:1010 A>C", "ITPA", "20:1000-1400", "NC_000020.10:g.1010A>C", "x", ""],
    "assembly": ["GRCh37", "GRCh38", "hg19", "b36"],
    "grant_type": ["client_credentials", "authorization_code", "refresh_token", "password"],
    "rest": ["g_variants", "individuals/P01", "invitation", "showing", "x"],
    "entry_path": ["g_variants", "individuals", "x"],
    "number": ["1", "0", "99999999999999999999"],
    "sharing": ["nothing", "phenotype", "gene", "variant"],
    "status": ["active", "solved", "closed"],
    "state": ["new", "seen", "x"],
    "schema": ["ga4gh-beacon-variant-v2.1.0", "https://w3id.org/ga4gh/schema/vrs/2.0", "x"],
}  # fmt: skip


def _flavoured(value: Any, dice: random.Random, name: str = "") -> Any:
    """The same question with some of its words exchanged for ones that mean something here."""
    if name in _WORDS and not isinstance(value, dict) and dice.random() < 0.8:
        if isinstance(value, list) and value and isinstance(value[0], dict):
            return [_flavoured(one, dice) for one in value]
        return dice.choice(_WORDS[name])
    if isinstance(value, dict):
        return {key: _flavoured(member, dice, key) for key, member in value.items()}
    if isinstance(value, list):
        return [_flavoured(one, dice) for one in value]
    return value


@dataclass(frozen=True)
class Target:
    """A running node and its description.  issue: gives a new token of a program."""

    schema: Any
    session: requests.Session
    exchange: str = field(repr=False)
    issue: Callable[[], str] = field(repr=False)

    def credentials(self, path: str) -> dict[str, str]:
        """Those without which everything at the path is refused alike."""
        if path.startswith(("/mme", "/network/mme", "/cases")):
            return {"x-auth-token": self.exchange}
        if path in ("/network/sum", "/oauth/userinfo"):
            return {"authorization": f"Bearer {self.issue()}"}
        return {}

    def operations(self, path: str) -> Iterator[Any]:
        for method in self.methods(path):
            yield self.schema[path][method]

    def methods(self, path: str) -> list[str]:
        return list(self.schema.raw_schema["paths"][path])


@contextmanager
def described(world: World) -> Iterator[Target]:
    with open_node(read_settings(world.home)) as node:
        exchange = node.exchange.tokens.issue("lab")
        client, secret = node.embedded.clients.add_machine("pipeline")
        node.embedded.entitlements.grant(client, Tier.RECORD, "shut")
    listening, url = free_socket()
    with serving(world.app, listening, lifespan="on"), requests.Session() as session:
        session.trust_env = False

        def issue() -> str:
            form = {"grant_type": "client_credentials", "scope": "beacon:query"}
            reply = session.post(f"{url}/oauth/token", form, auth=(client, secret or ""), timeout=30)
            return str(reply.json()["access_token"])

        schema = schemathesis.openapi.from_dict(world.app.openapi())
        schema.config.update(base_url=url)
        yield Target(schema, session, exchange, issue)


@pytest.fixture(scope="module")
def target(world: World) -> Iterator[Target]:
    with described(world) as running:
        yield running


@pytest.fixture(scope="module")
def conformance(shared: Path) -> Conformance:
    return Conformance(load_check(shared))


PATHS: Final = ["/" + endpoint.path for endpoint in (*terms_endpoints(ENTRY_TYPES), *ENDPOINTS)] + [
    path for path, _, _ in FRAMEWORK
]


@dataclass
class Sender:
    """Sends requests to the operations of one path and judges the replies; `statuses` counts them."""

    target: Target
    path: str
    conformance: Conformance | None
    statuses: Counter[int] = field(default_factory=Counter)
    credentials: dict[str, str] = field(default_factory=dict, repr=False)

    def send(self, examples: int) -> None:
        """So many to every method, in the form that is described, and as many out of it."""
        for operation in self.target.operations(self.path):
            self._send(operation, GenerationMode.POSITIVE, examples)
            try:
                self._send(operation, GenerationMode.NEGATIVE, examples)
            except Unsatisfiable:
                continue  # there is nothing to get wrong

    def _send(self, operation: Any, mode: GenerationMode, examples: int) -> None:
        @settings(
            max_examples=examples,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode), seed=st.integers(0, 2**32))
        def one(case: Any, seed: int) -> None:
            if mode is GenerationMode.POSITIVE:
                dice = random.Random(f"{self.path} {seed}")
                for part in ("query", "body", "path_parameters"):
                    told = getattr(case, part)
                    if isinstance(told, dict):
                        setattr(case, part, _flavoured(told, dice))
            self._judge(case)

        self.credentials = self.target.credentials(self.path)
        one()

    def _judge(self, case: Any) -> None:
        reply = case.call(session=self.target.session, timeout=30, headers=self.credentials)
        self.statuses[reply.status_code] += 1
        # Other protocols take members that they do not know, as their specifications demand.
        strict = (checks.negative_data_rejection,) if self.path.startswith(_BEACONS) else ()
        case.validate_response(reply, checks=[*_DESCRIBED, *strict])
        if self.conformance is not None:
            assert not self.conformance.faults(reply.json()), case.as_curl_command()


@pytest.mark.parametrize("path", PATHS)
def test_the_beacon_keeps_to_its_description(target: Target, conformance: Conformance, path: str) -> None:
    sender = Sender(target, f"/beacon{path}", None if path == "/service-info" else conformance)
    sender.send(EXAMPLES)
    assert set(sender.statuses) <= {200, 400, 401, 403, 404, 413, 422}
    assert sender.statuses


@pytest.mark.timeout(900)  # some hundred routes, and a busy machine
def test_nothing_else_of_the_node_fails(target: Target) -> None:
    """Every other path of the description: the network's Beacon, peers, sign-in, and what hosts ask."""
    others = [path for path in target.schema.raw_schema["paths"] if not path.startswith("/beacon")]
    assert len(others) > len(PATHS)
    faults = {}
    for path in others:
        try:
            Sender(target, path, None).send(max(1, EXAMPLES // 5))
        except FailureGroup as found:
            faults[path] = "; ".join(str(one) for one in found.exceptions)
    assert not faults


__all__ = ["world"]
