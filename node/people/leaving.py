"""Records of people who have withdrawn are left out of what a file brings."""

from __future__ import annotations

from dataclasses import replace

from node.people.records import Batch, Record, sample_names
from node.withdrawn import Kind, Struck


def without_withdrawn(batch: Batch, struck: Struck) -> Batch:
    """The batch without records of anybody whose name, or one of whose samples, is struck off."""
    if not struck.digests:
        return batch
    taken: dict[str, list[str]] = {}
    for record in batch.biosamples:
        taken.setdefault(_owner(record), []).append(record.id)

    def has_left(record: Record) -> bool:
        samples = sample_names(record.content, taken.get(record.id, ()))
        return _is_struck(record.id, samples, struck)

    left = {record.id for record in batch.individuals if has_left(record)}
    return replace(
        batch,
        individuals=tuple(record for record in batch.individuals if record.id not in left),
        biosamples=tuple(
            record
            for record in batch.biosamples
            if not (
                _owner(record) in left
                or struck.holds(Kind.BIOSAMPLE, record.id)
                or _is_struck(_owner(record), (record.id,), struck)
            )
        ),
    )


def _owner(record: Record) -> str:
    return str(record.content.get("individualId", ""))


def _is_struck(individual: str, samples: tuple[str, ...], struck: Struck) -> bool:
    return struck.holds(Kind.INDIVIDUAL, individual) or any(
        struck.holds(Kind.SAMPLE, sample) for sample in samples
    )
