"""HGVS names of genomic alleles: read, and written.

A `Change` is what a name says, with the bases that it says and no others: `g.100_102del` does not tell what
is deleted.  HGVS puts a change that could lie in several places as far right as it goes, VCF as far left;
neither is undone here, for it takes the reference sequence.

Spec: HGVS 21.1, DNA: substitution, deletion, duplication, insertion, deletion-insertion, inversion; uncertain
positions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from schemas.errors import BadQuestion
from schemas.genome import Allele, Assembly, Contig, Interval, VariantType


class Kind(StrEnum):
    """What a change does, by its word in HGVS; a substitution has a sign instead."""

    SUBSTITUTION = ">"
    DELETION = "del"
    DUPLICATION = "dup"
    INSERTION = "ins"
    DELINS = "delins"
    INVERSION = "inv"


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a contig.

    interval: the bases that are replaced, doubled or turned; empty for an insertion.
    deleted: the bases in `interval` where the name tells them, else "".  inserted: the new bases.
    """

    kind: Kind
    interval: Interval
    deleted: str = ""
    inserted: str = ""

    def __str__(self) -> str:
        contig = self.interval.contig
        first, last = self.interval.one_based
        where = f"{contig.accession}:{'m' if contig.name == 'MT' else 'g'}."
        if self.kind is Kind.INSERTION:
            return f"{where}{last}_{first}ins{self.inserted}"
        place = str(first) if first == last else f"{first}_{last}"
        if self.kind is Kind.SUBSTITUTION:
            return f"{where}{place}{self.deleted}>{self.inserted}"
        if self.kind is Kind.DELINS:
            return f"{where}{place}del{self.deleted}ins{self.inserted}"
        return f"{where}{place}{self.kind}{self.deleted}"


@dataclass(frozen=True, slots=True)
class UncertainChange:
    """A deletion, duplication or inversion whose ends are only known to lie in two windows.

    starts, ends: where the interval begins and where it ends, half-open as in a bracket query.
    """

    kind: Kind
    starts: Interval
    ends: Interval


_NAME: Final = re.compile(r"(?P<contig>[\w.:]+):(?P<type>[cgmnopr])\.(?P<change>.+)", re.ASCII)
_PLACE: Final = r"(?P<first>\d{1,12})(?:_(?P<last>\d{1,12}))?"
_FORMS: Final = tuple(
    (kind, re.compile(form, re.ASCII))
    for kind, form in (
        (Kind.SUBSTITUTION, r"(?P<first>\d{1,12})(?P<last>)(?P<deleted>[ACGTN])>(?P<inserted>[ACGTN])"),
        (Kind.DELINS, rf"{_PLACE}del(?P<deleted>[ACGTN]*)ins(?P<inserted>[ACGTN]+)"),
        (Kind.DELETION, rf"{_PLACE}del(?P<deleted>[ACGTN]*)(?P<inserted>)"),
        (Kind.DUPLICATION, rf"{_PLACE}dup(?P<deleted>[ACGTN]*)(?P<inserted>)"),
        (Kind.INVERSION, rf"{_PLACE}inv(?P<deleted>)(?P<inserted>)"),
        (Kind.INSERTION, rf"{_PLACE}(?P<deleted>)ins(?P<inserted>[ACGTN]+)"),
    )
)
_BOUND: Final = r"(\d{1,12}|\?)"
_UNCERTAIN: Final = re.compile(rf"\({_BOUND}_{_BOUND}\)_\({_BOUND}_{_BOUND}\)(del|dup|inv)", re.ASCII)


def is_genomic(text: str) -> bool:
    """Whether `text` looks like an HGVS name of a place on a chromosome (`...:g.` or `...:m.`)."""
    match = _NAME.fullmatch(text.strip())
    return match is not None and match["type"] in "gm"


def read_hgvs(text: str, assembly: Assembly | None = None) -> Change | UncertainChange:
    """The change that a `g.` or `m.` name describes.

    The contig is a RefSeq accession, or a plain name when `assembly` is given.

    Raises BadQuestion: no such name, or one of a kind that is not understood; NotHeld: a contig that is not.
    """
    match = _NAME.fullmatch(text.strip())
    if match is None or match["type"] not in "gm":
        raise BadQuestion(f"cannot read {text[:60]!r} as HGVS; write NC_000017.11:g.43045711G>A")
    contig = _contig(match["contig"], assembly)
    if (match["type"] == "m") != (contig.name == "MT"):
        raise BadQuestion(f"{text[:60]!r}: m. is for the mitochondrion alone, g. for every other chromosome")
    change = match["change"].replace("U", "T")
    uncertain = _UNCERTAIN.fullmatch(change)
    if uncertain:
        bounds = [None if bound == "?" else int(bound) for bound in uncertain.groups()[:4]]
        return _uncertain(contig, bounds, Kind(uncertain[5]))
    for kind, form in _FORMS:
        found = form.fullmatch(change)
        if found:
            first = int(found["first"])
            last = int(found["last"]) if found["last"] else first
            return _change(kind, contig, (first, last), found["deleted"], found["inserted"])
    raise BadQuestion(
        f"{match['change'][:40]!r} is not understood; understood are substitution, del, dup, ins, delins and "
        "inv, with bases in upper case"
    )


def _contig(name: str, assembly: Assembly | None) -> Contig:
    told = Contig.of_accession(name)
    if told is not None:
        if assembly not in (None, told.assembly):
            raise BadQuestion(f"{name} is a contig of {told.assembly}, but the question is about {assembly}")
        return told
    if assembly is None:
        raise BadQuestion(f"which assembly? {name[:40]!r} is a contig of several; name GRCh37 or GRCh38")
    return Contig.read(name, assembly)


def _change(kind: Kind, contig: Contig, bases: tuple[int, int], deleted: str, inserted: str) -> Change:
    first, last = bases
    if first < 1 or last < first:
        raise BadQuestion("HGVS counts bases from 1, and the first of two comes first")
    if kind is Kind.INSERTION:
        if last != first + 1:
            raise BadQuestion(f"an insertion lies between two neighbours: g.{first}_{first + 1}ins...")
        return Change(kind, Interval(contig, first, first), "", inserted)
    interval = Interval.from_one_based(contig, first, last)
    if deleted and len(deleted) != interval.length_bp:
        raise BadQuestion(f"{deleted[:20]!r} are {len(deleted)} bases, the place has {interval.length_bp}")
    if kind is Kind.INVERSION and interval.length_bp < 2:
        raise BadQuestion("an inversion has two bases or more")
    if deleted and deleted == inserted:
        raise BadQuestion("reference and alternate bases are the same")
    return Change(kind, interval, deleted, inserted)


def _uncertain(contig: Contig, bounds: list[int | None], kind: Kind) -> UncertainChange:
    """`(a_b)_(c_d)`: the first base is one of a to b, the last one of c to d; `?` is the contig's end."""
    first_low, first_high, last_low, last_high = bounds
    if first_high is None or last_low is None:
        raise BadQuestion("of an uncertain place the inner bounds must be known: (?_100)_(200_?)del")
    starts = Interval(contig, (first_low or 1) - 1, first_high)
    ends = Interval(contig, last_low, min((last_high or contig.length_bp) + 1, contig.length_bp))
    if ends.start < starts.end:
        raise BadQuestion("the window of the last base begins after that of the first base")
    return UncertainChange(kind, starts, ends)


def change_of(allele: Allele) -> Change | None:
    """The allele as a change, at the place where it was found; None for what has no certain name.

    An insertion stays one: that it doubles the bases beside it only the reference tells.  Of symbolic alleles
    `<DEL>`, `<DUP:TANDEM>` and `<INV>` have names.
    """
    place = allele.interval
    if allele.is_symbolic:
        kind = {
            VariantType.DEL: Kind.DELETION,
            VariantType.DUP_TANDEM: Kind.DUPLICATION,
            VariantType.INV: Kind.INVERSION,
        }.get(allele.variant_type)
        short = 2 if kind is Kind.INVERSION else 1
        return Change(kind, place) if kind is not None and place.length_bp >= short else None
    if (allele.reference + allele.alternate).strip("ACGT"):
        return None
    if len(allele.reference) == 1 == len(allele.alternate):
        return Change(Kind.SUBSTITUTION, place, allele.reference, allele.alternate)
    if not allele.reference:
        inside = 0 < place.start < place.contig.length_bp
        return Change(Kind.INSERTION, place, "", allele.alternate) if inside else None
    if not allele.alternate:
        return Change(Kind.DELETION, place)
    return Change(Kind.DELINS, place, "", allele.alternate)
