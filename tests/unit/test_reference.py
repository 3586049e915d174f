"""Genes, chains, reference sequences and VRS identifiers, held against tables of other makers."""

from __future__ import annotations

import csv
import gzip
import random
from collections.abc import Iterator
from pathlib import Path

import pysam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.reference.genes import GeneTable
from node.reference.liftover import ChainFiles
from node.reference.matching import VariantLift
from node.store.normal import moves_of
from node.store.reader import Record
from node.store.sequence import FastaSequences
from schemas.errors import BadInput, BadQuestion
from schemas.genome import Allele, Assembly, Contig, Interval
from schemas.reference import Lifted
from schemas.vrs import allele_id, digest, refget_digest

OLD, NEW = Assembly.GRCH37, Assembly.GRCH38
TABLE = GeneTable()


def interval(contig: str, assembly: Assembly, left: int, right: int) -> Interval:
    return Interval(Contig.read(contig, assembly), left, right)


@pytest.mark.parametrize(
    "name",
    [
        "BRCA1",
        "brca1",
        " HGNC:1100",
        "hgnc:1100",
        "ENSG00000012048",
        "ENSG00000012048.27",
        "672",
        "NCBIGene:672",
        "ENTREZ:672",
        "Ensembl:ENSG00000012048",
        "RNF53",
    ],
)
def test_a_gene_has_many_names(name: str) -> None:
    gene = TABLE.find(name)
    assert (gene.symbol, gene.hgnc, gene.ensembl, gene.entrez) == (
        "BRCA1",
        "HGNC:1100",
        "ENSG00000012048",
        "672",
    )
    assert gene.places == {
        OLD: interval("17", OLD, 41_196_311, 41_277_500),
        NEW: interval("17", NEW, 43_044_294, 43_170_245),
    }


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("MLL2", r"several genes: KMT2B \(HGNC:15840\), KMT2D \(HGNC:7133\)"),
        ("BRCAA", "names like it are BRCA"),
        ("xyzzy-17", "no gene is called 'xyzzy-17' here$"),
        ("HGNC:999999999", "no gene has the identifier"),
        ("ENSG99999999999", "no gene has the identifier"),
        ("", "no gene is called"),
    ],
)
def test_names_that_name_no_one_gene(name: str, reason: str) -> None:
    with pytest.raises(BadQuestion, match=reason):
        TABLE.find(name)


def test_an_approved_symbol_is_no_alias_and_a_pseudoautosomal_gene_lies_on_x() -> None:
    assert TABLE.find("HGF").hgnc == "HGNC:4893"  # an alias of IL6, too
    assert {place.contig.name for place in TABLE.find("SHOX").places.values()} == {"X"}
    assert TABLE.find("MT-ND1").places[OLD] == interval("MT", OLD, 3306, 4262)


@pytest.mark.shared
def test_extents_are_those_of_other_tables(shared: Path) -> None:
    """Genes of GENCODE 19 overlap those of GRCh37, transcripts of MANE lie inside those of GRCh38."""
    folder = shared / "data" / "reference" / "genes"
    compared = inside = 0
    with gzip.open(folder / "gencode.v19.genes.hg19.bed.gz", "rt") as lines:
        for contig, left, right, _, ensembl, _, kind in csv.reader(lines, delimiter="\t"):
            if kind != "protein_coding" or contig == "chrM":
                continue
            place = _extent(ensembl, OLD)
            if place is not None and place.contig == Contig.read(contig, OLD):
                compared += 1
                inside += int(left) < place.end and place.start < int(right)
    assert compared > 17_500
    assert inside / compared > 0.995
    compared = inside = 0
    with gzip.open(folder / "MANE.GRCh38.v1.5.summary.txt.gz", "rt") as lines:
        for row in csv.reader(lines, delimiter="\t"):
            if len(row) != 14 or not row[10].startswith("NC_"):
                continue
            place = _extent(row[1], NEW)
            if place is not None:
                compared += 1
                assert place.contig == Contig.read(row[10], NEW)
                inside += place.start < int(row[11]) and int(row[12]) <= place.end
    assert compared > 18_500
    assert inside / compared > 0.995


def _extent(ensembl: str, assembly: Assembly) -> Interval | None:
    try:
        return TABLE.find(ensembl).places.get(assembly)
    except BadQuestion:
        return None  # a gene of the one release and not of the other


GTF = (
    "#!genome-build GRCh37\n"
    "20\thavana\tgene\t3189514\t3204516\t.\t+\t.\t"
    'gene_id "ENSG00000125877.8"; gene_name "ITPA"; gene_biotype "x";\n'
    '20\thavana\ttranscript\t1\t9\t.\t+\t.\tgene_id "ENSG00000125877.8"; gene_name "ITPA";\n'
    '20\thavana\tgene\t101\t200\t.\t+\t.\tgene_id "ENSG00000999999"; gene_name "NOVEL1";\n'
    'GL000191.1\thavana\tgene\t1\t20\t.\t+\t.\tgene_id "ENSG00000888888"; gene_name "ITPA";\n'
)
GFF3 = "20\tx\tgene\t3189514\t3204516\t.\t+\t.\tID=gene:ENSG00000125877;Name=ITPA\n"
BED = "track name=x\n20\t3189513\t3204516\tITPA\n20\t100\t200\tNOVEL1\textra\n"


@pytest.mark.parametrize(
    ("name", "text"), [("g.gtf", GTF), ("g.gff3", GFF3), ("g.bed", BED), ("g.bed.gz", BED)]
)
def test_a_table_of_the_site_comes_first(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    table = GeneTable({OLD: path})
    places = table.find("HGNC:6176").places
    assert places[OLD] == interval("20", OLD, 3_189_513, 3_204_516)
    assert places[NEW] == TABLE.find("ITPA").places[NEW]
    assert TABLE.find("ITPA").places[OLD] == interval("20", OLD, 3_190_005, 3_204_516)
    if "NOVEL1" in text:
        assert table.find("novel1").places == {OLD: interval("20", OLD, 100, 200)}


@pytest.mark.parametrize(
    "text",
    ["20\t1\n", "20\tx\t5\tA\n", "20\t5\t1\tA\n", "20\tx\tgene\t1\t5\t.\t+\t.\tcolour=1\n", "\x1f\x8b"],
)
def test_a_table_that_cannot_be_read_is_named_with_its_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "genes.bed"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(BadInput, match=r"genes\.bed"):
        GeneTable({NEW: path})


# ---------------------------------------------------------------------------------------- chains


def chain_text(blocks: list[tuple[int, int, int]], *, reverse: bool = False) -> str:
    """A chain from 20 of GRCh37 to 20 of GRCh38 that begins at 1000 and 5000 of the aligned strands."""
    source, target = Contig.read("20", OLD), Contig.read("20", NEW)
    strand = "-" if reverse else "+"
    ends = (
        1000 + sum(size + gap for size, gap, _ in blocks),
        5000 + sum(size + gap for size, _, gap in blocks),
    )
    left = f"chr20 {source.length_bp} + 1000 {ends[0]}"
    head = f"chain 99 {left} chr20 {target.length_bp} {strand} 5000 {ends[1]} 1"
    rows = ["\t".join(map(str, block)) for block in blocks[:-1]] + [str(blocks[-1][0])]
    return "\n".join((head, *rows, "", ""))


@given(
    st.lists(st.tuples(st.integers(1, 20), st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=6),
    st.booleans(),
    st.integers(0, 150),
    st.integers(1, 150),
)
def test_lifting_walks_the_blocks(
    tmp_path_factory: pytest.TempPathFactory,
    blocks: list[tuple[int, int, int]],
    reverse: bool,
    first: int,
    length: int,
) -> None:
    path = tmp_path_factory.mktemp("chain") / "a.chain"
    path.write_text(chain_text(blocks, reverse=reverse))
    chains = ChainFiles([path])
    assert chains.leads(OLD, NEW)
    assert not chains.leads(NEW, OLD)
    pairs, left, other = {}, 1000, 5000
    for size, gap, other_gap in blocks:
        pairs |= {left + n: other + n for n in range(size)}
        left, other = left + size + gap, other + size + other_gap
    asked = interval("20", OLD, 1000 + first, 1000 + first + length)
    lifted = chains.lift(asked, NEW)
    here = [pairs.get(asked.start), pairs.get(asked.end - 1)]
    if None in here:
        assert lifted is None
    else:
        end = Contig.read("20", NEW).length_bp
        low, high = sorted(end - 1 - base if reverse else base for base in here)
        assert lifted == Lifted(interval("20", NEW, low, high + 1), reverse)


@pytest.mark.parametrize("text", ["", "chain 1 2\n", "chain x\n5\n", "\x1f\x8b", "chr20\t1\t2\n"])
def test_what_is_no_chain_file_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.chain"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(BadInput, match="chain"):
        ChainFiles([path])


@pytest.fixture(scope="module")
def chains(shared: Path) -> ChainFiles:
    folder = shared / "data" / "reference" / "liftover"
    return ChainFiles([folder / "hg19Tohg38.over.chain.gz", folder / "hg38Tohg19.over.chain.gz"])


@pytest.mark.shared
@pytest.mark.parametrize(
    ("contig", "first", "lifted"),
    [
        ("20", 3_193_842, 3_213_196),
        ("17", 41_276_045, 43_124_028),
        ("7", 140_453_136, 140_753_336),
        ("1", 230_845_794, 230_710_048),
        ("MT", 3_243, 3_243),
    ],
)
def test_known_places_go_there_and_back(chains: ChainFiles, contig: str, first: int, lifted: int) -> None:
    old, new = interval(contig, OLD, first - 1, first), interval(contig, NEW, lifted - 1, lifted)
    assert chains.lift(old, NEW) == Lifted(new)
    assert chains.lift(new, OLD) == Lifted(old)


@pytest.mark.shared
def test_genes_lift_onto_themselves(chains: ChainFiles) -> None:
    """Nearly every gene has its extents overlap when the one of GRCh37 is carried over."""
    chance, tried, met = random.Random(5), 0, 0
    for number in chance.sample(range(1, 60_000), 4_000):
        try:
            gene = TABLE.find(f"HGNC:{number}")
        except BadQuestion:
            continue
        if len(gene.places) == 2 and (lifted := chains.lift(gene.places[OLD], NEW)) is not None:
            tried += 1
            met += lifted.interval.overlaps(gene.places[NEW])
    assert tried > 700
    assert met / tried > 0.99


@pytest.mark.shared
def test_variants_of_cases_are_carried_over_to_the_other_assembly(chains: ChainFiles) -> None:
    lift = VariantLift(chains)
    old, new = interval("20", OLD, 3_193_841, 3_193_842), interval("20", NEW, 3_213_195, 3_213_196)
    assert lift(Allele.from_bases(old, "C", "A")) == Allele.from_bases(new, "C", "A")
    assert lift(Allele.from_bases(new, "C", "A")) == Allele.from_bases(old, "C", "A")
    # A stretch is as long there, give or take what was inserted between its ends.
    gene = TABLE.find("SCN1A").places
    lifted = lift(gene[OLD])
    assert isinstance(lifted, Interval)
    assert lifted.overlaps(gene[NEW])
    assert abs(lifted.length_bp - gene[OLD].length_bp) < 0.01 * gene[OLD].length_bp
    assert VariantLift(ChainFiles(()))(gene[OLD]) is None
    assert lift(interval("1", OLD, 0, 200_000_000)) is None  # its ends are not in the other one
    assert lift(Allele.symbolic(old, "<DEL>")) is None


# ------------------------------------------------------------------------------ sequence and VRS


@pytest.fixture
def fasta(tmp_path: Path) -> Iterator[FastaSequences]:
    bases = "".join(random.Random(3).choices("ACGTacgtN", k=900))
    path = tmp_path / "part.fa"
    path.write_text(f">chr20\n{bases}\n>chrUn_KI270302v1\nACGT\n")
    pysam.faidx(str(path))
    sequences = FastaSequences({NEW: path})
    yield sequences
    sequences.close()


def test_bases_are_given_in_upper_case_as_far_as_they_are_held(fasta: FastaSequences) -> None:
    whole = "".join(random.Random(3).choices("ACGTacgtN", k=900)).upper()
    assert fasta.bases(interval("20", NEW, 0, 900)) == whole
    assert fasta.bases(interval("20", NEW, 7, 19)) == whole[7:19]
    assert fasta.bases(interval("20", NEW, 7, 7)) == ""
    assert fasta.bases(interval("20", NEW, 899, 901)) is None
    assert fasta.bases(interval("20", OLD, 0, 9)) is None
    assert fasta.bases(interval("21", NEW, 0, 9)) is None


def test_a_fasta_needs_an_index_and_the_right_assembly(tmp_path: Path) -> None:
    path = tmp_path / "a.fa"
    path.write_text(">MT\n" + "A" * 17_000 + "\n")
    with pytest.raises(BadInput, match="no index"):
        FastaSequences({NEW: path})
    pysam.faidx(str(path))
    with pytest.raises(BadInput, match="17,000 bases"):
        FastaSequences({NEW: path})
    with pytest.raises(BadInput, match="17,000 bases"):
        moves_of(iter(list[Record]()), "a.vcf", path, NEW)


@pytest.mark.parametrize(
    ("left", "right", "sequence", "name"),
    [  # as the reference implementation of VRS 1.3 (ga4gh.vrs 0.8.5) computes them
        (44_908_821, 44_908_822, "T", "ga4gh:VA.CxiA_hvYbkD8Vqwjhx5AYuyul4mtlkpD"),
        (100, 103, "", "ga4gh:VA.Jv53beWuGhxCjIW93vGvZlA57Eh_aqlJ"),
        (100, 100, "ACGT", "ga4gh:VA.b-OXmfSUA6dT2cHwF3WJyX5J5uzXqUfA"),
    ],
)
def test_vrs_identifiers(left: int, right: int, sequence: str, name: str) -> None:
    assert allele_id(interval("19", NEW, left, right), sequence) == name


@pytest.mark.shared
def test_the_digest_of_a_sequence_is_what_the_table_has(shared: Path) -> None:
    lines = (shared / "data" / "reference" / "fasta" / "rCRS.fasta").read_text().splitlines()
    whole = "".join(line for line in lines if not line.startswith(">")).upper()
    assert {digest(whole)} == {refget_digest(Contig.read("MT", assembly)) for assembly in Assembly}


def test_no_two_contigs_share_a_digest() -> None:
    contigs = [Contig.numbered(n, assembly) for assembly in Assembly for n in range(1, 26)]
    digests = {refget_digest(contig) for contig in contigs}
    assert len(digests) == 49  # MT is one sequence in both
    assert {len(name) for name in digests} == {32}
