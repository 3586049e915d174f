"""Settings: what is documented is what is accepted, and what cannot be is refused by name."""

import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel

from node.config import (
    CONFIG_NAME,
    CohortSection,
    IssuerSection,
    PeerSection,
    Settings,
    VisaSection,
    read_settings,
)
from node.sections import CarrierSection
from schemas.errors import BadInput

EXAMPLE = Path(__file__).resolve().parents[2] / "deploy" / "varhaven.example.toml"
LISTED = {
    "peers": PeerSection,
    "cohorts": CohortSection,
    "issuers": IssuerSection,
    "visas": VisaSection,
}
MINIMAL = '[node]\nid = "http://127.0.0.1:8080"\nname = "A"\ncountry = "FI"\n'


def home_with(tmp_path: Path, text: str) -> Path:
    (tmp_path / CONFIG_NAME).write_text(text, encoding="utf-8")
    return tmp_path


def test_the_example_is_accepted(tmp_path: Path) -> None:
    settings = read_settings(home_with(tmp_path, EXAMPLE.read_text(encoding="utf-8")))
    assert settings.identity.id == "https://genetics.hospital.example"
    assert settings.listen == ("127.0.0.1", 8080)


def test_every_setting_is_documented() -> None:
    document = tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))
    missing = []
    for section, field in Settings.model_fields.items():
        if section == "home":
            continue
        kind = field.annotation
        written = document.get(section, {})
        if section in LISTED:
            kind, written = LISTED[section], {key for one in written for key in one}
        assert isinstance(kind, type)
        assert issubclass(kind, BaseModel)
        missing += [f"{section}.{key}" for key in kind.model_fields if key not in written]
    carriers = document["matchmaker"]["carriers"]
    missing += [f"carriers.{key}" for key in CarrierSection.model_fields if key not in carriers]
    assert not missing


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (MINIMAL + "colour = 1\n", "node.colour"),
        (MINIMAL.replace('"FI"', '"Finland"'), "node.country"),
        (MINIMAL.replace("http://127.0.0.1:8080", "ftp://x"), "node.id"),
        (MINIMAL.replace("http://", "http://user:secret@"), "node.id"),
        (MINIMAL + "[federation]\ndeadline_s = 0\n", "federation.deadline_s"),
        (MINIMAL + '[matchmaker]\nwebhook = "https://x.example"\n', "matchmaker"),
        (MINIMAL + '[matchmaker]\nrematch_at = "25:00"\n', "rematch_at"),
        ("[node\n", "TOML"),
        ("", "node"),
    ],
)
def test_a_wrong_setting_is_refused_by_name(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(BadInput, match=named):
        read_settings(home_with(tmp_path, text))


def test_a_folder_without_a_node_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="varhaven init"):
        read_settings(tmp_path)


def test_the_node_listens_where_its_url_points(tmp_path: Path) -> None:
    assert read_settings(home_with(tmp_path, MINIMAL)).listen == ("127.0.0.1", 8080)
