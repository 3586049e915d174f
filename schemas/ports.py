"""What a node must offer so that the protocol rooms can answer: Protocols, and the values they pass.

A store satisfies these by shape and imports nothing from `beacon` or `matchmaker`.  Every call is
synchronous, finished when it returns (an htslib handle or a database cursor never escapes), and safe from
several threads at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from pyroaring import BitMap

from schemas.genome import Allele
from schemas.people import Dataset
from schemas.questions import VariantQuery

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


@dataclass(frozen=True, slots=True)
class Variant:
    """An allele held in a dataset, with what was counted and what the file said of it.

    names: identifiers of the ID column (`rs1127354`).  filters: the FILTER column, () for `.`, ("PASS",).
    """

    allele: Allele
    counts: Counts
    names: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()


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


class Catalogue(Protocol):
    """The datasets of this node."""

    def datasets(self) -> tuple[Dataset, ...]:
        """Every dataset, ordered by id; cheap, and current within a second of a change."""
        ...
