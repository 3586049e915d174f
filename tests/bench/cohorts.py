"""The files that are measured: simulated cohorts, kept in `.bench/` from one run to the next.

With `../shared/tools/make_vcf.py` and msprime they are coalescent simulations (13,000 sites a megabase at
2,504 people, linkage, indels, structural variants); without, a file of that shape with carriers at random.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pysam

from tests import vcfs

_ROOT = Path(__file__).resolve().parents[2]
_KEPT = _ROOT / ".bench"
_SIMULATOR = _ROOT.parent / "shared" / "tools" / "make_vcf.py"
_CONTIG_BP = 50_818_468
SITES_PER_MB = 13_000


def cohort(people: int = 2504, length_mb: float = 1.5) -> Path:
    """A BGZF file on chromosome 22 of GRCh38; a minute or more when it has to be made."""
    is_simulated = _SIMULATOR.is_file() and importlib.util.find_spec("msprime") is not None
    path = _KEPT / f"p{people}-{length_mb:g}mb{'' if is_simulated else '-random'}.vcf.gz"
    if not path.exists():
        _KEPT.mkdir(exist_ok=True)
        making = path.with_name(f"making-{path.name}")
        if is_simulated:
            size = ("--samples", str(people), "--length", str(length_mb * 1e6))
            # It says that the contig ends a megabase further on; so it does, in truth.
            first = _CONTIG_BP - 1_000_000 - int(length_mb * 1e6)
            where = ("--contig", "chr22", "--start", str(first), "--seed", "1")
            subprocess.run([sys.executable, str(_SIMULATOR), str(making), *size, *where], check=True)
        else:
            invent(making, people, int(length_mb * SITES_PER_MB))
        making.rename(path)
    return path


def invent(path: Path, people: int, sites: int) -> None:
    """Phased genotypes: a third singletons, about a hundred carriers an allele on average.

    Real slices of the 1000 Genomes have 85.
    """
    draw = np.random.default_rng(7)
    alleles = 2 * people
    shares = np.arange(1, alleles) ** -1.35
    copies = draw.choice(np.arange(1, alleles), size=sites, p=shares / shares.sum())
    samples = "\t".join(f"P{n}" for n in range(people))
    header = "##fileformat=VCFv4.2\n##contig=<ID=22>\n##FORMAT=<ID=GT,Number=1,Type=String,Description=GT>\n"
    with pysam.BGZFile(str(path), "wb", index=None) as target:
        target.write(f"{header}{chr(9).join(vcfs.FIXED)}\t{samples}\n".encode())
        for n, several in enumerate(copies.tolist()):
            held = np.zeros(alleles, np.uint8)
            held[draw.choice(alleles, several, replace=False)] = 1
            row = np.full((people, 4), ord("|"), np.uint8)
            row[:, 0], row[:, 2], row[:, 3] = held[::2] + 48, held[1::2] + 48, 9
            target.write(b"22\t%d\t.\tA\tC\t.\tPASS\t.\tGT\t" % (16_000_000 + 76 * n))
            target.write(row.tobytes()[:-1] + b"\n")
