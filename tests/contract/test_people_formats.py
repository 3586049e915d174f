"""Workbooks, FHIR and phenopackets: taken over, refused by place, in turn, and without those who left."""

import json
import threading
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import openpyxl
import orjson
import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from node import db
from node.app import create_app
from node.cli import app as command_line
from node.config import read_settings
from node.people import Format, PeopleReport, biosamples, import_people, people, workbook_template
from node.store.catalogue import add_dataset
from node.store.withdrawal import withdraw
from schemas.access import Policy
from schemas.errors import BadInput
from schemas.genome import Assembly
from schemas.people import Dataset, Feature, Individual, Sex, Term
from tests.contract.test_people import DATASET, HOSPITALS, changes, node_with, rows, written
from tests.engines import NewDatabase
from tests.federated import free_socket, serving
from tests.worlds_beacon import Conformance, load_check

JSON = dict[str, Any]
HPO = "http://human-phenotype-ontology.org"
LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
UCUM = "http://unitsofmeasure.org"


@pytest.fixture
def engine(tmp_path: Path) -> sa.Engine:
    return node_with(tmp_path / "node.db", ["P1", "P2-blood"])


# ---------------------------------------------------------------------- workbooks


def filled(path: Path, individuals: list[list[object]], taken: list[list[object]] | None = None) -> Path:
    path.write_bytes(workbook_template())
    book = openpyxl.load_workbook(path)
    for name, added in (("individuals", individuals), ("biosamples", taken or [])):
        for row in added:
            book[name].append(row)
    book.save(path)
    return path


def test_a_filled_workbook_imports_whole(engine, tmp_path):
    book = filled(
        tmp_path / "people.xlsx",
        [
            ["P1", "female", None, "OMIM:142900 Holt-Oram syndrome|ORPHA:392", "HP:0001250", "HP:0001629"],
            ["P2", "M", None, None, None, None, "NCIT:C43851 European", "GAZ:00002641 England", "xxy"],
            [1003.0, 2],
        ],
        [["P2-blood", "P2", "EFO:0009654", "UBERON:0000178 blood", None, date(2021, 4, 23), "P32Y6M"]],
    )
    report = import_people(engine, DATASET, book, Format.XLSX)
    assert (report.individuals, report.biosamples, *changes(report)) == (3, 1, 4, 0, 0)
    assert report.linked == report.genotyped == 2
    third, first, second = people(engine, DATASET)
    assert (third.id, third.sex) == ("1003", Sex.FEMALE)
    assert first.diseases == (Term("OMIM:142900", "Holt-Oram syndrome"), Term("ORPHA:392"))
    assert first.features == (Feature(Term("HP:0001250")), Feature(Term("HP:0001629"), excluded=True))
    assert (second.record["karyotypicSex"], second.samples) == ("XXY", ("P2-blood",))
    (blood,) = biosamples(engine, DATASET)
    assert blood.record == {
        "id": "P2-blood",
        "individualId": "P2",
        "biosampleStatus": {"id": "EFO:0009654"},
        "sampleOriginType": {"id": "UBERON:0000178", "label": "blood"},
        "collectionDate": "2021-04-23",
        "collectionMoment": "P32Y6M",
    }
    before = rows(engine)
    assert changes(import_people(engine, DATASET, book, Format.XLSX)) == (0, 0, 4)
    assert rows(engine) == before

    # Empty cells leave what is held, of samples too; a table of biosamples alone is told by its header.
    table = written(tmp_path, "id,individual,status,origin_type\nP2-blood,,EFO:0009656,\n", "taken.csv")
    assert changes(import_people(engine, DATASET, table, Format.CSV)) == (0, 1, 0)
    (corrected,) = biosamples(engine, DATASET)
    assert corrected.record == {**blood.record, "biosampleStatus": {"id": "EFO:0009656"}}


def test_an_empty_template_is_no_fault_and_changes_nothing(engine, tmp_path):
    report = import_people(engine, DATASET, filled(tmp_path / "empty.xlsx", []), Format.XLSX)
    assert (report.individuals, report.biosamples, rows(engine)) == (0, 0, [])


@pytest.mark.parametrize(
    ("individuals", "taken", "place"),
    [
        ([["P1", "female"], ["P2", "?"]], [], "individuals line 3, sex"),
        ([["P1", None, None, "flu"]], [], "line 2, individuals.diseases"),
        ([[None, "female"]], [], "individuals line 2, id"),
        ([["P1"], ["P1"]], [], "line 3, individuals"),
        ([["P1", *[None] * 8, "beyond the columns"]], [], "line 2, individuals"),
        ([["P1", *[None] * 7, "XXL"]], [], "line 2, individuals.karyotypic_sex"),
        ([], [["S1", "P1", None, None, None, "yesterday"]], "line 2, biosamples.collection_date"),
        ([], [["S1", "P1", None, None, None, None, "32"]], "line 2, biosamples.collection_moment"),
        ([], [["S1", "P1", "frozen"]], "line 2, biosamples.status"),
    ],
)
def test_a_wrong_cell_is_told_by_sheet_row_and_column(engine, tmp_path, individuals, taken, place):
    book = filled(tmp_path / "wrong.xlsx", individuals, taken)
    with pytest.raises(BadInput) as told:
        import_people(engine, DATASET, book, Format.XLSX)
    assert str(told.value.place) == f"{book}, {place}"
    assert rows(engine) == []


def test_what_is_no_workbook_of_people_is_refused(engine, tmp_path):
    book = filled(tmp_path / "more.xlsx", [["P1"]])
    opened = openpyxl.load_workbook(book)
    opened.create_sheet("billing").append(["nothing of ours"])
    opened.save(book)
    with pytest.raises(BadInput, match="'billing' is not known"):
        import_people(engine, DATASET, book, Format.XLSX)
    single = openpyxl.Workbook()
    single.worksheets[0].append(["id", "sex"])
    single.worksheets[0].append(["P1", "=1/0"])
    single.worksheets[0]["B2"].data_type = "e"
    single.worksheets[0]["B2"].value = "#DIV/0!"
    single.save(tmp_path / "error.xlsx")
    with pytest.raises(BadInput, match=r"sheet\.B: holds an error"):
        import_people(engine, DATASET, tmp_path / "error.xlsx", Format.XLSX)
    for content in (b"PK\x03\x04 no archive", b"id,sex\n"):
        (tmp_path / "text.xlsx").write_bytes(content)
        with pytest.raises(BadInput, match="not a workbook"):
            import_people(engine, DATASET, tmp_path / "text.xlsx", Format.XLSX)


# ---------------------------------------------------------------------- FHIR


def concept(system: str, code: str, display: str = "") -> JSON:
    return {"coding": [{"system": system, "code": code, **({"display": display} if display else {})}]}


def about(kind: str, patient: str = "Patient/P1", **members: Any) -> JSON:
    return {"resourceType": kind, "subject": {"reference": patient}, **members}


def seen(code: JSON, **members: Any) -> JSON:
    return about("Observation", status="final", code=code, **members)


def bundle(*resources: JSON) -> JSON:
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": resource} for resource in resources],
    }


PATIENT: JSON = {
    "resourceType": "Patient",
    "id": "P1",
    "gender": "female",
    "birthDate": "1980-05-17",
    "name": [{"family": "Nightingale"}],
    "identifier": [{"system": "urn:mrn", "value": "MRN-77"}],
}
CONFIRMED = concept("http://terminology.hl7.org/CodeSystem/condition-ver-status", "confirmed")
REFUTED = concept("http://terminology.hl7.org/CodeSystem/condition-ver-status", "refuted")


def fhir(engine: sa.Engine, folder: Path, *resources: JSON) -> PeopleReport:
    return import_people(engine, DATASET, written(folder, bundle(*resources), "fhir.json"), Format.FHIR)


def test_a_bundle_becomes_records(engine, tmp_path):
    marfan = concept("http://www.orpha.net", "558", "Marfan syndrome")
    marfan["coding"].insert(0, {"system": "http://hl7.org/fhir/sid/icd-10", "code": "Q87.4"})
    marfan["coding"].insert(0, {"system": "urn:local", "code": "marfan"})
    pressure = [
        {"code": concept(LOINC, "8480-6", "Systolic"), "valueQuantity": {"value": 107, "code": "mm[Hg]"}},
        {"code": concept(LOINC, "8462-4", "Diastolic"), "valueQuantity": {"value": 60, "code": "mm[Hg]"}},
    ]
    report = fhir(
        engine,
        tmp_path,
        PATIENT,
        about(
            "Condition",
            code=marfan,
            verificationStatus=CONFIRMED,
            severity=concept(SNOMED, "24484000", "Severe"),
            onsetDateTime="2010-08-01",
        ),
        about(
            "Condition", code=concept(HPO, "HP:0000098", "Tall stature"), onsetAge={"value": 3.5, "code": "a"}
        ),
        about(
            "Condition",
            code=concept(SNOMED, "38341003"),
            onsetRange={"low": {"value": 30, "code": "a"}, "high": {"value": 40, "code": "a"}},
        ),
        about("Condition", code=concept(HPO, "HP:0001250"), verificationStatus=REFUTED),
        seen(concept(HPO, "HP:0001166", "Arachnodactyly"), valueBoolean=True),
        seen(concept(HPO, "HP:0001083"), valueBoolean=False),
        seen(concept(HPO, "HP:0002650"), valueCodeableConcept=concept(SNOMED, "2667000", "Absent")),
        seen(concept(LOINC, "75321-0"), valueCodeableConcept=concept(HPO, "HP:0000768")),
        seen(
            concept(LOINC, "29463-7", "Body weight"),
            valueQuantity={"value": 71.5, "unit": "kg", "system": UCUM, "code": "kg"},
            effectiveDateTime="2020-05-16T10:00:00+01:00",
        ),
        seen(concept(LOINC, "85354-9", "Blood pressure"), component=pressure, effectiveDateTime="2021"),
        seen(
            concept(LOINC, "883-9", "ABO group"), valueCodeableConcept=concept(LOINC, "LA19710-5", "Group A")
        ),
        about(
            "Specimen",
            id="P1-blood",
            type=concept(SNOMED, "119297000", "Blood specimen"),
            collection={
                "collectedDateTime": "2021-04-23",
                "bodySite": {"concept": concept(SNOMED, "30021000")},
            },
        ),
        {
            "resourceType": "FamilyMemberHistory",
            "status": "completed",
            "patient": {"reference": "https://ehr.example.org/fhir/Patient/P1/_history/4"},
            "relationship": {"text": "mother"},
            "condition": [{"code": marfan}],
        },
    )
    assert (report.individuals, report.biosamples, report.new, report.skipped) == (1, 1, 2, ())
    (person,) = people(engine, DATASET)
    assert (person.sex, person.samples) == (Sex.FEMALE, ("P1-blood",))
    assert person.record["diseases"] == [
        {
            "diseaseCode": {"id": "ORPHA:558", "label": "Marfan syndrome"},
            "ageOfOnset": {"iso8601duration": "P30Y2M"},
            "severity": {"id": "HP:0012828", "label": "Severe"},
            "familyHistory": True,
        },
        {
            "diseaseCode": {"id": "SNOMED:38341003"},
            "ageOfOnset": {"start": {"iso8601duration": "P30Y"}, "end": {"iso8601duration": "P40Y"}},
        },
    ]
    assert person.features == (
        Feature(Term("HP:0000098", "Tall stature")),
        Feature(Term("HP:0001250"), excluded=True),
        Feature(Term("HP:0001166", "Arachnodactyly")),
        Feature(Term("HP:0001083"), excluded=True),
        Feature(Term("HP:0002650"), excluded=True),
        Feature(Term("HP:0000768")),
    )
    assert person.record["phenotypicFeatures"][0]["onset"] == {"iso8601duration": "P3Y6M"}
    weight, both, group = person.record["measures"]
    assert weight == {
        "assayCode": {"id": "LOINC:29463-7", "label": "Body weight"},
        "measurementValue": {"unit": {"id": "UCUM:kg", "label": "kg"}, "value": 71.5},
        "date": "2020-05-16",
        "observationMoment": {"iso8601duration": "P39Y11M"},
    }
    assert [part["quantity"]["value"] for part in both["measurementValue"]["typedQuantities"]] == [107, 60]
    assert "date" not in both
    assert both["observationMoment"] == {
        "start": {"iso8601duration": "P40Y7M"},
        "end": {"iso8601duration": "P41Y7M"},
    }
    assert group["measurementValue"] == {"id": "LOINC:LA19710-5", "label": "Group A"}
    (sample,) = biosamples(engine, DATASET)
    assert sample.record["collectionMoment"] == "P40Y11M"
    assert sample.record["sampleOriginType"]["id"] == "SNOMED:119297000"
    everything = json.dumps([dict(person.record), dict(sample.record)])
    assert not any(word in everything for word in ("Nightingale", "MRN-77", "1980-05-17", "mother"))


def test_what_no_record_can_tell_is_reported(engine, tmp_path):
    unsure = concept("http://terminology.hl7.org/CodeSystem/condition-ver-status", "provisional")
    report = fhir(
        engine,
        tmp_path,
        PATIENT,
        about("Encounter"),
        about("Condition", code=concept("urn:local", "x1")),
        about("Condition", code=concept(SNOMED, "1"), verificationStatus=unsure),
        about("Condition", code=concept(SNOMED, "1"), verificationStatus=REFUTED),
        seen(concept(LOINC, "1-1"), valueString="free text"),
        seen(concept(LOINC, "1-1"), valueQuantity={"value": 5, "comparator": "<"}),
        seen(concept(HPO, "HP:0001250"), valueQuantity={"value": 5}),
        about("Observation", status="preliminary", code=concept(LOINC, "1-1"), valueInteger=3),
        {
            "resourceType": "FamilyMemberHistory",
            "status": "completed",
            "patient": {"reference": "Patient/P1"},
            "relationship": {"text": "mother"},
            "condition": [{"code": concept(SNOMED, "1")}],
        },
    )
    reasons = {
        str(place).removeprefix(f"{tmp_path / 'fhir.json'}, "): reason for place, reason in report.skipped
    }
    inexact = "it has no value that is an exact quantity or a coded term"
    assert reasons == {
        "entry 2, resource": "Encounter is not taken over",
        "entry 3, resource": "its code is of no vocabulary that is known here",
        "entry 4, resource": "the diagnosis is provisional",
        "entry 5, resource": "the diagnosis is refuted, and a record tells only diseases that are there",
        "entry 6, resource": inexact,
        "entry 7, resource": inexact,
        "entry 8, resource": "its value does not say whether the feature is there",
        "entry 9, resource": "the observation is preliminary",
        "entry 10, resource.condition[1]": (
            "a relative has it, and no disease of the patient in this input is of its code"
        ),
    }
    (person,) = people(engine, DATASET)
    assert (person.diseases, person.features, person.record["measures"]) == ((), (), [])


def test_bulk_exports_complement_what_is_held(engine, tmp_path):
    names = written(tmp_path, "id,samples,diseases\nP1,P1,OMIM:142900\n", "names.csv")
    import_people(engine, DATASET, names, Format.CSV)
    folder = tmp_path / "export"
    folder.mkdir()
    written(
        folder,
        json.dumps(PATIENT) + "\n\n" + json.dumps({**PATIENT, "id": "P9", "gender": "male"}),
        "Patient.ndjson",
    )
    written(folder, json.dumps(seen(concept(HPO, "HP:0001250"))), "Observation.ndjson")
    assert changes(import_people(engine, DATASET, folder, Format.FHIR)) == (1, 1, 0)
    first, ninth = people(engine, DATASET)
    # No Condition is in the export, so of diseases it says nothing.
    assert (first.samples, first.diseases) == (("P1",), (Term("OMIM:142900"),))
    assert (first.features, ninth.sex) == ((Feature(Term("HP:0001250")),), Sex.MALE)
    assert changes(import_people(engine, DATASET, folder, Format.FHIR)) == (0, 0, 2)


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ({"id": "x"}, ""),
        ({"resourceType": "Bundle", "entry": {}}, ", entry"),
        (bundle({"resourceType": "Patient"}), ", entry 1, resource.id"),
        (bundle({**PATIENT, "gender": "robot"}), ", entry 1, resource.sex"),
        (bundle({**PATIENT, "birthDate": "17.5.1980"}), ", entry 1, resource.birthDate"),
        (bundle(PATIENT, PATIENT), ", entry 2, resource"),
        (
            bundle(about("Condition", code=concept(HPO, "HP:0001250"))),
            ", entry 1, resource.subject.reference",
        ),
        (
            bundle(PATIENT, seen(concept(LOINC, "1-1"), valueQuantity={"value": "5"})),
            ", entry 2, resource.valueQuantity.value",
        ),
        (bundle(PATIENT, about("Observation", code=concept(LOINC, "1"))), ", entry 2, resource.status"),
        (
            bundle(PATIENT, about("Condition", code={"coding": [{"code": 7}]})),
            ", entry 2, resource.code.coding[1].code",
        ),
        ([PATIENT, {"resourceType": 5}], ", resource 2, resourceType"),
    ],
)
def test_wrong_fhir_is_told_by_entry_and_element(engine, tmp_path, content, place):
    path = written(tmp_path, content, "wrong.json")
    with pytest.raises(BadInput) as told:
        import_people(engine, DATASET, path, Format.FHIR)
    assert str(told.value.place) == f"{path}{place}"
    assert rows(engine) == []


@pytest.mark.parametrize("hospital", HOSPITALS)
def test_a_hospital_says_the_same_in_fhir(shared, tmp_path, hospital):
    source = orjson.loads(
        (shared / "data" / "network" / f"hospital-{hospital}" / "individuals.json").read_bytes()
    )
    told = []
    for record in source:
        told.append({"resourceType": "Patient", "id": record["id"], "gender": record["sex"]["label"]})
        for disease in record.get("diseases", []):
            code = disease["diseaseCode"]
            told.append(
                about(
                    "Condition", f"Patient/{record['id']}", code=concept("urn:any", code["id"], code["label"])
                )
            )
        for feature in record.get("phenotypicFeatures", []):
            code = feature["featureType"]
            told.append(
                {
                    **seen(
                        concept(HPO, code["id"], code["label"]),
                        valueBoolean=not feature.get("excluded", False),
                    ),
                    "subject": {"reference": f"Patient/{record['id']}"},
                }
            )
    as_bff, as_fhir = (node_with(tmp_path / name, []) for name in ("bff.db", "fhir.db"))
    import_people(as_bff, DATASET, written(tmp_path, source, "bff.json"), Format.BFF)
    report = import_people(as_fhir, DATASET, written(tmp_path, bundle(*told), "fhir.json"), Format.FHIR)
    assert report.skipped == ()
    held, again = (people(node, DATASET) for node in (as_bff, as_fhir))
    assert [(p.id, p.sex) for p in held] == [(p.id, p.sex) for p in again]
    for before, after in zip(held, again, strict=True):
        # A Condition coded in HPO is a feature of a person, wherever the hospital wrote it.
        assert there(before) == there(after)
        assert {f for f in before.features if f.excluded} == {f for f in after.features if f.excluded}


def there(person: Individual) -> list[str]:
    seen_terms = [feature.term for feature in person.features if not feature.excluded]
    return sorted(f"{term.id} {term.label}" for term in (*person.diseases, *seen_terms))


# ---------------------------------------------------------------------- phenopackets


def test_families_and_measurements_of_phenopackets(engine, tmp_path):
    weight = {
        "assay": {"id": "LOINC:29463-7"},
        "value": {
            "quantity": {
                "unit": {"id": "UCUM:kg"},
                "value": 71.5,
                "referenceRange": {"unit": {"id": "UCUM:kg"}, "low": 0, "high": 90},
            }
        },
        "timeObserved": {"age": {"iso8601duration": "P39Y"}},
    }
    family = {
        "id": "F1",
        "proband": {"id": "a", "subject": {"id": "P1", "sex": "FEMALE"}, "measurements": [weight]},
        "relatives": [{"id": "b", "subject": {"id": "P3", "sex": "MALE"}}],
        "pedigree": {"persons": [{"familyId": "F1", "individualId": "P1"}]},
        "metaData": {"phenopacketSchemaVersion": "2.0.0", "created": "2021-05-11T15:07:16.662Z"},
    }
    cohort = {"id": "C", "members": [{"id": "c", "subject": {"id": "P4"}}]}
    report = import_people(engine, DATASET, written(tmp_path, [family, cohort]), Format.PHENOPACKET)
    assert report.individuals == 3
    first, third, fourth = people(engine, DATASET)
    assert [p.sex for p in (first, third, fourth)] == [Sex.FEMALE, Sex.MALE, Sex.UNKNOWN]
    assert first.record["measures"] == [
        {
            "assayCode": {"id": "LOINC:29463-7"},
            "measurementValue": {
                "unit": {"id": "UCUM:kg"},
                "value": 71.5,
                "referenceRange": {"unit": {"id": "UCUM:kg"}, "low": 0.0, "high": 90.0},
            },
            "observationMoment": {"iso8601duration": "P39Y"},
        }
    ]


def test_medical_actions_of_phenopackets(engine, tmp_path, shared):
    drug, twice = (
        {"id": "DrugCentral:1610", "label": "losartan"},
        {"id": "NCIT:C64496", "label": "Twice Daily"},
    )
    dose = {"unit": {"id": "UO:0000022", "label": "milligram"}, "value": 30.0}
    interval = {"start": "2020-03-15T13:00:00Z", "end": "2020-03-25T13:00:00Z"}
    kidney, biopsy = {"id": "UBERON:0002113", "label": "kidney"}, {"id": "NCIT:C51585", "label": "Biopsy"}
    chemotherapy = {"id": "NCIT:C10894", "label": "FOLFOX"}
    by_mouth = {"id": "NCIT:C38288", "label": "Oral Route"}
    actions = [
        {
            "treatment": {
                "agent": drug,
                "routeOfAdministration": by_mouth,
                "cumulativeDose": dose,
                "doseIntervals": [{"quantity": dose, "scheduleFrequency": twice, "interval": interval}],
            },
            "treatmentIntent": {"id": "NCIT:C62220"},
        },
        {"procedure": {"code": biopsy, "bodySite": kidney, "performed": {"age": {"iso8601duration": "P9Y"}}}},
        {"procedure": {"code": biopsy, "performed": {"timestamp": "2021-05-11T15:07:16Z"}}},
        {
            "radiationTherapy": {
                "modality": {"id": "NCIT:C28039"},
                "bodySite": kidney,
                "dosage": 2,
                "fractions": 5,
            }
        },
        {
            "therapeuticRegimen": {
                "ontologyClass": chemotherapy,
                "startTime": {"age": {"iso8601duration": "P10Y"}},
                "regimenStatus": "STARTED",
            }
        },
        {"treatment": {"routeOfAdministration": by_mouth}},
    ]
    packet = {"subject": {"id": "P1", "sex": "MALE"}, "medicalActions": actions}
    import_people(engine, DATASET, written(tmp_path, packet), Format.PHENOPACKET)
    (person,) = people(engine, DATASET)
    assert person.record["treatments"] == [
        {
            "treatmentCode": drug,
            "routeOfAdministration": by_mouth,
            "cumulativeDose": dose,
            "doseIntervals": [{"quantity": dose, "scheduleFrequency": twice, "interval": interval}],
        },
        {"treatmentCode": chemotherapy, "ageAtOnset": {"iso8601duration": "P10Y"}},
    ]
    assert person.record["interventionsOrProcedures"] == [
        {"procedureCode": biopsy, "bodySite": kidney, "ageAtProcedure": {"iso8601duration": "P9Y"}},
        {"procedureCode": biopsy, "dateOfProcedure": "2021-05-11"},
        {"procedureCode": {"id": "NCIT:C28039"}, "bodySite": kidney},
    ]
    assert not load_check(shared).errors("individual", person.record, formats=True)


def test_kinship_of_phenopackets(engine, tmp_path, shared):
    """As a PED file tells it, and as a pedigree of the specification where the proband has a disease."""
    disease = {"id": "OMIM:142900", "label": "Holt-Oram syndrome"}
    persons = [
        {
            "familyId": "F1", "individualId": "P1", "paternalId": "P3", "maternalId": "M",
            "sex": "FEMALE", "affectedStatus": "AFFECTED",
        },
        {
            "familyId": "F1", "individualId": "P3", "paternalId": "0", "maternalId": "0",
            "sex": "MALE", "affectedStatus": "UNAFFECTED",
        },
        {"familyId": "F1", "individualId": "M", "sex": "FEMALE"},
    ]  # fmt: skip
    family = {
        "id": "family-1",
        "proband": {"subject": {"id": "P1", "sex": "FEMALE"}, "diseases": [{"term": disease}]},
        "relatives": [{"subject": {"id": "P3", "sex": "MALE"}}, {"subject": {"id": "P4", "sex": "MALE"}}],
        "pedigree": {"persons": persons},
    }
    import_people(engine, DATASET, written(tmp_path, family), Format.PHENOPACKET)
    proband, father, stranger = people(engine, DATASET)
    told = {"family": "F1", "father": "P3", "mother": "M", "affected": True}
    assert proband.record["info"] == {"pedigree": told}
    assert father.record["info"] == {"pedigree": {"family": "F1", "affected": False}}
    assert "info" not in stranger.record
    assert (
        proband.record["pedigrees"]
        == father.record["pedigrees"]
        == [
            {
                "id": "family-1",
                "disease": {"diseaseCode": disease},
                "members": [
                    {
                        "memberId": "P1",
                        "role": {"id": "NCIT:C64435", "label": "Proband"},
                        "affected": True,
                    },
                    {
                        "memberId": "P3",
                        "role": {"id": "NCIT:C96572", "label": "Biological Father"},
                        "affected": False,
                    },
                ],
                "numSubjects": 3,
            }
        ]
    )
    check = load_check(shared)
    for person in (proband, father, stranger):
        assert not check.errors("individual", person.record, formats=True)


@pytest.mark.parametrize(
    ("packet", "place"),
    [
        ({"subject": {"id": "A", "sex": "F"}}, ", subject.sex"),
        ({"subject": {"id": "A"}, "phenotypes": []}, ", phenotypes"),
        (
            {"subject": {"id": "A"}, "phenotypicFeatures": [{"type": {"id": "HP:1", "name": "x"}}]},
            ", phenotypicFeatures[1].type.name",
        ),
        (
            {"subject": {"id": "A"}, "phenotypicFeatures": [{"type": {"id": "HP:1"}, "excluded": "no"}]},
            ", phenotypicFeatures[1].excluded",
        ),
        ({"subject": {"id": "A"}, "metaData": {"created": "yesterday"}}, ", metaData.created"),
        ({"subject": {"id": 7}}, ", subject.id"),
    ],
)
def test_what_is_no_phenopacket_is_told_by_field_and_without_its_value(engine, tmp_path, packet, place):
    path = written(tmp_path, packet)
    with pytest.raises(BadInput) as told:
        import_people(engine, DATASET, path, Format.PHENOPACKET)
    assert str(told.value.place) == f"{path}, packet 1{place}"
    assert "yesterday" not in told.value.message


# ---------------------------------------------------------------------- those who left, and taking turns


def test_people_who_have_withdrawn_stay_out(engine, tmp_path):
    records = [{"id": "P1", "sex": "female"}, {"id": "P2", "sex": "male"}]
    taken = [{"id": "P2-blood", "individualId": "P2", "sampleOriginType": {"id": "UBERON:0000178"}}]
    both = written(tmp_path, {"individuals": records, "biosamples": taken})
    import_people(engine, DATASET, both, Format.BFF)
    withdraw(engine, "P2")
    left = rows(engine)
    report = import_people(engine, DATASET, both, Format.BFF)
    assert (report.left_out, report.individuals, report.biosamples, *changes(report)) == (2, 1, 0, 0, 0, 1)
    # By another way: his sample under another person's name, a table, a patient of the same id.
    other = written(tmp_path, "id,samples\nP7,P2-blood\n", "other.csv")
    assert import_people(engine, DATASET, other, Format.CSV).left_out == 1
    assert fhir(engine, tmp_path, {**PATIENT, "id": "P2"}).left_out == 1
    assert rows(engine) == left


def test_imports_at_once_lose_nothing(tmp_path, new_database: NewDatabase):
    engine = db.connect(new_database(tmp_path))
    db.migrate(engine)
    add_dataset(engine, Dataset(DATASET, Assembly.GRCH38, Policy.CONTROLLED))
    import_people(engine, DATASET, written(tmp_path, "id,sex\nP0,F\n", "first.csv"), Format.CSV)
    # Each tells another column of the same people, and somebody of its own.
    columns = {
        "sex": "male",
        "diseases": "OMIM:142900",
        "features": "HP:0001250",
        "ethnicity": "NCIT:C43851",
        "geographic_origin": "GAZ:00002641",
        "karyotypic_sex": "XXY",
    }
    tables = [
        written(tmp_path, f"id,{name}\nP0,{value}\nP1,{value}\nown-{name},{value}\n", f"{name}.csv")
        for name, value in columns.items()
    ]
    barrier = threading.Barrier(len(tables), timeout=30)
    faults: list[BaseException] = []

    def one(path: Path) -> None:
        barrier.wait()
        try:
            import_people(engine, DATASET, path, Format.CSV)
        except BaseException as fault:  # noqa: BLE001  # told to the test below
            faults.append(fault)

    threads = [threading.Thread(target=one, args=(path,)) for path in tables]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not faults
    held = {person.id: person for person in people(engine, DATASET)}
    assert set(held) == {"P0", "P1", *(f"own-{name}" for name in columns)}
    for name in ("P0", "P1"):
        assert set(held[name].record) == {
            "id",
            "sex",
            "diseases",
            "phenotypicFeatures",
            "ethnicity",
            "geographicOrigin",
            "karyotypicSex",
        }
        assert held[name].sex is Sex.MALE
    engine.dispose()


def test_a_running_node_tells_at_once_what_was_imported(tmp_path, shared):
    home = tmp_path / "home"
    run(["init", "--home", str(home), "--url", "http://127.0.0.1:9", "--name", "A", "--country", "GB"])
    run(["dataset", "add", "ward", "--home", str(home), "--assembly", "GRCh38", "--policy", "open"])
    book = tmp_path / "people.xlsx"
    run(["people", "template", str(book)])
    filled(book, [["P1", "female", None, "OMIM:142900", "HP:0001250"]], [["S1", "P1"]])
    conformance = Conformance(load_check(shared))
    listening, url = free_socket()
    with (
        serving(create_app(read_settings(home)), listening),
        httpx.Client(base_url=url, timeout=30) as client,
    ):
        asked = "/beacon/individuals?requestedGranularity=record"
        assert client.get(asked).json()["responseSummary"]["exists"] is False
        run(["people", "import", str(book), "--home", str(home), "--dataset", "ward", "--format", "xlsx"])
        answer = client.get(asked).json()
        assert not conformance.faults(answer)
        assert [r["id"] for r in answer["response"]["resultSets"][0]["results"]] == ["P1"]
        packet = seen(
            concept(LOINC, "29463-7"),
            valueQuantity={"value": 70, "unit": "kg", "code": "kg"},
            effectiveDateTime="2020-01-01",
        )
        told = bundle(
            PATIENT, packet, about("Condition", code=concept(SNOMED, "1"), onsetAge={"value": 3, "code": "a"})
        )
        path = written(tmp_path, told, "fhir.json")
        shown = run(
            [
                "people",
                "import",
                str(path),
                "--home",
                str(home),
                "--dataset",
                "ward",
                "--format",
                "fhir",
                "--json",
            ]
        )
        assert json.loads(shown)["updated"] == 1
        heavy = client.get(asked + "&filters=LOINC:29463-7>69 kg").json()
        assert not conformance.faults(heavy)
        assert heavy["response"]["resultSets"][0]["results"][0]["measures"][0]["date"] == "2020-01-01"
        assert client.get(asked + "&filters=LOINC:29463-7>71 kg").json()["responseSummary"]["exists"] is False
        samples = client.get("/beacon/biosamples?requestedGranularity=record").json()
        assert not conformance.faults(samples)


def test_the_command_line_writes_templates_and_never_over_a_file(tmp_path):
    table = tmp_path / "people.csv"
    assert "people import" in run(["people", "template", str(table)])
    assert table.read_text().splitlines()[-1].startswith("id,sex,samples,")
    outcome = CliRunner().invoke(command_line, ["people", "template", str(table)])
    assert isinstance(outcome.exception, BadInput)
    run(["people", "template", "--format", "xlsx", str(tmp_path / "other")])
    with (tmp_path / "other").open("rb") as written_file:
        assert openpyxl.load_workbook(written_file).sheetnames == ["individuals", "biosamples", "read me"]


def run(arguments: list[str]) -> str:
    outcome = CliRunner().invoke(command_line, arguments)
    assert outcome.exit_code == 0, outcome.output
    return outcome.output
