"""The variant store against its floors: ingest against decoding with cyvcf2, lookups against the clock.

Ingest is processor time of everything, the reading process included, over that of a plain cyvcf2 loop which
decodes the same genotypes and stores nothing.  Without a file, a cohort is made up: as many people as the
1000 Genomes, with few common alleles and many rare ones.
"""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cyvcf2
import numpy as np
import pysam
from pyroaring import BitMap

from node.config import IngestSection
from node.store import open_store
from node.store.ingest import ingest
from schemas.genome import Assembly, Contig, Interval
from schemas.ports import Page
from schemas.questions import RangeQuery, SequenceQuery
from tests import vcfs

PEOPLE = 2504
SITES = 20_000
LOOKUPS = 5000


@dataclass(frozen=True)
class Measured:
    """ingest_ratio: our processor time over the floor's.  The others: milliseconds or microseconds a call."""

    file: str
    alleles: int
    ingest_wall_s: float
    ingest_s: float
    floor_s: float
    exists_us: float
    find_us: float
    find_some_us: float
    count_1mb_ms: float
    count_some_1mb_ms: float

    @property
    def ingest_ratio(self) -> float:
        return self.ingest_s / self.floor_s


def cohort(path: Path, people: int = PEOPLE, sites: int = SITES) -> Path:
    """A BGZF file of phased genotypes: a third singletons, about a hundred carriers an allele on average.

    Real slices of the 1000 Genomes have 85.
    """
    draw = np.random.default_rng(7)
    alleles = 2 * people
    shares = np.arange(1, alleles) ** -1.35
    copies = draw.choice(np.arange(1, alleles), size=sites, p=shares / shares.sum())
    samples = "\t".join(f"P{n}" for n in range(people))
    header = "##fileformat=VCFv4.2\n##contig=<ID=20>\n##FORMAT=<ID=GT,Number=1,Type=String,Description=GT>\n"
    with pysam.BGZFile(str(path), "wb", index=None) as target:
        target.write(f"{header}{chr(9).join(vcfs.FIXED)}\t{samples}\n".encode())
        for n, several in enumerate(copies.tolist()):
            held = np.zeros(alleles, np.uint8)
            held[draw.choice(alleles, several, replace=False)] = 1
            row = np.full((people, 4), ord("|"), np.uint8)
            row[:, 0], row[:, 2], row[:, 3] = held[::2] + 48, held[1::2] + 48, 9
            target.write(b"20\t%d\t.\tA\tC\t.\tPASS\t.\tGT\t" % (1000 + 50 * n))
            target.write(row.tobytes()[:-1] + b"\n")
    return path


def processor_s(work: Callable[[], object]) -> float:
    """Seconds of this process and of those it started and waited for."""

    def used() -> float:
        usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        return sum(usage.ru_utime + usage.ru_stime for usage in usages)

    before = used()
    work()
    return used() - before


def floor(path: Path) -> int:
    """What anybody has to do with cyvcf2: decode, and find carriers and homozygotes of every allele."""
    found = 0
    for variant in cyvcf2.VCF(str(path)):
        calls = variant.genotype.array()[:, :2]
        for number in range(1, len(variant.ALT) + 1):
            copies = (calls == number).sum(axis=1)
            found += np.flatnonzero(copies).size + np.flatnonzero(copies == 2).size
    return found


def _each(work: Callable[[], object], times: int) -> float:
    """Seconds a call, the best of three rounds."""
    best = float("inf")
    for _ in range(3):
        began = time.perf_counter()
        for _ in range(times):
            work()
        best = min(best, (time.perf_counter() - began) / times)
    return best


def run(path: Path | None = None, assembly: Assembly = Assembly.GRCH37, url: str = "") -> Measured:
    """Measures one file; makes up a cohort when none is given.  url: of a database that is not SQLite."""
    with tempfile.TemporaryDirectory() as folder:
        path = path or cohort(Path(folder) / "cohort.vcf.gz")
        floor_s = processor_s(lambda: floor(path))
        engine = vcfs.new_node(Path(folder) / "node", vcfs.open_dataset("here", assembly), url=url)
        alleles = 0

        def take() -> None:
            nonlocal alleles
            alleles = ingest(engine, IngestSection(), path, "here").alleles

        began = time.perf_counter()
        ingest_s = processor_s(take)
        ingest_wall_s = time.perf_counter() - began
        store = open_store(engine)
        contig = next(
            contig
            for contig in (Contig.numbered(number, assembly) for number in range(1, 26))
            if store.exists("here", RangeQuery(Interval(contig, 0, contig.length_bp)))
        )
        whole = RangeQuery(Interval(contig, 0, contig.length_bp))
        middle = store.find("here", whole, Page(alleles // 2, 1))[0].allele
        point = SequenceQuery(middle.interval, middle.reference, middle.alternate)
        left = middle.interval.start
        megabase = RangeQuery(Interval(contig, left, min(left + 1_000_000, contig.length_bp)))
        people = len(store.people("here"))
        some = BitMap(range(0, people, 10))
        measured = Measured(
            path.name,
            alleles,
            ingest_wall_s,
            ingest_s,
            floor_s,
            1e6 * _each(lambda: store.exists("here", point), LOOKUPS),
            1e6 * _each(lambda: store.find("here", point, Page()), LOOKUPS),
            1e6 * _each(lambda: store.find("here", point, Page(), some), LOOKUPS),
            1e3 * _each(lambda: store.count("here", megabase), 10),
            1e3 * _each(lambda: store.count("here", megabase, some), 10),
        )
        store.close()
        engine.dispose()
    return measured


def tell(measured: Measured) -> list[str]:
    """The figures as lines for people."""
    return [
        f"{measured.file}: {measured.alleles:,} alleles",
        f"  ingest              {measured.ingest_s:8.2f} s    {measured.ingest_ratio:.2f} x cyvcf2 decoding",
        f"  exists, one allele  {measured.exists_us:8.1f} us",
        f"  find, one allele    {measured.find_us:8.1f} us",
        f"  ... among a tenth   {measured.find_some_us:8.1f} us",
        f"  count, 1 Mb         {measured.count_1mb_ms:8.2f} ms",
        f"  ... among a tenth   {measured.count_some_1mb_ms:8.2f} ms",
    ]
