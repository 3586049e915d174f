"""Questions as a geneticist asks them, over HTTP, against what the text of the files says."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pysam
import pytest

from node import db
from node.config import ReferenceSection
from node.home import make_home
from node.people import Format, import_people
from node.store.catalogue import add_dataset
from node.store.ingest import ingest
from schemas.access import Policy
from schemas.genome import Assembly
from schemas.people import Dataset
from tests.federated import serving_whole
from tests.worlds_beacon import Conformance, load_check

pytestmark = pytest.mark.shared
JSON = dict[str, Any]
UK = "network/hospital-uk"
FILES = {
    "old": (f"{UK}/snv.chr20.b37.vcf.gz", f"{UK}/mt.b37.vcf.gz"),
    "new": (f"{UK}/sv.chr22_chrY.grch38.vcf.gz", f"{UK}/snv.chr22.grch38.vcf.gz"),
    "x": ("extra/chrX_haploid_diploid_grch38/haploidPlusDiploid.vcf.gz",),
    "gnomad": ("extra/annotation_slices/gnomad_exomes_v2.1.PCSK9.b37.vcf.gz",),
    "kgp": ("extra/kgp_phase3_chr1_2504_b37/1k.chr1.phase3.vcf.gz",),
}
SIRPA_37 = (1_875_153, 1_920_543)  # gencode.v19.genes.hg19.bed
GENES_38 = {"CECR2": (17_359_948, 17_558_150), "TAFA5": (48_489_552, 48_850_911)}  # Ensembl 110


@dataclass(frozen=True)
class Row:
    """A line of a VCF, as its columns say; what differs of an ALT is told by `change`.

    copies: the numbers of copies that FORMAT CN tells of anybody.
    """

    chrom: str
    position: int
    ref: str
    alts: tuple[str, ...]
    info: str
    calls: dict[str, str]
    copies: frozenset[str]

    def carriers(self, number: int) -> set[str]:
        return {name for name, call in self.calls.items() if str(number) in _alleles(call)}

    @property
    def end(self) -> int:
        return int(next(word[4:] for word in self.info.split(";") if word.startswith("END=")))

    def change(self, number: int) -> tuple[int, int]:
        """The 0-based extent of the bases that an ALT changes."""
        left, ref, alt = self.position - 1, self.ref, self.alts[number - 1]
        while ref and alt and ref[-1] == alt[-1]:
            ref, alt = ref[:-1], alt[:-1]
        while ref and alt and ref[0] == alt[0]:
            ref, alt, left = ref[1:], alt[1:], left + 1
        return left, left + len(ref)


def _alleles(call: str) -> list[str]:
    return call.replace("|", "/").split("/")


def rows(path: Path) -> Iterator[Row]:
    with gzip.open(path, "rt") as file:
        for line in file:
            columns = line.rstrip("\n").split("\t")
            if line.startswith("#CHROM"):
                names = columns[9:]
            elif not line.startswith("#"):
                calls = [text.partition(":")[0] for text in columns[9:]]
                told = [
                    dict(zip(columns[8].split(":"), text.split(":"), strict=False)) for text in columns[9:]
                ]
                alts = tuple(columns[4].split(","))
                yield Row(
                    columns[0], int(columns[1]), columns[3], alts, columns[7],
                    dict(zip(names, calls, strict=True)), frozenset(one.get("CN", ".") for one in told),
                )  # fmt: skip


@dataclass
class World:
    data: Path
    url: str
    lifting: str
    conformance: Conformance

    def rows(self, dataset: str, number: int = 0) -> list[Row]:
        return list(rows(self.data / FILES[dataset][number]))

    def reply(self, path: str, *, url: str = "", **query: Any) -> httpx.Response:
        asked = {"requestedGranularity": "record", "pagination": {"limit": 1000}, **query}
        body = {"meta": {"apiVersion": "v2.0"}, "query": asked}
        return httpx.post(f"{url or self.url}/beacon{path}", json=body, trust_env=False, timeout=60)

    def ask(
        self, dataset: str, path: str = "/g_variants", *, filters: Any = (), **variant: Any
    ) -> list[JSON]:
        """The records of one dataset; the count and every official schema must agree."""
        parameters = {"g_variant": variant, "datasets": {"datasetIds": [dataset]}}
        reply = self.reply(path, requestParameters=parameters, filters=list(filters))
        assert reply.status_code == 200, reply.text
        document = reply.json()
        assert not self.conformance.faults(document)
        records = [record for one in document["response"]["resultSets"] for record in one["results"]]
        assert document["responseSummary"] == {"exists": bool(records), "numTotalResults": len(records)}
        return records


@pytest.fixture(scope="module")
def world(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One node with a FASTA of the beginning of chromosome 1, and the same one with chain files."""
    data, folder = shared / "data", tmp_path_factory.mktemp("questions")
    made = make_home(folder / "home", "http://127.0.0.1:8080", "Clinic", "FI").settings
    engine = db.connect(made.database_url)
    for name, files in FILES.items():
        assembly = Assembly.GRCH38 if name in ("new", "x") else Assembly.GRCH37
        add_dataset(engine, Dataset(name, assembly, Policy.OPEN))
        for file in files:
            ingest(engine, made.ingest, data / file, name)
    for name in ("individuals.json", "biosamples.json"):
        import_people(engine, "old", data / UK / name, Format.BFF)
    engine.dispose()
    fasta = folder / "b37.fa"
    packed = (data / "reference/fasta/b37.chr1_1-1000000.fasta.gz").read_bytes()
    fasta.write_bytes(gzip.decompress(packed))
    pysam.faidx(str(fasta))
    chains = tuple(sorted((data / "reference/liftover").glob("*.over.chain.gz")))
    plain = made.model_copy(update={"reference": ReferenceSection(fasta={Assembly.GRCH37: fasta})})
    lifting = made.model_copy(update={"reference": ReferenceSection(chains=chains)})
    with serving_whole(plain) as url, serving_whole(lifting) as other:
        yield World(data, url, other, Conformance(load_check(shared)))


def extents(records: list[JSON]) -> list[tuple[int, int]]:
    places = [record["variation"]["location"]["interval"] for record in records]
    return sorted((place["start"]["value"], place["end"]["value"]) for place in places)


@pytest.mark.parametrize(("word", "gene"), [("DEL", "CECR2"), ("DEL", "TAFA5"), ("DUP", "TAFA5")])
def test_structural_variants_that_touch_a_gene(world: World, word: str, gene: str) -> None:
    left, right = GENES_38[gene]
    wanted = [
        (row.position, row.end)
        for row in world.rows("new")
        if row.chrom == "chr22" and row.alts == (f"<{word}>",) and row.carriers(1)
        if row.position < right and left < row.end
    ]  # fmt: skip
    found = world.ask("new", geneId=gene, variantType=word, variantMinLength=50)
    assert wanted
    assert extents(found) == sorted(wanted)


def test_deletions_of_more_than_a_kilobase(world: World) -> None:
    wanted = [
        (row.position, row.end)
        for row in world.rows("new")
        if row.chrom == "chr22" and row.alts == ("<DEL>",) and row.carriers(1)
        if row.end - row.position > 1000
    ]  # fmt: skip
    # People who have one copy or none of a stretch of varying number, whose genotypes are missing.
    lost = [
        (row.position, row.end)
        for row in world.rows("new")
        for copies in row.copies & {"0", "1"}
        if row.chrom == "chr22" and row.alts == ("<CNV>",) and row.end - row.position > 1000
    ]
    assert lost
    wanted += lost
    whole = {"assemblyId": "GRCh38", "referenceName": "chr22", "start": [0], "end": [50_818_468]}
    found = world.ask("new", variantType="DEL", variantMinLength=1001, **whole)
    assert len(wanted) > 20
    assert extents(found) == sorted(wanted)
    assert extents(world.ask("new", variantType="EFO:0030067", variantMinLength=1001, **whole)) == extents(
        found
    )


def hits_in_sirpa(world: World) -> dict[str, str]:
    """How the alleles of everybody lie who is hit twice there; the file is phased."""
    calls: dict[str, list[str]] = {}
    for row in world.rows("old"):
        left, right = row.change(1)
        if left < SIRPA_37[1] and SIRPA_37[0] < right:
            for name, call in row.calls.items():
                calls.setdefault(name, []).append(call)
    return {name: how for name, told in calls.items() if (how := lying(told))}


def lying(calls: list[str]) -> str:
    left, right = (sum(call[copy] == "1" for call in calls) for copy in (0, 2))
    if "1|1" in calls:
        return "homozygous"
    if left and right:
        return "trans"
    return "cis" if left + right > 1 else ""


def test_two_hits_in_a_gene_among_people_with_a_disease(world: World) -> None:
    people = json.loads((world.data / UK / "individuals.json").read_text())
    diseases = {one["id"]: {d["diseaseCode"]["id"] for d in one.get("diseases", ())} for one in people}
    disease = "ICD10:E10"
    hits = hits_in_sirpa(world)
    assert set(hits.values()) >= {"homozygous", "trans"}
    assert any(disease in diseases[name] for name in hits)
    gene = {"geneId": "SIRPA", "assemblyId": "GRCh37", "hitsPerPerson": 2}
    for phase, kinds in {
        "any": {"homozygous", "trans", "cis"},
        "biallelic": {"homozygous", "trans"},
        "trans": {"trans"},
        "cis": {"cis"},
    }.items():
        wanted = {name for name, how in hits.items() if how in kinds}
        everybody = world.ask("old", "/individuals", hitsPhase=phase, **gene)
        assert {person["id"] for person in everybody} == wanted
        ill = world.ask("old", "/individuals", filters=[disease], hitsPhase=phase, **gene)
        assert {person["id"] for person in ill} == {n for n in wanted if disease in diseases[n]}
        variants = world.ask("old", filters=[disease], hitsPhase=phase, **gene)
        told = {case["individualId"] for one in variants for case in one["caseLevelData"]}
        assert told == {person["id"] for person in ill}


def test_frequencies_in_groups_of_the_people(world: World) -> None:
    """By sex and origin, of ten people or more; a group without a carrier tells how many were looked at."""
    people = json.loads((world.data / UK / "individuals.json").read_text())
    groups: dict[str, set[str]] = {}
    for person in people:
        for name in ("sex", "ethnicity", "geographicOrigin"):
            if name in person:
                groups.setdefault(person[name]["label"], set()).add(person["id"])
    groups = {name: own for name, own in groups.items() if 10 <= len(own) < len(people)}
    absent = 0
    several = [row for row in world.rows("old") if len(row.carriers(1)) in (1, 9)][:400:40]
    for row in [row for row in world.rows("old", 1) if len(row.alts) == 1][:4] + several:
        contig = "MT" if row.chrom == "MT" else "20"
        records = world.ask(
            "old", assemblyId="GRCh37", referenceName=contig, start=[row.position - 1],
            referenceBases=row.ref, alternateBases=row.alts[0],
        )  # fmt: skip
        if not row.carriers(1):
            continue
        told = {
            one["population"]: (one["alleleCount"], one["alleleNumber"])
            for one in records[0]["frequencyInPopulations"][0]["frequencies"][1:]
        }
        wanted = {}
        for name, own in groups.items():
            alleles = [a for sample in own if sample in row.calls for a in _alleles(row.calls[sample])]
            called = [allele for allele in alleles if allele != "."]
            if called:
                wanted[name] = (called.count("1"), len(called))
        assert told == wanted
        absent += sum(count == 0 for count, _ in wanted.values())
    assert absent


@pytest.mark.parametrize("name", ["MT", "M", "chrM", "refseq:NC_012920.1"])
def test_a_mitochondrial_variant(world: World, name: str) -> None:
    """One copy each, so that whoever carries it is hemizygous; by any name of the contig."""
    row = max(world.rows("old", 1), key=lambda row: len(row.carriers(1)) if len(row.alts) > 1 else 0)
    for number, alt in enumerate(row.alts, 1):
        found = world.ask(
            "old", assemblyId="GRCh37", referenceName=name, start=[row.position - 1],
            referenceBases=row.ref, alternateBases=alt,
        )  # fmt: skip
        carriers = row.carriers(number)
        assert len(found) == bool(carriers)
        for record in found:
            told = record["frequencyInPopulations"][0]["frequencies"][0]
            assert (told["alleleCount"], told["alleleCountHemizygous"]) == (len(carriers), len(carriers))
            assert told["alleleNumber"] == sum(call != "." for call in row.calls.values())
            assert {case["biosampleId"] for case in record["caseLevelData"]} == carriers


def test_hemizygous_carriers_of_x(world: World) -> None:
    """A man and a woman: he has one copy, she has two."""
    seen = Counter[str]()
    for row in [row for row in world.rows("x") if row.alts[0] != "*"][::60]:
        wanted = {}
        for name in row.carriers(1):
            alleles = _alleles(row.calls[name])
            alone = {allele for allele in alleles if allele != "."} == {"1"}
            wanted[name] = "hemizygous" if len(alleles) == 1 else "homozygous" if alone else "heterozygous"
        found = world.ask(
            "x", assemblyId="GRCh38", referenceName="X", start=[row.position - 1],
            referenceBases=row.ref, alternateBases=row.alts[0],
        )  # fmt: skip
        told = {
            case["biosampleId"]: case["zygosity"]["label"]
            for record in found
            for case in record["caseLevelData"]
        }
        assert told == wanted
        seen.update(wanted.values())
    assert min(seen[word] for word in ("hemizygous", "homozygous", "heterozygous")) > 3


def test_the_other_assembly_with_and_without_a_chain(world: World) -> None:
    """ITPA rs1127354 lies at 3,193,842 of GRCh37 and 3,213,196 of GRCh38."""
    asked = {
        "assemblyId": "GRCh38", "referenceName": "20", "start": [3_213_195],
        "referenceBases": "C", "alternateBases": "A",
    }  # fmt: skip
    parameters = {"g_variant": asked, "datasets": {"datasetIds": ["old"]}}
    without = world.reply("/g_variants", requestParameters=parameters)
    assert without.status_code == 400
    assert without.json()["error"]["reason"] == "not_held"
    assert "GRCh37" in without.json()["error"]["errorMessage"]
    reply = world.reply("/g_variants", url=world.lifting, requestParameters=parameters)
    document = reply.json()
    assert not world.conformance.faults(document)
    (told,) = document["response"]["resultSets"]
    assert told["info"]["lifted"] == {"from": "GRCh38"}
    assert told["info"]["assembly"] == "GRCh37"
    (record,) = told["results"]
    assert record["variantInternalId"] == "GRCh37:20:3193842:C:A"
    frequency = record["frequencyInPopulations"][0]["frequencies"][0]
    assert (frequency["alleleCount"], frequency["alleleNumber"]) == (10, 182)


def test_an_unknown_base(world: World) -> None:
    """N is any base: of the reference, of the allele, or of both."""
    row = next(row for row in world.rows("old") if row.position == 3_193_842)
    at = {"assemblyId": "GRCh37", "referenceName": "20", "start": [row.position - 1]}
    for reference, alternate, found in (
        ("N", "N", True), ("C", "N", True), ("N", "A", True), ("N", "T", False), ("NN", "N", False),
    ):  # fmt: skip
        records = world.ask("old", referenceBases=reference, alternateBases=alternate, **at)
        assert [record["variantInternalId"] for record in records] == ["GRCh37:20:3193842:C:A"] * found


def test_an_insertion_or_deletion_anywhere_in_its_repeat(world: World) -> None:
    """As callers and laboratories write it: as far to the right as it goes, with and without a base."""
    packed = (world.data / "reference/fasta/b37.chr1_1-1000000.fasta.gz").read_bytes()
    bases = "".join(gzip.decompress(packed).decode().split("\n")[1:])
    tried = 0
    for row in world.rows("kgp"):
        if len(row.alts) > 1 or row.alts[0].startswith("<") or not row.carriers(1):
            continue
        if min(len(row.ref), len(row.alts[0])) != 1 or len(row.ref) == len(row.alts[0]):
            continue
        start, deleted, inserted = row.position, row.ref[1:], row.alts[0][1:]
        moved = 0
        while True:  # one base to the right, as long as the same sequence comes of it
            following = bases[start + len(deleted)]
            word = deleted or inserted
            if word[0] != following:
                break
            word = word[1:] + following
            deleted, inserted = (word, "") if deleted else ("", word)
            start, moved = start + 1, moved + 1
        if not moved:
            continue
        tried += 1
        at = {"assemblyId": "GRCh37", "referenceName": "1"}
        before = bases[start - 1]
        for first, ref, alt in (
            (start, deleted, inserted),
            (start - 1, before + deleted, before + inserted),
            (row.position - 1, row.ref, row.alts[0]),
        ):
            found = world.ask("kgp", start=[first], referenceBases=ref, alternateBases=alt, **at)
            told = [one["frequencyInPopulations"][0]["frequencies"][0]["alleleCount"] for one in found]
            assert told == [sum(_alleles(call).count("1") for call in row.calls.values())]
    assert tried > 5


def test_every_allele_of_a_line_of_several(world: World) -> None:
    several = [row for row in world.rows("old", 1) if len(row.alts) > 1]
    assert several
    for row in several[:8]:
        held = {
            alt: len(row.carriers(number)) for number, alt in enumerate(row.alts, 1) if row.carriers(number)
        }
        found = world.ask(
            "old", assemblyId="GRCh37", referenceName="MT", start=[row.position - 1], end=[row.position]
        )
        told = {
            record["variation"]["alternateBases"]: record["frequencyInPopulations"][0]["frequencies"][0][
                "alleleCount"
            ]
            for record in found
            if record["variation"]["referenceBases"] == row.ref
        }
        if len(row.ref) == 1 and all(len(alt) == 1 and alt != "*" for alt in row.alts):
            assert told == held


@pytest.mark.parametrize("name", ["SIRPA", "sirpa", "SHPS1", "HGNC:9662", "ENSG00000198053", "140885"])
def test_a_gene_by_any_of_its_names(world: World, name: str) -> None:
    wanted = 0
    for row in world.rows("old"):
        for number in range(1, len(row.alts) + 1):
            left, right = row.change(number)
            touches = SIRPA_37[0] <= left <= SIRPA_37[1] if left == right else None
            if touches is None:
                touches = left < SIRPA_37[1] and SIRPA_37[0] < right
            wanted += touches and bool(row.carriers(number))
    assert len(world.ask("old", geneId=name, assemblyId="GRCh37")) == wanted > 100


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        ("p.Arg46Leu", {"geneId": "PCSK9", "aminoacidChange": "R46L"}),
        ("p.Arg46Leu", {"geneId": "PCSK9", "aminoacidChange": "p.Arg46Leu"}),
        ("p.Arg46Leu", {"genomicAlleleShortForm": "PCSK9:p.Arg46Leu"}),
        ("ENST00000302118.5:c.137G>T", {"genomicAlleleShortForm": "ENST00000302118.5:c.137G>T"}),
        ("ENST00000302118.5:c.137G>T", {"genomicAlleleShortForm": "ENST00000302118:c.137G>T"}),
        ("p.Met1Pro", {"geneId": "PCSK9", "aminoacidChange": "M1P"}),
    ],
)
def test_a_change_of_the_protein_or_transcript(world: World, written: str, asked: JSON) -> None:
    """As VEP wrote it in a file of gnomAD."""
    wanted = [
        f"GRCh37:1:{row.position}:{row.ref}:{row.alts[0]}"
        for row in world.rows("gnomad")
        if any(written in note for note in row.info.split("vep=")[-1].split("|"))
    ]
    assert len(wanted) == ("Met1Pro" not in written)
    found = world.ask("gnomad", assemblyId="GRCh37", **asked)
    assert [record["variantInternalId"] for record in found] == wanted
    for record in found:
        assert "p.Arg46Leu" in record["molecularAttributes"]["aminoacidChanges"]
        assert "ENST00000302118.5:c.137G>T" in record["identifiers"]["transcriptHGVSIds"]
