"""One change, one form: asked alleles held against the reference sequence and shifted as far left as they go.

A VCF puts an insertion or deletion in a repeat leftmost, HGVS rightmost, and people anywhere.  For files this
is done by `bcftools norm` when they are read; this is the same for the one allele of a question.

Spec: Tan, Abecasis, Kang 2015, "Unified representation of genetic variants"; VCF 4.4 §1.6.1.
"""

from __future__ import annotations

from typing import Final

from schemas.errors import BadQuestion
from schemas.genome import Allele, Interval, bases_match
from schemas.questions import SequenceQuery
from schemas.reference import Sequences

MAX_SHIFT_BP: Final = 20_000
_WINDOW_BP: Final = 500
_SHOWN_BP: Final = 20
_COMPLEMENT: Final = str.maketrans("ACGTRYKMBDHV", "TGCAYRMKVHDB")


def reverse_complement(bases: str) -> str:
    """The other strand; IUPAC codes, too."""
    return bases.translate(_COMPLEMENT)[::-1]


def check_reference(interval: Interval, reference: str, sequences: Sequences | None) -> None:
    """Holds asked reference bases against the sequence; where that is unknown or masked, nothing is said.

    Raises BadQuestion: they are not what the reference has there.
    """
    held = sequences.bases(interval) if sequences is not None and reference else None
    if held is None or len(held) != len(reference):
        return
    if all(base == "N" or bases_match(asked, base) for asked, base in zip(reference, held, strict=True)):
        return
    contig = interval.contig
    first, last = interval.one_based
    where = f"{first}-{last}" if last > first else str(first)
    raise BadQuestion(
        f"referenceBases are {_shown(reference)}, but {contig.assembly} has {_shown(held)} on {contig.name} "
        f"at {where} (counted from 1); is it the right assembly, and start 0-based?"
    )


def _shown(bases: str) -> str:
    return bases if len(bases) <= _SHOWN_BP else f"{bases[:_SHOWN_BP]}... ({len(bases)} bases)"


def left_aligned(allele: Allele, sequences: Sequences | None) -> Allele:
    """The same change as far left as it can be written, at most 20 kb from here.

    Only an insertion or deletion can be shifted, and only where there is a sequence.
    """
    moved = allele.reference or allele.alternate
    if sequences is None or allele.is_symbolic or (allele.reference and allele.alternate) or not moved:
        return allele
    shift = _shift_left(allele.interval, moved, sequences)
    if not shift:
        return allele
    # Each step to the left takes the last base to the front.
    turn = -shift % len(moved)
    bases = moved[turn:] + moved[:turn]
    place = allele.interval
    shifted = Interval(place.contig, place.start - shift, place.end - shift)
    return Allele.from_bases(shifted, bases if allele.reference else "", "" if allele.reference else bases)


def _shift_left(place: Interval, moved: str, sequences: Sequences) -> int:
    """How many bases further left the same change begins."""
    shift = 0
    while shift < MAX_SHIFT_BP:
        right = place.start - shift
        left = max(0, right - _WINDOW_BP)
        before = sequences.bases(Interval(place.contig, left, right)) if left < right else None
        if before is None:
            return shift
        for base in reversed(before):
            if base == "N" or base != moved[(-1 - shift) % len(moved)]:
                return shift
            shift += 1
    return shift


def forms_of(query: SequenceQuery, sequences: Sequences | None) -> tuple[SequenceQuery, ...]:
    """The query as asked and, where it is another, in its leftmost form.

    Both are looked for: a file that was taken in without a reference keeps the form it was written in.
    Raises BadQuestion: the reference bases are not those of the sequence.
    """
    if query.reference is not None:
        check_reference(query.interval, query.reference, sequences)
    allele = query.allele
    leftmost = allele if allele is None else left_aligned(allele, sequences)
    if leftmost is None or leftmost == allele:
        return (query,)
    return query, SequenceQuery(leftmost.interval, leftmost.reference, leftmost.alternate)
