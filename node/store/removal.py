"""A dataset goes: out of sight at once, and then out of the database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from node import db
from node.store import files
from node.store.scrubbing import empty_log

_OF_DATASET: Final = (
    db.merged_file,
    db.withdrawn,
    db.biosample,
    db.individual,
    db.finding_consent,
    db.person,
)


@dataclass(frozen=True, slots=True)
class RemovalReport:
    """What a dataset held: files, people with genotypes, and individuals with a record."""

    dataset: str
    files: int
    people: int
    individuals: int


def remove_dataset(engine: Engine, dataset: str) -> RemovalReport:
    """Deletes a dataset with everything in it; the files that were ingested stay where they are.

    No answer knows of it from the next question on; its rows are deleted afterwards, a second or so a
    million.  Interrupted, whoever writes next deletes the rest.  Waits while an ingest writes.

    Raises BadInput: no such dataset.  StoreUnavailable: the database cannot be written.
    """
    with files.writing(engine), files.ingest_lock(engine) as writer:
        target = files.find_target(writer, dataset)
        held = len(files.live_files(writer, target.no))
        with writer.begin() as connection:
            db.announce(connection)
            people = db.individual
            ours = sa.select(sa.func.count()).select_from(people).where(people.c.dataset_no == target.no)
            individuals = connection.scalar(ours) or 0
            live = sa.update(db.vcf_file).where(db.vcf_file.c.dataset_no == target.no)
            connection.execute(live.values(live=False))
            for table in _OF_DATASET:
                connection.execute(sa.delete(table).where(table.c.dataset_no == target.no))
            connection.execute(sa.delete(db.dataset).where(db.dataset.c.no == target.no))
        files.sweep(writer)
        empty_log(writer)
    return RemovalReport(dataset, held, len(target.people), individuals)
