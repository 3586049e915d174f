"""From what was asked to what a store is asked: a question meets the assembly of a dataset.

A gene becomes its extent on that assembly, an allele or HGVS name all the forms in which a VCF may hold the
change.  A question about another assembly is carried over where a
chain file leads, and the answer says so; else the dataset is not one that the question is about.

What is missing on this node (a reference sequence, an extent, an annotation) is told, never passed over.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from beacon.alignment import check_reference, forms_of, reverse_complement, shifts_of
from schemas.errors import BadQuestion
from schemas.genome import Allele, Assembly, Contig, Interval, VariantType
from schemas.hgvs import Change, Kind
from schemas.questions import (
    AnnotationQuery,
    BracketQuery,
    Conditions,
    GeneQuery,
    HgvsQuery,
    Lying,
    Question,
    RangeQuery,
    SequenceQuery,
    Single,
    Together,
    TwoHits,
    VariantQuery,
    assembly_of,
    contig_of,
    lying_at,
)
from schemas.reference import Gene, Lifted, Liftover, Reference, Sequences

_SPELLED_BP: Final = 1000
_DUPLICATIONS: Final = frozenset({VariantType.DUP, VariantType.DUP_TANDEM})
_AS_WRITTEN: Final = (
    "this node has no reference sequence of that contig: an insertion or deletion was looked for only as it "
    "was written, and in a repeat it can be written elsewhere"
)
_UNCHECKED: Final = (
    "carried over without a reference sequence: where the two assemblies have other bases, an allele of the "
    "one may be the reference of the other"
)


@dataclass(frozen=True, slots=True)
class Alternatives:
    """Alleles that any of these queries admits."""

    queries: tuple[VariantQuery, ...]


@dataclass(frozen=True, slots=True)
class Joint:
    """Alleles of any part, carried by people who carry an allele of every part."""

    parts: tuple[Alternatives | AnnotationQuery, ...]


@dataclass(frozen=True, slots=True)
class Pairs:
    """Alleles that `query` admits, carried by people who are hit twice by them, so lying."""

    query: RangeQuery
    lying: Lying


Sought = Alternatives | AnnotationQuery | Joint | Pairs


@dataclass(frozen=True, slots=True)
class Placed:
    """A question as one assembly understands it.

    lifted_from: the assembly it was asked in, when it was carried over.  notes: what an answer must tell.
    """

    sought: Sought
    lifted_from: Assembly | None = None
    notes: tuple[str, ...] = ()


def concerns(question: Question, assembly: Assembly, reference: Reference) -> bool:
    """Whether data of `assembly` can be asked: the question is about it, or any, or a chain leads there."""
    asked, liftover = assembly_of(question), reference.liftover
    if asked is None or asked is assembly:
        return True
    return liftover is not None and liftover.leads(asked, assembly)


def place(question: Question, assembly: Assembly, reference: Reference) -> Placed:
    """What to ask of data of `assembly`, which the question concerns.

    Cheap, but for the first gene and for reading a FASTA.

    Raises BadQuestion: an unknown gene, one whose extent on `assembly` is not known, reference bases that are
    not those of the sequence, or a place without a counterpart in `assembly`.
    """
    asked = assembly_of(question)
    notes: list[str] = []
    if isinstance(question, Together):
        parts = tuple(_placed_part(part, assembly, reference, notes) for part in question.parts)
        sought: Sought = Joint(parts)
    elif isinstance(question, TwoHits):
        sought = Pairs(_placed_range(question.where, assembly, reference), question.lying)
    else:
        sought = _placed_part(question, assembly, reference, notes)
    lifted_from = asked if asked is not assembly else None
    if lifted_from is not None and not _is_known(reference.sequences, Contig.numbered(1, assembly)):
        notes.append(_UNCHECKED)
    return Placed(sought, lifted_from, tuple(dict.fromkeys(notes)))


def _placed_part(
    question: Single, assembly: Assembly, reference: Reference, notes: list[str]
) -> Alternatives | AnnotationQuery:
    if isinstance(question, AnnotationQuery):
        return _placed_annotation(question, assembly, reference)
    if isinstance(question, GeneQuery):
        return Alternatives((_placed_range(question, assembly, reference),))
    if isinstance(question, HgvsQuery):
        change = _carried_change(question.change, assembly, reference.liftover)
        return Alternatives(_forms_of_change(change, reference.sequences, notes))
    query = _carried(question, assembly, reference.liftover)
    if isinstance(query, SequenceQuery):
        forms = forms_of(query, reference.sequences)
        _note_shiftable(query.allele, reference.sequences, notes)
        return Alternatives(forms)
    mate = query.conditions.mate
    if isinstance(query, RangeQuery) and mate is not None:
        # A file may describe an adjacency from one of its ends alone.
        other = RangeQuery(mate, replace(query.conditions, mate=query.interval))
        return Alternatives((query, other) if other != query else (query,))
    return Alternatives((query,))


def _note_shiftable(allele: Allele | None, sequences: Sequences | None, notes: list[str]) -> None:
    if allele is None or (allele.reference and allele.alternate):
        return
    if not _is_known(sequences, allele.interval.contig):
        notes.append(_AS_WRITTEN)


def _is_known(sequences: Sequences | None, contig: Contig) -> bool:
    """Whether this node has the sequence of the contig."""
    return sequences is not None and sequences.bases(Interval(contig, 0, 1)) is not None


# ------------------------------------------------------------------------------------------ genes


def _find_gene(name: str, reference: Reference) -> Gene:
    if reference.genes is None:
        raise BadQuestion("this node has no table of genes; ask by referenceName, start and end")
    return reference.genes.find(name)


def _placed_range(where: RangeQuery | GeneQuery, assembly: Assembly, reference: Reference) -> RangeQuery:
    if isinstance(where, RangeQuery):
        return _carried_range(where, assembly, reference.liftover)
    gene = _find_gene(where.gene, reference)
    extent = gene.places.get(assembly)
    if extent is None:
        raise BadQuestion(
            f"where {gene.symbol} lies on {assembly} is not in this node's table of genes; ask by "
            "referenceName, start and end"
        )
    return RangeQuery(extent, where.conditions)


def _placed_annotation(
    question: AnnotationQuery, assembly: Assembly, reference: Reference
) -> AnnotationQuery:
    within = question.within
    if within is not None and within.contig.assembly is not assembly:
        within = _lift(within, assembly, reference.liftover).interval
    gene = question.gene
    if gene and reference.genes is not None:
        gene = reference.genes.find(gene).symbol
    return replace(question, gene=gene, assembly=assembly, within=within)


# ------------------------------------------------------------------------------------------- HGVS


def _forms_of_change(
    change: Change, sequences: Sequences | None, notes: list[str]
) -> tuple[VariantQuery, ...]:
    """Every form in which a VCF may hold the change."""
    interval, contig = change.interval, change.interval.contig
    check_reference(interval, change.deleted, sequences)
    held = sequences.bases(interval) if sequences is not None and interval.length_bp <= _SPELLED_BP else None
    bases = change.deleted or (held if held is not None and "N" not in held else "")
    if change.kind is Kind.INSERTION:
        query = SequenceQuery(interval, "", change.inserted)
        _note_shiftable(query.allele, sequences, notes)
        return forms_of(query, sequences)
    if change.kind in (Kind.SUBSTITUTION, Kind.DELINS):
        query = SequenceQuery(interval, bases or "N" * interval.length_bp, change.inserted)
        if query.reference == query.alternate:
            raise BadQuestion(f"{change} changes nothing: the reference has these bases")
        return forms_of(query, sequences)
    if change.kind is Kind.INVERSION:
        turned = reverse_complement(bases)
        spelled = (SequenceQuery(interval, bases, turned),) if bases and turned != bases else ()
        return (lying_at(interval, Conditions(variant_types=frozenset({VariantType.INV}))), *spelled)
    if not bases and held is None:
        notes.append(_AS_WRITTEN)
    if change.kind is Kind.DELETION:
        left, right = shifts_of(interval, bases, sequences) if bases and sequences else (0, 0)
        return (_deletion(interval, left, right),)
    copies = [lying_at(interval, Conditions(variant_types=_DUPLICATIONS))]
    if not bases:
        if interval.length_bp < _SPELLED_BP:
            raise BadQuestion(
                f"{change} does not tell which bases are doubled, and this node has no reference sequence "
                "there; ask for it with its bases (dupACG), or as an insertion"
            )
        return tuple(copies)
    # The copy may be written before or behind the original; what lies between needs the sequence.
    spelled_at = (Interval(contig, end, end) for end in (interval.start, interval.end))
    inserted = [form for at in spelled_at for form in forms_of(SequenceQuery(at, "", bases), sequences)]
    return (*copies, *dict.fromkeys(inserted))


def _deletion(interval: Interval, left: int, right: int) -> BracketQuery:
    """As many bases as `interval` has, deleted up to `left` bases further left or `right` further right.

    Where it begins tells it whole: in a repeat these are all the same change.
    """
    contig, length = interval.contig, interval.length_bp
    starts = Interval(contig, interval.start - left, interval.start + right + 1)
    ends = Interval(contig, interval.end - left, min(interval.end + right + 1, contig.length_bp))
    types = frozenset({VariantType.DEL})
    return BracketQuery(starts, ends, Conditions(None, types, length, length))


def _point(contig: Contig, coordinate: int) -> Interval:
    return Interval(contig, coordinate, min(coordinate + 1, contig.length_bp))


# ------------------------------------------------------------------------- from assembly to assembly


def carry(question: Question, assembly: Assembly, reference: Reference) -> Question:
    """The same question about `assembly`; itself when it is about that one, or about any.

    Raises BadQuestion: no chain leads there, there is no one counterpart, or the reference differs there.
    """
    liftover = reference.liftover
    if assembly_of(question) in (None, assembly):
        return question
    if not concerns(question, assembly, reference):  # a gene has a place in both, and yet is asked in one
        raise BadQuestion(f"no chain file of this node leads to {assembly}")
    if isinstance(question, Together):
        return Together(tuple(_carry_part(part, assembly, reference) for part in question.parts))
    if isinstance(question, TwoHits):
        if isinstance(question.where, RangeQuery):
            return replace(question, where=_carried_range(question.where, assembly, liftover))
        return replace(question, where=_carried_gene(question.where, assembly, liftover))
    return _carry_part(question, assembly, reference)


def _carry_part(question: Single, assembly: Assembly, reference: Reference) -> Single:
    liftover = reference.liftover
    if isinstance(question, AnnotationQuery):
        within = question.within
        lifted = None if within is None else _lift(within, assembly, liftover).interval
        return replace(question, assembly=assembly, within=lifted)
    if isinstance(question, GeneQuery):
        return _carried_gene(question, assembly, liftover)
    if isinstance(question, HgvsQuery):
        return HgvsQuery(_carried_change(question.change, assembly, liftover))
    carried = _carried(question, assembly, liftover)
    if isinstance(carried, SequenceQuery) and carried.reference is not None:
        check_reference(carried.interval, carried.reference, reference.sequences)
    return carried


def _carried_gene(where: GeneQuery, assembly: Assembly, liftover: Liftover | None) -> GeneQuery:
    mate = where.conditions.mate
    other = None if mate is None else _lift(mate, assembly, liftover).interval
    return replace(where, assembly=assembly, conditions=replace(where.conditions, mate=other))


def _lift(interval: Interval, assembly: Assembly, liftover: Liftover | None) -> Lifted:
    lifted = None if liftover is None else liftover.lift(interval, assembly)
    if lifted is None:
        raise BadQuestion(f"{interval.contig.assembly} {interval} has no one counterpart in {assembly}")
    return lifted


def _carried(query: VariantQuery, assembly: Assembly, liftover: Liftover | None) -> VariantQuery:
    """The query in `assembly`; itself when it is about it."""
    if contig_of(query).assembly is assembly:
        return query
    if isinstance(query, RangeQuery):
        return _carried_range(query, assembly, liftover)
    if isinstance(query, SequenceQuery):
        return _carried_sequence(query, assembly, liftover)
    starts, ends = _lift(query.starts, assembly, liftover), _lift(query.ends, assembly, liftover)
    if starts.reverse or ends.reverse or starts.interval.contig != ends.interval.contig:
        raise BadQuestion(f"the place of the bracket query is arranged otherwise in {assembly}")
    conditions = _carried_conditions(query.conditions, starts, assembly, liftover)
    return BracketQuery(starts.interval, ends.interval, conditions)


def _carried_range(query: RangeQuery, assembly: Assembly, liftover: Liftover | None) -> RangeQuery:
    if query.interval.contig.assembly is assembly:
        return query
    lifted = _lift(query.interval, assembly, liftover)
    return RangeQuery(lifted.interval, _carried_conditions(query.conditions, lifted, assembly, liftover))


def _carried_conditions(
    conditions: Conditions, lifted: Lifted, assembly: Assembly, liftover: Liftover | None
) -> Conditions:
    mate, alternate = conditions.mate, conditions.alternate
    return replace(
        conditions,
        mate=None if mate is None else _lift(mate, assembly, liftover).interval,
        alternate=reverse_complement(alternate) if alternate and lifted.reverse else alternate,
    )


def _carried_sequence(query: SequenceQuery, assembly: Assembly, liftover: Liftover | None) -> SequenceQuery:
    if query.reference is None:
        at = query.interval.start
        lifted = _lift(_point(query.interval.contig, at), assembly, liftover)
        if lifted.reverse:
            raise BadQuestion(f"the strand is reversed in {assembly}; give referenceBases")
        left = lifted.interval.start
        return SequenceQuery(Interval(lifted.interval.contig, left, left), None, query.alternate)
    lifted = _lift_exactly(query.interval, assembly, liftover)
    if not lifted.reverse:
        return SequenceQuery(lifted.interval, query.reference, query.alternate)
    turned = reverse_complement(query.reference), reverse_complement(query.alternate)
    return SequenceQuery(lifted.interval, *turned)


def _lift_exactly(interval: Interval, assembly: Assembly, liftover: Liftover | None) -> Lifted:
    """The counterpart of as many bases; of an empty interval, the one between the same neighbours."""
    whole = interval
    if interval.start == interval.end:
        whole = Interval(interval.contig, max(0, interval.start - 1), interval.end + 1)
    lifted = _lift(whole, assembly, liftover)
    if lifted.interval.length_bp != whole.length_bp:
        raise BadQuestion(f"{interval.contig.assembly} {interval} is of another length in {assembly}")
    if whole == interval:
        return lifted
    between = lifted.interval.start + 1
    return Lifted(Interval(lifted.interval.contig, between, between), lifted.reverse)


def _carried_change(change: Change, assembly: Assembly, liftover: Liftover | None) -> Change:
    if change.interval.contig.assembly is assembly:
        return change
    lifted = _lift_exactly(change.interval, assembly, liftover)
    if not lifted.reverse:
        return replace(change, interval=lifted.interval)
    deleted, inserted = reverse_complement(change.deleted), reverse_complement(change.inserted)
    return replace(change, interval=lifted.interval, deleted=deleted, inserted=inserted)
