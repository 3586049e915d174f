"""Cases over HTTP: each caller sees, changes and deletes his own, and nobody else's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from node.access.principal import Role
from node.audit import export
from node.people import Format, import_people
from node.store.catalogue import add_dataset
from node.store.withdrawal import bring_back, withdraw
from schemas.access import Policy
from schemas.genome import Assembly
from schemas.people import Dataset
from tests.browsing import Browser
from tests.exchanges import FOCAL, SEIZURE, Running, an_exchange, patient

JSON = "application/json"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    toml = '[matchmaker]\nmin_score = 0.0\nrematch_at = ""\n[federation]\ndeadline_s = 60\n'
    with an_exchange(tmp_path_factory.mktemp("casework") / "home", toml=toml) as running:
        yield running


@pytest.fixture(scope="module")
def ward(lab: Running) -> Running:
    """The same node, as another program comes to it."""
    return replace(lab, token=lab.node.exchange.tokens.issue("ward"))


def send(
    as_who: Running, method: str, path: str, document: Any = None, content_type: str = JSON
) -> httpx.Response:
    headers = {"x-auth-token": as_who.token, "content-type": content_type}
    with httpx.Client(trust_env=False, timeout=60) as http:
        return http.request(method, as_who.url + path, json=document, headers=headers)


def deposited(as_who: Running, *patients: dict[str, Any], **terms: Any) -> list[str]:
    answer = send(as_who, "POST", "/cases", {"patients": list(patients), **terms})
    assert answer.status_code == 201, answer.text
    return [one["id"] for one in answer.json()]


def test_a_case_is_deposited_changed_and_deleted_by_its_owner(lab: Running) -> None:
    assert deposited(lab, patient("L1", features=[FOCAL], genes=["SCN1A"]), sharing="phenotype") == ["L1"]
    shown = send(lab, "GET", "/cases/L1").json()
    assert (shown["owner"], shown["sharing"], shown["status"]) == ("peer lab", "phenotype", "active")
    assert shown["patient"]["genomicFeatures"] == [{"gene": {"id": "SCN1A"}}]
    changed = send(lab, "PATCH", "/cases/L1", {"sharing": "gene", "status": "solved", "team": "neuro"})
    assert (changed.json()["sharing"], changed.json()["status"]) == ("gene", "solved")
    assert send(lab, "POST", "/cases/L1/notes", {"text": "call them"}).status_code == 204
    assert [(note["author"], note["text"]) for note in send(lab, "GET", "/cases/L1").json()["notes"]] == [
        ("peer lab", "consent level: phenotype before, gene from now on"),
        ("peer lab", "call them"),
    ]
    assert send(lab, "DELETE", "/cases/L1").status_code == 204
    assert send(lab, "GET", "/cases/L1").status_code == 404


def test_a_patient_without_a_contact_gets_that_of_the_node_and_the_usual_consent(lab: Running) -> None:
    deposited(lab, {"id": "L2", "features": [{"id": FOCAL}]})
    shown = send(lab, "GET", "/cases/L2").json()
    assert shown["patient"]["contact"]["name"] == "Alpha"
    assert shown["sharing"] == "gene"


def test_cases_of_others_are_not_there(lab: Running, ward: Running) -> None:
    deposited(lab, patient("L3", features=[FOCAL]))
    attempts = [
        send(ward, "GET", "/cases/L3"),
        send(ward, "PATCH", "/cases/L3", {"sharing": "variant"}),
        send(ward, "DELETE", "/cases/L3"),
        send(ward, "POST", "/cases/L3/notes", {"text": "x"}),
        send(ward, "GET", "/cases/L3/matches"),
        send(ward, "PATCH", "/cases/L3/matches/1", {"state": "flagged"}),
    ]
    unknown = send(ward, "GET", "/cases/nobody")
    assert {(one.status_code, one.text) for one in attempts} == {(404, unknown.text)}
    assert send(ward, "POST", "/cases/L3/match", {}).status_code == 403
    taken = send(ward, "POST", "/cases", {"patients": [patient("L3", features=[SEIZURE])]})
    assert taken.status_code == 403
    assert "L3" not in [one["id"] for one in send(ward, "GET", "/cases").json()]
    assert send(lab, "GET", "/cases/L3").json()["patient"]["features"][0]["id"] == FOCAL


def test_a_team_shares_its_cases(lab: Running, ward: Running) -> None:
    deposited(lab, patient("L4", features=[FOCAL]), team="neuro")
    assert send(ward, "GET", "/cases/L4").status_code == 404
    lab.node.exchange.book.team("neuro", add=["peer ward"])
    assert send(ward, "PATCH", "/cases/L4", {"sharing": "phenotype"}).status_code == 200
    lab.node.exchange.book.team("neuro", remove=["peer ward"])
    assert send(ward, "GET", "/cases/L4").status_code == 404


def test_a_case_is_matched_and_its_matches_are_sorted(lab: Running, ward: Running) -> None:
    deposited(lab, patient("L5", genes=["EFTUD2"]))
    deposited(ward, patient("W5", genes=["EFTUD2"]))
    document = send(lab, "POST", "/cases/L5/match", {}).json()
    assert [one["patient"]["id"] for one in document["results"]] == ["W5"]
    assert [line["state"] for line in document["nodes"]] == ["hit"]
    (track,) = send(lab, "GET", "/cases/L5/matches").json()
    judgement = {"state": "contacted-by-us", "comment": "wrote"}
    assert send(lab, "PATCH", f"/cases/L5/matches/{track['number']}", judgement).status_code == 204
    (track,) = send(lab, "GET", "/cases/L5/matches").json()
    assert (track["state"], track["remarks"][0]["text"]) == ("contacted-by-us", "wrote")
    (theirs,) = send(ward, "GET", "/cases/W5/matches").json()
    assert (theirs["asked"], theirs["patient_id"], theirs["state"]) == ("them", "", "new")


@pytest.mark.parametrize(
    ("method", "path", "document", "status"),
    [
        ("POST", "/cases", {"patients": []}, 400),
        ("POST", "/cases", {"patients": [{"id": "X"}]}, 422),
        (
            "POST",
            "/cases",
            {"patients": [{"id": "X", "features": [{"id": FOCAL}]}], "owner": "peer ward"},
            400,
        ),
        ("PATCH", "/cases/L2", {"sharing": "everything"}, 400),
        ("PATCH", "/cases/L2", {"owner": "peer ward"}, 400),
        ("POST", "/cases/L2/notes", {}, 400),
        ("PUT", "/cases", {}, 405),
    ],
)
def test_what_is_not_understood_is_refused_in_the_exchanges_words(
    lab: Running, method: str, path: str, document: Any, status: int
) -> None:
    answer = send(lab, method, path, document)
    assert answer.status_code == status
    assert set(answer.json()) == {"message"}


def test_a_form_of_another_site_changes_nothing(lab: Running) -> None:
    for method, path in (("POST", "/cases"), ("PATCH", "/cases/L2"), ("POST", "/cases/L2/match")):
        assert send(lab, method, path, {}, "text/plain").status_code == 415


def bearer(running: Running, token: str, path: str = "/cases", document: Any = None) -> httpx.Response:
    headers = {"authorization": f"Bearer {token}"}
    with httpx.Client(trust_env=False, timeout=60) as http:
        method = "GET" if document is None else "POST"
        return http.request(method, running.url + path, json=document, headers=headers)


def token_of(running: Running, name: str, scope: str) -> str:
    """Of a program that asks for it with its secret."""
    client_id, secret = running.node.embedded.clients.add_machine(name)
    fields = {"grant_type": "client_credentials", "scope": scope}
    with httpx.Client(trust_env=False, timeout=60) as http:
        answer = http.post(f"{running.url}/oauth/token", data=fields, auth=(client_id, str(secret)))
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


def test_a_program_that_signs_in_has_cases_of_its_own(lab: Running) -> None:
    token = token_of(lab, "pipeline", "mme:match")
    assert bearer(lab, token).json() == []
    added = bearer(lab, token, document={"patients": [patient("S1", genes=["EFTUD2"])]})
    assert added.status_code == 201, added.text
    (held,) = bearer(lab, token).json()
    assert (held["id"], held["owner"].startswith(lab.url)) == ("S1", True)
    assert send(lab, "GET", "/cases/S1").status_code == 404
    question = {"patient": patient("S1", genes=["EFTUD2"])}
    assert bearer(lab, token, "/network/mme/match", question).status_code == 200
    assert bearer(lab, token, "/mme/match", question).status_code == 401  # which is for peers


def test_a_token_for_something_else_is_not_for_cases(lab: Running) -> None:
    refused = bearer(lab, token_of(lab, "asker", "beacon:query"))
    assert (refused.status_code, set(refused.json())) == (403, {"message"})
    assert "mme:match" in refused.json()["message"]
    assert bearer(lab, "a.b.c").status_code == 401


@pytest.mark.parametrize(("roles", "status"), [((Role.CLINICIAN,), 200), ((Role.RESEARCHER,), 403)])
def test_a_person_who_has_signed_in_has_cases_if_he_is_a_clinician(
    lab: Running, roles: tuple[Role, ...], status: int
) -> None:
    accounts = lab.node.embedded.accounts
    name = f"user-{roles[0].value}"
    first = accounts.add(name, roles)
    accounts.change_password(accounts.named(name), first, "several words are easiest", "192.0.2.7")
    with Browser(lab.url) as browser:
        browser.sign_in(name, "several words are easiest")
        assert browser.get("/cases").status_code == status
        assert browser.get("/cases", **{"sec-fetch-site": "cross-site"}).status_code == 403


def test_nobody_is_let_in_without_a_token(lab: Running) -> None:
    assert send(replace(lab, token=""), "GET", "/cases").status_code == 401
    assert send(replace(lab, token="wrong"), "DELETE", "/cases/L2").status_code == 401


def test_whoever_withdraws_is_matched_no_more_from_that_moment_on(lab: Running, tmp_path: Path) -> None:
    """On a running node, which has his case in memory, and whoever takes his consent back elsewhere."""
    add_dataset(lab.node.engine, Dataset("ward7", Assembly.GRCH38, Policy.CONTROLLED, "Ward 7"))
    packet = {"id": "I7", "subject": {"id": "I7"}, "phenotypicFeatures": [{"type": {"id": FOCAL}}]}
    file = tmp_path / "packet.json"
    file.write_text(json.dumps({**packet, "metaData": {"phenopacketSchemaVersion": "2.0"}}))
    import_people(lab.node.engine, "ward7", file, Format.PHENOPACKET)
    genes = {"genes": ["KCNQ2"]}
    lab.deposit(patient("L7", **genes), owner="peer lab", dataset="ward7", individual="I7")
    question = {"patient": patient("asks", **genes)}

    def found() -> list[str]:
        return [one["patient"]["id"] for one in lab.post(question).json()["results"]]

    assert found() == ["L7"]
    withdraw(lab.node.engine, "I7", "ward7")
    assert found() == []
    assert send(lab, "POST", "/cases/L7/match", {}).status_code == 400
    bring_back(lab.node.engine, "I7", "ward7")
    assert found() == ["L7"]
    send(lab, "PATCH", "/cases/L7", {"sharing": "phenotype"})
    assert found() == []  # nothing is left to tell of him


def test_changes_stand_in_the_audit_log(lab: Running) -> None:
    deposited(lab, patient("L6", features=[FOCAL]))
    send(lab, "PATCH", "/cases/L6", {"sharing": "nothing"})
    send(lab, "DELETE", "/cases/L6")
    entries = [line for line in export(lab.node.engine) if line["principal"] == "peer lab"]
    assert [line["detail"] for line in entries[-3:]] == [
        "cases deposited",
        "consent of a case changed",
        "case removed",
    ]
