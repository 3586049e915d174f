"""People, samples, runs and analyses over real files and a real database, against plain JSON and VCF.

Every filter has beside it a predicate on the JSON value of a record, written without any code of the node;
what the Beacon finds must be what the predicate picks.  Everything that leaves is held against the official
schemas where they are there.
"""

import asyncio
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from beacon.entries import ENDPOINTS, ENTRY_TYPES
from beacon.terms import terms_endpoints
from node import db
from node.app import create_app
from node.config import read_settings
from node.home import make_home
from node.people import Format, import_people
from node.store.catalogue import add_dataset
from node.store.ingest import ingest
from schemas.access import Policy
from schemas.genome import Assembly
from schemas.people import Dataset
from tests.clinic import Clinic, a_clinic
from tests.worlds_beacon import Conformance, load_check

JSON = dict[str, Any]
SETTINGS = """
[beacon]
synthetic = ["invented"]

[[cohorts]]
id = "women"
name = "Women"
datasets = ["clinic"]
filters = ["sex=female"]
"""


@dataclass(frozen=True)
class World:
    clinic: Clinic
    app: FastAPI
    home: Path

    def get(self, path: str, **parameters: str) -> httpx.Response:
        return self.call("GET", path, params=parameters)

    def post(self, path: str, **query: Any) -> httpx.Response:
        return self.call("POST", path, json={"meta": {"apiVersion": "v2.1.1"}, "query": query})

    def call(self, method: str, path: str, **rest: Any) -> httpx.Response:
        async def once() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://node/beacon") as client:
                return await client.request(method, path, **rest)

        return asyncio.run(once())

    def found(self, path: str, **query: Any) -> list[JSON]:
        """Every record that is found in the clinic; the count must agree."""
        pages = {"limit": 1000}
        reply = self.post(path, requestedGranularity="record", pagination=pages, datasets=["clinic"], **query)
        assert reply.status_code == 200, reply.text
        document = reply.json()
        sets = document["response"]["resultSets"]
        records = [record for one in sets for record in one["results"]]
        assert document["responseSummary"] == {"exists": bool(records), "numTotalResults": len(records)}
        return records


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("clinic")
    clinic = a_clinic()
    made = make_home(folder / "home", "http://127.0.0.1:8080", "Clinic", "FI")
    with (folder / "home" / "varhaven.toml").open("a") as settings:
        settings.write(SETTINGS)
    engine = db.connect(made.settings.database_url)
    (folder / "clinic.vcf").write_text(clinic.vcf)
    (folder / "people.json").write_text(
        json.dumps({"individuals": clinic.records, "biosamples": clinic.samples})
    )
    for name, policy in (
        ("clinic", Policy.OPEN),
        ("invented", Policy.CONTROLLED),
        ("shut", Policy.CONTROLLED),
    ):
        add_dataset(engine, Dataset(name, Assembly.GRCH37, policy))
        ingest(engine, made.settings.ingest, folder / "clinic.vcf", name)
        import_people(engine, name, folder / "people.json", Format.BFF)
    engine.dispose()
    return World(clinic, create_app(read_settings(folder / "home")), folder / "home")


@pytest.fixture(scope="module")
def conformance(shared: Path) -> Conformance:
    return Conformance(load_check(shared))


# ------------------------------------------------------------------------------ what the records say

SEIZURES = {"HP:0001250", "HP:0007359", "HP:0011153"}


def years(text: str) -> float:
    """`P3Y6M` in years."""
    parts = {unit: float(number) for number, unit in re.findall(r"(\d+)([YM])", text)}
    return parts.get("Y", 0) + parts.get("M", 0) / 12


def has_feature(person: JSON, codes: set[str], excluded: bool = False) -> bool:
    return any(
        feature["featureType"]["id"] in codes and feature.get("excluded", False) == excluded
        for feature in person.get("phenotypicFeatures", [])
    )


def has_disease(person: JSON, codes: set[str]) -> bool:
    return any(disease["diseaseCode"]["id"] in codes for disease in person.get("diseases", []))


def onset(person: JSON, test: Callable[[float], bool]) -> bool:
    for disease in person.get("diseases", []):
        age = disease.get("ageOfOnset", {})
        ends = [age] if "iso8601duration" in age else [age[end] for end in ("start", "end") if end in age]
        if ends and all(test(years(end["iso8601duration"])) for end in ends):
            return True
    return False


def kilograms(person: JSON) -> float:
    for measure in person.get("measures", []):
        if measure["assayCode"]["id"] == "LOINC:3141-9":
            value = measure["measurementValue"]
            return value["value"] / (1000 if value["unit"]["label"] == "Gram" else 1)
    return -1


def systolic(person: JSON) -> float:
    for measure in person.get("measures", []):
        for part in measure["measurementValue"].get("typedQuantities", []):
            return float(part["quantity"]["value"])
    return -1


def any_of(person: JSON, name: str, test: Callable[[JSON], bool]) -> bool:
    return any(test(element) for element in person.get(name, []))


def own_member(person: JSON, test: Callable[[JSON], bool]) -> bool:
    families = person.get("pedigrees", [])
    return any(test(m) for family in families for m in family["members"] if m["memberId"] == person["id"])


def sex(person: JSON) -> str:
    return str(person["sex"]["label"])


OF_PEOPLE: dict[str, tuple[list[Any], Callable[[JSON], bool]]] = {
    "a term": (["NCIT:C16576"], lambda p: sex(p) == "female"),
    "another code of the same": (["PATO:0000383"], lambda p: sex(p) == "female"),
    "a term above all sexes": (["NCIT:C28421"], lambda p: "sex" in p),
    "not a term": (["!NCIT:C16576"], lambda p: sex(p) != "female"),
    "descendants": (["HP:0001250"], lambda p: has_feature(p, SEIZURES)),
    "spelled otherwise": ([{"id": "HP_0001250"}], lambda p: has_feature(p, SEIZURES)),
    "as an address": (
        [{"id": "http://purl.obolibrary.org/obo/HP_0001250"}],
        lambda p: has_feature(p, SEIZURES),
    ),
    "without descendants": (
        [{"id": "HP:0001250", "includeDescendantTerms": False}],
        lambda p: has_feature(p, {"HP:0001250"}),
    ),
    "a leaf": (["HP:0011153"], lambda p: has_feature(p, {"HP:0011153"})),
    "not seen with a feature": (
        [{"id": "HP:0001250", "excluded": True}],
        lambda p: not has_feature(p, SEIZURES),
    ),
    "a feature was looked for and not found": (
        [{"id": "phenotypicFeatures.excluded", "operator": "=", "value": "HP:0007359"}],
        lambda p: has_feature(p, {"HP:0001250", "HP:0007359"}, excluded=True),
    ),
    "some feature was not found": (
        [{"id": "phenotypicFeatures.excluded", "operator": "=", "value": True}],
        lambda p: any_of(p, "phenotypicFeatures", lambda f: f.get("excluded", False)),
    ),
    "similar, too": (
        [{"id": "HP:0011153", "similarity": "high", "includeDescendantTerms": False}],
        lambda p: has_feature(p, SEIZURES),
    ),
    "a disease and its kinds": (
        ["MONDO:0005015"],
        lambda p: has_disease(p, {"MONDO:0005015", "MONDO:0005147"}),
    ),
    "a code of no vocabulary here": (["ICD10:F20"], lambda p: has_disease(p, {"ICD10:F20"})),
    "a severity": (
        ["HP:0012828"],
        lambda p: any_of(
            p,
            "phenotypicFeatures",
            lambda f: f.get("severity", {}).get("label") == "Severe" and not f.get("excluded"),
        ),
    ),
    "both": (["HP:0001250", "NCIT:C20197"], lambda p: has_feature(p, SEIZURES) and sex(p) == "male"),
    "either": (
        [[{"id": "HP:0001250"}, {"id": "MONDO:0004979"}]],
        lambda p: has_feature(p, SEIZURES) or has_disease(p, {"MONDO:0004979"}),
    ),
    "either, and a third": (
        [[{"id": "HP:0001250"}, {"id": "MONDO:0004979"}], {"id": "sex", "operator": "!", "value": "male"}],
        lambda p: (has_feature(p, SEIZURES) or has_disease(p, {"MONDO:0004979"})) and sex(p) != "male",
    ),
    "a field": (["sex=female"], lambda p: sex(p) == "female"),
    "a field by its code": (["sex=NCIT:C16576"], lambda p: sex(p) == "female"),
    "part of a field": (
        [{"id": "sex.label", "operator": "=", "value": "fem%"}],
        lambda p: sex(p) == "female",
    ),
    "not a value": (["sex:!female"], lambda p: sex(p) != "female"),
    "a custom term": (["ethnicity:British"], lambda p: p.get("ethnicity", {}).get("label") == "British"),
    "a label": (["Ataxia"], lambda p: has_feature(p, {"HP:0001251"})),
    "words with a wildcard": (
        ["diseases.diseaseCode.label=%diabetes%"],
        lambda p: has_disease(p, {"MONDO:0005015", "MONDO:0005147"}),
    ),
    "an enumeration": (["karyotypicSex=XXY"], lambda p: p.get("karyotypicSex") == "XXY"),
    "an age": (["ageOfOnset>P40Y"], lambda p: onset(p, lambda age: age > 40)),
    "an age at least": (["diseases.ageOfOnset>=P12Y6M"], lambda p: onset(p, lambda age: age >= 12.5)),
    "an age at most": (
        ["diseases.ageOfOnset.iso8601duration<=P300M"],
        lambda p: onset(p, lambda age: age <= 25),
    ),
    "a flag": (
        ["familyHistory=true"],
        lambda p: any_of(p, "diseases", lambda d: d.get("familyHistory") is True),
    ),
    "a measure in its unit": (["LOINC:3141-9>80 kg"], lambda p: kilograms(p) > 80),
    "a measure in another unit": (["Weight<=80000 g"], lambda p: 0 <= kilograms(p) <= 80),
    "a measure by code of unit": (["LOINC:3141-9<70 NCIT:C28252"], lambda p: 0 <= kilograms(p) < 70),
    "a part of a measure": (["LOINC:8480-6>=140"], lambda p: systolic(p) >= 140),
    "a part in a unit": (["Systolic<120 mmHg"], lambda p: 0 <= systolic(p) < 120),
    "a date": (
        ["measures.date>2020"],
        lambda p: any_of(p, "measures", lambda m: m.get("date", "") > "2021"),
    ),
    "a day at most": (
        ["measures.date<=2020-06-05"],
        lambda p: any_of(p, "measures", lambda m: "" < m.get("date", "") <= "2020-06-05"),
    ),
    "a treatment": (["NCIT:C287"], lambda p: "treatments" in p),
    "age at treatment": (
        ["treatments.ageAtOnset<P50Y"],
        lambda p: any_of(p, "treatments", lambda t: years(t["ageAtOnset"]["iso8601duration"]) < 50),
    ),
    "a dose": (
        ["cumulativeDose>=5000 mg"],
        lambda p: any_of(p, "treatments", lambda t: t["cumulativeDose"]["value"] >= 5),
    ),
    "how much of an exposure": (
        ["NCIT:C154329>20"],
        lambda p: any_of(p, "exposures", lambda e: e["value"] > 20),
    ),
    "how long an exposure": (
        ["exposures.duration>=P1Y"],
        lambda p: any_of(p, "exposures", lambda e: years(e["duration"]) >= 1),
    ),
    "where of a procedure": (
        ["bodySite=colon"],
        lambda p: any_of(p, "interventionsOrProcedures", lambda i: i["bodySite"]["label"] == "colon"),
    ),
    "his role in a family": (["NCIT:C96572"], lambda p: "pedigrees" in p),
    "affected himself": (["OMIM:164400"], lambda p: own_member(p, lambda m: m["affected"])),
    "not affected himself": (
        ["members.affected=false"],
        lambda p: own_member(p, lambda m: not m["affected"]),
    ),
    "a field of our own": (["info.batch=north"], lambda p: p["info"]["batch"] == "north"),
    "a number of our own": (["info.plate>=4"], lambda p: p["info"]["plate"] >= 4),
}
OF_SAMPLES: dict[str, tuple[list[Any], Callable[[JSON], bool]]] = {
    "a tissue": (["UBERON:0000178"], lambda s: s["sampleOriginType"]["label"] == "blood"),
    "a status": (["biosampleStatus=neoplastic%"], lambda s: s["biosampleStatus"]["id"] == "EFO:0009656"),
    "an age": (["collectionMoment<P30Y"], lambda s: years(s.get("collectionMoment", "P99Y")) < 30),
    "a date": (["collectionDate>=2015"], lambda s: s.get("collectionDate", "") >= "2015"),
    "with a scope": (
        [{"id": "UBERON:0000178", "scope": "biosamples"}],
        lambda s: s["sampleOriginType"]["label"] == "blood",
    ),
    "a field with its entry type": (
        ["biosample.sampleOriginType.label=liver"],
        lambda s: s["sampleOriginType"]["label"] == "liver",
    ),
}
STRANGER = {"sex": {"label": "Unknown"}, "info": {"batch": "", "plate": -1}}
NO_SAMPLE = {"sampleOriginType": {"label": "Unknown"}, "biosampleStatus": {"id": "NCIT:C17998"}}


def people_of(clinic: Clinic, test: Callable[[JSON], bool]) -> set[str]:
    """Who satisfies it, those among them of whom only the genotype is known."""
    everybody = [*clinic.records, *({**STRANGER, "id": name} for name in ("X1", "X2"))]
    return {person["id"] for person in everybody if test(person)}


def samples_of(clinic: Clinic, test: Callable[[JSON], bool]) -> set[str]:
    everything = [*clinic.samples, *({**NO_SAMPLE, "id": name} for name in ("X1", "X2"))]
    return {sample["id"] for sample in everything if test(sample)}


@pytest.mark.parametrize("name", OF_PEOPLE)
def test_individuals_are_those_that_the_records_say(world: World, name: str) -> None:
    filters, test = OF_PEOPLE[name]
    expected = people_of(world.clinic, test)
    assert 0 < len(expected) < 62 or name == "a term above all sexes"  # otherwise it would show nothing
    assert {record["id"] for record in world.found("/individuals", filters=filters)} == expected
    owned = {s["id"] for s in world.clinic.samples if s["individualId"] in expected} | (
        expected & {"X1", "X2"}
    )
    assert {record["id"] for record in world.found("/biosamples", filters=filters)} == owned


@pytest.mark.parametrize("name", OF_SAMPLES)
def test_biosamples_are_those_that_the_records_say(world: World, name: str) -> None:
    filters, test = OF_SAMPLES[name]
    expected = samples_of(world.clinic, test)
    assert 0 < len(expected) < len(world.clinic.samples)
    assert {record["id"] for record in world.found("/biosamples", filters=filters)} == expected
    owners = {world.clinic.owner(sample) for sample in expected}
    assert {record["id"] for record in world.found("/individuals", filters=filters)} == owners
    genotyped = {f"run-{name}" for name in expected & set(world.clinic.genotyped)}
    assert {record["id"] for record in world.found("/runs", filters=filters)} == genotyped


@pytest.mark.parametrize("name", [*OF_PEOPLE, *(f"sample: {name}" for name in OF_SAMPLES)])
def test_variants_are_counted_over_whom_the_filters_mean(world: World, name: str) -> None:
    clinic = world.clinic
    if name in OF_PEOPLE:
        filters, test = OF_PEOPLE[name]
        people = people_of(clinic, test)
        meant = {sample for sample in clinic.genotyped if clinic.owner(sample) in people}
    else:
        filters, test = OF_SAMPLES[name.removeprefix("sample: ")]
        meant = samples_of(clinic, test) & set(clinic.genotyped)
    expected = {}
    for site, calls in enumerate(clinic.genotypes):
        of_them = [call for sample, call in zip(clinic.genotyped, calls, strict=True) if sample in meant]
        copies = sum(call.count("1") for call in of_them)
        if copies:
            called = sum(call != "./." for call in of_them)
            expected[1000 + 10 * site] = (copies, 2 * called, of_them.count("0/1"), of_them.count("1/1"))
    whole = {"assemblyId": "GRCh37", "referenceName": "20", "start": [900], "end": [2000]}
    records = world.found("/g_variants", filters=filters, requestParameters={"g_variant": whole})
    assert {counts(record)[0]: counts(record)[1:] for record in records} == expected


def counts(record: JSON) -> tuple[int, ...]:
    """POS, AC, AN, people with one copy and with two."""
    told = record["frequencyInPopulations"][0]["frequencies"][0]
    names = ("alleleCount", "alleleNumber", "alleleCountHeterozygous", "alleleCountHomozygous")
    pos = int(record["variantInternalId"].split(":")[2])
    return (pos, *(told[name] for name in names))


# ----------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("filters", "reason"),
    [
        (["HP:0001259x"], "near matches: HP:0001259 Coma"),
        (["HP:9999999"], "not known here"),
        (["ICD10:F99"], "not known here; near matches: ICD10:F20"),
        (["seizur"], "near matches: HP:0001250 Seizure"),
        (["favouriteColour=red"], "no such field"),
        (["age>P18Y"], "near matches: diseases.ageOfOnset"),
        (["geographicOrigins=GB"], "near matches: geographicOrigin"),
        (["favouriteColour:red"], "not known here"),
        (["LOINC:0000-0>5"], "no such field or assay"),
        (["ageOfOnset>40"], "ISO 8601"),
        (["ageOfOnset=young"], "ISO 8601"),
        (["sex>female"], "has no order"),
        (["measures.date>soon"], "date in ISO 8601"),
        (["cumulativeDose>much"], "give a number"),
        (["LOINC:3141-9>5 parsecs"], "unit 'parsecs'"),
        (["date>2020"], "name it in full"),
        (["HP:0001250>"], "an operator and a value"),
        ([{"id": "HP:0001250", "scope": "runs"}], "about individuals, biosamples"),
        ([{"id": "HP:0001250", "colour": "red"}], "unknown parameter 'colour'"),
        ([{"id": "HP:0001250", "similarity": "somewhat"}], "similarity"),
        ([{"id": "sex", "operator": "~", "value": "female"}], "operator"),
        ([{"id": "sex", "operator": "="}], "no value"),
        ([{"id": "ethnicity:British", "includeDescendantTerms": True}], "no ontology term"),
        ([{"value": "female"}], "id"),
        ([[]], "is empty"),
        ([7], "a text or an object"),
        ([{"id": "HP:0001250"}] * 51, "50 filters at most"),
    ],
)
@pytest.mark.parametrize("path", ["/individuals", "/biosamples", "/g_variants"])
def test_what_is_not_understood_is_refused_with_the_reason(
    world: World, path: str, filters: list[Any], reason: str
) -> None:
    where = {"assemblyId": "GRCh37", "referenceName": "20", "start": [900], "end": [2000]}
    parameters = {"requestParameters": {"g_variant": where}} if path == "/g_variants" else {}
    reply = world.post(path, filters=filters, **parameters)
    assert reply.status_code == 400
    assert reason in reply.json()["error"]["errorMessage"]


junk = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=20)
    | st.sampled_from(["HP:0001250", "sex", ">"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "operator", "value", "scope", "excluded", "similarity", "x"]), inner
        )
    ),
    max_leaves=6,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(junk, max_size=3),
    st.sampled_from(["/individuals", "/biosamples", "/runs", "/datasets", "/cohorts"]),
)
def test_whatever_is_asked_is_answered_or_refused(world: World, filters: list[Any], path: str) -> None:
    reply = world.post(path, filters=filters)
    assert reply.status_code in (200, 400), reply.text
    short = [one for one in filters if isinstance(one, str)]
    assert world.get(path, filters=",".join(short)).status_code in (200, 400)


def test_terms_of_a_closed_dataset_are_not_known(world: World, tmp_path: Path) -> None:
    """An unknown term must not tell whether it is in records that the caller may not see."""
    reply = world.post("/individuals", filters=["ICD10:F20"], datasets=["shut"])
    assert reply.status_code == 401
    assert "F20" not in reply.text


# --------------------------------------------------------------------------------------- below an entry


def test_one_entry_and_what_is_below_it(world: World) -> None:
    clinic = world.clinic
    sample = next(name for name in clinic.genotyped if name.endswith("a"))
    person = clinic.owner(sample)
    own = {one["id"] for one in clinic.samples_of(person)}
    runs = {f"run-{name}" for name in own & set(clinic.genotyped)}
    carried = {1000 + 10 * site for site in range(40) if own & clinic.carriers(site)}
    by_sample = {1000 + 10 * site for site in range(40) if sample in clinic.carriers(site)}

    record = next(one for one in clinic.records if one["id"] == person)
    assert world.found(f"/individuals/{person}") == [record]
    assert {r["id"] for r in world.found(f"/individuals/{person}/biosamples")} == own
    assert {r["id"] for r in world.found(f"/individuals/{person}/runs")} == runs
    assert len(world.found(f"/individuals/{person}/analyses")) == 1
    assert {counts(r)[0] for r in world.found(f"/individuals/{person}/g_variants")} == carried
    assert {counts(r)[0] for r in world.found(f"/biosamples/{sample}/g_variants")} == by_sample
    assert {counts(r)[0] for r in world.found(f"/runs/run-{sample}/g_variants")} == by_sample
    assert [r["biosampleId"] for r in world.found(f"/biosamples/{sample}/runs")] == [sample]
    analysis = world.found("/analyses")[0]["id"]
    everything = {1000 + 10 * site for site in range(40) if clinic.carriers(site)}
    assert {counts(r)[0] for r in world.found(f"/analyses/{analysis}/g_variants")} == everything


def test_variants_of_somebody_come_in_pages(world: World) -> None:
    person = world.clinic.owner(world.clinic.genotyped[0])
    seen: list[int] = []
    for skip in range(50):
        reply = world.get(
            f"/individuals/{person}/g_variants", requestedGranularity="record", skip=str(skip), limit="3"
        )
        sets = reply.json()["response"]["resultSets"]
        seen += [counts(record)[0] for one in sets for record in one["results"]]
    assert seen == sorted(set(seen))
    assert len(seen) == reply.json()["responseSummary"]["numTotalResults"]


@pytest.mark.parametrize("site", [0, 7, 39])
def test_who_carries_a_variant(world: World, site: int) -> None:
    clinic = world.clinic
    carriers = clinic.carriers(site)
    name = f"GRCh37:20:{1000 + 10 * site}:A:C"
    people = {clinic.owner(sample) for sample in carriers}
    assert {r["id"] for r in world.found(f"/g_variants/{name}/individuals")} == people
    assert {r["id"] for r in world.found(f"/g_variants/{name}/biosamples")} == carriers
    assert {r["id"] for r in world.found(f"/g_variants/{name}/runs")} == {f"run-{one}" for one in carriers}
    assert [r["variantInternalId"] for r in world.found(f"/g_variants/{name}")] == [name]
    start = 999 + 10 * site
    asked = {
        "assemblyId": "GRCh37",
        "referenceName": "20",
        "start": [start],
        "referenceBases": "A",
        "alternateBases": "C",
    }
    women = people_of(clinic, lambda p: sex(p) == "female")
    found = world.found("/individuals", requestParameters={"g_variant": asked}, filters=["sex=female"])
    assert {r["id"] for r in found} == people & women


def test_below_collections(world: World) -> None:
    women = people_of(world.clinic, lambda p: sex(p) == "female")
    assert {r["id"] for r in world.found("/cohorts/women/individuals")} == women
    assert len(world.found("/datasets/clinic/individuals")) == 62
    cohort = world.get("/cohorts/women").json()["response"]["collections"][0]
    assert (cohort["id"], cohort["cohortSize"]) == ("women", len(women))
    for path in ("/datasets/elsewhere", "/cohorts/elsewhere", "/datasets/elsewhere/g_variants"):
        assert world.get(path, **({} if "g_v" not in path else WHOLE)).status_code == 404


WHOLE = {"assemblyId": "GRCh37", "referenceName": "20", "start": "900", "end": "2000"}


def test_somebody_unknown_and_somebody_hidden_look_alike(world: World) -> None:
    answers = [world.get(f"/individuals/{name}").json() for name in ("nobody", "neither")]
    assert [answer["responseSummary"] for answer in answers] == [{"exists": False}] * 2


# ------------------------------------------------------------------------------------------- test mode


def test_test_mode_shows_synthetic_data_alone_and_to_anybody(world: World) -> None:
    assert world.post("/individuals", datasets=["invented"]).status_code == 401
    reply = world.post("/individuals", testMode=True, requestedGranularity="record")
    assert [one["id"] for one in reply.json()["response"]["resultSets"]] == ["invented"]
    assert reply.json()["responseSummary"]["numTotalResults"] == 62
    assert world.post("/individuals", testMode=True, datasets=["shut"]).status_code == 400
    assert world.post("/individuals/P01", testMode=True, datasets=["clinic"]).status_code == 400


# --------------------------------------------------------------------------------------- every endpoint


def a_name(world: World, below: str) -> str:
    sample = world.clinic.genotyped[0]
    return {
        "analyses": world.found("/analyses")[0]["id"],
        "biosamples": sample,
        "cohorts": "women",
        "datasets": "clinic",
        "g_variants": "GRCh37:20:1000:A:C",
        "individuals": world.clinic.owner(sample),
        "runs": f"run-{sample}",
    }[below]


@pytest.mark.parametrize("granularity", ["boolean", "count", "record"])
@pytest.mark.parametrize("path", [endpoint.path for endpoint in ENDPOINTS])
def test_every_endpoint_conforms(world: World, conformance: Conformance, path: str, granularity: str) -> None:
    url = "/" + path.replace("{id}", a_name(world, path.split("/", maxsplit=1)[0]))
    parameters = (
        WHOLE if path in ("g_variants", "datasets/{id}/g_variants", "cohorts/{id}/g_variants") else {}
    )
    variant = {**parameters, "start": [900], "end": [2000]} if parameters else None
    query = {"requestParameters": {"g_variant": variant}} if variant else {}
    for include in ("HIT", "MISS", "ALL", "NONE"):
        settings = {"requestedGranularity": granularity, "includeResultsetResponses": include}
        got = world.get(url, **parameters, **settings)
        posted = world.post(url, **query, **settings)
        assert got.status_code == posted.status_code == 200, got.text
        assert got.json()["responseSummary"]["exists"] is True
        assert (got.json().get("response"), got.json()["responseSummary"]) == (
            posted.json().get("response"),
            posted.json()["responseSummary"],
        )
        assert not conformance.faults(got.json())
        assert not conformance.faults(posted.json())


def test_filters_are_echoed_and_conform(world: World, conformance: Conformance) -> None:
    for filters, _ in [*OF_PEOPLE.values(), *OF_SAMPLES.values()]:
        document = world.post("/individuals", filters=filters, requestedGranularity="record").json()
        assert len(document["meta"]["receivedRequestSummary"]["filters"]) == len(filters)
        assert not conformance.faults(document)


@pytest.mark.parametrize("endpoint", terms_endpoints(ENTRY_TYPES), ids=lambda endpoint: endpoint.path)
def test_filtering_terms_conform_and_can_be_asked(
    world: World, conformance: Conformance, endpoint: Any
) -> None:
    url = "/" + endpoint.path.replace(
        "{id}", a_name(world, endpoint.path.split("/")[0]) if endpoint.single else ""
    )
    reply = world.get(url)
    assert reply.status_code == 200
    assert not conformance.faults(reply.json())
    if endpoint.of is not None:
        assert world.call("POST", url, json={}).content == reply.content
    terms = reply.json()["response"]["filteringTerms"]
    paged = [
        term
        for skip in range(len(terms) // 7 + 1)
        for term in world.get(url, skip=str(skip), limit="7").json()["response"]["filteringTerms"]
    ]
    assert paged == terms
    for term in terms:
        if term["scopes"] == ["genomicVariant"]:
            where = {"assemblyId": "GRCh37", "referenceName": "20", "start": [0], "end": [10**6]}
            asked = world.post("/g_variants", requestParameters={"g_variant": where}, filters=[term["id"]])
            assert asked.status_code == 200, asked.text
        elif term["type"] == "ontologyTerm" and not endpoint.single:
            own = {"id": term["id"], "includeDescendantTerms": False}
            for scope, count in term["count"].items():
                found = world.found(f"/{scope}s", filters=[{**own, "scope": scope}])
                assert len(found) == count, term
    assert world.get(url, colour="red").status_code == 400


def test_the_map_names_every_endpoint(world: World) -> None:
    told = world.get("/map").json()["response"]["endpointSets"]
    urls = set()
    for one in told.values():
        urls |= {one["rootUrl"], one["singleEntryUrl"]}
        urls |= {endpoint["url"] for endpoint in one.get("endpoints", {}).values()}
    assert {url.removeprefix("http://127.0.0.1:8080/beacon/") for url in urls} == {e.path for e in ENDPOINTS}
