"""Published pathogenic genotypes, planted into copies of real VCFs, and a node that holds them.

The genotypes are those of published patients whose alleles ClinVar has; the genomes around them are real,
and of other people.  Where a background is annotated, what the planted alleles do is as ClinVar says, and
what the others do is made up: 30 in 1,000 alleles of a gene change its protein and 2 end it, some times more
than in people's genomes.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pysam

from node.app import Node, open_node
from node.config import CONFIG_NAME, read_settings
from node.home import make_home
from node.people import Format, import_people
from node.reference import genes as shipped
from node.reference.liftover import ChainFiles
from node.reference.matching import VariantLift
from node.store.catalogue import add_dataset
from node.store.ingest import ingest
from schemas.access import Policy
from schemas.candidates import Finding
from schemas.genome import Allele, Assembly, Contig, Interval
from schemas.matching import Mode
from schemas.people import Dataset
from schemas.reference import Gene, Reported
from tests.genotyped import tables
from tests.vcfs import CSQ, write

URL = "http://127.0.0.1:8097"
_ALONE = {Mode.DOMINANT, Mode.X_DOMINANT, Mode.X_RECESSIVE}


@dataclass(frozen=True)
class Background:
    """Real people.  place: their file below the shared data.  table: one whose INFO/AF is of others, too."""

    name: str
    assembly: Assembly
    place: str
    table: str


BACKGROUNDS = (
    Background(
        "uk",
        Assembly.GRCH37,
        "network/hospital-uk/snv.chr20.b37.vcf.gz",
        "network/pooled/chr20.eur300.b37.upstream.vcf.gz",
    ),
    Background(
        "fi",
        Assembly.GRCH38,
        "network/hospital-fi/snv.chr22.grch38.vcf.gz",
        "network/hospital-es/snv.chr22.grch38.vcf.gz",
    ),
    Background(
        "kgp",
        Assembly.GRCH37,
        "extra/kgp_phase3_chr1_2504_b37/1k.chr1.phase3.vcf.gz",
        "extra/kgp_phase3_chr1_2504_b37/1k.chr1.phase3.vcf.gz",
    ),
)


@dataclass(frozen=True)
class Patient:
    """A published one.  alleles: of GRCh38, with how many copies he has of each."""

    id: str
    gene: Gene
    features: tuple[str, ...]
    sex: str
    alleles: tuple[tuple[Reported, int], ...]


@dataclass(frozen=True)
class Planted:
    """A published genotype in somebody of a dataset."""

    dataset: str
    individual: str
    patient: Patient


@dataclass(frozen=True)
class Garden:
    """A node with planted genotypes.  neighbours: genes of the backgrounds in which nothing was planted."""

    node: Node
    planted: tuple[Planted, ...]
    neighbours: tuple[Gene, ...]


@dataclass
class _Record:
    place: Interval
    columns: list[str]
    calls: list[str] = field(default_factory=list)


def patients(shared: Path, number: int) -> list[Patient]:
    """Of different genes, in a fixed random order; whole genotypes of alleles that ClinVar has."""
    genes, clinvar, diseases = tables()
    lines = (shared / "data" / "cases" / "dev.jsonl").read_text(encoding="utf-8").splitlines()
    random.Random(5).shuffle(lines)
    found: dict[str, Patient] = {}
    for case in map(json.loads, lines):
        if case["gene"] in found or any("sv" in one for one in case["variants"]) or not case["observed"]:
            continue
        gene = genes.find(case["hgnc"])
        known = {one.allele: one for one in clinvar.of_gene(gene, Assembly.GRCH38)}
        alleles = [(known.get(_allele(one)), one["zygosity"]) for one in case["variants"]]
        reported = [(one, copies) for one, copies in alleles if one is not None]
        disease = diseases.find(gene.entrez)
        alone = disease is not None and bool(disease.inheritance & _ALONE)
        if len(reported) == len(alleles) and (alone or sum(copies for _, copies in reported) == 2):
            sex, features = case.get("sex", "FEMALE"), tuple(case["observed"])
            found[case["gene"]] = Patient(case["id"], gene, features, sex, tuple(reported))
        if len(found) == number:
            break
    return list(found.values())


def _allele(variant: Mapping[str, object]) -> Allele:
    contig = Contig.read(str(variant["chrom"]), Assembly.GRCH38)
    return Allele.from_vcf(contig, int(str(variant["pos"])), str(variant["ref"]), str(variant["alt"]))


@contextmanager
def planted(
    shared: Path, folder: Path, number: int, *, annotated: bool, with_table: bool
) -> Iterator[Garden]:
    """`number` genotypes in the three backgrounds, where everybody consents to be found."""
    home = folder / "home"
    make_home(home, URL, "Garden", "FI")
    chosen = patients(shared, number)
    made = [
        _plant(shared, folder, background, chosen[turn :: len(BACKGROUNDS)], annotated=annotated)
        for turn, background in enumerate(BACKGROUNDS)
    ]
    with (home / CONFIG_NAME).open("a", encoding="utf-8") as settings:
        settings.write(_settings(shared, folder, with_table=with_table))
    with open_node(read_settings(home)) as node:
        for background, (path, people, _) in zip(BACKGROUNDS, made, strict=True):
            add_dataset(node.engine, Dataset(background.name, background.assembly, Policy.CONTROLLED))
            ingest(node.engine, node.settings.ingest, path, background.name)
            (folder / "people.json").write_text(json.dumps(people))
            import_people(node.engine, background.name, folder / "people.json", Format.BFF)
            everybody = [one["id"] for one in people]
            node.search.consents.set(background.name, everybody, Finding.VARIANT)
        neighbours = [gene for background in BACKGROUNDS for gene in _around(shared, background)]
        own = {one.gene.symbol for one in chosen}
        yield Garden(
            node,
            tuple(one for _, _, some in made for one in some),
            tuple(gene for gene in neighbours if gene.symbol not in own),
        )


def _plant(
    shared: Path, folder: Path, background: Background, chosen: Sequence[Patient], *, annotated: bool
) -> tuple[Path, list[dict[str, object]], list[Planted]]:
    """The file, the records of its people, and who has which genotype."""
    with gzip.open(shared / "data" / background.place, "rt") as source:
        lines = [line.rstrip("\n") for line in source if not line.startswith("##")]
    samples = lines[0].split("\t")[9:]
    records = [_record(line, background.assembly) for line in lines[1:]]
    holders = random.Random(background.name).sample(samples, len(chosen))
    notes = _invented(shared, background) if annotated else {}
    for record in records:
        record.columns[7] = notes.get(tuple(record.columns[:5]), ".")
    for turn, (holder, patient) in enumerate(zip(holders, chosen, strict=True)):
        for number, (one, copies) in enumerate(patient.alleles):
            there = _lifted(shared, one.allele) if background.assembly is Assembly.GRCH37 else one.allele
            position, reference, alternate = there.vcf
            said = f"CSQ={alternate}|{patient.gene.symbol}|T1|||{one.consequence}||1" if annotated else "."
            name = there.interval.contig.name
            columns = [name, str(position), ".", reference, alternate, ".", "PASS", said, "GT"]
            calls = ["0/0"] * len(samples)
            calls[samples.index(holder)] = _call(patient, copies, number, phased=turn % 2 == 0)
            records.append(_Record(there.interval, columns, calls))
    records.sort(key=lambda one: (one.place.contig.number, int(one.columns[1])))
    head = ["##fileformat=VCFv4.3", '##FORMAT=<ID=GT,Number=1,Type=String,Description="G">']
    head += [CSQ] if annotated else []
    head += [f"##contig=<ID={contig}>" for contig in dict.fromkeys(one.columns[0] for one in records)]
    rows = ["\t".join((*one.columns, *one.calls)) for one in records]
    text = "\n".join((*head, lines[0], *rows, ""))
    path = write(folder / f"{background.name}.vcf.gz", text.encode())
    by_holder = dict(zip(holders, chosen, strict=True))
    people = [_person(sample, by_holder.get(sample)) for sample in samples]
    return path, people, [Planted(background.name, who, patient) for who, patient in by_holder.items()]


def _record(line: str, assembly: Assembly) -> _Record:
    columns = line.split("\t")
    place = Interval.from_one_based(Contig.read(columns[0], assembly), int(columns[1]), int(columns[1]))
    columns[0] = place.contig.name
    return _Record(place, columns[:9], columns[9:])


def _call(patient: Patient, copies: int, number: int, *, phased: bool) -> str:
    if patient.alleles[0][0].allele.interval.contig.name == "X" and patient.sex == "MALE":
        return "1"
    if copies == 2:
        return "1/1"
    if len(patient.alleles) == 1:
        return "0/1"
    return ("0|1", "1|0")[number % 2] if phased else "0/1"


def _person(sample: str, patient: Patient | None) -> dict[str, object]:
    if patient is None:
        return {"id": sample, "sex": {"id": "NCIT:C17998"}}
    code = "NCIT:C20197" if patient.sex == "MALE" else "NCIT:C16576"
    features = [{"featureType": {"id": term}} for term in patient.features]
    return {"id": sample, "sex": {"id": code}, "phenotypicFeatures": features}


@cache
def _chains(shared: Path) -> VariantLift:
    return VariantLift(ChainFiles(_chain_files(shared)))


def _chain_files(shared: Path) -> list[Path]:
    return sorted((shared / "data" / "reference" / "liftover").glob("*.chain.gz"))


def _lifted(shared: Path, allele: Allele) -> Allele:
    there = _chains(shared)(allele)
    assert isinstance(there, Allele)
    return Allele(there.interval, there.reference, there.alternate, allele.anchor)


@cache
def _genes() -> tuple[Gene, ...]:
    return tuple(shipped._gene_of(line) for line in shipped._shipped())


@cache
def _around(shared: Path, background: Background) -> tuple[Gene, ...]:
    """The genes that lie in the stretch that a background covers."""
    with gzip.open(shared / "data" / background.place, "rt") as source:
        places = [_record(line, background.assembly).place for line in source if not line.startswith("#")]
    whole = Interval(places[0].contig, places[0].start, places[-1].end)
    return tuple(
        gene
        for gene in _genes()
        if gene.hgnc and (place := gene.places.get(background.assembly)) is not None and place.overlaps(whole)
    )


def _invented(shared: Path, background: Background) -> dict[tuple[str, ...], str]:
    """What the alleles of a background do, made up: by the first columns of their lines."""
    genes = _around(shared, background)
    notes: dict[tuple[str, ...], str] = {}
    with gzip.open(shared / "data" / background.place, "rt") as source:
        for line in source:
            if line.startswith("#"):
                continue
            record = _record(line.rstrip("\n"), background.assembly)
            said = [
                f"{alternate}|{gene.symbol}|T1|||{_kind(record, gene, alternate)}||{number}"
                for gene in genes
                if gene.places[background.assembly].overlaps(record.place)
                for number, alternate in enumerate(record.columns[4].split(","), 1)
            ]
            if said:
                notes[tuple(record.columns[:5])] = "CSQ=" + ",".join(said)
    return notes


def _kind(record: _Record, gene: Gene, alternate: str) -> str:
    named = "\t".join((*record.columns[:4], alternate, gene.symbol))
    dice = int.from_bytes(hashlib.sha256(named.encode()).digest()[:4]) % 1000
    return "stop_gained" if dice < 2 else "missense_variant" if dice < 32 else "intron_variant"


def _settings(shared: Path, folder: Path, *, with_table: bool) -> str:
    chains = ", ".join(f'"{path}"' for path in _chain_files(shared))
    text = f"\n[reference]\nchains = [{chains}]\n"
    if with_table:
        paths = {assembly: _table(shared, folder, assembly) for assembly in Assembly}
        told = ", ".join(f'{assembly} = ["{path}"]' for assembly, path in paths.items())
        text += f"frequencies = {{ {told} }}\n"
    return text


def _table(shared: Path, folder: Path, assembly: Assembly) -> Path:
    """An indexed VCF with the frequencies of the backgrounds' alleles and of no others."""
    rows: dict[tuple[int, int, str, str], str] = {}
    for background in BACKGROUNDS:
        if background.assembly is not assembly:
            continue
        with gzip.open(shared / "data" / background.table, "rt") as source:
            for line in source:
                if not line.startswith("#"):
                    record = _record("\t".join(line.split("\t", 9)[:9]), assembly)
                    frequency = next(
                        (one for one in record.columns[7].split(";") if one.startswith("AF=")), "AF=0"
                    )
                    position, reference, alternate = (record.columns[at] for at in (1, 3, 4))
                    key = record.place.contig.number, int(position), reference, alternate
                    rows[key] = "\t".join((*record.columns[:5], ".", "PASS", frequency))
    for number in range(1, 26):
        contig = Contig.numbered(number, assembly)
        rows[number, 100, "A", "C"] = f"{contig.name}\t100\t.\tA\tC\t.\tPASS\tAF=0.1"
    text = "\n".join(("##fileformat=VCFv4.2", "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"))
    body = "\n".join(row for _, row in sorted(rows.items()))
    path = write(folder / f"frequencies.{assembly}.vcf.gz", f"{text}\n{body}\n".encode())
    pysam.tabix_index(str(path), preset="vcf", force=True)
    return path
