"""From the REF, ALT and INFO columns of a line to the alleles the index holds, or the reason it does not.

Symbolic alleles lie over the stretch they affect: `[POS, END)` 0-based interbase, POS being the base before.
An insertion (`<INS>`) and a breakend, in brackets or `<BND>`, have an empty interval after the base POS: they
lie between two bases, and overlap a range that holds either.  `<BND>` is held with its other end, by CHR2 and
END2 (or POS2, or END), as `<BND:chr5:1234:+->`.  How far their ends may lie from there, CIPOS
and CIEND say; a pair of these that cannot be read is reported, and the allele held as if its ends were exact.

Spec: VCF 4.4 §1.6.1 (REF, ALT, INFO END and SVLEN), §3, §5.4.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from node.store.margins import Unreadable, margins_of
from node.store.reader import Record
from schemas.genome import Margins, VariantType, symbolic_type, trim

_SEQUENCE: Final = re.compile(rb"[ACGTNacgtn]+")
_IUPAC: Final = re.compile(rb"[ACGTURYSWKMBDHVNacgturyswkmbdhvn]+")
_SYMBOL: Final = re.compile(rb"<[!-;=?-~]+>")
_BREAKEND: Final = re.compile(
    rb"[ACGTNacgtn.]*[\[\]][^\s\[\]]+[\[\]][ACGTNacgtn.]*"
    rb"|\.[ACGTNacgtn]+|[ACGTNacgtn]+\."  # a single breakend: what it is joined with is not known
)
_CONTIG: Final = re.compile(rb"[\w.*-]{1,60}", re.ASCII)
_STRANDS: Final = re.compile(rb"[+-]{2}")
_TOTAL: Final = re.compile(rb"<CNV:CN\d+>", re.ASCII)  # what is held of FORMAT CN
# They stand for "anything else" or for a deletion that an earlier line holds.
_NO_ALLELES: Final = frozenset((b".", b"*", b"<NON_REF>", b"<*>", b"<X>", b"X", b"<*:DEL>"))
_POINTS: Final = frozenset((VariantType.INS, VariantType.BND))


class AlleleKey(NamedTuple):
    """What makes an allele itself, beside its contig: the clustered key of the index."""

    start: int
    end: int
    reference: str
    alternate: str
    sv_length_bp: int


class Found(NamedTuple):
    """An allele of a line.  number: its place in ALT, the first is 1.  anchor, margins: as in `Allele`.

    remark: what of the line could not be taken, though the allele is; "" for nothing.
    """

    number: int
    key: AlleleKey
    anchor: str
    margins: Margins | None = None
    remark: str = ""


class Refused(ValueError):
    """An allele that cannot be read.  `fatal` when it shows that the file as a whole cannot be trusted."""

    def __init__(self, reason: str, *, fatal: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.fatal = fatal


def alleles_of(record: Record) -> Iterator[Found | Refused]:
    """Each allele of ALT, trimmed, or why it is not read; nothing for those that are no alleles."""
    reference, alternates = record.reference, record.alternates
    if len(reference) == 1 == len(alternates) and reference in b"ACGT" and alternates in b"ACGT":
        yield _snv(record)
        return
    texts = alternates.split(b",")
    for number, alternate in enumerate(texts, 1):
        if alternate in _NO_ALLELES:
            continue
        try:
            if _SEQUENCE.fullmatch(alternate):
                yield _sequence(record, number, alternate)
            else:
                yield _symbolic(record, number, alternate, len(texts))
        except Refused as refusal:
            yield refusal


def _snv(record: Record) -> Found | Refused:
    if record.reference == record.alternates:
        return Refused("REF and ALT are the same")
    if record.first < 1:
        return _telomere()
    left = record.first - 1
    return Found(
        1, AlleleKey(left, record.first, record.reference.decode(), record.alternates.decode(), 0), ""
    )


def _telomere() -> Refused:
    return Refused("POS 0 is the telomere, before the first base")


def _sequence(record: Record, number: int, alternate: bytes) -> Found:
    if record.first < 1:
        raise _telomere()
    if not _SEQUENCE.fullmatch(record.reference):
        if _IUPAC.fullmatch(record.reference):
            raise Refused("REF has bases other than A, C, G, T and N")
        raise Refused("REF is not a sequence of bases", fatal=True)
    if record.reference.upper() == alternate.upper():
        raise Refused("REF and ALT are the same")
    if record.first - 1 + len(record.reference) > record.contig.length_bp:
        raise Refused(f"REF reaches beyond the end of contig {record.contig}", fatal=True)
    return trimmed(number, record.first, record.reference, alternate)


def trimmed(number: int, first: int, reference: bytes, alternate: bytes) -> Found:
    """The allele that replaces `reference`, whose first base is `first` (from 1), by `alternate`."""
    head, kept_reference, kept_alternate = trim(reference.upper().decode(), alternate.upper().decode())
    left = first - 1 + len(head)
    key = AlleleKey(left, left + len(kept_reference), kept_reference, kept_alternate, 0)
    return Found(number, key, head[-1:])


def _symbolic(record: Record, number: int, alternate: bytes, alternates: int) -> Found:
    if not (_SYMBOL.fullmatch(alternate) or _BREAKEND.fullmatch(alternate)):
        if _IUPAC.fullmatch(alternate):
            raise Refused("ALT has bases other than A, C, G, T and N")
        raise Refused("ALT is neither bases nor a symbolic allele nor a breakend", fatal=True)
    if _TOTAL.fullmatch(alternate):
        raise Refused("<CNV:CNn> is no allele of a chromosome: a number of copies belongs into FORMAT CN")
    text = alternate.decode()
    anchor = record.reference[:1].upper().decode()
    anchor = anchor if anchor in ("A", "C", "G", "T") else ""
    kind = symbolic_type(text)
    length = _sv_length(record.info, number)
    margins, remark = _margins(record.info, number, alternates, is_point=kind in _POINTS)
    if kind in _POINTS:
        sv_length = length if kind is VariantType.INS else 0
        text = _adjacency(text, record.info) if kind is VariantType.BND else text
        key = AlleleKey(record.first, record.first, "", text, sv_length)
        return Found(number, key, anchor, margins, remark)
    last = _last_base(record, length, alternates)
    if last > record.contig.length_bp:
        raise Refused(f"END lies beyond the end of contig {record.contig}", fatal=True)
    return Found(number, AlleleKey(record.first, last, "", text, 0), anchor, margins, remark)


def _adjacency(text: str, info: bytes) -> str:
    """The ALT of a breakend with its other end, which `<BND>` has in INFO; two that differ in it are two."""
    contig = info_value(info, b"CHR2") or b""
    told = (info_value(info, key) for key in (b"END2", b"POS2", b"END"))
    at = next((value for value in told if value is not None), b"")
    if not (_SYMBOL.fullmatch(text.encode()) and _CONTIG.fullmatch(contig) and at.isdigit()):
        return text
    strands = info_value(info, b"STRANDS") or b""
    end = f":{strands.decode()}" if _STRANDS.fullmatch(strands) else ""
    return f"{text[:-1]}:{contig.decode()}:{int(at)}{end}>"


def _margins(info: bytes, number: int, alternates: int, *, is_point: bool) -> tuple[Margins | None, str]:
    """None where the ends are exact, as for a pair of zeros; and what could not be read."""
    around_pos = info_value(info, b"CIPOS")
    around_end = around_pos if is_point else info_value(info, b"CIEND")
    if around_pos is None and around_end is None:
        return None, ""
    try:
        margins = margins_of(around_pos, around_end, number, alternates)
    except Unreadable:
        return None, "CIPOS or CIEND is not a pair of numbers for each allele; its ends are taken as exact"
    return (margins if any(margins) else None), ""


def _last_base(record: Record, length: int, alternates: int) -> int:
    """END of a symbolic allele: INFO END, or POS and SVLEN; of several alleles each has its own SVLEN."""
    end = info_value(record.info, b"END")
    if end is None or (alternates > 1 and length):
        if not length:
            raise Refused("a symbolic allele has neither END nor SVLEN")
        return record.first + length
    if not end.isdigit():
        raise Refused("END is not a number", fatal=True)
    if int(end) < record.first:
        raise Refused("END lies before POS")
    return int(end) if int(end) > record.first else record.first + length


def _sv_length(info: bytes, number: int) -> int:
    """SVLEN of the allele without its sign; 0 when it is not given."""
    written = info_value(info, b"SVLEN")
    if written is None:
        return 0
    values = written.split(b",")
    value = values[number - 1] if number <= len(values) else values[0]
    digits = value.lstrip(b"+-")
    if not digits.isdigit():
        return 0
    return min(int(digits), 2**31 - 1)


def info_value(info: bytes, key: bytes) -> bytes | None:
    """The value of a key of INFO as written; None when it is not there."""
    if info.startswith(key + b"="):
        return info[len(key) + 1 :].split(b";", 1)[0]
    _, found, rest = info.partition(b";" + key + b"=")
    return rest.split(b";", 1)[0] if found else None
