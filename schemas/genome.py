"""Assemblies, contigs, intervals and alleles.

Every position is 0-based interbase, `[start, end)`, and always travels inside a value that carries its
assembly.  VCF text and people count from 1: `Interval.from_one_based`, `Interval.one_based` and
`Allele.from_vcf` are the only places where the two meet.

Spec: VCF 4.4 §1.6.1; GA4GH VRS "interbase coordinates".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import Final, NamedTuple

from schemas.contigs import PRIMARY_CONTIGS, PSEUDOAUTOSOMAL
from schemas.errors import BadQuestion, NotHeld

_IUPAC: Final[Mapping[str, str]] = {
    "A": "A", "C": "C", "G": "G", "T": "T", "U": "T",
    "R": "AG", "Y": "CT", "S": "CG", "W": "AT", "K": "GT", "M": "AC",
    "B": "CGT", "D": "AGT", "H": "ACT", "V": "ACG", "N": "ACGTN",
}  # fmt: skip
_SEQUENCE = re.compile(r"[ACGTN]*")


class Assembly(StrEnum):
    """A human reference assembly this node can hold."""

    GRCH37 = "GRCh37"
    GRCH38 = "GRCh38"

    @classmethod
    def read(cls, text: str) -> Assembly:
        """The assembly named by `text`: name, patch release, UCSC name or accession.

        Raises NotHeld: any other name, with the names that are understood.
        """
        found = _ASSEMBLY_NAMES.get(text.strip().lower().split(".p")[0])
        if found is None:
            accession = text.strip().upper()
            found = _ASSEMBLY_ACCESSIONS.get(accession.split(".")[0], {}).get(accession)
        if found is None:
            held = ", ".join(cls)
            raise NotHeld(f"assembly {text[:40]!r} is not known here; this node understands {held}")
        return found


_ASSEMBLY_NAMES: Final = {
    "grch37": Assembly.GRCH37, "hg19": Assembly.GRCH37, "b37": Assembly.GRCH37,
    "hs37d5": Assembly.GRCH37, "ncbi37": Assembly.GRCH37, "37": Assembly.GRCH37,
    "grch38": Assembly.GRCH38, "hg38": Assembly.GRCH38, "b38": Assembly.GRCH38, "38": Assembly.GRCH38,
}  # fmt: skip
# GCF_000001405.13 to .25 are GRCh37 and its patches, .26 and later GRCh38 and its patches; GCA_* likewise
# with .1 to .14 and .15 on.
_ASSEMBLY_ACCESSIONS: Final = {
    stem: {f"{stem}.{n}": Assembly.GRCH37 if n <= last37 else Assembly.GRCH38 for n in range(first, 41)}
    for stem, first, last37 in (("GCF_000001405", 13, 25), ("GCA_000001405", 1, 14))
}


@dataclass(frozen=True, slots=True)
class Contig:
    """One primary contig of one assembly; `number` is 1 to 25 in karyotype order (X 23, Y 24, MT 25)."""

    assembly: Assembly
    name: str
    accession: str
    length_bp: int
    number: int

    @classmethod
    def read(cls, text: str, assembly: Assembly) -> Contig:
        """The contig that `text` names in `assembly`.

        Understands `20`, `chr20`, `NC_000020.10`, `refseq:NC_000020.10`, `M` and `MT`.

        Raises NotHeld: an unknown name, or an accession of the other assembly; the message lists what
        is understood.
        """
        wanted = _bare_name(text)
        found = _table(assembly).get(wanted)
        if found is not None:
            return found
        for other in Assembly:
            stranger = _table(other).get(wanted)
            if stranger is not None:
                raise NotHeld(
                    f"{text!r} is contig {stranger.name} of {other}, but the question is about {assembly}"
                )
        raise NotHeld(f"contig {text[:40]!r} is not held for {assembly}; held are 1-22, X, Y and MT")

    @classmethod
    def of_accession(cls, text: str) -> Contig | None:
        """The contig of a versioned RefSeq accession when it alone tells the assembly, else None.

        None for plain names and for `NC_012920.1`, which both assemblies share.
        """
        if "_" not in text:
            return None
        wanted = _bare_name(text)
        if not wanted.startswith("NC_"):
            return None
        found = [table[wanted] for table in map(_table, Assembly) if wanted in table]
        return found[0] if len(found) == 1 else None

    @classmethod
    def numbered(cls, number: int, assembly: Assembly) -> Contig:
        """The contig with this `number` (1 to 25) in `assembly`."""
        return _table(assembly)[PRIMARY_CONTIGS[number - 1][0]]

    def __str__(self) -> str:
        return self.name


def _bare_name(text: str) -> str:
    name = text.strip()
    if name[:7].lower() == "refseq:":
        name = name[7:]
    if name[:3].upper() == "NC_":
        return name.upper()
    if name[:3].lower() == "chr":
        name = name[3:]
    name = name.upper()
    return "MT" if name == "M" else name


@cache
def _table(assembly: Assembly) -> Mapping[str, Contig]:
    table: dict[str, Contig] = {}
    for number, (name, accession37, length37, accession38, length38) in enumerate(PRIMARY_CONTIGS, 1):
        if assembly is Assembly.GRCH37:
            contig = Contig(assembly, name, accession37, length37, number)
        else:
            contig = Contig(assembly, name, accession38, length38, number)
        table[name] = table[contig.accession] = contig
    return table


@dataclass(frozen=True, slots=True)
class Interval:
    """A stretch of a contig, 0-based interbase `[start, end)`; empty when `start == end`."""

    contig: Contig
    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.end <= self.contig.length_bp:
            raise BadQuestion(self._complaint())

    def _complaint(self) -> str:
        if self.start < 0:
            return f"start {self.start} is negative; positions are 0-based and begin at 0"
        if self.end < self.start:
            return f"start {self.start} lies after end {self.end}"
        return (
            f"position {self.end} lies beyond the end of contig {self.contig.name} of "
            f"{self.contig.assembly} ({self.contig.length_bp} bases)"
        )

    @classmethod
    def from_one_based(cls, contig: Contig, first: int, last: int) -> Interval:
        """The interval of bases `first` to `last`, both included and counted from 1."""
        return cls(contig, first - 1, last)

    @property
    def one_based(self) -> tuple[int, int]:
        """First and last base, both included, counted from 1; `(n + 1, n)` when empty at n."""
        return self.start + 1, self.end

    @property
    def length_bp(self) -> int:
        return self.end - self.start

    @property
    def is_pseudoautosomal(self) -> bool:
        """Whether it begins in a region of X or Y of which everybody has two copies.

        An empty interval is where the base before it is.
        """
        if self.contig.name not in PSEUDOAUTOSOMAL:
            return False
        first = self.start + (self.start < self.end)
        regions = PSEUDOAUTOSOMAL[self.contig.name][self.contig.assembly is Assembly.GRCH38]
        return any(low <= first <= high for low, high in regions)

    @property
    def usual_copies(self) -> tuple[int, int]:
        """How many copies of it a person usually has, the fewest and the most.

        Two; on X and Y, outside of the pseudoautosomal regions, that depends on the sex.
        """
        by_sex = {"X": (1, 2), "Y": (0, 1), "MT": (1, 1)}
        return (2, 2) if self.is_pseudoautosomal else by_sex.get(self.contig.name, (2, 2))

    def always_has(self, copies: int) -> bool:
        """Whether everybody who has it at all has so many copies of it."""
        fewest, most = self.usual_copies
        return max(fewest, 1) == most == copies

    def overlaps(self, other: Interval) -> bool:
        """Whether the two share a base.

        An empty interval (an insertion point) lies between two bases and counts as inside another
        when it is neither before its first base nor after its last: an insertion at either edge of a
        range overlaps the range.
        """
        if self.contig != other.contig:
            return False
        if self.start == self.end or other.start == other.end:
            return self.start <= other.end and other.start <= self.end
        return self.start < other.end and other.start < self.end

    def __str__(self) -> str:
        first, last = self.one_based
        return f"{self.contig.name}:{first}-{last}"


class VariantType(StrEnum):
    """What kind of change an allele is, in the words of VCF and of Beacon's `variantType`."""

    SNP = "SNP"
    MNP = "MNP"
    INS = "INS"
    DEL = "DEL"
    INDEL = "INDEL"
    DUP = "DUP"
    DUP_TANDEM = "DUP:TANDEM"
    INV = "INV"
    CNV = "CNV"
    BND = "BND"


_SYMBOLIC: Final = {
    "DEL": VariantType.DEL, "INS": VariantType.INS, "DUP": VariantType.DUP, "INV": VariantType.INV,
    "CNV": VariantType.CNV, "BND": VariantType.BND, "TRA": VariantType.BND,
    "CTX": VariantType.BND, "CPX": VariantType.CNV,
}  # fmt: skip


_TOTAL: Final = re.compile(r"<CNV:CN(\d{1,4})>")
_COPY_NUMBER: Final = re.compile(r"<CN=?(\d{1,4})>", re.IGNORECASE)
_COPIES: Final = {VariantType.DEL: 0, VariantType.DUP: 2, VariantType.DUP_TANDEM: 2}
_MATE: Final = re.compile(r"[\[\]](.+):(\d+)[\[\]]|<(?:BND|TRA|CTX):([^:]+):(\d+)(?::[+-]{2})?>")


class Margins(NamedTuple):
    """Confidence intervals of the two ends of an allele, in bases from where they are held.

    The low ones are at most 0, the high ones at least.
    """

    start_low: int
    start_high: int
    end_low: int
    end_high: int


@dataclass(frozen=True, slots=True)
class Allele:
    """One change against the reference: the interval replaced, and by what.

    Written with the bases (`reference`, `alternate`) maximally trimmed, common suffix first, so that one
    change has one form whatever the padding of the file it came from: an insertion has an empty interval
    and reference, a deletion an empty alternate.  A symbolic allele or breakend keeps its VCF text in
    `alternate` (`<DEL>`, `N[chr2:321[`, `N.`) and has no `reference`; its `interval` is the affected stretch.

    anchor: the base left of the interval when the file gave one, else ""; it restores the VCF form.
    sv_length_bp: length of a symbolic allele when its interval does not tell it (insertions); else 0.
    margins: of a symbolic allele or breakend whose ends are not known exactly (CIPOS, CIEND); of several
    files that hold it, as wide as any says.

    Left-alignment needs the reference sequence and is done at ingest, when there is one.
    Identity (equality, hash) does not look at `anchor` and `margins`.
    """

    interval: Interval
    reference: str
    alternate: str
    anchor: str = field(default="", compare=False)
    sv_length_bp: int = 0
    margins: Margins | None = field(default=None, compare=False)

    @classmethod
    def from_vcf(cls, contig: Contig, position: int, reference: str, alternate: str) -> Allele:
        """The allele of a VCF line's POS (counted from 1), REF and one sequence ALT.

        Raises BadQuestion: bases other than A, C, G, T, N; REF equal to ALT; outside the contig.
        """
        return cls.from_bases(
            Interval(contig, position - 1, position - 1 + len(reference)), reference, alternate
        )

    @classmethod
    def from_bases(cls, interval: Interval, reference: str, alternate: str) -> Allele:
        """The allele that replaces `reference`, found at `interval`, by `alternate`; either may be padded.

        Raises BadQuestion: bases other than A, C, G, T, N; reference equal to alternate.
        """
        for bases in (reference, alternate):
            if not _SEQUENCE.fullmatch(bases):
                raise BadQuestion(f"bases must be A, C, G, T or N in upper case, not {bases[:40]!r}")
        if reference == alternate:
            raise BadQuestion("reference and alternate bases are the same")
        head, kept_reference, kept_alternate = trim(reference, alternate)
        left = interval.start + len(head)
        return cls(
            Interval(interval.contig, left, left + len(kept_reference)),
            kept_reference,
            kept_alternate,
            anchor=head[-1:],
        )

    @classmethod
    def symbolic(
        cls, interval: Interval, alternate: str, *, anchor: str = "", sv_length_bp: int = 0
    ) -> Allele:
        """A symbolic allele (`<DEL>`, `<CN0>`, ...) or breakend over the affected `interval`."""
        return cls(interval, "", alternate, anchor=anchor, sv_length_bp=sv_length_bp)

    @property
    def is_symbolic(self) -> bool:
        return not self.alternate.isalpha() and self.alternate != ""

    @property
    def outer(self) -> Interval:
        """Where it can lie at most, `[POS + CIPOS[0], END + CIEND[1])`: its interval and `margins`."""
        place = self.interval
        if self.margins is None:
            return place
        last = min(place.end + self.margins.end_high, place.contig.length_bp)
        return Interval(place.contig, max(place.start + self.margins.start_low, 0), last)

    @property
    def ends(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """The lowest and the highest coordinate at which it may start, and those at which it may end."""
        place, outer = self.interval, self.outer
        margins = self.margins or Margins(0, 0, 0, 0)
        length = place.contig.length_bp
        starts = outer.start, min(place.start + margins.start_high, length)
        return starts, (max(place.end + margins.end_low, 0), outer.end)

    def overlaps(self, asked: Interval) -> bool:
        """Whether the allele may share a base with `asked`: the one definition behind range questions.

        What counts is the `outer` interval.  A point (an insertion or breakend) lies somewhere in it, its
        edges included, and overlaps as an empty interval there would.
        """
        place = self.outer
        if self.margins is not None and self.interval.start == self.interval.end:
            reaches = place.start <= asked.end and asked.start <= place.end
            return reaches and place.contig == asked.contig
        return asked.overlaps(place)

    @property
    def variant_type(self) -> VariantType:
        """SNP, MNP, INS, DEL or INDEL by the trimmed bases; a symbolic allele by its text.

        A total number of copies is a DEL when it is less than what is usual, on X and Y of whoever has most.
        """
        if self.total_copies is not None:
            _, most = self.interval.usual_copies
            return VariantType.DEL if self.total_copies < most else VariantType.DUP
        if self.is_symbolic:
            return symbolic_type(self.alternate)
        if not self.reference:
            return VariantType.INS
        if not self.alternate:
            return VariantType.DEL
        if len(self.reference) == len(self.alternate):
            return VariantType.SNP if len(self.reference) == 1 else VariantType.MNP
        return VariantType.INDEL

    @property
    def copies(self) -> int | None:
        """How often a chromosome with this allele has the stretch; None where the allele does not tell.

        1 is the reference.  `<CN2>` is written of one chromosome, as in the 1000 Genomes: two copies there.
        """
        if self.is_symbolic:
            return chromosome_copies(self.alternate)
        return _COPIES.get(self.variant_type)

    @property
    def total_copies(self) -> int | None:
        """Copies of the stretch that a carrier has in all, on both chromosomes; None for an allele of one.

        Such an "allele" is what FORMAT CN tells of people, written `<CNV:CN3>`.
        """
        return total_of(self.alternate)

    @property
    def mate(self) -> Interval | None:
        """The base at the other end of a breakend; None when it is none, or tells none that is held."""
        match = _MATE.search(self.alternate)
        if match is None:
            return None
        try:
            name, at = match[1] or match[3], int(match[2] or match[4])
            contig = Contig.read(name.strip("<>"), self.interval.contig.assembly)
            return Interval.from_one_based(contig, at, at)
        except BadQuestion:
            return None  # a scaffold, or a telomere

    @property
    def length_bp(self) -> int:
        """Bases affected: the longer of the trimmed reference and alternate; 1 for an SNV.

        A symbolic allele has the length of its interval, or its SVLEN where that is longer (an
        insertion); a breakend has 0.  This is the one definition behind variantMin/MaxLength.
        """
        if self.is_symbolic:
            return max(self.interval.length_bp, self.sv_length_bp)
        return max(len(self.reference), len(self.alternate))

    @property
    def vcf(self) -> tuple[int, str, str]:
        """POS (counted from 1), REF and ALT as a VCF line shows the allele, anchored where VCF demands it.

        Where the anchor base is not known an empty REF or ALT stays empty.
        """
        if self.is_symbolic:
            return max(self.interval.start, 1), self.anchor or "N", self.alternate
        if (self.reference and self.alternate) or not self.anchor:
            return self.interval.start + 1, self.reference, self.alternate
        return self.interval.start, self.anchor + self.reference, self.anchor + self.alternate

    def __str__(self) -> str:
        position, reference, alternate = self.vcf
        return f"{self.interval.contig}:{position} {reference or '-'}>{alternate or '-'}"


def trim(reference: str, alternate: str) -> tuple[str, str, str]:
    """Common prefix, and what is left of both sequences once common suffix, then prefix, are cut."""
    tail = 0
    shorter = min(len(reference), len(alternate))
    while tail < shorter and reference[-1 - tail] == alternate[-1 - tail]:
        tail += 1
    reference, alternate = reference[: len(reference) - tail], alternate[: len(alternate) - tail]
    head = 0
    shorter = min(len(reference), len(alternate))
    while head < shorter and reference[head] == alternate[head]:
        head += 1
    return reference[:head], reference[head:], alternate[head:]


def symbolic_type(alternate: str) -> VariantType:
    """The type of a symbolic ALT: `<DEL:ME:ALU>` is DEL, `<CN0>` DEL, `<CN3>` DUP, without `<>` BND."""
    if alternate[:1] != "<":
        return VariantType.BND
    words = alternate.strip("<>").upper().split(":")
    if words[:2] == ["DUP", "TANDEM"]:
        return VariantType.DUP_TANDEM
    number = _COPY_NUMBER.match(alternate)
    if number:
        copies = int(number[1])
        return VariantType.CNV if copies == 1 else VariantType.DUP if copies else VariantType.DEL
    return _SYMBOLIC.get(re.sub(r"\d+$", "", words[0]), VariantType.CNV)


def chromosome_copies(alternate: str) -> int | None:
    """How often a chromosome with this symbolic ALT has the stretch; None where it does not tell."""
    match = _COPY_NUMBER.match(alternate)
    return int(match[1]) if match else _COPIES.get(symbolic_type(alternate))


def symbol_of_total(copies: int) -> str:
    """The text of the allele of people who have so many copies in all; see `Allele.total_copies`."""
    return f"<CNV:CN{copies}>"


def total_of(alternate: str) -> int | None:
    """The number in such a text; None in any other."""
    match = _TOTAL.fullmatch(alternate) if alternate[:4] == "<CNV" else None
    return int(match[1]) if match else None


def bases_match(pattern: str, bases: str) -> bool:
    """Whether `bases` fits `pattern`, in which an IUPAC code stands for any base it names."""
    if len(pattern) != len(bases):
        return False
    return pattern == bases or all(b in _IUPAC[p] for p, b in zip(pattern, bases, strict=True))
