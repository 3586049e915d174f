"""SO and EFO terms as filters: the alleles and carriers that the text of an annotated VCF has."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from node import db
from node.app import create_app
from node.config import read_settings
from node.home import make_home
from node.store.catalogue import add_dataset
from node.store.ingest import ingest
from schemas.access import Policy
from schemas.genome import Assembly
from schemas.people import Dataset
from tests.federated import free_socket, serving
from tests.worlds_beacon import Conformance, load_check

JSON = dict[str, Any]
PEOPLE = [f"P{number:02}" for number in range(12)]
CHANGES = (
    ("A", "C"),
    ("AC", "GT"),
    ("A", "ATT"),
    ("ATT", "A"),
    ("A", "<DEL>"),
    ("A", "<DUP>"),
    ("A", "<INV>"),
)
CONSEQUENCES = (
    "missense_variant", "synonymous_variant", "stop_gained", "frameshift_variant&splice_region_variant",
    "splice_donor_variant", "intron_variant", "",
)  # fmt: skip
WHERE: JSON = {"assemblyId": "GRCh37", "referenceName": "20", "start": [0], "end": [10_000_000]}
HEAD = (
    "##fileformat=VCFv4.2\n##contig=<ID=20>\n"
    '##ALT=<ID=DEL,Description="d">\n##ALT=<ID=DUP,Description="d">\n##ALT=<ID=INV,Description="d">\n'
    '##INFO=<ID=END,Number=1,Type=Integer,Description="e">\n##INFO=<ID=SVTYPE,Number=1,Type=String,Description="s">\n'
    '##INFO=<ID=CSQ,Number=.,Type=String,Description="Consequence annotations from Ensembl VEP. '
    'Format: Allele|Consequence|IMPACT|SYMBOL|Feature">\n'
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="G">\n'
)


@dataclass(frozen=True)
class Site:
    position: int
    reference: str
    alternate: str
    consequences: frozenset[str]
    calls: tuple[str, ...]

    @property
    def carriers(self) -> set[str]:
        return {name for name, call in zip(PEOPLE, self.calls, strict=True) if "1" in call}

    @property
    def line(self) -> str:
        symbolic = self.alternate.startswith("<")
        info = [f"END={self.position + 60};SVTYPE={self.alternate[1:4]}"] if symbolic else []
        if self.consequences:
            told = "&".join(sorted(self.consequences))
            info.append(f"CSQ={self.alternate.strip('<>')}|{told}|MODERATE|ITPA|ENST1")
        fixed = ["20", str(self.position), ".", self.reference, self.alternate, ".", "PASS"]
        return "\t".join([*fixed, ";".join(info) or ".", "GT", *self.calls])


def sites() -> list[Site]:
    dice = random.Random(11)
    made = []
    for number in range(60):
        reference, alternate = CHANGES[number % len(CHANGES)]
        consequences = frozenset(filter(None, dice.choice(CONSEQUENCES).split("&")))
        calls = tuple(dice.choice(("0/0", "0/0", "0/1", "1/1")) for _ in PEOPLE)
        if any("1" in call for call in calls):
            made.append(Site(100_000 + 100 * number, reference, alternate, consequences, calls))
    return made


SITES = sites()


def is_change(*changes: tuple[str, str]) -> Callable[[Site], bool]:
    return lambda site: (site.reference, site.alternate) in changes


def does(*names: str) -> Callable[[Site], bool]:
    return lambda site: bool(site.consequences & set(names))


def both(one: Callable[[Site], bool], other: Callable[[Site], bool]) -> Callable[[Site], bool]:
    return lambda site: one(site) and other(site)


SNV, MNV, INS, DEL, LOSS, GAIN, INV = (is_change(change) for change in CHANGES)
QUESTIONS: dict[str, tuple[list[Any], Callable[[Site], bool]]] = {
    "SNV": (["SO:0001483"], SNV),
    "spelling": (["SO_0001483"], SNV),
    "negated": (["!SO:0001483"], lambda site: not SNV(site)),
    "substitution": (["SO:1000002"], lambda site: SNV(site) or MNV(site)),
    "insertion": (["SO:0000667"], INS),
    "deletion": (["SO:0000159"], lambda site: DEL(site) or LOSS(site)),
    "EFO loss": (["EFO:0030067"], lambda site: DEL(site) or LOSS(site)),
    "EFO gain": (["EFO:0030070"], GAIN),
    "complete loss": (["EFO:0030069"], lambda site: (DEL(site) or LOSS(site)) and "1/1" in site.calls),
    "CNV": (["SO:0001019"], lambda site: DEL(site) or LOSS(site) or GAIN(site)),
    "inversion": (["SO:1000036"], INV),
    "everything": (["SO:0001059"], lambda site: bool(site.alternate)),
    "missense": (["SO:0001583"], does("missense_variant")),
    "missense SNV": (["SO:0001583", "SO:0001483"], both(SNV, does("missense_variant"))),
    "splicing": (["SO:0001568"], does("splice_donor_variant", "splice_region_variant")),
    "protein altering": (
        ["SO:0001818"], does("missense_variant", "stop_gained", "frameshift_variant")
    ),
    "not below": (
        [{"id": "SO:0001627", "includeDescendantTerms": False}], does("intron_variant")
    ),
    "below": ([{"id": "SO:0001627"}], does("intron_variant", "splice_donor_variant")),
    "either": (
        [["SO:0001587", {"id": "SO:1000036", "scope": "genomicVariations"}]],
        lambda site: INV(site) or does("stop_gained")(site),
    ),
    "neither": (["!SO:0001060"], lambda site: not site.consequences),
    "nothing": (["SO:0001483", "SO:1000036"], both(SNV, INV)),
}  # fmt: skip


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder: Path = tmp_path_factory.mktemp("traits")
    made = make_home(folder / "home", "http://127.0.0.1:8080", "Clinic", "FI")
    engine = db.connect(made.settings.database_url)
    columns = "\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *PEOPLE])
    text = HEAD + "\n".join([columns, *(site.line for site in SITES)]) + "\n"
    # Whatever it is called, annotation is known by what the header says of it.
    other = text.replace("CSQ", "XYZ").replace("Consequence annotations from Ensembl VEP. Format", "Fields")
    for name, content in (("d", text), ("plain", other)):
        add_dataset(engine, Dataset(name, Assembly.GRCH37, Policy.OPEN))
        (folder / f"{name}.vcf").write_text(content)
        ingest(engine, made.settings.ingest, folder / f"{name}.vcf", name)
    engine.dispose()
    listening, url = free_socket()
    with serving(create_app(read_settings(folder / "home")), listening), httpx.Client(base_url=url) as opened:
        yield opened


def ask(client: httpx.Client, path: str, filters: list[Any], *, dataset: str = "d", **variant: Any) -> JSON:
    parameters: JSON = {"datasets": {"datasetIds": [dataset]}}
    if variant:
        parameters["g_variant"] = variant
    query = {
        "requestParameters": parameters,
        "filters": filters,
        "requestedGranularity": "record",
        "includeResultsetResponses": "ALL",
        "pagination": {"limit": 1000},
    }
    reply = client.post(f"/beacon/{path}", json={"meta": {"apiVersion": "v2.0"}, "query": query})
    document: JSON = reply.json()
    return document


def results(document: JSON) -> list[JSON]:
    found: list[JSON] = document["response"]["resultSets"][0]["results"]
    assert document["responseSummary"] == {"exists": bool(found), "numTotalResults": len(found)}
    return found


def place(site: Site) -> int:
    return site.position - 1 + (site.alternate.startswith("<"))


def places(found: list[JSON]) -> list[int]:
    return [one["variation"]["location"]["interval"]["start"]["value"] for one in found]


@pytest.mark.parametrize("name", QUESTIONS)
def test_variants_and_carriers_are_those_of_the_file(client: httpx.Client, shared: Path, name: str) -> None:
    filters, is_meant = QUESTIONS[name]
    meant = [site for site in SITES if is_meant(site)]
    assert meant or name == "nothing"
    conformance = Conformance(load_check(shared))
    variants = ask(client, "g_variants", filters, **WHERE)
    assert not conformance.faults(variants)
    assert places(results(variants)) == [place(site) for site in meant]

    people = ask(client, "individuals", filters, **WHERE)
    assert not conformance.faults(people)
    carriers = {
        person for site in meant for person in site.carriers
        if name != "complete loss" or site.calls[PEOPLE.index(person)] == "1/1"
    }  # fmt: skip
    assert {one["id"] for one in results(people)} == carriers

    of_one = ask(client, "individuals/P03/g_variants", filters)
    own = [
        site for site in SITES
        if is_meant(Site(site.position, site.reference, site.alternate, site.consequences, (site.calls[3],)))
        and "P03" in site.carriers
    ]  # fmt: skip
    assert places(results(of_one)) == [place(site) for site in own]


def test_one_allele_is_or_is_not_of_the_kind(client: httpx.Client) -> None:
    site = next(site for site in SITES if SNV(site))
    named = f"GRCh37:20:{site.position}:A:C"
    assert len(results(ask(client, f"g_variants/{named}", ["SO:0001483"]))) == 1
    assert not results(ask(client, f"g_variants/{named}", ["SO:1000036"]))
    carriers = results(ask(client, f"g_variants/{named}/individuals", ["SO:0001483"]))
    assert {one["id"] for one in carriers} == site.carriers
    assert not results(ask(client, f"g_variants/{named}/individuals", ["SO:1000036"]))


@pytest.mark.parametrize(
    ("path", "filters", "more", "reason"),
    [
        ("g_variants", [["SO:0001483", "HP:0001250"]], WHERE, "all are about variants or all about people"),
        ("g_variants", [{"id": "HP:0001250", "scope": "g_variants"}], WHERE, "none about variants"),
        (
            "g_variants",
            [{"id": "sex", "operator": "=", "value": "F", "scope": "g_variants"}],
            WHERE,
            "none about",
        ),
        ("g_variants", [{"id": "SO:0001483", "similarity": "high"}], WHERE, "similar"),
        ("g_variants", [{"id": "SO:0001483", "includeDescendantTerms": False}], WHERE, "narrower"),
        ("individuals", ["SO:0001483"], {}, "give a range or gene"),
        ("datasets", ["SO:0001483"], {}, "give a range or gene"),
        ("g_variants", ["SO:9999999"], WHERE, "SO:9999999"),
    ],
)
def test_what_is_not_understood_is_refused(
    client: httpx.Client, path: str, filters: list[Any], more: JSON, reason: str
) -> None:
    told = ask(client, path, filters, **more)
    assert reason in told["error"]["errorMessage"]
    assert told["error"]["errorCode"] == 400


def test_consequences_are_not_known_without_annotation(client: httpx.Client) -> None:
    told = ask(client, "g_variants", ["SO:0001583"], dataset="plain", **WHERE)
    assert "no annotation" in told["error"]["errorMessage"]
    assert results(ask(client, "g_variants", ["SO:0001483"], dataset="plain", **WHERE))
