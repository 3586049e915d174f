"""What people type, read into a question: positions counted from 1, thousands separators allowed.

    chr20:3193842 C>A     20-3193842-C-A     20:3193842:C:A     20 3193842 C A     one allele
    chr20:3,190,000-3,200,000                                                      a region
    NC_000020.10:3193841:C:A                                                       SPDI, counted from 0
    NC_000020.10:g.3193842C>A     chr20:g.3193842_3193844del                       HGVS, by place
    ITPA:p.Pro32Thr     NM_033453.4:c.94C>A                                        HGVS, by annotation
    ITPA     HGNC:6176     ENSG00000125877                                         a gene

An allele may be padded as in a VCF line.  What cannot be read for certain is refused, never guessed.
"""

from __future__ import annotations

import re
from typing import Final

from schemas.errors import BadQuestion
from schemas.genome import Assembly, Contig, Interval, VariantType
from schemas.hgvs import Kind, UncertainChange, is_genomic, read_hgvs
from schemas.protein import read_protein_change
from schemas.questions import (
    AnnotationQuery,
    BracketQuery,
    Conditions,
    GeneQuery,
    HgvsQuery,
    RangeQuery,
    SequenceQuery,
    Single,
)

_CONTIG = r"(?P<contig>(?:refseq:)?NC_\d+\.\d+|(?:chr)?(?:\d{1,2}|X|Y|MT?))"
_NUMBER = r"\d[\d,]*"
_ALLELE_FORMS: Final = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        rf"{_CONTIG}[:\s]\s*(?P<first>{_NUMBER})\s*:?(?P<ref>[ACGTN]*)\s*>\s*(?P<alt>[ACGTN]*)",
        rf"{_CONTIG}(?P<sep>[-:\s])(?P<first>{_NUMBER})(?P=sep)(?P<ref>[ACGTN]*)(?P=sep)(?P<alt>[ACGTN]*)",
        rf"{_CONTIG}:[gm]\.(?P<first>\d{{1,12}})(?P<ref>[ACGT])>(?P<alt>[ACGT])",
    )
)
_REGION: Final = re.compile(
    rf"{_CONTIG}[:\s](?P<first>{_NUMBER})\s*(?:-|\.\.)\s*(?P<last>{_NUMBER})", re.IGNORECASE
)

# SPDI is interbase; what else looks like it counts from 1.
_SPDI: Final = re.compile(
    r"(?P<contig>(?:refseq:)?NC_\d+\.\d+):(?P<left>\d{1,12}):(?P<ref>[ACGTN]*):(?P<alt>[ACGTN]*)",
    re.IGNORECASE,
)
_NAMED: Final = re.compile(r"[^\s:]{1,60}:[cgmp]\.")
_ANNOTATED: Final = re.compile(
    r"(?P<name>[\w.-]{1,40})(?:\((?P<gene>[\w.-]{1,40})\))?:(?P<change>[cp]\..{1,200})", re.ASCII
)
_CODING: Final = re.compile(r"c\.[-*]?\d[\w.+*>_=()-]*", re.ASCII)
_TRANSCRIPT: Final = re.compile(r"(?:[NX][MRP]_|ENS[TP])\d+(?:\.\d+)?", re.ASCII)
_GENE: Final = re.compile(r"HGNC:\d{1,9}|NCBIGene:\d{1,9}|[A-Z][\w.-]{1,30}", re.ASCII | re.IGNORECASE)
_WHOLE_CONTIG: Final = re.compile(r"chr[\w.]*|MT|NC_\S*", re.ASCII | re.IGNORECASE)
_UNCERTAIN: Final = {
    Kind.DELETION: frozenset({VariantType.DEL}),
    Kind.DUPLICATION: frozenset({VariantType.DUP, VariantType.DUP_TANDEM}),
    Kind.INVERSION: frozenset({VariantType.INV}),
}


def read_question(text: str, assembly: Assembly | None) -> Single:
    """The question that `text` asks, in `assembly` or in the one its accession names.

    A gene is asked for in every assembly when none is given.

    Raises BadQuestion: not one of the forms above, or no assembly given and none told by the text;
    NotHeld: an unknown contig.
    """
    wanted = text.strip()
    match = _SPDI.fullmatch(wanted)
    if match:
        return _spdi(match, assembly)
    for form in _ALLELE_FORMS:
        match = form.fullmatch(wanted)
        if match:
            return _sequence(match, assembly)
    match = _REGION.fullmatch(wanted)
    if match:
        contig = _contig(match["contig"], assembly)
        return RangeQuery(Interval.from_one_based(contig, _number(match["first"]), _number(match["last"])))
    if _NAMED.match(wanted):
        return read_name(wanted, assembly)
    if _GENE.fullmatch(wanted) and not _WHOLE_CONTIG.fullmatch(wanted):
        return GeneQuery(wanted, assembly)
    raise BadQuestion(
        f"cannot read {text[:80]!r}; write an allele as 'chr20:3193842 C>A', a region as "
        "'chr20:3190000-3200000' (positions counted from 1), a gene as BRCA1, or an HGVS name"
    )


def read_name(text: str, assembly: Assembly | None) -> HgvsQuery | BracketQuery | AnnotationQuery:
    """The question in an HGVS name: `g.` and `m.` by place, `c.` and `p.` by what the VCF's annotation says.

    Raises BadQuestion: it cannot be read, or no assembly is given and none told; NotHeld: an unknown contig.
    """
    wanted = text.strip()
    if is_genomic(wanted):
        change = read_hgvs(wanted, assembly)
        if isinstance(change, UncertainChange):
            return BracketQuery(change.starts, change.ends, Conditions(variant_types=_UNCERTAIN[change.kind]))
        return HgvsQuery(change)
    match = _ANNOTATED.fullmatch(wanted)
    if match is None:
        raise BadQuestion(
            f"cannot read {text[:60]!r} as HGVS; write NC_000017.11:g.43045711G>A, or NM_007294.4:c.5266dup"
        )
    transcript, gene = _bearer(match["name"], match["gene"])
    if match["change"].startswith("p."):
        protein = read_protein_change(match["change"])
        return AnnotationQuery(gene, transcript, protein=protein, assembly=assembly)
    if not _CODING.fullmatch(match["change"]):
        raise BadQuestion(f"cannot read {match['change'][:40]!r} as a change of a coding sequence")
    return AnnotationQuery(gene, transcript, match["change"], assembly=assembly)


def _bearer(name: str, gene: str | None) -> tuple[str, str]:
    """Transcript and gene of `NM_004006.2(DMD)`, `NM_004006.2` or `DMD`."""
    if name.startswith(("NP_", "ENSP", "XP_")):
        raise BadQuestion("a change of a protein is asked for by gene: BRAF:p.Val600Glu")
    if _TRANSCRIPT.fullmatch(name):
        return name, gene or ""
    if gene:
        raise BadQuestion(f"{name!r} is no transcript of RefSeq or Ensembl")
    return "", name


def _spdi(match: re.Match[str], assembly: Assembly | None) -> SequenceQuery:
    reference, alternate = match["ref"].upper(), match["alt"].upper()
    if reference == alternate:
        raise BadQuestion("reference and alternate bases are the same")
    left = _number(match["left"])
    place = Interval(_contig(match["contig"], assembly), left, left + len(reference))
    return SequenceQuery(place, reference, alternate)


def _sequence(match: re.Match[str], assembly: Assembly | None) -> SequenceQuery:
    contig = _contig(match["contig"], assembly)
    reference, alternate = match["ref"].upper(), match["alt"].upper()
    if reference == alternate:
        raise BadQuestion("reference and alternate bases are the same")
    first = _number(match["first"])
    if first < 1:
        raise BadQuestion("positions are counted from 1")
    return SequenceQuery(
        Interval.from_one_based(contig, first, first - 1 + len(reference)), reference, alternate
    )


def _contig(name: str, assembly: Assembly | None) -> Contig:
    told = Contig.of_accession(name)
    if told is not None and assembly in (None, told.assembly):
        return told
    if assembly is None:
        raise BadQuestion(f"which assembly? {name!r} is a contig of several; name GRCh37 or GRCh38")
    return Contig.read(name, assembly)


def _number(text: str) -> int:
    return int(text.replace(",", ""))
