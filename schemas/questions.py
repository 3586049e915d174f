"""The questions that can be asked: of a store of alleles, and by people.

A store answers a `VariantQuery`.  Each says with `admits` which alleles it means; an engine may find them in
any way that comes to the same.  People also ask by gene, by HGVS name, by what an allele does to a protein,
and about several alleles in one person; what of these a store is asked depends on the assembly of its data,
and is settled when the question meets a dataset.

Spec: Beacon v2 requestParameters and "Variant queries".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from schemas.genome import Allele, Assembly, Contig, Interval, VariantType, bases_match
from schemas.hgvs import Change
from schemas.protein import comparable_change


@dataclass(frozen=True, slots=True)
class Copies:
    """Copies of a stretch in one person, `fewest` to `most`, both included; None for no upper bound."""

    fewest: int
    most: int | None = None

    def hold(self, copies: int) -> bool:
        return self.fewest <= copies and (self.most is None or copies <= self.most)


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a range or bracket question may demand of an allele beside its place.

    alternate: trimmed alternate bases, IUPAC codes allowed; None for any.
    variant_types: the admitted types; None for any.
    min_length_bp, max_length_bp: both included; see `Allele.length_bp`; None for no bound.
    symbol: of a symbolic allele, without the brackets; finer ones count (`INS:ME` is `<INS:ME:ALU>`, too).
    mate: where the other end of a breakend must lie.
    copies: how many copies a carrier must have.  It is a condition on who carries the allele, so that
    `admit` knows nothing of it: a store is asked without it, and the alleles it finds are held against it.
    """

    alternate: str | None = None
    variant_types: frozenset[VariantType] | None = None
    min_length_bp: int | None = None
    max_length_bp: int | None = None
    symbol: str | None = None
    mate: Interval | None = None
    copies: Copies | None = None

    def admit(self, allele: Allele) -> bool:
        if self.variant_types is not None and allele.variant_type not in self.variant_types:
            return False
        if self.min_length_bp is not None and allele.length_bp < self.min_length_bp:
            return False
        if self.max_length_bp is not None and allele.length_bp > self.max_length_bp:
            return False
        return self._admit_text(allele)

    def _admit_text(self, allele: Allele) -> bool:
        if self.symbol is not None and not _is_symbol(allele, self.symbol):
            return False
        if self.mate is not None:
            other = allele.mate
            if other is None or not other.overlaps(self.mate):
                return False
        if self.alternate is None:
            return True
        if allele.is_symbolic:
            return False
        anchored = allele.vcf[2]
        return bases_match(self.alternate, allele.alternate) or bases_match(self.alternate, anchored)


def _is_symbol(allele: Allele, symbol: str) -> bool:
    found = allele.alternate.upper()
    return found == f"<{symbol}>" or found.startswith(f"<{symbol}:")


ANYTHING: Final = Conditions()


@dataclass(frozen=True, slots=True)
class SequenceQuery:
    """Is this very allele seen?  (Beacon "sequence query".)

    interval: where the reference bases lie, as asked; empty for an insertion without padding.
    reference: as asked; None when the question does not name it, and then `interval` is empty and only
    marks where the allele starts.
    alternate: as asked.  Both may hold IUPAC codes, and may be padded by common bases: the comparison is
    made on trimmed forms.
    """

    interval: Interval
    reference: str | None
    alternate: str
    _known: tuple[Allele | None] | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def allele(self) -> Allele | None:
        """The one allele meant, or None when several are possible (no reference, or a wildcard)."""
        if self._known is None:  # worked out once: every look into a dataset begins with it
            object.__setattr__(self, "_known", (self._meant(),))
        return self._known[0] if self._known is not None else None

    def _meant(self) -> Allele | None:
        if self.reference is None or (self.reference + self.alternate).strip("ACGT"):
            return None
        return Allele.from_bases(self.interval, self.reference, self.alternate)

    @property
    def reach(self) -> Interval:
        """Every allele that can match starts (0-based) inside this interval, or at its end."""
        padded = max(len(self.reference or ""), len(self.alternate))
        contig = self.interval.contig
        return Interval(contig, self.interval.start, min(self.interval.start + padded, contig.length_bp))

    def admits(self, candidate: Allele) -> bool:
        """Whether `candidate` is what was asked for; candidates are trimmed, questions may be padded."""
        if candidate.is_symbolic or candidate.interval.contig != self.interval.contig:
            return False
        exact = self.allele
        if exact is not None:
            return candidate == exact
        offset = candidate.interval.start - self.interval.start
        if self.reference is None:
            position, _, anchored = candidate.vcf
            here = position - 1 == self.interval.start and bases_match(self.alternate, anchored)
            return here or (offset == 0 and bases_match(self.alternate, candidate.alternate))
        return self._padded_match(candidate, offset)

    def _padded_match(self, candidate: Allele, offset: int) -> bool:
        """With wildcards: cut the same padding off both asked sequences, and compare what is left."""
        reference, alternate = self.reference or "", self.alternate
        tail = len(reference) - offset - len(candidate.reference)
        if offset < 0 or tail < 0 or len(alternate) != offset + len(candidate.alternate) + tail:
            return False
        inner_reference = reference[offset : len(reference) - tail]
        inner_alternate = alternate[offset : len(alternate) - tail]
        padding_agrees = (
            reference[:offset] == alternate[:offset]
            and reference[len(reference) - tail :] == alternate[len(alternate) - tail :]
        )
        return (
            padding_agrees
            and bases_match(inner_reference, candidate.reference)
            and bases_match(inner_alternate, candidate.alternate)
        )


@dataclass(frozen=True, slots=True)
class RangeQuery:
    """Which alleles overlap this interval, even in part?  (Beacon "range query".)

    One whose ends are uncertain overlaps as far as it may reach: see `Allele.overlaps`.
    """

    interval: Interval
    conditions: Conditions = ANYTHING

    def admits(self, candidate: Allele) -> bool:
        return candidate.overlaps(self.interval) and self.conditions.admit(candidate)


@dataclass(frozen=True, slots=True)
class BracketQuery:
    """Which alleles start in `starts` and end in `ends`?  (Beacon "bracket query".)

    Both windows are half-open, `window.start <= coordinate < window.end`: the specification makes an
    exact match of `start[1] = start[0] + 1`.  A window that runs to the end of the contig holds that
    last coordinate too.  Of an allele whose ends are uncertain its best estimate counts: how far off it may
    be, the windows themselves say.
    """

    starts: Interval
    ends: Interval
    conditions: Conditions = ANYTHING

    def admits(self, candidate: Allele) -> bool:
        place = candidate.interval
        return (
            place.contig == self.starts.contig
            and _in_window(place.start, self.starts)
            and _in_window(place.end, self.ends)
            and self.conditions.admit(candidate)
        )


def _in_window(coordinate: int, window: Interval) -> bool:
    last = window.end if window.end < window.contig.length_bp else window.end + 1
    return window.start <= coordinate < last


def lying_at(place: Interval, conditions: Conditions = ANYTHING) -> BracketQuery:
    """Alleles that lie over just this interval."""
    starts, ends = (
        Interval(place.contig, coordinate, min(coordinate + 1, place.contig.length_bp))
        for coordinate in (place.start, place.end)
    )
    return BracketQuery(starts, ends, conditions)


VariantQuery = SequenceQuery | RangeQuery | BracketQuery


def contig_of(query: VariantQuery) -> Contig:
    """The contig, and with it the assembly, that a question is about."""
    return query.starts.contig if isinstance(query, BracketQuery) else query.interval.contig


# ------------------------------------------------------------------------------- what people ask


@dataclass(frozen=True, slots=True)
class GeneQuery:
    """Which alleles overlap this gene?  (Beacon "geneId query".)

    gene: any name of it.  assembly: None for every assembly, each with its own extent of the gene.
    """

    gene: str
    assembly: Assembly | None = None
    conditions: Conditions = ANYTHING


@dataclass(frozen=True, slots=True)
class HgvsQuery:
    """Is this change seen?  Wherever it may be written, and with or without its bases spelled out."""

    change: Change


@dataclass(frozen=True, slots=True)
class Annotation:
    """What a VCF's CSQ or ANN says an allele does to one transcript.

    gene: symbol.  transcript: accession with its version, if it has one.  coding, protein: HGVS without the
    accession (`c.4375C>T`, `p.Arg1459Ter`).  consequences: Sequence Ontology terms by name.
    impact: HIGH, MODERATE, LOW or MODIFIER, as the annotator judged.
    """

    gene: str = ""
    transcript: str = ""
    coding: str = ""
    protein: str = ""
    consequences: frozenset[str] = frozenset()
    impact: str = ""


@dataclass(frozen=True, slots=True)
class AnnotationQuery:
    """Which alleles are annotated so?  Every part that is not empty must agree, in one annotation.

    gene: approved symbol.  transcript: with a version this version, without one any.  assembly: None for any.
    protein: three-letter form, without brackets for a predicted consequence.  within: where the allele lies.
    any_of: consequences of which one is enough.
    """

    gene: str = ""
    transcript: str = ""
    coding: str = ""
    protein: str = ""
    consequence: str = ""
    assembly: Assembly | None = None
    within: Interval | None = None
    any_of: frozenset[str] = frozenset()

    def admits(self, found: Annotation) -> bool:
        transcript = found.transcript if "." in self.transcript else found.transcript.split(".")[0]
        return (
            self.gene in ("", found.gene)
            and self.transcript in ("", transcript)
            and self.coding in ("", found.coding)
            and self.protein in ("", comparable_change(found.protein))
            and (not self.consequence or self.consequence in found.consequences)
            and (not self.any_of or not self.any_of.isdisjoint(found.consequences))
        )


Single = VariantQuery | GeneQuery | HgvsQuery | AnnotationQuery


@dataclass(frozen=True, slots=True)
class Together:
    """Is there a person who carries an allele of each of these?  Two parts or more."""

    parts: tuple[Single, ...]


class Lying(StrEnum):
    """How the alleles of somebody who is hit twice lie on his two copies.

    any: in whatever way.  biallelic: both copies are known to be hit, by one allele twice or by two in trans.
    Who has one of them twice is `homozygous`, and not `trans`, whatever else he carries.
    """

    ANY = "any"
    BIALLELIC = "biallelic"
    HOMOZYGOUS = "homozygous"
    TRANS = "trans"
    CIS = "cis"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class TwoHits:
    """Is there a person who carries two different alleles of this range or gene, or one of them twice?

    Candidates for a recessive cause: homozygotes and compound heterozygotes, the latter as far as the files
    are phased.
    """

    where: RangeQuery | GeneQuery
    lying: Lying = Lying.ANY


Question = Single | Together | TwoHits


def assembly_of(question: Question) -> Assembly | None:
    """The assembly a question is about; None when it is about any."""
    if isinstance(question, Together):
        told = [assembly for part in question.parts if (assembly := assembly_of(part)) is not None]
        return told[0] if told else None
    if isinstance(question, TwoHits):
        return assembly_of(question.where)
    if isinstance(question, GeneQuery | AnnotationQuery):
        return question.assembly
    if isinstance(question, HgvsQuery):
        return question.change.interval.contig.assembly
    return contig_of(question).assembly


def looks_at_people(question: Question) -> bool:
    """Whether the answer depends on what single people carry, and not only on whether an allele is there."""
    if isinstance(question, Together | TwoHits):
        return True
    if isinstance(question, GeneQuery | RangeQuery | BracketQuery):
        return question.conditions.copies is not None
    return False
