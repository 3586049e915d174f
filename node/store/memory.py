"""The oracle: a variant store in lists, plain enough to be obviously right, too slow to serve.

Every question looks at every allele through its own `admits`, and counts person by person.  What the
engine answers must be what this answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from pyroaring import BitMap

from schemas.errors import NotHeld
from schemas.genome import Allele, Assembly, Contig, Interval, Margins
from schemas.ports import Counts, HitTwice, Page, PersonSet, Phase, Source, Variant, Zygosities
from schemas.questions import Annotation, AnnotationQuery, RangeQuery, VariantQuery, contig_of


@dataclass(frozen=True, slots=True)
class Call:
    """One person's genotype as one allele sees it.

    copies: of this allele.  called: alleles that are not missing.  ploidy: alleles written, missing ones too.
    copy: on which copy it is, and in which phase set of the file; None where that is not known.
    kind: how he carries it, where the other figures do not tell.
    """

    copies: int
    called: int
    ploidy: int
    copy: tuple[int, int] | None = None
    kind: str = ""


@dataclass(frozen=True, slots=True)
class CalledAllele:
    """An allele of one file, with the call of everybody in the file, by sample name."""

    allele: Allele
    calls: Mapping[str, Call]
    names: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()
    quality: float | None = None
    annotations: tuple[Annotation, ...] = ()


CalledFile = Sequence[CalledAllele]
"""The alleles of one file, each once."""


@dataclass(frozen=True, slots=True)
class LookedAt:
    """Bases at which a file calls people, whatever they carry.  called: alleles by sample name."""

    interval: Interval
    called: Mapping[str, int]


class MemoryStore:
    """A `schemas.ports.VariantStore` over lists of called genotypes, in the order of their ingest."""

    def __init__(self, assemblies: Mapping[str, Assembly]) -> None:
        self._assemblies = dict(assemblies)
        self._people: dict[str, list[str]] = {dataset: [] for dataset in assemblies}
        self._files: dict[str, list[CalledFile]] = {dataset: [] for dataset in assemblies}
        self._looked_at: dict[str, list[LookedAt]] = {dataset: [] for dataset in assemblies}
        self._copies: dict[str, Mapping[str, Mapping[str, int]]] = {dataset: {} for dataset in assemblies}

    def record_copies(self, dataset: str, copies: Mapping[str, Mapping[str, int]]) -> None:
        """From now on people have so many copies, by the name of the contig (X or Y) and their own."""
        self._copies[dataset] = copies

    def add(
        self,
        dataset: str,
        samples: Sequence[str],
        alleles: CalledFile,
        looked_at: Sequence[LookedAt] = (),
    ) -> None:
        """Takes one file; alleles nobody carries are not held."""
        self._looked_at[dataset] += looked_at
        people = self._people[dataset]
        people.extend(name for name in samples if name not in people)
        held = [one for one in alleles if any(call.copies for call in one.calls.values())]
        self._files[dataset].append(held)

    def assembly(self, dataset: str) -> Assembly:
        return self._assemblies[self._held(dataset)]

    def people(self, dataset: str) -> tuple[str, ...]:
        return tuple(self._people[self._held(dataset)])

    def exists(self, dataset: str, query: VariantQuery, people: PersonSet | None = None) -> bool:
        return bool(self._matches(dataset, query, people))

    def count(self, dataset: str, query: VariantQuery, people: PersonSet | None = None) -> int:
        return len(self._matches(dataset, query, people))

    def find(
        self, dataset: str, query: VariantQuery, page: Page, people: PersonSet | None = None
    ) -> list[Variant]:
        return self._matches(dataset, query, people)[page.offset : page.offset + page.limit]

    def carriers(self, dataset: str, allele: Allele, people: PersonSet | None = None) -> PersonSet:
        self._held(dataset, allele.interval.contig.assembly)
        known = self._people[dataset]
        calls = self._calls(dataset, self.copies_of(dataset, allele), people)
        return BitMap(known.index(name) for name, call in calls.items() if call.copies)

    def zygosities(self, dataset: str, allele: Allele, people: PersonSet | None = None) -> Zygosities:
        self._held(dataset, allele.interval.contig.assembly)
        known = self._people[dataset]
        calls = self._calls(dataset, self.copies_of(dataset, allele), people)
        kinds = {known.index(name): _kind(call) for name, call in calls.items()}
        het, hom, hemi = (
            BitMap(n for n, kind in kinds.items() if kind == wanted) for wanted in ("het", "hom", "hemi")
        )
        return Zygosities(het, hom, hemi)

    def phases(self, dataset: str, allele: Allele, people: PersonSet | None = None) -> Mapping[int, Phase]:
        self._held(dataset, allele.interval.contig.assembly)
        found = {}
        for ordinal, name in enumerate(self._people[dataset]):
            if people is None or ordinal in people:
                phase = self._phase(dataset, allele, name)
                if phase is not None:
                    found[ordinal] = phase
        return found

    def _phase(self, dataset: str, allele: Allele, name: str) -> Phase | None:
        """By the first file that called any allele of his there, as his call is."""
        for number, file in enumerate(self._files[dataset]):
            for one in file:
                if one.allele == allele and name in one.calls and one.calls[name].called:
                    call = self._as_counted(dataset, allele, name, one.calls[name])
                    if call.copy is None or _kind(call) != "het":
                        return None
                    copy, group = call.copy
                    return Phase(copy == 1, (allele.interval.contig.number, number, group))
        return None

    def hit_twice(self, dataset: str, alleles: Sequence[Allele], people: PersonSet | None = None) -> HitTwice:
        self._held(dataset)
        sets = HitTwice(BitMap(), BitMap(), BitMap(), BitMap())
        for ordinal, name in enumerate(self._people[dataset]):
            if people is not None and ordinal not in people:
                continue
            carried = {}
            for allele in dict.fromkeys(alleles):
                calls = self._calls(dataset, self.copies_of(dataset, allele), people)
                if name in calls and calls[name].copies:
                    carried[allele] = _kind(calls[name]), self._phase(dataset, allele, name)
            told = {one.interval for one in carried if one.is_symbolic and one.total_copies is None}
            hits = [
                hit
                for one, hit in carried.items()
                if one.total_copies is None or hit[0] == "hom" or one.interval not in told
            ]
            kinds = [kind for kind, _ in hits]
            pairs = [_lie(one, other) for (_, one), (_, other) in combinations(hits, 2)]
            if "hom" in kinds:
                sets.homozygous.add(ordinal)
            elif "trans" in pairs:
                sets.trans.add(ordinal)
            elif len(hits) > 1 and (set(kinds) == {"hemi"} or set(pairs) == {"cis"}):
                sets.cis.add(ordinal)
            elif len(hits) > 1:
                sets.unknown.add(ordinal)
        return sets

    def _held(self, dataset: str, assembly: Assembly | None = None) -> str:
        known = self._assemblies.get(dataset)
        if known is None or assembly not in (None, known):
            raise NotHeld(f"dataset {dataset} is not held here, or not on {assembly}")
        return dataset

    def _matches(self, dataset: str, query: VariantQuery, people: PersonSet | None) -> list[Variant]:
        self._held(dataset, contig_of(query).assembly)
        alleles = {one.allele for file in self._files[dataset] for one in file}
        found = []
        for allele in sorted(alleles, key=_order):
            same = self.copies_of(dataset, allele)
            calls = self._calls(dataset, same, people)
            anchor = next((one.allele.anchor for one in same if one.allele.anchor), "")
            shown = replace(allele, anchor=anchor, margins=_widest(one.allele.margins for one in same))
            if any(call.copies for call in calls.values()) and query.admits(shown):
                found.append(
                    Variant(
                        shown,
                        self._counts(dataset, allele, calls, people),
                        tuple(dict.fromkeys(name for one in same for name in one.names)),
                        tuple(dict.fromkeys(name for one in same for name in one.filters)),
                        max((one.quality for one in same if one.quality is not None), default=None),
                        Source.GENOTYPES if allele.total_copies is None else Source.COPY_NUMBERS,
                    )
                )
        return found

    def _counts(
        self, dataset: str, allele: Allele, calls: Mapping[str, Call], people: PersonSet | None
    ) -> Counts:
        """With the called alleles of those of whom only the bases at which they were looked at tell."""
        place = allele.interval
        base = max(place.start - (place.start == place.end), 0)
        found = [
            one.called
            for one in self._looked_at[dataset]
            if one.interval.contig == place.contig and one.interval.start <= base < one.interval.end
        ]
        counts = _counts(calls)
        if allele.total_copies is not None:
            return counts
        an = counts.an
        for ordinal, name in enumerate(self._people[dataset]):
            told = name in calls and calls[name].called
            if not told and (people is None or ordinal in people):
                most = max((called.get(name, 0) for called in found), default=0)
                an += min(most, 1) if self._is_lone(dataset, allele, name) else most
        return replace(counts, an=an)

    def copies_of(self, dataset: str, allele: Allele | None = None) -> list[CalledAllele]:
        """What each file holds of an allele; None is of all, also of those that nobody counts for now."""
        return [one for file in self._files[dataset] for one in file if allele in (None, one.allele)]

    def _calls(self, dataset: str, same: Sequence[CalledAllele], people: PersonSet | None) -> dict[str, Call]:
        """The call that counts for each person: of the first file that called any allele of his."""
        known = self._people[dataset]
        calls: dict[str, Call] = {}
        for one in same:
            for name, call in one.calls.items():
                permitted = people is None or known.index(name) in people
                if permitted and (name not in calls or not calls[name].called):
                    calls[name] = self._as_counted(dataset, one.allele, name, call)
        return calls

    def _is_lone(self, dataset: str, allele: Allele, name: str) -> bool:
        place = allele.interval
        has_one = self._copies[dataset].get(place.contig.name, {}).get(name) == 1
        return has_one and not place.is_pseudoautosomal

    def _is_changed(self, dataset: str, allele: Allele, name: str, total: int) -> bool:
        """Whether so many copies are a loss or a gain to somebody."""
        place = allele.interval
        if place.contig.name not in ("X", "Y") or place.is_pseudoautosomal:
            return total != 2
        had = self._copies[dataset].get(place.contig.name, {}).get(name)
        if place.contig.name == "Y":
            return total > 1 if had is None else had > 0 and (had > 0 if total == 0 else total > had)
        if had is None:
            return total not in (1, 2)
        return had > 0 and (total < had if total < 2 else total > had)

    def _as_counted(self, dataset: str, allele: Allele, name: str, call: Call) -> Call:
        total = allele.total_copies
        if total is not None:
            copies = call.copies if self._is_changed(dataset, allele, name, total) else 0
            kind = "hemi" if self._is_lone(dataset, allele, name) else "hom" if total == 0 else "het"
            return Call(copies, call.called, call.ploidy, kind=kind)
        if not self._is_lone(dataset, allele, name):
            return call
        return Call(min(call.copies, 1), min(call.called, 1), 1)


class MemoryAnnotations:
    """A `schemas.ports.Annotations` over the same lists."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    def is_annotated(self, dataset: str) -> bool:
        self._store.assembly(dataset)
        return any(one.annotations for one in self._store.copies_of(dataset))

    def find(
        self, dataset: str, query: AnnotationQuery, page: Page, people: PersonSet | None = None
    ) -> list[Variant]:
        found = [
            held
            for held in self._held(dataset, people)
            if any(query.admits(one) for one in self.annotations(dataset, held.allele))
            and (query.within is None or query.within.overlaps(held.allele.interval))
        ]
        return found[page.offset : page.offset + page.limit]

    def annotations(self, dataset: str, allele: Allele) -> tuple[Annotation, ...]:
        same = self._store.copies_of(dataset, allele)
        return tuple(dict.fromkeys(said for one in same for said in one.annotations))

    def _held(self, dataset: str, people: PersonSet | None) -> list[Variant]:
        contigs = [Contig.numbered(n, self._store.assembly(dataset)) for n in range(1, 26)]
        whole = [RangeQuery(Interval(contig, 0, contig.length_bp)) for contig in contigs]
        every = Page(0, 1 << 30)
        return [held for query in whole for held in self._store.find(dataset, query, every, people)]


def _widest(several: Iterable[Margins | None]) -> Margins | None:
    known = [margins for margins in several if margins is not None]
    if not known:
        return None
    lows, highs = (
        [min(column) for column in zip(*known, strict=True)],
        [max(c) for c in zip(*known, strict=True)],
    )
    return Margins(lows[0], highs[1], lows[2], highs[3])


def _order(allele: Allele) -> tuple[int, int, int, str, str, int]:
    place = allele.interval
    key = place.contig.number, place.start, place.end
    return (*key, allele.reference, allele.alternate, allele.sv_length_bp)


def _counts(calls: Mapping[str, Call]) -> Counts:
    kinds = [_kind(call) for call in calls.values()]
    ac = sum(call.copies for call in calls.values())
    an = sum(call.called for call in calls.values())
    return Counts(ac, an, kinds.count("het"), kinds.count("hom"), kinds.count("hemi"))


def _lie(one: Phase | None, other: Phase | None) -> str:
    """How two alleles of a person lie to each other."""
    if one is None or other is None or one.group != other.group:
        return "unknown"
    return "cis" if one.is_second == other.is_second else "trans"


def _kind(call: Call) -> str:
    """How a person carries the allele; "" when he does not."""
    if not call.copies:
        return ""
    if call.kind:
        return call.kind
    if call.ploidy == 1:
        return "hemi"
    return "hom" if call.called >= 2 and call.copies == call.called else "het"
