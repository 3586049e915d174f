"""What a node says of itself, and what a partner believes of it."""

import json
from dataclasses import asdict, replace
from typing import Any

import pytest
from joserfc.jwk import ECKey

from node.access.keys import NodeKey
from node.access.signed import UnknownKey
from node.federation.descriptor import LIFE_S, MAX_LIFE_S, MEDIA_TYPE, describe, read, sign
from schemas.access import Policy
from schemas.errors import NotAuthorised
from schemas.ga4gh import NodeIdentity
from schemas.genome import Assembly
from schemas.people import Dataset

A = "https://a.example"
NOW = 1_800_000_000.0
KEY, OTHER = (NodeKey(ECKey.generate_key("P-256")) for _ in range(2))
DATASETS = (
    Dataset("one", Assembly.GRCH38, Policy.OPEN),
    Dataset("two", Assembly.GRCH37, Policy.CONTROLLED, name="Two", description="told to nobody here"),
)
SAID = describe(NodeIdentity(A, "Hospital A", "FI"), KEY, DATASETS, NOW)


def test_what_is_said_is_what_is_read() -> None:
    assert read(sign(SAID, KEY), A, KEY.thumbprints, NOW) == SAID
    assert SAID.assemblies == ("GRCh37", "GRCh38")
    assert [(holding.id, holding.policy) for holding in SAID.datasets] == [
        ("one", "open"),
        ("two", "controlled"),
    ]
    assert SAID.expires_s - SAID.issued_s <= MAX_LIFE_S


def test_many_datasets_still_fit() -> None:
    many = [
        Dataset(f"dataset-of-hospital-a-number-{n}", Assembly.GRCH38, Policy.REGISTERED) for n in range(700)
    ]
    said = describe(NodeIdentity(A, "Hospital A", "FI"), KEY, many, NOW)
    assert read(sign(said, KEY), A, KEY.thumbprints, NOW) == said


def test_it_grows_older_and_newer() -> None:
    later = describe(NodeIdentity(A, "Hospital A", "FI"), KEY, DATASETS, NOW + 5)
    assert later.seq > SAID.seq


def test_a_key_that_nobody_pinned() -> None:
    with pytest.raises(UnknownKey, match=OTHER.thumbprint):
        read(sign(SAID, OTHER), A, KEY.thumbprints, NOW)


def test_another_node_at_the_address() -> None:
    with pytest.raises(NotAuthorised, match="calls itself"):
        read(sign(replace(SAID, id="https://evil.example"), KEY), A, KEY.thumbprints, NOW)


@pytest.mark.parametrize("now", [NOW - 60, NOW + LIFE_S + 60])
def test_out_of_its_time(now: float) -> None:
    with pytest.raises(NotAuthorised, match="clocks"):
        read(sign(SAID, KEY), A, KEY.thumbprints, now)


def test_made_to_live_for_ever() -> None:
    with pytest.raises(NotAuthorised, match="7 days"):
        read(sign(replace(SAID, expires_s=NOW + MAX_LIFE_S + 1), KEY), A, KEY.thumbprints, NOW)


@pytest.mark.parametrize(
    "change",
    [
        {"name": 5},
        {"datasets": [{"id": "one"}]},
        {"datasets": "one"},
        {"exp": "tomorrow"},
        {"exp": None},
        {"endpoints": []},
        {"seq": "x"},
    ],
)
def test_members_of_another_shape(change: dict[str, Any]) -> None:
    claims = asdict(SAID)
    claims |= {"iss": claims.pop("id"), "iat": claims.pop("issued_s"), "exp": claims.pop("expires_s")}
    document = KEY.sign(MEDIA_TYPE, json.dumps(claims | change).encode())
    with pytest.raises(NotAuthorised, match="cannot be read"):
        read(document, A, KEY.thumbprints, NOW)


def test_a_request_token_is_no_descriptor() -> None:
    document = KEY.sign("at+jwt", json.dumps({"iss": A}).encode())
    with pytest.raises(NotAuthorised, match="type"):
        read(document, A, KEY.thumbprints, NOW)


@pytest.mark.parametrize("document", ["", "<html></html>", "a.b.c", "x" * 200_000])
def test_what_is_not_signed_at_all(document: str) -> None:
    with pytest.raises(NotAuthorised):
        read(document, A, KEY.thumbprints, NOW)
