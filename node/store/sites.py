"""Counts of a file without samples, as its INFO tells them: nothing of single people, and labelled as such.

Whoever wrote the file counted: AC and AN, or AF and AN; the adjusted AC_Adj and AN_Adj where there are any.
Who is homozygous and who hemizygous is told in several ways:

    nhomalt, Hom, N_HOMALT          people (gnomAD, TOPMed, gnomAD-SV)
    AC_Hom, AC_Het, AC_Hemi         alleles as bcftools +fill-tags counts them, or people as ExAC does; which
                                    of the two, the sum tells
    nonpar, with AC_male or AC_XY   hemizygous people (gnomAD)
    AC_hom, AC_het                  of the mitochondrial genome, by heteroplasmy (gnomAD)

Where they do not fit together, or a file tells of X without saying who is hemizygous, AC and AN alone are
held.

Spec: VCF 4.4 §1.6.1 (INFO AC, AN, AF).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Final, NamedTuple

from node.store.alleles import Refused
from node.store.reader import Record
from schemas.genome import Interval

UNKNOWN: Final = -1
"""Stands in a row for a number of people that the file does not tell."""

_OF_SITE: Final = frozenset((b"AN", b"AN_Adj"))
_COUNTED: Final = frozenset((b"AC", b"AC_Adj", b"AF"))
_HOMS: Final = (b"nhomalt", b"N_HOMALT", b"nhom", b"Hom")
_HEMIS: Final = (b"AC_Hemi", b"nhemi", b"N_HEMIALT", b"Hemi")
_OF_MEN: Final = (b"AC_male", b"AC_XY")
_HOMS_OF_WOMEN: Final = (b"nhomalt_female", b"nhomalt_XX")


class SiteCounts(NamedTuple):
    """Counts of one allele; het, hom and hemi are people, `UNKNOWN` together where they are not told."""

    ac: int
    an: int
    het: int = UNKNOWN
    hom: int = UNKNOWN
    hemi: int = UNKNOWN


def counts_of_info(record: Record, number: int) -> SiteCounts:
    """What INFO counts of ALT allele `number`.

    Raises Refused: it counts nothing, or has another number of values than ALT.
    """
    told = _Info(record.info, number, record.alternates.count(b",") + 1)
    if record.alternates.split(b",")[number - 1].upper().startswith(b"<CN="):
        raise Refused("INFO counts people by copy number, not alleles")
    if record.contig.name == "MT" and told.first((b"AC",)) is None:
        homoplasmic, heteroplasmic = told.first((b"AC_hom",)), told.first((b"AC_het",))
        if homoplasmic is not None and heteroplasmic is not None:
            an = told.first((b"AN",)) or 0
            return SiteCounts(homoplasmic + heteroplasmic, an, heteroplasmic, 0, homoplasmic)
    ac, an = _ac_and_an(told)
    place = Interval.from_one_based(record.contig, max(record.first, 1), max(record.first, 1))
    return SiteCounts(ac, an, *_people(told, ac, place))


def _ac_and_an(told: _Info) -> tuple[int, int]:
    an = told.first((b"AN_Adj", b"AN")) or 0
    ac = told.first((b"AC_Adj", b"AC"))
    if ac is not None:
        return ac, an
    share = told.share(b"AF")
    if share is None or not an:
        raise Refused("INFO has neither AC, nor AF with AN")
    return round(share * an), an


def _people(told: _Info, ac: int, place: Interval) -> tuple[int, int, int]:
    """het, hom and hemi."""
    hom, hemi = told.first(_HOMS), told.first(_HEMIS)
    one_copy = place.contig.name in ("X", "Y", "MT") and not place.is_pseudoautosomal
    if told.has(b"nonpar"):
        hemi = told.first(_OF_MEN) if hemi is None else hemi
        women = told.first(_HOMS_OF_WOMEN)
        hom = hom if women is None else women
    if hom is None:
        hom, hemi = _of_alleles(told, ac, hemi)
    if one_copy and hemi is None and place.contig.name != "X":
        hom, hemi = hom or 0, ac - 2 * (hom or 0)
    if hom is None or (one_copy and hemi is None):
        return UNKNOWN, UNKNOWN, UNKNOWN
    het = ac - 2 * hom - (hemi or 0)
    return (het, hom, hemi or 0) if min(het, hom, hemi or 0) >= 0 else (UNKNOWN, UNKNOWN, UNKNOWN)


def _of_alleles(told: _Info, ac: int, hemi: int | None) -> tuple[int | None, int | None]:
    """Hom and hemi by AC_Hom and AC_Het, whichever they count."""
    in_homs, in_hets = told.first((b"AC_Hom",)), told.first((b"AC_Het",))
    if in_homs is None or in_hets is None:
        return None, hemi
    if in_hets + in_homs + (hemi or 0) == ac and in_homs % 2 == 0:
        return in_homs // 2, hemi
    return (in_homs if in_hets + 2 * in_homs + (hemi or 0) == ac else None), hemi


class _Info:
    """INFO as one ALT allele sees it: `number` of `alternates`."""

    def __init__(self, info: bytes, number: int, alternates: int) -> None:
        parts = (part.partition(b"=") for part in info.split(b";"))
        self._values = {key: value for key, _, value in parts}
        self._number = number
        self._alternates = alternates

    def has(self, key: bytes) -> bool:
        return key in self._values

    def first(self, keys: Sequence[bytes]) -> int | None:
        """The number of the first of these keys that is there; None where none is, or is missing."""
        for key in keys:
            text = self._of_allele(key)
            if text is not None:
                if not text.isdigit():
                    raise Refused(f"{key.decode()} in INFO is not a count")
                return int(text)
        return None

    def share(self, key: bytes) -> float | None:
        text = self._of_allele(key)
        if text is None:
            return None
        try:
            share = float(text)
        except ValueError:
            share = -1.0
        if not (isfinite(share) and 0 <= share <= 1):
            raise Refused(f"{key.decode()} in INFO is not a frequency")
        return share

    def _of_allele(self, key: bytes) -> bytes | None:
        written = self._values.get(key)
        if written is None:
            return None
        values = written.split(b",")
        if key in _OF_SITE:
            value = values[0]
        elif len(values) == self._alternates:
            value = values[self._number - 1]
        elif key in _COUNTED:
            raise Refused(f"{key.decode()} in INFO has another number of values than ALT")
        else:
            return None  # ExAC counts AC_Het by pairs of alleles
        return None if value == b"." else value
