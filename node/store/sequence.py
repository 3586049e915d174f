"""The reference sequence, from indexed FASTA files that the site has.

Spec: samtools faidx; FASTA, with or without BGZF.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

import pysam

from schemas.errors import BadInput, NotHeld, Place, StoreUnavailable
from schemas.genome import Assembly, Contig, Interval


def contig_names(fasta: Path, assembly: Assembly) -> dict[Contig, str]:
    """What the FASTA calls each contig of `assembly` that it has, in whole or its beginning.

    Raises BadInput: it has no index, cannot be read, or has a contig that is longer than it should be.
    """
    return {contig: name for contig, (name, _) in _contigs(fasta, assembly).items()}


def _contigs(fasta: Path, assembly: Assembly) -> dict[Contig, tuple[str, int]]:
    """Name and length in bases of each contig."""
    if not Path(f"{fasta}.fai").is_file():
        remedy = f"Make it with: samtools faidx {fasta} (after bgzip, if the FASTA is compressed)"
        raise BadInput(Place(str(fasta)), "the FASTA has no index (.fai) beside it", remedy)
    try:
        with pysam.FastaFile(str(fasta)) as held:
            sequences = dict(zip(held.references, held.lengths, strict=True))
    except (OSError, ValueError):
        raise BadInput(
            Place(str(fasta)), "the FASTA cannot be read", "Index it anew: samtools faidx"
        ) from None
    found: dict[Contig, tuple[str, int]] = {}
    for name, length in sequences.items():
        try:
            contig = Contig.read(name, assembly)
        except NotHeld:
            continue
        if length > contig.length_bp:
            problem = f"its contig {name} has {length:,} bases; in {assembly} it has {contig.length_bp:,}"
            raise BadInput(Place(str(fasta)), problem, f"Give a FASTA of {assembly}.")
        found[contig] = name, length
    return found


class FastaSequences:
    """A `schemas.reference.Sequences` over one FASTA an assembly; safe from several threads."""

    def __init__(self, paths: Mapping[Assembly, Path]) -> None:
        """Raises BadInput: see `contig_names`."""
        self._contigs: dict[Contig, tuple[str, int]] = {}
        for assembly, path in paths.items():
            self._contigs |= _contigs(path, assembly)
        self._files = {assembly: pysam.FastaFile(str(path)) for assembly, path in paths.items()}
        # A handle has one place in its file, and every reader would move it.
        self._reading = threading.Lock()

    def bases(self, interval: Interval) -> str | None:
        """See `schemas.reference.Sequences`.  Raises StoreUnavailable: the file has gone or is damaged."""
        held = self._contigs.get(interval.contig)
        if held is None or interval.end > held[1]:
            return None
        if interval.start == interval.end:
            return ""
        try:
            with self._reading:
                text: str = self._files[interval.contig.assembly].fetch(held[0], interval.start, interval.end)
        except (OSError, ValueError):
            raise StoreUnavailable("the reference sequence cannot be read just now") from None
        return text.upper()

    def close(self) -> None:
        """Closes the files."""
        with self._reading:
            for file in self._files.values():
                file.close()
