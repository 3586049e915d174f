"""Tables that are indexed VCFs, real slices of gnomAD and ClinVar, and those that are shipped."""

from __future__ import annotations

import gzip
from pathlib import Path

import pysam
import pytest

from node.reference.clinvar import ClinVar
from node.reference.liftover import ChainFiles
from node.reference.matching import VariantLift
from node.store.tables import ClinVarFile, FrequencyTables
from schemas.errors import BadInput
from schemas.genome import Allele, Assembly, Contig, Interval
from schemas.matching import Mode
from tests.genotyped import tables
from tests.vcfs import write

CHR1 = Contig.read("1", Assembly.GRCH37)
SLICES = "data/extra/annotation_slices"


def table(path: Path, *rows: str) -> Path:
    text = "\n".join(("##fileformat=VCFv4.2", "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO", *rows, ""))
    write(path, text.encode())
    pysam.tabix_index(str(path), preset="vcf", force=True)
    return path


def frequency(rows: tuple[str, ...], allele: Allele, folder: Path) -> float | None:
    tables = FrequencyTables({Assembly.GRCH37: [table(folder / "t.vcf.gz", *rows)]})
    try:
        return tables.frequency(allele)
    finally:
        tables.close()


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        ("AF=0.25", 0.25),
        ("AF=0.25;AF_popmax=0.5", 0.5),
        ("AF=0.25;AF_grpmax=0.125", 0.125),
        ("AC=3;AN=12", 0.25),
        ("AC=3;AN=0", 0.0),
        ("DB", 0.0),
        ("AF=.", 0.0),
    ],
)
def test_the_highest_frequency_that_is_told_counts(info: str, expected: float, tmp_path: Path) -> None:
    allele = Allele.from_vcf(CHR1, 1000, "A", "C")
    assert frequency((f"chr1\t1000\t.\tA\tC\t.\tPASS\t{info}",), allele, tmp_path) == expected


def test_each_of_several_alleles_has_its_own_however_it_is_padded(tmp_path: Path) -> None:
    rows = ("1\t1000\t.\tAT\tA,ATT,CT\t.\tPASS\tAF=0.1,0.2,0.3",)
    told = [
        frequency(rows, allele, tmp_path)
        for allele in (
            Allele.from_vcf(CHR1, 1000, "AT", "A"),
            Allele.from_vcf(CHR1, 1000, "A", "AT"),
            Allele.from_vcf(CHR1, 1000, "A", "C"),
            Allele.from_vcf(CHR1, 1000, "A", "G"),
            Allele.from_vcf(Contig.read("2", Assembly.GRCH37), 1000, "A", "C"),
        )
    ]
    assert told == [0.1, 0.2, 0.3, 0.0, None]


@pytest.mark.parametrize("content", ["plain", "unindexed", "elsewhere"])
def test_a_file_that_cannot_be_used_says_why(content: str, tmp_path: Path) -> None:
    path = tmp_path / "t.vcf.gz"
    if content == "plain":
        path.write_text("##fileformat=VCFv4.2\n")
    elif content == "unindexed":
        write(path, b"##fileformat=VCFv4.2\n")
    else:
        table(path, "scaffold_1\t1000\t.\tA\tC\t.\tPASS\tAF=0.1")
    with pytest.raises(BadInput, match=r"cannot be read as an indexed VCF|has no contig"):
        FrequencyTables({Assembly.GRCH37: [path]})


@pytest.mark.shared
def test_gnomad_tells_of_every_allele_it_has(shared: Path) -> None:
    path = shared / SLICES / "gnomad_exomes_v2.1.PCSK9.b37.vcf.gz"
    tables = FrequencyTables({Assembly.GRCH37: [path]})
    with gzip.open(path, "rt") as lines:
        for line in lines:
            if line.startswith("#"):
                continue
            columns = line.split("\t", 8)
            info = dict(item.partition("=")[::2] for item in columns[7].split(";"))
            told = info.get("AF_popmax", ".") if info.get("AF_popmax", ".") != "." else info["AF"]
            allele = Allele.from_vcf(CHR1, int(columns[1]), columns[3], columns[4])
            assert tables.frequency(allele) == float(told)
    tables.close()


@pytest.mark.shared
def test_clinvars_own_file_tells_of_what_is_pathogenic(shared: Path) -> None:
    path = shared / SLICES / "clinvar_20230710.chr1_69134_981226.b37.vcf.gz"
    file = ClinVarFile(path, Assembly.GRCH37)
    expected = set()
    with gzip.open(path, "rt") as lines:
        for line in lines:
            columns = line.rstrip("\n").split("\t")
            significance = [one for one in columns[-1].split(";") if one.startswith("CLNSIG=")]
            if significance and significance[0][7:] in (
                "Pathogenic",
                "Likely_pathogenic",
                "Pathogenic/Likely_pathogenic",
            ):
                expected.add(columns[2])
    found = file.within(Interval(CHR1, 0, 1_000_000))
    file.close()
    assert {one.name for one in found} == expected
    assert expected


def test_the_shipped_tables_say_what_they_should() -> None:
    genes, clinvar, diseases = tables()
    cftr = genes.find("CFTR")
    deleted = Allele.from_vcf(Contig.read("7", Assembly.GRCH38), 117559590, "ATCT", "A")  # p.Phe508del
    (found,) = [one for one in clinvar.of_gene(cftr, Assembly.GRCH38) if one.allele == deleted]
    assert (found.name, found.significance, found.stars) == ("7105", "pathogenic", 4)
    assert not clinvar.knows(Assembly.GRCH37)
    known = diseases.find(cftr.entrez)
    assert known is not None
    assert Mode.RECESSIVE in known.inheritance
    assert "HP:0002205" in known.features
    assert diseases.find("") is None
    for symbol in list(clinvar.symbols())[::50]:
        for one in clinvar.of_gene(genes.find(symbol), Assembly.GRCH38):
            assert one.stars in (2, 3, 4)


@pytest.mark.shared
def test_with_chain_files_alleles_are_carried_to_the_other_assembly(shared: Path) -> None:
    chains = ChainFiles(sorted((shared / "data" / "reference" / "liftover").glob("*.chain.gz")))
    clinvar = ClinVar({}, chains, VariantLift(chains))
    genes, _, _ = tables()
    deleted = Allele.from_vcf(Contig.read("7", Assembly.GRCH37), 117199644, "ATCT", "A")
    assert deleted in {one.allele for one in clinvar.of_gene(genes.find("CFTR"), Assembly.GRCH37)}
