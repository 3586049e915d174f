"""The verifier: it finds every planted fault in a broken little Beacon, and nothing in a sound one."""

import asyncio
import json
import shlex
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import httpx
import pytest

from node import db
from node.app import create_app
from node.cli import main
from node.config import FederationSection
from node.demo import HOSPITALS
from node.federation.visitor import visiting
from node.home import make_home
from node.people import Format, import_people
from node.store.catalogue import add_dataset
from node.store.ingest import ingest
from node.verify.check import Outcome, Severity
from node.verify.checks import CHECKS
from node.verify.official import Schemas
from node.verify.probe import Probe
from node.verify.run import Limits, verify
from node.verify.verdict import Verdict
from node.verify.visit import Visit
from schemas.access import Policy
from schemas.genome import Assembly, Contig, Interval
from schemas.people import Dataset
from tests.broken_beacon import TOKEN, LittleBeacon, Plant
from tests.federated import free_socket, serving

_CHR20 = Contig.read("20", Assembly.GRCH37)
GIVEN = Probe(Interval(Contig.read("1", Assembly.GRCH38), 5_000, 5_001), "G", "T")
ITPA = Probe(Interval(_CHR20, 3_193_841, 3_193_842), "C", "A")
FAST = Limits(most=400, per_second=0, timeout_s=10)


def verified(
    url: str, probe: Probe | None = None, limits: Limits = FAST, schemas: Path | None = None
) -> Verdict:
    async def run() -> Verdict:
        more = Schemas(schemas).checks() if schemas else ()
        async with visiting(FederationSection()) as visitor:
            return await verify(visitor, url, probe=probe, limits=limits, more=more)

    return asyncio.run(run())


@contextmanager
def running(home: Path, policy: Policy) -> Iterator[str]:
    """A node of our own with a hospital's chromosome 20, as it serves everybody; its Beacon's address."""
    listening, url = free_socket()
    with listening:
        yield from _running(home, policy, listening, url)


def _running(home: Path, policy: Policy, listening: socket.socket, url: str) -> Iterator[str]:
    made = make_home(home, url, "Hospital A", "GB")
    engine = db.connect(made.settings.database_url)
    vcf, people = HOSPITALS[0].files()
    add_dataset(engine, Dataset("chr20", Assembly.GRCH37, policy))
    ingest(engine, made.settings.ingest, vcf, "chr20")
    import_people(engine, "chr20", people, Format.BFF)
    engine.dispose()
    with serving(create_app(made.settings), listening, lifespan="on"):
        yield f"{url}/beacon"


def failed(verdict: Verdict) -> dict[str, list[str]]:
    return {result.check.id: [fault.text for fault in result.faults] for result in verdict.failed}


@pytest.fixture(scope="module")
def little() -> Iterator[LittleBeacon]:
    listening, url = free_socket()
    beacon = LittleBeacon(f"{url}/api")
    with serving(beacon.app(), listening):  # type: ignore[arg-type]  # any ASGI application
        yield beacon


@pytest.fixture
def planted(little: LittleBeacon) -> Iterator[LittleBeacon]:
    yield little
    little.planted.clear()
    little.most, little.patience = "record", 0


def test_nothing_is_found_in_a_sound_beacon(little: LittleBeacon) -> None:
    verdict = verified(little.url)
    assert not failed(verdict)
    assert verdict.ok
    skipped = {result.check.id for result in verdict.results if result.outcome is Outcome.SKIPPED}
    assert skipped == {"http.encrypted"}
    assert verdict.requests < 200


def test_nothing_is_found_by_the_official_schemas(little: LittleBeacon, shared: Path) -> None:
    verdict = verified(little.url, schemas=shared / "spec" / "beacon-v2")
    assert not failed(verdict)
    assert {r.outcome for r in verdict.results if r.check.id.startswith("official.")} == {Outcome.PASSED}


OFFICIAL = [plant for plant in Plant if plant.check.startswith("official.")]


@pytest.mark.parametrize("plant", OFFICIAL, ids=lambda plant: plant.name.lower())
def test_the_official_schemas_find_what_else_is_wrong(
    planted: LittleBeacon, plant: Plant, shared: Path
) -> None:
    planted.planted = {plant}
    assert plant.check in failed(verified(planted.url, schemas=shared / "spec" / "beacon-v2")), plant.what


@pytest.mark.parametrize(
    "plant", [plant for plant in Plant if plant not in OFFICIAL], ids=lambda plant: plant.name.lower()
)
def test_every_planted_fault_is_found(planted: LittleBeacon, plant: Plant) -> None:
    planted.planted = {plant}
    verdict = verified(planted.url)
    assert plant.check in failed(verdict), plant.what


def test_our_own_node_passes(tmp_path: Path) -> None:
    with running(tmp_path / "home", Policy.OPEN) as url:
        verdict = verified(url, ITPA)
    assert not failed(verdict)
    assert verdict.probe == ITPA


@pytest.mark.parametrize("policy", [Policy.PUBLIC, Policy.REGISTERED])
def test_our_own_node_passes_whatever_its_policy(tmp_path: Path, shared: Path, policy: Policy) -> None:
    with running(tmp_path / "home", policy) as url:
        verdict = verified(url, ITPA, schemas=shared / "spec" / "beacon-v2")
    assert not failed(verdict)


def test_the_face_of_our_own_network_passes(tmp_path: Path, shared: Path) -> None:
    with running(tmp_path / "home", Policy.OPEN) as url:
        face = url.replace("/beacon", "/network/beacon")
        verdict = verified(face, ITPA, schemas=shared / "spec" / "beacon-v2")
    # A filter that nobody in the network knows is told node by node, as not applicable, and not refused.
    assert set(failed(verdict)) <= {"honesty.filter-refused"}
    assert verdict.ok
    assert verdict.probe == ITPA


def test_data_that_strangers_may_not_see_is_no_fault(tmp_path: Path) -> None:
    with running(tmp_path / "home", Policy.CONTROLLED) as url:
        verdict = verified(url, ITPA)
    assert not failed(verdict)
    refused = [r.reason for r in verdict.results if r.check.id == "places.sequence"]
    assert refused == ["its variants are refused to whoever asks here (HTTP 401)"]


@pytest.mark.parametrize("bases", [(5_010, "ATGC", "A"), (5_040, "T", "TAA")])
def test_any_variant_will_do(little: LittleBeacon, bases: tuple[int, str, str]) -> None:
    """Insertions and deletions are described in more ways than one; that is no fault."""
    start, reference, alternate = bases
    place = Interval(Contig.read("1", Assembly.GRCH38), start, start + len(reference))
    verdict = verified(little.url, Probe(place, reference, alternate))
    assert not failed(verdict)


@pytest.mark.parametrize(
    ("plant", "others"), [(Plant.FLAT_ONLY, set()), (Plant.NO_POST, {"surface.post", "surface.methods"})]
)
def test_one_deviation_does_not_hide_another(planted: LittleBeacon, plant: Plant, others: set[str]) -> None:
    """A Beacon that has to be asked in another manner is asked in it, and judged all the same."""
    planted.planted = {plant, Plant.START_FUZZY}
    found = failed(verified(planted.url))
    assert set(found) == {"surface.manner", "places.neighbours"} | others


@pytest.mark.parametrize("most", ["boolean", "count"])
def test_a_beacon_that_tells_little_is_no_fault(planted: LittleBeacon, most: str) -> None:
    planted.most = most
    verdict = verified(planted.url, GIVEN)
    assert not failed(verdict)
    assert {r.check.id for r in verdict.results if r.outcome is Outcome.PASSED} >= {
        "places.sequence",
        "places.neighbours",
        "names.others",
        "granularity.asked",
        "honesty.filter",
    }


@pytest.mark.parametrize(
    "plant",
    [
        Plant.COORDINATES_FROM_1,
        Plant.START_FUZZY,
        Plant.ALTERNATE_IGNORED,
        Plant.CONTIG_BY_PREFIX,
        Plant.FILTER_IGNORED,
        Plant.COUNT_IN_BOOLEAN,
    ],
    ids=lambda plant: plant.name.lower(),
)
def test_faults_are_found_where_only_yes_and_no_are_told(planted: LittleBeacon, plant: Plant) -> None:
    planted.most, planted.planted = "boolean", {plant}
    assert plant.check in failed(verified(planted.url, GIVEN))


def test_a_beacon_that_is_asked_too_often_is_given_time(planted: LittleBeacon) -> None:
    planted.patience = 40
    verdict = verified(planted.url, limits=Limits(most=400, per_second=1000))
    assert not failed(verdict)
    assert verdict.requests > 100


def test_a_token_is_sent_and_never_shown(little: LittleBeacon) -> None:
    async def run() -> Verdict:
        async with visiting(FederationSection(), TOKEN.removeprefix("Bearer ")) as visitor:
            return await verify(visitor, little.url, limits=FAST)

    little.heard.clear()
    document = asyncio.run(run()).document()
    assert little.heard == {TOKEN}
    assert "hush" not in json.dumps(document)


def test_a_variant_is_found_in_our_own_node(tmp_path: Path, shared: Path) -> None:
    with running(tmp_path / "home", Policy.OPEN) as url:
        verdict = verified(url, schemas=shared / "spec" / "beacon-v2")
    assert not failed(verdict)
    assert verdict.probe is not None
    assert verdict.count(Outcome.SKIPPED) <= 4


def test_every_check_finds_a_planted_fault() -> None:
    """But for the one that a Beacon on this machine cannot show."""
    shown = {plant.check for plant in Plant}
    assert {check.id for check in CHECKS} - shown == {"http.encrypted"}


def test_a_machine_that_is_no_beacon_fails_and_nothing_raises() -> None:
    listening, url = free_socket()
    listening.close()
    verdict = verified(f"{url}/api")
    assert not verdict.ok
    assert {"surface.framework", "every.failure"} <= set(failed(verdict))
    assert verdict.count(Outcome.PASSED) < 15


def test_no_more_requests_are_made_than_may_be(little: LittleBeacon) -> None:
    verdict = verified(little.url, limits=Limits(most=30, per_second=0))
    assert verdict.requests == 30
    spent = [r.reason for r in verdict.results if r.outcome is Outcome.SKIPPED]
    assert any("30 requests" in reason for reason in spent)


def test_requests_are_paced() -> None:
    async def waits() -> float:
        async with visiting(FederationSection()) as visitor:
            listening, url = free_socket()
            listening.close()
            visit = Visit(visitor, url, per_second=50)
            began = asyncio.get_running_loop().time()
            for number in range(11):
                await visit.get(f"{url}/{number}")
            return asyncio.get_running_loop().time() - began

    assert asyncio.run(waits()) >= 10 / 50


def test_a_failure_is_told_with_the_request_that_shows_it(planted: LittleBeacon) -> None:
    planted.planted = {Plant.COUNT_IN_BOOLEAN}
    document = verified(planted.url).document()
    assert document["ok"] is False
    (leak,) = [check for check in document["checks"] if check["id"] == "every.leaks"]
    assert leak["severity"] == Severity.ERROR
    assert leak["faults"][0]["text"] == "a boolean answer tells numTotalResults"
    command = shlex.split(leak["faults"][0]["request"])
    assert command[:5] == ["curl", "-sS", "-i", "-X", "POST"]
    body = json.loads(command[command.index("--data-binary") + 1])
    reply = httpx.post(command[5], json=body)
    assert "numTotalResults" in reply.json()["responseSummary"]


def test_warnings_alone_are_no_failure(planted: LittleBeacon) -> None:
    planted.planted = {Plant.LIMIT_0_IS_NOTHING}
    verdict = verified(planted.url)
    assert set(failed(verdict)) == {"pages.zero"}
    assert verdict.ok


def command(*arguments: str) -> tuple[int, str, str]:
    out, err = StringIO(), StringIO()
    before, sys.argv = sys.argv, ["varhaven", *arguments]
    try:
        with redirect_stdout(out), redirect_stderr(err):
            main()
        status = 0
    except SystemExit as end:
        status = int(end.code or 0)
    finally:
        sys.argv = before
    return status, out.getvalue(), err.getvalue()


def test_the_command_ends_as_the_verdict_says(planted: LittleBeacon) -> None:
    status, out, _ = command("verify", planted.url, "--rate", "0", "--json")
    assert (status, json.loads(out)["ok"]) == (0, True)
    planted.planted = {Plant.START_FUZZY}
    status, out, _ = command(
        "verify", planted.url, "--rate", "0", "--probe", "1:5001 G>T", "--assembly", "GRCh38"
    )
    assert status == 1
    assert "ERROR places.neighbours" in out
    assert "curl -sS" in out
    assert "requests" in out.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("ftp://x",), "not the address of a Beacon"),
        (("http://127.0.0.1:1", "--probe", "1:5-9", "--assembly", "GRCh38"), "one allele"),
        (("http://127.0.0.1:1", "--schemas", "."), "framework/json/responses"),
    ],
)
def test_wrong_usage_is_told(arguments: tuple[str, ...], why: str) -> None:
    status, _, err = command("verify", *arguments)
    assert status == 1
    assert why in err


def test_another_beacon_is_asked_without_a_node(
    planted: LittleBeacon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VARHAVEN_HOME", raising=False)
    arguments = ("query", "1:5001 G>T", "--assembly", "GRCh38", "--url", planted.url)
    status, out, _ = command(*arguments, "--json")
    answer = json.loads(out)
    assert (status, answer["nodes"][0]["state"], answer["dialect"]) == (0, "hit", "generic")
    _, out, _ = command(*arguments, "--dialect", "bycon")
    assert "NC_000001.11:5,001 G>T" in out
    assert command("query", "1:5001 G>T", "--assembly", "GRCh38")[0] == 2
    assert command(*arguments, "--network")[0] == 2
    assert command("query", "1:5001 G>T", "--assembly", "GRCh38", "--dialect", "bycon")[0] == 2
    status, _, err = command(*arguments, "--dialect", "klingon")
    assert (status, "ega-pi" in err) == (1, True)
