"""What of this node's data a question looks into: the datasets it means and may see, and whom in them.

Every entry type begins here, so that names, cohorts, test mode, grants and filters mean the same to all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pyroaring import BitMap

from beacon.crowd import Crowd
from beacon.disclosure import Opened, open_datasets
from beacon.query import VARIANTS, Asked
from beacon.room import Beacon
from beacon.selection import Selection, carried_over, select, units_of
from schemas.access import Ceiling, Grant, Granularity
from schemas.cohorts import Cohort
from schemas.errors import NotFound, NotHeld
from schemas.filters import Filter
from schemas.people import Dataset
from schemas.ports import PersonSet, Roster, Rows


@dataclass(frozen=True, slots=True)
class Looking:
    """One question over the datasets that may be looked into.

    selection: None where variants of everybody are meant, so that nobody has to be looked up.
    """

    beacon: Beacon
    asked: Asked
    opened: Opened
    selection: Selection | None
    grant: Grant

    def crowd(self, dataset: Dataset) -> Crowd:
        """Who counts in the dataset as one, and how many must stand behind what is told of it."""
        floor = self.grant.ceiling(dataset.id).floor
        return Crowd(floor, self.roster(dataset)) if floor else Crowd(0)

    def people(self, dataset: Dataset) -> PersonSet | None:
        """The genotyped people who are meant; None is everybody."""
        if self.selection is None:
            return None
        return self.selection.people(dataset.id, self._units(dataset))

    def rows(self, dataset: Dataset, entry: str) -> Rows:
        """The entries of this type that are meant."""
        roster = self.roster(dataset)
        ledger = roster.ledgers[entry]
        rows = ledger.everybody if self.selection is None else self.selection.rows(dataset.id, entry)
        within = self.asked.within
        if within is None or not self.asked.is_personal:
            return rows
        above = roster.ledgers[within.entry]
        row = above.row_of(within.id)
        return BitMap() if row is None else rows & carried_over(BitMap((row,)), above, ledger)

    def roster(self, dataset: Dataset) -> Roster:
        """The roster that the filters were settled in: one moment of it for the whole question."""
        if self.selection is None:
            return self.beacon.people.roster(dataset.id)
        return self.selection.rosters[dataset.id]

    def _units(self, dataset: Dataset) -> BitMap | None:
        """The samples of the one entry below which is asked; None when it is not one of somebody's."""
        within = self.asked.within
        if self.selection is None or within is None or not self.asked.is_personal:
            return None
        above = self.roster(dataset).ledgers[within.entry]
        row = above.row_of(within.id)
        return BitMap() if row is None else units_of(BitMap((row,)), above)


def look_into(beacon: Beacon, asked: Asked, grant: Grant, datasets: Sequence[Dataset]) -> Looking:
    """The way into those of `datasets` that the grant opens.

    Raises NotAuthorised, Forbidden: it opens none; NotHeld, BadQuestion: a filter that is not known here, or
    that cannot be applied.
    """
    opened = open_datasets(asked, grant, datasets)
    if asked.kind is VARIANTS and not asked.narrows_people:
        return Looking(beacon, asked, opened, None, grant)
    filters = asked.people_filters + _cohort_filters(beacon, asked)
    floors = {dataset.id: grant.ceiling(dataset.id).floor for dataset, _ in opened.datasets}
    selection = select(beacon.people, beacon.ontology, floors, filters)
    return Looking(beacon, asked, opened, selection, grant)


def datasets_meant(beacon: Beacon, asked: Asked) -> tuple[Dataset, ...]:
    """The datasets a question is about, by name, cohort and test mode, whoever asks.

    Raises NotFound: it asks below a dataset or cohort that is not here; NotHeld: it names a dataset that is
    not, or test mode where no dataset is synthetic.
    """
    held = {dataset.id: dataset for dataset in beacon.catalogue.datasets()}
    named = _named(beacon, asked)
    if asked.within is not None and asked.within.entry == "dataset" and asked.within.id not in held:
        raise NotFound(f"there is no dataset {asked.within.id[:80]!r} here")
    for name in named or ():
        if name not in held:
            raise NotHeld(f"dataset {name[:80]!r} is not held here")
    meant = tuple(held.values()) if named is None else tuple(held[name] for name in named)
    if not asked.test_mode:
        return meant
    synthetic = tuple(dataset for dataset in meant if dataset.id in beacon.synthetic)
    if not synthetic:
        raise NotHeld("testMode is answered from synthetic datasets alone, and this question is about none")
    return synthetic


def _named(beacon: Beacon, asked: Asked) -> tuple[str, ...] | None:
    """The datasets that the question names, itself or by the collection it asks below; None for all."""
    within = asked.within
    restrictions = [asked.datasets]
    if within is not None and within.entry == "dataset":
        restrictions.append((within.id,))
    elif within is not None and within.entry == "cohort":
        cohort = find_cohort(beacon, within.id)
        restrictions.append(cohort.datasets or None)
    named = [one for one in restrictions if one is not None]
    if len(named) < 2:
        return named[0] if named else None
    common = tuple(name for name in named[0] if name in named[1])
    if not common:
        raise NotHeld("the datasets that the question names are not those of the collection it asks below")
    return common


def find_cohort(beacon: Beacon, name: str) -> Cohort:
    """Raises NotFound: there is no such cohort."""
    for cohort in beacon.cohorts:
        if cohort.id == name:
            return cohort
    raise NotFound(f"there is no cohort {name[:80]!r} here")


def cohorts_meant(beacon: Beacon, asked: Asked) -> tuple[Cohort, ...]:
    """The cohorts a question is about: the one it asks below, those over datasets it names, or all.

    Raises NotFound, NotHeld: as `datasets_meant`.
    """
    if asked.within is not None and asked.within.entry == "cohort":
        return (find_cohort(beacon, asked.within.id),)
    meant = {dataset.id for dataset in datasets_meant(beacon, asked)}
    return tuple(one for one in beacon.cohorts if not one.datasets or meant.intersection(one.datasets))


def cohort_size(beacon: Beacon, grant: Grant, cohort: Cohort) -> int:
    """How many individuals are in a cohort, each counted in every dataset he is in and shows in."""
    held = [d for d in beacon.catalogue.datasets() if not cohort.datasets or d.id in cohort.datasets]
    floors = {dataset.id: grant.ceiling(dataset.id).floor for dataset in held}
    selection = select(beacon.people, beacon.ontology, floors, cohort.filters)
    sizes = {dataset: len(selection.rows(dataset, "individual")) for dataset in floors}
    return sum(size for dataset, size in sizes.items() if Crowd(floors[dataset]).shows(size))


def _cohort_filters(beacon: Beacon, asked: Asked) -> tuple[Filter, ...]:
    within = asked.within
    if within is None or within.entry != "cohort":
        return ()
    return find_cohort(beacon, within.id).filters


def testing_grant(beacon: Beacon, grant: Grant) -> Grant:
    """What anybody may see in test mode: all of the synthetic datasets, and nothing else."""
    return Grant(
        grant.principal, {name: Ceiling(Granularity.RECORD, public=True) for name in beacon.synthetic}
    )
