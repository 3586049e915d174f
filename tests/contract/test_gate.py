"""What is told leaves a record first; what cannot be recorded is not told; and time tells nothing."""

import asyncio
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import opentelemetry.trace
import pytest

from beacon.entries import entry_at
from beacon.query import Asked
from node import trace
from node.access.principal import Anonymous, Caller, PeerPrincipal, Principal, Visa
from node.app import Node, open_node
from node.audit import Kind, export, verify
from node.config import read_settings
from node.home import make_home
from node.store.catalogue import add_dataset
from node.store.ingest import ingest
from schemas.access import Granularity, Policy, Tier
from schemas.errors import Forbidden, NotAuthorised, StoreUnavailable
from schemas.genome import Assembly
from schemas.people import Dataset
from tests.clinic import a_clinic
from tests.engines import NewDatabase
from tests.federated import serving_whole

URL = "http://127.0.0.1:8092"
ROOT = f"{URL}/beacon/datasets"
LATER_S = time.time() + 3600
ASKED = entry_at("g_variants").read_get(
    [
        ("assemblyId", "GRCh38"),
        ("referenceName", "20"),
        ("start", "999"),
        ("referenceBases", "A"),
        ("alternateBases", "C"),
        ("requestedGranularity", "record"),
    ]
)


def holder(*values: str) -> Caller:
    visas = tuple(
        Visa(
            URL, "alice", "ControlledAccessGrants", f"{URL}/beacon/datasets/{value}", URL, "dac", 0.0, LATER_S
        )
        for value in values
    )
    return Caller(URL, "alice", "ui", LATER_S, visas=visas)


@pytest.fixture
def node(tmp_path: Path, new_database: NewDatabase) -> Iterator[Node]:
    url = new_database(tmp_path)
    make_home(tmp_path / "home", URL, "Clinic", "FI", database=url)
    with open_node(read_settings(tmp_path / "home")) as node:
        vcf = tmp_path / "clinic.vcf"
        vcf.write_text(a_clinic().vcf)
        for policy in Policy:
            add_dataset(node.engine, Dataset(policy.value, Assembly.GRCH38, policy))
            ingest(node.engine, node.settings.ingest, vcf, policy.value)
        yield node


def ask(node: Node, principal: Principal, asked: Asked = ASKED, kind: Kind = Kind.BEACON) -> Any:
    return asyncio.run(node.gate.answer(kind, asked, node.gate.grant(principal)))


def recorded(node: Node) -> list[dict[str, Any]]:
    return list(export(node.engine))


def test_an_answer_from_confidential_data_is_recorded_before_it_leaves(node: Node) -> None:
    async def asked_within_a_trace() -> None:
        trace.enter(trace.Trace("0af7651916cd43dd8448eb211c80319c"))
        await node.gate.answer(Kind.BEACON, ASKED, node.gate.grant(holder("controlled")))

    asyncio.run(asked_within_a_trace())
    (entry,) = recorded(node)
    assert entry["request"] == "0af7651916cd43dd8448eb211c80319c"
    assert entry["principal"] == f"{URL} alice"
    assert entry["kind"] == "beacon"
    assert entry["datasets"] == ["controlled", "open"]
    assert entry["granularity"] == "record"
    assert entry["question"] == node.audit.digest(ASKED.body())
    assert entry["outcome"] == "answered"
    assert verify(node.engine).ok


@pytest.mark.parametrize(
    "principal", [PeerPrincipal("https://b.example", Tier.CONTROLLED), holder("registered")]
)
def test_every_entrance_records(node: Node, principal: Principal) -> None:
    for number, kind in enumerate((Kind.BEACON, Kind.NETWORK, Kind.FEDERATION), 1):
        ask(node, principal, kind=kind)
        assert [entry["kind"] for entry in recorded(node)][number - 1 :] == [kind.value]


def test_nothing_of_the_question_is_in_the_log(node: Node) -> None:
    ask(node, holder("controlled"))
    text = str(recorded(node))
    assert not any(word in text for word in ("GRCh38", "999", "1000", "'A'", "'C'"))


def test_open_data_and_refusals_are_recorded_together(node: Node) -> None:
    for _ in range(5):
        ask(node, Anonymous())
    only = entry_at("g_variants").read_get([("datasets", "controlled"), *_parameters()])
    for _ in range(3):
        with pytest.raises(NotAuthorised):
            ask(node, Anonymous(), only)
    with pytest.raises(Forbidden):
        ask(node, holder("other"), only)
    node.audit.close()
    found = [(entry["outcome"], entry["principal"], entry.get("answers", 1)) for entry in recorded(node)]
    assert found == [("answered", "anonymous", 5), ("denied", "anonymous", 3), ("denied", f"{URL} alice", 1)]


def _parameters() -> list[tuple[str, str]]:
    return [("assemblyId", "GRCh38"), ("referenceName", "20"), ("start", "900"), ("end", "1900")]


def test_what_cannot_be_recorded_is_not_told(node: Node) -> None:
    with node.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE audit RENAME TO elsewhere")
    with pytest.raises(StoreUnavailable, match="nothing may be told"):
        ask(node, holder("controlled"))
    assert ask(node, Anonymous())["responseSummary"]["exists"]  # open data goes on
    with node.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE elsewhere RENAME TO audit")
    assert ask(node, holder("controlled"))["responseSummary"]["exists"]


@pytest.mark.parametrize("path", ["g_variants", "individuals", "biosamples", "runs", "analyses", "cohorts"])
def test_every_kind_of_entry_records(node: Node, path: str) -> None:
    parameters = [("requestedGranularity", "count"), *(_parameters() if path == "g_variants" else ())]
    ask(node, holder("controlled?granularity=count"), entry_at(path).read_get(parameters))
    assert [entry["datasets"] for entry in recorded(node)] == [["controlled", "open"]]


def test_answers_under_a_floor_take_whole_steps_of_time(node: Node) -> None:
    async def timed() -> float:
        began = time.perf_counter()
        await node.gate.answer(Kind.BEACON, ASKED, node.gate.grant(holder("controlled?granularity=count")))
        return time.perf_counter() - began

    assert all(asyncio.run(timed()) >= 0.01 for _ in range(3))


def test_the_ceiling_of_a_dataset_is_that_of_its_visa(node: Node) -> None:
    counting = ask(node, holder("controlled?granularity=count"))
    found = {one["id"]: one["info"]["granularity"] for one in counting["response"]["resultSets"]}
    assert found == {"controlled": Granularity.COUNT, "open": Granularity.RECORD}
    assert {one["id"] for one in counting["info"]["refused"]} == {"public", "registered"}


def test_many_wide_questions_at_once_take_few_threads(node: Node) -> None:
    """Every thread that looks makes the event loop wait for its turn."""
    wide = entry_at("g_variants").read_get(
        [("datasets", "open"), ("filters", "sex:!female"), ("requestedGranularity", "count"), *_parameters()]
    )
    assert wide.is_wide

    async def asked_at_once() -> list[Any]:
        grant = node.gate.grant(Anonymous())
        at_once = (node.gate.answer(Kind.BEACON, wide, grant) for _ in range(60))
        return list(await asyncio.gather(*at_once))

    answers = asyncio.run(asked_at_once())
    assert len(answers) == 60
    assert all(answer == answers[0] for answer in answers)
    looking = [thread for thread in threading.enumerate() if thread.name.startswith("wide")]
    assert 1 <= len(looking) <= max(4, os.cpu_count() or 0)


class Collector(opentelemetry.trace.TracerProvider):
    """One that somebody's environment has set up."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def get_tracer(self, instrumenting_module_name: str, *_: Any, **__: Any) -> opentelemetry.trace.Tracer:
        self.asked.append(instrumenting_module_name)
        return opentelemetry.trace.NoOpTracer()


def test_a_collector_that_the_environment_names_is_told_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The framework would send it the paths of requests, and what stands in faults."""
    collector = Collector()
    monkeypatch.setattr(opentelemetry.trace, "get_tracer_provider", lambda: collector)
    monkeypatch.setenv("FASTAPI_OTEL_AUTO_CONFIGURE", "true")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    made = make_home(tmp_path / "home", URL, "Clinic", "FI")
    with serving_whole(made.settings) as url:
        question = "assemblyId=GRCh38&referenceName=1&start=999&referenceBases=A&alternateBases=C"
        assert httpx.get(f"{url}/beacon/g_variants?{question}", trust_env=False).status_code == 400
        assert httpx.get(f"{url}/beacon/info", trust_env=False).status_code == 200
    assert collector.asked == []
