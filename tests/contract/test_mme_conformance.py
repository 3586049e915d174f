"""Every rule of the Matchmaker Exchange API 1.0 and 1.1 against a node on a real server.

The order is that of the specification: transport, request, response, heartbeat, metrics.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from schemas.matching import Sharing
from tests.exchanges import (
    ATAXIA,
    CONTACT,
    FOCAL,
    SEIZURE,
    TREMOR,
    V1_0,
    V1_1,
    Running,
    an_exchange,
    patient,
)

DISCLAIMER, TERMS = "For research only.", "Do not try to identify anybody."
TOML = f"""
[matchmaker]
disclaimer = "{DISCLAIMER}"
terms = "{TERMS}"
min_score = 0.0
rate_per_minute = 10000
budget_per_day = 100000
"""
VARIANT = {
    "assembly": "GRCh38",
    "referenceName": "2",
    "start": 166_000_000,
    "end": 166_000_001,
    "referenceBases": "C",
    "alternateBases": "T",
}
QUESTION = patient("Q", contact={"name": "B", "href": "https://b.example"}, features=[SEIZURE])
OTHERS = {"contact": {"name": "B", "href": "https://b.example"}}
# KARS is a former symbol of KARS1; HP:0006887 was merged into HP:0001249.
WHOLE = patient(
    "whole",
    label="case 7",
    contact={**CONTACT, "institution": "Clinic", "email": "a@b.example", "roles": ["clinician"]},
    species="NCBITaxon:9606",
    sex="FEMALE",
    ageOfOnset="HP:0003577",
    inheritanceMode="HP:0000006",
    disorders=[{"id": "MIM:607208", "label": "Dravet syndrome"}],
    features=[
        {"id": FOCAL, "label": "Focal-onset seizure", "observed": "yes", "ageOfOnset": "HP:0003577"},
        {"id": ATAXIA, "observed": "no", "_severity": "mild"},
    ],
    genomicFeatures=[
        {
            "gene": {"id": "ENSG00000144285", "_geneName": "SCN1A"},
            "variant": VARIANT,
            "zygosity": 1,
            "type": {"id": "SO:0001587", "label": "STOPGAIN"},
        }
    ],
    _origin="lab 3",
    test=False,
)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with an_exchange(tmp_path_factory.mktemp("exchange") / "home", toml=TOML) as running:
        running.deposit(
            WHOLE,
            patient("tremor", features=[TREMOR]),
            patient("rehearsal", features=[SEIZURE], test=True),
            patient("kars", genes=["KARS"]),
        )
        running.deposit(patient("silent", features=[SEIZURE]), sharing=Sharing.NOTHING)
        yield running


# ------------------------------------------------------------------------------------------ 1.1 transport


@pytest.mark.parametrize("path", ["/mme/match", "/mme/heartbeat", "/mme/metrics", "/network/mme/match"])
@pytest.mark.parametrize("token", ["", "wrong", "x" * 300])
def test_nobody_is_answered_without_a_token_of_his_own(node: Running, path: str, token: str) -> None:
    ask = node.post if path.endswith("match") else lambda _document, path, **h: node.get(path, **h)
    answer = ask(b"not even JSON", path, x_auth_token=token)
    assert answer.status_code == 401
    assert set(answer.json()) == {"message"}
    assert answer.headers["content-type"] == V1_1
    assert token == "" or token not in answer.text


@pytest.mark.parametrize(
    ("sent", "accepted", "answered"),
    [
        (V1_0, V1_0, V1_0),
        (V1_1, V1_1, V1_1),
        (V1_0, "", V1_0),
        (V1_1, "", V1_1),
        (V1_1, V1_0, V1_0),
        (V1_0, "*/*", V1_0),
        (V1_0, "application/json", V1_0),
        (f"{V1_0}; charset=UTF-8", V1_0, V1_0),
        ("application/vnd.ga4gh.matchmaker.v1.7+json", "application/vnd.ga4gh.matchmaker.v1.7+json", V1_1),
        ("application/json; charset=UTF-8", "application/vnd.ga4gh.matchmaker+json", V1_1),
        ("application/vnd.ga4gh.matchmaker+json", "", V1_1),
    ],
)
def test_minor_versions_understand_each_other(node: Running, sent: str, accepted: str, answered: str) -> None:
    answer = node.post({"patient": QUESTION}, content_type=sent, accept=accepted)
    assert (answer.status_code, answer.headers["content-type"]) == (200, answered)
    assert answer.json()["results"]


@pytest.mark.parametrize(
    ("sent", "accepted"),
    [
        ("application/vnd.ga4gh.matchmaker.v2.0+json", V1_1),
        ("application/vnd.ga4gh.matchmaker.v9.9+json", ""),
        (V1_1, "application/vnd.ga4gh.matchmaker.v2.0+json"),
        (V1_1, "text/html"),
    ],
)
def test_another_major_version_is_told_which_are_spoken(node: Running, sent: str, accepted: str) -> None:
    answer = node.post({"patient": QUESTION}, content_type=sent, accept=accepted)
    assert (answer.status_code, answer.headers["content-type"]) == (406, V1_1)
    assert answer.json() == {"message": "this node speaks 1.0 and 1.1", "supportedVersions": ["1.0", "1.1"]}


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/xml", "application/vnd.ga4gh+json"])
def test_another_medium_is_refused(node: Running, content_type: str) -> None:
    answer = node.post({"patient": QUESTION}, content_type=content_type)
    assert (answer.status_code, answer.headers["content-type"]) == (415, V1_1)
    assert V1_1 in answer.json()["message"]


@pytest.mark.parametrize("body", [b"", b"{", b"hello", b"\xff\xfe", b'{"patient": NaN}'])
def test_what_is_no_json_is_a_bad_request(node: Running, body: bytes) -> None:
    answer = node.post(body)
    assert (answer.status_code, answer.headers["content-type"]) == (400, V1_1)
    assert answer.json() == {"message": "the body is not valid JSON"}


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({}, "patient"),
        ([], "body"),
        ({"patient": {}}, "patient.id"),
        ({"patient": patient("")}, "patient.id"),
        ({"patient": patient("x" * 256, features=[SEIZURE])}, "patient.id"),
        ({"patient": patient("Q", contact={}, features=[SEIZURE])}, "patient.contact.name"),
        ({"patient": patient("Q", contact={"name": "B"}, features=[SEIZURE])}, "patient.contact.href"),
        (
            {"patient": patient("Q", contact={"name": "B", "href": "javascript:x"}, features=[SEIZURE])},
            "patient.contact.href",
        ),
        ({"patient": patient("Q")}, "features"),
        ({"patient": patient("Q", features=[{"label": "seizure"}])}, "patient.features.0.id"),
        ({"patient": patient("Q", features=[{"id": SEIZURE, "observed": "maybe"}])}, "observed"),
        ({"patient": patient("Q", genomicFeatures=[{}])}, "patient.genomicFeatures.0.gene"),
        ({"patient": patient("Q", genomicFeatures=[{"gene": {}}])}, "patient.genomicFeatures.0.gene.id"),
        ({"patient": patient("Q", features=[SEIZURE], sex="ELEPHANT")}, "patient.sex"),
        ({"patient": patient("Q", features=[SEIZURE], disorders=[{}])}, "patient.disorders.0.id"),
    ],
)
def test_what_is_no_question_is_unprocessable_and_named(node: Running, document: Any, field: str) -> None:
    answer = node.post(document)
    assert (answer.status_code, answer.headers["content-type"]) == (422, V1_1)
    assert field in answer.json()["message"]
    assert "javascript" not in answer.text


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/mme/match"), ("PUT", "/mme/match"), ("POST", "/mme/heartbeat")]
)
def test_another_method_is_refused_in_the_protocol_of_the_path(node: Running, method: str, path: str) -> None:
    answer = node._send(method, path, {"x-auth-token": node.token})
    assert (answer.status_code, answer.headers["content-type"]) == (405, V1_1)
    assert answer.json()["message"]


def test_an_unknown_path_is_told_in_the_protocol_of_the_path(node: Running) -> None:
    assert set(node.get("/mme/nothing").json()) == {"message"}
    assert "error" in node.get("/beacon/nothing").json()


def test_an_overlong_question_is_refused_unread(node: Running) -> None:
    answer = node.post(b" " * 1_000_001)
    assert (answer.status_code, answer.headers["content-type"]) == (413, V1_1)


def test_two_tokens_of_a_peer_are_good_at_a_time(node: Running) -> None:
    tokens = [node.node.exchange.tokens.issue("rotating") for _ in range(3)]
    assert [node.get("/mme/heartbeat", x_auth_token=token).status_code for token in tokens] == [401, 200, 200]
    assert all(30 <= len(token) < 255 for token in tokens)
    assert node.node.exchange.tokens.revoke("rotating") == 2
    assert node.get("/mme/heartbeat", x_auth_token=tokens[2]).status_code == 401


def test_a_token_is_nowhere_in_the_home(node: Running) -> None:
    for path in node.home.rglob("*"):
        if path.is_file():
            assert node.token.encode() not in path.read_bytes()


# -------------------------------------------------------------------------------------------- 1.2 request


@pytest.mark.parametrize(
    "fields",
    [
        {"contact": {**OTHERS["contact"], "href": "https://b.example/x"}},
        {"contact": {**OTHERS["contact"], "href": "b@b.example"}},
        {"contact": {**OTHERS["contact"], "email": ["a@b.example", "c@d.example"]}},
        {"contact": {**OTHERS["contact"], "roles": ["patient", "wizard"]}},
        {"label": None, "sex": None, "disorders": None, "genomicFeatures": None},
        {"species": "NCBITaxon:9606", "sex": "MIXED_SAMPLE"},
        {"unheard": {"of": 1}, "_extension": {"a": ["b"]}},
        {"features": [SEIZURE, {"id": "HP:9999999"}, {"id": "nonsense"}]},
        {"genomicFeatures": [{"gene": {"id": "NOSUCHGENE"}}]},
        {"genomicFeatures": [{"gene": {"id": "SCN1A"}, "variant": {}, "zygosity": None, "type": {}}]},
        {"genomicFeatures": [{"gene": {"id": "SCN1A"}, "variant": {**VARIANT, "start": 10**12}}]},
        {"genomicFeatures": [{"gene": {"id": "SCN1A"}, "variant": {**VARIANT, "assembly": "NCBI36"}}]},
        {"genomicFeatures": [{"gene": {"id": "SCN1A"}, "variant": {**VARIANT, "referenceName": "GL0"}}]},
        {"inheritanceMode": "HP:0000007", "ageOfOnset": "HP:0003577"},
        {"disorders": [{"id": "OMIM:607208"}, {"id": "Orphanet:33069"}, {"id": "my own"}]},
    ],
)
def test_what_can_be_understood_is_answered(node: Running, fields: dict[str, Any]) -> None:
    """No term, gene, place or field that this node does not know makes a question fail."""
    question = patient("Q", **{**OTHERS, "features": [SEIZURE], **fields})
    assert "whole" in node.found(question)


@pytest.mark.parametrize(
    "gene", ["SCN1A", "scn1a", "ENSG00000144285", "ENSG00000144285.17", "6323", "HGNC:10585"]
)
def test_a_gene_is_found_by_any_of_its_names(node: Running, gene: str) -> None:
    assert node.found(patient("Q", **OTHERS, genes=[gene])) == ["whole"]


@pytest.mark.parametrize("gene", ["KARS", "KARS1", "HGNC:6215", "3735", "ENSG00000065427"])
def test_a_former_symbol_is_the_gene_of_today(node: Running, gene: str) -> None:
    assert node.found(patient("Q", **OTHERS, genes=[gene])) == ["kars"]


@pytest.mark.parametrize("disorder", ["MIM:607208", "OMIM:607208", "mim:607208"])
def test_a_diagnosis_is_found_by_either_spelling(node: Running, disorder: str) -> None:
    question = patient("Q", **OTHERS, genes=["NOSUCHGENE"], disorders=[{"id": disorder}])
    assert node.found(question) == ["whole"]


def _score(node: Running, question: dict[str, Any], wanted: str = "whole") -> dict[str, float]:
    results = node.post({"patient": question}).json()["results"]
    return next(result["score"] for result in results if result["patient"]["id"] == wanted)


def test_a_feature_looked_for_and_absent_is_no_likeness(node: Running) -> None:
    without = patient("Q", **OTHERS, features=[SEIZURE])
    absent = patient("Q", **OTHERS, features=[{"id": TREMOR, "observed": "no"}, SEIZURE])
    assert _score(node, absent, "tremor") == _score(node, without, "tremor")
    present = patient("Q", **OTHERS, features=[TREMOR, SEIZURE])
    assert _score(node, present, "tremor")["patient"] > _score(node, without, "tremor")["patient"]
    # "whole" was looked at, and has no ataxia
    assert node.found(patient("Q", **OTHERS, features=[ATAXIA]))[0] == "tremor"


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"assembly": "GRCh38.p1"},
        {"assembly": "hg38"},
        {"end": None},
        {"start": 166_000_001, "end": 166_000_002},
        {"start": 165_999_999},
        {"referenceName": "chr2"},
        {"referenceBases": "CA", "alternateBases": "TA", "end": 166_000_002},
    ],
)
def test_a_variant_is_known_again_however_it_is_written(node: Running, change: dict[str, Any]) -> None:
    def question(**fields: Any) -> dict[str, Any]:
        return patient("Q", **OTHERS, genomicFeatures=[{"gene": {"id": "SCN1A"}, **fields}])

    without = _score(node, question())["_genotype"]
    other = _score(node, question(variant={**VARIANT, "start": 166_000_500}))["_genotype"]
    same = _score(node, question(variant={**VARIANT, **change}))["_genotype"]
    assert same > other >= without


def test_a_made_up_patient_meets_the_made_up_and_real_ones_only_each_other(node: Running) -> None:
    assert "rehearsal" not in node.found(QUESTION)
    assert "rehearsal" in node.found({**QUESTION, "test": True})


def test_a_case_without_consent_is_never_found(node: Running) -> None:
    assert "silent" not in node.found({**QUESTION, "test": True})


def test_an_id_is_each_nodes_own_and_does_not_hide_anybody(node: Running) -> None:
    assert "whole" in node.found(patient("whole", **OTHERS, features=[SEIZURE]))
    assert "whole" not in node.found(patient("whole", features=[SEIZURE]))  # his own doctors ask


# ------------------------------------------------------------------------------------------- 1.3 response


def test_a_patient_leaves_as_he_came(node: Running) -> None:
    answer = node.post({"patient": patient("Q", **OTHERS, genes=["SCN1A"]), "disclaimer": "d", "terms": "t"})
    document = answer.json()
    assert (document["disclaimer"], document["terms"]) == (DISCLAIMER, TERMS)
    (result,) = document["results"]
    assert result["patient"] == WHOLE
    assert 0 <= result["score"]["patient"] <= 1
    assert {name for name in document if not name.startswith("_")} == {"results", "disclaimer", "terms"}
    assert {name for name in result if not name.startswith("_")} == {"score", "patient"}


def test_in_1_0_what_came_with_1_1_is_left_out(node: Running) -> None:
    question = {"patient": patient("Q", **OTHERS, genes=["SCN1A"])}
    (result,) = node.post(question, content_type=V1_0, accept=V1_0).json()["results"]
    old = json.loads(json.dumps(WHOLE))
    del old["contact"]["email"], old["contact"]["roles"]
    del old["disorders"][0]["label"], old["features"][0]["label"]
    assert result["patient"] == old


def test_results_may_be_empty(node: Running) -> None:
    answer = node.post({"patient": patient("Q", **OTHERS, genes=["NOSUCHGENE"])})
    assert answer.status_code == 200
    assert answer.json()["results"] == []
    assert answer.json()["_unknown"] == ["NOSUCHGENE"]


def test_results_come_best_first(node: Running) -> None:
    results = node.post({"patient": patient("Q", **OTHERS, features=[SEIZURE, TREMOR])}).json()["results"]
    scores = [result["score"]["patient"] for result in results]
    assert len(scores) > 1
    assert scores == sorted(scores, reverse=True)


# ---------------------------------------------------------------------------- 1.4 and 1.5 heartbeat, metrics


def test_the_heartbeat_says_what_is_spoken(node: Running) -> None:
    answer = node.get("/mme/heartbeat")
    assert (answer.status_code, answer.headers["content-type"]) == (200, V1_1)
    beat = answer.json()["heartbeat"]
    assert (beat["production"], beat["accept"]) == (True, [V1_0, V1_1])
    assert isinstance(beat["version"], str)
    assert answer.json()["disclaimer"] == DISCLAIMER
    assert node.get("/mme/heartbeat", accept="application/vnd.ga4gh.matchmaker.v3.0+json").status_code == 406


def test_the_metrics_count_what_is_offered(node: Running) -> None:
    answer = node.get("/mme/metrics", accept="")
    assert (answer.status_code, answer.headers["content-type"]) == (200, V1_1)
    told = answer.json()["metrics"]
    # neither the made-up patient nor the one without consent
    assert told["numberOfCases"] == 3
    assert (told["numberOfGenes"], told["numberOfVariants"], told["numberOfCasesWithDiagnosis"]) == (2, 1, 1)
    assert (told["numberOfFeatures"], told["numberOfUniqueFeatures"]) == (3, 3)
    assert told["numberOfRequestsReceived"] > 0
    assert "T" in told["dateGenerated"]


# ---------------------------------------------------------------------------- the benchmark of the exchange


@pytest.mark.shared
def test_the_benchmark_patients_go_round(node: Running, shared: Path) -> None:
    """Each of the 50, asked as somebody else's, finds itself with everything it was deposited with."""
    documents = json.loads((shared / "data" / "mme" / "benchmark_patients.json").read_text())
    assert len(documents) == 50
    node.deposit(*documents)
    for document in documents:
        elsewhere = {**document, "id": f"other {document['id']}", **OTHERS}
        results = node.post({"patient": elsewhere}).json()["results"]
        best = results[0]["score"]["patient"]
        equal = {r["patient"]["id"]: r["patient"] for r in results if r["score"]["patient"] == best}
        given = {name: part for name, part in document.items() if part != []}
        for feature in given["genomicFeatures"]:
            if "start" not in feature["variant"]:
                del feature["variant"]
        assert equal[document["id"]] == given
