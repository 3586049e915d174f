"""Importing people: the three hospitals whole, all or nothing, the same file twice, every format."""

import json
from pathlib import Path

import orjson
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Engine

from node import db
from node.people import Format, PeopleReport, biosamples, import_people, people, template
from schemas.errors import BadInput, NotHeld
from schemas.people import Feature, Individual, Sex, Term

DATASET = "ward"
HOSPITALS = {"uk": (91, 107), "fi": (99, 105), "es": (107, 162)}
FEMALE = {"id": "NCIT:C16576", "label": "female"}


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return node_with(tmp_path / "node.db", ["P1", "P2-blood"])


def node_with(path: Path, samples: list[str]) -> Engine:
    """A node that holds one dataset with these genotyped samples, and no people yet."""
    engine = db.connect(f"sqlite:///{path}")
    db.migrate(engine)
    with engine.begin() as connection:
        connection.execute(
            sa.insert(db.dataset).values(no=1, id=DATASET, assembly="GRCh38", policy="controlled")
        )
        for ordinal, sample in enumerate(samples):
            connection.execute(sa.insert(db.person).values(dataset_no=1, ordinal=ordinal, sample=sample))
    return engine


def written(folder: Path, content: object, name: str = "people.json") -> Path:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def bff(engine: Engine, folder: Path, content: object) -> PeopleReport:
    return import_people(engine, DATASET, written(folder, content), Format.BFF)


def rows(engine: Engine) -> list[tuple[object, ...]]:
    with engine.connect() as connection:
        tables = (db.individual, db.biosample)
        return [tuple(row) for table in tables for row in connection.execute(sa.select(table).order_by("id"))]


def changes(report: PeopleReport) -> tuple[int, int, int]:
    return report.new, report.updated, report.unchanged


@pytest.mark.parametrize("hospital", HOSPITALS)
def test_a_hospital_imports_whole_and_again_changes_nothing(shared, tmp_path, hospital):
    folder = shared / "data" / "network" / f"hospital-{hospital}"
    source = orjson.loads((folder / "individuals.json").read_bytes())
    count, in_pedigree = HOSPITALS[hospital]
    engine = node_with(tmp_path / "node.db", [record["id"] for record in source])

    first = import_people(engine, DATASET, folder / "individuals.json", Format.BFF)
    taken = import_people(engine, DATASET, folder / "biosamples.json", Format.BFF)
    assert (first.individuals, first.biosamples, *changes(first)) == (count, 0, count, 0, 0)
    assert (taken.individuals, taken.biosamples, *changes(taken)) == (0, count, count, 0, 0)
    assert first.linked == taken.linked == taken.genotyped == count

    held = {person.id: person for person in people(engine, DATASET)}
    for record in source:
        person = held[record["id"]]
        assert person.sex == record["sex"]["label"]
        assert [term.id for term in person.diseases] == [
            d["diseaseCode"]["id"] for d in record.get("diseases", [])
        ]
        assert dict(person.record) == record
    assert {sample.individual_id for sample in biosamples(engine, DATASET)} == set(held)

    before = rows(engine)
    again = import_people(engine, DATASET, folder / "individuals.json", Format.BFF)
    assert changes(again) == (0, 0, count)
    assert rows(engine) == before

    family = import_people(engine, DATASET, folder / "samples.ped.tsv", Format.PED)
    assert family.individuals == in_pedigree
    assert family.linked == count
    after = {person.id: person for person in people(engine, DATASET)}
    for name, person in held.items():
        assert (after[name].sex, after[name].diseases) == (person.sex, person.diseases)


def test_biosamples_may_come_before_their_individuals(engine, tmp_path):
    taken = [{"id": "P2-blood", "individualId": "P2", "sampleOriginType": {"id": "UBERON_0000178"}}]
    persons = [{"id": "P2", "sex": FEMALE}, {"id": "P1", "sex": "male"}]
    bff(engine, tmp_path, taken)
    report = bff(engine, tmp_path, persons)
    assert (report.linked, report.genotyped) == (2, 2)
    assert [(p.id, p.samples) for p in people(engine, DATASET)] == [("P1", ("P1",)), ("P2", ("P2-blood",))]
    one_by_one = rows(engine)

    together = node_with(tmp_path / "other.db", ["P1", "P2-blood"])
    bff(together, tmp_path, {"individuals": persons, "biosamples": taken})
    assert rows(together) == one_by_one


def test_a_record_replaces_and_a_pedigree_complements(engine, tmp_path):
    seen = {"featureType": {"id": "hp_0001250", "label": "Seizure"}}
    bff(engine, tmp_path, [{"id": "P1", "phenotypicFeatures": [seen]}])
    ped = written(tmp_path, "F1 P1 P3 0 1 2\nF1 P3 0 0 1 1\n", "family.ped")
    assert changes(import_people(engine, DATASET, ped, Format.PED)) == (1, 1, 0)
    first, father = people(engine, DATASET)
    assert (first.sex, father.sex) == (Sex.MALE, Sex.MALE)
    assert first.features == (Feature(Term("HP:0001250", "Seizure")),)
    assert first.record["info"] == {"pedigree": {"family": "F1", "father": "P3", "affected": True}}

    assert changes(bff(engine, tmp_path, [{"id": "P1", "sex": "female"}])) == (0, 1, 0)
    assert people(engine, DATASET)[0] == Individual(
        "P1", Sex.FEMALE, ("P1",), record={"id": "P1", "sex": FEMALE}
    )


def test_phenopackets_one_many_or_a_folder(engine, tmp_path):
    packet = {
        "id": "case-1",
        "subject": {"id": "P1", "sex": "FEMALE"},
        "phenotypicFeatures": [
            {"type": {"id": "HP:0001250", "label": "Seizure"}, "onset": {"age": {"iso8601duration": "P3Y"}}},
            {"type": {"id": "HP:0001629", "label": "VSD"}, "excluded": True},
        ],
        "diseases": [
            {"term": {"id": "OMIM:142900", "label": "Holt-Oram"}},
            {"term": {"id": "OMIM:607208"}, "excluded": True},
        ],
        "biosamples": [{"id": "P1-blood", "sampledTissue": {"id": "UBERON:0000178", "label": "blood"}}],
        "interpretations": [{"id": "never taken over"}],
        "metaData": {"phenopacketSchemaVersion": "2.0"},
    }
    snake = {"subject": {"id": "P2"}, "phenotypic_features": [{"type": {"id": "HP:0001250"}}]}
    folder = tmp_path / "packets"
    folder.mkdir()
    written(folder, packet, "a.json")
    written(folder, [snake], "b.json")
    report = import_people(engine, DATASET, folder, Format.PHENOPACKET)
    assert (report.individuals, report.biosamples, report.new) == (2, 1, 3)

    one, two = people(engine, DATASET)
    assert (one.sex, one.samples, one.diseases) == (
        Sex.FEMALE, ("P1-blood",), (Term("OMIM:142900", "Holt-Oram"),)
    )  # fmt: skip
    assert one.features == (
        Feature(Term("HP:0001250", "Seizure")),
        Feature(Term("HP:0001629", "VSD"), excluded=True),
    )
    assert one.record["phenotypicFeatures"][0]["onset"] == {"iso8601duration": "P3Y"}
    assert "never taken over" not in json.dumps([p.record for p in (one, two)])
    assert (two.sex, two.features) == (Sex.UNKNOWN, (Feature(Term("HP:0001250")),))
    (blood,) = biosamples(engine, DATASET)
    assert (blood.individual_id, blood.record["sampleOriginDetail"]["id"]) == ("P1", "UBERON:0000178")


def test_a_table_from_the_template(engine, tmp_path):
    table = template() + (
        "P1,F,,OMIM:142900 Holt-Oram syndrome|ORPHA:392,HP:0001250 Seizure,HP_0001629,NCIT:C41261 British,,\n"
        '"P2",2,P2-blood|P2-saliva,,,,,,XXX\n'
    )
    report = import_people(engine, DATASET, written(tmp_path, table, "t.csv"), Format.CSV)
    assert (report.new, report.linked) == (2, 2)
    one, two = people(engine, DATASET)
    assert one.diseases == (Term("OMIM:142900", "Holt-Oram syndrome"), Term("ORPHA:392"))
    assert one.features == (
        Feature(Term("HP:0001250", "Seizure")),
        Feature(Term("HP:0001629"), excluded=True),
    )
    assert one.record["ethnicity"] == {"id": "NCIT:C41261", "label": "British"}
    assert (two.sex, two.samples) == (Sex.FEMALE, ("P2-blood", "P2-saliva"))

    # An empty cell leaves what is held, a dash says there is none; semicolons are what spreadsheets write.
    correction = written(tmp_path, "\ufeffID;Sex;diseases;features;ethnicity\r\nP1;;-;;-\r\n", "c.csv")
    import_people(engine, DATASET, correction, Format.CSV)
    corrected = people(engine, DATASET)[0]
    assert (corrected.sex, corrected.diseases, corrected.features) == (Sex.FEMALE, (), one.features)
    assert "ethnicity" not in corrected.record


@pytest.mark.parametrize(
    ("form", "content", "place"),
    [
        (Format.BFF, "[{]", "people, line 1"),
        (Format.BFF, '[\n{"id": "P1", "sex": "male"}\n,7 7]', "people, line 3"),
        (Format.BFF, '[{"name": "x"}]', "people, record 1"),
        (Format.BFF, '"text"', "people"),
        (Format.BFF, '[{"sex": "male"}]', "people, record 1, id"),
        (Format.BFF, '[{"id": 7, "sex": "male"}]', "people, record 1, id"),
        (Format.BFF, '[{"id": "a\\nb", "sex": "male"}]', "people, record 1, id"),
        (Format.BFF, '[{"id": "A", "sex": "male"}, {"id": "A", "sex": "male"}]', "people, record 2"),
        (Format.BFF, '[{"id": "A", "sex": {"id": "NCIT:C1"}}]', "people, record 1, sex.id"),
        (
            Format.BFF,
            '[{"id": "A", "sex": {"id": "NCIT:C20197", "label": "female"}}]',
            "people, record 1, sex",
        ),
        (
            Format.BFF,
            '{"individuals": [{"id": "A", "diseases": [{"diseaseCode": {"id": "flu"}}]}]}',
            "people, individual 1, diseases[1].diseaseCode.id",
        ),
        (
            Format.BFF,
            '[{"id": "A", "phenotypicFeatures": [{"featureType": {"id": "HP:1"}, "excluded": "no"}]}]',
            "people, record 1, phenotypicFeatures[1].excluded",
        ),
        (Format.BFF, '[{"id": "A", "measures": {}}]', "people, record 1, measures"),
        (Format.BFF, '{"individuals": [], "cohorts": []}', "people"),
        (Format.PHENOPACKET, '{"id": "x"}', "people, packet 1, subject"),
        (
            Format.PHENOPACKET,
            '{"subject": {"id": "A"}, "metaData": {"phenopacketSchemaVersion": "1.0"}}',
            "people, packet 1, metaData.phenopacketSchemaVersion",
        ),
        (Format.PED, "F A 0 0 1 1\nF B A 0\n", "people, line 2"),
        (Format.PED, "F A 0 0 x 1\n", "people, line 1, sex"),
        (Format.PED, "F A A 0 1 1\n", "people, line 1, father"),
        (Format.PED, "F A B 0 1 1\nF B 0 0 2 1\n", "people, line 1, father"),
        (Format.PED, "F A 0 0 1 1.75\n", "people, line 1, affection"),
        (Format.PED, "F A 0 0 1 1\nG A 0 0 1 1\n", "people, line 2"),
        (Format.CSV, "", "people"),
        (Format.CSV, "id,colour\nA,red\n", "people, line 1"),
        (Format.CSV, "\n,,\n", "people, line 2"),
        (Format.CSV, "sex\nF\n", "people, line 1"),
        (Format.CSV, "id,sex,sex\nA,F,F\n", "people, line 1"),
        (Format.CSV, "# x\n\nid,sex\nA,F\nB\n", "people, line 5"),
        (Format.CSV, "id,sex\nA,F\nB,?\n", "people, line 3, sex"),
        (Format.CSV, 'id,sex\n"A,F\n', "people, line 2"),
        (Format.CSV, "id,diseases\nA,OMIM:142900;OMIM:2\n", "people, line 2, diseases"),
        (Format.CSV, "id,ethnicity\nA,NCIT:C1|NCIT:C2\n", "people, line 2, ethnicity"),
    ],
)
def test_what_is_wrong_is_told_by_place_and_nothing_is_kept(
    engine, tmp_path, monkeypatch, form, content, place
):
    (tmp_path / "people").write_text(content, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput) as told:
        import_people(engine, DATASET, Path("people"), form)
    assert str(told.value.place) == place
    assert rows(engine) == []


def test_one_sample_name_belongs_to_one_individual(engine, tmp_path):
    bff(engine, tmp_path, [{"id": "P1", "sex": "male"}])
    before = rows(engine)
    with pytest.raises(BadInput, match="belongs to another"):
        import_people(engine, DATASET, written(tmp_path, "id,samples\nP9,P8\nP2,P1\n", "t.csv"), Format.CSV)
    assert rows(engine) == before


def test_unknown_datasets_and_missing_files_are_refused(engine, tmp_path):
    with pytest.raises(BadInput, match="does not exist"):
        import_people(engine, "elsewhere", written(tmp_path, []), Format.BFF)
    with pytest.raises(BadInput, match="cannot be read"):
        import_people(engine, DATASET, tmp_path / "nowhere.json", Format.BFF)
    (tmp_path / "latin.ped").write_bytes(b"F A 0 0 1 1\nF \xe9 0 0 1 1\n")
    with pytest.raises(BadInput, match="UTF-8"):
        import_people(engine, DATASET, tmp_path / "latin.ped", Format.PED)
    with pytest.raises(NotHeld):
        people(engine, "elsewhere")


@pytest.mark.parametrize("form", Format)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.one_of(
        st.binary(max_size=200),
        st.recursive(
            st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["", "P1", "HP:1", "male"]),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(
                        ["id", "sex", "label", "diseases", "diseaseCode", "individualId", "subject", "info",
                         "onset", "phenotypicFeatures", "featureType", "type", "individuals", "biosamples",
                         "measures"]
                    ),
                    inner,
                    max_size=4,
                )
            ),
            max_leaves=15,
        ).map(lambda value: json.dumps(value).encode()),
    )
)  # fmt: skip
def test_any_content_is_imported_or_refused(engine, tmp_path, form, content):
    path = tmp_path / "any"
    path.write_bytes(content)
    before = rows(engine)
    try:
        import_people(engine, DATASET, path, form)
    except BadInput:
        assert rows(engine) == before
    else:
        people(engine, DATASET)
        biosamples(engine, DATASET)
