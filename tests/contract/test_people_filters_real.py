"""Filters over the clinical records of three hospitals, against the same JSON read by hand."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from beacon.filters import read_filters
from beacon.selection import select
from node import db
from node.people import Format, import_people
from node.reference.ontology import Ontologies
from node.roster import DatabasePeople

JSON = dict[str, Any]
HOSPITALS = ("uk", "fi", "es")
ONTOLOGY = Ontologies()


def measure(person: JSON, label: str) -> float:
    found = [m for m in person.get("measures", []) if m["assayCode"]["label"] == label]
    return float(found[0]["measurementValue"]["value"]) if found else -1


def has_disease(person: JSON, code: str) -> bool:
    return any(disease["diseaseCode"]["id"] == code for disease in person.get("diseases", []))


FILTERS: dict[str, Callable[[JSON], bool]] = {
    "NCIT:C16576": lambda p: p["sex"]["id"] == "NCIT:C16576",
    "!sex=female": lambda p: p["sex"]["label"] != "female",
    "BMI>30": lambda p: measure(p, "BMI") > 30,
    "LOINC:3141-9<=70 kg": lambda p: 0 <= measure(p, "Weight") <= 70,
    "Height-standing>=1.7 m": lambda p: measure(p, "Height-standing") >= 170,
    "ethnicity:African": lambda p: p.get("ethnicity", {}).get("label") == "African",
    "geographicOrigin.id=GAZ:00002641": lambda p: p.get("geographicOrigin", {}).get("id") == "GAZ:00002641",
    "!GAZ:00002641": lambda p: p.get("geographicOrigin", {}).get("id") != "GAZ:00002641",
    "interventionsOrProcedures.procedureCode.label=%artery%": lambda p: any(
        "artery" in done["procedureCode"]["label"].lower() for done in p["interventionsOrProcedures"]
    ),
    "measures.date=2021-09-24": lambda p: any(m["date"] == "2021-09-24" for m in p["measures"]),
}


@pytest.mark.parametrize("hospital", HOSPITALS)
def test_every_filter_finds_whom_the_records_name(shared: Path, tmp_path: Path, hospital: str) -> None:
    folder = shared / "data" / "network" / f"hospital-{hospital}"
    records: list[JSON] = json.loads((folder / "individuals.json").read_text())
    engine = db.connect(f"sqlite:///{tmp_path}/node.db")
    db.metadata.create_all(engine)
    with engine.begin() as connection:
        row = {"no": 1, "id": "ward", "assembly": "GRCh38", "policy": "open"}
        connection.execute(sa.insert(db.dataset).values(row))
    people = DatabasePeople(engine)
    assert people.roster("ward").ordinals == ()
    import_people(engine, "ward", folder / "individuals.json", Format.BFF)
    import_people(engine, "ward", folder / "biosamples.json", Format.BFF)
    ids = people.roster("ward").ledgers["individual"].ids  # seen at once
    assert sorted(ids) == sorted(record["id"] for record in records)

    diseases = {d["diseaseCode"]["id"] for record in records for d in record.get("diseases", [])}
    cases = FILTERS | {code: lambda p, code=code: has_disease(p, code) for code in sorted(diseases)[:15]}
    for text, test in cases.items():
        selection = select(people, ONTOLOGY, {"ward": 0}, read_filters([text]))
        found = {ids[row] for row in selection.rows("ward", "individual")}
        assert found == {record["id"] for record in records if test(record)}, text
    written = people.records("ward", "individual", ids)
    assert [dict(one) for one in written] == sorted(records, key=lambda record: str(record["id"]))
    engine.dispose()
