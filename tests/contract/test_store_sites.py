"""Files without samples: their counts are held as INFO tells them, and never beside counts of genotypes."""

import gzip
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pysam
import pytest
from pyroaring import BitMap
from sqlalchemy.engine import Engine

from beacon.records import Telling, records_of
from node.config import IngestSection
from node.store import open_store
from node.store.catalogue import check_files
from node.store.compaction import compact
from node.store.index import SqlStore
from node.store.ingest import IngestReport, ingest
from node.store.inspection import check_index
from node.store.scrubbing import scrub
from schemas.errors import BadInput
from schemas.genome import Assembly, Contig, Interval
from schemas.ports import Counts, Page, Source
from schemas.questions import RangeQuery
from tests import engines, vcfs

ALL = Page(0, 10_000)
LIMITS = IngestSection()
HEAD = "##fileformat=VCFv4.3\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"
Ingest = Callable[..., IngestReport]


def whole(name: str, assembly: Assembly = Assembly.GRCH37) -> RangeQuery:
    contig = Contig.read(name, assembly)
    return RangeQuery(Interval(contig, 0, contig.length_bp))


@pytest.fixture
def engine(tmp_path: Path, new_database: engines.NewDatabase) -> Iterator[Engine]:
    datasets = vcfs.open_dataset("here"), vcfs.open_dataset("there", Assembly.GRCH38)
    made = vcfs.new_node(tmp_path / "node", *datasets, url=new_database(tmp_path))
    yield made
    made.dispose()


@pytest.fixture
def store(engine: Engine) -> Iterator[SqlStore]:
    opened = open_store(engine)
    yield opened
    opened.close()


def sites(path: Path, *lines: str, head: str = HEAD) -> Path:
    path.write_text("\n".join((head, *(line.replace(" ", "\t") for line in lines))) + "\n")
    return path


UNKNOWN = "unknown"
INFOS = [
    # contig, POS, INFO, then (AC, AN, het, hom, hemi) as it should be told, or the reason why it is not
    ("20", 100, "AC=5;AN=100;nhomalt=1", (5, 100, 3, 1, 0)),
    ("20", 100, "AC=5;AN=100", (5, 100, UNKNOWN)),
    ("20", 100, "AF=0.05;AN=100", (5, 100, UNKNOWN)),
    ("20", 100, "AC=5", (5, 0, UNKNOWN)),
    ("20", 100, "AC=5;AN=100;nhomalt=4", (5, 100, UNKNOWN)),  # does not fit
    ("20", 100, "AC=5;AN=100;nhomalt=.", (5, 100, UNKNOWN)),
    ("20", 100, "AC=7;AN=100;AC_Hom=4;AC_Het=3;AC_Hemi=0", (7, 100, 3, 2, 0)),  # bcftools counts alleles
    ("20", 100, "AC=7;AN=100;AC_Hom=2;AC_Het=3;AC_Hemi=0", (7, 100, 3, 2, 0)),  # ExAC counts people
    ("20", 100, "AC=9;AN=120;AC_Adj=7;AN_Adj=100;AC_Hom=2;AC_Het=3", (7, 100, 3, 2, 0)),
    ("20", 100, "AC=7;AN=100;AC_Hom=1;AC_Het=1", (7, 100, UNKNOWN)),
    ("20", 100, "AC=7;AN=100;Hom=2", (7, 100, 3, 2, 0)),
    ("20", 100, "AC=7;AN=100;N_HOMALT=2;N_HET=3", (7, 100, 3, 2, 0)),
    ("20", 100, "AC_male=1;AC=7;nhomalt_raw=9;AN=100;nhomalt=2", (7, 100, 3, 2, 0)),
    ("X", 5_000_000, "AC=7;AN=100;nhomalt=1;nonpar;AC_male=3", (7, 100, 2, 1, 3)),
    ("X", 5_000_000, "AC=7;AN=100;nhomalt=1;nonpar;AC_XY=3;nhomalt_XX=1", (7, 100, 2, 1, 3)),
    ("X", 5_000_000, "AC=7;AN=100;AC_Hom=1;AC_Het=2;AC_Hemi=3", (7, 100, 2, 1, 3)),
    ("X", 5_000_000, "AC=7;AN=100;nhomalt=1", (7, 100, UNKNOWN)),
    ("X", 100_000, "AC=7;AN=100;nhomalt=1", (7, 100, 5, 1, 0)),
    ("Y", 5_000_000, "AC=7;AN=50", (7, 50, 0, 0, 7)),
    ("MT", 500, "AC=7;AN=50", (7, 50, 0, 0, 7)),
    ("MT", 500, "AN=56434;AC_hom=19;AC_het=1", (20, 56434, 1, 0, 19)),
    ("20", 100, ".", "INFO has neither AC, nor AF with AN"),
    ("20", 100, "AF=0.05", "INFO has neither AC, nor AF with AN"),
    ("20", 100, "AC=x;AN=100", "AC in INFO is not a count"),
    ("20", 100, "AC=-5;AN=100", "AC in INFO is not a count"),
    ("20", 100, "AF=1.5;AN=100", "AF in INFO is not a frequency"),
    ("20", 100, "AF=nan;AN=100", "AF in INFO is not a frequency"),
    ("20", 100, "AC=5,2;AN=100", "AC in INFO has another number of values than ALT"),
]


@pytest.mark.parametrize(("contig", "first", "info", "told"), INFOS)
def test_what_info_counts(
    tmp_path: Path, contig: str, first: int, info: str, told: tuple[int | str, ...] | str
) -> None:
    engine = vcfs.new_node(tmp_path, vcfs.open_dataset("here"))
    others = "20 90 . G T . . AC=1;AN=2", "20 95 . G T . . AC=0;AN=2"
    path = sites(tmp_path / "any.vcf", *others, f"{contig} {first} . A C . . {info}")
    report = ingest(engine, LIMITS, path, "here")
    store = open_store(engine)
    found = [one for one in store.find("here", whole(contig), ALL) if one.allele.reference == "A"]
    if isinstance(told, str):
        assert (found, report.alleles) == ([], 1)
        assert report.skipped == ((5, told),)
    else:
        assert report.of_sites
        assert report.alleles == 2
        people = (0, 0, 0) if UNKNOWN in told else told[2:]
        source = Source.INFO_ALLELES if UNKNOWN in told else Source.INFO
        assert [(one.counts, one.source) for one in found] == [(Counts(*told[:2], *people), source)]
    store.close()
    engine.dispose()


def test_several_alleles_of_a_line(engine: Engine, store: SqlStore, tmp_path: Path) -> None:
    line = "20 100 rs1 AT A,GT,* 50 q10 AC=5,0,2;AN=100;nhomalt=1,0,0;AF=0.05,0,0.02"
    ingest(engine, LIMITS, sites(tmp_path / "any.vcf", line), "here")
    (found,) = store.find("here", whole("20"), ALL)
    assert (found.allele.reference, found.allele.alternate) == ("T", "")
    assert found.counts == Counts(5, 100, 3, 1, 0)
    assert (found.names, found.filters, found.quality) == (("rs1",), ("q10",), 50.0)


def test_nothing_is_said_of_anybody(engine: Engine, store: SqlStore, tmp_path: Path) -> None:
    """Questions about people find nobody, and a record says who counted."""
    ingest(engine, LIMITS, sites(tmp_path / "any.vcf", "20 100 . A C . . AC=5;AN=100;nhomalt=1"), "here")
    (found,) = store.find("here", whole("20"), ALL)
    assert (store.exists("here", whole("20")), store.count("here", whole("20"))) == (True, 1)
    assert store.people("here") == ()
    assert not store.carriers("here", found.allele)
    assert not store.hit_twice("here", [found.allele]).everybody
    assert store.phases("here", found.allele) == {}
    for people in (BitMap(), BitMap([0, 1])):
        assert not store.exists("here", whole("20"), people)
        assert (store.count("here", whole("20"), people), store.find("here", whole("20"), ALL, people)) == (
            0,
            [],
        )
    (record,) = records_of([found], Telling(vcfs.open_dataset("here"), "https://example.org/here"))
    (told,) = record["frequencyInPopulations"]
    assert told["source"] == "here (as counted in INFO)"
    assert told["frequencies"][0]["alleleCountHomozygous"] == 1
    assert record["info"]["countsFrom"] == "INFO"


def test_a_record_does_not_tell_zygosities_nobody_counted(
    engine: Engine, store: SqlStore, tmp_path: Path
) -> None:
    ingest(engine, LIMITS, sites(tmp_path / "any.vcf", "20 100 . A C . . AC=5;AN=100"), "here")
    found = store.find("here", whole("20"), ALL)
    (record,) = records_of(found, Telling(vcfs.open_dataset("here"), "https://example.org/here"))
    (frequency,) = record["frequencyInPopulations"][0]["frequencies"]
    assert frequency == {
        "population": "here",
        "alleleFrequency": 0.05,
        "alleleCount": 5,
        "alleleNumber": 100,
    }


def test_both_kinds_of_counts_are_never_in_one_dataset(
    engine: Engine, store: SqlStore, tmp_path: Path
) -> None:
    counted = sites(tmp_path / "sites.vcf", "20 100 . A C . . AC=5;AN=100;nhomalt=1")
    called = vcfs.Vcf(("P1",), (vcfs.Line("20", 100, "A", ("C",), ("0/1",)),)).write(tmp_path / "called.vcf")
    ingest(engine, LIMITS, counted, "here")
    before = store.find("here", whole("20"), ALL)
    for dry_run in (True, False):
        with pytest.raises(
            BadInput, match="it has genotypes, and the dataset counts of files without samples"
        ):
            ingest(engine, LIMITS, called, "here", dry_run=dry_run)
    assert store.find("here", whole("20"), ALL) == before
    counted.write_text(called.read_text())
    ingest(engine, LIMITS, counted, "here", replace=True)  # the only file, and now of the other kind
    assert store.find("here", whole("20"), ALL)[0].source is Source.GENOTYPES
    counted = sites(tmp_path / "more.vcf", "20 100 . A C . . AC=5;AN=100;nhomalt=1")
    with pytest.raises(BadInput, match="it has counts of files without samples, and the dataset genotypes"):
        ingest(engine, LIMITS, counted, "here")


def test_files_by_contig_and_the_jobs_of_a_node(engine: Engine, store: SqlStore, tmp_path: Path) -> None:
    """The first file that counts an allele stands; neither merging nor scrubbing changes anything."""
    one = sites(tmp_path / "20.vcf", "20 100 . A C . . AC=5;AN=100;nhomalt=1", "20 200 . A C . . AC=1;AN=9")
    two = sites(tmp_path / "22.vcf", "20 100 . A C . . AC=9;AN=900", "22 100 . A C . . AC=2;AN=8")
    for path in (one, two):
        ingest(engine, LIMITS, path, "here")
    assert ingest(engine, LIMITS, two, "here").already
    counts = [held.counts.ac for name in ("20", "22") for held in store.find("here", whole(name), ALL)]
    assert counts == [5, 1, 2]
    assert store.count("here", whole("20")) == 2
    assert compact(engine, "here").files == 0
    scrub(engine)
    assert check_index(engine, LIMITS, whole=True) == []
    assert check_files(engine) == []
    assert counts == [
        held.counts.ac for name in ("20", "22") for held in store.find("here", whole(name), ALL)
    ]
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE variant SET ac = ac + 1 WHERE seg = 1 AND start = 199")
    assert "differs from it in 1 alleles of 2" in check_index(engine, LIMITS, whole=True)[0].problem


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("20 100 . A C . .", "7 columns where the header has 8"),
        ("20 100 . A C . . AC=5;AN=100 GT 0/1", "more columns than the header has"),
        ("20 100 . A C . . CLNSIG=Benign", "INFO counts no allele"),
    ],
)
def test_what_cannot_be_taken_is_refused(engine: Engine, tmp_path: Path, line: str, problem: str) -> None:
    with pytest.raises(BadInput, match=re.escape(problem)):
        ingest(engine, LIMITS, sites(tmp_path / "any.vcf", line), "here")


SLICES = (
    # file, dataset, contig
    ("gnomad_exomes_v2.1.PCSK9.b37", "here", "1"),
    ("gnomad_sv_v2.1.controls.chr1_0_463k.b37", "here", "1"),
    ("gnomad_mtdna_v3.1.grch38", "there", "MT"),
)


@pytest.mark.shared
@pytest.mark.parametrize(("name", "dataset", "contig"), SLICES)
def test_real_counts(
    engine: Engine, store: SqlStore, shared: Path, name: str, dataset: str, contig: str
) -> None:
    """Against what pysam reads of the same lines."""
    path = shared / f"data/extra/annotation_slices/{name}.vcf.gz"
    report = ingest(engine, LIMITS, path, dataset)
    assembly = Assembly.GRCH38 if dataset == "there" else Assembly.GRCH37
    found = store.find(dataset, whole(contig, assembly), ALL)
    assert len(found) == report.alleles > 0
    held = sorted((one.counts.ac, one.counts.an, one.counts.hom) for one in found)
    wanted = []
    with pysam.VariantFile(str(path)) as source:
        for record in source:
            info = record.info
            if contig == "MT":
                hom, het = info["AC_hom"], info["AC_het"]
                wanted += [(hom + het, info["AN"], 0)] if hom + het else []
                continue
            for n, alt in enumerate(record.alts or ()):
                homs = info["nhomalt"][n] if "nhomalt" in info else info.get("N_HOMALT", 0)
                if info["AC"][n] and not alt.startswith("<CN="):
                    wanted.append((info["AC"][n], info["AN"], homs))
    assert held == sorted(wanted)
    with gzip.open(path, "rt") as text:
        lines = sum(not line.startswith("#") for line in text)
    assert report.records == lines
    assert {one.source for one in found} == {Source.INFO}


@pytest.mark.shared
@pytest.mark.parametrize("name", ["clinvar_20230710.chr1_69134_981226.b37", "gnomad_cnv_v4.0.chr1.grch38"])
def test_sites_that_count_nothing_are_refused(engine: Engine, shared: Path, name: str) -> None:
    dataset = "there" if name.endswith("grch38") else "here"
    with pytest.raises(BadInput, match="INFO counts no allele"):
        ingest(engine, LIMITS, shared / f"data/extra/annotation_slices/{name}.vcf.gz", dataset)
