"""One change of a gene: where it lies, what it does to the protein, how rare it is, and how alike two are.

Reads what senders write: patch releases of an assembly, a missing `end`, padded bases, positions counted from
1 by mistake, symbolic alleles, a protein change in HGVS beside the variant (`_hgvsp`).  What cannot be placed
is not compared; it never fails a question.  Knows neither genes nor patients.

Spec: HGVS 21.1 (protein); Sequence Ontology (consequences).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from schemas.consequences import consequences_of
from schemas.errors import BadQuestion
from schemas.genome import Allele, Assembly, Contig, Interval, VariantType
from schemas.matching import Effect, Frequency, Lift, Place, VariantAgreement, VariantLikeness
from schemas.mme import GenomicFeature, Variant
from schemas.protein import comparable_change

_BASES: Final = re.compile(r"[ACGTN]+")
_PROTEIN: Final = re.compile(
    r"(?:(?P<of>[A-Z]{2}_\d+|ENS[PT]\d+|[A-Z][A-Z0-9-]+)(?:\.\d+)?(?:\([\w-]+\))?:)?"
    r"(?P<change>p\.\(?[A-Z*][^\s;]{0,60})",
    re.ASCII,
)
_RESIDUE: Final = re.compile(r"p\.([A-Z][a-z]{2})(\d{1,5})(.*)", re.ASCII)
_PROTEIN_NAMES: Final = ("_hgvsp", "_hgvsP", "_hgvs_p", "_hgvs", "_proteinChange")

_ONE_BASE_APART: Final = 0.9
_SAME_PROTEIN: Final = 0.8
_SAME_CODON: Final = 0.5
_LEAST_OVERLAP: Final = 0.5
_STRUCTURAL_BP: Final = 50
# Of the chromosomes of a population: an allele this rare counts in full, one this common not at all.
_RARE: Final = 0.001
_COMMON: Final = 0.01

_EFFECTS: Final = (
    (
        Effect.LOSS,
        "stop_gained frameshift_variant splice_acceptor_variant splice_donor_variant start_lost "
        "transcript_ablation",
    ),
    (Effect.MISSENSE, "missense_variant"),
    (
        Effect.IN_FRAME,
        "inframe_insertion inframe_deletion conservative_inframe_insertion disruptive_inframe_insertion "
        "conservative_inframe_deletion disruptive_inframe_deletion",
    ),
    (Effect.SILENT, "synonymous_variant stop_retained_variant start_retained_variant"),
)
# Kinds of structural variants, which are no consequences: deletion, copy number loss, and the contrary.
_LOST: Final = frozenset({"SO:0000159", "SO:0001743", "SO:0001893"})
_GAINED: Final = frozenset({"SO:1000035", "SO:0001742", "SO:1000173", "SO:0001889"})
_TURNED: Final = frozenset({"SO:1000036"})
_SYMBOLS: Final = {
    VariantType.DEL: "SO:0000159", VariantType.DUP: "SO:1000035", VariantType.DUP_TANDEM: "SO:1000173",
    VariantType.INV: "SO:1000036",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ProteinChange:
    """What becomes of one residue.

    of: the protein, or its transcript, as it was named, without version; "" when it was not.

    change: in the form of `schemas.protein`.
    """

    of: str
    residue: str
    number: int
    change: str

    def is_of(self, other: ProteinChange) -> bool:
        """Whether both may count along the same protein: names of one authority differ for different ones."""
        if (self.residue, self.number) != (other.residue, other.number):
            return False
        kinds = [one.of.rstrip("0123456789") for one in (self, other)]
        return self.of == other.of or "" in kinds or kinds[0] != kinds[1]


@dataclass(frozen=True, slots=True)
class Change:
    """A variant in every assembly it is known in: exact alleles, or stretches whose bases are not told.

    kind: a Sequence Ontology id.  frequency: of chromosomes in the population, None when it is not known.
    """

    places: tuple[Place, ...]
    kind: str | None = None
    protein: ProteinChange | None = None
    frequency: float | None = None

    @property
    def effects(self) -> frozenset[Effect]:
        """What it does to the gene, by its kind and its protein change."""
        by_kind: frozenset[Effect] = frozenset()
        # A deletion whose bases are told may be of three of them, and leave the frame as it is.
        is_whole = not any(isinstance(place, Allele) for place in self.places)
        if self.kind is not None and (is_whole or self.kind not in _LOST | _GAINED):
            by_kind = effects_of(self.kind)
        return by_kind if self.protein is None else by_kind | {_effect_on_protein(self.protein)}

    @property
    def weight(self) -> float:
        """How much it counts that two share it, from 1 when it is rare to 0 when it is common."""
        if self.frequency is None or self.frequency <= _RARE:
            return 1.0
        return max(0.0, 1 - math.log(self.frequency / _RARE) / math.log(_COMMON / _RARE))

    def may_be(self, other: Change) -> bool:
        """Whether the kinds allow that both are one: a deletion is no duplication of the same stretch."""
        kinds = {self.kind, other.kind} - {None}
        return len(kinds) < 2 or any(kinds <= named for named in (_LOST, _GAINED, _TURNED))


def effects_of(kind: str) -> frozenset[Effect]:
    """What a change of this Sequence Ontology kind does, where that is one thing."""
    if kind in _LOST:
        return frozenset({Effect.LOSS})
    if kind in _GAINED:
        return frozenset({Effect.GAIN})
    named = consequences_of(kind, descendants=False)
    return frozenset(effect for effect, names in _EFFECTS if not named.isdisjoint(names.split()))


def _effect_on_protein(protein: ProteinChange) -> Effect:
    tail = protein.change.removeprefix(f"p.{protein.residue}{protein.number}")
    if tail.startswith(("Ter", "fs")) or (protein.number == 1 and protein.residue == "Met"):
        return Effect.LOSS
    if tail == "=":
        return Effect.SILENT
    return Effect.MISSENSE if re.fullmatch("[A-Z][a-z]{2}", tail) else Effect.IN_FRAME


def read_change(feature: GenomicFeature, lift: Lift | None, frequency: Frequency | None) -> Change | None:
    """The change that a feature tells; None for neither place nor kind nor protein change."""
    variant = feature.variant
    place = _place(variant) if variant else None
    protein = _protein(feature)
    kind = (feature.kind.id if feature.kind else None) or (_symbol(variant) if variant else None)
    if place is None:
        return Change((), kind, protein) if kind or protein else None
    lifted = lift(place) if lift is not None else None
    places = (place,) if lifted is None else (place, lifted)
    return Change(places, kind, protein, None if frequency is None else _known(frequency, places))


def _known(frequency: Frequency, places: tuple[Place, ...]) -> float | None:
    told = [frequency(place) for place in places if isinstance(place, Allele)]
    return max((share for share in told if share is not None), default=None)


def _protein(feature: GenomicFeature) -> ProteinChange | None:
    """From the extensions of the variant, or else of the feature."""
    for part in (feature.variant, feature):
        told = (part.model_extra or {}) if part is not None else {}
        for name in _PROTEIN_NAMES:
            text = told.get(name)
            if isinstance(text, str) and (read := read_protein(text)) is not None:
                return read
    return None


def read_protein(text: str) -> ProteinChange | None:
    """The change of a text like `NP_000129.3:p.(Arg100Cys)`; None when it names no residue."""
    found = _PROTEIN.search(text[:400].replace("%3D", "="))
    if found is None:
        return None
    change = comparable_change(found["change"].strip(")("))
    residue = _RESIDUE.match(change)
    if residue is None:
        return None
    return ProteinChange(found["of"] or "", residue[1], int(residue[2]), change)


def _symbol(variant: Variant) -> str | None:
    """The kind that a symbolic allele names: `<DEL>` is a deletion."""
    alternate = variant.alternate_bases or ""
    if not alternate.startswith("<"):
        return None
    return _SYMBOLS.get(Allele(_NOWHERE, "", alternate).variant_type)


_NOWHERE: Final = Interval(Contig.read("1", Assembly.GRCH38), 0, 1)


def _place(variant: Variant) -> Place | None:
    """Where and what the variant is; None when that cannot be told for certain."""
    if variant.start is None:
        return None
    reference, alternate = variant.reference_bases, variant.alternate_bases
    try:
        contig = Contig.read(variant.reference_name, Assembly.read(variant.assembly))
        if reference is not None and alternate is not None and _BASES.fullmatch(reference + alternate):
            spanned = Interval(contig, variant.start, variant.start + len(reference))
            return Allele.from_bases(spanned, reference, alternate)
        last = variant.start if variant.end is None else variant.end
        return Interval(contig, variant.start, last) if last > variant.start else None
    except BadQuestion:
        return None


NOTHING_ALIKE: Final = VariantAgreement(VariantLikeness.NONE, 0.0)


def likeness(one: Change, other: Change) -> VariantAgreement:
    """How alike two changes of one gene are, and in what; what is common in the population counts less."""
    found = max(_alike(one, other), key=lambda each: each.worth, default=NOTHING_ALIKE)
    weight = min(one.weight, other.weight)
    known = [share for share in (one.frequency, other.frequency) if share is not None]
    if found.worth <= 0:
        return NOTHING_ALIKE
    return VariantAgreement(found.how, found.worth * weight, max(known, default=None))


def _alike(one: Change, other: Change) -> Iterator[VariantAgreement]:
    for mine in one.places:
        for theirs in other.places:
            if isinstance(mine, Allele) and isinstance(theirs, Allele):
                yield _same_allele(mine, theirs)
            elif isinstance(mine, Interval) and isinstance(theirs, Interval) and one.may_be(other):
                yield VariantAgreement(VariantLikeness.OVERLAP, _reciprocal_overlap(mine, theirs))
    if one.protein is not None and other.protein is not None and one.protein.is_of(other.protein):
        if one.protein.change == other.protein.change:
            yield VariantAgreement(VariantLikeness.PROTEIN, _SAME_PROTEIN)
        yield VariantAgreement(VariantLikeness.CODON, _SAME_CODON)


def _same_allele(one: Allele, other: Allele) -> VariantAgreement:
    if one == other:
        return VariantAgreement(VariantLikeness.SAME, 1.0)
    here, there = one.interval, other.interval
    if here.contig != there.contig:
        return NOTHING_ALIKE
    same_bases = (one.reference, one.alternate) == (other.reference, other.alternate)
    # A sender that counts from 1 is off by exactly one base.
    if same_bases and abs(here.start - there.start) == 1:
        return VariantAgreement(VariantLikeness.SAME, _ONE_BASE_APART)
    if here == there and one.reference == other.reference and one.variant_type is VariantType.SNP:
        # The same base, and so the same codon, became another one.
        return VariantAgreement(VariantLikeness.BASE, _SAME_CODON)
    return _overlapping_indels(one, other)


def _overlapping_indels(one: Allele, other: Allele) -> VariantAgreement:
    """Long deletions that are told with their bases agree as structural variants do."""
    both = (one, other)
    if all(each.variant_type is VariantType.DEL and each.length_bp >= _STRUCTURAL_BP for each in both):
        share = _reciprocal_overlap(one.interval, other.interval)
        return VariantAgreement(VariantLikeness.OVERLAP, share)
    return NOTHING_ALIKE


def _reciprocal_overlap(one: Interval, other: Interval) -> float:
    """Bases in common as a share of the longer; 0.0 below one half."""
    if one.contig != other.contig:
        return 0.0
    common = min(one.end, other.end) - max(one.start, other.start)
    share = common / max(one.length_bp, other.length_bp)
    return share if share >= _LEAST_OVERLAP else 0.0
