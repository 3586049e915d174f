"""Carriers of candidate genotypes, asked for by another node: what each consent lets it hear, and nothing
beyond.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from node.audit import export
from node.cases import OPERATOR
from node.federation.peers import Peer
from node.pace import until_next_step
from node.people import Format, import_people
from node.store.catalogue import add_dataset
from node.store.ingest import ingest
from node.store.withdrawal import bring_back, withdraw
from schemas.access import Granularity, Policy
from schemas.candidates import Finding
from schemas.errors import BadQuestion, Forbidden
from schemas.genome import Assembly
from schemas.matching import Sharing
from schemas.mme import read_request
from schemas.people import Dataset
from tests.exchanges import Running, an_exchange, patient
from tests.genotyped import tables

COUGH, PANCREAS, TREMOR = "HP:0002205", "HP:0001738", "HP:0001337"
DATASET = "exomes"
PEOPLE = [f"P{number:02}" for number in range(14)]
# P00 to P03 carry the first allele twice, P04 to P09 both once; P10 to P13 none.
TOML = """
[matchmaker]
rematch_at = ""
rate_per_minute = 1000
[matchmaker.carriers]
own_least = 20
least_count = 3
[federation]
deadline_s = 60
"""


@dataclass(frozen=True)
class World:
    """Alpha asks for a case of its own; at beta there are the people."""

    alpha: Running
    beta: Running

    def allow(self, **levels: Finding) -> None:
        """Nobody but these consents, each to this."""
        consents = self.beta.node.search.consents
        consents.set(DATASET, consents.levels(DATASET), Finding.NOTHING)
        for name, level in levels.items():
            consents.set(DATASET, [name], level)

    def ask(self, genes: list[str] | None = None, case_id: str = "mine") -> dict[str, Any]:
        async def asked() -> dict[str, Any]:
            async with self.alpha.node.open_network() as network:
                return await self.alpha.node.exchange.carriers.everywhere(network, OPERATOR, case_id, genes)

        return asyncio.run(asked())

    def heard(
        self, genes: list[str] | None = None, case_id: str = "mine"
    ) -> tuple[list[dict[str, Any]], int]:
        """What beta tells: results, and the count for CFTR."""
        document = self.ask(genes, case_id)
        (line,) = [one for one in document["nodes"] if one["node"] == self.beta.url]
        assert line["state"] in ("hit", "no_hit")
        (count,) = [one["count"] for one in line["genes"] if one["label"] == "CFTR"] or [0]
        return document["results"], count

    def name(self, individual: str) -> str:
        return self.beta.node.exchange.carriers.name_of(DATASET, individual)


def vcf() -> str:
    genes, clinvar, _ = tables()
    alleles = [one.allele for one in clinvar.of_gene(genes.find("CFTR"), Assembly.GRCH38)][:2]
    rows = ["##fileformat=VCFv4.3", '##FORMAT=<ID=GT,Number=1,Type=String,Description="G">']
    rows.append("\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *PEOPLE]))
    calls = [
        ["1/1"] * 4 + ["0|1"] * 6 + ["0/0"] * 4,
        ["0/0"] * 4 + ["1|0"] * 6 + ["0/0"] * 4,
    ]
    lines = []
    for allele, some in zip(alleles, calls, strict=True):
        position, reference, alternate = allele.vcf
        lines.append(
            (position, ["7", str(position), ".", reference, alternate, ".", "PASS", ".", "GT", *some])
        )
    return "\n".join([*rows, *("\t".join(line) for _, line in sorted(lines)), ""])


def people() -> list[dict[str, Any]]:
    """P03 has nothing of the disease."""
    terms = {name: [COUGH, PANCREAS] for name in PEOPLE} | {"P03": [TREMOR]}
    return [
        {
            "id": name,
            "sex": {"id": "NCIT:C16576"},
            "phenotypicFeatures": [{"featureType": {"id": term}} for term in terms[name]],
        }
        for name in PEOPLE
    ]


def fill(running: Running) -> None:
    node, folder = running.node, running.home.parent
    (folder / "exomes.vcf").write_text(vcf())
    (folder / "people.json").write_text(json.dumps(people()))
    add_dataset(node.engine, Dataset(DATASET, Assembly.GRCH38, Policy.CONTROLLED))
    ingest(node.engine, node.settings.ingest, folder / "exomes.vcf", DATASET)
    import_people(node.engine, DATASET, folder / "people.json", Format.BFF)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder: Path = tmp_path_factory.mktemp("carriers")
    with ExitStack() as stack:
        alpha, beta = (
            stack.enter_context(an_exchange(folder / name / "home", name, TOML))
            for name in ("alpha", "beta")
            if (folder / name).mkdir() is None
        )
        for one, other in ((alpha, beta), (beta, alpha)):
            one.node.peers.add(Peer(other.node.beacon.identity.id, "", other.node.key.thumbprints))
        alpha.deposit(patient("mine", features=[COUGH], genes=["CFTR"]), sharing=Sharing.GENE)
        alpha.deposit(patient("quiet", features=[COUGH], genes=["CFTR"]), sharing=Sharing.PHENOTYPE)
        fill(beta)
        yield World(alpha, beta)


def test_without_consent_nobody_is_there(world: World) -> None:
    world.allow()
    assert world.heard() == ([], 0)


def test_each_is_told_of_as_far_as_he_consents(world: World) -> None:
    world.allow(P00=Finding.VARIANT, P01=Finding.CONTACT, P02=Finding.COUNT, P04=Finding.COUNT)
    results, count = world.heard()
    told = {one["patient"]["id"]: one for one in results}
    assert told.keys() == {world.name("P00"), world.name("P01")}
    assert count == 2  # the two who may only be counted are fewer than three
    whole, bare = told[world.name("P00")], told[world.name("P01")]
    assert bare["patient"].keys() == {"id", "contact", "genomicFeatures", "test"}
    assert bare["patient"]["genomicFeatures"] == [{"gene": {"id": "CFTR"}}]
    assert bare["score"].keys() == {"patient", "_phenotype"}
    (feature,) = whole["patient"]["genomicFeatures"]
    assert (feature["zygosity"], feature["_fit"]) == (2, "homozygous")
    assert feature["variant"]["referenceName"] == "7"
    assert feature["_significance"].startswith("pathogenic")
    assert "features" not in whole["patient"]
    assert whole["score"]["_genotype"] == 1.0


def test_whoever_may_only_be_counted_is_counted_with_enough_others(world: World) -> None:
    world.allow(P00=Finding.CONTACT, P01=Finding.COUNT, P02=Finding.COUNT)
    assert world.heard()[1] == 1
    world.allow(P00=Finding.CONTACT, P01=Finding.COUNT, P02=Finding.COUNT, P04=Finding.COUNT)
    assert world.heard()[1] == 4


def test_somebody_who_is_not_alike_is_not_named(world: World) -> None:
    world.allow(P03=Finding.VARIANT)
    assert world.heard() == ([], 0)
    world.allow(P03=Finding.VARIANT, P00=Finding.COUNT, P01=Finding.COUNT)
    assert world.heard() == ([], 3)


def test_how_telling_a_genotype_is_does_not_show_below_the_level_of_variants(world: World) -> None:
    """P00 has one allele twice, P04 two of which the phase is known, P10 none at all."""
    world.allow(P00=Finding.CONTACT, P04=Finding.CONTACT, P10=Finding.CONTACT)
    results, _ = world.heard()
    assert len(results) == 2
    (first, second) = ({**one, "patient": {**one["patient"], "id": ""}} for one in results)
    assert first == second


def answer_of(world: World, question: dict[str, Any]) -> bytes:
    """The very bytes that beta answers alpha with."""

    async def asked() -> bytes:
        desk = world.beta.node.exchange.carriers
        request = read_request(orjson.dumps({"patient": question}))
        return orjson.dumps(await desk.answer("peer alpha", Granularity.RECORD, request))

    return asyncio.run(asked())


QUESTIONS = [
    patient("q", features=[COUGH], genes=["CFTR"]),
    patient("q", features=[TREMOR], genes=["CFTR"]),
    patient("q", genes=["CFTR"]),
    patient("q", features=[COUGH], genes=["CFTR", "SCN1A"], inheritanceMode="HP:0000007"),
    patient("q", features=[COUGH]),
]


@pytest.mark.parametrize("number", range(len(QUESTIONS)))
def test_a_carrier_who_did_not_consent_is_as_one_who_is_not_there(world: World, number: int) -> None:
    """Bytes with him and without him are the same, whatever is asked, and whatever others consented to."""
    world.allow(
        P00=Finding.VARIANT, P04=Finding.CONTACT, P05=Finding.COUNT, P06=Finding.COUNT, P07=Finding.COUNT
    )
    before = answer_of(world, QUESTIONS[number])
    for name in ("P01", "P02", "P03", "P08", "P09", "P10"):
        withdraw(world.beta.node.engine, name, DATASET)
    try:
        assert answer_of(world, QUESTIONS[number]) == before
    finally:
        for name in ("P01", "P02", "P03", "P08", "P09", "P10"):
            bring_back(world.beta.node.engine, name, DATASET)
    assert answer_of(world, QUESTIONS[number]) == before


def test_to_take_consent_back_and_to_withdraw_take_effect_at_once(world: World) -> None:
    world.allow(P00=Finding.VARIANT, P01=Finding.CONTACT)
    assert len(world.heard()[0]) == 2
    world.beta.node.search.consents.set(DATASET, ["P00"], Finding.NOTHING)
    assert [one["patient"]["id"] for one in world.heard()[0]] == [world.name("P01")]
    withdraw(world.beta.node.engine, "P01", DATASET)
    assert world.heard() == ([], 0)
    bring_back(world.beta.node.engine, "P01", DATASET)
    assert world.heard() == ([], 0)


def test_the_narrower_of_two_consents_holds(world: World) -> None:
    """P00 is a case, too; its own level, and its being paused, are kept to."""
    world.allow(P00=Finding.VARIANT)
    book = world.beta.node.exchange.book
    world.beta.deposit(
        patient("case-0", features=[COUGH]), sharing=Sharing.GENE, dataset=DATASET, individual="P00"
    )
    try:
        (told,), _ = world.heard()
        assert told["patient"]["id"] == "case-0"
        (theirs,) = world.beta.node.exchange.tracking.tracks(OPERATOR, "case-0")
        assert (theirs.asked, theirs.patient_id, theirs.state) == ("them", "", "new")
        tracks = world.alpha.node.exchange.tracking.tracks(OPERATOR, "mine")
        assert "case-0" in {one.patient_id for one in tracks}
        assert told["patient"]["contact"]["name"] == "Dr A. Physician"
        assert told["patient"]["genomicFeatures"] == [{"gene": {"id": "CFTR"}}]
        book.change(OPERATOR, "case-0", sharing=Sharing.VARIANT)
        assert "variant" in world.heard()[0][0]["patient"]["genomicFeatures"][0]
        for level in (Sharing.PHENOTYPE, Sharing.NOTHING):
            book.change(OPERATOR, "case-0", sharing=level)
            assert world.heard() == ([], 0)
    finally:
        book.remove(OPERATOR, "case-0")


def test_without_a_gene_those_are_found_who_are_alike_and_carry_one_in_any(world: World) -> None:
    world.allow(P00=Finding.VARIANT, P01=Finding.CONTACT, P03=Finding.VARIANT, P10=Finding.VARIANT)
    results, _ = world.heard(genes=[])
    assert {one["patient"]["id"] for one in results} == {world.name("P00"), world.name("P01")}


def test_what_leaves_is_what_the_consent_of_the_case_lets_leave(world: World) -> None:
    with pytest.raises(BadQuestion, match="candidate genes"):
        world.ask(case_id="quiet")
    world.ask(genes=[], case_id="quiet")
    with pytest.raises(Forbidden):
        world.ask(case_id="nobody's")


def test_a_peer_is_told_no_more_than_was_agreed(world: World) -> None:
    world.allow(P00=Finding.VARIANT, P01=Finding.VARIANT, P02=Finding.VARIANT)
    agreed = world.beta.node.peers.find(world.alpha.url)
    assert agreed is not None
    beta = world.beta.node.peers
    for granularity, expected in ((Granularity.COUNT, "hit"), (Granularity.BOOLEAN, "denied")):
        terms = agreed.terms.model_copy(update={"granularity": granularity})
        beta.remove(world.alpha.url)
        beta.add(replace(agreed, terms=terms))
        document = world.ask()
        (line,) = [one for one in document["nodes"] if one["node"] == world.beta.url]
        assert line["state"] == expected
        assert document["results"] == []
    beta.remove(world.alpha.url)
    beta.add(agreed)
    assert len(world.heard()[0]) == 3


def test_every_answer_is_in_the_audit_log_and_names_nobody(world: World) -> None:
    world.allow(P00=Finding.VARIANT)
    world.heard()
    entries = [one for one in export(world.beta.node.engine) if one.get("detail") == "one-sided"]
    assert entries[-1]["principal"] == f"peer {world.alpha.url}"
    assert entries[-1]["granularity"] == "record"
    assert b"P00" not in orjson.dumps(entries)
    assert b"CFTR" not in orjson.dumps(entries)


def test_a_doctor_asks_over_http(world: World) -> None:
    world.allow(P00=Finding.CONTACT)
    json_type = {"content_type": "application/json"}
    answer = world.alpha.post({}, "/cases/mine/carriers", **json_type)
    assert answer.status_code == 200, answer.text
    assert [one["patient"]["id"] for one in answer.json()["results"]] == [world.name("P00")]
    here = world.alpha.post({"network": False}, "/cases/mine/carriers", **json_type).json()
    assert [one["node"] for one in here["nodes"]] == [world.alpha.url]
    assert world.alpha.post({"genes": ["NOGENE1"]}, "/cases/mine/carriers", **json_type).status_code == 200
    assert world.alpha.post({"gene": "x"}, "/cases/mine/carriers", **json_type).status_code == 400
    assert world.alpha.post({}, "/cases/mine/carriers", x_auth_token="").status_code == 401


def test_answers_take_one_of_a_few_times() -> None:
    assert {round(spent + until_next_step(spent, 0.25), 6) for spent in (0.0, 0.01, 0.1, 0.2499)} == {0.25}
    assert round(0.26 + until_next_step(0.26, 0.25), 6) == 0.5
