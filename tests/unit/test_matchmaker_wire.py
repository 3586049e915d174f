"""Matchmaker Exchange on the wire: what is understood, refused and written."""

from __future__ import annotations

import json
import traceback
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import BadQuestion, NotAcceptable, Unprocessable, UnsupportedMedia
from schemas.exchange import (
    NEWEST,
    VERSIONS,
    Heartbeat,
    Metrics,
    answer_version,
    error_document,
    media_type,
    spoken_version,
)
from schemas.ga4gh import VERSION
from schemas.mme import MatchResponse, read_patient, read_request, read_response
from tests.matching_worlds import UNTIMED

CONTACT = {"name": "Dr A. Physician", "href": "mailto:clinic@hospital.example"}
SMALLEST: dict[str, Any] = {"id": "P1", "contact": CONTACT, "features": [{"id": "HP:0001250"}]}
SECRET = "Erika Mustermann"


def written(**fields: Any) -> dict[str, Any]:
    """How a patient with these fields leaves again."""
    return read_patient({**SMALLEST, **fields}).document()


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ({"sex": "female"}, {"sex": "FEMALE"}),
        ({"id": 17}, {"id": "17"}),
        ({"test": None}, {}),
        ({"test": "false"}, {}),
        ({"test": "true"}, {"test": True}),
        ({"species": "ncbitaxon_9606"}, {"species": "NCBITaxon:9606"}),
        ({"features": [{"id": "my_own"}]}, {"features": [{"id": "my_own", "observed": "yes"}]}),
        ({"disorders": None, "genomicFeatures": None, "label": None}, {}),
        ({"unheard": {"of": 1}, "_extension": [SECRET]}, {"_extension": [SECRET]}),
        ({"_deep": json.loads("[" * 200 + "]" * 200)}, {}),
        (
            {"features": [{"id": "HP:0001250", "_severity": "mild", "unheard": 1}]},
            {"features": [{"id": "HP:0001250", "observed": "yes", "_severity": "mild"}]},
        ),
        ({"disorders": [{"id": "OMIM:610536"}]}, {"disorders": [{"id": "MIM:610536"}]}),
        ({"disorders": [{"id": "ORPHA:79113"}]}, {"disorders": [{"id": "Orphanet:79113"}]}),
        ({"features": [{"id": " hp_0001250"}]}, {"features": [{"id": "HP:0001250", "observed": "yes"}]}),
        (
            {"features": [{"id": "HP:0001250", "observed": "No"}]},
            {"features": [{"id": "HP:0001250", "observed": "no"}]},
        ),
        (
            {"contact": {**CONTACT, "href": "a@b.example"}},
            {"contact": {**CONTACT, "href": "mailto:a@b.example"}},
        ),
        (
            {"contact": {**CONTACT, "email": ["a@b.example", "c@d.example"], "roles": ["patient", "wizard"]}},
            {"contact": {**CONTACT, "email": "a@b.example", "roles": ["patient"]}},
        ),
        (
            {"genomicFeatures": [{"gene": {"id": 9343}, "zygosity": "2", "variant": {}, "type": None}]},
            {"genomicFeatures": [{"gene": {"id": "9343"}, "zygosity": 2}]},
        ),
        (
            {
                "genomicFeatures": [
                    {
                        "gene": {"id": "EFTUD2"},
                        "variant": {
                            "assembly": "GRCh37",
                            "referenceName": "chr17",
                            "start": "42929130",
                            "referenceBases": "g",
                            "alternateBases": "-",
                        },
                    }
                ]
            },
            {
                "genomicFeatures": [
                    {
                        "gene": {"id": "EFTUD2"},
                        "variant": {
                            "assembly": "GRCh37",
                            "referenceName": "17",
                            "start": 42929130,
                            "referenceBases": "G",
                            "alternateBases": "",
                        },
                    }
                ]
            },
        ),
    ],
)
def test_what_is_meant_is_understood(sent: dict[str, Any], kept: dict[str, Any]) -> None:
    assert written(**sent) == {**written(), **kept}


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"id": ""}, "patient.id"),
        ({"id": SECRET * 20}, "patient.id"),
        ({"contact": None}, "patient.contact"),
        ({"contact": {"name": SECRET}}, "patient.contact.href"),
        ({"contact": {"name": SECRET, "href": f"javascript:{SECRET}"}}, "patient.contact.href"),
        ({"sex": SECRET}, "patient.sex"),
        ({"test": SECRET}, "patient.test"),
        ({"features": []}, "patient"),
        ({"features": [{"label": SECRET}]}, "patient.features.0.id"),
        ({"features": [{"id": "HP:0001250", "observed": SECRET}]}, "patient.features.0.observed"),
        ({"features": SECRET}, "patient.features"),
        ({"features": [{"id": "HP:0001250"}] * 1001}, "patient.features"),
        ({"genomicFeatures": [{"gene": {"label": SECRET}}]}, "patient.genomicFeatures.0.gene.id"),
        (
            {"genomicFeatures": [{"gene": {"id": "A"}, "zygosity": SECRET}]},
            "patient.genomicFeatures.0.zygosity",
        ),
        (
            {"genomicFeatures": [{"gene": {"id": "A"}, "variant": {"start": SECRET}}]},
            "patient.genomicFeatures.0.variant",
        ),
    ],
)
def test_what_would_be_a_guess_is_refused_without_repeating_it(sent: dict[str, Any], field: str) -> None:
    with pytest.raises(Unprocessable) as refusal:
        read_request(orjson.dumps({"patient": {**SMALLEST, **sent}}))
    assert field in refusal.value.message
    assert SECRET not in "".join(traceback.format_exception(refusal.value))


def test_no_json_and_no_patient_are_different_faults() -> None:
    with pytest.raises(BadQuestion):
        read_request(b'{"patient": ')
    for body in (b"[]", b"7", b"{}", b'{"patient": []}'):
        with pytest.raises(Unprocessable):
            read_request(body)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = (
    "id",
    "label",
    "contact",
    "sex",
    "species",
    "ageOfOnset",
    "disorders",
    "features",
    "genomicFeatures",
    "test",
)


@UNTIMED
@given(st.dictionaries(st.sampled_from(FIELDS), json_values))
def test_any_document_is_either_a_patient_or_a_refusal(fields: dict[str, Any]) -> None:
    try:
        patient = read_patient({**SMALLEST, **fields})
    except Unprocessable:
        return
    assert read_patient(patient.document()) == patient


def test_answers_of_peers_are_read_as_far_as_they_can_be() -> None:
    good = {"score": {"patient": 0.5, "_phenotype": "high"}, "patient": SMALLEST, "_explanation": 7}
    bad: list[Any] = [{"score": {"patient": 1.5}, "patient": SMALLEST}, {"score": {"patient": 0.5}}, None]
    response, unreadable = read_response(
        orjson.dumps({"results": [good, *bad], "disclaimer": "as is", "terms": 1})
    )
    assert [result.score.patient for result in response.results] == [0.5]
    assert (unreadable, response.disclaimer, response.terms) == (3, "as is", None)
    for nothing in (b"{}", b"[]", b'{"results": {}}'):
        with pytest.raises(Unprocessable):
            read_response(nothing)


def test_an_empty_answer_still_has_its_results() -> None:
    assert MatchResponse(results=()).document() == {"results": []}


@pytest.mark.parametrize(
    ("content_type", "version"),
    [
        *((media_type(version), version) for version in VERSIONS),
        ("application/vnd.ga4gh.matchmaker.v1.9+json", NEWEST),
        ("Application/VND.ga4gh.matchmaker.v1.0+JSON; charset=utf-8", "1.0"),
        ("application/vnd.ga4gh.matchmaker+json", NEWEST),
        ("application/json; charset=UTF-8", NEWEST),
    ],
)
def test_every_version_of_the_first_major_is_spoken(content_type: str, version: str) -> None:
    assert spoken_version(content_type) == version


@pytest.mark.parametrize("content_type", [None, "", "text/plain", "application/vnd.ga4gh.matchmaker.v1+json"])
def test_another_medium_is_refused(content_type: str | None) -> None:
    with pytest.raises(UnsupportedMedia):
        spoken_version(content_type)


def test_another_major_version_is_told_what_is_spoken() -> None:
    for fault in (lambda: spoken_version(media_type("2.0")), lambda: answer_version(media_type("0.1"))):
        with pytest.raises(NotAcceptable) as refusal:
            fault()
        assert error_document(refusal.value)["supportedVersions"] == ["1.0", "1.1"]
    assert error_document(BadQuestion("why")) == {"message": "why"}


@pytest.mark.parametrize(
    ("accept", "spoken", "answered"),
    [
        (None, "1.0", "1.0"),
        ("*/*", "1.0", "1.0"),
        ("application/json", "1.1", "1.1"),
        (media_type("1.0"), "1.1", "1.0"),
        (f"{media_type('1.0')}, {media_type('1.1')};q=0.5", "1.1", "1.1"),
        (f"{media_type('1.1')};q=0, {media_type('1.0')}", "1.1", "1.0"),
        (f"{media_type('2.0')}, {media_type('1.7')}", "1.1", "1.1"),
        ("application/vnd.ga4gh.matchmaker+json", "1.0", "1.0"),
    ],
)
def test_the_answer_comes_in_a_version_that_is_accepted(
    accept: str | None, spoken: str, answered: str
) -> None:
    assert answer_version(accept, spoken) == answered


@pytest.mark.parametrize("accept", ["text/html", media_type("2.0"), f"{media_type('1.1')};q=0.0"])
def test_an_answer_nobody_could_read_is_not_given(accept: str) -> None:
    with pytest.raises(NotAcceptable):
        answer_version(accept)


def test_heartbeat_and_metrics_are_written_as_specified() -> None:
    assert Heartbeat(production=True).document() == {
        "heartbeat": {
            "production": True,
            "version": VERSION,
            "accept": [
                "application/vnd.ga4gh.matchmaker.v1.0+json",
                "application/vnd.ga4gh.matchmaker.v1.1+json",
            ],
        }
    }
    metrics = Metrics(number_of_cases=50, date_generated="2026-01-01T00:00:00Z")
    assert metrics.document() == {"metrics": {"numberOfCases": 50, "dateGenerated": "2026-01-01T00:00:00Z"}}
