"""Who carries an allele and how often, from its rows: over everybody, or over any set of people.

Several files of a dataset may hold the same allele.  A person who is in several of them is counted once, as
the first file, in the order of ingest, in which he has a called allele.  Who has one copy of X or Y (see
`copies`) counts with one outside of the pseudoautosomal regions: as hemizygous, if he carries the allele.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from pyroaring import BitMap, FrozenBitMap

from node.store.bitmaps import decode_part_set, decode_set
from node.store.coverage import Coverage
from node.store.layout import Row, highest
from node.store.margins import read, widest_written
from node.store.phasing import decode_phases, each
from node.store.session import Holding
from node.store.sites import UNKNOWN
from schemas.genome import Allele, Contig, Interval
from schemas.ports import Counts, Phase, Source, Variant, Zygosities

NOBODY: Final = FrozenBitMap()


@dataclass(frozen=True, slots=True)
class HeldAllele:
    """An allele with its rows, one a visible file, in the order of the files; at least one."""

    allele: Allele
    rows: tuple[Row, ...]


def held_allele(rows: Sequence[Row], holding: Holding, contig: Contig) -> HeldAllele:
    """The allele that these rows are of; its anchor is the first that a file gave, its margins the widest."""
    if len(rows) > 1:
        rows = sorted(rows, key=lambda row: holding.files[row.seg].place)
    first = rows[0]
    anchor = next((row.anchor for row in rows if row.anchor), "")
    place = Interval(contig, first.start, first.end)
    margins = read(widest_written([row.margins for row in rows])) if len(rows) > 1 else read(first.margins)
    return HeldAllele(Allele(place, first.ref, first.alt, anchor, first.sv_length, margins), tuple(rows))


def carriers(held: HeldAllele, holding: Holding, people: BitMap | None) -> BitMap:
    """Who of `people` carries the allele."""
    rows, total = held.rows, held.allele.total_copies
    if not rows[0].carriers:
        return BitMap()  # of a file without samples
    if total is not None:
        return holding.changed(held.allele.interval, total, _having(held, holding, people))
    if len(rows) == 1 and holding.is_clean:
        found = decode_set(rows[0].carriers)
        return found if people is None else found & people
    return _having(held, holding, people)


def is_carried(held: HeldAllele, holding: Holding, people: BitMap | None) -> bool:
    """Whether anybody of `people` carries the allele, which has visible rows."""
    if people is None and held.allele.total_copies is None:
        return True
    return bool(carriers(held, holding, people))


def _having(held: HeldAllele, holding: Holding, people: BitMap | None) -> BitMap:
    """Of whom the rows say that they have the allele."""
    shares = _shares(held.rows, holding, people)
    return BitMap().union(*(decode_set(row.carriers) & seen for row, seen in shares))


def zygosities(held: HeldAllele, holding: Holding, people: BitMap | None) -> Zygosities:
    """Who of `people` carries the allele, by genotype."""
    het, hom, hemi = BitMap(), BitMap(), BitMap()
    if not held.rows[0].carriers:
        return Zygosities(het, hom, hemi)
    lone = holding.lone_at(held.allele.interval) or NOBODY
    if held.allele.total_copies is not None:
        carried = carriers(held, holding, people)
        hemi, others, nobody = carried & lone, carried - lone, BitMap()
        if held.allele.total_copies == 0:
            return Zygosities(nobody, others, hemi)
        return Zygosities(others, nobody, hemi)
    for row, seen in _shares(held.rows, holding, people):
        carried = decode_set(row.carriers) & seen
        hemis = (decode_set(row.hemis) & seen) | (carried & lone)
        homs = (decode_part_set(row.homs, row.carriers) & seen) - hemis
        het |= carried - homs - hemis
        hom |= homs
        hemi |= hemis
    return Zygosities(het, hom, hemi)


def phases(held: HeldAllele, holding: Holding, people: BitMap | None) -> dict[int, Phase]:
    """On which copy heterozygous carriers among `people` have the allele, where it is known."""
    contig = held.allele.interval.contig.number
    lone = holding.lone_at(held.allele.interval) or NOBODY
    return {
        person: Phase(is_second, (contig, row.seg, group))
        for row, seen in _shares(held.rows, holding, people)
        if row.phase is not None
        for person, is_second, group in each(decode_phases(row))
        if person in seen and person not in lone
    }


def variant(
    held: HeldAllele, holding: Holding, people: BitMap | None, coverage: Coverage | None = None
) -> Variant:
    """The allele as the port gives it, counted over `people`; coverage: of the dataset, where it has any."""
    rows = held.rows
    if not rows[0].carriers:
        return _of_site(held)
    if held.allele.total_copies is not None:
        return _of_total(held, holding, people)
    lone = holding.lone_at(held.allele.interval) if holding.lone else None
    if people is None and len(rows) == 1 and holding.is_clean and lone is None:
        row = rows[0]
        counts = Counts(row.ac, row.an, row.het, row.hom, row.hemi)
    else:
        counts = _sum([counts_of(row, seen, lone) for row, seen in _shares(rows, holding, people)])
    if coverage is not None:
        told = (seen - decode_set(row.uncalled) for row, seen in _shares(rows, holding, people))
        called = coverage.called(held.allele, people, but=BitMap().union(*told), lone=lone or NOBODY)
        counts = replace(counts, an=counts.an + called)
    words = _words(row.names for row in rows), _words(row.filters for row in rows)
    return Variant(held.allele, counts, *words, highest(row.quality for row in rows))


def _of_total(held: HeldAllele, holding: Holding, people: BitMap | None) -> Variant:
    """People by their total number of copies; one counts towards AN where any number is told of him."""
    rows, ways = held.rows, zygosities(held, holding, people)
    told = BitMap().union(*(seen - decode_set(row.uncalled) for row, seen in _shares(rows, holding, people)))
    kinds = len(ways.het), len(ways.hom), len(ways.hemi)
    words = _words(row.names for row in rows), _words(row.filters for row in rows)
    quality = highest(row.quality for row in rows)
    return Variant(held.allele, Counts(sum(kinds), len(told), *kinds), *words, quality, Source.COPY_NUMBERS)


def _of_site(held: HeldAllele) -> Variant:
    """By the first file that has it: how far those who were counted in another are the same, nobody knows."""
    row = held.rows[0]
    people = (row.het, row.hom, row.hemi)
    is_told = UNKNOWN not in people
    counts = Counts(row.ac, row.an, *(people if is_told else (0, 0, 0)))
    source = Source.INFO if is_told else Source.INFO_ALLELES
    words = _words(iter((row.names,))), _words(iter((row.filters,)))
    return Variant(held.allele, counts, *words, row.quality, source)


def told(row: Sequence[Any], contig: Contig) -> Variant:
    """The allele that has this row alone, counted over everybody.

    row: of `layout.PlainRow`, behind the revision.  Two microseconds: a page is little else.
    """
    _, start, end, ref, alt, sv_length, _, anchor, ac, an, het, hom, hemi, names, filters, quality = row
    return Variant(
        Allele(Interval(contig, start, end), ref, alt, anchor, sv_length),
        Counts(ac, an, het, hom, hemi),
        _words((names,)) if ";" in names else (names,) if names else (),
        _words((filters,)) if ";" in filters else (filters,) if filters else (),
        quality,
    )


def _shares(rows: Sequence[Row], holding: Holding, people: BitMap | None) -> Iterator[tuple[Row, BitMap]]:
    """Each row with the people it speaks for."""
    settled: BitMap | None = None
    for row in rows:
        file = holding.files[row.seg]
        covered = file.speaking(decode_set(row.carriers)) if file.thinned else file.people
        here = covered if people is None else covered & people
        yield row, here if settled is None else here - settled
        if len(rows) > 1:
            settled = (settled or BitMap()) | covered - decode_set(row.uncalled)


def counts_of(row: Row, seen: BitMap, lone: BitMap | None = None) -> Counts:
    """Counts of one row over the people `seen`, all of whom its file covers.

    lone: who has one copy, whatever the row says.
    """
    carried, homs = decode_set(row.carriers) & seen, decode_part_set(row.homs, row.carriers) & seen
    hemis, uncalled, single = (
        decode_set(one) & seen if one is not None else NOBODY for one in (row.hemis, row.uncalled, row.single)
    )
    if lone is not None:
        homs, hemis = homs - lone, hemis | (carried & lone)
        single = single | ((lone & seen) - uncalled)
    ac = len(carried) + len(homs)
    an = 2 * (len(seen) - len(uncalled)) - len(single)
    if row.odd is not None:
        for ordinal, copies, called in np.frombuffer(row.odd, "<u4").reshape(-1, 3).tolist():
            if ordinal in seen and (lone is None or ordinal not in lone):
                ac += copies - (copies > 0) - (ordinal in homs)
                an += called - 2
    return Counts(ac, an, len(carried) - len(homs) - len(hemis), len(homs), len(hemis))


def _sum(parts: Sequence[Counts]) -> Counts:
    if len(parts) == 1:
        return parts[0]
    return Counts(
        sum(part.ac for part in parts),
        sum(part.an for part in parts),
        sum(part.het for part in parts),
        sum(part.hom for part in parts),
        sum(part.hemi for part in parts),
    )


def _words(columns: Iterable[str]) -> tuple[str, ...]:
    """The words of all rows, each once, in the order in which they come."""
    return tuple(dict.fromkeys(word for column in columns if column for word in column.split(";")))
