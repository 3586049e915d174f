"""What annotators wrote of each allele of a line: the CSQ of VEP, by whatever key, and the ANN of SnpEff.

Which field stands where only the header tells.  Of a line with several alleles each annotation names its own,
by number or in one of three spellings; where none fits, it is told and left out, never given to another.
Knows nothing of genotypes, people or the index.

Spec: VEP "VCF output"; SnpEff "Variant annotations in VCF format" 1.0.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple
from urllib.parse import unquote

from schemas.genome import trim
from schemas.questions import Annotation

_KEYS: Final = ("CSQ", "ANN")
_BY_VEP: Final = "Consequence annotations from Ensembl VEP"
"""How VEP describes its field, whose key its user may choose: gnomAD calls it `vep`."""
NOTE_COLUMNS: Final = (
    "bin", "start", "end", "ref", "alt", "sv_length", "file_no", "number", "gene", "transcript", "coding",
    "protein", "consequences", "impact", "coding_key", "change_key",
)  # fmt: skip

KEY_LETTERS: Final = 60
"""An index of PostgreSQL holds no long text."""

_LINE: Final = re.compile(r'##INFO=<ID=(?P<key>[^,>]+),.*Description="(?P<text>[^"]*)"')
_FIELDS: Final = re.compile(r"(?:Format:\s*|annotations:\s*'?)\s*(?P<fields>[^'\"]*\|[^'\"]*)", re.IGNORECASE)
_NAMES: Final = {
    "allele": ("allele",),
    "number": ("allele_num",),
    "gene": ("symbol", "gene_name"),
    "kind": ("feature_type",),
    "transcript": ("feature", "feature_id"),
    "coding": ("hgvsc", "hgvs.c"),
    "protein": ("hgvsp", "hgvs.p"),
    "consequences": ("consequence", "annotation"),
    "impact": ("impact", "annotation_impact"),
}


class Note(NamedTuple):
    """One annotation of one allele of one file, in the order of `NOTE_COLUMNS`.

    number: its place among those of the allele.  consequences: joined by "&".  coding_key, change_key: the
    first letters of what is looked for, the change of the protein in the form of questions.
    """

    bin: int
    start: int
    end: int
    ref: str
    alt: str
    sv_length: int
    file_no: int
    number: int
    gene: str
    transcript: str
    coding: str
    protein: str
    consequences: str
    impact: str
    coding_key: str
    change_key: str


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the fields of an annotation stand, under which key of INFO; -1 for one that is not there."""

    key: bytes
    allele: int
    number: int
    gene: int
    kind: int
    transcript: int
    coding: int
    protein: int
    consequences: int
    impact: int


def layout_of(lines: Sequence[str]) -> Layout | None:
    """The layout that a header describes; None when it describes no annotation with consequences in it.

    Where several are described, CSQ is read, or else ANN.
    """
    described = {found["key"]: found["text"] for line in lines if (found := _LINE.match(line))}
    others = [key for key, text in described.items() if text.startswith(_BY_VEP)]
    for key in dict.fromkeys((*_KEYS, *others)):
        fields = _FIELDS.search(described.get(key, ""))
        if fields is None:
            continue
        told = [name.strip().lower() for name in fields["fields"].split("|")]
        places = {
            part: next((told.index(name) for name in names if name in told), -1)
            for part, names in _NAMES.items()
        }
        if places["allele"] >= 0 and places["consequences"] >= 0:
            return Layout(key.encode(), **places)
    return None


def annotations_of(
    text: bytes, layout: Layout, reference: bytes, alternates: bytes
) -> tuple[dict[int, dict[Annotation, None]], int]:
    """What the value of CSQ or ANN says of each ALT allele by number (1 is the first), each thing once.

    Also how many annotations name no allele of the line.  Raises UnicodeDecodeError: it is not UTF-8.
    """
    alts = alternates.decode().split(",")
    spelled = _spellings(reference.decode(), alts)
    found: dict[int, dict[Annotation, None]] = {}
    strays = 0
    for one in text.decode().split(","):
        fields = one.split("|")
        number = _allele_number(fields, layout, alts, spelled)
        if number is None:
            strays += 1
            continue
        found.setdefault(number, {})[_annotation(fields, layout)] = None
    return found, strays


def _allele_number(fields: list[str], layout: Layout, alts: list[str], spelled: dict[str, int]) -> int | None:
    told = _field(fields, layout.number)
    if told.isdigit():
        return int(told) if 0 < int(told) <= len(alts) else None
    # SnpEff writes `C-chr1:123_A>T` or `G-C` where the allele stands beside another change.
    written = _field(fields, layout.allele)
    number = spelled.get(written.upper()) or spelled.get(written.split("-", 1)[0].upper())
    # One allele alone cannot be meant by mistake, however a structural one is called (`deletion`).
    return number or (1 if len(alts) == 1 else None)


def _spellings(reference: str, alts: list[str]) -> dict[str, int]:
    """ALT as written; without the first base where all have it in common, as VEP writes it; trimmed."""
    plain = [alt for alt in alts if alt.isalpha()]
    uneven = any(len(alt) != len(reference) for alt in plain)
    common = uneven and all(alt[:1].upper() == reference[:1].upper() for alt in plain)
    spelled: dict[str, int] = {}
    forms = [
        [alt.upper() for alt in alts],
        [(alt[1:] or "-").upper() if common and alt.isalpha() else "" for alt in alts],
        [(trim(reference.upper(), alt.upper())[2] or "-") if alt.isalpha() else "" for alt in alts],
    ]
    for form in forms:
        for number, text in enumerate(form, 1):
            if text and form.count(text) == 1:
                spelled.setdefault(text, number)
    return spelled


def _annotation(fields: list[str], layout: Layout) -> Annotation:
    consequences = _field(fields, layout.consequences).split("&")
    kind = _field(fields, layout.kind).lower()
    accession, _, coding = _field(fields, layout.coding).rpartition(":")
    transcript = _field(fields, layout.transcript) if kind in ("", "transcript") else ""
    if transcript and accession.startswith(f"{transcript}."):
        transcript = accession  # VEP may tell the version there alone
    return Annotation(
        gene=_field(fields, layout.gene),
        transcript=transcript,
        coding=coding,
        protein=_without_accession(_field(fields, layout.protein)).replace("*", "Ter"),
        consequences=frozenset(term for term in consequences if term),
        impact=_field(fields, layout.impact),
    )


def _field(fields: list[str], at: int) -> str:
    if not 0 <= at < len(fields):
        return ""
    text = fields[at].strip()
    return unquote(text) if "%" in text else text


def _without_accession(name: str) -> str:
    return name.rsplit(":", 1)[-1]
