"""Asking Beacons of other kinds: each in its dialect, over a real connection, and read for what it says."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette

from beacon.query import Asked
from node.app import ask_elsewhere
from node.config import FederationSection
from node.federation.dialects import DIALECTS, Form, Naming, dialect_named, recognise
from node.federation.foreign import read_foreign
from node.federation.guest import Heard
from node.federation.sighting import read_sighting
from node.report import Report, Tally, read_report
from schemas.access import Granularity
from schemas.beacon import read_response
from schemas.errors import BadQuestion
from schemas.genome import Assembly, Contig
from schemas.network import PeerState
from schemas.notation import read_question
from schemas.questions import SequenceQuery
from tests.dialect_beacons import (
    FREQUENCY,
    HELD,
    bento,
    bycon,
    ega_pi,
    ega_record,
    ega_ri,
    gdi,
    heedless,
    legacy,
    speaking,
    speaking_get,
    vrs_record,
)
from tests.federated import free_socket, serving

CHR20 = Contig.read("20", Assembly.GRCH37)
ALLELE, ABSENT, REGION = "20:3193842 C>A", "20:3193842 C>G", "20:3193842-3193932"
SERVERS: dict[str, Callable[[], Starlette]] = {
    "ega-pi": lambda: speaking(ega_pi, "Beacon Production Implementation (beacon2-pi-api)"),
    "ega-ri": lambda: speaking(ega_ri, "org.ega-archive.beacon-ri-demo"),
    "bycon": lambda: speaking(bycon, "Progenetix Cancer Genomics Beacon+"),
    "bento": lambda: speaking(bento, "Bento Beacon"),
    "gdi-mini-node": lambda: speaking(gdi, "github.com/GenomicDataInfrastructure/gdi-mini-node"),
}
ALIKE = {"heedless": heedless, "unnamed-pi": ega_pi, "unnamed-bycon": bycon, "unnamed-gdi": gdi}


@pytest.fixture(scope="module")
def urls() -> Iterator[dict[str, str]]:
    """Every server, those that do not say what they are among them."""
    apps = {name: make() for name, make in SERVERS.items()}
    apps |= {name: speaking(read, "a Beacon") for name, read in ALIKE.items()}
    apps["mistaken"] = speaking(ega_pi, "asked by users of Bento and Progenetix")
    apps["get"] = speaking_get("a Beacon")
    with ExitStack() as stack:
        found = {}
        for name, app in apps.items():
            listening, url = free_socket()
            stack.enter_context(serving(app, listening))  # type: ignore[arg-type]  # any ASGI application
            found[name] = f"{url}/api"
        yield found


def ask(
    url: str,
    text: str,
    granularity: Granularity = Granularity.RECORD,
    dialect: str | None = None,
    **more: Any,
) -> tuple[Report, Heard]:
    question = read_question(text, Assembly.GRCH37)
    asked = Asked.of(question, granularity, more.pop("limit", 100), **more)
    chosen = dialect_named(dialect) if dialect else None
    response, heard = asyncio.run(ask_elsewhere(FederationSection(), url, asked, chosen))
    return read_report(response, one_allele=isinstance(question, SequenceQuery)), heard


@pytest.mark.parametrize("name", [*SERVERS, *ALIKE, "get"])
@pytest.mark.parametrize("granularity", Granularity)
def test_an_allele_is_found_and_its_neighbour_is_not(
    urls: dict[str, str], name: str, granularity: Granularity
) -> None:
    report, heard = ask(urls[name], ALLELE, granularity)
    (line,) = report.lines
    assert (line.state, line.exists) == (PeerState.HIT, True), line.reason
    assert heard.dialect == (name if name in SERVERS else "generic")
    (absent,) = ask(urls[name], ABSENT, granularity)[0].lines
    assert (absent.state, absent.exists) == (PeerState.NO_HIT, False), absent.reason


@pytest.mark.parametrize(
    "name", ["ega-pi", "ega-ri", "bycon", "heedless", "unnamed-pi", "unnamed-bycon", "get"]
)
def test_a_region_is_listed_whole(urls: dict[str, str], name: str) -> None:
    """Whatever the size of the server's pages, and whatever it counts `skip` in."""
    report, _ = ask(urls[name], REGION)
    (line,) = report.lines
    assert [read_sighting(record).first for record in line.results] == [held.first for held in HELD]
    assert line.alleles == len(HELD)


def test_pages_are_counted_as_the_server_counts_them(urls: dict[str, str]) -> None:
    report, heard = ask(urls["ega-ri"], REGION, dialect="ega-pi")
    assert len(report.lines[0].results) == len(HELD)
    assert "it counts `skip` in records, not in pages" in heard.notes
    few, _ = ask(urls["bycon"], REGION, limit=5)
    assert len(few.lines[0].results) == 5


def test_counts_are_summed_where_the_whole_is_told(urls: dict[str, str]) -> None:
    whole = Tally(10, 182, 10, 0, 0)
    for name in ("ega-pi", "gdi-mini-node"):
        assert ask(urls[name], ALLELE)[0].lines[0].tally == whole
    assert ask(urls["bycon"], ALLELE)[0].lines[0].tally is None


@pytest.mark.parametrize(
    ("name", "text"), [("gdi-mini-node", REGION), ("gdi-mini-node", "20:3,193,842-3,193,842")]
)
def test_what_would_be_misunderstood_is_not_asked(urls: dict[str, str], name: str, text: str) -> None:
    (line,) = ask(urls[name], text)[0].lines
    assert line.state is PeerState.NOT_APPLICABLE
    assert line.exists is None
    assert "would seem to say no" in line.reason


def test_another_answer_than_was_asked_for_is_no_answer(urls: dict[str, str]) -> None:
    for name, dialect in (("heedless", "bycon"), ("heedless", "varhaven")):
        (line,) = ask(urls[name], ALLELE, dialect=dialect)[0].lines
        assert line.state is PeerState.BAD_RESPONSE
        assert "did not read the question" in line.reason


def test_the_wrong_dialect_is_a_refusal_not_a_no(urls: dict[str, str]) -> None:
    (line,) = ask(urls["ega-pi"], ALLELE, dialect="bento")[0].lines
    assert (line.state, line.exists) == (PeerState.HTTP_ERROR, None)


def test_a_beacon_that_was_taken_for_another_kind_is_asked_otherwise(urls: dict[str, str]) -> None:
    report, heard = ask(urls["mistaken"], ALLELE)
    assert (report.lines[0].state, heard.dialect) == (PeerState.HIT, "generic")
    absent, _ = ask(urls["mistaken"], ABSENT)
    assert absent.lines[0].state is PeerState.NO_HIT


def test_a_question_in_an_address_is_told(urls: dict[str, str]) -> None:
    _, heard = ask(urls["get"], ALLELE)
    assert any("asked by GET" in note for note in heard.notes)


def test_dialects_are_recognised_by_what_servers_say() -> None:
    for dialect in DIALECTS:
        for sign in dialect.signs:
            assert recognise(f'{{"description": "the {sign.upper()} software"}}') is dialect
    assert recognise("{}").name == "generic"
    with pytest.raises(BadQuestion, match="ega-pi"):
        dialect_named("klingon")


FORMS = [form for dialect in DIALECTS for form in dialect.forms]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_tells_the_whole_question(form: Form) -> None:
    """Nothing of a question is lost on the way, whatever the spelling; what cannot be told is refused."""
    for text in (ALLELE, REGION):
        asked = Asked.of(read_question(text, Assembly.GRCH37), limit=7, datasets=("a", "b"))
        question = json.loads(asked.body())
        question["query"]["filters"] = [{"id": "HP:0001250"}, {"id": "age", "operator": ">", "value": "P7Y"}]
        try:
            body = form.body(question)
        except BadQuestion:
            assert text == REGION
            continue
        variant = question["query"]["requestParameters"]["g_variant"]
        told = body["query"]["requestParameters"]
        told = told if form.flat else told["g_variant"]
        assert {name: told[name] for name in variant} == variant | {"referenceName": told["referenceName"]}
        assert told["referenceName"] in {naming.spell(CHR20) for naming in Naming}
        assert json.dumps(["a", "b"]) in json.dumps(body)
        assert "0001250" in json.dumps(body)
        by_get = dict(form.parameters(question))
        assert by_get["start"] == ",".join(map(str, variant["start"]))
        assert "a,b" in by_get.values()
        assert by_get["filters"] == "HP:0001250,age:>P7Y"


def in_our_form(document: dict[str, Any]) -> Any:
    return read_foreign(json.dumps(document).encode()).response


@pytest.mark.parametrize(
    ("summary", "sets", "exists", "total"),
    [
        ({"exists": True}, [], True, None),
        ({"exists": "true", "numTotalResults": "3"}, [], True, 3),
        ({"numTotalResults": 0}, [], False, 0),
        ({}, [{"id": "a", "resultsCount": 2, "results": []}], True, None),
        ({"exists": False}, [{"id": "a", "exists": True, "resultsCount": 1}], True, None),
        ({"exists": True, "numTotalResults": 0}, [], True, None),
        ({"exists": False, "numTotalResults": -1}, [{"id": "a", "exists": False}], False, None),
    ],
)
def test_what_an_answer_means_is_kept(
    summary: dict[str, Any], sets: list[dict[str, Any]], exists: bool, total: int | None
) -> None:
    told = in_our_form({"responseSummary": summary, "response": {"resultSets": sets}})["responseSummary"]
    assert (told["exists"], told.get("numTotalResults")) == (exists, total)


@pytest.mark.parametrize(
    "raw",
    [b"", b"<html>", b"[]", b"{}", b'{"error": {"errorCode": 500}}', b'{"responseSummary": {}}', b"NaN"],
)
def test_what_says_nothing_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match="answer"):
        read_foreign(raw)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
MEMBERS = st.sampled_from(
    [
        "meta", "returnedGranularity", "responseSummary", "exists", "numTotalResults", "response", "info",
        "variation", "location", "interval", "identifiers", "frequencyInPopulations", "nodes",
        "caseLevelData",
    ]
)  # fmt: skip


@settings(deadline=None)
@given(
    st.dictionaries(MEMBERS, JSON),
    st.lists(st.dictionaries(MEMBERS, JSON), max_size=2),
    st.dictionaries(MEMBERS, JSON),
)
def test_anything_can_be_answered_and_is_read_or_refused(
    document: dict[str, Any], records: list[dict[str, Any]], one: dict[str, Any]
) -> None:
    """What is read passes the strict reading; nothing else ends but in a refusal."""
    sets = {"resultSets": [{**one, "results": records}]}
    raw = json.dumps({"response": sets, **document}).encode()
    try:
        response = read_foreign(raw).response
    except ValueError:
        return
    assert read_response(json.dumps(response).encode()) == response
    for given_set in response.get("response", {}).get("resultSets", []):
        for record in given_set.get("results", []):
            assert read_sighting(record).text


def test_variants_are_read_from_every_shape() -> None:
    held = HELD[0]
    shapes: list[tuple[dict[str, Any], str]] = [
        (legacy(held), "NC_000020.10:3,193,842 C>A"),
        (ega_record(held), "20:3,193,842 C>A"),
        (vrs_record(held), "NC_000020.10:3,193,842 >A"),
        ({"identifiers": {"genomicHGVSId": "NC_000020.10:g.3193842C>A"}}, "NC_000020.10:3,193,842 C>A"),
        (
            {
                "variation": {
                    "type": "CopyNumberChange",
                    "copy_change": "efo:0030067",
                    "location": {
                        "sequence_id": "refseq:NC_000009.12",
                        "interval": {"start": {"value": 21_000_000}, "end": {"value": 22_000_000}},
                    },
                }
            },
            "NC_000009.12:21,000,001-22,000,000 efo:0030067",
        ),
        (
            {
                "variation": {
                    "type": "Allele",
                    "location": {"sequenceReference": {"refgetAccession": "SQ.x"}, "start": 9, "end": 10},
                    "state": {"sequence": "T"},
                }
            },
            "?:10 >T",
        ),
        ({"_position": {"refseqId": "22", "start": [99], "end": [100]}, "variation": {}}, "22:100 >?"),
        ({"variation": {"location": {"interval": {"start": "x"}}}}, "a variant that could not be read"),
    ]
    for record, text in shapes:
        assert read_sighting(record).text == text


def test_our_own_records_are_left_as_they_are() -> None:
    """The first entry of a source is the whole; the others stay behind it."""
    entries = [{"population": "Women", **FREQUENCY}, {"population": "Exomes", **FREQUENCY}]
    source = {"source": "Exomes", "sourceReference": "x", "frequencies": entries}
    record = legacy(HELD[0]) | {"frequencyInPopulations": [source]}
    sets = [{"id": "a", "exists": True, "resultsCount": 1, "results": [record]}]
    told = in_our_form({"responseSummary": {"exists": True}, "response": {"resultSets": sets}})
    frequencies = told["response"]["resultSets"][0]["results"][0]["frequencyInPopulations"][0]["frequencies"]
    assert [entry["population"] for entry in frequencies] == ["Exomes", "Women"]
