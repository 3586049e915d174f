"""What people type, read into a question: positions counted from 1, thousands separators allowed.

    chr20:3193842 C>A     20-3193842-C-A     20:3193842:C:A     20 3193842 C A     one allele
    chr20:3,190,000-3,200,000                                                      a region
    NC_000020.10:g.3193842C>A                                                      HGVS, substitutions

An allele may be padded as in a VCF line.  What cannot be read for certain is refused, never guessed.
"""

from __future__ import annotations

import re
from typing import Final

from schemas.errors import BadQuestion
from schemas.genome import Assembly, Contig, Interval
from schemas.questions import RangeQuery, SequenceQuery, VariantQuery

_CONTIG = r"(?P<contig>(?:refseq:)?NC_\d+\.\d+|(?:chr)?(?:\d{1,2}|X|Y|MT?))"
_NUMBER = r"\d[\d,]*"
_ALLELE_FORMS: Final = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        rf"{_CONTIG}[:\s]\s*(?P<first>{_NUMBER})\s*:?(?P<ref>[ACGTN]*)\s*>\s*(?P<alt>[ACGTN]*)",
        rf"{_CONTIG}(?P<sep>[-:\s])(?P<first>{_NUMBER})(?P=sep)(?P<ref>[ACGTN]*)(?P=sep)(?P<alt>[ACGTN]*)",
        rf"{_CONTIG}:g\.(?P<first>\d+)(?P<ref>[ACGT])>(?P<alt>[ACGT])",
    )
)
_REGION: Final = re.compile(
    rf"{_CONTIG}[:\s](?P<first>{_NUMBER})\s*(?:-|\.\.)\s*(?P<last>{_NUMBER})", re.IGNORECASE
)


def read_question(text: str, assembly: Assembly | None) -> VariantQuery:
    """The question that `text` asks, in `assembly` or in the one its accession names.

    Raises BadQuestion: not one of the forms above, or no assembly given and none told by the text;
    NotHeld: an unknown contig.
    """
    wanted = text.strip()
    for form in _ALLELE_FORMS:
        match = form.fullmatch(wanted)
        if match:
            return _sequence(match, assembly)
    match = _REGION.fullmatch(wanted)
    if match:
        contig = _contig(match["contig"], assembly)
        return RangeQuery(Interval.from_one_based(contig, _number(match["first"]), _number(match["last"])))
    raise BadQuestion(
        f"cannot read {text[:80]!r}; write an allele as 'chr20:3193842 C>A' or a region as "
        "'chr20:3190000-3200000' (positions counted from 1)"
    )


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
