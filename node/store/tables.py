"""Tables of the site that are indexed VCFs: how frequent alleles are in a population, and what ClinVar says.

They are read where they lie, by place; nothing of them is in the index.  An allele is found by its trimmed
form, so that padding does not matter; where in a repeat it is written does.

Spec: VCF 4.4; tabix.  gnomAD: INFO `AF_grpmax`, `AF_popmax`; ClinVar: INFO `CLNSIG`, `CLNREVSTAT`, `MC`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import pysam

from schemas.errors import BadInput, BadQuestion, NotHeld, Place, StoreUnavailable
from schemas.genome import Allele, Assembly, Contig, Interval
from schemas.reference import Reported

# The frequency in the population where it is highest, else in all; as several releases of gnomAD call them.
_HIGHEST: Final = ("AF_grpmax", "AF_popmax", "AF_POPMAX", "AF_grpmax_joint", "popmax_af")
_OVERALL: Final = ("AF", "AF_joint")
_STARS: Final = {
    "practice_guideline": 4,
    "reviewed_by_expert_panel": 3,
    "criteria_provided,_multiple_submitters,_no_conflicts": 2,
    "criteria_provided,_multiple_submitters": 2,
    "criteria_provided,_single_submitter": 1,
    "criteria_provided,_conflicting_classifications": 1,
}
_SIGNIFICANCE: Final = {
    "Pathogenic": "pathogenic",
    "Pathogenic/Likely_pathogenic": "pathogenic or likely pathogenic",
    "Likely_pathogenic": "likely pathogenic",
}
_KINDS: Final = {"nonsense": "stop_gained", "initiator_codon_variant": "start_lost"}

Info = Mapping[str, str]


class IndexedVcf:
    """A BGZF VCF with a tabix or CSI index beside it, read by place; safe from several threads."""

    def __init__(self, path: Path, assembly: Assembly) -> None:
        """Raises BadInput: it cannot be read, has no index, or has no contig of `assembly`."""
        self._path = path
        try:
            self._file = pysam.TabixFile(str(path))
        except (OSError, ValueError):
            remedy = f"Compress it with bgzip, and index it: tabix -p vcf {path}"
            raise BadInput(Place(str(path)), "cannot be read as an indexed VCF", remedy) from None
        self.contigs: dict[Contig, str] = {}
        for name in self._file.contigs:
            try:
                self.contigs.setdefault(Contig.read(name, assembly), name)
            except (BadQuestion, NotHeld):
                continue  # scaffolds and patches
        if not self.contigs:
            raise BadInput(Place(str(path)), f"has no contig of {assembly}", "Give a file of that assembly.")
        # A handle has one place in its file, and every reader would move it.
        self._reading = threading.Lock()

    def lines(self, place: Interval) -> Iterator[tuple[Allele, int, Info]]:
        """Every allele of the lines that overlap `place`: with its number among ALT, and INFO.

        Raises StoreUnavailable: the file has gone or is damaged.
        """
        name = self.contigs.get(place.contig)
        if name is None:
            return
        left, right = max(0, place.start - 1), min(place.end + 1, place.contig.length_bp)
        try:
            with self._reading:
                lines = list(self._file.fetch(name, left, right))
        except (OSError, ValueError):
            raise StoreUnavailable("a table of alleles cannot be read just now") from None
        for line in lines:
            columns = line.split("\t", 8)
            info = dict(item.partition("=")[::2] for item in columns[7].split(";"))
            for number, alternate in enumerate(columns[4].split(",")):
                allele = _allele(place.contig, int(columns[1]), columns[3], alternate)
                if allele is not None:
                    yield allele, number, {"ID": columns[2], **info}

    def close(self) -> None:
        with self._reading:
            self._file.close()


def _allele(contig: Contig, first: int, reference: str, alternate: str) -> Allele | None:
    try:
        return Allele.from_vcf(contig, first, reference.upper(), alternate.upper())
    except BadQuestion:
        return None  # symbolic, or none


class FrequencyTables:
    """A `schemas.reference.Frequencies` over indexed VCFs, of which each may have some of the contigs.

    What a table does not have of a contig it has is taken for never seen: tables tell only of what was.
    """

    def __init__(self, paths: Mapping[Assembly, Sequence[Path]]) -> None:
        """Raises BadInput: see `IndexedVcf`."""
        self._files = [IndexedVcf(path, assembly) for assembly, some in paths.items() for path in some]

    def knows(self, contig: Contig) -> bool:
        return any(contig in file.contigs for file in self._files)

    def frequency(self, allele: Allele) -> float | None:
        """See the port; where several tables have the allele, the highest.  Raises StoreUnavailable."""
        if allele.is_symbolic or not self.knows(allele.interval.contig):
            return None
        seen = (
            _frequency(info, number)
            for file in self._files
            for found, number, info in file.lines(allele.interval)
            if found == allele
        )
        return max(seen, default=0.0)

    def close(self) -> None:
        for file in self._files:
            file.close()


def _frequency(info: Info, number: int) -> float:
    """Of ALT allele `number`; 0.0 where the line tells none."""
    for names in (_HIGHEST, _OVERALL):
        told = [value for name in names if (value := _number(info.get(name), number)) is not None]
        if told:
            return max(told)
    alleles, called = _number(info.get("AC"), number), _number(info.get("AN"), 0)
    return alleles / called if alleles is not None and called else 0.0


def _number(text: str | None, number: int) -> float | None:
    values = (text or "").split(",")
    try:
        return float(values[number] if len(values) > 1 else values[0])
    except (IndexError, ValueError):
        return None


class ClinVarFile:
    """A `schemas.reference.ReportedWithin` over ClinVar's own VCF of one assembly."""

    def __init__(self, path: Path, assembly: Assembly) -> None:
        """Raises BadInput: see `IndexedVcf`."""
        self._file = IndexedVcf(path, assembly)

    def within(self, place: Interval) -> tuple[Reported, ...]:
        """Those that are pathogenic or likely so, without conflict.  Raises StoreUnavailable."""
        return tuple(
            Reported(
                allele,
                _SIGNIFICANCE[told],
                _STARS.get(info.get("CLNREVSTAT", ""), 0),
                info["ID"],
                _kind(info.get("MC", "")),
            )
            for allele, _, info in self._file.lines(place)
            if (told := info.get("CLNSIG", "").split("|")[0]) in _SIGNIFICANCE
            and allele.interval.overlaps(place)
        )

    def close(self) -> None:
        self._file.close()


def _kind(told: str) -> str:
    """`SO:0001583|missense_variant,SO:...` -> the first by name, as CSQ has it."""
    name = told.split(",", maxsplit=1)[0].partition("|")[2]
    return _KINDS.get(name, name)
