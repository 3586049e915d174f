"""Asked alleles held against the reference sequence, and all the forms of one change.

A normalised VCF has an insertion or deletion in a repeat leftmost, HGVS rightmost, other files and people
have it anywhere.  Files are brought into one form by `bcftools norm` when they are read, if the site has a
FASTA; a question is asked in every form there is.

Spec: Tan, Abecasis, Kang 2015, "Unified representation of genetic variants"; VCF 4.4 §1.6.1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from schemas.errors import BadQuestion
from schemas.genome import Allele, Interval, bases_match
from schemas.hgvs import Change, Kind, change_of
from schemas.questions import SequenceQuery
from schemas.reference import Sequences

MAX_SHIFT_BP: Final = 20_000
MAX_FORMS: Final = 200
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


def forms_of(query: SequenceQuery, sequences: Sequences | None) -> tuple[SequenceQuery, ...]:
    """The query as asked and, of an insertion or deletion in a repeat, every other form of the same change.

    All are looked for: a file that was taken in without a reference keeps the form it was written in.
    Raises BadQuestion: the reference bases are not those of the sequence.
    """
    if query.reference is not None:
        check_reference(query.interval, query.reference, sequences)
    allele = query.allele
    if allele is None:
        return (query,)
    others = (SequenceQuery(a.interval, a.reference, a.alternate) for a in other_forms(allele, sequences))
    return query, *others


def other_forms(allele: Allele, sequences: Sequences | None) -> tuple[Allele, ...]:
    """The same insertion or deletion at every other place where it can be written, leftmost first.

    Empty for every other change, and where the sequence is not known.  In a repeat of more than 200 places
    the outermost forms alone.
    """
    moved = allele.reference or allele.alternate
    if sequences is None or allele.is_symbolic or (allele.reference and allele.alternate):
        return ()
    left, right = shifts_of(allele.interval, moved, sequences)
    steps = range(-left, right + 1) if left + right < MAX_FORMS else (-left, right)
    return tuple(_shifted(allele, moved, step) for step in steps if step)


def _shifted(allele: Allele, moved: str, step: int) -> Allele:
    """The form `step` bases further right; each step takes the first base to the end."""
    turn = step % len(moved)
    bases = moved[turn:] + moved[:turn]
    place = allele.interval
    there = Interval(place.contig, place.start + step, place.end + step)
    return Allele.from_bases(there, bases if allele.reference else "", "" if allele.reference else bases)


def shifts_of(place: Interval, moved: str, sequences: Sequences) -> tuple[int, int]:
    """How many bases further left and further right the same change can begin, at most 20 kb each.

    moved: the bases that are inserted or deleted.
    """
    left = _matching(_leftwards(place, sequences), moved[::-1])
    return left, _matching(_rightwards(place, sequences), moved)


def is_known(interval: Interval, sequences: Sequences | None) -> bool:
    """Whether the bases of `interval`, and those on either side of it, are known."""
    contig = interval.contig
    around = Interval(contig, max(0, interval.start - 1), min(interval.end + 1, contig.length_bp))
    held = None if sequences is None else sequences.bases(around)
    return held is not None and "N" not in held


def justified(allele: Allele, sequences: Sequences | None) -> tuple[Interval, str] | None:
    """The change over everything it could be written over, and the bases that are then there: its VRS form.

    None for a symbolic allele, for bases that are not known, and for an insertion or deletion where the
    sequence around it is not.
    """
    if allele.is_symbolic or (allele.reference + allele.alternate).strip("ACGT"):
        return None
    place = allele.interval
    if allele.reference and allele.alternate:
        return place, allele.alternate
    if sequences is None or not is_known(place, sequences):
        return None
    left, right = shifts_of(place, allele.reference or allele.alternate, sequences)
    whole = Interval(place.contig, place.start - left, place.end + right)
    held = sequences.bases(whole) or ""
    return whole, held[:left] + allele.alternate + held[left + place.length_bp :]


def change_named(allele: Allele, sequences: Sequences | None) -> Change | None:
    """The allele as HGVS names it: as far right as it goes and a doubling as such, if the sequence is known.

    Elsewhere an insertion or deletion is named where it was found.  None: see `schemas.hgvs.change_of`.
    """
    change = change_of(allele)
    if change is None or allele.is_symbolic or change.kind not in (Kind.INSERTION, Kind.DELETION):
        return change
    if sequences is None or not is_known(allele.interval, sequences):
        return change
    moved = allele.reference or allele.alternate
    left, right = shifts_of(allele.interval, moved, sequences)
    rightmost = change_of(_shifted(allele, moved, right)) or change
    if change.kind is Kind.DELETION or left + right < len(moved):
        return rightmost
    place = rightmost.interval
    return Change(Kind.DUPLICATION, Interval(place.contig, place.start - len(moved), place.start))


def _matching(neighbours: Iterable[str], moved: str) -> int:
    """How many bases, going away from the change, repeat it."""
    shift = 0
    for base in neighbours:
        if shift >= MAX_SHIFT_BP or base == "N" or base != moved[shift % len(moved)]:
            break
        shift += 1
    return shift


def _leftwards(place: Interval, sequences: Sequences) -> Iterator[str]:
    right = place.start
    while right > 0:
        left = max(0, right - _WINDOW_BP)
        yield from reversed(sequences.bases(Interval(place.contig, left, right)) or "N")
        right = left


def _rightwards(place: Interval, sequences: Sequences) -> Iterator[str]:
    left, last, window = place.end, place.contig.length_bp, _WINDOW_BP
    while left < last:
        right = min(last, left + window)
        held = sequences.bases(Interval(place.contig, left, right))
        if held is None and window > 1:
            window = 1  # the FASTA may hold the beginning of the contig alone
            continue
        yield from held or "N"
        left = right
