"""The header of a VCF: the samples it names, and whether it can belong to a dataset's assembly.

Contig lengths, `##reference` and `##assembly` are held against the assembly; what is absent, 0 or unknown
says nothing.

Spec: VCF 4.4 §1.4.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from node.store.consequences import Layout, layout_of
from schemas.errors import BadInput, NotHeld, Place
from schemas.genome import Assembly, Contig

_FIXED: Final = ("#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO")
_CONTIG: Final = re.compile(r"##contig=<(?P<inside>.*)>\s*$")
_ATTRIBUTE: Final = re.compile(r'(ID|length|assembly)=("[^"]*"|[^,]*)')
_NAMED: Final = re.compile(
    r"(grch3[78]|hg38|hg19|hg18|b3[78]|hs37d5|human_g1k_v37|ncbi3[67]|chm13|t2t)(?![0-9a-z])", re.IGNORECASE
)
_HG19_MT_BP: Final = 16_571
# Sequences beside the chromosomes: unplaced, alternate, decoy and viral contigs of the usual references, and
# those of an assembly file, which VCF writes in angle brackets.
_BESIDE: Final = re.compile(
    r"(chr)?(Un|GL0|KI27|KN\d|JTFH|JH\d|KB\d|KQ\d|KV\d|KZ\d|ML\d|MU\d|NT_|NW_|HLA|EBV|hs37d5|hs38d1|phiX)"
    r"|NC_007605|NC_001422|(chr)?(CMV|HBV|HCV-|HIV-|KSHV|HTLV-|MCV|SV40|HPV)"
    r"|.*_(random|alt|fix|decoy|hap\d+)$|<[^<>]+>$",
    re.IGNORECASE,
)
_LIFT_REMEDY: Final = "Ingest it into a dataset of its own assembly."


@dataclass(frozen=True, slots=True)
class Header:
    """What the header says.

    samples: () in a file of sites only.  lines: how many it has, the #CHROM line included.  hg19_mt: its
    `chrM` is the 16,571 bp one.  annotation: how CSQ or ANN is written; None when the file has neither.
    """

    samples: tuple[str, ...]
    lines: int
    hg19_mt: bool = False
    annotation: Layout | None = None


def is_beside(name: str) -> bool:
    """Whether a contig is a known one beside 1-22, X, Y and MT, whose records are left out."""
    return _BESIDE.match(name) is not None


def read_header(file: str, lines: Sequence[str], assembly: Assembly) -> Header:
    """The header in `lines`, the last of which is the #CHROM line.

    Raises BadInput: a name twice, a wrong #CHROM line, or an assembly other than `assembly`.
    """
    hg19_mt = False
    for number, line in enumerate(lines[:-1], 1):
        contig = _CONTIG.match(line)
        if contig:
            hg19_mt |= _check_contig(Place(file, number), contig["inside"], assembly)
        elif line.startswith(("##reference=", "##assembly=")):
            _check_named(Place(file, number), line.split("=", 1)[1], assembly)
    samples = _samples(Place(file, len(lines)), lines[-1])
    return Header(samples, len(lines), hg19_mt, layout_of(lines))


def _samples(place: Place, line: str) -> tuple[str, ...]:
    columns = tuple(line.split("\t"))
    if columns[:8] != _FIXED or (len(columns) > 8 and columns[8] != "FORMAT"):
        raise BadInput(
            place,
            "the column line is not #CHROM POS ID REF ALT QUAL FILTER INFO FORMAT and samples, between tabs",
            "Write the file again with a tool that keeps to the VCF specification.",
        )
    samples = columns[9:]
    twice = sum(1 for times in Counter(samples).values() if times > 1)
    if twice:
        problem = f"{twice} sample name{'s stand' if twice > 1 else ' stands'} twice or more"
        raise BadInput(place, problem, "Rename them (bcftools reheader) so that each person has one column.")
    if any(not name.strip() for name in samples):
        raise BadInput(place, "a sample has no name", "Name every sample (bcftools reheader).")
    return samples


def _check_contig(place: Place, inside: str, assembly: Assembly) -> bool:
    """Holds one ##contig line against the assembly; True when it declares the 16,571 bp MT of hg19."""
    told = {key: value.strip('"') for key, value in _ATTRIBUTE.findall(inside)}
    name, length = told.get("ID", ""), told.get("length", "")
    if is_beside(name):
        return False
    try:
        contig = Contig.read(name, assembly)
    except NotHeld:
        return False  # its records, if any come, are refused with their line
    if told.get("assembly") and contig.name != "MT":  # the same sequence in both
        _check_named(place, told["assembly"], assembly)
    if not length.isdigit() or int(length) in (0, contig.length_bp):
        return False
    if contig.name == "MT" and int(length) == _HG19_MT_BP:
        return True
    fits = [other for other in Assembly if Contig.numbered(contig.number, other).length_bp == int(length)]
    problem = (
        f"contig {name[:40]} is {int(length):,} bases long, as in "
        f"{fits[0] if fits else 'no assembly known here'}; in {assembly} it has {contig.length_bp:,}"
    )
    raise BadInput(place, problem, _LIFT_REMEDY)


def _check_named(place: Place, text: str, assembly: Assembly) -> None:
    """Refuses text that names one assembly, and another one than wanted."""
    named = {_assembly_of(word) for word in _NAMED.findall(text)}
    if not named:
        named = {_assembly_of(text)} - {"unknown"}
    if len(named) == 1 and assembly not in named:
        problem = f"the file says it was called against {named.pop()}, and the dataset is {assembly}"
        raise BadInput(place, problem, _LIFT_REMEDY)


def _assembly_of(word: str) -> str:
    """GRCh37, GRCh38, another assembly by its own name, or "unknown"."""
    if word.lower() == "human_g1k_v37":
        return Assembly.GRCH37
    try:
        return Assembly.read(word)
    except NotHeld:
        return word if _NAMED.fullmatch(word) else "unknown"
