"""Every real file in one node, asked over HTTP: alleles are answered as bcftools counts them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pysam.bcftools
import pytest

from node import db
from node.app import create_app
from node.config import read_settings
from node.home import make_home
from node.store.catalogue import add_dataset
from node.store.ingest import ingest
from schemas.access import Policy
from schemas.genome import Allele, Assembly, Contig
from schemas.people import Dataset
from schemas.ports import Counts
from tests.contract.test_store_real import assembly_of, counted
from tests.federated import free_socket, serving
from tests.worlds_beacon import Conformance, load_check

JSON = dict[str, Any]
ASKED_OF_EACH = 6
WINDOWS = 6
_DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
_EVERY = [path for part in ("network", "extra") for path in sorted((_DATA / part).rglob("*.vcf.gz"))]
_NAMES = [str(path.relative_to(_DATA)) for path in _EVERY] or ["none"]
FILES = [name for name in _NAMES if "annotation_slices" not in name]
# Files without samples that count alleles; the others of the folder count none, and are refused.
COUNTED = [name for name in _NAMES if "annotation_slices/gnomad" in name and "cnv" not in name]
STRUCTURAL = [name for name in _NAMES if "sv" in name or "cnv_exome" in name or name == "none"]


@dataclass(frozen=True)
class Held:
    """A file as a dataset.  united: some of its lines tell of one allele, whose counts are put together."""

    dataset: str
    path: Path
    assembly: Assembly
    united: bool


@pytest.fixture(scope="module")
def held(
    shared: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[httpx.Client, dict[str, Held]]]:
    folder = tmp_path_factory.mktemp("real")
    made = make_home(folder / "home", "http://127.0.0.1:8080", "Clinic", "FI")
    engine = db.connect(made.settings.database_url)
    files = {}
    for number, file in enumerate((*FILES, *COUNTED)):
        path, assembly, name = shared / "data" / file, assembly_of(file), f"file{number}"
        add_dataset(engine, Dataset(name, assembly, Policy.OPEN))
        report = ingest(engine, made.settings.ingest, path, name)
        united = any("united" in reason for _, reason in report.skipped)
        files[file] = Held(name, path, assembly, united)
    engine.dispose()
    listening, url = free_socket()
    with (
        serving(create_app(read_settings(folder / "home")), listening),
        httpx.Client(base_url=url, timeout=60, trust_env=False) as client,
    ):
        yield client, files


@pytest.fixture(scope="module")
def conformance(shared: Path) -> Conformance:
    return Conformance(load_check(shared))


def ask(client: httpx.Client, dataset: str, limit: int = 10, **variant: Any) -> JSON:
    query = {
        "requestParameters": {"g_variant": variant, "datasets": {"datasetIds": [dataset]}},
        "requestedGranularity": "record",
        "includeResultsetResponses": "ALL",
        "pagination": {"limit": limit},
    }
    reply = client.post("/beacon/g_variants", json={"meta": {"apiVersion": "v2.0"}, "query": query})
    assert reply.status_code == 200, reply.text
    document: JSON = reply.json()
    return document


def spelled(allele: Allele) -> JSON:
    place = allele.interval
    position, reference, alternate = allele.vcf
    return {
        "assemblyId": place.contig.assembly.value,
        "referenceName": f"refseq:{place.contig.accession}",
        "start": [position - 1],
        "referenceBases": reference,
        "alternateBases": alternate,
    }


@pytest.mark.shared
@pytest.mark.parametrize("file", FILES)
def test_alleles_are_answered_as_bcftools_counts_them(
    held: tuple[httpx.Client, dict[str, Held]], conformance: Conformance, file: str
) -> None:
    client, files = held
    one = files[file]
    dice = random.Random(file)
    alleles = counted(one.path, one.assembly)
    there = [allele for allele, counts in alleles.items() if counts.ac]
    unseen = [allele for allele, counts in alleles.items() if not counts.ac]
    for allele in dice.sample(there, min(ASKED_OF_EACH, len(there))):
        answer = ask(client, one.dataset, **spelled(allele))
        assert not conformance.faults(answer)
        assert answer["responseSummary"] == {"exists": True, "numTotalResults": 1}
        (record,) = answer["response"]["resultSets"][0]["results"]
        if not one.united:
            check_counts(record, alleles[allele])
    for allele in dice.sample(unseen, min(ASKED_OF_EACH, len(unseen))):
        assert ask(client, one.dataset, **spelled(allele))["responseSummary"]["exists"] is False


def check_counts(record: JSON, wanted: Counts) -> None:
    told = record["frequencyInPopulations"][0]["frequencies"][0]
    assert (told["alleleCount"], told["alleleNumber"]) == (wanted.ac, wanted.an)
    assert (
        told["alleleCountHeterozygous"], told["alleleCountHomozygous"], told["alleleCountHemizygous"]
    ) == (wanted.het, wanted.hom, wanted.hemi)  # fmt: skip
    if wanted.carriers <= 100:
        zygosities = [case["zygosity"]["label"] for case in record["caseLevelData"]]
        assert zygosities.count("heterozygous") == wanted.het
        assert zygosities.count("homozygous") == wanted.hom
        assert zygosities.count("hemizygous") == wanted.hemi


@pytest.mark.shared
@pytest.mark.parametrize("file", COUNTED)
def test_alleles_without_samples_are_answered_as_they_were_counted(
    held: tuple[httpx.Client, dict[str, Held]], conformance: Conformance, file: str
) -> None:
    client, files = held
    one = files[file]
    names = ("AC_hom", "AN") if "mtdna" in file else ("AC", "AN")
    told = pysam.bcftools.query(
        "-f", f"%CHROM\t%POS\t%REF\t%ALT\t%INFO/{names[0]}\t%INFO/{names[1]}\n", str(one.path)
    )
    sites = [line.split("\t") for line in told.splitlines()]
    plain = [site for site in sites if set(site[3]) <= set("ACGT") and site[4].isdigit() and int(site[4])]
    for chrom, position, reference, alternate, ac, an in random.Random(7).sample(plain, min(12, len(plain))):
        contig = Contig.read(chrom, one.assembly)
        allele = Allele.from_vcf(contig, int(position), reference, alternate)
        answer = ask(client, one.dataset, **spelled(allele))
        assert not conformance.faults(answer)
        (record,) = answer["response"]["resultSets"][0]["results"]
        frequency = record["frequencyInPopulations"][0]["frequencies"][0]
        if "mtdna" not in file:  # which counts those that carry it in a part of their mitochondria, too
            assert (frequency["alleleCount"], frequency["alleleNumber"]) == (int(ac), int(an))
        assert frequency["alleleNumber"] == int(an)
        assert record["info"]["countsFrom"] == "INFO"
        assert "caseLevelData" not in record


@dataclass(frozen=True)
class Symbolic:
    """A symbolic allele that somebody carries: its contig, 0-based extent and ALT."""

    contig: str
    start: int
    end: int
    alt: str


def symbolic_of(path: Path) -> list[Symbolic]:
    """Deletions, duplications and inversions, by what bcftools prints of their columns."""
    form = "%CHROM\t%POS\t%ALT\t%INFO/END[\t%GT]\n"
    found = []
    for line in pysam.bcftools.query("-f", form, str(path)).splitlines():
        chrom, position, alts, end, *genotypes = line.split("\t")
        carried = {number for call in genotypes for number in call.replace("|", "/").split("/")}
        for number, alt in enumerate(alts.split(","), 1):
            if alt in ("<DEL>", "<DUP>", "<INV>") and str(number) in carried:
                found.append(Symbolic(chrom, int(position), int(end), alt))
    return found


@pytest.mark.shared
@pytest.mark.parametrize("file", [name for name in STRUCTURAL if name in FILES])
def test_structural_variants_are_found_by_any_overlap(
    held: tuple[httpx.Client, dict[str, Held]], conformance: Conformance, file: str
) -> None:
    """By type and least length, in windows that lie in them, before their end and behind their start."""
    client, files = held
    one = files[file]
    every = symbolic_of(one.path)
    assert every
    dice = random.Random(file)
    for centre in dice.sample(every, min(WINDOWS, len(every))):
        left = max(0, dice.choice((centre.start, (centre.start + centre.end) // 2, centre.end - 1)) - 5)
        right = left + dice.choice((1, 10, 50_000))
        for word, shortest in (("DEL", 0), ("DEL", 1_001), ("DUP", 0), ("INV", 0)):
            where = {
                "assemblyId": one.assembly.value,
                "referenceName": centre.contig,
                "start": [left],
                "end": [right],
                "variantType": word,
                "variantMinLength": shortest,
            }
            answer = ask(client, one.dataset, 1000, **where)
            assert not conformance.faults(answer)
            told = {
                (place["start"]["value"], place["end"]["value"])
                for record in answer["response"]["resultSets"][0]["results"]
                if record["variation"].get("info", {}).get("vcfAlt") == f"<{word}>"
                for place in (record["variation"]["location"]["interval"],)
            }
            assert told == {
                (allele.start, allele.end)
                for allele in every
                if (allele.contig, allele.alt) == (centre.contig, f"<{word}>")
                and allele.start < right
                and left < allele.end
                and allele.end - allele.start >= shortest
            }
