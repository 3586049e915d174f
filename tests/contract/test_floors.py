"""Counts with a floor: what fewer people stand behind is told, to the byte, as if there were nobody at all.

The same questions go to a clinic of sixty people and to the same dataset without anybody in it.  Whatever too
few people stand behind must be told alike by both; everything else is counted as records would show it.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beacon.disclosure import Finding, disclose
from beacon.entries import answer, entry_at
from beacon.query import Asked, Within
from beacon.room import Beacon
from beacon.terms import TermsEndpoint, list_terms, terms_endpoints
from node.app import open_node
from node.config import read_settings
from node.home import make_home
from node.people import Format, import_people
from node.store.catalogue import add_dataset
from node.store.ingest import ingest
from schemas.access import Ceiling, Grant, Granularity, Policy
from schemas.beacon import Include, Response, encode
from schemas.cohorts import Cohort
from schemas.errors import BadQuestion, Forbidden, NodeError, NotHeld
from schemas.filters import TermFilter
from schemas.genome import Assembly
from schemas.people import Dataset
from tests.clinic import Clinic, a_clinic
from tests.worlds_beacon import IDENTITY

FLOOR = 10
COUNTING = Grant("somebody", {"clinic": Ceiling(Granularity.COUNT, floor=FLOOR)})
ASKING = Grant("somebody", {"clinic": Ceiling(Granularity.BOOLEAN, floor=FLOOR)})
SEEING = Grant("somebody", {"clinic": Ceiling(Granularity.RECORD)})
URL = "http://127.0.0.1:8091"
RARE = "HP:0012345"  # one person alone has it
PATHS = ("g_variants", "individuals", "biosamples", "runs", "analyses")
TERMS: tuple[str | None, ...] = (
    None,
    "HP:0001250",
    "HP:0001251",
    "MONDO:0005015",
    "NCIT:C16576",
    "HP:0000001",
)
COHORTS = (
    Cohort("women", "Women", filters=(TermFilter("NCIT:C16576"),)),
    Cohort("rare", "Rare", filters=(TermFilter("HP:0012345"),)),
)


@dataclasses.dataclass(frozen=True)
class World:
    """full: with the clinic's people.  empty: the same node, had it nobody."""

    clinic: Clinic
    full: Beacon
    empty: Beacon

    def same_as_nobody(self, asked: Asked, grant: Grant) -> bool:
        return said(self.full, asked, grant) == said(self.empty, asked, grant)


def said(beacon: Beacon, asked: Asked, grant: Grant) -> bytes:
    """What leaves the node: an answer, or the words of a refusal."""
    try:
        return encode(answer(beacon, asked, grant))
    except NodeError as fault:
        return f"{fault.status} {fault.message}".encode()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("floors")
    clinic = a_clinic()
    clinic.records[0]["phenotypicFeatures"] = [{"featureType": {"id": RARE, "label": "rare"}}]
    clinic.records[1]["phenotypicFeatures"] = [{"featureType": {"id": "LOCAL:1", "label": "of one alone"}}]
    # A site with one carrier, one with nine, one with ten and one with eleven carriers.
    for site, many in enumerate((1, 9, 10, 11)):
        owners = list(dict.fromkeys(map(clinic.owner, clinic.genotyped)))[:many]
        first = {owner: next(n for n in clinic.genotyped if clinic.owner(n) == owner) for owner in owners}
        clinic.genotypes[site] = ["0/1" if n in first.values() else "0/0" for n in clinic.genotyped]
    with ExitStack() as stack:
        made = []
        for name in ("full", "empty"):
            home = folder / name
            make_home(home, URL, "Clinic", "FI")
            node = stack.enter_context(open_node(read_settings(home)))
            add_dataset(node.engine, Dataset("clinic", Assembly.GRCH38, Policy.CONTROLLED))
            if name == "full":
                fill(node, clinic, folder)
            made.append(dataclasses.replace(node.beacon, cohorts=COHORTS))
        yield World(clinic, *made)


def fill(node: Any, clinic: Clinic, folder: Path) -> None:
    vcf = folder / "clinic.vcf"
    vcf.write_text(clinic.vcf)
    ingest(node.engine, node.settings.ingest, vcf, "clinic")
    for number, records in enumerate((clinic.records, clinic.samples)):
        file = folder / f"{number}.json"
        file.write_bytes(orjson.dumps(records))
        import_people(node.engine, "clinic", file, Format.BFF)


def asking(path: str, site: int | None, term: str | None, **more: Any) -> Asked:
    """Whether an allele of the clinic is there, or who carries it, among those who have a term."""
    parameters = [("requestedGranularity", more.pop("granularity", "count"))]
    if site is not None:
        at = {"assemblyId": "GRCh38", "referenceName": "20", "start": str(999 + 10 * site)}
        parameters += [*at.items(), ("referenceBases", "A"), ("alternateBases", "C")]
    elif path == "g_variants":
        at = {"assemblyId": "GRCh38", "referenceName": "20", "start": "900", "end": "2000"}
        parameters += list(at.items())
    if term is not None:
        parameters.append(("filters", term))
    parameters += more.items()
    return entry_at(path).read_get(parameters)


def behind(world: World, site: int | None, term: str | None) -> int:
    """How many individuals, as their records tell; site None: not asked."""
    asked = asking("individuals", site, term, granularity="record", limit="1000")
    return answer(world.full, asked, SEEING)["responseSummary"]["numTotalResults"]


def total(response: Response) -> int:
    return response["responseSummary"].get("numTotalResults", 0)


CASES = list(itertools.product(PATHS, (0, 1, 2, 3, 4, 5, None), TERMS))


@pytest.mark.parametrize(("path", "site", "term"), CASES)
def test_too_few_are_told_as_nobody_and_enough_as_they_are(
    world: World, path: str, site: int | None, term: str | None
) -> None:
    if path == "g_variants" and site is None:
        return  # many alleles at once: below
    for granularity, include, grant in itertools.product(
        ("boolean", "count", "record"), Include, (COUNTING, ASKING)
    ):
        asked = asking(path, site, term, granularity=granularity, includeResultsetResponses=include.value)
        people = carriers(world, path, site, term)
        if people < FLOOR:
            assert world.same_as_nobody(asked, grant)
        else:
            response = answer(world.full, asked, grant)
            assert response["responseSummary"]["exists"]
            exact = answer(world.full, asked, SEEING)
            if "numTotalResults" in response["responseSummary"]:
                assert total(response) == total(exact)


def carriers(world: World, path: str, site: int | None, term: str | None) -> int:
    """Individuals behind the answer, counted from the clinic's own lists."""
    if path != "biosamples" or site is None:
        if path in ("g_variants", "runs", "analyses"):
            return genotyped(world, site, term)
        return behind(world, site, term)
    asked = asking("biosamples", site, term, granularity="record", limit="1000")
    records = answer(world.full, asked, SEEING)["response"]["resultSets"]
    matching = {record["id"] for one in records for record in one["results"]}
    carrying = world.clinic.carriers(site)
    return len({world.clinic.owner(name) for name in matching if name in carrying})


def genotyped(world: World, site: int | None, term: str | None) -> int:
    """Individuals with a genotype (of whom some carry the allele) who satisfy the term."""
    asked = asking("runs", site, term, granularity="record", limit="1000")
    runs = answer(world.full, asked, SEEING)["response"]["resultSets"]
    return len({record["individualId"] for one in runs for record in one["results"]})


def test_the_edge_is_at_the_floor(world: World) -> None:
    """One, nine, ten and eleven carriers."""
    told = [
        answer(world.full, asking("g_variants", site, None), COUNTING)["responseSummary"] for site in range(4)
    ]
    assert [summary["exists"] for summary in told] == [False, False, True, True]
    people = [answer(world.full, asking("individuals", site, None), COUNTING) for site in range(4)]
    assert [total(response) for response in people] == [0, 0, 10, 11]


@pytest.mark.parametrize("term", TERMS)
def test_of_many_alleles_only_those_with_enough_carriers_are_counted(world: World, term: str | None) -> None:
    expected = sum(genotyped(world, site, term) >= FLOOR for site in range(40))
    response = answer(world.full, asking("g_variants", None, term), COUNTING)
    assert total(response) == expected
    assert response["responseSummary"]["exists"] is (expected > 0)
    if expected:
        assert response["responseSummary"]["countPrecision"] == "imprecise"


def test_that_there_is_a_floor_is_told_whatever_was_found(world: World) -> None:
    for site in (0, 3):
        response = answer(world.full, asking("g_variants", site, None), COUNTING)
        assert response["info"]["floors"] == [{"id": "clinic", "people": FLOOR}]


def test_pages_tell_no_more(world: World) -> None:
    for skip, limit in itertools.product(("0", "1", "7"), ("1", "10", "1000")):
        for site, path in itertools.product((0, 1), PATHS):
            assert world.same_as_nobody(asking(path, site, None, skip=skip, limit=limit), COUNTING)


# ------------------------------------------------------------------------- below, and beside, an entry


@pytest.mark.parametrize("above", ["datasets/clinic", "cohorts/women", "cohorts/rare"])
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("granularity", list(Granularity))
def test_below_a_collection_the_floor_holds(
    world: World, above: str, path: str, granularity: Granularity
) -> None:
    kind, name = above.split("/")
    within = Within(kind.removesuffix("s"), name)
    asked = Asked(entry_at(path).kind, None, granularity, within=within)
    if name == "rare":
        assert world.same_as_nobody(asked, COUNTING)
    else:
        enough = path != "g_variants" or name == "clinic" or _common_among_women(world)
        assert answer(world.full, asked, COUNTING)["responseSummary"]["exists"] is enough


def _common_among_women(world: World) -> bool:
    return any(genotyped(world, site, "NCIT:C16576") >= FLOOR for site in range(40))


@pytest.mark.parametrize("path", PATHS[1:])
def test_below_a_variant_the_floor_holds(world: World, path: str) -> None:
    for site, shows in ((0, False), (1, False), (2, True), (3, True)):
        name = f"GRCh38:20:{1000 + 10 * site}:A:C"
        asked = Asked(entry_at(path).kind, None, Granularity.COUNT, within=Within("genomicVariant", name))
        assert answer(world.full, asked, COUNTING)["responseSummary"]["exists"] is shows
        assert shows or world.same_as_nobody(asked, COUNTING)


def test_a_variant_by_its_name_has_the_floor(world: World) -> None:
    for site, shows in ((0, False), (1, False), (2, True), (3, True)):
        name = f"GRCh38:20:{1000 + 10 * site}:A:C"
        asked = Asked(
            entry_at("g_variants").kind, None, Granularity.COUNT, within=Within("genomicVariant", name)
        )
        assert answer(world.full, asked, COUNTING)["responseSummary"]["exists"] is shows
        assert shows or world.same_as_nobody(asked, COUNTING)


@pytest.mark.parametrize("above", ["individual", "biosample", "run", "analysis"])
@pytest.mark.parametrize("path", PATHS)
def test_of_somebody_named_nothing_is_told(world: World, above: str, path: str) -> None:
    asked = Asked(entry_at(path).kind, None, Granularity.COUNT, within=Within(above, "P0"))
    with pytest.raises(Forbidden):
        answer(world.full, asked, COUNTING)


def test_a_cohort_of_few_is_as_large_as_one_of_nobody(world: World) -> None:
    asked = Asked(entry_at("cohorts").kind, None, Granularity.RECORD)
    sizes = {}
    for beacon in (world.full, world.empty):
        (women, rare) = answer(beacon, asked, COUNTING)["response"]["collections"]
        sizes[beacon is world.full] = (women["cohortSize"], rare["cohortSize"])
    assert sizes[True][0] >= FLOOR
    assert sizes[True][1] == sizes[False][1] == 0


# ----------------------------------------------------------------------------------- terms and filters


def listed(beacon: Beacon, grant: Grant, endpoint: TermsEndpoint, name: str = "") -> dict[str, Any]:
    found = list_terms(beacon, grant, endpoint, name)["filteringTerms"]
    return {(one["type"], one["id"]): one for one in found}


@pytest.mark.parametrize(
    ("endpoint", "name"), [(0, ""), (1, ""), (1, "individuals"), (2, "clinic"), (3, "women"), (3, "rare")]
)
def test_terms_that_few_have_are_not_listed(world: World, endpoint: int, name: str) -> None:
    of = terms_endpoints([entry_at(path) for path in ("individuals", "datasets", "cohorts")])
    chosen = [one for one in of if one.single == (name in ("clinic", "women", "rare"))]
    for one in chosen:
        if one.single and one.of is not None and one.of.id != {"clinic": "dataset"}.get(name, "cohort"):
            continue
        if one.of is not None and one.single and one.of.id == "individual":
            continue
        shown = listed(world.full, COUNTING, one, name if one.single else "")
        assert ("ontologyTerm", RARE) not in shown
        assert ("ontologyTerm", "LOCAL:1") not in shown
        for (kind, _), term in shown.items():
            assert kind != "ontologyTerm" or all(n >= FLOOR for n in term.get("count", {}).values())
            assert "values" not in term
        if name == "rare":
            assert shown == listed(world.empty, COUNTING, one, name)


def test_the_terms_of_one_person_are_not_listed(world: World) -> None:
    endpoint = next(e for e in terms_endpoints([entry_at("individuals")]) if e.single)
    with pytest.raises(Forbidden):
        list_terms(world.full, COUNTING, endpoint, "P0")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "text",
    ["LOCAL:1", "LOCAL:2", "of one alone", "info.secret=1", "HP:0012345", "diseases.severity=of one alone"],
)
def test_a_filter_that_one_person_alone_makes_known_is_as_unknown_as_any(
    world: World, path: str, text: str
) -> None:
    asked = asking(path, 3, text)
    assert world.same_as_nobody(asked, COUNTING)


def test_a_filter_is_known_to_whoever_sees_records(world: World) -> None:
    asked = asking("individuals", None, "LOCAL:1")
    assert total(answer(world.full, asked, SEEING)) == 1
    with pytest.raises(NotHeld):
        answer(world.full, asked, COUNTING)


# ----------------------------------------------------------------------------------------- the door

ceilings = st.builds(Ceiling, st.sampled_from(Granularity), floor=st.sampled_from([5, 10, 20]))


@given(
    ceilings,
    st.sampled_from(Granularity),
    st.none() | st.integers(0, 30),
    st.integers(1, 5),
    st.sampled_from(Include),
)
def test_the_door_keeps_the_floor_whatever_it_is_handed(
    ceiling: Ceiling, granularity: Granularity, people: int | None, count: int, include: Include
) -> None:
    dataset = Dataset("clinic", Assembly.GRCH38, Policy.CONTROLLED)
    identity = IDENTITY
    asked = Asked(entry_at("individuals").kind, None, granularity, include)
    grant = Grant("somebody", {"clinic": ceiling})
    found = Finding(dataset, True, count, ({"id": "secret"},), people=people)
    nobody = Finding(dataset, False, 0)
    told, silent = (encode(disclose(identity, asked, grant, [one])) for one in (found, nobody))
    assert (told == silent) == ((people or 0) < ceiling.floor)


def test_a_question_too_wide_to_count_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("beacon.search.MAX_ALLELES", 5)
    with pytest.raises(BadQuestion, match="narrowly"):
        answer(world.full, asking("g_variants", None, None), COUNTING)


COUNTED = """##fileformat=VCFv4.3
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO
20\t1000\t.\tA\tC\t.\t.\tAC=500;AN=2000;nhomalt=40
20\t1010\t.\tA\tC\t.\t.\tAC=500;AN=2000
20\t1020\t.\tN\t<DEL>\t.\t.\tEND=1100;CIPOS=-5,5;AC=500;AN=2000;nhomalt=40
"""


@pytest.mark.parametrize("granularity", list(Granularity))
@pytest.mark.parametrize("term", [None, "NCIT:C16576"])
@pytest.mark.parametrize("site", [0, 1, 2, None])
def test_under_a_floor_counts_without_people_say_nothing(
    tmp_path: Path, site: int | None, term: str | None, granularity: Granularity
) -> None:
    """Whom INFO counts, and who of them may be, nobody can tell: the dataset is as if it were empty."""
    with ExitStack() as stack:
        beacons = []
        for name in ("full", "empty"):
            make_home(tmp_path / name, URL, "Clinic", "FI")
            node = stack.enter_context(open_node(read_settings(tmp_path / name)))
            add_dataset(node.engine, Dataset("clinic", Assembly.GRCH38, Policy.CONTROLLED))
            if name == "full":
                path = tmp_path / "counted.vcf"
                path.write_text(COUNTED)
                ingest(node.engine, node.settings.ingest, path, "clinic")
            beacons.append(node.beacon)
        asked = asking("g_variants", site, term, granularity=granularity.value)
        for grant in (COUNTING, ASKING):
            assert said(beacons[0], asked, grant) == said(beacons[1], asked, grant)
        if term is None and site in (0, 1, None):
            assert answer(beacons[0], asked, SEEING)["responseSummary"]["exists"]
        for name in ("GRCh38:20:1000:A:C", "GRCh38:20:1010:A:C", "GRCh38:20:1021-1100:<DEL>"):
            one = dataclasses.replace(
                asking("g_variants", None, None, granularity=granularity.value),
                query=None,
                within=Within("genomicVariant", name),
            )
            assert said(beacons[0], one, COUNTING) == said(beacons[1], one, COUNTING)
