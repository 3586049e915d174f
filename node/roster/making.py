"""A dataset's roster, made of its clinical records, its genotyped samples and its files.

Everybody who is genotyped is on it.  A sample that no record speaks of is a biosample of its own name, and
one that nobody claims belongs to an individual of that name, whose sex is unknown.  A VCF is one analysis of
everybody in it, named by its checksum, so that the same file has the same name everywhere.  Every genotyped
sample is one run, however many files its genotypes come in (one a chromosome, say): a VCF tells nothing of
the sequencing.  Both are dated by their files, a run by the oldest.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from pyroaring import BitMap

from node.roster.facts import Facts, read
from schemas.filters import Value
from schemas.people import Biosample, Individual
from schemas.ports import Ledger, Roster

_UNKNOWN: Final = {"id": "NCIT:C17998", "label": "Unknown"}


@dataclass(frozen=True, slots=True)
class VcfFile:
    """A live file, as far as runs and analyses are made of it.  people: ordinals of its samples."""

    sha256: str
    modified_ns: int
    records: int
    alleles: int
    people: BitMap

    @property
    def name(self) -> str:
        return f"vcf-{self.sha256[:12]}"

    @property
    def date(self) -> str:
        return datetime.fromtimestamp(self.modified_ns / 1e9, UTC).date().isoformat()


@dataclass(frozen=True, slots=True)
class Holdings:
    """What a dataset holds: the records, the genotyped samples by ordinal, and the files.

    samples: None for one who has withdrawn.
    """

    individuals: Sequence[Individual]
    biosamples: Sequence[Biosample]
    samples: Sequence[str | None]
    files: Sequence[VcfFile]


@dataclass(frozen=True, slots=True)
class Sample:
    """A unit of the roster: a biosample (id "" for somebody without any), whose it is, and its ordinals."""

    id: str
    individual: str
    ordinals: tuple[int, ...]


def samples_of(held: Holdings) -> list[Sample]:
    """The units of the dataset: its biosamples with the implied ones by id, then the people without any."""
    ordinals = {name: ordinal for ordinal, name in enumerate(held.samples) if name is not None}
    claimed = {name: person.id for person in held.individuals for name in person.samples if name in ordinals}
    taken = {sample.id: sample.individual_id for sample in held.biosamples}
    own: dict[str, list[str]] = defaultdict(list)
    for name, owner in taken.items():
        own[owner].append(name)
    found: dict[str, tuple[str, tuple[int, ...]]] = {}
    for name, owner in taken.items():
        found[name] = (owner or claimed.get(name, name), (ordinals[name],) if name in ordinals else ())
    covered = {name for name in taken if name in ordinals}
    for person in held.individuals:
        genotyped = [name for name in person.samples if name in ordinals]
        if genotyped and len(own[person.id]) == 1 and own[person.id][0] not in ordinals:
            # One sample was taken of him, and the VCF calls it otherwise.
            found[own[person.id][0]] = (person.id, tuple(ordinals[name] for name in genotyped))
            covered.update(genotyped)
    for name, ordinal in ordinals.items():
        if name not in covered:
            found[name] = (claimed.get(name, name), (ordinal,))
    samples = [Sample(name, owner, numbers) for name, (owner, numbers) in sorted(found.items())]
    sampled = {sample.individual for sample in samples}
    without = [Sample("", person.id, ()) for person in held.individuals if person.id not in sampled]
    return samples + without


def make_roster(held: Holdings) -> Roster:
    """The roster of the dataset; about 0.1 ms a record."""
    samples = samples_of(held)
    records = {person.id: person.record for person in held.individuals}
    units: dict[str, BitMap] = defaultdict(BitMap)
    for unit, sample in enumerate(samples):
        units[sample.individual].add(unit)
    owned = {sample.id: sample.record for sample in held.biosamples}
    named = [(sample.id, BitMap([unit])) for unit, sample in enumerate(samples) if sample.id]
    unit_of = {ordinal: unit for unit, sample in enumerate(samples) for ordinal in sample.ordinals}
    return Roster(
        ledgers={
            "individual": _ledger(
                sorted(units.items()), {name: records.get(name, implied_individual(name)) for name in units}
            ),
            "biosample": _ledger(named, {name: owned.get(name, _IMPLIED_SAMPLE) for name, _ in named}),
            "run": _ledger(sorted(_runs(held, unit_of)), {}),
            "analysis": _ledger(sorted(_analyses(held, unit_of)), {}),
        },
        ordinals=tuple(BitMap(sample.ordinals) for sample in samples),
    )


def _runs(held: Holdings, unit_of: Mapping[int, int]) -> Iterable[tuple[str, BitMap]]:
    for ordinal in BitMap().union(*(file.people for file in held.files)):
        name = held.samples[ordinal]
        if name is not None:
            yield run_id(name), BitMap([unit_of[ordinal]])


def _analyses(held: Holdings, unit_of: Mapping[int, int]) -> Iterable[tuple[str, BitMap]]:
    for file in held.files:
        yield file.name, BitMap(unit_of[ordinal] for ordinal in file.people if ordinal in unit_of)


def _ledger(entries: Sequence[tuple[str, BitMap]], records: Mapping[str, Mapping[str, Any]]) -> Ledger:
    terms: dict[str, BitMap] = defaultdict(BitMap)
    excluded: dict[str, BitMap] = defaultdict(BitMap)
    fields: dict[str, list[tuple[int, Value]]] = defaultdict(list)
    labels: dict[str, str] = {}
    for row, (name, _) in enumerate(entries):
        facts = read(records[name]) if name in records else Facts()
        for told, rows in ((facts.present, terms), (facts.excluded, excluded)):
            for term in told:
                rows[term].add(row)
        for path, value in facts.values:
            fields[path].append((row, value))
        for told in (facts.labels, facts.excluded, facts.present):
            labels |= {term: label for term, label in told.items() if label and term not in labels}
    return Ledger(
        ids=tuple(name for name, _ in entries),
        units=tuple(units for _, units in entries),
        terms=dict(terms),
        excluded=dict(excluded),
        fields={path: tuple(values) for path, values in fields.items()},
        labels=labels,
    )


# ---------------------------------------------------------------------- records that nobody wrote down

_IMPLIED_SAMPLE: Final[Mapping[str, Any]] = {"biosampleStatus": _UNKNOWN, "sampleOriginType": _UNKNOWN}


def implied_individual(name: str) -> dict[str, Any]:
    """Somebody of whom nothing is known but that he is genotyped."""
    return {"id": name, "sex": dict(_UNKNOWN)}


def implied_biosample(name: str, individual: str) -> dict[str, Any]:
    """A sample of which nothing is known but whose it is."""
    return {"id": name, "individualId": individual, **_IMPLIED_SAMPLE}


def run_id(sample: str) -> str:
    """The name of the run of a genotyped sample."""
    return f"run-{sample}"


def run_record(sample_name: str, sample: Sample, files: Iterable[VcfFile]) -> dict[str, Any]:
    """The run behind a genotyped sample that is in these files, one at least."""
    return {
        "id": run_id(sample_name),
        "biosampleId": sample.id,
        "individualId": sample.individual,
        "runDate": min(file.date for file in files),
    }


def analysis_record(file: VcfFile, samples: Sequence[Sample]) -> dict[str, Any]:
    """The analysis that a file is the outcome of; whose it is, is told where it is one person's."""
    record: dict[str, Any] = {
        "id": file.name,
        "analysisDate": file.date,
        "pipelineName": "not recorded",
        "info": {"samples": len(file.people), "records": file.records, "alleles": file.alleles},
    }
    if len(samples) == 1:
        record |= {"biosampleId": samples[0].id, "individualId": samples[0].individual}
    return record
