"""What a node must offer so that the protocol rooms can answer: Protocols, and the values they pass.

A store satisfies these by shape and imports nothing from `beacon` or `matchmaker`.  Every call is
synchronous, finished when it returns (an htslib handle or a database cursor never escapes), and safe from
several threads at once.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any, Final, NamedTuple, Protocol

from pyroaring import BitMap

from schemas.filters import Value
from schemas.genome import Allele
from schemas.people import Dataset, Term
from schemas.questions import Annotation, AnnotationQuery, Lying, VariantQuery

PersonSet = BitMap
"""People of one dataset as their dense ordinals, 0 to n-1 in the order in which they were first ingested."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What was counted of one allele over a set of people.

    ac: copies of the allele.  an: called alleles at the site (missing ones do not count).
    het, hom, hemi: people.  hom: every called copy is this allele and there are two or more; hemi: a
    genotype of one allele (male X and Y, MT) that is this one; het: every other carrier, `1/2` and `./1`
    among them.
    """

    ac: int
    an: int
    het: int
    hom: int
    hemi: int

    @property
    def carriers(self) -> int:
        return self.het + self.hom + self.hemi

    @property
    def frequency(self) -> float:
        """AC / AN; 0.0 when nothing was called."""
        return self.ac / self.an if self.an else 0.0


class Source(StrEnum):
    """Who counted: this node over the genotypes of people, or the writer of a file without samples in INFO.

    COPY_NUMBERS: this node, over the total numbers of copies that a file tells of people; AC is how many
    people have this number, AN of how many a number is told.
    INFO_ALLELES: INFO tells AC and AN, but not who is homozygous; het, hom and hemi are 0 and mean nothing.
    """

    GENOTYPES = "genotypes"
    COPY_NUMBERS = "copy numbers"
    INFO = "INFO"
    INFO_ALLELES = "INFO without zygosity"


@dataclass(frozen=True, slots=True)
class Variant:
    """An allele held in a dataset, with what was counted and what the file said of it.

    names: identifiers of the ID column (`rs1127354`).  filters: the FILTER column, () for `.`, ("PASS",).
    quality: the QUAL column, the highest where several lines or files have the allele; None for `.`.
    source: of the counts.
    """

    allele: Allele
    counts: Counts
    names: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()
    quality: float | None = None
    source: Source = Source.GENOTYPES


@dataclass(frozen=True, slots=True)
class Zygosities:
    """Who carries an allele in which way; see `Counts`."""

    het: PersonSet
    hom: PersonSet
    hemi: PersonSet


class Phase(NamedTuple):
    """Which of a person's two copies has an allele: two alleles of one `group` can be compared, others not.

    is_second: the second as the file writes them (`0|1`).  group: equal where the file phases together: one
    phase set (PS) of one file on one contig, or one genotype of two different ALT alleles (`1/2`).
    """

    is_second: bool
    group: tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class HitTwice:
    """People who carry two or more of some alleles, or one of them twice; each is in one of the sets.

    homozygous: of any of them.  trans: two lie on different copies, so that no copy is without one.
    cis: all lie on one copy, and the other has none of them; a person with one copy alone is here.
    unknown: the files do not say, as for all genotypes written with `/`.
    """

    homozygous: PersonSet
    trans: PersonSet
    cis: PersonSet
    unknown: PersonSet

    @property
    def biallelic(self) -> PersonSet:
        """Of whom it is known that both copies are hit."""
        return self.homozygous | self.trans

    @property
    def everybody(self) -> PersonSet:
        return self.homozygous | self.trans | self.cis | self.unknown

    def lying(self, how: Lying) -> PersonSet:
        """Those whose alleles lie so."""
        if how is Lying.ANY:
            return self.everybody
        found: PersonSet = getattr(self, how.value)
        return found


@dataclass(frozen=True, slots=True)
class Page:
    """A window on an ordered list of matches: `limit` of them after the first `offset`."""

    offset: int = 0
    limit: int = 10


FIRST_PAGE: Final = Page()


class VariantStore(Protocol):
    """Alleles and their carriers, by dataset.

    `people` narrows every answer to those people (consent, filters and withdrawals, ANDed by the caller);
    None is everybody.  An allele that none of them carries is not there: it is neither found nor counted.
    A dataset of files without samples has counts and nobody in it: of some people it finds nothing, and
    `people` must be None to be told what it holds; `Variant.source` says who counted.
    The contig of the query decides the assembly, and the caller has checked that the dataset is of it.
    Order is contig, start, end, reference, alternate, sv_length_bp (strings by code point).

    Raises StoreUnavailable from every method: the index is missing, locked or damaged.
    """

    def people(self, dataset: str) -> tuple[str, ...]:
        """Sample names of the dataset's people, by ordinal; () for a dataset with no genotypes yet."""
        ...

    def exists(self, dataset: str, query: VariantQuery, people: PersonSet | None = None) -> bool:
        """Whether any allele is admitted by `query` and carried.  Tens of microseconds."""
        ...

    def count(self, dataset: str, query: VariantQuery, people: PersonSet | None = None) -> int:
        """How many distinct alleles are admitted and carried.  About 1 ms a megabase."""
        ...

    def find(
        self, dataset: str, query: VariantQuery, page: Page, people: PersonSet | None = None
    ) -> list[Variant]:
        """One page of the alleles that are admitted and carried, with counts over `people`."""
        ...

    def carriers(self, dataset: str, allele: Allele, people: PersonSet | None = None) -> PersonSet:
        """Who carries this allele."""
        ...

    def zygosities(self, dataset: str, allele: Allele, people: PersonSet | None = None) -> Zygosities:
        """Who carries this allele, by genotype; the three are `carriers` together."""
        ...

    def phases(self, dataset: str, allele: Allele, people: PersonSet | None = None) -> Mapping[int, Phase]:
        """On which copy heterozygous carriers have this allele, by ordinal; those of whom it is not known are
        not there.

        From `|` in GT with PS, where there is one (a contig is one phase set otherwise), or PGT and PID.
        """
        ...

    def hit_twice(self, dataset: str, alleles: Sequence[Allele], people: PersonSet | None = None) -> HitTwice:
        """Who carries two or more of these alleles, or one of them twice, and whether on both copies.

        alleles: of one gene, found by any other question.  Tens of microseconds an allele, and some for each
        person who is hit twice.
        """
        ...


class Annotations(Protocol):
    """What the VCFs of a dataset say in CSQ or ANN of its alleles; like `VariantStore`, over carried ones."""

    def is_annotated(self, dataset: str) -> bool:
        """Whether any file of the dataset was annotated; where none is, nothing can be said by annotation."""
        ...

    def find(
        self, dataset: str, query: AnnotationQuery, page: Page, people: PersonSet | None = None
    ) -> list[Variant]:
        """One page of the carried alleles of which one annotation is admitted, within `query.within`."""
        ...

    def annotations(self, dataset: str, allele: Allele) -> tuple[Annotation, ...]:
        """What is said of one allele, in the order of the file."""
        ...


class Catalogue(Protocol):
    """The datasets of this node."""

    def datasets(self) -> tuple[Dataset, ...]:
        """Every dataset, ordered by id; cheap, and current within a second of a change."""
        ...


_GROUPING: Final = ("sex", "ethnicity", "geographicOrigin")

Rows = BitMap
"""Entries of one type in one dataset by their row: 0 to n-1 in the order of their ids."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """The entries of one type in one dataset, and what is recorded of each.

    ids: by row, ascending.  units: by row, the samples (see `Roster`) that the entry is about.
    terms: who has an ontology term recorded as present; excluded: as looked for and not found.
    fields: values by dotted path (`diseases.ageOfOnset`) or by the code of an assay (`LOINC:35925-4`), each
    with its row.  labels: of the terms and assays, as the records have them.
    """

    ids: tuple[str, ...]
    units: tuple[BitMap, ...]
    terms: Mapping[str, Rows] = field(default_factory=dict)
    excluded: Mapping[str, Rows] = field(default_factory=dict)
    fields: Mapping[str, tuple[tuple[int, Value], ...]] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def everybody(self) -> Rows:
        return BitMap(range(len(self.ids)))

    def row_of(self, name: str) -> int | None:
        """The row of the entry with this id; None when there is none."""
        at = bisect_left(self.ids, name)
        return at if at < len(self.ids) and self.ids[at] == name else None


@dataclass(frozen=True)
class Roster:
    """Who and what is in a dataset, as one moment saw it.  What is worked out of it is kept with it.

    ledgers: by entry type (`individual`, `biosample`, `run`, `analysis`).  The ledgers meet in units: the
    samples of the dataset, and one for each individual who has none.  ordinals: by unit, the genotyped people
    it stands for (one as a rule, none when it is not genotyped).
    """

    ledgers: Mapping[str, Ledger]
    ordinals: tuple[PersonSet, ...]

    @cached_property
    def everybody(self) -> PersonSet:
        """Everybody who is genotyped."""
        return BitMap().union(*self.ordinals)

    @cached_property
    def called(self) -> Mapping[int, Mapping[str, str]]:
        """What a genotyped person's entries are called: by entry type, their ids."""
        units = {person: unit for unit, people in enumerate(self.ordinals) for person in people}
        names: dict[int, dict[str, str]] = {person: {} for person in units}
        for entry, ledger in self.ledgers.items():
            by_unit = {unit: row for row, own in enumerate(ledger.units) for unit in own}
            for person, unit in units.items():
                if unit in by_unit:
                    names[person][entry] = ledger.ids[by_unit[unit]]
        return names

    @cached_property
    def groups(self) -> Mapping[str, Mapping[str, PersonSet]]:
        """Genotyped people by the terms of a field that each person has once: sex, ethnicity, origin."""
        ledger = self.ledgers.get("individual")
        return {} if ledger is None else {field: self._grouped(ledger, field) for field in _GROUPING}

    def _grouped(self, ledger: Ledger, field: str) -> Mapping[str, PersonSet]:
        groups: dict[str, PersonSet] = {}
        for row, value in ledger.fields.get(field, ()):
            if isinstance(value, Term):
                name = value.label or ledger.labels.get(value.id, value.id)
                own = groups.setdefault(name, BitMap())
                own.update(*(self.ordinals[unit] for unit in ledger.units[row]))
        return dict(sorted(groups.items()))


class People(Protocol):
    """The people, samples, runs and analyses of every dataset.

    Everybody who is genotyped is there, with or without a clinical record.
    """

    def roster(self, dataset: str) -> Roster:
        """The dataset now; kept until something changes, then made anew (about 0.1 ms a record).

        Raises NotHeld: no such dataset.
        """
        ...

    def records(self, dataset: str, entry: str, ids: Sequence[str]) -> list[Mapping[str, Any]]:
        """The records of these entries in Beacon's form, in this order; one that has gone is left out."""
        ...


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """One ontology that is held: where it comes from, and its version."""

    prefix: str
    name: str
    url: str
    version: str
    iri_prefix: str


class Ontology(Protocol):
    """Ontology terms, and how they hang together; local, and without cost after the first call (0.2 s)."""

    def vocabularies(self) -> tuple[Vocabulary, ...]:
        """What is held."""
        ...

    def find(self, term: str) -> Term | None:
        """The current term behind a CURIE, which may be an alternative or replaced id; None: not held."""
        ...

    def ids(self, term: str, *, descendants: bool = True) -> frozenset[str]:
        """The ids of a term, alternative ones among them, and those of its descendants.

        A term that is not held has its own id alone.
        """
        ...

    def similarity(self, one: str, other: str) -> float:
        """0 (nothing in common) to 1 (the same term)."""
        ...

    def near(self, text: str, limit: int = 5) -> list[Term]:
        """Terms whose id or label is like `text`, the likest first."""
        ...
